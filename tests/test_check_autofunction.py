"""Functions of autograd libraries, and layers that are called: right ones are right, and each fault is found."""

from pathlib import Path

import pytest

from badak.check.files import examine_file
from badak.check.findings import Report

FOLDER = Path(__file__).parent / "check_styles" / "autograd"
FILES = ("arrays", "variables", "contexts", "called")
GRADIENTS = ("shapes", "gradients", "linear")
NONE = {"Variable", "Function"}  # what a file has besides its functions


def reports(path: Path) -> dict[str, Report]:
    return {report.object: report for report in examine_file(path) if report.object not in NONE}


def told(report: Report) -> list[str]:
    return [f.label for f in report.findings if f.severity == "error"]


@pytest.fixture(scope="module", params=FILES)
def found(request):
    return reports(FOLDER / f"{request.param}.py")


def test_what_is_right_is_called_right(found):
    judged = {name: (report.verdict, told(report), report.reason) for name, report in found.items()}
    assert {name: told for name, told in judged.items() if told[0] not in ("right", "hazard")} == {}


def test_the_style_is_told(found):
    assert all("autograd" in report.style or "called" in report.style for report in found.values())


# File, class, the text that is right, the text that is wrong, and a quantity or a label that must be told.
FAULTS = [
    ("arrays", "Square", "2 * self.inputs[0].data * gy", "self.inputs[0].data * gy", "missing-factor-two"),
    ("arrays", "Square", "2 * self.inputs[0].data * gy", "2 * self.inputs[0].data", "ignores-dout"),
    ("arrays", "Tanh", "(1 - y**2)", "(1 - y)", "x"),
    ("arrays", "Log", "gy / self.inputs[0].data", "gy / self.inputs[0].data ** 2", "x"),
    ("arrays", "Mul", "gy * self.inputs[1].data, gy * self.inputs[0].data",
     "gy * self.inputs[0].data, gy * self.inputs[1].data", "swapped"),
    ("arrays", "Mul", "return gy * self.inputs[1].data", "return gy * self.input[1].data", "runs"),
    ("arrays", "Div", "(-x0 / x1**2)", "(x0 / x1**2)", "y"),
    ("arrays", "Pow", "** (self.c - 1) * gy", "** self.c * gy", "x"),
    ("arrays", "Reshape", "gy.reshape(self.x_shape)", "gy.T", "x"),
    ("arrays", "GetItem", "np.add.at(gx, self.slices, gy)", "gx[self.slices] = gy", "x"),
    ("arrays", "Sum", "np.broadcast_to(gy, shape).copy()", "np.broadcast_to(2 * gy, shape)", "x"),
    ("arrays", "Split", "[g0, g1]", "[g0, g0[:, :1], g1[:, 1:]]", "x"),
    ("arrays", "Linear", "gy.sum(axis=0)", "gy.mean(axis=0)", "b"),
    ("arrays", "Linear", "x.data.T.dot(gy), gy", "x.data.T.dot(gy) * 2, gy", "W"),
    ("arrays", "Linear", "x.data.T.dot(gy), gy.sum(axis=0)", "x.data.T.dot(gy)", "b"),
    ("arrays", "MeanSquaredError", "return gx0, -gx0", "return gx0, gx0", "y"),
    ("arrays", "SoftmaxCrossEntropy", "gy * gx / len(gx)", "gy * gx", "batch"),
    ("variables", "Sin", "gy * Cos()(x)", "gy * -Cos()(x)", "sign"),
    ("variables", "Add", "sum_to(gy, self.x0_shape), sum_to(gy, self.x1_shape)",
     "sum_to(gy, self.x0_shape), gy", "y"),
    ("variables", "Mul", "sum_to(gy * x0, x1.shape)", "sum_to(gy * x1, x1.shape)", "y"),
    ("variables", "BroadcastTo", "SumTo(self.x_shape)(gy)", "gy", "shape"),
    ("variables", "MatMul", "Variable(W.data.T)), MatMul()(Variable(x.data.T), gy)",
     "Variable(W.data.T)), MatMul()(Variable(-x.data.T), gy)", "sign"),
    ("contexts", "MatMul", "grad_output @ b.T, a.T @ grad_output", "grad_output @ b.T, 2 * a.T @ grad_output", "y"),
    ("contexts", "Sqrt", "grad_output / (2 * ctx.out)", "grad_output / ctx.out", "x"),
    ("contexts", "Add", "unbroadcast(grad_output, a_shape), ", "grad_output, ", "x"),
    ("contexts", "Slice", "grad[ctx.indices] = grad_output", "grad[ctx.indices] = 1.0", "x"),
    ("contexts", "Transpose", "np.argsort(ctx.axes)", "ctx.axes", "shape"),
    ("contexts", "Conv1d", "dx[:, :, window] +=", "dx[:, :, window] =", "x"),
    ("contexts", "Conv1d", "dw += np.tensordot(", "dw += 0.5 * np.tensordot(",
     "weight"),
    ("called", "Linear", "d_out.sum(axis=0)", "d_out.mean(axis=0)", "bias"),
    ("called", "Relu", "d_out * (self.X > 0)", "(self.X > 0) * 1.0", "ignores-dout"),
    ("called", "Dropout", "return d_out * self.mask", "return d_out * (self.mask > 0)", "x"),
    ("called", "CrossEntropyLoss", "(self.p - self.labels) / len(self.X)", "self.p - self.labels", "batch"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "name", "right", "wrong", "what"), FAULTS)
def test_a_fault_is_found(tmp_path, file, name, right, wrong, what):
    text = (FOLDER / f"{file}.py").read_text(encoding="utf-8")
    start = text.index(f"class {name}")
    assert right in text[start:]
    path = tmp_path / "wrong.py"
    path.write_text(text[:start] + text[start:].replace(right, wrong, 1), encoding="utf-8")
    report = next(r for r in examine_file(path, name, GRADIENTS) if r.object == name)
    assert report.verdict == "wrong", (report.verdict, report.reason)
    said = " ".join(f"{f.label} {f.quantity} {f.check}" for f in report.findings)
    assert what in said, said


def test_a_function_that_another_makes_of_itself(tmp_path):
    """A gradient that is a function again gets what the first one kept, and an input of the shape that this put out."""
    text = (FOLDER / "variables.py").read_text(encoding="utf-8") + (
        "\n\nclass Pick(Function):\n"
        "    def forward(self, x):\n        self.which = x.argmax(axis=1)\n        return x.max(axis=1)\n"
        "    def backward(self, gy):\n        return PickGrad(self)(gy)\n"
        "\n\nclass PickGrad(Function):\n"
        "    def __init__(self, pick):\n        self.shape, self.which = pick.inputs[0].shape, pick.which\n"
        "    def forward(self, gy):\n"
        "        gx = np.zeros(self.shape)\n        gx[np.arange(len(gy)), self.which] = gy\n        return gx\n"
        "    def backward(self, ggx):\n"
        "        return Variable(ggx.data[np.arange(len(self.which)), self.which])\n"
    )
    path = tmp_path / "second.py"
    path.write_text(text, encoding="utf-8")
    assert {n: r.verdict for n, r in reports(path).items() if n.startswith("Pick")} == {
        "Pick": "right", "PickGrad": "right",
    }  # fmt: skip
    path.write_text(text.replace("(self.which)), self.which])", "(self.which)), self.which] * 2)"), encoding="utf-8")
    assert reports(path)["PickGrad"].verdict == "wrong"
