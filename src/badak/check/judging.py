"""Which gradients of an examination are wrong: all at once where that is cheap, then each by itself.

It stands above `compare`, which compares one gradient with its slopes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.compare import STEPS, agrees, case_of, fits_along, is_large, rounding_of, with_worst, within
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.numeric import measure_direction
from badak.check.subject.paths import copied, set_path
from badak.check.tolerances import CROSSED, DOUBLE, FINE, GUARDED, HIDDEN, NOTHING, SHORT, SMOOTHLY, SUMMED

Array = np.ndarray[Any, Any]


def wrong_quantities(exam: Examination) -> list[str]:
    """Give the inputs and parameters whose gradient does not agree with the slopes."""
    subject = exam.subject
    if subject.scalar and not subject.narrow and not exam.inputs and is_large(exam) and _all_agree(exam):
        exam.wrong = []
        return exam.wrong
    if agree_together(exam):
        exam.wrong = []
        return exam.wrong
    exam.wrong = [q for q in exam.quantities if q not in exam.shape_faults and not agrees(exam, q)]
    if exam.wrong and exam.subject.mean_in_layers:
        means = _means(exam, exam.wrong)
        exam.wrong = [q for q in exam.wrong if q not in means]
    return exam.wrong


def agree_together(exam: Examination, crossed: float = CROSSED) -> bool:
    """Tell whether all gradients of a network are right, by moving all parameters at once along two directions.

    Ten runs of forward instead of some hundreds. A gradient that is wrong shows, for no direction was chosen to hide
    it; which one it is, the elements have to tell, and so they have where a kink is on the way. In a large network one
    always is, and the slope may differ by `crossed`.
    """
    subject = exam.subject
    if exam.inputs or not subject.scalar or subject.narrow or exam.shape_faults or len(exam.quantities) < 2:
        return False
    values = {q: np.asarray(subject.value(q), float) for q in exam.quantities}
    given = [exam.gradient(exam.passes[0], q) for q in values]
    if any(g is None or np.shape(g) != v.shape for g, v in zip(given, values.values(), strict=True)):
        return False
    gradients = [np.asarray(g, float) for g in given]
    if not all(np.isfinite(g).all() for g in gradients) or any(g.dtype == np.float32 for g in given):
        return False
    # In a large one the wide step crosses hundreds of kinks; to the looser limit a very short one is exact enough.
    steps = (FINE.step, SHORT) if is_large(exam) else (DOUBLE.step, FINE.step)
    loose = crossed if is_large(exam) else 0.0
    rng = np.random.default_rng(13)
    return all(_agree_along(exam, values, gradients, rng, steps, loose) for _ in range(2))


def _agree_along(
    exam: Examination,
    values: dict[str, Array],
    gradients: list[Array],
    rng: np.random.Generator,
    steps: tuple[float, ...],
    loose: float,
) -> bool:
    moves = [rng.uniform(0.4, 1.0, v.shape) * rng.choice([-1.0, 1.0], v.shape) for v in values.values()]
    sizes = [float(np.sqrt(np.square(g * m).sum())) for g, m in zip(gradients, moves, strict=True)]
    middle = float(np.median(sizes))
    # Every parameter has a like share in the slope, so that a wrong one is not lost among the others.
    shares = [float(np.clip(middle / size, 0.1, 10)) if size else 1.0 for size in sizes]
    moves = [m * share for m, share in zip(moves, shares, strict=True)]
    parts = [float((g * m).sum()) for g, m in zip(gradients, moves, strict=True)]
    scale = float(np.sqrt(np.sum(np.square([size * share for size, share in zip(sizes, shares, strict=True)]))))
    directions = dict(zip(values, moves, strict=True))
    for step in steps:
        slope, _, bend = measure_direction(
            lambda at: exam.subject.moved_forward(values, directions, float(at[0])), np.zeros(1), np.ones(1), step
        )
        if slope.size != 1 or not np.isfinite(slope).all():
            return False
        gap = abs(float(slope[0]) - sum(parts))
        if gap <= loose * scale or (gap <= DOUBLE.relative * scale + NOTHING and float(bend[0]) <= SMOOTHLY * scale):
            return True
    return False


def _means(exam: Examination, wrong: list[str]) -> set[str]:
    """Give the parameters whose gradients are means over the batch, where that is how the code divides: all, or none.

    Where a loss does not divide by the number of samples, layers may: then every parameter's gradient is divided, and
    the input's is not. One that is divided beside one that is not is a fault.
    """
    parameters = [p.name for p in exam.subject.parameters]
    summed = [q for q in parameters if q not in wrong and q not in exam.shape_faults]
    if summed or len(parameters) < 2 or any(q in wrong for q in exam.inputs):
        return set()
    for count in _batch_sizes(exam):
        divided = {q for q in parameters if q in wrong and _fits_times(exam, q, count)}
        if divided and all(_sums_times(exam, q, count) for q in exam.shape_faults if q in parameters):
            return divided
    return set()


def _sums_times(exam: Examination, quantity: str, count: int) -> bool:
    """Tell whether a gradient of the wrong shape is divided too, by its sum."""
    gradients = [exam.gradient(p, quantity) for p in exam.passes]
    right = case_of(exam, quantity, gradients).n
    return all(
        g is not None and abs(float(np.sum(g)) * count - float(n.sum())) <= SUMMED * (1 + float(np.abs(n).sum()))
        for g, n in zip(gradients, right, strict=True)
    )


def _batch_sizes(exam: Examination) -> set[int]:
    """Give the number of samples: rows, or columns where the output has as many columns and other rows."""
    x, y = np.shape(exam.subject.x), np.shape(exam.y)
    if not x or not y:
        return set()
    columns = len(x) == len(y) == 2 and x[0] != y[0] and x[1] == y[1]
    return {x[1] if columns else x[0]} - {1}


def _fits_times(exam: Examination, quantity: str, count: int) -> bool:
    slopes = exam.subject.slopes(quantity)
    gradients = [exam.gradient(p, quantity) for p in exam.passes]
    return all(
        g is not None and within(exam, np.asarray(g, float) * count, slopes.along(d))
        for g, d in zip(gradients, exam.douts, strict=True)
    )


def _all_agree(exam: Examination) -> bool:
    """Compare all gradients of a large network at once, along a direction in which each counts alike.

    True only where the sum fits; what is wrong, one by one will tell.
    """
    subject = exam.subject
    rng = np.random.default_rng(13)
    grads = {p.name: exam.gradient(exam.passes[0], p.name) for p in subject.parameters}
    values = {p.name: np.array(subject.value(p.name), float) for p in subject.parameters}
    if any(g is None or np.shape(g) != values[n].shape for n, g in grads.items()) or exam.shape_faults:
        return False
    for step in STEPS:
        ways: dict[str, Array] = {}
        parts = []
        for name, value in values.items():
            way = rng.uniform(0.4, 1.0, value.shape) * rng.choice([-1.0, 1.0], value.shape)
            size = float(np.sqrt(((np.asarray(grads[name], float) * way) ** 2).sum()))
            ways[name] = way * min(1.0 / size if size else 1.0, 10.0)
            parts.append(np.asarray(grads[name], float) * ways[name])

        def f(move: Array, ways: dict[str, Array] = ways) -> Array:
            obj = subject.fresh()
            for parameter in subject.parameters:
                set_path(obj, parameter.path, values[parameter.name] + float(move[0]) * ways[parameter.name])
            return np.array(subject.forward(obj, copied(subject.x), copied(subject.second)))

        sizes = [float(np.sqrt((p**2).sum())) for p in parts if np.any(p)]
        if not sizes:
            return False
        measured = measure_direction(f, np.zeros(1), np.ones(1), step)
        # The smallest part sets the limit: the others must not cover it.
        share = HIDDEN * min(sizes) / float(np.sqrt(sum(s * s for s in sizes)))
        terms = np.concatenate([np.ravel(p) for p in parts])
        if fits_along(measured, terms, np.ones(1), share, rounding_of(exam, step)):
            return True
    return False


def gap(exam: Examination, quantity: str) -> float:
    """Give how far a gradient is from the slopes at most, as a share of the largest of either."""
    a = [exam.gradient(p, quantity) for p in exam.passes]
    if any(g is None for g in a):
        return 1.0
    n = case_of(exam, quantity, a).n
    gaps = [0.0]
    for given, slope in zip(a, n, strict=True):
        if np.size(given) != slope.size:
            return 1.0
        g = np.asarray(given, float).reshape(slope.shape)
        known = ~np.isnan(slope)
        if known.any():
            scale = max(float(np.abs(slope[known]).max()), float(np.abs(g[known]).max()), NOTHING)
            gaps.append(float(np.abs(g - slope)[known].max()) / scale)
    return max(gaps)


def seen_wrong(exam: Examination) -> list[Finding]:
    """Give the fault that was seen, without a cause: the first wrong gradient with an element that was measured."""
    for quantity in exam.wrong:
        a = [exam.gradient(p, quantity) for p in exam.passes]
        if any(g is None for g in a):
            continue
        case = case_of(exam, quantity, a)
        finding = with_worst(
            Finding("gradients", "unnamed", method=exam.backward_name(), quantity=quantity, values={"time": True}), case
        )
        if finding.got is None or finding.expected is None or not np.isfinite(finding.expected):
            continue
        # A guard such as log(y + 1e-7), which would be looked for next, explains a gap of less than this.
        if gap(exam, quantity) > GUARDED:
            exam.place(finding)
            return [finding]
    return []
