"""From a wrong gradient to the finding that names its cause."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from badak.check.case import Case
from badak.check.causes.placing import locate
from badak.check.causes.registry import FALLBACKS, cause_named, value_cause
from badak.check.causes.repair.search import search
from badak.check.compare import SAMPLED, case_of, shares_windows, ties_only, with_worst
from badak.check.exam import Examination
from badak.check.findings import Finding


def name_causes(exam: Examination, cases: dict[str, Case]) -> Iterator[Finding]:
    """Name the cause of each wrong gradient; one that explains several is told once."""
    told: dict[str, Finding] = {}
    everything = dict(cases)
    for quantity in exam.quantities:
        if quantity not in everything and quantity not in exam.shape_faults and len(exam.subject.parameters) < 12:
            gradients = [exam.gradient(p, quantity) for p in exam.passes]
            if all(g is not None for g in gradients) and np.size(gradients[0]) <= SAMPLED:
                everything[quantity] = case_of(exam, quantity, gradients)
    for quantity, case in cases.items():
        case.others = {q: (c.a, c.n) for q, c in everything.items() if q != quantity}
        finding = cause_of(exam, case)
        if finding is None:
            continue
        earlier = told.get(finding.label)
        if earlier is not None and (finding.label != "unnamed"):
            earlier.values.setdefault("also", []).append(quantity)
            continue
        told[finding.label] = finding
        yield finding


def cause_of(exam: Examination, case: Case) -> Finding | None:
    """Make the finding on one wrong gradient: its cause and its worst element.

    None where only elements on a kink differ, and no maximum of several is taken: which of the slopes to either side
    a gradient follows there is a matter of choice.
    """
    name = exam.backward_name()
    if any(g is None for g in case.a):
        return exam.finding("gradients", "forgets-param-grad", method=name, quantity=case.quantity)
    if ties_only(exam, case):
        if not shares_windows(exam, case.quantity):
            return None
        finding = exam.finding(
            "gradients", "routes-to-all-ties", severity="hazard", method=name, quantity=case.quantity
        )
        return with_worst(finding, case)
    cause = value_cause(case)
    repaired = None
    if cause is None or cause_named(cause[0]).repairable:
        repaired = search(exam, case, cause[0] if cause else None)
    if cause is None and repaired is not None and repaired.label:
        cause = (repaired.label, {})
    for fallback in FALLBACKS:
        cause = cause or fallback(case)
    label, values = cause or ("unnamed", {})
    severity = values.pop("severity", "error")
    finding = Finding("gradients", label, severity, method=name, quantity=case.quantity, values=values)
    if repaired is not None:
        finding.line = repaired.line
        finding.values |= repaired.values
    locate(exam.subject, finding)
    return with_worst(finding, case)
