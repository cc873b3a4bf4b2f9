# kind: wrong
# protocol: layer
# label: wrong-derivative-formula
# severity: error
# class: ELU
# make: make = lambda: ELU()
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["p.where(self.x > 0, 1.0, self.out)\n", "p.where(self.x > 0, 1.0, self.out + self.alpha)\n"]]
import numpy as np


class ELU:
    def __init__(self, alpha=0.7):
        self.alpha = alpha
        self.x = None
        self.out = None

    def forward(self, x):
        self.x = x
        self.out = np.where(x > 0, x, self.alpha * (np.exp(np.minimum(x, 0)) - 1))
        return self.out

    def backward(self, dout):
        return dout * np.where(self.x > 0, 1.0, self.out)
