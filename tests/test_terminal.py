"""What comes from files is shown on a terminal, never obeyed; and a spreadsheet finds no formula in it."""

import json
import os
import subprocess
import sys

import pytest

from badak import store
from badak.check import check_command
from badak.learn import command
from badak.learn.exercise import exercise_named
from badak.learn.marking import harmless
from badak.reading import json_line, shown
from badak.train.doctor import training_command

HOSTILE = "\x1b[2J\x1b]0;title\x07\x9b31m\x7f\u202e\u200b"
RELU = """import numpy as np
class Relu:
    def forward(self, x):
        self.mask = x <= 0; out = x.copy(); out[self.mask] = 0; return out
    def backward(self, dout):
        return dout * 2  # HOSTILE
"""
posix = pytest.mark.skipif(os.name != "posix", reason="Windows takes no such letters in names")


def clean(text):
    return all(letter.isprintable() or letter in "\n\t\u3000" for letter in text)


@pytest.mark.parametrize(("text", "told"), [
    ("relu 렐루 é　x", "relu 렐루 é　x"), ("\x1b[31m", "\\x1b[31m"), ("a\nb\rc", "a\\nb\\rc"), ("a\tb", "a\tb"),
    ("\x9b\x7f\x00", "\\x9b\\x7f\\x00"), ("\u202eabc\u2066", "\\u202eabc\\u2066"), ("\udcff", "\\udcff"),
    ("\u2028", "\\u2028"),
])  # fmt: skip
def test_controls_are_shown(text, told):
    assert shown(text) == told
    assert clean(shown(text))


def test_json_stays_json_and_has_no_controls():
    plain = {"a": HOSTILE, "b": "렐루", "c": [1.5, None]}
    assert clean(json_line(plain))
    assert json.loads(json_line(plain)) == plain
    assert "렐루" in json_line(plain)


@posix
@pytest.mark.parametrize("how", [{}, {"json": True}])
def test_check_shows_what_a_file_holds(how, tmp_path, capsys):
    (tmp_path / "line.py").write_text(RELU.replace("HOSTILE", HOSTILE), encoding="utf-8")
    message = f"raise ValueError({HOSTILE!r} + 'cleared')"
    (tmp_path / "message.py").write_text(RELU.replace("return dout * 2", message), encoding="utf-8")
    named = tmp_path / "na\x1b[31m\nme.py"
    named.write_text(RELU, encoding="utf-8")
    missing = str(tmp_path / "none\x1b[2J.py")
    check_command([*map(str, sorted(tmp_path.glob("*.py"))), missing], lang="en", **how)
    said = capsys.readouterr().out
    assert clean(said)
    assert "\\u001b" in said if how else "\\x1b" in said
    if how:
        assert [json.loads(line)["file"] for line in said.splitlines()][-2:] == [str(named), missing]


@posix
def test_learn_shows_what_a_file_holds(tmp_path, capsys):
    relu = exercise_named("relu")
    home = tmp_path / "ho\x1b[31mme"
    home.mkdir()
    (home / relu.file).write_text(RELU.replace("HOSTILE", HOSTILE), encoding="utf-8")
    command.learn(home, "en", once=True)
    (tmp_path / "class" / "ki\x1b[31mm").mkdir(parents=True)
    (tmp_path / "class" / "ki\x1b[31mm" / relu.file).write_text(RELU, encoding="utf-8")
    command.mark(tmp_path / "class", tmp_path / "ma\x1brks.csv", "en")
    command.mark(tmp_path / "class", None, "en")
    said = capsys.readouterr().out.replace("\r\n", "\n")
    assert clean(said)
    assert "not right yet" in said
    assert "ma\\x1brks.csv" in said


def test_the_look_at_a_training_shows_what_its_history_holds(tmp_path, capsys):
    layers = {HOSTILE: {"kind": "Relu", "dead": 1.0, "flat": None}}
    records = [{"iteration": 100 * n, "epoch": n, "loss": float("nan"), "layers": layers} for n in range(5)]
    store.write_history(tmp_path, records)
    training_command(str(tmp_path), False, "en")
    training_command(str(tmp_path), True, "en")
    assert clean(capsys.readouterr().out)


@posix
@pytest.mark.parametrize("words", [
    ["predict", "no\x1b[2Jne", "x.png"], ["train", "--out", "fi\x1b[2Jle"], ["train", "--op\x1b[2Jt"],
    ["learn", "status", "no\x1b[2Jne"], ["book", "no\x1b[2Jne.py"], ["check", "--html", "no\x1b[2Jne/x", "a.py"],
])  # fmt: skip
def test_what_was_typed_is_shown_in_errors(words, tmp_path):
    (tmp_path / "fi\x1b[2Jle").touch()
    done = subprocess.run([sys.executable, "-m", "badak", *words], capture_output=True, cwd=tmp_path, check=False)
    assert done.returncode
    assert b"\x1b" not in done.stdout + done.stderr
    assert done.stderr


@pytest.mark.parametrize("start", "=+-@\uff1d\uff0b\uff0d\uff20\u2212")
@pytest.mark.parametrize("before", ["", " ", "\t", "\r", "\n", "\u3000", "\u00a0", "\u200b", "\ufeff"])
def test_no_cell_begins_as_a_formula(start, before):
    assert harmless(f"{before}{start}cmd|' /C calc'!A0")[0] in "'?"
    assert f";{before if before.isprintable() else '?'}{start}"[:1] == ";"
    parted = harmless(f"kim;{start}1")
    assert parted == f"kim;'{start}1"


def test_ordinary_names_stay_as_they_are():
    for name in ("이름 relu", "wrong-shape", "kim; lee", "a=b", "user@example.com", "3-4"):
        assert harmless(name) == name
