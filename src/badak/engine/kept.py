"""What single calls on the engine stand on: one at a time, and what they keep from one to the next."""

import functools
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numpy as np

from badak.engine.crew import address_of
from badak.engine.tapes import Ready
from badak.networks import Network
from badak.train.runners import NotNative
from badak.types import Array

P = ParamSpec("P")
R = TypeVar("R")


def or_none(method: Callable[P, R]) -> Callable[P, R | None]:
    """Give None where the method finds that it must leave the work to NumPy; one call at a time."""

    @functools.wraps(method)
    def call(*arguments: P.args, **named: P.kwargs) -> R | None:
        self: Any = arguments[0]
        with self.lock:
            try:
                return method(*arguments, **named)
            except NotNative:
                return None

    return call


class Room:
    """A flat array for gradients, cut into views of it, and a count of who holds them."""

    def __init__(self, network: Network, keys: list[str]) -> None:
        self.flat = np.empty_like(network.block.values)
        self.views = [*map(network.block.named(self.flat).__getitem__, keys)]
        self.address = address_of(self.flat)
        self.unused = self.counts()

    def counts(self) -> list[int]:
        """Give how often each of them is held; a view of a view holds the flat array."""
        return [*map(sys.getrefcount, self.views), sys.getrefcount(self.flat)]


class Again:
    """The last gradient's form: where the next one has it too, it need not be looked at again."""

    def __init__(self, ready: Ready, x: Array, t: Array, outputs: int, threads: int) -> None:
        self.ready, self.outputs, self.threads = ready, outputs, threads
        self.shape, self.kind = x.shape, x.dtype
        self.t, self.unsigned = t, t.view(np.uint64)

    def takes(self, x: Any, t: Any) -> bool:
        """Say whether these have it: plain arrays that the machine reads as they are, and class indices."""
        return (
            type(x) is np.ndarray
            and type(t) is np.ndarray
            and x.shape == self.shape
            and t.shape == self.t.shape
            and x.dtype is self.kind
            and t.dtype is self.t.dtype
            and x.flags.carray
        )


_numbers: Array = np.arange(1024)


def counting(count: int) -> Array:
    """Give 0, 1, 2, … of at least `count` numbers: samples in the order in which they lie."""
    global _numbers  # noqa: PLW0603
    if len(_numbers) < count:
        _numbers = np.arange(max(count, 2 * len(_numbers)))
    return _numbers
