"""Forward is what the name says; constructor's arguments are used; inputs reach far."""

from pathlib import Path

import pytest

from badak.check.causes.functions import family_of
from badak.check.files import examine_file
from badak.check.findings import Report


def report_of(folder: Path, text: str) -> Report:
    path = folder / "layers.py"
    path.write_text("import numpy as np\n" + text, encoding="utf-8")
    return examine_file(path)[0]


def told(report: Report) -> list[str]:
    return [f.label for f in report.findings if f.severity == "error"]


def activation(name: str, forward: str, backward: str, init: str = "pass", arguments: str = "") -> str:
    return f"""
class {name}:
    def __init__(self{arguments}):
        {init}

    def forward(self, x):
        self.x = x
        self.out = {forward}
        return self.out

    def backward(self, dout):
        return dout * ({backward})
"""


RIGHT = [
    ("Relu", "np.maximum(0, x)", "self.x > 0"),
    ("Relu", "np.where(x > 0, x, 0.01 * x)", "np.where(self.x > 0, 1, 0.01)"),  # a variant under the name
    ("Relu", "np.clip(x, 0, 6)", "(self.x > 0) & (self.x < 6)"),
    ("ReLU6", "np.clip(x, 0, 6)", "(self.x > 0) & (self.x < 6)"),
    ("Sigmoid", "1 / (1 + np.exp(-np.clip(x, -500, 500)))", "self.out * (1 - self.out)"),
    ("Sigmoid", "np.clip(0.2 * x + 0.5, 0, 1)", "0.2 * (np.abs(self.x) < 2.5)"),  # hard sigmoid
    ("Sigmoid", "np.tanh(x)", "1 - self.out ** 2"),  # a sigmoid in the wide sense
    ("Tanh", "1.7159 * np.tanh(2 / 3 * x)", "1.7159 * 2 / 3 * (1 - np.tanh(2 / 3 * self.x) ** 2)"),
    ("MyTanh", "x * np.abs(x)", "2 * np.abs(self.x)"),
    ("Softplus", "np.logaddexp(0, x)", "1 / (1 + np.exp(-self.x))"),
    ("Swish", "x / (1 + np.exp(-x))", "1 / (1 + np.exp(-self.x)) * (1 + self.x * (1 - 1 / (1 + np.exp(-self.x))))"),
    ("Square", "x ** 2", "2 * self.x"),
    ("Identity", "x * 1.0", "np.ones_like(self.x)"),
]


@pytest.mark.parametrize(("name", "forward", "backward"), RIGHT)
def test_a_known_function_or_a_variant_of_it_is_not_accused(name, forward, backward, tmp_path):
    assert told(report_of(tmp_path, activation(name, forward, backward))) == []


WRONG = [
    ("Relu", "x * 1.0", "np.ones_like(self.x)", "another-function"),
    ("ReLU", "np.abs(x)", "np.sign(self.x)", "another-function"),
    ("ReluLayer", "np.minimum(0, x)", "self.x < 0", "another-function"),
    ("Sigmoid", "1 / (1 + np.exp(x))", "self.out * (1 - self.out)", "another-function"),
    ("Sigmoid", "1 / (1 + np.exp(x))", "-self.out * (1 - self.out)", "another-function"),
    ("Sigmoid", "(1 / (1 + np.exp(-x))).astype(int)", "self.out * (1 - self.out)", "cut-to-integers"),
    ("Tanh", "np.sinh(x)", "np.cosh(self.x)", "another-function"),
    ("Tanh", "(np.tanh(x) * 1).astype(int)", "1 - self.out ** 2", "cut-to-integers"),
    ("Softplus", "np.log10(1 + np.exp(x))", "1 / (1 + np.exp(-self.x))", "another-function"),
    ("LeakyReLU", "np.where(x > 0, x, -0.1 * x)", "np.where(self.x > 0, 1, -0.1)", "another-function"),
    ("Gelu", "0.5 * x * (1 + np.tanh(0.7978845608 * x))", None, "another-function"),
]


