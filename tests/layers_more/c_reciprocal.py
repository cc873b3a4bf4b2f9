# kind: correct
# protocol: layer
# class: Inv
# make: make = lambda: Inv()
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
class Inv:
    def forward(self, x):
        self.y = 1 / x
        return self.y

    def backward(self, dout):
        return -dout * self.y ** 2
