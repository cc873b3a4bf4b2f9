"""Two rarer ways: backward(a) gives the derivative at the layer's own output, and a loss is built from its data."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from badak.check.source import Source, is_self, is_upstream
from badak.check.subject.arguments import Layout
from badak.check.subject.base import Subject
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.derivative import target_place
from badak.check.subject.layer import Layer
from badak.check.subject.parameters import Parameter
from badak.check.subject.stored import predictions, written_by


class DerivativeOfOutput(Layer):
    """A layer whose backward(a) takes what forward gave, and gives the activation's derivative there.

    The way back through the weights is its network's: it is added here, so that dx can be compared.
    """

    style = "layer whose backward gives the derivative at its own output"
    integer_inputs = False
    knows_arguments = True

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a backward whose argument is called as forward's result, and that reads nothing forward has stored."""
        source = candidate.source
        if source is None or not candidate.offers("forward") or not candidate.offers("backward"):
            return None
        front, back = candidate.required_of("forward"), candidate.required_of("backward")
        if len(front) != 1 or len(back) != 1 or is_upstream(back[0]) or back[0] == front[0]:
            return None
        kept = written_by(source, candidate.name, "forward")
        if back[0] not in _returned(source, candidate.name) or _read(source, candidate.name) & kept:
            return None
        return Evidence([f"backward({back[0]})", f"return {back[0]}"])

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Multiply the derivative at the output by what comes from above, and go back through the weights."""
        y = self.forward(obj, x)
        slope = np.asarray(self.call("backward", obj.backward, y)) * np.asarray(dout)
        if np.shape(y) == np.shape(x):
            return slope
        weights = [
            a for a in vars(obj).values() if isinstance(a, np.ndarray) and a.shape == (np.shape(x)[-1], np.shape(y)[-1])
        ]
        return slope @ weights[0].T if len(weights) == 1 else None

    def find_parameters(self, obj: Any, returned: Any, before: Any = None) -> list[Parameter]:
        """Give nothing: the gradients of the weights are computed elsewhere."""
        return []


class Built:
    """A class whose objects are made from a prediction and a target, and the last that was made."""

    kind: Any = None
    turned = False  # the target comes first
    made: Any = None


def built(kind: type, turned: bool) -> Built:
    """Give what makes the losses of a class."""
    maker = Built()
    maker.kind, maker.turned = kind, turned
    return maker


class BuiltLoss(Subject):
    """A loss that is made from its data: `Loss(y_hat, y)`, then forward() and backward()."""

    style = "loss that is made from a prediction and a target"
    scalar = True
    has_target = True
    needs_second = True
    target_names = ("t", "y", "Y")
    method_names = ()
    knows_arguments = True

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose constructor wants a prediction and a target, and whose two methods want nothing."""
        kind = candidate.kind
        if isinstance(candidate.obj, Built) or kind is None:
            return None
        if not candidate.offers("forward") or not candidate.offers("backward"):
            return None
        if candidate.required_of("forward") or candidate.required_of("backward"):
            return None
        needed = candidate.required_of("__init__") if candidate.obj is None else []
        return Evidence([f"{candidate.name}({', '.join(needed)})"]) if _is_data(needed) else None

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give what makes the losses."""
        kind = candidate.kind
        if kind is not None and layout.name == "rows":
            turned = target_place(candidate.required_of("__init__")) == 0
            yield lambda: built(kind, turned)

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give predictions with targets."""
        return predictions(alone) if layout.name == "rows" else iter(())

    @property
    def asked(self) -> Any:
        """What the user's methods are looked for in."""
        return self.obj.kind

    @property
    def takes_dout(self) -> bool:
        """Whether backward has an argument: it has none."""
        return False

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Make the loss and run its forward."""
        obj.made = self.call("__init__", obj.kind, *((second, x) if obj.turned else (x, second)))
        return self.call("forward", obj.made.forward)

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Run its backward."""
        return self.call("backward", obj.made.backward)

    def find_parameters(self, obj: Any, returned: Any, before: Any = None) -> list[Parameter]:
        """Give nothing: a loss learns nothing."""
        return []


def _is_data(needed: list[str]) -> bool:
    return len(needed) == 2 and target_place(needed) is not None


def _returned(source: Source, owner: str) -> set[str]:
    """Give the names that forward returns: of a local value or of an attribute."""
    node = source.method(owner, "forward")
    values = [n.value for n in ast.walk(node) if isinstance(n, ast.Return)] if node is not None else []
    return {getattr(v, "id", getattr(v, "attr", "")) for v in values if v is not None}


def _read(source: Source, owner: str) -> set[str]:
    """Give the attributes of self that backward reads, in the methods that it calls too."""
    nodes = [n for _, function in source.reached(owner, "backward") for n in ast.walk(function)]
    return {n.attr for n in nodes if isinstance(n, ast.Attribute) and is_self(n.value)}
