"""Which functions of a file belong together: a forward and the backward written for it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.check.source import Source, is_upstream

Function = Callable[..., Any]
# What stands for backward in a name, and what may stand for forward in its place.
BACK = re.compile(r"(?i)(backward|backprop|back_prop|bprop|bwd)")
FRONT = ("forward", "forwardprop", "forward_prop", "fprop", "fwd")
BUFFER = re.compile(r"(?i)(buffer|out_grad_buffer|_buf)$|^(buf|buffer)")
CACHE = re.compile(
    r"(?i)^(cache|caches|cached?_?\w*|memory|mem|ctx|context|saved|linear_cache|activation_cache|params?)$"
)
OUTPUT = ("out", "output", "y", "outputs", "result", "act", "activation_output")


def forward_names(name: str) -> list[str]:
    """Give the names that the forward of a backward function may have, likeliest first.

    `affine_backward` has `affine_forward` or `affine`; `conv_backward_w` has `conv_forward` too.
    """
    found = BACK.search(name)
    if found is None:
        return []
    before, after = name[: found.start()], name[found.end() :]
    words = [f"{before}{word}{after}" for word in FRONT]
    words += [
        f"{before}{word}{re.sub(r'_[a-z0-9]+$', '', after)}" for word in FRONT if re.search(r"_[a-z0-9]+$", after)
    ]
    bare = (before.rstrip("_") + after) if before else after.lstrip("_")
    return [word for word in dict.fromkeys([*words, bare]) if word and word != name]


@dataclass
class Pair:
    """A forward, a backward, and the arguments that forward is called with: what a pair of functions is as an object.

    `arguments` has a value for each parameter of forward but the first, which is the input; after `forward`, `saved` is
    what it returned besides the output, `outputs` the outputs, after `backward` `gradients` those by argument.
    """

    front: Function
    back: Function
    first: str
    arguments: dict[str, Any]
    upstream: list[str]
    rest: list[str]
    outputs: list[Any] = field(default_factory=list)
    saved: tuple[Any, ...] = ()
    gradients: dict[str, Any] = field(default_factory=dict)

    def forward(self, x: Any) -> Any:
        """Call the forward; several outputs that get a gradient each are laid end to end."""
        self.arguments[self.first] = x
        result = self.front(**self.arguments)
        if isinstance(result, tuple):
            count = max(len(self.upstream), 1)
            self.outputs, self.saved = list(result[:count]), result[count:]
        else:
            self.outputs, self.saved = [result], ()
        if len(self.outputs) == 1:
            return self.outputs[0]
        return np.concatenate([np.ravel(part) for part in self.outputs])

    def backward(self, dout: Any) -> Any:
        """Call the backward with what forward kept, and sort what it gives by argument."""
        douts = self._shared(dout)
        extra, buffers = self._extra()
        result = self.back(*douts, *extra)
        self.gradients = self._sorted(result, buffers)
        return self.gradients.get(self.first)

    def _shared(self, dout: Any) -> list[Any]:
        """Give each output its part of dout."""
        if len(self.upstream) <= 1:
            return [dout] * len(self.upstream)
        sizes = np.cumsum([np.size(part) for part in self.outputs])[:-1]
        parts = np.split(np.ravel(dout), sizes)
        return [part.reshape(np.shape(out)) for part, out in zip(parts, self.outputs, strict=True)]

    def _extra(self) -> tuple[list[Any], list[tuple[str | None, Any]]]:
        """Give the arguments of backward behind the gradients: by name, else the cache."""
        saved = self.saved[0] if len(self.saved) == 1 else self.saved
        values: list[Any] = []
        buffers: list[tuple[str | None, Any]] = []
        for place, name in enumerate(self.rest):
            if name in self.arguments and not (CACHE.match(name) and self.saved):
                values.append(self.arguments[name])
            elif BUFFER.search(name):
                target = self._target_of(name)
                buffers.append((target, np.zeros(np.shape(self.arguments[target or self.first]))))
                values.append(buffers[-1][1])
            elif self.saved:
                values.append(self.saved[place] if len(self.rest) > 1 and len(self.saved) > place else saved)
            else:
                values.append(self._named(name))
        return values, buffers

    def _target_of(self, name: str) -> str | None:
        words = set(re.split(r"_+", name.lower()))
        return next((argument for argument in self.arguments if argument.lower() in words), None)

    def _named(self, name: str) -> Any:
        """Give what the name says: an output, an argument's shape, an argument under another name."""
        if name in OUTPUT:
            return self.outputs[0]
        if "shape" in name:
            owner = next((a for a in self.arguments if name in (f"{a}_shape", f"shape_{a}")), self.first)
            return np.shape(self.arguments[owner])
        near = [a for a in self.arguments if a.rstrip("_0123456789") == name.rstrip("_0123456789")]
        return self.arguments[near[0] if near else self.first]

    def arrays(self) -> list[str]:
        """Give the arguments that may have a gradient: floating arrays, the input first."""
        names = [self.first, *(name for name in self.arguments if name != self.first)]
        return [n for n in names if isinstance(self.arguments[n], np.ndarray) and self.arguments[n].dtype.kind == "f"]

    def _sorted(self, result: Any, buffers: list[tuple[str | None, Any]]) -> dict[str, Any]:
        names = self.arrays()
        if buffers and result is None:
            only = self._only(names)
            return {target or only: value for target, value in buffers}
        if isinstance(result, dict):
            return {n: result[k] for n in names for k in result if gradient_of(str(k), n)}
        if not isinstance(result, (tuple, list)):
            return {self._only(names): result}
        parts = list(result)
        written = returned_by(self.back)
        found: dict[str, Any] = {}
        for place, part in enumerate(parts):
            title = written[place] if place < len(written) == len(parts) else ""
            match = next((n for n in names if n not in found and gradient_of(title, n)), None)
            if match is not None:
                found[match] = part
        for part in (p for p in parts if not any(p is f for f in found.values())):
            open_names = [n for n in names if n not in found]
            fitting = [n for n in open_names if np.shape(self.arguments[n]) == np.shape(part)]
            if len(parts) == len(names) and open_names:
                found[open_names[0]] = part
            elif fitting:
                found[fitting[0]] = part
        return found

    def _only(self, names: list[str]) -> str:
        """Give the argument whose gradient a backward that gives just one is about: `…_backward_w` is about w."""
        last = self.back.__name__.rpartition("_")[2].lower()
        return next((n for n in names if last in (n.lower(), n.lower().partition("_")[0])), self.first)


def gradient_of(title: str, name: str) -> bool:
    """Tell whether a name is that of the gradient of another: dW, d_W, grad_W, W_grad, dA_prev of A or A_prev."""
    plain, of = title.replace("_", "").lower(), name.replace("_", "").lower()
    forms = {f"d{of}", f"grad{of}", f"{of}grad", f"dl{of}", f"dl{of}", f"dloss{of}", f"g{of}"}
    return plain in forms or (len(of) == 1 and plain == f"d{of}prev")


def returned_by(function: Function) -> list[str]:
    """Give the names in the last return statement of a function that returns a tuple; [] where it is not to be read."""
    try:
        tree = ast.parse(inspect.cleandoc(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return []
    returns = [n.value for n in ast.walk(tree) if isinstance(n, ast.Return) and isinstance(n.value, ast.Tuple)]
    return [getattr(e, "id", getattr(e, "attr", "")) for e in returns[-1].elts] if returns else []


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
    other = re.match(r"(?i)^(d[A-Z_\d]\w*|d\w+|g\w?|grad\w*|\w*grad|delta\w*|error\w*)$", name)
    return is_upstream(name) or other is not None
