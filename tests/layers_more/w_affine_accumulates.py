# kind: wrong
# protocol: layer
# label: accumulates-instead-of-sets
# severity: error
# class: Affine
# make: def make(): g = np.random.default_rng(0).standard_normal; return Affine(g((4, 3)), g(3))
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["self.dW += np", "self.dW = np"], ["self.db += np", "self.db = np"]]
import numpy as np


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.dW = np.zeros_like(W)
        self.db = np.zeros_like(b)

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW += np.dot(self.x.T, dout)
        self.db += np.sum(dout, axis=0)
        return dx
