"""The layers: short NumPy classes with `forward(x)` and `backward(dout)`. They know nothing of who reads them."""

from badak.layers.activations import Relu as Relu
from badak.layers.activations import Sigmoid as Sigmoid
from badak.layers.affine import Affine as Affine
