# ruff: noqa: E501, PLR0911 (a sentence is one line, as its translation is; a test ends at the first form that fits)
"""Shapes: gradients that do not look like what they belong to, and sums over the wrong axes."""

from __future__ import annotations

import itertools

import numpy as np

from badak.check.case import Case
from badak.check.causes.base import Cause, Verdict
from badak.check.causes.fit import all_close, axes_words, unbroadcast
from badak.check.compare import sample_rows
from badak.check.exam import Examination
from badak.check.numeric import close


def shape_cause(case: Case) -> Verdict:
    """Explain a gradient of the wrong shape."""
    a, n, dout = case.a[0], case.n[0], case.douts[0]
    if np.ndim(case.x) == 1 and not case.is_input and case.x.dtype.kind == "f" and not case.is_loss and n.ndim == 2:
        return "one-d-input-collapses-grad", {}
    if np.shape(a) == n.shape[::-1] and n.ndim >= 2 and all_close([np.asarray(p).T for p in case.a], case.n):
        return "transposed-weight-grad", {}
    found = sum_cause(case)
    if found is not None:
        return found
    if not case.is_input or case.quantity == "y":
        if np.shape(a) == np.shape(dout) and _sums_to(case):
            return "bias-grad-not-summed", {}
        if np.ndim(a) == 0 and np.ndim(case.x) == 1:
            return "one-d-input-collapses-grad", {}
    if not case.is_input and np.ndim(a) == n.ndim and sorted(np.shape(a)) == sorted(n.shape) and n.ndim >= 2:
        for order in itertools.permutations(range(n.ndim)):
            if all_close([np.transpose(p, order) for p in case.a], case.n):
                return "transposed-weight-grad", {}
    if case.is_input:
        return "wrong-shape-dx", {}
    return None


def foreign(exam: Examination, case: Case) -> Verdict:
    """The gradient of another quantity under this name, told by its shape and its numbers."""
    for other in exam.quantities:
        if other == case.quantity or np.shape(exam.subject.value(other)) != np.shape(case.a[0]):
            continue
        slopes = exam.subject.slopes(other, sample_rows(exam, other))
        if not all(close(a, slopes.along(d)[0]) for a, d in zip(case.a, case.douts, strict=True)):
            continue
        own = [exam.gradient(p, other) for p in exam.passes]
        swapped = all(close(g, n) for g, n in zip(own, case.n, strict=True))
        return ("swapped-param-grads" if swapped else "duplicate-param-grad"), {"other": other}
    return None


def _sums_to(case: Case) -> bool:
    """Tell whether summing the user's gradient over the axes that forward broadcast gives the right one."""
    return all_close([unbroadcast(np.asarray(a, float), n.shape) for a, n in zip(case.a, case.n, strict=True)], case.n)


def sum_cause(case: Case) -> Verdict:
    """A bias gradient is a sum of dout: over which axes was it taken?"""
    if case.is_loss or (case.is_input and case.quantity != "y"):
        return None
    right = None
    axes = range(np.ndim(case.douts[0]))
    subsets = [s for size in range(len(axes) + 1) for s in itertools.combinations(axes, size)]
    for subset in subsets:
        if all(close(np.sum(d, axis=subset).ravel(), n.ravel()) for d, n in zip(case.douts, case.n, strict=True)):
            right = subset
    if right is None:
        return None
    for subset in subsets:
        sums = [np.sum(d, axis=subset) for d in case.douts]
        if subset == right:
            continue
        if all(np.size(a) == s.size and close(np.ravel(a), s.ravel()) for a, s in zip(case.a, sums, strict=True)):
            if not subset:
                return "bias-grad-not-summed", {}
            if len(subset) == len(axes):
                return "bias-sums-everything", {}
            return "wrong-axis-bias", {"axis": axes_words(subset), "right": axes_words(right)}
        if len(subset) == len(axes) and all(
            np.size(a) > 1 and close(np.ravel(a), np.full(np.size(a), float(s)))
            for a, s in zip(case.a, sums, strict=True)
        ):
            return "bias-sums-everything", {}
    return None


CAUSES = (
    Cause(
        "bias-grad-not-summed",
        "d{quantity} has one row for each sample; {quantity} was broadcast in forward, so its gradient is the sum over the batch.",
        "Use np.sum(dout, axis=0).",
        tests=(
            sum_cause,
            shape_cause,
        ),
    ),
    Cause(
        "bias-sums-everything",
        "d{quantity} is one number, the sum of all of dout; each bias needs the sum of its own column.",
        "Give the axis: np.sum(dout, axis=0).",
        tests=(
            sum_cause,
            shape_cause,
        ),
    ),
    Cause(
        "wrong-axis-bias",
        "d{quantity} sums over axis {axis}; it has to be axis {right}.",
        "Sum over all axes along which {quantity} was broadcast.",
        tests=(
            sum_cause,
            shape_cause,
        ),
        repairable=True,
    ),
    Cause(
        "wrong-shape-dx",
        "d{quantity} has shape {got}, {quantity} has {expected}.",
        "Bring it back to the shape of the input.",
        tests=(shape_cause,),
    ),
    Cause(
        "one-d-input-collapses-grad",
        "For one sample without batch axis .T does nothing: d{quantity} has shape {got} instead of {expected}.",
        "Give x a batch axis first: x.reshape(1, -1).",
        tests=(shape_cause,),
    ),
    Cause(
        "breaks-on-nd-input",
        "forward takes input of shape {shape}, backward fails on it: .T reverses all axes.",
        "Flatten the leading axes first: x.reshape(-1, x.shape[-1]).T @ dout.reshape(-1, dout.shape[-1]).",
    ),
)
