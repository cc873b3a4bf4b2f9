"""`common.functions`: the book's functions, with the book's arithmetic.

A star import carries `np` too, which the scripts rely on: so there is no `__all__`, and our own helpers begin with _.
"""

import typing as _t

import numpy as np

from badak.book.mending import mended as _mended


def identity_function(x: _t.Any) -> _t.Any:
    """Give `x` (ch. 3.4.3)."""
    return x


def step_function(x: _t.Any) -> _t.Any:
    """1 where x > 0, else 0, as integers (ch. 3.2.3)."""
    return np.array(np.asarray(x) > 0, dtype=int)


def sigmoid(x: _t.Any) -> _t.Any:
    """1 / (1 + exp(-x)) (ch. 3.2.4). Where exp overflows the answer is 0, and no warning is needed."""
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-np.asarray(x, float)))


def sigmoid_grad(x: _t.Any) -> _t.Any:
    """y (1 - y) of y = sigmoid(x) (ch. 4.5)."""
    y = sigmoid(x)
    return (1.0 - y) * y


def relu(x: _t.Any) -> _t.Any:
    """max(x, 0) (ch. 3.2.7)."""
    return np.maximum(0, x)


def relu_grad(x: _t.Any) -> _t.Any:
    """1 where x >= 0, else 0."""
    return np.where(np.asarray(x) >= 0, 1.0, 0.0)


def softmax(x: _t.Any) -> _t.Any:
    """exp(x) / sum(exp(x)) over the last axis (ch. 3.5.1)."""
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def mean_squared_error(y: _t.Any, t: _t.Any) -> _t.Any:
    """½ Σ (y - t)² (ch. 4.2.1): half the sum, whatever its name says."""
    return 0.5 * np.sum((y - t) ** 2)


sum_squared_error = mean_squared_error


def _indices(y: _t.Any, t: _t.Any) -> _t.Any:
    """Give the labels `t` of `y`, (N, C), as indices (N,): from one-hot, (N, 1) or (N,)."""
    t = np.asarray(t)
    if t.size == y.size:
        return t.reshape(y.shape).argmax(axis=1)
    if t.ndim == 2 and t.shape[1] == 1:
        _mended("labels of shape (N, 1) are read as (N,); the book's indexing would take N x N scores from them")
    return t.ravel()


def cross_entropy_error(y: _t.Any, t: _t.Any) -> _t.Any:
    """Mean over the batch of -log(y + 1e-7) at the right class (ch. 4.2.4); `t` holds indices or is one-hot."""
    y = np.atleast_2d(y)
    t = _indices(y, t)
    return -np.sum(np.log(y[np.arange(len(y)), t] + 1e-7)) / len(y)


def softmax_loss(X: _t.Any, t: _t.Any) -> _t.Any:
    """The cross-entropy error of softmax(X)."""
    return cross_entropy_error(softmax(X), t)
