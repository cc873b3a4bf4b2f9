"""Networks and layers made of layers: who calls whom, with what, recorded while they run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.check.copying import clone
from badak.check.numeric import close
from badak.check.subject import Subject, attributes_of, has_method, pieces


@dataclass
class Call:
    """One call of an inner layer: copies of what went in and came out, and the objects themselves."""

    name: str
    layer: Any
    method: str
    given: list[Any]
    copies: list[Any]
    result: Any
    copy: Any = None
    after: list[Any] = field(default_factory=list)


def inner_layers(obj: Any) -> list[tuple[str, Any]]:
    """Give the layers held by an object (not those inside them), with the names under which it holds them."""
    found: list[tuple[str, Any]] = []
    for name in attributes_of(obj):
        child = getattr(obj, name, None)
        for extra, piece, _ in pieces(child, child):
            if has_method(piece, "forward") and has_method(piece, "backward"):
                title = (
                    str(extra[0][1])
                    if extra and isinstance(extra[0][1], str)
                    else name + (f"[{extra[0][1]}]" if extra else "")
                )
                found.append((title, piece))
    return found


def record(obj: Any, calls: list[Call], guard: bool = False) -> bool:
    """Make the inner layers of `obj` (a copy) record their calls; with `guard`, hand each backward a copy
    of dout."""
    for name, layer in inner_layers(obj):
        if not hasattr(layer, "__dict__") or "forward" in vars(layer):
            continue
        for method in ("forward", "backward"):
            try:
                setattr(layer, method, _recorder(getattr(layer, method), name, layer, method, calls, guard))
            except AttributeError:
                return False
    return bool(inner_layers(obj))


def _recorder(
    original: Callable[..., Any], name: str, layer: Any, method: str, calls: list[Call], guard: bool
) -> Callable[..., Any]:
    def recorded(*args: Any, **kwargs: Any) -> Any:
        call = Call(name, layer, method, list(args), [clone(a) for a in args], None)
        calls.append(call)
        passed = [clone(a) for a in args] if guard and method == "backward" else list(args)
        call.result = original(*passed, **kwargs)
        call.copy = clone(call.result)
        call.after = [clone(a) for a in args]
        return call.result

    return recorded


def trace(subject: Subject, guard: bool = False) -> tuple[list[Call], Any, dict[str, Any]]:
    """Run the network's gradient (a composite layer's forward and backward) with recording inner layers."""
    obj = subject.fresh()
    calls: list[Call] = []
    record(obj, calls, guard)
    dout = None
    if not subject.runs_forward_itself:
        y = np.asarray(subject.forward(subject.fresh(), clone(subject.x), clone(subject.second)))
        dout = subject.random_dout(y, np.random.default_rng(7), 0.3)
    result = subject.run(dout, obj=obj)
    grads = dict(result.grads)
    for name in subject.input_names:
        grads[name] = subject.gradient(result, name)
    return calls, obj, grads


def layer_named(subject: Subject, name: str) -> Any:
    """Give the layer that the network at rest holds under this name."""
    return dict(inner_layers(subject.obj)).get(name)


def uses(result: Any, given: list[Any]) -> bool:
    """Tell whether one of the arguments is this result, or a view of it."""
    return any(
        isinstance(g, np.ndarray)
        and isinstance(result, np.ndarray)
        and (g is result or np.shares_memory(g, result) or close(g, result, 1e-15))
        for g in given
    )


def fits(subject: Subject, a: Any, quantity: str) -> bool:
    """Tell whether `a` is the gradient of the loss with respect to a quantity, kinks left out."""
    if a is None:
        return False
    slope = subject.slopes(quantity).along(np.ones(1))[0]
    kinked = subject.slopes(quantity).kinked.any(axis=1).reshape(slope.shape)
    slope = np.where(kinked, np.nan, slope)
    return close(np.asarray(a, float), slope, 1e-5)
