"""Check a program before it runs: native code has no bounds of its own.

Each line's operands must lie inside their buffers with all the bytes that its sizes make it touch, scratch memory
must be written before it is read, and nothing may be written to data or targets. What an instruction touches stands in
one table, REACH; an instruction that is not in it is refused.
"""

from collections.abc import Callable

from badak.engine.opcodes import BITS, OPS, READ_ONLY, SOURCES, Bank, Split
from badak.engine.plan import Line, Panels, Program, whole


class BadTape(AssertionError):
    """Says which line of a program is wrong, and how: a fault in the engine, never in the user's work."""


class Extents:
    """A line with the arithmetic of its extents: how many bytes from an operand's beginning it may touch."""

    def __init__(self, program: Program, line: Line) -> None:
        self.name, self.size, self.line = line.op.name, line.sizes, line
        self.itemsize, self.lanes, self.width = program.itemsize, program.lanes, program.width
        self.rounds = program.parts
        self.slab = program.place_sizes.get(Bank.LOCAL, 0)

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
        if self.line.operands[operand].bank == Bank.LOCAL:  # see `pictures`
            return self.local(operand, widest)
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
        if self["pixels"] * self["depth"] != self["k"] or self["channels"] > self["depth"]:
            self.refuse("rows for other channels and places than the weights have")
        return self.panels(self["k"], self["n"], tailed=not self["flat"])

    def unpacked(self) -> int:
        """Give the bytes of the Block's side of a PACK or UNPACK."""
        steps = ((self["channels"], "c_step"), (self["pixels"], "p_step"), (self["n"], "n_step"))
        return (1 + sum((count - 1) * self[step] for count, step in steps)) * self.itemsize

    def marks(self, operand: str) -> int:
        """Give the bytes of marks of what is not zero."""
        step = self[f"{operand}_step"]
        if 2 * (self["rows"] + self.lanes) > step:
            self.refuse(f"{step} bytes of marks are too few for {self['rows']} rows")
        return whole(self["k"], self.lanes) * step

    # -- images -------------------------------------------------------------------------------------------------

    def pictures(self, operand: str, lines: int, columns: int, beyond: int = 0) -> int:
        """Give the bytes of images of which so many lines and columns of pixels are touched, `beyond` added to each.

        Images of Bank.LOCAL lie alone: only one of them is counted, since a piece never holds more than it has room
        for.
        """
        if lines < 1 or columns < 1:
            self.refuse(f"{operand} has no pixels")
        end = self[f"{operand}_start"] + (lines - 1) * self[f"{operand}_line"] + columns * self[f"{operand}_pixel"]
        return self.images(operand, end + beyond)

    def images(self, operand: str, each: int) -> int:
        """Give the bytes of images of so many bytes, some step apart."""
        step, count = self[f"{operand}_step"], self["images"]
        if each > step:
            self.refuse(f"an image of {operand} has {step} bytes, fewer than {each}")
        return self.local(operand, each) if self.line.operands[operand].bank == Bank.LOCAL else count * step

    def local(self, operand: str, each: int) -> int:
        """Give the bytes of one image of a piece, after a look at how far the images lie from each other."""
        if self[f"{operand}_step"] != self.slab:
            self.refuse(f"images of a piece lie {self.slab} bytes from each other, not {self[f'{operand}_step']}")
        return each

    def wide(self, operand: str, n: str) -> int:
        """Refuse pixels that are narrower than their channels, filled up to whole vectors."""
        if self.vector(self[n]) > self[f"{operand}_pixel"]:
            self.refuse("a pixel is narrower than its channels")
        return 0

    def window(self) -> tuple[int, int]:
        """Give how many lines and columns of pixels the windows of a convolution see."""
        return tuple(  # type: ignore[return-value]
            (self[way] - 1) * self["stride"] + self[f"window_{way}"] for way in ("height", "width")
        )

    def taken(self) -> int:
        """Give how many rows a convolution's weights have."""
        if self["x_pixel"] != self["depth"] * self.itemsize:
            self.refuse("the pixels of a window do not lie side by side")
        return self["window_height"] * self["window_width"] * self["depth"]

    def weight_parts(self) -> int:
        """Give the bytes of a convolution's gradient in parts."""
        if not 1 <= self["chunks"] <= self["images"]:
            self.refuse("there are more parts than images, or none")
        return (self["chunks"] - 1) * self["part_step"] + self.panels(self.taken(), self["n"], tailed=False)

    def sum_parts(self) -> int:
        """Give the bytes of parts that are to be added up."""
        return self.vector(self["count"]) + (self["chunks"] - 1) * self["part_step"]

    def drawn_images(self) -> int:
        """Give the bytes of images that are drawn; the last vector of a line may reach beyond it."""
        if self["depth"] > 1 and (self["width"] * self["depth"]) % self.lanes and self["depth"] > self["channels"]:
            self.refuse("pixels that are filled up take whole vectors")
        if not 1 <= self["channels"] <= self["depth"]:
            self.refuse("more channels than a pixel has room for")
        if self["depth"] * self.itemsize != self["out_pixel"]:
            self.refuse("a pixel has not the room of its channels")
        size = next((int(name[1:]) for name, number in SOURCES.items() if number == self["source"]), 0)
        if not size or self["channels"] * self["height"] * self["width"] * size > self["row_bytes"]:
            self.refuse("an image of the data has fewer pixels")
        return self.pictures("out", self["height"], self["width"], self.width)

    def framed(self) -> int:
        """Give the bytes of images with their frames, which BORDER and SPREAD fill."""
        edge = 2 * self["border"]
        return self.images("out", (self["height"] + edge) * (self["width"] + edge) * self["depth"] * self.itemsize)

    def spread(self) -> int:
        """Give the bytes of what SPREAD writes."""
        lines, columns = ((self[way] - 1) * self["apart"] + 1 for way in ("height", "width"))
        return max(self.pictures("out", lines, columns), self.images("out", self.vector(self["numbers"])))

    def flipped(self, operand: str) -> int:
        """Give the bytes of weights before or after they are flipped."""
        n = whole(self["n"], self.lanes) * self.lanes
        if self["depth"] % self.lanes:
            self.refuse("inputs that fill no whole vectors cannot be flipped")
        if operand == "W":
            return self.panels(self["places"] * self["depth"], self["n"], tailed=False)
        return self.panels(self["places"] * n, self["depth"], tailed=False)

    def pooled(self, operand: str) -> int:
        """Give the bytes of what pooling reads or writes: of the images before it, or of those after it."""
        if (self["height"] - 1) * self["stride"] - self["pad"] >= self["x_height"] or (self["width"] - 1) * self[
            "stride"
        ] - self["pad"] >= self["x_width"]:
            self.refuse("the last window lies outside of the image")
        if self["pad"] >= min(self["window_height"], self["window_width"]):
            self.refuse("a window lies in the padding alone")
        back = self.name == "POOL_BACK"
        if (operand == "out") == back:
            if self["vectors"] * self.width > self[f"{operand}_pixel"]:
                self.refuse("a pixel is narrower than its channels")
            for way in ("height", "width"):
                if not self["pad"] and (self[way] - 1) * self["stride"] + self[f"window_{way}"] > self[f"x_{way}"]:
                    self.refuse(f"the last window reaches beyond the {way}")
            all_of_it = self.images("out", self.vector(self["numbers"])) if back else 0
            return max(all_of_it, self.pictures(operand, self["x_height"], self["x_width"]))
        return self.pictures(operand, self["height"], self["width"])

    def places(self) -> int:
        """Give the bytes of the 16-bit places of what was the largest."""
        if self["average"]:
            return 0
        if self["window_height"] * self["window_width"] > 1 << 16:
            self.refuse("16 bits hold no place in so large a window")
        return self.images("place", 2 * self.lanes * self["vectors"] * self["height"] * self["width"])

    def flat(self, operand: str) -> int:
        """Give the bytes of images as rows in NumPy's order, or as they lie here."""
        if self["channels"] > self["depth"] or self["depth"] % self.lanes:
            self.refuse("more channels than a pixel has room for")
        numpy = (operand == "out") == (self.name == "FLATTEN")
        return self.images(operand, self.vector(self["pixels"] * self["channels" if numpy else "depth"]))

    # -- sums of columns, dropout, optimizers -------------------------------------------------------------------

    def column_parts(self, wide: int = 1) -> int:
        """Give the bytes of sums of columns in parts, `wide` sums side by side."""
        if not 1 <= self["chunks"] <= self.size.get("rows", self["chunks"]):
            self.refuse("there are more parts than rows, or none")
        return (self["chunks"] - 1) * self["part_step"] + wide * self.vector(self["n"])

    def drawn(self, operand: str) -> int:
        """Give the bytes of rows that Dropout works on; refuse values that would lie outside their row."""
        channels, pixels = self["channels"], self["pixels"]
        apart = self["depth"] >= channels or pixels == 1
        if min(channels, pixels) < 1 or not apart or (pixels - 1) * self["depth"] + channels > self["n"]:
            self.refuse("a mask would lie outside its row")
        return self.rows(operand, "n")

    def squares(self) -> int:
        """Give the bytes up to the end of one gradient's sums of squares."""
        if self["chunks"] < 1:
            self.refuse("there are no parts")
        return self["at"] * self.itemsize + self.vector(self["chunks"])


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
    "PACK": {"out": lambda s: s.packed(), "values": lambda s: s.unpacked()},
    "UNPACK": {"x": lambda s: s.packed(), "values": lambda s: s.unpacked()},
    "SCORES": {"out": lambda s: s["rows"] * s["n"] * s.itemsize, "x": lambda s: s.rows("x", "n")},
    "BEST": {"out": lambda s: s["rows"] * 8, "x": lambda s: s.rows("x", "n")},
    "PIECES": {},
    "DRAW": {"out": lambda s: s.drawn_images()},
    "BORDER": {"out": lambda s: s.framed()},
    "SPREAD": {"out": lambda s: s.spread(), "x": lambda s: s.pictures("x", s["height"], s["width"])},
    "CONV": {
        "out": lambda s: s.pictures("out", s["height"], s["width"]) + 0 * s.wide("out", "n"),
        "x": lambda s: s.pictures("x", *s.window()),
        "W": lambda s: s.panels(s.taken(), s["n"], tailed=False),
        "bias": lambda s: s.vector(s["n"]),
    },
    "GRAD_CONV": {
        "out": lambda s: s.weight_parts(),
        "sums": lambda s: (s["chunks"] - 1) * s["sums_step"] + s.vector(s["n"]),
        "x": lambda s: s.pictures("x", *s.window()),
        "dout": lambda s: s.pictures("dout", s["height"], s["width"]) + 0 * s.wide("dout", "n"),
    },
    "ADD_PARTS": _parts,
    "STEP_PARTS": _parts,
    "FLIP": {"out": lambda s: s.flipped("out"), "W": lambda s: s.flipped("W")},
    "POOL": {"out": lambda s: s.pooled("out"), "x": lambda s: s.pooled("x"), "place": lambda s: s.places()},
    "POOL_BACK": {
        "out": lambda s: s.pooled("out"),
        "dout": lambda s: s.pooled("dout"),
        "place": lambda s: s.places(),
    },
    "FLATTEN": {"out": lambda s: s.flat("out"), "x": lambda s: s.flat("x")},
    "UNFLATTEN": {"out": lambda s: s.flat("out"), "x": lambda s: s.flat("x")},
}


