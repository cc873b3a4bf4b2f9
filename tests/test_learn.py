"""`badak learn`: each exercise accepts the right answer and names what is wrong with others; folders, hints, marks."""

import ast
import csv
import io
import json
import string
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import learn_answers as answers
from badak.check.findings import Finding
from badak.language import translator
from badak.learn import command, grading, marking
from badak.learn.__main__ import main
from badak.learn.exercise import exercise_named, exercises
from badak.learn.folder import PROGRESS, Folder

NAMES = [exercise.name for exercise in exercises()]


def judged(exercise, text, folder):
    """Grade a text in this process: as the child does."""
    path = folder / exercise.file
    path.write_text(text, encoding="utf-8")
    told = grading.carry_out({"exercise": exercise.name, "path": str(path), "run": "all"}, lambda stage: None)
    findings = [Finding(**plain) for plain in told.pop("findings")]
    return grading.Grade(exercise.name, findings=findings, **told)


# -- the exercises ------------------------------------------------------------------------------------------------


def test_the_exercises_come_in_the_order_of_the_posts():
    assert [exercise.file for exercise in exercises()] == [
        "01_relu.py", "02_sigmoid.py", "03_affine.py", "04_softmax_with_loss.py", "05_two_layer_net.py",
        "06_numerical_gradient.py", "07_gradient_check.py", "08_training_loop.py", "09_momentum.py",
        "10_dropout.py", "11_batch_normalization.py", "12_convolution.py",
    ]  # fmt: skip
    assert exercise_named("3") is exercise_named("affine") is exercise_named("03_affine.py")
    with pytest.raises(ValueError, match="there is no exercise 'recurrent'; there are relu, sigmoid"):
        exercise_named("recurrent")


@pytest.mark.parametrize("lang", ["en", "ko"])
@pytest.mark.parametrize("name", NAMES)
def test_the_right_answer_is_right_and_the_blank_one_is_no_mistake(name, lang, tmp_path):
    exercise = exercise_named(name)
    solved = judged(exercise, answers.right(exercise, lang), tmp_path)
    assert (solved.verdict, solved.findings, solved.blanks) == ("solved", [], [])
    blank = judged(exercise, exercise.task[lang], tmp_path)
    assert blank.verdict == "blank"
    assert not blank.findings
    assert len(blank.blanks) == len(answers.RIGHT[name])


@pytest.mark.parametrize(("name", "bodies"), answers.ALSO_RIGHT)
def test_another_right_answer_is_right(name, bodies, tmp_path):
    exercise = exercise_named(name)
    solved = judged(exercise, answers.fill(exercise.task["en"], bodies), tmp_path)
    assert (solved.verdict, solved.findings) == ("solved", [])


@pytest.mark.parametrize(("name", "number"), [(n, i) for n in NAMES for i in range(len(answers.WRONG[n]))])
def test_a_plausible_wrong_answer_is_named(name, number, tmp_path):
    exercise = exercise_named(name)
    label, text = answers.wrong(exercise, number)
    graded = judged(exercise, text, tmp_path)
    assert graded.verdict == "wrong"
    assert graded.labels[0] == label
    assert all(words in grading.words(graded.findings[0], "en")[0] for words in answers.WRONG[name][number][2:])
    korean = translator("learn", "ko").gettext
    for sentence in {part for f in graded.findings if f.check == "learn" for part in (f.text, f.advice) if part}:
        assert korean(sentence) != sentence
    for lang in ("en", "ko"):
        said = "\n".join(grading.report(graded, lang))
        assert f": {label}]" in said
        assert "{" not in said.replace("{'", "").replace("{key", "") or "return {" in said


