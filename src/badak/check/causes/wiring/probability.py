"""Softmax and its logarithm in a network."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.causes.wiring.trace import Call, layer_named
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.numeric import close
from badak.check.source import called_name, find_line
from badak.check.subject import Subject, get_path, set_path


def _is_probability(value: Any) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.ndim == 2
        and value.shape[1] > 1
        and bool((value >= 0).all())
        and np.allclose(value.sum(axis=1), 1)
    )


def _applies_softmax(subject: Subject, layer: Any, given: list[Any]) -> bool:
    """Tell whether a loss layer is blind to a constant added to each row: it applies softmax itself."""
    try:
        one = clone(layer).forward(given[0].copy(), clone(given[1]))
        two = clone(layer).forward(given[0] + 1.7, clone(given[1]))
    except Exception:
        return False
    return close(np.ravel(one), np.ravel(two), 1e-6)


def double_softmax(exam: Examination, wrong: list[str], calls: list[Call]) -> Finding | None:
    """Probabilities handed to a loss layer that applies softmax itself."""
    subject = exam.subject
    for call in calls:
        if call.method == "forward" and len(call.copies) >= 2 and _is_probability(call.copies[0]):
            original = layer_named(subject, call.name)
            if original is not None and _applies_softmax(subject, original, call.copies):
                return exam.finding(
                    "gradients",
                    "double-softmax",
                    method="predict",
                    quantity="*",
                    line=_softmax_line(subject),
                )
    return None


def _softmax_line(subject: Subject) -> int | None:
    if subject.source is None:
        return None
    functions = subject.source.reached(subject.name, "predict")[:1] or subject.source.reached(subject.name, "loss")[:1]
    return (
        find_line(functions, lambda n: called_name(n) in ("exp", "softmax"))
        or find_line(subject.source.reached(subject.name, "loss")[:1], lambda n: called_name(n) in ("exp", "softmax"))
        or find_line(subject.source.reached(subject.name, "__init__")[:1], lambda n: called_name(n) == "Softmax")
    )


def log_guard(exam: Examination, wrong: list[str]) -> bool:
    """Tell whether log(y + 1e-7) explains the gap: it vanishes where all probabilities are alike."""
    subject = exam.subject
    gaps = []
    for quantity in wrong:
        slope = subject.slopes(quantity).along(np.ones(1))[0]
        a = exam.gradient(exam.passes[0], quantity)
        if a is None or np.shape(a) != slope.shape:
            return False
        gaps.append(float(np.nanmax(np.abs(np.asarray(a, float) - slope)) / max(np.nanmax(np.abs(slope)), 1e-30)))
    if max(gaps) > 1e-2:
        return False
    calm = subject.fresh()
    for parameter in subject.parameters:
        set_path(calm, parameter.path, np.asarray(get_path(calm, parameter.path), float) * 0.02)
    quiet = subject.sibling(subject.x, subject.second, calm)
    other = Examination(quiet)
    other.y, other.douts, other.passes = exam.y, exam.douts, [quiet.run()]
    for quantity in wrong:
        slope = quiet.slopes(quantity).along(np.ones(1))[0]
        a = np.asarray(other.gradient(other.passes[0], quantity), float)
        # log(y + 1e-7) is wrong by 1e-7 / y, a few parts in a million where no class is favoured.
        if np.nanmax(np.abs(a - slope)) > 1e-5 * max(float(np.nanmax(np.abs(slope))), 1e-12):
            return False
    return True
