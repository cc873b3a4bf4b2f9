"""The command line in Korean, and on terminals that lack letters."""

import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from badak.cli import main
from badak.cli.options import FIRST, OPTION_OF, option_names
from badak.cli.words import language_in, say, translated, width
from badak.language import use_language

COMMAND = [sys.executable, "-m", "badak"]
COMMANDS = ["train", "gradcheck", "predict", "check", "bench", "learn", "book"]
LAYER = """
import numpy as np

class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b
    def forward(self, x):
        self.x = x
        return x @ self.W + self.b
    def backward(self, dout):
        self.dW = dout.T @ self.x
        self.db = dout.sum(axis=0)
        return dout @ self.W.T
"""


def badak(*arguments, cwd, **environment):
    done = subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, cwd=cwd, timeout=120, check=False,
                          env={**os.environ, **environment})  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data, a run on them, images, a layer, a script and hand-ins."""
    folder, rng = tmp_path_factory.mktemp("all"), np.random.default_rng(0)
    t = rng.integers(3, size=120)
    x = (255 * np.eye(3).repeat(22, axis=1)[t][:, :64] * rng.random((120, 64))).astype(np.uint8)
    np.savez(folder / "small.npz", x_train=x[:100], t_train=t[:100], x_test=x[100:], t_test=t[100:])
    code, _, err = badak("train", "--data", "small.npz", "--epochs", 2, "--out", "run", cwd=folder)
    assert code == 0, err
    paper = np.full((40, 40), 240, np.uint8)
    paper[8:32, 18:22] = 20
    Image.fromarray(paper).save(folder / "one.png")
    paper[8:32, 28:32] = 20
    Image.fromarray(paper).save(folder / "two.png")
    (folder / "damaged.png").write_bytes(b"PNG")
    (folder / "layers.py").write_text(LAYER, encoding="utf-8")
    (folder / "script.py").write_text("print('바닥 − 끝')", encoding="utf-8")
    (folder / "handed").mkdir()
    (folder / "handed" / "이민준_relu.py").write_text("class Relu: ...\n", encoding="utf-8")
    return folder


EVERY = {
    "help": ["--help"],
    "help of train": ["train", "--help"],
    "train": ["train", "--data", "small.npz", "--epochs", "1"],
    "listing": ["train", "--data", "small.npz", "--listing"],
    "gradcheck": ["gradcheck", "--data", "small.npz", "--hidden", "3"],
    "predict": ["predict", "run", "one.png", "damaged.png", "two.png"],
    "check": ["check", "layers.py"],
    "check of a training": ["check", "--training", "run"],
    "learn": ["learn", "exercises", "--once"],
    "learn mark": ["learn", "mark", "handed"],
    "book": ["book", "script.py"],
    "a wrong option": ["train", "--net", "바닥"],
    "a wrong file": ["predict", "바닥", "one.png"],
}


@pytest.mark.parametrize("encoding", ["cp1252", "cp949", "ascii"])
@pytest.mark.parametrize("what", EVERY)
def test_no_terminal_ends_a_command(what, encoding, place):
    shutil.rmtree(place / "exercises", ignore_errors=True)
    words = ["--lang", "ko", *EVERY[what]] if what == "book" else [*EVERY[what], "--lang", "ko"]
    code, out, err = badak(*words, cwd=place, PYTHONIOENCODING=encoding)
    assert b"codec can't encode" not in out + err
    assert b"Traceback" not in err
    expected = {"predict": 2, "check": 1, "learn": 1, "a wrong option": 2, "a wrong file": 2}
    assert code == expected.get(what, code), err
    out.decode(encoding)
    if encoding == "cp949" and what not in ("listing", "book"):
        assert re.search("[가-힣]", (out + err).decode("cp949")), "cp949 has Hangul"


@pytest.mark.parametrize("what", EVERY)
def test_korean_is_korean_and_english_has_none(what, place, monkeypatch, capsys):
    if what in ("listing", "book"):
        pytest.skip("what they print is not badak's own words")
    monkeypatch.chdir(place)
    for language in ("ko", "en"):
        shutil.rmtree(place / "exercises", ignore_errors=True)
        monkeypatch.setattr(sys, "argv", ["badak", *EVERY[what], "--lang", language])
        with pytest.raises(SystemExit):
            main()
        told = "".join(capsys.readouterr())
        known = re.sub("바닥|이민준|한국어", "", told)
        assert bool(re.search("[가-힣]", known)) == (language == "ko"), told
        if language == "ko":
            # Names and code stay as they are; words of English sentences do not.
            assert not re.findall(r"\b(?:the|of|is|are|must|expected|Usage|Options|verdict|wrong)\b", known), known


def test_help_in_korean_fits_80_columns(tmp_path):
    for command in [None, *COMMANDS]:
        code, out, _ = badak("--lang", "ko", *filter(None, [command]), "--help", cwd=tmp_path, COLUMNS="80")
        assert code == 0
        if command != "learn":  # argparse counts letters, and leaves the rest to the terminal
            assert all(width(line) <= 80 for line in out.decode().splitlines()), command
        assert "\uffff" not in out.decode()


def test_the_locale_and_badak_lang_are_enough(place):
    for environment in ({"LANG": "ko_KR.UTF-8"}, {"BADAK_LANG": "KO"}):
        code, out, _ = badak("check", "layers.py", cwd=place, **{"LANGUAGE": "", "LC_ALL": "", **environment})
        assert code == 1
        assert "틀림" in out.decode()
    code, out, _ = badak("--help", cwd=place, LANG="ko_KR.UTF-8", PYTHONIOENCODING="ascii", LANGUAGE="", LC_ALL="")
    assert b"Commands:" in out, "a terminal without Hangul gets English, where nobody asked for Korean"


def test_rows_stand_under_their_heads_in_korean(place):
    _, out, _ = badak("--lang", "ko", "train", "--data", "small.npz", "--epochs", 1, "--out", "rows", cwd=place)
    lines = out.decode().splitlines()[:-1]
    assert len({width(line) for line in lines}) == 1
    assert lines[0].split() == ["반복", "에폭", "손실", "훈련", "시험"]
    assert lines[-1].split()[0] == "저장됨"


@pytest.mark.parametrize(("arguments", "language"), [
    ([], None), (["--lang", "ko", "train"], "ko"), (["train", "--lang=KO"], "KO"), (["train", "--lang"], None),
    (["book", "--chapter", "4", "a.py", "--lang", "ko"], None), (["book", "--lang", "ko", "a.py"], "ko"),
    (["predict", "run", "a.png", "--lang", "en"], "en"), (["check", "--", "--lang", "ko"], None),
])  # fmt: skip
def test_the_language_is_found_before_the_options_are_read(arguments, language):
    assert language_in(arguments) == language


def test_errors_are_translated_with_their_values():
    try:
        use_language("ko")
        assert translated("runs/a is no run folder: it holds no model.safetensors") == (
            "runs/a는 학습 결과 폴더가 아닙니다. model.safetensors 파일이 없습니다"
        )
        assert (
            translated("a.png is blank: all its pixels are alike")
            == "a.png는 빈 이미지입니다: 모든 픽셀의 값이 같습니다"
        )
        assert translated("nobody knows this sentence") == "nobody knows this sentence"
        assert say("expected a number, got {value}", value="'x'") == "수를 써야 하는데 'x'를 썼습니다"
    finally:
        use_language(None)
    assert translated("a is empty") == "a is empty"


def test_errors_name_the_option_that_was_typed():
    assert option_names("weight_init_std must be 0 or more") == "--init must be 0 or more"
    assert option_names("lr (the learning rate) must be above 0") == "--lr must be above 0"
    assert option_names("give epochs or iterations, not both") == "give --epochs or --iterations, not both"
    assert option_names("threads must be 1 or more") == "--threads must be 1 or more"
    assert option_names("the engine has threads") == "the engine has threads"
    from badak.cli.train import train

    typed = {name for parameter in train.params for name in parameter.opts}
    assert set(OPTION_OF.values()) | {f"--{name}" for name in FIRST} <= typed


def test_a_script_of_the_book_keeps_the_standard_words(tmp_path):
    (tmp_path / "s.py").write_text("import argparse, os\nprint(os.environ.get('LANGUAGE'))\n"
                                   "argparse.ArgumentParser().print_usage()\n")  # fmt: skip
    _, out, _ = badak("--lang", "ko", "book", "s.py", cwd=tmp_path, LANGUAGE="de")
    assert out.decode().splitlines() == ["de", "usage: s.py [-h]"]


def test_what_the_library_says_is_found_in_the_catalogue_of_errors(tmp_path):
    """Errors that a person at the command line meets, as they are raised; each must come back in Korean."""
    from badak import store
    from badak.data import load_data
    from badak.graph import load_network

    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04 and no more")
    (tmp_path / "a.txt").write_text("1")
    (tmp_path / "history.jsonl").write_text("[]")
    calls = [
        (load_data, "nowhere"), (load_data, tmp_path / "a.npz"), (load_data, tmp_path / "a.txt"), (load_data, tmp_path),
        (load_network, tmp_path), (load_network, tmp_path / "a.txt"), (store.read_history, tmp_path),
        (store.read_config, tmp_path), (store.refuse_other_run, tmp_path), (store.refuse_other_run, tmp_path / "a.txt"),
    ]  # fmt: skip
    for call, argument in calls:
        with pytest.raises((ValueError, OSError)) as raised:
            call(argument)
        try:
            use_language("ko")
            assert re.search("[가-힣]", translated(str(raised.value))), str(raised.value)
        finally:
            use_language(None)


def test_a_folder_without_images_is_named_in_korean():
    from badak.cli.words import translated
    from badak.language import use_language

    use_language("ko")
    try:
        said = translated("empty is a folder without images; expected PNG, JPEG, GIF, BMP, PPM or IDX files")
    finally:
        use_language(None)
    assert said.startswith("empty는 이미지가 없는 폴더입니다")
