# kind: wrong
# protocol: layer
# label: uses-output-for-input
# severity: error
# class: Square
# make: make = lambda: Square()
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["dout * 2 * self.y", "dout * 2 * self.x"]]
import numpy as np


class Square:
    def __init__(self):
        self.x = None

    def forward(self, x):
        self.x = x
        self.y = x ** 2
        return x ** 2

    def backward(self, dout):
        return dout * 2 * self.y
