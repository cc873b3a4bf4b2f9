"""All parameters of a network in one flat array, all their gradients in another.

`Block.values` and `Block.grads` are flat; the layers hold views. So one line updates a whole network, one array is
saved, sent and handed to the engine, and `network.params['W1']` and the layer's `W` are the same memory, as in the
book. The order is the order of insertion.
"""

import math
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from badak.types import Array


class Block:
    """Named arrays laid end to end in one flat `values`, with a flat `grads` of the same length.

    `arrays` maps names to arrays, which are copied; `dtype` is float32 or float64.
    Raises TypeError for another dtype or for arrays that are not real numbers.
    """

    def __init__(self, arrays: Mapping[str, Array], dtype: DTypeLike = np.float64) -> None:
        try:
            dtype = np.dtype(dtype)
        except TypeError:
            raise TypeError(f"dtype must be float32 or float64, not {dtype!r}") from None
        if dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
            raise TypeError(f"parameters are float32 or float64, not {dtype}")
        self.shapes = {name: np.shape(array) for name, array in arrays.items()}
        self.values: Array = np.zeros(sum(np.size(a) for a in arrays.values()), dtype)
        self._grads: Array = np.zeros_like(self.values)
        self._newest: Array | None = None
        self._cut()
        for name, array in arrays.items():
            self._views[name][...] = real_array(array, name)

    def _cut(self) -> None:
        """Make the views; needed again after unpickling, where they would come back as copies."""
        self.offsets: dict[str, int] = {}
        self._views: dict[str, Array] = {}
        self._grad_views: dict[str, Array] = {}
        self._parts: dict[str, slice] = {}
        start = 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            self._parts[name] = slice(start, stop)
            self.offsets[name] = start
            self._views[name] = self.values[start:stop].reshape(shape)
            self._grad_views[name] = self._grads[start:stop].reshape(shape)
            start = stop

    @property
    def grads(self) -> Array:
        """All gradients, flat: those that the last backward left."""
        if self._newest is not None:
            self._grads[...], self._newest = self._newest, None
        return self._grads

    def grads_are(self, flat: Array) -> None:
        """Let `flat` be the gradients: copied when somebody asks, since mostly nobody does."""
        self._newest = flat

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order in which the arrays lie."""
        return tuple(self.shapes)

    def view(self, name: str) -> Array:
        """Give the array `name`: writing into it writes into `values`."""
        return self._views[name]

    def grad_view(self, name: str) -> Array:
        """Give the gradient of `name`: writing into it writes into `grads`."""
        _ = self.grads  # they may lie elsewhere still
        return self._grad_views[name]

    @property
    def weights(self) -> Array:
        """Where in `values` weights and filters lie, bool: arrays of two or more axes, not biases, gamma or beta."""
        return np.concatenate(
            [np.full(math.prod(shape), len(shape) > 1) for shape in self.shapes.values()] or [np.empty(0, bool)]
        )

    def named(self, flat: Array) -> dict[str, Array]:
        """Cut any array of the length of `values` into named views of it."""
        return {name: flat[part].reshape(self.shapes[name]) for name, part in self._parts.items()}

    def __getstate__(self) -> dict[str, Any]:
        return {"shapes": self.shapes, "values": self.values, "grads": self.grads}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.shapes, self.values, self._grads, self._newest = state["shapes"], state["values"], state["grads"], None
        self._cut()

    def __repr__(self) -> str:
        inside = ", ".join(f"{name} {shape}" for name, shape in self.shapes.items())
        return f"<Block of {self.values.size} {self.values.dtype}: {inside}>"


class Params(MutableMapping[str, Array]):
    """The parameters of a Block by name. Assigning copies into the Block.

    So `params[k] -= lr * g` and `params[k] = params[k] - lr * g` both train. (In the book's nets the second form
    gives the dictionary a new array that no layer looks at, and nothing is learnt.)
    Raises KeyError for an unknown name and ValueError for another shape.
    """

    def __init__(self, block: Block) -> None:
        self._block = block

    def __getitem__(self, name: str) -> Array:
        try:
            return self._block.view(name)
        except KeyError:
            raise KeyError(f"no parameter {name!r}; there are {', '.join(self._block.names)}") from None

    def __setitem__(self, name: str, value: Any) -> None:
        view = self[name]
        if value is view:  # what `params[name] -= …` ends with
            return
        array = real_array(value, name)
        if array.shape != view.shape:
            raise ValueError(f"parameter {name} has shape {view.shape}; the new value has {array.shape}")
        view[...] = array

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"parameter {name!r} cannot be deleted: a network's parameters are fixed when it is built")

    def __iter__(self) -> Iterator[str]:
        return iter(self._block.names)

    def __len__(self) -> int:
        return len(self._block.names)

    def __repr__(self) -> str:
        return f"Params({', '.join(f'{name}: {array.shape}' for name, array in self.items())})"


def as_array(value: Any, name: str) -> Array:
    """Give `value` as an array. Raises ValueError, naming `name`, for lists that differ in length."""
    try:
        return np.asarray(value)
    except ValueError:
        if not isinstance(value, (list, tuple)):
            raise
        told = ""
        if all(isinstance(row, (list, tuple, np.ndarray)) and np.ndim(row) for row in value):
            sizes = [len(row) for row in value]
            at = next((i for i, size in enumerate(sizes) if size != sizes[0]), 0)
            told = f"; row 0 has {sizes[0]}, row {at} has {sizes[at]}" if at else ""
        raise ValueError(
            f"{name} is a list of rows with different numbers of elements, which is no array{told}"
        ) from None


def real_array(value: Any, name: str) -> Array:
    """Give `value` as an array of real numbers. Raises TypeError, naming `name`, for anything else."""
    array = as_array(value, name)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{name} must hold real numbers, not {array.dtype}")
    return array
