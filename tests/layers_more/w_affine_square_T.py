# kind: wrong
# protocol: layer
# label: transposed-weight-grad
# severity: error
# class: Affine
# make: def make(): g = np.random.default_rng(0).standard_normal; return Affine(g((4, 4)), g(4))
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["np.dot(dout.T, self.x)", "np.dot(self.x.T, dout)"]]
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
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(dout.T, self.x)
        self.db = np.sum(dout, axis=0)
        return dx
