"""Backward (or forward) raised because shapes do not fit: which small change makes it run, and run right?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.causes.affine import elementwise_line
from badak.check.causes.explain import explain
from badak.check.causes.repair.offer import compiled, repaired
from badak.check.causes.repair.patch import NotRunnable
from badak.check.causes.repair.search import Repair, search
from badak.check.compare import case_of
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.source import gradient_line
from badak.check.subject import Pass, UserError


def forward_crash(exam: Examination, failure: UserError) -> Finding:
    """Name the cause of what forward raised."""
    line = elementwise_line(exam.subject, failure)
    if line is not None:
        values = {"error": failure.words.splitlines()[0]}
        return exam.finding("runs", "elementwise-product", method=exam.forward_name(), line=line, values=values)
    return explain(exam, failure, "runs")


def backward_crash(exam: Examination, obj: Any, failure: UserError) -> Iterator[Finding]:
    """Name the cause of what backward raised, and what else is wrong once that is repaired."""
    known = explain(exam, failure, "runs")
    found = _repair(exam, obj, failure) if known.label == "unnamed" else None
    if found is None:
        yield known
        return
    subject = exam.subject
    source = subject.source
    line_of = gradient_line(source, subject.name, subject.backward_name, "x", True) if source is not None else None
    label = found.label or ("missing-weight-transpose" if found.line == line_of else "transposed-weight-grad")
    if found.labels and label not in found.labels:
        label = sorted(found.labels)[0]
    values = known.values | found.values
    yield exam.finding("runs", label, method=exam.backward_name(), quantity="x", line=found.line, values=values)
    if not found.offered:
        yield from _beside(exam, found)


def _repair(exam: Examination, obj: Any, failure: UserError) -> Repair | None:
    subject = exam.subject
    if not isinstance(failure.error, ValueError) or len(subject.input_names) > 1:
        return None
    subject.parameters = subject.find_parameters(obj, None)
    exam.douts = exam.random_douts()
    quantities = exam.quantities
    if not quantities:
        return None
    blank = Pass(np.asarray(exam.y), obj=obj)
    exam.passes = [blank for _ in exam.douts]
    cases = [case_of(exam, q, [None] * len(exam.douts)) for q in quantities]
    return search(exam, cases[0], None, cases[1:]) or search(exam, cases[0], None, line=failure.line)


def _beside(exam: Examination, found: Repair) -> Iterator[Finding]:
    """With the line that raised repaired, the rest can be looked at: two causes are two findings."""
    if found.written is None or exam.examine_part is None:
        return
    subject = exam.subject
    try:
        kind = compiled(subject, found.written.text)
        changed = repaired(subject, kind, clone(subject.x), clone(subject.second))
    except NotRunnable:
        return
    for finding in exam.examine_part(changed, ["shapes", "gradients"]).findings:
        if finding.check in ("shapes", "gradients"):
            finding.values = {k: v for k, v in finding.values.items() if k not in ("repair", "before")}
            yield finding
