"""The child process: takes its orders from a pipe, runs the user's code under limits, answers through a pipe.

Both pipes come as standard input and output and are moved away before the user's code runs, so that it has them under
no name: not in its arguments, its environment or a file. An answer carries a code that only who knows the orders' key
can make. The user's code runs in this process all the same: see `isolate.py` for what that means.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import hashlib
import importlib
import json
import os
import random
import secrets
import signal
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from badak.check.answers import code_of

SCATTER = 200
"""Descriptors are moved to numbers as far apart as this."""
PR_SET_PDEATHSIG = 1  # linux/prctl.h
JUDGES = ("badak.check", "badak.learn")
"""The packages whose functions the user's code must have left alone for its verdict to count."""


def main() -> None:
    """Do what the orders on standard input say, and leave at once afterwards."""
    orders, send = _open()
    own = os.getpid()
    limit_memory(orders["memory_limit"])
    limit_time(orders["processor"])
    sys.argv = [orders["path"]]
    module, name = orders["work"].split(":")
    work = getattr(importlib.import_module(module), name)
    # From here on: our own modules may be kept compiled, the user's folder gets no __pycache__.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    sys.path.insert(0, orders.get("beside") or str(Path(orders["path"]).resolve().parent))
    # A module that draws from the global generators unseeded gets the same answer each time it is checked.
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    changed = _seal()

    def record(words: str) -> None:
        if os.getpid() != own:
            os._exit(0)  # the user's code forked: only the first process reports
        send({"stage": words})

    try:
        answer = work(orders, record)
    except MemoryError:
        answer = {"failure": "memory", "words": ""}
    except BaseException as error:
        answer = {"failure": "checker", "words": f"{type(error).__name__}: {error}"[:1000]}
    if os.getpid() != own:
        os._exit(0)
    if changed():
        answer = {"failure": "changed"}
    send({"answer": answer})
    # Threads and exit handlers of the user's code have no say in when this ends.
    os._exit(0)


def _open() -> tuple[dict[str, Any], Callable[[dict[str, Any]], None]]:
    """Read the orders, move the pipes to numbers of their own, and give the orders and a function that sends."""
    orders = json.loads(sys.stdin.buffer.read())
    # The hash object holds the key where Python cannot read it back; nothing else does from here on.
    keyed = hashlib.blake2b(key=bytes.fromhex(orders.pop("key")), digest_size=16)
    out, trace = _private(1), _private(2)
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):
        os.dup2(nothing, number)
    os.close(nothing)
    # What C libraries say as they end the process goes to the supervisor, what Python prints nowhere.
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    faulthandler.enable(trace, all_threads=False)
    if hasattr(signal, "SIGUSR2"):
        faulthandler.register(signal.SIGUSR2, trace, all_threads=False)
    else:
        faulthandler.dump_traceback_later(max(orders["clock"] - 0.5, 0.1), file=trace)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    count = 0

    def send(content: dict[str, Any]) -> None:
        nonlocal count
        text = json.dumps(content, default=_plain)
        line = f"{code_of(keyed, count, text)} {text}\n".encode()
        count += 1
        while line:
            line = line[os.write(out, line) :]

    return orders, send


def _private(number: int) -> int:
    """Give the file of a descriptor under another number, which a program started from here does not inherit."""
    try:
        import fcntl
    except ImportError:
        return os.dup(number)
    return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10 + secrets.randbelow(SCATTER))


def _seal() -> Callable[[], bool]:
    """Note the functions of the judges; give a function that says whether they were changed since."""

    def noted() -> dict[tuple[str, str], object]:
        found: dict[tuple[str, str], object] = {}
        for name, module in list(sys.modules.items()):
            if not (isinstance(module, types.ModuleType) and name.startswith(JUDGES)):
                continue
            for key, value in list(vars(module).items()):
                if isinstance(value, types.FunctionType):
                    found[name, key] = (value, value.__code__)
                elif isinstance(value, type):
                    found[name, key] = value
                    for part, inner in list(vars(value).items()):
                        if isinstance(inner, types.FunctionType):
                            found[name, f"{key}.{part}"] = (inner, inner.__code__)
        return found

    before = noted()

    def changed() -> bool:
        after = noted()
        return any(after.get(key) != value for key, value in before.items())

    return changed


def limit_memory(limit: int | None) -> None:
    """Limit the memory of this process, where the system can (not on Windows)."""
    if not limit:
        return
    try:
        import resource
    except ImportError:
        return
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000_000, 200_000_000))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ValueError, OSError):
        return


def limit_time(seconds: float) -> None:
    """Let the system end this process soon after its processor time, should the supervisor not see how much it used."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 2))


def _plain(value: object) -> object:
    for method in ("item", "tolist"):
        if hasattr(value, method):
            try:
                return getattr(value, method)()
            except ValueError:
                continue
    return str(value)


if __name__ == "__main__":
    main()
