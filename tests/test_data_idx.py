import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from badak.data import load_idx_folder, read_idx, write_idx

DTYPES = ["u1", "i1", "i2", "i4", "f4", "f8"]
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=1, max_dims=5, min_side=0, max_side=4))
)


def header(code, *shape):
    return struct.pack(f">HBB{len(shape)}I", 0, code, len(shape), *shape)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("idx")


@given(values=arrays, order=st.sampled_from("<>"), packed=st.booleans())
def test_what_is_written_is_read(place, values, order, packed):
    path = place / ("round.gz" if packed else "round")
    write_idx(path, values.astype(values.dtype.newbyteorder(order)))
    assert (path.read_bytes()[:2] == b"\x1f\x8b") == packed
    found = read_idx(path)
    np.testing.assert_array_equal(found, values, strict=True)
    assert found.dtype.isnative
    assert found.flags.writeable


@given(values=arrays, data=st.data(), packed=st.booleans())
def test_any_cut_is_noticed(place, values, data, packed):
    path = place / ("cut.gz" if packed else "cut")
    write_idx(path, values)
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(ValueError, match=r"truncated|not an IDX"):
        read_idx(path)


def read_or_complain(path):
    """The array or the words of the ValueError; any other exception fails the test."""
    try:
        return read_idx(path), None
    except ValueError as error:
        return None, str(error)


@given(values=arrays, data=st.data())
def test_any_changed_byte_of_a_packed_file_is_noticed_or_harmless(place, values, data):
    path = place / "flip.gz"
    write_idx(path, values)
    whole = bytearray(path.read_bytes())
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole)
    found, complaint = read_or_complain(path)
    if complaint is None:  # the gzip header has fields that nobody reads
        np.testing.assert_array_equal(found, values, strict=True)


@given(raw=st.binary(max_size=64))
def test_any_bytes_are_an_array_or_a_clear_error(place, raw):
    path = place / "any"
    path.write_bytes(raw)
    found, complaint = read_or_complain(path)
    assert isinstance(found, np.ndarray) or complaint.startswith(f"{path}: ")


@given(values=arrays, more=st.binary(min_size=1, max_size=9), packed=st.booleans())
def test_any_surplus_is_noticed(place, values, more, packed):
    path = place / "more"
    write_idx(path, values)
    raw = path.read_bytes() + more
    path.write_bytes(gzip.compress(raw) if packed else raw)
    with pytest.raises(ValueError, match=r"oversized: .* the file has"):
        read_idx(path)


BAD_BYTES = {
    "empty": (b"", "truncated: an IDX file begins with 4 bytes, this file has 0"),
    "three bytes": (b"\0\0\x08", "truncated: an IDX file begins with 4 bytes, this file has 3"),
    "text": (b"hello, world", "not an IDX file: it begins with the bytes 68 65 6c 6c"),
    "PNG": (b"\x89PNG\r\n\x1a\n", "not an IDX file: it begins with the bytes 89 50 4e 47"),
    "unknown type": (header(0x0A, 1) + b"\0", "not an IDX file: it begins with the bytes 00 00 0a 01"),
    "little-endian magic": (b"\x03\x08\0\0" + bytes(12), "not an IDX file: it begins with the bytes 03 08 00 00"),
    "no dimension": (header(8), "states 0 dimensions; expected 1 to 32"),
    "255 dimensions": (b"\0\0\x08\xff" + bytes(1020), "states 255 dimensions; expected 1 to 32"),
    "sizes cut": (header(8, 2, 2)[:7], "truncated: 2 dimensions need a header of 12 bytes, the file has 7"),
    "elements cut": (header(8, 2, 2) + b"abc", "truncated: 2 x 2 elements of 1 byte need 16 bytes, the file has 15"),
    "one too many": (header(8, 2, 2) + b"abcde", "oversized: .* need 16 bytes, the file has 17"),
    "halved type": (header(0x0B, 3) + b"abc", "truncated: 3 elements of 2 bytes need 14 bytes, the file has 11"),
    "a tebibyte stated": (header(8, 2**20, 2**20), "truncated: .* need 1,099,511,627,788 bytes, the file has 12"),
    "more than 64 bits": (header(14, *[2**32 - 1] * 4), "truncated: .* the file has 20"),
    "empty, yet beyond memory": (header(14, 0, *[2**32 - 1] * 4), "states impossible dimensions: 0 x 4294967295 x"),
    "packed: empty": (gzip.compress(b""), "truncated: an IDX file begins with 4 bytes, this file has 0"),
    "packed: text": (gzip.compress(b"hello"), "not an IDX file"),
    "packed: cut": (gzip.compress(header(8, 9) + b"123456789")[:-9], "the gzip data end too early"),
    "packed: elements cut": (gzip.compress(header(8, 9) + b"12"), "truncated: 9 elements .* the file has 10"),
    "packed: one too many": (gzip.compress(header(8, 1) + b"12"), "oversized: .* the file has more"),
    "packed: a tebibyte stated": (gzip.compress(header(8, 2**20, 2**20)), "may unpack to .* at the most"),
    "packed: rubbish behind": (gzip.compress(header(8, 1) + b"1") + b"rubbish", "gzip data are damaged"),
    "packed: wrong sum": (gzip.compress(header(8, 1) + b"1")[:-8] + bytes(8), "gzip data are damaged"),
    "packed: twice": (gzip.compress(gzip.compress(header(8, 1) + b"1")), "begins with the bytes 1f 8b"),
}


