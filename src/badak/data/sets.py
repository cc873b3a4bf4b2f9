"""Data: what every source of training data gives, and the checks that they share. Imports NumPy alone."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from badak.data.pixels import Pixels
from badak.types import Array


@dataclass(frozen=True, eq=False)
class Data:
    """Training and test data, ready for `fit`.

    x_train, x_test: (N, D), Pixels (bytes read as float32 from 0 to 1) or float32.
    t_train, t_test: (N,) int64, from 0 to classes - 1.
    image_shape: the shape of one sample as an image, (C, H, W), or (D,) if it is none; its product is D.
    """

    x_train: Pixels | NDArray[np.float32]
    t_train: NDArray[np.int64]
    x_test: Pixels | NDArray[np.float32]
    t_test: NDArray[np.int64]
    name: str
    image_shape: tuple[int, ...]
    classes: int

    def __repr__(self) -> str:
        """Give one line with the name and the sizes."""
        return (
            f"<Data {self.name}: {len(self.x_train):,} for training, {len(self.x_test):,} for testing, "
            f"{' x '.join(map(str, self.image_shape))}, {self.classes} classes>"
        )


def make_data(name: str, x_train: Array, t_train: Array, x_test: Array, t_test: Array) -> Data:
    """Make Data from arrays (or lists), after checking them; `name` begins each complaint.

    x: (N, D), or images (N, H, W) or (N, C, H, W); uint8 becomes Pixels with scale 255, others float32.
    t: (N,) integers from 0, or one-hot (N, C).
    Raises TypeError for wrong element types, ValueError for wrong shapes or values, naming the array.
    """
    pairs = []
    for part, x, t in (("train", x_train, t_train), ("test", x_test, t_test)):
        pixels, labels = _samples(f"{name}: x_{part}", np.asarray(x)), _labels(f"{name}: t_{part}", np.asarray(t))
        if len(pixels) != len(labels):
            raise ValueError(f"{name}: x_{part} has {len(pixels):,} rows, t_{part} has {len(labels):,}")
        pairs.append((pixels, labels))
    (train, t_train), (test, t_test) = pairs
    if train.shape[1:] != test.shape[1:]:
        raise ValueError(f"{name}: a row of x_train has the shape {train.shape[1:]}, one of x_test {test.shape[1:]}")
    if type(train) is not type(test):
        raise TypeError(
            f"{name}: x_train is {x_train.dtype}, x_test {x_test.dtype}; both must be uint8 (0 to 255) or neither"
        )
    sample = train.shape[1:]
    return Data(
        x_train=train.reshape(len(train), -1),
        t_train=t_train,
        x_test=test.reshape(len(test), -1),
        t_test=t_test,
        name=name,
        image_shape=(1, *sample) if len(sample) == 2 else sample,
        classes=int(max(t_train.max(), t_test.max())) + 1,
    )


def _short(what: str) -> str:
    return what.rpartition(" ")[2]


def _samples(what: str, x: Array) -> Pixels | NDArray[np.float32]:
    if not 2 <= x.ndim <= 4:
        raise ValueError(f"{what} has the shape {x.shape}; expected (N, D), (N, H, W) or (N, C, H, W)")
    if not x.size:
        raise ValueError(f"{what} is empty: its shape is {x.shape}")
    if x.dtype == np.uint8:
        return Pixels(x)
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{what} must hold numbers, not {x.dtype}")
    with np.errstate(over="ignore"):  # what float32 cannot hold is named below
        values = x.astype(np.float32)
    if not (right := np.isfinite(values)).all():
        where = tuple(int(i) for i in np.argwhere(~right)[0])
        raise ValueError(f"{what} must be finite float32 numbers; {_short(what)}{list(where)} is {x[where]}")
    return values


def _labels(what: str, t: Array) -> NDArray[np.int64]:
    if t.ndim == 2 and t.dtype.kind in "biuf":
        return _from_one_hot(what, t)
    if t.ndim != 1:
        raise ValueError(f"{what} has the shape {t.shape}; expected (N,), or one-hot (N, C)")
    if t.dtype.kind not in "iu":
        raise TypeError(f"{what} must be integers, not {t.dtype}")
    if not t.size:
        raise ValueError(f"{what} is empty")
    if t.min() < 0:
        where = int(np.argmin(t))
        raise ValueError(f"{what} must be 0 or more; {_short(what)}[{where}] is {t[where]}")
    # A net has an output for each label up to the largest: a label of a million is a mistake, not a class.
    if (largest := int(t.max())) >= 10_000:
        raise ValueError(f"{what} must be below 10,000; {_short(what)}[{int(np.argmax(t))}] is {largest}")
    return t.astype(np.int64)


def _from_one_hot(what: str, t: Array) -> NDArray[np.int64]:
    if not t.size:
        raise ValueError(f"{what} is empty: its shape is {t.shape}")
    right = ((t == 0) | (t == 1)).all(axis=1) & ((t == 1).sum(axis=1) == 1)
    if not right.all():
        where = int(np.argmin(right))
        raise ValueError(f"{what} is two-dimensional, but row {where} is not one-hot (a single 1 among zeros)")
    return np.asarray(np.argmax(t, axis=1), np.int64)
