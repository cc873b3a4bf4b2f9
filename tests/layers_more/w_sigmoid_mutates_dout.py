# kind: wrong
# protocol: layer
# label: mutates-dout
# severity: hazard
# class: Sigmoid
# make: make = lambda: Sigmoid()
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["        dout *= y * (1.0 - y)\n        return dout\n", "        return dout * y * (1.0 - y)\n"]]
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
        dout *= y * (1.0 - y)
        return dout
