"""Layers whose backward changes their own weights, and layers whose methods have names of their own."""

import pytest

from badak.check.files import examine_file
from badak.check.subject.candidate import Candidate
from badak.check.subject.names import own_pair

FULL = """
import numpy as np

class FCLayer:
    def __init__(self, input_size, output_size):
        self.weights = np.random.rand(input_size, output_size) - 0.5
        self.bias = np.random.rand(1, output_size) - 0.5

    def forward_propagation(self, input_data):
        self.input = input_data
        return np.dot(self.input, self.weights) + self.bias

    def backward_propagation(self, output_error, learning_rate):
        input_error = np.dot(output_error, self.weights.T)
        self.weights -= learning_rate * np.dot(self.input.T, output_error)
        self.bias -= learning_rate * output_error.sum(axis=0, keepdims=True)
        return input_error
"""
COLUMNS = """
import numpy as np

class Dense:
    def __init__(self, in_size, out_size):
        self.weights = np.random.randn(out_size, in_size)
        self.bias = np.random.randn(out_size, 1)

    def forward(self, input):
        self.input = input
        return np.dot(self.weights, self.input) + self.bias

    def backward(self, output_grad, alpha):
        grad = np.dot(self.weights.T, output_grad)
        self.weights -= alpha * np.dot(output_grad, self.input.T)
        self.bias -= alpha * output_grad
        return grad
"""
MOMENTUM = """
import numpy as np

class Dense:
    def __init__(self, n_in, n_out, lr=0.1):
        self.W = np.random.randn(n_in, n_out)
        self.v = np.zeros((n_in, n_out))
        self.lr = lr

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        dx = dout @ self.W.T
        self.v = 0.9 * self.v + self.x.T @ dout
        self.W -= self.lr * self.v
        return dx
"""
OPTIMIZER = """
import numpy as np, copy

class Dense:
    def __init__(self, n_units, input_shape=None):
        self.input_shape, self.n_units = input_shape, n_units
        self.W = None

    def set_input_shape(self, shape):
        self.input_shape = shape

    def initialize(self, optimizer):
        self.W = np.random.randn(self.input_shape[0], self.n_units)
        self.w0 = np.zeros((1, self.n_units))
        self.W_opt, self.w0_opt = copy.copy(optimizer), copy.copy(optimizer)

    def forward_pass(self, X, training=True):
        self.layer_input = X
        return X.dot(self.W) + self.w0

    def backward_pass(self, accum_grad):
        W = self.W
        self.W = self.W_opt.update(self.W, self.layer_input.T.dot(accum_grad))
        self.w0 = self.w0_opt.update(self.w0, np.sum(accum_grad, axis=0, keepdims=True))
        return accum_grad.dot(W.T)
"""
FIRST = """
import numpy as np

class First:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backprop(self, d_L_d_out, learn_rate):
        self.W -= learn_rate * self.x.T @ d_L_d_out
        return None
"""


def report_of(text, folder):
    path = folder / "a.py"
    path.write_text(text, encoding="utf-8")
    (report,) = examine_file(path)
    return report


class TestRight:
    @pytest.mark.parametrize("text", [FULL, COLUMNS, MOMENTUM, OPTIMIZER, FIRST])
    def test_the_gradient_is_read_from_the_step(self, text, tmp_path):
        report = report_of(text, tmp_path)
        assert (report.verdict, report.findings) == ("right", [])
        assert report.style == "class whose backward updates its own weights"

    def test_the_rate_of_a_dropout_is_no_learning_rate(self, tmp_path):
        text = (
            "import numpy as np\nclass Dropout:\n    def __init__(self, rate):\n        self.rate = 1 - rate\n"
            "    def forward(self, x):\n        self.mask = np.random.rand(*x.shape) < self.rate\n"
            "        return x * self.mask / self.rate\n"
            "    def backward(self, dout, lr):\n        return dout * self.mask / self.rate\n"
        )
        assert report_of(text, tmp_path).verdict == "hazard"
        assert report_of(text.replace("dout * self.mask / self.rate", "dout * self.mask"), tmp_path).verdict == "wrong"

    def test_a_first_argument_is_no_rate(self, tmp_path):
        text = (
            "import numpy as np\nclass Tanh:\n    def forward(self, x):\n        self.y = np.tanh(x)\n"
            "        return self.y\n    def backward(self, eta):\n        return eta * (1 - self.y**2)\n"
        )
        report = report_of(text, tmp_path)
        assert (report.verdict, report.style) == ("right", "class with forward and backward")

    def test_an_argument_that_forward_has_too_is_no_rate(self, tmp_path):
        text = (
            "import numpy as np\nclass Leaky:\n    def forward(self, x, alpha=0.1):\n        self.x = x\n"
            "        return np.where(x > 0, x, alpha * x)\n"
            "    def backward(self, dout, alpha=0.1):\n        return np.where(self.x > 0, dout, alpha * dout)\n"
        )
        assert report_of(text, tmp_path).style == "class with forward and backward"


