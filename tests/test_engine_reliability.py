"""Whatever interrupts a native call, ends the process or copies it: later calls are right, and nobody hangs."""

import dis
import itertools
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from badak import SGD, Adam, Network, Relu, SoftmaxWithLoss
from badak.engine import build, calls, crew, lower, opcodes, runner, tapes
from badak.engine.runner import NativeRunner
from engine_numbers import affine

REMEMBERS = {module.__file__ for module in (build, calls, crew, runner, tapes)}
"""The files of the engine that keep something from call to call."""
posix = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no timers that send signals")
forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system forks no processes")


@pytest.fixture(autouse=True)
def two_threads_always(monkeypatch):
    """Let two threads share even what is small, and whatever else keeps the cores busy."""
    monkeypatch.setattr(crew.Crew, "advise", lambda self, threads: threads)
    monkeypatch.setattr(lower, "WORK_PER_THREAD", 1)
    monkeypatch.setattr(lower, "WORK_PER_CALL", 1)


X = np.random.default_rng(0).random((60, 33)).astype(np.float32)
T = np.arange(60) % 5
ORDER = np.random.default_rng(1).integers(60, size=(6, 20))


def make():
    rng = np.random.default_rng(2)
    return Network([affine(rng, 33, 40), Relu(), affine(rng, 40, 5)], SoftmaxWithLoss(), dtype=np.float32)


def trained(network):
    NativeRunner(network, Adam(0.01), X, T, 2).steps(ORDER)
    return network.block.values.tobytes()


def answers(network):
    """Ask for everything that a network can be asked, natively, and give it as bytes."""
    assert calls.Calls(network).ready()
    gradient = network.gradient(X, T)
    parts = [*gradient.values(), network.predict(X), network.predict(X[:2]), network.loss(X, T), network.accuracy(X, T)]
    return [np.asarray(part).tobytes() for part in parts]


# -- exceptions from signal handlers ----------------------------------------------------------------------------


class Interrupt(BaseException):
    """What a signal's handler raises here: neither KeyboardInterrupt nor an Exception, so that nothing catches it."""


def lets_in(name):
    """Say whether Python looks after this instruction whether a signal has come."""
    return name in ("CALL", "CALL_FUNCTION_EX", "CALL_KW", "RESUME", "JUMP_BACKWARD") or "JUMP_BACKWARD_IF" in name


class At:
    """Raise Interrupt at the `number`th place in the engine's own code where Python would let a signal in."""

    def __init__(self, number):
        self.left, self.before = number, {}

    def __enter__(self):
        sys.settrace(self.enter)
        return self

    def __exit__(self, *_):
        sys.settrace(None)

    def enter(self, frame, event, _):
        if frame.f_code.co_filename not in REMEMBERS:
            return None
        frame.f_trace_opcodes = True
        return self.see

    def see(self, frame, event, _):
        if event == "opcode":
            code = frame.f_code.co_code
            last = self.before.get(frame)
            self.before[frame] = frame.f_lasti
            if last is None or lets_in(dis.opname[code[last]]):
                self.left -= 1
                if self.left == 0:
                    sys.settrace(None)
                    raise Interrupt
        return self.see


def places(work, step, first=1):
    """Interrupt `work` at every `step`th place; give how many there were."""
    for number in itertools.count(first, step):
        with At(number) as at:
            try:
                work()
            except Interrupt:
                continue
        if at.left > 0:
            return number
    return None


def test_an_interrupt_at_any_instruction_of_training_leaves_the_next_training_right():
    want = trained(make())
    network, count = make(), []
    start = network.block.values.copy()
    native = NativeRunner(network, SGD(0.1), X, T, 2)
    native.steps(ORDER)
    same = network.block.values.tobytes()

    def work():
        network.block.values[:] = start
        native.steps(ORDER)

    def checked():
        try:
            work()
        except Interrupt:
            sys.settrace(None)
            count.append(1)
            assert trained(make()) == want
            work()  # the same runner, interrupted and used again
            assert network.block.values.tobytes() == same
            raise

    assert places(checked, 3) > 100
    assert len(count) > 20


def test_an_interrupt_at_any_instruction_of_a_call_leaves_the_next_calls_right():
    want, count = answers(make()), []

    def checked():
        network = make()
        try:
            network.gradient(X, T)
            network.gradient(X[:50], T[:50])
            network.predict(X[:2])
            network.accuracy(X, T)
        except Interrupt:
            sys.settrace(None)
            count.append(1)
            assert answers(network) == want
            raise

    assert places(checked, 61) > 1000
    assert len(count) > 20


