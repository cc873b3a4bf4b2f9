"""Losses: the last layer, which also sees the targets (book, ch. 5.6.3).

Each gives one number, the mean over the batch, and the clean gradient (y - t) / N times `dout`.
"""

from typing import Any

import numpy as np

from badak.functions import binary, floating, one_hot, samples, sigmoid, sum_squared_error
from badak.layers.base import Readable, upstream
from badak.types import Array


class SoftmaxWithLoss(Readable):
    """Softmax and cross-entropy in one: loss = mean of log Σ exp(x) - x at the right class.

    It is computed from the scores, not from log(y), so that the loss of a hopeless prediction is the true one.
    """

    def __init__(self) -> None:
        self.loss: Any = None
        self.y: Any = None
        self.t: Any = None

    def forward(self, x: Any, t: Any) -> float:
        """Give the loss for scores `x`, (N, C) or (C,), and labels `t`, indices or one-hot (see `one_hot`)."""
        x = floating(x)
        count = samples(x)
        self.t = one_hot(t, x.shape, x.dtype)
        x = x - x.max(axis=-1, keepdims=True)
        with np.errstate(under="ignore"):
            e = np.exp(x)
            total = e.sum(axis=-1, keepdims=True)
            self.y = e / total
        self.loss = float(np.sum(self.t * (np.log(total) - x)) / count)
        return self.loss

    def backward(self, dout: Any = 1) -> Array:
        """Give dx = dout (y Σt - t) / N, in the shape of the scores; `dout` is one number.

        Σt, the sum of a row of `t`, is 1 but for the rounding of labels that are probabilities.
        """
        dout = upstream(self, dout, None if self.y is None else ())
        scale = self.y.dtype.type(dout / samples(self.y))
        return scale * (self.y * self.t.sum(axis=-1, keepdims=True) - self.t)


class IdentityWithLoss(Readable):
    """Identity and half the sum of squares, for regression: loss = ½ Σ (x - t)² / N.

    The gradient is as clean as softmax's, (y - t) / N: that is why these two pairs are used.
    """

    def __init__(self) -> None:
        self.loss: Any = None
        self.y: Any = None
        self.t: Any = None

    def forward(self, x: Any, t: Any) -> float:
        """Give the loss for outputs `x`, (N, D) or (D,), and targets `t` of that shape (or class indices)."""
        x = floating(x)
        t = np.asarray(t)
        is_index = t.shape != x.shape and t.shape == x.shape[:-1] and t.dtype.kind in "iu"
        self.t = one_hot(t, x.shape, x.dtype) if is_index else floating(t, "t").astype(x.dtype, copy=False)
        self.loss = sum_squared_error(x, self.t) / samples(x)
        self.y = x
        return self.loss

    def backward(self, dout: Any = 1) -> Array:
        """Give dx = dout (y - t) / N, in the shape of the outputs; `dout` is one number."""
        dout = upstream(self, dout, None if self.y is None else ())
        scale = self.y.dtype.type(dout / samples(self.y))
        return scale * (self.y - self.t)


class SigmoidWithLoss(Readable):
    """Sigmoid and cross-entropy in one, for answers of yes or no: loss = Σ (log(1 + exp(x)) - x t) / N.

    `t` is 1 or 0 (or a probability). It is computed from the scores as max(x, 0) - x t + log(1 + exp(-|x|)), which
    neither overflows nor rounds to log(0), and its gradient is as clean as the others', (y - t) / N (Bishop, *Pattern
    Recognition and Machine Learning*, ch. 4.3.2).
    """

    def __init__(self) -> None:
        self.loss: Any = None
        self.y: Any = None
        self.t: Any = None

    def forward(self, x: Any, t: Any) -> float:
        """Give the loss for scores `x`, (N, D) or (D,), and answers `t` of that shape (or (N,) where D is 1)."""
        x = floating(x)
        count = samples(x)
        self.t = binary(t, x.shape, x.dtype)
        with np.errstate(under="ignore"):
            each = np.maximum(x, 0) - x * self.t + np.log1p(np.exp(-np.abs(x)))
        self.y = sigmoid(x)
        self.loss = float(each.sum() / count)
        return self.loss

    def backward(self, dout: Any = 1) -> Array:
        """Give dx = dout (y - t) / N, in the shape of the scores; `dout` is one number."""
        dout = upstream(self, dout, None if self.y is None else ())
        scale = self.y.dtype.type(dout / samples(self.y))
        return scale * (self.y - self.t)
