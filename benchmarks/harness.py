"""Interleaved measuring: each peer in its own process, one window of each in turn, medians of the clean ones.

Nothing here knows what is measured. Imports nothing but the standard library, so that the process that waits
stays small and quiet; tables need rich.
"""

import contextlib
import dataclasses
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LIMIT = 0.02  # a window in which threads waited for a core longer than this part of it is dropped
OTHERS = 0.15  # and one in which other processes used more than so much of one core
ROUNDS, SECONDS = 7, 0.25


class WorkerError(RuntimeError):
    """A peer that couldn't be loaded or failed in a window; the message is its own."""


@dataclasses.dataclass(frozen=True)
class Window:
    """One window of one peer. `wait` and `others` are None where the system doesn't tell."""

    iterations: int
    seconds: float
    wait: float | None  # time that its threads waited for a core, as part of the window
    others: float | None  # cores that other processes used meanwhile, beyond those it left idle
    cpu: float  # seconds of processor time used by the process
    realtime: bool

    @property
    def each(self):
        """Seconds an iteration."""
        return self.seconds / self.iterations

    @property
    def unrest(self):
        """How much the window was disturbed, to find the calmest."""
        return (self.wait or 0.0) + (self.others or 0.0)

    def clean(self, limit=LIMIT):
        """True if nothing is known to have disturbed it: `limit` for the waiting, OTHERS for other processes."""
        return (self.wait or 0.0) <= limit and (self.others or 0.0) <= OTHERS


@dataclasses.dataclass(frozen=True)
class Summary:
    """The windows of one peer in one figure; times in seconds an iteration."""

    median: float
    low: float  # lower quartile
    high: float  # upper quartile
    kept: int
    windows: int
    doubtful: bool  # too few clean windows: the calmest half was taken instead


def summarise(windows, limit=LIMIT, least=3):
    """The median and quartiles of the clean windows.

    With fewer than `least` clean ones the calmest half is taken, and the summary says that it is doubtful.
    Raises ValueError without any window.
    """
    if not windows:
        raise ValueError("no window was measured")
    clean = [window for window in windows if window.clean(limit)]
    doubtful = len(clean) < min(least, len(windows))
    if doubtful:
        calmest = sorted(windows, key=lambda window: window.unrest)
        clean = calmest[: max(len(windows) // 2, 1)]
    times = [window.each for window in clean]
    if len(times) > 1:
        low, _, high = statistics.quantiles(times, n=4, method="inclusive")
    else:
        low = high = times[0]
    return Summary(statistics.median(times), low, high, len(clean), len(windows), doubtful)


def environment(threads):
    """What the workers' libraries read before they start their threads."""
    variables = dict(os.environ)
    for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "NUMBA"):
        variables[f"{name}_NUM_THREADS"] = str(threads)
    variables["BADAK_THREADS"] = str(threads)
    variables["PYTHONHASHSEED"] = "0"
    # No library should ask a network for anything while it is measured.
    variables["JAX_PLATFORMS"] = "cpu"
    return variables


class Worker:
    """A peer in its own process. Use it in a `with`, or call `close`."""

    def __init__(self, name, threads, label=None, python=sys.executable):
        self.name, self.threads, self.label = name, threads, label or name
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (it lives as long as the worker)
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), name, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=environment(threads),
        )

    def __enter__(self):
        """Give the worker itself."""
        return self

    def __exit__(self, *_):
        """End the process."""
        self.close()

    def ask(self, **order):
        """Send one order and wait for its answer; raises WorkerError with the end of the peer's log."""
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(f"ended with code {self.process.wait()}: {self.tail()}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def tail(self, lines=5):
        """The last lines that the peer wrote to standard error."""
        self.log.seek(0)
        return " / ".join(self.log.read().strip().splitlines()[-lines:])

    def window(self, seconds=SECONDS, realtime=False):
        """Measure one window."""
        return Window(**self.ask(do="window", seconds=seconds, realtime=realtime))

    def close(self):
        """End the process, at once if it doesn't go by itself."""
        with contextlib.suppress(OSError):  # it may be gone already, with an order unread
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()


def interleave(
    workers, rounds=ROUNDS, seconds=SECONDS, realtime=False, tell=lambda text: None, limit=LIMIT, patience=1
):
    """One window of each worker in turn, `rounds` times; the order is turned by one in each round.

    While any worker has fewer than `rounds` clean windows there are further rounds, `patience` times as many at most.
    A worker that fails is left out from there on. Gives a dictionary label -> windows.
    """
    windows = {worker.label: [] for worker in workers}
    alive = list(workers)
    for turn in range(rounds * patience):
        fewest = min((sum(w.clean(limit) for w in windows[worker.label]) for worker in alive), default=rounds)
        if turn >= rounds <= fewest:
            break
        shift = turn % max(len(alive), 1)
        for worker in alive[shift:] + alive[:shift]:
            tell(f"round {turn + 1}/{rounds}: {worker.label}")
            try:
                windows[worker.label].append(worker.window(seconds, realtime))
            except WorkerError as error:
                tell(f"left out: {worker.label}: {error}")
                alive.remove(worker)
    return {label: found for label, found in windows.items() if found}


def may_use_realtime():
    """True if this process may give itself realtime priority (tried, and taken back)."""
    if not hasattr(os, "sched_setscheduler"):
        return False
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except OSError:
        return False
    return True


def cores():
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor():
    """The processor's name."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def machine(packages=()):
    """What a reader must know to judge the figures: machine, Python, and the versions of the `packages`."""
    versions = {}
    for package in sorted({name for names in packages for name in names.split()} | {"numpy"}):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    variables = {
        name: os.environ[name] for name in ("OPENBLAS_CORETYPE", "XLA_FLAGS", "OMP_WAIT_POLICY") if name in os.environ
    }
    return {
        "date": datetime.date.today().isoformat(),
        "processor": processor(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": versions,
        "variables": variables,
    }


def machine_line(facts):
    """The machine in one sentence."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    variables = "".join(f", {name}={value}" for name, value in facts["variables"].items())
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}, "
        f"{versions}{variables}, {facts['date']}"
    )


