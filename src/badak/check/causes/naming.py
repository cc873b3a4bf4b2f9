"""From a wrong gradient to the finding that names its cause."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from badak.check.case import Case
from badak.check.causes.base import Verdict
from badak.check.causes.placing import locate
from badak.check.causes.registry import FALLBACKS, cause_named, value_cause
from badak.check.causes.repair.search import Repair, search
from badak.check.compare import SAMPLED, case_of, shares_windows, ties_only, with_worst
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.numeric import close


def name_causes(exam: Examination, cases: dict[str, Case]) -> Iterator[Finding]:
    """Name the cause of each wrong gradient; one that explains several is told once."""
    if not cases:
        return
    told: dict[str, Finding] = {}
    everything = dict(cases)
    for quantity in exam.quantities:
        if quantity not in everything and quantity not in exam.shape_faults and len(exam.subject.parameters) < 12:
            gradients = [exam.gradient(p, quantity) for p in exam.passes]
            if all(g is not None for g in gradients) and np.size(gradients[0]) <= SAMPLED:
                everything[quantity] = case_of(exam, quantity, gradients)
    for quantity, case in cases.items():
        case.others = {q: (c.a, c.n) for q, c in everything.items() if q != quantity}
        for finding in causes_of(exam, case):
            earlier = told.get(finding.label)
            if earlier is not None and (finding.label != "unnamed"):
                earlier.values.setdefault("also", []).append(quantity)
                continue
            told[finding.label] = finding
            yield finding


def causes_of(exam: Examination, case: Case) -> Iterator[Finding]:
    """Make the findings on one wrong gradient: its cause and its worst element. Two causes are two findings.

    None where only elements on a kink differ, and no maximum of several is taken: which of the slopes to either side
    a gradient follows there is a matter of choice.
    """
    name = exam.backward_name()
    if any(g is None for g in case.a):
        yield exam.finding("gradients", "forgets-param-grad", method=name, quantity=case.quantity)
        return
    if ties_only(exam, case):
        if shares_windows(exam, case.quantity):
            finding = exam.finding(
                "gradients", "routes-to-all-ties", severity="hazard", method=name, quantity=case.quantity
            )
            yield with_worst(finding, case)
        return
    cause, repaired = _cause(exam, case)
    label, values = cause or ("unnamed", {})
    severity = values.pop("severity", "error")
    # What the gradient would be without this cause: where the user's is not that either, there is another.
    without = values.pop("without", None)
    finding = Finding("gradients", label, severity, method=name, quantity=case.quantity, values=values)
    if repaired is not None:
        finding.line = repaired.line
        finding.values |= repaired.values
    locate(exam.subject, finding)
    yield with_worst(finding, case)
    if isinstance(without, Case) and not all(close(a, n) for a, n in zip(case.a, without.n, strict=True)):
        yield from causes_of(exam, dataclasses.replace(without, told=case.told | {label}))


def _cause(exam: Examination, case: Case) -> tuple[Verdict, Repair | None]:
    cause = value_cause(case)
    repaired = None
    if cause is None or cause_named(cause[0]).repairable:
        repaired = search(exam, case, cause[0] if cause else None)
    if cause is None and repaired is not None and repaired.label:
        cause = (repaired.label, {})
    for fallback in FALLBACKS:
        cause = cause or fallback(case)
    return cause, repaired