def _rows(*names: str) -> Reach:
    """Give the extents of matrices of `n` columns."""
    return {name: (lambda s, name=name: s.rows(name, "n")) for name in names}  # type: ignore[misc]


def _vectors(*names: str, count: str = "n") -> Reach:
    """Give the extents of vectors of `count` numbers."""
    return {name: (lambda s: s.vector(s[count])) for name in names}


_rule: Reach = _vectors("out", "grad", "first", "second", count="count")
REACH |= {
    **dict.fromkeys(("TANH", "LEAKY_RELU", "GELU"), _forward),
    **dict.fromkeys(("TANH_BACK", "LEAKY_RELU_BACK", "GELU_BACK", "DROPOUT_BACK"), _back),
    "DROPOUT": {
        "out": lambda s: s.drawn("out"),
        "mask": lambda s: s.drawn("mask"),
        "x": lambda s: s.drawn("x"),
        "state": lambda s: 32,
    },
    "SUM_COLUMNS": {"out": lambda s: s.column_parts()} | _rows("x"),
    "SUM_SQUARES": {"out": lambda s: s.column_parts()} | _rows("x") | _vectors("mean"),
    "SUM_BOTH": {"out": lambda s: s.column_parts(2)} | _rows("dout", "xn"),
    "MEAN_COLUMNS": {"parts": lambda s: s.column_parts()} | _vectors("out"),
    "STD_COLUMNS": {"parts": lambda s: s.column_parts()} | _vectors("out", "mean", "running_mean", "running_var"),
    "STD": _vectors("out", "var"),
    "NORMALIZE": _rows("xn", "out", "x") | _vectors("mean", "std", "gamma", "beta"),
    "JOIN_BOTH": {"parts": lambda s: s.column_parts(2)} | _vectors("dbeta", "dgamma"),
    "NORMALIZE_BACK": _rows("out", "dout", "xn") | _vectors("std", "gamma", "dbeta", "dgamma"),
    "NORMALIZE_ROWS": _rows("xn", "out", "x") | _vectors("gamma", "beta") | {"std": lambda s: s["rows"] * s.itemsize},
    "NORMALIZE_ROWS_BACK": _rows("out", "dout", "xn") | _vectors("gamma") | {"std": lambda s: s["rows"] * s.itemsize},
    "SIGMOID_LOSS": _forward | _losses | {"t": lambda s: s.rows("t", "n")},
    "SQUARES": {"out": lambda s: s.squares(), "sizes": lambda s: s.squares()} | _vectors("grad", count="count"),
    "CLIP": _vectors("grad", count="count") | _vectors("parts", "sizes", count="total"),
    **{f"STEP_{name}": _rule for name in ("SGD", "MOMENTUM", "NESTEROV", "ADAGRAD", "RMSPROP", "ADAM")},
}


