#!/usr/bin/env python3
"""Memory of training: what the steps of DeepConvNet (batch 100, Adam) add to a process, and its peak in all.

Each peer has a new process for each run. There it first trains a tiny net with the same kinds of layers, so that its
library's code is loaded, then makes DeepConvNet and its data; the resident memory at that moment is `before`. The
high-water mark is set back and the net trained for a while: the new mark is `peak`, and `added` is what lies between.
Only Linux tells both.
"""

import argparse
import statistics
import sys
import tempfile
from pathlib import Path

import harness
from harness import Worker, WorkerError, tell
from jobs import CASES, Case, read_digits, write_job
from peers import PEERS

DEFAULT = ("native-conv", "torch-conv", "torch-conv-last")
TINY = Case("tiny-conv", "", "conv", batch=4, lr=0.001, checked=1, net="tiny-conv", iterations=4, unit=2)
COLUMNS = ("peer", "before, MB", "peak, MB", "added, MB", "added : badak's")


def run(name, threads, tiny, folder, seconds):
    """One new process: its bytes before, peak and added, and how far its losses are from float64."""
    with Worker(name, threads) as worker:
        worker.ask(do="load", folder=str(tiny))
        worker.ask(do="check")
        worker.ask(do="load", folder=str(folder))
        before = worker.ask(do="memory", afresh=True)["now"]
        worker.window(seconds)
        peak = worker.ask(do="memory")["bytes"]
        worker.ask(do="load", folder=str(folder), changes={"dropout": 0.0})
        difference = worker.ask(do="check")["difference"]
    return {"before": before, "peak": peak, "added": peak - before, "difference": difference}


def measure(names, case, options, digits):
    """The runs of all peers in turns, by name, and who was left out and why."""
    found, left_out = {name: [] for name in names}, {}
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as work:
        tiny, folder = Path(work) / "tiny", Path(work) / "case"
        write_job(tiny, TINY, {key: values[:100] for key, values in digits.items()})
        write_job(folder, case, digits)
        # The first turn fills the compilers' caches: a compiler at work would count as `before`.
        for turn in range(0 if options.quick else -1, options.rounds):
            for name in names:
                if name in left_out:
                    continue
                if missing := PEERS[name].missing():
                    left_out[name] = f"not installed: {', '.join(missing)}"
                    continue
                tell(f"round {turn + 1}/{options.rounds}: {PEERS[name].title}")
                try:
                    one = run(name, options.threads, tiny, folder, options.seconds)
                    if not one["difference"] <= case.tolerance:
                        raise WorkerError(f"differs from float64 by {one['difference']:.1e}")
                except WorkerError as error:
                    left_out[name] = str(error)
                    tell(f"left out: {PEERS[name].title}: {error}")
                    continue
                if turn >= 0:
                    found[name].append(one)
    return {name: runs for name, runs in found.items() if runs and name not in left_out}, left_out


def rows_of(found):
    """The medians of each peer."""
    rows = []
    for name, runs in found.items():
        medians = {key: statistics.median(one[key] for one in runs) for key in ("before", "peak", "added")}
        rows.append({"name": name, "peer": PEERS[name].title, "ours": PEERS[name].ours, **medians, "runs": runs})
    ours = next((row["added"] for row in rows if row["ours"]), None)
    for row in rows:
        row["times"] = row["added"] / ours if ours else None
    return rows


def main(arguments=None):
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    able = [name for name, entry in PEERS.items() if "conv" in entry.kinds]
    parser.add_argument("--peers", default=",".join(DEFAULT), help=f"of {', '.join(able)} (default %(default)s)")
    parser.add_argument("--case", default="deep-conv", choices=("simple-conv", "deep-conv"))
    parser.add_argument("--threads", type=int, default=harness.cores(), help="for every peer (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="processes of each peer (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of training in each (default %(default)s)")
    harness.add_output_options(parser)
    options = parser.parse_args(arguments)
    names = options.peers.split(",")
    for name in names:
        if name not in able:
            parser.error(f"there is no peer {name!r} that trains a convolutional net")
    if not Path("/proc/self/clear_refs").exists():
        print("memory.py: only Linux tells how much memory a process needs between two moments", file=sys.stderr)
        return 1
    if options.quick:
        options.rounds, options.seconds = 1, 0.02
    case = CASES[options.case]
    found, left_out = measure(names, case, options, read_digits(options.data))
    rows = rows_of(found)
    shown = [
        (row["peer"], *(f"{row[key] / 1e6:.1f}" for key in ("before", "peak", "added")),
         "" if row["times"] is None else f"{row['times']:.2f}")
        for row in rows
    ]  # fmt: skip
    tell("")
    note = "before: resident when the net and the data are there; peak: while it trains; added: the difference."
    note += "".join(f" Left out: {PEERS[name].title} ({why})." for name, why in left_out.items())
    title = f"Memory of training, {case.title}, {options.threads} thread{'s' * (options.threads > 1)}"
    harness.show(title, COLUMNS, shown, note, options.markdown)
    facts = harness.machine({PEERS[name].package for name in names})
    print(f"{harness.machine_line(facts)}; {options.rounds} processes of each in turn, medians")
    if options.json:
        harness.write_json(options.json, {"machine": facts, "results": rows, "left_out": left_out})
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