@pytest.mark.parametrize(("name", "forward", "backward", "label"), WRONG)
def test_another_function_under_a_known_name_is_forwards_fault(name, forward, backward, label, tmp_path):
    if backward is None:  # the derivative of what forward is, by differences
        backward = f"(f(self.x + 1e-6) - f(self.x - 1e-6)) / 2e-6\n\n\ndef f(x):\n    return {forward}\n\n#"
        text = activation(name, forward, "0").replace("dout * (0)", f"dout * {backward}")
    else:
        text = activation(name, forward, backward)
    report = report_of(tmp_path, text)
    assert told(report) == [label]
    finding = next(f for f in report.findings if f.label == label)
    assert finding.method == "forward"
    assert finding.line is not None
    assert "forward" not in report.source[finding.line - 1]
    assert finding.got != finding.expected


def test_forward_and_backward_can_both_be_wrong(tmp_path):
    report = report_of(tmp_path, activation("Sigmoid", "1 / (1 + np.exp(x))", "self.out"))
    assert "another-function" in told(report)
    assert len(told(report)) == 2


@pytest.mark.parametrize(
    ("name", "known"),
    [
        *(("relu_backward", True), ("Activation_ReLU", True), ("TanhLayer", True), ("MyTanh", False), ("Relu2", True)),
        *(("HardSigmoid", False), ("LogSoftmax", False), ("SoftmaxWithLoss", False), ("PRelu", False)),
    ],
)
def test_a_family_is_meant_only_where_the_name_says_nothing_else(name, known):
    assert (family_of(name) is not None) == known


def test_a_backward_that_passes_where_forward_is_cut_off_is_found(tmp_path):
    text = activation("Relu", "np.minimum(np.maximum(0, x), 6)", "self.out > 0")
    report = report_of(tmp_path, text)
    assert report.verdict == "wrong"
    assert report.findings[0].values["setting"].startswith("|x|")
    right = activation("Relu", "np.minimum(np.maximum(0, x), 6)", "(self.out > 0) & (self.out < 6)")
    assert report_of(tmp_path, right).verdict == "right"


AFFINE = """
class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return np.dot(dout, self.W.T)
"""


@pytest.mark.parametrize(
    ("before", "after", "quantities"),
    [
        ("self.dW =", "dW =", ["W"]),
        ("self.db =", "db =", ["b"]),
        ("self.dW =", "self.dw =", ["W"]),
        ("        self.dW = np.dot(self.x.T, dout)\n        self.db = np.sum(dout, axis=0)\n", "", ["W", "b"]),
    ],
)
def test_a_weight_that_was_handed_in_needs_a_gradient(before, after, quantities, tmp_path):
    assert before in AFFINE
    report = report_of(tmp_path, AFFINE.replace(before, after))
    assert {f.label for f in report.findings} == {"forgets-param-grad"}
    assert report.verdict == "wrong"
    assert [f.quantity for f in report.findings] == quantities[:1] or len(report.findings) == len(quantities)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("self.dW =", "self.weight_gradient ="),  # kept under another name
        ("self.dW =", "self.cache = {}; self.cache['grad of W'] ="),
        ("class Affine", "class FixedAffine"),
        ("self.W = W\n", "self.W = W\n        self.trainable = False\n"),
    ],
)
def test_a_gradient_elsewhere_or_of_a_fixed_table_is_not_missed(before, after, tmp_path):
    text = AFFINE.replace(before, after)
    if "Fixed" in text or "trainable" in text:
        text = text.replace("self.dW = np.dot(self.x.T, dout)\n        self.db = np.sum(dout, axis=0)", "pass")
    assert told(report_of(tmp_path, text)) == []


def test_a_table_that_nobody_learns_is_no_weight(tmp_path):
    text = """
class Projection:
    def __init__(self, W):
        self.W = W

    def forward(self, x):
        return x @ self.W

    def backward(self, dout):
        return dout @ self.W.T
"""
    assert report_of(tmp_path, text).verdict == "right"