@pytest.mark.parametrize(("raw", "words"), BAD_BYTES.values(), ids=BAD_BYTES)
def test_a_bad_file_is_refused_by_name(tmp_path, raw, words):
    path = tmp_path / "bad"
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=words) as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_bomb_costs_no_memory(tmp_path):
    bomb = tmp_path / "bomb"
    tracemalloc.start()
    bomb.write_bytes(gzip.compress(header(8, 200_000_000) + bytes(50_000_000)))
    with pytest.raises(ValueError, match="200,000,008 bytes; this gzip file may unpack to"):
        read_idx(bomb)
    bomb.write_bytes(gzip.compress(header(8, 50_000_000) + bytes(50_000_000)))
    with pytest.raises(ValueError, match="need 50,000,008 bytes; this gzip file may unpack to 1,000,000 bytes"):
        read_idx(bomb, max_bytes=1_000_000)
    bomb.write_bytes(gzip.compress(header(8, 10) + bytes(50_000_000)))
    tracemalloc.reset_peak()
    with pytest.raises(ValueError, match="oversized"):
        read_idx(bomb)
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


def test_a_name_says_nothing(tmp_path):
    write_idx(tmp_path / "a.gz", np.arange(3, dtype=np.uint8))
    (tmp_path / "a.gz").rename(tmp_path / "a")
    write_idx(tmp_path / "b", np.arange(3, dtype=np.uint8))
    (tmp_path / "b").rename(tmp_path / "b.gz")
    assert read_idx(tmp_path / "a").tolist() == read_idx(str(tmp_path / "b.gz")).tolist() == [0, 1, 2]


def test_files_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_idx(tmp_path / "nowhere")
    with pytest.raises(OSError, match=r"directory|denied"):
        read_idx(tmp_path)


BAD_ARRAYS = {
    "list": ([1, 2], TypeError, "holds uint8, int8, int16, int32, float32, float64, not list"),
    "int64": (np.arange(3), TypeError, "not an array of int64"),
    "bool": (np.ones(3, bool), TypeError, "not an array of bool"),
    "complex": (np.ones(3, complex), TypeError, "not an array of complex128"),
    "objects": (np.array([None]), TypeError, "not an array of object"),
    "single number": (np.zeros((), np.float32), ValueError, "1 to 32 dimensions, not 0"),
}


