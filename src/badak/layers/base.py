"""What our layers share: how they print, and what they say when `backward` is misused.

A layer of your own needs none of this: `forward` and `backward` are enough.
"""

import inspect
from typing import Any

import numpy as np

from badak.functions import floating
from badak.types import Array


def arguments(layer: object) -> dict[str, Any]:
    """Give the arguments that would make this layer again: our layers keep each under its own name."""
    return {name: getattr(layer, name) for name in inspect.signature(type(layer)).parameters}


def state(layer: object) -> dict[str, Array]:
    """Give what a layer remembers besides its parameters: arrays among its arguments that have no gradient.

    Such as the running mean of BatchNormalization: no optimizer changes it, but predicting needs it. A layer that
    doesn't keep its arguments under their own names has none.
    """
    try:
        names = [name for name in inspect.signature(type(layer)).parameters if not hasattr(layer, "d" + name)]
    except ValueError:  # a class that is not written in Python may not tell its arguments
        return {}
    return {name: value for name in names if isinstance(value := getattr(layer, name, None), np.ndarray)}


class Readable:
    """Print a layer as a line that could be typed back; arrays are shown by shape, as whose values are not told."""

    def __repr__(self) -> str:
        def show(value: Any) -> str:
            return f"np.empty({value.shape})" if isinstance(value, np.ndarray) else repr(value)

        inside = ", ".join(f"{name}={show(value)}" for name, value in arguments(self).items())
        return f"{type(self).__name__}({inside})"


class SameShape(Readable):
    """A layer whose output has the shape of its input."""

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Give the shape of one sample's output from that of its input."""
        return shape


def upstream(layer: object, dout: Any, like: Array | tuple[int, ...] | None) -> Array:
    """Give `dout` as a floating-point array, checked against the shape of the last output.

    `like` is that shape, or an array that has it; None says that there was no `forward` yet.
    Raises RuntimeError before the first `forward`, ValueError for another shape.
    """
    if like is None:
        raise RuntimeError(
            f"{type(layer).__name__}.backward was called before forward: there is nothing to go back through"
        )
    shape = like if isinstance(like, tuple) else like.shape
    dout = floating(dout, "dout")
    if dout.shape != shape:
        raise ValueError(
            f"{type(layer).__name__}.backward: dout must have the shape of the last output, {shape}, not {dout.shape}"
        )
    return dout
