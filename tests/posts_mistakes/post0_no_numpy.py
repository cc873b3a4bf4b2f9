# names: Affine undefined-name
class Affine:
    def __init__(self, w, b):
        self.w = w
        self.b = b

    def forward(self, x):
        out = np.dot(x, self.w) + self.b
        return out

    def backward(self, x, dout):
        dx = np.dot(dout, self.w.T)
        dw = np.dot(x.T, dout)
        db = np.sum(dout, axis=0)
        return dx, dw, db


make = lambda: Affine([[1, 3, 5], [2, 4, 6]], [1, 2, 3])
x = [[1.0, 2.0]]
