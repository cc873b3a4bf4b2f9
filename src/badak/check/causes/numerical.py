# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Numerical gradients: what makes a difference quotient no slope."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from badak.check.causes.base import Cause
from badak.check.findings import Finding


def _line(wanted: Callable[[ast.stmt], bool]) -> Callable[[Any, Finding], int | None]:
    """Give a rule of place: the last fitting statement of the function, else its first line."""

    def place(subject: Any, finding: Finding) -> int | None:
        node = subject.source.functions().get(subject.name) if subject.source is not None else None
        if node is None:
            return None
        statements = [n for n in ast.walk(node) if isinstance(n, (ast.Assign, ast.AugAssign, ast.Return))]
        lines = [s.lineno for s in statements if wanted(s)]
        return max(lines) if lines else node.lineno

    return place


def _divides(s: ast.stmt) -> bool:
    return any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div) for n in ast.walk(s)) or (
        isinstance(s, ast.AugAssign) and isinstance(s.op, ast.Div)
    )


def _sets_element(s: ast.stmt) -> bool:
    target = s.targets[0] if isinstance(s, ast.Assign) else getattr(s, "target", None)
    return isinstance(target, ast.Subscript) and not _divides(s)


def _sets_step(s: ast.stmt) -> bool:
    return isinstance(s, ast.Assign) and isinstance(s.value, ast.Constant) and type(s.value.value) is float


CAUSES = (
    Cause(
        "x-not-restored",
        "x is not put back: after the call it differs from what was handed in by {change}.",
        "Put the old value back at the end of every turn: x[idx] = tmp_val.",
        place=_line(_sets_element),
    ),
    Cause(
        "quotient-factor",
        "The result is {factor} times the slope: the difference over {width} is divided by another width.",
        "(f(x + h) - f(x - h)) / (2 * h), or (f(x + h) - f(x)) / h.",
        place=_line(_divides),
    ),
    Cause(
        "one-sided-difference",
        "The difference is one-sided: with h = {h} it misses the slope by about h / 2 times the curvature (here {error}).",
        "(f(x + h) - f(x - h)) / (2 * h) is off by h squared only.",
        place=_line(_divides),
    ),
    Cause(
        "step-too-small",
        "The step h = {h} is too small: beside x it is lost in rounding, and the result is {result} where the slope is {wanted}.",
        "Take h near 1e-4 (for float64, 1e-6 to 1e-3 will do).",
        place=_line(_sets_step),
    ),
    Cause(
        "step-too-large",
        "The step h = {h} is so large that the quotient is no slope: it is off by {error}.",
        "Take h near 1e-4 (for float64, 1e-6 to 1e-3 will do).",
        place=_line(_sets_step),
    ),
    Cause(
        "integer-input",
        "With an x of whole numbers (dtype int) the result is wrong, without a word: x + h is cut to a whole number, and so is the slope.",
        "Make x floating first: x = x.astype(float), or refuse integers.",
        place=_line(_sets_element),
    ),
    Cause(
        "elements-left-out",
        "{count} of {all} elements were never moved: their slopes are missing.",
        "Go through all of them: np.nditer(x, flags=['multi_index']) or np.ndindex(x.shape).",
    ),
    Cause(
        "vectors-only",
        "It works for a vector; with a matrix it raises {error}.",
        "Go through all indices: np.ndindex(x.shape), or reshape x first.",
    ),
    Cause(
        "numerical-shape",
        "The result has shape {result}, x has {wanted}.",
        "Give one slope for each element of x: grad = np.zeros_like(x).",
    ),
    Cause(
        "numerical-wrong",
        "The result is not the slope: {result}, where it is {wanted}.",
        "(f(x + h) - f(x - h)) / (2 * h), for one element after the other.",
        place=_line(_divides),
    ),
    Cause(
        "numerical-raises",
        "{method} raises {error}",
        "The line shown is the last one of yours that ran.",
    ),
)
