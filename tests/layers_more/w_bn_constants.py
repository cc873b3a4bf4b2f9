# kind: wrong
# protocol: layer
# label: stats-treated-as-constants
# severity: error
# class: BatchNormalization
# make: def make(): g = np.random.default_rng(0).standard_normal; return BatchNormalization(g(3) + 2.0, g(3))
# sample: x = np.random.default_rng(1).standard_normal((6, 3)) * 2.0 + 1.0
# fix: [["dx = g / self.std", "dx = (g - through_mean - through_var) / self.std"]]
import numpy as np


class BatchNormalization:
    def __init__(self, gamma, beta, momentum=0.9, eps=1e-5):
        self.gamma = gamma
        self.beta = beta
        self.momentum = momentum
        self.eps = eps
        self.running_mean = np.zeros_like(gamma)
        self.running_var = np.ones_like(gamma)
        self.dgamma = None
        self.dbeta = None

    def forward(self, x, train_flg=True):
        if not train_flg:
            return self.gamma * (x - self.running_mean) / np.sqrt(self.running_var + self.eps) + self.beta
        mean, var = x.mean(axis=0), x.var(axis=0)
        keep = self.momentum
        self.running_mean = keep * self.running_mean + (1 - keep) * mean
        self.running_var = keep * self.running_var + (1 - keep) * var
        self.centred = x - mean
        self.std = np.sqrt(var + self.eps)
        self.xn = self.centred / self.std
        return self.gamma * self.xn + self.beta

    def backward(self, dout):
        self.dgamma = np.sum(dout * self.xn, axis=0)
        self.dbeta = np.sum(dout, axis=0)
        g = dout * self.gamma
        through_mean = g.mean(axis=0)
        through_var = self.xn * (g * self.xn).mean(axis=0)
        dx = g / self.std
        return dx