def test_a_call_comes_back_when_its_last_thread_has_left():
    network = make()
    native = NativeRunner(network, SGD(0.1), X, T, 2)
    native.steps(ORDER)
    session = next(iter(native._ready.values())).session
    machine, left = session.machine, []

    def late(frame, me):
        if me:
            time.sleep(0.1)
        answer = machine(frame, me)
        if me == 0:  # its own call of the machine waits, not only `run`, which a signal may end
            left.append(int(session.flags[(opcodes.LINE + opcodes.LEFT) // 8]))
        return answer

    session.machine = late
    session.run(1)
    assert left == [1]


def test_a_thread_holds_the_memory_that_it_works_in():
    """Whoever asked may be gone: an interrupted call's runner is dropped with it."""
    native, held = NativeRunner(make(), SGD(0.1), X, T, 2), []
    native.steps(ORDER)
    session = next(iter(native._ready.values())).session
    machine = session.machine

    def looked_at(frame, me):
        if me:
            held.append(sys._getframe(1).f_locals["held"] is session)
        return machine(frame, me)

    session.machine = looked_at
    session.run(1)
    assert held == [True]


# -- the end of a process, and forks ----------------------------------------------------------------------------

TRAINS = """
import os, sys, threading, time, signal
import numpy as np
from badak import SGD, TwoLayerNet
from badak.engine import crew, lower
from badak.engine.runner import NativeRunner
crew.Crew.advise = lambda self, threads: threads
x, t = np.random.default_rng(0).random((400, 784)).astype(np.float32), np.arange(400) % 10
order = np.arange(400).reshape(4, 100)
network = TwoLayerNet(784, 100, 10, dtype=np.float32, seed=0)
native = NativeRunner(network, SGD(0.1), x, t, 2)
def train(calls=10**9):
    for _ in range(calls):
        native.steps(np.tile(order, (10, 1)))
train(1)
"""


def ends(script, *, timeout=60, **how):
    """Run a script in a process of its own; give its exit code and what it printed."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", TRAINS + textwrap.dedent(script)], text=True,
                          check=False, capture_output=True, timeout=timeout, **how)  # fmt: skip
    return done.returncode, done.stdout.strip() or done.stderr.strip()[-500:]


def test_a_process_ends_while_a_thread_trains():
    script = "threading.Thread(target=train, daemon=True).start(); time.sleep({}); print('end')"
    for wait in (0.05, 0.08, 0.1, 0.13):
        assert ends(script.format(wait)) == (0, "end")


def test_code_stays_where_it_is_when_nobody_in_python_knows_it_any_more():
    code = """
    import ctypes, gc
    from badak.engine import build
    alone = NativeRunner(network, SGD(0.1), x, t, 1)
    alone.steps(order)
    session = next(iter(alone._ready.values())).session
    address = ctypes.cast(session.machine, ctypes.c_void_p).value
    again = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(address)
    for name, value in list(vars(build).items()):
        if isinstance(value, (dict, list)) and not name.startswith("__"): value.clear()
    del session.machine, native, train
    gc.collect()
    print(again(session.address, 0))
    """
    assert ends(code) == (0, "0")


def test_computing_while_python_ends_waits_for_no_thread():
    code = """
    class Last:
        def __init__(self): self.train, self.finalizing = train, sys.is_finalizing
        def __del__(self): self.train(1); os.write(1, b'trained' if self.finalizing() else b'too early')
    sys.modules["last"] = Last()
    """
    assert ends(code) == (0, "trained")


def test_one_thread_alone_gives_the_bytes_of_two(monkeypatch):
    want = trained(make())
    monkeypatch.setattr(crew.sys, "is_finalizing", lambda: True)
    assert trained(make()) == want


@posix
def test_signals_that_raise_anything_leave_later_trainings_right():
    """By the clock, again and again: what a timeout does, or a SIGTERM that exits."""
    code = """
    import itertools
    kinds = (TimeoutError, SystemExit, KeyboardInterrupt, RuntimeError)
    kind, rng, hits, wrong = itertools.cycle(kinds), np.random.default_rng(5), 0, 0
    def handler(_, frame):
        while frame is not None and frame.f_code.co_name != "steps": frame = frame.f_back
        if frame is not None: raise next(kind)  # in the engine, not in what counts here
    def trained():
        each = TwoLayerNet(784, 50, 10, dtype=np.float32, seed=1)
        NativeRunner(each, SGD(0.1), x, t, 2).steps(order)
        return each.block.values.tobytes()
    sys.unraisablehook = lambda *_: None  # what comes while something is thrown away is Python's to drop
    want = trained()
    signal.signal(signal.SIGALRM, handler)
    for _ in range(40):
        signal.setitimer(signal.ITIMER_REAL, 2e-4 + 4e-3 * rng.random(), 5e-4)
        for _ in range(3):
            try:
                while True: native.steps(order)
            except kinds: hits += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        wrong += trained() != want
    print(hits, wrong)
    """
    assert ends(code) == (0, "120 0")


@posix
def test_many_ctrl_c_end_nothing_but_the_call_and_the_process_still_ends():
    code = """
    main = threading.main_thread().ident
    def hammer():
        for pause in np.random.default_rng(1).random(200) * 0.004:
            time.sleep(pause)
            signal.pthread_kill(main, signal.SIGINT)
        over.append(1)
    over, hits = [], 0
    hammering = threading.Thread(target=hammer)
    while True:
        try:
            hammering.start()
            break
        except KeyboardInterrupt: break
    while not over:
        try:
            while not over: native.steps(order)
        except KeyboardInterrupt: hits += 1
    while True:
        try: hammering.join(); break
        except KeyboardInterrupt: pass
    time.sleep(0.1)
    want = [TwoLayerNet(784, 100, 10, dtype=np.float32, seed=1) for _ in range(2)]
    for each in want: NativeRunner(each, SGD(0.1), x, t, 2).steps(order)
    print(hits > 20, (want[0].block.values == want[1].block.values).all())
    """
    assert ends(code, timeout=120) == (0, "True True")


@forks
@pytest.mark.parametrize(
    "work",
    [
        "network.gradient(x, t)",  # the one that the other thread is in
        "network.predict(x[:3])",
        "other.gradient(x, t)",
        "TwoLayerNet(784, 30, 10, dtype=np.float32).accuracy(x, t)",
        "NativeRunner(other, SGD(0.1), x, t, 2).steps(order)",
    ],
)
def test_a_fork_while_a_thread_computes_leaves_a_child_that_computes(work):
    code = f"""
    other = TwoLayerNet(784, 100, 10, dtype=np.float32, seed=1)
    want = other.gradient(x, t)["W1"].tobytes()
    network.gradient(x, t)
    network.predict(x[:3])
    stop = False
    def busy():
        while not stop: network.gradient(x, t); network.predict(x[:3])
    thread = threading.Thread(target=busy); thread.start()
    ends = []
    for _ in range(4):
        time.sleep(0.003)
        child = os.fork()
        if child == 0:
            signal.alarm(30)  # a child that hangs ends by this
            try:
                {work}
                os._exit(0 if TwoLayerNet(784, 100, 10, dtype=np.float32, seed=1).gradient(x, t)["W1"].tobytes() == want else 1)
            except BaseException: os._exit(2)
        ends.append(os.waitpid(child, 0)[1])
    stop = True; thread.join()
    print(ends)
    """  # noqa: E501  (a script of its own)
    assert ends(code, timeout=150) == (0, "[0, 0, 0, 0]")


@forks
def test_a_fork_waits_for_a_machine_that_is_being_compiled():
    """LLVM's own lock, held by a thread that is not there, would never be given up in the child."""
    order, asked = [], threading.Event()

    def compiling():
        with build._lock:
            asked.set()
            time.sleep(0.3)
            order.append("compiled")

    thread = threading.Thread(target=compiling)
    thread.start()
    asked.wait(10)
    child = os.fork()
    if child == 0:
        os._exit(0 if order == ["compiled"] and build._lock.acquire(timeout=5) else 1)
    assert os.waitpid(child, 0)[1] == 0
    thread.join()


@posix
def test_what_a_handler_raises_while_the_engine_is_found_comes_through(monkeypatch):
    """The compiler's own `except Exception` is not to take a timeout for a fault of the compiler."""
    real, monkey = build._get, []

    def slow(itemsize, target):
        time.sleep(0.3)
        monkey.append(itemsize)
        return real(itemsize, target)

    def handler(*_):
        raise TimeoutError("late")

    monkeypatch.setattr(build, "_get", slow)
    monkeypatch.setattr(build, "_loaded", {})
    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(TimeoutError, match="late"):
            build.machine(4)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert build._failed is None
    assert build.machine(4) is build.machine(4)
    assert monkey == [4]  # who was interrupted left the work to go on
