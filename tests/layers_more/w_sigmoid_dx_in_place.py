# kind: wrong
# protocol: layer
# label: mutates-cache
# severity: error
# class: Sigmoid
# make: make = lambda: Sigmoid()
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["        y = self.out\n        y *= dout * (1.0 - y)\n        return y\n", "        y = self.out\n        return dout * y * (1.0 - y)\n"]]
import numpy as np


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


class Sigmoid:
    def __init__(self):
        self.out = None

    def forward(self, x):
        self.out = sigmoid(x)
        return self.out

    def backward(self, dout):
        y = self.out
        y *= dout * (1.0 - y)
        return y
