"""`common.optimizer`: the book's optimizers, on dictionaries of arrays or of plain numbers (ch. 6.1)."""

import typing as _t

import numpy as np

from badak.book.mending import mended as _mended


def _zeros(params: _t.Any) -> dict[str, _t.Any]:
    return {key: np.zeros_like(value, dtype=float) for key, value in params.items()}


class SGD:
    """W ← W - lr · dW."""

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr

    def update(self, params: _t.Any, grads: _t.Any) -> None:
        """Change `params`, arrays in place."""
        for key in params:
            params[key] -= self.lr * grads[key]


class Momentum:
    """v ← momentum · v - lr · dW; W ← W + v."""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr, self.momentum = lr, momentum
        self.v: _t.Any = None

    def update(self, params: _t.Any, grads: _t.Any) -> None:
        """Change `params`, arrays in place."""
        self.v = _zeros(params) if self.v is None else self.v
        for key in params:
            self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]
            params[key] += self.v[key]


class Nesterov:
    """W ← W + momentum² · v - (1 + momentum) · lr · dW, then v ← momentum · v - lr · dW (arXiv:1212.0901)."""

    def __init__(self, lr: float = 0.01, momentum: float = 0.9) -> None:
        self.lr, self.momentum = lr, momentum
        self.v: _t.Any = None

    def update(self, params: _t.Any, grads: _t.Any) -> None:
        """Change `params`, arrays in place."""
        _mended("Nesterov moves the weights by the v before this step; the first edition's code takes the one after it")
        self.v = _zeros(params) if self.v is None else self.v
        for key in params:
            params[key] += self.momentum * self.momentum * self.v[key]
            params[key] -= (1 + self.momentum) * self.lr * grads[key]
            self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]


class AdaGrad:
    """h ← h + dW²; W ← W - lr · dW / (√h + 1e-7)."""

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = lr
        self.h: _t.Any = None

    def update(self, params: _t.Any, grads: _t.Any) -> None:
        """Change `params`, arrays in place."""
        self.h = _zeros(params) if self.h is None else self.h
        for key in params:
            self.h[key] += grads[key] * grads[key]
            params[key] -= self.lr * grads[key] / (np.sqrt(self.h[key]) + 1e-7)


class RMSprop:
    """h ← decay_rate · h + (1 - decay_rate) · dW²; W ← W - lr · dW / (√h + 1e-7)."""

    def __init__(self, lr: float = 0.01, decay_rate: float = 0.99) -> None:
        self.lr, self.decay_rate = lr, decay_rate
        self.h: _t.Any = None

    def update(self, params: _t.Any, grads: _t.Any) -> None:
        """Change `params`, arrays in place."""
        self.h = _zeros(params) if self.h is None else self.h
        for key in params:
            self.h[key] *= self.decay_rate
            self.h[key] += (1 - self.decay_rate) * grads[key] * grads[key]
            params[key] -= self.lr * grads[key] / (np.sqrt(self.h[key]) + 1e-7)


class Adam:
    """m and v are running means of dW and dW², both corrected through the learning rate (arXiv:1412.6980)."""

    def __init__(self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999) -> None:
        self.lr, self.beta1, self.beta2 = lr, beta1, beta2
        self.iter = 0
        self.m: _t.Any = None
        self.v: _t.Any = None

    def update(self, params: _t.Any, grads: _t.Any) -> None:
        """Change `params`, arrays in place."""
        if self.m is None:
            self.m, self.v = _zeros(params), _zeros(params)
        self.iter += 1
        lr_t = self.lr * np.sqrt(1.0 - self.beta2**self.iter) / (1.0 - self.beta1**self.iter)
        for key in params:
            self.m[key] += (1 - self.beta1) * (grads[key] - self.m[key])
            self.v[key] += (1 - self.beta2) * (grads[key] ** 2 - self.v[key])
            params[key] -= lr_t * self.m[key] / (np.sqrt(self.v[key]) + 1e-7)
