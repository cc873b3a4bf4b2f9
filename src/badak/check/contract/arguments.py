"""Forward and backward leave their arguments and the parameters as they were."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.contract.clause import Clause, Findings
from badak.check.contract.probes import same
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.subject import (
    Subject,
    UserError,
    get_path,
)

Array = np.ndarray[Any, Any]


def _state(obj: Any, subject: Subject) -> dict[str, Array]:
    return {p.name: np.array(get_path(obj, p.path)) for p in subject.parameters}


def check_mutation(exam: Examination) -> Findings:
    """Forward and backward leave x, t, dout and the parameters as they were."""
    subject = exam.subject
    obj = subject.fresh()
    x, second = clone(subject.x), clone(subject.second)
    before = _state(obj, subject)
    forward, backward = exam.forward_name(), exam.backward_name()
    try:
        subject.forward(obj, x, second)
        yield from _changed_arguments(exam, x, second, forward)
        changed = _changed(before, _state(obj, subject))
        if changed:
            yield exam.finding("mutation", "updates-weights-in-backward", method=forward, quantity=changed)
            return
        dout = np.array(exam.douts[0], float)
        given = clone(dout)
        x, second = clone(subject.x), clone(subject.second)
        subject.backward(obj, given, x, second)
        if subject.runs_forward_itself:
            if not exam.findings_so_far("mutation"):
                yield from _changed_arguments(exam, x, second, backward)
        elif isinstance(given, np.ndarray) and not np.array_equal(given, dout):
            yield exam.finding(
                "mutation", "mutates-dout", severity="hazard", method=exam.backward_name(), quantity="dout"
            )
        changed = _changed(before, _state(obj, subject))
        if changed and not subject.updates_inside:
            yield exam.finding("mutation", "updates-weights-in-backward", method=backward, quantity=changed)
    except UserError:
        return


def _changed_arguments(exam: Examination, x: Any, second: Any, method: str) -> Findings:
    subject = exam.subject
    if not same(x, subject.x):
        yield exam.finding("mutation", "mutates-input", method=method, quantity="x")
    if second is not None and not same(second, subject.second):
        label = "mutates-target" if subject.has_target else "mutates-input"
        yield exam.finding("mutation", label, method=method, quantity="t" if label == "mutates-target" else "y")


def _changed(before: dict[str, Array], after: dict[str, Array]) -> str | None:
    return next((name for name in before if not same(before[name], after[name])), None)


CLAUSES = [Clause("mutation", check_mutation)]
