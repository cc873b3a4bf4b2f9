"""Losses as functions: `softmax_loss(x, y) -> (loss, dx)`, `svm_loss(W, X, y, reg) -> (loss, dW)`, `mse` with
`mse_prime`; and functions with their derivative, `sigmoid` with `sigmoid_prime`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from badak.check.copying import clone
from badak.check.subject.arguments import ROWS, SEQUENCES, D, Layout, M, N, Unguessable, normal
from badak.check.subject.base import Pass, Subject
from badak.check.subject.candidate import Candidate, Found
from badak.check.subject.functions import FunctionPair, Note, line_of
from badak.check.subject.lossroles import WEIGHTS, flat, prediction_of, target_of, targets_for
from badak.check.subject.matching import gradient_of, returned_by, sort_gradients
from badak.check.subject.pairing import Pair, live, positional
from badak.check.subject.paths import Path
from badak.check.subject.reading import Reading
from badak.check.subject.scenes import fillings

Array = np.ndarray[Any, Any]
GRADIENT_TITLE = re.compile(r"(?i)^(d[A-Z_]?\w*|grads?\w*|gradients?\w*|\w+_grad(ient)?s?)$")
LOSS_TITLE = re.compile(r"(?i)(loss|cost|^j$|error|^l$)")


@dataclass
class LossPair(Pair):
    """A loss with what it needs: one number, of a prediction and a target. `target` is the name of that argument."""

    target: str | None = None

    def forward(self, x: Any, second: Any = None) -> Any:
        """Call the loss, and give one number."""
        self.arguments[self.first] = x
        if self.target is not None and second is not None:
            self.arguments[self.target] = second
        result = live(self.front)(**{name: self.arguments[name] for name in self.wanted})
        return self.value_of(result)

    def arrays(self) -> dict[str, Path]:
        """Give the arrays that may have a gradient: the target has none."""
        return {n: path for n, path in super().arrays().items() if n != self.target}

    def value_of(self, result: Any) -> Any:
        """Give the loss of what the function returned, and keep the rest: here (loss, gradients)."""
        if not isinstance(result, tuple):
            return result
        self.outputs, self.saved = [result[0]], result[1:]
        return result[0]

    def backward(self, dout: Any) -> Any:
        """Sort the gradients that came with the loss."""
        saved = self.saved[0] if len(self.saved) == 1 else self.saved
        titles = returned_by(self.front)[1:]
        arrays = self.held()
        only = next((n for n in arrays if titles and gradient_of(titles[0], n)), None)
        weights = next((n for n in arrays if WEIGHTS.match(flat(n))), None)
        self.gradients = sort_gradients(saved, arrays, titles, only or weights or self.first)
        return self.gradients.get(self.first)


class LossFunction(FunctionPair):
    """A function that gives a loss and its gradient at once."""

    style = "loss function that returns (loss, gradient)"
    scalar = True
    has_target = True
    needs_second = True
    integer_inputs = False

    @property
    def mean_in_layers(self) -> bool:
        """No: the loss is there, and divides or does not."""
        return False

    @classmethod
    def gather(cls, found: Found) -> list[Candidate]:
        """Give the functions that return a loss and gradients, by the names in their return statement."""
        candidates = []
        for name, function in list(found.functions.items()):
            titles = returned_by(function)
            names = [p.name for p in positional(function)]
            loss = len(titles) >= 2 and (LOSS_TITLE.search(titles[0]) or re.search(r"(?i)loss|cost", name))
            if loss and len(names) >= 2 and GRADIENT_TITLE.match(titles[1]) and names[0] != "self":
                candidates.append(cls.candidate(found, {name: function}))
        return candidates

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give the loss with values for its arguments, but for prediction and target. Raises Unguessable."""
        if layout != ROWS:
            return
        (function,) = candidate.functions.values()
        parameters = [p for p in positional(function) if p.default is inspect.Parameter.empty]
        names = [p.name for p in parameters]
        target = target_of([p.name for p in positional(function)])
        weights = [n for n in names if WEIGHTS.match(flat(n))]
        others = [n for n in names if n != target]
        first = next((n for n in others if flat(n) in ("x", "inputs", "data")), None) if weights else None
        first = first or prediction_of([n for n in others if n not in weights] or others, target)
        if first is None:
            raise Unguessable(names[0] if names else candidate.name)
        rest = [n for n in others if n != first]
        yield from _losses(LossPair, function, function, first, target, rest, weights)

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give predictions with targets; rows of an input where there are weights."""
        if alone:
            return iter(())
        if any(WEIGHTS.match(flat(n)) for n in obj.arguments):
            x = normal(N, D)
            return ((x, t) for t in _answers())
        return targets_for(normal(N, M))

    def hindrance(self) -> Note | None:
        """Tell where the function is not written yet."""
        if Reading(self.obj.front, 0).unwritten:
            text = "{name} is not written yet (line {line}). Write it, and run the check again."
            return text, {"name": self.forward_name, "line": line_of(self.obj.front)}
        return None

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Call the loss."""
        return self.call(self.forward_name, obj.forward, x, second)

    @property
    def takes_dout(self) -> bool:
        """There is none."""
        return False

    def default_dout(self, y: Any) -> Any:
        """Give 1."""
        return 1.0

    def random_dout(self, y: Any, rng: np.random.Generator, shift: float) -> Array:
        """Give 1."""
        return np.ones(())

    def _about(self) -> Any:
        if not hasattr(self, "_seen"):
            self._seen = self.fresh()
            try:
                self.forward(self._seen, clone(self.x), clone(self.second))
                self.backward(self._seen, 1.0)
            except Exception:  # whatever the user's code does: the contract will tell
                self._seen.gradients = {}
        return self._seen

    def run(self, dout: Any = None, x: Any = None, second: Any = None, obj: Any = None) -> Pass:
        """Run both; functions keep nothing."""
        return Subject.run(self, dout, x, second, obj)

    def sibling(self, x: Any, second: Any = None, obj: Any = None) -> Subject:
        """Give the same loss of another sample."""
        return Subject.sibling(self, x, second, obj)

    def variants(self) -> Iterator[tuple[str, Any, Any]]:
        """Nothing is varied."""
        yield from ()


