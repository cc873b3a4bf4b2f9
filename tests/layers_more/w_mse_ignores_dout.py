# kind: wrong
# protocol: loss
# label: ignores-dout
# severity: hazard
# class: MSE
# make: make = lambda: MSE()
# sample: g = np.random.default_rng(1).standard_normal; x = g((5, 3)); t = g((5, 3))
# fix: [["return (self.y", "return dout * (self.y"]]
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
        return (self.y - self.t) / self.y.shape[0]
