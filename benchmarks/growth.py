#!/usr/bin/env python3
"""How the time grows: a sample's training time against hidden size, batch size and depth, with PyTorch and JAX.

Hidden size: 784-H-10, batch 100. Batch: 784-50-10. Depth: hidden layers of 100 units, batch 100. Every point is
checked against float64 and measured in turns, as in steps.py; the plot's grey line is the measured peak of the cores.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
from pathlib import Path

import harness
from harness import Worker, WorkerError, summarise, tell, three
from jobs import Case, read_digits, write_job
from peers import PEERS

DEFAULT = ("native", "jax", "torch")
WORK = 20e9  # operations in one order of batches, at most: a compiled loop does all of it in one call
SWEEPS = {
    "hidden size": [2**i for i in range(4, 13)],
    "batch size": [2**i for i in range(13)],
    "hidden layers": [1, 2, 3, 4, 6, 8, 12, 16],
}
QUICK = {"hidden size": [16, 64], "batch size": [1, 16], "hidden layers": [1, 2]}


def case_of(sweep, value):
    """The case of one point."""
    sizes, batch = (784, 50, 10), 100
    if sweep == "hidden size":
        sizes = (784, value, 10)
    elif sweep == "batch size":
        batch = value
    else:
        sizes = (784, *[100] * value, 10)
    # Single images at 0.1 would diverge; the rate changes nothing in the time.
    case = Case(f"{sweep} {value}", f"{sweep} {value}", "train", sizes, batch, 0.1 if batch > 8 else 0.01)
    # Few steps, wide tolerance: deep in a net any two orders of summation part ways once a Relu flips.
    iterations = int(min(max(WORK / case.flops, 10), max(60_000 // batch, 10)))
    return dataclasses.replace(case, checked=min(5, iterations), tolerance=1e-3, iterations=iterations)


def point(case, workers, peak, digits, options):
    """Seconds a sample of each peer at one point, with quartiles, and what the peak would allow."""
    found = {}
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        write_job(folder, case, digits)
        ready = []
        for worker in workers:
            tell(f"{case.title}: loading {worker.label}")
            try:
                worker.ask(do="load", folder=folder)
                difference = worker.ask(do="check")["difference"]
                if not difference <= case.tolerance:
                    raise WorkerError(f"differs from float64 by {difference:.1e}, {case.tolerance:.0e} allowed")
            except WorkerError as error:
                tell(f"left out: {case.title}: {worker.label}: {error}")
                continue
            ready.append(worker)
        flops = peak.ask(do="load", folder=folder)["flops"] if peak else None
        turns = [*ready, peak] if peak else ready
        patience = 1 if options.quick else options.patience
        windows = harness.interleave(
            turns, options.rounds, options.seconds, options.realtime, tell, options.limit, patience
        )
    for worker in ready:
        if worker.label in windows:
            summary = summarise(windows[worker.label], options.limit)
            found[worker.label] = {key: getattr(summary, key) / case.batch for key in ("median", "low", "high")} | {
                "kept": summary.kept,
                "windows": summary.windows,
            }
    if peak and peak.label in windows:
        found["bound"] = case.flops / case.batch / (flops / summarise(windows[peak.label], options.limit).median)
    return found


def measure(names, sweeps, digits, options):
    """All points of all sweeps: sweep -> list of {value, peers}."""
    workers, missing = [], {}
    for name in names:
        if absent := PEERS[name].missing():
            missing[PEERS[name].title] = f"not installed: {', '.join(absent)}"
            tell(f"missing: {PEERS[name].title}: {', '.join(absent)}")
            continue
        workers.append(Worker(name, options.threads, PEERS[name].title))
    peak = None if PEERS["peak"].missing() else Worker("peak", options.threads, "peak")
    try:
        results = {
            sweep: [
                {"value": value, "peers": point(case_of(sweep, value), workers, peak, digits, options)}
                for value in values
            ]
            for sweep, values in sweeps.items()
        }
    finally:
        for worker in [*workers, *([peak] if peak else [])]:
            worker.close()
    return results, missing


def draw(results, threads, path):
    """One panel a sweep: time a sample on two logarithmic scales, quartiles as bands."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    labels = list(dict.fromkeys(name for points in results.values() for p in points for name in p["peers"]))
    labels = [label for label in labels if label != "bound"]
    with rc_context({"svg.hashsalt": "badak", "font.size": 9}):
        figure = Figure(figsize=(11, 3.8), layout="constrained")
        FigureCanvasAgg(figure)
        for axes, (sweep, points) in zip(
            figure.subplots(1, len(results), squeeze=False)[0], results.items(), strict=True
        ):
            for i, label in enumerate(labels):
                there = [(p["value"], p["peers"][label]) for p in points if label in p["peers"]]
                if not there:
                    continue
                x = [value for value, _ in there]
                colour = f"C{i}"
                axes.plot(x, [one["median"] * 1e6 for _, one in there], "o-", color=colour, markersize=3, label=label)
                low, high = ([one[key] * 1e6 for _, one in there] for key in ("low", "high"))
                axes.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
            bound = [(p["value"], p["peers"]["bound"] * 1e6) for p in points if "bound" in p["peers"]]
            if bound:
                axes.plot(*zip(*bound, strict=True), ":", color="grey", label="measured peak of the cores")
            axes.set_xscale("log", base=2)
            axes.set_yscale("log")
            axes.set(xlabel=sweep, ylabel="µs a sample", title=f"Training time against {sweep}")
            axes.grid(alpha=0.3, which="major")
            axes.spines[["top", "right"]].set_visible(False)
        axes.legend(fontsize=8)
        figure.suptitle(f"One training step, float32, {threads} threads: medians and quartiles", fontsize=10)
        figure.savefig(path, metadata={"Date": None} if str(path).endswith(".svg") else None)


