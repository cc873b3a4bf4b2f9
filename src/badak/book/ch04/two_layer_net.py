"""`two_layer_net` of chapter 4: sigmoid, softmax, and functions instead of layers (ch. 4.5.1)."""

import typing as _t

import numpy as np

from badak.book import nets as _nets
from badak.book.common.functions import *  # noqa: F403 (np comes from here, as in the book)
from badak.book.common.functions import _indices, cross_entropy_error, sigmoid, sigmoid_grad, softmax
from badak.book.common.gradient import numerical_gradient


class TwoLayerNet:
    """784-50-10 with sigmoid, say: `predict` gives probabilities."""

    def __init__(self, input_size: int, hidden_size: int, output_size: int, weight_init_std: float = 0.01) -> None:
        self.params = dict(_nets.parameters([input_size, hidden_size, output_size], weight_init_std))

    def _hidden(self, x: _t.Any) -> _t.Any:
        return np.dot(x, self.params["W1"]) + self.params["b1"]

    def predict(self, x: _t.Any) -> _t.Any:
        """Give the probabilities of the classes, (N, C)."""
        return softmax(np.dot(sigmoid(self._hidden(x)), self.params["W2"]) + self.params["b2"])

    def loss(self, x: _t.Any, t: _t.Any) -> _t.Any:
        """Give the loss."""
        return cross_entropy_error(self.predict(x), t)

    def accuracy(self, x: _t.Any, t: _t.Any) -> _t.Any:
        """Give the share of samples whose highest probability is at the label, one-hot or indices."""
        y = self.predict(x)
        return np.sum(np.argmax(y, axis=1) == _indices(y, t)) / float(x.shape[0])

    def numerical_gradient(self, x: _t.Any, t: _t.Any) -> dict[str, _t.Any]:
        """Give the gradient of each parameter by central differences."""
        return {key: numerical_gradient(lambda _: self.loss(x, t), value) for key, value in self.params.items()}

    def gradient(self, x: _t.Any, t: _t.Any) -> dict[str, _t.Any]:
        """Give the gradient of each parameter by the chain rule."""
        a1 = self._hidden(x)
        z1 = sigmoid(a1)
        y = softmax(np.dot(z1, self.params["W2"]) + self.params["b2"])
        dy = (y - np.eye(y.shape[1])[_indices(y, t)]) / x.shape[0]
        da1 = sigmoid_grad(a1) * np.dot(dy, self.params["W2"].T)
        return {
            "W2": np.dot(z1.T, dy),
            "b2": np.sum(dy, axis=0),
            "W1": np.dot(x.T, da1),
            "b1": np.sum(da1, axis=0),
        }
