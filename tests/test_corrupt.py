"""What anybody may have written is read, or refused with its reason, at little cost. See also benchmarks/corrupt.py."""

import gzip
import io
import json
import os
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from badak import load_network, store
from badak.book.pickles import load_pickle, read_pickle
from badak.check.load.reading import read_source
from badak.data.idx import read_idx
from badak.data.images import read_image
from badak.data.npz import load_npz
from badak.reading import MOST_NESTED, depth, load_json, open_regular, read_regular

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
if sys.platform != "win32":  # it measures with `resource`
    import corrupt
KINDS = ("idx", "gzip", "npz", "model", "image", "pickle", "history", "config", "notebook", "source")


@pytest.mark.skipif(sys.platform == "win32", reason="the measuring is POSIX's")
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_read_or_refused(kind, tmp_path):
    path = tmp_path / corrupt.READERS[kind][0]
    for content in corrupt.whole(kind):
        path.write_bytes(content)
        assert corrupt.read(kind, path) == "read"
    came = set()
    for content in corrupt.cases(kind, 150, seed=7):
        path.write_bytes(content)
        came.add(corrupt.read(kind, path))
    assert came == {"read", "refused"}


# -- cost of a refusal ----------------------------------------------------------------------------------------------


def npy(shape, descr="|u1"):
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def npz(**arrays):
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in arrays.items():
            archive.writestr(f"{name}.npy", content)
    return target.getvalue()


