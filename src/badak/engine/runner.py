"""Training steps on the engine: what `fit` asks for, and what the hand-written loop calls.

`NativeRunner` is a Runner (badak.types). It copies the parameters into the engine's layout when a call begins and
back into the network's Block when it ends: between calls the Block is the truth.
"""

from typing import Any

import numpy as np

from badak.data.pixels import Pixels
from badak.engine import build, lower, target
from badak.engine.crew import Session, aligned, crew
from badak.engine.opcodes import Bank, Frame
from badak.engine.plan import Program
from badak.engine.verify import verify
from badak.functions import check_labels, floating, one_hot
from badak.graph import nodes
from badak.losses import SoftmaxWithLoss
from badak.networks import Network
from badak.optimizers import SGD
from badak.training import NotNative
from badak.types import Array, IntArray

POISON = False
"""Fill scratch memory with NaN before each use: for tests, so that nothing reads what was not written."""
PAYS_BELOW = 0.65
"""Passing over zeros pays where four samples together have something in fewer than this share of the columns."""


class Ready:
    """A program with its memory, ready to run: made once for a network, a batch size and a form of the data."""

    def __init__(self, program: Program, machine: build.Machine) -> None:
        self.program = program
        self.sizes = program.place_sizes
        self.tape = program.encode()
        self.session = Session(machine, program)
        self.memory: dict[Bank, Array] = {}
        for bank in (Bank.SCRATCH, Bank.WEIGHTS, Bank.GRADS, Bank.STATE):
            size = self.sizes.get(bank, 0)
            self.memory[bank] = aligned(max(size, 64))
            self.session.point(Frame.BANKS + bank, self.memory[bank])
        self.session.frame[Frame.BATCH], self.session.frame[Frame.PARTS] = program.batch, program.parts
        self.session.frame[Frame.TAPE], self.session.frame[Frame.ROWS] = self.tape.ctypes.data, len(self.tape)
        self.session.frame[Frame.BODY], self.session.frame[Frame.ENDING] = program.body, program.ending

    def run(self, iterations: int) -> None:
        """Bring the parameters in, run the body so many times, bring the results out."""
        if POISON:
            self.memory[Bank.SCRATCH][:] = 0xFF
        self.session.run(iterations)


def prepare(
    network: Network,
    *,
    batch: int,
    shape: tuple[int, ...],
    source: str,
    scale: float,
    purpose: str,
    threads: int,
    sparse: bool = False,
) -> Ready:
    """Write, verify and lay out the program for a network. Raises NotNative where there is no machine for it."""
    itemsize = network.dtype.itemsize
    try:
        machine = build.machine(itemsize)
    except build.CannotCompile as error:
        raise NotNative(str(error)) from None
    chosen = target.choose()
    inputs = int(np.prod(shape))
    program = lower.lower(
        nodes(network, shape),
        network.block.offsets,
        batch=batch,
        inputs=inputs,
        source=source,
        scale=scale,
        threads=threads,
        itemsize=itemsize,
        lanes=chosen.lanes(itemsize),
        purpose=purpose,
        sparse=sparse,
    )
    verify(program, network.block.values.nbytes)
    able = crew.grow(program.threads)
    if able < program.threads:
        return prepare(network, batch=batch, shape=shape, source=source, scale=scale, purpose=purpose, threads=able,
                       sparse=sparse)  # fmt: skip
    return Ready(program, machine)


def readable(x: Any, dtype: np.dtype[Any]) -> tuple[Array, str, float]:
    """Give the data as rows that the machine can read, what they hold ('u1', 'f4', 'f8'), and what bytes stand for.

    Nothing is copied that lies as it should: bytes and native floats, row after row (memory-mapped files too).
    """
    if isinstance(x, Pixels):
        values = np.ascontiguousarray(x.values.reshape(len(x), -1))
        return values, "u1", x.scale
    if type(x) is np.ndarray and x.ndim == 2 and x.dtype == dtype and x.flags.c_contiguous:
        return x, f"f{dtype.itemsize}", 0.0
    x = np.asarray(x)
    if x.dtype == np.uint8:
        return np.ascontiguousarray(x.reshape(len(x), -1)), "u1", 1.0
    if x.dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        x = floating(x).astype(dtype)
    x = np.ascontiguousarray(x.reshape(len(x), -1), dtype=x.dtype.newbyteorder("="))
    return x, f"f{x.dtype.itemsize}", 0.0


