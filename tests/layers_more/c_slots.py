# kind: correct
# protocol: layer
# class: Scale
# make: make = lambda: Scale(np.array([1.5, -2.0, 0.5, 3.0]))
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
class Scale:
    __slots__ = ('g', 'dg', 'x')

    def __init__(self, g):
        self.g = g
        self.dg = None

    def forward(self, x):
        self.x = x
        return x * self.g

    def backward(self, dout):
        self.dg = (dout * self.x).sum(axis=0)
        return dout * self.g
