# ruff: noqa: PLR0911, PLR0912 (a test ends at the first form that fits)
"""Weights: transposes, and gradients that belong to something else."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.causes.base import Cause, Verdict
from badak.check.causes.fit import all_close, scale
from badak.check.causes.places import local_gradient
from badak.check.causes.repair.patch import NotRunnable, patched, replaced
from badak.check.causes.shapes import shape_cause
from badak.check.copying import clone
from badak.check.findings import Finding
from badak.check.numeric import close, measure
from badak.check.source import called_name, first_line
from badak.check.subject import Subject, UserError, get_path, set_path

Array = np.ndarray[Any, Any]


def missing_or_unused(case: Case) -> Verdict:
    """A parameter without gradient, or one that forward does not use."""
    a, n = scale(case.a), scale(case.n)
    if case.is_input or (case.is_loss and case.quantity == "x"):
        return None
    if a <= 1e-12 * max(n, 1e-30) and n > 0:
        return "forgets-param-grad", {}
    if n <= 1e-8 * a:
        return "forward-ignores-param", {}
    return None


def swapped_inputs(case: Case) -> Verdict:
    """The derivative with respect to the other input."""
    if len(case.subject.input_names) != 2 or not case.is_input:
        return None
    other = case.others.get("y" if case.quantity == "x" else "x")
    if other is None:
        return None
    if all_close(case.a, other[1]):
        return "swapped-inputs", {}
    x, second = np.asarray(case.x, float), np.asarray(case.subject.second, float)
    own, foreign = (second, x) if case.quantity == "x" else (x, second)
    forms: list[Callable[[Array], Array]] = [lambda v: v, lambda v: 1 / v, lambda v: -v]
    for f in forms:
        if all_close([d * f(own) for d in case.douts], case.n) and all_close(
            [d * f(foreign) for d in case.douts], case.a
        ):
            return "swapped-inputs", {}
    return None


def transposes(case: Case) -> Verdict:
    """The right numbers in another order."""
    if case.is_input:
        return None
    n0 = case.n[0]
    if n0.ndim < 1 or n0.size < 2 or np.isnan(n0).any() or all_close(case.a, case.n, 1e-3):
        return None  # no other order: nearly right as it is
    if n0.ndim == 2 and n0.shape[0] == n0.shape[1] and all_close([n.T for n in case.n], case.a):
        return "transposed-weight-grad", {}
    x, y = case.x, case.y
    if n0.ndim == 2 and np.ndim(x) == 2:
        d = n0.shape[0]
        if y.ndim == 2 and y.shape[1] == d and all_close([y.T @ r for r in case.douts], case.a):
            return "uses-output-for-input", {}
        if x.shape[1] == d and all_close([x.reshape(d, -1) @ r for r in case.douts], case.a):
            return "reshape-instead-of-transpose", {}
    for axes in {(-1,), (-2, -1)}:
        if n0.ndim >= 3 - (axes == (-1,)) * 2 and all_close([np.flip(n, axes) for n in case.n], case.a):
            return "kernel-not-flipped", {}
    if n0.ndim >= 2:
        flat = [n.reshape(n.shape[0], -1) for n in case.n]
        if all_close([f.T.reshape(n0.shape) for f in flat], case.a):
            return "reshape-instead-of-transpose", {}
        tail = [n.reshape(-1, n.shape[-1]) for n in case.n]
        if all_close([f.T.reshape(n0.shape) for f in tail], case.a):
            return "reshape-instead-of-transpose", {}
        for order in itertools.permutations(range(n0.ndim)):
            turned = [np.transpose(n, order) for n in case.n]
            if order != tuple(range(n0.ndim)) and all_close(turned, case.a):
                return "transposed-weight-grad", {}
        if all(close(np.sort(np.ravel(a)), np.sort(n.ravel())) for a, n in zip(case.a, case.n, strict=True)):
            return "reshape-instead-of-transpose", {}
    return None


def turned_weight(case: Case) -> Verdict:
    """The gradient is right for another weight: the transposed one, the one rotated by 180 degrees, the
    reshaped one."""
    if case.is_loss or case.quantity != "x":
        return None
    for parameter in case.subject.parameters:
        held = get_path(case.subject.fresh(), parameter.path)
        if not isinstance(held, np.ndarray) or held.size < 2:
            continue
        turns: list[tuple[str, Array]] = []
        if held.ndim == 2 and held.shape[0] == held.shape[1]:
            turns.append(("missing-weight-transpose", held.T))
        if held.ndim == 2:
            turns.append(("reshape-instead-of-transpose", held.reshape(held.shape[::-1]).T))
        if held.ndim >= 3:
            turns.append(("kernel-not-flipped", np.flip(held, (-2, -1))))
        if held.ndim in (1, 3):
            turns.append(("kernel-not-flipped", np.flip(held, -1)))
        if held.ndim == 4:
            turns.append(("missing-weight-transpose", held.swapaxes(-1, -2)))
            turns.append(
                ("missing-weight-transpose", held.swapaxes(0, 1)) if held.shape[0] == held.shape[1] else turns[-1]
            )
        for label, turn in turns:
            if turn.shape == held.shape and _right_for(case, parameter.path, np.array(turn)):
                return label, {"parameter": parameter.name}
    return None


def _right_for(case: Case, path: Any, value: Array) -> bool:
    subject = case.subject

    def f(x: Array) -> Array:
        obj = subject.fresh()
        set_path(obj, path, value)
        return np.array(subject.forward(obj, x.copy(), subject.second), float)

    slopes = measure(f, np.asarray(case.x, float), expired=subject.expired)
    found = [slopes.along(dout)[0] for dout in case.douts]
    return all_close(found, case.a)


def weight_decay(case: Case) -> Verdict:
    """The gap is a multiple of the parameter itself."""
    if case.is_input or (case.quantity in ("x", "y") and not case.subject.parameters):
        return None
    if all(p.name != case.quantity for p in case.subject.parameters):
        return None
    value = np.asarray(case.subject.value(case.quantity), float)
    rates = []
    for a, n in zip(case.a, case.n, strict=True):
        difference = np.where(np.isnan(n), 0.0, np.asarray(a, float) - n)
        known = np.where(np.isnan(n), 0.0, value)
        if known.size < 2 or not known.any():
            return None
        rate = float((difference * known).sum() / (known * known).sum())
        if abs(rate) < 1e-12 or not close(
            np.where(np.isnan(n), np.nan, rate * value), np.where(np.isnan(n), np.nan, difference), 1e-4
        ):
            return None
        rates.append(rate)
    if np.ptp(rates) > 1e-3 * abs(rates[0]):
        return None
    if rates[0] > 0:
        return "adds-weight-decay-to-grad", {"rate": rates[0]}
    # Only what gives one number can hold a penalty; an ordinary layer cannot.
    return ("regulariser-missing-from-grad" if case.is_loss else "subtracts-parameter"), {"rate": -rates[0]}


def other_parameters(case: Case) -> Verdict:
    """The gradient of another parameter under this name."""
    if case.is_input:
        return None
    for name, (a, n) in case.others.items():
        if name in case.subject.input_names:
            continue
        if name == case.quantity or np.shape(n[0]) != np.shape(case.n[0]):
            continue
        if all_close(case.a, n):
            swapped = all_close(a, case.n)
            return ("swapped-param-grads" if swapped else "duplicate-param-grad"), {"other": name}
    return None


def _ignored_parameter(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    node = subject.source.method(subject.name, subject.predict_name) or subject.source.method(
        subject.name, subject.forward_name
    )
    if node is None:
        return None
    hits = [
        n.lineno for n in ast.walk(node)
        if (isinstance(n, ast.Call) and called_name(n) in ("dot", "matmul"))
        or (isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult))
    ]  # fmt: skip
    return hits[-1] if hits else first_line(node)


def elementwise_line(subject: Subject, failure: UserError) -> int | None:
    """Give the line that raised, where forward runs with @ in it instead of *; None otherwise."""
    source = subject.source
    if source is None or not isinstance(failure.error, ValueError) or failure.line is None:
        return None
    for owner, function in source.reached(subject.name, subject.forward_name):
        for node in ast.walk(function):
            product = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and node.lineno == failure.line
            if not isinstance(node, ast.BinOp) or not product:
                continue
            changed = replaced(function, node, ast.BinOp(node.left, ast.MatMult(), node.right))
            try:
                with patched(subject, owner, changed or function):
                    subject.forward(subject.fresh(), clone(subject.x), clone(subject.second))
            except (UserError, NotRunnable):
                continue
            return failure.line
    return None


CAUSES = (
    Cause(
        "subtracts-parameter",
        "{rate} * {quantity} is subtracted from d{quantity}: forward has nothing that calls for it.",
        "Leave it out: weight decay belongs to the loss or to the optimizer.",
        tests=(weight_decay,),
        repairable=True,
    ),
    Cause(
        "elementwise-product",
        "* multiplies element by element; forward and backward of a weight are matrix products.",
        "Write @ (or np.dot) for *.",
        repairable=True,
    ),
    Cause(
        "forgets-param-grad",
        "backward leaves no gradient for {quantity}.",
        "Assign it to self: self.d{quantity} = …",
        tests=(missing_or_unused,),
        place=local_gradient,
        special={
            "near": (
                "backward leaves the gradient of {quantity} in self.{near}; its name is d{quantity}.",
                "Write self.d{quantity}: capital and small letters are different names.",
            )
        },
    ),
    Cause(
        "forward-ignores-param",
        "forward does not use {quantity}: its true gradient is 0, yet backward gives one.",
        "Use {quantity} in forward.",
        tests=(missing_or_unused,),
        place=_ignored_parameter,
    ),
    Cause(
        "swapped-inputs",
        "d{quantity} uses the wrong one of the two inputs.",
        "The derivative of x*y with respect to x is y.",
        tests=(swapped_inputs,),
        repairable=True,
    ),
    Cause(
        "transposed-weight-grad",
        "d{quantity} is the transpose of the right one.",
        "Use x.T @ dout.",
        tests=(
            transposes,
            shape_cause,
        ),
        repairable=True,
    ),
    Cause(
        "missing-weight-transpose",
        "dx multiplies by the weight where its transpose belongs.",
        "Use W.T.",
        tests=(turned_weight,),
        repairable=True,
    ),
    Cause(
        "reshape-instead-of-transpose",
        "d{quantity} has the right shape and the wrong order: reshape does not transpose.",
        "Use .T.",
        tests=(
            transposes,
            turned_weight,
        ),
        repairable=True,
    ),
    Cause(
        "swapped-param-grads",
        "The gradients of {quantity} and {other} are exchanged.",
        "Exchange the two keys.",
        tests=(other_parameters,),
        repairable=True,
    ),
    Cause(
        "duplicate-param-grad",
        "The gradient given for {quantity} is that of {other}.",
        "Take it from the layer that {quantity} belongs to.",
        tests=(other_parameters,),
        repairable=True,
    ),
    Cause(
        "adds-weight-decay-to-grad",
        "d{quantity} carries an extra {rate} * {quantity} that the loss does not contain.",
        "Add the penalty to the loss too, or leave weight decay to the optimizer.",
        tests=(weight_decay,),
        repairable=True,
    ),
    Cause(
        "regulariser-missing-from-grad",
        "The loss contains a penalty on {quantity}, its gradient {rate} * {quantity} is missing.",
        "Add {rate} * {quantity} to the gradient.",
        tests=(weight_decay,),
        repairable=True,
    ),
)
