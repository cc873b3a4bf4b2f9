# kind: wrong
# protocol: layer2
# label: swapped-inputs
# severity: error
# class: MulLayer
# make: make = lambda: MulLayer()
# sample: g = np.random.default_rng(1).standard_normal; x = g((5, 4)); y = g((5, 4))
# fix: [["dx = dout * self.x", "dx = dout * self.y"], ["dy = dout * self.y", "dy = dout * self.x"]]
import numpy as np


class MulLayer:
    def __init__(self):
        self.x = None
        self.y = None

    def forward(self, x, y):
        self.x = x
        self.y = y
        return x * y

    def backward(self, dout):
        dx = dout * self.x
        dy = dout * self.y
        return dx, dy
