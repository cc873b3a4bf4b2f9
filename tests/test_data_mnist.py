import hashlib
import json
import lzma
import os
import subprocess
import sys
import textwrap
import time
import warnings

import numpy as np
import pytest

from badak.data import CacheWarning, Pixels, load_data, load_mnist, load_mnist_pixels, mnist, write_idx


@pytest.fixture(scope="module")
def real_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("real")


@pytest.fixture
def real(real_cache, monkeypatch):
    """The real 70,000 images, unpacked once for this module."""
    monkeypatch.setenv("BADAK_CACHE", str(real_cache))
    return real_cache


@pytest.fixture
def small(tmp_path, monkeypatch):
    """A stand-in of 60 + 10 images of 4 x 4, shipped and summed as MNIST is; gives the cache folder."""
    shipped, rng, files = tmp_path / "shipped", np.random.default_rng(0), {}
    shipped.mkdir()
    for name, (_, (n, *size)) in mnist.FILES.items():
        shape = (n // 1000, *(4 for _ in size))
        write_idx(shipped / name, rng.integers(0, 256 if size else 10, shape).astype(np.uint8))
        raw = (shipped / name).read_bytes()
        (shipped / f"{name}.xz").write_bytes(lzma.compress(raw))
        files[name] = (hashlib.md5(raw).hexdigest(), shape)
    monkeypatch.setattr(mnist, "FILES", files)
    monkeypatch.setattr(mnist, "SHIPPED", shipped)
    monkeypatch.setenv("BADAK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "mnist"


def original(folder):
    """The arrays of the stand-in, read without the loader."""
    shipped = folder.parents[1] / "shipped"
    raw = [(shipped / name).read_bytes() for name in mnist.FILES]
    return [np.frombuffer(r, np.uint8)[4 + 4 * r[3] :].reshape(shape) for r, (_, shape) in
            zip(raw, mnist.FILES.values(), strict=True)]  # fmt: skip


def assert_right(folder, **how):
    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=False, flatten=False, **how)
    for found, expected in zip((x_train[:, 0], t_train, x_test[:, 0], t_test), original(folder), strict=True):
        np.testing.assert_array_equal(found, expected, strict=True)


def test_the_real_images_come_with_the_package(real):
    (x_train, t_train), (x_test, t_test) = load_mnist()
    assert (x_train.shape, x_train.dtype, t_train.shape, t_train.dtype) == ((60000, 784), "f4", (60000,), "u1")
    assert (x_test.shape, x_test.dtype, t_test.shape, t_test.dtype) == ((10000, 784), "f4", (10000,), "u1")
    assert t_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert np.bincount(t_test).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    (b_train, _), (b_test, _) = load_mnist(normalize=False)
    for x, b in ((x_train, b_train), (x_test, b_test)):
        assert b.dtype == np.uint8
        assert (x == b.astype(np.float32) / np.float32(255)).all()
    for name, (md5, _) in mnist.FILES.items():
        assert hashlib.md5((real / "mnist" / name).read_bytes()).hexdigest() == md5
    sums = {name: md5 for name, (md5, _) in mnist.FILES.items()}
    assert sums == {
        "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
        "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
        "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
        "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
    }
    licence = (mnist.SHIPPED / "LICENSE.mnist.txt").read_text(encoding="ascii")
    for words in ("Yann LeCun", "Corinna Cortes", "Christopher J. C. Burges", "Attribution-ShareAlike 3.0 Unported",
                  "Keras", "TensorFlow", "states no licence", "only recompressed", *sums.values()):  # fmt: skip
        assert words in licence
    assert sum(path.stat().st_size for path in mnist.SHIPPED.glob("*.xz")) < 9_200_000


def test_real_data_by_name(real):
    data = load_data("mnist")
    assert (data.x_train.shape, data.x_test.shape, data.image_shape) == ((60000, 784), (10000, 784), (1, 28, 28))
    assert isinstance(data.x_train, Pixels)
    assert (data.classes, data.t_train.dtype, data.t_train[0]) == (10, np.int64, 5)


def test_forms(small):
    x, t, _, t_test = original(small)
    (x_train, t_train), (_, one_hot) = load_mnist(flatten=False, one_hot_label=True)
    assert (x_train.shape, x_train.dtype) == ((60, 1, 4, 4), np.float32)
    np.testing.assert_array_equal(x_train[:, 0], x.astype(np.float32) / np.float32(255))
    assert (t_train.shape, t_train.dtype, one_hot.shape) == ((60, 10), np.float64, (10, 10))
    np.testing.assert_array_equal(t_train.argmax(axis=1), t)
    assert t_train.sum() == 60
    (x_train, t_train), (x_test, labels) = load_mnist(False, True, False)
    np.testing.assert_array_equal(x_train, x.reshape(60, 16), strict=True)
    np.testing.assert_array_equal(labels, t_test, strict=True)
    (p_train, p_labels), (p_test, _) = load_mnist_pixels()
    np.testing.assert_array_equal(p_train.values, x_train, strict=True)
    np.testing.assert_array_equal(p_labels, t_train, strict=True)
    assert p_test.shape == x_test.shape
    assert load_mnist_pixels(flatten=False)[0][0].shape == (60, 1, 4, 4)


def test_what_users_write_stays_with_them(small):
    for _ in range(2):  # when the cache has just been made, and when it is mapped
        for normalize in (True, False):
            for pair in load_mnist(normalize=normalize):
                for array in pair:
                    assert type(array) is np.ndarray
                    array[...] = 3
        assert_right(small, verify=True)


def test_the_second_load_neither_unpacks_nor_sums_nor_writes(small, monkeypatch):
    load_mnist()
    before = {path: path.stat().st_mtime_ns for path in small.iterdir()}
    for name in ("_unpack", "_md5", "write_atomically"):
        monkeypatch.setattr(mnist, name, None)
    assert_right(small)
    assert {path: path.stat().st_mtime_ns for path in small.iterdir()} == before
    assert sorted(path.name for path in before) == sorted([*mnist.FILES, "stamp.json"])


IMAGES = "train-images-idx3-ubyte"


def flip(path, at=-1):
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def to_folder(path):
    path.unlink()
    path.mkdir()


DAMAGE = {
    "half-written": (lambda f: os.truncate(f / IMAGES, 400), "has 400 bytes, expected 976"),
    "emptied": (lambda f: os.truncate(f / "t10k-labels-idx1-ubyte", 0), "has 0 bytes, expected 18"),
    "grown": (lambda f: os.truncate(f / IMAGES, 2000), "has 2,000 bytes, expected 976"),
    "a bit changed": (lambda f: flip(f / IMAGES), "does not hold the bytes of MNIST"),
    "a header changed": (lambda f: flip(f / IMAGES, 3), "does not hold the bytes of MNIST"),
    "zeros": (lambda f: (f / IMAGES).write_bytes(bytes(976)), "does not hold the bytes of MNIST"),
    "files exchanged": (lambda f: (f / IMAGES).write_bytes((f / "t10k-images-idx3-ubyte").read_bytes()), "has 176 b"),
    "a link to itself": (lambda f: ((f / IMAGES).unlink(), (f / IMAGES).symlink_to(f / IMAGES)), "symbolic links"),
    "a pipe": (lambda f: ((f / IMAGES).unlink(), os.mkfifo(f / IMAGES)), "is no file"),
}


@pytest.mark.parametrize(("damage", "words"), DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_cache_heals_with_a_word(small, damage, words):
    load_mnist()
    damage(small)
    with pytest.warns(CacheWarning, match=f"was damaged and has been made again: .*{words}") as caught:
        assert_right(small)
    assert len(caught) == 1
    assert "\n" not in str(caught[0].message)
    assert_right(small, verify=True)  # healed: no warning, or this test would fail


STAMPS = {
    "gone": lambda stamp: stamp.unlink(),
    "half-written": lambda stamp: os.truncate(stamp, 20),
    "rubbish": lambda stamp: stamp.write_bytes(b"\xff\xfe\0"),
    "another thing": lambda stamp: stamp.write_text("[1, 2]"),
    "deep": lambda stamp: stamp.write_text("[" * 100_000),
    "wrong": lambda stamp: stamp.write_text(json.dumps({name: [1, 2] for name in mnist.FILES})),
}


@pytest.mark.parametrize("damage", STAMPS.values(), ids=STAMPS)
def test_without_a_right_stamp_the_sums_decide(small, damage, monkeypatch):
    load_mnist()
    damage(small / "stamp.json")
    with monkeypatch.context() as patch:
        patch.setattr(mnist, "_unpack", None)
        assert_right(small)  # the files were right: summed, stamped, not unpacked
        patch.setattr(mnist, "_md5", None)
        assert_right(small)
    damage(small / "stamp.json")
    flip(small / IMAGES)
    with pytest.warns(CacheWarning, match="has been made again"):
        assert_right(small)


def test_only_verify_sees_a_change_that_kept_size_and_time(small):
    load_mnist()
    times = (small / IMAGES).stat()
    flip(small / IMAGES)
    os.utime(small / IMAGES, ns=(times.st_atime_ns, times.st_mtime_ns))
    load_mnist()
    with pytest.warns(CacheWarning, match="does not hold the bytes of MNIST"):
        assert_right(small, verify=True)
    assert_right(small)


def test_a_cleared_cache_is_made_again_without_a_word(small):
    load_mnist()
    (small / IMAGES).unlink()
    assert_right(small)
    assert (small / IMAGES).exists()


def deny(*_):
    raise PermissionError(13, "Permission denied")


def fill_up(*_, **__):
    raise OSError(28, "No space left on device")


UNUSABLE = {
    "a file in its place": (lambda f, _: (f.parent.mkdir(), f.write_text("")), "directory|exists"),
    "a file above it": (lambda f, _: f.parent.write_text(""), "directory"),
    "a link to nowhere": (lambda f, _: f.parent.symlink_to(f.parents[1] / "no" / "where"), "File exists|No such"),
    "a folder for a file": (lambda f, _: (load_mnist(), to_folder(f / IMAGES)), "directory"),
    "read-only": (lambda _, patch: patch.setattr(mnist, "write_atomically", deny), "Permission denied"),
    "disk full": (lambda _, patch: patch.setattr(mnist, "write_atomically", fill_up), "No space left on device"),
    "a name too long": (lambda _, patch: patch.setenv("BADAK_CACHE", "x" * 5000), "too long"),
    "no memory map": (lambda _, patch: patch.setattr(np, "memmap", fill_up), "No space left"),
}


@pytest.mark.parametrize(("spoil", "words"), UNUSABLE.values(), ids=UNUSABLE)
def test_an_unusable_cache_is_passed_over_with_a_word(small, spoil, words, monkeypatch):
    spoil(small, monkeypatch)
    for _ in range(2):
        with pytest.warns(CacheWarning, match=f"cannot be used, .*({words})") as caught:
            assert_right(small)
        assert len(caught) == 1
        assert caught[0].filename == __file__  # the word points at the caller, here assert_right
    with pytest.warns(CacheWarning):
        load_mnist(normalize=False)[0][0][...] = 0  # writable as ever


def test_a_right_cache_that_may_only_be_read_is_used_without_a_word(small, monkeypatch):
    load_mnist()
    (small / "stamp.json").unlink()
    monkeypatch.setattr(mnist, "write_atomically", deny)
    monkeypatch.setattr(mnist, "_unpack", None)
    assert_right(small)


def test_what_a_killed_process_left_is_swept(small):
    small.mkdir(parents=True)
    old, new = small / f".{IMAGES}.abc", small / f".{IMAGES}.def"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200,) * 2)
    assert_right(small)
    assert not old.exists()
    assert new.exists()  # perhaps of a process at work


