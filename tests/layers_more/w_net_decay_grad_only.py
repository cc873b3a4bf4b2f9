# kind: wrong
# protocol: network
# label: adds-weight-decay-to-grad
# severity: error
# class: Net
# make: make = lambda: Net()
# sample: g = np.random.default_rng(1).standard_normal; x = g((5, 4)); t = g((5, 3))
# fix: [["* np.sum((y - t) ** 2) / len(x)", "* np.sum((y - t) ** 2) / len(x) + reg"]]
import numpy as np


class Net:
    """Plain functions instead of layer objects; weight decay in loss and gradient."""

    def __init__(self, seed=0, lam=0.05):
        g = np.random.default_rng(seed).standard_normal
        self.lam = lam
        self.params = {'W1': g((4, 6)), 'b1': 0.1 * g(6), 'W2': g((6, 3)), 'b2': 0.1 * g(3)}

    def _forward(self, x):
        p = self.params
        h = np.tanh(x @ p['W1'] + p['b1'])
        return h, h @ p['W2'] + p['b2']

    def loss(self, x, t):
        _, y = self._forward(x)
        reg = 0.5 * self.lam * sum(np.sum(self.params[k] ** 2) for k in ('W1', 'W2'))
        return 0.5 * np.sum((y - t) ** 2) / len(x)

    def gradient(self, x, t):
        p = self.params
        h, y = self._forward(x)
        dy = (y - t) / len(x)
        dh = dy @ p['W2'].T * (1 - h * h)
        return {'W2': h.T @ dy + self.lam * p['W2'], 'b2': dy.sum(0), 'W1': x.T @ dh + self.lam * p['W1'], 'b1': dh.sum(0)}
