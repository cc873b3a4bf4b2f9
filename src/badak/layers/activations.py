"""Activations: functions applied to each value by itself (book, ch. 5.5)."""

from typing import Any

import numpy as np

from badak.functions import floating, sigmoid
from badak.layers.base import SameShape, upstream
from badak.types import Array
from badak.validate import within


class Relu(SameShape):
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


class Sigmoid(SameShape):
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


class Tanh(SameShape):
    """y = tanh(x); so dx = dout · (1 - y²), from the output alone (book, ch. 6.2.2)."""

    def __init__(self) -> None:
        self.out: Any = None

    def forward(self, x: Any) -> Array:
        """Give y, in the shape of `x`."""
        self.out = np.tanh(floating(x))
        return self.out

    def backward(self, dout: Any) -> Array:
        """Give dx, in the shape of `dout`."""
        dout = upstream(self, dout, self.out)
        return dout * (1 - self.out * self.out)


class LeakyRelu(SameShape):
    """y = x where x > 0, else slope · x; so dx = dout where x > 0, else slope · dout (Maas, Hannun and Ng, 2013).

    `slope` is a number, finite and not negative. Raises TypeError or ValueError for another.
    """

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = within("slope", slope, 0)
        self.mask: Any = None

    def forward(self, x: Any) -> Array:
        """Give y, in the shape of `x`."""
        x = floating(x)
        self.mask = x <= 0
        return np.where(self.mask, self.slope * x, x)

    def backward(self, dout: Any) -> Array:
        """Give dx, in the shape of `dout`."""
        dout = upstream(self, dout, self.mask)
        return np.where(self.mask, self.slope * dout, dout)


class Gelu(SameShape):
    """y = ½ x (1 + tanh u) with u = √(2/π) (x + 0.044715 x³), near x Φ(x) (Hendrycks and Gimpel, 2016, section 2).

    So dx = dout · (½ (1 + tanh u) + ½ x (1 - tanh² u) du/dx). Beyond ±10 the tanh is ±1 to the last digit: u is
    taken from there, so that no cube overflows.
    """

    def __init__(self) -> None:
        self.x: Any = None

    def forward(self, x: Any) -> Array:
        """Give y, in the shape of `x`."""
        self.x = floating(x)
        return 0.5 * self.x * (1 + self._tanh()[0])

    def _tanh(self) -> tuple[Array, Array]:
        """Give tanh u and du/dx."""
        x = self.x.clip(-10, 10)
        scale = float(np.sqrt(2 / np.pi))
        return np.tanh(scale * (x + 0.044715 * x**3)), scale * (1 + 3 * 0.044715 * x**2)

    def backward(self, dout: Any) -> Array:
        """Give dx, in the shape of `dout`."""
        dout = upstream(self, dout, self.x)
        tanh, slope = self._tanh()
        return dout * 0.5 * (1 + tanh + self.x * (1 - tanh * tanh) * slope)
