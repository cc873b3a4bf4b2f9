"""What a verdict means: whose fault it is, which exit code it gives, which files a folder stands for."""

from pathlib import Path

import pytest

from badak.check.command import check_command, exit_code
from badak.check.files import examine_file
from badak.check.findings import Finding, Report
from badak.check.folder import expanded, near

RIGHT = """
class Relu:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask
"""


def verdicts(folder: Path, text: str, name: str = "layers.py") -> list[str]:
    path = folder / name
    path.write_text("import numpy as np\n" + text, encoding="utf-8")
    return [report.verdict for report in examine_file(path)]


def report_of(folder: Path, text: str) -> Report:
    path = folder / "layers.py"
    path.write_text("import numpy as np\n" + text, encoding="utf-8")
    return examine_file(path)[0]


WRONG = Report("a.py", "Relu", findings=[Finding("gradients", "unnamed")])
HAZARD = Report("a.py", "Relu", findings=[Finding("ties", "unnamed", "hazard")])
UNKNOWN = Report("a.py", "Relu", reason="time")


@pytest.mark.parametrize(
    ("reports", "strict", "code"),
    [
        ([], False, 2),
        ([Report("a.py", "Relu")], False, 0),
        ([HAZARD], False, 0),
        ([HAZARD], True, 1),
        ([UNKNOWN, HAZARD], False, 2),
        ([UNKNOWN, WRONG], False, 1),
        ([Report("a.py", "Relu"), WRONG], False, 1),
    ],
)
def test_a_fault_decides_the_exit_code_before_what_could_not_be_checked(reports, strict, code):
    assert exit_code(reports, strict) == code


def test_a_folder_stands_for_the_code_below_it(tmp_path):
    for name in ("b.py", "a/c.ipynb", ".hidden/d.py", "venv/e.py", "mine/pyvenv.cfg", "mine/f.py", "g.txt", ".h.py"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    shown = [str(Path(one).relative_to(tmp_path)).replace("\\", "/") for one in expanded([str(tmp_path)])]
    assert shown == ["a/c.ipynb", "b.py"]
    assert expanded(["x.py"]) == ["x.py"]


def test_a_folder_is_checked_file_by_file(tmp_path, capsys):
    (tmp_path / "one.py").write_text(RIGHT)
    (tmp_path / "two.py").write_text(RIGHT.replace("dout * self.mask", "dout"))
    assert check_command([str(tmp_path)], lang="en") == 1
    told = capsys.readouterr().out
    assert "one.py:Relu: right" in told
    assert "two.py:Relu: wrong" in told


def test_an_empty_folder_is_not_right(tmp_path, capsys):
    assert check_command([str(tmp_path)], lang="en") == 2
    assert "no .py file and no notebook" in capsys.readouterr().out


def test_a_mistyped_file_is_guessed(tmp_path, capsys):
    (tmp_path / "layers.py").write_text(RIGHT)
    assert near(tmp_path / "Layer.py") == str(tmp_path / "layers.py")
    assert near(tmp_path / "network.py") is None
    assert check_command([str(tmp_path / "layer.py")], lang="en") == 2
    assert f"did you mean {tmp_path / 'layers.py'}?" in capsys.readouterr().out


def test_guessed_arguments_that_do_not_fit_are_no_fault_of_the_class(tmp_path):
    text = """
class Scale:
    def __init__(self, size):
        if size < 1000:
            raise ValueError("size must be at least 1000")
        self.size = size

    def forward(self, x):
        return x * self.size

    def backward(self, dout):
        return dout * self.size
"""
    assert verdicts(tmp_path, text) == ["unknown"]
    assert verdicts(tmp_path, text + "\n\ndef make():\n    return Scale(1)\n") == ["wrong"]
    assert verdicts(tmp_path, text + "\n\ndef make():\n    return Scale(1000)\n") == ["right"]
    assert verdicts(tmp_path, text.replace("self.size = size", "self.size = sizes")) == ["unknown"]
    slip = text.replace("if size < 1000", "if sizes < 1000")
    assert verdicts(tmp_path, slip) == ["wrong"]


def test_what_an_import_that_failed_brought_about_is_no_slip(tmp_path):
    text = """
from notthere.tensor import Tensor

class Layer:
    def forward(self, inputs: Tensor) -> Tensor:
        raise NotImplementedError

class Twice(Layer):
    def forward(self, inputs):
        return 2 * inputs

    def backward(self, grad):
        return 2 * grad
"""
    assert verdicts(tmp_path, text) == ["unknown"]


def test_a_name_that_the_file_makes_only_as_a_script_is_not_undefined(tmp_path):
    text = """
class Scale:
    def forward(self, x):
        return x * factor

    def backward(self, dout):
        return dout * factor
"""
    assert verdicts(tmp_path, text) == ["wrong"]
    assert verdicts(tmp_path, text + "\nif __name__ == '__main__':\n    factor = 2\n") == ["unknown"]
    assert verdicts(tmp_path, text + "\nfactor = float(open('no-such-file').read())\n") == ["unknown"]


LOSS = """
class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t, self.y = t, softmax(x)
        return -np.sum(t * np.log(self.y + 1e-7)) / len(x)

    def backward(self, dout=1):
        return (self.y - self.t) / len(self.t)
"""


@pytest.mark.parametrize(
    ("others", "verdict"),
    [
        ({}, "wrong"),
        ({"exercise_2.py": "def softmax(x):\n    return x\n"}, "wrong"),  # a file that only lies beside
        ({"functions.py": "def softmax(x):\n    return x\n", "net.py": "from functions import *\n"}, "unknown"),
        ({"common/functions.py": "def softmax(x):\n    return x\n", "common/util.py": "def im2col(): pass\n"}, "wrong"),
    ],
)
def test_a_name_of_the_same_project_is_not_imported_and_one_of_another_is_undefined(others, verdict, tmp_path):
    for name, text in others.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert verdicts(tmp_path, LOSS) == [verdict]


def test_a_module_that_the_file_imports_from_is_of_its_project(tmp_path):
    (tmp_path / "common").mkdir()
    (tmp_path / "common/functions.py").write_text("def softmax(x):\n    return x\n")
    (tmp_path / "common/util.py").write_text("def im2col(): pass\n")
    report = report_of(tmp_path, "from common.util import im2col\nfrom common.functions import softmx\n" + LOSS)
    assert report.verdict == "unknown"


def test_math_on_arrays_is_told_though_no_input_fits(tmp_path):
    text = """
import math

class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + math.exp(-x))
        return self.out

    def backward(self, dout):
        return dout * self.out * (1.0 - self.out)
"""
    report = report_of(tmp_path, text)
    assert [f.label for f in report.findings] == ["math-on-array"]
