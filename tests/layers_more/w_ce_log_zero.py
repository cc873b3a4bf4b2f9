# kind: wrong
# protocol: loss
# label: log-of-zero
# severity: hazard
# class: CrossEntropy
# make: make = lambda: CrossEntropy()
# sample: x = np.random.default_rng(1).dirichlet(np.ones(3), 4) * 0.6 + 0.1; t = np.eye(3)[[0, 2, 1, 0]]
# fix: [["      return -np.sum(t * np.log(y)) / y.shape[0]\n\n    def b", "      return -np.sum(t * np.log(y + 1e-12)) / y.shape[0]\n\n    def b"], [" return -dout * self.t / self.y / self.y.shape[0]\n", " return -dout * self.t / (self.y + 1e-12) / self.y.shape[0]\n"]]
import numpy as np


class CrossEntropy:
    def __init__(self):
        self.y = None
        self.t = None

    def forward(self, y, t):
        self.y = y
        self.t = t
        return -np.sum(t * np.log(y)) / y.shape[0]

    def backward(self, dout=1):
        return -dout * self.t / self.y / self.y.shape[0]
