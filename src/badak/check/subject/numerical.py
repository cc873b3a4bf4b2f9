"""Networks of the book's chapter 4: a loss, and gradients by differences alone, inside the class or outside it.

A difference with the book's step of 1e-4 is no derivative to the last digit: such a gradient is compared less sharply
than one by backpropagation, and still far below any fault.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from badak.check.subject.base import Pass
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.network import BookNetwork
from badak.check.subject.parameters import Parameter
from badak.check.subject.paths import attributes_of, copied, is_numbers, plain
from badak.check.tolerances import DIFFERENCES, Precision

HELPER = re.compile(r"(?i)_?(eval_)?(numerical|numeric|num)_(gradient|grad|diff)(ent)?(_2d|_nd|_array|_batch)?")


def calls_layers(candidate: Candidate) -> bool:
    """Tell whether a class calls `forward` or `backward` of something: it is made of layers."""
    node = candidate.source.class_node(candidate.name) if candidate.source is not None else None
    return any(
        isinstance(item, ast.Attribute) and item.attr in ("forward", "backward")
        for item in (ast.walk(node) if node is not None else [])
    )


class NumericalNetwork(BookNetwork):
    """A class with loss(x, t) and numerical_gradient(x, t), and no other gradient."""

    style = "network with numerical gradients alone"
    backward_name = "numerical_gradient"
    method_names: ClassVar[tuple[str, ...]] = ("loss", "numerical_gradient")

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class with loss and numerical_gradient, without gradient and without layers."""
        offers = candidate.offers
        if not (offers("loss") and offers("numerical_gradient")):
            return None
        if any(offers(name) for name in ("gradient", "forward", "backward")) or calls_layers(candidate):
            return None
        return Evidence(["loss", "numerical_gradient"])

    @property
    def precision(self) -> Precision:
        """The precision of a difference with a step of the user's choice."""
        return replace(super().precision, relative=max(super().precision.relative, DIFFERENCES))


class HelpedNetwork(NumericalNetwork):
    """A class with loss(x, t) and weights, whose gradient a function of the file takes from outside: simpleNet."""

    style = "network whose gradient a function of the file takes by differences"
    method_names: ClassVar[tuple[str, ...]] = ("loss",)

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class with loss and predict and no gradient, in a file that has numerical_gradient(f, x)."""
        offers = candidate.offers
        if not (offers("loss") and offers("predict")) or calls_layers(candidate):
            return None
        if any(offers(name) for name in ("gradient", "numerical_gradient", "forward", "backward", "backprop")):
            return None
        helper = helper_of(candidate.namespace)
        return Evidence(["loss", f"{helper.__name__}(f, x)"]) if helper is not None else None

    def __init__(self, obj: Any, *args: Any, **given: Any) -> None:
        """Wrap a network; sentences name the file's own function."""
        super().__init__(obj, *args, **given)
        helper = helper_of(self.namespace)
        self.backward_name = helper.__name__ if helper is not None else "numerical_gradient"  # type: ignore[misc]

    def find_parameters(self, obj: Any, returned: Any, before: Any = None) -> list[Parameter]:
        """Give the arrays in `params`, else the network's own floating arrays."""
        held = super().find_parameters(obj, returned, before)
        start = self.obj if before is None else before
        own = [n for n in attributes_of(start) if np.ndim(getattr(start, n, 0)) > 0 and is_numbers(getattr(start, n))]
        return held or [Parameter(n, (("a", n),), None, key=n) for n in own]

    def run(self, dout: Any = None, x: Any = None, second: Any = None, obj: Any = None) -> Pass:
        """Let the file's function take the gradient of loss by each array, changed in its place."""
        obj = self.fresh() if obj is None else obj
        x = copied(self.x if x is None else x)
        second = copied(self.second if second is None else second)
        helper = helper_of(self.namespace)
        result = Pass(np.zeros(()), obj=obj)
        for parameter in self.parameters:
            name = parameter.path[0][1]
            array = getattr(obj, name) if len(parameter.path) == 1 else getattr(obj, name)[parameter.key]
            assert helper is not None
            value = self.call(self.backward_name, helper, lambda *_: obj.loss(x, second), array)
            result.grads[parameter.name] = plain(value)
        result.dx = [dict(result.grads)]
        return result

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Give the gradients by name."""
        kept, self.parameters = self.parameters, self.find_parameters(obj, None, obj)
        try:
            return self.run(dout, x, second, obj).grads
        finally:
            self.parameters = kept or self.parameters


def helper_of(namespace: dict[str, Any] | None) -> Callable[..., Any] | None:
    """Give the function of the file (its own or imported) that takes a gradient by differences."""
    for name, value in (namespace or {}).items():
        if HELPER.fullmatch(name) and callable(value) and not isinstance(value, type):
            return value
    return None
