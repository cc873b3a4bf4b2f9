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


REGISTERED = """
import numpy as np
from functools import partialmethod

class Tensor:
    def __init__(self, data):
        self.data, self.grad, self._ctx = np.asarray(data, dtype=np.float32), None, None

    def backward(self):
        if self.grad is None:
            self.grad = np.ones_like(self.data)
        todo, order, seen = [self], [], set()
        def visit(t):
            if t._ctx is not None and t not in seen:
                seen.add(t)
                for parent in t._ctx.parents:
                    visit(parent)
                order.append(t)
        visit(self)
        for t in reversed(order):
            grads = t._ctx.backward(t._ctx, t.grad)
            for parent, grad in zip(t._ctx.parents, grads if isinstance(grads, tuple) else (grads,)):
                parent.grad = grad if parent.grad is None else parent.grad + grad

class Function:
    def __init__(self, *parents):
        self.parents, self.saved_tensors = parents, []

    def save_for_backward(self, *values):
        self.saved_tensors.extend(values)

    def apply(self, kind, *others):
        ctx = kind(self, *others)
        out = Tensor(kind.forward(ctx, self.data, *[t.data for t in others]))
        out._ctx = ctx
        return out

class Mul(Function):
    @staticmethod
    def forward(ctx, x, y):
        ctx.save_for_backward(x, y)
        return x * y

    @staticmethod
    def backward(ctx, grad_output):
        x, y = ctx.saved_tensors
        return y * grad_output, x * grad_output

class Softmax(Function):
    @staticmethod
    def forward(ctx, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        ctx.save_for_backward(e / e.sum(axis=1, keepdims=True))
        return ctx.saved_tensors[0]

    @staticmethod
    def backward(ctx, grad_output):
        (s,) = ctx.saved_tensors
        return s * (grad_output - (grad_output * s).sum(axis=1, keepdims=True))

for name, kind in (("mul", Mul), ("softmax", Softmax)):
    setattr(Tensor, name, partialmethod(Function.apply, kind))
"""


def test_single_precision_and_registered_methods(tmp_path):
    path = tmp_path / "registered.py"
    path.write_text(REGISTERED, encoding="utf-8")
    assert {r.object: r.verdict for r in examine_file(path)} == {"Tensor": "hazard", "Mul": "right", "Softmax": "right"}
    path.write_text(REGISTERED.replace("for t in reversed(order)", "for t in reversed(order[-2:])"), encoding="utf-8")
    assert judged(path, "Tensor").verdict == "wrong"


def test_an_operation_that_ignores_what_comes_in_is_wrong(tmp_path):
    path = changed(tmp_path, "numbers", "self.grad += (1 - t**2) * out.grad", "self.grad += 1 - t**2")
    assert [(f.label, f.method) for f in judged(path, "Value").findings] == [("wrong-operation-gradient", "tanh")]


def test_functions_that_are_called_with_a_list(tmp_path):
    path = tmp_path / "lists.py"
    text = (
        "import numpy as np\n"
        "class Variable:\n"
        "    def __init__(self, data):\n        self.data, self.grad, self.creator = data, None, None\n"
        "class Function:\n"
        "    def __call__(self, inputs):\n"
        "        self.inputs = inputs\n"
        "        return [Variable(np.asarray(y)) for y in self.forward([x.data for x in inputs])]\n"
        "class Mul(Function):\n"
        "    def forward(self, xs):\n        x0, x1 = xs\n        return (x0 * x1,)\n"
        "    def backward(self, gy):\n"
        "        return gy * self.inputs[1].data, gy * self.inputs[0].data\n"
    )
    path.write_text(text, encoding="utf-8")
    assert judged(path, "Mul").verdict == "right"
    path.write_text(text.replace("inputs[0].data\n", "inputs[1].data\n"), encoding="utf-8")
    assert judged(path, "Mul").verdict == "wrong"
