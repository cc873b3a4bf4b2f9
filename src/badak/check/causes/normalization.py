# ruff: noqa: E501, PLR0911, PLR0912 (a sentence is one line, as its translation is; a test ends at the first form that fits)
"""Normalisation: the three paths of its derivative, its axes, its running statistics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.causes.activation import pre_and_post
from badak.check.causes.base import Cause, Verdict
from badak.check.causes.fit import all_close, axes_words, near, unbroadcast
from badak.check.causes.places import calls, reduction_on, running_line
from badak.check.numeric import close
from badak.check.source import called_name
from badak.check.subject import get_path

Array = np.ndarray[Any, Any]


def statistics(case: Case) -> Verdict:
    """Normalisations: which of the three paths (value, mean, variance) is missing, and along which axis."""
    if case.is_loss or not isinstance(case.x, np.ndarray) or case.y.shape != np.shape(case.x) or case.x.ndim < 2:
        return None
    x = np.asarray(case.x, float)
    candidates = [(0,), (x.ndim - 1,)] + (
        [(0, 2, 3), (1, 2, 3), (2, 3)] if x.ndim == 4 else [(0, 1)] if x.ndim == 3 else []
    )
    for axis in candidates:
        found = _normalised(case, x, axis)
        if found is not None:
            return found
    return None


def _gammas(case: Case, x: Array) -> Iterator[tuple[str, Array]]:
    yield "", np.ones(())
    for parameter in case.subject.parameters:
        value = np.asarray(get_path(case.subject.fresh(), parameter.path), float)
        if value.ndim == 1 and x.ndim == 4 and value.shape[0] == x.shape[1]:
            value = value.reshape(1, -1, 1, 1)
        try:
            if np.broadcast_shapes(value.shape, x.shape) == x.shape:
                yield parameter.name, value
        except ValueError:
            continue


def _normalised(case: Case, x: Array, axis: tuple[int, ...]) -> Verdict:
    count = int(np.prod([x.shape[a] for a in axis]))
    if count < 2:
        return None
    attributes = getattr(case.passes[0].obj, "__dict__", {})
    epsilons = [v for k, v in attributes.items() if k.startswith("eps") and isinstance(v, float)]
    centred = x - x.mean(axis=axis, keepdims=True)
    input_slopes = case.subject.slopes("x") if case.quantity != "x" else None
    for epsilon in [*epsilons, 0.0, 1e-5, 1e-7, 1e-8, 1e-6, 1e-12, 1e-3]:
        for ddof in (0, 1):
            variance = (centred**2).sum(axis=axis, keepdims=True) / (count - ddof) + epsilon
            deviation = np.sqrt(variance)
            hat = centred / deviation
            for _, gamma in _gammas(case, x):
                terms = [_terms(gamma * d, hat, deviation, axis, count / (count - ddof)) for d in case.douts]
                wanted = case.n if input_slopes is None else [input_slopes.along(d)[0] for d in case.douts]
                if not all_close([p - q - r for p, q, r in terms], wanted, 1e-6):
                    continue
                return _statistics_verdict(case, x, axis, gamma, hat, centred, deviation, terms, ddof, count)
    return None


def _terms(g: Array, hat: Array, deviation: Array, axis: tuple[int, ...], weight: float) -> tuple[Array, Array, Array]:
    mean = g.mean(axis=axis, keepdims=True)
    through = hat * (g * hat).mean(axis=axis, keepdims=True) * weight
    shape = np.broadcast_shapes(g.shape, hat.shape)
    return tuple(np.broadcast_to(v / deviation, shape) for v in (g, mean, through))  # type: ignore[return-value]


def _statistics_verdict(
    case: Case,
    x: Array,
    axis: tuple[int, ...],
    gamma: Array,
    hat: Array,
    centred: Array,
    deviation: Array,
    terms: list[tuple[Array, Array, Array]],
    ddof: int,
    count: int,
) -> Verdict:
    if case.quantity != "x":
        sizes = np.shape(case.n[0])
        for raw in (centred, x):
            if all(close(unbroadcast_like(d * raw, sizes), a) for d, a in zip(case.douts, case.a, strict=True)):
                return "uses-raw-input-for-normalised", {}
        for other in range(x.ndim):
            if (other,) != axis and all(
                close(np.ravel((d * hat).sum(axis=other)), np.ravel(a)) for d, a in zip(case.douts, case.a, strict=True)
            ):
                return "wrong-axis-reduction", {"axis": other, "right": axes_words(axis)}
        return None
    if gamma.ndim and all_close([gamma * a for a in case.a], case.n):
        return "missing-gamma", {}
    matrix = np.concatenate([np.stack([part.ravel() for part in term], axis=1) for term in terms])
    target = np.concatenate([np.ravel(np.asarray(a, float)) for a in case.a])
    solution, *_ = np.linalg.lstsq(matrix, target, rcond=None)
    if not close(matrix @ solution, target, 1e-5):
        for other in range(x.ndim):
            if (other,) == axis:
                continue
            moved = [_terms(gamma * d, hat, deviation, (other,), 1.0) for d in case.douts]
            if all_close([p - q - r for p, q, r in moved], case.a, 1e-4):
                return "wrong-axis-reduction", {"axis": other, "right": axes_words(axis)}
        return None
    value, mean, through = solution
    if near(value, 1):
        if near(mean, 0) and near(through, 0):
            return "stats-treated-as-constants", {}
        if near(mean, 0) and near(through, -1):
            return "missing-mean-path", {}
        if near(mean, -1) and near(through, 0):
            return "missing-variance-path", {}
        if near(mean, -1) and (near(-through, (count - 1) / count) or near(-through, count / (count - 1))):
            return "ddof-mismatch", {"ddof": ddof, "other": 1 - ddof}
    return None


def unbroadcast_like(value: Array, shape: tuple[int, ...]) -> Array:
    """Sum a full array down to a parameter's shape, a (C,) one of images over (N, H, W)."""
    if value.ndim == 4 and len(shape) == 1 and value.shape[1] == shape[0]:
        return np.asarray(value.sum(axis=(0, 2, 3)))
    return unbroadcast(value, shape)


