"""Where everything lies, and where threads must meet: the plan of one program.

Lower.py writes *lines* over *buffers*; this file gives each buffer its bytes, puts in the barriers, and turns the
lines into the tape of integers that machine.py reads. Plain Python, nothing compiled.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.engine.opcodes import BANK_SHIFT, OPS, ROW, Bank, Frame, Op, Split
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


@dataclass(frozen=True)
class Layout:
    """Where the Block has the weights that lie in panels: row p · depth + c, column n at c_step, p_step and n_step.

    `channels` of `depth` rows a place are there, the others are filling; steps count numbers.
    """

    channels: int
    pixels: int
    depth: int
    c_step: int
    p_step: int
    n_step: int
    tailed: bool = True


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

    layout: Layout | None = None
    """How the Block has it, where that is not row after row."""

    @property
    def operand(self) -> int:
        """How a tape names it."""
        return int(self.bank) << BANK_SHIFT | self.offset


@dataclass(eq=False)
class Picture(Buffer):
    """Images: `depth` numbers a pixel, lines of pixels, and `border` lines and columns of zeros around.

    `shape` is (images, numbers in an image with its border); `step` the bytes from image to image.
    """

    height: int = 0
    width: int = 0
    channels: int = 0
    depth: int = 0
    border: int = 0
    itemsize: int = 0
    compact: bool = False
    """Whether one image begins where the one before ends, so that all of them are rows of pixels, too."""

    @property
    def pixel(self) -> int:
        """Bytes from one pixel to the next."""
        return self.depth * self.itemsize

    @property
    def line(self) -> int:
        """Bytes from one line to the next."""
        return (self.width + 2 * self.border) * self.pixel

    def start(self, above: int = 0, left: int = 0) -> int:
        """Give the bytes from the beginning of an image to the pixel so far above and left of its first."""
        return (self.border - above) * self.line + (self.border - left) * self.pixel


class View(Buffer):
    """The memory of images as a matrix with a row for each pixel: where threads share them pixel by pixel."""

    def __init__(self, of: Picture, shape: tuple[int, ...], step: int) -> None:
        self.of, self.name, self.shape, self.step, self.size, self.layout = of, of.name, shape, step, of.size, None

    @property
    def bank(self) -> Bank:  # type: ignore[override]
        """The bank of the images."""
        return self.of.bank

    @property
    def offset(self) -> int:  # type: ignore[override]
        """Their place in it."""
        return self.of.offset


def memory(buffer: Buffer) -> Buffer:
    """Give the buffer whose memory this is."""
    return buffer.of if isinstance(buffer, View) else buffer


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
class Memory:
    """What a layer remembers between steps, and where a program keeps it: an array, or a generator's state."""

    layer: str
    attribute: str
    buffer: Buffer
    changes: bool
    """Whether the program changes it; else it only reads it."""
    draws: int = 0
    """How many numbers of a generator one iteration uses."""


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
    work: int = 0
    """Floating-point operations of a step, products only."""
    piece: int = 1
    """So many images go through a piece together (see PIECES)."""
    place_sizes: dict[Bank, int] = field(default_factory=dict)
    """Bytes that each bank takes, once planned."""
    ending: int = 0
    """The lines from this one on run once at its end: they bring the parameters back."""
    memories: list[Memory] = field(default_factory=list)
    """What layers remember."""

    @property
    def private(self) -> int:
        """Bytes that each thread needs: for its own frame, and for a list of columns or samples or a line of pixels."""
        longest = max((max(line.sizes.get(f, 0) for f in ("k", "rows", "width")) for line in self.lines), default=0)
        return 8 * (Frame.SIZE + longest + 2 * self.lanes)

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

    def weights(self, name: str, k: int, n: int, bank: Bank, layout: Layout | None = None, parts: int = 1) -> Buffer:
        """Make room for a matrix of weights, in panels; `step` is the bytes of one of its parts."""
        size = Panels(k, n, self.lanes, layout is None or layout.tailed).size * self.itemsize
        return self._add(Buffer(name, bank, (k, n), size, size * parts, layout=layout))

    def picture(
        self, name: str, height: int, width: int, channels: int, depth: int, border: int = 0, compact: bool = False
    ) -> Picture:
        """Make room for images; each has a vector more than it fills, which a line's last vector may touch.

        Those that are `compact` have not: they must not be drawn into, pixel by pixel unfilled.
        """
        numbers = (height + 2 * border) * (width + 2 * border) * depth
        lines = -(-(numbers * self.itemsize + self.width) // ALIGNMENT)
        step = (lines + 1 - lines % 2) * ALIGNMENT
        step = numbers * self.itemsize if compact else step
        made = Picture(name, Bank.LOCAL, (self.batch, numbers), step, step * self.batch, height=height, width=width,
                       channels=channels, depth=depth, border=border, itemsize=self.itemsize,
                       compact=compact)  # fmt: skip
        self.buffers.append(made)
        return made

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

    def by_images(self) -> Any:
        """Give the owner of what is shared by images: whole chunks of them, as PIECES does."""
        return ("images", self.batch)

    def by_chunks(self, k: int, chunks: int) -> Any:
        """Give the owner of what is shared by parts of the k's, if each thread has whole parts."""
        return ("chunks", k, chunks) if chunks % self.threads == 0 else None

    # -- the plan ---------------------------------------------------------------------------------------------------

    def place(self) -> None:
        """Give every buffer of ours its place in its bank."""
        used = self.place_sizes
        for buffer in self.buffers:
            if buffer.offset < 0 and buffer.bank != Bank.LOCAL:
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
    starts = [*range(len(lines))]
    for at, line in enumerate(lines):
        if line.op.name == "PIECES":  # the lines of a piece are gone through without a halt
            starts[at + 1 : at + 1 + line.sizes["length"]] = [at] * line.sizes["length"]
    path = [*range(each), *range(len(lines))] * rounds
    found = True
    while found:
        found = False
        since: list[Line] = []
        for at in path:
            if at in barriers:
                since = []
            if any(_conflict(earlier, lines[at]) for earlier in since):
                barriers.add(starts[at])
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
            same = memory(earlier.operands[name]) is memory(later.operands[other])
            if same and (use != "r" or other_use != "r"):
                return True
    return False


__all__ = ["ALIGNMENT", "Buffer", "Line", "Memory", "Panels", "Program", "Split", "tail_limit", "whole"]