DRAWING = frozenset({"GATHER", "DRAW", "SOFTMAX_LOSS"})
"""These go by the order, which runner.py has checked; others read a batch of data where it lies."""


def verify(program: Program, block_bytes: int) -> None:
    """Raise BadTape for a program that could touch what it must not. `block_bytes` is the size of the Block."""
    written: set[tuple[Bank, int]] = set()
    pieces_end = 0
    again = [number for number, line in enumerate(program.lines) if line.op.name == "AGAIN"]
    if len(again) != (program.parts > 1) or not all(program.body <= at < program.ending for at in again):
        raise BadTape(f"a batch in {program.parts} parts cannot begin again at lines {again}")
    for number, line in enumerate(program.lines):
        if OPS.get(line.op.name) != line.op or line.op.name not in REACH:
            raise BadTape(f"line {number}: {line.op.name} is no instruction that can be checked")
        for field, value in line.sizes.items():
            if value < 0 and field not in BITS:
                raise BadTape(f"line {number} {line.op.name}: {field} is {value}")
        sizes = Extents(program, line)
        if line.op.name == "PIECES":
            _check_pieces(program, number, line)
            pieces_end = number + 1 + line.sizes["length"]
        if number >= pieces_end and any(each.bank == Bank.LOCAL for each in line.operands.values()):
            raise BadTape(f"line {number} {line.op.name}: images of a piece are used outside of it")
        if number >= pieces_end and line.op.name == "GRAD_CONV":
            raise BadTape(f"line {number} GRAD_CONV: a sum in the parts of a piece is outside of it")
        in_order = sorted(line.op.operands.items(), key=lambda item: item[1] == "w")  # reads come before writes
        for operand, use in in_order:
            _check(program, line, sizes, operand, use, block_bytes, written, f"line {number} {line.op.name}")