SHIPPED_DAMAGE = {
    "missing": (lambda path: path.unlink(), "cannot be read"),
    "cut": (lambda path: os.truncate(path, 200), "is damaged"),
    "no xz": (lambda path: path.write_bytes(b"rubbish"), "cannot be read"),
    "empty": (lambda path: path.write_bytes(b""), "is damaged"),
    "other data": (lambda path: path.write_bytes(lzma.compress(bytes(976))), "is damaged"),
    "a bomb": (lambda path: path.write_bytes(lzma.compress(bytes(10**7))), "is damaged"),
}


@pytest.mark.parametrize(("damage", "words"), SHIPPED_DAMAGE.values(), ids=SHIPPED_DAMAGE)
def test_a_damaged_installation_is_named_and_leaves_no_cache(small, damage, words):
    path = mnist.SHIPPED / f"{IMAGES}.xz"
    damage(path)
    with pytest.raises(OSError, match=f"{IMAGES}.xz: this file of badak {words}.*install badak again"):
        load_mnist()
    assert not small.exists()


def test_the_cache_lies_in_the_users_cache_folder(monkeypatch, tmp_path):
    import platformdirs

    for unset in ("delete", "empty"):
        monkeypatch.setenv("BADAK_CACHE", "") if unset == "empty" else monkeypatch.delenv("BADAK_CACHE", raising=False)
        assert mnist.cache_folder().parts[-2:] == ("badak", "mnist")
        assert str(mnist.cache_folder()).startswith(platformdirs.user_cache_dir())
    monkeypatch.setenv("BADAK_CACHE", str(tmp_path))
    assert mnist.cache_folder() == tmp_path / "mnist"


