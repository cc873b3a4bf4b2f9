"""Other inputs than the sample: large and degenerate ones, other batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.subject import Subject

Array = np.ndarray[Any, Any]


def extreme_inputs(subject: Subject) -> Iterator[tuple[str, Array]]:
    """Give (kind, x): far out of either sign, rows far apart, a zero row, a constant column, probabilities of 0."""
    x = np.asarray(subject.x, float)
    positive, bounded = bool(x.min() >= 0), bool(x.min() >= 0 and x.max() <= 1)
    if bounded and subject.scalar:
        edge = np.zeros_like(x)
        if x.ndim == 2:
            edge[np.arange(len(x)), np.arange(len(x)) % x.shape[1]] = 1.0
        yield "probability", edge
        yield "probability", 1.0 - edge if x.shape[-1] == 1 else np.roll(edge, 1, axis=-1)
        return
    if bounded and x.ndim == 2 and np.allclose(x.sum(axis=1), 1):
        return
    yield "large", np.where(x >= 0, 1000.0, -1000.0) if not positive else x * 1000 + 500
    if not positive:
        yield "large", np.full_like(x, 1000.0)
        yield "large", np.full_like(x, -1000.0)
    if x.ndim >= 2 and not positive:
        apart = x.copy()
        apart[::2] += 800.0
        yield "apart", apart
        zero = x.copy()
        zero[0] = 0.0
        yield "zero", zero
        constant = x.copy()
        constant[..., 0] = 0.5
        yield "constant", constant
        if x.ndim == 4:
            plane = x.copy()
            plane[:, 0] = 0.5
            yield "constant", plane


def other_batches(subject: Subject) -> Iterator[tuple[Any, Any]]:
    """Give (x, second) of another batch: the rows in another order and moved, then one row fewer."""
    x, second = subject.x, subject.second
    aligned = isinstance(second, np.ndarray) and bool(np.ndim(second) and np.ndim(x)) and len(second) == len(x)
    rows = slice(None, None, -1)
    probabilities = bool(np.min(x) >= 0 and np.max(x) <= 1)
    moved = x[rows] * 0.7 + 0.11 if not probabilities else x[rows] * 0.9
    yield moved, second[rows].copy() if aligned else second
    if np.ndim(x) >= 2 and len(x) > 2:
        yield moved[:-1], second[:-1].copy() if aligned else second
