# names: script undefined-name
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


x = np.array([[1, 2]])
b1 = np.array([1, 2, 3])
affine1 = Affine(w1, b1)
