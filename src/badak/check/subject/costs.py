# ruff: noqa: PLR0911 (one kind of name after the other)
"""Networks as functions: `forward_propagation(X, parameters) -> AL, caches`, `compute_cost(AL, Y)` and
`backward_propagation(X, Y, cache) -> grads`; `loss(params, X, y)` with `compute_gradients(params, X, y)`.

The parameters are a dictionary (`W1`, `b1`, …), a list, or arguments of their own; samples are rows or columns.
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
from badak.check.subject.arguments import COLUMNS, ROWS, SEQUENCES, STEPS, D, H, Layout, M, N, Unguessable, normal
from badak.check.subject.candidate import Candidate, Found
from badak.check.subject.functions import Note, pairs_of
from badak.check.subject.lossfunctions import LossFunction, LossPair
from badak.check.subject.lossroles import flat, target_of
from badak.check.subject.matching import returned_by, sort_gradients
from badak.check.subject.pairing import CACHE, Unresolved, live, positional, upstream_of
from badak.check.subject.reading import Reading
from badak.check.subject.scenes import Scene, fillings, values_for

Array = np.ndarray[Any, Any]
Function = Callable[..., Any]
GRADIENTS = re.compile(r"(?i)^(compute_|calc(ulate)?_|get_|eval(uate)?_)?(gradients?|grads?)(_\w+)?$")
COSTS = re.compile(
    r"(?i)^(compute_|calc(ulate)?_|get_|eval(uate)?_)?(\w*_)?(cost|loss|cross_entropy|objective|cross_entropy_error)(_\w+)?$"
)
PARAMETERS = re.compile(r"^(params?|parameters?|weights|theta|thetas|model|network|net)$")
LAYER = re.compile(r"^([A-Za-z_]*?)_?(\d*)$")
OUTPUTS = re.compile(r"(?i)^(al|a\d|an|aout|yhat|ypred\w*|out\w*|pred\w*|probs?|scores?|logits?|z\d)$")


@dataclass
class CostPair(LossPair):
    """A forward, a cost of its output where it gives none itself, and a backward that starts from the cost."""

    cost: Function | None = None

    def value_of(self, result: Any) -> Any:
        """Give the cost: forward's own, or the cost function's of forward's output."""
        parts = list(result) if isinstance(result, tuple) else [result]
        self.outputs, self.saved = parts[:1], tuple(parts[1:])
        if self.cost is None:
            return parts[0]
        return self.cost(*[self._value(p.name, self.cost) for p in required_of(self.cost)])

    def backward(self, dout: Any) -> Any:
        """Call the backward, its arguments by name. Raises Unresolved."""
        result = live(self.back)(*[self._value(p.name, self.back) for p in required_of(self.back)])
        titles = returned_by(self.back)
        arrays = self.held()
        if isinstance(result, tuple) and len(result) == 2 and isinstance(result[0], float):
            result = result[1]  # (loss, grads)
        weights = [n for n in arrays if n != self.first]
        if isinstance(result, (tuple, list)) and not any(isinstance(part, dict) for part in result):
            arrays = {n: arrays[n] for n in weights} if len(result) == len(weights) else arrays
        self.gradients = sort_gradients(result, arrays, titles, weights[0] if weights else self.first)
        return self.gradients.get(self.first)

    def _value(self, name: str, asker: Function) -> Any:
        plain = flat(name)
        near = next((a for a in self.arguments if flat(a) == plain), None)
        if near is not None:
            return self.arguments[near]
        if CACHE.match(name) and not PARAMETERS.match(plain):
            return self.saved[0] if len(self.saved) == 1 else self.saved
        kept = dict(zip(returned_by(self.front)[1:], self.saved, strict=False))
        if name in kept:
            return kept[name]
        if PARAMETERS.match(plain):
            held = [a for a in self.arguments if PARAMETERS.match(flat(a))]
            if held:
                return self.arguments[held[0]]
        if target_of([p.name for p in positional(asker)]) == name and self.target is not None:
            return self.arguments[self.target]
        if OUTPUTS.match(plain):
            return self.outputs[0]
        if plain in ("x", "inputs", "data", "xtrain", "xbatch", "a0"):
            return self.arguments[self.first]
        raise Unresolved(name)


def required_of(function: Function) -> list[inspect.Parameter]:
    """Give the parameters without default."""
    return [p for p in positional(function) if p.default is inspect.Parameter.empty]


