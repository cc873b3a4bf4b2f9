"""Networks of which one call gives the loss and all gradients: `loss(X, y) -> (loss, grads)`, `train_step(X, y)`.

The courses' networks hold their arrays in a dictionary `params` (or `model`), and hand the gradients out under the same
keys. The two results are told apart by what they are, not by their order.
"""

from __future__ import annotations

import ast
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from badak.check.copying import clone
from badak.check.subject.arguments import WORDS, C, D, F, H, Layout, M, N, combinations, needed
from badak.check.subject.calls import UserError, required
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.inputs import arrays_of
from badak.check.subject.network import BookNetwork
from badak.check.subject.paths import copied
from badak.check.subject.settings import Maker

Array = np.ndarray[Any, Any]
IMAGE = (C, 8, 6)  # divisible by a pool of two, and not square
TOKENS = 4  # steps of a sequence
# Defaults for whole pictures and hundreds of units, made small; a penalty of 0 and weights near 0 would hide faults.
SMALL: dict[str, Any] = {
    "input_dim": D,
    "hidden_dim": H,
    "hidden_dims": [H, F + 3],
    "num_classes": M,
    "weight_scale": 0.4,
    "std": 0.4,
    "reg": 0.1,
    "lam": 0.1,
    "num_filters": F,
    "filter_size": 3,
}


class LossAndGradients(BookNetwork):
    """A class whose loss(X, y) returns the loss and a dictionary of gradients, or scores where y is missing."""

    style = "network whose loss returns (loss, gradients)"
    backward_name = "loss"
    method_names = ("loss",)

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose loss returns a pair of which one is called grads."""
        if not candidate.offers("loss") or candidate.offers("gradient") or candidate.offers("backward"):
            return None
        returned = _returned_pair(candidate, "loss")
        return Evidence([f"loss returns {returned}"]) if returned else None

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give constructors with small sizes in place of the defaults. Raises Unguessable."""
        kind = candidate.kind
        if kind is None or kind.__init__ is object.__init__:  # type: ignore[misc]
            yield from super().makers(candidate, layout)
            return
        written = inspect.signature(kind).parameters
        chosen = {n: clone(v) for n, v in SMALL.items() if n in written}
        shape = written.get("input_dim")
        if shape is not None and isinstance(shape.default, tuple):
            chosen["input_dim"] = IMAGE
        open_ones = [p for p in needed(kind) if p.name not in chosen]
        for arguments in combinations(open_ones, layout):
            yield Maker(kind, chosen | arguments)

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give inputs that fit the first array of the network, with labels as integers."""
        return iter(()) if alone else _batches(obj)

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Give the loss."""
        return self._both(obj, x, second)[0]

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Give the gradients."""
        return self._both(obj, x, second)[1]

    def _both(self, obj: Any, x: Any, second: Any) -> tuple[Any, Any]:
        method = getattr(obj, self.forward_name)
        named = inspect.signature(method).parameters
        penalty = {n: 0.1 for n in ("reg", "lam", "lambd") if n in named}
        result = self.call(self.forward_name, method, x, second, **penalty)
        return _sorted(result, self.forward_name)


class TrainStep(LossAndGradients):
    """A class whose train_step(X, y) runs forward and backward, and returns gradients and loss."""

    style = "network whose train_step returns gradients and loss"
    forward_name = "train_step"
    backward_name = "train_step"
    method_names = ("train_step",)
    predict_name = "forward"

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class with forward, backward and train_step(X, y) or train_step(X, y, state), which returns them."""
        if not all(candidate.offers(name) for name in ("train_step", "forward", "backward")):
            return None
        if len(candidate.required_of("train_step")) not in (2, 3) or candidate.holds("layers"):
            return None
        written = _returned_pair(candidate, "train_step") or _inherited(candidate.kind, "train_step")
        return Evidence([f"train_step returns {written}"]) if written else None

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give constructors; of a network that reads tokens, the sizes are those of the vocabulary."""
        kind = candidate.kind
        names = list(inspect.signature(kind).parameters) if kind is not None else []
        if "char2idx" in names and "D" in names and kind is not None:
            open_ones = [p for p in needed(kind) if p.name != "D"]
            for arguments in combinations(open_ones, layout):
                yield Maker(kind, {"D": WORDS} | arguments)
            return
        yield from super().makers(candidate, layout)

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give rows or images; of a network with a state, a sequence of tokens and the tokens that follow."""
        if not hasattr(obj, "initial_state"):
            return super().own_samples(obj, layout, alone)
        tokens = np.arange(TOKENS) * 5 % WORDS
        return iter(() if alone else [(tokens, (tokens * 3 + 1) % WORDS)])

    def _both(self, obj: Any, x: Any, second: Any) -> tuple[Any, Any]:
        method = obj.train_step
        if len(required(method)) < 3:
            return _sorted(self.call("train_step", method, x, second), "train_step")
        state = self.call("initial_state", obj.initial_state)
        loss, grads = _sorted(self.call("train_step", method, x, second, state), "train_step")
        return loss, self._summed(grads, len(x))

    def _summed(self, grads: Any, steps: int) -> Any:
        """A loss may be the mean over the steps and every gradient the sum over them: both are in use, as one rate."""
        if not isinstance(grads, dict) or not self.parameters:
            return grads
        if not hasattr(self, "_factor"):
            self._factor = 1.0
            self._factor = self._measured_factor(grads, steps)
        return {k: np.asarray(v) / self._factor for k, v in grads.items()}

    def _measured_factor(self, grads: dict[str, Any], steps: int) -> float:
        ratios = []
        for parameter in self.parameters:
            given = np.asarray(grads.get(parameter.key, np.zeros(())), float)
            value = np.array(self.value(parameter.name), float)
            if given.shape != value.shape or not given.any():
                return 1.0
            f, step = self.function_of(parameter.name), 1e-6 / float(np.abs(given).max())
            slope = (float(f(value + step * given)) - float(f(value - step * given))) / (2 * step)
            ratios.append(float((given**2).sum()) / slope if slope else np.inf)
        close = all(abs(r - steps) < 1e-2 * steps for r in ratios)
        return float(steps) if close and ratios else 1.0


