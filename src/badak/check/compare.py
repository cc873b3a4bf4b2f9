"""Comparing a gradient of the user's with the slopes of the function."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.numeric import measure_direction
from badak.check.tolerances import (
    CAST,
    DOUBLE,
    FAINT,
    FINE,
    HIDDEN,
    NOTHING,
    SMOOTH,
    SUMMED,
)

Array = np.ndarray[Any, Any]
FEW = 12  # elements that are measured again before all that differ are
STEPS = (FINE.step, FINE.step, 0.1 * FINE.step, 0.1 * FINE.step)  # along a direction of a network's weights
DIRECT = 80  # arrays up to this size are measured element by element at once
LARGE = 20000  # values in all parameters together: of so large a network, whose forward takes long, fewer are measured
SAMPLED = 1500  # above this size only a sample of the elements is measured to find the cause


def case_of(exam: Examination, quantity: str, a: list[Any]) -> Case:
    """Give all that is known of the gradient `a` of one quantity."""
    rows = sample_rows(exam, quantity)
    n = []
    for dout in exam.douts:
        slope, low, high, _ = exam.subject.slopes(quantity, rows).along(dout)
        loose = high - low > NOTHING + DOUBLE.relative * np.abs(slope)
        n.append(np.where(loose, np.nan, slope))
    return Case(exam.subject, quantity, quantity in exam.inputs, a, n, exam.douts, exam.passes)


def sample_rows(exam: Examination, quantity: str) -> list[int] | None:
    """Give the elements of a large array that are measured, those with a gradient among them; None for all."""
    size = int(np.size(exam.subject.value(quantity)))
    large = is_large(exam)
    if size <= (FEW if large else SAMPLED):
        return None
    rng = np.random.default_rng(3)
    a = exam.gradient(exam.passes[0], quantity)
    busy = np.flatnonzero(np.ravel(a)) if np.size(a) == size else np.arange(size)
    somewhere, alive = (6, 10) if large else (40, 80)
    rows = set(rng.choice(size, somewhere, replace=False).tolist())
    if len(busy):
        rows |= set(rng.choice(busy, min(alive, len(busy)), replace=False).tolist())
    return sorted(rows)


def is_large(exam: Examination) -> bool:
    """Tell whether a subject is too large to be measured element by element: every loss of it takes long."""
    return sum(int(np.size(exam.subject.value(q))) for q in exam.quantities) > LARGE


def agrees(exam: Examination, quantity: str) -> bool:
    """Compare the user's gradient of one quantity with the slopes."""
    a = [exam.gradient(p, quantity) for p in exam.passes]
    value = np.asarray(exam.subject.value(quantity), float)
    if any(g is None for g in a):
        return not np.any(np.abs(case_of(exam, quantity, a).n[0]) > NOTHING)
    if value.size > (FEW if is_large(exam) else DIRECT) and _agrees_along(exam, quantity, value, a):
        return True
    slopes = exam.subject.slopes(quantity, sample_rows(exam, quantity))
    inside = all(within(exam, g, slopes.along(d)) for g, d in zip(a, exam.douts, strict=True))
    return (inside or _refined(exam, quantity, a)) and _joint(exam, quantity, value, a)


def _refined(exam: Examination, quantity: str, a: list[Any]) -> bool:
    """Measure the elements that differ again, with a shorter step: a kink inside may lie within the long one.

    A few at first, because a wrong gradient is mostly wrong everywhere, and that is told by a few.
    """
    if exam.subject.narrow or not exam.subject.scalar:
        return False
    slopes = exam.subject.slopes(quantity)
    differ = np.zeros(slopes.shape, bool)
    for g, dout in zip(a, exam.douts, strict=True):
        if np.size(g) != differ.size or not np.isfinite(np.asarray(g, float)).all():
            return False
        differ |= outside(exam, np.asarray(g, float).reshape(slopes.shape), slopes.along(dout))
    rows = [int(i) for i in np.flatnonzero(differ)]
    for part in (rows[:FEW], rows[FEW:]):
        if part:
            exam.subject.refine(quantity, part)
            slopes = exam.subject.slopes(quantity)
            still = [
                outside(exam, np.asarray(g, float).reshape(slopes.shape), slopes.along(d)).ravel()[part]
                for g, d in zip(a, exam.douts, strict=True)
            ]
            if np.any(still):
                return False
    return True


def _agrees_along(exam: Examination, quantity: str, value: Array, a: list[Any]) -> bool:
    """Compare along random directions, of which one alone would show any fault.

    Where the output is one number, the steps are short, and a direction on which some hidden unit passes its kink all
    the same is followed by another one.
    """
    f = exam.subject.function_of(quantity)
    wide = max(1.0, float(np.abs(value).max()))
    relative = max(relative_of(exam, g) for g in a)
    rng = np.random.default_rng(11)
    hidden = exam.subject.scalar and not exam.subject.narrow
    steps = STEPS if hidden else [exam.subject.precision.step * wide] * 2
    wanted, agreed = (1 if is_large(exam) else 2), 0
    for step in steps:
        direction = rng.uniform(0.4, 1.0, value.shape) * rng.choice([-1.0, 1.0], value.shape)
        measured = measure_direction(f, value, direction, step)
        noise = rounding_of(exam, step) if hidden else 0.0
        terms = [(np.asarray(g, float) * direction, np.ravel(np.asarray(d, float))) for g, d in _pairs(exam, a)]
        share = max(relative, HIDDEN) if hidden else relative
        agreed += all(fits_along(measured, g, flat, share, noise) for g, flat in terms)
        if agreed >= wanted:
            return True
        if not hidden and not agreed:
            return False
    return False


