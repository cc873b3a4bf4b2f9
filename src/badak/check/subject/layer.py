"""Classes with `forward(x)` and `backward(dout)`, the book's way to write a layer."""

from __future__ import annotations

import inspect

from badak.check.subject.base import Subject
from badak.check.subject.calls import TARGETS
from badak.check.subject.candidate import Candidate, Evidence


class Layer(Subject):
    """A class with forward(x) and backward(dout), which returns dx."""

    style = "class with forward and backward"
    integer_inputs = True

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take every class with forward or backward that no other style takes."""
        methods = [name for name in ("forward", "backward") if candidate.offers(name)]
        return Evidence(methods) if methods else None


class TwoInputLayer(Subject):
    """A class with forward(x, y) and backward(dout), which returns (dx, dy)."""

    style = "class with forward and backward, two inputs"
    input_names = ("x", "y")
    needs_second = True
    target_names = ("y",)

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose forward needs two arguments, the second of which is no target."""
        if not candidate.offers("forward"):
            return None
        names = candidate.required_of("forward")
        if len(names) < 2 or TARGETS.match(names[1]):
            return None
        back = candidate.arguments_of("backward") if candidate.offers("backward") else []
        if len(back) == 1 and back[0].default is not inspect.Parameter.empty:
            return None  # backward(dout=1): the output is one number
        return Evidence([f"forward({', '.join(names)})"])
