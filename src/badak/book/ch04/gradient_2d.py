"""`gradient_2d` of chapter 4: what `gradient_method` takes from it (ch. 4.4)."""

import typing as _t

import numpy as np

from badak.book.common.gradient import numerical_gradient_2d as numerical_gradient


def function_2(x: _t.Any) -> _t.Any:
    """Σ x², of each row where there are rows."""
    return np.sum(x**2) if x.ndim == 1 else np.sum(x**2, axis=1)


def tangent_line(f: _t.Callable[[_t.Any], _t.Any], x: _t.Any) -> _t.Callable[[_t.Any], _t.Any]:
    """Give the tangent of f at x, as a function."""
    d = numerical_gradient(f, x)
    y = f(x) - d * x
    return lambda t: d * t + y
