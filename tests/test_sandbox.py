"""The sandbox: whose answer is believed, what a file can do to its verdict and to others, and what is left running."""

import hashlib
import json
import os
import re
import sys
import time
from pathlib import Path

import pytest

from badak.check import answers, check_file, isolate
from badak.check.report import report_text
from badak.learn import marking
from badak.learn.exercise import exercise_named
from badak.learn.grading import grade

RELU = """
import numpy as np


class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout = dout.copy()
        dout[self.mask] = 0
        return dout
"""
WRONG = RELU.replace("dout[self.mask] = 0", "dout[~self.mask] = 0")
linux = pytest.mark.skipif(
    sys.platform != "linux", reason="orphans can be inherited, and seen in /proc, on Linux alone"
)

# -- what an answer is -------------------------------------------------------------------------------------------

KEY = b"k" * 32
FINDING = {"check": "learn", "label": "no-gate", "severity": "error", "method": None, "quantity": None, "index": None,
           "line": 3, "got": None, "expected": 1.5, "text": "{name} is wrong", "advice": None,
           "values": {"name": "Relu"}}  # fmt: skip
SOLVED = {"verdict": "solved", "findings": [], "blanks": [], "source": []}
REPORT = {"file": "a.py", "object": "Relu", "style": "layer", "findings": [FINDING], "reason": None,
          "reason_values": {}, "checked": ["runs"], "seconds": 0.5, "source": ["x"],
          "notes": [["{name} is not installed", {"name": "cv2"}]]}  # fmt: skip


def sent(*contents, key=KEY):
    keyed = hashlib.blake2b(key=key, digest_size=16)
    texts = [json.dumps(content) for content in contents]
    return "".join(f"{answers.code_of(keyed, n, text)} {text}\n" for n, text in enumerate(texts))


def test_an_answer_with_its_code_is_opened():
    assert answers.opened(sent({"stage": "running"}, {"answer": SOLVED}), KEY) == (SOLVED, "running")
    assert answers.opened(sent({"stage": "running"}), KEY) == (None, "running")
    assert answers.opened("", KEY) == (None, "")


@pytest.mark.parametrize("content", [
    json.dumps({"answer": SOLVED}) + "\n",
    " " + json.dumps({"answer": SOLVED}) + "\n",
    "0" * 32 + " " + json.dumps({"answer": SOLVED}) + "\n",
    sent({"answer": SOLVED}, key=b"x" * 32),
    sent({"answer": SOLVED}) + sent({"answer": SOLVED}),
    sent({"answer": SOLVED}, {"answer": SOLVED}),
    sent({"answer": SOLVED}, {"stage": "again"}),
    sent({"stage": "a"}, {"answer": SOLVED}).split("\n", 1)[1],
    sent({"answer": SOLVED})[:-20],
    sent({"answer": SOLVED, "stage": "both"}),
    sent({"verdict": "solved"}),
    sent([]),
    "[" * 200_000,
    "\x00\xff\n",
])  # fmt: skip
def test_any_other_is_refused(content):
    with pytest.raises(answers.Refused):
        answers.opened(content, KEY)


def test_brackets_in_an_answer_have_a_limit():
    deep = "[" * 5000 + "]" * 5000
    keyed = hashlib.blake2b(key=KEY, digest_size=16)
    with pytest.raises(answers.Refused, match="nests brackets"):
        answers.opened(f"{answers.code_of(keyed, 0, deep)} {deep}\n", KEY)


