# kind: wrong
# protocol: layer
# label: nonstandard-backward-signature
# severity: error
# class: Affine
# make: def make(): g = np.random.default_rng(0).standard_normal; return Affine(g((4, 3)), g(3))
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["def backward(self, x, out):\n        dx = np.dot(out", "def backward(self, x, dout):\n        out = dout\n        dx = np.dot(out"]]
import numpy as np


class Affine:
    def __init__(self, w, b):
        self.w = w
        self.b = b

    def forward(self, x):
        out = np.dot(x, self.w) + self.b
        return out

    def backward(self, x, out):
        dx = np.dot(out, self.w.T)
        dw = np.dot(x.T, out)
        db = np.sum(out, axis=0)
        return dx, dw, db
