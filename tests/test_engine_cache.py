"""What is compiled is what its name says, and what is loaded was written by nobody else and computes rightly."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import badak
from badak.engine import build, source, target, trial

unix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="this system has no owners of files to look at")


def wrong(monkeypatch, itemsize, module, old, new):
    """Compile a machine from the engine's text, changed at one place, and load it."""
    text = source.TEXTS[module].decode()
    assert text.count(old) == 1
    monkeypatch.setitem(source.TEXTS, module, text.replace(old, new).encode())
    return build.load(build.compile_machine(itemsize, target.choose()), target.choose())


# -- a trial before use -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("itemsize", "module", "old", "new", "says"),
    [
        (4, "kernels", "code.store(b.fadd(b.load(sums[c]), b.load(others[c])),",
         "code.store(b.fsub(b.load(sums[c]), b.load(others[c])),", "scores of 3 rows, float32"),
        (8, "machine", "            if rows > done:\n                one2",
         "            if rows > done + 1:\n                one2", "gradients of 15 rows, float64"),
    ],
)  # fmt: skip
def test_a_machine_that_computes_something_else_is_found(monkeypatch, itemsize, module, old, new, says):
    lanes = target.choose().lanes(itemsize)
    assert trial.fault(build.machine(itemsize), itemsize, lanes) is None
    assert trial.fault(wrong(monkeypatch, itemsize, module, old, new), itemsize, lanes) == says


@pytest.fixture
def found(monkeypatch, tmp_path):
    """Compile in no time, tell what is compiled and tried, and let the trial say what `faults` holds, one after one."""
    compiled, faults = [], []

    def nothing(frame, me):
        return 0

    def compile_it(itemsize, chosen):
        from llvmlite import ir

        compiled.append(itemsize)
        return build.compile_function(nothing, ir.DoubleType(), chosen)

    monkeypatch.setattr(build, "compile_machine", compile_it)
    monkeypatch.setattr(build.trial, "fault", lambda *_: faults.pop(0))
    monkeypatch.setattr(build, "_failed", None)
    monkeypatch.setenv("BADAK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "_loaded", {})
    return compiled, faults


def again(monkeypatch):
    monkeypatch.setattr(build, "_loaded", {})
    return build.machine(4)


def test_a_wrong_machine_in_the_cache_is_compiled_anew(found, monkeypatch):
    compiled, faults = found
    faults += [None, None]
    again(monkeypatch)
    again(monkeypatch)
    assert (compiled, faults) == ([4], [])
    faults += ["scores of 3 rows, float32", None, None]
    again(monkeypatch)
    assert (compiled, faults) == ([4, 4], [None])
    again(monkeypatch)
    assert (compiled, faults) == ([4, 4], [])


def test_a_compiler_that_compiles_wrongly_leaves_the_work_to_numpy_and_nothing_behind(found, monkeypatch, tmp_path):
    found[1].append("gradients of 15 rows, float32")
    with pytest.raises(
        build.CannotCompile, match=r"does not compute what NumPy does \(gradients of 15 rows, float32\)"
    ):
        again(monkeypatch)
    assert not list(tmp_path.rglob("*.machine"))
    with pytest.raises(build.CannotCompile):  # and it is not tried again
        again(monkeypatch)


# -- one text ---------------------------------------------------------------------------------------------------


def test_sources_that_change_under_a_process_change_neither_its_machine_nor_the_name(tmp_path):
    """The files on disk are made unusable after the import: whatever were read from them now would fail."""
    script = """
import pathlib, shutil, sys
sys.path.insert(0, sys.argv[1])
from badak.engine import build, target, trial
chosen = target.choose()
before = build._digest(chosen)
for file in pathlib.Path(build.__file__).parent.glob("*.py"):
    file.write_text("raise ImportError('read from disk')")
code = build.compile_machine(4, chosen)
print(build._digest(chosen) == before, trial.fault(build.load(code, chosen), 4, chosen.lanes(4)))
"""
    shutil.copytree(Path(badak.__file__).parent, tmp_path / "badak", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("True None", "")


def test_any_change_of_the_text_changes_the_name(monkeypatch):
    chosen = target.choose()
    names = {build._digest(chosen)}
    for module in ("kernels", "lower", "opcodes"):
        monkeypatch.setitem(source.TEXTS, module, source.TEXTS[module] + b"\n")
        names.add(build._digest(chosen))
    assert len(names) == 4


# -- whose file it is -------------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path):
    """Give the path of a file that the cache takes."""
    path = tmp_path / "cache" / "x.machine"
    assert build._write(path, b"code")
    assert build._read(path) == b"code"
    return path


@unix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_refused(kept, mode):
    kept.chmod(mode)
    assert build._read(kept) is None
    kept.chmod(0o644)
    assert build._read(kept) == b"code"


@unix
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_folder_that_others_may_write_is_refused_for_reading_and_keeping(kept, mode):
    kept.parent.chmod(mode)
    assert build._read(kept) is None
    assert not build._write(kept.with_name("y.machine"), b"code")
    kept.parent.chmod(0o755)
    assert build._read(kept) == b"code"


@unix
def test_a_link_a_pipe_and_a_folder_are_no_files_of_ours(kept):
    (kept.parent / "link.machine").symlink_to(kept)
    assert build._read(kept.parent / "link.machine") is None
    os.mkfifo(kept.parent / "pipe.machine", 0o600)
    assert build._read(kept.parent / "pipe.machine") is None  # and nobody waits for its other end
    (kept.parent / "folder.machine").mkdir(mode=0o700)
    assert build._read(kept.parent / "folder.machine") is None
    linked = kept.parent.with_name("linked")
    linked.symlink_to(kept.parent)  # a folder may be elsewhere, if it is ours
    assert build._read(linked / kept.name) == b"code"


@unix
@pytest.mark.parametrize("whose", ["file", "folder"])
def test_what_belongs_to_somebody_else_is_refused(kept, monkeypatch, whose):
    """Whoever runs this, root too: the owner that the system tells is what counts."""
    real = os.fstat

    def told(descriptor):
        found = list(real(descriptor))
        if stat.S_ISDIR(found[0]) == (whose == "folder"):
            found[4] = os.getuid() + 1234
        return os.stat_result(found)

    monkeypatch.setattr(build.os, "fstat", told)
    assert build._read(kept) is None


@unix
def test_what_root_keeps_is_everybodys(monkeypatch):
    mine = os.stat_result((0o100644, 0, 0, 1, 1234, 0, 0, 0, 0, 0))
    roots = os.stat_result((0o100644, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    monkeypatch.setattr(build.os, "getuid", lambda: 1234)
    build._refuse_others(mine)
    build._refuse_others(roots)
    monkeypatch.setattr(build.os, "getuid", lambda: 0)
    with pytest.raises(PermissionError, match="others may write it"):
        build._refuse_others(mine)


@unix
def test_the_file_that_was_looked_at_is_the_one_that_is_read(kept, monkeypatch):
    """Its name may stand for another file by then: a link that flips between two."""
    other = kept.with_name("other")
    build._write(other, b"other code")
    real = os.fstat

    def flipping(descriptor):
        found = real(descriptor)
        if stat.S_ISREG(found.st_mode) and other.exists():
            os.replace(other, kept)
        return found

    monkeypatch.setattr(build.os, "fstat", flipping)
    assert build._read(kept) == b"code"
    assert build._read(kept) == b"other code"


def test_a_file_that_is_too_large_is_not_read(kept, monkeypatch):
    monkeypatch.setattr(build, "LARGEST", 30)
    assert build._read(kept) is None
