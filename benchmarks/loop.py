#!/usr/bin/env python3
"""The post's own training loop, line by line, on badak's TwoLayerNet and on the post's classes; and load_mnist.

An iteration draws a batch, takes `network.gradient`, updates `network.params` and asks for `network.loss`, as typed
in the post; only the network differs. `load_mnist` is timed in a new process each time, first with an empty cache.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import harness
import steps
from harness import tell, three
from jobs import CASES, read_digits
from peers import absent

LOADS = {
    "load_mnist()": "from badak import load_mnist\ncall = load_mnist",
    "load_mnist(normalize=False)": "from badak import load_mnist\ncall = lambda: load_mnist(normalize=False)",
    'load_data("mnist")': 'from badak.data import load_data\ncall = lambda: load_data("mnist")',
}
CLOCK = "\nimport time\nstart = time.perf_counter()\ndata = call()\nprint(time.perf_counter() - start)"
COLUMNS = ("network", "µs", "quartiles", "windows", "post : this")


def load_seconds(code, cache):
    """Seconds of one call in a new process; imports of badak itself are not counted, those inside the call are."""
    env = os.environ | {"BADAK_CACHE": str(cache), "XDG_CACHE_HOME": str(cache)}
    done = subprocess.run([sys.executable, "-c", code + CLOCK], env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise harness.WorkerError(done.stderr.strip().splitlines()[-1])
    return float(done.stdout)


def loads(rounds):
    """Median seconds of the first and of later calls, by name."""
    found = {}
    for name, code in LOADS.items():
        first, later = [], []
        for turn in range(rounds):
            tell(f"{name}, round {turn + 1}/{rounds}")
            with tempfile.TemporaryDirectory() as folder:
                first.append(load_seconds(code, Path(folder)))
                later.append(load_seconds(code, Path(folder)))
        found[name] = {"first": statistics.median(first), "later": statistics.median(later)}
    return found


def main(arguments=None):
    """Measure the loop and the loading, and print two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=harness.cores(), help="for all (default %(default)s)")
    harness.add_options(parser)
    options = parser.parse_args(arguments)
    options.realtime = harness.wants_realtime(options.priority)
    if options.quick:
        options.rounds, options.seconds = 1, 0.02
    case = CASES["posts-loop"]
    result = steps.measure(case, [], options.threads, read_digits(options.data), options)
    base = next((row["median"] for row in result["rows"] if row["name"] == "post"), None)
    shown = [
        (
            row["peer"],
            three(row["median"] * 1e6),
            f"{three(row['low'] * 1e6)}–{three(row['high'] * 1e6)}",
            f"{row['kept']}/{row['windows']}{' ?' * row['doubtful']}",
            f"{base / row['median']:.2f}" if base else "",
        )
        for row in result["rows"]
    ]
    tell("")
    harness.show(
        case.title, COLUMNS, shown, "µs: median of one iteration. " + steps.left_out_note(result), options.markdown
    )
    times = {}
    if not absent(["badak"]):
        times = loads(1 if options.quick else 3)
        tell("")
        rows = [(name, three(found["first"]), three(found["later"])) for name, found in times.items()]
        harness.show("Loading MNIST, s", ("call", "first", "later"), rows, as_markdown=options.markdown)
    facts = harness.machine({"badak"})
    print(f"{harness.machine_line(facts)}; {options.rounds} windows of {options.seconds} s each")
    if options.json:
        harness.write_json(options.json, {"machine": facts, "loop": result, "loads": times})
    return 0 if result["rows"] else 1


if __name__ == "__main__":
    sys.exit(main())
