"""`common.multi_layer_net`: a network of any number of affine layers (ch. 6)."""

import typing as _t
from collections import OrderedDict

import numpy as np

from badak.book import nets as _nets
from badak.book.common.layers import Affine, Relu, Sigmoid

_ACTIVATIONS: dict[str, type[_t.Any]] = {"sigmoid": Sigmoid, "relu": Relu}


class MultiLayerNet(_nets.Net):
    """Affine and an activation for each hidden size, a last Affine, and softmax.

    `weight_init_std` is a number, 'relu' or 'he', 'sigmoid' or 'xavier'; `weight_decay_lambda` adds ½ λ Σ W².
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: _t.Any,
        output_size: int,
        activation: str = "relu",
        weight_init_std: _t.Any = "relu",
        weight_decay_lambda: float = 0,
    ) -> None:
        self._begin(input_size, hidden_size_list, output_size, weight_init_std, weight_decay_lambda)
        if activation not in _ACTIVATIONS:
            raise ValueError(f"activation must be sigmoid or relu, not {activation!r}")
        for number in range(1, self.hidden_layer_num + 1):
            self._affine(number)
            self.layers[f"Activation_function{number}"] = _ACTIVATIONS[activation]()
        self._affine(self.hidden_layer_num + 1)
        self._end()

    def _begin(
        self, input_size: int, hidden_size_list: _t.Any, output_size: int, weight_init_std: _t.Any, decay: float
    ) -> None:
        self.input_size, self.output_size, self.hidden_size_list = input_size, output_size, hidden_size_list
        self.hidden_layer_num = len(hidden_size_list)
        self.weight_decay_lambda = decay
        self.params = _nets.parameters([input_size, *hidden_size_list, output_size], weight_init_std)
        self.layers: _t.Any = OrderedDict()

    def _affine(self, number: int) -> None:
        self.layers[f"Affine{number}"] = Affine(self.params[f"W{number}"], self.params[f"b{number}"])

    def loss(self, x: _t.Any, t: _t.Any, train_flg: bool = False) -> _t.Any:
        """Give the loss, weight decay included."""
        weights = (self.params[f"W{number}"] for number in range(1, self.hidden_layer_num + 2))
        return super().loss(x, t, train_flg) + sum(0.5 * self.weight_decay_lambda * np.sum(W**2) for W in weights)

    def gradient(self, x: _t.Any, t: _t.Any) -> dict[str, _t.Any]:
        """Give the gradient by backpropagation, weight decay included."""
        grads = super().gradient(x, t)
        for number in range(1, self.hidden_layer_num + 2):
            key = f"W{number}"
            grads[key] = grads[key] + self.weight_decay_lambda * self.params[key]
        return grads
