"""Numerical gradients in the styles in which people write them, right and wrong."""

from pathlib import Path

import numpy as np
import pytest

from badak.check.causes.numerical import CAUSES
from badak.check.files import examine_file
from badak.check.subject.differences import curve, slope

HEAD = "import numpy as np\n"
BOOK = """
def numerical_gradient(f, x):
    h = 1e-4
    grad = np.zeros_like(x)
    it = np.nditer(x, flags=['multi_index'], op_flags=['readwrite'])
    while not it.finished:
        idx = it.multi_index
        tmp_val = x[idx]
        x[idx] = float(tmp_val) + h
        fxh1 = f(x)
        x[idx] = tmp_val - h
        fxh2 = f(x)
        grad[idx] = (fxh1 - fxh2) / (2 * h)
        x[idx] = tmp_val
        it.iternext()
    return grad
"""
FLOATING = BOOK.replace("    h = 1e-4\n", "    h = 1e-4\n    x = x if x.dtype.kind == 'f' else x.astype(float)\n")
ROWS = """
def _numerical_gradient_no_batch(f, x):
    h = 1e-4
    grad = np.zeros_like(x, dtype=float)
    for idx in range(x.size):
        tmp_val = x[idx]
        x[idx] = float(tmp_val) + h
        fxh1 = f(x)
        x[idx] = tmp_val - h
        fxh2 = f(x)
        grad[idx] = (fxh1 - fxh2) / (2 * h)
        x[idx] = tmp_val
    return grad

def numerical_gradient(f, X):
    if X.ndim == 1:
        return _numerical_gradient_no_batch(f, X)
    grad = np.zeros_like(X)
    for idx, x in enumerate(X):
        grad[idx] = _numerical_gradient_no_batch(f, x)
    return grad
"""
VECTOR = """
def numerical_gradient(f, x):
    h = 1e-4
    grad = np.zeros_like(x, dtype=float)
    for idx in range(x.size):
        e = np.zeros(x.size)
        e[idx] = h
        grad[idx] = (f(x + e) - f(x - e)) / (2 * h)
    return grad
"""
NUMBER = """
def numerical_diff(f, x):
    h = 1e-4
    return (f(x + h) - f(x - h)) / (2 * h)
"""
VARIABLE = """
class Variable:
    def __init__(self, data):
        self.data = data

def numerical_diff(f, x, eps=1e-4):
    x0 = Variable(x.data - eps)
    x1 = Variable(x.data + eps)
    y0 = f(x0)
    y1 = f(x1)
    return (y1.data - y0.data) / (2 * eps)
"""
ARRAY = """
def eval_numerical_gradient_array(f, x, df, h=1e-5):
    grad = np.zeros_like(x)
    it = np.nditer(x, flags=["multi_index"], op_flags=["readwrite"])
    while not it.finished:
        ix = it.multi_index
        oldval = x[ix]
        x[ix] = oldval + h
        pos = f(x).copy()
        x[ix] = oldval - h
        neg = f(x).copy()
        x[ix] = oldval
        grad[ix] = np.sum((pos - neg) * df) / (2 * h)
        it.iternext()
    return grad
"""
VERBOSE = BOOK.replace("numerical_gradient(f, x)", "eval_numerical_gradient(f, x, verbose=True, h=1e-5)").replace(
    "    h = 1e-4\n", ""
)
FIVE = """
def numeric_gradient(func, x, eps=1e-3):
    out = np.zeros_like(x, dtype=float)
    for i in np.ndindex(x.shape):
        def at(s):
            y = np.array(x, dtype=float)
            y[i] += s
            return func(y)
        out[i] = (at(-2 * eps) - 8 * at(-eps) + 8 * at(eps) - at(2 * eps)) / (12 * eps)
    return out
"""
COMPLEX = """
def numerical_gradient(f, x, h=1e-20):
    grad = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        z = x.astype(complex)
        z[i] += 1j * h
        grad[i] = np.imag(f(z)) / h
    return grad
"""
HALVES = """
def central_difference(f, x, h=1e-3):
    return (f(x + h / 2) - f(x - h / 2)) / h
"""
RIGHT = {
    "complex step": (COMPLEX, "numerical_gradient", "right"),
    "halves": (HALVES, "central_difference", "right"),
    "floating": (FLOATING, "numerical_gradient", "right"),
    "book": (BOOK, "numerical_gradient", "hazard"),
    "rows": (ROWS, "numerical_gradient", "hazard"),
    "no batch": (ROWS, "_numerical_gradient_no_batch", None),
    "vector": (VECTOR, "numerical_gradient", "hazard"),
    "number": (NUMBER, "numerical_diff", "right"),
    "variable": (VARIABLE, "numerical_diff", "right"),
    "array": (ARRAY, "eval_numerical_gradient_array", "hazard"),
    "verbose": (VERBOSE, "eval_numerical_gradient", "hazard"),
    "five points": (FIVE, "numeric_gradient", "right"),
}
WRONG = [
    (BOOK, "        x[idx] = tmp_val\n", "", "x-not-restored"),
    (BOOK, "/ (2 * h)", "/ h", "quotient-factor"),
    (BOOK, "/ (2 * h)", "/ 2 * h", "quotient-factor"),
    (BOOK, "fxh1 - fxh2", "fxh2 - fxh1", "quotient-factor"),
    (BOOK, "h = 1e-4", "h = 1e-50", "step-too-small"),
    (BOOK, "return grad", "return grad.sum()", "numerical-shape"),
    (BOOK, "        it.iternext()\n", "        it.iternext()\n        if idx[0] == 1: break\n", "elements-left-out"),
    (BOOK, "f(x)\n        x[idx] = tmp_val - h", "f(X)\n        x[idx] = tmp_val - h", "undefined-name"),
    (NUMBER, "/ (2 * h)", "/ h", "quotient-factor"),
    (NUMBER, "1e-4", "1e-50", "step-too-small"),
    (NUMBER, "f(x - h)) / (2 * h)", "f(x)) / (2 * h)", "quotient-factor"),
    (VARIABLE, "(2 * eps)", "eps", "quotient-factor"),
    (ARRAY, "        x[ix] = oldval\n", "", "x-not-restored"),
    (ARRAY, "* df", "", "numerical-wrong"),
    (FIVE, "12 * eps", "6 * eps", None),
]
HAZARD = [
    (NUMBER, "f(x - h)) / (2 * h)", "f(x)) / h", "one-sided-difference"),
    (FLOATING, "h = 1e-4", "h = 0.1", "step-too-large"),
    (FLOATING, "h = 1e-4", "h = 1e-14", "step-too-small"),
]


