"""What people call forward and backward, and the arguments of backward that are no gradient."""

from __future__ import annotations

import inspect
import re

from badak.check.source import is_upstream
from badak.check.subject.calls import FLAGS
from badak.check.subject.candidate import Candidate

# Names are compared in lower case and without underscores. The most usual come first.
FRONTS = (
    *("forward", "forwardpass", "forwardpropagation", "forwardpropagate", "forwardprop", "fprop", "feedforward"),
    *("propagateforward", "forwardstep", "fwd", "call", "compute", "apply", "activate", "predict"),
)
BACKS = (
    *("backward", "backwardpass", "backwardpropagation", "backpropagation", "backpropagate", "backwardpropagate"),
    *("backwardprop", "backprop", "bprop", "backpass", "propagatebackward", "propagateback", "backwardstep", "bwd"),
    *("backwards", "backpropogate", "backpropogation"),  # as it is often misspelled
)
SLOPES = ("gradient", "grad", "derivative")  # the name of a derivative, or of a backward beside call
# Names that are forward only beside a backward whose own name leaves no doubt.
VAGUE = ("compute", "apply", "activate", "predict")
RATE = re.compile(r"(?i)^(learning_?rate|learn_?rate|lr|l_?rate|lrate|alpha|eta|rate|step_?size|learningrate|lr_rate)$")
CACHES = re.compile(r"(?i)^(cache|caches|cached?_?\w*|memory|mem|ctx|context|saved)$")


def plainly(name: str) -> str:
    """Give a name without case and underscores."""
    return name.replace("_", "").lower()


def methods_of(candidate: Candidate) -> list[str]:
    """Give the names of a class's methods; those with two underscores are left out."""
    owner = candidate.obj if candidate.obj is not None else candidate.kind
    names = [n for n in dir(owner) if not n.startswith("__")] if owner is not None else []
    return [n for n in names if candidate.offers(n)]


def own_pair(candidate: Candidate) -> tuple[str, str] | None:
    """Give the names of a class's forward and backward, None where it has not both."""
    offered: dict[str, str] = {}
    for name in methods_of(candidate):
        offered.setdefault(plainly(name), name)
    back = next((offered[b] for b in BACKS if b in offered), None)
    front = next((offered[f] for f in FRONTS if f in offered), None)
    if back is not None and front is not None and (plainly(front) not in VAGUE or _alone(candidate, back)):
        # _backward alone is a closure of an autograd object; with _forward it is a method.
        return (front, back) if back.startswith("_") <= front.startswith("_") else None
    if back is None and "call" in offered:
        back = next((offered[s] for s in SLOPES if s in offered and _alone(candidate, offered[s])), None)
        return (offered["call"], back) if back is not None else None
    return None


def _alone(candidate: Candidate, name: str) -> bool:
    """Tell whether a method takes a gradient, by its first argument's name."""
    needed = candidate.required_of(name)
    return bool(needed) and is_upstream(needed[0])


def rate_of(candidate: Candidate, backward: str, forward: str = "") -> str | None:
    """Give the argument of backward that is a learning rate: never the first, and none that forward has too."""
    known = {p.name for p in candidate.arguments_of(forward)} if forward and candidate.offers(forward) else set()
    arguments = [p for p in candidate.arguments_of(backward) if p.kind is not inspect.Parameter.VAR_KEYWORD]
    return next((p.name for p in arguments[1:] if RATE.match(p.name) and p.name not in known), None)


def gradients_of(candidate: Candidate, backward: str, rate: str | None = None) -> list[str]:
    """Give the arguments that backward needs besides a rate and a switch."""
    return [n for n in candidate.required_of(backward) if n != rate and n not in FLAGS]
