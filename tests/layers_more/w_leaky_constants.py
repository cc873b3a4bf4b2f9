# kind: wrong
# protocol: layer
# label: forward-backward-constant-mismatch
# severity: error
# class: LeakyRelu
# make: make = lambda: LeakyRelu()
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["turn np.where(self.mask, 0.1 * dout, dout)\n", "turn np.where(self.mask, 0.01 * dout, dout)\n"]]
import numpy as np


class LeakyRelu:
    def __init__(self, alpha=0.2):
        self.alpha = alpha
        self.mask = None

    def forward(self, x):
        self.mask = (x <= 0)
        return np.where(self.mask, 0.01 * x, x)

    def backward(self, dout):
        return np.where(self.mask, 0.1 * dout, dout)
