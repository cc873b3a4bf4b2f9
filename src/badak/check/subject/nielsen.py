"""Networks after Nielsen's book: lists `weights` and `biases`, samples as columns, `backprop(x, y)` for one sample."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from badak.check.copying import clone
from badak.check.subject.arguments import Layout
from badak.check.subject.base import Pass
from badak.check.subject.calls import UserError, has_method, required
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.network import BookNetwork
from badak.check.subject.parameters import Parameter, returned_names
from badak.check.subject.paths import plain

FORWARDS = ("feedforward", "feed_forward", "forward", "predict", "forward_propagation")
BACKWARDS = ("backprop", "back_prop", "backpropagation", "backpropagate", "back_propagation")
COSTS = ("cost", "loss", "compute_cost", "cost_function", "compute_loss", "calculate_cost")
GUARD = 1e-12  # within the logarithms of a cross-entropy


class NielsenNetwork(BookNetwork):
    """A class with weights, biases, feedforward(a) and backprop(x, y), which returns two lists of gradients."""

    style = "network with lists of weights and biases, and backprop"
    forward_name = "feedforward"
    backward_name = "backprop"
    method_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, obj: Any, *args: Any, **given: Any) -> None:
        """Wrap a network; its own names are kept for sentences."""
        super().__init__(obj, *args, **given)
        self.forward_name = _first(obj, FORWARDS)  # type: ignore[misc]
        self.backward_name = _first(obj, BACKWARDS)  # type: ignore[misc]
        self.predict_name = self.forward_name  # type: ignore[misc]
        self._kind: str | None = None

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose backprop asks for two arguments (a sample and its answer) and which has a forward."""
        back = next((name for name in BACKWARDS if candidate.offers(name)), None)
        front = next((name for name in FORWARDS if candidate.offers(name)), None)
        if back is None or front is None or candidate.offers("backward"):
            return None
        if len(candidate.required_of(back)) != 2 or len(candidate.required_of(front)) != 1:
            return None
        if candidate.kind is not None and candidate.source is not None:
            node = candidate.source.class_node(candidate.name)
            own = {
                n.attr
                for n in (ast.walk(node) if node is not None else [])
                if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id == "self"
            }
            if not {"weights", "biases"} <= own:
                return None
        elif candidate.offers("gradient"):
            return None
        return Evidence([f"{front}(a)", f"{back}(x, y)"])

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give one column, and the column that is wanted: of chances between 0 and 1, and of one hot unit."""
        weights = getattr(obj, "weights", None)
        if not weights or not all(np.ndim(w) == 2 for w in weights):
            return iter(())
        rng = np.random.default_rng(1)
        width, height = np.shape(weights[0])[1], np.shape(weights[-1])[0]
        x = rng.standard_normal((width, 1))
        hot = np.zeros((height, 1))
        hot[-1] = 1.0
        return iter([(x, rng.uniform(0.1, 0.9, (height, 1))), (x, hot), (x[:, 0], hot[:, 0])])

    # Calling --------------------------------------------------------------------------------------

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Give the cost of one sample, as the network's own cost (or the derivative of it) tells."""
        output = self.call(self.forward_name, getattr(obj, self.forward_name), x)
        return self._cost(obj, output, second)

    def _cost(self, obj: Any, output: Any, second: Any) -> Any:
        own = getattr(obj, "cost", None)
        if own is not None and has_method(own, "fn"):
            return self.call("fn", own.fn, output, second)
        method = next((n for n in COSTS if has_method(obj, n) and len(required(getattr(obj, n))) == 2), None)
        if method is not None and not has_method(obj, "cost_derivative"):
            value = self.call(method, getattr(obj, method), output, second)
            if np.size(value) == 1:
                return value
        if self._kind is None:
            self._kind = self._told(obj) or self._fitting()
        return COST[self._kind](np.asarray(output, float), np.asarray(second, float))

    def _told(self, obj: Any) -> str | None:
        """Give the cost whose derivative by the output the class has a method for; None where it has none."""
        if not has_method(obj, "cost_derivative"):
            return None
        a, y = np.array([[0.2], [0.7]]), np.array([[0.6], [0.1]])
        given = np.asarray(self.call("cost_derivative", clone(obj).cost_derivative, a, y), float)
        for name, derivative in DERIVATIVE.items():
            if given.shape == a.shape and np.allclose(given, derivative(a, y)):
                return name
        error = ValueError("cost_derivative is the derivative of no cost that I know")
        raise UserError(error, self.filename, "cost_derivative")

    def _fitting(self) -> str:
        """Give the cost by which the gradient of the last biases is right: nothing else tells which one is meant."""
        obj = self.fresh()
        biases = self._lists(obj, self.backward(obj, None, clone(self.x), clone(self.second)))["biases"]
        given = np.asarray(biases[-1], float) if biases is not None else np.zeros(())
        here = self.fresh()
        last = here.biases[-1]
        for name, cost in COST.items():
            slopes = np.zeros(np.shape(last))
            for index in np.ndindex(slopes.shape):
                ends = []
                kept = last[index]
                for move in (1e-6, -1e-6):
                    last[index] = kept + move
                    output = self.call(self.forward_name, getattr(here, self.forward_name), clone(self.x))
                    ends.append(cost(np.asarray(output, float), np.asarray(self.second, float)))
                last[index] = kept
                slopes[index] = (ends[0] - ends[1]) / 2e-6
            if given.shape == slopes.shape and np.allclose(given, slopes, rtol=1e-4, atol=1e-9):
                return name
        raise UserError(ValueError("no cost that I know fits the last gradient"), self.filename, self.backward_name)

    # Reading --------------------------------------------------------------------------------------

    def find_parameters(self, obj: Any, returned: Any, before: Any = None) -> list[Parameter]:
        """Give the members of the two lists."""
        start = self.obj if before is None else before
        return [
            Parameter(f"{name}[{i}]", (("a", name), ("i", i)), None, key=(name, i))
            for name in ("weights", "biases")
            for i in range(len(getattr(start, name, ())))
        ]

    def collect(self, result: Pass, obj: Any, returned: Any) -> None:
        """Read the two lists that backprop returned."""
        lists = self._lists(obj, returned)
        result.dx = [returned]
        for parameter in self.parameters:
            name, i = parameter.key
            held = lists[name]
            result.grads[parameter.name] = plain(held[i]) if held is not None and i < len(held) else None

    def _lists(self, obj: Any, returned: Any) -> dict[str, Any]:
        """Tell the gradients of weights from those of biases: by the names returned, else by their shapes."""
        parts = [p for p in returned if isinstance(p, (list, tuple))] if isinstance(returned, tuple) else []
        found: dict[str, Any] = {"weights": None, "biases": None}
        if len(parts) < 2:
            return found
        names = returned_names(self.source, self.name, self.backward_name)
        ends = [n.lower().rstrip("s").rsplit("_", 1)[-1] for n in names]
        if len(names) == len(parts) == 2 and {e[-1:] for e in ends} == {"b", "w"}:
            order = ["biases" if e[-1:] == "b" else "weights" for e in ends]
        else:
            shapes = [np.shape(w) for w in obj.weights]
            order = ["weights", "biases"]
            if [np.shape(p) for p in parts[0]] != shapes and [np.shape(p) for p in parts[1]] == shapes:
                order.reverse()
        return found | dict(zip(order, parts, strict=False))


def _quadratic(a: Any, y: Any) -> float:
    return 0.5 * float(((a - y) ** 2).sum())


def _squares(a: Any, y: Any) -> float:
    return float(((a - y) ** 2).sum())


def _cross_entropy(a: Any, y: Any) -> float:
    return -float((y * np.log(a + GUARD) + (1 - y) * np.log(1 - a + GUARD)).sum())


def _log_likelihood(a: Any, y: Any) -> float:
    return -float((y * np.log(a + GUARD)).sum())


COST = {
    "quadratic": _quadratic,
    "squares": _squares,
    "cross-entropy": _cross_entropy,
    "log-likelihood": _log_likelihood,
}
DERIVATIVE: dict[str, Callable[[Any, Any], Any]] = {
    "quadratic": lambda a, y: a - y,
    "squares": lambda a, y: 2 * (a - y),
    "cross-entropy": lambda a, y: (a - y) / (a * (1 - a)),
    "log-likelihood": lambda a, y: -y / a,
}


def _first(obj: Any, names: tuple[str, ...]) -> str:
    return next((name for name in names if has_method(obj, name)), names[0])
