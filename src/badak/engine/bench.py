"""Measure this machine: what a core can do at most, what the tiles reach of it, NumPy against the engine.

All in one interleaved run: a window of each in turn, medians over the rounds. Windows in which the process had to
wait for a core (Linux tells) are set aside, as long as some are left.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from badak.engine import build, target
from badak.engine.crew import aligned
from badak.models import MultiLayerNet
from badak.networks import Network
from badak.optim import SGD
from badak.types import Array

PEAK_LOOPS = 100_000
WAITED = 0.01
"""A window is set aside if the process waited for a core during more than this share of it."""
REST = 0.3
"""So many seconds after NumPy's turn its threads no longer spin, and the engine finds all its cores."""


@dataclass
class Measured:
    """One thing that was measured: seconds of each window, with the share that was spent waiting."""

    name: str
    work: float
    """Floating-point operations in a window."""
    count: int
    """Iterations in a window."""
    windows: list[tuple[float, float]] = field(default_factory=list)

    @property
    def seconds(self) -> list[float]:
        """Windows in which the process had its cores, or all if there were hardly any."""
        clean = [seconds for seconds, waited in self.windows if waited <= WAITED]
        return clean if len(clean) >= 3 else [seconds for seconds, _ in self.windows]

    @property
    def microseconds(self) -> float:
        """Median time of one iteration."""
        return median(self.seconds) / self.count * 1e6

    @property
    def gigaflops(self) -> float:
        """Median rate, 10⁹ operations a second."""
        return self.work / median(self.seconds) / 1e9


def waited() -> float:
    """Give for how many seconds this process's threads were ready and had no core, as far as Linux tells."""
    total = 0
    for path in Path("/proc/self/task").glob("*/schedstat"):
        try:
            total += int(path.read_text().split()[1])
        except (OSError, IndexError, ValueError):
            continue
    return total / 1e9


def interleaved(jobs: list[tuple[Measured, Callable[[], Any]]], rounds: int) -> None:
    """Run each job once in turn, `rounds` times."""
    for turn in range(-1, rounds):  # the first warms caches, and is not counted
        for measured, job in jobs:
            before, start = waited(), time.perf_counter()
            job()
            seconds = time.perf_counter() - start
            if turn >= 0:
                measured.windows.append((seconds, (waited() - before) / seconds))
            if measured.name == "numpy":
                time.sleep(REST)


def kernels_alone() -> list[tuple[Measured, Callable[[], Any]]]:
    """Give two jobs of one thread: multiply-and-add as fast as registers allow, and the tallest tile."""
    chosen = target.choose()
    machine = build.load(build.compile_bench(4, chosen), chosen)
    lanes, rows = chosen.lanes(4), chosen.rows
    k, repeats = 256, 400
    memory = aligned(4 * (rows * k + k * 3 * lanes + rows * 3 * lanes + 3 * lanes)).view(np.float32)
    memory[:] = 1 / 3
    starts = np.cumsum([0, rows * k, k * 3 * lanes, rows * 3 * lanes]) * 4 + memory.ctypes.data
    frame = np.array([*starts, k, repeats, 0, PEAK_LOOPS], np.int64)

    def job(which: int) -> Callable[[], int]:
        return lambda: machine(frame.ctypes.data, which) + 0 * len(memory)  # which keeps the memory alive

    fma = 2 * lanes * PEAK_LOOPS * rows * 3
    tile = 2 * rows * 3 * lanes * k * repeats
    return [(Measured("peak", fma, 1), job(0)), (Measured("tile", tile, 1), job(1))]


def step_work(network: Network, batch: int) -> float:
    """Give the useful floating-point operations of a training step: products, without the first layer's dx."""
    sizes = [network.params[key].shape for key in network.params if network.params[key].ndim == 2]
    return sum(2 * batch * k * n * (3 if i else 2) for i, (k, n) in enumerate(sizes))


def training(network: Network, x: Any, t: Any, batch: int, threads: int | None, count: int) -> Callable[[], Array]:
    """Give a job: `count` training steps, on NumPy where `threads` is None."""
    from badak.engine.runner import NativeRunner
    from badak.train.runners import NumPyRunner

    optimizer = SGD(0.01)
    runner: Any = (
        NumPyRunner(network, optimizer, x, t) if threads is None else NativeRunner(network, optimizer, x, t, threads)
    )
    order = np.random.default_rng(0).integers(len(x), size=(count, batch))
    return lambda: runner.steps(order)


def bench(sizes: tuple[int, ...] = (784, 50, 10), batch: int = 100, rounds: int = 15) -> dict[str, Measured]:
    """Measure peak, tile and training steps of a network on dense data: NumPy, and native on one thread and on all.

    Gives the measurements by name: 'peak', 'tile', 'numpy', '1 thread', and '2 threads' or however many there are.
    """
    rng = np.random.default_rng(0)
    x = rng.random((5000, sizes[0]), dtype=np.float32)
    t = rng.integers(sizes[-1], size=len(x))
    jobs = kernels_alone()
    threads = target.thread_count()
    for name, number in {"numpy": None, "1 thread": 1, f"{threads} threads": threads}.items():
        if name == "1 threads":
            continue
        network = MultiLayerNet(sizes[0], sizes[1:-1], sizes[-1], dtype=np.float32, seed=0)
        work = step_work(network, batch)
        count = max(1, int(2e9 / work)) if number else max(1, int(5e8 / work))
        jobs.append((Measured(name, work * count, count), training(network, x, t, batch, number, count)))
    interleaved(jobs, rounds)
    return {measured.name: measured for measured, _ in jobs}


def report(measured: dict[str, Measured]) -> list[tuple[str, str, str]]:
    """Give rows of text for a table: what, how fast, what share of the peak or how many times NumPy."""
    peak = measured["peak"].gigaflops
    rows = [
        ("peak of one core", f"{peak:.0f} GFLOP/s", ""),
        (
            "register tile",
            f"{measured['tile'].gigaflops:.0f} GFLOP/s",
            f"{measured['tile'].gigaflops / peak:.0%} of it",
        ),
    ]
    numpy = measured["numpy"].microseconds
    rows.append(("step, NumPy", f"{numpy:.0f} µs", ""))
    for name, each in measured.items():
        if "thread" in name:
            threads = int(name.split()[0])
            share = each.gigaflops / (peak * threads)
            told = f"{numpy / each.microseconds:.1f} × NumPy, {share:.0%} of peak"
            rows.append((f"step, native, {name}", f"{each.microseconds:.0f} µs", told))
    return rows


if __name__ == "__main__":
    for row in report(bench()):
        print("{:34} {:>12}   {}".format(*row))
