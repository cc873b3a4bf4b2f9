"""The book's pickles load, from any NumPy and protocol; any other pickle is refused before anything in it runs."""

import io
import os
import pickle
import pickletools
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import badak
from badak.book import load_pickle
from badak.book.pickles import read_pickle, save_pickle
from badak.graph import load_params, save_network


def of_numpy(version, content):
    """Give a pickle as NumPy 1 or 2 writes it: they differ in the name of a module alone.

    Protocol 2 and 3 write names as lines; 4 and 5 with their length before, in a frame with its length.
    """
    if version == 2:
        return content
    out, frame = bytearray(), None
    words = list(pickletools.genops(content))
    ends = [place for _, _, place in words[1:]] + [len(content)]
    for (word, argument, place), end in zip(words, ends, strict=True):
        piece = content[place:end]
        if word.name == "FRAME":
            frame = len(out)
        elif word.name == "GLOBAL":
            piece = piece.replace(b"numpy._core", b"numpy.core")
        elif word.name == "SHORT_BINUNICODE" and argument.startswith("numpy._core"):
            text = argument.replace("numpy._core", "numpy.core").encode()
            piece = b"\x8c" + bytes([len(text)]) + text
        out += piece
    if frame is not None:
        out[frame : frame + 9] = b"\x95" + struct.pack("<Q", len(out) - frame - 9)
    return bytes(out)


ARRAYS = {
    "W1": np.arange(12.0).reshape(3, 4),
    "column-major": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "transposed": np.arange(24.0).reshape(2, 3, 4).transpose(2, 0, 1),
    "float32": np.linspace(0, 1, 5, dtype=np.float32),
    "float16": np.ones(3, np.float16),
    "images": np.arange(256, dtype=np.uint8).reshape(16, 16),
    "labels": np.array([3, -1], np.int64),
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 4)),
    "number": np.array(3.5),
    "other order": np.arange(3).astype(">f8"),
}


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_dictionaries_of_arrays_load(version, protocol, tmp_path):
    content = of_numpy(version, pickle.dumps(ARRAYS, protocol))
    assert (b"numpy._core" in content) == (version == 2)
    (tmp_path / "params.pkl").write_bytes(content)
    loaded = load_pickle(tmp_path / "params.pkl")
    assert list(loaded) == list(ARRAYS)
    for key, array in ARRAYS.items():
        assert_array_equal(loaded[key], array)
        assert loaded[key].shape == array.shape
        assert loaded[key].dtype == array.dtype.newbyteorder("=")
        assert loaded[key].flags.writeable


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_files_written_by_numpy_1_and_2(version, protocol):
    """The files in tests/pickles were written by NumPy 1.26.4 and 2.4.6."""
    loaded = load_pickle(Path(__file__).parent / "pickles" / f"numpy-{version}-protocol-{protocol}.pkl")
    for key in ("W1", "F"):
        assert_array_equal(loaded[key], np.arange(12.0).reshape(3, 4))
    assert loaded["F"].flags.f_contiguous
    assert_array_equal(loaded["b1"], np.array([1, 2], np.float32))
    assert loaded["b1"].dtype == np.float32
    assert_array_equal(loaded["labels"], np.arange(4, dtype=np.uint8))


def test_files_of_numpy_1_are_what_numpy_1_writes():
    """A file with one row, byte for byte as NumPy 1.26 writes it with protocol 3."""
    content = (
        b"\x80\x03}q\x00X\x02\x00\x00\x00b1q\x01cnumpy.core.multiarray\n_reconstruct\nq\x02cnumpy\nndarray\nq\x03K\x00"
        b"\x85q\x04C\x01bq\x05\x87q\x06Rq\x07(K\x01K\x02\x85q\x08cnumpy\ndtype\nq\tX\x02\x00\x00\x00f4q\n\x89\x88\x87"
        b"q\x0bRq\x0c(K\x03X\x01\x00\x00\x00<q\rNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0eb\x89C\x08\x00\x00\x80?"
        b"\x00\x00\x00@q\x0ftq\x10bs."
    )
    assert of_numpy(1, pickle.dumps({"b1": np.array([1, 2], np.float32)}, 3)) == content
    assert_array_equal(read_pickle(content)["b1"], [1, 2])


def test_column_major_arrays_survive_saving(tmp_path):
    network = badak.TwoLayerNet(3, 4, 2, seed=0)
    rng = np.random.default_rng(1)
    arrays = {key: np.asfortranarray(rng.standard_normal(value.shape)) for key, value in network.params.items()}
    (tmp_path / "params.pkl").write_bytes(pickle.dumps(arrays))
    load_params(network, load_pickle(tmp_path / "params.pkl"))
    save_network(tmp_path / "net.safetensors", network)
    again = badak.load_network(tmp_path / "net.safetensors")
    for key, array in arrays.items():
        assert_array_equal(again.params[key], array)


def test_what_we_write_python_reads_and_we_do(tmp_path):
    save_pickle(tmp_path / "p.pkl", ARRAYS)
    plain = pickle.loads((tmp_path / "p.pkl").read_bytes())
    for key, array in load_pickle(tmp_path / "p.pkl").items():
        assert_array_equal(array, plain[key])


# -- what is refused ------------------------------------------------------------------------------------------------


class Runs:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


class Opens(Runs):
    def __reduce__(self):
        return eval, (f"__import__('os').mkdir({str(self.path)!r})",)


class Anything:
    pass


def globals_of(module, name):
    """A pickle of {'W1': <module>.<name>()}, names on the stack, as no dump would write it."""
    text = [b"\x8c" + bytes([len(t)]) + t.encode() for t in (module, name)]
    return b"\x80\x04}\x8c\x02W1" + text[0] + text[1] + b"\x93)Rs."


