# kind: wrong
# protocol: layer2
# label: bias-grad-not-summed
# severity: error
# class: AddLayer
# make: make = lambda: AddLayer()
# sample: g = np.random.default_rng(1).standard_normal; x = g((5, 4)); y = g(4)
# fix: [["       dx = dout\n        dy = dout\n        return dx, dy\n", "       dx = dout\n        dy = dout.sum(axis=0)\n        return dx, dy\n"]]
import numpy as np


class AddLayer:
    def forward(self, x, y):
        return x + y

    def backward(self, dout):
        dx = dout
        dy = dout
        return dx, dy
