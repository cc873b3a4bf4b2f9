#!/usr/bin/env python3
"""Training iterations and predictions: badak beside each peer, interleaved in one run.

Every peer works in its own process on the same net: same first weights, same batches in the same order. Before
anything is timed, its first losses (or its scores) must agree with a float64 reference. Then each peer has one
window in turn, round after round; windows in which its threads had to wait for a core are dropped and counted;
medians are compared. The peak is a measured loop of fused multiply-adds, in the same turns.
"""

import argparse
import dataclasses
import sys
import tempfile

import harness
from harness import Worker, WorkerError, summarise, tell, three
from jobs import CASES, read_digits, write_job
from peers import PEERS

COLUMNS = ("peer", "threads", "µs", "quartiles", "windows", "peer : badak", "GFLOP/s", "of peak")


def chosen(case, names):
    """The peers that do this kind of work, of those asked for."""
    return [name for name, entry in PEERS.items() if case.kind in entry.kinds and (not names or name in names)]


def start(case, names, threads, folder):
    """Load and check every peer. Gives the workers that agree, what was left out and why, and the differences."""
    workers, left_out, checks = [], {}, {}
    for name in names:
        entry = PEERS[name]
        if missing := entry.missing():
            left_out[entry.title] = f"not installed: {', '.join(missing)}"
            continue
        # Ours also on one thread, for what a second thread is worth.
        counts = sorted({1, threads}) if entry.ours and "native" in name else [threads]
        for count in counts:
            label = f"{entry.title}, {count} thread{'s' * (count > 1)}"
            tell(f"{case.name}: loading {label}")
            worker = Worker(name, count, label)
            try:
                changes = {"dropout": 0.0} if case.dropout else {}  # what falls out by chance has no reference
                note = worker.ask(do="load", folder=str(folder), changes=changes)["note"]
                difference = worker.ask(do="check")["difference"]
                if not difference <= case.tolerance:
                    raise WorkerError(f"differs from float64 by {difference:.1e}, {case.tolerance:.0e} allowed")
                if changes:
                    worker.ask(do="load", folder=str(folder))
            except WorkerError as error:
                left_out[label] = str(error)
                worker.close()
                continue
            workers.append(worker)
            checks[label] = {"difference": difference, "note": note}
    return workers, left_out, checks


def start_peaks(threads, folder):
    """Workers that measure the peak of one core and of all."""
    peaks, entry = [], PEERS["peak"]
    if entry.missing():
        return [], {}
    flops = {}
    for count in sorted({1, threads}):
        worker = Worker("peak", count, f"peak {count}")
        try:
            flops[worker.label] = worker.ask(do="load", folder=str(folder))["flops"]
        except WorkerError as error:
            tell(f"left out: {error}")
            worker.close()
            continue
        peaks.append(worker)
    return peaks, flops


def measure(case, names, threads, digits, options):
    """All of one case: a dictionary for JSON, with the windows and the summaries."""
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        write_job(folder, case, digits)
        workers, left_out, checks = start(case, chosen(case, names), threads, folder)
        peaks, flops = start_peaks(threads, folder) if case.kind != "predict" else ([], {})
        try:
            windows = harness.interleave(
                [*workers, *peaks],
                options.rounds,
                options.seconds,
                options.realtime,
                tell,
                options.limit,
                1 if options.quick else options.patience,
            )
            memory = {worker.label: worker.ask(do="memory")["bytes"] for worker in workers if worker.label in windows}
        finally:
            for worker in [*workers, *peaks]:
                worker.close()
    summaries = {label: summarise(found, options.limit) for label, found in windows.items()}
    peak = {
        worker.threads: flops[worker.label] / summaries[worker.label].median
        for worker in peaks
        if worker.label in summaries
    }
    rows = []
    for worker in workers:
        if worker.label not in summaries:
            left_out[worker.label] = "failed while it was measured"
            continue
        summary = summaries[worker.label]
        rows.append(
            {
                "peer": PEERS[worker.name].title,
                "name": worker.name,
                "ours": PEERS[worker.name].ours,
                "version": PEERS[worker.name].version(),
                "threads": worker.threads,
                **dataclasses.asdict(summary),
                **checks[worker.label],
                "peak_memory": memory[worker.label],
                "flops": case.flops / summary.median,
                "share": case.flops / summary.median / peak[worker.threads] if worker.threads in peak else None,
                "windows_seconds": [window.each for window in windows[worker.label]],
                "windows_wait": [window.wait for window in windows[worker.label]],
                "windows_others": [window.others for window in windows[worker.label]],
            }
        )
    base = next((row for row in rows if row["ours"] and row["threads"] == threads), None)
    for row in rows:
        row["times"] = row["median"] / base["median"] if base else None
    return {
        "case": dataclasses.asdict(case),
        "flops": case.flops,
        "peak": {str(count): value for count, value in peak.items()},
        "realtime": options.realtime,
        "rows": rows,
        "left_out": left_out,
    }


