import gzip
import io
import sys
import zipfile

import numpy as np
import pytest

from badak.data import Data, Pixels, load_data, load_digits, load_npz, make_data, write_idx
from badak.data.npz import KEYS


def arrays(**changes):
    rng = np.random.default_rng(0)
    made = {
        "x_train": rng.random((6, 4), np.float32),
        "t_train": np.array([0, 1, 2, 0, 1, 2]),
        "x_test": rng.random((3, 4), np.float32),
        "t_test": np.array([2, 1, 0]),
    }
    made.update(changes)
    return {key: value for key, value in made.items() if value is not None}


def save(path, **changes):
    np.savez(path, **arrays(**changes))
    return path


@pytest.mark.parametrize("writer", [np.savez, np.savez_compressed])
def test_an_npz_is_read(tmp_path, writer):
    made = arrays()
    writer(tmp_path / "my.npz", **made, other=np.array([None], dtype=object))
    data = load_data(tmp_path / "my.npz")
    for key in KEYS:
        np.testing.assert_array_equal(getattr(data, key), made[key])
    assert (data.classes, data.image_shape, data.x_train.dtype) == (3, (4,), np.float32)
    assert (data.t_train.dtype, data.name) == (np.int64, str(tmp_path / "my.npz"))
    assert repr(data).endswith("my.npz: 6 for training, 3 for testing, 4, 3 classes>")


def test_bytes_in_an_npz_become_pixels(tmp_path):
    images = np.arange(6 * 4 * 5, dtype=np.uint8).reshape(6, 4, 5)
    data = load_npz(save(tmp_path / "a.npz", x_train=images, x_test=np.asfortranarray(images[:3])))
    assert isinstance(data.x_train, Pixels)
    assert data.x_train.shape == (6, 20)
    assert data.image_shape == (1, 4, 5)
    np.testing.assert_array_equal(data.x_train.values, images.reshape(6, 20))
    np.testing.assert_array_equal(data.x_test.values, images[:3].reshape(3, 20))


def test_other_forms_of_npz_arrays(tmp_path):
    colour = np.ones((6, 3, 4, 5))
    data = load_npz(
        save(
            tmp_path / "a.npz",
            x_train=colour,
            x_test=colour[:3].astype(">i4"),
            t_train=np.eye(3)[[0, 1, 2, 2, 1, 0]],
            t_test=np.array([1, 0, 4], np.uint8),
        )
    )
    assert (data.image_shape, data.classes, data.x_test.dtype) == ((3, 4, 5), 5, np.float32)
    assert data.t_train.tolist() == [0, 1, 2, 2, 1, 0]
    assert data.x_test.all()


def x_with(value):
    x = np.zeros((6, 4))
    x[4, 1] = value
    return x