WINDOW = ":, :, i * s:i * s + h, j * s:j * s + w"
CONVOLUTION = """
class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W, self.b, self.stride, self.pad = W, b, stride, pad

    def forward(self, x):
        N, C, H, W = x.shape
        F, _, h, w = self.W.shape
        s, p = self.stride, self.pad
        self.xp = np.pad(x, [(0, 0), (0, 0), (p, p), (p, p)])
        oh, ow = (H + 2 * p - h) // s + 1, (W + 2 * p - w) // s + 1
        out = np.zeros((N, F, oh, ow))
        for i in range(oh):
            for j in range(ow):
                win = self.xp[:, :, i * s:i * s + h, j * s:j * s + w]
                out[:, :, i, j] = np.tensordot(win, self.W, ([1, 2, 3], [1, 2, 3])) + self.b
        return out

    def backward(self, dout):
        s, p = self.stride, self.pad
        F, _, h, w = self.W.shape
        dxp = np.zeros_like(self.xp)
        self.dW = np.zeros_like(self.W)
        self.db = dout.sum(axis=(0, 2, 3))
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                win = self.xp[:, :, i * s:i * s + h, j * s:j * s + w]
                self.dW += np.tensordot(dout[:, :, i, j], win, ([0], [0]))
                dxp[:, :, i * s:i * s + h, j * s:j * s + w] += np.tensordot(dout[:, :, i, j], self.W, ([1], [0]))
        return dxp[:, :, p:dxp.shape[2] - p, p:dxp.shape[3] - p]
"""


@pytest.mark.parametrize(
    ("before", "after", "label", "setting"),
    [
        ("", "", None, None),
        ("dxp[:, :, p:dxp.shape[2] - p, p:dxp.shape[3] - p]", "dxp", "wrong-shape-dx", "pad=1"),
        (f"win = self.xp[{WINDOW}]\n                self.dW", None, "forgets-setting", "stride=2"),
        ("(H + 2 * p - h) // s + 1, (W + 2 * p - w)", "(H + p - h) // s + 1, (W + p - w)", "output-size", "pad=1"),
    ],
)  # fmt: skip
def test_stride_and_padding_are_varied(before, after, label, setting, tmp_path):
    assert before in CONVOLUTION
    after = before.replace("i * s:i * s + h, j * s:j * s + w", "i:i + h, j:j + w") if after is None else after
    report = report_of(tmp_path, CONVOLUTION.replace(before, after))
    assert told(report)[:1] == ([label] if label else [])
    if setting:
        assert report.findings[0].values["setting"] == setting


def test_a_slope_of_the_constructor_is_varied(tmp_path):
    text = activation(
        "Elu",
        "np.where(x > 0, x, self.alpha * (np.exp(np.minimum(x, 0)) - 1))",
        "np.where(self.x > 0, 1, self.out + 1)",
        "self.alpha = alpha",
        ", alpha=1.0",
    )
    assert told(report_of(tmp_path, text)) == ["forward-backward-constant-mismatch"]
    assert report_of(tmp_path, text.replace("self.out + 1", "self.out + self.alpha")).verdict == "right"


def test_a_setting_that_the_object_refuses_says_nothing(tmp_path):
    text = CONVOLUTION.replace("        N, C,", "        assert self.stride == 1 and self.pad == 0\n        N, C,")
    assert report_of(tmp_path, text).verdict == "right"


POOL = """
class MaxPool:
    def __init__(self, size=2):
        self.size = size

    def forward(self, x):
        N, C, H, W = x.shape
        k = self.size
        self.windows = x[:, :, :H // k * k, :W // k * k].reshape(N, C, H // k, k, W // k, k)
        self.shape = x.shape
        return self.windows.mean(axis=(3, 5))

    def backward(self, dout):
        k, dx = self.size, np.zeros(self.shape)
        wide = dout.repeat(k, axis=2).repeat(k, axis=3) / k**2
        dx[:, :, :wide.shape[2], :wide.shape[3]] = wide
        return dx
"""


def test_a_pool_is_what_its_name_says(tmp_path):
    assert told(report_of(tmp_path, POOL)) == ["pools-otherwise"]
    assert report_of(tmp_path, POOL.replace("MaxPool", "AvgPool")).verdict == "right"
    assert report_of(tmp_path, POOL.replace("MaxPool", "Pool")).verdict == "right"


def test_softmax_of_minus_x(tmp_path):
    text = """
class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return self.y

    def backward(self, dout):
        return self.y * (dout - (dout * self.y).sum(axis=1, keepdims=True))
"""
    assert report_of(tmp_path, text).verdict == "right"
    flipped = text.replace("np.exp(x - x.max(axis=1, keepdims=True))", "np.exp(-x)").replace(
        "return self.y *", "return -self.y *"
    )
    assert "another-function" in told(report_of(tmp_path, flipped))


