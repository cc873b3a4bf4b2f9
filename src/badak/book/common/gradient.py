"""`common.gradient`: central differences with h = 1e-4 (book, ch. 4.3 and 4.4)."""

import typing as _t

import numpy as np

from badak.book.mending import mended as _mended


def numerical_gradient(f: _t.Callable[[_t.Any], _t.Any], x: _t.Any) -> _t.Any:
    """Give (f(x + h) - f(x - h)) / 2h for each element of `x`, which is changed in place for that and put back."""
    h = 1e-4
    if np.asarray(x).dtype.kind not in "f":
        _mended("numerical_gradient of whole numbers is taken at the same numbers as floats: they cannot hold x + h")
        x = np.asarray(x, float)
    grad = np.zeros_like(x)
    for idx in np.ndindex(x.shape):
        kept = x[idx]
        try:
            x[idx] = float(kept) + h
            above = f(x)
            x[idx] = float(kept) - h
            below = f(x)
        finally:
            x[idx] = kept
        grad[idx] = (above - below) / (2 * h)
    return grad


_numerical_gradient_1d = numerical_gradient


def numerical_gradient_2d(f: _t.Callable[[_t.Any], _t.Any], X: _t.Any) -> _t.Any:
    """The same for each row of `X`, (N, D), by itself: `f` takes one row."""
    if np.ndim(X) == 1:
        return numerical_gradient(f, X)
    return np.array([numerical_gradient(f, row) for row in np.asarray(X)])