@pytest.mark.parametrize("name", NAMES)
def test_every_exercise_has_three_wrong_answers_and_three_hints(name):
    exercise = exercise_named(name)
    assert len({label for label, *_ in answers.WRONG[name]}) >= 3
    for lang in ("en", "ko"):
        assert len(exercise.hints[lang]) == 3
        assert not any("return " in hint or answers.RIGHT[name][0] in hint for hint in exercise.hints[lang][:2])


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_give_the_same_code_to_start_from(name):
    def bare(text):
        tree = ast.parse(text)
        for node in ast.walk(tree):
            for inner in ast.iter_child_nodes(node):
                if isinstance(inner, ast.Expr) and isinstance(getattr(inner.value, "value", None), str):
                    inner.value.value = ""
        return ast.unparse(tree)

    task = exercise_named(name).task
    assert bare(task["en"]) == bare(task["ko"])
    assert task["en"] != task["ko"]


def test_one_method_can_be_checked_before_the_other_is_written(tmp_path):
    relu = exercise_named("relu")
    forward = answers.RIGHT["relu"][0]
    half = judged(relu, answers.fill(relu.task["en"], [forward, "..."]), tmp_path)
    assert (half.verdict, half.findings, half.blanks) == ("blank", [], ["Relu.backward"])
    wrong = judged(relu, answers.fill(relu.task["en"], ["return x", "..."]), tmp_path)
    assert (wrong.verdict, wrong.labels) == ("wrong", ["no-gate"])


@pytest.mark.parametrize(
    "body", ["pass", "raise NotImplementedError", "raise NotImplementedError('later')", '"""Words."""']
)
def test_what_counts_as_a_blank(body, tmp_path):
    relu = exercise_named("relu")
    assert judged(relu, answers.fill(relu.task["en"], [body, body]), tmp_path).verdict == "blank"


def test_a_hazard_is_said_and_the_exercise_is_solved(tmp_path):
    loss = exercise_named("softmax_with_loss")
    text = answers.right(loss).replace("return dout * (", "return (")
    graded = judged(loss, text, tmp_path)
    assert graded.verdict == "solved"
    assert [finding.label for finding in graded.findings] == ["ignores-dout"]
    relu = exercise_named("relu")
    graded = judged(relu, answers.right(relu).replace("dx = dout.copy()", "dx = dout"), tmp_path)
    assert graded.verdict == "solved"
    assert [finding.label for finding in graded.findings] == ["mutates-dout"]


def test_the_solution_is_not_said_with_the_mistake(tmp_path):
    sigmoid = exercise_named("sigmoid")
    graded = judged(sigmoid, answers.right(sigmoid).replace("dout * self.out *", "dout *"), tmp_path)
    assert graded.verdict == "wrong"
    assert "instead of" not in (said := " ".join(grading.report(graded)))
    assert "it would be right" not in said


FILES = {
    "syntax-error": "class Relu:\n    def forward(self, x)\n        return x\n",
    "missing-name": "import numpy as np\n",
    "misspelled-name": "class ReLu:\n    pass\n",
    "undefined-name": "class Relu:\n    empty = npp.zeros(1)\n",
}


@pytest.mark.parametrize("label", FILES)
def test_a_file_that_defines_nothing_says_why(label, tmp_path):
    graded = judged(exercise_named("relu"), FILES[label], tmp_path)
    assert (graded.verdict, graded.labels) == ("wrong", [label])
    assert grading.report(graded, "ko") != grading.report(graded, "en")


# -- the child process --------------------------------------------------------------------------------------------

RELU = answers.right(exercise_named("relu"))
NASTY = {
    "time": ("x <= 0", "self.again() if 0 else x <= 0\n        while True: pass", 2.0),
    "exit": ("self.mask = x <= 0", "import os; os._exit(3)", 10.0),
    "memory": ("self.mask = x <= 0", "self.mask = bytearray(1 << 40)", 10.0),
}


@pytest.mark.parametrize("reason", NASTY)
def test_whatever_an_answer_does_the_check_goes_on(reason, tmp_path):
    old, new, limit = NASTY[reason]
    path = tmp_path / "01_relu.py"
    path.write_text(RELU.replace(old, new))
    graded = grading.grade(path, exercise_named("relu"), time_limit=limit)
    assert graded.verdict in ("unknown", "wrong")
    if graded.verdict == "unknown":
        assert graded.labels == [reason]
    assert grading.report(graded, "en") != grading.report(graded, "ko")
    assert path.read_text() == RELU.replace(old, new)


