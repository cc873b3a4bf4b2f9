"""Values of autograd libraries: expressions over the operations that are there, each against its slopes."""

from pathlib import Path

import numpy as np
import pytest

from badak.check.files import examine_file
from badak.check.findings import Report
from badak.check.subject.algebra import Algebra

FOLDER = Path(__file__).parent / "check_styles" / "autograd"
CLASSES = [("numbers", "Value"), ("arrays", "Variable"), ("variables", "Variable"), ("recursive", "Variable")]


def judged(path: Path, name: str) -> Report:
    return next(report for report in examine_file(path, name) if report.object == name)


def changed(folder: Path, file: str, right: str, wrong: str) -> Path:
    text = (FOLDER / f"{file}.py").read_text(encoding="utf-8")
    assert right in text
    path = folder / "changed.py"
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    return path


@pytest.mark.parametrize(("file", "name"), CLASSES)
def test_what_is_right_is_called_right(file, name):
    report = judged(FOLDER / f"{file}.py", name)
    assert report.style == "values of an autograd library"
    assert report.verdict in ("right", "hazard"), [(f.label, f.values) for f in report.findings] or report.reason
    assert [f.label for f in report.findings if f.severity == "error"] == []


# File, class, what is right, what is wrong, the label and the method that must be named.
FAULTS = [
    ("numbers", "Value", "self.grad += (1 - t**2) * out.grad", "self.grad += (1 - t) * out.grad",
     "wrong-operation-gradient", "tanh"),
    ("numbers", "Value", "(out.data > 0) * out.grad", "out.grad", "wrong-operation-gradient", "relu"),
    ("numbers", "Value", "other.grad += self.data * out.grad", "other.grad += other.data * out.grad",
     "wrong-operation-gradient", "__mul__"),
    ("numbers", "Value", "other * self.data ** (other - 1)", "self.data ** (other - 1)",
     "wrong-operation-gradient", "__pow__"),
    ("numbers", "Value", "self.grad += out.grad\n            other.grad += out.grad",
     "self.grad += self.grad + out.grad\n            other.grad += other.grad + out.grad",
     "adds-gradient-wrongly", None),
    ("numbers", "Value", "out.grad / self.data", "out.grad / self.dat", None, "log"),
    ("numbers", "Value", "self.grad += out.grad\n            other.grad += out.grad",
     "self.grad = out.grad\n            other.grad = out.grad", "overwrites-gradient", None),
    ("numbers", "Value", "for v in reversed(topo)", "for v in topo", "wrong-walk", "backward"),
    ("numbers", "Value", "def __truediv__", "def __div__", "old-operator-name", None),
    ("arrays", "Variable", "x.grad = gx if x.grad is None else x.grad + gx", "x.grad = gx",
     "overwrites-gradient", "backward"),
    ("arrays", "Variable", "funcs.sort(key=lambda g: g.generation)", "pass", "walk-order", "backward"),
    ("arrays", "Variable", "if f is not None and f not in seen", "if f is not None", "walk-order", "backward"),
    ("variables", "Variable", "funcs.sort(key=lambda g: g.generation)", "pass", "walk-order", "backward"),
    ("recursive", "Variable", "x.grad = f.backward(self.grad)", "x.grad = f.backward(1.0)", "wrong-walk", "backward"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "name", "right", "wrong", "label", "method"), FAULTS)
def test_a_fault_is_named(tmp_path, file, name, right, wrong, label, method):
    report = judged(changed(tmp_path, file, right, wrong), name)
    assert report.verdict == "wrong", (report.verdict, report.reason)
    told = report.findings[0]
    assert label in (None, told.label), told.label
    assert method in (None, told.method), told.method


def test_a_wrong_function_is_not_the_variables_fault(tmp_path):
    path = changed(tmp_path, "arrays", "2 * self.inputs[0].data * gy", "3 * self.inputs[0].data * gy")
    assert judged(path, "Variable").verdict in ("right", "hazard")
    assert judged(path, "Square").verdict == "wrong"


def test_operands_that_are_broadcast_are_a_hazard_where_nothing_sums(tmp_path):
    report = judged(FOLDER / "arrays.py", "Variable")
    assert [f.label for f in report.findings] == ["broadcast-not-summed"]
    assert judged(FOLDER / "variables.py", "Variable").verdict == "right"


def test_operators_that_a_package_would_set_are_set(tmp_path):
    path = changed(tmp_path, "variables", "\nsetup_variable()\n", "\n")
    assert judged(path, "Variable").verdict == "right"


def test_an_unwritten_backward_of_one_operation_is_no_fault(tmp_path):
    path = changed(tmp_path, "numbers", "self.grad += out.grad / self.data", "raise NotImplementedError")
    assert judged(path, "Value").verdict == "right"


def test_without_operations_nothing_is_said(tmp_path):
    path = tmp_path / "bare.py"
    path.write_text(
        "class Value:\n    def __init__(self, data):\n        self.data, self.grad, self._prev = data, 0, set()\n"
        "    def backward(self):\n        self.grad = 1\n",
        encoding="utf-8",
    )
    assert judged(path, "Value").verdict == "unknown"


def test_nested_lists_are_numbers_too(tmp_path):
    text = (
        "class Tensor:\n"
        "    def __init__(self, data, children=()):\n"
        "        assert isinstance(data, list)\n"
        "        self.data, self._children = data, set(children)\n"
        "        self.grad = [[0.0 for _ in row] for row in data]\n"
        "        self._backward = lambda: None\n"
        "    def scale(self, factor=3.0):\n"
        "        out = Tensor([[factor * v for v in row] for row in self.data], (self,))\n"
        "        def _backward():\n"
        "            self.grad = [[g + FACTOR * o for g, o in zip(r, s)] for r, s in zip(self.grad, out.grad)]\n"
        "        out._backward = _backward\n"
        "        return out\n"
        "    def backward(self):\n"
        "        self.grad = [[1.0 for _ in row] for row in self.data]\n"
        "        todo = [self]\n"
        "        while todo:\n"
        "            v = todo.pop()\n"
        "            v._backward()\n"
        "            todo += v._children\n"
    )
    path = tmp_path / "lists.py"
    path.write_text(text.replace("FACTOR", "factor"), encoding="utf-8")
    assert judged(path, "Tensor").verdict == "right"
    path.write_text(text.replace("FACTOR", "2.0"), encoding="utf-8")
    assert [f.label for f in judged(path, "Tensor").findings] == ["wrong-operation-gradient"]


def test_numbers_of_both_signs_are_tried():
    algebra = Algebra(object, {})
    point = algebra.point(np.random.default_rng(1))
    assert (point < 0).any()
    assert (point > 0).any()
    assert np.abs(point).min() > 0.3
