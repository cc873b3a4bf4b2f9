"""Is this right? Every clause that applies to a subject, and the verdict."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from badak.check.causes.placing import locate
from badak.check.contract.arrange import arranged
from badak.check.contract.clause import Clause
from badak.check.contract.registry import CHECKS, CLAUSES
from badak.check.exam import CouldNotCheck, Exam, Examination
from badak.check.findings import Report
from badak.check.judging import seen_wrong
from badak.check.subject import Examinee, Subject, UserError, has_method


def examine(subject: Examinee, only: Sequence[str] | None = None, file: str = "") -> Report:
    """Run the contract's clauses (or `only` some of them, by name) on a subject and give the report.

    Raises ValueError for a name that is not in CHECKS.
    """
    unknown = [name for name in only or () if name not in CHECKS]
    if unknown:
        raise ValueError(f"no check named {unknown[0]!r}; there are {', '.join(CHECKS)}")
    started = time.perf_counter()
    report = Report(file, subject.name, subject.style)
    if subject.source is not None:
        report.source = subject.source.lines
    exam = _exam_of(subject)
    asked: set[str] = set()
    for clause in CLAUSES:
        wanted = only is None or clause.name in only
        if not isinstance(subject, clause.kind) or not (wanted or clause.first) or not clause.applies(subject):
            continue
        asked.add(clause.name)
        before = len(exam.findings)
        _run_clause(exam, clause, report, wanted)
        failed = any(f.severity == "error" for f in exam.findings[before:])
        if clause.first and (report.reason is not None or (failed and clause.stops)):
            break
        if subject.expired():
            report.reason = "The time ran out before all checks were done."
            break
    if not asked and report.reason is None and only is None:
        report.reason, report.reason_values = _unknown(subject)
    report.checked += [f"{name} (not applicable)" for name in only or () if name not in asked]
    report.findings = arranged(exam.findings)
    report.seconds = time.perf_counter() - started
    return report


def _unknown(subject: Examinee) -> tuple[str, dict[str, Any]]:
    """Say that nothing was checked: no way of writing that is known was recognised."""
    methods = [n for n in dir(subject.obj) if not n.startswith("_") and has_method(subject.obj, n)]
    text = (
        "I don't know how to call {name}: it has no forward and backward, no loss and gradient, and nothing else that "
        "I know; it offers {methods}. Give it forward(x) and backward(dout), and run the check again."
    )
    return text, {"name": subject.name, "methods": ", ".join(methods[:8]) or "no method"}


def _exam_of(subject: Examinee) -> Exam:
    if isinstance(subject, Subject):
        return Examination(subject, locate, examine)
    return Exam(subject, locate)


def _run_clause(exam: Exam, clause: Clause, report: Report, wanted: bool) -> None:
    before = len(exam.findings)
    try:
        for finding in clause.check(exam):
            exam.findings.append(finding)
        if exam.examinee.expired() and clause.measures:
            # A cause may rest on slopes that were not measured any more; the fault itself was seen, or was not.
            exam.findings[before:] = seen_wrong(exam) if isinstance(exam, Examination) else []
        elif wanted and not exam.examinee.expired() and clause.name not in report.checked:
            report.checked.append(clause.name)
    except CouldNotCheck as hindrance:
        report.reason, report.reason_values = hindrance.text, hindrance.values
    except UserError as failure:
        if clause.stops:
            report.reason = "It ran once, and then no more: {error}"
            report.reason_values = {"error": failure.words.splitlines()[0]}
            return
        # A probe of ours that the user's code does not take is no fault of the user's.
        report.checked.append(f"{clause.name} (not applicable: {failure.words.splitlines()[0]})")
    except (MemoryError, RecursionError) as failure:
        report.reason = "The check needed too much memory or depth: {error}"
        report.reason_values = {"error": type(failure).__name__}
    except Exception as failure:
        # A probe met something that it was not written for: that is no answer, and no fault of the user's.
        report.reason = "The check {check} could not look at it: {error}"
        report.reason_values = {"check": clause.name, "error": f"{type(failure).__name__}: {failure}".splitlines()[0]}
    finally:
        exam.examinee.world.restore()
