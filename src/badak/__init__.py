"""badak (바닥, "the floor"): a deep-learning library that you can see to the bottom of.

Layers are short NumPy classes with `forward(x)` and `backward(dout)`; a Network puts them in a row; `fit` trains it.
Importing badak imports NumPy and nothing heavier.
"""

import importlib
import sys
from types import FrameType, ModuleType
from typing import TYPE_CHECKING, Any

from badak.data.mnist import load_mnist as load_mnist
from badak.functions import cross_entropy_error as cross_entropy_error
from badak.functions import relu as relu
from badak.functions import sigmoid as sigmoid
from badak.functions import softmax as softmax
from badak.functions import sum_squared_error as sum_squared_error
from badak.gradients import compare_gradient as compare_gradient
from badak.gradients import numerical_gradient as numerical_gradient
from badak.graph import load_network as load_network
from badak.graph import save_network as save_network
from badak.layers import Affine as Affine
from badak.layers import AveragePooling as AveragePooling
from badak.layers import BatchNormalization as BatchNormalization
from badak.layers import Convolution as Convolution
from badak.layers import Dropout as Dropout
from badak.layers import Flatten as Flatten
from badak.layers import Gelu as Gelu
from badak.layers import LayerNormalization as LayerNormalization
from badak.layers import LeakyRelu as LeakyRelu
from badak.layers import Pooling as Pooling
from badak.layers import Relu as Relu
from badak.layers import Sigmoid as Sigmoid
from badak.layers import Tanh as Tanh
from badak.losses import IdentityWithLoss as IdentityWithLoss
from badak.losses import SigmoidWithLoss as SigmoidWithLoss
from badak.losses import SoftmaxWithLoss as SoftmaxWithLoss
from badak.models import DeepConvNet as DeepConvNet
from badak.models import MultiLayerNet as MultiLayerNet
from badak.models import SimpleConvNet as SimpleConvNet
from badak.models import TwoLayerNet as TwoLayerNet
from badak.networks import Network as Network
from badak.networks import register_calls as register_calls
from badak.optim import SGD as SGD
from badak.optim import AdaGrad as AdaGrad
from badak.optim import Adam as Adam
from badak.optim import AdamW as AdamW
from badak.optim import CosineSchedule as CosineSchedule
from badak.optim import Momentum as Momentum
from badak.optim import Nesterov as Nesterov
from badak.optim import RMSprop as RMSprop
from badak.optim import StepSchedule as StepSchedule
from badak.optim import WarmUp as WarmUp
from badak.train.fit import fit as fit
from badak.train.history import History as History
from badak.train.history import register_observer as register_observer
from badak.train.runners import register_runner as register_runner

if TYPE_CHECKING:
    from badak import check as check
    from badak.check import check_layer as check_layer
    from badak.engine.listing import listing as listing

__version__ = "0.1.0"

# Rooms that read a network come when they are first asked for: badak.check, badak.check_layer, badak.listing.
_LATE = {"check": "badak.check", "check_layer": "badak.check:check_layer", "listing": "badak.engine.listing:listing"}


# What other libraries call it.
_ELSEWHERE = {
    **dict.fromkeys(("Dense", "Linear", "FullyConnected"), "Affine"),
    **dict.fromkeys(("Sequential", "Model", "Module"), "Network"),
    **dict.fromkeys(("Conv2d", "Conv2D", "Conv"), "Convolution"),
    **dict.fromkeys(("MaxPool2d", "MaxPooling2D", "MaxPooling"), "Pooling"),
    **dict.fromkeys(("AvgPool2d", "AveragePooling2D"), "AveragePooling"),
    **dict.fromkeys(("BatchNorm", "BatchNorm1d", "BatchNorm2d"), "BatchNormalization"),
    **dict.fromkeys(("CrossEntropyLoss", "CrossEntropy", "SparseCategoricalCrossentropy"), "SoftmaxWithLoss"),
    **dict.fromkeys(("MSELoss", "MeanSquaredError"), "IdentityWithLoss"),
    **dict.fromkeys(("BCEWithLogitsLoss", "BinaryCrossentropy"), "SigmoidWithLoss"),
    "Trainer": "fit",
    **{"LayerNorm": "LayerNormalization", "StepLR": "StepSchedule", "CosineAnnealingLR": "CosineSchedule"},
}


def __getattr__(name: str) -> Any:
    """Import one of the rooms below, by name, at its first use. An unknown name is said with badak's name for it."""
    if name in _LATE:
        module, _, what = _LATE[name].partition(":")
        found = importlib.import_module(module)
        return getattr(found, what) if what else found
    ours = _ELSEWHERE.get(name) or _nearest(name)
    told = f"module 'badak' has no attribute {name!r}"
    if ours and _imported_from(sys._getframe(1)):  # whose own sentence would not say it
        raise ImportError(f"cannot import name {name!r} from 'badak': it is called {ours} here", name=name)
    raise AttributeError(f"{told}: it is called {ours} here" if ours else told, name=name, obj=sys.modules[__name__])


def _nearest(name: str) -> str | None:
    """Give the name of badak that was probably meant: another case, or a letter or two off."""
    if name.startswith("_"):
        return None
    import difflib

    ours = {known.lower(): known for known in reversed(__all__)}  # a class before the function of its name
    return next((ours[near] for near in difflib.get_close_matches(name.lower(), ours, 1, 0.8)), None)


def _imported_from(frame: FrameType) -> bool:
    """Say whether `frame` is at a `from badak import …`."""
    from opcode import opmap

    return frame.f_lasti >= 0 and frame.f_code.co_code[frame.f_lasti] == opmap["IMPORT_FROM"]


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATE} - _TOOLS)


_TOOLS = {"Any", "FrameType", "ModuleType", "TYPE_CHECKING", "importlib", "sys"}
# All of them, for `from badak import *`; which imports the late rooms, too.
__all__ = [name for name, value in globals().items() if not (name.startswith("_") or isinstance(value, ModuleType))]
__all__ = sorted({*__all__, *_LATE} - _TOOLS)  # noqa: PLE0605


# The engine and the watcher of trainings are named, not imported: they come when they are first used.
register_calls("badak.engine.calls:Calls")
register_runner("native", "badak.engine.runner:NativeRunner")
register_observer("badak.train.doctor:observe")