def test_padding_is_not_taken_away(tmp_path):
    text = """
class Pad:
    def __init__(self, pad=1):
        self.pad = pad

    def forward(self, x):
        p = self.pad
        return np.pad(x, [(0, 0), (0, 0), (p, p), (p, p)])

    def backward(self, dout):
        p = self.pad
        return dout[:, :, p:-p, p:-p]
"""
    assert report_of(tmp_path, text).verdict == "right"


def test_a_row_of_scales_tells_the_number_of_columns(tmp_path):
    text = """
class Scale:
    def __init__(self, gamma):
        self.gamma = gamma

    def forward(self, x):
        assert x.shape[1] == self.gamma.shape[1]
        self.x = x
        return x * self.gamma

    def backward(self, dout):
        self.dgamma = (dout * self.x).sum(axis=0, keepdims=True)
        return dout * self.gamma


scale = Scale(np.arange(1.0, 12).reshape(1, 11))
"""
    assert report_of(tmp_path, text).verdict == "right"


def test_sizes_by_other_names_are_guessed(tmp_path):
    text = """
class DenseBlock:
    def __init__(self, n_neurons, growth_rate, w_init):
        draw = np.random.randn if w_init is None else w_init
        self.W = draw(n_neurons, n_neurons * growth_rate)

    def forward(self, x):
        self.x = x
        return x @ self.W

    def backward(self, dout):
        self.dW = self.x.T @ dout
        return dout @ self.W.T
"""
    assert report_of(tmp_path, text).verdict == "right"


@pytest.mark.parametrize(
    ("forward", "backward"),
    [("np.sqrt(x)", "0.5 / self.out"), ("np.log(x)", "1 / self.x"), ("1 / x", "-(self.out**2)")],
)
def test_what_is_defined_for_positive_numbers_gets_some(forward, backward, tmp_path):
    assert told(report_of(tmp_path, activation("Function", forward, backward))) == []
    assert told(report_of(tmp_path, activation("Function", forward, f"2 * ({backward})"))) != []


LISTS = """
class Relu:
    def forward(self, x):
        self.x = x
        return [[max(0, v) for v in row] for row in x]

    def backward(self, dout):
        return [[d * (v > 0) for d, v in zip(r, q)] for r, q in zip(dout, self.x)]
"""


def test_lists_in_both_halves_are_a_way_to_write(tmp_path):
    assert report_of(tmp_path, LISTS).verdict == "hazard"
    half = LISTS.replace("[[max(0, v) for v in row] for row in x]", "np.maximum(0, x)")
    assert told(report_of(tmp_path, half)) == ["list-for-array"]
    assert report_of(tmp_path, LISTS.replace("d * (v > 0)", "d * (v > 1)")).verdict == "wrong"


COLUMNS = """
class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return np.dot(self.W, x) + self.b

    def backward(self, dout):
        self.dW = dout @ self.x.T
        self.db = dout.sum(axis=1, keepdims=True)
        return self.W.T @ dout


class Softmax:
    def forward(self, x):
        e = np.exp(x - x.max(axis=0, keepdims=True))
        self.y = e / e.sum(axis=0, keepdims=True)
        return self.y

    def backward(self, dout):
        return self.y * (dout - (dout * self.y).sum(axis=0, keepdims=True))
"""


def test_softmax_goes_down_where_samples_are_columns(tmp_path):
    report_of(tmp_path, COLUMNS)
    assert [r.verdict for r in examine_file(tmp_path / "layers.py")] == ["right", "right"]
    rows = COLUMNS.replace("np.dot(self.W, x)", "np.dot(x, self.W)").replace("dout @ self.x.T", "self.x.T @ dout")
    rows = rows.replace("axis=1, keepdims=True", "axis=0").replace("self.W.T @ dout", "dout @ self.W.T")
    report_of(tmp_path, rows)
    assert [r.verdict for r in examine_file(tmp_path / "layers.py")] == ["right", "wrong"]


def test_a_cut_where_the_function_is_flat_is_a_hazard(tmp_path):
    text = activation("Sigmoid", "1 / (1 + np.exp(-np.clip(x, -5, 5)))", "self.out * (1 - self.out)")
    report = report_of(tmp_path, text)
    assert report.verdict == "hazard"
    assert report.findings[0].values["setting"].startswith("|x|")