def test_an_endless_loop_at_the_end_of_the_file_hides_nothing(tmp_path):
    path = tmp_path / "01_relu.py"
    path.write_text(RELU + "\nwhile True:\n    print('x')\n")
    assert grading.grade(path, exercise_named("relu"), time_limit=4).verdict == "solved"
    assert grading.grade(tmp_path / "none.py", exercise_named("relu")).verdict == "missing"


# -- the folder ---------------------------------------------------------------------------------------------------


def solve(folder, *names):
    for name in names:
        exercise = exercise_named(name)
        (folder / exercise.file).write_text(answers.right(exercise), encoding="utf-8")


def test_learn_opens_one_exercise_after_the_other(tmp_path, capsys):
    folder = tmp_path / "mine"
    assert command.learn(folder, "en", once=True) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["01_relu.py", PROGRESS]
    assert (folder / "01_relu.py").read_text() == exercise_named("relu").task["en"]
    assert "Next: Relu" in capsys.readouterr().out
    solve(folder, "relu")
    assert command.learn(folder, once=True) == 1
    said = capsys.readouterr().out
    assert "01_relu.py: solved." in said
    assert "Next: Sigmoid" in said
    assert (folder / "02_sigmoid.py").exists()
    assert "\x1b" not in said
    held = json.loads((folder / PROGRESS).read_text())
    assert held["exercises"]["relu"]["solved"]
    assert held["exercises"]["relu"]["tries"] == 1


def test_learn_to_the_end(tmp_path, capsys):
    solve(tmp_path, *NAMES)
    assert command.learn(tmp_path, "ko", once=True) == 0
    said = capsys.readouterr().out
    assert "[############] 12/12" in said
    assert "모두 풀었습니다" in said
    assert command.status(tmp_path) == 0
    assert "완료" in capsys.readouterr().out
    assert command.hint(tmp_path) == 0
    assert "필요 없습니다" in capsys.readouterr().out


def test_learn_says_what_is_wrong_at_a_save(tmp_path, capsys):
    """The watching loop, in a thread: a save is noticed, a solved exercise opens the next."""
    ended = threading.Event()
    thread = threading.Thread(target=lambda: command.learn(tmp_path, "en", stop=ended.is_set))
    thread.start()
    said = ""
    try:
        for text, wanted in [(RELU.replace("x <= 0\n", "x > 0\n"), "[wrong: inverted-mask]"), (RELU, "Next: Sigmoid")]:
            deadline = time.monotonic() + 20
            while not (tmp_path / PROGRESS).exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            (tmp_path / "01_relu.py").write_text(text)
            while wanted not in said and time.monotonic() < deadline:
                time.sleep(0.05)
                said += capsys.readouterr().out
            assert wanted in said
    finally:
        ended.set()
        thread.join(30)
    assert Folder(tmp_path).states["relu"].tries == 2


def test_no_file_of_a_learner_is_overwritten(tmp_path):
    (tmp_path / "01_relu.py").write_text("# mine\n")
    (tmp_path / "notes.txt").write_text("also mine")
    command.learn(tmp_path, "en", once=True)
    assert (tmp_path / "01_relu.py").read_text() == "# mine\n"
    assert (tmp_path / "notes.txt").read_text() == "also mine"


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', '{"format": 1, "lang": "xx", "exercises": {}}',
                                     '{"format": 1, "lang": "en", "exercises": {"relu": {"solved": 3}}}',
                                     "\x00\xff"])  # fmt: skip
def test_a_damaged_progress_file_heals_with_a_word(content, tmp_path, capsys):
    solve(tmp_path, "relu")
    (tmp_path / PROGRESS).write_bytes(content.encode("latin-1"))
    command.learn(tmp_path, "en", once=True)
    said = capsys.readouterr().out
    assert "damaged; it is kept as progress.damaged.json" in said
    assert (tmp_path / "progress.damaged.json").read_bytes() == content.encode("latin-1")
    assert Folder(tmp_path).states["relu"].solved
    assert Folder(tmp_path).damaged is None


