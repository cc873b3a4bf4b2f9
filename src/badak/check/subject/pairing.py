"""Which functions of a file belong together, and the object that a forward and its backward are together."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.check.source import Source, is_upstream
from badak.check.subject.matching import returned_by, sort_gradients
from badak.check.subject.paths import Path
from badak.check.subject.reading import Reading

Function = Callable[..., Any]
# What stands for backward in a name, and what may stand for forward in its place.
BACK = re.compile(r"(?i)(backwards?|back_?prop(agation|agate)?|bprop|bwd|back_?pass|(?<=_)back$)")
FRONT = (
    "forward",
    "forwardprop",
    "forward_prop",
    "forward_propagation",
    "forward_propagate",
    "fprop",
    "fwd",
    "forward_pass",
    "feedforward",
    "feed_forward",
)
BUFFER = re.compile(r"(?i)(buffer|out_grad_buffer|_buf|_grad|_grad_flat)$|^(buf|buffer|out)$")
CACHE = re.compile(
    r"(?i)^(cache|caches|cached?_?\w*|\w+_caches?|memory|mem|ctx|context|saved|linear_cache|activation_cache|params?)$"
)
SHAPE = re.compile(r"(?i)(^|_)shapes?(_|$)")  # that of an input: what backward has to come back to
OUTPUT = ("out", "output", "y", "outputs", "result", "act", "activation_output", "out_data", "output_data")
INPUT = ("x", "inp", "input", "inputs", "a", "z", "data", "x_data", "a_data", "X", "Z", "A", "in_data")


def forward_names(name: str) -> list[str]:
    """Give the names that the forward of a backward function may have, likeliest first.

    `affine_backward` has `affine_forward` or `affine`; `conv_backward_w` has `conv_forward` too.
    """
    found = BACK.search(name)
    if found is None:
        return []
    before, after = name[: found.start()], name[found.end() :]
    shorter = re.sub(r"_[a-z0-9]+$", "", after)
    words = [f"{before}{word}{rest}" for rest in dict.fromkeys([after, shorter, ""]) for word in FRONT]
    bare = (before.rstrip("_") + after) if before else after.lstrip("_")
    words += [word.title() for word in words if name[:1].isupper()]
    return [word for word in dict.fromkeys([*words, bare]) if word and word != name]


class Unresolved(Exception):
    """An argument of backward that nothing stands for: we do not know what to hand in."""

    def __init__(self, name: str) -> None:
        """Keep the name."""
        super().__init__(name)
        self.name = name


@dataclass
class Pair:
    """A forward, a backward, and the arguments that forward is called with: what a pair of functions is as an object.

    `arguments` has a value for each parameter of forward, that of the input `first` among them; after `forward`,
    `saved` is what it returned besides the output, `outputs` the outputs, after `backward` `gradients` those by name of
    the array. `wanted` are the parameters of forward; `arguments` may hold more, which only backward asks for.
    """

    front: Function
    back: Function
    first: str
    arguments: dict[str, Any]
    upstream: list[str]
    rest: list[str]
    wanted: list[str] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)
    saved: tuple[Any, ...] = ()
    gradients: dict[str, Any] = field(default_factory=dict)

    def forward(self, x: Any) -> Any:
        """Call the forward; several outputs that get a gradient each are laid end to end."""
        self.arguments[self.first] = x
        result = live(self.front)(**{name: self.arguments[name] for name in self.wanted or self.arguments})
        if isinstance(result, tuple):
            count = max(len(self.upstream), 1)
            while self.upstream and count < len(result) and _is_number(result[count]):
                count += 1  # a loss that backward starts from by itself
            self.outputs, self.saved = list(result[:count]), result[count:]
        else:
            self.outputs, self.saved = [result], ()
        return self.output()

    def output(self) -> Any:
        """Give the outputs as one array."""
        if len(self.outputs) == 1:
            return self.outputs[0]
        return np.concatenate([np.ravel(part) for part in self.outputs])

    @property
    def starts_itself(self) -> bool:
        """Whether backward adds the gradient of a loss that forward gives besides its output."""
        return len(self.outputs) > max(len(self.upstream), 1)

    def backward(self, dout: Any) -> Any:
        """Call the backward with what forward kept, and sort what it gives by argument. Raises Unresolved."""
        douts = self._shared(dout)
        extra, buffers = self._extra()
        optional = [p.name for p in positional(self.back) if p.default is not inspect.Parameter.empty]
        named = {n: self.arguments[n] for n in optional if n in self.arguments}
        result = live(self.back)(*douts, *extra, **named)
        self.gradients = self._sorted(result, buffers)
        return self.gradients.get(self.first)

    def _shared(self, dout: Any) -> list[Any]:
        """Give each output its part of dout."""
        if len(self.outputs) <= 1:
            return [dout] * len(self.upstream)
        sizes = np.cumsum([np.size(part) for part in self.outputs])[:-1]
        parts = np.split(np.ravel(dout), sizes)
        shaped = [part.reshape(np.shape(out)) for part, out in zip(parts, self.outputs, strict=True)]
        return shaped[: len(self.upstream)]

    def _extra(self) -> tuple[list[Any], list[tuple[str | None, Any]]]:
        """Give the arguments of backward behind the gradients: by name, else the cache."""
        values: list[Any] = []
        buffers: list[tuple[str | None, Any]] = []
        titles = returned_by(self.front)[len(self.outputs) :]
        kept = dict(zip(titles, self.saved, strict=False)) if len(titles) == len(self.saved) else {}
        left = [value for title, value in zip(titles or [""] * len(self.saved), self.saved, strict=False)
                if title not in self.rest]  # fmt: skip
        for name in self.rest:
            if name in kept:
                values.append(kept[name])
            elif CACHE.match(name) and self.saved:
                values.append(self._cache())
            elif SHAPE.search(name):
                values.append(np.shape(self.arguments[self._owner(name)]))
            elif name in self.arguments:
                values.append(self.arguments[name])
            elif BUFFER.search(name) and not self.saved:
                target = self._target_of(name)
                buffers.append((target, np.zeros(np.shape(self.arguments[target or self._only()]))))
                values.append(buffers[-1][1])
            else:
                values.append(self._named(name, left))
        return values, buffers

    def _cache(self) -> Any:
        """Give what forward kept: the one container among it, or what backward takes apart, or all."""
        if len(self.saved) == 1:
            return self.saved[0]
        caches = [name for name in self.rest if CACHE.match(name)]
        parts = Reading(self.back).parts(caches[0])
        if len(parts) == len(self.saved):
            return self.saved
        containers = [s for s in self.saved if isinstance(s, (tuple, list, dict))]
        return containers[0] if len(containers) == 1 else self.saved

    def _target_of(self, name: str) -> str | None:
        words = set(re.split(r"_+", name.lower()))
        return next((argument for argument in self.arguments if words & _words(argument)), None)

    def _named(self, name: str, left: list[Any]) -> Any:
        """Give what the name says: an output, a shape, an argument under another name, what else forward kept."""
        if name in OUTPUT:
            return self.outputs[0]
        if SHAPE.search(name):
            return np.shape(self.arguments[self._owner(name)])
        if name in INPUT or name == f"{self.first}_prev":
            return self.arguments[self.first]
        stem = name.rstrip("_0123456789")
        near = [a for a in self.arguments if a.rstrip("_0123456789") == stem or a.lower() == name.lower()]
        near = near or [a for a in self.arguments if _words(a) & _words(name)]
        if near:
            return self.arguments[near[0]]
        if left:
            return left.pop(0)
        raise Unresolved(name)

    def _owner(self, name: str) -> str:
        """Give the argument whose shape is meant: by its name, else the one that the function's name ends with."""
        words = _words(name)
        return next((a for a in self.arguments if _words(a) & words), None) or self._only()

    def arrays(self) -> dict[str, Path]:
        """Give the arrays that may have a gradient, the input first, and where they lie: in dictionaries, lists too."""
        found: dict[str, Path] = {}
        for name in [self.first, *(n for n in self.arguments if n != self.first)]:
            value, path = self.arguments.get(name), (("a", "arguments"), ("i", name))
            inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
            if _is_floating(value):
                found[name] = path
            for key, part in inside:
                if _is_floating(part):
                    found[key if isinstance(key, str) else f"{name}[{key}]"] = (*path, ("i", key))
        return found

    def held(self) -> dict[str, Any]:
        """Give the arrays that may have a gradient."""
        found: dict[str, Any] = {}
        for name, path in self.arrays().items():
            value: Any = self
            for kind, key in path:
                value = getattr(value, str(key)) if kind == "a" else value[key]
            found[name] = value
        return found

    def _sorted(self, result: Any, buffers: list[tuple[str | None, Any]]) -> dict[str, Any]:
        if buffers and (result is None or not isinstance(result, (tuple, list, dict, np.ndarray))):
            return {target or self._only(): value for target, value in buffers}
        return sort_gradients(result, self.held(), returned_by(self.back), self._only())

    def _only(self) -> str:
        """Give the argument whose gradient a backward that gives just one is about: `…_backward_w` is about w."""
        name = self.back.__name__.lower().removesuffix("_internal")
        last = name.rpartition("_")[2]
        arrays = self.held()
        match = next((n for n in arrays if last == n.lower() or last == n.lower().partition("_")[0]), None)
        if match is None and not _is_floating(self.arguments.get(self.first)):
            match = next(iter(arrays), None)
        return match or self.first


