# kind: correct
# protocol: layer
# class: Affine
# make: def make(): g = np.random.default_rng(0).standard_normal; return Affine(g((4, 3)), g(3))
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b
        self.run = lambda x: x @ self.W + self.b

    def forward(self, x):
        self.x = x
        return self.run(x)

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T
