"""Dropout: a layer that forgets at random while it trains."""

from typing import Any

import numpy as np

from badak.functions import floating
from badak.layers.base import SameShape, upstream
from badak.types import Array
from badak.validate import share


class Dropout(SameShape):
    """Training, y = x / (1 - p) at the values kept, 0 at a share p of them; predicting, y = x (inverted dropout).

    So dx = dout / (1 - p) where a value was kept. `dropout_ratio` is p, from 0 to below 1. (Srivastava et al., 2014;
    book, ch. 6.4.3, which scales when predicting instead: the layer here has nothing to do then.)

    `rng` is the generator that draws: one float64 for each value, in row-major order, kept where it is p or more. A
    Network fills it from its seed; a layer used alone seeds it with 0.

    Raises TypeError or ValueError for another ratio.
    """

    def __init__(self, dropout_ratio: float = 0.5) -> None:
        self.dropout_ratio = share("dropout_ratio", dropout_ratio)
        self.training = True
        self.rng: np.random.Generator | None = None
        self.mask: Any = None

    def forward(self, x: Any) -> Array:
        """Give y, in the shape of `x`."""
        x = floating(x)
        self.mask = np.ones(x.shape, x.dtype)
        if self.training:
            self.rng = np.random.default_rng(0) if self.rng is None else self.rng
            kept = self.rng.random(x.shape) >= self.dropout_ratio
            self.mask = (kept / (1 - self.dropout_ratio)).astype(x.dtype)
        return x * self.mask

    def backward(self, dout: Any) -> Array:
        """Give dx, in the shape of `dout`."""
        return upstream(self, dout, self.mask) * self.mask
