"""The command line: what it prints and keeps, and how it refuses, as a user meets it."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from badak import load_mnist, store
from badak.graph import load_network

COMMAND = [sys.executable, "-m", "badak"]


def badak(*arguments, cwd, timeout=120, **environment):
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=timeout,
        env={**os.environ, **environment},
        check=False,
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small .npz of three well separated kinds of 6-pixel samples."""
    path, rng = tmp_path_factory.mktemp("data") / "small.npz", np.random.default_rng(0)
    t = rng.integers(3, size=260)
    x = (np.eye(3).repeat(2, axis=1)[t] + 0.1 * rng.standard_normal((260, 6))).astype(np.float32)
    np.savez(path, x_train=x[:200], t_train=t[:200], x_test=x[200:], t_test=t[200:])
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run on MNIST."""
    folder = tmp_path_factory.mktemp("mnist")
    done = badak("train", "--iterations", 601, "--seed", 7, "--out", "run", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder / "run", done


def test_train_prints_rows_and_keeps_a_run(run):
    folder, done = run
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["iteration", "epoch", "loss", "train", "test"]
    assert [line.split()[0] for line in lines[1:]] == ["0", "600", "saved", "run"]
    assert lines[-1] == "run"
    assert sorted(p.name for p in folder.iterdir()) == [
        "config.toml", "curves.png", "history.jsonl", "model.safetensors"]  # fmt: skip
    test = float(lines[-2].split()[2])
    assert test > 0.88
    network = load_network(folder)
    _, (x, t) = load_mnist()
    assert network.accuracy(x, t) == pytest.approx(test, abs=1e-4)
    assert network.dtype == np.float32
    config = store.read_config(folder)
    assert (config["data"], config["hidden"], config["iterations"], config["seed"]) == ("mnist", [50], 601, 7)
    with Image.open(folder / store.CURVES) as picture:
        assert picture.size == (960, 408)
        assert len(picture.convert("RGB").getcolors(10**6)) > 100


def test_output_in_a_pipe_has_no_control_characters(run):
    _, done = run
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", done.stdout + done.stderr)
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert done.stderr == "" or done.stderr.startswith("badak:")


def test_the_same_seed_gives_the_same_file(run, tmp_path):
    folder, _ = run
    assert badak("train", "--iterations", 601, "--seed", 7, "--out", "again", cwd=tmp_path).returncode == 0
    assert (tmp_path / "again" / store.MODEL).read_bytes() == (folder / store.MODEL).read_bytes()


def test_predict_reads_digits(run, tmp_path):
    folder, _ = run
    _, (x, t) = load_mnist(normalize=False)
    network = load_network(folder)
    right = np.flatnonzero(network.predict(x[:50] / np.float32(255)).argmax(axis=1) == t[:50])[:3]
    names = []
    for index in right:
        names.append(f"{index}.png")
        Image.fromarray(x[index].reshape(28, 28)).save(tmp_path / names[-1])
    done = badak("predict", folder, *names, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for line, name, index in zip(done.stdout.splitlines(), names, right, strict=True):
        assert re.fullmatch(rf"{name}: {t[index]} \(\d+\.\d %\)", line)


def test_gradcheck_is_right(tmp_path):
    done = badak("gradcheck", "--hidden", 5, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = [line for line in done.stdout.splitlines() if re.search(r"[Wb][12] ", line)]
    assert len(rows) == 4
    for row in rows:
        assert "agrees" in row
        assert float(re.search(r"\d\.\de-\d+", row).group()) < 1e-9
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


@pytest.mark.parametrize(("factor", "code", "words"), [(2, 1, "W1: at ["), (np.nan, 1, "which no gradient is")])
def test_gradcheck_says_what_differs(factor, code, words, monkeypatch, capsys):
    from badak import cli, networks

    right = networks.Network.gradient
    monkeypatch.setattr(networks.Network, "gradient", lambda *given: {k: factor * g for k, g in right(*given).items()})
    monkeypatch.setattr(sys, "argv", ["badak", "gradcheck", "--hidden", "2", "--data", "digits", "--samples", "5000"])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == code
    assert words in capsys.readouterr().out


def test_gradcheck_says_it_in_korean(monkeypatch, capsys):
    from badak import cli, networks

    right = networks.Network.gradient
    monkeypatch.setattr(networks.Network, "gradient", lambda *given: {k: 2 * g for k, g in right(*given).items()})
    monkeypatch.setattr(sys, "argv", ["badak", "gradcheck", "--hidden", "2", "--data", "digits", "--lang", "ko"])
    with pytest.raises(SystemExit):
        cli.main()
    said = [line for line in capsys.readouterr().out.splitlines() if re.match(r"[Wb]\d:", line)]
    assert len(said) == 4
    for line in said:
        assert re.fullmatch(r"\w\d: \[.*\]에서 backward가 낸 값은 .*, 수치 미분으로 구한 값은 .*입니다", line)


def test_epochs_hidden_layers_and_other_data(small, tmp_path):
    done = badak("train", "--data", small, "--epochs", 30, "--hidden", "8,7", "--batch-size", 16,
                 "--activation", "sigmoid", "--dtype", "float64", "--lr", 2, cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = tmp_path / done.stdout.splitlines()[-1]
    assert folder.parent == tmp_path / "runs"
    assert [r["epoch"] for r in store.read_history(folder)][:3] == pytest.approx([0, 1, 2], abs=0.1)
    network = load_network(folder)
    assert list(network.layers) == ["Affine1", "Sigmoid1", "Affine2", "Sigmoid2", "Affine3"]
    assert network.dtype == np.float64
    assert float(done.stdout.splitlines()[-2].split()[2]) > 0.9


def test_the_options_of_chapter_6(small, tmp_path):
    done = badak("train", "--data", small, "--epochs", 8, "--hidden", "8,7", "--batch-size", 16, "--batch-norm",
                 "--dropout", 0.1, "--activation", "tanh", "--optimizer", "adamw", "--lr", 0.01, "--clip-norm", 5,
                 "--schedule", "warmup-cosine", "--weight-decay", 0.1, "--init", "xavier", "--out", "run",
                 cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-2].split()[2]) > 0.9
    config = store.read_config(tmp_path / "run")
    assert (config["optimizer"], config["weight_decay"], config["init"]) == ("adamw", 0.1, "xavier")
    layers = list(load_network(tmp_path / "run").layers)
    assert layers[:5] == ["Affine1", "BatchNormalization1", "Tanh1", "Dropout1", "Affine2"]


@pytest.mark.parametrize("net", ["simple-conv", "deep-conv"])
def test_convolutional_networks_train_and_predict(net, tmp_path):
    (x, t), (x_test, t_test) = load_mnist(normalize=False, flatten=False)
    np.savez(tmp_path / "few.npz", x_train=x[:300], t_train=t[:300], x_test=x_test[:100], t_test=t_test[:100])
    Image.fromarray(x_test[0, 0]).save(tmp_path / "seven.png")
    done = badak("train", "--net", net, "--data", "few.npz", "--epochs", 2, "--batch-size", 50, "--optimizer", "adam",
                 "--hidden", 20, "--out", "run", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert net == "deep-conv" or float(done.stdout.splitlines()[-2].split()[1]) > 0.3
    done = badak("predict", "run", "seven.png", cwd=tmp_path)
    assert re.fullmatch(r"seven.png: \d \(\d+\.\d %\)\n", done.stdout), done.stderr


def test_digits(tmp_path):
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    done = badak("train", "--data", "digits", "--epochs", 5, "--lr", 0.5, "--out", "d", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout.splitlines()[-2].split()[2]) > 0.7


def test_korean_curves_have_no_boxes(small, tmp_path):
    for lang, environment in (("ko", {}), (None, {"LANG": "ko_KR.UTF-8"}), ("en", {})):
        option = ["--lang", lang] if lang else []
        done = badak("train", "--data", small, "--epochs", 1, "--batch-size", 50, "--out", f"{lang}", *option,
                     cwd=tmp_path, PYTHONWARNINGS="error::UserWarning", **environment)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "Glyph" not in done.stderr
    korean, english = ((tmp_path / name / store.CURVES).read_bytes() for name in ("ko", "en"))
    assert korean != english
    pixels = [np.asarray(Image.open(tmp_path / name / store.CURVES)) for name in ("ko", "None")]
    assert pixels[0].shape == pixels[1].shape


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
def test_ctrl_c_ends_tidily(small, tmp_path):
    process = subprocess.Popen(
        [*COMMAND, "train", "--data", str(small), "--iterations", "100000000", "--batch-size", "10", "--out", "run"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert process.stdout is not None
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped; everything up to here is saved" in err
    assert "Traceback" not in err
    assert out.splitlines()[-1] == "run"
    assert sorted(p.name for p in (tmp_path / "run").iterdir()) == [
        "config.toml", "curves.png", "history.jsonl", "model.safetensors"]  # fmt: skip
    load_network(tmp_path / "run")


@pytest.mark.skipif(os.name != "posix", reason="pseudo-terminals are POSIX's")
def test_progress_on_a_terminal(small, tmp_path):
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "train", "--data", str(small), "--iterations", "3000", "--batch-size", "10", "--out", "run"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=slave,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"})  # fmt: skip
    os.close(slave)
    out = process.communicate(timeout=60)[0].decode()
    shown = b""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            piece = os.read(master, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    assert b"3000" in shown, "the bar counts on standard error"
    assert "\x1b" not in out, "rows go to standard output, without control characters"
    assert out.splitlines()[-1] == "run"


def idx(path, images, labels):
    from badak.data import write_idx

    path.mkdir()
    for part in ("train", "t10k"):
        write_idx(path / f"{part}-images-idx3-ubyte", images)
        write_idx(path / f"{part}-labels-idx1-ubyte", labels)
    return path


def bad_npz(name, **changes):
    def make(folder):
        good = {"x_train": np.zeros((4, 6), np.float32), "t_train": np.array([0, 1, 2, 0])}
        arrays = {**good, "x_test": good["x_train"], "t_test": good["t_train"], **changes}
        np.savez(folder / f"{name}.npz", **{k: v for k, v in arrays.items() if v is not None})
        return f"{name}.npz"

    return make


def file(name, content):
    def make(folder):
        (folder / name).write_bytes(content)
        return name

    return make


# What is wrong: the arguments (a function makes a file and gives its name), and words that the answer must have.
BAD = {
    "lr 0": (["train", "--lr", "0"], "--lr must be above 0 and finite, not 0"),
    "lr NaN": (["train", "--lr", "nan"], "--lr must be"),
    "lr negative": (["train", "--lr", "-1"], "--lr must be"),
    "lr infinite": (["train", "--lr", "inf"], "--lr must be"),
    "lr text": (["train", "--lr", "fast"], "'--lr': expected a number, got 'fast'"),
    "batch above data": (["train", "--batch-size", "60001"], "--batch-size 60001 is larger than the data, 60000"),
    "batch 0": (["train", "--batch-size", "0"], "--batch-size must be 1 or more"),
    "batch text": (["train", "--batch-size", "many"], "expected an integer, got 'many'"),
    "iterations 0": (["train", "--iterations", "0"], "--iterations must be 1 or more"),
    "epochs 0": (["train", "--epochs", "0"], "--epochs must be 1 or more"),
    "both": (["train", "--epochs", "1", "--iterations", "1"], "give --epochs or --iterations, not both"),
    "hidden 0": (["train", "--hidden", "0"], "--hidden takes sizes of 1 or more"),
    "hidden text": (["train", "--hidden", "wide"], "--hidden takes sizes"),
    "hidden empty": (["train", "--hidden", ""], "--hidden takes sizes"),
    "hidden gap": (["train", "--hidden", "5,,5"], "--hidden takes sizes"),
    "activation": (["train", "--activation", "tan"], "'--activation': expected one of relu, sigmoid"),
    "net": (["train", "--net", "rnn"], "'--net': expected one of mlp, simple-conv, deep-conv; got 'rnn'"),
    "conv without images": (["train", "--net", "deep-conv", "--data", bad_npz("i")], "needs images; the samples of"),
    "conv with tanh": (["train", "--net", "simple-conv", "--activation", "tanh"], "--activation cannot be combined"),
    "conv with dropout": (["train", "--net", "simple-conv", "--dropout", "0.5"], "--dropout cannot be combined with"),
    "conv with batch norm": (["train", "--net", "deep-conv", "--batch-norm"], "--batch-norm cannot be combined with"),
    "conv with sizes": (["train", "--net", "deep-conv", "--hidden", "5,5"], "one hidden size, not 2"),
    "optimizer": (["train", "--optimizer", "adamax"], "'--optimizer': expected one of sgd, momentum"),
    "schedule": (["train", "--schedule", "linear"], "'--schedule': expected one of step, cosine"),
    "decay": (["train", "--weight-decay", "-1"], "--weight-decay must be 0 or more and finite, not -1"),
    "clip": (["train", "--clip-norm", "0"], "--clip-norm must be above 0 and finite, not 0"),
    "dropout": (["train", "--dropout", "1"], "--dropout must be from 0 to below 1, not 1"),
    "init": (["train", "--init", "ones"], "--init must be a number or one of"),
    "dtype": (["train", "--dtype", "float16"], "'--dtype': expected one of float32, float64; got 'float16'"),
    "seed": (["train", "--seed", "-1"], "--seed must be 0 or more"),
    "lang": (["train", "--lang", "fr"], "--lang must be one of en, ko, not 'fr'"),
    "no such data": (["train", "--data", "nowhere"], "there are no data 'nowhere'; expected mnist, digits"),
    "option": (["train", "--learning-rate", "1"], "No such option"),
    "option, misspelled": (["check", "--jsn", "a.py"], "No such option"),
    "option without its value": (["train", "--seed"], "'--seed' requires an argument"),
    "flag with a value": (["train", "--listing=1"], "'--listing' does not take a value"),
    "argument too many": (["train", "now"], "unexpected extra argument"),
    "seed with a point": (["train", "--seed", "1.5"], "'--seed': expected an integer, got '1.5'"),
    "iterations empty": (["train", "--iterations", ""], "'--iterations': expected an integer, got ''"),
    "dropout text": (["train", "--dropout", "half"], "'--dropout': expected a number, got 'half'"),
    "command": (["trane"], "No such command"),
    "text as npz": (["train", "--data", file("a.npz", b"hello")], "a.npz"),
    "other file": (["train", "--data", file("a.csv", b"1,2")], "no .npz"),
    "npz without labels": (["train", "--data", bad_npz("b", t_train=None)], "t_train"),
    "npz with fewer labels": (["train", "--data", bad_npz("c", t_train=np.array([0]))], "4 rows, t_train has 1"),
    "npz with NaN": (["train", "--data", bad_npz("d", x_train=np.full((4, 6), np.nan, "f"))], "x_train[0, 0] is nan"),
    "npz with negative labels": (["train", "--data", bad_npz("e", t_train=np.array([0, -1, 0, 0]))], "-1"),
    "npz with other columns": (["train", "--data", bad_npz("f", x_test=np.zeros((4, 5), np.float32))], "shape"),
    "npz with text": (["train", "--data", bad_npz("g", x_train=np.full((4, 6), "a"))], "x_train"),
    "predict: no run": (["predict", "nowhere", "a.png"], "no run folder or model file nowhere"),
    "predict: empty folder": (["predict", ".", "a.png"], "is no run folder"),
    "predict: no image": (["predict"], "Missing argument"),
    "predict: no model": (["predict", file("m.safetensors", b"12"), "a.png"], "damaged"),
    "gradcheck: samples": (["gradcheck", "--samples", "0"], "--samples must be 1 or more"),
    "gradcheck: hidden": (["gradcheck", "--hidden", "0"], "--hidden must be 1 or more"),
    "gradcheck: data": (["gradcheck", "--data", "x"], "there are no data"),
    "check: no files": (["check"], "badak check takes files, or --training and a run folder"),
    "check: memory": (["check", "--memory-limit", "1.5", "a.py"], "expected an integer, got '1.5'"),
    "check: time": (["check", "--time-limit", "long", "a.py"], "expected a number, got 'long'"),
    "check: two names": (["check", "--only", "ties", "--only", "tie", "a.py"], "no check named 'tie'"),
    "book: no script": (["book"], "Missing argument 'SCRIPT'"),
    "book: chapter": (["book", "--chapter", "four", "a.py"], "expected an integer, got 'four'"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_says_why_and_leaves_nothing(case, tmp_path, monkeypatch, capsys):
    from badak import cli

    arguments, words = BAD[case]
    monkeypatch.chdir(tmp_path)
    arguments = [a(tmp_path) if callable(a) else a for a in arguments]
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setattr(sys, "argv", ["badak", *arguments])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    told = capsys.readouterr()
    assert stopped.value.code == 2
    assert words in told.err
    assert "Traceback" not in told.err
    assert told.out == ""
    assert sorted(tmp_path.rglob("*")) == before, "nothing is left behind"


def test_bad_input_in_a_process_of_its_own(tmp_path):
    done = badak("train", "--lr", "nan", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "badak: --lr must be above 0 and finite, not nan\n"
    assert not list(tmp_path.iterdir())


def test_a_folder_with_another_run_is_refused(run, tmp_path):
    folder, _ = run
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    done = badak("train", "--out", folder, cwd=tmp_path)
    assert done.returncode == 2
    assert "holds another run already" in done.stderr
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written(tmp_path, small):
    (tmp_path / "closed").mkdir(mode=0o500)
    done = badak("train", "--data", small, "--batch-size", 10, "--out", "closed/run", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "badak: Permission denied: closed/run\n")


COMMANDS = ["train", "gradcheck", "predict", "check", "bench", "learn", "book"]


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_is_plain_and_fits_80_columns(command, tmp_path):
    done = badak(*filter(None, [command]), "--help", cwd=tmp_path, COLUMNS="80")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f│]", done.stdout)


def answer(*arguments, monkeypatch, capsys):
    """Run the command line here; give its exit code and what it printed."""
    from badak import cli

    monkeypatch.setattr(sys, "argv", ["badak", *arguments])
    code = 0
    try:
        cli.main()
    except SystemExit as left:
        code = left.code
    return code, *capsys.readouterr()


def test_help_names_every_command_in_order_and_shows_defaults(monkeypatch, capsys):
    told = answer("--help", monkeypatch=monkeypatch, capsys=capsys)[1]
    assert re.findall(r"^  ([a-z]+)  ", told.partition("Commands:")[2], re.M) == COMMANDS
    assert "completion" not in told
    assert "".join(answer(monkeypatch=monkeypatch, capsys=capsys)[1:]) == told, "without arguments it is shown too"
    told = " ".join(answer("train", "--help", monkeypatch=monkeypatch, capsys=capsys)[1].split())
    for words in (
        "--batch-size N Samples in a batch (default: 100",
        "--seed N Random seed: the same seed gives the same weights. [default: 0]",
        "x_test, t_test. [default: mnist]",
        "--lr NUMBER Learning rate",
        "--batch-norm Batch normalization (mlp only). --optimizer",
    ):
        assert words in told
    told = " ".join(answer("check", "--help", monkeypatch=monkeypatch, capsys=capsys)[1].split())
    for words in (
        "FILES... FILE.py, FILE.py:ClassName, FILE.ipynb or a FOLDER.",
        "may be given again. --time-limit",
        "[default: 20.0]",
    ):
        assert words in told


def test_ctrl_c_is_exit_code_130(tmp_path):
    (tmp_path / "s.py").write_text("raise KeyboardInterrupt")
    done = badak("book", "s.py", cwd=tmp_path)
    assert (done.returncode, done.stderr.strip(), done.stdout) == (130, "badak: stopped", "")


@pytest.mark.skipif(os.name != "posix", reason="closes a POSIX pipe")
def test_a_closed_pipe_is_no_traceback(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*COMMAND, "check", "none.py"], cwd=tmp_path, stdout=writer, stderr=subprocess.PIPE,
                          text=True, check=False)  # fmt: skip
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["mark", "hand-ins", "--csv", "-h", "--odd=3", "-xy", ""]])
def test_learn_gets_its_arguments_as_they_are(arguments, monkeypatch, capsys):
    from badak.learn import command

    got = []
    monkeypatch.setattr(command, "run", lambda *given: got.append(given) or 7)
    assert answer("learn", *arguments, monkeypatch=monkeypatch, capsys=capsys) == (7, "", "")
    assert [(list(given), program) for given, program in got] == [(arguments, "badak learn")]


@pytest.mark.parametrize(
    "own", [[], ["--its-own-option", "3"], ["a", "--help", "-h", "--chapter", "4", "--", "--x", ""]]
)
def test_what_follows_the_script_is_its_own(own, tmp_path, monkeypatch, capsys):
    script = tmp_path / "s.py"
    script.write_text("import sys; print(sys.argv[1:])")
    code, out, err = answer("book", "--chapter", "5", str(script), *own, monkeypatch=monkeypatch, capsys=capsys)
    assert (code, out, err) == (0, f"{own}\n", "")


def test_the_command_line_imports_little(tmp_path):
    code = (
        "import sys, badak; before = set(sys.modules); import badak.cli; sys.argv[1:] = ['train', '--net', 'none']\n"
        "try: badak.cli.main()\nexcept SystemExit: print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "expected one of mlp" in done.stderr
    others = {name.split(".")[0] for name in done.stdout.split()} - sys.stdlib_module_names
    assert "click" in others
    assert not others & {"rich", "pydantic", "matplotlib", "llvmlite", "scipy", "sklearn"}, "imported where it is used"


def test_records_on_disk_are_json_a_line(run):
    folder, _ = run
    lines = (Path(folder) / store.HISTORY).read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in lines] == [0, 600]


def test_a_listing_is_of_the_engine_and_the_threads_asked_for(small, tmp_path):
    asked = ("train", "--data", small, "--listing")
    alone = badak(*asked, "--threads", 1, cwd=tmp_path)
    assert alone.returncode == 0, alone.stderr
    assert "BARRIER" not in alone.stdout
    wide = ("--hidden", 256, "--batch-size", 200)  # enough of it to be shared
    assert "BARRIER" in badak(*asked, *wide, "--threads", 2, cwd=tmp_path).stdout
    assert "BARRIER" not in badak(*asked, *wide, "--threads", 1, cwd=tmp_path).stdout
    told = badak(*asked, "--optimizer", "adam", "--clip-norm", 1, cwd=tmp_path).stdout
    assert all(word in told for word in ("STEP_ADAM", "CLIP"))
    for engine, words in (
        ("numpy", "with --engine numpy the layers do it"),
        ("gpu", "expected one of auto, numpy"),
    ):
        refused = badak(*asked, "--engine", engine, cwd=tmp_path)
        assert refused.returncode == 2
        assert words in refused.stderr
    assert badak(*asked, "--threads", 0, cwd=tmp_path).stderr == "badak: --threads must be 1 or more, not 0\n"


def test_a_run_folder_without_a_name_is_refused(small, tmp_path):
    done = badak("train", "--data", small, "--out", "", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "badak: --out takes the name of a folder, not ''\n")
    assert not list(tmp_path.iterdir())
