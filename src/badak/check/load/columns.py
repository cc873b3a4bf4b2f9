"""Stands in for `im2col_cython`, the compiled half of the cs231n assignments' fast convolutions, in plain NumPy.

Rows are (channel, height, width in the window); columns (height, width, sample), as the assignments have them, and
(sample, height, width) for the six axes of `col2im_6d_cython`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
NAME = "im2col_cython"


def im2col_cython(x: Array, field_height: int, field_width: int, padding: int, stride: int) -> Array:
    """Give the windows of images (N, C, H, W) as columns: (C * field_height * field_width, rows * columns * N)."""
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (field_height, field_width), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]  # (N, C, rows, columns, field_height, field_width)
    return windows.transpose(1, 4, 5, 2, 3, 0).reshape(x.shape[1] * field_height * field_width, -1)


def col2im_cython(
    cols: Array, n: int, c: int, h: int, w: int, field_height: int, field_width: int, padding: int, stride: int
) -> Array:
    """Add up columns laid out as by `im2col_cython` in images (n, c, h, w)."""
    rows = (h + 2 * padding - field_height) // stride + 1
    columns = (w + 2 * padding - field_width) // stride + 1
    apart = cols.reshape(c, field_height, field_width, rows, columns, n)
    return col2im_6d_cython(apart.transpose(0, 1, 2, 5, 3, 4), n, c, h, w, field_height, field_width, padding, stride)


def col2im_6d_cython(
    cols: Array, n: int, c: int, h: int, w: int, field_height: int, field_width: int, padding: int, stride: int
) -> Array:
    """Add up windows of shape (c, field_height, field_width, n, rows, columns) in images (n, c, h, w)."""
    rows, columns = cols.shape[4:]
    padded = np.zeros((n, c, h + 2 * padding, w + 2 * padding), cols.dtype)
    for i in range(field_height):
        for j in range(field_width):
            down, right = slice(i, i + stride * rows, stride), slice(j, j + stride * columns, stride)
            padded[:, :, down, right] += cols[:, i, j].transpose(1, 0, 2, 3)
    return padded[:, :, padding : padding + h, padding : padding + w]


FUNCTIONS = {f.__name__: f for f in (im2col_cython, col2im_cython, col2im_6d_cython)}