@pytest.mark.parametrize(("values", "error", "words"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_an_array_that_idx_cannot_hold_is_not_written(tmp_path, values, error, words):
    with pytest.raises(error, match=words):
        write_idx(tmp_path / "x", values)
    assert not list(tmp_path.iterdir())


def test_the_same_array_gives_the_same_packed_bytes(tmp_path):
    for name in ("a.gz", "b.gz"):
        write_idx(tmp_path / name, np.arange(9, dtype=np.int16))
    packed = (tmp_path / "a.gz").read_bytes()
    assert packed == (tmp_path / "b.gz").read_bytes()
    assert packed[3:8] == bytes(5)  # neither a name nor a time in the gzip header


NAMES = {
    "as MNIST": "{part}-{kind}-idx{rank}-ubyte",
    "packed": "{part}-{kind}-idx{rank}-ubyte.gz",
    "with a point": "{part}-{kind}.idx{rank}-ubyte",
    "as EMNIST": "emnist-letters-{part}-{kind}-idx{rank}-ubyte.gz",
}


def make_folder(folder, form=NAMES["as MNIST"], test_name="t10k"):
    rng = np.random.default_rng(0)
    made = {}
    for part, n in (("train", 6), (test_name, 3)):
        for kind, rank, shape in (("images", 3, (n, 4, 5)), ("labels", 1, (n,))):
            made[part, kind] = rng.integers(0, 3 if rank == 1 else 256, shape).astype(np.uint8)
            write_idx(folder / form.format(part=part, kind=kind, rank=rank), made[part, kind])
    return list(made.values())


@pytest.mark.parametrize("test_name", ["t10k", "test"])
@pytest.mark.parametrize("form", NAMES.values(), ids=NAMES)
def test_a_folder_is_read(tmp_path, form, test_name):
    made = make_folder(tmp_path, form, test_name)
    (tmp_path / "README.txt").write_text("not a data file")
    (x_train, t_train), (x_test, t_test) = load_idx_folder(tmp_path)
    for found, expected in zip((x_train, t_train, x_test, t_test), made, strict=True):
        np.testing.assert_array_equal(found, expected, strict=True)


def test_one_set_of_several_is_chosen(tmp_path):
    make_folder(tmp_path, "emnist-letters-{part}-{kind}-idx{rank}-ubyte")
    make_folder(tmp_path)
    with pytest.raises(ValueError, match="holds several sets: '', 'emnist-letters'; choose one with prefix="):
        load_idx_folder(tmp_path)
    for prefix in ("", "emnist-letters"):
        assert load_idx_folder(tmp_path, prefix=prefix)[0][0].shape == (6, 4, 5)
    with pytest.raises(FileNotFoundError, match="missing kmnist-train-images-idx3-ubyte, "):
        load_idx_folder(tmp_path, prefix="kmnist")


def test_of_a_file_and_its_packed_twin_the_plain_one_is_read(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"rubbish")
    (tmp_path / "train-images.idx3-ubyte").write_bytes(b"rubbish")
    assert load_idx_folder(tmp_path)[0][0].shape == (6, 4, 5)


def u1(*shape):
    return np.zeros(shape, np.uint8)


BAD_FOLDERS = {
    "fewer labels": ("train-labels-idx1-ubyte", u1(5), "train-images.* has 6 images, .*train-labels.* has 5 labels"),
    "fewer images": ("t10k-images-idx3-ubyte", u1(2, 4, 5), "has 2 images, .* has 3 labels"),
    "other test size": ("t10k-images-idx3-ubyte", u1(3, 5, 5), r"shape \(4, 5\), a test image \(5, 5\)"),
    "images of one dimension": ("train-images-idx3-ubyte", u1(6), "images need 2 dimensions or more"),
    "labels of two": ("train-labels-idx1-ubyte", u1(6, 1), "labels need one dimension"),
    "labels not whole": ("t10k-labels-idx1-ubyte", np.zeros(3, np.float32), "labels must be integers.*float32"),
}


@pytest.mark.parametrize(("name", "values", "words"), BAD_FOLDERS.values(), ids=BAD_FOLDERS)
def test_files_that_do_not_fit_are_refused(tmp_path, name, values, words):
    make_folder(tmp_path)
    write_idx(tmp_path / name, values)
    with pytest.raises(ValueError, match=words):
        load_idx_folder(tmp_path)


def test_an_empty_set_is_refused(tmp_path):
    make_folder(tmp_path)
    write_idx(tmp_path / "train-images-idx3-ubyte", u1(0, 4, 5))
    write_idx(tmp_path / "train-labels-idx1-ubyte", u1(0))
    with pytest.raises(ValueError, match=r"train-images-idx3-ubyte is empty: its shape is \(0, 4, 5\)"):
        load_idx_folder(tmp_path)


def test_missing_files_are_listed(tmp_path):
    make_folder(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        load_idx_folder(tmp_path)
    missing, looked_for = str(caught.value).split("; looked for ")
    assert missing == f"{tmp_path}: missing train-labels-idx1-ubyte, t10k-images-idx3-ubyte"
    assert all(name in looked_for for name in ("train-images-idx3-ubyte", "t10k-labels-idx1-ubyte", ".gz"))


def test_folders_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere: there is no such folder"):
        load_idx_folder(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="file is a file; expected a folder of four IDX files"):
        load_idx_folder(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="missing train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-"):
        load_idx_folder(tmp_path / "empty")