class CostFunctions(LossFunction):
    """A network in functions: forward, cost and backward."""

    style = "network of functions: forward, cost and backward"
    integer_inputs = False

    @property
    def mean_in_layers(self) -> bool:
        """Whether dW / m may stand in each layer, as it does where the loss does not divide."""
        return True

    @classmethod
    def gather(cls, found: Found) -> list[Candidate]:
        """Give the backwards that take no gradient, with a forward (and a cost), and the gradients of a loss."""
        candidates = []
        taken = set()
        for name, back, other, front in pairs_of(found):
            if not upstream_of(back, front, found.source)[0] or starts_from_target(back):
                functions = {name: back, other: front}
                cost = cost_for(name, found) if not gives_number(front) else None
                functions |= {cost.__name__: cost} if cost is not None else {}
                candidates.append(cls.candidate(found, functions))
                taken.add(name)
        for name, back in found.functions.items():
            if name in taken or not GRADIENTS.match(name):
                continue
            names = {flat(p.name) for p in required_of(back)}
            for other, front in found.functions.items():
                if (
                    other != name
                    and COSTS.match(other)
                    and names
                    and {flat(p.name) for p in required_of(front)} == names
                ):
                    candidates.append(cls.candidate(found, {name: back, other: front}))
                    break
        return candidates

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give networks with small parameters, for rows or columns. Raises Unguessable."""
        if layout not in (ROWS, COLUMNS, SEQUENCES):
            return
        functions = list(candidate.functions.values())
        back, front, cost = functions[0], functions[1], functions[2] if len(functions) > 2 else None
        names = [p.name for p in required_of(front)]
        asked = [*names, *(p.name for f in (cost, back) if f is not None for p in required_of(f))]
        target = target_of([n for n in asked if not (CACHE.match(n) or PARAMETERS.match(flat(n)))])
        first = next((n for n in names if flat(n) in ("x", "inputs", "data", "xbatch", "xtrain", "a0", "a")), None)
        first = first or next((n for n in names if n != target and not PARAMETERS.match(flat(n))), None)
        if first is None:
            raise Unguessable(names[0] if names else candidate.name)
        if any(re.match(r"(?i)^(wx|wh|h0|prev_h)$", n) for n in names):
            rest = [n for n in names if n != first]
            for filling in fillings(rest, Reading(front), layout, [first]):
                yield partial(_made, front, back, first, {first: None, **filling}, names, None, cost)
            return
        for parameters in _parameters(names, front, layout):
            reading = Reading(front)
            free = [n for n in names if n not in (first, target, *parameters)]
            others = {n: values_for(n, reading, layout, Scene(), names) for n in free}
            for name, values in others.items():
                if not values:
                    raise Unguessable(name)
            arguments = {first: None, **({target: None} if target else {}), **parameters}
            arguments |= {n: values[0] for n, values in others.items()}
            yield partial(_made, front, back, first, arguments, names, target, cost)

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give an input with targets as wide as the last layer."""
        return iter(()) if alone else _samples(obj, layout)

    def hindrance(self) -> Note | None:
        """Tell where nothing is one number: no cost was found beside forward and backward."""
        note = super().hindrance()
        if (
            note is not None
            or self.obj.cost is not None
            or np.size(self.forward(self.fresh(), self.x, self.second)) == 1
        ):
            return note
        text = (
            "{method} starts from a cost, and I know no function of this file that gives it. "
            "Write the cost beside it as compute_cost(AL, Y), and run the check again."
        )
        return text, {"method": self.backward_name}


def _made(front: Any, back: Any, first: str, arguments: Any, names: list[str], target: Any, cost: Any) -> CostPair:
    return CostPair(front, back, first, clone(arguments), [], [], list(names), target=target, cost=cost)


def starts_from_target(back: Function) -> bool:
    """Tell whether a backward takes the labels: it starts from a cost, and nothing comes in from above."""
    names = [p.name for p in required_of(back)]
    target = target_of(names)
    return target is not None and any(
        PARAMETERS.match(flat(n)) or OUTPUTS.match(flat(n)) or CACHE.match(n) or flat(n) == "x" for n in names
    )


def gives_number(front: Function) -> bool:
    """Tell whether a forward gives its cost itself, by the first name in its return statement."""
    titles = returned_by(front)
    return bool(titles) and re.search(r"(?i)loss|cost|^j$", titles[0]) is not None


