"""What goes wrong in a class that trains."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.causes.network import is_modulus
from badak.check.contract.clause import Clause, Findings
from badak.check.exam import Exam
from badak.check.subject import (
    Trainer,
    attributes_of,
)

Array = np.ndarray[Any, Any]


def check_trainer(exam: Exam) -> Findings:
    """The number of iterations in an epoch is a whole number."""
    subject = exam.examinee
    for name in attributes_of(subject.obj):
        value = getattr(subject.obj, name, None)
        if isinstance(value, (float, np.floating)) and not float(value).is_integer() and is_modulus(subject, name):
            yield exam.finding(
                "trainer",
                "float-iter-per-epoch",
                method="__init__",
                quantity=name,
                got=float(value),
                values={"name": name},
            )
            return


CLAUSES = [Clause("trainer", check_trainer, kind=Trainer)]
