# kind: wrong
# protocol: loss
# label: one-d-divides-by-classes
# severity: error
# class: SoftmaxWithLoss
# make: make = lambda: SoftmaxWithLoss()
# sample: x = np.random.default_rng(1).standard_normal(4); t = np.eye(4)[2]
# fix: [["n = self.t.shape[0]", "n = self.y.shape[0] if self.y.ndim > 1 else 1"]]
import numpy as np


class SoftmaxWithLoss:
    def forward(self, x, t):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        self.y = e / e.sum(axis=-1, keepdims=True)
        self.t = t
        return -np.sum(self.t * np.log(self.y + 1e-12)) / (x.shape[0] if x.ndim > 1 else 1)

    def backward(self, dout=1):
        n = self.t.shape[0]
        return dout * (self.y - self.t) / n
