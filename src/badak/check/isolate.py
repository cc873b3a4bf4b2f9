"""Runs other people's code in a child process with limits on time and memory, and survives whatever it does.

A check is three processes. This one sends orders and validates the answer (`answers.py`). A supervisor holds the child
to its limits and ends what it started (`supervisor.py`). The child runs the code (`child.py`).

This keeps a mistake (an endless loop, a crash, a huge array) from costing more than its own row, and a file from
writing its own verdict by the ways that lie open: the answer comes through a pipe without a name, with a code that
needs a key, exactly once, in a known form, and not after the judge's functions were changed. It is no prison. The
verdict is made in the process that runs the code, by functions that the code can reach: who takes the trouble to find
and use them there can forge it. The code runs with the rights of the user: it can change files, end other processes
of that user, and use the network.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from badak.check import answers
from badak.check.findings import Report
from badak.check.folder import absent, near
from badak.check.load.reading import parse_source
from badak.reading import load_json, read_regular

TIME_LIMIT = 20.0
"""Seconds of processor time, of the child and what it starts."""
MEMORY_LIMIT = 2 << 30
CLOCK_FACTOR, CLOCK_LEAST = 10.0, 60.0
"""By the clock a check may last so many times as long, and at least so many seconds: for code that waits."""
GRACE = 15.0
"""Seconds after which a supervisor that does not come back, though its time is over, is ended."""
FIRST_SHARE = 0.6
"""Of both limits, for the first attempt, which runs the whole file; the second runs its definitions alone."""

TIME_REASONS = {
    # failure: (without a line, with one)
    "time": (
        "It used more than {seconds} seconds of processor time.",
        "It used more than {seconds} seconds of processor time: is there an endless loop? It was at line {at}: {code}",
    ),
    "clock": (
        "It waited, and did not end within {clock} seconds.",
        "It waited, and did not end within {clock} seconds. It was at line {at}: {code}",
    ),
    "exit": (
        "The file's code ended the process by itself (exit code {code}).",
        "The process ended (exit code {exit}) at line {at}: {code}",
    ),
}
REASONS = {
    "memory": "It needed more than {memory} GiB of memory.",
    "checker": "The check itself failed: {error}",
    "answer": "The answer of the check did not come as the check gives it: the file's code interfered.",
    "changed": "The file's code changed the functions that check it.",
}


def clock_limit(time_limit: float) -> float:
    """Give the seconds by the clock that go with a limit on processor time."""
    return max(CLOCK_FACTOR * time_limit, CLOCK_LEAST)


def check_file(
    path: str | os.PathLike[str],
    object_name: str | None = None,
    *,
    time_limit: float = TIME_LIMIT,
    memory_limit: int | None = MEMORY_LIMIT,
    only: Sequence[str] | None = None,
    name: str | None = None,
    content: bytes | None = None,
) -> list[Report]:
    """Check a .py file or a notebook in a child process: it RUNS the file's code. Never edits the file.

    `object_name` limits it to one class; `time_limit` (seconds of processor time; ten times as many by the clock, at
    least 60) and `memory_limit` (bytes, None for none; without effect on Windows) are for all attempts together and for
    each; `only` names some of the checks; `content` is checked instead of what is in the file now. Gives one report an
    object, at least one; a file that cannot be checked gives a report whose verdict is 'unknown' and whose reason says
    why.
    """
    path = Path(path)
    shown = name or str(path)
    if path.is_dir():
        return [Report(shown, path.name, reason=absent(path), reason_values={"name": str(path)})]
    if content is None:
        try:
            content = read_regular(path)
        except FileNotFoundError:
            values = {"name": str(path), "near": near(path)}
            return [Report(shown, path.name, reason=absent(path), reason_values=values)]
        except (OSError, ValueError) as error:
            values = {"error": str(error)}
            return [Report(shown, path.name, reason="The file cannot be read: {error}", reason_values=values)]
    failure = Report(shown, object_name or path.name)
    shared = {
        "caller": os.getcwd(),
        "object": object_name,
        "only": list(only) if only is not None else None,
        "name": shown,
    }
    for answer in attempts("badak.check.files:carry_out", path, content, shared, time_limit, memory_limit):
        try:
            if "failure" not in answer:
                return answers.reports_of(answer["answer"], shown)
        except answers.Refused:
            answer["failure"] = "answer"
        failure.reason, failure.reason_values = reason_of(answer, time_limit, memory_limit)
        if answer.get("stage", "").startswith("checking"):
            failure.object = object_name or answer["stage"].removeprefix("checking ")
    # One class that hangs or ends the process must not cost the others their verdict: each gets a child of its own.
    names = [] if object_name else _classes(content)
    if len(names) > 1:
        return [
            report
            for each in names
            for report in check_file(
                path, each, time_limit=time_limit, memory_limit=memory_limit, only=only, name=name, content=content
            )
        ]
    return [failure]


def _classes(content: bytes) -> list[str]:
    """Give the names of a .py file's own classes that have methods besides __init__; none where it can't be read."""
    try:
        tree = ast.parse(content)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return []
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    return [c.name for c in classes if any(isinstance(m, ast.FunctionDef) and m.name != "__init__" for m in c.body)]


def attempts(
    work: str, path: Path, content: bytes, orders: Mapping[str, Any], time_limit: float, memory_limit: int | None,
    beside: Mapping[str, bytes] | None = None,
) -> Any:  # fmt: skip
    """Give the answers of two children, the second only asked for where the first does not serve.

    The first runs the whole file, the second its definitions alone: a loop that never ends at the bottom of a file does
    not hide a right layer above it. What an answer that failed holds is said at `ask`; each has `at`, the line it was
    at, and its text in `code`, where they are known.
    """
    processor, clock = time_limit, clock_limit(time_limit)
    for run, share in (("all", FIRST_SHARE), ("definitions", 1.0)):
        given = {
            **orders,
            "work": work,
            "path": str(path.resolve()),
            "content": base64.b64encode(content).decode(),
            "run": run,
            "time_limit": max(processor * share, 0.1),
            "memory_limit": memory_limit,
        }
        answer = ask(given, given["time_limit"], max(clock * share, 0.5), beside)
        processor, clock = processor - answer["processor"], clock - answer["clock"]
        if "failure" in answer:
            answer |= _place(answer, path, content)
        yield answer


def reason_of(answer: Mapping[str, Any], time_limit: float, memory_limit: int | None) -> tuple[str, dict[str, Any]]:
    """Give the sentence (untranslated) and its values that say why there is no verdict."""
    values = {
        "seconds": f"{time_limit:g}",
        "clock": f"{clock_limit(time_limit):g}",
        "memory": f"{(memory_limit or 0) / 2**30:.3g}",
        "error": answer.get("words", ""),
        "at": answer.get("at"),
        "code": answer.get("code") if "at" in answer else answer.get("exit"),
        "exit": answer.get("exit"),
    }
    failure = answer["failure"]
    return TIME_REASONS[failure]["at" in answer] if failure in TIME_REASONS else REASONS[failure], values


def _place(answer: Mapping[str, Any], path: Path, content: bytes) -> dict[str, Any]:
    """Give the line of the file that the child was at as {'at', 'code'}, empty where it is not known."""
    # The child writes names in ASCII, and the innermost call first.
    name = str(path.resolve()).encode("ascii", "backslashreplace").decode()
    lines = re.findall(rf'^  File "{re.escape(name)}", line (\d{{1,9}}) in ', answer.get("tail", ""), re.MULTILINE)
    if not lines:
        return {}
    try:
        source = parse_source(path, content)
        number = int(lines[0])
        cell = source.cell(number)
        text = source.lines[number - 1].strip()[:200]
    except (IndexError, ValueError, SyntaxError, RecursionError, MemoryError):
        return {}
    return {"at": f"{cell[1]} (cell {cell[0]})" if cell else number, "code": text}


def ask(
    orders: dict[str, Any], processor: float, clock: float, beside: Mapping[str, bytes] | None = None
) -> dict[str, Any]:
    """Run one child; give {'answer': …}, or {'failure': …}, with 'processor' and 'clock', the seconds that it took.

    A failure is 'time' (processor), 'clock', 'memory', 'exit' (with 'exit', its code), 'checker' (with 'words'),
    'answer' (none that is valid, or more than one) or 'changed'; 'stage' is how far it came, 'tail' what the process
    said at its end.

    `orders` name the function that does the work, 'module:name', called with them and a function that notes the stage
    reached; they hold `path`, the file that is run, and `memory_limit`. `beside` are files that the code may import,
    by name, instead of those beside `path`.
    """
    token, key = secrets.token_hex(16), secrets.token_bytes(32)
    with _folder("badak-run-") as place, _folder("badak-beside-") as helpers:
        orders = {**orders, "key": key.hex(), "processor": processor, "clock": clock}
        if beside is not None:
            orders["beside"] = helpers
            for name, content in beside.items():
                Path(helpers, name).parent.mkdir(parents=True, exist_ok=True)
                Path(helpers, name).write_bytes(content)
        plan = {
            "command": [sys.executable, "-m", "badak.check.child"],
            "orders": json.dumps(orders),
            "processor": processor,
            "clock": clock,
            "memory": orders["memory_limit"],
            "most": answers.MOST_BYTES,
            "token": token,
        }
        told, code = _supervised(plan, place, clock)
    if told is None or told.get("token") != token:
        return {"failure": "exit", "exit": code, "processor": processor, "clock": clock}
    spent = {"processor": told["processor"], "clock": told["clock"], "tail": told["tail"], "exit": told["code"]}
    ends = {"processor": "time", "clock": "clock", "memory": "memory", "long": "answer"}
    try:
        answer, stage = answers.opened(told["answer"], key)
        failure = None if answer is None else answers.failure_of(answer)
    except answers.Refused as error:
        return {**spent, "failure": ends.get(told["ended"], "answer"), "words": str(error)}
    if answer is None or told["ended"] in ends:
        ended = ends.get(told["ended"]) or ("memory" if OUT_OF_MEMORY.search(told["tail"]) else "exit")
        return {**spent, "failure": ended, "stage": stage}
    return {**spent, "stage": stage, **(failure or {"answer": answer})}


OUT_OF_MEMORY = re.compile(r"bad_alloc|MemoryError|[Oo]ut of memory|Memory allocation still failed|Cannot allocate")
"""What libraries say as they end a process that gets no more memory."""


def _supervised(plan: dict[str, Any], place: str, clock: float) -> tuple[dict[str, Any] | None, int | None]:
    """Run a supervisor; give what it told, None where that is nothing, and its exit code."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("supervisor.py"))],
        cwd=place,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=os.name == "posix",
    )
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018 (for the type checker)
    out = process.stdout
    pieces: list[bytes] = []
    # In a thread: a supervisor that the user's code stopped must not stop this process.
    reader = threading.Thread(target=lambda: pieces.append(out.read(8 * answers.MOST_BYTES)), daemon=True)
    try:
        with contextlib.suppress(OSError):  # it ended already: that nothing comes tells it
            process.stdin.write(json.dumps(plan).encode() + b"\n")
            process.stdin.flush()
        reader.start()
        reader.join(clock + GRACE)
    finally:
        with contextlib.suppress(OSError):
            process.stdin.close()  # the supervisor ends its child when this pipe ends
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            _end(process)
    if reader.ident is not None:
        reader.join(1)
    if not reader.is_alive():
        out.close()
    try:
        told = load_json(pieces[0] if pieces else b"", "what the supervisor tells")
    except ValueError:
        told = None
    return told if isinstance(told, dict) else None, process.returncode


@contextlib.contextmanager
def _folder(prefix: str) -> Any:
    """Make a folder for the child, and remove it, whatever the child made in it."""
    folder = tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True)
    try:
        yield folder.name
    finally:
        with contextlib.suppress(OSError, RecursionError):  # folders in folders, thousands deep
            folder.cleanup()


def _environment() -> dict[str, str]:
    environment = dict(os.environ)
    package = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(p for p in (package, environment.get("PYTHONPATH", "")) if p)
    # No windows, no threads in BLAS (their stacks count as memory).
    environment |= {
        "MPLBACKEND": "Agg",
        # Freed arrays are kept for the next (glibc): else a third of a network's time goes into fresh pages.
        "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
        "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    return environment


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the supervisor; its child ends with it on Linux, and has limits of its own elsewhere."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
