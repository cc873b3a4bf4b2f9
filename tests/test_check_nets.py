"""Networks in other hands than the book's: differences alone, (loss, gradients), train_step, and Nielsen's lists."""

import contextlib
import io

import pytest

from badak.check.files import examine_file

HEAD = "import numpy as np\n\n\n"
HELPER = """def numerical_gradient(f, x):
    h = 1e-4
    grad = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        kept = x[i]
        x[i] = kept + h
        up = f(x)
        x[i] = kept - h
        grad[i] = (up - f(x)) / (2 * h)
        x[i] = kept
    return grad


"""
CHAPTER_4 = """class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01):
        self.params = {"W1": weight_init_std * np.random.randn(input_size, hidden_size), "b1": np.zeros(hidden_size),
                       "W2": weight_init_std * np.random.randn(hidden_size, output_size), "b2": np.zeros(output_size)}

    def predict(self, x):
        z = 1 / (1 + np.exp(-(x @ self.params["W1"] + self.params["b1"])))
        a = z @ self.params["W2"] + self.params["b2"]
        e = np.exp(a - a.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, x, t):
        return -np.sum(t * np.log(self.predict(x) + 1e-7)) / len(x)

    def numerical_gradient(self, x, t):
        return {k: numerical_gradient(lambda w: self.loss(x, t), v) for k, v in self.params.items()}
"""
SIMPLE = """class simpleNet:
    def __init__(self):
        self.W = np.random.randn(2, 3)

    def predict(self, x):
        return x @ self.W

    def loss(self, x, t):
        z = self.predict(x)
        return -np.sum(t * (z - np.log(np.exp(z).sum(axis=-1, keepdims=True))))
"""
COURSE = """class TwoLayerNet:
    def __init__(self, input_dim=3 * 32 * 32, hidden_dim=100, num_classes=10, weight_scale=1e-3, reg=0.0):
        self.reg = reg
        self.params = {"W1": weight_scale * np.random.randn(input_dim, hidden_dim), "b1": np.zeros(hidden_dim),
                       "W2": weight_scale * np.random.randn(hidden_dim, num_classes), "b2": np.zeros(num_classes)}

    def loss(self, X, y=None):
        p = self.params
        h = np.maximum(X @ p["W1"] + p["b1"], 0)
        scores = h @ p["W2"] + p["b2"]
        if y is None:
            return scores
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        e /= e.sum(axis=1, keepdims=True)
        rows = np.arange(len(X))
        loss = -np.log(e[rows, y]).mean() + 0.5 * self.reg * (np.sum(p["W1"] ** 2) + np.sum(p["W2"] ** 2))
        e[rows, y] -= 1
        d = e / len(X)
        grads = {"W2": h.T @ d + self.reg * p["W2"], "b2": d.sum(axis=0)}
        d = (d @ p["W2"].T) * (h > 0)
        grads["W1"] = X.T @ d + self.reg * p["W1"]
        grads["b1"] = d.sum(axis=0)
        return loss, grads
"""
STEP = """class Net:
    def __init__(self, D, C, H):
        self.model = dict(W1=np.random.randn(D, H), b1=np.zeros((1, H)), W2=np.random.randn(H, C), b2=np.zeros((1, C)))

    def forward(self, X, train=False):
        h = np.tanh(X @ self.model["W1"] + self.model["b1"])
        return h @ self.model["W2"] + self.model["b2"], (X, h)

    def backward(self, y_pred, y_train, cache):
        X, h = cache
        d = np.exp(y_pred - y_pred.max(axis=1, keepdims=True))
        d /= d.sum(axis=1, keepdims=True)
        d[range(len(X)), y_train] -= 1
        d /= len(X)
        dh = d @ self.model["W2"].T * (1 - h * h)
        return dict(W1=X.T @ dh, b1=dh.sum(axis=0), W2=h.T @ d, b2=d.sum(axis=0))

    def train_step(self, X_train, y_train):
        y_pred, cache = self.forward(X_train, train=True)
        e = np.exp(y_pred - y_pred.max(axis=1, keepdims=True))
        loss = -np.log((e / e.sum(axis=1, keepdims=True))[range(len(X_train)), y_train]).mean()
        grad = self.backward(y_pred, y_train, cache)
        return grad, loss
"""
NIELSEN = """class Network:
    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = 1 / (1 + np.exp(-(w @ a + b)))
        return a

    def backprop(self, x, y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        acts = [x]
        for b, w in zip(self.biases, self.weights):
            acts.append(1 / (1 + np.exp(-(w @ acts[-1] + b))))
        delta = self.cost_derivative(acts[-1], y) * acts[-1] * (1 - acts[-1])
        nabla_b[-1], nabla_w[-1] = delta, delta @ acts[-2].T
        for k in range(2, self.num_layers):
            delta = self.weights[-k + 1].T @ delta * acts[-k] * (1 - acts[-k])
            nabla_b[-k], nabla_w[-k] = delta, delta @ acts[-k - 1].T
        return nabla_b, nabla_w

    def cost_derivative(self, output, y):
        return output - y
"""
CROSS = [
    ("self.cost_derivative(acts[-1], y) * acts[-1] * (1 - acts[-1])", "acts[-1] - y"),
    ("    def cost_derivative(self, output, y):\n        return output - y\n", ""),
]
BY_DIFFERENCES = "network with numerical gradients alone"
RIGHT = [
    ("chapter 4", BY_DIFFERENCES, HELPER + CHAPTER_4, []),
    ("simpleNet", "network whose gradient a function of the file takes by differences", HELPER + SIMPLE, []),
    ("course", "network whose loss returns (loss, gradients)", COURSE, []),
    ("step", "network whose train_step returns gradients and loss", STEP, []),
    ("Nielsen", "network with lists of weights and biases, and backprop", NIELSEN, []),
    ("Nielsen, cross-entropy", "network with lists of weights and biases, and backprop", NIELSEN, CROSS),
]
WRONG = [
    ("chapter 4, half the step", HELPER + CHAPTER_4, ("/ (2 * h)", "/ h")),
    ("chapter 4, not restored", HELPER + CHAPTER_4, ("        x[i] = kept\n", "")),
    ("simpleNet, no difference", HELPER + SIMPLE, ("x[i] = kept - h", "x[i] = kept + h")),
    ("course, penalty", COURSE, ('X.T @ d + self.reg * p["W1"]', "X.T @ d")),
    ("course, mask", COURSE, (" * (h > 0)", "")),
    ("step, tanh", STEP, ("(1 - h * h)", "(1 - h)")),
    ("step, mean", STEP, ("        d /= len(X)\n        dh", "        dh")),
    ("Nielsen, layer", NIELSEN, ("* acts[-k] * (1 - acts[-k])", "* acts[-k]")),
    (
        "Nielsen, output",
        NIELSEN,
        ("nabla_w[-1] = delta, delta @ acts[-2].T", "nabla_w[-1] = delta, -delta @ acts[-2].T"),
    ),
]


