"""One wrong gradient, and how two arrays are compared: what every test of a cause works on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.check.subject import Pass, Subject

Array = np.ndarray[Any, Any]
FIT = 1e-5  # part of the larger array that a hypothesis may miss the user's gradient by


@dataclass
class Case:
    """One wrong gradient: what the user's code gave (`a`), what the slopes say (`n`, NaN where unknown),
    for each `dout`."""

    subject: Subject
    quantity: str
    is_input: bool
    a: list[Any]
    n: list[Array]
    douts: list[Any]
    passes: list[Pass]
    others: dict[str, tuple[list[Any], list[Array]]] = field(default_factory=dict)

    @property
    def x(self) -> Any:
        """The first input."""
        return self.subject.x

    @property
    def y(self) -> Array:
        """What forward gave."""
        return np.asarray(self.passes[0].y, float)

    @property
    def is_loss(self) -> bool:
        """Whether the output is one number."""
        return self.subject.protocol in ("loss", "network")

    def diagonal(self) -> Array | None:
        """Give the local derivative of an elementwise function, None for any other."""
        if self.is_loss or self.quantity != "x" or self.y.shape != np.shape(self.x) or self.y.size < 2:
            return None
        slopes = self.subject.slopes("x").central
        diagonal = np.diag(slopes)
        rest = slopes - np.diag(diagonal)
        limit = 1e-7 * max(1.0, float(np.nanmax(np.abs(slopes), initial=0.0)))
        if np.any(np.isnan(slopes)) or np.abs(rest).max() > limit:
            return None
        kinked = np.diag(self.subject.slopes("x").kinked).reshape(self.y.shape)
        return np.where(kinked, np.nan, diagonal.reshape(self.y.shape))


def close(candidate: Any, value: Any, fit: float = FIT) -> bool:
    """Tell whether two arrays agree to `fit` of the larger one; NaN means unknown and agrees with all."""
    try:
        p, q = np.asarray(candidate, float), np.asarray(value, float)
    except (TypeError, ValueError):
        return False
    if p.shape != q.shape or p.size == 0:
        return False
    known = ~(np.isnan(p) | np.isnan(q))
    if not known.any():
        return False
    p, q = p[known], q[known]
    if not (np.isfinite(p).all() and np.isfinite(q).all()):
        return False
    return bool(np.abs(p - q).max() <= fit * max(np.abs(p).max(), np.abs(q).max()) + 1e-12)


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
