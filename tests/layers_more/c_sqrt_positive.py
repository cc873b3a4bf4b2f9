# kind: correct
# protocol: layer
# class: Sqrt
# make: make = lambda: Sqrt()
# sample: x = np.random.default_rng(1).random((5, 4)) + 0.1
import numpy as np


class Sqrt:
    def forward(self, x):
        self.y = np.sqrt(x)
        return self.y

    def backward(self, dout):
        return dout * 0.5 / self.y
