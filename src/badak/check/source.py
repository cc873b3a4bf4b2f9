"""Reads the user's source as a syntax tree, to point to lines. It never decides what is wrong."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Source:
    """The text of a file (or of a notebook's code cells, joined) and its syntax tree."""

    def __init__(self, text: str, filename: str = "<source>", cells: list[tuple[int, int]] | None = None) -> None:
        """Parse `text`; `cells` are (cell number, first line) of a notebook. Raises SyntaxError."""
        self.text = text
        self.filename = filename
        self.lines = text.splitlines()
        self.cells = cells or []
        self.tree = ast.parse(text, filename)
        self.focus: dict[str, ast.ClassDef] = {}
        self.own_names: dict[tuple[str, str], str] = {}

    def focused(self, node: ast.AST) -> Source:
        """Give the same source, in which a name that is defined several times means this class."""
        other = copy.copy(self)
        other.focus = {node.name: node} if isinstance(node, ast.ClassDef) else {}
        return other

    def cell(self, line: int) -> tuple[int, int] | None:
        """Give (cell, line in the cell) of a notebook's line, None in a plain file."""
        place = None
        for number, first in self.cells:
            if line >= first:
                place = (number, line - first + 1)
        return place

    def classes(self) -> list[ast.ClassDef]:
        """Give the classes at the top level, the last of a name, in the order of the file."""
        found = {node.name: node for node in self.tree.body if isinstance(node, ast.ClassDef)} | self.focus
        return sorted(found.values(), key=lambda node: node.lineno)

    def class_node(self, name: str) -> ast.ClassDef | None:
        """Give the class of this name."""
        return next((node for node in self.classes() if node.name == name), None)

    def functions(self) -> dict[str, Function]:
        """Give the functions at the top level."""
        return {node.name: node for node in self.tree.body if isinstance(node, Function)}

    def method(self, class_name: str, name: str) -> Function | None:
        """Give a method's node, looked up in the base classes of the same file too; without a class, the function's.

        "forward" and "backward" stand for a class's own names of them (`own_names`), where it has others.
        """
        node = self.class_node(class_name)
        name = self.own_names.get((class_name, name), name)
        if node is None:
            return self.functions().get(name)
        for item in node.body:
            if isinstance(item, Function) and item.name == name:
                return item
        for base in node.bases:
            if isinstance(base, ast.Name) and base.id != class_name:
                found = self.method(base.id, name)
                if found is not None:
                    return found
        return None

    def enclosing(self, line: int) -> tuple[str | None, str | None]:
        """Give (class, function) around a line, None where there is none."""
        for node in self.tree.body:
            if node.lineno <= line <= (node.end_lineno or node.lineno):
                if isinstance(node, Function):
                    return None, node.name
                if isinstance(node, ast.ClassDef):
                    for item in node.body:
                        if isinstance(item, Function) and item.lineno <= line <= (item.end_lineno or item.lineno):
                            return node.name, item.name
                    return node.name, None
        return None, None

    def reached(self, class_name: str, method: str) -> list[tuple[str | None, Function]]:
        """Give a method and the methods and functions of the file that it calls, directly or not: (class,
        node)."""
        start = self.method(class_name, method)
        found: list[tuple[str | None, Function]] = []
        waiting: list[tuple[str | None, Function | None]] = [(class_name, start)]
        functions = self.functions()
        while waiting:
            owner, node = waiting.pop(0)
            if node is None or any(known is node for _, known in found):
                continue
            found.append((owner, node))
            for call in (n for n in ast.walk(node) if isinstance(n, ast.Call)):
                if isinstance(call.func, ast.Name):
                    waiting.append((None, functions.get(call.func.id)))
                elif isinstance(call.func, ast.Attribute) and is_self(call.func.value):
                    waiting.append((class_name, self.method(class_name, call.func.attr)))
        return found


def is_self(node: ast.AST) -> bool:
    """Tell whether the expression is the name self."""
    return isinstance(node, ast.Name) and node.id == "self"


def targets(statement: ast.stmt) -> list[ast.expr]:
    """Give the single targets of an assignment, tuples taken apart."""
    if isinstance(statement, ast.Assign):
        whole = statement.targets
    elif isinstance(statement, (ast.AugAssign, ast.AnnAssign)):
        whole = [statement.target]
    else:
        return []
    flat: list[ast.expr] = []
    for target in whole:
        flat += target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
    return flat


def assignments(function: ast.AST) -> Iterator[tuple[ast.stmt, ast.expr]]:
    """Give every (statement, target) of a function, in the order of the lines."""
    statements = [n for n in ast.walk(function) if isinstance(n, (ast.Assign, ast.AugAssign, ast.AnnAssign))]
    for statement in sorted(statements, key=lambda n: n.lineno):
        for target in targets(statement):
            yield statement, target


def root(target: ast.expr) -> ast.expr:
    """Strip subscripts: the array that `a[i][j]` writes into."""
    while isinstance(target, ast.Subscript):
        target = target.value
    return target


def names_quantity(target: ast.expr, quantity: str) -> bool:
    """Tell whether a target is where the gradient of `quantity` is kept: self.dW, dW, grads['W'],
    self.grads[0]."""
    wanted = {f"d{quantity}", f"d_{quantity}", f"grad_{quantity}", f"{quantity}_grad", f"grad{quantity}"}
    wanted |= {name.lower() for name in wanted}
    node = target
    while True:
        if isinstance(node, ast.Attribute) and (node.attr in wanted or node.attr.lower() in wanted):
            return True
        if isinstance(node, ast.Name) and (node.id in wanted or node.id.lower() in wanted):
            return True
        if isinstance(node, ast.Subscript):
            key = node.slice
            if isinstance(key, ast.Constant) and str(key.value) in wanted | {quantity}:
                return True
            node = node.value
            continue
        return False


def gradient_line(source: Source, class_name: str, method: str, quantity: str, is_input: bool) -> int | None:
    """Give the line where `method` computes the gradient of `quantity`; for an input, of what it returns."""
    node = source.method(class_name, method)
    if node is None:
        return None
    short = quantity.rsplit(".", maxsplit=1)[-1]
    if not is_input:
        lines = [s.lineno for s, target in assignments(node) if names_quantity(target, short)]
        if lines:
            return lines[-1]
        for item in ast.walk(node):
            if isinstance(item, ast.Dict):
                for key, value in zip(item.keys, item.values, strict=True):
                    if isinstance(key, ast.Constant) and str(key.value) in (short, f"d{short}"):
                        return value.lineno
    return returned_line(node)


def returned_line(node: ast.AST) -> int | None:
    """Give the line of the returned expression, or of the last assignment to the returned name."""
    returns = [n for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None]
    if not returns:
        return getattr(node, "end_lineno", None)
    last = max(returns, key=lambda n: n.lineno)
    value = last.value
    if isinstance(value, ast.Tuple) and value.elts:
        value = value.elts[0]
    if isinstance(value, ast.Name):
        lines = [
            s.lineno
            for s, t in assignments(node)
            if isinstance(t, ast.Name) and t.id == value.id and s.lineno <= last.lineno
        ]
        if lines:
            return lines[-1]
    return last.lineno


def first_line(function: ast.AST) -> int:
    """Give the first line of a function's body after its docstring."""
    body = list(getattr(function, "body", []))
    if len(body) > 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
        body = body[1:]
    return int(body[0].lineno if body else getattr(function, "lineno", 1))


def find_line(functions: list[tuple[str | None, Function]], wanted: Callable[[ast.AST], bool]) -> int | None:
    """Give the line of the first node that is `wanted`, functions in the given order."""
    for _, function in functions:
        hits = [n for n in ast.walk(function) if wanted(n)]
        lines = [n.lineno for n in hits if isinstance(n, (ast.expr, ast.stmt))]
        if lines:
            return min(lines)
    return None


def attribute_lines(function: ast.AST, name: str) -> list[int]:
    """Give the lines that assign to `self.name` (or `Class.name`, or into it)."""
    found = []
    for statement, target in assignments(function):
        node = root(target)
        if isinstance(node, ast.Attribute) and node.attr == name:
            found.append(statement.lineno)
    return found


def has_keyword_axis(node: ast.AST, *values: Any) -> bool:
    """Tell whether a call names one of these axes, as keyword or as a literal second argument."""
    if not isinstance(node, ast.Call):
        return False
    for keyword in node.keywords:
        if keyword.arg == "axis":
            try:
                return ast.literal_eval(keyword.value) in values
            except (ValueError, TypeError):
                return False
    places = (
        node.args[1:2] if not isinstance(node.func, ast.Attribute) or _is_module(node.func.value) else node.args[:1]
    )
    for place in places:
        try:
            return ast.literal_eval(place) in values
        except (ValueError, TypeError, SyntaxError):
            return False
    return False


def _is_module(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id in ("np", "numpy", "cp")


def called_name(node: ast.AST) -> str:
    """Give the last part of a call's name: 'sum' for np.sum(...) and for a.sum(...)."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def is_upstream(name: str) -> bool:
    """Tell whether an argument's name is one for the gradient that comes from above."""
    return re.match(
        r"(?i)^((d|dy|dout|dz|da|dh|dl|dx|g|gy|up|top|delta|err|error|v|e)(_?\w*)?|\w+_(grad|gradient|error|delta)s?)$",
        name,
    ) is not None and not re.match(r"(?i)^(data|dim|dropout|weights?|x|input)", name)
