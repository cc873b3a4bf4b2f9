"""Layers that are handed an optimizer and update themselves with it: `initialize(optimizer)`, `set_input_shape`."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.copying import clone
from badak.check.subject.calls import has_method, required
from badak.check.subject.candidate import Candidate

SETUPS = ("initialize", "init_weights", "build", "compile", "setup", "set_optimizer", "initialise")


class Recorder:
    """Stands in for an optimizer: `update(w, grad)` gives w - rate * grad, so that the step tells the gradient."""

    def __init__(self, rate: float = 0.5) -> None:
        """Begin with a rate."""
        self.rate = rate

    def update(self, w: Any, grad_wrt_w: Any) -> Any:
        """Give the new weights, of the shape in which the gradient came."""
        return w - self.rate * np.asarray(grad_wrt_w)


def setup_of(owner: Any) -> str | None:
    """Give the method that takes an optimizer, None where there is none."""
    return next((n for n in SETUPS if has_method(owner, n) and _takes(getattr(owner, n))), None)


def _takes(function: Any) -> bool:
    return [n for n in required(function) if n != "self"] in (["optimizer"], ["opt"], ["optim"], ["optimiser"])


def takes_optimizer(candidate: Candidate) -> bool:
    """Tell whether a class has a method that takes an optimizer."""
    owner = candidate.obj if candidate.obj is not None else candidate.kind
    return owner is not None and (setup_of(owner) is not None or has_method(owner, "set_input_shape"))


def initialized(obj: Any, x: Any) -> Any:
    """Give the object told the shape of one sample and handed an optimizer of ours, where it wants them."""
    setup = setup_of(obj)
    shaped = has_method(obj, "set_input_shape")
    if (setup is None and not shaped) or not isinstance(x, np.ndarray) or getattr(obj, "_badak_ready", False):
        return obj
    made = clone(obj)
    try:
        if shaped and getattr(obj, "input_shape", None) is None:
            made.set_input_shape(tuple(x.shape[1:]))
        elif hasattr(obj, "input_shape") and obj.input_shape is None:
            made.input_shape = tuple(x.shape[1:])
        if setup is not None:
            getattr(made, setup)(Recorder())
        made._badak_ready = True
    except Exception:  # whatever the user's code does with a shape that does not fit: running it will tell
        return obj
    return made
