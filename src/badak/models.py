"""Ready-made networks: the book's of two layers (ch. 5.7), of many (ch. 6), and for images (ch. 7.5 and 8.1)."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from badak.init import generator, weight_std
from badak.layers import (
    Affine,
    BatchNormalization,
    Convolution,
    Dropout,
    Gelu,
    LeakyRelu,
    Pooling,
    Relu,
    Sigmoid,
    Tanh,
)
from badak.losses import SoftmaxWithLoss
from badak.networks import Network
from badak.validate import positive, within


class TwoLayerNet(Network):
    """Affine, Relu, Affine and softmax: the book's network (ch. 5.7.2).

    `params` holds W1 (input_size, hidden_size), b1, W2 (hidden_size, output_size), b2; weights are drawn from a
    normal distribution of standard deviation `weight_init_std` by a generator from `seed`, biases are 0.
    Raises TypeError or ValueError for sizes that are no positive integers.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        weight_init_std: float = 0.01,
        *,
        dtype: DTypeLike = np.float64,
        seed: int | None = None,
        engine: str = "auto",
    ) -> None:
        rng = generator(seed)
        D = positive("input_size", input_size)
        H = positive("hidden_size", hidden_size)
        C = positive("output_size", output_size)
        weight_init_std = within("weight_init_std", weight_init_std, 0)
        layers = {
            "Affine1": Affine.of(D, H, weight_init_std, rng),
            "Relu1": Relu(),
            "Affine2": Affine.of(H, C, weight_init_std, rng),
        }
        super().__init__(layers, SoftmaxWithLoss(), dtype=dtype, seed=seed, engine=engine)


ACTIVATIONS: dict[str, type[Any]] = {
    "relu": Relu,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "leakyrelu": LeakyRelu,
    "gelu": Gelu,
}


