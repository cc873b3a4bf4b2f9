# ruff: noqa: SIM105
"""Runs other people's code in a child process with limits on time and memory, and survives whatever it does.

This keeps a mistake (an endless loop, a crash, a huge array) from costing more than its own row. It is no
prison: code that means harm can do what the user who runs it can do.
"""

from __future__ import annotations

import ast
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from badak.check.findings import Report
from badak.check.folder import absent, near

TIME_LIMIT = 20.0
MEMORY_LIMIT = 2 << 30


def check_file(
    path: str | os.PathLike[str],
    object_name: str | None = None,
    *,
    time_limit: float = TIME_LIMIT,
    memory_limit: int | None = MEMORY_LIMIT,
    only: Sequence[str] | None = None,
    name: str | None = None,
) -> list[Report]:
    """Check a .py file or a notebook in a child process: it RUNS the file's code. Never edits the file.

    `object_name` limits it to one class; `time_limit` (seconds) and `memory_limit` (bytes, None for none;
    without effect
    on Windows) are for all attempts together and for each; `only` names some of the checks. Gives one
    report an object, at
    least one; a file that cannot be checked gives a report whose verdict is 'unknown' and whose reason
    says why.
    """
    path = Path(path)
    shown = name or str(path)
    if not path.is_file():
        return [Report(shown, path.name, reason=absent(path), reason_values={"name": str(path), "near": near(path)})]
    started = time.monotonic()
    failure = Report(shown, object_name or path.name)
    for run, share in (("all", 0.6), ("definitions", 1.0)):
        left = time_limit * share - (time.monotonic() - started)
        orders = {
            "work": "badak.check.files:carry_out",
            "path": str(path.resolve()),
            "object": object_name,
            "only": list(only) if only is not None else None,
            "run": run,
            "time_limit": left,
            "memory_limit": memory_limit,
            "name": shown,
            "token": secrets.token_hex(8),
        }
        answer = ask(orders, max(left, 0.1))
        if "reports" in answer:
            return [Report.from_dict(plain) for plain in answer["reports"]]
        failure.reason, failure.reason_values = _reason(answer, time_limit, memory_limit)
        if answer.get("stage", "").startswith("checking"):
            failure.object = object_name or answer["stage"].removeprefix("checking ")
    # One class that hangs or ends the process must not cost the others their verdict: each gets a child of its own.
    names = [] if object_name else _classes(path)
    if len(names) > 1:
        limits = {"time_limit": time_limit, "memory_limit": memory_limit, "only": only, "name": name}
        return [report for each in names for report in check_file(path, each, **limits)]  # type: ignore[arg-type]
    return [failure]


def _classes(path: Path) -> list[str]:
    """Give the names of a .py file's own classes that have methods besides __init__; none where it can't be read."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, SyntaxError):
        return []
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return [c.name for c in classes if any(isinstance(m, ast.FunctionDef) and m.name != "__init__" for m in c.body)]


def _reason(answer: dict[str, Any], time_limit: float, memory_limit: int | None) -> tuple[str, dict[str, Any]]:
    values = {
        "seconds": f"{time_limit:g}",
        "code": answer.get("code"),
        "error": answer.get("words", ""),
        "memory": f"{(memory_limit or 0) / 2**30:.3g}",
    }
    if answer["failure"] == "time":
        return "It did not finish within {seconds} seconds.", values
    if answer["failure"] == "memory":
        return "It needed more than {memory} GiB of memory.", values
    if answer["failure"] == "checker":
        return "The check itself failed: {error}", values
    return "The file's code ended the process by itself (exit code {code}).", values


def ask(orders: dict[str, Any], seconds: float) -> dict[str, Any]:
    """Run one child and give its answer, or {'failure': 'time' | 'memory' | 'exit' | 'checker', …}.

    `orders` names the function that does the work, 'module:name', called with them and a function that notes the stage
    reached; they hold `path`, the file that is run, `memory_limit` and a `token` that the user's code cannot guess.
    """
    with (
        tempfile.TemporaryDirectory(prefix="badak-check-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryDirectory(prefix="badak-run-", ignore_cleanup_errors=True) as place,
    ):
        order_path = Path(folder, f"{secrets.token_hex(8)}.orders")
        order_path.write_text(json.dumps(orders), encoding="utf-8")
        process = subprocess.Popen(
            [sys.executable, "-m", "badak.check.child", str(order_path)],
            cwd=place,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=os.name == "posix",
        )
        timed_out = False
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            timed_out = True
        finally:
            _end(process)
        answer = _read(order_path.with_suffix(".answer"), orders["token"])
        if answer is None:
            failure = "time" if timed_out else "exit"
            answer = {"failure": failure, "code": process.returncode}
        stage = order_path.with_suffix(".stage")
        if stage.is_file():
            answer["stage"] = stage.read_text(encoding="utf-8", errors="replace")
        return answer


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    package = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(p for p in (package, environment.get("PYTHONPATH", "")) if p)
    # No windows, no threads in BLAS (their stacks count as memory), no __pycache__ in the user's folder.
    environment |= {
        "MPLBACKEND": "Agg",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    return environment


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the child and, where the system has process groups, whatever it started."""
    if os.name == "posix":
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass
    else:
        process.kill()
    process.wait()


def _read(path: Path, token: str) -> dict[str, Any] | None:
    try:
        answer = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return answer if isinstance(answer, dict) and answer.get("token") == token else None
