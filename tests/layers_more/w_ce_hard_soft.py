# kind: wrong
# protocol: loss
# label: hard-soft-label-mismatch
# severity: error
# class: SoftmaxWithLoss
# make: make = lambda: SoftmaxWithLoss()
# sample: x = np.random.default_rng(1).standard_normal((4, 3)); t = np.array([[.7, .2, .1], [.1, .8, .1], [.2, .2, .6], [.5, .3, .2]])
# fix: [["-np.sum(np.log(self.y[np.arange(len(t)), t.argmax(axis=1)] + 1e-12)) / len(t)", "-np.sum(t * np.log(self.y + 1e-12)) / len(t)"]]
import numpy as np


class SoftmaxWithLoss:
    def forward(self, x, t):
        e = np.exp(x - x.max(axis=-1, keepdims=True))
        self.y = e / e.sum(axis=-1, keepdims=True)
        self.t = t
        return -np.sum(np.log(self.y[np.arange(len(t)), t.argmax(axis=1)] + 1e-12)) / len(t)

    def backward(self, dout=1):
        n = self.y.shape[0] if self.y.ndim > 1 else 1
        return dout * (self.y - self.t) / n
