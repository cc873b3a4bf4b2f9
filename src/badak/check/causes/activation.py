# ruff: noqa: E501, PLR0911 (a sentence is one line, as its translation is; a test ends at the first form that fits)
"""Elementwise functions: masks, branches, and derivatives taken at the wrong place."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.causes.affine import transposes
from badak.check.causes.base import Cause, Verdict
from badak.check.causes.fit import all_close, scale
from badak.check.numeric import close, measure
from badak.check.source import called_name
from badak.check.tolerances import FIT

Array = np.ndarray[Any, Any]


def ignores_dout(case: Case) -> Verdict:
    """The same answer for every dout, everywhere or in a part."""
    if case.is_loss or len(case.a) < 2 or not case.is_input:
        return None
    first = np.asarray(case.a[0], float)
    spread = np.max([np.abs(np.asarray(a, float) - first) for a in case.a[1:]], axis=0)
    same = spread <= 1e-9 * (np.abs(first) + 1e-12)
    if same.all():
        return "ignores-dout", {}
    stuck = same & (np.abs(first) > 0)
    wrong = np.max(
        [np.abs(np.asarray(a, float) - n) for a, n in zip(case.a, case.n, strict=True)], axis=0
    ) > FIT * scale(case.n)
    if stuck.any() and not (wrong & ~stuck).any() and np.shape(case.x) == first.shape:
        if (case.x[stuck] <= 0).all() and (case.x[~stuck] >= 0).all():
            return "ignores-dout-where-negative", {}
        return "ignores-dout", {}
    return None


def masks(case: Case) -> Verdict:
    """Zeros in the wrong places."""
    local = case.diagonal()
    if local is None:
        return None
    known = ~np.isnan(local)
    zero = known & (np.abs(local) < 1e-9)
    live = known & ~zero
    factors = [np.asarray(a, float) / d for a, d in zip(case.a, case.douts, strict=True)]
    steps = np.unique(np.round(local[known], 9))
    if len(steps) <= 2 and all(
        close(np.where(d > 0, d * steps.max(), d * steps.min()), a) for a, d in zip(case.a, case.douts, strict=True)
    ):
        return "mask-from-dout", {}
    if zero.any() and live.any():
        supports = [np.abs(np.asarray(a, float)) > 1e-12 for a in case.a]
        if all(np.array_equal(s[known], zero[known]) for s in supports):
            return "inverted-mask", {}
        constant = float(np.mean(factors[0][zero]))
        if abs(constant) > 1e-9 and all(close(f, np.full(f.shape, constant)) for f in factors):
            return "missing-mask", {}
    if len(steps) == 2 and all(close(np.where(np.isclose(local, steps[0]), steps[1], steps[0]), f) for f in factors):
        return "inverted-mask", {}
    return None


def branches(case: Case) -> Verdict:
    """One region of x is wrong, the rest right."""
    local = case.diagonal()
    if local is None:
        rest = [n - a for a, n in zip(case.a, case.n, strict=True)]
        if (
            not case.is_loss
            and case.quantity == "x"
            and case.y.shape == np.shape(case.x)
            and all_close(rest, case.douts)
        ):
            return "missing-branch-grad", {"branch": "dout"}
        return None
    if all_close([n - a for a, n in zip(case.a, case.n, strict=True)], case.douts):
        return "missing-branch-grad", {"branch": "dout"}
    factors = [np.asarray(a, float) / d for a, d in zip(case.a, case.douts, strict=True)]
    if not all(close(f, factors[0]) for f in factors[1:]):
        return None
    factor = factors[0]
    right = np.abs(factor - local) <= FIT * np.nanmax(np.abs(local))
    wrong = ~right & ~np.isnan(local)
    if not right.any() or not wrong.any():
        return None
    side = "x < 0" if (case.x[wrong] <= 0).all() else "x > 0" if (case.x[wrong] >= 0).all() else ""
    if (np.abs(factor[wrong]) < 1e-12).all():
        return "missing-branch-grad", {"branch": side or "?"}
    if not np.all(np.abs(local[wrong]) > 1e-12):
        return None
    ratios = factor[wrong] / local[wrong]
    if side and np.ptp(ratios) < 1e-6 * abs(ratios).max() and np.ptp(local[wrong]) < 1e-6 * abs(local[wrong]).max():
        if np.isclose(ratios[0], -1):
            return None
        return "forward-backward-constant-mismatch", {
            "got": factor[wrong][0],
            "right": local[wrong][0],
            "side": side,
        }
    return None


def pre_and_post(case: Case) -> Verdict:
    """Derivatives taken at the wrong one of input and output."""
    local = case.diagonal()
    y = case.y
    if local is None:
        if case.quantity == "x" and not case.is_loss and np.ndim(case.x) >= 2 and y.shape == np.shape(case.x):
            return _softmaxes(case)
        return None
    x = np.asarray(case.x, float)
    factor = np.asarray(case.a[0], float) / case.douts[0]
    if not all_close([factor * d for d in case.douts], case.a):
        return None
    formulas: list[Callable[[Array], Array]] = [
        lambda v: v * (1 - v),
        lambda v: 1 - v**2,
        lambda v: v,
        lambda v: (v > 0) * 1.0,
        lambda v: 1 / v,
        lambda v: 2 * v,
        np.exp,
        lambda v: 1 - np.exp(-v),
    ]
    with np.errstate(all="ignore"):
        for formula in formulas:
            if close(formula(y), local) and close(formula(x), factor):
                return "uses-input-for-output", {}
            if close(formula(x), local) and close(formula(y), factor):
                return "uses-output-for-input", {}
    subject = case.subject
    at_output = measure(lambda v: np.array(subject.forward(subject.fresh(), v), float), y, expired=subject.expired)
    if close(np.diag(at_output.central).reshape(y.shape), factor):
        node = subject.source.method(subject.name, "backward") if subject.source else None
        calls = [called_name(n) for n in ast.walk(node)] if node else []
        again = any(
            c and c not in ("astype", "copy", "reshape", "sum", "dot", "multiply", "square", "ones_like") for c in calls
        )
        return ("activation-applied-twice" if again or node is None else "uses-output-for-input"), {}
    with np.errstate(all="ignore"):
        gate = y / x
        usual = np.abs(gate - 1).max() > 1e-6 and np.ptp(gate) > 1e-6
        if usual and (close(gate, factor) or close(local - gate, factor)):
            return "missing-product-rule-term", {}
    return None


def _softmaxes(case: Case) -> Verdict:
    y = case.y
    for axis in range(y.ndim):
        if not np.allclose(y.sum(axis=axis), 1):
            continue

        def backward(v: Array, d: Array, ax: int = axis, inner: int = axis) -> Array:
            return np.asarray(v * (d - (d * v).sum(axis=inner, keepdims=True)), float)

        if not all_close([backward(y, d) for d in case.douts], case.n):
            continue
        if all_close([d * y * (1 - y) for d in case.douts], case.a):
            return "softmax-diagonal-only", {}
        x = np.asarray(case.x, float)
        if all_close([backward(x, d) for d in case.douts], case.a):
            return "uses-input-for-output", {}
        for other in range(y.ndim):
            if other != axis and all_close([backward(y, d, axis, other) for d in case.douts], case.a):
                return "wrong-axis-reduction", {"axis": other, "right": axis}
    return None


def nearly(case: Case) -> Verdict:
    """Close but not equal: forward and backward belong to two slightly different functions."""
    error = max(
        np.nanmax(np.abs(np.asarray(a, float) - n)) / max(scale([n]), 1e-300)
        for a, n in zip(case.a, case.n, strict=True)
    )
    if error < 5e-3:
        return "forward-backward-formula-mismatch", {"error": float(error), "severity": "hazard"}
    return None


def wrong_formula(case: Case) -> Verdict:
    """Elementwise and linear in dout, and still not the derivative: the formula is another function's."""
    local = case.diagonal()
    if local is None:
        return None
    factors = [np.asarray(a, float) / d for a, d in zip(case.a, case.douts, strict=True)]
    if all(close(f, factors[0]) for f in factors[1:]):
        return "wrong-derivative-formula", {}
    return None


