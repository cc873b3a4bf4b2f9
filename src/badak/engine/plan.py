"""Where everything lies, and where threads must meet: the plan of one program.

Lower.py writes *lines* over *buffers*; this file gives each buffer its bytes, puts in the barriers, and turns the
lines into the tape of integers that machine.py reads. Plain Python, no Numba.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.engine.opcodes import BANK_SHIFT, OPS, ROW, Bank, Op, Split
from badak.types import IntArray

ALIGNMENT = 64
"""Bytes: a cache line, and the widest vector."""


def tail_limit(lanes: int) -> int:
    """Give how many columns may be left over beside whole vectors; more are filled up to a vector.

    Left-over columns are computed as inner products along k, which wastes nothing: 50 columns as 48 + 2 cost a
    fifth less than as 64.
    """
    return max(1, lanes // 4)


def whole(count: int, lanes: int) -> int:
    """Give how many vectors hold `count` numbers."""
    return -(-count // lanes)


@dataclass(frozen=True)
class Panels:
    """How a matrix of weights, k × n, lies for the tiles: in panels of up to three vectors of columns.

    A panel holds its columns of row 0, then of row 1, …, so that a tile reads it straight through. The last few
    columns, if they fill no vector, lie transposed behind the panels. Rows are filled up to whole vectors by zeros.
    """

    k: int
    n: int
    lanes: int
    tailed: bool = True
    """Whether left-over columns lie transposed; those of a convolution are filled up to a vector."""

    @property
    def tail(self) -> int:
        """How many columns lie transposed at the end."""
        left = self.n % self.lanes
        return left if self.tailed and left <= tail_limit(self.lanes) else 0

    @property
    def vectors(self) -> int:
        """How many vectors of columns the panels hold."""
        return self.n // self.lanes if self.tail else whole(self.n, self.lanes)

    @property
    def count(self) -> int:
        """How many panels there are, the tail counted as one."""
        return whole(self.vectors, 3) + (self.tail > 0)

    @property
    def size(self) -> int:
        """How many numbers it takes, filling included."""
        return whole(self.k, self.lanes) * self.lanes * (self.vectors * self.lanes + self.tail)


@dataclass
class Buffer:
    """A piece of a bank: its name for the listing, its shape, and once planned its place.

    `step` is the bytes from one row to the next, `size` the bytes in all.
    """

    name: str
    bank: Bank
    shape: tuple[int, ...]
    step: int
    size: int
    offset: int = -1

    @property
    def operand(self) -> int:
        """How a tape names it."""
        return int(self.bank) << BANK_SHIFT | self.offset


@dataclass
class Line:
    """One instruction, before it becomes numbers.

    `owner` says how the threads share it: two lines with the same owner give a thread the same part of what both
    touch, so they need no barrier between them. None: nothing is known.
    """

    op: Op
    operands: dict[str, Buffer]
    sizes: dict[str, int]
    owner: Any
    layer: str = ""


@dataclass
class Program:
    """Lines over buffers, for one number of threads and `batch` samples: a batch, or one of its `parts`."""

    itemsize: int
    lanes: int
    batch: int
    threads: int
    parts: int = 1
    """A batch goes through in so many parts of `batch` samples each; AGAIN stands where the next one begins."""
    lines: list[Line] = field(default_factory=list)
    buffers: list[Buffer] = field(default_factory=list)
    body: int = 0
    """The lines before this one run once at the start of a call: they bring the parameters in."""
    place_sizes: dict[Bank, int] = field(default_factory=dict)
    """Bytes that each bank takes, once planned."""
    ending: int = 0
    """The lines from this one on run once at its end: they bring the parameters back."""

    @property
    def private(self) -> int:
        """Bytes that each thread needs for lists of places: as many int32 as there are columns or samples, and more."""
        longest = max((max(line.sizes.get("k", 0), line.sizes.get("rows", 0)) for line in self.lines), default=0)
        return 4 * (longest + 2 * self.lanes)

    @property
    def width(self) -> int:
        """Bytes in a vector."""
        return self.itemsize * self.lanes

    # -- buffers ----------------------------------------------------------------------------------------------------

    def matrix(self, name: str, rows: int, columns: int, bank: Bank = Bank.SCRATCH, parts: int = 1) -> Buffer:
        """Make room for `rows` rows of `columns` numbers, each row on its own cache lines.

        Rows are an odd number of cache lines apart: a column then does not fall on the same few places of the cache.
        """
        lines = -(-columns * self.itemsize // ALIGNMENT)
        lines = max(lines, self.width // ALIGNMENT)
        step = (lines + 1 - lines % 2) * ALIGNMENT
        return self._add(Buffer(name, bank, (rows, columns), step, step * rows * parts))

    def cut(self, buffer: Buffer, columns: int, chunks: int) -> None:
        """Let a matrix lie in `chunks` parts, each with its share of the columns of all rows."""
        rows = buffer.shape[0]
        widest = -(-whole(columns, self.lanes) // chunks) * self.lanes
        part = self.matrix(buffer.name, rows, widest)
        self.buffers.pop()  # only its step was wanted
        buffer.step, buffer.size = part.step, part.step * rows * chunks

    def weights(self, name: str, k: int, n: int, bank: Bank) -> Buffer:
        """Make room for a matrix of weights, in panels."""
        return self._add(Buffer(name, bank, (k, n), 0, Panels(k, n, self.lanes).size * self.itemsize))

    def vector(self, name: str, count: int, bank: Bank) -> Buffer:
        """Make room for `count` numbers, filled up to whole vectors."""
        return self._add(Buffer(name, bank, (count,), 0, whole(count, self.lanes) * self.width))

    def bits(self, name: str, vectors: int, rows: int) -> Buffer:
        """Make room for 16 bits for each vector of each of `rows` rows, those of one vector side by side."""
        step = -(-2 * (rows + self.lanes) // ALIGNMENT) * ALIGNMENT
        return self._add(Buffer(name, Bank.SCRATCH, (vectors, rows), step, step * vectors))

    def outside(self, name: str, bank: Bank, shape: tuple[int, ...], step: int, offset: int = 0) -> Buffer:
        """Name memory that is not ours: data, targets, the Block, the place for an answer."""
        size = step * shape[0] if shape else step
        return self._add(Buffer(name, bank, shape, step, size, offset))

    def _add(self, buffer: Buffer) -> Buffer:
        self.buffers.append(buffer)
        return buffer

    # -- lines ------------------------------------------------------------------------------------------------------

    def emit(self, name: str, owner: Any = None, layer: str = "", **fields: Any) -> None:
        """Write one line: operands are Buffers, sizes integers; steps are taken from the operands if not given."""
        op = OPS[name]
        operands = {k: v for k, v in fields.items() if isinstance(v, Buffer)}
        sizes = {k: int(v) for k, v in fields.items() if not isinstance(v, Buffer)}
        for operand in op.operands:
            step = f"{operand}_step"
            if any(f == step for f in op.fields):
                sizes.setdefault(step, operands[operand].step)
        named = {f.split(":")[0] for f in op.fields}
        if named != {*operands, *sizes}:
            raise ValueError(f"{name} needs {sorted(named)}, not {sorted({*operands, *sizes})}")
        self.lines.append(Line(op, operands, sizes, owner, layer))

    def by_rows(self) -> Any:
        """Give the owner of what is shared by samples."""
        return ("rows", self.batch)

    def by_chunks(self, k: int, chunks: int) -> Any:
        """Give the owner of what is shared by parts of the k's, if each thread has whole parts."""
        return ("chunks", k, chunks) if chunks % self.threads == 0 else None

    # -- the plan ---------------------------------------------------------------------------------------------------

    def place(self) -> None:
        """Give every buffer of ours its place in its bank."""
        used = self.place_sizes
        for buffer in self.buffers:
            if buffer.offset < 0:
                buffer.offset = used.get(buffer.bank, 0)
                used[buffer.bank] = buffer.offset + -(-buffer.size // ALIGNMENT) * ALIGNMENT

    def add_barriers(self) -> None:
        """Put a BARRIER before each line that touches what another thread may still be writing or reading.

        The body is gone through twice, since its end is followed by its beginning. Between the parts of a program
        there is always one.
        """
        if self.threads == 1:
            return
        start, middle, end = self.lines[: self.body], self.lines[self.body : self.ending], self.lines[self.ending :]
        barrier = Line(OPS["BARRIER"], {}, {}, None)
        each = next((at + 1 for at, line in enumerate(middle) if line.op.name == "AGAIN"), 0)
        start, middle, end = _separated(start), _separated(middle, 2, each), _separated(end)
        start = [*start, barrier] if start else []
        end = [barrier, *end] if end else []
        self.lines = [*start, *middle, *end]
        self.body, self.ending = len(start), len(start) + len(middle)

    def encode(self) -> IntArray:
        """Give the tape."""
        tape = np.zeros((len(self.lines), ROW), np.int64)
        for row, line in zip(tape, self.lines, strict=True):
            row[0] = line.op.number
            for name, buffer in line.operands.items():
                row[line.op.index(name)] = buffer.operand
            for name, size in line.sizes.items():
                row[line.op.index(name)] = size
        return tape


def _separated(lines: list[Line], rounds: int = 1, each: int = 0) -> list[Line]:
    """Put barriers between lines that are gone through `rounds` times, as few as a first-come search finds.

    The first `each` of them are gone through twice in each round.
    """
    barriers: set[int] = set()
    path = [*range(each), *range(len(lines))] * rounds
    found = True
    while found:
        found = False
        since: list[Line] = []
        for at in path:
            if at in barriers:
                since = []
            if any(_conflict(earlier, lines[at]) for earlier in since):
                barriers.add(at)
                found = True
                break
            since.append(lines[at])
    barrier = Line(OPS["BARRIER"], {}, {}, None)
    return [each for at, line in enumerate(lines) for each in ([barrier, line] if at in barriers else [line])]


def _conflict(earlier: Line, later: Line) -> bool:
    if earlier.owner is not None and earlier.owner == later.owner:
        return False
    for name, use in earlier.op.operands.items():
        for other, other_use in later.op.operands.items():
            same = earlier.operands[name] is later.operands[other]
            if same and (use != "r" or other_use != "r"):
                return True
    return False


__all__ = ["ALIGNMENT", "Buffer", "Line", "Panels", "Program", "Split", "tail_limit", "whole"]
