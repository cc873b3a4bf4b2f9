"""What is drawn comes from a generator of the layer's own."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.contract.clause import Clause, Findings
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.numeric import close
from badak.check.subject import (
    UserError,
)
from badak.check.tolerances import EQUAL

Array = np.ndarray[Any, Any]


def check_randomness(exam: Examination) -> Findings:
    """What is drawn comes from a generator of the layer's own, not from the global one."""
    subject = exam.subject
    outputs = []
    for seed in (1, 2, 1):
        try:
            outputs.append(
                np.asarray(subject.forward(subject.fresh(seed=seed), clone(subject.x), clone(subject.second)), float)
            )
        except UserError:
            return
    subject.world.restore()
    if close(outputs[0], outputs[2], EQUAL) and not close(outputs[0], outputs[1], EQUAL):
        yield exam.finding(
            "randomness", "uses-global-rng", severity="hazard", method=exam.forward_name(), quantity="forward"
        )


CLAUSES = [Clause("randomness", check_randomness)]
