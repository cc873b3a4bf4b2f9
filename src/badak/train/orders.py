"""In which order samples go into batches, and after which pieces of it the network is evaluated."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from badak.data import batches
from badak.types import IntArray
from badak.validate import positive


@dataclass(frozen=True)
class Orders:
    """What is to be trained, and when to look."""

    pieces: Iterator[tuple[IntArray, bool]]
    """Orders, (n, batch) indices of samples, each with whether the network is evaluated after it."""
    total: int
    """How many iterations they are together."""
    per_epoch: int
    """How many count as an epoch."""


def orders_of(
    size: int, batch_size: int, epochs: int | None, iterations: int | None, seed: int, shuffle: bool
) -> Orders:
    """Give the orders for so many `epochs` or `iterations` over `size` samples.

    Raises TypeError or ValueError for numbers below 1, for both, or for `shuffle=False` with iterations.
    """
    if epochs is not None and iterations is not None:
        raise ValueError("give epochs or iterations, not both")
    if iterations is not None:
        if not shuffle:
            raise ValueError("shuffle=False goes with epochs: iterations draws each batch at random")
        drawn = _drawn(size, batch_size, positive("iterations", iterations), seed)
        return Orders(drawn, iterations, max(size // batch_size, 1))
    epochs, per_epoch = positive("epochs", epochs), -(-size // batch_size)
    return Orders(_epochs(size, batch_size, epochs, seed, shuffle), epochs * per_epoch, per_epoch)


def _drawn(size: int, batch_size: int, iterations: int, seed: int) -> Iterator[tuple[IntArray, bool]]:
    """Give (order, evaluate after it?): the first iteration alone, then an epoch's worth at a time."""
    rng = np.random.default_rng(seed)
    per_epoch = max(size // batch_size, 1)
    yield batches.drawn(size, batch_size, 1, rng), True
    for done in range(1, iterations, per_epoch):
        count = min(per_epoch, iterations - done)
        yield batches.drawn(size, batch_size, count, rng), count == per_epoch


def _epochs(size: int, batch_size: int, epochs: int, seed: int, shuffle: bool) -> Iterator[tuple[IntArray, bool]]:
    """The same for whole epochs: evaluated after the first iteration and then at the end of each epoch."""
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        pieces = list(batches.shuffled(size, batch_size, rng) if shuffle else batches.in_order(size, batch_size))
        if epoch == 0 and sum(map(len, pieces)) > 1:
            yield pieces[0][:1], True
            pieces[0] = pieces[0][1:]
        pieces = [piece for piece in pieces if len(piece)]
        for number, piece in enumerate(pieces):
            yield piece, number == len(pieces) - 1
