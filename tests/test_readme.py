"""The READMEs tell the truth: their Python runs, their commands and links exist."""

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
READMES = ["README.md", "README.ko.md"]


def blocks(name, kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", (ROOT / name).read_text(encoding="utf-8"), re.S | re.M)


@pytest.mark.parametrize("name", READMES)
def test_the_python_of_the_readme_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    python = blocks(name, "python")
    assert len(python) >= 2
    names: dict = {}
    for block in python:
        exec(compile(block, name, "exec"), names)
    printed = capsys.readouterr().out.splitlines()
    assert printed[:4] == ["[[1. 0.]", " [0. 3.]]", "[[35.  0.]", " [ 0. 83.]]"]
    differences = [float(line.split()[1]) for line in printed if re.match(r"[Wb][12] ", line)]
    assert len(differences) == 4
    assert max(differences) < 1e-7
    accuracies = [float(line.split()[0]) for line in printed if re.match(r"0\.\d+", line)]
    assert accuracies
    assert all(accuracy > 0.85 for accuracy in accuracies)


@pytest.mark.parametrize("name", READMES)
def test_the_links_of_the_readme_lead_somewhere(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / target).exists(), target


def test_both_readmes_give_the_same_two_commands():
    english, korean = (blocks(name, "sh") for name in READMES)
    assert len(english) == 3
    assert english[:2] == korean[:2]


@pytest.mark.parametrize(("name", "lang"), [("README.md", "en"), ("README.ko.md", "ko")])
def test_the_answer_of_the_checker_is_the_one_shown(name, lang, tmp_path):
    shown = next(block for block in blocks(name, "text") if "transposed-weight-grad" in block)
    (tmp_path / "my_layers.py").write_text(
        "import numpy as np\n\n\nclass Affine:\n"
        "    def __init__(self, W, b): self.W, self.b = W, b\n"
        "    def forward(self, x): self.x = x; return x @ self.W + self.b\n\n"
        "    def backward(self, dout):\n"
        "        self.dW = np.dot(dout.T, self.x)\n"
        "        self.db = dout.sum(axis=0)\n"
        "        return dout @ self.W.T\n"
    )
    command = [sys.executable, "-m", "badak", "check", "--lang", lang, "my_layers.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == shown


def test_ci_runs_the_readmes_test_command():
    command = blocks("README.md", "sh")[1].strip()
    assert "pytest" in shlex.split(command)[-3]
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_dependency_has_its_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    reasons = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    for requirement in project["dependencies"]:
        assert f"| {re.split('[<>=]', requirement)[0]} |" in reasons


@pytest.mark.parametrize("name", READMES)
def test_nothing_is_left_to_fill_in_and_tables_are_whole(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    assert not [line for line in lines if re.fullmatch(r"[A-Z]{4,}", line)]
    for before, line, after in zip(lines, lines[1:], lines[2:], strict=False):
        if not before.strip() and line.startswith("|"):
            assert re.fullmatch(r"[|:\- ]+", after), f"a table without a head: {line}"
