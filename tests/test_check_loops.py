"""Training loops in a script, judged without training to the end."""

import contextlib
import io

import pytest

from badak.check.files import examine_file

SCRIPT = """import numpy as np


class Net:
    def __init__(self):
        self.params = {"W": np.random.randn(4, 3), "b": np.zeros(3)}
        self.held = self.params["W"], self.params["b"]

    def predict(self, x, train_flg=False):
        return x @ self.held[0] + self.held[1]

    def probabilities(self, x):
        e = np.exp(self.predict(x))
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, x, t):
        return -np.sum(t * np.log(self.probabilities(x))) / len(x)

    def accuracy(self, x, t, train_flg=False):
        return np.mean(self.predict(x).argmax(axis=1) == t.argmax(axis=1))

    def gradient(self, x, t):
        d = (self.probabilities(x) - t) / len(x)
        return {"W": x.T @ d, "b": d.sum(axis=0)}


x_train, t_train = np.random.randn(30, 4), np.eye(3)[np.arange(30) % 3]
x_test, t_test = x_train[:5], t_train[:5]
network = Net()
learning_rate = 0.1
for i in range(3):
    mask = np.random.choice(30, 6)
    x_batch = x_train[mask]
    t_batch = t_train[mask]
    grad = network.gradient(x_batch, t_batch)
    for key in ("W", "b"):
        network.params[key] -= learning_rate * grad[key]
    network.accuracy(x_test, t_test)
"""
SLIPS = [
    ("ascends-the-loss", "-= learning_rate * grad[key]", "+= learning_rate * grad[key]", "+="),
    ("ascends-the-loss", "-= learning_rate * grad[key]", "-= -learning_rate * grad[key]", "-learning_rate"),
    ("rebinds-params", "[key] -= learning_rate", "[key] = network.params[key] - learning_rate", "params[key] ="),
    ("rows-of-another-batch", "t_train[mask]\n", "t_train[np.random.choice(30, 6)]\n", "gradient("),
    ("rows-of-another-batch", "    t_batch =", "    mask = np.random.choice(30, 6)\n    t_batch =", "gradient("),
    ("rows-of-another-batch", "gradient(x_batch, t_batch)", "gradient(x_train[:6], t_train[6:12])", "gradient("),
    ("evaluates-in-training-mode", "(x_test, t_test)", "(x_test, t_test, train_flg=True)", "accuracy("),
]
RIGHT = [
    ("as it is", "i in range(3)", "i in range(3)"),
    ("the sign in the rate", "-= learning_rate * grad[key]", "+= -learning_rate * grad[key]"),
    ("a gradient with the other sign", "        return {", "        d = -d\n        return {"),
    ("another name", "grad = network", "g = network"),
]


def loops(tmp_path, *changes):
    text = SCRIPT
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / "train.py"
    path.write_text(text, encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        reports = examine_file(path)
    return [r for r in reports if r.object == "training loop"], text.splitlines()


@pytest.mark.parametrize(("label", "old", "new", "line"), SLIPS, ids=[f"{s[0]} {i}" for i, s in enumerate(SLIPS)])
def test_a_slip_is_named_with_its_line(label, old, new, line, tmp_path):
    (report,), lines = loops(tmp_path, (old, new))
    assert (report.verdict, [f.label for f in report.findings]) == ("wrong", [label])
    assert line in lines[report.findings[0].line - 1]


@pytest.mark.parametrize(("name", "old", "new"), RIGHT, ids=[r[0] for r in RIGHT])
def test_a_right_loop_has_nothing_told_of_it(name, old, new, tmp_path):
    changes = [(old, new)]
    if name.startswith("a gradient"):
        changes.append(("-= learning_rate", "+= learning_rate"))
    if name == "another name":
        changes.append(("* grad[key]", "* g[key]"))
    assert loops(tmp_path, *changes)[0] == []


def test_an_array_put_into_params_that_predict_reads_is_right(tmp_path):
    changes = [
        ("x @ self.held[0] + self.held[1]", 'x @ self.params["W"] + self.params["b"]'),
        ("[key] -= learning_rate", "[key] = network.params[key] - learning_rate"),
    ]
    assert loops(tmp_path, *changes)[0] == []
