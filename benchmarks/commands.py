#!/usr/bin/env python3
"""Whole commands: `badak train` beside scripts for the same job, wall time and memory of all their processes.

The job is the post's: read the same four IDX files, train 784-50-10 for 10,000 iterations of batch 100, evaluate
on all images at iteration 0 and every 600, write weights and history, draw the same picture. The commands run one
after the other, A B A B, after a short run of each that fills the caches of files and compilers. `first run` starts
with an empty folder for caches, so it compiles. Peak memory is that of the whole tree of processes together.
"""

import argparse
import contextlib
import dataclasses
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import harness
from harness import HERE, LIMIT, Window, summarise, tell, three
from worker import busy, disturbance

SCRIPTS = HERE / "scripts"
BADAK = "import sys; sys.argv[0] = 'badak'; from badak.cli import main; main()"
POLL = 0.02  # seconds between two looks at the memory
RESCAN = 0.25  # seconds between two looks for helper processes


@dataclasses.dataclass(frozen=True)
class Command:
    """One command: its arguments, given the data, the output folder and the options, and what it needs."""

    title: str
    script: str  # a file in scripts/, or "" for `badak train`
    needs: tuple[str, ...] = ()
    draws: bool = True
    cold: bool = False
    ours: bool = False

    def line(self, data, out, iterations, threads):
        """The command line."""
        if not self.script:
            return [
                *(sys.executable, "-c", BADAK, "train", "--data", str(data), "--out", str(out)),
                *("--iterations", str(iterations)),
            ]
        return [
            *(sys.executable, str(SCRIPTS / self.script), "--data", str(data), "--out", str(out)),
            *("--iterations", str(iterations), "--threads", str(threads)),
            *([] if self.draws else ["--no-draw"]),
        ]


COMMANDS = {
    "badak": Command("badak train", "", ("badak",), ours=True),
    "badak-first": Command("badak train, first run", "", ("badak",), cold=True, ours=True),
    "badak-plain": Command("badak, no picture", "train_badak.py", ("badak",), draws=False, ours=True),
    "torch": Command("PyTorch script", "train_torch.py", ("torch",)),
    "torch-plain": Command("PyTorch script, no picture", "train_torch.py", ("torch",), draws=False),
    "jax": Command("JAX script", "train_jax.py", ("jax",)),
    "jax-plain": Command("JAX script, no picture", "train_jax.py", ("jax",), draws=False),
    "post": Command("the post's script", "train_post.py"),
    "post-plain": Command("the post's script, no picture", "train_post.py", draws=False),
}


