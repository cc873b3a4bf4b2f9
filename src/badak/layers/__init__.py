"""The layers: short NumPy classes with `forward(x)` and `backward(dout)`. They know nothing of who reads them."""

from badak.layers.activations import Gelu as Gelu
from badak.layers.activations import LeakyRelu as LeakyRelu
from badak.layers.activations import Relu as Relu
from badak.layers.activations import Sigmoid as Sigmoid
from badak.layers.activations import Tanh as Tanh
from badak.layers.affine import Affine as Affine
from badak.layers.convolution import AveragePooling as AveragePooling
from badak.layers.convolution import Convolution as Convolution
from badak.layers.convolution import Flatten as Flatten
from badak.layers.convolution import Pooling as Pooling
from badak.layers.dropout import Dropout as Dropout
from badak.layers.normalization import BatchNormalization as BatchNormalization
from badak.layers.normalization import LayerNormalization as LayerNormalization
