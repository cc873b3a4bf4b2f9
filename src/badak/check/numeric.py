"""Slopes of a function, with an estimate of their error and the places where it has a kink.

Central differences with two steps, extrapolated (Richardson); the slopes to either side come from the same
points.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from badak.check.tolerances import BENT, DOUBLE, FIT, KINK, Precision

Array = np.ndarray[Any, Any]


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


@dataclass
class Slopes:
    """Derivatives of the M outputs by E elements of one array; rows of elements that were not measured are
    NaN.

    `central`, `left`, `right`, `error` have shape (E, M); left and right are the smallest and the largest
    of the one-sided slopes, `kinked` (E, M) tells where they differ.
    """

    central: Array
    left: Array
    right: Array
    error: Array
    kinked: Array
    shape: tuple[int, ...]
    noise: float

    def along(self, weights: Array) -> tuple[Array, Array, Array, Array]:
        """Give slope, lower and upper bound and error of sum(weights * output), each of the array's shape."""
        flat = np.asarray(weights, float).ravel()
        slope = self.central @ flat
        low = np.where(self.kinked, np.minimum(self.left, self.right), self.central)
        high = np.where(self.kinked, np.maximum(self.left, self.right), self.central)
        positive, negative = np.maximum(flat, 0), np.minimum(flat, 0)
        lower, upper = low @ positive + high @ negative, high @ positive + low @ negative
        error = self.error @ np.abs(flat) + self.noise * np.abs(flat).sum()
        return tuple(part.reshape(self.shape) for part in (slope, lower, upper, error))


def measure(
    f: Callable[[Array], Array],
    at: Array,
    rows: Sequence[int] | None = None,
    precision: Precision = DOUBLE,
    expired: Callable[[], bool] = lambda: False,
) -> Slopes:
    """Measure d f / d at, element by element. `f` takes an array like `at` and gives an array.

    `rows` names the elements (flat indices) to measure, all by default; elements left out when `expired()`
    are NaN. `precision` is that in which `f` computes.
    """
    at = np.array(at, dtype=np.float64)
    centre = np.array(f(at.copy()), dtype=np.float64).ravel()
    count = at.size
    out = {name: np.full((count, centre.size), np.nan) for name in ("central", "left", "right", "error")}
    flat = at.reshape(-1)
    for i in range(count) if rows is None else rows:
        if expired():
            break
        kept = flat[i]
        h = precision.step * max(1.0, abs(kept))
        points = []
        for move in (-h, -h / 2, h / 2, h):
            flat[i] = kept + move
            # Divide by the step really made: kept + move is rounded.
            points.append((flat[i] - kept, np.array(f(at.copy()), dtype=np.float64).ravel() - centre))
        flat[i] = kept
        _fill(out, i, points)
    noise = precision.noise * float(np.max(np.abs(centre), initial=0.0)) / precision.step
    kinked = _kinks(out, centre, precision)
    return Slopes(out["central"], out["left"], out["right"], out["error"], kinked, at.shape, noise)


def _fill(out: dict[str, Array], i: int, points: list[tuple[float, Array]]) -> None:
    (a, fa), (b, fb), (c, fc), (d, fd) = points
    wide, narrow = (fd - fa) / (d - a), (fc - fb) / (c - b)
    out["central"][i] = (4 * narrow - wide) / 3
    out["error"][i] = np.abs(narrow - wide)
    # The one-sided slopes that differ most: a kink may lie between the inner and the outer points.
    sides = np.stack([fa / a, fb / b, fc / c, fd / d])
    left, right = sides.min(axis=0), sides.max(axis=0)
    # On a curved side the inner slope errs by as much as it differs from the outer one; with a kink between the two
    # they differ by far more, and say nothing of the curve.
    curve = np.maximum(np.abs(sides[0] - sides[1]), np.abs(sides[3] - sides[2]))
    curve = np.where(curve < 0.01 * (right - left), 2 * curve, 0)
    out["left"][i], out["right"][i] = left - curve, right + curve


def _kinks(out: dict[str, Array], centre: Array, precision: Precision) -> Array:
    left, right = out["left"], out["right"]
    bent = max(BENT, precision.relative)
    with np.errstate(invalid="ignore"):
        scale = np.maximum(np.abs(left), np.abs(right))
        overall = float(np.nanmax(scale, initial=0.0)) if scale.size else 0.0
        scale = np.maximum(scale, 1e-3 * overall)
        differ = np.abs(left - right) > KINK * scale + precision.rounding * (
            1 + float(np.max(np.abs(centre), initial=0.0))
        )
        # A small kink among smooth terms shows in the two steps that disagree.
        return np.asarray(differ | (out["error"] > bent * scale + precision.rounding))


def measure_direction(
    f: Callable[[Array], Array], at: Array, direction: Array, step: float = DOUBLE.step
) -> tuple[Array, Array, Array]:
    """Measure the slope of f along `direction`: slope, error estimate, and the difference of the one-sided
    slopes."""
    at = np.array(at, dtype=np.float64)
    centre = np.array(f(at.copy()), dtype=np.float64).ravel()
    points = []
    for move in (-step, -step / 2, step / 2, step):
        points.append((move, np.array(f(at + move * direction), dtype=np.float64).ravel() - centre))
    out = {name: np.zeros((1, centre.size)) for name in ("central", "left", "right", "error")}
    _fill(out, 0, points)
    return out["central"][0], out["error"][0], out["right"][0] - out["left"][0]