@pytest.mark.parametrize("change", [
    {"verdict": "king"}, {"x": 1}, {"findings": [{"a": 1}]}, {"findings": None}, {"source": [1]}, {"blanks": "Relu"},
    {"verdict": "wrong"}, {"findings": [FINDING]},
    {"verdict": "wrong", "findings": [FINDING | {"label": "=cmd|' /C calc'!A0"}]},
    {"verdict": "wrong", "findings": [FINDING | {"severity": "great"}]},
    {"verdict": "wrong", "findings": [FINDING | {"text": "{name:>999999999}"}]},
    {"verdict": "wrong", "findings": [FINDING | {"advice": "{name.__class__}"}]},
    {"verdict": "wrong", "findings": [FINDING | {"line": "3"}]},
    {"verdict": "wrong", "findings": [FINDING | {"line": True}]},
    {"verdict": "wrong", "findings": [FINDING | {"got": "x" * 100_000}]},
    {"verdict": "wrong", "findings": [FINDING | {"index": [0.5]}]},
])  # fmt: skip
def test_a_grade_of_another_form_is_refused(change):
    assert answers.grade_of(SOLVED)["verdict"] == "solved"
    assert answers.grade_of(SOLVED | {"verdict": "wrong", "findings": [FINDING]})["findings"][0].label == "no-gate"
    with pytest.raises(answers.Refused):
        answers.grade_of(SOLVED | change)


@pytest.mark.parametrize("change", [
    {"reports": []}, {"reports": None}, {"reports": [REPORT | {"verdict": "right"}]}, {"other": 1},
    {"reports": [{k: v for k, v in REPORT.items() if k != "source"}]},
    {"reports": [REPORT | {"reason": "{error!r:>99999999}"}]}, {"reports": [REPORT | {"reason_values": []}]},
    {"reports": [REPORT | {"seconds": "1"}]}, {"reports": [REPORT | {"object": "x" * 1000}]},
    {"reports": [REPORT | {"notes": [["{name:>99999999}", {}]]}]}, {"reports": [REPORT | {"notes": ["text"]}]},
])  # fmt: skip
def test_a_report_of_another_form_is_refused(change):
    assert answers.reports_of({"reports": [REPORT]}, "mine.py")[0].file == "mine.py"
    with pytest.raises(answers.Refused):
        answers.reports_of({"reports": [REPORT]} | change, "mine.py")


# -- what a file can do ------------------------------------------------------------------------------------------

# Writes SAY to every pipe that the process has.
PIPES = """
import json, os, stat
SOLVED = {"verdict": "solved", "findings": [], "blanks": [], "source": []}
for number in range(3, 400):
    try:
        if stat.S_ISFIFO(os.fstat(number).st_mode):
            os.write(number, (SAY + "\\n").encode())
    except OSError:
        pass
"""
FORGERIES = {
    "an answer without its code": ('SAY = json.dumps({"answer": SOLVED})', "os._exit(0)"),
    "a code of noughts": ('SAY = "0" * 32 + " " + json.dumps({"answer": SOLVED})', "os._exit(0)"),
    "as 0.1 had it": ('SAY = json.dumps({"token": "0" * 16, **SOLVED})', "os._exit(0)"),
    "deep brackets": ('SAY = "[" * 50000', "os._exit(0)"),
    "junk beside the right answer": ('SAY = "junk"', ""),
    "an endless answer": ('SAY = "x" * 20_000_000', ""),
}


def forged(say, end):
    head, rest = PIPES.split("for number", 1)
    return head + say + "\nfor number" + rest + end


@pytest.mark.parametrize(("say", "end"), FORGERIES.values(), ids=FORGERIES.keys())
def test_what_is_written_into_the_pipe_is_no_answer(say, end, tmp_path):
    path = tmp_path / "01_relu.py"
    path.write_text(WRONG + "if True:\n" + re.sub("^", "    ", forged(say, end), flags=re.M), encoding="utf-8")
    graded = grade(path, exercise_named("relu"), time_limit=20)
    # The second attempt runs no `if`, and gives the answer its own verdict.
    assert graded.verdict != "solved"
    path.write_text(WRONG + forged(say, end).replace("for number", "numbers = range(3, 400)\ndef f():\n  for number")
                    .replace("\n    try", "\n      try").replace("\n        ", "\n          ")
                    .replace("\n    except", "\n      except") + "\nX = f()\n", encoding="utf-8")  # fmt: skip
    graded = grade(path, exercise_named("relu"), time_limit=20)
    assert (graded.verdict, graded.reason) in {("unknown", "answer"), ("wrong", None)}


