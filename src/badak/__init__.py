"""badak (바닥, "the floor"): a deep-learning library that you can see to the bottom of.

Layers are short NumPy classes with `forward(x)` and `backward(dout)`; a Network puts them in a row; `fit` trains it.
Importing badak imports NumPy and nothing heavier.
"""

from badak.convnets import DeepConvNet as DeepConvNet
from badak.convnets import SimpleConvNet as SimpleConvNet
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
from badak.networks import MultiLayerNet as MultiLayerNet
from badak.networks import Network as Network
from badak.networks import TwoLayerNet as TwoLayerNet
from badak.optimizers import SGD as SGD
from badak.optimizers import AdaGrad as AdaGrad
from badak.optimizers import Adam as Adam
from badak.optimizers import AdamW as AdamW
from badak.optimizers import CosineSchedule as CosineSchedule
from badak.optimizers import Momentum as Momentum
from badak.optimizers import Nesterov as Nesterov
from badak.optimizers import RMSprop as RMSprop
from badak.optimizers import StepSchedule as StepSchedule
from badak.optimizers import WarmUp as WarmUp
from badak.training import History as History
from badak.training import fit as fit

__version__ = "0.1.0"
