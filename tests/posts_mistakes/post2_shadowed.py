# names: script undefined-name
import sys, os
sys.path.append(os.pardir)
import numpy as np
from collections import OrderedDict


class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = (x <= 0)
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout[self.mask] = 0
        dx = dout
        return dx


network = TwoLayerNet(input_size=784, hidden_size=50, output_size=10)