PROGRAM = """
    import hashlib, sys
    from badak.data import load_mnist
    sys.stdin.readline()
    arrays = [a for pair in load_mnist(normalize=False) for a in pair]
    print(*(hashlib.md5(a).hexdigest() for a in arrays))
"""


def start(program, cache):
    environment = os.environ | {"BADAK_CACHE": str(cache), "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(program)],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_processes_that_start_at_once_do_not_spoil_it(tmp_path, real):
    expected = " ".join(hashlib.md5(a).hexdigest() for pair in load_mnist(normalize=False) for a in pair) + "\n"
    processes = [start(PROGRAM, tmp_path) for _ in range(3)]
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    for process in processes:
        assert process.communicate(timeout=120) == (expected, "")
    assert sorted(path.name for path in (tmp_path / "mnist").iterdir()) == sorted([*mnist.FILES, "stamp.json"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        os.environ["BADAK_CACHE"] = str(tmp_path)  # put back by the fixture
        load_mnist(verify=True)


FULL = """
    import hashlib, resource, warnings
    resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))  # no file may grow beyond a megabyte
    from badak.data import load_mnist
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        (x, t), _ = load_mnist(normalize=False)
    print(len(caught), caught[0].message, hashlib.md5(x).hexdigest(), hashlib.md5(t).hexdigest())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file sizes can be limited on POSIX alone")
def test_a_real_failure_to_write_leaves_nothing_behind(tmp_path, real):
    out, error = start(FULL, tmp_path).communicate(timeout=120)
    assert error == ""
    assert out.startswith("1 the MNIST cache cannot be used, so each load takes about a second: ")
    (x, t), _ = load_mnist(normalize=False)
    assert out.split()[-2:] == [hashlib.md5(x).hexdigest(), hashlib.md5(t).hexdigest()]
    assert not list((tmp_path / "mnist").iterdir())


def test_importing_it_imports_numpy_and_the_standard_library_alone():
    program = """
        import sys, numpy.random
        before = set(sys.modules)
        import badak.data, badak.data.mnist
        new = {name.partition(".")[0] for name in set(sys.modules) - before}
        print(sorted(new - set(sys.stdlib_module_names) - {"badak", "numpy"}))
    """
    process = start(program, "unused")
    assert process.communicate(timeout=60) == ("[]\n", "")