def noisy(size):
    """Give bytes that pack about 20 to 1: few enough for the limit, many times the file all the same."""
    blocks = np.zeros((size // 1000 + 1, 1000), np.uint8)
    blocks[:, :40] = np.random.default_rng(0).integers(0, 256, (len(blocks), 40), np.uint8)
    return blocks.tobytes()[:size]


LABELS = npy((3,)) + b"\0\1\2"


def huge_images():
    rows = 200_000
    big = npy((rows, 784)) + noisy(rows * 784)
    labels = npy((rows,), "<i8") + np.where(np.arange(rows) == rows - 1, -1, 3).astype("<i8").tobytes()
    return npz(x_train=big, t_train=labels, x_test=npy((3, 784)) + bytes(3 * 784), t_test=LABELS)


def gzipped_too_short():
    header = struct.pack(">HBB2I", 0, 8, 2, 160_000, 1000)
    return gzip.compress(header + noisy(150_000_000), 1)


def png(width, height):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    pixels = zlib.compress(bytes(width // 8 + 1) * height, 9)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


NESTED = b"[" * 100_000
SHARED = b"\x80\x04})" + b"2\x86" * 40 + b"K\x01s."
SHOWN = b"\x80\x04cnumpy\ndtype\n)" + b"2\x86" * 40 + b"\x85R."
DEAR = {
    "shared tuples as a key": ("f.pkl", lambda: SHARED, "none of the book's pickles"),
    "shared tuples in a message": ("f.pkl", lambda: SHOWN, "none of the book's pickles"),
    "nested history": ("history.jsonl", lambda: NESTED, "line 1, is no JSON object"),
    "nested configuration": ("config.toml", lambda: b"a = " + NESTED[:60_000], "nests more than 16 deep"),
    "a name of many parts": ("config.toml", lambda: b".".join([b"a"] * 20_000) + b" = 1", "nests more than 16 deep"),
    "a quoted name of many parts": ("config.toml", lambda: b".".join([b'"a"'] * 15_000) + b" = 1", "nests more than"),
    "a large configuration": ("config.toml", lambda: b"a = 1\n" * 20_000, "at most 65,536 are read"),
    "nested notebook": ("f.ipynb", lambda: NESTED, "nests brackets more than"),
    "nested brackets in a source": ("f.py", lambda: b"(" * 3000 + b")" * 3000, None),
    "minus signs in a source": ("f.py", lambda: b"x = " + b"-" * 200_000 + b"1", "nests expressions too deeply"),
    "a source without end": ("f.py", lambda: b"a = 1\n" * 100_000, "at most 400,000 are read"),
    "a nested description": (
        "f.safetensors",
        lambda: save({"W": np.ones(2)}, {"badak": "[" * 50_000}),
        "description of the network is damaged",
    ),
    "1.2 GB before a shape": (
        "f.npz",
        lambda: npz(x_train=npy((400_000_000,)) + bytes(400_000_000), t_train=LABELS, x_test=LABELS, t_test=LABELS),
        "would unpack to 400,000,000",
    ),
    "a label at the end": ("f.npz", huge_images, "t_train must be labels from 0 to 9,999"),
    "rows that differ": (
        "f.npz",
        lambda: npz(x_train=npy((150_000, 784)) + noisy(150_000 * 784), t_train=LABELS, x_test=LABELS, t_test=LABELS),
        "has 150,000 rows, t_train has 3",
    ),
    "gzip that ends early": ("f.gz", gzipped_too_short, "truncated"),
    "a picture of 49 million pixels": ("f.png", lambda: png(7000, 7000), "is enormous"),
}
MEASURE = """
import resource, sys, time
from pathlib import Path
from badak import load_network, store
from badak.book.pickles import load_pickle
from badak.check.load.reading import read_source
from badak.data.idx import read_idx
from badak.data.images import read_image
from badak.data.npz import load_npz
import PIL.Image, PIL.ImageOps, PIL.PngImagePlugin, safetensors.numpy, tomllib
path = Path(sys.argv[1])
read = {"f.pkl": load_pickle, "f.npz": load_npz, "f.gz": read_idx, "f.png": read_image, "f.safetensors": load_network,
        "history.jsonl": lambda p: store.read_history(p.parent), "config.toml": lambda p: store.read_config(p.parent),
        "f.ipynb": read_source, "f.py": read_source}[path.name]
before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
try:
    read(path)
except (ValueError, SyntaxError) as error:
    said = str(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024, time.process_time() - started)
print(said[:2000], len(said))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is in KiB on Linux alone")
@pytest.mark.parametrize(("name", "make", "words"), DEAR.values(), ids=DEAR.keys())
def test_a_refusal_costs_little(name, make, words, tmp_path):
    path = tmp_path / name
    path.write_bytes(make())
    done = subprocess.run([sys.executable, "-c", MEASURE, str(path)], capture_output=True, text=True, check=True)
    measured, said = done.stdout.split("\n", 1)
    memory, seconds = map(float, measured.split())
    assert words is None or words in said
    assert int(said.split()[-1]) < 1000
    assert memory < 64_000_000 + 4 * path.stat().st_size
    assert seconds < 2


def test_a_zip_directory_that_lies(tmp_path):
    path = tmp_path / "f.npz"
    for name in ("x_train", "x_train.npy.npy", "../x_train.npy"):
        with zipfile.ZipFile(path, "w") as archive:
            for key in ("t_train", "x_test", "t_test"):
                archive.writestr(f"{key}.npy", LABELS)
            archive.writestr(name, LABELS)
        with pytest.raises(ValueError, match="missing x_train"):
            load_npz(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="FIFOs are POSIX's")
@pytest.mark.parametrize("read", [
    lambda p: read_idx(p / "history.jsonl"), lambda p: load_npz(p / "history.jsonl"),
    lambda p: load_pickle(p / "history.jsonl"), lambda p: read_image(p / "history.jsonl"),
    lambda p: read_source(p / "history.jsonl"), store.read_history, store.read_config,
    lambda p: store.append_history(p, {"epoch": 1}),
])  # fmt: skip
def test_a_fifo_is_not_waited_for(read, tmp_path):
    os.mkfifo(tmp_path / "history.jsonl")
    os.mkfifo(tmp_path / "config.toml")
    with pytest.raises((ValueError, OSError)):
        read(tmp_path)
    with pytest.raises((ValueError, OSError)):
        load_network(tmp_path / "history.jsonl")


def test_only_regular_files_are_read_and_of_some_size(tmp_path):
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")
    (tmp_path / "f").write_bytes(b"12345")
    assert read_regular(tmp_path / "f", 5) == b"12345"
    with pytest.raises(ValueError, match="has 5 bytes; at most 4 are read"):
        read_regular(tmp_path / "f", 4)


def test_brackets_in_texts_do_not_count():
    assert depth('{"a": "[[[[", "b": [[1], [2]]}') == 3
    assert depth(r'"\"[["') == 0
    assert depth('"[[') == 0
    deep = "[" * MOST_NESTED + "]" * MOST_NESTED
    assert load_json(deep, "it") is not None
    with pytest.raises(ValueError, match=f"it nests brackets more than {MOST_NESTED} deep"):
        load_json(f"[{deep}]", "it")
    with pytest.raises(ValueError, match="it cannot be read"):
        load_json("9" * 5000, "it")


def test_a_configuration_of_ours_is_not_deep(tmp_path):
    config = {"hidden": [[1, 2], [3]], "name": "a.b.c.d " * 40, "lr": 0.5, "schedule": "warmup(1.5, [0.1, 0.2])" * 9}
    store.write_config(tmp_path, config)
    assert store.read_config(tmp_path) == config


@pytest.mark.parametrize("words", [
    b"0", b"(u", b"}(K\x01s", b"]K\x01s", b"}K\x01a", b"K\x01K\x02R", b"K\x01K\x02b", b"h\x05", b"}(\x8c\x01au",
])  # fmt: skip
def test_a_pickle_that_no_pickler_writes(words):
    with pytest.raises(ValueError, match=r"it |something"):
        read_pickle(b"\x80\x04" + words + b".")


def test_a_long_history_is_read_too(tmp_path):
    lines = [json.dumps({"iteration": n, "note": "x" * 100}) for n in range(20_000)]
    (tmp_path / store.HISTORY).write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert len(store.read_history(tmp_path)) == 20_000
    (tmp_path / store.HISTORY).write_text("\n".join([*lines, "{"]), encoding="utf-8")
    with pytest.raises(ValueError, match="line 20001, is no JSON object"):
        store.read_history(tmp_path)
