# kind: wrong
# protocol: layer
# label: undefined-name
# severity: error
# class: Tanh
# make: make = lambda: Tanh()
# sample: x = np.random.default_rng(1).standard_normal((5, 4))
# fix: [["\n\nclass Tanh:\n    def __i", "import numpy as np\n\n\nclass Tanh:\n    def __i"]]


class Tanh:
    def __init__(self):
        self.out = None

    def forward(self, x):
        self.out = np.tanh(x)
        return self.out

    def backward(self, dout):
        return dout * (1 - self.out ** 2)
