"""Making syntax: the small pieces that the changes are made of."""

from __future__ import annotations

import ast
import copy

import numpy as np

from badak.check.case import Case
from badak.check.subject import attributes_of

Change = tuple[ast.AST, set[str], ast.AST]  # the node, the causes this change is the repair of, what replaces it


def expression(text: str) -> ast.expr:
    """Parse an expression."""
    return ast.parse(text, mode="eval").body


def as_load(node: ast.expr) -> ast.expr:
    """Give a copy of a target, to be read."""
    twin = copy.deepcopy(node)
    for part in ast.walk(twin):
        if hasattr(part, "ctx"):
            part.ctx = ast.Load()
    return twin


def turn(node: ast.expr) -> ast.expr:
    """Transpose: `node.T`."""
    return ast.Attribute(node, "T", ast.Load())


def numbers(case: Case) -> list[str]:
    """Give the attributes that hold arrays or numbers, parameters first."""
    obj = case.passes[0].obj
    first = [p.name for p in case.subject.parameters if p.name.isidentifier()]
    rest = [n for n in attributes_of(obj) if isinstance(getattr(obj, n, None), (np.ndarray, float, np.floating))]
    return [n for n in dict.fromkeys(first + rest) if n.isidentifier()]
