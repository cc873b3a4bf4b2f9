"""Activations: functions applied to each value by itself (book, ch. 5.5)."""

from typing import Any

import numpy as np

from badak.functions import floating, sigmoid
from badak.layers.base import Elementwise, upstream
from badak.types import Array


class Relu(Elementwise):
    """y = x where x > 0, else 0; so dx = dout where x > 0, else 0 (book, ch. 5.5.1). Nothing passes at x = 0."""

    def __init__(self) -> None:
        self.mask: Any = None

    def forward(self, x: Any) -> Array:
        """Give max(x, 0), in the shape of `x`."""
        x = floating(x)
        self.mask = x <= 0
        return np.where(self.mask, x.dtype.type(0), x)

    def backward(self, dout: Any) -> Array:
        """Give dx, in the shape of `dout`: what comes from above, where forward let its value through."""
        dout = upstream(self, dout, self.mask)
        return np.where(self.mask, dout.dtype.type(0), dout)


class Sigmoid(Elementwise):
    """y = 1 / (1 + exp(-x)); so dx = dout · y (1 - y), from the output alone (book, ch. 5.5.2)."""

    def __init__(self) -> None:
        self.out: Any = None

    def forward(self, x: Any) -> Array:
        """Give y, in the shape of `x`."""
        self.out = sigmoid(x)
        return self.out

    def backward(self, dout: Any) -> Array:
        """Give dx, in the shape of `dout`."""
        dout = upstream(self, dout, self.out)
        return dout * self.out * (1 - self.out)
