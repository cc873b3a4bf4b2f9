# names: ReLU mutates-input; ReLU mutates-dout; ReLU init-takes-data; Sigmoid overflow-at-large-input
import numpy as np


class ReLU:
    def __init__(self, x):
        self.mask = None

    def forward(self, x):
        self.mask = (x <= 0)
        x[self.mask] = 0
        return x

    def backward(self, dout):
        dout[self.mask] = 0
        dx = dout
        return dx


class Sigmoid:
    def __init__(self):
        self.out = None

    def forward(self, x):
        out = 1 / (1 + np.exp(-x))
        self.out = out
        return out

    def backward(self, dout):
        dx = dout * self.out * (1.0 - self.out)
        return dx


x = np.array([[1.0, -0.5], [2.0, 0]])
activation_Relu = ReLU(x)
print(activation_Relu.forward(x))
print(activation_Relu.backward(x))
activation_sigmoid = Sigmoid()
print(activation_sigmoid.forward(np.array([[1.0, 2.0], [3.0, 4.0]])))