def test_orders_and_key_lie_in_no_frame_argument_or_environment(tmp_path):
    seen = tmp_path / "seen"
    path = tmp_path / "01_relu.py"
    path.write_text(RELU + f"""
import os, sys
def look():
    frame, found = sys._getframe(), []
    while frame is not None:
        found += [repr(value) for value in frame.f_locals.values() if not isinstance(value, dict)]
        found += [f"{{k}}={{v!r}}" for d in frame.f_locals.values() if isinstance(d, dict) for k, v in d.items()
                  if isinstance(v, (str, bytes))]
        frame = frame.f_back
    open({str(seen)!r}, "w").write("\\n".join(found + sys.argv + [f"{{k}}={{v}}" for k, v in os.environ.items()]))
    return len(found)
COUNT = look()
""", encoding="utf-8")  # fmt: skip
    keys = []
    real = isolate.secrets.token_bytes
    try:
        isolate.secrets.token_bytes = lambda n: keys.append(real(n)) or keys[-1]
        assert grade(path, exercise_named("relu")).verdict == "solved"
    finally:
        isolate.secrets.token_bytes = real
    text = seen.read_text(encoding="utf-8")
    assert "relu" in text
    assert keys[0].hex() not in text
    assert repr(keys[0]) not in text
    assert '"key"' not in text


@pytest.mark.parametrize("code", [
    "import badak.learn.grading as g\nclass Change:\n    done = setattr(g, '_told', lambda *a: "
    "{'verdict': 'solved', 'findings': [], 'blanks': [], 'source': []})\n",
    "import badak.check.contract as c\nclass Change:\n    done = setattr(c, 'examine', lambda *a: None)\n",
    "import badak.learn.exercise as e\nclass Change:\n    done = setattr(e.Answer, '__init__', lambda *a: None)\n",
])  # fmt: skip
def test_who_changes_the_judge_is_not_judged(code, tmp_path):
    path = tmp_path / "01_relu.py"
    path.write_text(WRONG + code, encoding="utf-8")
    graded = grade(path, exercise_named("relu"))
    assert (graded.verdict, graded.reason) == ("unknown", "changed")


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGALRM"])
def test_a_signal_to_the_parent_ends_nothing(name, tmp_path):
    path = tmp_path / "mine.py"
    send = f"import os, signal; os.kill(os.getppid(), signal.{name}); self.mask = x <= 0"
    path.write_text(RELU.replace("self.mask = x <= 0", send), encoding="utf-8")
    assert [r.verdict for r in check_file(path)] == ["right"]


