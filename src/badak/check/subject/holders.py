"""What stands in for parameters, layers and networks, where an optimizer wants them as objects."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
NAMES = ("W1", "b1", "W2", "b2", "W3", "b3", "W4", "b4")
PAIRS = (
    ("weights", "dweights"), ("W", "dW"), ("w", "dw"), ("weights", "grad_weights"), ("weight", "grad_weight"),
    ("weights", "weights_gradient"), ("weights", "d_weights"), ("weights", "weight_gradients"),
    ("weights", "dW"), ("weight", "dweight"), ("weights", "grad_w"), ("W", "grad_W"), ("W", "W_grad"),
)  # fmt: skip
BIASES = (
    ("biases", "dbiases"), ("b", "db"), ("b", "db"), ("bias", "grad_bias"), ("bias", "grad_bias"),
    ("bias", "bias_gradient"), ("biases", "d_biases"), ("biases", "bias_gradients"),
    ("bias", "db"), ("bias", "dbias"), ("bias", "grad_b"), ("b", "grad_b"), ("b", "b_grad"),
)  # fmt: skip


class Slot:
    """A parameter that holds its gradient, as tensors do, or a layer that holds both for its weights."""

    def __init__(self, data: Any, grad: Any = None) -> None:
        """Hold a value and a gradient."""
        self.data = data
        self.grad = self.gradient = grad
        self.requires_grad = True
        self.trainable = True
        self.skip_decay = False

    @property
    def value(self) -> Any:
        """The value, by its other name."""
        return self.data

    @value.setter
    def value(self, data: Any) -> None:
        self.data = data

    @property
    def shape(self) -> tuple[int, ...]:
        """The value's shape."""
        return np.shape(self.data)


class Bag:
    """Several arrays in one object that adds and multiplies; `values` are the arrays."""

    def __init__(self, parts: list[Any]) -> None:
        """Hold the arrays."""
        self.parts = parts

    @property
    def values(self) -> Any:
        """Give the arrays, as an array of objects."""
        whole = np.empty(len(self.parts), object)
        whole[:] = self.parts
        return whole

    @values.setter
    def values(self, parts: Any) -> None:
        self.parts = list(parts)

    def __add__(self, other: Any) -> Bag:
        """Add, array by array."""
        return Bag(self.values + getattr(other, "values", other))

    def __sub__(self, other: Any) -> Bag:
        """Subtract, array by array."""
        return Bag(self.values - getattr(other, "values", other))

    def __mul__(self, other: Any) -> Bag:
        """Multiply, array by array."""
        return Bag(self.values * getattr(other, "values", other))

    __rmul__ = __mul__

    def __iadd__(self, other: Any) -> Bag:
        """Add in place."""
        self.values = self.values + getattr(other, "values", other)
        return self

    def __isub__(self, other: Any) -> Bag:
        """Subtract in place."""
        self.values = self.values - getattr(other, "values", other)
        return self


class Bare:
    """An object without anything: a layer, to which attributes are added."""


class Net:
    """A network in which an optimizer looks for parameters and gradients."""

    def __init__(self, values: list[Any], slots: list[Any]) -> None:
        """Hold parameters as arrays and as objects with their gradients."""
        self._values, self._slots = values, slots
        self.layers = [layer_of(values)] if values else []
        self.grads_now: list[Any] = []

    def params(self) -> list[Any]:
        """Give the parameters as objects."""
        return self._slots

    parameters = params

    def params_and_grads(self) -> list[tuple[Any, Any]]:
        """Give each parameter with its gradient."""
        return list(zip(self._values, self.grads_now, strict=True))

    get_params_and_grads = params_and_grads

    def receive(self, grads: list[Any]) -> None:
        """Put gradients where an optimizer may look for them."""
        self.grads_now = grads
        for layer in self.layers:
            receive(layer, grads)
        for slot, g in zip(self._slots, grads, strict=True):
            slot.grad = slot.gradient = g

    def now(self) -> list[Any]:
        """Give the values: those of the objects or the layer where an optimizer moved them, else the arrays."""
        layer = weights_of(self.layers[0])
        if any(not np.array_equal(v, w) for v, w in zip(self._values, layer, strict=True)):
            return layer
        moved = [not np.array_equal(v, s.data) for v, s in zip(self._values, self._slots, strict=True)]
        return [s.data for s in self._slots] if any(moved) else self._values


def layer_of(params: list[Array]) -> Any:
    """Give a layer that holds weight and bias under every name that is usual."""
    held = Bare()
    held.start = [p.copy() for p in params]  # type: ignore[attr-defined]
    held.trainable = True  # type: ignore[attr-defined]
    held.params = dict(zip(NAMES, params, strict=False))  # type: ignore[attr-defined]
    for weight, bias in zip(PAIRS, BIASES, strict=True):
        setattr(held, weight[0], params[0])
        setattr(held, bias[0], params[1])
    return held


def receive(layer: Any, grads: list[Any]) -> None:
    """Put gradients where an optimizer may look for them in a layer."""
    for weight, bias in zip(PAIRS, BIASES, strict=True):
        setattr(layer, weight[1], grads[0])
        setattr(layer, bias[1], grads[1])
    layer.grads = layer.gradients = dict(zip(NAMES, grads, strict=False))


def weights_of(layer: Any) -> list[Any]:
    """Give weight and bias of a layer, each under the name by which it was changed."""
    return [_moved(layer, PAIRS, 0), _moved(layer, BIASES, 1)]


def _moved(layer: Any, pairs: tuple[tuple[str, str], ...], place: int) -> Any:
    held = [getattr(layer, value) for value, _ in pairs] + [layer.params[NAMES[place]]]
    changed = [value for value in held if not np.array_equal(value, layer.start[place])]
    return changed[0] if changed else held[0]