def _answers() -> Iterator[Any]:
    index = np.array([0, 2, 1, 0, 2])
    yield index
    yield np.eye(M)[index]
    yield (index > 0).astype(float)
    yield (index > 0).astype(float).reshape(N, 1)
    yield normal(N, seed=4)
    yield normal(N, 1, seed=4)
    yield normal(N, M, seed=4)


def _losses(
    kind: type[LossPair], front: Any, back: Any, first: str, target: str | None, names: list[str], weights: list[str]
) -> Iterator[Callable[[], Any]]:
    """Give losses with values for the other arguments; weights in all the shapes that they may have."""
    reading = Reading(front)
    shapes: list[tuple[int, ...]] = [(D, M), (D, 1), (D,), (M, D)] if weights else [()]
    rest = [n for n in names if n not in weights]
    layout = SEQUENCES if reading.axes(first) == 3 else ROWS
    for shape in shapes:
        for filling in fillings(rest, reading, layout, [first]):
            given = {n: 0.3 * normal(*shape, seed=9) for n in weights}
            arguments = {first: None, **({target: None} if target else {}), **given, **filling}
            order = [p.name for p in positional(front) if p.name in arguments]
            yield partial(kind_of, kind, front, back, first, arguments, order, target)


def kind_of(
    kind: type[LossPair], front: Any, back: Any, first: str, arguments: Any, order: list[str], target: Any
) -> LossPair:
    """Make a pair of such a kind."""
    return kind(front, back, first, clone(arguments), [], [], list(order), target=target)


# A function and its derivative ------------------------------------------------------------------------


