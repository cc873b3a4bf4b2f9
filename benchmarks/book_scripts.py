"""Runs the scripts of checkouts of the book's code, or of its readers' repositories, under `badak book`.

    python benchmarks/book_scripts.py CHECKOUT... [--limit 60] [--jobs 2] [--all] [--markdown]

Each script runs from its own folder, in a fresh copy of its checkout, without a screen. Without --all these are the
scripts in folders ch01 to ch08; with it, all scripts and notebooks that import one of the book's names. A script that
still runs at the limit without an error counts as training. What fails is run with Python itself, too: a script that
fails there (a syntax error, a file that is not there) is no fault of ours. Nothing of a checkout is changed.
"""

import argparse
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CHAPTER = re.compile(r"ch0?[1-8]")
NAMES = re.compile(
    r"(?:from|import)\s+(?:common|dataset|ch0[1-8]|two_layer_net|layer_naive|simple_convnet|deep_convnet|gradient_2d)\b"
)
OTHERS = {"OPENBLAS_NUM_THREADS": "1", "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8", "LANGUAGE": "en"}


@dataclass(frozen=True)
class Outcome:
    script: str
    state: str  # runs, trains, fails
    reason: str = ""
    python: str = ""
    own: int = 0  # modules of the reader's own that were used in place of ours


def scripts_of(checkout: Path, everything: bool) -> list[Path]:
    """Give the scripts of a checkout, relative to it."""
    found = []
    for path in sorted(checkout.rglob("*")):
        relative = path.relative_to(checkout)
        if path.suffix not in (".py", ".ipynb") or not path.is_file() or ".ipynb_checkpoints" in relative.parts:
            continue
        if everything:
            if {"common", "dataset"} & set(relative.parts[:-1]):
                continue  # modules, not scripts
            if NAMES.search(path.read_text(encoding="utf-8", errors="replace")):
                found.append(relative)
        elif path.suffix == ".py" and len(relative.parts) == 2 and CHAPTER.fullmatch(relative.parts[0]):
            found.append(relative)
    return found


def execute(command: list[str], folder: Path, limit: float) -> tuple[int | None, str]:
    """Give the exit code (None at the limit) and what was written to standard error."""
    with tempfile.TemporaryFile() as errors:
        child = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **OTHERS}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=errors, start_new_session=True,
        )  # fmt: skip
        try:
            code = child.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        errors.seek(0)
        return code, errors.read().decode("utf-8", "replace")


def last_error(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("badak.book: ")]
    return lines[-1].strip()[:140] if lines else ""


def outcome(checkout: Path, script: Path, limit: float) -> Outcome:
    """Run one script under `badak book`, and with Python itself where that fails, each in a copy of its own."""

    def run(*command: str) -> tuple[int | None, str]:
        with tempfile.TemporaryDirectory() as kept:
            copy = Path(kept, checkout.name)
            shutil.copytree(checkout, copy, ignore=shutil.ignore_patterns(".git"))
            return execute([sys.executable, *command, script.name], copy / script.parent, limit)

    code, errors = run("-m", "badak", "book")
    own = errors.count("is used, not badak's")
    if code is None or code == 0:
        return Outcome(str(script), "runs" if code == 0 else "trains", own=own)
    python = ""
    if script.suffix == ".py":
        plain, told = run()
        python = "runs" if plain in (0, None) else f"fails: {last_error(told)}"
    return Outcome(str(script), "fails", last_error(errors), python, own)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="+", type=Path)
    parser.add_argument("--limit", type=float, default=60, help="seconds a script may run")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="every script and notebook that imports the book's names")
    parser.add_argument("--markdown", action="store_true")
    chosen = parser.parse_args()
    totals: collections.Counter[str] = collections.Counter()
    for checkout in chosen.checkouts:
        with ThreadPoolExecutor(chosen.jobs) as pool:
            scripts = scripts_of(checkout, chosen.all)
            done = list(pool.map(outcome, [checkout] * len(scripts), scripts, [chosen.limit] * len(scripts)))
        counts = collections.Counter(one.state for one in done)
        counts["fails in Python too"] = sum(one.python.startswith("fails") for one in done)
        counts["with modules of its own"] = sum(one.own > 0 for one in done)
        totals += counts
        print(
            f"\n{checkout.name}: {len(done)} scripts; " + ", ".join(f"{k} {n}" for k, n in counts.items()), flush=True
        )
        if chosen.markdown:
            print("\n| script | under badak book | modules of its own | Python itself |\n|---|---|---|---|")
        for one in done:
            told = f"{one.state}: {one.reason}" if one.reason else one.state
            cells = (one.script, told, str(one.own), one.python)
            print("| " + " | ".join(cells) + " |" if chosen.markdown else "  " + "  ".join(cells).rstrip(), flush=True)
    print("\nall: " + ", ".join(f"{k} {n}" for k, n in totals.items()))


if __name__ == "__main__":
    main()