def rows_of(sweep, points):
    """The points of one sweep as rows: µs a sample of each peer, and each peer's time to the first one's."""
    labels = list(dict.fromkeys(name for p in points for name in p["peers"] if name != "bound"))
    rows = []
    for p in points:
        medians = [p["peers"].get(label, {}).get("median") for label in labels]
        times = [f"{m / medians[0]:.2f}" if m and medians[0] else "" for m in medians[1:]]
        rows.append((p["value"], *(three(m * 1e6) if m else "" for m in medians), *times))
    return (sweep, *(f"{label}, µs" for label in labels), *(f"{label} : {labels[0]}" for label in labels[1:])), rows


def main(arguments=None):
    """Measure the sweeps, print a table of each and draw the plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=",".join(DEFAULT), help="(default %(default)s)")
    parser.add_argument("--sweeps", default=",".join(SWEEPS), help="(default %(default)s)")
    parser.add_argument("--threads", type=int, default=harness.cores(), help="for every peer (default %(default)s)")
    parser.add_argument("--plot", metavar="FILE", default="growth.svg", help=".svg, .png or .pdf (default %(default)s)")
    parser.add_argument("--redraw", metavar="JSON", help="measure nothing: draw the figures of an earlier --json")
    harness.add_options(parser, rounds=5)
    options = parser.parse_args(arguments)
    if options.redraw:
        kept = json.loads(Path(options.redraw).read_text(encoding="utf-8"))
        draw(kept["results"], kept["threads"], options.plot)
        return 0
    names, wanted = options.peers.split(","), options.sweeps.split(",")
    for name in names:
        if name not in PEERS or "train" not in PEERS[name].kinds:
            parser.error(f"there is no training peer {name!r}")
    for sweep in wanted:
        if sweep not in SWEEPS:
            parser.error(f"there is no sweep {sweep!r}: {', '.join(SWEEPS)}")
    options.realtime = harness.wants_realtime(options.priority)
    if options.quick:
        options.rounds, options.seconds = 1, 0.02
    sweeps = {sweep: (QUICK if options.quick else SWEEPS)[sweep] for sweep in wanted}
    results, missing = measure(names, sweeps, read_digits(options.data), options)
    tell("")
    for sweep, points in results.items():
        columns, rows = rows_of(sweep, points)
        harness.show(f"Time a sample against {sweep}", columns, rows, as_markdown=options.markdown)
    for peer, why in missing.items():
        print(f"Left out: {peer} ({why}).")
    facts = harness.machine({entry.package for entry in PEERS.values() if entry.package})
    print(f"{harness.machine_line(facts)}; {options.rounds} windows of {options.seconds} s each")
    if options.json:
        figures = {"machine": facts, "threads": options.threads, "results": results, "left_out": missing}
        harness.write_json(options.json, figures)
    if any(p["peers"] for points in results.values() for p in points):
        draw(results, options.threads, options.plot)
        print(options.plot)
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
