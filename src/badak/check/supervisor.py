"""The supervisor: a small process between badak and the one that runs other people's code. Not imported: run by path.

It starts the child, passes it its orders, holds it to its limits, and ends whatever it left running. Then it tells what
came in one line on its standard output. It imports nothing of badak (the user's folder is not on its path), ignores
the signals that can be ignored, and its own memory and files are closed to the child (Linux).
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # to import it takes as long as all the rest
    from typing import Any

PAUSE = 0.02
"""Seconds between two looks at the child."""
TAIL = 16_384
"""So many of the last bytes on the child's standard error are kept: a crash tells its line there."""
LAST_WORDS = 0.5
"""Seconds that the child has to say at which line it is, when its time is over."""
CLEANING = 3.0
"""Seconds for ending what the child started."""
PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 4, 36  # linux/prctl.h
WHERE = getattr(signal, "SIGUSR2", None)
"""On this signal the child writes where it is: see `child.py`."""


def main() -> None:
    """Run one child as the first line on standard input says, and tell how it ended."""
    plan = json.loads(sys.stdin.buffer.readline())
    _protect()
    abandoned = threading.Event()

    def watch() -> None:
        os.read(0, 1)  # nothing more is ever written: this comes back when badak has gone, or gives up
        abandoned.set()

    threading.Thread(target=watch, daemon=True).start()
    process = subprocess.Popen(
        plan["command"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=os.name == "posix",
    )
    answer, tail = _Reader(process.stdout, plan["most"], False), _Reader(process.stderr, TAIL, True)
    # In a thread: a child that never reads must not keep its supervisor from looking at the clock.
    threading.Thread(target=_give, args=(process.stdin, plan["orders"].encode()), daemon=True).start()
    started = time.monotonic()
    ended, used = _watch(process, plan, answer, abandoned, started)
    if ended in ("processor", "clock") and WHERE is not None and process.poll() is None:
        os.kill(process.pid, WHERE)
        until = time.monotonic() + LAST_WORDS
        while time.monotonic() < until and b"most recent call first" not in bytes(tail.held):
            time.sleep(PAUSE)
        time.sleep(PAUSE)
    _end(process)
    answer.thread.join(PAUSE * 10)
    tail.thread.join(PAUSE * 10)
    told = {
        "token": plan["token"],
        "ended": "long" if answer.over else ended,
        "code": process.returncode,
        "processor": max(used, _reaped()),
        "clock": time.monotonic() - started,
        "answer": bytes(answer.held).decode("latin-1"),
        "tail": bytes(tail.held).decode("utf-8", "replace"),
    }
    os.write(1, b"") if abandoned.is_set() else _tell(json.dumps(told).encode() + b"\n")
    os._exit(0)


def _protect() -> None:
    """Ignore what can be ignored; on Linux, inherit orphans, and close /proc/PID/fd and /proc/PID/mem to the child."""
    for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTSTP"):
        number = getattr(signal, name, None)
        if number is not None:
            # A handler, not SIG_IGN, which the child would inherit.
            signal.signal(number, lambda *_: None)
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


class _Reader:
    """Reads a pipe in a thread: its first `most` bytes, or its last."""

    def __init__(self, pipe: Any, most: int, last: bool) -> None:
        self.held, self.over = bytearray(), False
        self.pipe, self.most, self.last = pipe, most, last
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while piece := os.read(self.pipe.fileno(), 65_536):
            if self.over and not self.last:
                continue
            self.held += piece
            if len(self.held) > self.most:
                self.over = not self.last
                del self.held[: len(self.held) - self.most if self.last else 0]


def _give(pipe: Any, content: bytes) -> None:
    try:
        pipe.write(content)
        pipe.close()
    except OSError:
        pass  # it ended before it read: what came of it is told by its end


def _tell(content: bytes) -> None:
    while content:
        content = content[os.write(1, content) :]


def _watch(  # noqa: PLR0911 (each end has its line)
    process: subprocess.Popen[bytes], plan: dict[str, Any], answer: _Reader, abandoned: threading.Event, started: float
) -> tuple[str, float]:
    """Wait for the child's end or that of its time or memory; give which, and the processor seconds used."""
    used = 0.0
    while process.poll() is None:
        if abandoned.wait(PAUSE):
            return "abandoned", used
        clock = time.monotonic() - started
        family = descendants(os.getpid())
        if family:
            used = max(used, _reaped() + sum(seconds for _, seconds, _ in family))
        elif os.name != "posix":  # elsewhere without /proc the child's own limit counts (SIGXCPU below)
            used = clock
        if answer.over:
            return "long", used
        if used > plan["processor"]:
            return "processor", used
        if clock > plan["clock"]:
            return "clock", used
        if plan["memory"] and sum(resident for _, _, resident in family) > plan["memory"]:
            return "memory", used
    if process.returncode == -getattr(signal, "SIGXCPU", 0) != 0:
        return "processor", used
    return "exit", used


def _reaped() -> float:
    """Give the processor seconds of all children that have ended and were waited for."""
    try:
        import resource
    except ImportError:
        return 0.0
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def descendants(pid: int) -> list[tuple[int, float, int]]:
    """Give (process, processor seconds with those of its waited-for children, resident bytes) below `pid`.

    Read from /proc; empty where there is none.
    """
    found: list[tuple[int, float, int]] = []
    waiting = children(pid)
    seen = {pid}
    while waiting:
        child = waiting.pop()
        if child in seen:
            continue
        seen.add(child)
        try:
            with open(f"/proc/{child}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        ticks = sum(map(int, fields[11:15]))
        found.append((child, ticks / os.sysconf("SC_CLK_TCK"), int(fields[21]) * os.sysconf("SC_PAGESIZE")))
        waiting += children(child)
    return found


def children(pid: int) -> list[int]:
    """Give the processes that `pid` is the parent of; none where there is no /proc."""
    found = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += list(map(int, file.read().split()))
    except FileNotFoundError:
        # It has ended just now; or a kernel without these files.
        return _children_by_scan(pid) if os.path.exists(f"/proc/{os.getpid()}/stat") and not _LISTS else found
    except OSError:
        pass
    return found


_LISTS = os.path.exists(f"/proc/{os.getpid()}/task/{os.getpid()}/children")


def _children_by_scan(pid: int) -> list[int]:
    found = []
    for name in os.listdir("/proc"):
        try:
            if name.isdigit():
                with open(f"/proc/{name}/stat", "rb") as file:
                    if int(file.read().rpartition(b")")[2].split()[1]) == pid:
                        found.append(int(name))
        except OSError:
            continue
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started: its process group, and on Linux all that descends from it."""
    if os.name != "posix":
        process.kill()
        process.wait()
        return
    until = time.monotonic() + CLEANING
    while True:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.poll()
        # An orphan becomes a child of this process, so that in the end all of them are.
        family = descendants(os.getpid())
        for pid, _, _ in family:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        for pid in children(os.getpid()):
            if pid != process.pid:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
        if process.poll() is not None and not descendants(os.getpid()):
            return
        if time.monotonic() > until:
            return
        time.sleep(PAUSE / 10)


if __name__ == "__main__":
    main()