def state_of(callable_name, state):
    """A pickle that gives a `state` to the callable itself."""
    module, name = callable_name
    return b"\x80\x03}X\x02\x00\x00\x00W1c" + module + b"\n" + name + b"\n" + state + b"bs."


ONE = pickle.dumps({"W1": np.ones(2)}, 4)
SAFE = (b"numpy.core.multiarray", b"_reconstruct")
HOSTILE = {
    "objects": (pickle.dumps({"W1": np.array([{}, 1], object)}), "dtype object"),
    "structured": (pickle.dumps({"W1": np.zeros(2, [("a", "f8")])}), "dtype 'V8'"),
    "text": (pickle.dumps({"W1": np.array(["a"])}), "dtype 'U1'"),
    "complex": (pickle.dumps({"W1": np.ones(2, complex)}), "dtype 'c16'"),
    "dates": (pickle.dumps({"W1": np.array(["2020-01-01"], "M8[D]")}), "dtype 'M8'"),
    "a scalar": (pickle.dumps({"W1": np.float64(1)}), "names numpy._core.multiarray.scalar"),
    "a number": (pickle.dumps({"W1": 1.0}), "'W1' in it is no array"),
    "a whole number": (pickle.dumps({"W1": 1}), "'W1' in it is no array"),
    "a list": (pickle.dumps([np.ones(2)]), "no dictionary"),
    "an array alone": (pickle.dumps(np.ones(2)), "no dictionary"),
    "no names": (pickle.dumps({1: np.ones(2)}), "no dictionary with names"),
    "an instance": (pickle.dumps(Anything()), "names|NEWOBJ"),
    "a class": (pickle.dumps({"W1": np.ndarray}), "'W1' in it is no array"),
    "another array class": (pickle.dumps({"W1": np.ma.ones(2)}), "names"),
    "eval by name": (globals_of("builtins", "eval"), "names builtins.eval"),
    "a dotted name": (globals_of("numpy", "ndarray.tofile"), "names numpy.ndarray.tofile"),
    "loads": (globals_of("pickle", "loads"), "names pickle.loads"),
    "numpy.load": (globals_of("numpy", "load"), "names numpy.load"),
    "our own module": (globals_of("badak.book.pickles", "_Array"), "names badak.book.pickles._Array"),
    "a state for a function": (state_of(SAFE, b"}X\x01\x00\x00\x00aK\x01s"), "gives a state to something"),
    "a state for the class": (state_of((b"numpy", b"ndarray"), b"}"), "gives a state to something"),
    "persistent": (b"\x80\x03Pid\n.", "PERSID"),
    "extension": (b"\x80\x03\x82\x01.", "EXT1"),
    "old instance": (b"(ios\nsystem\n.", "INST"),
    "a place far away": (b"\x80\x03}r\xff\xff\xff\x7f.", "too long a program"),
    "a long program": (b"\x80\x03}" + b"N0" * 10_000 + b".", "too long a program"),
    "something behind": (ONE + ONE, "something follows its end"),
    "cut off": (ONE[:-9], "damaged|ends|exhausted|expected|truncated|remain"),
    "nothing": (b"", "exhausted|damaged"),
    "no pickle": (b"hello, this is text", "damaged|unknown|opcode|follows|uses|no dictionary"),
    "fewer bytes than shape": (ONE.replace(b"K\x02\x85", b"K\x03\x85"), r"shape \(3,\) and dtype float64 in 16 bytes"),
    "a negative shape": (ONE.replace(b"K\x02\x85", b"J\xff\xff\xff\xff\x85"), "wrong kind|damaged|frame"),
    "no state": (globals_of("numpy.core.multiarray", "_reconstruct"), "damaged"),
    "dtype called wrongly": (globals_of("numpy", "dtype"), "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_any_other_pickle_is_refused_by_its_name(case, tmp_path):
    content, words = HOSTILE[case]
    path = tmp_path / "params.pkl"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"params.pkl is none of the book's pickles: .*({words})"):
        load_pickle(path)


@pytest.mark.parametrize("kind", [Runs, Opens])
@pytest.mark.parametrize("protocol", range(6))
def test_nothing_in_it_runs(kind, protocol, tmp_path):
    target = tmp_path / "made"
    hostile = pickle.dumps({"W1": np.ones(2), "W2": kind(target)}, protocol)
    with pytest.raises(ValueError, match="it "):
        read_pickle(hostile)
    assert not target.exists()
    pickle.loads(hostile)
    assert target.exists(), "as Python reads it, it does run"


def test_a_state_cannot_change_what_a_later_load_does():
    with pytest.raises(ValueError, match="state"):
        read_pickle(state_of(SAFE, b"}X\x08\x00\x00\x00__call__NsN\x86"))
    assert_array_equal(read_pickle(ONE)["W1"], [1, 1])


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_pickle(tmp_path / "none.pkl")


@given(st.integers(0, len(ONE) - 1), st.integers(0, 255), st.integers(0, len(ONE)))
@settings(max_examples=400, deadline=None)
def test_a_damaged_file_gives_arrays_or_a_sentence(place, byte, end):
    content = bytearray(ONE)
    content[place] = byte
    try:
        found = read_pickle(bytes(content[:end] if end > place else content))
    except ValueError:
        return
    assert all(isinstance(array, np.ndarray) and array.dtype.kind in "biuf" for array in found.values())


def test_deep_nesting_is_no_way_to_crash():
    content = io.BytesIO()
    content.write(b"\x80\x03})" + b"\x85" * 9_000 + b"K\x01s.")
    with pytest.raises(ValueError, match="no dictionary with names"):
        read_pickle(content.getvalue())
