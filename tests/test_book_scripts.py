"""The figure of the book's scripts: what is counted, and as what."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parent.parent / "benchmarks" / "book_scripts.py"

FILES = {
    "ch01/right.py": "import sys, os\nsys.path.append(os.pardir)\nfrom common.functions import mine\n",
    "common/functions.py": "mine = 1\n",
    "ch02/endless.py": "while True: pass\n",
    "ch03/typo.py": "print(undefined)\n",
    "ch04/ours_alone.py": "from common.layers import Relu\n1 / 0\n",
    "ch09/not_of_the_first_volume.py": "1 / 0\n",
    "notes.ipynb": '{"cells": [{"cell_type": "code", "source": "from common.layers import Relu"}]}',
}


@pytest.mark.skipif(sys.platform == "win32", reason="the figure ends process groups, which Windows has not")
def test_scripts_are_counted_as_running_training_or_failing(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)

    def counted(*options):
        done = subprocess.run(
            [sys.executable, str(SCRIPT), str(tmp_path), "--limit", "15", "--jobs", "2", *options],
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
        return [line.split() for line in done.stdout.splitlines() if line.startswith("  ")]

    right, endless, typo, ours = counted()
    assert right == ["ch01/right.py", "runs", "1"]
    assert endless == ["ch02/endless.py", "trains", "0"]
    told = " ".join(typo)
    assert told.startswith("ch03/typo.py fails: NameError: name 'undefined' is not defined 0 fails: NameError")
    assert " ".join(ours).startswith("ch04/ours_alone.py fails: ZeroDivisionError: division by zero 0 fails: Module")
    assert counted("--all") == [right, ours, ["notes.ipynb", "runs", "0"]]
    assert not list(tmp_path.rglob("__pycache__")), "a checkout is left as it was"
