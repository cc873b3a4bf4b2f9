# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Losses that are not what they should be: forward computes another function, backward fits the one that was meant.

The value of forward is compared with the known losses and with what people write in their place, on two inputs. Where
one of those fits, forward is the culprit; the user's gradient is then held against the loss that was meant, so that a
second fault is told too.
"""

from __future__ import annotations

import ast
import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.causes.base import Cause, Verdict
from badak.check.causes.fit import all_close, constant_ratio, near
from badak.check.causes.loss import correct_classes
from badak.check.copying import clone
from badak.check.findings import Finding
from badak.check.source import called_name, find_line
from badak.check.subject import Subject, UserError

Array = np.ndarray[Any, Any]
VALUE = 1e-3  # of the loss: a guard such as log(y + 1e-7) is far smaller, another function far away


def _softmax(x: Array, axis: int | None = 1) -> Array:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


# What is written in the place of softmax and the natural logarithm: (label, probabilities, logarithm).
SLIPS: tuple[tuple[str, Callable[[Array], Array], Callable[[Array], Array]], ...] = (
    ("softmax-over-whole-batch", lambda x: _softmax(x, None), np.log),
    ("softmax-over-batch-axis", lambda x: _softmax(x, 0), np.log),
    ("softmax-twice", lambda x: _softmax(_softmax(x)), np.log),
    ("log-base-ten", _softmax, np.log10),
    ("log-base-two", _softmax, np.log2),
)


def another_cross_entropy(case: Case) -> Verdict:
    """The loss has the value of a cross entropy with a slip in it; what was meant is known."""
    subject = case.subject
    mask = correct_classes(subject) if case.is_input and case.quantity == "x" else None
    if mask is None:
        return None
    samples = [np.asarray(case.x, float), np.asarray(case.x, float) * 0.6 + 0.2]
    try:
        values = [
            float(np.ravel(subject.forward(subject.fresh(), x.copy(), clone(subject.second)))[0]) for x in samples
        ]
    except UserError:
        return None
    rows = len(mask)
    for label, probabilities, logarithm in SLIPS:
        wanted = [-float(logarithm(probabilities(x)[mask] + 1e-7).sum()) for x in samples]
        for share in (1 / rows, 1.0):
            if all(abs(v - share * w) <= VALUE * abs(v) for v, w in zip(values, wanted, strict=True)):
                return label, {"without": _meant(case, samples[0], mask * 1.0, share, probabilities)}
    return None


def _meant(case: Case, x: Array, mask: Array, share: float, probabilities: Callable[[Array], Array]) -> Case:
    """Give the case with the gradient that was meant: y - t, with the y that was computed or with the right one."""
    forms = [dataclasses.replace(case, n=[share * (p - mask) for _ in case.n]) for p in (_softmax(x), probabilities(x))]
    return next((form for form in forms if constant_ratio(form) is not None), forms[0])


def _forward_line(*names: str) -> Callable[[Subject, Finding], int | None]:
    """Make the rule: the last line of forward (and what it calls) that calls one of these."""

    def rule(subject: Subject, finding: Finding) -> int | None:
        assert subject.source is not None
        finding.method = subject.forward_name
        functions = subject.source.reached(subject.name, subject.forward_name)
        lines = [
            line
            for name in names
            for pair in functions
            if (line := find_line([pair], lambda n, name=name: called_name(n) == name)) is not None  # type: ignore[misc]
        ]
        return lines[0] if lines else None

    return rule


def _twice_line(subject: Subject, finding: Finding) -> int | None:
    """The line of forward that calls softmax for the second time."""
    assert subject.source is not None
    node = subject.source.method(subject.name, subject.forward_name)
    calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)] if node is not None else []
    soft = sorted(n.lineno for n in calls if "softmax" in called_name(n).lower())
    return soft[-1] if soft else _forward_line("exp")(subject, finding)


# Mean squared error -------------------------------------------------------------------------------


def squared_error_factor(case: Case) -> Verdict:
    """Forward's derivative and backward are both multiples of y - t, by different counts."""
    t = case.subject.second
    if not (case.is_loss and case.is_input and isinstance(t, np.ndarray)) or np.shape(t) != np.shape(case.x):
        return None
    gap = np.asarray(case.x, float) - t
    right = constant_ratio(dataclasses.replace(case, a=case.n, n=[gap for _ in case.n]))
    got = constant_ratio(dataclasses.replace(case, n=[gap for _ in case.n]))
    if right is None or got is None or gap.ndim < 2:
        return None
    words = [_factor_words(factor, len(gap), gap.size) for factor in (right, got)]
    if not all(words):
        return None
    return "squared-error-factor", {"right": words[0], "got": words[1]}


def _factor_words(factor: float, rows: int, size: int) -> str:
    columns = size // rows
    sign = "-" if factor < 0 else ""
    counts = {"1": 1, "N": rows, "C": columns, "N C": size}
    for above in (1, 2):
        for name, count in counts.items():
            if near(abs(factor), above / count):
                return (
                    f"{sign}{above}"
                    if name == "1"
                    else f"{sign}{above} / ({name})"
                    if " " in name
                    else f"{sign}{above} / {name}"
                )
    return ""


def log_base(case: Case) -> Verdict:
    """Any loss whose gradient is off by ln 10 or ln 2: its logarithm has another base."""
    if not (case.is_loss and case.is_input):
        return None
    for label, factor in (("log-base-ten", math.log(10)), ("log-base-two", math.log(2))):
        name = "log10" if label == "log-base-ten" else "log2"
        source = case.subject.source
        written = source is not None and name in source.text
        if written and all_close([factor * n for n in case.n], case.a):
            return label, {}
    return None


CAUSES = (
    Cause(
        "softmax-over-whole-batch",
        "softmax divides by the sum over the whole batch: all rows together sum to 1 instead of each.",
        "Give the axis to max and to sum: axis=1, keepdims=True.",
        tests=(another_cross_entropy,),
        place=_forward_line("sum"),
    ),
    Cause(
        "softmax-twice",
        "forward applies softmax twice: the loss is that of probabilities taken for scores.",
        "Apply softmax once.",
        tests=(another_cross_entropy,),
        place=_twice_line,
    ),
    Cause(
        "log-base-ten",
        "forward takes the logarithm to base 10; backward is that of the natural one.",
        "Write np.log.",
        tests=(another_cross_entropy, log_base),
        place=_forward_line("log10"),
    ),
    Cause(
        "log-base-two",
        "forward takes the logarithm to base 2; backward is that of the natural one.",
        "Write np.log.",
        tests=(another_cross_entropy, log_base),
        place=_forward_line("log2"),
    ),
    Cause(
        "squared-error-factor",
        "forward's derivative is {right} (y - t), backward gives {got_factor} (y - t); N is the number of rows, C that of columns.",
        "np.mean divides by N C; np.sum divides by nothing; the square gives a 2.",
        tests=(squared_error_factor,),
    ),
)
