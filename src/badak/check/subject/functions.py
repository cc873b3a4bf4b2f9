"""Pairs of functions: `X_forward(…) -> out, cache` and `X_backward(dout, cache) -> dx, dw, …`.

The names of forward's arguments say what is handed in, those of backward's where it goes; gradients are matched to
arguments by name, then by order and shape.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar

import numpy as np

from badak.check.copying import clone
from badak.check.subject.arguments import STEPS, WORDS, Layout, N, normal
from badak.check.subject.base import Pass, Subject
from badak.check.subject.calls import UserError
from badak.check.subject.candidate import Candidate, Evidence, Found
from badak.check.subject.pairing import CACHE, Pair, Unresolved, forward_names, positional, upstream_of
from badak.check.subject.parameters import Parameter
from badak.check.subject.paths import plain
from badak.check.subject.reading import Reading
from badak.check.subject.scenes import EVALUATION, NUMBERS, SETTINGS, fillings, input_shapes, plain_name

Array = np.ndarray[Any, Any]
Note = tuple[str, dict[str, Any]]
BATCHED = (
    "prevh",
    "h0",
    "hprev",
    "hnext",
    "prevc",
    "c0",
    "cprev",
    "aprev",
    "a0",
    "hiddenstate",
    "prevhidden",
    "y",
    "mask",
    "masks",
)


class FunctionPair(Subject):
    """Two functions at the top level of a file, of which one is the backward of the other."""

    style = "function pair with a cache"
    method_names: ClassVar[tuple[str, ...]] = ()
    integer_inputs = True
    keeps_nothing = True

    def __init__(self, obj: Pair, *args: Any, **given: Any) -> None:
        """Wrap a pair; the arrays among forward's other arguments are its parameters."""
        super().__init__(obj, *args, **given)
        self.forward_name = obj.front.__name__  # type: ignore[misc]  # the user's own names
        self.backward_name = obj.back.__name__  # type: ignore[misc]

    # Finding --------------------------------------------------------------------------------------

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take what `gather` found, and a pair at hand."""
        if type(candidate.obj) is Pair or candidate.style is cls:
            return Evidence([f"{name}(…)" for name in candidate.functions])
        return None

    @classmethod
    def gather(cls, found: Found) -> list[Candidate]:
        """Give every backward function of the file that takes a gradient and has a forward in it, or imported."""
        candidates = []
        for name, back, other, front in pairs_of(found):
            if upstream_of(back, front, found.source)[0]:
                candidates.append(cls.candidate(found, {name: back, other: front}))
        return candidates

    @classmethod
    def candidate(cls, found: Found, functions: dict[str, Callable[..., Any]]) -> Candidate:
        """Give the candidate that functions of a file are, the first of them giving it its name."""
        return Candidate(
            next(iter(functions)), functions=functions, source=found.source, namespace=found.namespace, style=cls
        )

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give pairs with values for forward's arguments, likeliest first. Raises Unguessable."""
        back, front = candidate.functions.values()
        reading = Reading(front)
        parameters = [p for p in positional(front) if p.default is inspect.Parameter.empty] or positional(front)[:1]
        first = parameters[0].name
        if not fits_axes(reading.axes(first), layout):
            return
        upstream, rest = upstream_of(back, front, candidate.source)
        names = [p.name for p in parameters if p.name != first]
        for filling in fillings(names, reading, layout, [first]):
            wanted = [first, *filling]
            yield partial(_pair, front, back, first, {first: None, **filling}, upstream, rest, wanted)

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give inputs: whole numbers where forward takes rows of a table with them, else as the layout says."""
        if alone:
            return None
        return _inputs(obj, layout)

    def hindrance(self) -> Note | None:
        """Tell what hinders the look: a body that is not written, an argument of backward that nothing stands for."""
        for function in (self.obj.front, self.obj.back):
            if Reading(function, 0).unwritten:
                return ("{name} is not written yet (line {line}). Write it, and run the check again.", {
                    "name": function.__name__, "line": line_of(function),
                })  # fmt: skip
        try:
            obj = self.fresh()
            self.backward(obj, self.default_dout(self.forward(obj, clone(self.x))))
        except UserError as failure:
            if isinstance(failure.error, Unresolved):
                text = (
                    "I don't know what to hand to {method} for its argument {argument}: {forward} neither takes nor "
                    "returns it. Use the same name in both, and run the check again."
                )
                return text, {
                    "method": self.backward_name, "argument": failure.error.name, "forward": self.forward_name,
                }  # fmt: skip
        except Exception:  # whatever the user's code does: the contract will tell
            return None
        return None

    def exact(self, obj: Any) -> bool:
        """Compare shapes: a bias may be (M,), (1, M) or (M, 1), and the gradient tells which was meant."""
        held = obj.held()
        return all(np.shape(g) == np.shape(held[n]) for n, g in obj.gradients.items() if n in held)

    @property
    def mean_in_layers(self) -> bool:
        """Whether dW / m may stand in each layer, as it does where the loss does not divide."""
        return True

    # Calling --------------------------------------------------------------------------------------

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Call the forward function."""
        return self.call(self.forward_name, obj.forward, x)

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Call the backward function."""
        return self.call(self.backward_name, obj.backward, dout)

    def run(self, dout: Any = None, x: Any = None, second: Any = None, obj: Any = None) -> Pass:
        """Run forward and backward; functions keep nothing, so that an object at hand gets this subject's arguments."""
        if obj is not None:
            obj.arguments = clone(self.obj.arguments, self.upcast)
        return super().run(dout, x, second, obj)

    @property
    def takes_dout(self) -> bool:
        """Whether backward has an argument for the gradient that comes in, and no other start of its own."""
        return bool(self.obj.upstream) and not self._about().starts_itself

    def default_dout(self, y: Any) -> Any:
        """Give ones."""
        return np.ones(np.shape(y))

    def random_dout(self, y: Any, rng: np.random.Generator, shift: float) -> Array:
        """Give random numbers; 1 for a loss that backward starts from by itself."""
        dout = super().random_dout(y, rng, shift)
        about = self._about()
        if about.starts_itself:
            dout[-sum(np.size(part) for part in about.outputs[len(about.upstream) :]) :] = 1.0
        return dout

    def find_parameters(self, obj: Any, returned: Any, before: Any = None) -> list[Parameter]:
        """Give the arrays among forward's arguments that backward gives a gradient for."""
        arrays = obj.arrays()
        return [
            Parameter(n, path, (("a", "gradients"), ("i", n)))
            for n, path in arrays.items()
            if n != obj.first and n in obj.gradients
        ]

    def collect(self, result: Pass, obj: Any, returned: Any) -> None:
        """Read the gradients that the pair sorted by argument."""
        result.dx = [plain(obj.gradients.get(obj.first))]
        for parameter in self.parameters:
            result.grads[parameter.name] = plain(obj.gradients.get(parameter.name))

    @property
    def inputs(self) -> list[str]:
        """The input, if backward gives a gradient for it: there are backwards of the weights alone."""
        about = self._about().gradients
        return super().inputs if not about or self.obj.first in about else []

    def _about(self) -> Any:
        """Give the pair after one forward and backward."""
        if not hasattr(self, "_seen"):
            self._seen = self.fresh()
            try:
                self.backward(self._seen, self.default_dout(self.forward(self._seen, clone(self.x))))
            except Exception:  # whatever the user's code does: the contract will tell
                self._seen.gradients = {}
        return self._seen

    def sibling(self, x: Any, second: Any = None, obj: Any = None) -> Subject:
        """Give the same pair with another input; states, masks and labels are cut to as many samples."""
        whole = self.obj if obj is None else obj
        rows = np.shape(self.x)[:1]
        if np.shape(x)[:1] != rows and rows:
            whole = clone(whole)
            for name, value in whole.arguments.items():
                if name != whole.first and plain_name(name) in BATCHED and np.shape(value)[:1] == rows:
                    whole.arguments[name] = value[: len(x)].copy()
        return super().sibling(x, second, whole)

    def variants(self) -> Iterator[tuple[str, Any, Any]]:
        """Give other settings of the same functions, and images that are not square: words, pair, input."""
        yield from _other_settings(self)
        for name, value in self.obj.held().items():
            if np.ndim(value) == 4 and name in self.obj.arguments and name != self.obj.first and min(value.shape) > 1:
                pair = clone(self.obj)
                pair.arguments[name] = value[..., :2].copy() if value.shape[3] == value.shape[2] else value
                if pair.arguments[name].shape != value.shape:
                    yield f"{name}{pair.arguments[name].shape}", pair, self.x
        x = self.x
        if np.ndim(x) == 4 and self.obj.first in self._about().gradients:
            for tall in (2, 1):
                axis = 2 if np.shape(x)[1] <= np.shape(x)[2] else 1
                shape = [n + tall * (place == axis) for place, n in enumerate(np.shape(x))]
                yield f"x{tuple(shape)}", self.obj, normal(*shape, seed=21)