def cells(row):
    """One row of the table."""
    windows = f"{row['kept']}/{row['windows']}{' ?' * row['doubtful']}"
    return (
        row["peer"],
        row["threads"],
        three(row["median"] * 1e6),
        f"{three(row['low'] * 1e6)}–{three(row['high'] * 1e6)}",
        windows,
        "" if row["times"] is None else f"{row['times']:.2f}",
        three(row["flops"] / 1e9),
        "" if row["share"] is None else f"{100 * row['share']:.0f} %",
    )


def note_of(result):
    """The lines under a table."""
    parts = ["µs: median of one iteration or call; peer : badak, how many times as fast badak is."]
    if result["peak"]:
        peaks = ", ".join(f"{count}: {value / 1e9:.0f}" for count, value in result["peak"].items())
        parts.append(f"Peak measured, GFLOP/s by threads: {peaks}.")
    if result["rows"]:
        worst = max(row["difference"] for row in result["rows"])
        what = "scores" if result["case"]["kind"] == "predict" else f"first {result['case']['checked']} losses"
        parts.append(f"The {what} agree with float64 to {worst:.0e} (allowed {result['case']['tolerance']:.0e}).")
    if any(row["doubtful"] for row in result["rows"]):
        parts.append("? : too few calm windows, the calmest half taken.")
    return " ".join([*parts, left_out_note(result)])


def left_out_note(result):
    """Who is not in the table, and why."""
    return " ".join(f"Left out: {peer} ({why})." for peer, why in result["left_out"].items())


def main(arguments=None):
    """Run the cases that were asked for and print a table of each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--cases",
        default=",".join(name for name, case in CASES.items() if case.kind != "post"),
        help=f"of {', '.join(CASES)} (default: all but posts-loop, which loop.py measures)",
    )
    parser.add_argument("--peers", default="", help=f"only these, of {', '.join(PEERS)}")
    parser.add_argument("--threads", type=int, default=harness.cores(), help="for every peer (default %(default)s)")
    harness.add_options(parser)
    options = parser.parse_args(arguments)
    names = [name for name in options.peers.split(",") if name]
    wanted = options.cases.split(",")
    for name in [*names, *wanted]:
        if name not in PEERS and name not in CASES:
            parser.error(f"there is no peer or case {name!r}")
    options.realtime = harness.wants_realtime(options.priority)
    if options.quick:
        options.rounds, options.seconds = 1, 0.02
    digits = read_digits(options.data)
    results = []
    for name in wanted:
        result = measure(CASES[name], names, options.threads, digits, options)
        results.append(result)
        tell("")
        harness.show(
            CASES[name].title, COLUMNS, [cells(row) for row in result["rows"]], note_of(result), options.markdown
        )
    facts = harness.machine({entry.package for entry in PEERS.values() if entry.package})
    how = f"{options.rounds} windows of {options.seconds} s each{', SCHED_RR' * options.realtime}"
    print(f"{harness.machine_line(facts)}; {how}")
    if options.json:
        harness.write_json(options.json, {"machine": facts, "results": results})
    return 0 if all(result["rows"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