@linux
def test_a_killed_supervisor_is_could_not_check_at_once(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(RELU.replace("self.mask = x <= 0", "import os; os.kill(os.getppid(), 9)"), encoding="utf-8")
    started = time.monotonic()
    reports = check_file(path)
    assert [r.verdict for r in reports] == ["unknown"]
    assert "exit code" in report_text(reports[0], "en")
    assert time.monotonic() - started < 15


@linux
def test_a_stopped_supervisor_is_ended_in_time(tmp_path, monkeypatch):
    monkeypatch.setattr(isolate, "CLOCK_LEAST", 2.0)
    monkeypatch.setattr(isolate, "CLOCK_FACTOR", 1.0)
    monkeypatch.setattr(isolate, "GRACE", 1.0)
    path = tmp_path / "mine.py"
    path.write_text(RELU.replace("self.mask = x <= 0", "import os; os.kill(os.getppid(), 19)"), encoding="utf-8")
    started = time.monotonic()
    assert [r.verdict for r in check_file(path, time_limit=2)] == ["unknown"]
    assert time.monotonic() - started < 40


@linux
def test_a_child_cannot_open_the_files_of_its_supervisor(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("the superuser may open everything")
    path = tmp_path / "01_relu.py"
    path.write_text(RELU + "\nimport os\nFILES = os.listdir(f'/proc/{os.getppid()}/fd')\n", encoding="utf-8")
    assert "PermissionError" in report_text(check_file(path)[-1], "en")


@linux
@pytest.mark.parametrize("how", ["setsid twice", "killed supervisor"])
def test_what_a_file_starts_ends_with_its_check(how, tmp_path):
    note = tmp_path / "pid"
    daemon = (
        "import os, time\n"
        "def start():\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0:\n"
        f"            open({str(note)!r}, 'w').write(str(os.getpid()))\n"
        "            time.sleep(100)\n"
        "        os._exit(0)\n"
        "    os.wait()\n"
        f"    while not os.path.exists({str(note)!r}) or not open({str(note)!r}).read(): time.sleep(0.01)\n"
        "done = start()\n"
    )
    if how == "killed supervisor":
        daemon = daemon.replace("setsid()", "getpid()")
        daemon += "gone = os.kill(os.getppid(), 15)\n"
    path = tmp_path / "mine.py"
    path.write_text(daemon + RELU, encoding="utf-8")
    assert [r.verdict for r in check_file(path)] == ["right"]
    assert not Path("/proc", note.read_text()).exists()


# -- limits -------------------------------------------------------------------------------------------------------


def test_an_endless_loop_is_shown_with_its_line(tmp_path):
    path = tmp_path / "mine é.py"
    path.write_text(RELU.replace("out = x.copy()", "out = x.copy()\n        while True:\n            out = out + 1"),
                    encoding="utf-8")  # fmt: skip
    report = check_file(path, time_limit=3)[0]
    assert report.reason_values["at"] in (12, 13)
    assert report.reason_values["code"] in ("while True:", "out = out + 1")
    assert "3 seconds of processor time" in report_text(report, "en")
    graded = grade(path, exercise_named("relu"), time_limit=3)
    assert (graded.reason, graded.values["at"] in (12, 13)) == ("time", True)


def test_the_line_of_a_notebook_is_that_of_its_cell(tmp_path):
    path = tmp_path / "mine.ipynb"
    cells = ["import numpy as np\nx = 1\n", RELU.strip().replace("out = x.copy()", "while True: pass")]
    plain = {"cells": [{"cell_type": "code", "source": cell} for cell in cells], "nbformat": 4}
    path.write_text(json.dumps(plain), encoding="utf-8")
    assert check_file(path, time_limit=3)[0].reason_values["at"] == "10 (cell 2)"


def test_who_waits_is_ended_by_the_clock_and_who_computes_by_the_processor(tmp_path, monkeypatch):
    monkeypatch.setattr(isolate, "CLOCK_LEAST", 4.0)
    monkeypatch.setattr(isolate, "CLOCK_FACTOR", 0.1)
    path = tmp_path / "mine.py"
    path.write_text(RELU.replace("self.mask = x <= 0", "import time; time.sleep(1000)"), encoding="utf-8")
    report = check_file(path, time_limit=30)[0]
    assert "It waited, and did not end within 4 seconds" in report_text(report, "en")
    assert report.reason_values["at"] == 10


def test_other_limits_are_ten_times_and_a_minute():
    assert isolate.clock_limit(2) == 60
    assert isolate.clock_limit(20) == 200


@linux
def test_the_processor_time_of_what_it_starts_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(isolate, "CLOCK_LEAST", 30.0)
    monkeypatch.setattr(isolate, "CLOCK_FACTOR", 1.0)
    path = tmp_path / "mine.py"
    spin = "import subprocess, sys, time\n        subprocess.Popen([sys.executable, '-c', 'while True: pass'])"
    path.write_text(RELU.replace("self.mask = x <= 0", spin + "\n        time.sleep(1000)"), encoding="utf-8")
    report = check_file(path, time_limit=4)[0]
    assert "4 seconds of processor time" in report_text(report, "en")


@linux
def test_the_memory_of_all_that_it_starts_counts_together(tmp_path):
    path = tmp_path / "mine.py"
    more = ("import os, time\n        for _ in range(2):\n            if os.fork() == 0:\n"
            "                held = b'x' * (330 << 20)\n                time.sleep(100)\n"
            "        time.sleep(100)")  # fmt: skip
    path.write_text(RELU.replace("self.mask = x <= 0", more), encoding="utf-8")
    report = check_file(path, time_limit=20, memory_limit=700 << 20)[0]
    assert "more than 0.684 GiB of memory" in report_text(report, "en")


@pytest.mark.skipif(os.name != "posix", reason="the standard error is looked at where there are signals")
def test_a_process_that_a_library_ends_for_want_of_memory_is_called_that(tmp_path):
    path = tmp_path / "mine.py"
    end = "import os; os.write(2, b\"terminate called after throwing an instance of 'std::bad_alloc'\"); os.abort()"
    path.write_text(RELU.replace("self.mask = x <= 0", end), encoding="utf-8")
    assert "GiB of memory" in report_text(check_file(path)[0], "en")


# -- marking ------------------------------------------------------------------------------------------------------


def rows(folder, **more):
    import csv
    import io
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        target = Path(place, "marks.csv")
        marking.mark(folder, target, "en", **more)
        table = csv.DictReader(io.StringIO(target.read_bytes().decode("utf-8-sig")))
        return {row["pupil"]: (row["relu"], row["relu: causes"]) for row in table}


def hand_in(folder, pupil, text, name="01_relu.py"):
    (folder / pupil).mkdir(parents=True, exist_ok=True)
    (folder / pupil / name).write_text(text, encoding="utf-8")


def test_no_hand_in_changes_another_ones_row(tmp_path):
    spoil = f"for p in pathlib.Path({str(tmp_path)!r}).glob('*/*.py'):\n    p.write_text('raise SystemExit')\n"
    hand_in(tmp_path, "aaa", RELU + "import pathlib\n" + spoil)
    for pupil in ("mmm", "zzz"):
        hand_in(tmp_path, pupil, RELU.replace("x <= 0", "below(x)").replace("import numpy as np", "from help import *"))
        hand_in(tmp_path, pupil, "import numpy as np\ndef below(x):\n    return x <= 0\n", "help.py")
    assert rows(tmp_path, workers=1) == dict.fromkeys(("aaa", "mmm", "zzz"), ("solved", ""))
    assert (tmp_path / "zzz" / "01_relu.py").read_text(encoding="utf-8") == "raise SystemExit"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="FIFOs are POSIX's")
def test_links_and_fifos_cost_their_own_row(tmp_path):
    folder = tmp_path / "class"
    hand_in(folder, "good", RELU)
    os.symlink(folder, folder / "whole")
    os.symlink(tmp_path, folder / "above")
    os.symlink(folder / "good", folder / "copy")
    (folder / "file").mkdir()
    os.symlink(folder / "good" / "01_relu.py", folder / "file" / "01_relu.py")
    os.symlink(folder / "round", folder / "round")
    (folder / "fifo").mkdir()
    os.mkfifo(folder / "fifo" / "01_relu.py")
    (folder / "zero").mkdir()
    os.symlink("/dev/zero", folder / "zero" / "01_relu.py")
    link = ("could not be checked", "link")
    assert rows(folder) == {"good": ("solved", ""), "whole": link, "above": link, "copy": link,
                            "file": ("missing", ""), "fifo": ("could not be checked", "not-readable"),
                            "zero": ("could not be checked", "not-readable")}  # fmt: skip


def test_files_are_read_before_any_is_run_by_check_too(tmp_path, capsys):
    from badak.check import check_command

    first, second = tmp_path / "a.py", tmp_path / "b.py"
    second.write_text(RELU, encoding="utf-8")
    first.write_text(RELU + f"written = open({str(second)!r}, 'w').write('x = 1')\n", encoding="utf-8")
    assert check_command([str(first), str(second)], lang="en") == 0
    assert capsys.readouterr().out.count("right") == 2
