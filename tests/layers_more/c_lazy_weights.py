# kind: correct
# protocol: layer
# class: Lazy
# make: make = lambda: Lazy(3)
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
import numpy as np


class Lazy:
    def __init__(self, n):
        self.n, self.W, self.dW = n, None, None

    def forward(self, x):
        if self.W is None:
            self.W = np.random.default_rng(0).standard_normal((x.shape[1], self.n))
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T
