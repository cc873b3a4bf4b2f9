"""The child process: reads its orders from a file, runs the user's code under limits, writes reports to a
file.

Nothing travels on standard output: the user's code may print there for ever.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import sys
from pathlib import Path

import numpy as np


def main() -> None:
    """Do what the orders in the file named by the first argument say, and leave at once afterwards."""
    order_path = Path(sys.argv[1])
    orders = json.loads(order_path.read_text(encoding="utf-8"))
    own = os.getpid()
    limit_memory(orders["memory_limit"])
    sys.argv = [orders["path"]]
    sys.path.insert(0, str(Path(orders["path"]).resolve().parent))
    module, name = orders["work"].split(":")
    work = getattr(importlib.import_module(module), name)
    # A module that draws from the global generators unseeded gets the same answer each time it is checked.
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002
    stage = order_path.with_suffix(".stage")

    def record(words: str) -> None:
        if os.getpid() != own:
            os._exit(0)  # the user's code forked: only the first process reports
        stage.write_text(words, encoding="utf-8")

    try:
        answer = json.dumps({"token": orders["token"], **work(orders, record)}, default=_plain)
    except MemoryError:
        answer = json.dumps({"token": orders["token"], "failure": "memory", "words": ""})
    except BaseException as error:
        answer = json.dumps(
            {"token": orders["token"], "failure": "checker", "words": f"{type(error).__name__}: {error}"}
        )
    if os.getpid() != own:
        os._exit(0)
    partial = order_path.with_suffix(".part")
    partial.write_text(answer, encoding="utf-8")
    os.replace(partial, order_path.with_suffix(".answer"))
    # Threads and exit handlers of the user's code have no say in when this ends.
    os._exit(0)


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
