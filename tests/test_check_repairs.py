"""A repair that is offered was run: as source, in the same file, on every input tried. Else it is not offered."""

import contextlib
import io

import pytest

from badak.check.causes.repair import offer
from badak.check.files import examine_file
from corpus import FOLDERS, layers

HEAD = "import numpy as np\n\n\n"


def reports_on(text, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        return examine_file(path)


def findings_on(text, tmp_path):
    return reports_on(text, tmp_path)[0].findings


def mended(text, finding):
    """Give the text with the repair written in, as its reader would do it."""
    lines = text.splitlines(keepends=True)
    before, after = finding.values["before"], finding.values["repair"]
    assert before in lines[finding.line - 1]
    lines[finding.line - 1] = lines[finding.line - 1].replace(before, after, 1)
    return "".join(lines)


TANH = """class Tanh:
    def forward(self, x):
        self.{kept} = {value}
        return np.tanh(x)

    def backward(self, dout):
        return dout * (1 - self.{kept} ** 2)
"""
LOSS = """class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.y = e / e.sum(axis=1, keepdims=True)
        return -np.sum(t * np.log(self.y + 1e-7)) / len(x)

    def backward(self, dout=1):
        return (self.y - self.t) / self.t.shape[1]
"""
AFFINE = """class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return {product} + self.b

    def backward(self, dout):
        self.dW = {dW}
        self.db = {db}
        return {dx}
"""
RIGHT = {"product": "x @ self.W", "dW": "self.x.T @ dout", "db": "dout.sum(axis=0)", "dx": "dout @ self.W.T"}
LEAKY = """class LeakyRelu:
    def __init__(self, slope=0.1):
        self.slope = slope

    def forward(self, x):
        self.mask = x < 0
        return np.where(self.mask, self.slope * x, x)

    def backward(self, dout):
        return np.where(self.mask, 0.0, dout)
"""


def test_what_reads_a_name_that_is_not_there_is_not_offered(tmp_path):
    finding = findings_on(HEAD + TANH.format(kept="x", value="x"), tmp_path)[0]
    assert finding.label == "uses-input-for-output"
    assert "repair" not in finding.values


def test_the_users_own_name_for_the_output_is_used(tmp_path):
    text = HEAD + TANH.format(kept="x", value="x").replace(
        "return np.tanh(x)", "self.out = np.tanh(x)\n        return self.out"
    )
    finding = findings_on(text, tmp_path)[0]
    assert (finding.values["before"], finding.values["repair"]) == ("self.x", "self.out")
    assert reports_on(mended(text, finding), tmp_path)[0].verdict == "right"


def test_a_size_is_taken_from_what_is_there(tmp_path):
    finding = findings_on(HEAD + LOSS, tmp_path)[0]
    assert finding.label == "divides-by-wrong-axis"
    assert finding.values["repair"] == "(self.y - self.t) / len(self.t)"
    assert not [f for f in findings_on(mended(HEAD + LOSS, finding), tmp_path) if f.severity == "error"]


def test_what_gives_nan_is_not_offered(tmp_path):
    # np.where(mask, 0, dout) / (1 - mask) is 0/0 where the slope should be.
    finding = findings_on(HEAD + LEAKY, tmp_path)[0]
    assert finding.label == "missing-branch-grad"
    assert "repair" not in finding.values


def test_a_star_for_a_matrix_product(tmp_path):
    text = HEAD + AFFINE.format(**{**RIGHT, "dW": "self.x.T * dout"})
    finding = findings_on(text, tmp_path)[0]
    assert finding.label == "elementwise-product"
    assert finding.values["repair"] == "self.x.T @ dout"
    assert reports_on(mended(text, finding), tmp_path)[0].verdict == "right"


def test_a_star_for_a_matrix_product_in_forward(tmp_path):
    sample = "def make(): return Affine(np.ones((7, 3)), np.zeros(3))\nx = np.random.default_rng(0).random((5, 7))\n"
    finding = findings_on(HEAD + AFFINE.format(**{**RIGHT, "product": "x * self.W"}) + sample, tmp_path)[0]
    assert (finding.label, finding.method, finding.line) == ("elementwise-product", "forward", 10)


def test_two_causes_beside_a_crash_are_told_apart(tmp_path):
    wrong = {**RIGHT, "dW": "self.x.T @ dout / len(dout)", "db": "dout.sum(axis=1)", "dx": "dout @ self.W"}
    labels = [f.label for f in findings_on(HEAD + AFFINE.format(**wrong), tmp_path)]
    assert labels == ["missing-weight-transpose", "wrong-axis-bias", "divides-by-batch-twice"]


def test_an_offer_is_what_was_run(tmp_path, monkeypatch):
    # Were the run to fail, nothing would be offered.
    monkeypatch.setattr(offer, "_right", lambda *a: False)
    finding = findings_on(HEAD + LOSS, tmp_path)[0]
    assert "repair" not in finding.values


EVERY = [layer for folder in FOLDERS for layer in layers(folder) if layer.wrong]


@pytest.mark.parametrize("layer", EVERY, ids=lambda layer: layer.name)
def test_every_offer_on_the_corpus_mends_what_it_is_offered_for(layer, tmp_path):
    for report in reports_on(layer.text(), tmp_path):
        for finding in report.findings:
            if finding.values.get("repair"):
                after = reports_on(mended(layer.text(), finding), tmp_path)
                left = [(f.label, f.quantity) for r in after for f in r.findings if r.object == report.object]
                # What it says of other quantities (`also`) has lines of its own.
                assert (finding.label, finding.quantity) not in left


def test_a_starred_argument_does_not_end_the_search(tmp_path):
    starred = (
        "class Affine:\n    def __init__(self, W, b):\n        self.W, self.b = W, b\n\n    def forward(self, x):\n"
    )
    starred += "        self.x = x\n        return x @ self.W + self.b\n\n    def backward(self, dout):\n"
    starred += "        self.dW = np.dot(*(self.x.T, dout))\n        self.db = dout.sum(axis=0)\n"
    starred += "        return -(dout @ self.W.T)\n"
    finding = findings_on(HEAD + starred, tmp_path)[0]
    assert (finding.label, finding.quantity) == ("sign-flip", "x")
