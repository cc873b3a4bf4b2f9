"""Training steps on the engine: what `fit` asks for, and what the hand-written loop calls.

`NativeRunner` is a Runner (badak.types). It copies the parameters into the engine's layout when a call begins and
back into the network's Block when it ends: between calls the Block is the truth.
"""

from typing import Any

import numpy as np

from badak.data.pixels import Pixels
from badak.engine import build, lower, target, updates
from badak.engine.crew import crew
from badak.engine.opcodes import Bank, Frame
from badak.engine.tapes import Ready, write
from badak.functions import binary, check_labels, floating, one_hot
from badak.graph import nodes
from badak.losses import SigmoidWithLoss, SoftmaxWithLoss
from badak.networks import Network
from badak.train.runners import NotNative
from badak.types import Array, IntArray

AS_THEY_ARE = (np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.uint8))
"""The machine reads these itself, and gives the numbers that the network's door would make of them."""
PAYS_BELOW = 0.65
"""Passing over zeros pays where four samples together have something in fewer than this share of the columns."""


def prepare(network: Network, *, batch: int, purpose: str, threads: int, **form: Any) -> Ready:
    """Write, verify and lay out the program for a network. Raises NotNative where there is no machine for it.

    `form` is what else `tapes.write` asks for: the form of the data, and of the optimizer's step.
    """
    itemsize = network.dtype.itemsize
    try:
        machine = build.machine(itemsize)
    except build.CannotCompile as error:
        raise NotNative(str(error)) from None
    lanes = target.choose().lanes(itemsize)
    program = write(network, batch=batch, purpose=purpose, threads=threads, lanes=lanes, **form)
    able = crew.grow(program.threads)
    if able < program.threads:
        program = write(network, batch=batch, purpose=purpose, threads=able, lanes=lanes, **form)
    return Ready(program, machine)


def readable(network: Network, x: Any) -> tuple[Array, str, float]:
    """Give the data as rows that the machine can read, what they hold ('u1', 'f4', 'f8'), and what bytes stand for.

    What is taken as input, and as which numbers, is the network's rule (its door). Nothing is copied that lies as it
    should: bytes and native floats, row after row (memory-mapped files too), which the machine converts as the door
    would.
    """
    if isinstance(x, Pixels):
        return np.ascontiguousarray(x.values.reshape(len(x), -1)), "u1", x.scale
    if not (type(x) is np.ndarray and x.dtype in AS_THEY_ARE):
        x = network._door(x)
    kind = f"{x.dtype.kind}{x.dtype.itemsize}"
    if not (x.ndim == 2 and x.flags.c_contiguous):
        x = np.ascontiguousarray(x.reshape(len(x), -1))
    return x, kind, 1.0 if kind == "u1" else 0.0


def outputs_of(network: Network, shape: tuple[int, ...]) -> int:
    """Give how many scores a network gives, as it is now, for a sample of this shape.

    Raises NotNative where it gives no row of scores, or goes through shapes without a rule; ValueError where layers
    do not take the shape.
    """
    parts = nodes(network, shape)
    reason = lower.unruled_shapes(parts)
    if reason:
        raise NotNative(reason)
    outputs = parts[-1].input_shape
    if outputs is None or len(outputs) != 1:
        raise NotNative("outputs that are no row of numbers have no rule in the engine")
    return outputs[0]


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
    if type(network.last_layer) is SigmoidWithLoss:
        return np.array(binary(t, (len(t), outputs)), dtype=network.dtype, order="C")
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
        reason = updates.unruled(optimizer, network.block)
        if reason:
            raise NotNative(reason)
        self.network, self.optimizer = network, optimizer
        self.threads = target.thread_count(threads)
        self.shape = network._sample_shape(x.shape)
        self.outputs = outputs_of(network, self.shape)
        self.x, self.source, self.scale = readable(network, x)
        self.t = targets(network, t, self.outputs)
        self.sparse = mostly_zero(self.x)
        if len(self.x) != len(self.t):
            raise ValueError(f"x has {len(self.x)} samples, but t has {len(self.t)}")
        self._ready: dict[tuple[int, int], Ready] = {}
        self._made_for: Any = None

    def steps(self, order: IntArray) -> Array:
        """Do one step for each row of `order`, (n, batch) indices; give the n losses."""
        check_native(self.network)
        reason = updates.unruled(self.optimizer, self.network.block)
        if reason:
            raise NotNative(reason)
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
        how, held = updates.plan(self.optimizer, self.network.block), lower.settings(self.network)
        if (how, held) != self._made_for:  # numbers that the tapes hold were changed
            self._ready.clear()
            now = outputs_of(self.network, self.shape)
            if now != self.outputs:  # the targets were checked against these
                raise ValueError(f"the network gave {self.outputs} scores a sample, and now gives {now}")
            self._made_for = how, held
        if (batch, threads) not in self._ready:
            self._ready[batch, threads] = prepare(self.network, batch=batch, shape=self.shape, source=self.source,
                                         scale=self.scale, purpose="train", threads=threads,
                                         sparse=self.sparse, how=how)  # fmt: skip
        ready = self._ready[batch, threads]
        session, values = ready.session, self.network.block.values
        session.point(Frame.ORDER, order)
        session.point(Frame.LOSSES, losses)
        rates = updates.rates(self.optimizer, count, values.dtype)
        session.point(Frame.RATES, rates)
        session.frame[Frame.RATES_STEP] = rates.strides[0] if len(rates) > 1 else 0
        session.point(Frame.BANKS + Bank.DATA, self.x)
        session.point(Frame.BANKS + Bank.TARGETS, self.t)
        session.point(Frame.BANKS + Bank.VALUES, values)
        self.optimizer.begin(values)
        states = [self.optimizer.state[name] for name in how.states]
        plain = [np.require(state, requirements=["C", "A", "W"]) for state in states]
        for bank, state in zip((Bank.FIRST, Bank.SECOND), plain, strict=False):
            session.point(Frame.BANKS + bank, state)
        ready.run(count, self.network)
        for state, changed in zip(states, plain, strict=True):
            if changed is not state:
                state[...] = changed
        self.optimizer.steps += count
        forget(self.network, float(losses[-1]))
        return losses


def check_native(network: Network) -> None:
    """Raise NotNative, saying why, for a network that the engine cannot run as its layers would."""
    reason = lower.unruled(network) or build.missing(network.dtype.itemsize)
    if reason:
        raise NotNative(reason)


SAVED = ("x", "mask", "out", "xn", "std", "col", "x_shape", "arg_max")
"""What layers save on their way forward, by all their names."""
SLOPES = ("dW", "db", "dgamma", "dbeta")
"""Their gradients."""


def forget(network: Network, loss: float | None = None, *, gradients: bool = True) -> None:
    """Clear what the layers saved: it is of an earlier batch, and a backward by hand must not use it.

    `gradients` says whether dW and db go too; predicting leaves them. Layers with two modes are left in that of the
    call, as NumPy's way leaves them.
    """
    for layer in network.layers.values():
        own = layer.__dict__
        for name in SAVED:
            if name in own:
                own[name] = None
        for name in SLOPES:
            if gradients and name in own:
                own[name] = None
        if "training" in own:
            own["training"] = gradients
    if loss is not None:
        forget_loss(network, loss)


def forget_loss(network: Network, loss: float) -> None:
    """Let the last layer hold the loss, and nothing of an earlier batch."""
    last = network.last_layer
    last.y, last.t, last.loss = None, None, loss
