# ruff: noqa: PLR0911 (one question after the other)
"""What holds for one setting holds for the others: stride, pad, window, mode, an image that is not square."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.compare import case_of, with_worst
from badak.check.contract.clause import Clause, Findings
from badak.check.copying import clone
from badak.check.exam import CouldNotCheck, Examination
from badak.check.findings import Finding
from badak.check.judging import wrong_quantities
from badak.check.subject import Subject, UserError


def check_hindrance(exam: Examination) -> Findings:
    """Nothing hinders the look: the code is written, and it is known what to hand in."""
    note = exam.subject.hindrance()
    if note is not None:
        raise CouldNotCheck(note[0], **note[1])
    yield from ()


def check_settings(exam: Examination) -> Findings:
    """With every other setting that forward takes, backward gives the derivatives of forward."""
    subject = exam.subject
    if exam.wrong or exam.shape_faults:
        return
    for words, obj, x in subject.variants():
        finding = _with(exam, words, subject.sibling(x, clone(subject.second), obj))
        if finding is not None:
            yield finding
            return
        if subject.expired():
            return


def _with(exam: Examination, words: str, other: Subject) -> Finding | None:
    """Examine the same functions with another setting; None where they are right, or forward refuses it."""
    trial = Examination(other)
    try:
        trial.y = np.asarray(other.forward(other.fresh(), clone(other.x), clone(other.second)))
    except UserError:
        return None
    if trial.y.dtype.kind != "f" or not trial.y.size or not np.isfinite(trial.y).all():
        return None
    trial.douts = trial.random_douts()[:2]
    values: dict[str, Any] = {"setting": words}
    name = exam.backward_name()
    try:
        trial.passes = [other.run(d) for d in trial.douts]
    except UserError as failure:
        if isinstance(failure.error, (NameError, ImportError, NotImplementedError, AssertionError)):
            return None  # a branch that is not finished, or not allowed: forward did not say so
        values["setting_error"] = values["error"] = failure.words.splitlines()[0]
        return exam.finding("settings", "unnamed", method=name, line=failure.line, values=values)
    for quantity in trial.quantities:
        gradient, right = trial.gradient(trial.passes[0], quantity), np.shape(other.value(quantity))
        if gradient is not None and np.size(gradient) != int(np.prod(right)):
            values["setting_shape"] = True
            return exam.finding(
                "settings", "unnamed", method=name, quantity=quantity, got=list(np.shape(gradient)),
                expected=list(right), values=values,
            )  # fmt: skip
    for quantity in wrong_quantities(trial):
        gradients = [trial.gradient(p, quantity) for p in trial.passes]
        if all(g is not None for g in gradients):
            found = exam.finding("settings", "unnamed", method=name, quantity=quantity, values=values)
            return with_worst(found, case_of(trial, quantity, gradients))
    return None


HINDRANCE = [Clause("written", check_hindrance, first=True, stops=True)]
CLAUSES = [Clause("settings", check_settings, measures=True)]
