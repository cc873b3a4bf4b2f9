"""`deep_convnet` of chapter 8 (ch. 8.1)."""

import typing as _t

import numpy as np

from badak.book import nets as _nets
from badak.book.common.layers import *  # noqa: F403 (as in the book)
from badak.book.common.layers import Affine, Convolution, Dropout, Pooling, Relu


def _three(filter_num: int, pad: int = 1) -> dict[str, int]:
    return {"filter_num": filter_num, "filter_size": 3, "pad": pad, "stride": 1}


class DeepConvNet(_nets.ImageNet):
    """Three times two convolutions and a Pooling, Affine, Relu, Dropout, Affine, Dropout; `layers` is a list."""

    def __init__(
        self,
        input_dim: _t.Any = (1, 28, 28),
        conv_param_1: _t.Any = _three(16),  # noqa: B008 (never changed)
        conv_param_2: _t.Any = _three(16),  # noqa: B008
        conv_param_3: _t.Any = _three(32),  # noqa: B008
        conv_param_4: _t.Any = _three(32, pad=2),  # noqa: B008
        conv_param_5: _t.Any = _three(64),  # noqa: B008
        conv_param_6: _t.Any = _three(64),  # noqa: B008
        hidden_size: int = 50,
        output_size: int = 10,
    ) -> None:
        C, H, W = input_dim
        p = self.params = _nets.Params()
        self.layers = []
        given = (conv_param_1, conv_param_2, conv_param_3, conv_param_4, conv_param_5, conv_param_6)
        for number, conv in enumerate(given, 1):
            F, size, pad, stride = (conv[name] for name in ("filter_num", "filter_size", "pad", "stride"))
            p[f"W{number}"] = _nets.drawn(_nets.scale("he", C * size * size), F, C, size, size)
            p[f"b{number}"] = np.zeros(F)
            self.layers += [Convolution(p[f"W{number}"], p[f"b{number}"], stride, pad), Relu()]
            C, H, W = F, (H + 2 * pad - size) // stride + 1, (W + 2 * pad - size) // stride + 1
            if number % 2 == 0:
                self.layers.append(Pooling(pool_h=2, pool_w=2, stride=2))
                H, W = H // 2, W // 2
        for number, (inputs, outputs) in enumerate(((C * H * W, hidden_size), (hidden_size, output_size)), 7):
            p[f"W{number}"] = _nets.drawn(_nets.scale("he", inputs), inputs, outputs)
            p[f"b{number}"] = np.zeros(outputs)
        self.layers += [Affine(p["W7"], p["b7"]), Relu(), Dropout(0.5), Affine(p["W8"], p["b8"]), Dropout(0.5)]
        self._end()

    def loss(self, x: _t.Any, t: _t.Any, train_flg: bool = True) -> _t.Any:
        """Give the loss: in training, Dropout and all, as in the book."""
        return super().loss(x, t, train_flg)
