"""Layers of images: convolution, pooling, and the step from images to rows (book, ch. 7).

`N` images, `C` channels of `H` rows and `W` columns; `F` filters of `FH` rows and `FW` columns; output `OH`, `OW`.
"""

from typing import Any, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from badak.functions import floating
from badak.init import draw
from badak.layers.base import Readable, upstream
from badak.types import Array
from badak.validate import positive, whole


def windows(x: Array, FH: int, FW: int, stride: int, pad: int, fill: float = 0) -> Array:
    """Give every window of the images `x`, (N, C, H, W), that a filter sees: a view of (C, FH, FW, N, OH, OW).

    The images get `pad` rows and columns of `fill` on each side first; windows start `stride` apart.
    """
    if pad:
        x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)), constant_values=fill)
    seen = sliding_window_view(x, (FH, FW), axis=(2, 3))[:, :, ::stride, ::stride]  # (N, C, OH, OW, FH, FW)
    return seen.transpose(1, 4, 5, 0, 2, 3)


def put_back(seen: Array, shape: tuple[int, ...], stride: int, pad: int) -> Array:
    """Add windows, (C, FH, FW, N, OH, OW), up to images of the `shape` (N, C, H, W): the way back of `windows`."""
    (C, FH, FW, N, OH, OW), (H, W) = seen.shape, shape[2:]
    x = np.zeros((C, N, H + 2 * pad, W + 2 * pad), seen.dtype)
    for i in range(FH):
        for j in range(FW):
            x[:, :, i : i + stride * OH : stride, j : j + stride * OW : stride] += seen[:, i, j]
    return x[:, :, pad : pad + H, pad : pad + W].transpose(1, 0, 2, 3)


