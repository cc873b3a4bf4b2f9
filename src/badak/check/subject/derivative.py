"""Functions as objects beside their derivative: `__call__(x)` and `gradient(x)`, `func` and `derivative` …

The derivative is not multiplied by what comes from above; the check does that. Losses of this kind give a number for
each element or sample, and their gradient that of the sum, or of the mean: what fits one of them is right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from badak.check.subject.arguments import Layout
from badak.check.subject.base import Subject
from badak.check.subject.calls import TARGETS
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.layer import Layer
from badak.check.subject.names import methods_of, plainly
from badak.check.subject.stored import predictions

VALUES = ("func", "fn", "function", "evaluate", "calculate", "compute", "activate", "activation", "apply", "value", "f")
LOSSES = ("loss", "cost", "calculate", "compute", "value", "func", "evaluate", "forward")
DERIVATIVES = (
    *("derivative", "gradient", "grad", "prime", "calculatederivative", "derivate", "deriv", "backward", "fprime"),
    *("differentiate", "diff", "dfunc", "calculategradient"),
)
TARGET = re.compile(r"(?i)^(t|y_?true|true|targets?|labels?|truth|actual|y|expected|ground_?truth|gt|ans(wer)?s?)$")
PREDICTION = re.compile(r"(?i)^(p|y_?p(red)?|pred(ict(ed|ions?)?)?s?|y_?hat|outputs?|probs?|a|x|logits?|scores?|yp)$")
REDUCTIONS: tuple[Callable[[Any], Any], ...] = (np.sum, np.mean)


def value_and_derivative(candidate: Candidate, values: tuple[str, ...]) -> tuple[str, str] | None:
    """Give the names of a function and of its derivative, of the same arguments; None where there are not both."""
    offered: dict[str, str] = {}
    for name in methods_of(candidate):
        offered.setdefault(plainly(name), name)
    owner = candidate.kind
    if owner is not None and "__call__" in dir(owner) and any("__call__" in vars(k) for k in owner.__mro__[:-1]):
        offered["call"] = "__call__"
    value = next((offered[v] for v in ("call", *values) if v in offered), None)
    derivative = next((offered[d] for d in DERIVATIVES if d in offered), None)
    if value is None or derivative is None or value == derivative:
        return None
    return value, derivative


class ValueAndDerivative(Layer):
    """A class with a function of x and its derivative at x, element by element."""

    style = "function and derivative, not multiplied by dout"
    integer_inputs = False
    knows_arguments = True

    @classmethod
    def own_names(cls, candidate: Candidate) -> tuple[str, str] | None:
        """Give the class's own names of the function and of the derivative."""
        return value_and_derivative(candidate, VALUES)

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose function and derivative both take one argument of the same name."""
        names = cls.own_names(candidate)
        if names is None or candidate.offers("forward"):
            return None
        front, back = candidate.required_of(names[0]), candidate.required_of(names[1])
        if len(front) != 1 or len(back) != 1 or not _same(front[0], back[0]):
            return None
        return Evidence([f"{names[0]}({front[0]})", f"{names[1]}({back[0]})"])

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Multiply the derivative by what comes from above."""
        derivative = self.call(self.backward_name, getattr(obj, self.backward_name), x)
        return None if derivative is None else np.asarray(derivative) * np.asarray(dout)


class ValueLoss(Subject):
    """A class with a loss of a prediction and a target, and its gradient by the prediction."""

    style = "loss and gradient of prediction and target"
    scalar = True
    has_target = True
    needs_second = True
    target_names = ("t", "y_true", "y")
    knows_arguments = True
    reduction: Callable[[Any], Any] | None = None

    @classmethod
    def own_names(cls, candidate: Candidate) -> tuple[str, str] | None:
        """Give the class's own names of the loss and of its gradient."""
        return value_and_derivative(candidate, LOSSES)

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose loss and gradient both take a prediction and a target."""
        names = cls.own_names(candidate)
        network = candidate.offers("predict") or candidate.offers("numerical_gradient") or candidate.holds("params")
        if names is None or network or (candidate.offers("forward") and "forward" not in names):
            return None
        front, back = candidate.required_of(names[0]), candidate.required_of(names[1])
        if len(front) != 2 or len(back) != 2 or target_place(front) is None or target_place(back) is None:
            return None
        return Evidence([f"{names[0]}({', '.join(front)})", f"{names[1]}({', '.join(back)})"])

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give predictions that are probabilities first, with targets."""
        return predictions(alone) if layout.name == "rows" else iter(())

    @property
    def takes_dout(self) -> bool:
        """Whether the gradient has an argument for what comes from above."""
        return False

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Give the loss as one number: reduced as its gradient is."""
        value = self._called(obj, self.forward_name, x, second)
        if value is None or np.size(value) == 1:
            return value
        if self.reduction is None:
            self.reduction = self._reduction_of(obj, value)
        return self.reduction(value)

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Give the gradient by the prediction."""
        return self._called(obj, self.backward_name, x, second)

    def _called(self, obj: Any, name: str, x: Any, second: Any) -> Any:
        function = getattr(obj, name)
        needed = Candidate(self.name, obj, self.kind).required_of(name)
        return self.call(name, function, *((second, x) if target_place(needed) == 0 else (x, second)))

    def _reduction_of(self, obj: Any, value: Any) -> Callable[[Any], Any]:
        """Take the sum or the mean of what is given for each element: the one whose slope is nearer to the gradient."""
        x = np.asarray(self.x, float)
        given = np.asarray(self._called(obj, self.backward_name, x.copy(), self.second), float)
        if given.shape != x.shape:
            return np.sum
        way = np.random.default_rng(5).uniform(0.5, 1.0, x.shape)
        step = 1e-6
        ahead, behind = (
            np.asarray(self._called(obj, self.forward_name, x + s * way, self.second)) for s in (step, -step)
        )
        wanted = float((given * way).sum())
        return min(REDUCTIONS, key=lambda r: abs(abs(float(r(ahead) - r(behind)) / (2 * step)) - abs(wanted)))


def target_place(names: list[str]) -> int | None:
    """Tell which of two arguments is the target, by their names; None where these do not say."""
    first, second = names[:2]
    if TARGETS.match(first) or TARGETS.match(second):
        return 0 if TARGETS.match(first) else 1
    if first == "y" and re.match(r"(?i)^t\w*$", second):
        return 1
    if TARGET.match(first) and PREDICTION.match(second):
        return 0
    if PREDICTION.match(first) and TARGET.match(second):
        return 1
    return None


def _same(first: str, second: str) -> bool:
    return first == second or {first.lower(), second.lower()} <= {"x", "z", "s", "input", "inputs", "value", "a", "u"}
