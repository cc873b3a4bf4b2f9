"""`common.layers`: the layers of the book, with its names, attributes and arithmetic.

They differ from badak's own where the book's habits do: a flag `train_flg` in `forward`, Dropout that scales when
predicting, the global random numbers, `im2col` in float64. `backward` never writes into `dout`, as the book's Relu
does.
"""

import typing as _t

import numpy as np

from badak.book.common.functions import *  # noqa: F403 (scripts get the functions from here too)
from badak.book.common.functions import _indices, cross_entropy_error, sigmoid, softmax
from badak.book.common.util import col2im, im2col
from badak.book.mending import mended as _mended


class Relu:
    """y = x where x > 0, else 0 (ch. 5.5.1)."""

    def __init__(self) -> None:
        self.mask: _t.Any = None

    def forward(self, x: _t.Any) -> _t.Any:
        """Give y."""
        self.mask = x <= 0
        out = np.array(x)
        out[self.mask] = 0
        return out

    def backward(self, dout: _t.Any) -> _t.Any:
        """Give dx."""
        dx = np.array(dout)
        dx[self.mask] = 0
        return dx


class Sigmoid:
    """y = 1 / (1 + exp(-x)) (ch. 5.5.2)."""

    def __init__(self) -> None:
        self.out: _t.Any = None

    def forward(self, x: _t.Any) -> _t.Any:
        """Give y."""
        self.out = sigmoid(x)
        return self.out

    def backward(self, dout: _t.Any) -> _t.Any:
        """Give dx."""
        return dout * (1.0 - self.out) * self.out


class Affine:
    """out = x W + b (ch. 5.6.2); images are flattened, and their shape given back."""

    def __init__(self, W: _t.Any, b: _t.Any) -> None:
        self.W, self.b = W, b
        self.x: _t.Any = None
        self.original_x_shape: _t.Any = None
        self.dW: _t.Any = None
        self.db: _t.Any = None

    def forward(self, x: _t.Any) -> _t.Any:
        """Give out, (N, H)."""
        self.original_x_shape = x.shape
        self.x = x.reshape(x.shape[0], -1)
        return np.dot(self.x, self.W) + self.b

    def backward(self, dout: _t.Any) -> _t.Any:
        """Give dx, and set dW and db."""
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return np.dot(dout, self.W.T).reshape(*self.original_x_shape)


class SoftmaxWithLoss:
    """Softmax and cross-entropy (ch. 5.6.3)."""

    def __init__(self) -> None:
        self.loss: _t.Any = None
        self.y: _t.Any = None
        self.t: _t.Any = None

    def forward(self, x: _t.Any, t: _t.Any) -> _t.Any:
        """Give the loss."""
        self.t = t
        self.y = softmax(x)
        self.loss = cross_entropy_error(self.y, self.t)
        return self.loss

    def backward(self, dout: _t.Any = 1) -> _t.Any:
        """Give dx = dout (y - t) / N."""
        y = np.atleast_2d(self.y)
        dx = y.copy()
        dx[np.arange(len(y)), _indices(y, self.t)] -= 1
        if np.any(np.asarray(dout) != 1):
            _mended("SoftmaxWithLoss.backward multiplies by dout; the book's leaves it out")
            dx = dx * dout
        return (dx / len(y)).reshape(self.y.shape)


class Dropout:
    """Training, x where a random number is above `dropout_ratio`, else 0; predicting, x · (1 - ratio) (ch. 6.4.3)."""

    def __init__(self, dropout_ratio: float = 0.5) -> None:
        self.dropout_ratio = dropout_ratio
        self.mask: _t.Any = None

    def forward(self, x: _t.Any, train_flg: bool = True) -> _t.Any:
        """Give the values that are kept, or all of them smaller."""
        if not train_flg:
            return x * (1.0 - self.dropout_ratio)
        self.mask = np.random.rand(*x.shape) > self.dropout_ratio  # noqa: NPY002 (the book's)
        return x * self.mask

    def backward(self, dout: _t.Any) -> _t.Any:
        """Give dx."""
        return dout * self.mask