def live(function: Function) -> Function:
    """Give what stands under a function's name now: a repair that is tried replaces it in its module."""
    names = getattr(function, "__globals__", {})
    now = names.get(getattr(function, "__name__", ""))
    return now if inspect.isfunction(now) else function


def _is_floating(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _is_number(value: Any) -> bool:
    return isinstance(value, (float, np.floating)) or (isinstance(value, np.ndarray) and value.ndim == 0)


def _words(name: str) -> set[str]:
    return set(re.split(r"_+", name.lower())) - {"", "shape", "data", "original", "input", "in", "target", "grad"}


@functools.lru_cache(maxsize=256)
def positional(function: Function) -> list[inspect.Parameter]:
    """Give the parameters of a function that may be named; [] where Python cannot tell."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):
        return []
    return [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def upstream_of(back: Function, front: Function, source: Source | None) -> tuple[list[str], list[str]]:
    """Split the parameters of a backward into gradients that come in and the rest."""
    taken = {p.name for p in positional(front)}
    names = [p.name for p in positional(back) if p.default is inspect.Parameter.empty]
    upstream: list[str] = []
    for name in names:
        if name in taken or CACHE.match(name) or not _is_gradient(name):
            break
        upstream.append(name)
    if not upstream and names and names[0] not in taken and not CACHE.match(names[0]):
        upstream = names[:1]
    return upstream, names[len(upstream) :]


def _is_gradient(name: str) -> bool:
    other = re.match(
        r"(?i)^(d[A-Z_\d]\w*|d\w+|g\w?|grad\w*|\w*_?grad|\w*gradients?|delta\w*|\w*error\w*|upstream\w*|out_grad\w*)$",
        name,
    )
    return (is_upstream(name) or other is not None) and re.match(r"(?i)^(data|dim|x|inp)", name) is None
