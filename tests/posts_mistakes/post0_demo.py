# names: Relu mutates-dout; Affine nonstandard-backward-signature; script misspelled-method
import numpy as np


class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = (x <= 0)
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout[self.mask] = 0
        dx = dout
        return dx


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


x = np.array([[1, 2]])
w1 = np.array([[1, 3, 5], [2, 4, 6]])
w2 = np.array([[1, 4], [2, 5], [3, 6]])
b1 = np.array([1, 2, 3])
b2 = np.array([1, 2])
affine1 = Affine(w1, b1)
affine2 = Affine(w2, b2)
relu1 = Relu()
relu2 = Relu()
y1 = affine1.forward(x)
out1 = relu1.forword(y1)
y2 = affine2.forward(y1)
out2 = relu2.forword(y2)
dy = relu2.backword(out2)
dx1, dw1, db1 = affine2.backward(y1, dy)
dx1 = relu1.backword(dx1)
dx, dw, db = affine1.backward(x, dx1)