def cost_for(name: str, found: Found) -> Function | None:
    """Give the cost that belongs to a backward: one with the same ending, else the first."""
    costs = {n: f for n, f in found.namespace.items() if COSTS.match(n) and inspect.isfunction(f)}
    costs = {n: f for n, f in costs.items() if 1 < len(required_of(f)) < 5 and n != name}
    ending = re.sub(r"(?i)^.*?(propagation|backward|backprop|model)", "", name)
    same = [f for n, f in costs.items() if ending and n.endswith(ending)]
    return next(iter([*same, *costs.values()]), None)


def _parameters(names: list[str], front: Function, layout: Layout) -> Iterator[dict[str, Any]]:
    """Give parameters of a small network: dictionaries and lists by the keys that forward reads, or single arrays."""
    reading = Reading(front)
    holder = next((n for n in names if PARAMETERS.match(flat(n)) and (reading.keys(n) or reading.numbered(n))), None)
    if holder is not None:
        keys = reading.keys(holder)
        starts = reading.numbered(holder)
        keys = keys or [f"{start}{layer}" for layer in (1, 2, 3) for start in starts]
        for made in networks(keys, layout):
            yield {holder: made}
        return
    unpacked = next((n for n in names if PARAMETERS.match(flat(n)) and len(reading.parts(n)) > 1), None)
    if unpacked is not None:
        parts = reading.parts(unpacked)
        for made in networks(parts, layout):
            yield {unpacked: [made[p] for p in parts]}
        return
    own = [n for n in names if re.match(r"(?i)^(w|b|theta|weights?|bias)_?\d*$", n)]
    if not own:
        raise Unguessable(next((n for n in names if PARAMETERS.match(flat(n))), names[-1] if names else "?"))
    yield from networks(own, layout)


def networks(keys: list[str], layout: Layout) -> Iterator[dict[str, Array]]:
    """Give weights and biases for keys such as W1, b1, W2, b2: widths 7 - 11 - 3, or one output at the end."""
    numbers = sorted({_number(key) for key in keys if _is_weight(key)}) or [0]
    for last in (M, 1):
        sizes = [D, *[H - 2 * place for place in range(len(numbers) - 1)], last]
        for bias in ("column",) if layout == COLUMNS else ("wide", "row"):
            for vector in (False, True) if last == 1 and len(numbers) == 1 else (False,):
                yield {key: _layer(key, numbers, sizes, layout, bias, vector) for key in keys}


def _number(key: str) -> int:
    found = LAYER.match(key)
    return int(found.group(2) or 0) if found else 0


def _is_weight(key: str) -> bool:
    return re.match(r"(?i)^(w|weights?|theta)_?\d*$", key) is not None


def _layer(key: str, numbers: list[int], sizes: list[int], layout: Layout, bias: str, vector: bool) -> Array:
    place = numbers.index(_number(key)) if _number(key) in numbers else 0
    into, out = sizes[place], sizes[place + 1]
    if _is_weight(key):
        shape = (out, into) if layout == COLUMNS else (into, out)
        return 0.5 * normal(*((into,) if vector else shape), seed=20 + place)
    values = 0.3 * normal(out, seed=30 + place)
    if vector:
        return values[0]
    return values.reshape(out, 1) if bias == "column" else values.reshape(1, out) if bias == "wide" else values


def _samples(obj: CostPair, layout: Layout) -> Iterator[tuple[Any, Any]]:
    x = normal(N, D, seed=3)
    weights = [v for v in obj.held().values() if np.ndim(v) == 2 and min(np.shape(v)) >= 1]
    last = weights[-1].shape[0 if layout == COLUMNS else -1] if weights else 1
    biases = [v for n, v in obj.held().items() if n.lower().startswith("b")]
    last = biases[-1].size if biases else last
    index = np.array([0, 2, 1, 0, 2])
    yes = (index > 0).astype(float)
    if layout == COLUMNS:
        targets = [np.eye(M)[index].T.copy()] if last == M else [yes.reshape(1, N)]
        targets += [normal(last, N, seed=4)]
    elif last == M:
        targets = [np.eye(M)[index], index, normal(N, M, seed=4)]
    else:
        targets = [yes.reshape(N, 1), yes, normal(N, 1, seed=4)]
    x = normal(N, STEPS, D, seed=3) if layout == SEQUENCES else x.T.copy() if layout == COLUMNS else x
    if obj.target is None:
        yield x, None
        return
    for target in targets:
        yield x, target
