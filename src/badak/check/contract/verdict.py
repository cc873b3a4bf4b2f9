"""Is this right? Every clause that applies to a subject, and the verdict."""

from __future__ import annotations

import time
from collections.abc import Sequence

from badak.check.causes.placing import locate
from badak.check.contract.arrange import arranged
from badak.check.contract.clause import Clause
from badak.check.contract.registry import CHECKS, CLAUSES
from badak.check.exam import Exam, Examination
from badak.check.findings import Report
from badak.check.subject import Examinee, Subject, UserError


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
        _run_clause(exam, clause, report, wanted)
        if clause.stops and any(f.severity == "error" for f in exam.findings):
            break
        if clause.stops and report.reason is not None:
            break
        if subject.expired():
            report.reason = "The time ran out before all checks were done."
            break
    report.checked += [f"{name} (not applicable)" for name in only or () if name not in asked]
    report.findings = arranged(exam.findings)
    report.seconds = time.perf_counter() - started
    return report


def _exam_of(subject: Examinee) -> Exam:
    if isinstance(subject, Subject):
        return Examination(subject, locate, examine)
    return Exam(subject, locate)


def _run_clause(exam: Exam, clause: Clause, report: Report, wanted: bool) -> None:
    before = len(exam.findings)
    try:
        for finding in clause.check(exam):
            exam.findings.append(finding)
        if exam.examinee.expired():
            # It may rest on slopes that were not measured any more: nobody is accused by that.
            del exam.findings[before:]
        elif wanted:
            report.checked.append(clause.name)
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
    finally:
        exam.examinee.world.restore()
