"""What a network may train on: data that cannot is refused, naming the array, before anything is touched."""

import contextlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from badak.functions import binary, check_labels, one_hot
from badak.losses import IdentityWithLoss, SigmoidWithLoss, SoftmaxWithLoss
from badak.memory import real_array
from badak.networks import Network


@dataclass(frozen=True)
class TrainData:
    """Checked data: samples and targets for training and, where there are some, for testing."""

    x: Any
    t: Any
    x_test: Any
    t_test: Any
    outputs: tuple[int, ...]
    """The shape of what the network gives for a sample."""


def data_for(network: Network, x: Any, t: Any, x_test: Any, t_test: Any) -> TrainData:
    """Give the data that `fit` was given, as arrays. Raises TypeError or ValueError, naming the array at fault."""
    x, t = as_array(x, "x"), as_array(t, "t")
    x_test, t_test = as_array(x_test, "x_test"), as_array(t_test, "t_test")
    outputs = outputs_of(network, x, t, "")
    t = targets_for(network, x, t, "", outputs)
    if (x_test is None) != (t_test is None):
        raise ValueError("x_test and t_test go together; one of them is missing")
    if x_test is not None:
        t_test = targets_for(network, x_test, t_test, "_test", outputs_of(network, x_test, t_test, "_test"))
    return TrainData(x, t, x_test, t_test, outputs)


def as_array(value: Any, name: str) -> Any:
    """Give lists as an array; anything else as it is. Raises ValueError for lists that are not of one length."""
    if not isinstance(value, (list, tuple)):
        return value
    try:
        return real_array(value, name)
    except ValueError:
        raise ValueError(f"{name} is a list of rows that differ in length: it makes no array") from None


def images_in(network: Network, x: Any) -> bool:
    """Say whether samples are images (or have several axes at all), which take a network long."""
    shape = network.input_shape
    return len(x.shape) > 2 or (shape is not None and len(shape) > 1)


def _are_indices(t: Any) -> bool:
    return t.ndim == 1 and t.dtype.kind in "iu"


def are_labels(network: Network, t: Any, outputs: tuple[int, ...]) -> bool:
    """Say whether checked targets are plain class labels: indices, or one-hot rows."""
    if isinstance(network.last_layer, SigmoidWithLoss):  # which has answers, not classes
        return False
    if _are_indices(t):
        return outputs != (1,)  # of one class there is nothing to tell: those are values
    t = np.asarray(t)
    return t.ndim == 2 and t.shape[1] > 1 and bool(np.all((t == 0) | (t == 1)) and np.all(t.sum(axis=1) == 1))


def have_accuracy(network: Network, t: Any, outputs: tuple[int, ...]) -> bool:
    """Say whether accuracy has a meaning for checked targets, so that `network.accuracy` knows it."""
    told = isinstance(network.last_layer, SigmoidWithLoss) or type(network.last_layer) is SoftmaxWithLoss
    return told or are_labels(network, t, outputs)


def outputs_of(network: Network, x: Any, t: Any, which: str) -> tuple[int, ...]:
    """Give the shape of what the network gives for a sample. Raises, naming it, for an `x` that it cannot train on."""
    if not hasattr(x, "shape") or not hasattr(t, "shape"):
        raise TypeError(f"x{which} and t{which} must be arrays or lists, not {type(x).__name__} and {type(t).__name__}")
    if len(x.shape) < 2:
        raise ValueError(f"x{which} must be (N, …), one row a sample; its shape is {x.shape}")
    if not t.shape or len(x) != len(t):
        raise ValueError(f"x{which} has {len(x)} samples, but t{which} has shape {t.shape}")
    if not len(x):
        raise ValueError(f"x{which} holds no samples")
    if isinstance(x, np.ndarray) and x.dtype.kind == "f" and not np.isfinite(x).all():
        row = int(np.flatnonzero(~np.isfinite(x).reshape(len(x), -1).all(axis=1))[0])
        raise ValueError(f"x{which} holds NaN or infinity, first in sample {row}")
    with _named(f"x{which} of shape {x.shape} does not fit the network"):
        return network.predict(x[:1]).shape[1:]


@contextlib.contextmanager
def _named(what: str) -> Iterator[None]:
    """Let an error of type or value say what it is about."""
    try:
        yield
    except (TypeError, ValueError) as error:
        raise (TypeError if isinstance(error, TypeError) else ValueError)(f"{what}: {error}") from error


def targets_for(network: Network, x: Any, t: Any, which: str, outputs: tuple[int, ...]) -> Any:
    """Give targets as the loss takes them, for a network with such `outputs` a sample; refuse those that don't fit."""
    loss, shape = network.last_layer, (len(t), *outputs)
    if isinstance(loss, IdentityWithLoss) and outputs == (1,) and t.shape == (len(t),):
        t = t[:, None]
    with _named(f"t{which}") if which else contextlib.nullcontext():
        if isinstance(loss, SigmoidWithLoss):
            binary(t, shape)
        elif _are_indices(t) and outputs != (1,):
            check_labels(t, outputs[-1])
            _warn_of_gaps(t, outputs[-1], which)
        elif type(loss) is SoftmaxWithLoss or are_labels(network, t, outputs):
            one_hot(t, shape)
        else:
            if isinstance(loss, IdentityWithLoss) and t.shape != shape:
                raise ValueError(f"t{which} has shape {t.shape}, but for x{which} of shape {x.shape} the network gives "
                                 f"{shape}{_mend(t, shape, which)}")  # fmt: skip
            if t.dtype.kind == "f" and not np.isfinite(t).all():
                row = int(np.flatnonzero(~np.isfinite(t).reshape(len(t), -1).all(axis=1))[0])
                raise ValueError(f"t{which} holds NaN or infinity, first in sample {row}")
            loss.forward(network.predict(x[:1]), t[:1])
    return t


def _mend(t: Any, shape: tuple[int, ...], which: str) -> str:
    """Say how to bring targets into the outputs' shape, where they have as many numbers."""
    if t.size != math.prod(shape):
        return "; they must have one shape"
    how = "[:, 0]" if t.shape == (*shape, 1) else f".reshape{shape}"
    return f": give t{which}{how}"


def _warn_of_gaps(t: Any, classes: int, which: str) -> None:
    """Say so where hardly any of the classes have samples: labels 0 and 1000 make 1,001 classes."""
    if which:
        return
    used = np.unique(t)
    if 10 * len(used) <= classes:
        some = ", ".join(map(str, used[:3])) + (f", … {used[-1]}" if len(used) > 3 else "")
        warnings.warn(f"the network has {classes:,} outputs, but the labels in t are {len(used)}: {some}. "
                      "np.unique(t, return_inverse=True) numbers them from 0", stacklevel=5)  # fmt: skip