def examined(tmp_path, text, *changes):
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "net.py"
    path.write_text(HEAD + text, encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        reports = examine_file(path)
    return next(r for r in reports if "et" in r.object)


@pytest.mark.parametrize(("name", "style", "text", "changes"), RIGHT, ids=[r[0] for r in RIGHT])
def test_a_right_network_is_judged_in_its_own_style(name, style, text, changes, tmp_path):
    report = examined(tmp_path, text, *changes)
    assert (report.style, report.verdict) == (style, "right"), (report.reason, report.reason_values, report.findings)


@pytest.mark.parametrize(("name", "text", "change"), WRONG, ids=[w[0] for w in WRONG])
def test_its_twin_with_a_slip_is_wrong(name, text, change, tmp_path):
    assert examined(tmp_path, text, change).verdict == "wrong"


def test_a_network_of_which_no_gradient_is_there_is_not_accused(tmp_path):
    report = examined(tmp_path, SIMPLE)
    assert report.verdict == "unknown"
    assert "no method" in report.reason


ACCURACY = """
    def gradient(self, x, t):
        return numerical(self, x, t)

    def accuracy(self, x, t):
        n = len(x) // 32 * 32
        hits = 0
        for i in range(0, n, 32):
            hits += np.sum(self.predict(x[i:i + 32]).argmax(axis=1) == t[i:i + 32].argmax(axis=1))
        return hits / n if n else 0.0
"""


def test_an_accuracy_that_goes_by_whole_batches_needs_whole_batches(tmp_path):
    text = HELPER + CHAPTER_4 + ACCURACY.replace("return numerical(self, x, t)", "return self.numerical_gradient(x, t)")
    assert examined(tmp_path, text).verdict == "right"
    wrong = examined(tmp_path, text, ("t[i:i + 32].argmax(axis=1)", "t[i:i + 32].argmin(axis=1)"))
    assert [f.quantity for f in wrong.findings] == ["accuracy"]
