"""One peer in its own process: reads orders as lines of JSON, answers in lines of JSON.

Started by `harness.py`, never by hand. Standard output is kept for the answers; whatever a library prints
goes to standard error.
"""

import gc
import importlib
import json
import math
import os
import sys
import time
from pathlib import Path


def waited():
    """Nanoseconds that the threads of this process have waited for a core so far, by thread; None if unknown."""
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        return None
    found = {}
    for task in tasks.iterdir():
        try:
            found[task.name] = int((task / "schedstat").read_text().split()[1])
        except (OSError, IndexError, ValueError):  # a thread that ended, or a kernel without the count
            continue
    return found or None


def busy():
    """Seconds of processor time that the whole system has used so far; None if unknown."""
    try:
        fields = [int(field) for field in Path("/proc/stat").read_text().split(maxsplit=9)[1:9]]
        return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")  # less idle and waiting for a disk
    except (OSError, ValueError, IndexError):
        return None


def disturbance(used, own, cores):
    """Cores that others used of the `cores`, beyond the whole ones that this process (`own`) left idle anyway."""
    idle = math.floor(cores - own + 0.1)
    return max(used - own - max(idle, 0), 0.0)


def set_priority(realtime):
    """Round-robin realtime for every thread of this process, or back to normal; True if that was permitted."""
    if not hasattr(os, "sched_setscheduler"):
        return False
    policy, parameter = (os.SCHED_RR, os.sched_param(1)) if realtime else (os.SCHED_OTHER, os.sched_param(0))
    try:
        for task in os.listdir("/proc/self/task"):
            try:
                os.sched_setscheduler(int(task), policy, parameter)
            except ProcessLookupError:
                continue
    except OSError:
        return False
    return True


def window(peer, seconds, realtime):
    """Run the peer for at least `seconds`, after a short run that warms caches and wakes its threads."""
    permitted = set_priority(True) if realtime else False
    try:
        start = time.perf_counter()
        while True:
            peer.run()
            if time.perf_counter() - start >= min(0.02, seconds):
                break
        before, system, cpu = waited(), busy(), time.process_time()
        units, start = 0, time.perf_counter_ns()
        while True:
            peer.run()
            units += 1
            elapsed = time.perf_counter_ns() - start
            if elapsed >= seconds * 1e9:
                break
        cpu, system_after, after = time.process_time() - cpu, busy(), waited()
    finally:
        if permitted:
            set_priority(False)
    wait = None
    if before is not None and after is not None:
        wait = sum(value - before.get(task, 0) for task, value in after.items()) / elapsed
    others = None
    if system is not None and system_after is not None:
        others = disturbance((system_after - system) / (elapsed / 1e9), cpu / (elapsed / 1e9), os.cpu_count() or 1)
    return {
        "iterations": units * peer.unit,
        "seconds": elapsed / 1e9,
        "wait": wait,
        "others": others,
        "cpu": cpu,
        "realtime": permitted,
    }


def check(peer, job):
    """The losses of the first iterations, or the scores."""
    if job.case.kind == "predict":
        return peer.run().tolist()
    losses = []
    while len(losses) < job.case.checked:
        losses.extend(peer.run())
    return [float(value) for value in losses[: job.case.checked]]


def memory(key="VmHWM"):
    """Peak resident memory of this process in bytes (`VmRSS`: the present one), where the system tells."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(key)), None)


def forget_peak(job):
    """Let go of what is no longer needed and set the high-water mark back to the present; OSError where that fails."""
    job.x = job.t = job.pixels = None  # mapped files count as resident; the peer has copies of its own
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")


def main():
    """Serve one peer until standard input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    name, threads = sys.argv[1], int(sys.argv[2])
    from jobs import disagreement, read_job
    from peers import PEERS

    entry = PEERS[name]
    entry.limit_cores(threads)  # before the library is imported, which counts cores once
    module = importlib.import_module(f"peers.{entry.module}")
    peer = job = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if order["do"] == "load":
                job = read_job(order["folder"], threads, **order.get("changes", {}))
                peer = getattr(module, entry.function)(job)
                answer = {"note": getattr(peer, "note", ""), "flops": getattr(peer, "flops", None)}
            elif order["do"] == "check":
                answer = {"difference": disagreement(job, check(peer, job), entry.module == "book")}
            elif order["do"] == "window":
                answer = window(peer, order["seconds"], order["realtime"])
            elif order["do"] == "memory":
                if order.get("afresh"):
                    forget_peak(job)
                answer = {"bytes": memory(), "now": memory("VmRSS")}
            else:
                raise ValueError(f"unknown order {order['do']!r}")
        except Exception as error:
            import traceback

            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
