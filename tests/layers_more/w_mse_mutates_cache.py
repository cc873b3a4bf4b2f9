# kind: wrong
# protocol: loss
# label: mutates-cache
# severity: error
# class: MSE
# make: make = lambda: MSE()
# sample: g = np.random.default_rng(1).standard_normal; x = g((5, 3)); t = g((5, 3))
# fix: [["        dx = self.y\n        dx -= self.t\n        return dout * dx / self.y.shape[0]\n", "        return dout * (self.y - self.t) / self.y.shape[0]\n"]]
import numpy as np


class MSE:
    def __init__(self):
        self.y = None
        self.t = None

    def forward(self, y, t):
        self.y = y
        self.t = t
        loss = 0.5 * np.sum((y - t) ** 2) / y.shape[0]
        return loss

    def backward(self, dout=1):
        dx = self.y
        dx -= self.t
        return dout * dx / self.y.shape[0]
