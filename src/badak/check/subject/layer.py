"""Classes with `forward(x)` and `backward(dout)`, the book's way to write a layer."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from badak.check.source import Source, called_name
from badak.check.subject.arguments import GATES, D, H, Layout, M, N, combinations, gate_array, is_gated, needed
from badak.check.subject.base import Subject
from badak.check.subject.calls import TARGETS, has_method, required
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.names import own_pair
from badak.check.subject.settings import Maker

INDICES = re.compile(r"(?i)(idx|idxs|index|indices|ids?|word_ids?|target_idx)")


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

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give constructors; of a layer over time, with arrays for one gate, four, three and two."""
        kind = candidate.kind
        own = kind is not None and kind.__init__ is not object.__init__  # type: ignore[misc]
        parameters = needed(kind) if kind is not None and own else []
        if kind is not None and is_gated([p.name for p in parameters]):
            for gates in GATES:
                fixed = {p.name: v for p in parameters if (v := gate_array(p.name, gates)) is not None}
                for arguments in combinations([p for p in parameters if p.name not in fixed], layout):
                    yield Maker(kind, fixed | arguments)
        yield from super().makers(candidate, layout)


class OwnNamedLayer(Layer):
    """What the styles of layers have in common that find forward and backward by other names; no style itself."""

    integer_inputs = False

    @classmethod
    def own_names(cls, candidate: Candidate) -> tuple[str, str] | None:
        """Give the class's own names of forward and backward."""
        return own_pair(candidate)


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

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give vectors with indices, where the second argument is called so; else two alike."""
        names = required(obj.forward) if has_method(obj, "forward") else []
        if len(names) < 2 or not INDICES.fullmatch(names[1]) or alone:
            return None
        rng = np.random.default_rng(1)
        rows = (np.arange(N) * 2 + 1) % 5
        return iter([(rng.standard_normal((N, width)), rows) for width in (M, D, H)])


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
