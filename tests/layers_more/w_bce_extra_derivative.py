# kind: wrong
# protocol: loss
# label: extra-sigmoid-derivative
# severity: error
# class: SigmoidWithLoss
# make: make = lambda: SigmoidWithLoss()
# sample: x = np.random.default_rng(1).standard_normal((5, 1)); t = np.array([[0.], [1.], [1.], [0.], [1.]])
# fix: [["(self.y - self.t) * self.y * (1 - self.y) /", "(self.y - self.t) /"]]
import numpy as np


class SigmoidWithLoss:
    def __init__(self):
        self.y = None
        self.t = None

    def forward(self, x, t):
        self.t = t
        self.y = 0.5 * (1 + np.tanh(0.5 * x))
        return np.sum(np.logaddexp(0, x) - t * x) / x.shape[0]

    def backward(self, dout=1):
        return dout * (self.y - self.t) * self.y * (1 - self.y) / self.t.shape[0]
