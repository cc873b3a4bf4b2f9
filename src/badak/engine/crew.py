"""Threads that carry out a tape together, and the memory that they share.

The threads are Python's: they wait for work in a queue and run the machine with Python's lock given up. They stay
for the next call.

A signal's handler may raise anything, and Python lets it in between any two instructions of its own: so to begin and
to end a call is one such instruction. The caller's own share ends last (`leave` in machine.py), and what threads hold
keeps the memory they work in.
"""

import contextlib
import ctypes
import os
import queue
import sys
import threading
import time
import weakref
from functools import partial
from operator import call
from typing import Any

import numpy as np

from badak.engine.opcodes import LINE, Frame, Machine
from badak.engine.plan import Program
from badak.engine.target import usable_cores
from badak.types import Array

SPIN = 3000
"""So often a waiting thread looks before it gives its core away: some tens of microseconds."""
LONG = 1e8
"""A step of so many operations, about a millisecond's, is long: threads then spin ten times as long."""
SLEEP = 1.1e-4
"""So many seconds pass when a waiting thread asks for 50 microseconds of sleep."""

BUSY = 0.25
"""Cores are taken by others if threads that could have run did not, for more than this share of their time …"""
ALONE = 0.25
"""… and then one thread works alone for so many seconds, or longer if it happens again."""
JUDGED = 0.2
"""So many seconds of all threads' work are judged together: some systems tell a thread's time to 16 milliseconds."""


def aligned(size: int, fill: int = 0) -> Array:
    """Give `size` bytes that begin on a cache line."""
    raw = np.full(size + 64, fill, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size]


def address_of(array: Any) -> int:
    """Give where an array's numbers begin."""
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # a fifth of what NumPy's own ways cost
    except (TypeError, ValueError):  # read-only, not in one piece, or empty
        return int(array.__array_interface__["data"][0])


def _system_calls() -> tuple[int, int]:
    """Give the addresses of the system's functions that give the core away and that sleep so many microseconds."""
    if sys.platform == "win32":
        switch = ctypes.cast(ctypes.windll.kernel32.SwitchToThread, ctypes.c_void_p).value
        return switch or 0, switch or 0
    library = ctypes.CDLL(None)
    addresses = [ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in ("sched_yield", "usleep")]
    return addresses[0] or 0, addresses[1] or 0


class _Worker(threading.Thread):
    """One thread that waits for (machine, frame, number, done, held)."""

    def __init__(self) -> None:
        super().__init__(name="badak engine", daemon=True)
        self.work: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def run(self) -> None:
        while True:
            _share(*self.work.get())  # a function of its own: while a worker waits, it holds nobody's memory


def _share(machine: Machine, frame: int, me: int, done: Any, held: Any) -> None:
    """Run the machine; put for how many seconds this thread did not run meanwhile. `held` has the frame's memory."""
    began, used = time.perf_counter(), time.thread_time()
    machine(frame, me)
    done.put(time.perf_counter() - began - (time.thread_time() - used))


class Crew:
    """The threads of this process; one call at a time uses them."""

    def __init__(self) -> None:
        self._workers: list[_Worker] = []
        self._lock = threading.Lock()
        self._alone_until, self._alone_for = 0.0, ALONE
        self._lost, self._spent = 0.0, 0.0
        _crews.add(self)

    def advise(self, threads: int) -> int:
        """Give how many threads to use now: one, while other processes leave us no second core.

        Threads that wait for one that has no core are slower than one alone. No result depends on it.
        """
        return threads if time.monotonic() >= self._alone_until else 1

    def learn(self, lost: float, spent: float) -> None:
        """Hear for how many of the seconds that threads spent on a call they were ready to run and had no core."""
        self._lost, self._spent = self._lost + lost, self._spent + spent
        if self._spent < JUDGED:
            return
        if self._lost > BUSY * self._spent:
            self._alone_for = min(2 * self._alone_for, 4.0)
            self._alone_until = time.monotonic() + self._alone_for
        else:
            self._alone_for = ALONE
        self._lost = self._spent = 0.0

    def grow(self, threads: int) -> int:
        """Have `threads` threads ready, or as many as the system gives; say how many."""
        if len(self._workers) < threads - 1:
            with self._lock, contextlib.suppress(RuntimeError):  # the system gives no more
                self._grow(threads)
        return min(threads, 1 + len(self._workers))

    def _grow(self, threads: int) -> None:
        while len(self._workers) < threads - 1:
            worker = _Worker()
            worker.start()
            self._workers.append(worker)

    def run(self, machine: Machine, address: int, stop: Array, threads: int, held: Any = None) -> float:
        """Let `threads` threads run the machine on one frame; come back when all have.

        Gives for how many seconds, all threads together, they did not run: asleep, or without a core. `held` is what
        the frame's memory hangs on: no thread that works there lets it go.
        """
        if threads == 1:
            machine(address, 0)
            return 0.0
        with self._lock:
            self._grow(threads)
            done: queue.SimpleQueue[float] = queue.SimpleQueue()  # answers to this call, and to no other
            steps: list[Any] = [
                partial(worker.work.put, (machine, address, me, done, held))
                for me, worker in enumerate(self._workers[: threads - 1], 1)
            ]
            steps.append(partial(machine, address, 0))
            began, used = time.perf_counter(), time.thread_time()
            begun: list[Any] = []
            try:
                # No loop of Python's: for it this is one instruction, which no signal's handler comes into.
                begun.extend(map(call, steps))
            except BaseException:
                if len(begun) < threads:  # no signal's, then; whatever it was, the others are not to wait for us
                    stop[0] = 1
                    for _ in begun:
                        done.get()
                raise
            idle = time.perf_counter() - began - (time.thread_time() - used)
            # The others have left the machine. Who interrupts us now leaves this call's answers to nobody.
            return idle + sum(done.get() for _ in range(threads - 1))


