"""What a function's source says of its own parameters: strings, keys, tuples and shapes that it expects."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

Function = Callable[..., Any]
DEPTH = 3  # of functions that hand a parameter on


class Reading:
    """A function's syntax tree, and those of the functions that it hands its parameters to."""

    def __init__(self, function: Function, depth: int = DEPTH) -> None:
        """Read the source; one that is not to be had says nothing."""
        self.function = function
        self.depth = depth
        self.nodes = _nodes(function)
        self._body = next((n.body for n in self.nodes if isinstance(n, ast.FunctionDef)), [])

    @property
    def unwritten(self) -> bool:
        """Whether the body is only `pass`, `...`, a docstring, or a return of nothing."""
        return bool(self._body) and all(is_empty(statement) for statement in self._body)

    def strings(self, name: str) -> list[str]:
        """Give the strings that a parameter is compared with: `mode == 'max'`, `kind in ('a', 'b')`."""
        found: list[Any] = []
        for node in self.nodes:
            if isinstance(node, ast.Compare) and is_name(node.left, name):
                for other in node.comparators:
                    found += [c.value for c in ast.walk(other) if isinstance(c, ast.Constant)]
            elif isinstance(node, ast.Subscript) and is_name(node.slice, name) and isinstance(node.value, ast.Dict):
                found += [k.value for k in node.value.keys if isinstance(k, ast.Constant)]
        found += [word for other, theirs in self._handed(name) for word in other.strings(theirs)]
        return list(dict.fromkeys(word for word in found if isinstance(word, str) and word))

    def keys(self, name: str) -> list[str]:
        """Give the keys that are read from a parameter: `param['stride']`, `param.get('pad', 0)`."""
        found: list[Any] = []
        for node in self.nodes:
            key = None
            if isinstance(node, ast.Subscript) and is_name(node.value, name):
                key = node.slice
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                key = node.args[0] if node.args and is_name(node.func.value, name) else None
            if isinstance(key, ast.Constant):
                found.append(key.value)
            elif isinstance(key, ast.Name):
                found += self._loop_values(key.id)
        found += [key for other, theirs in self._handed(name) for key in other.keys(theirs)]
        return list(dict.fromkeys(key for key in found if isinstance(key, str)))

    def _loop_values(self, name: str) -> list[Any]:
        """Give the constants that a name runs through: `for k in ("W1", "b1")`."""
        loops = [n for n in self.nodes if isinstance(n, (ast.For, ast.comprehension)) and is_name(n.target, name)]
        listed = [n.iter.elts for n in loops if isinstance(n.iter, (ast.Tuple, ast.List))]
        return [e.value for elements in listed for e in elements if isinstance(e, ast.Constant)]

    def numbered(self, name: str) -> list[str]:
        """Give the beginnings of keys that are counted up: `parameters['W' + str(l)]`, `f"W{l}"`."""
        found: list[str] = []
        for node in self.nodes:
            if isinstance(node, ast.Subscript) and is_name(node.value, name):
                start = node.slice
                while isinstance(start, ast.BinOp):
                    start = start.left
                if isinstance(start, ast.JoinedStr) and start.values:
                    start = start.values[0]
                if start is not node.slice and isinstance(start, ast.Constant):
                    found.append(str(start.value))
        found += [key for other, theirs in self._handed(name) for key in other.numbered(theirs)]
        return list(dict.fromkeys(found))

    def parts(self, name: str) -> list[str]:
        """Give the names into which a parameter is taken apart: `mean, var = cache`; [] where it is not."""
        for node in self.nodes:
            if isinstance(node, ast.Assign) and is_name(node.value, name):
                target = node.targets[0]
                if isinstance(target, (ast.Tuple, ast.List)):
                    return [getattr(part, "id", "") for part in target.elts]
        return next((p for other, theirs in self._handed(name) if (p := other.parts(theirs))), [])

    def axes(self, name: str) -> int | None:
        """Give the number of axes of an array parameter, by `N, C, H, W = x.shape`; None where it is not said."""
        for node in self.nodes:
            if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], (ast.Tuple, ast.List)):
                continue
            value = node.value
            if isinstance(value, ast.Attribute) and value.attr == "shape" and is_name(value.value, name):
                return len(node.targets[0].elts)
        return next((n for other, theirs in self._handed(name) if (n := other.axes(theirs)) is not None), None)

    def indexes(self, name: str) -> bool:
        """Tell whether a parameter is used as an index into another array: a table of words."""
        for node in self.nodes:
            if isinstance(node, ast.Subscript) and not is_name(node.value, name):
                first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
                if is_name(first, name):
                    return True
        return False

    def calls(self, name: str) -> bool:
        """Tell whether a parameter is called: a function."""
        return any(isinstance(n, ast.Call) and is_name(n.func, name) for n in self.nodes)

    def _handed(self, name: str) -> Iterator[tuple[Reading, str]]:
        """Give the functions that a parameter is handed to as it is, with the name that it has there."""
        if self.depth <= 0:
            return
        names = getattr(self.function, "__globals__", {})
        for node in self.nodes:
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            other = names.get(node.func.id)
            if not inspect.isfunction(other) or other is self.function:
                continue
            theirs = list(inspect.signature(other).parameters)
            for place, argument in enumerate(node.args[: len(theirs)]):
                if is_name(argument, name):
                    yield Reading(other, self.depth - 1), theirs[place]
            for keyword in node.keywords:
                if keyword.arg and is_name(keyword.value, name):
                    yield Reading(other, self.depth - 1), keyword.arg


@functools.lru_cache(maxsize=256)
def _nodes(function: Function) -> list[ast.AST]:
    try:
        tree: ast.AST = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        tree = ast.Module([], [])
    return list(ast.walk(tree))


def is_name(node: ast.AST, name: str) -> bool:
    """Tell whether an expression is this name."""
    return isinstance(node, ast.Name) and node.id == name


def is_empty(statement: ast.stmt) -> bool:
    """Tell whether a statement does nothing: `pass`, `...`, a docstring, a return of nothing."""
    if isinstance(statement, ast.Return):
        return statement.value is None or (isinstance(statement.value, ast.Constant) and statement.value.value is None)
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )
