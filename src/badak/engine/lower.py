"""From a network to lines of the machine: one rule for each class of layer.

A rule is a function `rule(lowering, node, x)` that writes the forward lines and gives the output's buffer and a
function `backward(dout) -> dx`, which writes the backward lines. `@rule(Affine)` enters it into the table. A layer
whose exact class has no rule is refused by name: a layer that was changed or subclassed is never replaced by ours.
"""

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from badak.engine.opcodes import SOURCES, Bank, Split
from badak.engine.plan import ALIGNMENT, Buffer, Layout, Picture, Program, View, memory, whole
from badak.engine.updates import Update
from badak.graph import Node
from badak.layers import Affine, Dropout, Gelu, LeakyRelu, Relu, Sigmoid, Tanh
from badak.losses import IdentityWithLoss, SoftmaxWithLoss
from badak.networks import Network

Backward = Callable[[Buffer], "Buffer | None"]
Rule = Callable[["Lowering", Node, Buffer], tuple[Buffer, "Backward"]]

RULES: dict[type, Rule] = {}
ROWS_ALONE: set[type] = set()
"""Layers whose rules are for rows of numbers, not for images."""
LOSSES: dict[type, Callable[["Lowering", Any, Buffer], Buffer]] = {}
SETTINGS: dict[type, tuple[str, ...]] = {}
"""Numbers of a layer that its lines hold, or follow from: where one was changed, the lines are written anew."""
REFUSALS: dict[type, Callable[[Any], str | None]] = {}
"""Why a layer of a class that has a rule cannot follow it, as the layer is now."""

CHUNKED_WORK = 2_000_000
"""From so many floating-point operations on, the first layer's sum over the inputs is cut in two parts."""
PANELLED_WORK = 16_000_000
"""From so many operations on, threads share a layer by columns of its weights, so that those stay in their cache."""
WORK_PER_THREAD = 1_000_000
"""A step is shared by no more threads than it has this many operations for each."""
WORK_PER_CALL = 16_000_000
"""… and, where one step is a whole call, as many as make up for waking them; …"""
ZEROS_COST = 3
"""… among inputs that are mostly zeros, operations are so many times fewer."""
CHUNKS = 2
NARROW, DEEP = 12, 16
"""… if it gives at most so many vectors and takes at least so many: else its parts cost more than they save."""
ROOM = 1 << 19
"""A batch is cut into parts whose inputs and activations take so many bytes, as a core's cache holds …"""
SMALLEST = 64
"""… but of so many samples at least."""
CUTTABLE = frozenset({Affine, Relu, Sigmoid, Tanh, LeakyRelu, Gelu, SoftmaxWithLoss, IdentityWithLoss})
"""Layers, and losses, that look at each sample by itself and draw nothing: a batch may go through them in parts."""
THIN = 6
"""Up to so many samples, a prediction reads the weights as the Block has them."""


BY_NUMBER = (Relu, Sigmoid, Tanh, LeakyRelu, Gelu, Dropout)
"""Layers that do what they do to each number, wherever it lies."""


def rule(layer: type) -> Callable[[Rule], Rule]:
    """Enter a rule for exactly this class of layer."""

    def enter(function: Rule) -> Rule:
        RULES[layer] = function
        return function

    return enter


