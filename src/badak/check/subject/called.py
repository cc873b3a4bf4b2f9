"""Layers and losses that are to be called: `__call__` stores the input, or finds sizes, before forward computes."""

from __future__ import annotations

import inspect
from typing import Any

from badak.check.subject.base import Subject
from badak.check.subject.calls import FLAGS, TARGETS, parameters_of
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.layer import Layer
from badak.check.subject.loss import Loss
from badak.check.subject.variables import written_in

MODES = ("mode", "phase")  # arguments that say 'train' or 'test' in words


def called_with(candidate: Candidate) -> list[str] | None:
    """Give the names of the arguments that a class must be called with, switches left out; None if it is not called."""
    kind = candidate.kind
    if kind is None or not candidate.offers("backward"):
        return None
    written = written_in(kind, "__call__")
    if not inspect.isfunction(written):
        return None
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p for p in list(inspect.signature(written).parameters.values())[1:] if p.kind in plain]
    needed = [p.name for p in names if p.default is inspect.Parameter.empty]
    return [name for name in needed if name not in (*FLAGS, *MODES)]


class _Called(Subject):
    """Calls the object, whatever its forward takes."""

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Call the object on an input (and a target)."""
        arguments = (x, second) if self.needs_second else (x,)
        words = {p.name: "train" for p in parameters_of(obj) if p.name in MODES and p.default is p.empty}
        flags = {p.name: True for p in parameters_of(obj) if p.name in FLAGS and not p.default}
        return self.call("__call__", obj, *arguments, **{**words, **flags, **kwargs})


class CalledLayer(_Called, Layer):
    """A class that is called with x, and has backward(dout)."""

    style = "class that is called, with backward"
    method_names = ("__call__", "backward")

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class with `__call__(x)` and backward(dout)."""
        names = called_with(candidate)
        return Evidence([f"__call__({names[0]})", "backward"]) if names is not None and len(names) == 1 else None


class CalledLoss(_Called, Loss):
    """A class that is called with x and a target, and has backward()."""

    style = "loss that is called, with backward"
    method_names = ("__call__", "backward")

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class with `__call__(x, t)` and backward()."""
        names = called_with(candidate)
        if names is None or len(names) != 2 or len(candidate.required_of("backward")) > 1:
            return None
        takes = candidate.required_of("backward")
        if TARGETS.match(names[1]) or not takes:
            return Evidence([f"__call__({', '.join(names)})", "backward"])
        return None
