"""`two_layer_net` of chapter 5: layers and backpropagation (ch. 5.7.2)."""

import typing as _t
from collections import OrderedDict

from badak.book import nets as _nets
from badak.book.common.layers import *  # noqa: F403 (as in the book)
from badak.book.common.layers import Affine, Relu


class TwoLayerNet(_nets.Net):
    """Affine1, Relu1, Affine2, and the loss as `lastLayer`: `predict` gives scores."""

    def __init__(self, input_size: int, hidden_size: int, output_size: int, weight_init_std: float = 0.01) -> None:
        self.params = _nets.parameters([input_size, hidden_size, output_size], weight_init_std)
        self.layers: _t.Any = OrderedDict()
        self.layers["Affine1"] = Affine(self.params["W1"], self.params["b1"])
        self.layers["Relu1"] = Relu()
        self.layers["Affine2"] = Affine(self.params["W2"], self.params["b2"])
        self._end()

    @property
    def lastLayer(self) -> _t.Any:
        """The loss, as this chapter writes it."""
        return self.last_layer

    @lastLayer.setter
    def lastLayer(self, layer: _t.Any) -> None:
        self.last_layer = layer
