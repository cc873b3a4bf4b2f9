# kind: wrong
# protocol: layer
# label: kernel-not-flipped
# severity: error
# class: Conv1d
# make: make = lambda: Conv1d(np.array([0.5, -1.0, 2.0]))
# sample: x = np.random.default_rng(1).standard_normal((3, 7))
# fix: [["pad[:, i:i + k] @ self.w", "pad[:, i:i + k] @ self.w[::-1]"]]
import numpy as np


class Conv1d:
    """x: (N, L), one filter w: (K,), valid."""

    def __init__(self, w):
        self.w = w
        self.dw = None
        self.x = None

    def forward(self, x):
        self.x = x
        k = len(self.w)
        return np.stack([x[:, i:i + k] @ self.w for i in range(x.shape[1] - k + 1)], axis=1)

    def backward(self, dout):
        k = len(self.w)
        self.dw = np.array([np.sum(dout * self.x[:, j:j + dout.shape[1]]) for j in range(k)])
        pad = np.pad(dout, [(0, 0), (k - 1, k - 1)])
        return np.stack([pad[:, i:i + k] @ self.w for i in range(self.x.shape[1])], axis=1)
