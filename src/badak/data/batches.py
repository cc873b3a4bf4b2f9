"""Which samples are in which batch: the only place where that is drawn, always from a seeded generator."""

from collections.abc import Iterator

import numpy as np

from badak.types import IntArray


def drawn(size: int, batch_size: int, iterations: int, rng: "np.random.Generator") -> IntArray:
    """Draw `iterations` batches with replacement, as the posts do: (iterations, batch_size) indices below `size`."""
    return rng.integers(size, size=(iterations, batch_size), dtype=np.int64)


def shuffled(size: int, batch_size: int, rng: "np.random.Generator") -> Iterator[IntArray]:
    """Go through all samples once in a shuffled order: full batches as one array, then the smaller last one, if any."""
    yield from _cut(rng.permutation(size).astype(np.int64, copy=False), batch_size)


def in_order(size: int, batch_size: int) -> Iterator[IntArray]:
    """The same for the samples as they stand."""
    yield from _cut(np.arange(size, dtype=np.int64), batch_size)


def _cut(order: IntArray, batch_size: int) -> Iterator[IntArray]:
    size = len(order)
    full = size - size % batch_size
    if full:
        yield order[:full].reshape(-1, batch_size)
    if full < size:
        yield order[None, full:]
