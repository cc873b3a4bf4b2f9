#!/usr/bin/env python3
"""Interrupt, end, kill and fork processes in native training, as often as told, and count what went wrong.

    python benchmarks/interrupts.py --interrupts 100 --exits 50 --kills 20 --forks 50

Each kind runs in processes of its own, two threads each, and prints one line: how many were tried, and how many of the
trainings afterwards had other bytes, hung, crashed or failed. All of those must be 0. Moments are drawn from --seed.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SETUP = """
import itertools, os, signal, sys, threading, time
import numpy as np
from badak import SGD, TwoLayerNet
from badak.engine import crew
from badak.engine.runner import NativeRunner
crew.Crew.advise = lambda self, threads: threads
random = np.random.default_rng({seed})
x, t = np.random.default_rng(0).random((400, 784)).astype(np.float32), np.arange(400) % 10
order = np.tile(np.arange(400).reshape(4, 100), (10, 1))
def trained():
    network = TwoLayerNet(784, 100, 10, dtype=np.float32, seed=1)
    NativeRunner(network, SGD(0.1), x, t, 2).steps(order)
    return network.block.values.tobytes()
want = trained()
network = TwoLayerNet(784, 100, 10, dtype=np.float32, seed=0)
native = NativeRunner(network, SGD(0.1), x, t, 2)
native.steps(order)
print("ready", flush=True)
"""

INTERRUPTS = """
kinds = (TimeoutError, SystemExit, KeyboardInterrupt, RuntimeError, ZeroDivisionError)
kind, hits, wrong = itertools.cycle(kinds), 0, 0
def handler(_, frame):
    while frame is not None and frame.f_code.co_name != "steps": frame = frame.f_back
    if frame is not None: raise next(kind)
sys.unraisablehook = lambda *_: None
signal.signal(signal.SIGALRM, handler)
while hits < {count}:
    signal.setitimer(signal.ITIMER_REAL, 2e-4 + 8e-3 * random.random(), 4e-4)
    for _ in range(3):
        try:
            while True: native.steps(order)
        except kinds: hits += 1
    signal.setitimer(signal.ITIMER_REAL, 0)
    wrong += trained() != want
print(hits, wrong)
"""

EXIT = """
def train():
    while True: native.steps(order)
threading.Thread(target=train, daemon=True).start()
time.sleep({wait})
"""

TRAIN = """
while True: native.steps(order)
"""

FORKS = """
stop, wrong = False, 0
def busy():
    while not stop: network.gradient(x, t); network.predict(x[:3])
network.gradient(x, t)
thread = threading.Thread(target=busy); thread.start()
for number in range({count}):
    time.sleep(0.004 * random.random())
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        try:
            network.gradient(x, t)
            os._exit(trained() != want)
        except BaseException: os._exit(2)
    wrong += os.waitpid(child, 0)[1] != 0
stop = True; thread.join()
print({count}, wrong)
"""


def start(script, **values):
    """Start a process with the setup and a script; wait until it trains."""
    text = (SETUP + script).format(**values)
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-c", text], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise SystemExit("badak does not train here: see above")
    return process


def counted(script, count, seed):
    """Run a script that counts for itself; give what it tried and what went wrong."""
    process = start(script, count=count, seed=seed)
    try:
        out, _ = process.communicate(timeout=60 + 3 * count)
    except subprocess.TimeoutExpired:
        process.kill()
        return count, "hung"
    tried, wrong = out.split() if process.returncode == 0 else (count, f"ended with {process.returncode}")
    return tried, wrong


def ended(draw, count, how):
    """Let processes end by `how`, a signal or by themselves, while they train; give how many ended otherwise."""
    wrong = 0
    for number in range(count):
        wait = 0.02 + 0.2 * draw.random()
        process = start(EXIT if how is None else TRAIN, wait=wait, seed=number)
        if how is not None:
            time.sleep(wait)
            process.send_signal(how)
        try:
            # Ctrl-C ends with Python's own exit code for it, or by the signal, whatever the shell is told.
            right = {0} if how is None else {-how, 1} if how == signal.SIGINT else {-how}
            wrong += process.wait(timeout=60) not in right
        except subprocess.TimeoutExpired:
            process.kill()
            wrong += 1
        process.communicate()
    return count, wrong


def killed_while_compiling(draw, count):
    """Kill processes that compile into an empty cache; give how many left something behind that is wrong."""
    wrong = 0
    code = "from badak.engine import build, target, trial; c = target.choose(); "
    code += "raise SystemExit(trial.fault(build.machine(4), 4, c.lanes(4)) is not None)"
    for _ in range(count):
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "BADAK_CACHE": str(Path(cache) / "badak")}
            process = subprocess.Popen([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL)
            time.sleep(5 * draw.random())
            process.kill()
            process.wait()
            wrong += subprocess.run([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL,
                                    check=False).returncode != 0  # fmt: skip
    return count, wrong


def main(arguments=None):
    """Do what was asked for, and print a line for each; exit with 1 if anything went wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, count in (("interrupts", 100), ("exits", 50), ("kills", 20), ("forks", 50), ("compiling", 3)):
        parser.add_argument(f"--{name}", type=int, default=count, help="how many (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    draw, clean = random.Random(options.seed), True
    for what, work in (
        ("interrupts by exceptions of five kinds", lambda: counted(INTERRUPTS, options.interrupts, options.seed)),
        ("processes that end while a thread trains", lambda: ended(draw, options.exits, None)),
        ("trainings ended by SIGINT", lambda: ended(draw, options.kills, signal.SIGINT)),
        ("trainings ended by SIGTERM", lambda: ended(draw, options.kills, signal.SIGTERM)),
        ("trainings ended by SIGKILL", lambda: ended(draw, options.kills, signal.SIGKILL)),
        ("forks while a thread computes", lambda: counted(FORKS, options.forks, options.seed)),
        ("processes killed while they compile", lambda: killed_while_compiling(draw, options.compiling)),
    ):  # fmt: skip
        tried, wrong = work()
        print(f"{what}: {tried}, wrong {wrong}", flush=True)
        clean = clean and str(wrong) == "0"
    return 0 if clean else 1


if __name__ == "__main__":
    raise SystemExit(main())
