"""How a hypothesis is compared with the user's gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.numeric import close
from badak.check.tolerances import FIT

Array = np.ndarray[Any, Any]


def all_close(candidates: Any, values: Any, fit: float = FIT) -> bool:
    """Tell whether every pair agrees."""
    return all(close(c, v, fit) for c, v in zip(candidates, values, strict=True))


def constant_ratio(case: Case) -> float | None:
    """Give r where the user's gradient is r times the right one for every dout, None otherwise."""
    top = bottom = 0.0
    for a, n in zip(case.a, case.n, strict=True):
        if a is None or np.shape(a) != np.shape(n):
            return None
        known = ~np.isnan(n)
        top += float((np.asarray(a, float)[known] * n[known]).sum())
        bottom += float((n[known] ** 2).sum())
    if bottom == 0 or top == 0:
        return None
    ratio = top / bottom
    return float(ratio) if all_close([ratio * n for n in case.n], case.a) else None


def scale(values: list[Any]) -> float:
    """Give the largest absolute value in a list of arrays."""
    return max(float(np.nanmax(np.abs(np.asarray(v, float)), initial=0.0)) for v in values)


def near(one: float, other: float) -> bool:
    """Tell whether two numbers agree to one part in ten thousand (of 1, for those below)."""
    return bool(abs(one - other) <= 1e-4 * (abs(other) or 1.0))


def unbroadcast(value: Array, shape: tuple[int, ...]) -> Array:
    """Sum an array over the axes along which something of `shape` was broadcast."""
    extra = value.ndim - len(shape)
    if extra < 0:
        return value
    value = value.sum(axis=tuple(range(extra)))
    for axis, size in enumerate(shape):
        if size == 1 and value.shape[axis] != 1:
            value = value.sum(axis=axis, keepdims=True)
    return value


def axes_words(subset: tuple[int, ...]) -> str:
    """Give one axis as a number, several as a tuple, for a sentence."""
    return str(subset[0]) if len(subset) == 1 else str(subset)
