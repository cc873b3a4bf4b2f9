"""The book's functions, plain: what goes in comes back changed, and nothing is remembered.

None of them overflows or warns at large inputs of either sign. Imports NumPy alone.
"""

from typing import Any

import numpy as np

from badak.memory import as_array, real_array
from badak.types import Array


def floating(x: Any, name: str = "x") -> Array:
    """Give `x` as a floating-point array: itself where it is one, as float64 where it holds integers.

    Raises TypeError, naming `name`, for anything but real numbers.
    """
    array = real_array(x, name)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def relu(x: Any) -> Array:
    """max(x, 0), element by element (book, ch. 3.2.7)."""
    return np.maximum(floating(x), 0)


def sigmoid(x: Any) -> Array:
    """1 / (1 + exp(-x)), element by element (book, ch. 3.2.4), from exp(-|x|), which cannot overflow."""
    x = floating(x)
    with np.errstate(under="ignore"):
        e = np.exp(-np.abs(x))
        return np.where(x >= 0, 1, e) / (1 + e)


def softmax(x: Any) -> Array:
    """exp(x) / sum(exp(x)) over the last axis (book, ch. 3.5.1). `x` is (N, C) or (C,)."""
    x = floating(x)
    with np.errstate(under="ignore"):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)


def cross_entropy_error(y: Any, t: Any) -> float:
    """Mean over the batch of -log(y) at the right class (book, ch. 4.2.2); infinite where that y is 0.

    `y` holds probabilities, (N, C) or (C,); `t` class indices or one-hot rows (see `one_hot`).
    Raises ValueError for a `y` outside [0, 1]. There is no 1e-7 in the logarithm: it would cap the loss at 16.1, and
    the gradient y - t would no longer be the gradient of it.
    """
    y = floating(y, "y")
    count = samples(y)
    # Written so that a NaN, which compares False with everything, is refused too.
    if not (y.min() >= 0 and y.max() <= 1):
        raise ValueError(f"y must hold probabilities, between 0 and 1; {_span('it', y)}")
    t = one_hot(t, y.shape, y.dtype)
    with np.errstate(divide="ignore"):
        return float(-np.sum(t[t > 0] * np.log(y[t > 0])) / count)


def _span(name: str, values: Array) -> str:
    """Say from where to where values go, with the digits that tell 1.0000001 from 1; or the one value they have."""
    low, high = (f"{value:.9g}" for value in (values.min(), values.max()))
    return f"{name} is {low}" if low == high else f"{name} goes from {low} to {high}"


def sum_squared_error(y: Any, t: Any) -> float:
    """½ Σ (y - t)² over everything (book, ch. 4.2.1). `y` and `t` are of one shape, (N, D) or (D,).

    Raises ValueError for shapes that differ: NumPy would broadcast (N, 1) against (N,) to (N, N).
    """
    y, t = floating(y, "y"), floating(t, "t")
    if y.shape != t.shape:
        raise ValueError(f"y and t must have one shape; y has {y.shape}, t has {t.shape}")
    return float(0.5 * np.sum((y - t) ** 2))


def samples(x: Array) -> int:
    """Give how many samples the rows `x` hold: N for (N, D), 1 for (D,). Raises ValueError for none or no rows."""
    if x.ndim == 0 or not x.size:
        raise ValueError(f"a loss needs at least one sample of at least one value; the shape is {x.shape}")
    return x.shape[0] if x.ndim > 1 else 1


def one_hot(t: Any, shape: tuple[int, ...], dtype: Any = np.float64) -> Array:
    """Give the labels `t` as rows of the given `shape`, (N, C) or (C,).

    `t` is either class indices (integers, shape (N,) or ()) or already rows of that shape, one-hot or a probability
    for each class; the shape tells which. Raises TypeError for indices that are no integers, ValueError for
    another shape, an index outside 0 … C-1, or rows that do not add up to 1 (to 0.001).
    """
    if t is None:
        raise TypeError("t is None: labels are class indices or one-hot rows")
    t, classes = as_array(t, "t"), shape[-1]
    if t.shape == shape:
        rows = floating(t, "t").astype(dtype, copy=False)
        total = rows.sum(axis=-1)
        if not (rows.min(initial=0) >= 0 and np.all(np.abs(total - 1) < 1e-3)):
            held = _span("t", rows) if rows.min() < 0 else _span("a row's sum", total)
            raise ValueError(
                "t has the shape of the scores, so its rows are taken as one-hot (or probabilities): "
                f"each value must be 0 or more, and each row must add up to 1; {held}"
            )
        return rows
    if t.shape != shape[:-1]:
        hint = "; drop the last axis with t.ravel()" if t.shape == (*shape[:-1], 1) else ""
        raise ValueError(
            f"labels for scores of shape {shape} are class indices of shape {shape[:-1]} "
            f"or one-hot rows of shape {shape}; t has shape {t.shape}{hint}"
        )
    if t.dtype.kind not in "iu":
        raise TypeError(f"class indices must be integers; t is {t.dtype}{_indices_from(t)}")
    check_labels(t, classes)
    rows = np.zeros(shape, dtype)
    rows.reshape(-1, classes)[np.arange(t.size), t.ravel()] = 1
    return rows


def _indices_from(t: Array) -> str:
    """Say how labels that are no integers become class indices, where that is plain."""
    if t.dtype.kind == "b" or (t.dtype.kind == "f" and bool(np.all(t == np.floor(t)))):
        return ": give t.astype(int)"
    if t.dtype.kind in "USO" and t.size:
        return f", such as {t.ravel().tolist()[0]!r}: names, t = np.unique(t, return_inverse=True) numbers the names"
    return ""


def binary(t: Any, shape: tuple[int, ...], dtype: Any = np.float64) -> Array:
    """Give the answers `t`, 0 or 1 (or probabilities), in the given `shape`, (N, D) or (D,).

    `t` has that shape, or (N,) where the shape is (N, 1). Raises ValueError for another shape, or values outside
    [0, 1].
    """
    t = floating(t, "t").astype(dtype, copy=False)
    if shape not in (t.shape, (*t.shape, 1)):
        raise ValueError(f"answers of yes or no for scores of shape {shape} have that shape; t has {t.shape}")
    # Written so that a NaN, which compares False with everything, is refused too.
    if not (t.min(initial=0) >= 0 and t.max(initial=0) <= 1):
        raise ValueError(f"answers of yes or no are 1 or 0; {_span('t', t)}")
    return t.reshape(shape)


def check_labels(t: Array, classes: int) -> None:
    """Raise ValueError, naming the first one, where a class index in `t` is not in 0 … classes-1."""
    if t.size and (t.min() < 0 or t.max() >= classes):
        wrong = np.flatnonzero((t < 0) | (t >= classes))
        raise ValueError(
            f"label out of range: t[{wrong[0]}] is {np.ravel(t)[wrong[0]]}, "
            f"but with {classes} classes labels are 0 … {classes - 1}"
        )
