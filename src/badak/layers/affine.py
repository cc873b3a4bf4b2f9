"""The affine layer: a matrix product and a bias (book, ch. 5.6)."""

from typing import Any, Self

import numpy as np

from badak.functions import floating
from badak.init import draw
from badak.layers.base import Readable, upstream
from badak.types import Array
from badak.validate import positive


class Affine(Readable):
    """out = x W + b; so dx = dout Wᵀ, dW = xᵀ dout, db = Σ dout over the batch (book, ch. 5.6.2).

    `W` is (D, H) and `b` (H,); floating-point arrays are shared, not copied, integers become float64.
    Input of more axes, (N, C, H, W), is read as (N, C·H·W), and one sample (D,) gives (H,).
    Raises ValueError for shapes that do not fit.
    """

    def __init__(self, W: Any, b: Any) -> None:
        self.W, self.b = floating(W, "W"), floating(b, "b")
        if self.W.ndim != 2 or self.b.shape != self.W.shape[1:]:
            sizes = self.W.ndim == self.b.ndim == 0
            mend = f": from sizes, Affine.of({W}, {b}) makes them" if sizes else ""
            if self.W.ndim == 2 and self.b.ndim == 0:
                mend = f": np.zeros({self.W.shape[1]}) is such a b"
            raise ValueError(
                f"Affine takes W of shape (D, H) and b of shape (H,), not {self.W.shape} and {self.b.shape}{mend}"
            )
        self.x: Any = None
        self.x_shape: tuple[int, ...] = ()
        self.dW: Any = None
        self.db: Any = None

    @classmethod
    def of(cls, inputs: int, outputs: int, init: float | str = "he", rng: Any = None) -> Self:
        """Give a layer with W of (inputs, outputs), drawn as `init` says, and b of zeros, all float64.

        `init` is 'he', 'xavier', an activation's name or a standard deviation (see `badak.init.weight_std`); `rng` a
        generator, a seed or None. Raises TypeError or ValueError for sizes or an `init` that are none.
        """
        D, H = positive("inputs", inputs), positive("outputs", outputs)
        return cls(draw((D, H), D, init, rng), np.zeros(H))

    def __repr__(self) -> str:
        return f"{type(self).__name__}.of({self.W.shape[0]}, {self.W.shape[1]})"

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Give (H,), the shape of one sample's output. Raises ValueError where the input has not D values."""
        if int(np.prod(shape)) != self.W.shape[0]:
            raise ValueError(
                f"Affine with W of shape {self.W.shape} takes {self.W.shape[0]} values a sample, not {shape}"
            )
        return (self.W.shape[1],)

    def forward(self, x: Any) -> Array:
        """Give out, (N, H), for `x`, (N, D)."""
        x = floating(x)
        self.output_shape(x.shape[1:] if x.ndim > 1 else x.shape)
        self.x_shape = x.shape
        self.x = x.reshape(-1, self.W.shape[0])  # (N, D)
        out = self.x @ self.W + self.b  # (N, H)
        return out if x.ndim > 1 else out[0]

    def backward(self, dout: Any) -> Array:
        """Give dx in the shape of `x`, and set `dW` (D, H) and `db` (H,)."""
        H = self.W.shape[1]
        dout = upstream(self, dout, None if self.x is None else (*self.x_shape[: len(self.x_shape) > 1], H))
        dout = dout.reshape(-1, H)  # (N, H)
        self.dW = self.x.T @ dout  # (D, H)
        self.db = dout.sum(axis=0)  # (H,)
        return (dout @ self.W.T).reshape(self.x_shape)
