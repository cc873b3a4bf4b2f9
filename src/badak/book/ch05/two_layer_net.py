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

    def __getstate__(self) -> dict[str, _t.Any]:
        """Give the state with the loss under this chapter's name."""
        state = super().__getstate__()
        return {("lastLayer" if name == "last_layer" else name): value for name, value in state.items()}

    def __setstate__(self, state: dict[str, _t.Any]) -> None:
        super().__setstate__({("last_layer" if name == "lastLayer" else name): state[name] for name in state})

    @property
    def lastLayer(self) -> _t.Any:
        """The loss, as this chapter writes it."""
        return self.last_layer

    @lastLayer.setter
    def lastLayer(self, layer: _t.Any) -> None:
        self.last_layer = layer
