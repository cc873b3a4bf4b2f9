"""`common.multi_layer_net_extend`: MultiLayerNet with dropout and batch normalization (ch. 6)."""

import typing as _t

import numpy as np

from badak.book.common.layers import BatchNormalization, Dropout
from badak.book.common.multi_layer_net import _ACTIVATIONS, MultiLayerNet


class MultiLayerNetExtend(MultiLayerNet):
    """Affine, BatchNormalization, activation, Dropout for each hidden size; `dropout_ration` is the book's spelling."""

    def __init__(
        self,
        input_size: int,
        hidden_size_list: _t.Any,
        output_size: int,
        activation: str = "relu",
        weight_init_std: _t.Any = "relu",
        weight_decay_lambda: float = 0,
        use_dropout: bool = False,
        dropout_ration: float = 0.5,
        use_batchnorm: bool = False,
    ) -> None:
        self._begin(input_size, hidden_size_list, output_size, weight_init_std, weight_decay_lambda)
        self.use_dropout, self.use_batchnorm = use_dropout, use_batchnorm
        if activation not in _ACTIVATIONS:
            raise ValueError(f"activation must be sigmoid or relu, not {activation!r}")
        for number, size in enumerate(hidden_size_list, 1):
            self._affine(number)
            if use_batchnorm:
                gamma = self.params[f"gamma{number}"] = np.ones(size)
                beta = self.params[f"beta{number}"] = np.zeros(size)
                self.layers[f"BatchNorm{number}"] = BatchNormalization(gamma, beta)
            self.layers[f"Activation_function{number}"] = _ACTIVATIONS[activation]()
            if use_dropout:
                self.layers[f"Dropout{number}"] = Dropout(dropout_ration)
        self._affine(self.hidden_layer_num + 1)
        self._end()

    def _training_loss(self, x: _t.Any, t: _t.Any) -> _t.Any:
        return self.loss(x, t, train_flg=True)
