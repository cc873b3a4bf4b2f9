#!/usr/bin/env python3
"""How much of a whole `badak train` passes outside of training steps: starting, loading, evaluating, drawing.

    python benchmarks/outside.py [--rounds N] [-- ARGUMENTS OF badak train …]

The command runs in a process of its own, as typed (by default `--net simple-conv --epochs 3`); its time is from
before the process starts to after it ends, so that Python's own start and the imports count as outside too. Inside it
the calls of the runner's `steps` are timed, and with them what else `fit` does. Beside the clock stands the
processor's time of all threads together, which other work on the machine lengthens less. The engine is compiled
beforehand: that happens once on a machine.
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
from badak.train.measure import Look
from badak.train.runners import NumPyRunner
import badak.data, badak.drawing, badak.store

spent = {}

def timed(owner, name, label):
    inner = getattr(owner, name)

    @functools.wraps(inner)
    def call(*arguments, **named):
        clock, processor = time.perf_counter(), time.process_time()
        try:
            return inner(*arguments, **named)
        finally:
            before = spent.get(label, (0.0, 0.0))
            spent[label] = before[0] + time.perf_counter() - clock, before[1] + time.process_time() - processor

    setattr(owner, name, call)

timed(NativeRunner, "steps", "steps")
timed(NumPyRunner, "steps", "steps")
timed(Look, "__init__", "make ready to look")
timed(Look, "accuracies", "accuracies")
timed(Look, "record", "record, with accuracies")
timed(badak.data, "load_data", "load data")
timed(badak.drawing, "draw_curves", "draw curves")
timed(badak.store, "save_model", "save")
from badak.cli import main
sys.argv = ["badak", "train", *sys.argv[2:]]
try:
    main()
finally:
    spent["whole"] = 0.0, time.process_time()
    open(OUT, "w").write(json.dumps(spent))
"""


def measure(arguments):
    """Give (seconds, processor's seconds) of one whole run, by what they were spent on."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder, "spent.json")
        code = f"OUT = {str(told)!r}\n" + TIMED
        command = [sys.executable, "-c", code, "train", *arguments, "--out", str(Path(folder, "run"))]
        clock = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        whole = time.perf_counter() - clock
        spent = json.loads(told.read_text())
        spent["whole"][0] = whole
        return spent


def outside(spent, which):
    """Give the share of the time, of the clock (0) or the processor (1), that was not spent in steps."""
    return 1 - spent["steps"][which] / spent["whole"][which]


def main():
    """Run the command some times and print the middle run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="runs, of which the middle one is shown (default 3)")
    parser.add_argument("arguments", nargs="*", help="of badak train, after --")
    asked = parser.parse_args()
    arguments = asked.arguments or ["--net", "simple-conv", "--epochs", "3"]
    rounds = sorted((measure(arguments) for _ in range(asked.rounds)), key=lambda spent: outside(spent, 0))
    shown = rounds[(len(rounds) - 1) // 2]
    print(f"{'':24} {'clock, s':>9} {'':>7} {'processor, s':>13}")
    for label, (seconds, processor) in shown.items():
        share, both = seconds / shown["whole"][0], processor / shown["whole"][1]
        print(f"{label:24} {seconds:>9.3f} {share:>7.1%} {processor:>13.3f} {both:>7.1%}")
    for which, name in enumerate(("clock", "processor")):
        shares = [outside(spent, which) for spent in rounds]
        every = ", ".join(f"{share:.1%}" for share in shares)
        print(f"outside of steps, by the {name}: {statistics.median(shares):.1%} ({every})")


if __name__ == "__main__":
    main()
