# kind: wrong
# protocol: layer
# label: missing-branch-grad
# severity: error
# class: Residual
# make: make = lambda: Residual(np.random.default_rng(0).standard_normal((4, 4)))
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["return dh @ self.W.T", "return dout + dh @ self.W.T"]]
import numpy as np


class Residual:
    """y = x + relu(x @ W)"""

    def __init__(self, W):
        self.W = W

    def forward(self, x):
        self.x = x
        h = x @ self.W
        self.mask = h > 0
        return x + h * self.mask

    def backward(self, dout):
        dh = dout * self.mask
        self.dW = self.x.T @ dh
        return dh @ self.W.T
