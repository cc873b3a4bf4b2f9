# kind: wrong
# protocol: layer
# label: overwrites-instead-of-accumulates
# severity: error
# class: Embedding
# make: make = lambda: Embedding(np.random.default_rng(0).standard_normal((5, 3)))
# sample: x = np.array([0, 2, 0, 4, 0])
# fix: [["self.dW[self.idx] = dout", "np.add.at(self.dW, self.idx, dout)"]]
import numpy as np


class Embedding:
    def __init__(self, W):
        self.W = W
        self.dW = None

    def forward(self, idx):
        self.idx = idx
        return self.W[idx]

    def backward(self, dout):
        self.dW = np.zeros_like(self.W)
        self.dW[self.idx] = dout
        return None