def fits_axes(axes: int | None, layout: Layout) -> bool:
    """Tell whether an input of so many axes has this layout."""
    if axes is None:
        return True
    return {2: ("rows", "columns"), 3: ("sequences",), 4: ("images", "images last")}.get(axes, ()).count(
        layout.name
    ) > 0


def pairs_of(found: Found) -> Iterator[tuple[str, Callable[..., Any], str, Callable[..., Any]]]:
    """Give (name, backward, name, forward) for the backwards of a file that have a forward in it, or imported."""
    for name, back in found.functions.items():
        for other in forward_names(name):
            front = found.namespace.get(other)
            if callable(front) and not isinstance(front, type) and positional(back) and positional(front):
                yield name, back, other, front
                break


def line_of(function: Callable[..., Any]) -> int | str:
    """Give the line at which a function begins."""
    code = getattr(function, "__code__", None)
    return code.co_firstlineno if code is not None else "?"


def _pair(
    front: Any,
    back: Any,
    first: str,
    arguments: dict[str, Any],
    upstream: list[str],
    rest: list[str],
    wanted: list[str],
) -> Pair:
    return Pair(front, back, first, clone(arguments), list(upstream), list(rest), list(wanted))


def _inputs(obj: Pair, layout: Layout) -> Iterator[tuple[Any, Any]]:
    rng = np.random.default_rng(1)
    if Reading(obj.front).indexes(obj.first):
        yield np.arange(N * STEPS).reshape(N, STEPS) * 5 % WORDS, None
        yield np.array([0, 2, 0, 1, 2]), None
    groups = "g" in [plain_name(n) for n in obj.arguments]
    for shape in input_shapes(layout):
        wide = tuple(2 * n if groups and place == 1 else n for place, n in enumerate(shape))
        yield rng.standard_normal(wide), None


def _other_settings(subject: FunctionPair) -> Iterator[tuple[str, Pair, Any]]:
    """Give the pair with one argument changed at a time: another stride, pad, window or mode."""
    reading = Reading(subject.obj.front)
    defaults = {p.name: p.default for p in positional(subject.obj.front)}
    for name, default in defaults.items():
        value = subject.obj.arguments.get(name, default)
        key = plain_name(name)
        values: list[Any] = SETTINGS.get(key, []) if isinstance(value, dict) else []
        if isinstance(value, int) and not isinstance(value, bool):
            values = list(NUMBERS.get(key, []))
        elif isinstance(value, str):
            values = reading.strings(name)
        for other in values:
            if other == value or (isinstance(other, str) and EVALUATION.match(other)):
                continue
            pair = clone(subject.obj)
            pair.arguments[name] = clone(other)
            pair.wanted = [*dict.fromkeys([*(pair.wanted or pair.arguments), name])]
            words = ", ".join(f"{k}={v}" for k, v in other.items()) if isinstance(other, dict) else f"{name}={other}"
            yield words, pair, subject.x


__all__ = ["CACHE", "FunctionPair", "fits_axes", "line_of", "pairs_of"]
