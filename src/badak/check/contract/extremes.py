# ruff: noqa: PLR0911 (one question after the other)
"""Large and degenerate inputs. What overflows because the true value does is no fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.contract.clause import Clause
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.probing import extreme_inputs
from badak.check.subject import Subject, UserError
from badak.check.subject.parameters import parts_of

Array = np.ndarray[Any, Any]
BAD = ("overflow", "divide by zero", "invalid value")


def check_extreme(exam: Examination) -> Iterator[Finding]:
    """Large inputs and degenerate ones (a zero row, a constant column, a probability of 0) give no NaN and no
    warning."""
    subject = exam.subject
    if exam.inputs != ["x"] or np.ndim(subject.x) < 1:
        return
    told: set[str] = set()
    for name, x in extreme_inputs(subject):
        finding = _try(exam, name, x)
        if finding is not None and finding.label not in told:
            told.add(finding.label)
            yield finding
            if finding.severity == "error":
                return


def _run(subject: Subject, x: Array) -> tuple[Any, list[str], str]:
    """Give output and gradient, the warnings, and which of the methods they came from."""
    obj = subject.fresh()
    y = subject.forward(obj, x.copy(), clone(subject.second))
    y = np.array(y, float)
    heard = [w for w in subject.warnings if w.startswith(BAD)]
    if heard or not np.isfinite(y).all():
        return y, heard, "forward"
    dout = subject.default_dout(y)
    back = subject.backward(obj, dout, x.copy(), clone(subject.second))
    heard = [w for w in subject.warnings if w.startswith(BAD)]
    finite = all(np.isfinite(np.asarray(p, float)).all() for p in parts_of(back) if p is not None)
    return (y if finite else np.array(np.nan)), heard, "backward"


def _try(exam: Examination, name: str, x: Array) -> Finding | None:
    subject = exam.subject
    try:
        y, heard, method = _run(subject, x)
    except UserError:
        return None
    finite = bool(np.isfinite(y).all())
    if finite and not heard:
        return None
    if (name in ("large", "apart") and _grows_truly(subject, x)) or (
        name in ("zero", "constant") and _truly_singular(subject, x, name)
    ):
        return None
    label, severity = _judge(name, heard, finite)
    values = {"input": name, "warning": heard[0] if heard else "", "finite": finite}
    finding = Finding("extreme", label, severity, method=method, quantity=method, values=values)
    finding.line = _warning_line(subject, x)
    if finding.line is not None and subject.source is not None:
        owner, function = subject.source.enclosing(finding.line)
        finding.method = function if owner is not None and function else method
    elif subject.source is not None:
        node = subject.source.method(subject.name, method)
        finding.line = node.lineno if node is not None else None
    return finding


def _judge(name: str, heard: list[str], finite: bool) -> tuple[str, str]:
    in_log = any("in log" in w for w in heard)
    overflow = any(w.startswith("overflow") for w in heard)
    if in_log and not overflow:
        return "log-of-zero", "hazard"
    if name == "apart" and not overflow:
        return "underflow-global-max", "hazard"
    if overflow:
        return "overflow-at-large-input", "hazard" if finite else "error"
    if name == "probability":
        return "log-of-zero", "hazard"
    if name in ("zero", "constant"):
        return "division-by-zero", "hazard"
    if any(w.startswith(("divide by zero", "invalid value")) for w in heard):
        return ("underflow-global-max" if name == "apart" else "division-by-zero"), "hazard"
    return "overflow-at-large-input", "error"


def _grows_truly(subject: Subject, x: Array) -> bool:
    """Tell whether the output nears the largest number smoothly: exp(x) must overflow, log(1 + exp(x))
    need not."""
    largest = 0.0
    for share in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.65, 0.7):
        try:
            y = np.abs(np.asarray(subject.forward(subject.fresh(), x * share, clone(subject.second)), float))
        except UserError:
            return False
        largest = max(largest, float(np.max(y[np.isfinite(y)], initial=0.0)))
    return largest > 1e100


def _truly_singular(subject: Subject, x: Array, name: str) -> bool:
    """Tell whether the output grows without bound near the point: 1/x may be infinite at 0, x/|x| need
    not."""
    sizes = []
    rest = np.asarray(subject.x, float)
    for small in (1e-3, 1e-6, 1e-9):
        near = x.copy()
        near += small * (rest - rest.mean() + 0.01)
        try:
            y = np.asarray(subject.forward(subject.fresh(), near, clone(subject.second)), float)
        except UserError:
            return False
        sizes.append(float(np.max(np.abs(y[np.isfinite(y)]), initial=0.0)))
    return sizes[2] > 1.2 * sizes[1] > 1.44 * sizes[0] and sizes[2] - sizes[1] > 0.5


def _warning_line(subject: Subject, x: Array) -> int | None:
    """Run again with warnings as errors: the traceback has the line."""
    strict = subject.sibling(x, subject.second)
    strict.on_overflow = "raise"
    try:
        strict.run()
    except UserError as failure:
        return failure.line if isinstance(failure.error, FloatingPointError) else None
    return None


CLAUSES = [Clause("extreme", check_extreme, applies=lambda s: s.input_names == ("x",))]