class TestWrong:
    @pytest.mark.parametrize(
        ("text", "right", "wrong", "label"),
        [
            (FULL, "input_error = np.dot(output_error, self.weights.T)\n", "pass\n", "dx-after-update"),
            (FULL, "weights -= ", "weights += ", "sign-flip"),
            (FULL, "self.weights -= learning_rate * np", "self.weights -= np", None),
            (FULL, "output_error.sum(axis=0, keepdims=True)", "output_error.mean(axis=0, keepdims=True)", None),
            (FULL, "        self.bias -= learning_rate * output_error.sum(axis=0, keepdims=True)\n", "", None),
            (COLUMNS, "grad = np.dot(self.weights.T, output_grad)", "grad = np.dot(self.weights[::-1].T, output_grad)",
             None),
            (MOMENTUM, "self.x.T @ dout\n", "2 * self.x.T @ dout\n", None),
            (OPTIMIZER, "W = self.W\n", "pass\n", "dx-after-update"),
            (OPTIMIZER, "self.layer_input.T.dot(accum_grad)", "-self.layer_input.T.dot(accum_grad)", "sign-flip"),
            (FIRST, "self.x.T @ d_L_d_out", "-self.x.T @ d_L_d_out", "sign-flip"),
        ],
    )  # fmt: skip
    def test_a_fault_is_found(self, text, right, wrong, label, tmp_path):
        assert text.count(right) == 1
        text = text.replace(right, wrong)
        if label == "dx-after-update":  # computed in the return statement instead
            text = text.replace("return input_error", "return np.dot(output_error, self.weights.T)")
            text = text.replace("accum_grad.dot(W.T)", "accum_grad.dot(self.W.T)")
        report = report_of(text, tmp_path)
        assert report.verdict == "wrong"
        assert label is None or report.findings[0].label == label

    def test_an_update_beside_an_optimizer_stays_a_fault(self, tmp_path):
        text = MOMENTUM.replace("self.v = 0.9 * self.v + self.x.T @ dout", "self.dW = self.x.T @ dout").replace(
            "self.lr * self.v", "self.lr * self.dW"
        )
        assert report_of(text, tmp_path).findings[0].label == "updates-weights-in-backward"


class TestOtherNames:
    @pytest.mark.parametrize(
        ("front", "back"),
        [("forward_pass", "backward_pass"), ("fprop", "bprop"), ("call", "gradient"), ("feed_forward", "backprop"),
         ("forwardPropagation", "backPropagation"), ("_forward", "_backward")],
    )  # fmt: skip
    def test_right_and_wrong(self, front, back, tmp_path):
        text = (
            f"import numpy as np\nclass Square:\n    def {front}(self, x):\n        self.x = x\n        return x**2\n"
            f"    def {back}(self, grad):\n        return 2 * self.x * grad\n"
        )
        assert report_of(text, tmp_path).verdict == "right"
        wrong = report_of(text.replace("2 * self.x", "self.x"), tmp_path)
        assert (wrong.verdict, wrong.findings[0].method) == ("wrong", back)

    def test_a_closure_of_an_autograd_object_is_no_backward(self):
        class Value:
            def forward(self, x): ...
            def _backward(self, grad): ...

        assert own_pair(Candidate("Value", kind=Value)) is None
