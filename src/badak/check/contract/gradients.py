"""Backward gives the derivatives of forward, in their shapes, times dout."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.causes.naming import name_causes
from badak.check.causes.repair.search import search
from badak.check.causes.shapes import foreign, shape_cause
from badak.check.causes.wiring.gradients import check_network_gradients
from badak.check.causes.wiring.parts import check_composite
from badak.check.compare import case_of
from badak.check.contract.clause import Clause, Findings
from badak.check.exam import Examination
from badak.check.judging import wrong_quantities
from badak.check.numeric import close
from badak.check.tolerances import LINEAR, REPEATED

Array = np.ndarray[Any, Any]


def check_shapes(exam: Examination) -> Findings:
    """Each gradient has the shape of what it is the gradient of."""
    for quantity in exam.quantities:
        a = exam.gradient(exam.passes[0], quantity)
        right = np.shape(exam.subject.value(quantity))
        if a is None or np.shape(a) == right:
            continue
        if right in ((1,), ()) and np.size(a) == 1:
            continue
        row = np.shape(a) == (1, *right) or (1, *np.shape(a)) == right
        exam.shape_faults.add(quantity)
        case = case_of(exam, quantity, [exam.gradient(p, quantity) for p in exam.passes])
        cause = shape_cause(case) or foreign(exam, case)
        if row and cause is None:
            # A (1, M) bias gradient for an (M,) bias trains as it should, and an (M,) one for a (1, M) bias.
            exam.shape_faults.discard(quantity)
            continue
        label, values = cause or ("unnamed", {})
        line = None
        if label == "wrong-shape-dx":
            found = search(exam, case, label)
            line = found.line if found is not None else None
        yield exam.finding(
            "shapes",
            label,
            method=exam.backward_name(),
            quantity=quantity,
            got=list(np.shape(a)),
            expected=list(right),
            line=line,
            values=values | {"shape_fault": True},
        )


def check_gradients(exam: Examination) -> Findings:
    """Backward is the vector-Jacobian product at the last forward, for inputs and parameters."""
    wrong = wrong_quantities(exam)
    if wrong:
        finding = check_composite(exam, wrong)
        if finding is not None:
            yield finding
            return
    cases = {q: case_of(exam, q, [exam.gradient(p, q) for p in exam.passes]) for q in wrong}
    yield from name_causes(exam, cases)


def check_linear(exam: Examination) -> Findings:
    """Backward multiplies by dout: three times the dout gives three times the gradient."""
    subject = exam.subject
    once, thrice = exam.passes[0], subject.run(3.0 * np.asarray(exam.douts[0]))
    for quantity in exam.inputs + [p.name for p in subject.parameters]:
        a, b = exam.gradient(once, quantity), exam.gradient(thrice, quantity)
        if a is None or b is None or np.asarray(a).dtype.kind in "iub" or quantity in exam.shape_faults:
            continue
        a, b = np.asarray(a, float), np.asarray(b, float)
        if close(3 * a, b, LINEAR) or not np.any(a):
            continue
        label = "ignores-dout" if close(a, b, REPEATED) else "unnamed"
        severity = "hazard" if subject.scalar else "error"
        yield exam.finding(
            "linear",
            label,
            severity=severity,
            method=exam.backward_name(),
            quantity=quantity,
            values={"loss": subject.scalar, "linear": True},
        )
        return


SHAPES = [Clause("shapes", check_shapes, first=True, measures=True)]
CLAUSES = [
    Clause("gradients", check_gradients, applies=lambda s: not s.runs_forward_itself, measures=True),
    Clause("gradients", check_network_gradients, applies=lambda s: s.runs_forward_itself, measures=True),
    Clause("linear", check_linear, applies=lambda s: s.takes_dout),
]
