# ruff: noqa: E501, PLR0911, PLR0912 (a sentence is one line, as its translation is; a test ends at the first form that fits)
"""Factors: a gradient that is everywhere the same multiple of the right one."""

from __future__ import annotations

import ast
import dataclasses
from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.causes.base import Cause, Verdict
from badak.check.causes.fit import constant_ratio, near
from badak.check.copying import walk
from badak.check.findings import Finding
from badak.check.numeric import close
from badak.check.source import assignments, called_name, find_line, names_quantity
from badak.check.subject import Subject, UserError


def scales(case: Case) -> Verdict:
    """A constant ratio: which sizes explain it, and does it grow with the batch?"""
    ratio = constant_ratio(case)
    if ratio is None:
        return None
    power = batch_power(case, ratio)
    sizes = np.shape(case.x)
    batch = sizes[0] if sizes else 1
    values: dict[str, Any] = {"ratio": ratio}
    if near(ratio, -1):
        return "sign-flip", values
    if ratio < 0:
        return _and_sign(case, ratio)
    if power == 1:
        rest = ratio / batch
        if near(rest, 1):
            return "missing-batch-mean", values
        if case.is_loss and len(sizes) > 1 and near(rest, 1 / sizes[1]):
            return "divides-by-wrong-axis", values | {"divisor": sizes[1]}
        if case.is_loss and any(near(rest, s) for s in [*sizes[1:], np.prod(sizes[1:])]):
            return "missing-batch-mean", values
        return None
    if power == -1:
        return _too_small(case, ratio, batch, values)
    if len(sizes) == 1 and case.is_loss and near(ratio, 1 / sizes[0]):
        return "one-d-divides-by-classes", values
    if near(ratio, 2):
        return "factor-two", values
    if near(ratio, 0.5) and not _explained_by_object(case, ratio):
        return "missing-factor-two", values
    spans = {int(np.prod(sizes[i:j])) for i in range(1, len(sizes)) for j in range(i + 1, len(sizes) + 1)} - {1}
    if case.is_loss and any(near(ratio, s) or near(ratio, 1 / s) for s in spans):
        return "wrong-mean-count", values
    if _explained_by_object(case, ratio):
        return "missing-scale", values
    if not case.is_loss and not case.is_input and any(near(ratio, 1 / s) for s in {*case.y.shape, *sizes}):
        return "mean-instead-of-sum", values
    if near(ratio, 0.5):
        return "missing-factor-two", values
    if any(near(ratio**2, s) or near(ratio**2 * s, 1) for s in sizes if s > 1):
        return "missing-scale", values
    return None


def _and_sign(case: Case, ratio: float) -> Verdict:
    """A negative ratio is a wrong sign and another cause beside it."""
    found = scales(dataclasses.replace(case, n=[-n for n in case.n]))
    if found is None:
        return None
    label, values = found
    return label, values | {"without": dataclasses.replace(case, n=[-ratio * n for n in case.n])}


def _too_small(case: Case, ratio: float, batch: int, values: dict[str, Any]) -> Verdict:
    if case.subject.scalar and case.subject.input_names:
        if near(ratio * batch, 1):
            return ("extra-batch-division" if _is_sum(case) else "divides-by-batch-twice"), values
        return None
    spans = {1, *case.y.shape[1:], int(np.prod(case.y.shape[1:])), int(np.prod(case.y.shape[2:]))}
    if not any(near(ratio * batch * s, 1) for s in spans):
        return None
    if not case.is_input and _written_with_mean(case):
        return "mean-instead-of-sum", values
    if not case.is_input and np.ndim(case.n[0]) <= 1 and not _written_with_division(case):
        return "mean-instead-of-sum", values
    return "divides-by-batch-twice", values


def _gradient_statements(case: Case) -> list[ast.stmt]:
    source = case.subject.source
    node = source.method(case.subject.name, "backward") if source else None
    if node is None:
        return []
    return [s for s, target in assignments(node) if names_quantity(target, case.quantity.split(".")[-1])]


def _written_with_mean(case: Case) -> bool:
    return any(called_name(n) in ("mean", "average") for s in _gradient_statements(case) for n in ast.walk(s))


def _written_with_division(case: Case) -> bool:
    divisions = (ast.Div, ast.FloorDiv)
    return any(
        (isinstance(n, (ast.BinOp, ast.AugAssign)) and isinstance(n.op, divisions)) or called_name(n) == "divide"
        for s in _gradient_statements(case)
        for n in ast.walk(s)
    )


def _is_sum(case: Case) -> bool:
    """Tell whether the loss of a doubled batch is doubled."""
    subject, t = case.subject, case.subject.second
    doubled = np.concatenate([case.x, case.x])
    both = np.concatenate([t, t]) if isinstance(t, np.ndarray) and len(t) == len(case.x) else t
    return close(np.ravel(subject.forward(subject.fresh(), doubled, both)), 2 * np.ravel(case.y))


