"""Training steps on the engine: what `fit` asks for, and what the hand-written loop calls.

`NativeRunner` is a Runner (badak.types). It copies the parameters into the engine's layout when a call begins and
back into the network's Block when it ends: between calls the Block is the truth.
"""

from typing import Any

import numpy as np

from badak.data.pixels import Pixels
from badak.engine import build, lower, target, updates
from badak.engine.crew import Session, aligned, crew
from badak.engine.opcodes import Bank, Frame
from badak.engine.plan import Program
from badak.engine.verify import verify
from badak.functions import binary, check_labels, floating, one_hot
from badak.graph import nodes
from badak.losses import SigmoidWithLoss, SoftmaxWithLoss
from badak.networks import Network
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
        for bank in (Bank.SCRATCH, Bank.WEIGHTS, Bank.GRADS, Bank.STATE, Bank.LAYERS):
            size = self.sizes.get(bank, 0)
            self.memory[bank] = aligned(max(size, 64))
            self.session.point(Frame.BANKS + bank, self.memory[bank])
        slab = self.sizes.get(Bank.LOCAL, 0)
        each = -(-slab * program.piece // 4096) * 4096
        self.memory[Bank.LOCAL] = aligned(max(each * program.threads, 64))
        self.session.point(Frame.BANKS + Bank.LOCAL, self.memory[Bank.LOCAL])
        self.session.frame[Frame.LOCAL_STEP], self.session.frame[Frame.LOCAL_SIZE] = slab, each
        self.session.frame[Frame.BATCH], self.session.frame[Frame.PARTS] = program.batch, program.parts
        self.session.frame[Frame.TAPE], self.session.frame[Frame.ROWS] = self.tape.ctypes.data, len(self.tape)
        self.session.frame[Frame.BODY], self.session.frame[Frame.ENDING] = program.body, program.ending

    def run(self, iterations: int, network: Network | None = None) -> None:
        """Bring the parameters in, run the body so many times, bring the results out.

        `network` has the layers that remember something from step to step. Raises NotNative, before anything is
        changed, where what they remember has no rule.
        """
        if POISON:
            self.memory[Bank.SCRATCH][:] = 0xFF
            self.memory[Bank.LOCAL][:] = 0xFF
        if network is not None and self.program.memories:
            self._recall(network)
        self.session.run(iterations)
        if network is not None and self.program.memories:
            self._remember(network, iterations)

    def _recall(self, network: Network) -> None:
        """Bring in what layers remember: running means, states of generators."""
        reason = lower.refused(network)
        if reason:
            raise NotNative(reason)
        for memory in self.program.memories:
            layer, buffer = network.layers[memory.layer], memory.buffer
            room = self.memory[Bank.LAYERS][buffer.offset : buffer.offset + buffer.size]
            if memory.attribute == "rng":
                layer.rng = np.random.default_rng(0) if layer.rng is None else layer.rng
                held = layer.rng.bit_generator.state["state"]
                words = [held[name] >> shift & (1 << 64) - 1 for name in ("state", "inc") for shift in (0, 64)]
                room.view(np.uint64)[:] = words
            else:
                room.view(network.dtype)[: buffer.shape[0]] = getattr(layer, memory.attribute)

    def _remember(self, network: Network, iterations: int) -> None:
        """Give the layers what they are to remember: new arrays, as their forward would, and generators moved on."""
        for memory in self.program.memories:
            layer, buffer = network.layers[memory.layer], memory.buffer
            if memory.attribute == "rng":
                generator = layer.rng.bit_generator
                before = generator.state
                generator.advance(iterations * memory.draws)
                # Drawing doubles leaves the kept half of an earlier integer; leaping ahead forgets it.
                kept = {name: before[name] for name in ("has_uint32", "uinteger")}
                generator.state = {**generator.state, **kept}
            elif memory.changes:
                room = self.memory[Bank.LAYERS][buffer.offset :].view(network.dtype)[: buffer.shape[0]]
                kind = np.result_type(getattr(layer, memory.attribute), network.dtype)
                setattr(layer, memory.attribute, room.astype(kind))


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
    how: updates.Update = updates.Update(),  # noqa: B008  (it is frozen)
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
        how=how,
    )
    verify(program, network.block.values.nbytes)
    able = crew.grow(program.threads)
    if able < program.threads:
        return prepare(network, batch=batch, shape=shape, source=source, scale=scale, purpose=purpose, threads=able,
                       sparse=sparse, how=how)  # fmt: skip
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


def sample_shape(network: Network, x: Any) -> tuple[int, ...]:
    """Give the shape of one sample as the network's first layer gets it: rows may be images."""
    return network._sample_shape(x.shape)


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
        self.shape = sample_shape(network, x)
        self.outputs = outputs_of(network, self.shape)
        self.x, self.source, self.scale = readable(x, network.dtype)
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
