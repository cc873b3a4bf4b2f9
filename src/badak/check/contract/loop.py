"""What goes wrong in a training loop: its steps, its batches, how it evaluates."""

from __future__ import annotations

from badak.check.contract.clause import Clause, Findings
from badak.check.exam import Exam
from badak.check.subject.loop import TrainingLoop


def check_loop(exam: Exam) -> Findings:
    """Steps go down, reach the layers, and rows belong to their answers; what is measured is measured as in use."""
    for slip in exam.examinee.obj.slips:
        yield exam.finding(
            "loop", slip.label, method=None, quantity=slip.quantity, line=slip.line, values=dict(slip.values)
        )


CLAUSES = [Clause("loop", check_loop, kind=TrainingLoop)]