def told(folder: Path, text: str) -> dict[str, tuple[str, list[str]]]:
    path = folder / "gradient.py"
    path.write_text(HEAD + text, encoding="utf-8")
    return {r.object: (r.verdict, [f.label for f in r.findings]) for r in examine_file(path)}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_one_is_never_called_wrong(tmp_path, name):
    text, function, verdict = RIGHT[name]
    reports = told(tmp_path, text)
    assert reports[function][0] in ({verdict} if verdict else {"right", "hazard"}), reports


@pytest.mark.parametrize(("text", "before", "after", "label"), WRONG)
def test_a_slip_is_wrong_and_named(tmp_path, text, before, after, label):
    assert before in text
    wrong = [labels for verdict, labels in told(tmp_path, text.replace(before, after)).values() if verdict == "wrong"]
    assert wrong
    if label is not None:
        assert label in wrong[0]


@pytest.mark.parametrize(("text", "before", "after", "label"), HAZARD)
def test_a_coarse_one_is_a_hazard(tmp_path, text, before, after, label):
    ((verdict, labels),) = told(tmp_path, text.replace(before, after)).values()
    assert (verdict, label in labels) == ("hazard", True), labels


def test_two_causes_are_two_findings(tmp_path):
    text = BOOK.replace("        x[idx] = tmp_val\n", "").replace("/ (2 * h)", "/ h")
    assert told(tmp_path, text)["numerical_gradient"][1] == ["x-not-restored", "quotient-factor"]


def test_an_integer_x_is_told_as_a_hazard(tmp_path):
    assert told(tmp_path, BOOK)["numerical_gradient"][1] == ["integer-input"]


def test_each_cause_has_its_line(tmp_path):
    path = tmp_path / "gradient.py"
    path.write_text(HEAD + BOOK.replace("/ (2 * h)", "/ h"), encoding="utf-8")
    finding = examine_file(path)[0].findings[0]
    assert path.read_text().splitlines()[finding.line - 1].strip() == "grad[idx] = (fxh1 - fxh2) / h"


def test_what_takes_more_than_can_be_guessed_is_left_alone(tmp_path):
    text = BOOK.replace("numerical_gradient(f, x)", "numerical_gradient(f, x, network, t)")
    assert "numerical_gradient" not in told(tmp_path, text)


def test_the_slopes_handed_out_are_those_of_the_curve():
    x = np.linspace(-3, 3, 11)
    assert np.allclose((curve(x + 1e-5) - curve(x - 1e-5)) / 2e-5, slope(x), atol=1e-8)
    assert len({cause.label for cause in CAUSES}) == len(CAUSES)
