"""A repair as source: names that exist at its place, put into the text of the file."""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from badak.check.causes.repair.patch import replaced
from badak.check.source import Function
from badak.check.subject import attributes_of

LENT = ("_lent_x", "_lent_y")  # how a change in memory reads the input and the output of forward
SIZES = ("size", "shape", "ndim")


@dataclass
class Written:
    """A change as its writer would make it: the whole new text, and what is shown of it."""

    text: str
    before: str
    after: str


def written(
    text: str, function: Function, node: ast.AST, replacement: ast.AST, held: Any, x: Any, y: Any, numpy: str | None
) -> Written | None:
    """Put a replacement for a node of `function` into the file's text; None where it cannot be written there.

    `held` is the object after forward: where the replacement reads the input `x` or the output `y`, an attribute that
    holds the same takes its place. `numpy` is the file's own name for NumPy.
    """
    new = _named(copy.deepcopy(replacement), node, function, held, {"_lent_x": x, "_lent_y": y}, numpy)
    if new is None or not isinstance(node, (ast.expr, ast.stmt)) or isinstance(new, ast.FunctionDef):
        return None
    before = ast.get_source_segment(text, node)
    if before is None or "\n" in before:
        return None
    after = ast.unparse(ast.fix_missing_locations(new))
    swapped = replaced(function, node, new)
    if swapped is None:
        return None
    wanted = ast.unparse(ast.fix_missing_locations(swapped))
    for form in (after, f"({after})"):
        changed = _spliced(text, node, form)
        if changed is not None and _same_function(changed, function, wanted):
            return Written(changed, before, form)
    return None


def _spliced(text: str, node: ast.expr | ast.stmt, form: str) -> str | None:
    lines = text.splitlines(keepends=True)
    if node.end_lineno is None or node.end_col_offset is None:
        return None
    first, last = lines[node.lineno - 1].encode(), lines[node.end_lineno - 1].encode()  # columns count bytes
    line = first[: node.col_offset] + form.encode() + last[node.end_col_offset :]
    return "".join([*lines[: node.lineno - 1], line.decode(), *lines[node.end_lineno :]])


def _same_function(text: str, function: Function, wanted: str) -> bool:
    """Tell whether the text, read again, has the function that was meant (an operator may bind otherwise)."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return False
    return any(
        isinstance(n, ast.FunctionDef) and n.lineno == function.lineno and ast.unparse(n) == wanted
        for n in ast.walk(tree)
    )


def _named(
    new: ast.AST, node: ast.AST, function: Function, held: Any, lent: dict[str, Any], numpy: str | None
) -> ast.AST | None:
    """Put names of the user's own where the change reads what was lent to it; None where there is none."""
    near = [n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)]
    lost = False

    class Name(ast.NodeTransformer):
        sized = False

        def visit_Attribute(self, item: ast.Attribute) -> Any:
            nonlocal lost
            if item.attr in LENT:
                name = _attribute(held, lent[item.attr], self.sized, near)
                lost |= name is None
                return ast.Attribute(item.value, name or "", item.ctx)
            return self._inside(item, item.attr in SIZES)

        def visit_Call(self, item: ast.Call) -> Any:
            nonlocal lost
            if isinstance(item.func, ast.Name) and item.func.id == "__import__":
                lost |= numpy is None
                return ast.Name(numpy or "", ast.Load())
            return self._inside(item, isinstance(item.func, ast.Name) and item.func.id == "len")

        def _inside(self, item: ast.AST, sized: bool) -> ast.AST:
            kept, self.sized = self.sized, sized
            item = self.generic_visit(item)
            self.sized = kept
            return item

    new = Name().visit(new)
    return None if lost else new


def _attribute(held: Any, value: Any, sized: bool, near: list[str]) -> str | None:
    """Give the attribute that holds this array; where its size is all that is asked, one of the same shape will do."""
    found: list[tuple[bool, bool, str]] = []
    for name in attributes_of(held):
        other = getattr(held, name, None)
        if name in LENT or not isinstance(other, np.ndarray) or other.shape != np.shape(value):
            continue
        same = other.dtype.kind == np.asarray(value).dtype.kind and np.array_equal(other, value)
        if same or sized:
            found.append((not same, name not in near, name))
    return min(found)[2] if found else None