class _Windowed(Readable):
    """A layer that looks at images through windows."""

    stride: int
    pad: int
    x_shape: Any = None

    def _window(self) -> tuple[int, int]:
        raise NotImplementedError

    def _sizes(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Give OH and OW for images of `shape`, (C, H, W). Raises ValueError where no window fits."""
        if len(shape) != 3:
            told = ", ".join(map(str, ("N", *shape)))
            raise ValueError(f"{type(self).__name__} takes images (N, C, H, W), a batch of them, not ({told})")
        sizes = [(n + 2 * self.pad - f) // self.stride + 1 for n, f in zip(shape[-2:], self._window(), strict=True)]
        if min(sizes) < 1:
            raise ValueError(
                f"{type(self).__name__} with a window of {self._window()} and pad {self.pad} "
                f"takes images (C, H, W) at least as large, not {shape}"
            )
        return sizes[0], sizes[1]


class Convolution(_Windowed):
    """out[n, f] = Σ over channels and window of x · W[f], + b[f]: an affine layer on windows (book, ch. 7.4.3).

    With the windows as columns, (C·FH·FW, N·OH·OW): out = W col + b; so dW = dout colᵀ, db = Σ dout, and
    dcol = Wᵀ dout, each added back to the pixel that it came from.

    `W` is (F, C, FH, FW), `b` (F,). `x` is (N, C, H, W), out (N, F, OH, OW) with OH = (H + 2 pad - FH) // stride + 1.
    Raises TypeError or ValueError for sizes that do not fit.
    """

    def __init__(self, W: Any, b: Any, stride: int = 1, pad: int = 0) -> None:
        self.W, self.b = floating(W, "W"), floating(b, "b")
        if self.W.ndim != 4 or self.b.shape != self.W.shape[:1]:
            raise ValueError(
                "Convolution takes W of shape (F, C, FH, FW) and b of shape (F,), "
                f"not {self.W.shape} and {self.b.shape}; Convolution.of(channels, filters, size) makes them from sizes"
            )
        self.stride, self.pad = positive("stride", stride), whole("pad", pad, least=0)
        self.col: Any = None
        self.dW: Any = None
        self.db: Any = None

    @classmethod
    def of(
        cls,
        channels: int,
        filters: int,
        size: int | tuple[int, int],
        init: float | str = "he",
        rng: Any = None,
        stride: int = 1,
        pad: int = 0,
    ) -> Self:
        """Give a layer with W of (filters, channels, FH, FW), drawn as `init` says, and b of zeros, all float64.

        `size` is FH and FW, or the one number that both are; `init` and `rng` are as in `Affine.of`, and so are errors.
        """
        FH, FW = size if isinstance(size, tuple) and len(size) == 2 else (size, size)
        C, F = positive("channels", channels), positive("filters", filters)
        shape = (F, C, positive("size", FH), positive("size", FW))
        return cls(draw(shape, C * shape[2] * shape[3], init, rng), np.zeros(F), stride, pad)

    def __repr__(self) -> str:
        F, C, FH, FW = self.W.shape
        size = FH if FH == FW else (FH, FW)
        return f"{type(self).__name__}.of({C}, {F}, {size}, stride={self.stride}, pad={self.pad})"

    def _window(self) -> tuple[int, int]:
        return self.W.shape[2], self.W.shape[3]

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Give (F, OH, OW) for images (C, H, W). Raises ValueError where they do not fit."""
        if len(shape) == 3 and shape[0] != self.W.shape[1]:
            mend = ": with channels last, give x.transpose(0, 3, 1, 2)" if shape[2] == self.W.shape[1] else ""
            raise ValueError(
                f"Convolution with W of shape {self.W.shape} takes {self.W.shape[1]} channels, not {shape[0]}, "
                f"of images {shape}{mend}"
            )
        return (len(self.W), *self._sizes(shape))

    def forward(self, x: Any) -> Array:
        """Give out, (N, F, OH, OW), for images `x`, (N, C, H, W)."""
        x = floating(x)
        F, OH, OW = self.output_shape(x.shape[1:])
        self.x_shape = x.shape
        W = self.W.reshape(F, -1)  # (F, C·FH·FW)
        self.col = windows(x, *self._window(), self.stride, self.pad).reshape(W.shape[1], -1)  # (C·FH·FW, N·OH·OW)
        out = W @ self.col + self.b[:, None]  # (F, N·OH·OW)
        return out.reshape(F, len(x), OH, OW).transpose(1, 0, 2, 3)

    def backward(self, dout: Any) -> Array:
        """Give dx in the shape of `x`, and set `dW` (F, C, FH, FW) and `db` (F,)."""
        like = None if self.x_shape is None else (self.x_shape[0], *self.output_shape(self.x_shape[1:]))
        dout = upstream(self, dout, like)
        N, F, OH, OW = dout.shape
        dout = dout.transpose(1, 0, 2, 3).reshape(F, -1)  # (F, N·OH·OW)
        self.dW = (dout @ self.col.T).reshape(self.W.shape)
        self.db = dout.sum(axis=1)
        dcol = self.W.reshape(F, -1).T @ dout  # (C·FH·FW, N·OH·OW)
        return put_back(dcol.reshape(*self.W.shape[1:], N, OH, OW), self.x_shape, self.stride, self.pad)


class _Pool(_Windowed):
    """What the two kinds of pooling share: `pool_h` and `pool_w`, the window; `stride`; `pad`, below the window."""

    def __init__(self, pool_h: int, pool_w: int, stride: int = 2, pad: int = 0) -> None:
        self.pool_h, self.pool_w = positive("pool_h", pool_h), positive("pool_w", pool_w)
        self.stride, self.pad = positive("stride", stride), whole("pad", pad, least=0)
        if pad >= min(pool_h, pool_w):  # a window of padding alone would have no largest value
            raise ValueError(f"pad must be smaller than the window, {self._window()}, not {pad}")

    def _window(self) -> tuple[int, int]:
        return self.pool_h, self.pool_w

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Give (C, OH, OW) for images (C, H, W). Raises ValueError where no window fits."""
        sizes = self._sizes(shape)
        return (shape[0], *sizes)

    def _forward(self, x: Array, fill: float) -> Array:
        """Give the values in each window, (pool_h·pool_w, C, N, OH, OW)."""
        sizes = self.output_shape(x.shape[1:])[1:]
        self.x_shape = x.shape
        seen = windows(x, self.pool_h, self.pool_w, self.stride, self.pad, fill)
        return seen.transpose(1, 2, 0, 3, 4, 5).reshape(self.pool_h * self.pool_w, *x.shape[1::-1], *sizes)

    def _upstream(self, dout: Any) -> Array:
        """Give `dout`, checked, as (C, N, OH, OW)."""
        like = None if self.x_shape is None else (self.x_shape[0], *self.output_shape(self.x_shape[1:]))
        return upstream(self, dout, like).transpose(1, 0, 2, 3)

    def _backward(self, seen: Array) -> Array:
        """Give dx from the gradients of the values in each window, (pool_h·pool_w, C, N, OH, OW)."""
        _, C, N, OH, OW = seen.shape
        seen = seen.reshape(self.pool_h, self.pool_w, C, N, OH, OW).transpose(2, 0, 1, 3, 4, 5)
        return put_back(seen, self.x_shape, self.stride, self.pad)


class Pooling(_Pool):
    """The largest value in each window; so dx gets dout where that value stood, the first of equals (book, ch. 7.4.4).

    `x` is (N, C, H, W), out (N, C, OH, OW) with OH = (H + 2 pad - pool_h) // stride + 1. The padding counts as -∞ and
    never wins. Raises TypeError or ValueError for sizes that do not fit.
    """

    arg_max: Any = None

    def forward(self, x: Any) -> Array:
        """Give out, (N, C, OH, OW), for images `x`, (N, C, H, W)."""
        seen = self._forward(floating(x), -np.inf)
        self.arg_max = seen.argmax(axis=0)  # (C, N, OH, OW)
        return seen.max(axis=0).transpose(1, 0, 2, 3)

    def backward(self, dout: Any) -> Array:
        """Give dx, in the shape of `x`."""
        dout = self._upstream(dout)
        places = np.arange(self.pool_h * self.pool_w).reshape(-1, 1, 1, 1, 1)
        return self._backward(np.where(self.arg_max == places, dout, dout.dtype.type(0)))


class AveragePooling(_Pool):
    """The mean of each window; so dx gets an equal share of dout at each place of it (LeCun et al., 1998).

    Shapes as Pooling. The padding counts as zeros. Raises TypeError or ValueError for sizes that do not fit.
    """

    def forward(self, x: Any) -> Array:
        """Give out, (N, C, OH, OW), for images `x`, (N, C, H, W)."""
        return self._forward(floating(x), 0).mean(axis=0).transpose(1, 0, 2, 3)

    def backward(self, dout: Any) -> Array:
        """Give dx, in the shape of `x`."""
        dout = self._upstream(dout)
        size = self.pool_h * self.pool_w
        return self._backward(np.broadcast_to(dout / size, (size, *dout.shape)))


class Flatten(Readable):
    """Images as rows: (N, C, H, W) becomes (N, C·H·W), in row-major order; backwards, the other way."""

    def __init__(self) -> None:
        self.x_shape: Any = None

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Give (C·H·W,)."""
        return (int(np.prod(shape)),)

    def forward(self, x: Any) -> Array:
        """Give the rows, (N, D), of `x`, (N, …)."""
        x = floating(x)
        self.x_shape = x.shape
        return x.reshape(len(x), *self.output_shape(x.shape[1:]))

    def backward(self, dout: Any) -> Array:
        """Give dx, in the shape of `x`."""
        like = None if self.x_shape is None else (self.x_shape[0], *self.output_shape(self.x_shape[1:]))
        return upstream(self, dout, like).reshape(self.x_shape)
