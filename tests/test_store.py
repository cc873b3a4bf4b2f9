"""Files are whole or absent, and what is no run of ours is refused with the reason."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from safetensors.numpy import save

from badak import store


def test_column_major_arrays_survive(tmp_path):
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    store.save_model(tmp_path / "m", {"W": array}, {})
    assert_array_equal(store.load_model(tmp_path / "m")[0]["W"], array)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "file"
    store.write_atomically(path, b"old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device: .*file"):
        store.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_really_full_disk(tmp_path, monkeypatch):
    real = os.fdopen
    monkeypatch.setattr(
        os, "fdopen", lambda handle, mode: (os.close(handle), real(os.open("/dev/full", os.O_WRONLY), mode))[1]
    )
    with pytest.raises(OSError, match="No space left"):
        store.write_atomically(tmp_path / "file", b"new")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_files_can_be_read_by_others_as_the_umask_says(tmp_path):
    store.write_atomically(tmp_path / "file", b"")
    assert (tmp_path / "file").stat().st_mode & 0o044 == 0o044 & ~_umask()


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def whole(tmp_path):
    store.save_model(tmp_path / "m", {"W1": np.ones(3)}, {"class": "Network"})
    return (tmp_path / "m").read_bytes()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: b"", "no safetensors file, or a damaged one"),
        (lambda p: b"hello world, this is text", "damaged"),
        (lambda p: whole(p)[:-5], "damaged"),
        (lambda p: whole(p) + b"x", "damaged"),
        (lambda p: save({"W": np.ones(2)}), "written by another program"),
        (lambda p: save({"W": np.ones(2)}, {"format": "pt"}), "written by another program"),
        (lambda p: save({"W": np.ones(2)}, {"badak": "{"}), "description of the network is damaged"),
        (lambda p: save({"W": np.ones(2)}, {"badak": "[1]"}), "another format"),
        (lambda p: save({"W": np.ones(2)}, {"badak": json.dumps({"format": 99})}), "another format"),
    ],
)
def test_a_file_that_is_no_model_of_ours(tmp_path, make, words):
    path = tmp_path / "model.safetensors"
    path.write_bytes(make(tmp_path))
    with pytest.raises(ValueError, match=words):
        store.load_model(path)


def test_places_that_hold_no_run(tmp_path):
    for read in (store.load_model, store.read_history, store.read_config):
        with pytest.raises(FileNotFoundError, match="no run folder"):
            read(tmp_path)
    with pytest.raises(FileNotFoundError, match="no run folder or model file"):
        store.load_model(tmp_path / "none")


def test_damaged_history_and_config_name_the_place(tmp_path):
    (tmp_path / store.HISTORY).write_text('{"iteration": 0}\n{"itera')
    with pytest.raises(ValueError, match="line 2, is no JSON object"):
        store.read_history(tmp_path)
    (tmp_path / store.CONFIG).write_text("a = ")
    with pytest.raises(ValueError, match="damaged"):
        store.read_config(tmp_path)


def test_new_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first = store.new_folder(store.fresh_folder())
    assert first.parent == Path("runs")
    assert store.fresh_folder() != first
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="is a file"):
        store.new_folder("file")
    assert store.new_folder("deep/er").is_dir()
    assert store.new_folder("deep/er").is_dir(), "an empty folder is free"


def test_history_grows_by_whole_lines(tmp_path, monkeypatch):
    for number in range(3):
        store.append_history(tmp_path, {"iteration": number})
    assert [r["iteration"] for r in store.read_history(tmp_path)] == [0, 1, 2]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's limits on the size of files")
def test_history_on_a_full_disk_keeps_its_whole_lines(tmp_path):
    code = (
        "import resource, signal, sys, pathlib; from badak import store\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (30, 30))\n"
        "for n in range(3): store.append_history(pathlib.Path(sys.argv[1]), {'iteration': n})"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert "OSError" in done.stderr
    assert [r["iteration"] for r in store.read_history(tmp_path)] == [0]


def test_history_of_odd_numbers(tmp_path):
    store.write_history(tmp_path, [{"loss": float("inf"), "layers": {"a": {"b": float("nan")}}}])
    assert store.read_history(tmp_path) == [{"loss": None, "layers": {"a": {"b": None}}}]


def test_a_picture_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    from badak.drawing import draw_curves

    records = [{"epoch": 1, "loss": 0.5, "train_accuracy": 0.5, "test_accuracy": None}]
    draw_curves(records, tmp_path / "curves.png")
    draw_curves(records, tmp_path / "curves.svg")
    old = (tmp_path / "curves.png").read_bytes()
    assert old.startswith(b"\x89PNG")
    assert b"<svg" in (tmp_path / "curves.svg").read_bytes()
    real = Figure.savefig

    def broken(self, target, **how):
        real(self, target, **how)
        target.truncate(100)
        raise OSError("ended in the middle")

    monkeypatch.setattr(Figure, "savefig", broken)
    with pytest.raises(OSError, match="ended in the middle"):
        draw_curves(records, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes() == old
    assert sorted(p.name for p in tmp_path.iterdir()) == ["curves.png", "curves.svg"]


def test_what_a_killed_run_left_does_not_refuse_the_next(tmp_path):
    store.write_config(tmp_path, {"epochs": 3})
    old, new = tmp_path / ".model.safetensors.abcd", tmp_path / ".history.jsonl.efgh"
    for path in (old, new, tmp_path / ".notes"):
        path.write_bytes(b"half")
    os.utime(old, (0, 0))
    os.utime(tmp_path / ".notes", (0, 0))
    assert store.new_folder(tmp_path) == tmp_path
    # What is new may be another run's that is just being written; what is not ours stays.
    assert sorted(p.name for p in tmp_path.iterdir()) == [".history.jsonl.efgh", ".notes", "config.toml"]
    store.append_history(tmp_path, {"iteration": 0})
    with pytest.raises(FileExistsError, match=r"another run already \(history.jsonl\)"):
        store.new_folder(tmp_path)


@pytest.mark.skipif(os.name != "posix", reason="links need a right on Windows")
def test_nothing_is_written_through_a_link_that_took_the_folders_place(tmp_path):
    folder, other = tmp_path / "run", tmp_path / "other"
    other.mkdir()
    assert store.new_folder(folder) == folder
    store.append_history(folder, {"iteration": 0})
    folder.rename(tmp_path / "away")
    os.symlink(other, folder)
    for write in (
        lambda: store.write_config(folder, {}),
        lambda: store.append_history(folder, {"iteration": 1}),
        lambda: store.write_history(folder, []),
        lambda: store.save_model(folder / store.MODEL, {"W": np.ones(2)}, {}),
    ):
        with pytest.raises(OSError, match="it was replaced; nothing is written there"):
            write()
    assert not list(other.iterdir())
    (tmp_path / "linked").symlink_to(tmp_path / "away")  # a link from the beginning is the user's wish
    (tmp_path / "away" / store.HISTORY).unlink()
    store.append_history(store.new_folder(tmp_path / "linked"), {"iteration": 0})
    assert (tmp_path / "away" / store.HISTORY).exists()


@pytest.mark.skipif(os.name != "posix", reason="links need a right on Windows")
def test_a_history_that_became_a_link_is_not_written_through(tmp_path):
    (tmp_path / "precious").write_text("mine")
    os.symlink(tmp_path / "precious", tmp_path / store.HISTORY)
    with pytest.raises(OSError, match=store.HISTORY):
        store.append_history(tmp_path, {"iteration": 0})
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="folders are synced on POSIX")
def test_the_folder_is_synced_after_the_rename(tmp_path, monkeypatch):
    done = []
    replace, fsync = os.replace, os.fsync
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("replace"), replace(a, b)))
    monkeypatch.setattr(
        os, "fsync", lambda h: (done.append("folder" if os.path.isdir(f"/proc/self/fd/{h}") else "file"), fsync(h))
    )
    store.write_atomically(tmp_path / "file", b"x")
    assert done[1] == "replace"
    if Path("/proc/self/fd").exists():
        assert done == ["file", "replace", "folder"]
