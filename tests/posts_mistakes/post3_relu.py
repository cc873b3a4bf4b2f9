# names: Relu mutates-dout
import numpy as np
class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = (x <= 0)
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout[self.mask] = 0
        dx = dout
        return dx

relu = Relu()
x = np.array([[1.0, -0.5], [-2.0, 3.0]])
relu.forward(x)
dout = np.array([[35, 73], [92, 83]])
print(relu.backward(dout))