class Lowering:
    """A program being written for one network, batch size, purpose and form of the data."""

    def __init__(self, program: Program, purpose: str, offsets: dict[str, int]) -> None:
        self.program, self.purpose, self.offsets = program, purpose, offsets
        self.batch = program.batch
        self.later: list[Callable[[], None]] = []
        self.numbers: dict[str, int] = {}
        self.zeros: Buffer | None = None
        self.kept: list[Buffer] = []
        self.sparse = False
        self.drawn: Buffer | None = None
        self.layers_below = 0
        self.nodes: list[Node] = []
        self.at = -1
        self.how = Update()
        self.updates: list[tuple[str, Buffer, Buffer, str, Callable[[], None] | None]] = []
        self.states: list[tuple[Buffer, str, Bank]] = []
        self.ends: list[Callable[[], None]] = []

    @property
    def thin(self) -> bool:
        """Whether so few samples are predicted that laying the weights out would take longer than using them."""
        return self.purpose in ("scores", "best") and self.batch <= THIN

    @property
    def training(self) -> bool:
        """Whether parameters change on the way."""
        return self.purpose == "train"

    @property
    def backwards(self) -> bool:
        """Whether gradients are asked for."""
        return self.purpose in ("train", "gradient")

    def activation(self, columns: int, name: str) -> Buffer:
        """Make room for what one layer gives for each sample."""
        return self.program.matrix(name, self.batch, columns)

    def like(self, x: Buffer, name: str) -> Buffer:
        """Make room for what has the shape of `x`."""
        if isinstance(x, View):
            of = self.like(x.of, name)
            assert isinstance(of, Picture)
            return View(of, x.shape, x.step)
        if not isinstance(x, Picture):
            return self.program._add(Buffer(name, Bank.SCRATCH, x.shape, x.step, x.size))
        return self.program.picture(name, x.height, x.width, x.channels, x.depth, x.border, compact=x.compact)

    def following(self, at: int) -> Any:
        """Give the layer after number `at`."""
        return self.nodes[at + 1].layer

    def affine_follows(self) -> bool:
        """Say whether the next layer that is not for each number by itself is an Affine."""
        rest = (node.layer for node in self.nodes[self.at + 1 : -1] if type(node.layer) not in BY_NUMBER)
        return isinstance(next(rest, None), Affine)

    def place(self, x: Buffer, name: str) -> Buffer:
        """Give where what is made of `x` may go: in its place, unless something is yet to be read there."""
        return self.like(x, name) if any(memory(x) is memory(kept) for kept in self.kept) else x

    def update(self, key: str, W: Buffer, grad: Buffer, layer: str, then: Callable[[], None] | None = None) -> None:
        """Say what becomes of the gradient `grad`, in Bank.GRADS, of the parameter `key`, which lies in `W` alike.

        Training, the optimizer changes `W` after all gradients are there, and `then` writes the lines that a
        changed W asks for (a transposed copy). If gradients are all that is asked for, `grad` is brought out.
        """
        if self.training:
            self.updates.append((key, W, grad, layer, then))

    def finish(self) -> None:
        """Write the lines that all others had to come before: those of the gradients, and of the optimizer."""
        program, total = self.program, 0
        for change in self.later:
            change()
        if program.parts > 1:
            program.emit("AGAIN")
        for write in self.ends:
            write()
        squares, sizes = (program.vector(name, 0, Bank.SCRATCH) for name in ("squares", "sizes"))
        numbers = {id(grad): grad.size // program.itemsize for _, _, grad, _, _ in self.updates}
        if self.how.clip and self.updates:
            for _, _, grad, layer, _ in self.updates:
                count = numbers[id(grad)]
                chunks = min(64, whole(whole(count, program.lanes), 16))
                program.emit("SQUARES", ("squares",), layer, out=squares, sizes=sizes, grad=grad, at=total, count=count,
                             chunks=chunks)  # fmt: skip
                total += whole(chunks, program.lanes) * program.lanes
            for parts in (squares, sizes):
                parts.shape, parts.size = (total,), total * program.itemsize
        for key, W, grad, layer, _ in self.updates:
            count = numbers[id(grad)]
            owner = ("columns", whole(count, program.lanes))
            if self.how.clip:
                program.emit("CLIP", owner, layer, grad=grad, parts=squares, sizes=sizes, count=count, total=total)
            states = {}
            for state, field, bank in zip(
                self.how.states, ("first", "second"), (Bank.FIRST, Bank.SECOND), strict=False
            ):
                states[field] = program._add(Buffer(f"{state} of {key}", Bank.STATE, W.shape, W.step, W.size))
                states[field].layout = W.layout
                self.states.append((states[field], key, bank))
            decayed = {} if self.how.fused else {"decayed": key in self.how.decayed}
            program.emit(self.how.op, owner, layer, out=W, grad=grad, count=count, **decayed, **states)
        for *_, then in self.updates:
            if then is not None:
                then()

    def nothing(self, n: int) -> Buffer:
        """Give a row of at least `n` zeros, which a sum without a bias starts from."""
        if self.zeros is None:
            self.zeros = self.program.vector("0", n, Bank.WEIGHTS)
        widest = max(n, self.zeros.shape[0])
        self.zeros.shape, self.zeros.size = (widest,), whole(widest, self.program.lanes) * self.program.width
        return self.zeros

    def once(self, write: Callable[[], None]) -> None:
        """Let lines be written behind those of the batch: once, where it comes in parts."""
        (self.later if self.program.parts == 1 else self.ends).append(write)

    def number(self, what: str) -> int:
        """Count: 1 for the first `what`, 2 for the second."""
        self.numbers[what] = self.numbers.get(what, 0) + 1
        return self.numbers[what]


def unruled(network: Network) -> str | None:
    """Give the reason why a network cannot run natively, or None: the first layer that is not ours, unchanged."""
    for name, layer in network.layers.items():
        if type(layer) not in RULES:
            return f"{name} ({type(layer).__name__}) has no rule in the engine"
        changed = _changed(layer)
        if changed:
            return f"{name}.{changed} was replaced by other code"
    if type(network.last_layer) not in LOSSES:
        return f"the loss ({type(network.last_layer).__name__}) has no rule in the engine"
    changed = _changed(network.last_layer)
    if changed:
        return f"{changed} of the loss was replaced by other code"
    return refused(network)


def refused(network: Network) -> str | None:
    """Give the reason why layers that have rules cannot follow them as they are now, or None."""
    for name, layer in network.layers.items():
        reason = REFUSALS.get(type(layer), lambda _: None)(layer)
        if reason:
            return f"{name} ({type(layer).__name__}) has no rule in the engine: {reason}"
    generators = [id(layer.rng.bit_generator) for layer in network.layers.values() if getattr(layer, "rng", None)]
    if len(set(generators)) < len(generators):
        return "layers that share one generator have no rule in the engine"
    return None


def unruled_shapes(nodes: list[Node]) -> str | None:
    """Give the reason why layers of a network cannot take samples of these shapes natively, or None."""
    for node in nodes:
        if type(node.layer) in ROWS_ALONE and len(node.input_shape or ()) > 1:
            return f"{node.name} ({type(node.layer).__name__}) of images has no rule in the engine"
    return None


def settings(network: Network) -> tuple[Any, ...]:
    """Give the numbers of a network's layers that a program of it holds."""
    return tuple(getattr(layer, name) for layer in network.layers.values() for name in SETTINGS.get(type(layer), ()))


def bits(value: float, itemsize: int) -> int:
    """Give a number as the integer that stands for it in a row of a tape."""
    return int(np.float32(value).view(np.int32)) if itemsize == 4 else int(np.float64(value).view(np.int64))


def methods(kind: type) -> list[str]:
    """Name the methods that a layer of ours computes with: forward, backward and their helpers."""
    told = {name for each in kind.__mro__[:-1] for name, value in each.__dict__.items() if inspect.isfunction(value)}
    return sorted(name for name in told if not name.startswith("__") and name not in ("output_shape", "_take"))


def _changed(layer: Any) -> str | None:
    """Name the method of a layer of ours that somebody has put another in place of, on the class or the object."""
    kind = type(layer)
    for method in dict.fromkeys(("forward", "backward", *methods(kind))):
        owner = next((each for each in kind.__mro__ if method in each.__dict__), kind)
        function = owner.__dict__.get(method)
        here = (getattr(function, "__module__", ""), getattr(function, "__qualname__", ""))
        if method in layer.__dict__ or here != (owner.__module__, f"{owner.__name__}.{method}"):
            return method
    return None


# -- the rules --------------------------------------------------------------------------------------------------


@rule(Affine)
def _affine(low: Lowering, node: Node, x: Buffer) -> tuple[Buffer, Backward]:
    if low.thin and not isinstance(x, Picture):
        return _thin_affine(low, node, x), _no_way_back
    lines = _Affine(low, node, x)
    return lines.forward(), lines.backward


def _thin_affine(low: Lowering, node: Node, x: Buffer) -> Buffer:
    """Multiply by the weights as they lie in the Block."""
    program, (k, n) = low.program, np.shape(node.layer.W)
    size = program.itemsize
    W, bias = (
        program.outside(f"block.{key}", Bank.VALUES, (rows, n), n * size, low.offsets[key] * size)
        for key, rows in ((node.params["W"], k), (node.params["b"], 1))
    )
    out = low.activation(n, f"h{low.number('affine')}")
    program.emit("THIN", program.by_rows(), node.name, out=out, x=x, W=W, bias=bias, rows=low.batch, k=k, n=n)
    return out


class _Affine:
    """The lines of one Affine layer: forward, backward, and the change of its parameters at the end of the step."""

    def __init__(self, low: Lowering, node: Node, x: Buffer) -> None:
        self.low, self.program, self.name, self.x = low, low.program, node.name, x
        self.k, self.n = np.shape(node.layer.W)
        self.layout: Layout | None = None
        if isinstance(x, Picture):  # its weights are brought into the order in which images lie
            pixels = x.height * x.width
            self.layout = Layout(x.channels, pixels, x.depth, pixels * self.n, self.n, 1)
            self.k = pixels * x.depth
        self.key_w, self.key_b = node.params["W"], node.params["b"]
        self.W = self.program.weights(self.key_w, self.k, self.n, Bank.WEIGHTS, self.layout)
        self.b = self.program.vector(self.key_b, self.n, Bank.WEIGHTS)
        self.number = low.number("affine")
        self.first = x is low.drawn
        self.transposed: Buffer | None = None
        self.marks: dict[str, Buffer] = {}
        self.sparse = self.first and low.sparse
        self.split, self.chunks, self.owner = self._share()

    def _share(self) -> tuple[Split, int, Any]:
        """Choose how threads share this layer: by what is multiplied, never by how many threads there are."""
        program, work = self.program, 2 * self.low.batch * self.k * self.n
        narrow = self.n <= NARROW * program.lanes
        deep = self.k >= DEEP * program.lanes
        if self.first and self.low.backwards and work >= CHUNKED_WORK and deep and narrow:
            how = Split.BESIDE if self.x.bank == Bank.DATA else Split.CHUNKS
            return how, CHUNKS, program.by_chunks(self.k, CHUNKS)
        if work >= PANELLED_WORK and not self.sparse:
            return Split.PANELS, 1, None
        return Split.ROWS, 1, program.by_rows()

    def forward(self) -> Buffer:
        program, batch, n = self.program, self.low.batch, self.n
        out = self.low.activation(n, f"h{self.number}")
        if self.split == Split.CHUNKS:
            # Each thread draws the columns that it will multiply, and keeps them apart from the others'.
            program.cut(self.x, self.k, self.chunks)
            gather = program.lines[-1]
            gather.sizes.update(split=self.split, chunks=self.chunks, out_step=self.x.step)
            gather.owner = self.owner
        if self.sparse:
            self.marks = {"marks": program.bits("marks", whole(self.k, program.lanes), batch)}
        if self.chunks == 1:
            self._multiply(out, self.b, 0)
            return out
        parts = program.matrix(f"parts{self.number}", batch, n, parts=self.chunks)
        part_step = parts.step * batch
        self._multiply(parts, self.low.nothing(n), part_step)
        program.emit("JOIN", program.by_rows(), self.name, out=out, parts=parts, bias=self.b, rows=batch, n=n,
                     chunks=self.chunks, part_step=part_step)  # fmt: skip
        return out

    def _multiply(self, out: Buffer, bias: Buffer, part_step: int) -> None:
        name = "AFFINE_SPARSE" if self.sparse else "AFFINE"
        self.program.emit(name, self.owner, self.name, **self.marks, out=out, x=self.x, W=self.W, bias=bias,
                          rows=self.low.batch, k=self.k, n=self.n, split=self.split, chunks=self.chunks,
                          part_step=part_step)  # fmt: skip

    def backward(self, dout: Buffer) -> Buffer | None:
        self.low.later.append(lambda: self.change(dout))
        if not self.low.layers_below:
            return None
        self.low.layers_below -= 1
        program, k, n = self.program, self.k, self.n
        self.transposed = program.weights(f"{self.key_w}ᵀ", n, k, Bank.SCRATCH)
        self._transpose(None)
        program.lines.insert(program.body, program.lines.pop())  # at the start of the call
        program.body += 1
        dx = (
            self.low.activation(k, f"d{self.x.name}")
            if self.layout is None
            else self.low.like(self.x, f"d{self.x.name}")
        )
        split = Split.ROWS if self.chunks > 1 else self.split
        owner = program.by_rows() if split == Split.ROWS else None
        program.emit("BACK", owner, self.name, out=dx, x=dout, W=self.transposed, bias=self.low.nothing(k),
                     rows=self.low.batch, k=n, n=k, split=split, chunks=1, part_step=0)  # fmt: skip
        return dx

    def _transpose(self, owner: Any) -> None:
        assert self.transposed is not None
        self.program.emit("TRANSPOSE", owner, self.name, out=self.transposed, W=self.W, k=self.k, n=self.n,
                          split=Split.ROWS)  # fmt: skip

    def change(self, dout: Buffer) -> None:
        """Write what becomes of the gradients: a step of the parameters, or the gradients themselves."""
        program, k, n, batch = self.program, self.k, self.n, self.low.batch
        update, W, b = "STEP", self.W, self.b
        fused = self.low.training and self.low.how.fused and program.parts == 1
        if not fused:
            update = "GRAD"
            W = program.weights(f"d{self.key_w}", k, n, Bank.GRADS, self.layout)
            b = program.vector(f"d{self.key_b}", n, Bank.GRADS)
        by_rows_of_w = ("k", whole(k, program.lanes)) if self.split == Split.ROWS else None
        owner = self.owner if self.chunks > 1 else by_rows_of_w
        name = f"{update}_W_SPARSE" if self.sparse else f"{update}_W"
        program.emit(name, owner, self.name, **self.marks, out=W, x=self.x, dout=dout, rows=batch, k=k, n=n,
                     split=self.split, chunks=self.chunks)  # fmt: skip
        by_columns = ("columns", whole(n, program.lanes))
        program.emit(f"{update}_B", by_columns, self.name, out=b, dout=dout, rows=batch, n=n)
        if not fused:
            again = None if self.transposed is None else lambda: self._transpose(None)
            self.low.update(self.key_w, self.W, W, self.name, again)
            self.low.update(self.key_b, self.b, b, self.name)
        elif self.transposed is not None:
            self._transpose(owner)


def _no_way_back(dout: Buffer) -> Buffer | None:
    raise AssertionError("a program that only predicts has no backward part")


def _softmax_loss(low: Lowering, loss: Any, x: Buffer) -> Buffer:
    program, n = low.program, x.shape[1]
    t = program.outside("t", Bank.TARGETS, (), 8, 0)
    dx = low.activation(n, f"d{x.name}")
    losses = program.vector("losses", low.batch * program.parts, Bank.SCRATCH)
    program.emit("SOFTMAX_LOSS", program.by_rows(), "loss", out=dx, losses=losses, x=x, t=t, rows=low.batch, n=n)
    rows = low.batch * program.parts
    low.once(lambda: program.emit("MEAN", ("one",), "loss", losses=losses, rows=rows))
    return dx


def _square_loss(low: Lowering, loss: Any, x: Buffer) -> Buffer:
    program, n = low.program, x.shape[1]
    data = program.outside("targets", Bank.TARGETS, (), 8, 0)
    t = program.matrix("t", low.batch, n)
    program.emit("GATHER", program.by_rows(), "loss", out=t, data=data, row_bytes=n * program.itemsize, count=n,
                 source=SOURCES[f"f{program.itemsize}"], scale=0, rows=low.batch, split=Split.ROWS,
                 chunks=1)  # fmt: skip
    dx = low.activation(n, f"d{x.name}")
    losses = program.vector("losses", low.batch * program.parts, Bank.SCRATCH)
    program.emit("SQUARE_LOSS", program.by_rows(), "loss", out=dx, losses=losses, x=x, t=t, rows=low.batch, n=n)
    rows = low.batch * program.parts
    low.once(lambda: program.emit("MEAN", ("one",), "loss", losses=losses, rows=rows))
    return dx


LOSSES[SoftmaxWithLoss] = _softmax_loss
LOSSES[IdentityWithLoss] = _square_loss


# -- a whole program --------------------------------------------------------------------------------------------


def parts_of(nodes: list[Node], batch: int, inputs: int, itemsize: int) -> int:
    """Say in how many equal parts a batch goes through: so many that what one part needs stays in a core's cache.

    More weights make larger parts, since each part goes through all their gradients. 1 where a layer looks at the
    whole batch, or where the batch has no fitting divisor.
    """
    if not all(type(node.layer) in CUTTABLE for node in nodes):
        return 1
    weights = sum(math.prod(np.shape(node.layer.W)) for node in nodes if "W" in node.params)
    outputs = sum(np.shape(node.layer.W)[1] for node in nodes if "W" in node.params)
    room = max(ROOM, weights * itemsize)
    fewest = max(1, min(-(-batch * (inputs + 2 * outputs) * itemsize // room), batch // SMALLEST))
    return next((parts for parts in range(fewest, 4 * fewest) if batch % parts == 0), 1)


def work_of(nodes: list[Node], batch: int, backwards: bool) -> int:
    """Give the floating-point operations of one step, products only."""
    products = sum(
        math.prod(np.shape(node.layer.W)) * math.prod((node.output_shape or ())[1:])
        for node in nodes
        if "W" in node.params
    )
    return 2 * batch * products * (3 if backwards else 1)


def lower(
    nodes: list[Node],
    offsets: dict[str, int],
    *,
    batch: int,
    inputs: int,
    source: str,
    scale: float,
    threads: int,
    itemsize: int,
    lanes: int,
    purpose: str,
    sparse: bool = False,
    how: Update = Update(),  # noqa: B008  (it is frozen)
) -> Program:
    """Write the program for `purpose`: 'train', 'gradient', 'loss', 'scores' or 'best' (the place of the best score).

    `nodes` come from `badak.graph`, the loss last; `offsets` says where in the Block each parameter lies, in numbers.
    `inputs` is the number of values a sample, `source` what they are kept as ('u1', 'f4', 'f8'), `scale` what bytes
    are divided by. `sparse` says that most of the inputs are zero, so that passing over them pays; the results are
    the same. `how` says what the optimizer makes of gradients.
    """
    backwards = purpose in ("train", "gradient")
    each = WORK_PER_CALL if purpose in ("gradient", "loss") else WORK_PER_THREAD
    work = work_of(nodes, batch, backwards)
    threads = max(1, min(threads, work // (each * (ZEROS_COST if sparse else 1))))
    parts = 1 if purpose in ("scores", "best") else parts_of(nodes, batch, inputs, itemsize)
    program = Program(itemsize, lanes, batch // parts, threads, parts)
    program.work = work
    low = Lowering(program, purpose, offsets)
    low.sparse = sparse and not low.thin
    images = badak.engine.images
    low.nodes = images.in_order(nodes)
    low.how = how
    pictures = images.are_images(nodes)
    x = images.draw(low, source, scale) if pictures else _input(low, inputs, source, scale)
    low.kept.append(x)
    low.drawn = x
    low.layers_below = max(0, sum(bool(node.params) for node in nodes) - 1)
    backs: list[Backward] = []
    at: Buffer | None = x
    for number, node in enumerate(low.nodes[:-1]):
        assert at is not None
        low.at = number
        at, backward = RULES[type(node.layer)](low, node, at)
        backs.append(backward)
    assert at is not None
    if purpose == "scores":
        out = program.outside("scores", Bank.OUTPUT, (batch, at.shape[1]), at.shape[1] * itemsize)
        program.emit("SCORES", program.by_rows(), "", out=out, x=at, rows=batch, n=at.shape[1])
    elif purpose == "best":
        out = program.outside("best", Bank.OUTPUT, (batch,), 8)
        program.emit("BEST", program.by_rows(), "", out=out, x=at, rows=batch, n=at.shape[1])
    else:
        dout: Buffer | None = LOSSES[type(nodes[-1].layer)](low, nodes[-1].layer, at)
        if backwards:
            for backward in reversed(backs):
                if dout is None:
                    break
                dout = backward(dout)
        low.finish()
    _bring_in_and_out(program, offsets, low.states)
    if pictures:
        images.gather_pieces(program)
    program.place()
    program.add_barriers()
    return program


def _input(low: Lowering, inputs: int, source: str, scale: float) -> Buffer:
    """Give the samples of a batch as rows: where they lie, if that will do, or drawn side by side."""
    alone = type(low.nodes[0].layer) is Affine and low.purpose in ("gradient", "loss")
    if alone and _lies_right(low.program, inputs, source):
        return low.program.outside("x", Bank.DATA, (low.batch, inputs), inputs * low.program.itemsize)
    return _draw(low, inputs, source, scale)


def _lies_right(program: Program, inputs: int, source: str) -> bool:
    """Say whether the rows of a batch lie as `Program.matrix` would lay them: then one call reads them in place."""
    step = inputs * program.itemsize
    if program.parts > 1 or source != f"f{program.itemsize}":
        return False
    return inputs % program.lanes == 0 and step % (2 * ALIGNMENT) == ALIGNMENT


def _draw(low: Lowering, inputs: int, source: str, scale: float) -> Buffer:
    """Write the line that copies the samples of a batch side by side, in numbers of ours."""
    program = low.program
    data = program.outside("data", Bank.DATA, (), 0, 0)
    x = low.activation(inputs, "x")
    program.emit("GATHER", program.by_rows(), "", out=x, data=data, row_bytes=inputs * int(source[1]), count=inputs,
                 source=SOURCES[source], scale=bits(scale, 4), rows=low.batch, split=Split.ROWS,
                 chunks=1)  # fmt: skip
    return x


def _bring_in_and_out(program: Program, offsets: dict[str, int], states: list[tuple[Buffer, str, Bank]]) -> None:
    """Copy the parameters and the optimizer's state in before the first iteration, what is asked for out after it."""
    trains = any(line.op.name.startswith("STEP") for line in program.lines)
    program.ending, brought = len(program.lines), 0
    state_of = {id(buffer): (key, bank) for buffer, key, bank in states}
    for buffer in list(program.buffers):
        if buffer.bank not in (Bank.WEIGHTS, Bank.GRADS, Bank.STATE) or buffer.name == "0":
            continue
        flat = int(len(buffer.shape) == 1)
        k, n = (1, buffer.shape[0]) if flat else buffer.shape
        layout = buffer.layout or Layout(k, 1, k, n, 0, 1)
        how = {"flat": flat or (0 if layout.tailed else 2), "channels": layout.channels, "pixels": layout.pixels,
               "depth": layout.depth, "c_step": layout.c_step, "p_step": layout.p_step,
               "n_step": layout.n_step}  # fmt: skip
        grad = buffer.bank == Bank.GRADS
        name = told = buffer.name[1:] if grad else buffer.name
        bank = Bank.SLOPES if grad else Bank.VALUES
        if grad and trains:
            continue
        if buffer.bank == Bank.STATE:
            name, bank = state_of[id(buffer)]
            told = buffer.name
        size = program.itemsize
        plain = program.outside(f"block.{told}", bank, (layout.channels * layout.pixels, n), n * size,
                                offsets[name] * size)  # fmt: skip
        if not grad:
            program.emit("PACK", None, "", out=buffer, values=plain, k=k, n=n, **how)
            program.lines.insert(brought, program.lines.pop())
            brought += 1
            program.body += 1
            program.ending += 1
        if grad or trains:
            program.emit("UNPACK", None, "", values=plain, x=buffer, k=k, n=n, **how)


# More rules, which stand on this file and enter themselves into its tables.
import badak.engine.images  # noqa: E402
