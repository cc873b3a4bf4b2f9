"""`simple_convnet` of chapter 7 (ch. 7.5)."""

import typing as _t
from collections import OrderedDict

import numpy as np

from badak.book import nets as _nets
from badak.book.common.layers import *  # noqa: F403 (as in the book)
from badak.book.common.layers import Affine, Convolution, Pooling, Relu


class SimpleConvNet(_nets.ImageNet):
    """Conv1, Relu1, Pool1, Affine1, Relu2, Affine2, and softmax."""

    def __init__(
        self,
        input_dim: _t.Any = (1, 28, 28),
        conv_param: _t.Any = None,
        hidden_size: int = 100,
        output_size: int = 10,
        weight_init_std: float = 0.01,
    ) -> None:
        usual = {"filter_num": 30, "filter_size": 5, "pad": 0, "stride": 1}
        conv = usual if conv_param is None else conv_param
        F, size, pad, stride = (conv[name] for name in usual)
        side = (input_dim[1] - size + 2 * pad) / stride + 1
        pooled = int(F * (side / 2) * (side / 2))
        p = self.params = _nets.Params()
        p["W1"] = _nets.drawn(weight_init_std, F, input_dim[0], size, size)
        p["b1"] = np.zeros(F)
        p["W2"] = _nets.drawn(weight_init_std, pooled, hidden_size)
        p["b2"] = np.zeros(hidden_size)
        p["W3"] = _nets.drawn(weight_init_std, hidden_size, output_size)
        p["b3"] = np.zeros(output_size)
        self.layers: _t.Any = OrderedDict()
        self.layers["Conv1"] = Convolution(p["W1"], p["b1"], stride, pad)
        self.layers["Relu1"] = Relu()
        self.layers["Pool1"] = Pooling(pool_h=2, pool_w=2, stride=2)
        self.layers["Affine1"] = Affine(p["W2"], p["b2"])
        self.layers["Relu2"] = Relu()
        self.layers["Affine2"] = Affine(p["W3"], p["b3"])
        self._end()
