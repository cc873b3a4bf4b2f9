# kind: correct
# protocol: layer
# class: Twice
# make: make = lambda: Twice()
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
import numpy as np


class Twice:
    def __init__(self):
        self.out = None

    def forward(self, x):
        if self.out is None or self.out.shape != x.shape:
            self.out = np.empty_like(x)
        np.multiply(x, 2, out=self.out)
        return self.out

    def backward(self, dout):
        return 2 * dout
