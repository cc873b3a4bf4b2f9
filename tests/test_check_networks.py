# ruff: noqa: E501 (a slip is one line)
"""What goes wrong between the layers of a network, each named: order, connections, keys, first weights."""

import contextlib
import io

import pytest

from badak.check.files import examine_file

NET = """import numpy as np


class Relu:
    def forward(self, x):
        self.mask = x <= 0
        return np.where(self.mask, 0, x)

    def backward(self, dout):
        return np.where(self.mask, 0, dout)


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return -np.sum(t * np.log(self.y + 1e-7)) / len(x)

    def backward(self, dout=1):
        return dout * (self.y - self.t) / len(self.t)


class TwoLayerNet:
    def __init__(self, input_size=7, hidden_size=11, output_size=3):
        r = np.random.default_rng(0)
        self.params = {"W1": r.standard_normal((input_size, hidden_size)), "b1": np.zeros(hidden_size),
                       "W2": r.standard_normal((hidden_size, output_size)), "b2": np.zeros(output_size)}
        self.layers = {}
        self.layers["Affine1"] = Affine(self.params["W1"], self.params["b1"])
        self.layers["Relu1"] = Relu()
        self.layers["Affine2"] = Affine(self.params["W2"], self.params["b2"])
        self.last = SoftmaxWithLoss()

    def predict(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        return self.last.forward(self.predict(x), t)

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.last.backward(1)
        for layer in reversed(list(self.layers.values())):
            dout = layer.backward(dout)
        grads = {}
        grads["W1"], grads["b1"] = self.layers["Affine1"].dW, self.layers["Affine1"].db
        grads["W2"], grads["b2"] = self.layers["Affine2"].dW, self.layers["Affine2"].db
        return grads
"""
SQUARE = ("input_size=7, hidden_size=11, output_size=3", "input_size=3, hidden_size=3, output_size=3")


def network(tmp_path, *changes, text=NET):
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "net.py"
    path.write_text(text, encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        reports = examine_file(path)
    return next(r for r in reports if r.object == "TwoLayerNet"), text.splitlines()


def test_the_network_itself_is_right(tmp_path):
    assert network(tmp_path)[0].verdict == "right"
    assert network(tmp_path, SQUARE)[0].verdict == "right"


SLIPS = [
    ("backward-order", ("reversed(list(self.layers.values()))", "list(self.layers.values())"), "for layer in list"),
    ("gradient-without-forward", ("        self.loss(x, t)\n        dout", "        dout"), "self.last.backward(1)"),
    ("dout-not-passed-on", ("            dout = layer.backward(dout)", "            layer.backward(dout)"), "layer.backward(dout)"),
    ("params-not-shared", ('Affine(self.params["W1"], ', 'Affine(self.params["W1"].copy(), '), ".copy()"),
    ("duplicate-param-grad", ('= self.layers["Affine1"].dW', '= self.layers["Affine2"].dW'), 'grads["W1"]'),
    ("shared-layer-instance", ('Affine(self.params["W2"], self.params["b2"])', 'self.layers["Affine1"]'), 'self.layers["Affine2"]'),
    ("zero-init-symmetry", ("r.standard_normal((input_size, hidden_size))", "np.zeros((input_size, hidden_size))"), "np.zeros((input"),
]  # fmt: skip


@pytest.mark.parametrize("square", [False, True], ids=["7-11-3", "3-3-3"])
@pytest.mark.parametrize(("label", "change", "line"), SLIPS, ids=[s[0] for s in SLIPS])
def test_a_slip_is_named_with_its_line(label, change, line, square, tmp_path):
    report, lines = network(tmp_path, change, *[SQUARE] * square)
    first = report.findings[0]
    assert (report.verdict, first.label) == ("wrong", label)
    assert line in lines[first.line - 1]