class BatchNormalization:
    """Values of mean 0 and variance 1 over the batch, times gamma, plus beta (ch. 6.3; Ioffe and Szegedy, 2015).

    Images are normalized per value, not per channel; the running mean and variance begin at 0.
    """

    def __init__(
        self,
        gamma: _t.Any,
        beta: _t.Any,
        momentum: float = 0.9,
        running_mean: _t.Any = None,
        running_var: _t.Any = None,
    ) -> None:
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.running_mean, self.running_var = running_mean, running_var
        self.input_shape: _t.Any = None
        self.batch_size: _t.Any = None
        self.xc: _t.Any = None
        self.xn: _t.Any = None
        self.std: _t.Any = None
        self.dgamma: _t.Any = None
        self.dbeta: _t.Any = None

    def forward(self, x: _t.Any, train_flg: bool = True) -> _t.Any:
        """Give the normalized values, in the shape of x."""
        self.input_shape = x.shape
        x = x.reshape(len(x), -1)
        if self.running_mean is None:
            self.running_mean, self.running_var = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        if train_flg:
            mu = x.mean(axis=0)
            self.xc = x - mu
            var = np.mean(self.xc**2, axis=0)
            self.std = np.sqrt(var + 10e-7)
            self.xn = self.xc / self.std
            self.batch_size = len(x)
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
            xn = self.xn
        else:
            xn = (x - self.running_mean) / np.sqrt(self.running_var + 10e-7)
        return (self.gamma * xn + self.beta).reshape(*self.input_shape)

    def backward(self, dout: _t.Any) -> _t.Any:
        """Give dx, and set dgamma and dbeta: node by node along the book's graph."""
        dout = dout.reshape(len(dout), -1)
        self.dbeta = dout.sum(axis=0)
        self.dgamma = np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dvar = 0.5 * dstd / self.std
        dxc = dxn / self.std + (2.0 / self.batch_size) * self.xc * dvar
        dx = dxc - np.sum(dxc, axis=0) / self.batch_size
        return dx.reshape(*self.input_shape)


class Convolution:
    """A convolution as one matrix product of windows and filters (ch. 7.4.3)."""

    def __init__(self, W: _t.Any, b: _t.Any, stride: int = 1, pad: int = 0) -> None:
        self.W, self.b, self.stride, self.pad = W, b, stride, pad
        self.x: _t.Any = None
        self.col: _t.Any = None
        self.col_W: _t.Any = None
        self.dW: _t.Any = None
        self.db: _t.Any = None

    def forward(self, x: _t.Any) -> _t.Any:
        """Give out, (N, FN, OH, OW)."""
        FN, _, FH, FW = self.W.shape
        N, _, H, W = x.shape
        OH, OW = ((size + 2 * self.pad - f) // self.stride + 1 for size, f in ((H, FH), (W, FW)))
        self.x = x
        self.col = im2col(x, FH, FW, self.stride, self.pad)
        self.col_W = self.W.reshape(FN, -1).T
        out = np.dot(self.col, self.col_W) + self.b
        return out.reshape(N, OH, OW, -1).transpose(0, 3, 1, 2)

    def backward(self, dout: _t.Any) -> _t.Any:
        """Give dx, and set dW and db."""
        FN, C, FH, FW = self.W.shape
        dout = dout.transpose(0, 2, 3, 1).reshape(-1, FN)
        self.db = np.sum(dout, axis=0)
        self.dW = np.dot(self.col.T, dout).transpose(1, 0).reshape(FN, C, FH, FW)
        return col2im(np.dot(dout, self.col_W.T), self.x.shape, FH, FW, self.stride, self.pad)


class Pooling:
    """The largest value of each window (ch. 7.4.4). Padding is zeros, as in the book."""

    def __init__(self, pool_h: int, pool_w: int, stride: int = 2, pad: int = 0) -> None:
        self.pool_h, self.pool_w, self.stride, self.pad = pool_h, pool_w, stride, pad
        self.x: _t.Any = None
        self.arg_max: _t.Any = None

    def forward(self, x: _t.Any) -> _t.Any:
        """Give out, (N, C, OH, OW)."""
        N, C, H, W = x.shape
        OH, OW = ((size + 2 * self.pad - f) // self.stride + 1 for size, f in ((H, self.pool_h), (W, self.pool_w)))
        col = im2col(x, self.pool_h, self.pool_w, self.stride, self.pad).reshape(-1, self.pool_h * self.pool_w)
        self.x, self.arg_max = x, np.argmax(col, axis=1)
        return np.max(col, axis=1).reshape(N, OH, OW, C).transpose(0, 3, 1, 2)

    def backward(self, dout: _t.Any) -> _t.Any:
        """Give dx."""
        dout = dout.transpose(0, 2, 3, 1)
        size = self.pool_h * self.pool_w
        dmax = np.zeros((dout.size, size))
        dmax[np.arange(self.arg_max.size), self.arg_max.ravel()] = dout.ravel()
        dcol = dmax.reshape(dout.shape[0] * dout.shape[1] * dout.shape[2], -1)
        return col2im(dcol, self.x.shape, self.pool_h, self.pool_w, self.stride, self.pad)
