"""`neuralnet_mnist` of chapter 3: a network that was trained beforehand, step by step (ch. 3.6.2)."""

import typing as _t
from pathlib import Path as _Path

import numpy as np

from badak.book import scripts as _scripts
from badak.book.common.functions import sigmoid, softmax
from badak.book.dataset.mnist import load_mnist
from badak.book.pickles import load_pickle as _load_pickle


def get_data() -> _t.Any:
    """Give the test images, (10000, 784) from 0 to 1, and their labels."""
    return load_mnist(normalize=True, flatten=True, one_hot_label=False)[1]


def init_network() -> dict[str, _t.Any]:
    """Read `sample_weight.pkl`: from the current folder, else from beside the script.

    It comes with the book's code, not with badak. Raises FileNotFoundError where it is in neither place.
    """
    places = [_Path("sample_weight.pkl"), _scripts.beside() / "sample_weight.pkl"]
    path = next((place for place in places if place.is_file()), places[0])
    return _load_pickle(path)


def predict(network: _t.Any, x: _t.Any) -> _t.Any:
    """Give the probabilities of the ten digits: 784-50-100-10, sigmoid twice, softmax."""
    z1 = sigmoid(np.dot(x, network["W1"]) + network["b1"])
    z2 = sigmoid(np.dot(z1, network["W2"]) + network["b2"])
    return softmax(np.dot(z2, network["W3"]) + network["b3"])
