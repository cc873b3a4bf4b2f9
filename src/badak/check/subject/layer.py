"""Classes with `forward(x)` and `backward(dout)`, the book's way to write a layer."""

from __future__ import annotations

import ast
import inspect
import re

from badak.check.source import Source, called_name
from badak.check.subject.base import Subject
from badak.check.subject.calls import TARGETS
from badak.check.subject.candidate import Candidate, Evidence


class Layer(Subject):
    """A class with forward(x) and backward(dout), which returns dx."""

    style = "class with forward and backward"
    integer_inputs = True

    @property
    def mean_in_layers(self) -> bool:
        """Whether all gradients of parameters may be means: no loss of the file divides by the number of samples."""
        return self.source is not None and not loss_divides(self.source)

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


def loss_divides(source: Source) -> bool:
    """Tell whether a function or class of the file that is called a loss takes a mean or divides."""
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and re.search(
            r"(?i)loss|entropy|cost|mse|mean_?squared|error_?fn", node.name
        ):
            parts = list(ast.walk(node))
            if any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div) for n in parts) or any(
                called_name(n) in ("mean", "average") for n in parts
            ):
                return True
    return False
