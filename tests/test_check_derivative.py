"""Functions beside their derivative, losses beside their gradient, and classes that return a cache."""

import pytest

from badak.check.files import examine_file

ACTIVATION = """
import numpy as np

class Tanh:
    def __call__(self, x):
        return np.tanh(x)

    def gradient(self, x):
        return 1 - np.tanh(x)**2
"""
LEAKY = """
import numpy as np

class LeakyReLU:
    def func(self, z):
        return np.where(z > 0, z, 0.1 * z)

    def derivative(self, z):
        return np.where(z > 0, 1, 0.1)
"""
SQUARE = """
class SquareLoss:
    def loss(self, y_true, y_pred):
        return 0.5 * (y_true - y_pred)**2

    def gradient(self, y_true, y_pred):
        return -(y_true - y_pred)
"""
CROSS = """
import numpy as np

class CrossEntropy:
    def __call__(self, y, p):
        p = np.clip(p, 1e-15, 1 - 1e-15)
        return -np.mean(np.sum(y * np.log(p), axis=1))

    def derivative(self, y, p):
        return -y / np.clip(p, 1e-15, 1 - 1e-15) / len(y)
"""
CACHED = """
import numpy as np

class Linear:
    def __init__(self, in_dim, out_dim):
        self.W = np.random.randn(in_dim, out_dim)

    def forward(self, x):
        return x @ self.W, x

    def backward(self, dout, cache):
        self.dW = cache.T @ dout
        return dout @ self.W.T
"""
STATIC = """
import numpy as np

class Affine:
    @staticmethod
    def forward(x, w, b):
        return x.dot(w) + b, (x, w, b)

    @staticmethod
    def backward(dout, cache):
        x, w, b = cache
        return dout.dot(w.T), x.T.dot(dout), dout.sum(axis=0)
"""
MEANS = """
import numpy as np

class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, A):
        self.A = A
        return self.W @ A + self.b

    def backward(self, dZ):
        m = self.A.shape[1]
        self.dW = dZ @ self.A.T / m
        self.db = dZ.sum(axis=1, keepdims=True) / m
        return self.W.T @ dZ
"""
BOXES = """
import numpy as np

class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, None

class Linear:
    def __init__(self, shape):
        self.W, self.b = Parameter(np.random.randn(*shape)), Parameter(np.zeros(shape[-1]))

    def forward(self, x):
        self.x = x
        return x @ self.W.data + self.b.data

    def backward(self, eta):
        self.W.grad = self.x.T @ eta
        self.b.grad = eta.sum(axis=0)
        return eta @ self.W.data.T
"""
OF_OUTPUT = """
import numpy as np

class Layer:
    def __init__(self, input_dimension, output_dimension):
        self.w = np.random.randn(input_dimension, output_dimension)
        self.b = np.zeros((1, output_dimension))

    def forward(self, x_in):
        a = np.tanh(np.dot(x_in, self.w) + self.b)
        return a

    def backward(self, a):
        da = 1 - a**2
        return da
"""
BUILT = """
import numpy as np

class Loss:
    def __init__(self, Y_hat, Y):
        self.Y_hat, self.Y = Y_hat, Y

    def forward(self):
        return np.mean((self.Y_hat - self.Y)**2)

    def backward(self):
        return 2 * (self.Y_hat - self.Y) / self.Y.size
"""


def report_of(text, folder):
    path = folder / "a.py"
    path.write_text(text, encoding="utf-8")
    return next(r for r in examine_file(path) if r.object != "Parameter")


@pytest.mark.parametrize(
    ("text", "style"),
    [
        (ACTIVATION, "function and derivative, not multiplied by dout"),
        (LEAKY, "function and derivative, not multiplied by dout"),
        (SQUARE, "loss and gradient of prediction and target"),
        (CROSS, "loss and gradient of prediction and target"),
        (CACHED, "class whose forward returns a cache for backward"),
        (STATIC, "class of two functions: forward with its weights, backward with a cache"),
        (MEANS, "class with forward and backward"),
        (BOXES, "class with forward and backward"),
        (OF_OUTPUT, "layer whose backward gives the derivative at its own output"),
        (BUILT, "loss that is made from a prediction and a target"),
    ],
)
def test_right(text, style, tmp_path):
    report = report_of(text, tmp_path)
    assert (report.verdict, report.style) == ("right", style)