def _check_pieces(program: Program, number: int, line: Line) -> None:
    """Refuse pieces that hold more images than there is room for, or lines that threads would have to meet in."""
    inside = program.lines[number + 1 : number + 1 + line.sizes["length"]]
    if not 1 <= line.sizes["size"] <= program.piece or not 1 <= line.sizes["chunks"] <= line.sizes["images"]:
        raise BadTape(f"line {number} PIECES: {line.sizes} does not fit pieces of {program.piece}")
    if line.sizes["images"] != program.batch or len(inside) != line.sizes["length"]:
        raise BadTape(f"line {number} PIECES: {line.sizes} is not of this program")
    for each in inside:
        if each.owner != line.owner or each.op.name in ("BARRIER", "PIECES"):
            raise BadTape(f"line {number} PIECES: {each.op.name} cannot be in a piece")
        if each.sizes.get("images", each.sizes.get("rows")) != program.batch:
            raise BadTape(f"line {number} PIECES: {each.op.name} has not the images of the piece")
        if each.sizes.get("chunks", line.sizes["chunks"]) != line.sizes["chunks"]:
            raise BadTape(f"line {number} PIECES: {each.op.name} has room for {each.sizes['chunks']} parts")


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
    outside = buffer.bank in (Bank.VALUES, Bank.SLOPES, Bank.OUTPUT, Bank.FIRST, Bank.SECOND)
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
