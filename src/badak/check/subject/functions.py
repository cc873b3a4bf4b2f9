"""Pairs of functions: `X_forward(…) -> out, cache` and `X_backward(dout, cache) -> dx, dw, …`.

The names of forward's arguments say what is handed in, those of backward's where it goes; gradients are matched to
arguments by name, then by order and shape.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar

import numpy as np

from badak.check.copying import clone
from badak.check.subject.arguments import STEPS, D, H, Layout, M, N, Unguessable, alternatives, normal
from badak.check.subject.base import Pass, Subject
from badak.check.subject.candidate import Candidate, Evidence, Found
from badak.check.subject.pairing import CACHE, Pair, forward_names, positional, upstream_of
from badak.check.subject.parameters import Parameter
from badak.check.subject.paths import plain

Array = np.ndarray[Any, Any]
TRIES = 32  # combinations of values for the arguments of one layout
# What dictionaries of settings hold in the courses that hand them to such functions.
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "convparam": [{"stride": 1, "pad": 1}, {"stride": 2, "pad": 1}],
    "poolparam": [{"pool_height": 2, "pool_width": 2, "stride": 2}],
    "bnparam": [{"mode": "train"}],
    "gnparam": [{"mode": "train"}],
    "lnparam": [{"mode": "train"}],
    "dropoutparam": [{"mode": "train", "p": 0.7, "seed": 5}],
    "hparameters": [{"stride": 1, "pad": 1, "f": 2}, {"stride": 2, "pad": 0, "f": 2}],
    "hparams": [{"stride": 1, "pad": 1, "f": 2}],
}


class FunctionPair(Subject):
    """Two functions at the top level of a file, of which one is the backward of the other."""

    style = "function pair with a cache"
    method_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, obj: Pair, *args: Any, **given: Any) -> None:
        """Wrap a pair; the arrays among forward's other arguments are its parameters."""
        super().__init__(obj, *args, **given)
        self.forward_name = obj.front.__name__  # type: ignore[misc]  # the user's own names
        self.backward_name = obj.back.__name__  # type: ignore[misc]

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take what `gather` found, and a pair at hand."""
        if isinstance(candidate.obj, Pair) or len(candidate.functions) == 2:
            return Evidence([f"{name}(…)" for name in candidate.functions])
        return None

    @classmethod
    def gather(cls, found: Found) -> list[Candidate]:
        """Give every backward function of the file that has a forward in it, or imported."""
        candidates = []
        for name, back in found.functions.items():
            named = {other: found.namespace.get(other) for other in forward_names(name)}
            other, front = next(((o, f) for o, f in named.items() if inspect.isfunction(f)), ("", None))
            if front is None or not positional(back) or not positional(front):
                continue
            functions: dict[str, Callable[..., Any]] = {name: back, other: front}
            candidates.append(Candidate(name, functions=functions, source=found.source, namespace=found.namespace))
        return candidates

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give pairs with values for forward's arguments, likeliest first. Raises Unguessable."""
        back, front = candidate.functions.values()
        parameters = [p for p in positional(front) if p.default is inspect.Parameter.empty]
        first = parameters[0].name if parameters else positional(front)[0].name
        upstream, rest = upstream_of(back, front, candidate.source)
        choices = {p.name: values_for(p.name, layout) for p in parameters if p.name != first}
        for name, values in choices.items():
            if not values:
                raise Unguessable(name)
        for chosen in itertools.islice(itertools.product(*choices.values()), TRIES):
            arguments = {first: None, **dict(zip(choices, chosen, strict=True))}
            yield partial(_pair, front, back, first, arguments, upstream, rest)

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

    @property
    def takes_dout(self) -> bool:
        """Whether backward has an argument for the gradient that comes in."""
        return bool(self.obj.upstream)

    def find_parameters(self, obj: Any, returned: Any, before: Any = None) -> list[Parameter]:
        """Give the arrays among forward's arguments that backward gives a gradient for."""
        names = [n for n in obj.arrays() if n != obj.first and n in obj.gradients]
        return [Parameter(n, (("a", "arguments"), ("i", n)), (("a", "gradients"), ("i", n))) for n in names]

    def collect(self, result: Pass, obj: Any, returned: Any) -> None:
        """Read the gradients that the pair sorted by argument."""
        result.dx = [plain(obj.gradients.get(obj.first))]
        for parameter in self.parameters:
            result.grads[parameter.name] = plain(obj.gradients.get(parameter.name))

    @property
    def inputs(self) -> list[str]:
        """The input, if backward gives a gradient for it: there are backwards of the weights alone."""
        about = self.obj.gradients or self._gradients_once()
        return super().inputs if not about or self.obj.first in about else []

    def _gradients_once(self) -> dict[str, Any]:
        if not hasattr(self, "_about"):
            obj = self.fresh()
            try:
                y = self.forward(obj, clone(self.x))
                self.backward(obj, self.default_dout(y))
            except Exception:  # whatever the user's code does: the contract will tell
                obj.gradients = {}
            self._about = obj.gradients
        return self._about


def _pair(front: Any, back: Any, first: str, arguments: dict[str, Any], upstream: list[str], rest: list[str]) -> Pair:
    return Pair(front, back, first, clone(arguments), list(upstream), list(rest))


def values_for(name: str, layout: Layout) -> list[Any]:
    """Give what an argument of such a function may be, likeliest first."""
    plain_name = name.replace("_", "").lower()
    if plain_name in SETTINGS:
        return [dict(settings) for settings in SETTINGS[plain_name]]
    if CACHE.match(name):
        return [None, {}, {"mode": "train"}]
    if plain_name in ("mode",):
        return ["train", "max", "average"]
    recurrent = _recurrent(plain_name, layout)
    if recurrent:
        return recurrent
    if plain_name in ("b", "other", "y", "x2", "x1", "a2"):
        return [*alternatives("b", layout), *_like_input(layout)]
    return alternatives(name, layout)


def _like_input(layout: Layout) -> list[Array]:
    shapes = {"images": (2, 3, 6, 4), "sequences": (N, STEPS, D), "columns": (D, N)}
    return [normal(*shapes.get(layout.name, (N, D)), seed=8), normal(D, M, seed=8)]


def _recurrent(name: str, layout: Layout) -> list[Array]:
    """Give states and weights of recurrent cells: four gates, three, two, one."""
    if name in ("prevh", "h0", "hprev", "hnext", "prevc", "c0", "cprev", "hiddenstate", "prevhidden", "aprev", "a0"):
        return [normal(N, H, seed=7)]
    sizes = [H, 4 * H, 3 * H, 2 * H]
    if name in ("wx", "wxt", "wih", "wxh"):
        return [normal(D, size, seed=9) * 0.3 for size in sizes]
    if name in ("wh", "wht", "whh"):
        return [normal(H, size, seed=10) * 0.3 for size in sizes]
    if name in ("bh", "bht") or (name == "b" and layout.name == "sequences"):
        return [normal(size, seed=11) * 0.3 for size in sizes]
    return []