class MultiLayerNet(Network):
    """Affine and an activation for each hidden size, a last Affine, and softmax (book, ch. 6).

    `hidden_size_list` is [100, 50], or one number. `activation` is 'relu', 'sigmoid', 'tanh', 'leakyrelu' or 'gelu'.
    `weight_init_std` is as in `weight_std`: a number, a name, or None for the one that suits the activation.
    `use_batchnorm` puts BatchNormalization between Affine and activation, `use_dropout` Dropout of `dropout_ratio`
    behind the activation. Raises as TwoLayerNet.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size_list: Sequence[int] | int,
        output_size: int,
        activation: str = "relu",
        weight_init_std: float | str | None = None,
        use_dropout: bool = False,
        dropout_ratio: float = 0.5,
        use_batchnorm: bool = False,
        *,
        dtype: DTypeLike = np.float64,
        seed: int | None = None,
        engine: str = "auto",
    ) -> None:
        known = activation.lower() if isinstance(activation, str) else ""
        if known not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, not {activation!r}")
        rng = generator(seed)
        if isinstance(hidden_size_list, str) or not isinstance(hidden_size_list, Iterable):
            hidden_size_list = [positive("hidden_size_list, if it is no list of sizes,", hidden_size_list)]
        hidden = [positive("hidden size", size) for size in hidden_size_list]
        sizes = [positive("input_size", input_size), *hidden, positive("output_size", output_size)]
        layers: list[Any] = []
        for number, (D, H) in enumerate(pairwise(sizes), 1):
            layers.append(Affine.of(D, H, weight_std(weight_init_std, D, known), rng))
            if number <= len(hidden):
                layers += [BatchNormalization.of(H)] if use_batchnorm else []
                layers.append(ACTIVATIONS[known]())
                layers += [Dropout(dropout_ratio)] if use_dropout else []
        super().__init__(layers, SoftmaxWithLoss(), dtype=dtype, seed=seed, engine=engine)


PARAMS = ("filter_num", "filter_size", "pad", "stride")


class _Row:
    """Layers one after the other, each made for what the one before gives; named and counted as the book does."""

    def __init__(self, input_dim: Sequence[int], how: float | str | None, rng: "np.random.Generator") -> None:
        self.shape = tuple(positive("input_dim", size) for size in input_dim)
        if len(self.shape) != 3:
            raise ValueError(f"input_dim must be (C, H, W), not {tuple(input_dim)}")
        self.how, self.rng = how, rng
        self.layers: dict[str, Any] = {}

    def add(self, name: str, layer: Any) -> None:
        count = 1 + sum(key.rstrip("0123456789") == name for key in self.layers)
        self.shape = layer.output_shape(self.shape)
        self.layers[f"{name}{count}"] = layer

    def convolution(self, param: Mapping[str, int]) -> None:
        """Add Convolution and Relu."""
        if not set(param) <= set(PARAMS) or not {"filter_num", "filter_size"} <= set(param):
            raise ValueError(f"conv_param has filter_num, filter_size, pad (0) and stride (1), not {dict(param)}")
        C, F, size = self.shape[0], positive("filter_num", param["filter_num"]), param["filter_size"]
        std = weight_std(self.how, C * positive("filter_size", size) ** 2)
        self.add("Conv", Convolution.of(C, F, size, std, self.rng, param.get("stride", 1), param.get("pad", 0)))
        self.add("Relu", Relu())

    def affine(self, name: str, size: int) -> None:
        """Add Affine."""
        inputs, size = int(np.prod(self.shape)), positive(name, size)
        self.add("Affine", Affine.of(inputs, size, weight_std(self.how, inputs), self.rng))


class SimpleConvNet(Network):
    """Convolution, Relu, Pooling, Affine, Relu, Affine and softmax (book, ch. 7.5).

    `input_dim` is (C, H, W); `conv_param` has filter_num, filter_size, pad and stride, by default 30 filters of 5.
    `weight_init_std` is as in `weight_std`: the book has 0.01, the default is He's. Layers are named Conv1, Relu1,
    Pool1, Affine1, Relu2, Affine2; takes images (N, C, H, W), or rows. Raises TypeError or ValueError for sizes that
    do not fit.
    """

    def __init__(
        self,
        input_dim: Sequence[int] = (1, 28, 28),
        conv_param: Mapping[str, int] | None = None,
        hidden_size: int = 100,
        output_size: int = 10,
        weight_init_std: float | str | None = None,
        *,
        dtype: DTypeLike = np.float64,
        seed: int | None = None,
        engine: str = "auto",
    ) -> None:
        row = _Row(input_dim, weight_init_std, generator(seed))
        row.convolution({"filter_num": 30, "filter_size": 5} if conv_param is None else conv_param)
        row.add("Pool", Pooling(2, 2, stride=2))
        row.affine("hidden_size", hidden_size)
        row.add("Relu", Relu())
        row.affine("output_size", output_size)
        super().__init__(
            row.layers, SoftmaxWithLoss(), dtype=dtype, seed=seed, engine=engine, input_shape=tuple(input_dim)
        )


def _three(filter_num: int, pad: int = 1) -> dict[str, int]:
    return {"filter_num": filter_num, "filter_size": 3, "pad": pad, "stride": 1}


class DeepConvNet(Network):
    """Three times two convolutions and a Pooling, then Affine, Relu, Dropout, Affine, Dropout (book, ch. 8.1).

    Each convolution is 3 x 3 and followed by Relu; they have 16, 16, 32, 32, 64 and 64 filters, the fourth a padding
    of 2. `weight_init_std` is as in `weight_std`, He's by default, as in the book; `dropout_ratio` is that of both
    Dropouts. Names, input and errors as SimpleConvNet.
    """

    def __init__(
        self,
        input_dim: Sequence[int] = (1, 28, 28),
        conv_param_1: Mapping[str, int] | None = None,
        conv_param_2: Mapping[str, int] | None = None,
        conv_param_3: Mapping[str, int] | None = None,
        conv_param_4: Mapping[str, int] | None = None,
        conv_param_5: Mapping[str, int] | None = None,
        conv_param_6: Mapping[str, int] | None = None,
        hidden_size: int = 50,
        output_size: int = 10,
        weight_init_std: float | str | None = None,
        dropout_ratio: float = 0.5,
        *,
        dtype: DTypeLike = np.float64,
        seed: int | None = None,
        engine: str = "auto",
    ) -> None:
        row = _Row(input_dim, weight_init_std, generator(seed))
        given = (conv_param_1, conv_param_2, conv_param_3, conv_param_4, conv_param_5, conv_param_6)
        usual = (_three(16), _three(16), _three(32), _three(32, pad=2), _three(64), _three(64))
        for number, (param, default) in enumerate(zip(given, usual, strict=True), 1):
            row.convolution(default if param is None else param)
            if number % 2 == 0:
                row.add("Pool", Pooling(2, 2, stride=2))
        row.affine("hidden_size", hidden_size)
        row.add("Relu", Relu())
        row.add("Dropout", Dropout(dropout_ratio))
        row.affine("output_size", output_size)
        row.add("Dropout", Dropout(dropout_ratio))
        super().__init__(
            row.layers, SoftmaxWithLoss(), dtype=dtype, seed=seed, engine=engine, input_shape=tuple(input_dim)
        )
