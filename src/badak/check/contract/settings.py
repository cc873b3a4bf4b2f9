"""What holds with the settings that a constructor takes by itself holds with others too."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.contract.clause import Clause
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding, Report
from badak.check.numeric import close
from badak.check.subject import Subject, UserError
from badak.check.tolerances import EQUAL

WANTED = ("shapes", "gradients", "values")
SECONDS = 4.0  # of processor time, for all settings together: the look at the object itself comes first


def check_settings(exam: Examination) -> Iterator[Finding]:
    """The gradients are right with another stride, padding, slope or rate too; a value that the object refuses says
    nothing."""
    subject = exam.subject
    if exam.examine_part is None or any(f.severity == "error" for f in exam.findings):
        return
    together: dict[str, Any] | None = None
    until = time.process_time() + SECONDS
    for changes in subject.settings():
        if subject.expired() or time.process_time() > until:
            return
        if together is not None and set(changes) <= set(together):
            continue  # right together: each alone needs no look
        report = _examined(exam, changes, until)
        if report is None:
            continue
        faults = [f for f in report.findings if f.severity == "error" and f.check in (*WANTED, "runs", "returns")]
        if not faults and report.reason is None and len(changes) > 1:
            together = changes
        if faults and len(changes) == 1:
            yield from (_told(fault, changes) for fault in faults)
            return
        if faults and len(changes) > 1:
            yield from _least(exam, changes, faults, until)
            return


def _least(exam: Examination, changes: dict[str, Any], faults: list[Finding], until: float) -> Iterator[Finding]:
    """Tell a fault with one setting changed, where one is enough."""
    for name, value in changes.items():
        report = _examined(exam, {name: value}, until)
        alone = [f for f in report.findings if f.severity == "error"] if report is not None else []
        if alone:
            yield from (_told(fault, {name: value}) for fault in alone)
            return
    yield from (_told(fault, changes) for fault in faults)


def _examined(exam: Examination, changes: dict[str, Any], until: float) -> Report | None:
    """Examine the object made with other settings; None where it takes none, or nothing changes with them."""
    subject = exam.subject
    assert exam.examine_part is not None
    subject.world.restore()
    made = subject.varied(changes)
    if made is None:
        return None
    other = subject.sibling(clone(subject.x), clone(subject.second), obj=made)
    other.expired = lambda: subject.expired() or time.process_time() > until
    try:
        y = np.array(other.forward(other.fresh(), clone(other.x), clone(other.second)), float)
    except (UserError, TypeError, ValueError):
        return None
    if not y.size or not np.isfinite(y).all() or _same(exam, changes, y):
        return None
    return exam.examine_part(other, WANTED)


def _same(exam: Examination, changes: dict[str, Any], y: Any) -> bool:
    """Tell whether a setting changes nothing: no look is needed. (Weights drawn anew do change the output.)"""
    return np.shape(y) == np.shape(exam.y) and close(y, np.asarray(exam.y, float), EQUAL)


def _told(fault: Finding, changes: dict[str, Any]) -> Finding:
    fault.values["setting"] = ", ".join(f"{name}={value!r}" for name, value in changes.items())
    if fault.check == "gradients" and fault.label == "unnamed":
        fault.label = "forgets-setting"
        fault.values["name"] = next(iter(changes))
    return fault


def _varied(subject: Subject) -> bool:
    return not subject.runs_forward_itself and not subject.updates_inside


CLAUSES = [Clause("settings", check_settings, applies=_varied)]
