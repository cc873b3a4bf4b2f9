# names: Affine breaks-on-nd-input
import numpy as np


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        out = np.dot(x, self.W) + self.b
        return out

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx


make = lambda: Affine(np.random.default_rng(0).standard_normal((4, 3)), np.array([0.1, 0.2, 0.3]))
x = np.random.default_rng(1).standard_normal((2, 3, 5, 4))
