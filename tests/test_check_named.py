# ruff: noqa: E501 (a slip is one line)
"""Faults by their names: each small piece of code has the one that its label says, and its neighbour has none."""

import contextlib
import io

import pytest

from badak.check.files import examine_file

HEAD = "import math\nimport numpy as np\n\n\n"


def findings_on(text, tmp_path, name=None):
    path = tmp_path / "mine.py"
    path.write_text(HEAD + text, encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        reports = examine_file(path)
    report = next(r for r in reports if name is None or r.object == name)
    return [f for f in report.findings if f.severity == "error"]


def swapped(text, *changes):
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


SOFTMAX = """class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return -np.sum(t * np.log(self.y + 1e-7)) / len(x)

    def backward(self, dout=1):
        return dout * (self.y - self.t) / len(self.t)
"""
TWICE = "        z = np.exp(self.y) / np.exp(self.y).sum(axis=1, keepdims=True)\n        return"
WHOLE = [("x.max(axis=1, keepdims=True)", "x.max()"), ("e.sum(axis=1, keepdims=True)", "e.sum()")]
MSE = """class MeanSquaredError:
    def forward(self, y, t):
        self.y, self.t = y, t
        return np.mean((y - t) ** 2)

    def backward(self, dout=1):
        return dout * 2 * (self.y - self.t) / self.y.size
"""
AFFINE = """class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T
"""
SIGMOID = """class Sigmoid:
    def forward(self, x):
        self.out = 0.5 * (1 + np.tanh(0.5 * x))
        return self.out

    def backward(self, dout):
        return dout * self.out * (1.0 - self.out)
"""
DROPOUT = """class Dropout:
    def __init__(self, dropout_ratio=0.3):
        self.dropout_ratio = dropout_ratio
        self.rng = np.random.default_rng(0)

    def forward(self, x, train_flg=True):
        if not train_flg:
            return x
        self.mask = (self.rng.random(x.shape) > self.dropout_ratio) / (1 - self.dropout_ratio)
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask
"""
BATCHNORM = """class BatchNormalization:
    def __init__(self, gamma, beta, momentum=0.9):
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.running_mean = self.running_var = None

    def forward(self, x, train_flg=True):
        if self.running_mean is None:
            self.running_mean, self.running_var = np.zeros(x.shape[1]), np.zeros(x.shape[1])
        if train_flg:
            mu = x.mean(axis=0)
            var = x.var(axis=0)
            self.std = np.sqrt(var + 1e-6)
            self.xn = (x - mu) / self.std
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
            return self.gamma * self.xn + self.beta
        return self.gamma * (x - self.running_mean) / np.sqrt(self.running_var + 1e-6) + self.beta

    def backward(self, dout):
        self.dbeta = dout.sum(axis=0)
        self.dgamma = (self.xn * dout).sum(axis=0)
        dxn = self.gamma * dout
        return (dxn - dxn.mean(axis=0) - self.xn * (dxn * self.xn).mean(axis=0)) / self.std
"""
POOLING = """class Pooling:
    def forward(self, x):
        n, c, h, w = x.shape
        self.shape = x.shape
        windows = x[:, :, : h // 2 * 2, : w // 2 * 2].reshape(n, c, h // 2, 2, w // 2, 2)
        self.windows = windows.transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // 2, w // 2, 4)
        self.place = self.windows.argmax(axis=4)
        return self.windows.max(axis=4)

    def backward(self, dout):
        n, c, h, w = self.shape
        parts = np.zeros(self.windows.shape)
        np.put_along_axis(parts, self.place[..., None], dout[..., None], axis=4)
        dx = np.zeros(self.shape)
        whole = parts.reshape(n, c, h // 2, w // 2, 2, 2).transpose(0, 1, 2, 4, 3, 5)
        dx[:, :, : h // 2 * 2, : w // 2 * 2] = whole.reshape(n, c, h // 2 * 2, w // 2 * 2)
        return dx
"""
SWAP = [
    ("self.momentum * self.running_mean + (1 - self.momentum) * mu", "(1 - self.momentum) * self.running_mean + self.momentum * mu"),
]  # fmt: skip
NETWORK = """class TwoLayerNet:
    def __init__(self, input_size=4, hidden_size=5, output_size=3):
        r = np.random.default_rng(0)
        self.params = {"W1": r.standard_normal((input_size, hidden_size)), "b1": np.zeros(hidden_size),
                       "W2": r.standard_normal((hidden_size, output_size)), "b2": np.zeros(output_size)}

    def sigmoid(self, a):
        return 0.5 * (1 + np.tanh(0.5 * a))

    def predict(self, x):
        p = self.params
        a = self.sigmoid(x @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"]
        e = np.exp(a - a.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, x, t):
        return -np.sum(t * np.log(self.predict(x) + 1e-7)) / len(x)

    def gradient(self, x, t):
        p = self.params
        z = self.sigmoid(x @ p["W1"] + p["b1"])
        dy = (self.predict(x) - t) / len(x)
        dz = dy @ p["W2"].T
        da = dz * z * (1 - z)
        return {"W2": z.T @ dy, "b2": dy.sum(axis=0), "W1": x.T @ da, "b1": da.sum(axis=0)}
"""

SLIPS = {
    "softmax-over-whole-batch": (SOFTMAX, WHOLE, "e.sum()"),
    "log-base-ten": (SOFTMAX, [("np.log(", "np.log10(")], "log10"),
    "log-base-two": (SOFTMAX, [("np.log(", "np.log2(")], "log2"),
    "softmax-twice": (SOFTMAX, [("        return -np", TWICE + " -np"), ("np.log(self.y", "np.log(z")], "np.exp"),
    "squared-error-factor": (MSE, [("2 * (self.y - self.t) / self.y.size", "(self.y - self.t) / len(self.y)")], "len(self.y)"),
    "subtracts-parameter": (AFFINE, [("self.x.T @ dout", "self.x.T @ dout - 0.01 * self.W")], "0.01"),
    "elementwise-product": (AFFINE, [("self.x.T @ dout", "self.x.T * dout")], "self.x.T * dout"),
    "math-on-array": (SIGMOID, [("0.5 * (1 + np.tanh(0.5 * x))", "1 / (1 + math.exp(-x))")], "math.exp"),
    "list-for-array": (SIGMOID, [("return dout * self.out * (1.0 - self.out)", "return (dout * self.out * (1.0 - self.out)).tolist()")], "tolist"),
    "missing-self": (AFFINE, [("def __init__(self, W, b)", "def __init__(W, b)")], "def __init__(W, b)"),
    "dropout-scaled-twice": (DROPOUT, [("            return x\n", "            return x * (1 - self.dropout_ratio)\n")], ""),
    "running-variance-holds-deviation": (BATCHNORM, [("(1 - self.momentum) * var", "(1 - self.momentum) * self.std")], "self.running_var = self.momentum"),
    "average-for-maximum": (POOLING, [("np.put_along_axis(parts, self.place[..., None], dout[..., None], axis=4)", "parts += dout[..., None] / 4")], ""),
    "missing-activation-derivative": (NETWORK, [("dz * z * (1 - z)", "dz")], "dz"),
    "activation-derivative-twice": (NETWORK, [("dy @ p[\"W2\"].T", "dy @ p[\"W2\"].T * (z * (1 - z))")], "z"),
    "activation-applied-twice": (NETWORK, [("dz * z * (1 - z)", "dz * self.sigmoid(z) * (1 - self.sigmoid(z))")], "self.sigmoid(z)"),
}  # fmt: skip


@pytest.mark.parametrize(
    "text", [SOFTMAX, MSE, AFFINE, SIGMOID, DROPOUT, BATCHNORM, POOLING, NETWORK], ids=lambda t: t[6:20]
)
def test_the_neighbour_is_right(text, tmp_path):
    assert not findings_on(text, tmp_path)


@pytest.mark.parametrize("label", SLIPS)
def test_a_slip_has_its_name_and_its_line(label, tmp_path):
    text, changes, on_line = SLIPS[label]
    text = swapped(text, *changes)
    findings = findings_on(text, tmp_path)
    assert [f.label for f in findings] == [label]
    assert on_line in (HEAD + text).splitlines()[findings[0].line - 1]


TWO = {
    ("log-base-ten", "sign-flip"): (SOFTMAX, [("np.log(", "np.log10("), ("self.y - self.t", "self.t - self.y")]),
    ("missing-batch-mean", "sign-flip"): (SOFTMAX, [("(self.y - self.t) / len(self.t)", "(self.t - self.y)")]),
    ("momentum-swapped", "train-flag-ignored"): (BATCHNORM, [*SWAP, ("if train_flg:", "if True:")]),
    ("train-flag-ignored", "keep-drop-confusion"): (DROPOUT, [("if not train_flg:", "if False:"), (") > self", ") < self")]),
}  # fmt: skip


@pytest.mark.parametrize("labels", TWO, ids="+".join)
def test_two_causes_are_two_findings(labels, tmp_path):
    text, changes = TWO[labels]
    assert [f.label for f in findings_on(swapped(text, *changes), tmp_path)] == list(labels)


def test_a_misspelled_call_is_told_from_a_misspelled_method(tmp_path):
    called = swapped(NETWORK, ("z = self.sigmoid(", "z = self.sigmoyd("))
    finding = findings_on(called, tmp_path)[0]
    assert (finding.label, finding.values["name"], finding.values["near"]) == (
        "misspelled-method",
        "sigmoyd",
        "sigmoid",
    )
    assert finding.values["called"]
    assert "self.sigmoyd" in (HEAD + called).splitlines()[finding.line - 1]
    written = swapped(SIGMOID, ("def forward", "def foward"))
    finding = findings_on(written, tmp_path)[0]
    assert (finding.label, finding.values["name"], finding.values["near"]) == ("misspelled-method", "forward", "foward")
    assert not finding.values.get("called")
    assert "def foward" in (HEAD + written).splitlines()[finding.line - 1]


def test_a_name_that_is_nearly_there_is_suggested(tmp_path):
    finding = findings_on(swapped(SIGMOID, ("return dout *", "return dour *")), tmp_path)[0]
    assert (finding.label, finding.values["near"]) == ("undefined-name", "dout")


REGRESSION = """class Regression:
    def __init__(self):
        self.params = {"W": np.random.default_rng(0).standard_normal((4, 1)), "b": np.zeros(1)}

    def predict(self, x):
        return x @ self.params["W"] + self.params["b"]

    def loss(self, x, t):
        return np.mean((self.predict(x) - t) ** 2)

    def gradient(self, x, t):
        gap = self.predict(x) - t
        dy = 2 * gap.sum(axis=1, keepdims=True) / gap.size
        return {"W": x.T @ dy, "b": dy.sum(axis=0)}


def make():
    return Regression()


x = np.random.default_rng(1).standard_normal((5, 4))
t = np.random.default_rng(2).integers(0, 2, 5)
"""


def test_targets_without_their_column_are_compared_with_every_prediction(tmp_path):
    finding = findings_on(REGRESSION, tmp_path)[0]
    assert finding.label == "silent-broadcast"
    assert (finding.values["shape_x"], finding.values["shape_t"]) == ([5, 1], [5])
    assert "self.predict(x) - t" in (HEAD + REGRESSION).splitlines()[finding.line - 1]
    assert not findings_on(swapped(REGRESSION, ("integers(0, 2, 5)", "integers(0, 2, (5, 1))")), tmp_path)