def batch_power(case: Case, ratio: float) -> int:
    """Tell how the ratio grows with the batch: 1, 0 or -1, measured by leaving out rows."""
    x, t = case.x, case.subject.second
    batch = np.shape(x)[0] if np.ndim(x) else 0
    if batch < 2 or np.ndim(x) < 2:
        return 0
    fewer = max(1, batch // 2)
    smaller = case.subject.sibling(
        x[:fewer], t[:fewer] if isinstance(t, np.ndarray) and np.ndim(t) and len(t) == batch else t
    )
    try:
        y = np.asarray(smaller.forward(smaller.fresh(), smaller.x.copy(), smaller.second))
        dout = smaller.random_dout(y, np.random.default_rng(5), 0.0)
        a = smaller.gradient(smaller.run(dout), case.quantity)
        slope = smaller.slopes(case.quantity, case_rows(case)).along(dout)[0]
    except (UserError, IndexError, ValueError, TypeError):
        return 0
    known = ~np.isnan(slope)
    if np.shape(a) != slope.shape or not np.any(slope[known]):
        return 0
    other = float((np.asarray(a, float)[known] * slope[known]).sum() / (slope[known] ** 2).sum())
    if other == 0 or ratio == 0:
        return 0
    power = np.log(abs(ratio / other)) / np.log(batch / fewer)
    return round(float(power)) if abs(power - round(power)) < 0.05 else 0


def case_rows(case: Case) -> list[int] | None:
    """Give the elements that were measured, None for all."""
    known = np.flatnonzero(~np.isnan(case.n[0].ravel()))
    return None if len(known) == case.n[0].size else [int(i) for i in known]


def _explained_by_object(case: Case, ratio: float) -> bool:
    """Tell whether a number of the object (a keep rate, a window's size) explains the ratio."""
    numbers: set[float] = set()

    def look(part: Any) -> None:
        for value in getattr(part, "__dict__", {}).values() if not isinstance(part, dict) else []:
            if isinstance(value, (int, float, np.floating)) and not isinstance(value, bool):
                numbers.add(float(value))
            if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind == "f":
                numbers.add(float(value.ravel()[0]))

    walk(case.passes[0].obj, look)
    kinds = {v for n in numbers for v in (n, 1 - n, n * n)}
    if (
        not case.is_loss
        and isinstance(case.x, np.ndarray)
        and case.y.size
        and case.x.ndim >= 3
        and case.quantity == "x"
    ):
        windows = (np.abs(case.subject.slopes("x").central) > 1e-12).sum(axis=0)
        kinds |= {float(w) for w in set(windows.tolist())}
    kinds |= {np.sqrt(v) for v in kinds if v > 0}
    kinds -= {0.0, 1.0, -1.0}
    return any(abs(ratio - k) <= 1e-4 * abs(k) or abs(ratio * k - 1) <= 1e-4 for k in kinds if k)


def _loss_expression(subject: Subject, finding: Finding) -> int | None:
    """The line that reduces the loss: the last sum of forward and what it calls."""
    assert subject.source is not None
    functions = subject.source.reached(subject.name, "forward")
    lines = []
    for _, function in functions:
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Return)
                and node.value is not None
                and any(called_name(n) == "sum" for n in ast.walk(node.value))
            ):
                lines.append(node.lineno)
            if not isinstance(node, ast.Assign):
                continue
            reduced = any(called_name(n) == "sum" for n in ast.walk(node.value))
            if reduced and any(called_name(n).startswith("log") for n in ast.walk(node)):
                lines.append(node.lineno)
    if lines:
        return lines[-1]
    return find_line(list(reversed(functions)), lambda n: called_name(n) == "sum")


CAUSES = (
    Cause(
        "sign-flip",
        "d{quantity} has the wrong sign.",
        "Turn the difference round, or drop the minus.",
        tests=(scales,),
        repairable=True,
    ),
    Cause(
        "missing-batch-mean",
        "d{quantity} is {ratio} times too large: the loss is a mean over the batch, the gradient is not divided by it.",
        "Divide by the batch size.",
        tests=(scales,),
        repairable=True,
    ),
    Cause(
        "divides-by-wrong-axis",
        "d{quantity} is divided by the number of classes instead of the batch size (ratio {ratio}).",
        "Divide by t.shape[0].",
        tests=(scales,),
        repairable=True,
    ),
    Cause(
        "extra-batch-division",
        "The loss is a sum over the batch, its gradient is that of the mean: N times too small.",
        "Divide the loss by N too, or do not divide the gradient.",
        tests=(scales,),
        place=_loss_expression,
    ),
    Cause(
        "divides-by-batch-twice",
        "d{quantity} is too small by the batch size: the loss has divided by N already.",
        "Leave out the division; the mean over the batch is taken once, in the loss.",
        tests=(scales,),
        repairable=True,
    ),
    Cause(
        "mean-instead-of-sum",
        "d{quantity} is the mean over the batch; it has to be the sum.",
        "Use np.sum: the mean is taken once, in the loss.",
        tests=(scales,),
        repairable=True,
    ),
    Cause(
        "one-d-divides-by-classes",
        "For a single sample without batch axis, t.shape[0] is the number of classes: the gradient is that many times too small.",
        "Give x and t a batch axis first: x.reshape(1, -1).",
        tests=(scales,),
        repairable=True,
    ),
    Cause(
        "factor-two",
        "d{quantity} is twice what it should be.",
        "Look for a 2 too many in this line.",
        tests=(scales,),
        repairable=True,
    ),
    Cause(
        "missing-factor-two",
        "d{quantity} is half of what it should be: the derivative of a square has a 2.",
        "Multiply by 2, or put 1/2 into the loss.",
        tests=(scales,),
        repairable=True,
    ),
    Cause(
        "wrong-mean-count",
        "forward averages over another count than backward (ratio {ratio}).",
        "Divide by the same count: np.mean divides by y.size.",
        tests=(scales,),
        repairable=True,
    ),
    Cause(
        "missing-scale",
        "d{quantity} is {ratio} times the right one everywhere: a factor of forward is missing in backward.",
        "Multiply by the factor that forward applies.",
        tests=(scales,),
        repairable=True,
    ),
)
