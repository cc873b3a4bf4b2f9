"""Layers whose methods have other names: forward_pass and backward_pass, fprop and bprop, call and gradient …"""

from __future__ import annotations

from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.layer import OwnNamedLayer
from badak.check.subject.names import gradients_of, own_pair


class RenamedLayer(OwnNamedLayer):
    """A class with forward and backward under names of its own."""

    style = "class with a forward and a backward under other names"

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class with both, of which forward takes the input alone, and backward the gradient."""
        names = own_pair(candidate)
        if names is None or names == ("forward", "backward"):
            return None
        if len(candidate.required_of(names[0])) != 1 or len(gradients_of(candidate, names[1])) != 1:
            return None
        return Evidence([f"{name}(…)" for name in names])
