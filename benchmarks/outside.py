#!/usr/bin/env python3
"""How much of a whole `badak train` passes outside of training steps: loading, evaluating, looking, drawing.

    python benchmarks/outside.py [--rounds N] [-- ARGUMENTS OF badak train …]

The command runs in a process of its own, as typed (by default `--net simple-conv --epochs 3`); its time is from
before the process starts to after it ends, so that Python's own start and the imports count as outside too. Inside it
the calls of the runner's `steps` are timed, and with them what else `fit` does. The engine is compiled beforehand:
that happens once on a machine.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TIMED = """
import functools, json, sys, time
from badak.engine.runner import NativeRunner
from badak.train.runners import NumPyRunner, Look
import badak.data, badak.drawing, badak.store

spent = {}

def timed(owner, name, label):
    inner = getattr(owner, name)

    @functools.wraps(inner)
    def call(*arguments, **named):
        clock = time.perf_counter()
        try:
            return inner(*arguments, **named)
        finally:
            spent[label] = spent.get(label, 0.0) + time.perf_counter() - clock

    setattr(owner, name, call)

timed(NativeRunner, "steps", "steps")
timed(NumPyRunner, "steps", "steps")
timed(Look, "__init__", "make ready to look")
timed(Look, "record", "evaluate and look")
timed(Look, "accuracies", "accuracies")
timed(badak.data, "load_data", "load data")
timed(badak.drawing, "draw_curves", "draw curves")
timed(badak.store, "save_model", "save")
from badak.cli import main
sys.argv = ["badak", "train", *sys.argv[2:]]
try:
    main()
finally:
    open(OUT, "w").write(json.dumps(spent))
"""


def measure(arguments: list[str]) -> dict[str, float]:
    """Give the seconds of one whole run, by what they were spent on."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "spent.json")
        code = f"OUT = {str(told)!r}\n" + TIMED
        command = [sys.executable, "-c", code, "train", *arguments, "--out", str(Path(folder, "run"))]
        clock = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - clock
        return {"whole": whole, **json.loads(told.read_text())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="runs, of which the middle one is shown (default 3)")
    parser.add_argument("arguments", nargs="*", help="of badak train, after --")
    asked = parser.parse_args()
    arguments = asked.arguments or ["--net", "simple-conv", "--epochs", "3"]
    rounds = [measure(arguments) for _ in range(asked.rounds)]
    shares = [1 - spent["steps"] / spent["whole"] for spent in rounds]
    shown = rounds[shares.index(statistics.median_low(shares))]
    for label, seconds in shown.items():
        print(f"{label:20} {seconds:8.3f} s {100 * seconds / shown['whole']:6.1f} %")
    print(f"outside of steps     {100 * statistics.median(shares):.1f} % (of {len(shares)}: "
          f"{', '.join(f'{100 * share:.1f}' for share in sorted(shares))})")  # fmt: skip


if __name__ == "__main__":
    main()