_crews: "weakref.WeakSet[Crew]" = weakref.WeakSet()
crew = Crew()


def _in_forked_child() -> None:
    """Begin anew: a forked process has none of the threads, and a lock of theirs would never be given up."""
    for each in list(_crews):
        each.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)


class Session:
    """A frame with what it points to, ready to be run: everything that stays the same from call to call."""

    def __init__(self, machine: Machine, program: Program) -> None:
        self.machine, self.threads = machine, program.threads
        threads, itemsize, width = program.threads, program.itemsize, program.width
        banks = {buffer.bank for line in program.lines for buffer in line.operands.values()}
        self.needed = [Frame.BANKS + bank for bank in banks] + [Frame.TAPE, Frame.ORDER]
        self.frame = aligned(8 * Frame.SIZE).view(np.int64)
        self.address = self.frame.ctypes.data
        self.flags = aligned(LINE * (threads + 1)).view(np.int64)
        self.stop = self.flags[LINE // 8 * threads :]
        # Four vectors of zeros and one of ones: what sums start from, and what adding up multiplies by.
        self.constants = aligned(5 * width).view(np.float32 if itemsize == 4 else np.float64)
        self.constants[4 * width // itemsize :] = 1
        self.kept: dict[Any, Any] = {}
        # Each thread's own place for lists, on cache lines of its own.
        step = -(-program.private // LINE) * LINE
        self.private = aligned(step * threads + 64)
        self.frame[Frame.PRIVATE], self.frame[Frame.PRIVATE_STEP] = self.private.ctypes.data, step
        self.frame[Frame.THREADS] = threads
        self.frame[Frame.FLAGS] = self.flags.ctypes.data
        self.frame[Frame.STOP] = self.stop.ctypes.data
        self.frame[Frame.YIELD], self.frame[Frame.SLEEP] = _system_calls()
        self.frame[Frame.ZEROS] = self.constants.ctypes.data
        long = program.work / threads > LONG
        self.frame[Frame.SPIN] = (10 * SPIN if long else SPIN) if threads <= usable_cores() else 1

    def point(self, where: int, array: Array) -> None:
        """Let a place of the frame point to an array, and keep that alive."""
        self.kept[where] = None  # interrupted before the end, it says nothing of where the frame points
        self.frame[where] = address_of(array)
        self.kept[where] = array

    def run(self, iterations: int) -> None:
        """Run the tape: what comes in once, its body so many times, what goes out once."""
        if self.needed and not self.frame[self.needed].all():
            raise AssertionError("a tape would run with a memory bank that nobody gave it")
        self.needed = []  # what was given once stays
        self.frame[Frame.ITERATIONS] = iterations
        if self.threads == 1:  # nobody to meet
            self.machine(self.address, 0)
            return
        if sys.is_finalizing():  # Python ends, and no thread but this one gets its lock any more
            self._run_alone()
            return
        self.flags[:] = 0
        began = time.perf_counter()
        idle = crew.run(self.machine, self.address, self.stop, self.threads, self)
        slept = int(self.flags[1 :: LINE // 8][: self.threads].sum()) * SLEEP
        crew.learn(max(0.0, idle - slept), self.threads * (time.perf_counter() - began))

    def _run_alone(self) -> None:
        """Let this thread do every thread's share: whoever does it, the bytes are the same."""
        self.frame[Frame.THREADS] = 1
        try:
            self.machine(self.address, 0)
        finally:
            self.frame[Frame.THREADS] = self.threads
