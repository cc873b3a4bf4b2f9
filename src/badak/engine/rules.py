"""Rules of activations, normalization, dropout and the loss of yes-or-no answers: lower.py says what a rule is.

Rows are counted by the buffer that a layer is given, not by the batch: an image may come as a row for each pixel.
"""

import math
from typing import Any

import numpy as np

from badak.engine.lower import LOSSES, REFUSALS, ROWS_ALONE, RULES, SETTINGS, Backward, Lowering, Rule, bits, rule
from badak.engine.opcodes import SOURCES, Bank, Split
from badak.engine.plan import Buffer, Memory, Picture, whole
from badak.graph import Node
from badak.layers import BatchNormalization, Dropout, Gelu, LayerNormalization, LeakyRelu, Relu, Sigmoid, Tanh
from badak.losses import SigmoidWithLoss
from badak.validate import is_number

CHUNK_ROWS, CHUNKS = 128, 64
"""Columns are summed in chunks of at least so many rows, and in no more chunks than that."""


def _rows(x: Buffer) -> Any:
    """Give the owner of what is shared by the rows of `x`, or by the images."""
    return ("images" if isinstance(x, Picture) else "rows", x.shape[0])


# -- activations ------------------------------------------------------------------------------------------------


def _activation(forward: str, from_x: bool = False, setting: str = "") -> Rule:
    """Make the rule of an activation whose slope follows from its output, or with `from_x` from its input."""

    def write(low: Lowering, node: Node, x: Buffer) -> tuple[Buffer, Backward]:
        program, (rows, n) = low.program, x.shape
        name = f"y{low.number('activation')}"
        low.kept += [x] if from_x else []
        y = low.place(x, name)
        low.kept += [] if from_x else [y]
        more = {setting: bits(getattr(node.layer, setting), program.itemsize)} if setting else {}
        program.emit(forward, _rows(x), node.name, out=y, x=x, rows=rows, n=n, **more)
        if forward == "SIGMOID" and isinstance(y, Picture):  # which makes ½ of the zeros that fill and frame images
            program.emit("BORDER", _rows(x), node.name, out=y, images=rows, height=y.height, width=y.width,
                         border=y.border, channels=y.channels, depth=y.depth)  # fmt: skip

        def backward(dout: Buffer) -> Buffer | None:
            program.emit(f"{forward}_BACK", _rows(x), node.name, out=dout, dout=dout, y=x if from_x else y, rows=rows,
                         n=n, **more)  # fmt: skip
            return dout

        return y, backward

    return write


RULES[Relu] = _activation("RELU")
RULES[Sigmoid] = _activation("SIGMOID")
RULES[Tanh] = _activation("TANH")
RULES[LeakyRelu] = _activation("LEAKY_RELU", setting="slope")
RULES[Gelu] = _activation("GELU", from_x=True)
SETTINGS[LeakyRelu] = ("slope",)
REFUSALS[LeakyRelu] = lambda layer: (
    None if is_number(layer.slope) and 0 <= layer.slope < math.inf else "a slope that is no number of 0 or more"
)


# -- dropout ----------------------------------------------------------------------------------------------------


@rule(Dropout)
def _dropout(low: Lowering, node: Node, x: Buffer) -> tuple[Buffer, Backward]:
    """Write the lines of Dropout, of rows or of images without a frame."""
    if not low.backwards:  # predicting, it does nothing
        return x, lambda dout: dout
    program, (rows, n), layer = low.program, x.shape, node.layer
    assert not (isinstance(x, Picture) and x.border), "masks have no frame"
    number, p = low.number("dropout"), layer.dropout_ratio
    y, mask = low.place(x, f"kept{number}"), low.like(x, f"mask{number}")
    state = program._add(Buffer(f"generator{number}", Bank.LAYERS, (4,), 0, 32))
    # A row's values as NumPy draws them: those of channel after channel, each pixel by pixel. Rows are all channels.
    channels, pixels, depth = (x.channels, x.height * x.width, x.depth) if isinstance(x, Picture) else (n, 1, 0)
    program.memories.append(Memory(node.name, "rng", state, True, rows * channels * pixels))
    program.emit("DROPOUT", _rows(x), node.name, out=y, mask=mask, x=x, state=state, rows=rows, n=n, channels=channels,
                 pixels=pixels, depth=depth, least=math.ceil(p * 2**53),
                 scale=bits(1 / (1 - p), program.itemsize))  # fmt: skip

    def backward(dout: Buffer) -> Buffer | None:
        program.emit("DROPOUT_BACK", _rows(x), node.name, out=dout, dout=dout, y=mask, rows=rows, n=n)
        return dout

    return y, backward


