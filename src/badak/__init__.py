"""badak (바닥, "the floor"): a deep-learning library that you can see to the bottom of.

Layers are short NumPy classes with `forward(x)` and `backward(dout)`; a Network puts them in a row; `fit` trains it.
Importing badak imports NumPy and nothing heavier.
"""

import importlib
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
from badak.training import History as History
from badak.training import fit as fit
from badak.training import register_observer as register_observer
from badak.training import register_runner as register_runner

if TYPE_CHECKING:
    from badak import check as check
    from badak.check import check_layer as check_layer
    from badak.engine.listing import listing as listing

__version__ = "0.1.0"

# Rooms that read a network come when they are first asked for: badak.check, badak.check_layer, badak.listing.
_LATE = {"check": "badak.check", "check_layer": "badak.check:check_layer", "listing": "badak.engine.listing:listing"}


def __getattr__(name: str) -> Any:
    """Import one of the rooms below, by name, at its first use."""
    if name not in _LATE:
        raise AttributeError(f"module 'badak' has no attribute {name!r}")
    module, _, what = _LATE[name].partition(":")
    found = importlib.import_module(module)
    return getattr(found, what) if what else found


# The engine and the watcher of trainings are named, not imported: they come when they are first used.
register_calls("badak.engine.calls:Calls")
register_runner("native", "badak.engine.runner:NativeRunner")
register_observer("badak.check.training:observe")