def _returned_pair(candidate: Candidate, method: str) -> str:
    """Give the text of a return statement with two or three members, one of which is called grad…, '' for none."""
    node = candidate.source.method(candidate.name, method) if candidate.source is not None else None
    for item in ast.walk(node) if node is not None else []:
        if isinstance(item, ast.Return) and isinstance(item.value, ast.Tuple) and len(item.value.elts) in (2, 3):
            names = [n.id.lower() for e in item.value.elts for n in ast.walk(e) if isinstance(n, ast.Name)]
            if any("grad" in n for n in names):
                return ast.unparse(item.value)
    return ""


def _inherited(kind: type | None, method: str) -> str:
    function = getattr(kind, method, None)
    code = getattr(function, "__code__", None)
    names = code.co_varnames if code is not None else ()
    return ", ".join(n for n in names if n.startswith(("grad", "loss")))


def _sorted(result: Any, method: str) -> tuple[Any, Any]:
    """Tell the loss from the gradients: the one is a number, the others a dictionary."""
    parts = list(result) if isinstance(result, tuple) else [result]
    grads = next((p for p in parts if isinstance(p, (dict, list))), None)
    loss = next((p for p in parts if p is not grads and np.size(p) == 1 and not isinstance(p, (dict, list))), None)
    if grads is None or loss is None:
        raise UserError(TypeError(f"{method} returned no pair of loss and gradients"), None, method)
    return loss, grads


def _batches(obj: Any) -> Iterator[tuple[Any, Any]]:
    rng = np.random.default_rng(1)
    arrays = [a for a in arrays_of(obj) if a.ndim in (2, 4) and a.size > 1]
    weights = [a.shape for a in arrays if a.ndim == 2 and min(a.shape) > 1]
    classes = weights[-1][-1] if weights else M
    labels = (np.arange(N) * 2 + 1) % max(classes, 1)
    filters = next((a.shape for a in arrays if a.ndim == 4), None)
    if filters is not None:
        shapes: list[tuple[int, ...]] = [(2, *IMAGE)]
        after = next((s[0] // filters[0] for s in weights if s[0] % filters[0] == 0), 0)
        side = math.isqrt(after)
        if side * side == after and side:
            shapes += [(2, filters[1], k * side, k * side) for k in (2, 1, 4)]
    else:
        shapes = [*((N, int(s[0])) for s in weights[:1]), (N, D)]
    for shape in shapes:
        x = rng.standard_normal(shape)
        yield x, copied(labels[: len(x)])
        yield x, np.eye(classes)[labels[: len(x)]]