PREFIX = re.compile(r"^(d_|d(?=[a-z])|de_|der_|deriv_|derivative_of_|derivative_|grad_|gradient_of_|gradient_|prime_)")
SUFFIX = re.compile(
    r"(_prime|prime|_derivative|derivative|_deriv|deriv|_derive|_der|_grad|_gradient|gradient|_dx|_diff|_derivation)$",
    re.IGNORECASE,
)


def primitives(name: str) -> list[str]:
    """Give the names that the function may have of which `name` is the derivative; [] where the name says nothing."""
    stems = [SUFFIX.sub("", name)] if SUFFIX.search(name) else []
    stems += [PREFIX.sub("", name)] if PREFIX.match(name) else []
    near = [f"{stem}{more}" for stem in stems for more in ("", "_loss", "_cost", "_function", "_error", "_activation")]
    near += [stem.removesuffix("_loss") for stem in stems]
    return [n for n in dict.fromkeys(near) if n and n != name]


@dataclass
class PrimeLoss(LossPair):
    """A loss and its derivative with respect to the prediction: `mse(y_true, y_pred)`, `mse_prime(y_true, y_pred)`."""

    def value_of(self, result: Any) -> Any:
        """Give the loss as one number: losses that are given for each element, or each sample, are added up."""
        self.outputs = [np.asarray(result, float)]
        return float(np.sum(self._scaled(self.outputs[0])))

    def _scaled(self, value: Array) -> Array:
        # One loss for each sample: its mean is taken outside, in the loss or in the derivative.
        return value

    def backward(self, dout: Any) -> Any:
        """Call the derivative, its arguments by name, else prediction and target in its own order."""
        names = [p.name for p in positional(self.back) if p.default is inspect.Parameter.empty]
        target = target_of(names) or (self.target if self.target in names else None)
        values = []
        for name in names:
            if name in self.arguments:
                values.append(self.arguments[name])
            elif name == target:
                values.append(self.arguments[self.target or self.first])
            else:
                values.append(self.arguments[self.first])
        found = live(self.back)(*clone(values))
        per_sample = self.outputs[0].ndim == 1 and np.ndim(self.arguments[self.first]) == 2
        if per_sample and self._fits_mean(found):
            found = np.asarray(found) * len(self.outputs[0])
        self.gradients = {self.first: found}
        return found

    def _fits_mean(self, found: Any) -> bool:
        """Tell whether a derivative is that of the mean over the samples: the division is the derivative's own."""
        x = np.asarray(self.arguments[self.first], float)
        if np.shape(found) != x.shape:
            return False
        way = np.cos(np.arange(x.size)).reshape(x.shape)
        up, down = (
            np.mean(self.front(**{n: self.arguments[n] for n in self.wanted} | {self.first: x + s * way}))
            for s in (1e-6, -1e-6)
        )
        return bool(np.isclose((up - down) / 2e-6, np.sum(found * way), rtol=1e-4))