@pytest.mark.parametrize(
    ("text", "right", "wrong", "label"),
    [
        (ACTIVATION, "1 - np.tanh(x)**2", "1 - x**2", None),
        (LEAKY, "np.where(z > 0, 1, 0.1)", "np.where(z > 0, 1, 0.2)", None),
        (SQUARE, "-(y_true - y_pred)\n", "y_true - y_pred\n", "sign-flip"),
        (SQUARE, "-(y_true - y_pred)\n", "-2 * (y_true - y_pred)\n", None),
        (
            CROSS,
            "-y / np.clip(p, 1e-15, 1 - 1e-15) / len(y)",
            "-y / np.clip(p, 1e-15, 1 - 1e-15)",
            "missing-batch-mean",
        ),
        (CACHED, "cache.T @ dout", "2 * cache.T @ dout", None),
        (CACHED, "dout @ self.W.T", "dout @ self.W[::-1].T", None),
        (STATIC, "dout.sum(axis=0)", "dout.mean(axis=0)", "mean-instead-of-sum"),
        (STATIC, "dout.dot(w.T)", "-dout.dot(w.T)", "sign-flip"),
        # One mean beside a sum is a fault, and so are means where the file's loss divides too.
        (MEANS, "dZ @ self.A.T / m", "dZ @ self.A.T", None),
        (MEANS, "import numpy as np\n", "import numpy as np\ndef loss(y, t):\n    return np.mean((y - t)**2)\n", None),
        (BOXES, "eta.sum(axis=0)", "eta.mean(axis=0)", "mean-instead-of-sum"),
        (OF_OUTPUT, "1 - a**2", "1 - a", None),
        (BUILT, "2 * (self", "-2 * (self", "sign-flip"),
        (BOXES, "self.x.T @ eta", "-self.x.T @ eta", "sign-flip"),
    ],
)
def test_wrong(text, right, wrong, label, tmp_path):
    assert text.count(right) == 1
    report = report_of(text.replace(right, wrong), tmp_path)
    assert report.verdict == "wrong"
    assert label is None or report.findings[0].label == label


def test_a_network_with_loss_and_gradient_is_no_loss_object(tmp_path):
    text = """
import numpy as np

class Net:
    def __init__(self):
        self.params = {"W": np.random.default_rng(0).standard_normal((7, 3))}

    def predict(self, x):
        return x @ self.params["W"]

    def loss(self, x, t):
        return 0.5 * np.sum((self.predict(x) - t)**2)

    def gradient(self, x, t):
        return {"W": x.T @ (self.predict(x) - t)}
"""
    assert report_of(text, tmp_path).style == "network with loss and gradient"


class TestGradientOfScores:
    TEXT = """
import numpy as np

class CrossEntropy:
    def forward(self, y_pred, y_true):
        return -np.mean(np.sum(y_true * np.log(y_pred), axis=1))

    def backward(self, y_pred, y_true):
        return (y_pred - y_true) / len(y_pred)
"""

    def test_it_is_right_where_the_softmax_is_left_out(self, tmp_path):
        report = report_of(self.TEXT, tmp_path)
        assert (report.verdict, report.findings[0].label) == ("hazard", "gradient-of-scores")

    def test_another_factor_is_a_fault(self, tmp_path):
        assert report_of(self.TEXT.replace("(y_pred - y_true)", "3 * (y_pred - y_true)"), tmp_path).verdict == "wrong"


class TestLossHead:
    TEXT = """
import numpy as np

class Head:
    def __init__(self, in_dim, num_classes=3):
        self.W = np.random.randn(in_dim, num_classes)
        self.x = self.t = self.dW = None

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W)

    def loss(self, x, t):
        self.y, self.t = self.forward(x), t
        return 0.5 * np.sum((self.y - t)**2)

    def backward(self):
        self.dW = np.dot(self.x.T, self.y - self.t)
"""

    def test_backward_belongs_to_the_loss(self, tmp_path):
        report = report_of(self.TEXT, tmp_path)
        assert (report.verdict, report.style) == ("right", "class with loss, then backward() without arguments")

    def test_a_fault_is_found(self, tmp_path):
        text = self.TEXT.replace("self.y - self.t)", "self.t - self.y)")
        assert report_of(text, tmp_path).findings[0].label == "sign-flip"