def test_three_hints_one_at_a_time(tmp_path, capsys):
    command.learn(tmp_path, "en", once=True)
    capsys.readouterr()
    hints = exercise_named("relu").hints["en"]
    for number in range(3):
        command.hint(tmp_path)
        said = " ".join(capsys.readouterr().out.split())
        assert [" ".join(hint.split()) in said for hint in hints] == [number == k for k in range(3)]
    command.hint(tmp_path)
    said = capsys.readouterr().out
    assert all(hint in said for hint in hints)
    assert Folder(tmp_path).states["relu"].hints == 3
    command.hint(tmp_path, "training_loop", "ko")
    assert exercise_named("8").hints["ko"][0] in capsys.readouterr().out


def test_the_language_is_remembered(tmp_path, capsys):
    command.learn(tmp_path, "ko", once=True)
    command.status(tmp_path)
    assert "시도 0번" in capsys.readouterr().out


def test_bad_input(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="is a file"):
        command.learn(tmp_path / "file", "en", once=True)
    with pytest.raises(ValueError, match="lang must be one of"):
        command.learn(tmp_path, "fr", once=True)
    with pytest.raises(FileNotFoundError, match="badak learn"):
        command.status(tmp_path / "none")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        command.mark(tmp_path / "none")
    with pytest.raises(NotADirectoryError):
        command.mark(tmp_path / "file")
    with pytest.raises(FileNotFoundError, match="to write the table to"):
        command.mark(tmp_path, tmp_path / "none" / "marks.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no hand-ins"):
        command.mark(tmp_path / "empty")
    assert main(["mark", str(tmp_path), "--time-limit", "0"]) == 2
    assert "--time-limit must be more than 0" in capsys.readouterr().err
    assert main(["hint", str(tmp_path / "none")]) == 2
    assert "badak: there is no folder" in capsys.readouterr().err


def test_the_command_line(tmp_path, capsys):
    assert main([str(tmp_path / "mine"), "--once", "--lang", "en"]) == 1
    assert main(["hint", str(tmp_path / "mine"), "--exercise", "2"]) == 0
    assert exercise_named("sigmoid").hints["en"][0] in capsys.readouterr().out
    assert main(["status", str(tmp_path / "mine")]) == 1
    assert main(["mark", str(tmp_path), "--csv", str(tmp_path / "marks.csv")]) == 0
    assert (tmp_path / "marks.csv").exists()
    with pytest.raises(SystemExit):
        main(["mark"])