def mostly_zero(x: Array, samples: int = 64) -> bool:
    """Say whether passing over zeros pays: by samples of four rows, in how many columns one of them is not zero."""
    if len(x) < 4 or x.shape[1] < 64:
        return False
    groups = np.arange(min(samples, len(x) // 4))
    rows = (groups * (len(x) // len(groups)))[:, None] + np.arange(4)
    return bool((x[rows] != 0).any(axis=1).mean() < PAYS_BELOW)


def labels(t: Any, outputs: int) -> IntArray:
    """Give class indices, checked, as a copy of our own. Raises NotNative for targets that are no plain labels."""
    t = np.asarray(t)
    if t.ndim == 1 and t.dtype.kind in "iu":
        indices = t.astype(np.int64)  # a copy: nobody can change it after the check
        if len(t) and np.maximum.reduce(indices.view(np.uint64)) >= outputs:  # what is negative is largest of all
            check_labels(t, outputs)
        return indices
    rows = one_hot(t, (len(t), outputs))
    if not ((rows == 0) | (rows == 1)).all():
        raise NotNative("targets that are probabilities have no rule in the engine")
    return rows.argmax(axis=1).astype(np.int64)


def targets(network: Network, t: Any, outputs: int) -> Array:
    """Give the targets as the loss's rule reads them: class indices, or rows of the network's numbers."""
    if type(network.last_layer) is SoftmaxWithLoss:
        return labels(t, outputs)
    t = np.asarray(t)
    if t.ndim == 1 and t.dtype.kind in "iu":
        return one_hot(t, (len(t), outputs), network.dtype)
    if t.shape != (len(t), outputs):
        raise NotNative(f"targets of shape {t.shape} for {outputs} outputs are left to NumPy")
    return np.array(floating(t, "t"), dtype=network.dtype, order="C")


class NativeRunner:
    """Training steps by the machine.

    Raises NotNative for a network, an optimizer or targets that have no rule. `threads` is as in
    `target.thread_count`; it changes no result.
    """

    engine = "native"

    def __init__(self, network: Network, optimizer: Any, x: Any, t: Any, threads: int | None = None) -> None:
        check_native(network)
        if type(optimizer) is not SGD:
            raise NotNative(f"the optimizer {type(optimizer).__name__} has no rule in the engine")
        for name in ("weight_decay", "clip_norm", "schedule"):
            if getattr(optimizer, name):
                raise NotNative(f"{name} of the optimizer has no rule in the engine")
        self.network, self.optimizer = network, optimizer
        self.threads = target.thread_count(threads)
        self.shape = tuple(x.shape[1:])
        self.outputs = nodes(network, self.shape)[-1].input_shape
        assert self.outputs is not None
        self.x, self.source, self.scale = readable(x, network.dtype)
        self.t = targets(network, t, self.outputs[-1])
        self.sparse = mostly_zero(self.x)
        if len(self.x) != len(self.t):
            raise ValueError(f"x has {len(self.x)} samples, but t has {len(self.t)}")
        self._ready: dict[tuple[int, int], Ready] = {}

    def steps(self, order: IntArray) -> Array:
        """Do one step for each row of `order`, (n, batch) indices; give the n losses."""
        check_native(self.network)
        if np.asarray(order).dtype.kind not in "iu":
            raise TypeError(f"order must hold whole numbers, not {np.asarray(order).dtype}")
        order = np.array(order, dtype=np.int64, order="C", ndmin=2)  # a copy: nobody can change it after the check
        count, batch = order.shape
        losses = np.zeros(count)
        if not order.size:
            return losses
        if order.min() < 0 or order.max() >= len(self.x):
            raise IndexError(f"order goes from {order.min()} to {order.max()}; there are {len(self.x)} samples")
        self.network._check_adopted()
        threads = crew.advise(self.threads)
        if (batch, threads) not in self._ready:
            self._ready[batch, threads] = prepare(self.network, batch=batch, shape=self.shape, source=self.source,
                                         scale=self.scale, purpose="train", threads=threads,
                                         sparse=self.sparse)  # fmt: skip
        ready = self._ready[batch, threads]
        session, values = ready.session, self.network.block.values
        session.point(Frame.ORDER, order)
        session.point(Frame.LOSSES, losses)
        session.point(Frame.RATES, np.array([self.optimizer.lr], values.dtype))
        session.point(Frame.BANKS + Bank.DATA, self.x)
        session.point(Frame.BANKS + Bank.TARGETS, self.t)
        session.point(Frame.BANKS + Bank.VALUES, values)
        ready.run(count)
        self.optimizer.steps += count
        forget(self.network, float(losses[-1]))
        return losses


def check_native(network: Network) -> None:
    """Raise NotNative, saying why, for a network that the engine cannot run as its layers would."""
    reason = lower.unruled(network) or build.missing(network.dtype.itemsize)
    if reason:
        raise NotNative(reason)


SAVED = ("x", "mask", "out")
"""What Affine, Relu and Sigmoid save on their way forward."""


def forget(network: Network, loss: float | None = None, *, gradients: bool = True) -> None:
    """Clear what the layers saved: it is of an earlier batch, and a backward by hand must not use it.

    `gradients` says whether dW and db go too; predicting leaves them.
    """
    for layer in network.layers.values():
        own = layer.__dict__
        for name in SAVED:
            if name in own:
                own[name] = None
        if gradients and "dW" in own:
            own["dW"] = own["db"] = None
    if loss is not None:
        forget_loss(network, loss)


def forget_loss(network: Network, loss: float) -> None:
    """Let the last layer hold the loss, and nothing of an earlier batch."""
    last = network.last_layer
    last.y, last.t, last.loss = None, None, loss
