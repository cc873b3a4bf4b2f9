"""A numerical gradient gives the slopes of a function whose slopes are known, and leaves x as it was."""

from __future__ import annotations

import ast
import math
from typing import Any

import numpy as np

from badak.check.causes.explain import explain_error
from badak.check.contract.clause import Clause, Findings
from badak.check.exam import CouldNotCheck, Exam
from badak.check.findings import Finding
from badak.check.subject.differences import NumericalGradient, Probe, curve
from badak.check.tolerances import ONE_SIDED, RESTORED, SLOPE, WIDE

Array = np.ndarray[Any, Any]
VECTOR = np.array([0.7, -1.3, 2.1, 0.2, -0.6])
MATRIX = np.array([[0.7, -1.3, 2.1, 0.4], [0.2, -0.6, 1.1, -2.2], [1.7, 0.9, -0.3, 0.5]])
NUMBER = np.array(0.7)
SHOWN = (IndexError, NameError, UnboundLocalError, ZeroDivisionError)


def check_slopes(exam: Exam) -> Findings:
    """The slopes that come are those of the function that is handed in."""
    subject = _numerical(exam)
    probe, failed = _best(subject)
    if probe is None:
        yield _failed(exam, subject, failed)
        return
    yield from _judge(exam, subject, probe)
    if probe.form in ("vector", "matrix"):
        yield from _other_shape(exam, subject, probe)
    yield from _integers(exam, subject, probe)


def _numerical(exam: Exam) -> NumericalGradient:
    assert isinstance(exam.examinee, NumericalGradient)
    return exam.examinee


def _best(subject: NumericalGradient) -> tuple[Probe | None, list[Probe]]:
    """Ask in every form that it may be written for, likeliest first: the first whose slopes fit, else that runs."""
    numbers = "diff" in subject.name.lower() or "deriv" in subject.name.lower()
    tries = [("vector", VECTOR), ("matrix", MATRIX), ("each", VECTOR), ("number", NUMBER)]
    if numbers:
        tries = [("number", NUMBER), ("vector", VECTOR), ("matrix", MATRIX), ("each", VECTOR)]
    if isinstance((subject.namespace or {}).get("Variable"), type):
        tries.append(("variable", NUMBER))
    probes = [subject.ask(form, x) for form, x in tries]
    ran = [p for p in probes if p.error is None]
    fitting = [p for p in ran if p.got.shape == p.truth.shape and np.abs(p.got - p.truth).max() <= SLOPE]
    shaped = [p for p in ran if p.got.shape == p.truth.shape]
    best = next(iter(fitting or shaped or ran), None)
    return best, [p for p in probes if p.error is not None]


def _failed(exam: Exam, subject: NumericalGradient, failed: list[Probe]) -> Finding:
    failure = failed[0].error
    assert failure is not None
    if isinstance(failure.error, SHOWN) and failure.line is not None:
        found = explain_error(None, failure.error, subject.name, failure.line, "slopes", source=subject.source)
        if found.label == "unnamed":
            found.label = "numerical-raises"
        return found
    raise CouldNotCheck(
        "{name} took neither a number nor a vector nor a matrix as x; the first gave {error} (line {line}).",
        name=subject.name,
        error=failure.words.splitlines()[0],
        line=failure.line or "?",
    )


def _judge(exam: Exam, subject: NumericalGradient, probe: Probe) -> Findings:
    got, truth, x = probe.got, probe.truth, probe.x
    if probe.after is not None and np.shape(probe.after) == np.shape(x):
        change = float(np.abs(probe.after - x).max(initial=0.0))
        if change > RESTORED:
            yield exam.finding("slopes", "x-not-restored", method=subject.name, values={"change": change})
    if got.shape != truth.shape:
        shapes = {"result": list(got.shape), "wanted": list(truth.shape)}
        yield exam.finding("slopes", "numerical-shape", method=subject.name, values=shapes)
        return
    h, one_sided = _step(probe)
    error = float(np.abs(got - truth).max(initial=0.0)) if np.isfinite(got).all() else math.inf
    worst = int(np.argmax(np.nan_to_num(np.abs(got - truth), nan=np.inf)))
    seen = {"result": float(np.ravel(got)[worst]), "wanted": float(np.ravel(truth)[worst]), "h": h, "error": error}
    if h < 1e-12 and error > 0.1:
        seen["h"] = _named_step(subject) or h
        yield exam.finding("slopes", "step-too-small", method=subject.name, values=seen)
        return
    left = _left_out(probe)
    if left and error > SLOPE:
        yield exam.finding("slopes", "elements-left-out", method=subject.name, values={"count": left, "all": x.size})
        return
    factor = _factor(probe, h, one_sided)
    if factor is not None and abs(factor - 1) > 0.05:
        told = {"factor": round(factor, 3), "width": "h" if one_sided else "2h"}
        yield exam.finding("slopes", "quotient-factor", method=subject.name, values=told)
        return
    if h > WIDE:
        yield exam.finding("slopes", "step-too-large", severity="hazard", method=subject.name, values=seen)
    elif one_sided and factor is not None and error > ONE_SIDED:
        yield exam.finding("slopes", "one-sided-difference", severity="hazard", method=subject.name, values=seen)
    elif error > SLOPE and h < 1e-9:
        yield exam.finding("slopes", "step-too-small", severity="hazard", method=subject.name, values=seen)
    elif error > SLOPE:
        yield exam.finding("slopes", "numerical-wrong", method=subject.name, values=seen)


