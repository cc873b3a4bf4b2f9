"""Layers and a loss that are called: the call keeps the input, or finds sizes, and forward computes."""

import numpy as np


class Linear:
    def __init__(self, dim_in, dim_out):
        self.weight = np.random.standard_normal((dim_in, dim_out))
        self.bias = np.zeros(dim_out)
        self.params = [self.weight, self.bias]

    def __call__(self, X):
        self.X = X
        return self.forward()

    def forward(self):
        return self.X @ self.weight + self.bias

    def backward(self, d_out):
        return d_out @ self.weight.T, [self.X.T @ d_out, d_out.sum(axis=0)]


class Relu:
    def __call__(self, X):
        self.X = X
        return self.forward(X)

    def forward(self, X):
        return np.maximum(0, X)

    def backward(self, d_out):
        return d_out * (self.X > 0)


class Dropout:
    def __init__(self, p):
        self.p = p

    def __call__(self, X, mode):
        return self.forward(X, mode)

    def forward(self, X, mode):
        if mode != "train":
            return X
        self.mask = np.random.binomial(1, self.p, X.shape) / self.p
        return X * self.mask

    def backward(self, d_out):
        return d_out * self.mask


class CrossEntropyLoss:
    def __call__(self, X, labels):
        self.X, self.labels = X, labels
        return self.forward()

    def forward(self):
        z = np.exp(self.X - self.X.max(axis=1, keepdims=True))
        self.p = z / z.sum(axis=1, keepdims=True)
        return -np.sum(self.labels * np.log(self.p + 1e-9)) / len(self.X)

    def backward(self):
        return (self.p - self.labels) / len(self.X)
