# names: TwoLayerNet skips-activation-in-forward
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
        dx = dout.copy()
        dx[self.mask] = 0
        return dx


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        out = np.dot(x, self.W) + self.b
        return out

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx


class IdentityWithLoss:
    def forward(self, x, t):
        self.d = x - t
        return 0.5 * np.sum(self.d ** 2)

    def backward(self, dout=1):
        return dout * self.d


class TwoLayerNet:
    def __init__(self):
        self.params = {'W1': np.array([[1.0, -3, 5], [-2, 4, 6]]), 'b1': np.array([1.0, 2, 3]),
                       'W2': np.array([[1.0, 4], [2, -5], [3, 6]]), 'b2': np.array([1.0, 2])}
        p = self.params
        self.affine1 = Affine(p['W1'], p['b1'])
        self.affine2 = Affine(p['W2'], p['b2'])
        self.relu1 = Relu()
        self.last = IdentityWithLoss()

    def predict(self, x):
        y1 = self.affine1.forward(x)
        out1 = self.relu1.forward(y1)
        y2 = self.affine2.forward(y1)
        return y2

    def loss(self, x, t):
        return self.last.forward(self.predict(x), t)

    def gradient(self, x, t):
        self.loss(x, t)
        dy = self.last.backward(1)
        dx1 = self.affine2.backward(dy)
        dx1 = self.relu1.backward(dx1)
        self.affine1.backward(dx1)
        return {'W1': self.affine1.dW, 'b1': self.affine1.db, 'W2': self.affine2.dW, 'b2': self.affine2.db}


make = TwoLayerNet
x = np.array([[1.0, -2.0], [0.5, 1.5], [-1.0, 0.3]])
t = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
