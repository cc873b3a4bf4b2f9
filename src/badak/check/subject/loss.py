"""Losses as classes with `forward(x, t)` and `backward(dout=1)`."""

from __future__ import annotations

import inspect

from badak.check.subject.base import Subject
from badak.check.subject.calls import TARGETS
from badak.check.subject.candidate import Candidate, Evidence


class Loss(Subject):
    """A class with forward(x, t), which gives one number, and backward(dout=1), which returns dx."""

    style = "loss with forward and backward"
    scalar = True
    has_target = True
    needs_second = True
    target_names = ("t", "y")

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose forward has a target for its second argument, or whose backward has dout=1."""
        if not candidate.offers("forward"):
            return None
        names = candidate.required_of("forward")
        every = [p.name for p in candidate.arguments_of("forward")]
        if len(every) >= 2 and TARGETS.match(names[1] if len(names) >= 2 else every[1]):
            return Evidence([f"forward({every[0]}, {every[1]})"])
        if len(names) >= 2:
            back = candidate.arguments_of("backward") if candidate.offers("backward") else []
            if len(back) == 1 and back[0].default is not inspect.Parameter.empty:
                return Evidence([f"backward({back[0]})"])
        return None
