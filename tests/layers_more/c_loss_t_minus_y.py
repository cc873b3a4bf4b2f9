# kind: correct
# protocol: loss
# class: L
# make: make = lambda: L()
# sample: g = np.random.default_rng(1).standard_normal; x = g((5, 3)); t = g((5, 3))
class L:
    def forward(self, y, t):
        self.d = t - y
        return 0.5 * (self.d ** 2).sum()

    def backward(self, dout=1):
        return -dout * self.d
