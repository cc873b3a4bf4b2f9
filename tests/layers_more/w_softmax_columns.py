# kind: wrong
# protocol: layer
# label: softmax-over-batch-axis
# severity: error
# class: Softmax
# make: make = lambda: Softmax()
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["x.max(axis=0, keepdims=True)", "x.max(axis=1, keepdims=True)"], ["e.sum(axis=0, keepdims=True)", "e.sum(axis=1, keepdims=True)"], ["np.sum(dout * self.y, axis=0, keepdims=True)", "np.sum(dout * self.y, axis=1, keepdims=True)"]]
import numpy as np


class Softmax:
    def __init__(self):
        self.y = None

    def forward(self, x):
        e = np.exp(x - x.max(axis=0, keepdims=True))
        self.y = e / e.sum(axis=0, keepdims=True)
        return self.y

    def backward(self, dout):
        s = np.sum(dout * self.y, axis=0, keepdims=True)
        return self.y * (dout - s)
