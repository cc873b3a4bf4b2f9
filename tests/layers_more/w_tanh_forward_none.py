# kind: wrong
# protocol: layer
# label: returns-none
# severity: error
# class: Tanh
# make: make = lambda: Tanh()
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["   self.out = np.tanh(x)\n\n    def backward(self, d", "   self.out = np.tanh(x)\n        return self.out\n\n    def backward(self, d"]]
import numpy as np


class Tanh:
    def __init__(self):
        self.out = None

    def forward(self, x):
        self.out = np.tanh(x)

    def backward(self, dout):
        return dout * (1 - self.out ** 2)
