# kind: correct
# protocol: layer
# class: Linear
# make: def make(): g = np.random.default_rng(0).standard_normal; return Linear(g((3, 4)), g((1, 3)))
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
class Linear:
    def __init__(self, W, b):
        self.W, self.b, self.dW, self.db = W, b, None, None

    def forward(self, x):
        self.x = x
        return x @ self.W.T + self.b

    def backward(self, dout):
        self.dW = dout.T @ self.x
        self.db = dout.sum(axis=0, keepdims=True)
        return dout @ self.W