@pytest.mark.parametrize(("typed", "meant"), [("stauts", "status"), ("hnit", "hint"), ("marks", "mark")])
def test_a_misspelled_command_makes_no_folder(typed, meant, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main([typed]) == 2
    assert f"did you mean `badak learn {meant}`" in capsys.readouterr().err.replace(
        "python -m badak.learn", "badak learn"
    )
    assert not list(tmp_path.iterdir())
    assert main([f"./{typed}", "--once"]) == 1
    assert main([typed, "--once"]) == 1  # now that there is a folder, it is meant


# -- marking ------------------------------------------------------------------------------------------------------


@pytest.fixture
def classroom(tmp_path):
    folder = tmp_path / "class"
    for pupil, files in {
        "kim": {"01_relu.py": RELU, "deep/my_sigmoid.py": answers.right(exercise_named("sigmoid"))},
        "이민준": {"01_relu.py": answers.wrong(exercise_named("relu"), 0)[1]},
        "=SUM(A1)": {"01_relu.py": RELU.replace("self.mask = x <= 0", "while True: pass")},
        "-crash": {"01_relu.py": RELU.replace("self.mask = x <= 0", "import os; os._exit(1)")},
    }.items():
        for name, text in files.items():
            path = folder / pupil / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    (folder / "park_01_relu.py").write_text(RELU)
    (folder / "choi.py").write_text(RELU + answers.right(exercise_named("affine")).replace('"""', "'''"))
    (folder / "readme.txt").write_text("not a hand-in")
    return folder


def test_a_row_a_pupil(classroom, tmp_path):
    target = tmp_path / "marks.csv"
    assert command.mark(classroom, target, "en", time_limit=3) == 0
    content = target.read_bytes()
    assert content.startswith("\ufeff".encode())
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    by_name = {row["pupil"]: row for row in rows}
    assert list(by_name) == ["'-crash", "'=SUM(A1)", "choi", "kim", "park", "이민준"]
    relu = {name: (row["relu"], row["relu: causes"]) for name, row in by_name.items()}
    assert relu == {
        "'-crash": ("could not be checked", "exit"),
        "'=SUM(A1)": ("could not be checked", "time"),
        "choi": ("solved", ""),
        "kim": ("solved", ""),
        "park": ("solved", ""),
        "이민준": ("wrong", "inverted-mask"),
    }
    assert by_name["kim"]["sigmoid"] == "solved"
    assert by_name["kim"]["solved exercises"] == "2"
    assert by_name["choi"]["affine"] == "solved"
    assert by_name["park"]["sigmoid"] == "missing"


def test_who_handed_in_what(tmp_path):
    for name in ("kim_01_relu.py", "kim_sigmoid.py", "02-sigmoid-lee.py", "Two_Layer_Net.py", ".hidden.py"):
        (tmp_path / name).write_text("")
    (tmp_path / "__pycache__").mkdir()
    found = {hand_in.pupil: sorted(hand_in.files) for hand_in in marking.find_pupils(tmp_path)}
    assert found == {"kim": ["relu", "sigmoid"], "lee": ["sigmoid"], "Two_Layer_Net": ["two_layer_net"]}


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(cell):
    safe = marking.harmless(cell)
    assert safe[0] in "'?"
    assert marking.harmless("이름 relu") == "이름 relu"
    assert "\x1b" not in marking.harmless("\x1b[2J")


def test_the_table_in_korean_on_standard_output(tmp_path, capsys):
    (tmp_path / "kim.py").write_text(RELU)
    command.mark(tmp_path, lang="ko")
    assert "kim,1,완료,,미제출" in capsys.readouterr().out


# -- words --------------------------------------------------------------------------------------------------------


def sentences():
    """Give the sentences that this room says, from its source: texts in `fault`, guesses, `print` and `say`."""
    for path in Path(command.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tasks = ("EN", "KO", "HINTS")
        long = {id(n) for a in tree.body if isinstance(a, ast.Assign) and getattr(a.targets[0], "id", "") in tasks
                for n in ast.walk(a)}  # fmt: skip
        owners = (node for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)))
        long |= {id(node.body[0].value) for node in owners if isinstance(node.body[0], ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                known = node.value.startswith(("{name} ", "{file}: ")) or node.value in VERDICTS_AND_REASONS
                known |= path.parent.name == "exercises" and " " in node.value and node.value.endswith((".", "…"))
                if known and id(node) not in long:
                    yield node.value
            elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in ("print", "say"):
                yield from (a.value for a in node.args[:1] if isinstance(a, ast.Constant) and " " in a.value)


VERDICTS_AND_REASONS = {*grading.VERDICTS.values(), *grading.REASONS.values()}


def test_korean_says_all_that_english_says():
    korean = translator("learn", "ko").gettext
    said = {*sentences(), *(exercise.title for exercise in exercises())}
    assert len(said) > 80

    def fields(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    same = {"Relu", "Sigmoid", "Affine", "Softmax-with-loss"}
    for english in said - same:
        assert korean(english) != english, english
        assert fields(korean(english)) == fields(english)


def test_python_m_in_a_pipe_has_no_control_characters(tmp_path):
    solve(tmp_path, "relu")
    done = subprocess.run([sys.executable, "-m", "badak.learn", str(tmp_path), "--lang", "ko", "--once"],
                          capture_output=True, check=False)  # fmt: skip
    assert done.returncode == 1, done.stderr
    text = done.stdout.decode()
    assert "01_relu.py: 정답입니다." in text
    assert all(letter.isprintable() or letter == "\n" for letter in text)
