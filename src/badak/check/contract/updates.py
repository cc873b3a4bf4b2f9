"""After the parameters change, gradients belong to the new ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.compare import is_large
from badak.check.contract.clause import Clause, Findings
from badak.check.copying import walk
from badak.check.exam import Examination
from badak.check.judging import agree_together, gap, wrong_quantities
from badak.check.numeric import close
from badak.check.subject import (
    UserError,
    get_path,
    set_path,
)
from badak.check.tolerances import GUARDED

Array = np.ndarray[Any, Any]


def check_after_update(exam: Examination) -> Findings:
    """After the parameters change, gradients belong to the new ones."""
    subject = exam.subject
    if not subject.parameters or any(np.asarray(subject.value(p.name)).dtype.kind != "f" for p in subject.parameters):
        return
    wrong: list[str] = []
    try:
        # A kink that one set of parameters happens to lie on is not on the others' way.
        moved = [_moved(exam, np.random.default_rng(seed)) for seed in (23, 24, 25)]
        if any(agree_together(other, GUARDED) for other in moved if is_large(other)):
            return  # element by element, what is less than that would not count either
        for other in moved:
            wrong = [q for q in wrong_quantities(other) if not subject.scalar or gap(other, q) > GUARDED]
            if not wrong:
                return
    except (UserError, ValueError):
        return
    stale = _stale_copy(exam)
    yield exam.finding(
        "after-update",
        "stale-weight-copy" if stale else "unnamed",
        method="__init__" if stale else exam.backward_name(),
        quantity=wrong[0],
        values={"name": stale or "", "after_update": True},
    )


def _moved(exam: Examination, rng: np.random.Generator) -> Examination:
    """Give the examination of the same object with all parameters moved."""
    subject = exam.subject
    moved = subject.fresh()
    for parameter in subject.parameters:
        held = get_path(moved, parameter.path)
        size = max(0.05, float(np.sqrt(np.mean(np.square(np.asarray(held, float))))))
        set_path(moved, parameter.path, np.asarray(held) + 0.4 * size * rng.standard_normal(np.shape(held)))
    later = subject.sibling(subject.x, subject.second, moved)
    other = Examination(later)
    other.y, other.douts = exam.y, exam.douts
    other.passes = [later.run(d) for d in other.douts]
    other.shape_faults = exam.shape_faults
    return other


def _stale_copy(exam: Examination) -> str | None:
    """Give the attribute that is a copy of a parameter (or of its transpose) made in __init__."""
    found: list[str] = []
    subject = exam.subject
    values = [np.asarray(get_path(subject.obj, p.path), float) for p in subject.parameters]
    held = [get_path(subject.obj, p.path) for p in subject.parameters]

    def look(part: Any) -> None:
        for name, value in getattr(part, "__dict__", {}).items():
            if (
                isinstance(value, np.ndarray)
                and not any(np.shares_memory(value, h) for h in held if isinstance(h, np.ndarray))
                and any(
                    close(value, v) or close(value, v.T) or close(np.ravel(value), np.ravel(v))
                    for v in values
                    if v.size > 1
                )
            ):
                found.append(name)

    walk(subject.obj, look)
    return str(found[0]) if found else None


CLAUSES = [
    Clause(
        "after-update", check_after_update, applies=lambda s: bool(s.parameters) and not s.keeps_nothing, measures=True
    )
]