def holds_deviation(before: Array, after: Array, batch: Array, axis: tuple[int, ...], rate: float) -> bool:
    """Tell whether a running statistic moved towards the standard deviation of the batch instead of its variance."""
    variance = np.reshape(batch.var(axis=axis), after.shape)
    for share in (1 - rate, rate):
        moved = (after - (1 - share) * before) / share
        if close(moved, np.sqrt(variance), 1e-4) and not close(moved, variance, 1e-2):
            return True
    return False


CAUSES = (
    Cause(
        "running-variance-holds-deviation",
        "{name} is fed with the standard deviation, not with the variance: evaluation takes its root once more.",
        "Feed it with the variance: running_var = momentum * running_var + (1 - momentum) * var.",
        place=running_line,
    ),
    Cause(
        "stats-treated-as-constants",
        "Mean and standard deviation depend on x too; their two paths are missing.",
        "Subtract both paths, or derive backward step by step.",
        tests=(statistics,),
        repairable=True,
    ),
    Cause(
        "missing-mean-path",
        "The path through the batch mean is missing.",
        "Subtract the mean of the gradient over the batch.",
        tests=(statistics,),
        repairable=True,
    ),
    Cause(
        "missing-variance-path",
        "The path through the batch variance is missing.",
        "Subtract xn * mean(dxn * xn) as well.",
        tests=(statistics,),
        repairable=True,
    ),
    Cause(
        "ddof-mismatch",
        "forward and backward divide the variance by different counts (N and N-1).",
        "Use the same ddof in both: np.var(x, axis=0) divides by N.",
        tests=(statistics,),
        place=calls("forward", lambda n: called_name(n) in ("var", "std")),
    ),
    Cause(
        "missing-gamma",
        "dout is not multiplied by gamma on the way to dx.",
        "Start with dout * self.gamma.",
        tests=(statistics,),
        repairable=True,
    ),
    Cause(
        "uses-raw-input-for-normalised",
        "d{quantity} uses x before it was normalised.",
        "Use the normalised input: np.sum(dout * self.xn, axis=0).",
        tests=(statistics,),
        repairable=True,
    ),
    Cause(
        "wrong-axis-reduction",
        "backward reduces over axis {axis}, forward over axis {right}.",
        "Use the same axis in both.",
        tests=(
            statistics,
            pre_and_post,
        ),
        repairable=True,
    ),
    Cause(
        "normalises-wrong-axis",
        "Rows are normalised, not columns: that is layer normalisation.",
        "Use axis=0 for batch normalisation.",
        place=calls("forward", reduction_on(1, -1)),
    ),
    Cause(
        "momentum-swapped",
        "With {rate} = {momentum} the running statistics keep only the rest: they move {share} of the way at each batch.",
        "Write running = momentum * running + (1 - momentum) * new.",
        place=running_line,
    ),
    Cause(
        "updates-running-stats-in-eval",
        "Evaluating changes {name}: two evaluations of the same batch differ.",
        "Update the running statistics in training only.",
        place=running_line,
    ),
)
