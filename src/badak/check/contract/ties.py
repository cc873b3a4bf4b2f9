"""Where inputs are tied, the gradient is a subgradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.compare import SAMPLED, agrees, case_of, shares_windows, ties_only, with_worst
from badak.check.contract.clause import Clause, Findings
from badak.check.contract.probes import bounded
from badak.check.exam import Examination
from badak.check.subject import (
    UserError,
)

Array = np.ndarray[Any, Any]


def check_ties(exam: Examination) -> Findings:
    """Where inputs are tied, the gradient is still a subgradient."""
    subject = exam.subject
    if exam.inputs != ["x"] or np.ndim(subject.x) < 3 or bounded(subject.x):
        return
    if np.size(subject.x) > SAMPLED or not np.array_equal(np.rint(subject.x * 0), subject.x * 0):
        return
    tied = subject.sibling(np.rint(np.clip(subject.x, -1, 1)), subject.second)
    other = Examination(tied)
    try:
        other.y = np.asarray(tied.forward(tied.fresh(), tied.x.copy()))
        other.douts = other.random_douts()[:1]
        other.passes = [tied.run(d) for d in other.douts]
        if agrees(other, "x"):
            return
    except (UserError, ValueError):
        return
    case = case_of(other, "x", [other.gradient(p, "x") for p in other.passes])
    if ties_only(other, case) and shares_windows(other, "x"):
        yield with_worst(
            exam.finding("ties", "routes-to-all-ties", severity="hazard", method=exam.backward_name(), quantity="x"),
            case,
        )


CLAUSES = [Clause("ties", check_ties, applies=lambda s: s.unary, measures=True)]