BAD_ARRAYS = {
    "no x_train": ({"x_train": None}, ValueError, "missing x_train; expected x_train, t_train, x_test, t_test, the"),
    "two missing": ({"t_train": None, "t_test": None}, ValueError, "missing t_train, t_test; .* has x_train, x_test"),
    "fewer labels": ({"t_train": np.arange(5)}, ValueError, "x_train has 6 rows, t_train has 5"),
    "fewer test rows": ({"x_test": np.ones((2, 4))}, ValueError, "x_test has 2 rows, t_test has 3"),
    "other columns": ({"x_test": np.ones((3, 5))}, ValueError, r"x_train has the shape \(4,\), one of x_test \(5,\)"),
    "NaN": ({"x_train": x_with(np.nan)}, ValueError, r"must be finite .*; x_train\[4, 1\] is nan"),
    "infinite": ({"x_train": x_with(-np.inf)}, ValueError, r"x_train\[4, 1\] is -inf"),
    "beyond float32": ({"x_train": x_with(1e60)}, ValueError, r"x_train\[4, 1\] is 1e\+60"),
    "objects": ({"x_train": np.array([[None]])}, TypeError, "x_train holds Python objects, which are not read"),
    "object labels": ({"t_test": np.array([0, "a", 1], object)}, TypeError, "t_test holds Python objects"),
    "text": ({"x_train": np.full((6, 4), "a")}, TypeError, "x_train must hold numbers, not <U1"),
    "complex": ({"x_train": np.ones((6, 4), complex)}, TypeError, "x_train must hold numbers, not complex128"),
    "x of one dimension": ({"x_train": np.ones(6)}, ValueError, r"x_train has the shape \(6,\); expected \(N, D\)"),
    "x of five": ({"x_train": np.ones((6, 1, 1, 2, 2))}, ValueError, r"expected \(N, D\), \(N, H, W\) or"),
    "x empty": ({"x_train": np.ones((0, 4)), "t_train": np.arange(0)}, ValueError, "x_train is empty"),
    "no columns": ({"x_test": np.ones((3, 0))}, ValueError, r"x_test is empty: its shape is \(3, 0\)"),
    "one part bytes": ({"x_test": np.ones((3, 4), np.uint8)}, TypeError, "x_train is float32, x_test uint8; both"),
    "negative label": ({"t_test": np.array([0, -1, 1])}, ValueError, r"must be 0 or more; t_test\[1\] is -1"),
    "float labels": ({"t_test": np.array([0.0, 1, 2])}, TypeError, "t_test must be integers, not float64"),
    "bool labels": ({"t_test": np.array([True, False, True])}, TypeError, "t_test must be integers, not bool"),
    "text labels": ({"t_train": np.full(6, "seven")}, TypeError, "t_train must hold numbers, not <U5"),
    "huge label": ({"t_train": np.array([0, 1, 10**6, 0, 1, 2])}, ValueError, r"below 10,000; t_train\[2\] is 1000000"),
    "no one-hot": ({"t_test": np.eye(3) * 2}, ValueError, "t_test is two-dimensional, but row 0 is not one-hot"),
    "two hot": ({"t_test": np.array([[1, 0], [0, 1], [1, 1]])}, ValueError, "row 2 is not one-hot"),
    "none hot": ({"t_test": np.array([[1, 0], [0, 0], [0, 1]])}, ValueError, "row 1 is not one-hot"),
    "labels of three dimensions": (
        {"t_test": np.ones((3, 1, 1), int)},
        ValueError,
        r"t_test has the shape \(3, 1, 1\)",
    ),
    "labels alone": ({"t_test": np.array(3)}, ValueError, r"t_test has the shape \(\); expected \(N,\)"),
}