def _undrawable(layer: Any) -> str | None:
    if not (is_number(layer.dropout_ratio) and 0 <= layer.dropout_ratio < 1):
        return "a dropout_ratio that is no share"
    kind = type(getattr(layer.rng, "bit_generator", None))
    if layer.rng is not None and (type(layer.rng) is not np.random.Generator or kind is not np.random.PCG64):
        return f"a generator that is no PCG64 ({type(layer.rng).__name__}, {kind.__name__})"
    return None


SETTINGS[Dropout] = ("dropout_ratio",)
REFUSALS[Dropout] = _undrawable


# -- normalization ----------------------------------------------------------------------------------------------


class _Normalization:
    """What the lines of the two have in common: gamma, beta and their gradients."""

    def __init__(self, low: Lowering, node: Node, x: Buffer) -> None:
        self.low, self.program, self.node, self.x = low, low.program, node, x
        self.rows, self.n = x.shape
        self.number = low.number("normalization")
        self.gamma, self.beta = (
            self.program.vector(node.params[name], self.n, Bank.WEIGHTS) for name in ("gamma", "beta")
        )
        # Where the normalized values are kept for the way back, they take the place of x, if they may.
        self.out = low.like(x, f"y{self.number}") if low.backwards else low.place(x, f"y{self.number}")
        self.xn = low.place(x, f"xn{self.number}") if low.backwards else self.out
        self.chunks = min(CHUNKS, max(1, self.rows // CHUNK_ROWS))
        self.columns: Any = ("columns", whole(self.n, self.program.lanes))
        self.split = Split.ROWS if self.chunks > 1 else Split.COLUMNS
        self.owner = _rows(x) if self.chunks > 1 else self.columns
        self.sums: Buffer | None = None

    def line(self, name: str, owner: Any, **fields: Any) -> None:
        self.program.emit(name, owner, self.node.name, **fields)

    def vector(self, name: str) -> Buffer:
        return self.program.vector(f"{name}{self.number}", self.n, Bank.SCRATCH)

    def sum(self, name: str, wide: int, **fields: Any) -> dict[str, Any]:
        """Write a line that sums columns; give what the line that joins its parts needs."""
        size = whole(self.n, self.program.lanes) * self.program.width
        if self.sums is None:
            self.sums = self.program.vector(f"sums{self.number}", 0, Bank.SCRATCH)
        self.sums.size = max(self.sums.size, self.chunks * wide * size)
        parts = {"chunks": self.chunks, "part_step": wide * size, "n": self.n}
        owner = self.columns if self.chunks == 1 else None
        self.line(name, owner, out=self.sums, rows=self.rows, **parts, **fields)
        return {**parts, "parts": self.sums}

    def change(self, dout: Buffer) -> tuple[Buffer, Buffer]:
        """Write the gradients of gamma and beta, and what becomes of them."""
        keys = self.node.params["gamma"], self.node.params["beta"]
        dgamma, dbeta = (self.program.vector(f"d{key}", self.n, Bank.GRADS) for key in keys)
        parts = self.sum("SUM_BOTH", 2, dout=dout, xn=self.xn)
        self.line("JOIN_BOTH", self.columns, dbeta=dbeta, dgamma=dgamma, **parts)
        self.low.later.append(lambda: self.low.update(keys[0], self.gamma, dgamma, self.node.name))
        self.low.later.append(lambda: self.low.update(keys[1], self.beta, dbeta, self.node.name))
        return dgamma, dbeta

    def wanted(self) -> bool:
        """Say whether a layer below asks for dx, and count this one."""
        wanted = self.low.layers_below > 0
        self.low.layers_below -= wanted
        return wanted


def batch_normalization(low: Lowering, node: Node, x: Buffer) -> tuple[Buffer, Backward]:
    """Write the lines of BatchNormalization, of rows or of pixels as rows (images.py enters it into the table)."""
    lines, program, layer = _Normalization(low, node, x), low.program, node.layer
    n, rows, columns = lines.n, lines.rows, lines.columns
    running_mean, running_var = (
        program.vector(f"running_{what}{lines.number}", n, Bank.LAYERS) for what in ("mean", "var")
    )
    program.memories += [
        Memory(node.name, "running_mean", running_mean, low.backwards),
        Memory(node.name, "running_var", running_var, low.backwards),
    ]
    std, eps = lines.vector("std"), bits(layer.eps, program.itemsize)
    if low.backwards:
        mean = lines.vector("mean")
        lines.line("MEAN_COLUMNS", columns, out=mean, rows=rows, **lines.sum("SUM_COLUMNS", 1, x=x))
        momentum, rest = (bits(m, program.itemsize) for m in (layer.momentum, 1 - layer.momentum))
        lines.line("STD_COLUMNS", columns, out=std, mean=mean, running_mean=running_mean, running_var=running_var,
                   rows=rows, momentum=momentum, rest=rest, eps=eps,
                   **lines.sum("SUM_SQUARES", 1, x=x, mean=mean))  # fmt: skip
        split, owner = lines.split, lines.owner
    else:
        mean, split, owner = running_mean, Split.ROWS, _rows(x)
        lines.line("STD", columns, out=std, var=running_var, n=n, eps=eps)
        program.lines.insert(program.body, program.lines.pop())  # at the start of the call
        program.body += 1
    lines.line("NORMALIZE", owner, xn=lines.xn, out=lines.out, x=x, mean=mean, std=std, gamma=lines.gamma,
               beta=lines.beta, rows=rows, n=n, split=split)  # fmt: skip

    def backward(dout: Buffer) -> Buffer | None:
        dgamma, dbeta = lines.change(dout)
        if not lines.wanted():
            return None
        lines.line("NORMALIZE_BACK", owner, out=dout, dout=dout, xn=lines.xn, std=std, gamma=lines.gamma, dbeta=dbeta,
                   dgamma=dgamma, rows=rows, n=n, split=split)  # fmt: skip
        return dout

    return lines.out, backward


@rule(LayerNormalization)
def _layer_normalization(low: Lowering, node: Node, x: Buffer) -> tuple[Buffer, Backward]:
    lines, program = _Normalization(low, node, x), low.program
    n, rows = lines.n, lines.rows
    std = program.vector(f"std{lines.number}", rows, Bank.SCRATCH)
    lines.line("NORMALIZE_ROWS", _rows(x), xn=lines.xn, out=lines.out, std=std, x=x, gamma=lines.gamma,
               beta=lines.beta, rows=rows, n=n, eps=bits(node.layer.eps, program.itemsize))  # fmt: skip

    def backward(dout: Buffer) -> Buffer | None:
        lines.change(dout)
        if not lines.wanted():
            return None
        lines.line("NORMALIZE_ROWS_BACK", _rows(x), out=dout, dout=dout, xn=lines.xn, std=std, gamma=lines.gamma,
                   rows=rows, n=n)  # fmt: skip
        return dout

    return lines.out, backward


def _unnormal(layer: Any) -> str | None:
    if not (is_number(layer.eps) and layer.eps > 0):
        return "an eps that is not above 0"
    for name in ("running_mean", "running_var") if type(layer) is BatchNormalization else ():
        array = getattr(layer, name)
        if not (isinstance(array, np.ndarray) and array.dtype.kind == "f" and array.shape == np.shape(layer.gamma)):
            return f"{name} that is no array of numbers in the shape of gamma"
    if type(layer) is BatchNormalization and not (is_number(layer.momentum) and 0 <= layer.momentum <= 1):
        return "a momentum that is no share"
    return None


SETTINGS[BatchNormalization], SETTINGS[LayerNormalization] = ("momentum", "eps"), ("eps",)
REFUSALS[BatchNormalization] = REFUSALS[LayerNormalization] = _unnormal
ROWS_ALONE.add(LayerNormalization)


# -- losses -----------------------------------------------------------------------------------------------------


def _sigmoid_loss(low: Lowering, loss: Any, x: Buffer) -> Buffer:
    program, (rows, n) = low.program, x.shape
    data = program.outside("targets", Bank.TARGETS, (), 8, 0)
    t = program.matrix("t", rows, n)
    program.emit("GATHER", _rows(x), "loss", out=t, data=data, row_bytes=n * program.itemsize, count=n,
                 source=SOURCES[f"f{program.itemsize}"], scale=0, rows=rows, split=Split.ROWS, chunks=1)  # fmt: skip
    dx = low.activation(n, f"d{x.name}")
    losses = program.vector("losses", rows, Bank.SCRATCH)
    program.emit("SIGMOID_LOSS", _rows(x), "loss", out=dx, losses=losses, x=x, t=t, rows=rows, n=n)
    low.later.append(lambda: program.emit("MEAN", ("one",), "loss", losses=losses, rows=rows))
    return dx


LOSSES[SigmoidWithLoss] = _sigmoid_loss