CAUSES = (
    Cause(
        "ignores-dout",
        "backward ignores dout: its answer does not change with it.",
        "Multiply the local derivative by dout (chain rule).",
        tests=(ignores_dout,),
        repairable=True,
        hides=frozenset({"linear", "mutation"}),
        special={
            "loss": (
                "backward ignores dout: right as long as it is 1.",
                "Multiply by dout, so that the loss can be weighted or added to others.",
            )
        },
    ),
    Cause(
        "ignores-dout-where-negative",
        "Where x < 0, backward returns the bare slope and forgets dout.",
        "Multiply both branches by dout.",
        tests=(ignores_dout,),
        repairable=True,
    ),
    Cause(
        "inverted-mask",
        "The mask is inverted: d{quantity} is not zero exactly where it should be.",
        "Let the gradient pass where forward let the value pass.",
        tests=(masks,),
        repairable=True,
    ),
    Cause(
        "missing-mask",
        "The gradient flows through units that forward had set to zero.",
        "Multiply dout by the mask of forward.",
        tests=(masks,),
        repairable=True,
    ),
    Cause(
        "mask-from-dout",
        "The gate looks at the sign of dout instead of that of x.",
        "Keep the mask of x in forward and use it in backward.",
        tests=(masks,),
        repairable=True,
    ),
    Cause(
        "missing-branch-grad",
        "One of the paths from {quantity} to the output gets no gradient ({branch}).",
        "Add the gradients of all paths: dx = dx + …",
        tests=(branches,),
        repairable=True,
    ),
    Cause(
        "forward-backward-constant-mismatch",
        "forward uses the slope {right} for {side}, backward uses {got_factor}.",
        "Use one constant in both, best an attribute.",
        tests=(branches,),
        repairable=True,
    ),
    Cause(
        "uses-input-for-output",
        "The derivative is evaluated with the input x where the output y belongs.",
        "Store the output in forward and use it.",
        tests=(pre_and_post,),
        repairable=True,
    ),
    Cause(
        "uses-output-for-input",
        "The derivative is evaluated with the output where the input belongs.",
        "Store the input in forward and use it.",
        tests=(
            pre_and_post,
            transposes,
        ),
        repairable=True,
    ),
    Cause(
        "activation-applied-twice",
        "The derivative is taken at the output: the activation is applied a second time.",
        "The stored value is already the output; use it as it is.",
        tests=(pre_and_post,),
        repairable=True,
    ),
    Cause(
        "missing-product-rule-term",
        "One term of the product rule is missing.",
        "d(u*v) = du*v + u*dv: write both.",
        tests=(pre_and_post,),
        repairable=True,
    ),
    Cause(
        "softmax-diagonal-only",
        "Only the diagonal y(1-y) of softmax's derivative is used; its outputs depend on each other.",
        "Use y * (dout - np.sum(dout * y, axis=1, keepdims=True)).",
        tests=(pre_and_post,),
        repairable=True,
    ),
    Cause(
        "forward-backward-formula-mismatch",
        "Close but not equal (relative error {error}): forward and backward belong to two slightly different functions.",
        "Differentiate exactly what forward computes.",
        tests=(nearly,),
        repairable=True,
    ),
    Cause(
        "wrong-derivative-formula",
        "The local derivative is not that of forward.",
        "Derive the formula again; compare one element by hand.",
        tests=(wrong_formula,),
        repairable=True,
    ),
)