class LossWithPrime(LossFunction):
    """A loss and a function that gives its derivative."""

    style = "loss and its derivative"

    @classmethod
    def gather(cls, found: Found) -> list[Candidate]:
        """Give the derivatives of the file that have a loss of two arrays beside them."""
        return [c for c in derivatives(cls, found) if len(required_names(next(iter(c.functions.values())))) >= 2]

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give the pair with values for the loss's other arguments. Raises Unguessable."""
        if layout != ROWS:
            return
        back, front = candidate.functions.values()
        names = required_names(front)
        target = target_of(names)
        first = prediction_of(names, target)
        if first is None or target is None or len(names) < 2:
            raise Unguessable(names[0] if names else candidate.name)
        rest = [n for n in names if n not in (first, target)]
        yield from _losses(PrimeLoss, front, back, first, target, rest, [])

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give predictions with targets."""
        return iter(()) if alone else targets_for(normal(N, M))


@dataclass
class Prime(Pair):
    """A function of each element, and its derivative, written for the input or for the output."""

    def backward(self, dout: Any) -> Any:
        """Multiply the derivative by dout."""
        x = self.arguments[self.first]
        at_input, at_output = self.slope(x), self.slope(self.outputs[0])
        wanted = self.numeric(x)
        names = [p.name for p in positional(self.back)]
        of_output = bool(re.match(r"(?i)^(a|out\w*|y|s|o|fx|activation|activated\w*|sig)$", names[0]))
        fits = [np.shape(s) == np.shape(wanted) and np.allclose(s, wanted, 1e-4, 1e-6) for s in (at_input, at_output)]
        chosen = at_input if fits[0] else at_output if fits[1] or of_output else at_input
        self.gradients = {self.first: np.asarray(dout) * chosen}
        return self.gradients[self.first]

    def slope(self, at: Any) -> Any:
        """Call the derivative, with the function's other arguments where it asks for them."""
        names = [p.name for p in positional(self.back)][1:]
        return live(self.back)(clone(at), **{n: self.arguments[n] for n in names if n in self.arguments})

    def numeric(self, x: Any, step: float = 1e-5) -> Any:
        """Give the difference quotient of each element."""
        arguments = {n: self.arguments[n] for n in self.wanted}
        up, down = (self.front(**(arguments | {self.first: x + s})) for s in (step, -step))
        return (np.asarray(up) - np.asarray(down)) / (2 * step)


class ActivationWithPrime(FunctionPair):
    """A function of one array and its derivative, which is not multiplied by anything."""

    style = "function and its derivative"
    integer_inputs = False

    @classmethod
    def gather(cls, found: Found) -> list[Candidate]:
        """Give the derivatives of the file that have a function of one array beside them."""
        return [c for c in derivatives(cls, found) if len(required_names(next(iter(c.functions.values())))) == 1]

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give the pair. Raises Unguessable."""
        if layout != ROWS:
            return
        back, front = candidate.functions.values()
        parameters = positional(front)
        first = parameters[0].name
        rest = [p.name for p in parameters[1:] if p.default is inspect.Parameter.empty]
        for filling in fillings(rest, Reading(front), layout, [first]):
            arguments = {first: None, **filling}
            yield partial(_prime, front, back, first, arguments)

    def hindrance(self) -> Note | None:
        """Tell where outputs depend on several inputs: then there is no one derivative for each element."""
        note = super().hindrance()
        if note is not None:
            return note
        try:
            x = np.array(self.x, float)
            obj = self.fresh()
            y = np.asarray(obj.forward(x.copy()), float)
            other = x.copy()
            other.flat[0] += 0.7
            apart = y.shape == x.shape and np.allclose(np.asarray(obj.forward(other)).flat[1:], y.flat[1:])
            same = np.shape(obj.slope(x)) == x.shape
        except Exception:  # whatever the user's code does: the contract will tell
            return None
        if apart and same:
            return None
        text = (
            "{forward} is no function of each element alone, so that I don't know how {method} is to be multiplied. "
            "Write it as {forward}_backward(dout, …), and run the check again."
        )
        return text, {"forward": self.forward_name, "method": self.backward_name}

    @property
    def takes_dout(self) -> bool:
        """dout is ours: nothing to ask about it."""
        return False


def _prime(front: Any, back: Any, first: str, arguments: Any) -> Prime:
    return Prime(front, back, first, clone(arguments), ["dout"], [], list(arguments))


def required_names(function: Callable[..., Any]) -> list[str]:
    """Give the names of a function's arguments without default; the first of all where each has one."""
    parameters = positional(function)
    return [p.name for p in parameters if p.default is inspect.Parameter.empty] or [p.name for p in parameters[:1]]


def derivatives(style: type[FunctionPair], found: Found) -> list[Candidate]:
    """Give the functions of a file that are named as the derivative of another that stands there."""
    candidates = []
    for name, back in found.functions.items():
        for other in primitives(name):
            front = found.namespace.get(other)
            if not inspect.isfunction(front) or not positional(front) or not positional(back):
                continue
            if len(required_names(back)) <= len(positional(front)):
                candidates.append(style.candidate(found, {name: back, other: front}))
                break
    return candidates
