# names: Affine missing-cache
import numpy as np


class Affine:
    def __init__(self, w, b):
        self.w = w
        self.b = b

    def forward(self, x):
        out = np.dot(x, self.w) + self.b
        return out

    def backward(self, out):
        dx = np.dot(out, self.w.T)
        dw = np.dot(self.x.T, out)
        db = np.sum(out, axis=0)
        return dx, dw, db
