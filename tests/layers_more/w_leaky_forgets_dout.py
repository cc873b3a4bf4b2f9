# kind: wrong
# protocol: layer
# label: ignores-dout-where-negative
# severity: error
# class: LeakyRelu
# make: make = lambda: LeakyRelu()
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["self.alpha, dout)", "self.alpha * dout, dout)"]]
import numpy as np


class LeakyRelu:
    def __init__(self, alpha=0.2):
        self.alpha = alpha
        self.mask = None

    def forward(self, x):
        self.mask = (x <= 0)
        return np.where(self.mask, self.alpha * x, x)

    def backward(self, dout):
        return np.where(self.mask, self.alpha, dout)
