"""A tape with its memory, ready to run: what `fit`, the calls of a network and the trial of a machine stand on."""

import numpy as np

from badak.engine import lower
from badak.engine.crew import Session, aligned
from badak.engine.opcodes import Bank, Frame, Machine
from badak.engine.plan import Program
from badak.engine.updates import Update
from badak.engine.verify import verify
from badak.graph import nodes
from badak.networks import Network
from badak.train.runners import NotNative
from badak.types import Array

POISON = False
"""Fill scratch memory with NaN before each use: for tests, so that nothing reads what was not written."""


def write(
    network: Network,
    *,
    batch: int,
    shape: tuple[int, ...],
    source: str,
    scale: float,
    purpose: str,
    threads: int,
    lanes: int,
    sparse: bool = False,
    how: Update = Update(),  # noqa: B008  (it is frozen)
) -> Program:
    """Write and verify the program for a network; `shape` is a sample's, `lanes` the numbers in a vector."""
    program = lower.lower(
        nodes(network, shape),
        network.block.offsets,
        batch=batch,
        inputs=int(np.prod(shape)),
        source=source,
        scale=scale,
        threads=threads,
        itemsize=network.dtype.itemsize,
        lanes=lanes,
        purpose=purpose,
        sparse=sparse,
        how=how,
    )
    verify(program, network.block.values.nbytes)
    return program


class Ready:
    """A program with its memory, ready to run: made once for a network, a batch size and a form of the data."""

    def __init__(self, program: Program, machine: Machine) -> None:
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
