"""Who carries out training steps: the registry of runners, NumPy's, and how a long order is cut into calls.

The core knows the engine only by its name in the registry.
"""

import contextlib
import functools
import importlib
import time
import warnings
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from badak.networks import ENGINES, Network
from badak.types import Array, IntArray, Runner

CALL_SECONDS = 0.2
"""A runner is called for about so long at a time, so that Ctrl-C and the progress bar live."""


class NotNative(Exception):
    """Says why the engine cannot train a network: which layer has no rule, or what is missing."""


# By engine; rooms further down put themselves here, by 'module:name' so that nothing heavy is imported early.
_runners: dict[str, Any] = {}
# Why a network trains on NumPy, where it was said: once is enough.
_said: "weakref.WeakKeyDictionary[Network, str]" = weakref.WeakKeyDictionary()


def register_runner(engine: str, factory: Any) -> None:
    """Let `factory(network, optimizer, x, t, threads)` give the Runner; it raises NotNative where it cannot.

    `factory` may be a string 'module:name', imported at first use.
    """
    _runners[engine] = factory


def resolve(target: Any) -> Any:
    """Give what was registered, importing it where it is named by 'module:name'."""
    if isinstance(target, str):
        module, name = target.split(":")
        return getattr(importlib.import_module(module), name)
    return target


class NumPyRunner:
    """Training steps by the layers themselves, one after the other."""

    engine = "numpy"

    def __init__(self, network: Network, optimizer: Any, x: Any, t: Any) -> None:
        self.network, self.optimizer, self.x, self.t = network, optimizer, x, t

    def steps(self, order: IntArray) -> Array:
        """Do one step for each row of `order`, (n, batch) indices; give the n losses."""
        block = self.network.block
        losses = np.empty(len(order))
        for i, rows in enumerate(order):
            losses[i] = self.network.backpropagate(self.x[rows], self.t[rows])
            self.optimizer.update(block.values, block.grads)
        return losses


register_runner("numpy", NumPyRunner)


def make_runner(network: Network, optimizer: Any, x: Any, t: Any, engine: str, threads: int | None = None) -> Runner:
    """Give the runner for `engine`; 'auto' is native where every layer has a rule, else NumPy, saying why once."""
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    if engine == "auto":
        engine = network.engine
    if engine != "numpy" and "native" in _runners:
        try:
            return resolve(_runners["native"])(network, optimizer, x, t, threads)
        except NotNative as reason:
            if engine == "native":
                raise ValueError(f"this network cannot train on the native engine: {reason}") from None
            if _said.get(network) != str(reason):
                _said[network] = str(reason)  # before the warning, which may be an exception
                warnings.warn(f"training on NumPy: {reason}", stacklevel=3)
    elif engine == "native":
        raise ValueError("there is no native engine in this installation: use engine='numpy' or 'auto'")
    return NumPyRunner(network, optimizer, x, t)


def steps_in_calls(runner: Runner, order: IntArray, advance: Callable[[int], None]) -> list[float]:
    """Run `order` in calls of about CALL_SECONDS; how it is cut changes nothing in the result."""
    losses: list[float] = []
    start, count = 0, 1  # a step of a deep network may take seconds
    while start < len(order):
        clock = time.perf_counter()
        losses += runner.steps(order[start : start + count]).tolist()
        elapsed = time.perf_counter() - clock
        advance(min(count, len(order) - start))
        start += count
        count = max(1, min(4 * count, int(count * CALL_SECONDS / max(elapsed, 1e-6))))
    return losses


def one_blas_thread() -> Callable[[], contextlib.AbstractContextManager[Any]]:
    """Give a context in which NumPy multiplies on one thread.

    Its other threads go on spinning for a tenth of a second after each product, on cores that the engine then lacks.
    """
    from threadpoolctl import ThreadpoolController

    return functools.partial(ThreadpoolController().limit, limits=1, user_api="blas")