def _step(probe: Probe) -> tuple[float, bool]:
    """Give the step, and whether only one side was asked."""
    moved = _moves(probe)
    if not moved:
        return 0.0, False
    # The longest: x - h after x + h without a restore is still h away.
    return max(abs(m) for m in moved), min(moved) >= 0 or max(moved) <= 0


def _moves(probe: Probe) -> list[float]:
    if probe.offsets.size and np.any(probe.offsets):
        return [float(v) for v in np.ravel(probe.offsets) if v]
    moves: list[float] = []
    if probe.x.ndim == 2:  # row by row
        for a in probe.asked:
            rows = [a - row for row in probe.x if np.shape(a) == np.shape(row)]
            near = min(rows, key=lambda d: float(np.abs(d).max()), default=None)
            moves += [float(v) for v in np.ravel(near) if v] if near is not None else []
    return moves


def _left_out(probe: Probe) -> int:
    if not probe.offsets.size or probe.x.ndim == 0 or not np.any(probe.offsets):
        return 0
    return int(np.sum(~np.any(probe.offsets, axis=0)))


def _factor(probe: Probe, h: float, one_sided: bool) -> float | None:
    """Give the result as a multiple of the quotient of this step; None where it is none."""
    if not h:
        return None
    x, weight = probe.x, probe.weight
    sign = 1.0 if max(_moves(probe)) > 0 else -1.0
    if one_sided:
        wanted = weight * (curve(x + sign * h) - curve(x)) / (sign * h)
    else:
        wanted = weight * (curve(x + h) - curve(x - h)) / (2 * h)
    ratio = np.ravel(probe.got) / np.ravel(wanted)
    middle = float(np.median(ratio))
    return middle if np.isfinite(middle) and np.abs(ratio - middle).max() <= 0.01 * abs(middle) else None


def _named_step(subject: NumericalGradient) -> float | None:
    """Give the step that the source names, where it is too small to be seen."""
    node = subject.source.functions().get(subject.name) if subject.source is not None else None
    values = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)] if node is not None else []
    small = [v for v in values if type(v) is float and 0 < v < 1e-6]
    return small[0] if small else None


def _other_shape(exam: Exam, subject: NumericalGradient, probe: Probe) -> Findings:
    """What works for a vector works for a matrix, unless its name says that it does not."""
    if probe.form != "vector" or any(part in subject.name.lower() for part in ("1d", "no_batch")):
        return
    other = subject.ask("matrix", MATRIX)
    if other.error is not None:
        if not subject.name.startswith("_"):
            values = {"error": other.error.words.splitlines()[0]}
            yield exam.finding("slopes", "vectors-only", severity="hazard", method=subject.name, values=values)
    elif other.got.shape == other.truth.shape and np.abs(probe.got - probe.truth).max() <= SLOPE:
        yield from _judge(exam, subject, other)


def _integers(exam: Exam, subject: NumericalGradient, probe: Probe) -> Findings:
    """An x of whole numbers gives the same slopes, or an error."""
    if np.shape(probe.got) != np.shape(probe.truth) or not np.abs(probe.got - probe.truth).max() <= SLOPE:
        return
    whole = {"vector": np.array([1, -2, 3]), "matrix": np.array([[1, -2], [3, 2], [-1, 4]])}
    if probe.form not in whole:
        return
    other = subject.ask(probe.form, whole[probe.form], integers=True)
    if other.error is None and (
        other.got.shape != other.truth.shape or not np.abs(other.got - other.truth).max() <= SLOPE
    ):
        yield exam.finding("slopes", "integer-input", severity="hazard", method=subject.name)


CLAUSES = [Clause("slopes", check_slopes, kind=NumericalGradient, first=True)]
