"""A trial of a machine before anything is left to it: does it compute what NumPy's layers compute?

Code comes from a file, and from a compiler. Both may be wrong, silently, in one type of number or for a few samples
alone; the small networks here go through products of every height and width of tile, through the way that a few
samples take, and through images.
"""

from typing import Any

import numpy as np

from badak.engine.opcodes import Bank, Frame, Machine
from badak.engine.tapes import Ready, write
from badak.engine.updates import Update
from badak.layers import Affine, Convolution, Pooling, Relu, Sigmoid
from badak.losses import SoftmaxWithLoss
from badak.networks import Network
from badak.types import Array

CLOSE = {4: 1e-4, 8: 1e-11}
"""What may lie between two results, by the bytes of a number: a part of the largest of them."""
BATCH = 15
"""8 + 4 + 2 + 1 samples: a tile of each height."""
FEW = 3
"""So few that their scores are computed straight from the Block (THIN)."""
IMAGE = (2, 7, 6)
CLASSES = 5


def fault(machine: Machine, itemsize: int, lanes: int) -> str | None:
    """Give what a machine for numbers of `itemsize` bytes computes wrongly, or None if it passes."""
    dtype = np.dtype(f"f{itemsize}")
    rows, images = _rows(lanes, dtype), _images(lanes, dtype)
    x, pictures = (_numbers(shape).astype(dtype) for shape in ((BATCH, 2 * lanes + 3), (FEW, *IMAGE)))
    t = np.arange(BATCH) % CLASSES
    if not _close(_scores(machine, rows, x[:FEW], lanes), rows.predict(x[:FEW])):
        return f"scores of {FEW} rows, {dtype}"
    for name, network, data in (("rows", rows, x), ("rows", rows, x[:1]), ("images", images, pictures)):
        network.backpropagate(data, t[: len(data)])
        if not _close(_gradient(machine, network, data, t[: len(data)], lanes), network.block.grads):
            return f"gradients of {len(data)} {name}, {dtype}"
    return None


def _close(got: Array, want: Array) -> bool:
    return bool(np.abs(got - want).max() <= CLOSE[want.itemsize] * np.abs(want).max())  # NaN is not close


def _numbers(shape: tuple[int, ...]) -> Array:
    """Give numbers between -1 and 1 without a pattern that tiles could have."""
    return np.sin(np.arange(1, 1 + np.prod(shape)) ** 1.5).reshape(shape)


def _affine(D: int, H: int) -> Affine:
    return Affine(_numbers((D, H)), _numbers((H,)))


def _rows(lanes: int, dtype: Any) -> Network:
    """Give a network whose products are panels of 3, 2 and 1 vectors, with and without columns left over."""
    D, H = 2 * lanes + 3, 5 * lanes + 1
    layers = [_affine(D, H), Relu(), _affine(H, lanes), Sigmoid(), _affine(lanes, CLASSES)]
    return Network(layers, SoftmaxWithLoss(), dtype=dtype, engine="numpy")


def _images(lanes: int, dtype: Any) -> Network:
    filters = _numbers((lanes + 1, 2, 3, 3))
    convolution = Convolution(filters, _numbers((lanes + 1,)), 1, 1)
    layers = [convolution, Relu(), Pooling(2, 2, 2), _affine((lanes + 1) * 9, CLASSES)]
    return Network(layers, SoftmaxWithLoss(), dtype=dtype, engine="numpy", input_shape=IMAGE)


def _ready(machine: Machine, network: Network, x: Array, lanes: int, purpose: str) -> Ready:
    program = write(network, batch=len(x), shape=x.shape[1:], source=f"f{x.itemsize}", scale=0.0, purpose=purpose,
                    threads=1, lanes=lanes, how=Update())  # fmt: skip
    ready = Ready(program, machine)
    for where, array in (
        (Frame.BANKS + Bank.VALUES, network.block.values),
        (Frame.BANKS + Bank.DATA, x),
        (Frame.ORDER, np.arange(len(x))),
        (Frame.LOSSES, np.zeros(1)),
    ):
        ready.session.point(where, array)
    return ready


def _scores(machine: Machine, network: Network, x: Array, lanes: int) -> Array:
    ready, out = _ready(machine, network, x, lanes, "scores"), np.empty((len(x), CLASSES), x.dtype)
    ready.session.point(Frame.BANKS + Bank.OUTPUT, out)
    ready.run(1)
    return out


def _gradient(machine: Machine, network: Network, x: Array, t: Array, lanes: int) -> Array:
    ready, grads = _ready(machine, network, x, lanes, "gradient"), np.empty_like(network.block.values)
    ready.session.point(Frame.BANKS + Bank.TARGETS, t)
    ready.session.point(Frame.BANKS + Bank.SLOPES, grads)
    ready.run(1)
    return grads
