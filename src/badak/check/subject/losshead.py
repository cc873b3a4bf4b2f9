"""Parts of a network that end in a loss: `loss(x, t)`, then `backward()` without arguments, which fills dW and db."""

from __future__ import annotations

from badak.check.subject.calls import TARGETS
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.loss import Loss


class LossHead(Loss):
    """A class with forward(x), loss(x, t) and a backward() that takes nothing."""

    style = "class with loss, then backward() without arguments"
    forward_name = "loss"
    method_names = ("loss", "backward")
    input_names = ()  # it may return dx, and need not
    knows_arguments = True

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose loss has a target, and whose backward has no argument."""
        if not all(candidate.offers(name) for name in ("forward", "loss", "backward")):
            return None
        names = candidate.required_of("loss")
        if len(names) != 2 or not TARGETS.match(names[1]) or candidate.arguments_of("backward"):
            return None
        return (
            Evidence([f"loss({', '.join(names)})", "backward()"])
            if len(candidate.required_of("forward")) == 1
            else None
        )