@pytest.mark.parametrize(("changes", "error", "words"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_a_bad_npz_is_refused_by_name(tmp_path, changes, error, words):
    path = save(tmp_path / "bad.npz", **changes)
    with pytest.raises(error, match=words) as caught:
        load_data(path)
    assert str(caught.value).startswith(f"{path}: ")


BAD_IN_MEMORY = {
    "complex": ({"x_train": np.ones((6, 4), complex)}, TypeError, "mine: x_train must hold numbers, not complex128"),
    "objects": ({"x_train": np.full((6, 4), None)}, TypeError, "mine: x_train must hold numbers, not object"),
    "empty": ({"x_train": np.ones((0, 4))}, ValueError, r"mine: x_train is empty: its shape is \(0, 4\)"),
    "no label": ({"t_test": np.arange(0)}, ValueError, "mine: t_test is empty"),
    "no one-hot label": ({"t_test": np.ones((0, 3))}, ValueError, r"mine: t_test is empty: its shape is \(0, 3\)"),
}


@pytest.mark.parametrize(("changes", "error", "words"), BAD_IN_MEMORY.values(), ids=BAD_IN_MEMORY)
def test_bad_arrays_in_memory_are_refused_by_name(changes, error, words):
    with pytest.raises(error, match=words):
        make_data("mine", **arrays(**changes))


def test_lists_are_data_too():
    data = make_data("mine", [[0.5, 1], [2, 3]], [0, 1], [[1, 1]], [1])
    assert (data.x_train.dtype, data.t_test.tolist(), data.classes) == (np.float32, [1], 2)


def npy(shape, body=b"", dtype="<f4"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue() + body


def zipped(x_train):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for key, values in arrays().items():
            with archive.open(f"{key}.npy", "w") as member:
                np.save(member, values)
        archive.NameToInfo.pop("x_train.npy")
        archive.filelist = [entry for entry in archive.filelist if entry.filename != "x_train.npy"]
        archive.writestr("x_train.npy", x_train)
    return file.getvalue()


def flipped(raw):
    """A byte of the stored x_train is another, so that its sum is wrong."""
    raw = bytearray(raw)
    raw[raw.rindex(b"\x93NUMPY") + 140] ^= 1
    return bytes(raw)


BAD_FILES = {
    "text": (b"x_train,t_train\n", "not an .npz file"),
    "empty": (b"", "not an .npz file"),
    "a single array": (npy((1,), bytes(4)), "not an .npz file"),
    "gzip": (gzip.compress(b"x"), "not an .npz file"),
    "cut": (zipped(npy((6, 4), bytes(96)))[:-40], "not an .npz file"),
    "no array inside": (zipped(b"hello"), "x_train is not a NumPy array"),
    "unknown version": (zipped(b"\x93NUMPY\x09\x00" + bytes(90)), "x_train is not a NumPy array"),
    "header rubbish": (zipped(b"\x93NUMPY\x01\x00\x04\x00junk"), "x_train is not a NumPy array"),
    "too short": (zipped(npy((6, 4), bytes(95))), "x_train: an array .* needs 96 bytes, the file has 95"),
    "too long": (zipped(npy((6, 4), bytes(97))), "x_train: an array .* needs 96 bytes, the file has 97"),
    "a tebibyte stated": (zipped(npy((2**19, 2**19))), "needs 1,099,511,627,776 bytes; at most 2,147,483,648"),
    "negative size": (zipped(npy((-6, -4), bytes(96))), r"x_train is empty: its shape is \(-6, -4\)"),
    "empty, yet beyond memory": (zipped(npy((2**62, 2**62, 0))), "x_train is empty"),
    "wrong sum": (flipped(zipped(npy((6, 4), bytes(96)))), "the .npz file is damaged"),
}


@pytest.mark.parametrize(("raw", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_damaged_npz_is_refused(tmp_path, raw, words):
    path = tmp_path / "bad.npz"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=words) as caught:
        load_data(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_digits_are_split_by_their_order():
    data = load_data("digits")
    assert (data.x_train.shape, data.x_test.shape) == ((1437, 64), (360, 64))
    assert (data.classes, data.image_shape, data.x_train.dtype) == (10, (1, 8, 8), np.float32)
    assert (data.x_train.min(), data.x_train.max()) == (0, 1)
    assert np.bincount(data.t_test).min() == 33
    from sklearn import datasets

    x, t = datasets.load_digits(return_X_y=True)
    np.testing.assert_array_equal(np.concatenate([data.x_train, data.x_test]) * 16, x)
    np.testing.assert_array_equal(np.concatenate([data.t_train, data.t_test]), t)


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'badak\[digits\]'"):
        load_digits()


def test_a_folder_of_idx_files_is_data(tmp_path):
    for part, n in (("train", 5), ("t10k", 2)):
        write_idx(tmp_path / f"{part}-images-idx3-ubyte.gz", np.full((n, 4, 4), 51, np.uint8))
        write_idx(tmp_path / f"{part}-labels-idx1-ubyte.gz", np.arange(n, dtype=np.uint8))
    data = load_data(str(tmp_path))
    assert isinstance(data, Data)
    assert isinstance(data.x_train, Pixels)
    assert (data.x_train.shape, data.image_shape, data.classes) == ((5, 16), (1, 4, 4), 5)
    assert (data.x_train[...] == np.float32(51) / np.float32(255)).all()
    with pytest.raises(AttributeError, match="name"):
        data.name = "other"


def test_what_is_no_data_is_told_what_is(tmp_path):
    choices = "expected mnist, digits, a folder of four IDX files, or an .npz with x_train, t_train, x_test, t_test"
    with pytest.raises(FileNotFoundError, match="there are no data 'minst'; " + choices):
        load_data("minst")
    (tmp_path / "data.csv").write_text("1,2")
    with pytest.raises(ValueError, match=r"data.csv is a file, but no .npz; " + choices):
        load_data(tmp_path / "data.csv")
    with pytest.raises(FileNotFoundError, match="missing train-images-idx3-ubyte"):
        load_data(tmp_path)
    for wrong in (None, 7, b"mnist", ["mnist"]):
        with pytest.raises(TypeError, match=f"by name or path, not {type(wrong).__name__}"):
            load_data(wrong)
