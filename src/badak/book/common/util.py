"""`common.util`: small helpers of the book's scripts."""

import typing as _t

import numpy as np

from badak.layers.convolution import put_back as _put_back
from badak.layers.convolution import windows as _windows


def smooth_curve(x: _t.Any) -> _t.Any:
    """Give the curve `x` smoothed by a Kaiser window of 11, as long as it was; its ends are mirrored."""
    x = np.asarray(x)
    window = np.kaiser(11, 2)
    mirrored = np.concatenate([x[10:0:-1], x, x[-1:-11:-1]])
    y = np.convolve(window / window.sum(), mirrored, mode="valid")
    return y[5 : len(y) - 5]


def shuffle_dataset(x: _t.Any, t: _t.Any) -> _t.Any:
    """Give `x` and `t` in one random order, from NumPy's global generator."""
    order = np.random.permutation(x.shape[0])  # noqa: NPY002 (the book's)
    return x[order], t[order]


def conv_output_size(input_size: float, filter_size: float, stride: float = 1, pad: float = 0) -> float:
    """Give the size of a convolution's output (ch. 7.2.4): a float, as the book's division makes it."""
    return (input_size + 2 * pad - filter_size) / stride + 1


def im2col(input_data: _t.Any, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0) -> _t.Any:
    """Give each window of the images (N, C, H, W) as a row: (N·OH·OW, C·FH·FW), float64 (ch. 7.4.2)."""
    seen = _windows(np.asarray(input_data, float), filter_h, filter_w, stride, pad)  # (C, FH, FW, N, OH, OW)
    return seen.transpose(3, 4, 5, 0, 1, 2).reshape(-1, input_data.shape[1] * filter_h * filter_w)


def col2im(col: _t.Any, input_shape: _t.Any, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0) -> _t.Any:
    """Add the rows of `col` up to images of `input_shape`, (N, C, H, W): the way back of `im2col`, float64."""
    N, C, H, W = input_shape
    OH, OW = (H + 2 * pad - filter_h) // stride + 1, (W + 2 * pad - filter_w) // stride + 1
    seen = np.asarray(col, float).reshape(N, OH, OW, C, filter_h, filter_w).transpose(3, 4, 5, 0, 1, 2)
    return _put_back(seen, input_shape, stride, pad)
