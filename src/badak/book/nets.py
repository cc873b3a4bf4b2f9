"""What the book's networks have in common: parameters in a dictionary, layers in a row, a loss."""

import os
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from badak.book import scripts
from badak.book.common.functions import _indices
from badak.book.common.gradient import numerical_gradient
from badak.book.common.layers import BatchNormalization, Dropout, SoftmaxWithLoss
from badak.book.mending import mended
from badak.book.pickles import load_pickle, save_pickle


class Params(dict[str, Any]):
    """The parameters by name: the arrays that the layers hold.

    Assigning an array copies it into the one that is there, so that `params[k] = params[k] - lr * g` trains as `-=`
    does. Raises ValueError for another shape.
    """

    def __setitem__(self, key: str, value: Any) -> None:
        here = self.get(key)
        if value is here:  # what `params[key] -= …` ends with
            return
        if here is None:
            super().__setitem__(key, value)
            return
        if np.shape(value) != here.shape:
            raise ValueError(f"parameter {key} has shape {here.shape}; the new value has {np.shape(value)}")
        mended(
            "params[...] = ... copies into the array that the layer holds; in the book's nets the layer keeps its own"
        )
        here[...] = value

    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled and copied as the plain dictionary that the book's own code has: a copy is no layer's."""
        return dict, (dict(self),)


class Net:
    """Layers in a row and a loss. `keys` tells each parameter's name, its layer and its attribute there."""

    params: Params
    layers: Any
    last_layer: Any
    keys: list[tuple[str, Any, str]]

    def _end(self) -> None:
        """Finish what a constructor began: the loss, and which layer has which parameter."""
        self.last_layer = SoftmaxWithLoss()
        self._find_keys()

    def _find_keys(self) -> None:
        self.keys = [
            (key, name, attribute)
            for key, value in self.params.items()
            for name, layer in self._named()
            for attribute in ("W", "b", "gamma", "beta")
            if getattr(layer, attribute, None) is value
        ]

    def __getstate__(self) -> dict[str, Any]:
        """Give what the book's own classes keep, so that a pickle of either loads as the other."""
        return {name: value for name, value in vars(self).items() if name != "keys"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.params = Params(self.params)
        self._find_keys()

    def _named(self) -> Iterable[tuple[Any, Any]]:
        return list(self.layers.items()) if isinstance(self.layers, dict) else list(enumerate(self.layers))

    def _forward(self, x: Any, train_flg: bool) -> Any:
        for name, layer in self._named():
            # By name too, as the book goes: a reader's own layer may stand there.
            flagged = isinstance(layer, (Dropout, BatchNormalization)) or str(name).startswith(("Dropout", "BatchNorm"))
            x = layer.forward(x, train_flg) if flagged else layer.forward(x)
        return x

    def predict(self, x: Any, train_flg: bool = False) -> Any:
        """Give the scores, (N, C)."""
        return self._forward(x, train_flg)

    def loss(self, x: Any, t: Any, train_flg: bool = False) -> Any:
        """Give the loss."""
        return self.last_layer.forward(self.predict(x, train_flg), t)

    def accuracy(self, x: Any, t: Any) -> Any:
        """Give the share of samples whose highest score is at the label, indices or one-hot."""
        y = self.predict(x)
        return np.sum(np.argmax(y, axis=1) == _indices(y, t)) / float(x.shape[0])

    def _training_loss(self, x: Any, t: Any) -> Any:
        """Give the loss that `gradient` is the gradient of."""
        return self.loss(x, t)

    def numerical_gradient(self, x: Any, t: Any) -> dict[str, Any]:
        """Give the gradient of each parameter by central differences."""
        draws = any(isinstance(layer, Dropout) for _, layer in self._named())
        if draws:
            mended(
                "numerical_gradient drops the same values each time, those of the next gradient; the book's draws anew"
            )
        state = np.random.get_state()  # noqa: NPY002 (the book's)

        def loss_W(_: Any) -> Any:
            if draws:
                np.random.set_state(state)  # noqa: NPY002
            return self._training_loss(x, t)

        try:
            return {key: numerical_gradient(loss_W, value) for key, value in self.params.items()}
        finally:
            np.random.set_state(state)  # noqa: NPY002

    def gradient(self, x: Any, t: Any) -> dict[str, Any]:
        """Give the gradient of each parameter by backpropagation."""
        self._training_loss(x, t)
        dout = self.last_layer.backward(1)
        for _, layer in reversed(list(self._named())):
            dout = layer.backward(dout)
        return {key: getattr(self.layers[name], "d" + attribute) for key, name, attribute in self.keys}


class ImageNet(Net):
    """A Net for images, which counts in batches and keeps its parameters in pickles."""

    def accuracy(self, x: Any, t: Any, batch_size: int = 100) -> Any:
        """Give the share of samples whose highest score is at the label."""
        if len(x) % batch_size:
            mended(
                "accuracy counts all samples; the book's leaves out those after the last whole batch, "
                "and divides by all"
            )
        parts = [slice(start, start + batch_size) for start in range(0, len(x), batch_size)]
        return sum(super(ImageNet, self).accuracy(x[part], t[part]) * len(x[part]) for part in parts) / len(x)

    def save_params(self, file_name: str | os.PathLike[str] = "params.pkl") -> None:
        """Write the parameters to a pickle, in the current folder if the name has none."""
        save_pickle(file_name, self.params)

    def load_params(self, file_name: str | os.PathLike[str] = "params.pkl") -> None:
        """Copy in the parameters of a pickle: of the current folder, else beside the script.

        Raises FileNotFoundError for neither, ValueError for another pickle or for parameters that don't fit.
        """
        places = [Path(file_name), scripts.beside() / file_name]
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            raise FileNotFoundError(
                f"there is no {file_name} in {Path.cwd()}, nor beside the script in {places[1].parent}"
            )
        arrays = load_pickle(path)
        have, want = ({key: value.shape for key, value in some.items()} for some in (arrays, self.params))
        if have != want:
            wrong = sorted(key for key in {*have, *want} if have.get(key) != want.get(key))
            told = "; ".join(f"{key}: network {want.get(key, 'none')}, file {have.get(key, 'none')}" for key in wrong)
            raise ValueError(f"{path} does not fit this network: {told}")
        for key, value in arrays.items():
            self.params[key][...] = value


def drawn(std: float, *shape: int) -> Any:
    """Draw weights from NumPy's global generator, one call a layer: its order is the book's."""
    return std * np.random.randn(*shape)  # noqa: NPY002


def scale(weight_init_std: Any, inputs: int) -> Any:
    """Give the standard deviation: √(2 / inputs) for 'relu' or 'he', √(1 / inputs) for 'sigmoid' or 'xavier'."""
    how = str(weight_init_std).lower()
    if how in ("relu", "he"):
        return np.sqrt(2.0 / inputs)
    if how in ("sigmoid", "xavier"):
        return np.sqrt(1.0 / inputs)
    if isinstance(weight_init_std, str):
        raise ValueError(f"weight_init_std must be a number, relu, he, sigmoid or xavier, not {weight_init_std!r}")
    return weight_init_std


def parameters(sizes: Sequence[int], weight_init_std: Any) -> Params:
    """Give W1, b1, W2, b2 … for affine layers of these sizes."""
    params = Params()
    for number, (D, H) in enumerate(pairwise(sizes), 1):
        params[f"W{number}"] = drawn(scale(weight_init_std, D), D, H)
        params[f"b{number}"] = np.zeros(H)
    return params
