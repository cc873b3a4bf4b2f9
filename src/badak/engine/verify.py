"""Check a program before it runs: native code has no bounds of its own.

Each line's operands must lie inside their buffers with all the bytes that its sizes make it touch, scratch memory
must be written before it is read, and nothing may be written to data or targets. What an instruction touches stands in
one table, REACH; an instruction that is not in it is refused.
"""

from collections.abc import Callable

from badak.engine.opcodes import OPS, READ_ONLY, Bank, Split
from badak.engine.plan import Line, Panels, Program, whole


class BadTape(AssertionError):
    """Says which line of a program is wrong, and how: a fault in the engine, never in the user's work."""


class Extents:
    """A line with the arithmetic of its extents: how many bytes from an operand's beginning it may touch."""

    def __init__(self, program: Program, line: Line) -> None:
        self.name, self.size = line.op.name, line.sizes
        self.itemsize, self.lanes, self.width = program.itemsize, program.lanes, program.width
        self.rounds = program.parts

    def __getitem__(self, field: str) -> int:
        return self.size[field]

    def refuse(self, why: str) -> None:
        """Raise BadTape for this line."""
        raise BadTape(f"{self.name}: {why}")

    def vector(self, count: int) -> int:
        """Give the bytes of `count` numbers, filled up to whole vectors."""
        return whole(count, self.lanes) * self.width

    def rows(self, operand: str, columns: str) -> int:
        """Give the bytes of rows of numbers, each filled up to whole vectors, some step apart."""
        step = self[f"{operand}_step"]
        drawn = "out" if self.name == "GATHER" else "x"
        chunks = self["chunks"] if operand == drawn and self.size.get("split") == Split.CHUNKS else 1
        widest = -(-whole(self[columns], self.lanes) // chunks) * self.width
        if widest > step:
            self.refuse(f"a row of {operand} holds {step} bytes, fewer than its {self[columns]} numbers")
        return chunks * self["rows"] * step

    def parts(self) -> int:
        """Give the bytes of an output that comes in parts."""
        return (self["chunks"] - 1) * self["part_step"] * (self["chunks"] > 1) + self.rows("out", "n")

    def panels(self, k: int, n: int, tailed: bool = True) -> int:
        """Give the bytes of weights in panels."""
        return Panels(k, n, self.lanes, tailed).size * self.itemsize

    def packed(self) -> int:
        """Give the bytes of the engine's side of a PACK or UNPACK."""
        if self["flat"] == 1:
            return self.vector(self["n"])
        return self.panels(self["k"], self["n"], tailed=not self["flat"])

    def marks(self, operand: str) -> int:
        """Give the bytes of marks of what is not zero."""
        step = self[f"{operand}_step"]
        if 2 * (self["rows"] + self.lanes) > step:
            self.refuse(f"{step} bytes of marks are too few for {self['rows']} rows")
        return whole(self["k"], self.lanes) * step

    # -- images -------------------------------------------------------------------------------------------------

    def window(self) -> int:
        """Give how many numbers one window holds; refuse a window that leaves its image."""
        for way in ("height", "width"):
            if (self[f"out_{way}"] - 1) * self["stride"] + self[f"window_{way}"] > self[way]:
                self.refuse(f"the last window reaches beyond the {way}")
        return self["window_height"] * self["window_width"] * self["channels"]

    def images(self) -> int:
        """Give the bytes of a convolution's input."""
        self.window()
        return self["images"] * self["height"] * self["width"] * self["channels"] * self.itemsize

    def pixels(self, operand: str) -> int:
        """Give the bytes of a convolution's output, or its gradient."""
        step = self[f"{operand}_step"]
        if self.vector(self["n"]) > step:
            self.refuse("a pixel is narrower than its channels")
        return self["images"] * self["out_height"] * self["out_width"] * step

    def weight_parts(self) -> int:
        """Give the bytes of a convolution's gradient in parts."""
        if not 1 <= self["chunks"] <= self["images"]:
            self.refuse("there are more parts than images, or none")
        return (self["chunks"] - 1) * self["part_step"] + self.panels(self.window(), self["n"], tailed=False)

    def sum_parts(self) -> int:
        """Give the bytes of parts that are to be added up."""
        return self.vector(self["count"]) + (self["chunks"] - 1) * self["part_step"]

    def frame(self) -> int:
        """Give the bytes of images in a frame; refuse an image that does not fit."""
        for way, edge in (("height", "top"), ("width", "left")):
            if (self[way] - 1) * self["apart"] + self[edge] >= self[f"out_{way}"]:
                self.refuse("the image does not fit into its frame")
        return self["images"] * self["out_height"] * self["out_width"] * self["out_channels"] * self.itemsize

    def framed(self) -> int:
        """Give the bytes of the images that go into a frame."""
        image = self["height"] * self["width"] * self["channels"] * self.itemsize
        if image > self["x_step"]:
            self.refuse("an image is larger than its row")
        return (self["images"] - 1) * self["x_step"] + image

    def turned(self, operand: str) -> int:
        """Give the bytes of weights before or after they are flipped."""
        places = self["window_height"] * self["window_width"]
        if operand == "W":
            return self.panels(places * self["channels"], self["n"], tailed=False)
        return self.panels(places * self["n"], self["channels"], tailed=False)


Reach = dict[str, Callable[[Extents], int]]

_product: Reach = {
    "out": lambda s: s.parts(),
    "x": lambda s: s.rows("x", "k"),
    "W": lambda s: s.panels(s["k"], s["n"]),
    "bias": lambda s: s.vector(s["n"]),
}
_gradient: Reach = {
    "out": lambda s: s.panels(s["k"], s["n"]),
    "x": lambda s: s.rows("x", "k"),
    "dout": lambda s: s.rows("dout", "n"),
}
_bias_gradient: Reach = {"out": lambda s: s.vector(s["n"]), "dout": lambda s: s.rows("dout", "n")}
_forward: Reach = {"out": lambda s: s.rows("out", "n"), "x": lambda s: s.rows("x", "n")}
_back: Reach = {name: (lambda s, name=name: s.rows(name, "n")) for name in ("out", "dout", "y")}  # type: ignore[misc]
_losses: Reach = {"losses": lambda s: s["rows"] * s.rounds * s.itemsize}
_marked: Reach = {"marks": lambda s: s.marks("marks")}
_parts: Reach = {"out": lambda s: s.vector(s["count"]), "parts": lambda s: s.sum_parts()}

REACH: dict[str, Reach] = {
    "BARRIER": {},
    "GATHER": {"out": lambda s: s.rows("out", "count")},
    "AFFINE": _product,
    "BACK": _product,
    "AFFINE_SPARSE": _product | _marked,
    "THIN": {
        "out": lambda s: s.rows("out", "n"),
        "x": lambda s: s["rows"] * s["x_step"],
        "W": lambda s: s["k"] * s["n"] * s.itemsize,
        "bias": lambda s: s["n"] * s.itemsize,
    },
    "JOIN": {
        "out": lambda s: s.rows("out", "n"),
        "parts": lambda s: s.parts(),
        "bias": lambda s: s.vector(s["n"]),
    },
    "RELU": _forward,
    "SIGMOID": _forward,
    "RELU_BACK": _back,
    "SIGMOID_BACK": _back,
    "SOFTMAX_LOSS": _forward | _losses,
    "SQUARE_LOSS": _forward | _losses | {"t": lambda s: s.rows("t", "n")},
    "MEAN": {"losses": lambda s: s["rows"] * s.itemsize},
    "AGAIN": {},
    "GRAD_W": _gradient,
    "STEP_W": _gradient,
    "GRAD_W_SPARSE": _gradient | _marked,
    "STEP_W_SPARSE": _gradient | _marked,
    "GRAD_B": _bias_gradient,
    "STEP_B": _bias_gradient,
    "STEP": {name: (lambda s: s.vector(s["count"])) for name in ("out", "grad")},
    "TRANSPOSE": {"out": lambda s: s.panels(s["n"], s["k"]), "W": lambda s: s.panels(s["k"], s["n"])},
    "PACK": {"out": lambda s: s.packed(), "values": lambda s: s["k"] * s["n"] * s.itemsize},
    "UNPACK": {"x": lambda s: s.packed(), "values": lambda s: s["k"] * s["n"] * s.itemsize},
    "SCORES": {"out": lambda s: s["rows"] * s["n"] * s.itemsize, "x": lambda s: s.rows("x", "n")},
    "BEST": {"out": lambda s: s["rows"] * 8, "x": lambda s: s.rows("x", "n")},
    "NONZERO": {"out": lambda s: s.marks("out"), "x": lambda s: s.rows("x", "k")},
    "PAD": {"out": lambda s: s.frame(), "x": lambda s: s.framed()},
    "CONV": {
        "out": lambda s: s.pixels("out"),
        "x": lambda s: s.images(),
        "W": lambda s: s.panels(s.window(), s["n"], tailed=False),
        "bias": lambda s: s.vector(s["n"]),
    },
    "GRAD_CONV": {
        "out": lambda s: s.weight_parts(),
        "x": lambda s: s.images(),
        "dout": lambda s: s.pixels("dout"),
    },
    "ADD_PARTS": _parts,
    "STEP_PARTS": _parts,
    "FLIP": {"out": lambda s: s.turned("out"), "W": lambda s: s.turned("W")},
}


DRAWING = frozenset({"GATHER", "SOFTMAX_LOSS"})
"""These go by the order, which runner.py has checked; others read a batch of data where it lies."""


def verify(program: Program, block_bytes: int) -> None:
    """Raise BadTape for a program that could touch what it must not. `block_bytes` is the size of the Block."""
    written: set[tuple[Bank, int]] = set()
    again = [number for number, line in enumerate(program.lines) if line.op.name == "AGAIN"]
    if len(again) != (program.parts > 1) or not all(program.body <= at < program.ending for at in again):
        raise BadTape(f"a batch in {program.parts} parts cannot begin again at lines {again}")
    for number, line in enumerate(program.lines):
        if OPS.get(line.op.name) != line.op or line.op.name not in REACH:
            raise BadTape(f"line {number}: {line.op.name} is no instruction that can be checked")
        for field, value in line.sizes.items():
            if value < 0 and field != "scale":
                raise BadTape(f"line {number} {line.op.name}: {field} is {value}")
        sizes = Extents(program, line)
        in_order = sorted(line.op.operands.items(), key=lambda item: item[1] == "w")  # reads come before writes
        for operand, use in in_order:
            _check(program, line, sizes, operand, use, block_bytes, written, f"line {number} {line.op.name}")


def _check(
    program: Program,
    line: Line,
    sizes: Extents,
    operand: str,
    use: str,
    block_bytes: int,
    written: set[tuple[Bank, int]],
    where: str,
) -> None:
    buffer = line.operands[operand]
    where = f"{where}: {operand} ({buffer.name})"
    if buffer.bank in READ_ONLY:
        if use != "r":
            raise BadTape(f"{where} is data, and would be written to")
        if line.op.name not in DRAWING:
            end = REACH[line.op.name][operand](sizes)
            if end > buffer.size or buffer.size > program.batch * buffer.step:
                raise BadTape(f"{where} reaches to byte {end}, one batch of data to {buffer.size}")
        return  # rows of data are bounded by the check of order and shape in runner.py
    outside = buffer.bank in (Bank.VALUES, Bank.SLOPES, Bank.OUTPUT)
    room = buffer.offset + buffer.size if buffer.bank == Bank.OUTPUT else block_bytes
    room = room if outside else program.place_sizes.get(buffer.bank, 0)
    end = buffer.offset + REACH[line.op.name][operand](sizes)
    if buffer.offset < 0 or end > room or end > buffer.offset + buffer.size:
        raise BadTape(f"{where} reaches to byte {end}, its buffer to {min(room, buffer.offset + buffer.size)}")
    key = (buffer.bank, buffer.offset)
    if use != "r":
        written.add(key)
    if use != "w" and buffer.bank == Bank.SCRATCH and key not in written:
        raise BadTape(f"{where} is read before anything was written to it")
