# kind: correct
# protocol: layer
# class: Exp
# make: make = lambda: Exp()
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
import numpy as np


class Exp:
    def forward(self, x):
        self.y = np.exp(x)
        return self.y

    def backward(self, dout):
        return dout * self.y
