"""What a network accepts as input: the one rule, for the layers and for the engine alike. Imports NumPy alone."""

import math
from typing import Any

import numpy as np

from badak.functions import floating
from badak.memory import as_array
from badak.types import Array


def sample_shape(shape: tuple[int, ...], told: tuple[int, ...] | None) -> tuple[int, ...]:
    """Give the shape in which the first layer gets a sample of `shape`, where the network was told `told` for one.

    Rows (C·H·W,) are read as images (C, H, W), and so are images without an axis of channels, (H, W) or (H, W, 1),
    where there is one channel: their numbers lie in the same order. Any other shape stays as it is. Raises ValueError
    for channels in the last axis of several, whose numbers would have to move.
    """
    if told is None or shape == told:
        return shape
    if len(shape) == 1 and shape[0] == math.prod(told):
        return told
    if len(told) == 3:
        C, H, W = told
        if C == 1 and shape in ((H, W), (H, W, 1)):
            return told
        if shape == (H, W, C):
            raise ValueError(
                f"x holds images (H, W, C) = {shape}, channels last; this network takes (C, H, W) = {told}: "
                "give x.transpose(0, 3, 1, 2)"
            )
    return shape


def listed(value: Any, name: str) -> Any:
    """Give lists, and what only `__array__` makes an array, as one; anything else as it is.

    Raises ValueError for lists of several lengths.
    """
    if isinstance(value, (list, tuple)):
        return as_array(value, name)
    return np.asarray(value) if hasattr(value, "__array__") and not hasattr(value, "__len__") else value


def enter(x: Any, dtype: np.dtype[Any], told: tuple[int, ...] | None) -> Array:
    """Give `x`, (N, …), as an array of `dtype`, converted once, each sample in the shape of `sample_shape`.

    Raises TypeError for what holds no real numbers, ValueError as `sample_shape`.
    """
    if not (isinstance(x, np.ndarray) and x.dtype == dtype):
        x = floating(x).astype(dtype, copy=False)
    shape = sample_shape(x.shape[1:], told)
    return x if shape == x.shape[1:] else x.reshape(len(x), *shape)
