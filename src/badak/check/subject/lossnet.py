"""Networks of volume 2, which end in their loss: `forward(x, t)` gives it, `backward()` leaves gradients in `grads`.

Arrays that several layers share stand several times in `params`; their gradients belong together.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from badak.check.copying import clone
from badak.check.subject.arguments import STEPS, WORDS, D, Layout, N, combinations, needed, normal
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.inputs import arrays_of
from badak.check.subject.loss import Loss
from badak.check.subject.settings import Maker

SECOND = re.compile(r"(?i)^(ts?|targets?|labels?|y|ys|y_true|teachers?|ans|contexts?)$")


class LossNetwork(Loss):
    """A class made of layers, with params and grads, whose forward(x, t) gives the loss."""

    style = "network whose forward gives the loss"

    def __init__(self, obj: Any, *args: Any, **given: Any) -> None:
        """Wrap a network; where its backward returns nothing, the input has no gradient."""
        super().__init__(obj, *args, **given)
        node = self.source.method(self.name, "backward") if self.source is not None else None
        returns = [n.value for n in ast.walk(node) if isinstance(n, ast.Return)] if node is not None else []
        if all(value is None or (isinstance(value, ast.Constant) and value.value is None) for value in returns):
            self.input_names = ()  # type: ignore[misc]  # of this network

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class that calls layers, keeps params and grads, and asks for an input and its answers."""
        if not (candidate.offers("forward") and candidate.offers("backward")):
            return None
        names = candidate.required_of("forward")
        if len(names) != 2 or not SECOND.match(names[1]) or candidate.required_of("backward"):
            return None
        node = candidate.source.class_node(candidate.name) if candidate.source is not None else None
        parts = list(ast.walk(node)) if node is not None else []
        kept = {n.attr for n in parts if isinstance(n, ast.Attribute)}
        if not {"params", "grads"} <= kept or not ("loss_layer" in kept or _calls_layers(parts)):
            return None
        return Evidence([f"forward({', '.join(names)})", "params", "grads"])

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give constructors; beside a corpus, an array has a row for each of its words. Raises Unguessable."""
        kind = candidate.kind
        names = [p.name for p in needed(kind)] if kind is not None else []
        if kind is None or "corpus" not in names or "W" not in names:
            yield from super().makers(candidate, layout)
            return
        fixed = {"W": normal(WORDS, D)}
        for arguments in combinations([p for p in needed(kind) if p.name != "W"], layout):
            yield Maker(kind, fixed | arguments)

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give rows with their classes, words with the words that follow, contexts with their middle, vectors."""
        return iter(()) if alone else _samples(obj)


def _calls_layers(parts: list[ast.AST]) -> bool:
    calls = [n.func.attr for n in parts if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    return "forward" in calls and "backward" in calls


def _samples(obj: Any) -> Iterator[tuple[Any, Any]]:
    rng = np.random.default_rng(1)
    weights = [a.shape for a in arrays_of(obj) if a.ndim == 2 and min(a.shape) > 1]
    classes = weights[-1][1] if weights else WORDS
    labels = (np.arange(N) * 2 + 1) % classes
    words = np.arange(N * STEPS).reshape(N, STEPS) * 5 % WORDS
    middle = (np.arange(N) * 3 + 2) % WORDS
    hot = np.eye(WORDS, dtype=np.int32)
    rows = []
    for width in dict.fromkeys(shape[0] for shape in weights):
        x = rng.standard_normal((N, width))
        rows += [(x, np.eye(classes)[labels]), (x, labels)]
    sequences = [(words, (words * 3 + 1) % WORDS), (words, middle), (words[:, :2], middle)]
    hots = [(hot[words[:, :2]], hot[middle])]
    vectors = [(rng.standard_normal((N, shape[1])), middle) for shape in dict.fromkeys(weights)]
    reads_words = bool(weights) and weights[0][0] == WORDS
    for sample in [*sequences, *hots, *vectors, *rows] if reads_words else [*rows, *sequences, *hots, *vectors]:
        yield clone(sample)
