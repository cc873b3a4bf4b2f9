"""Layers that change their own weights: what goes wrong between the gradient and the step."""

from __future__ import annotations

from badak.check.case import Case
from badak.check.causes.base import Cause, Verdict
from badak.check.numeric import close


def after_step(case: Case) -> Verdict:
    """The gradient of the input is right as soon as backward takes no step: it was computed with the new weights."""
    still = case.subject.unmoved()
    if still is None or not case.is_input:
        return None
    gradients = [still.gradient(still.run(dout), case.quantity) for dout in case.douts]
    return ("dx-after-update", {}) if all(close(a, n) for a, n in zip(gradients, case.n, strict=True)) else None


CAUSES = (
    Cause(
        "dx-after-update",
        "{method} computes the gradient of {quantity} after its update, with weights that forward did not use.",
        "Compute the gradient of the input first, then change the weights.",
        tests=(after_step,),
        hides=frozenset({"linear", "batch-of-one", "after-update"}),
    ),
)