def three(value):
    """A number with three digits that count: 0.00123, 1.23, 123, 1,230."""
    if value == 0 or abs(value) < 1:
        return f"{value:.3g}"
    return f"{value:,.{max(3 - len(str(int(abs(value)))), 0)}f}"


def markdown(title, columns, rows, note=""):
    """A table in Markdown; the first column is left-aligned, the others right-aligned."""
    lines = [f"**{title}**", "", "| " + " | ".join(columns) + " |"]
    lines.append("|---|" + "---:|" * (len(columns) - 1))
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join([*lines, "", note, ""] if note else [*lines, ""])


def show(title, columns, rows, note="", as_markdown=False):
    """Print the table: rich's on a terminal, Markdown if asked for."""
    if as_markdown:
        print(markdown(title, columns, rows, note))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left", caption=note or None, caption_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console(width=None if sys.stdout.isatty() else 110).print(table)


def add_options(parser, rounds=ROUNDS, seconds=SECONDS):
    """The options that every benchmark has."""
    parser.add_argument("--rounds", type=int, default=rounds, help="windows of each peer (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=seconds, help="length of a window (default %(default)s)")
    add_output_options(parser)
    parser.add_argument(
        "--priority",
        choices=("auto", "normal", "realtime"),
        default="auto",
        help="realtime: SCHED_RR inside a window; auto: that where it is permitted",
    )
    parser.add_argument(
        "--patience",
        type=int,
        default=3,
        help="go on until every peer has enough calm windows, for so many times the rounds (default %(default)s)",
    )
    parser.add_argument(
        "--limit",
        type=float,
        default=LIMIT,
        help="drop windows in which threads waited for a core longer than this part of it (default %(default)s)",
    )


def add_output_options(parser):
    """Where the figures go, where the data comes from, and the quick form."""
    parser.add_argument("--quick", action="store_true", help="few and short windows: does it run? no figures")
    parser.add_argument("--data", metavar="FOLDER", help="the four IDX files; without it badak's own copy")
    parser.add_argument("--markdown", action="store_true", help="print Markdown")
    parser.add_argument("--json", metavar="FILE", help="write every window and summary there")


def wants_realtime(choice):
    """Turn the option `--priority` into yes or no; asks for permission only where it is needed."""
    if choice == "realtime" and not may_use_realtime():
        raise SystemExit("--priority realtime: this user may not use realtime priority")
    return choice == "realtime" or (choice == "auto" and may_use_realtime())


def tell(text):
    """A line of progress on standard error, overwritten by the next on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)
    elif text.startswith(("left out", "missing", "refused")):
        print(text, file=sys.stderr, flush=True)


def write_json(file, figures):
    """Write the figures, whole or not at all."""
    file = Path(file)
    part = file.with_name(file.name + ".part")
    part.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    part.replace(file)
