# kind: wrong
# protocol: layer
# label: uses-global-rng
# severity: hazard
# class: Dropout
# make: make = lambda: Dropout()
# sample: x = np.random.default_rng(1).standard_normal((6, 5))
# fix: [["np.random.rand(*x.shape)", "self.rng.random(x.shape)"]]
import numpy as np


class Dropout:
    def __init__(self, dropout_ratio=0.4, seed=0):
        self.dropout_ratio = dropout_ratio
        self.rng = np.random.default_rng(seed)
        self.mask = None

    def forward(self, x, train_flg=True):
        if train_flg:
            self.mask = (np.random.rand(*x.shape) > self.dropout_ratio) / (1.0 - self.dropout_ratio)
            return x * self.mask
        return x

    def backward(self, dout):
        return dout * self.mask
