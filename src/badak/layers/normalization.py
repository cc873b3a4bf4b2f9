"""Normalization: values brought to mean 0 and variance 1, then scaled and shifted as training finds best."""

from typing import Any, Self

import numpy as np

from badak.functions import floating
from badak.layers.base import SameShape, upstream
from badak.types import Array
from badak.validate import above_zero, positive, within


class _Normalization(SameShape):
    """What the two share: gamma and beta, (D,), and the way back through a mean and a variance."""

    gamma: Any
    beta: Any
    xn: Any = None
    """The last input, normalized, in its shape."""
    std: Any = None

    def _take(self, gamma: Any, beta: Any, eps: float) -> None:
        self.gamma, self.beta, self.eps = floating(gamma, "gamma"), floating(beta, "beta"), above_zero("eps", eps)
        if self.gamma.ndim != 1 or self.beta.shape != self.gamma.shape:
            raise ValueError(
                f"{type(self).__name__} takes gamma and beta of one shape (D,), "
                f"not {self.gamma.shape} and {self.beta.shape}; {type(self).__name__}.of(D) makes them"
            )
        self.dgamma: Any = None
        self.dbeta: Any = None

    def _through(self, dxn: Array, axes: tuple[int, ...]) -> Array:
        """Give dx from that of the normalized values, where mean and variance over `axes` came from x itself."""
        along = dxn.mean(axes, keepdims=True) + self.xn * (dxn * self.xn).mean(axes, keepdims=True)
        return (dxn - along) / self.std


class BatchNormalization(_Normalization):
    """y = gamma · xn + beta with xn = (x - mean) / √(var + eps), over the batch (book, ch. 6.3).

    (Ioffe and Szegedy, 2015.) So dbeta = Σ dout, dgamma = Σ dout · xn, and with dxn = gamma · dout,
    dx = (dxn - mean(dxn) - xn · mean(dxn · xn)) / √(var + eps).

    `gamma` and `beta` are (D,): a feature each for `x` of (N, D), a channel each for images (N, D, H, W). Training
    normalizes with the batch's own mean and variance and moves `running_mean` and `running_var`, (D,), towards
    them: running = momentum · running + (1 - momentum) · batch. Predicting (`training` False) uses the running ones;
    then dx = dxn / √(running_var + eps). Raises ValueError for shapes that do not fit.

    The running variance follows the biased one, Σ (x - mean)² / N, which also normalizes; PyTorch's follows
    Σ (x - mean)² / (N - 1). And what is `momentum` here is 1 - momentum there: 0.9 is PyTorch's 0.1.
    """

    def __init__(
        self,
        gamma: Any,
        beta: Any,
        momentum: float = 0.9,
        running_mean: Any = None,
        running_var: Any = None,
        eps: float = 1e-5,
    ) -> None:
        self._take(gamma, beta, eps)
        self.momentum = within("momentum", momentum, 0, 1)
        D = self.gamma.shape
        dtype = self.gamma.dtype
        self.running_mean: Array = floating(
            np.zeros(D, dtype) if running_mean is None else running_mean, "running_mean"
        )
        self.running_var: Array = floating(np.ones(D, dtype) if running_var is None else running_var, "running_var")
        if self.running_mean.shape != D or self.running_var.shape != D:
            raise ValueError(f"running_mean and running_var must have the shape of gamma, {D}")
        self.training = True
        self.from_batch = True

    @classmethod
    def of(cls, size: int, momentum: float = 0.9, eps: float = 1e-5) -> Self:
        """Give a layer for `size` features or channels, with gamma of ones and beta of zeros, float64."""
        D = positive("size", size)
        return cls(np.ones(D), np.zeros(D), momentum, eps=eps)

    def __repr__(self) -> str:
        return f"{type(self).__name__}.of({len(self.gamma)}, momentum={self.momentum}, eps={self.eps})"

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Give the shape of one sample, as it is. Raises ValueError where it has not D features or channels."""
        if len(shape) not in (1, 3) or shape[0] != len(self.gamma):
            raise ValueError(
                f"BatchNormalization with gamma of shape {self.gamma.shape} takes samples of "
                f"{len(self.gamma)} features or channels, not of shape {shape}"
            )
        return shape

    def _axes(self, x: Array) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Give the axes that are summed over, and the shape in which gamma meets x."""
        return (0, 2, 3)[: x.ndim - 1], (-1, 1, 1)[: x.ndim - 1]

    def forward(self, x: Any) -> Array:
        """Give y, in the shape of `x`."""
        x = floating(x)
        self.output_shape(x.shape[1:])
        axes, wide = self._axes(x)
        mean, var = self.running_mean, self.running_var
        self.from_batch = self.training
        if self.training:
            mean, var = x.mean(axes), x.var(axes)
            m = self.momentum
            self.running_mean = m * self.running_mean + (1 - m) * mean
            self.running_var = m * self.running_var + (1 - m) * var
        self.std = np.sqrt(var + self.eps).astype(x.dtype, copy=False).reshape(wide)
        self.xn = (x - mean.astype(x.dtype, copy=False).reshape(wide)) / self.std
        return self.gamma.reshape(wide) * self.xn + self.beta.reshape(wide)

    def backward(self, dout: Any) -> Array:
        """Give dx in the shape of `x`, and set `dgamma` and `dbeta`, (D,)."""
        dout = upstream(self, dout, self.xn)
        axes, wide = self._axes(dout)
        self.dbeta = dout.sum(axes)
        self.dgamma = (dout * self.xn).sum(axes)
        dxn = self.gamma.reshape(wide) * dout
        return self._through(dxn, axes) if self.from_batch else dxn / self.std


class LayerNormalization(_Normalization):
    """y = gamma · xn + beta with xn = (x - mean) / √(var + eps), over the last axis (Ba, Kiros and Hinton, 2016).

    Each sample by itself, so training and predicting are one; dx is that of BatchNormalization, along the other axis.
    `gamma` and `beta` are (D,), `x` is (N, …, D). Raises ValueError for shapes that do not fit.
    """

    def __init__(self, gamma: Any, beta: Any, eps: float = 1e-5) -> None:
        self._take(gamma, beta, eps)

    @classmethod
    def of(cls, size: int, eps: float = 1e-5) -> Self:
        """Give a layer for a last axis of `size` values, with gamma of ones and beta of zeros, float64."""
        D = positive("size", size)
        return cls(np.ones(D), np.zeros(D), eps)

    def __repr__(self) -> str:
        return f"{type(self).__name__}.of({len(self.gamma)}, eps={self.eps})"

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Give the shape of one sample, as it is. Raises ValueError where its last axis is not D long."""
        if shape[-1:] != self.gamma.shape:
            raise ValueError(
                f"LayerNormalization with gamma of shape {self.gamma.shape} takes {len(self.gamma)} values "
                f"in the last axis, not {shape}"
            )
        return shape

    def forward(self, x: Any) -> Array:
        """Give y, in the shape of `x`."""
        x = floating(x)
        self.output_shape(x.shape[1:])
        self.std = np.sqrt(x.var(-1, keepdims=True) + self.eps)
        self.xn = (x - x.mean(-1, keepdims=True)) / self.std
        return self.gamma * self.xn + self.beta

    def backward(self, dout: Any) -> Array:
        """Give dx in the shape of `x`, and set `dgamma` and `dbeta`, (D,)."""
        dout = upstream(self, dout, self.xn)
        samples = tuple(range(dout.ndim - 1))
        self.dbeta = dout.sum(samples)
        self.dgamma = (dout * self.xn).sum(samples)
        return self._through(self.gamma * dout, (-1,))