def variables(threads, caches, cold):
    """The environment: the same threads for all, and folders for caches that are warm or empty."""
    found = harness.environment(threads)
    warm = Path(caches)
    own = Path(tempfile.mkdtemp(prefix="empty-", dir=caches)) if cold else warm / "warm"
    found |= {
        "XDG_CACHE_HOME": str(own),
        "BADAK_CACHE": str(own / "badak"),
        "NUMBA_CACHE_DIR": str(own / "numba"),
        # matplotlib's list of fonts belongs to no compiler; building it would drown the difference.
        "MPLCONFIGDIR": str(warm / "matplotlib"),
        # JAX too may keep what it has compiled.
        "JAX_COMPILATION_CACHE_DIR": str(own / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "LC_ALL": "C.UTF-8",
        "MPLBACKEND": "agg",
    }
    return found


def session_of(leader):
    """The processes of the session that `leader` leads, itself first."""
    members = [leader]
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == leader and int(entry.name) != leader:
            members.append(int(entry.name))
    return members


def resident(process, shared):
    """Bytes of one process: its own high-water mark, or with helpers what it holds now, shared pages divided."""
    file, key = ("smaps_rollup", "Pss:") if shared else ("status", "VmHWM:")
    try:
        for line in Path(f"/proc/{process}/{file}").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    return 0


def waits(process):
    """Nanoseconds that each thread of the process has waited for a core so far."""
    found = {}
    for task in Path(f"/proc/{process}/task").glob("[0-9]*"):
        try:
            found[task.name] = int((task / "schedstat").read_text().split()[1])
        except (OSError, IndexError, ValueError):
            continue
    return found


def children():
    """Processor seconds of all processes that this one has started and seen end; 0 where the system doesn't tell."""
    try:
        import resource
    except ImportError:
        return 0.0
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(line, env, log, nice=0):
    """Run one command to its end: seconds, peak bytes of all its processes, part of the time it waited for a core.

    `nice` below 0 puts it before the machine's other work, where this user may do that.
    """
    start, system, own = time.perf_counter(), busy(), children()
    process = subprocess.Popen(
        line, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )
    if nice and hasattr(os, "setpriority"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, nice)
    try:
        return watch(process, start, system, own)
    finally:
        if process.poll() is None:  # interrupted: the command must not go on by itself
            process.kill()
            process.wait()


def watch(process, start, system, own):
    """Wait for the process, looking at its memory meanwhile."""
    linux = Path(f"/proc/{process.pid}/statm").exists()
    peak, waited, members, scanned = 0, {}, [process.pid], start
    while process.poll() is None:
        now = time.perf_counter()
        if linux:
            if now - scanned > RESCAN:
                members, scanned = session_of(process.pid), now
                for member in members:
                    waited |= waits(member)
            peak = max(peak, sum(resident(member, len(members) > 1) for member in members))
            time.sleep(POLL)
        else:
            time.sleep(0.001)
    seconds = time.perf_counter() - start
    others = None
    if linux and system is not None:
        # One core is all that most of a command uses, but helpers and compilers use the others now and then.
        others = disturbance((busy() - system) / seconds, (children() - own) / seconds, 1)
    return {
        "seconds": seconds,
        "memory": peak if linux else None,
        "others": others,
        "wait": sum(waited.values()) / 1e9 / seconds if linux else None,
        "code": process.returncode,
    }


def complaint(command, out, iterations, code, log):
    """What is wrong with the work that the command did; empty if nothing is."""
    if code:
        log.seek(0)
        return f"ended with code {code}: {' / '.join(log.read().strip().splitlines()[-3:])}"
    history = out / "history.jsonl"
    if not history.exists():
        return "wrote no history"
    records = [json.loads(line) for line in history.read_text().splitlines()]
    wanted = list(range(0, iterations, 600))
    if [record["iteration"] for record in records] != wanted:
        return f"evaluated at {[record['iteration'] for record in records]}, expected {wanted}"
    if iterations >= 10_000 and not 0.955 < records[-1]["test_accuracy"] < 0.985:
        return f"reached a test accuracy of {records[-1]['test_accuracy']}, expected about 0.97"
    if command.draws != (out / "curves.png").exists():
        return "the picture is missing" if command.draws else "drew a picture, none was wanted"
    if not any(file.name.startswith(("weights", "model")) for file in out.iterdir()):
        return "wrote no weights"
    return ""


def measure(names, data, options, work):
    """Run all commands in turns. Gives windows and peaks by name, and what was left out and why."""
    caches = work / "caches"
    (caches / "warm").mkdir(parents=True)
    found, left_out = {name: [] for name in names}, {}
    # The turn before the first warms the caches and is not counted.
    for turn in range(0 if options.quick else -1, options.rounds):
        for name in names:
            command = COMMANDS[name]
            if missing := [module for module in command.needs if module in options.missing]:
                left_out[name] = f"not installed: {', '.join(missing)}"
            if name in left_out or (turn < 0 and command.cold):
                continue
            # One iteration more than an epoch, so that every kind of call is made and compiled.
            iterations = min(options.iterations, 601) if turn < 0 else options.iterations
            tell(f"round {turn + 1}/{options.rounds}: {command.title}")
            out = Path(tempfile.mkdtemp(dir=work)) / "run"
            env = variables(options.threads, caches, command.cold)
            with tempfile.TemporaryFile("w+") as log:
                result = run(command.line(data, out, iterations, options.threads), env, log, options.nice)
                if why := complaint(command, out, iterations, result["code"], log):
                    left_out[name] = why
                    tell(f"left out: {command.title}: {why}")
                    continue
            if turn >= 0:
                found[name].append(result)
            shutil.rmtree(out.parent)
            if command.cold:
                shutil.rmtree(env["XDG_CACHE_HOME"])
    return found, left_out


def result_of(name, results, limit):
    """The median and the memory of one command."""
    windows = [Window(1, one["seconds"], one["wait"], one["others"], 0.0, False) for one in results]
    memory = [one["memory"] for one in results if one["memory"]]
    return {
        "command": COMMANDS[name].title,
        "name": name,
        **dataclasses.asdict(summarise(windows, limit, least=2)),
        "memory": statistics.median(memory) if memory else None,
        "runs": results,
    }


def cells(row, ours):
    """One row of the table: against `badak train` in its own form (with the picture or without)."""
    times = row["median"] / ours["median"] if ours else None
    part = ours["memory"] / row["memory"] if ours and row["memory"] and ours["memory"] else None
    return (
        row["command"],
        three(row["median"]),
        f"{three(row['low'])}–{three(row['high'])}",
        f"{row['kept']}/{row['windows']}{' ?' * row['doubtful']}",
        "" if times is None else f"{times:.2f}",
        "" if row["memory"] is None else f"{row['memory'] / 1e6:.0f}",
        "" if part is None else f"{part:.2f}",
    )


COLUMNS = ("command", "s", "quartiles", "runs", "command : badak", "MB", "badak's part")


def main(arguments=None):
    """Run the commands in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--commands", default=",".join(COMMANDS), help=f"of {', '.join(COMMANDS)} (default: all)")
    parser.add_argument("--threads", type=int, default=harness.cores(), help="for all (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="runs of each (default %(default)s)")
    parser.add_argument("--iterations", type=int, default=10_000, help="(default %(default)s)")
    parser.add_argument(
        "--limit",
        type=float,
        default=5 * LIMIT,
        help="drop runs that waited for a core longer than this part of their time (default %(default)s)",
    )
    parser.add_argument("--nice", type=int, default=-15, help="priority, where permitted (default %(default)s)")
    harness.add_output_options(parser)
    options = parser.parse_args(arguments)
    names = options.commands.split(",")
    for name in names:
        if name not in COMMANDS:
            parser.error(f"there is no command {name!r}")
    if options.quick:
        options.rounds, options.iterations = 1, 700
    from jobs import read_digits, write_idx
    from peers import absent

    options.missing = absent({module for name in names for module in COMMANDS[name].needs})
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        work = Path(folder)
        data = work / "data"
        data.mkdir()
        write_idx(data, read_digits(options.data))
        found, left_out = measure(names, data, options, work)
    rows = {name: result_of(name, results, options.limit) for name, results in found.items() if results}
    shown = []
    for name, row in rows.items():
        plain = not COMMANDS[name].draws and "badak-plain" in rows
        shown.append(cells(row, rows.get("badak-plain" if plain else "badak")))
    tell("")
    note = "s: median wall time. MB: peak of all processes together. Without a picture: against badak without one."
    note += "".join(f" Left out: {COMMANDS[name].title} ({why})." for name, why in left_out.items())
    title = f"The post's job, {options.iterations:,} iterations, {options.threads} thread{'s' * (options.threads > 1)}"
    harness.show(title, COLUMNS, shown, note, options.markdown)
    facts = harness.machine({"torch", "jax", "matplotlib"})
    print(f"{harness.machine_line(facts)}; {options.rounds} runs of each in turn")
    if options.json:
        harness.write_json(options.json, {"machine": facts, "results": list(rows.values()), "left_out": left_out})
    return 0 if rows else 1


if __name__ == "__main__":
    sys.exit(main())
