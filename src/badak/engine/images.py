"""Rules for the layers of images, and the pieces in which a network for images is gone through.

Importing this module enters the rules into lower.py's table.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby, pairwise, takewhile
from typing import Any

import numpy as np

from badak.engine import rules
from badak.engine.lower import BY_NUMBER, REFUSALS, RULES, SETTINGS, Backward, Lowering, Rule, bits, rule
from badak.engine.opcodes import OPS, SOURCES, Bank
from badak.engine.plan import ALIGNMENT, Buffer, Layout, Line, Picture, Program, View, memory, whole
from badak.graph import Node
from badak.layers import AveragePooling, BatchNormalization, Convolution, Dropout, Flatten, Pooling, Relu
from badak.layers.base import SameShape
from badak.validate import is_whole

CHUNKS = 8
"""The gradient of a convolution is added up in so many parts, each over its share of the images."""
CACHE = 400_000
"""Bytes: a piece has as many images as fit into this, as far as they pass from line to line."""
PLACES = 1 << 16
"""Pooling keeps in 16 bits which pixel of its window was the largest."""
PICTORIAL = (Convolution, Pooling, AveragePooling)


def are_images(nodes: list[Node]) -> bool:
    """Say whether a network takes images that must lie as such: some layer works with their lines and columns."""
    shapes = [node.input_shape or () for node in nodes]
    works = (*PICTORIAL, BatchNormalization)
    return any(len(shape) == 3 and type(node.layer) in works for shape, node in zip(shapes, nodes, strict=True))


def in_order(nodes: list[Node]) -> list[Node]:
    """Put each Relu that stands before a Pooling behind it, where it has less to do.

    The largest of what Relu gives is what Relu makes of the largest; and where that is above 0, both orders send
    the gradient to the first place that has it, and where it is not, nowhere.
    """
    nodes = [*nodes]
    for at, (node, after) in enumerate(pairwise(nodes)):
        if type(node.layer) is Relu and type(after.layer) is Pooling:
            nodes[at] = replace(after, input_shape=node.input_shape)
            nodes[at + 1] = replace(node, input_shape=after.output_shape, output_shape=after.output_shape)
    return nodes


def draw(low: Lowering, source: str, scale: float) -> Picture:
    """Write the line that draws images, channels side by side; a convolution alone takes them without filling."""
    assert low.nodes[0].input_shape is not None
    program, (C, H, W) = low.program, low.nodes[0].input_shape
    first = low.following(-1)
    depth = C if isinstance(first, Convolution) else whole(C, program.lanes) * program.lanes
    x = program.picture("x", H, W, C, depth, border_of(low, -1))
    data = program.outside("data", Bank.DATA, (), 0, 0)
    program.emit("DRAW", program.by_images(), "", out=x, data=data, out_start=x.start(), out_line=x.line,
                 out_pixel=x.pixel, row_bytes=C * H * W * int(source[1]), source=SOURCES[source], scale=bits(scale, 4),
                 images=low.batch, height=H, width=W, channels=C, depth=depth)  # fmt: skip
    return x


def border_of(low: Lowering, at: int) -> int:
    """Give the frame of zeros that the output of layer number `at` needs: what the next convolution pads with."""
    layer = _next_windowed(low, at)
    return int(layer.pad) if isinstance(layer, Convolution) and not _drawn_next(low, at) else 0


def _drawn_next(low: Lowering, at: int) -> bool:
    """Say whether the images of layer number `at` go through a Dropout, which draws for images without a frame.

    All layers from there to the Dropout go without: on the way back they give each other images of one form.
    """
    return low.backwards and Dropout in {type(node.layer) for node in _by_number(low, at)}


def _by_number(low: Lowering, at: int) -> Iterator[Node]:
    """Give the layers for each number that follow number `at`, up to the first that is none."""
    return takewhile(lambda node: type(node.layer) in BY_NUMBER, low.nodes[at + 1 :])


def _next_windowed(low: Lowering, at: int) -> Any:
    """Give the layer that goes on with the images of layer number `at` as such, or None where they become rows."""
    rest = (node.layer for node in low.nodes[at + 1 :] if not isinstance(node.layer, SameShape))
    layer = next(rest, None)
    return layer if isinstance(layer, PICTORIAL) else None


def _normalized_next(low: Lowering, at: int) -> bool:
    """Say whether the images of layer number `at` go through layers for each number into a BatchNormalization."""
    rest = (type(node.layer) for node in low.nodes[at + 1 :] if type(node.layer) not in BY_NUMBER)
    return next(rest, None) is BatchNormalization


def _framed(low: Lowering, x: Picture, border: int, name: str = "", apart: int = 1, compact: bool = False) -> Picture:
    """Give `x` with a frame of at least so many zeros, copied only where it has none, its pixels `apart`.

    `compact` asks for one without a frame, whose images lie end to end.
    """
    if (x.compact and not x.border) if compact else (apart == 1 and x.border >= border):
        return x
    program = low.program
    height, width = (x.height - 1) * apart + 1, (x.width - 1) * apart + 1
    depth = whole(x.depth, program.lanes) * program.lanes
    out = program.picture(name or f"{x.name} framed", height, width, x.channels, depth, border, compact)
    program.emit("SPREAD", program.by_images(), "", out=out, x=x, out_start=out.start(), out_line=out.line,
                 out_pixel=out.pixel, x_start=x.start(), x_line=x.line, x_pixel=x.pixel, images=low.batch,
                 height=x.height, width=x.width, numbers=out.shape[1], apart=apart)  # fmt: skip
    return out


@rule(Convolution)
def _convolution(low: Lowering, node: Node, x: Buffer) -> tuple[Buffer, Backward]:
    assert isinstance(x, Picture)
    lines = _Convolution(low, node, x)
    return lines.forward(), lines.backward


class _Convolution:
    """The lines of one Convolution: forward, backward, and the change of its parameters."""

    def __init__(self, low: Lowering, node: Node, x: Picture) -> None:
        self.low, self.program, self.name, layer = low, low.program, node.name, node.layer
        self.F, self.C, self.FH, self.FW = np.shape(layer.W)
        self.stride, self.pad = int(layer.stride), int(layer.pad)
        self.given, self.x = x, _framed(low, x, self.pad)
        places = self.FH * self.FW
        self.layout = Layout(self.C, places, self.x.depth, places, 1, self.C * places, tailed=False)
        self.key_w, self.key_b = node.params["W"], node.params["b"]
        self.k = places * self.x.depth
        self.W = self.program.weights(self.key_w, self.k, self.F, Bank.WEIGHTS, self.layout)
        self.b = self.program.vector(self.key_b, self.F, Bank.WEIGHTS)
        self.number = low.number("convolution")
        assert node.output_shape is not None
        _, self.OH, self.OW = node.output_shape
        self.goes_on = low.backwards and any(each.params for each in low.nodes[: low.at])
        self.flipped: Buffer | None = None

    def forward(self) -> Picture:
        low, program, x = self.low, self.program, self.x
        depth = whole(self.F, program.lanes) * program.lanes
        compact = _normalized_next(low, low.at)
        border = 0 if compact else border_of(low, low.at)
        framed = not compact and not _drawn_next(low, low.at) and _next_windowed(low, low.at) is not None
        if self.goes_on and self.stride == 1 and framed:
            # A gradient has the frame of what it belongs to, and dx needs this one.
            border = max(border, self.FH - 1 - self.pad, self.FW - 1 - self.pad)
        out = program.picture(f"c{self.number}", self.OH, self.OW, self.F, depth, border, compact)
        program.emit("CONV", program.by_images(), self.name, out=out, x=x, W=self.W, bias=self.b, out_start=out.start(),
                     out_line=out.line, out_pixel=out.pixel, x_start=x.start(self.pad, self.pad), x_line=x.line,
                     x_pixel=x.pixel, images=low.batch, height=self.OH, width=self.OW, window_height=self.FH,
                     window_width=self.FW, depth=x.depth, n=self.F, stride=self.stride)  # fmt: skip
        return out

    def backward(self, dout: Buffer) -> Buffer | None:
        assert isinstance(dout, Picture)
        low, program, x = self.low, self.program, self.x
        chunks = min(CHUNKS, low.batch)
        parts = program.weights(f"parts of d{self.key_w}", self.k, self.F, Bank.SCRATCH, self.layout, chunks)
        sums = program.matrix(f"parts of d{self.key_b}", chunks, self.F)
        program.emit("GRAD_CONV", program.by_images(), self.name, out=parts, sums=sums, x=x, dout=dout,
                     x_start=x.start(self.pad, self.pad), x_line=x.line, x_pixel=x.pixel, dout_start=dout.start(),
                     dout_line=dout.line, dout_pixel=dout.pixel, images=low.batch, height=self.OH, width=self.OW,
                     window_height=self.FH, window_width=self.FW, depth=x.depth, n=self.F, stride=self.stride,
                     chunks=chunks, part_step=parts.step, sums_step=sums.step)  # fmt: skip
        low.later.append(lambda: self._change(parts, sums, chunks))
        if not low.layers_below:
            return None
        low.layers_below -= 1
        return self._further(dout)

    def _further(self, dout: Picture) -> Picture:
        """Write dx: dout in a frame, convolved with the filters upside down."""
        low, program, x = self.low, self.program, self.given
        places, above, left = self.FH * self.FW, self.FH - 1 - self.pad, self.FW - 1 - self.pad
        height, width = (self.OH - 1) * self.stride + 1, (self.OW - 1) * self.stride + 1
        border = max(0, above, left, x.height + self.pad - height, x.width + self.pad - width)
        d = _framed(low, dout, border, f"{dout.name} framed", self.stride)
        self.flipped = program.weights(f"{self.key_w} flipped", places * d.depth, x.depth, Bank.SCRATCH,
                                       Layout(0, 0, 0, 0, 0, 0, tailed=False))  # fmt: skip
        self._flip()
        program.lines.insert(program.body, program.lines.pop())  # at the start of the call
        program.body += 1
        dx = low.like(x, f"d{x.name}")
        assert isinstance(dx, Picture)
        program.emit("CONV", program.by_images(), self.name, out=dx, x=d, W=self.flipped,
                     bias=low.nothing(x.depth), out_start=dx.start(), out_line=dx.line, out_pixel=dx.pixel,
                     x_start=d.start(above, left), x_line=d.line, x_pixel=d.pixel, images=low.batch, height=x.height,
                     width=x.width, window_height=self.FH, window_width=self.FW, depth=d.depth, n=x.depth,
                     stride=1)  # fmt: skip
        return dx

    def _flip(self) -> None:
        assert self.flipped is not None
        self.program.emit("FLIP", None, self.name, out=self.flipped, W=self.W, places=self.FH * self.FW,
                          depth=self.x.depth, n=self.F)  # fmt: skip

    def _change(self, parts: Buffer, sums: Buffer, chunks: int) -> None:
        """Write what becomes of the gradients, once their parts are there."""
        program, low, update, W, b = self.program, self.low, "STEP", self.W, self.b
        fused = low.training and low.how.fused
        if not fused:
            update = "ADD"
            W = program.weights(f"d{self.key_w}", self.k, self.F, Bank.GRADS, self.layout)
            b = program.vector(f"d{self.key_b}", self.F, Bank.GRADS)
        for out, part, count in ((W, parts, parts.step // program.itemsize), (b, sums, self.F)):
            owner = ("columns", whole(count, program.lanes))
            program.emit(f"{update}_PARTS", owner, self.name, out=out, parts=part, count=count, chunks=chunks,
                         part_step=part.step)  # fmt: skip
        then = self._flip if self.flipped is not None else None
        if not fused:
            low.update(self.key_w, self.W, W, self.name, then)
            low.update(self.key_b, self.b, b, self.name)
        elif then is not None:
            then()


def _pooling(low: Lowering, node: Node, x: Buffer) -> tuple[Buffer, Backward]:
    assert isinstance(x, Picture)
    assert node.output_shape is not None
    program, layer, average = low.program, node.layer, int(type(node.layer) is AveragePooling)
    _, OH, OW = node.output_shape
    number = low.number("pooling")
    compact = _normalized_next(low, low.at)
    border = 0 if compact else border_of(low, low.at)
    out = program.picture(f"p{number}", OH, OW, x.channels, x.depth, border, compact)
    vectors = x.depth // program.lanes
    places: Buffer = out  # the mean needs none
    if not average:
        step = -(-OH * OW * x.depth * 2 // ALIGNMENT) * ALIGNMENT
        places = program._add(Buffer(f"places{number}", Bank.SCRATCH, (low.batch, OH * OW), step, step * low.batch))
    sizes = {
        "images": low.batch,
        "height": OH,
        "width": OW,
        "window_height": layer.pool_h,
        "window_width": layer.pool_w,
        "vectors": vectors,
        "stride": layer.stride,
        "pad": layer.pad,
        "x_height": x.height,
        "x_width": x.width,
        "average": average,
    }
    program.emit("POOL", program.by_images(), node.name, out=out, place=places, x=x, out_start=out.start(),
                 out_line=out.line, out_pixel=out.pixel, x_start=x.start(), x_line=x.line, x_pixel=x.pixel,
                 **sizes)  # fmt: skip

    def backward(dout: Buffer) -> Buffer:
        assert isinstance(dout, Picture)
        dx = low.like(x, f"d{x.name}")
        assert isinstance(dx, Picture)
        program.emit("POOL_BACK", program.by_images(), node.name, out=dx, place=dout if average else places, dout=dout,
                     out_start=dx.start(), out_line=dx.line, out_pixel=dx.pixel, dout_start=dout.start(),
                     dout_line=dout.line, dout_pixel=dout.pixel, numbers=dx.shape[1], **sizes)  # fmt: skip
        return dx

    return out, backward


RULES[Pooling] = RULES[AveragePooling] = _pooling


def _unfit(layer: Any) -> str | None:
    """Say why a layer cannot look through its windows, if somebody changed their sizes to what they cannot be."""
    for name in SETTINGS[type(layer)]:
        value, least = getattr(layer, name), int(name != "pad")
        if not is_whole(value, least):
            return f"a {name} that is no whole number of {least} or more"
    if type(layer) is not Convolution and layer.pad >= min(layer.pool_h, layer.pool_w):
        return "a pad that is as large as the window"
    if type(layer) is Pooling and layer.pool_h * layer.pool_w > PLACES:
        return f"a window of more than {PLACES:,} pixels"
    return None


SETTINGS[Convolution] = ("stride", "pad")
SETTINGS[Pooling] = SETTINGS[AveragePooling] = ("pool_h", "pool_w", "stride", "pad")
REFUSALS[Convolution] = REFUSALS[Pooling] = REFUSALS[AveragePooling] = _unfit


@rule(Flatten)
def _flatten(low: Lowering, node: Node, x: Buffer) -> tuple[Buffer, Backward]:
    """Write nothing where an Affine follows, which takes its weights in the order of the images; else a copy."""
    if not isinstance(x, Picture) or low.affine_follows():
        return x, lambda dout: dout
    program, pixels = low.program, x.height * x.width
    rows = low.activation(pixels * x.channels, f"flat{low.number('flatten')}")
    sizes = {"images": low.batch, "pixels": pixels, "channels": x.channels, "depth": x.depth}
    program.emit("FLATTEN", program.by_images(), node.name, out=rows, x=x, **sizes)

    def backward(dout: Buffer) -> Buffer:
        dx = low.like(x, f"d{x.name}")
        program.emit("UNFLATTEN", program.by_images(), node.name, out=dx, x=dout, **sizes)
        return dx

    return rows, backward


# -- layers for each number, of images ---------------------------------------------------------------------------------


def _of_images(rows: Rule) -> Rule:
    """Make the rule of BatchNormalization: that of rows, a row being a pixel of any image."""

    def write(low: Lowering, node: Node, x: Buffer) -> tuple[Buffer, Backward]:
        if not isinstance(x, Picture):
            return rows(low, node, x)
        x = _framed(low, x, 0, compact=True)
        shape = (low.batch * x.height * x.width, x.channels)
        y, back = rows(low, node, View(x, shape, x.pixel))
        assert isinstance(y, View)

        def backward(dout: Buffer) -> Buffer | None:
            assert isinstance(dout, Picture)
            d = _framed(low, dout, 0, compact=True)
            dx = back(View(d, shape, d.pixel))
            return memory(dx) if dx is not None else None

        return y.of, backward

    return write


RULES[BatchNormalization] = _of_images(rules.batch_normalization)


# -- pieces -----------------------------------------------------------------------------------------------------------


def gather_pieces(program: Program) -> None:
    """Put lines for images that follow each other into pieces, and images that no other line needs into Bank.LOCAL."""
    images = program.by_images()
    body = program.lines[program.body : program.ending]
    runs = [(is_run, [*lines]) for is_run, lines in groupby(body, lambda line: line.owner == images)]
    others = {id(memory(b)) for is_run, lines in runs if not is_run for line in lines for b in line.operands.values()}
    _compute_again(program, [lines for is_run, lines in runs if is_run], others)
    body = [line for _, lines in runs for line in lines]
    where: dict[int, set[int]] = {}
    for number, (is_run, lines) in enumerate(runs):
        for line in lines:
            for operand in map(memory, line.operands.values()):
                where.setdefault(id(operand), set()).add(number if is_run else -1)
    chunks = min(CHUNKS, program.batch)
    pictures = [buffer for buffer in program.buffers if isinstance(buffer, Picture)]
    for picture in pictures:
        if len(where[id(picture)]) > 1 or -1 in where[id(picture)]:
            picture.bank = Bank.SCRATCH
    slab = _place_local(program, [picture for picture in pictures if picture.bank == Bank.LOCAL], body)
    program.place_sizes[Bank.LOCAL] = slab
    share = -(-program.batch // chunks)
    program.piece = max(1, min(share, CACHE // max(slab, 1)))
    new: list[Line] = []
    for is_run, run in runs:
        lines = run
        if is_run:
            lines = [each for line in run for each in (*_borders(program, line, run), line)]
            sizes = {"images": program.batch, "chunks": chunks, "size": program.piece, "length": len(lines)}
            new.append(Line(OPS["PIECES"], {}, sizes, images))
        new += lines
    program.lines[program.body : program.ending] = new
    program.ending = program.body + len(new)
    for picture in pictures:
        if picture.bank == Bank.SCRATCH and picture.border:  # nobody writes to it later
            program.lines.insert(program.body, _border(program, picture, None))
            program.body += 1
            program.ending += 1
    for line in program.lines:
        for name, buffer in line.operands.items():
            if isinstance(buffer, Picture) and f"{name}_step" in line.sizes:
                line.sizes[f"{name}_step"] = buffer.step


CHEAP, CHEAP_LINES = 32, frozenset({"CONV", "RELU", "LEAKY_RELU", "TANH"})
"""A convolution whose windows hold so few numbers takes about as long as writing its output down and reading it."""


def _compute_again(program: Program, runs: list[list[Line]], others: set[int]) -> None:
    """Let images that are cheap to compute be computed again on the way back, instead of being kept for all samples.

    So the output of a first convolution, often the largest of all, needs room for one piece only. `others` are the
    buffers that lines outside of the `runs` of images touch, by id.
    """
    for picture in [each for each in program.buffers if isinstance(each, Picture) and id(each) not in others]:
        users = [[line for line in run if any(memory(b) is picture for b in line.operands.values())] for run in runs]
        first, *later = [number for number, lines in enumerate(users) if lines] or [-1]
        if len(later) != 1:
            continue
        makers = [line for line in users[first] if line.operands.get("out") is picture]
        kept = {id(b) for run in runs[:first] for line in run for b in line.operands.values()}
        drawn = {id(line.operands["out"]) for line in runs[first] if line.op.name == "DRAW"}
        inputs = [b for line in makers for b in line.operands.values() if isinstance(b, Picture) and b is not picture]
        if not all(line.op.name in CHEAP_LINES and _numbers(line) <= CHEAP for line in makers):
            continue
        if not makers or not all(id(each) in kept | drawn for each in inputs):
            continue
        copy = program.picture(f"{picture.name} again", picture.height, picture.width, picture.channels, picture.depth,
                               picture.border, picture.compact)  # fmt: skip
        there = {id(picture): copy}
        back = runs[later[0]]
        at = back.index(users[later[0]][0])
        for line in users[later[0]]:
            line.operands = {name: there.get(id(b), b) for name, b in line.operands.items()}
        back[at:at] = [
            replace(line, operands={name: there.get(id(b), b) for name, b in line.operands.items()}) for line in makers
        ]


def _numbers(line: Line) -> int:
    """Give how many numbers a window of a convolution holds; 0 for other lines."""
    return line.sizes.get("window_height", 0) * line.sizes.get("window_width", 0) * line.sizes.get("depth", 0)


WHOLE = ("POOL_BACK", "SPREAD", "DRAW")
"""Lines that write the frame of their output, too."""


def _borders(program: Program, line: Line, lines: list[Line]) -> list[Line]:
    """Give the line that makes the frame of a local image 0 before it is first written to."""
    out = line.operands.get("out")
    if not isinstance(out, Picture) or out.bank != Bank.LOCAL or not out.border or line.op.name in WHOLE:
        return []
    reads = [each.op.name for each in lines if out in [each.operands.get(name) for name in ("x", "dout", "y")]]
    if set(reads) <= {"POOL", "POOL_BACK"}:  # which keep to the image
        return []
    first = next(each for each in lines if each.operands.get("out") is out)
    return [_border(program, out, program.by_images())] if first is line else []


def _border(program: Program, picture: Picture, owner: Any) -> Line:
    sizes = {"out_step": picture.step, "images": program.batch, "height": picture.height, "width": picture.width,
             "border": picture.border, "channels": picture.depth, "depth": picture.depth}  # fmt: skip
    return Line(OPS["BORDER"], {"out": picture}, sizes, owner)


def _place_local(program: Program, pictures: list[Picture], body: list[Line]) -> int:
    """Give each local picture its place among an image's bytes, two that are never there together perhaps the same."""
    lives = {}
    for picture in pictures:
        uses = [at for at, line in enumerate(body) if any(memory(each) is picture for each in line.operands.values())]
        lives[id(picture)] = (uses[0], uses[-1])
    placed: list[Picture] = []
    for picture in sorted(pictures, key=lambda each: -each.step):
        first, last = lives[id(picture)]
        here = [p for p in placed if lives[id(p)][0] <= last and first <= lives[id(p)][1]]
        at = 0
        for other in sorted(here, key=lambda each: each.offset):
            if at + picture.step <= other.offset:
                break
            at = max(at, other.offset + other.step)
        picture.offset = at
        placed.append(picture)
    slab = max((picture.offset + picture.step for picture in pictures), default=0)
    for picture in pictures:
        picture.size, picture.step = picture.step, slab  # from one image to the next, all of them lie together
    return slab
