# kind: correct
# protocol: layer
# class: Affine
# make: def make(): g = np.random.default_rng(0).standard_normal; return Affine(g((4, 3)), g(3))
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
import numpy as np


class Affine:
    def __init__(self, w, b):
        self.w = w
        self.b = b

    def forward(self, x):
        out = np.dot(x, self.w) + self.b
        return out

    def backward(self, x, dout):
        dx = np.dot(dout, self.w.T)
        dw = np.dot(x.T, dout)
        db = np.sum(dout, axis=0)
        return dx, dw, db
