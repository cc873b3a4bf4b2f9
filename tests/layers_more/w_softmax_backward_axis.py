# kind: wrong
# protocol: layer
# label: wrong-axis-reduction
# severity: error
# class: Softmax
# make: make = lambda: Softmax()
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["dout * self.y, axis=0", "dout * self.y, axis=1"]]
import numpy as np


class Softmax:
    def __init__(self):
        self.y = None

    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return self.y

    def backward(self, dout):
        s = np.sum(dout * self.y, axis=0, keepdims=True)
        return self.y * (dout - s)
