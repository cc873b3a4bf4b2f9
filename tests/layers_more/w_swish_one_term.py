# kind: wrong
# protocol: layer
# label: missing-product-rule-term
# severity: error
# class: Swish
# make: make = lambda: Swish()
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["):\n        return dout * self.s\n", "):\n        return dout * (self.s + self.x * self.s * (1 - self.s))\n"]]
import numpy as np


class Swish:
    def __init__(self):
        self.x = None
        self.s = None

    def forward(self, x):
        self.x = x
        self.s = 0.5 * (1 + np.tanh(0.5 * x))
        return x * self.s

    def backward(self, dout):
        return dout * self.s
