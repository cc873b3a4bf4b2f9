# ruff: noqa: E501 (the snippets are one line each)
"""The checker lives whatever the checked code does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from badak.check import check_command, check_file
from badak.check.causes.registry import CAUSES
from badak.check.report import report_html, report_text
from badak.language import translator

RELU = """
import numpy as np


class Relu:
    def forward(self, x):
        self.mask = x > 0
        return np.where(self.mask, x, 0.0)

    def backward(self, dout):
        return dout * self.mask
"""

AT_IMPORT = {
    "exits": "import os\nos._exit(3)",
    "raises SystemExit": "import sys\nsys.exit(0)",
    "forks": "import os\nif hasattr(os, 'fork'):\n    os.fork()",
    "prints much": "print('x' * 10_000_000)",
    "writes junk": 'import sys\nsys.stdout.write(\'{"verdict": "wrong"}\\n\')',
    "reads input": "name = input('name? ')",
    "raises": "raise RuntimeError('no')",
    "ignores signals": "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nsignal.signal(signal.SIGINT, signal.SIG_IGN)",
    "closes stdout": "import sys\nsys.stdout.close()",
    "shows a plot": "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
    "starts a thread": "import threading, time\nthreading.Thread(target=lambda: time.sleep(60)).start()",
}


@pytest.mark.parametrize("code", AT_IMPORT.values(), ids=AT_IMPORT.keys())
def test_a_right_layer_is_right_whatever_the_script_around_it_does(code, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(RELU + "\n" + code + "\n", encoding="utf-8")
    reports = check_file(path, "Relu", time_limit=20)
    assert [(r.object, r.verdict) for r in reports] == [("Relu", "right")]


def test_an_endless_loop_at_the_top_level_does_not_hide_the_class(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(RELU + "\nwhile True:\n    pass\n", encoding="utf-8")
    assert check_file(path, time_limit=8)[0].verdict == "right"


def test_a_long_training_loop_is_interrupted_and_what_follows_it_still_runs(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("for i in range(10**12):\n    pass\n" + RELU + "\nx = 1\nRelu().forword(x)\n", encoding="utf-8")
    reports = check_file(path, time_limit=15)
    assert [(r.object, r.verdict) for r in reports] == [("Relu", "right"), ("script", "wrong")]
    assert reports[1].findings[0].label == "misspelled-method"


BROKEN = {
    "endless forward": ("    def forward(self, x):\n        while True:\n            pass\n", "seconds"),
    "exit in init": (
        "    def __init__(self):\n        import os\n        os._exit(0)\n    def forward(self, x):\n        return x\n",
        "process",
    ),
    "huge array": ("    def forward(self, x):\n        return np.ones(10**11)\n", ""),
    "printing for ever": (
        "    def forward(self, x):\n        while True:\n            print('x' * 1000)\n",
        "seconds",
    ),
    "raises in init": (
        "    def __init__(self):\n        raise RuntimeError('no')\n    def forward(self, x):\n        return x\n",
        "",
    ),
    "replaces np": (
        "    def forward(self, x):\n        np.asarray = np.array = None\n        return x\n",
        "",
    ),
    "recursion": ("    def forward(self, x):\n        return self.forward(x)\n", ""),
}


@pytest.mark.parametrize(("body", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_layer_that_misbehaves_costs_only_its_own_row(body, words, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\n\n\nclass Layer:\n" + body + "    def backward(self, dout):\n        return dout\n",
        encoding="utf-8",
    )
    reports = check_file(path, time_limit=3)
    assert len(reports) >= 1
    assert reports[0].verdict in ("unknown", "wrong")
    assert words in (reports[0].reason or "")


def test_the_users_folder_is_left_as_it_was(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(RELU + "\nopen('result.txt', 'w').write('x')\n", encoding="utf-8")
    (tmp_path / "helper.py").write_text("X = 1\n", encoding="utf-8")
    path.write_text("import helper\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    before = path.read_bytes()
    assert check_file(path, "Relu")[0].verdict == "right"
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["helper.py", "mine.py"]


def run(*arguments, env=None):
    environment = dict(os.environ) | {"PYTHONPATH": str(Path(__file__).parents[1] / "src")} | (env or {})
    return subprocess.run(
        [sys.executable, "-m", "badak.check", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=environment,
        check=False,
    )


def test_json_is_one_object_a_line_and_the_exit_code_tells(tmp_path):
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(RELU, encoding="utf-8")
    wrong.write_text(RELU.replace("dout * self.mask", "self.mask * 1.0"), encoding="utf-8")
    done = run(str(right), str(wrong), "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["verdict"] for line in lines] == ["right", "wrong"]
    assert list(lines[0]) == ["file", "object", "style", "verdict", "findings"]
    assert set(lines[1]["findings"][0]) == {
        "check",
        "label",
        "severity",
        "method",
        "quantity",
        "index",
        "line",
        "got",
        "expected",
        "message",
        "hint",
    }
    assert lines[1]["findings"][0]["label"] == "ignores-dout"
    assert lines[1]["findings"][0]["line"] == 11
    assert done.returncode == 1


@pytest.mark.parametrize(("text", "strict", "code"), [
    (RELU, False, 0),
    (RELU.replace("return dout * self.mask", "dout *= self.mask\n        return dout"), False, 0),
    (RELU.replace("return dout * self.mask", "dout *= self.mask\n        return dout"), True, 1),
    ("x = 1\n", False, 2),
    ("def broken(:\n", False, 2),
])  # fmt: skip
def test_exit_codes(text, strict, code, tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    assert check_command([str(path)], strict=strict) == code
    assert "mine.py" in capsys.readouterr().out


def test_one_class_of_a_file_in_korean_and_as_a_page(tmp_path, capsys):
    path = tmp_path / "mine.py"
    path.write_text(RELU.replace("dout * self.mask", "self.mask * 1.0") + "\n# <script>\n", encoding="utf-8")
    page = tmp_path / "page.html"
    assert check_command([f"{path}:Relu"], html=str(page), lang="ko") == 1
    said = CAUSES["ignores-dout"].sentence
    korean = translator("check", "ko").gettext(said)
    assert korean != said
    assert korean.split("{", maxsplit=1)[0] in capsys.readouterr().out
    assert "<script" not in page.read_text(encoding="utf-8")
    assert korean.split("{", maxsplit=1)[0] in page.read_text(encoding="utf-8")
    assert check_command([f"{path}:Nothing"], lang="en") == 2


def test_a_notebook_with_a_failing_demonstration(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": "# notes"},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import numpy as np\n"]},
        {
            "cell_type": "code",
            "source": RELU.replace("dout * self.mask", "dout * ~self.mask").strip().splitlines(keepends=True),
        },
        {"cell_type": "code", "source": "Relu().forward(undefined)"},
    ]
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4}), encoding="utf-8")
    report = check_file(path)[0]
    assert (report.object, report.verdict, report.findings[0].label) == ("Relu", "wrong", "inverted-mask")
    assert report.findings[0].values["cell"] == [3, 10]
    text, page = report_text(report, "en"), report_html([report], "en")
    assert "backward, cell 3, line 10" in text
    assert "\n      10 | return dout * ~self.mask" in text
    assert "<pre>   8" in page
    assert "\n  10         return dout * ~self.mask" in page


def test_a_sentence_about_a_notebook_counts_lines_in_the_cell_too(tmp_path):
    cells = [
        {"cell_type": "code", "source": "import numpy\n"},
        {"cell_type": "code", "source": RELU.replace("import numpy as np", "").strip().splitlines(keepends=True)},
    ]
    path = tmp_path / "mine.ipynb"
    path.write_text(json.dumps({"cells": cells, "nbformat": 4}), encoding="utf-8")
    report = check_file(path)[0]
    assert report.findings[0].label == "undefined-name"
    assert report.findings[0].values["used_cell"] == [2, 4]
    assert "cell 2, line 4" in report_text(report, "en")
    assert "셀 2의 4번째 줄" in report_text(report, "ko")


def test_a_repair_says_what_it_stands_instead_of(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\n\n\nclass Sigmoid:\n    def forward(self, x):\n        self.out = 1 / (1 + np.exp(-x))\n"
        "        return self.out\n\n    def backward(self, dout):\n        return dout * (1.0 + self.out) * self.out\n",
        encoding="utf-8",
    )
    report = check_file(path)[0]
    values = report.findings[0].values
    assert (values["repair"], values["before"]) == ("1.0 - self.out", "1.0 + self.out")
    assert "1.0 - self.out" in report_text(report, "en")
    assert "1.0 - self.out" in report_text(report, "ko")


def test_a_report_without_an_object_is_headed_by_its_file_alone(tmp_path):
    path = tmp_path / "empty.py"
    path.write_text("", encoding="utf-8")
    report = check_file(path)[0]
    assert report_text(report, "en").startswith(f"{path}: could not check")
    assert f"{path}:<" not in report_html([report], "en").replace(f"{path}:Relu", "")


def test_what_cannot_be_guessed_is_asked_for(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        RELU.replace("class Relu:", "class Relu:\n    def __init__(self, qux):\n        self.qux = qux\n"),
        encoding="utf-8",
    )
    report = check_file(path)[0]
    assert report.verdict == "unknown"
    assert report.reason_values["argument"] == "qux"
    assert "def make()" in report.reason_values["example"]


def test_bad_arguments_are_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="no check named 'nonsense'"):
        check_command([str(tmp_path)], only=["nonsense"])
    with pytest.raises(ValueError, match="lang"):
        check_command([], lang="xx")
    with pytest.raises(ValueError, match="time_limit"):
        check_command([], time_limit=0)
    for limit in (float("nan"), float("inf"), -1):
        with pytest.raises(ValueError, match="time_limit must be more than 0 seconds"):
            check_command([], time_limit=limit)
    for limit in (0, -1):
        with pytest.raises(ValueError, match="memory_limit must be more than 0 bytes"):
            check_command([], memory_limit=limit)
    ran = tmp_path / "ran"
    (tmp_path / "mine.py").write_text(f"open({str(ran)!r}, 'w')\n", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="there is no folder .*none to write the page to"):
        check_command([str(tmp_path / "mine.py")], html=str(tmp_path / "none" / "page.html"))
    with pytest.raises(IsADirectoryError, match="is a folder; --html takes the name of a file"):
        check_command([str(tmp_path / "mine.py")], html=str(tmp_path))
    assert not ran.exists()  # refused before anything was checked


@pytest.mark.parametrize("limit", ["0", "-1"])
@pytest.mark.parametrize("option", ["--memory-limit", "--time-limit"])
@pytest.mark.parametrize("program", ["badak", "badak.check"])
def test_a_limit_of_nothing_is_refused(program, option, limit, monkeypatch, capsys):
    words = ["mine.py", option, limit]
    if program == "badak":
        from badak import cli

        monkeypatch.setattr(sys, "argv", ["badak", "check", *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        assert left.value.code == 2
    else:
        from badak.check.__main__ import main

        assert main(words) == 2
    assert option.strip("-").replace("-", "_") in capsys.readouterr().err.replace("-limit", "_limit")


def test_a_class_that_hangs_does_not_cost_the_others_their_verdict(tmp_path):
    path = tmp_path / "three.py"
    path.write_text(
        "class Double:\n    def forward(self, x):\n        return 2 * x\n\n    def backward(self, dout):\n        return dout\n\n\n"
        "class Hang:\n    def forward(self, x):\n        while True:\n            pass\n\n"
        "    def backward(self, dout):\n        return dout\n\n\n"
        "class Same:\n    def forward(self, x):\n        return 1.0 * x\n\n    def backward(self, dout):\n        return dout\n",
        encoding="utf-8",
    )
    verdicts = {report.object: report.verdict for report in check_file(path, time_limit=4)}
    assert verdicts == {"Double": "wrong", "Hang": "unknown", "Same": "right"}
