# kind: wrong
# protocol: network
# label: skips-activation-in-forward
# severity: error
# class: TwoLayerNet
# make: make = lambda: TwoLayerNet(4, 5, 3)
# sample: x = np.random.default_rng(1).standard_normal((6, 4)); t = np.eye(3)[[0, 1, 2, 0, 1, 2]]
# fix: [["self.affine2.forward(y1)", "self.affine2.forward(out1)"]]
import numpy as np

from collections import OrderedDict


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = self.dW = self.db = None

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return np.dot(dout, self.W.T)


class Relu:
    def forward(self, x):
        self.mask = (x <= 0)
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dx = dout.copy()
        dx[self.mask] = 0
        return dx


class SoftmaxWithLoss:
    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        self.t = t
        return -np.sum(t * np.log(self.y + 1e-12)) / x.shape[0]

    def backward(self, dout=1):
        return dout * (self.y - self.t) / self.t.shape[0]


class TwoLayerNet:
    def __init__(self, i, h, o, seed=0):
        rng = np.random.default_rng(seed)
        self.params = {'W1': rng.standard_normal((i, h)), 'b1': 0.1 * rng.standard_normal(h),
                       'W2': rng.standard_normal((h, o)), 'b2': 0.1 * rng.standard_normal(o)}
        p = self.params
        self.affine1, self.relu1 = Affine(p['W1'], p['b1']), Relu()
        self.affine2 = Affine(p['W2'], p['b2'])
        self.last = SoftmaxWithLoss()

    def predict(self, x):
        y1 = self.affine1.forward(x)
        out1 = self.relu1.forward(y1)
        y2 = self.affine2.forward(y1)
        return y2

    def loss(self, x, t):
        return self.last.forward(self.predict(x), t)

    def gradient(self, x, t):
        self.loss(x, t)
        d = self.last.backward(1)
        d = self.affine2.backward(d)
        d = self.relu1.backward(d)
        self.affine1.backward(d)
        return {'W1': self.affine1.dW, 'b1': self.affine1.db,
                'W2': self.affine2.dW, 'b2': self.affine2.db}