def _pairs(exam: Examination, a: list[Any]) -> list[tuple[Any, Any]]:
    return list(zip(a, exam.douts, strict=True))


def rounding_of(exam: Examination, step: float) -> float:
    """Give what rounding does to a slope of the output at most, with such a step."""
    return 20 * FINE.noise * float(np.max(np.abs(exam.y), initial=0.0)) / step


def fits_along(measured: tuple[Array, Array, Array], terms: Array, flat: Array, relative: float, noise: float) -> bool:
    """Tell whether a slope along a direction is the sum of a gradient times it, to rounding and the bend."""
    slope, error, bend = measured
    wanted, got = float(slope @ flat), float(terms.sum())
    # Terms may cancel in the sum; the size of the terms, not of the sum, sets the scale.
    scale = float(np.sqrt((terms**2).sum())) + abs(wanted)
    limit = relative * scale + 10 * float(error @ np.abs(flat)) * 1e-3 + 1e-9 * float(np.abs(flat).max()) + noise
    smooth = float(np.abs(bend) @ np.abs(flat)) <= 0.1 * (scale + 1e-9)
    return bool(np.isfinite(wanted)) and noise <= FAINT * scale and abs(wanted - got) <= limit and smooth


def relative_of(exam: Examination, a: Any) -> float:
    """Give the tolerance that fits the precision in which forward, and the gradient `a`, are computed."""
    relative = exam.subject.precision.relative
    return max(relative, CAST) if getattr(a, "dtype", None) == np.float32 else relative


def within(exam: Examination, a: Any, along: tuple[Array, Array, Array, Array]) -> bool:
    """Tell whether a gradient lies between the bounds of the slopes."""
    slope = along[0]
    a = np.asarray(a)
    if a.shape != slope.shape:
        a = a.reshape(slope.shape) if a.size == slope.size else np.broadcast_to(np.nan, slope.shape)
    if not np.isfinite(np.asarray(a, float)).all():
        return False
    return not outside(exam, a, along).any()


def outside(exam: Examination, a: Array, along: tuple[Array, Array, Array, Array]) -> Array:
    """Tell which elements of a gradient lie outside the bounds of the slopes; those not measured do not."""
    slope, low, high, error = along
    relative = relative_of(exam, a)
    a = np.asarray(a, float)
    known = ~np.isnan(slope)
    if not known.any():
        return known
    scale = max(float(np.abs(a[known]).max()), float(np.abs(slope[known]).max()))
    limit = relative * scale + 10 * np.minimum(error, 1e-4 * scale + 1e-9) + 1e-10
    with np.errstate(invalid="ignore"):
        return np.asarray(known & ((a < low - limit) | (a > high + limit)))


def _joint(exam: Examination, quantity: str, value: Array, a: list[Any]) -> bool:
    """Where elements are tied, the slope along (1, ..., 1) is smooth all the same, and must be the sum of
    the gradient."""
    slopes = exam.subject.slopes(quantity)
    if not slopes.kinked.any() or value.size < 2 or exam.subject.narrow:
        return True
    slope, error, bend = measure_direction(exam.subject.function_of(quantity), value, np.ones(value.shape))
    for g, dout in zip(a, exam.douts, strict=True):
        flat = np.ravel(np.asarray(dout, float))
        if np.abs(bend).max() > SMOOTH or not np.isfinite(slope @ flat):
            return True
        total = float(np.sum(g))
        if abs(total - slope @ flat) > SUMMED * (np.abs(np.asarray(g)).sum() + NOTHING) + 10 * float(
            error @ np.abs(flat)
        ):
            return False
    return True


def ties_only(exam: Examination, case: Case) -> bool:
    """Tell whether only elements at ties are wrong."""
    slopes = exam.subject.slopes(case.quantity)
    if not slopes.kinked.any():
        return False
    tied = slopes.kinked.any(axis=1).reshape(slopes.shape)
    for a, dout in zip(case.a, case.douts, strict=True):
        along = slopes.along(dout)
        outside = np.where(tied, along[0], np.asarray(a, float))
        if not within(exam, np.where(tied, along[0], outside), along):
            return False
    return True


def shares_windows(exam: Examination, quantity: str) -> bool:
    """Tell whether several elements are on a kink together, as the tied ones of a maximum are."""
    kinked = exam.subject.slopes(quantity).kinked
    return not exam.subject.scalar and bool((kinked.sum(axis=0) > 1).any())


def with_worst(finding: Finding, case: Case) -> Finding:
    """Put in the worst element: index, the user's value, the slope."""
    a, n = np.asarray(case.a[0], float), case.n[0]
    if a.shape != n.shape:
        return finding
    gap = np.where(np.isnan(n), -1, np.abs(a - n))
    index = np.unravel_index(int(np.argmax(gap)), gap.shape) if gap.size else ()
    finding.index = [int(i) for i in index]
    finding.got, finding.expected = float(a[index]), float(n[index])
    return finding
