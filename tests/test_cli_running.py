# ruff: noqa: F811 (fixtures are asked for by the names under which they were imported)
"""The command line at work: names as they are typed, runs that start and stop, and images to predict."""

import os
import re
import signal
import subprocess
import time
from functools import partial

import numpy as np
import pytest
from PIL import Image

from badak import load_mnist, store
from badak.graph import load_network
from test_cli import COMMAND, badak, run, small  # noqa: F401


def test_the_version(tmp_path):
    import badak as library

    done = badak("--version", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"badak {library.__version__}\n", "")
    assert badak("-h", cwd=tmp_path).stdout == badak("--help", cwd=tmp_path).stdout


def test_names_are_understood_as_they_are_written(small, tmp_path):
    done = badak("train", "--data", small, "--epochs", 1, "--activation", "Leaky_ReLU", "--init", "He", "--optimizer",
                 "AdamW", "--lang", "EN", "--net", "MLP", "--batch-size", 50, "--out", "run", cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    config = store.read_config(tmp_path / "run")
    assert (config["net"], config["activation"], config["optimizer"], config["init"]) == (
        "mlp", "leakyrelu", "adamw", "He")  # fmt: skip


@pytest.mark.parametrize("option", ["activation", "optimizer", "schedule"])
def test_the_library_knows_no_other_names(option):
    """What --help lists is what the library would list."""
    from badak import MultiLayerNet, fit
    from badak.cli.train import ACTIVATIONS, OPTIMIZERS, SCHEDULES

    x, t = np.zeros((4, 3)), np.zeros(4, np.int64)
    network = MultiLayerNet(3, [2], 2)
    make = partial(MultiLayerNet, 3, [2], 2, "none") if option == "activation" else (
        partial(fit, network, x, t, batch_size=2, **{option: "none"}))  # fmt: skip
    with pytest.raises(ValueError, match="must be one of") as told:
        make()
    listed = re.search(r"must be one of (.*?), (?:not|or a)", str(told.value)).group(1).split(", ")
    assert set(listed) == set({"activation": ACTIVATIONS, "optimizer": OPTIMIZERS, "schedule": SCHEDULES}[option])


def test_two_that_start_in_the_same_second_get_two_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda _: "2026-01-01-000000")
    made = [store.fresh_folder() for _ in range(3)]
    assert [path.name for path in made] == ["2026-01-01-000000", "2026-01-01-000000-2", "2026-01-01-000000-3"]
    assert all(path.is_dir() for path in made)


def test_two_trainings_at_once(small, tmp_path):
    command = [*COMMAND, "train", "--data", str(small), "--iterations", "50", "--batch-size", "10"]
    running = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
               for _ in range(4)]  # fmt: skip
    told = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0] * 4, told
    folders = {out.splitlines()[-1] for out, _ in told}
    assert len(folders) == 4
    assert all((tmp_path / folder / store.CURVES).exists() for folder in folders)


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_every_way_to_stop_saves_and_draws(name, small, tmp_path):
    number = getattr(signal, name)
    process = subprocess.Popen(
        [*COMMAND, "train", "--data", str(small), "--iterations", "100000000", "--batch-size", "10", "--out", "run"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    for _ in range(3):
        process.stdout.readline()
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "stopped; everything up to here is saved" in err
    assert out.splitlines()[-1] == "run"
    load_network(tmp_path / "run")
    with Image.open(tmp_path / "run" / store.CURVES) as picture:
        picture.load()


def test_predict_goes_on_after_a_bad_image_and_opens_folders(run, tmp_path):
    folder, _ = run
    _, (x, _) = load_mnist(normalize=False)
    (tmp_path / "images" / "inside").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    for index in range(3):
        Image.fromarray(x[index].reshape(28, 28)).save(tmp_path / "images" / f"{index}.png")
    (tmp_path / "images" / "1.png").write_bytes(b"no image")
    (tmp_path / "images" / "notes.txt").write_text("not an image, and not named as one")
    done = badak("predict", folder, "gone.png", "images", "empty", "images/2.png", cwd=tmp_path)
    assert done.returncode == 2
    shown = [line.split(":")[0] for line in done.stdout.splitlines()]
    assert shown == ["images/0.png", "images/2.png", "images/2.png"]
    said = done.stderr.splitlines()
    assert len(said) == 3
    assert "gone.png" in said[0]
    assert "images/1.png is no image" in said[1]
    assert "empty is a folder without images" in said[2]
    assert badak("predict", folder, "images/0.png", cwd=tmp_path).returncode == 0


def test_predict_doubts_two_digits_and_shadows(run, tmp_path):
    folder, _ = run
    _, (x, _) = load_mnist(normalize=False)
    one = np.kron(np.pad(x[0].reshape(28, 28), 6), np.ones((4, 4)))
    Image.fromarray((255 - one).astype(np.uint8)).save(tmp_path / "one.png")
    pair = np.pad(np.hstack([x[0].reshape(28, 28)[:, 3:25]] * 2), 6)
    Image.fromarray((255 - np.kron(pair, np.ones((4, 4)))).astype(np.uint8)).save(tmp_path / "two.png")
    paper = 255 - 100 * np.linspace(0, 1, one.shape[1]) ** 2
    Image.fromarray((paper * (1 - one / 255)).astype(np.uint8)).save(tmp_path / "shadow.png")
    done = badak("predict", folder, "one.png", "two.png", "shadow.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    ends = [line.partition("%)")[2].strip() for line in done.stdout.splitlines()]
    assert ends == ["", "[two digits?]", "[a shadow?]"]


def test_predict_says_that_a_net_has_seen_no_images(small, tmp_path):
    done = badak("train", "--data", small, "--epochs", 1, "--batch-size", 50, "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save(tmp_path / "a.png")
    done = badak("predict", "run", "a.png", cwd=tmp_path)
    assert done.returncode == 2
    assert "run was trained on samples of 6 values, not on grey images" in done.stderr


def test_evaluate_on_reaches_fit(small, tmp_path):
    import inspect

    from badak import fit

    if "evaluate_on" not in inspect.signature(fit).parameters:
        pytest.skip("this fit evaluates on all samples")
    done = badak("train", "--data", small, "--epochs", 1, "--batch-size", 50, "--evaluate-on", 20, "--out", "run",
                 cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert badak("train", "--data", small, "--evaluate-on", 0, cwd=tmp_path).returncode == 2
