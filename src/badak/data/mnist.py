"""MNIST: 60,000 + 10,000 handwritten digits, from the package itself, with no network. Imports NumPy alone.

The four IDX files lie beside this module, compressed with xz; who made them and under which terms is told in
`LICENSE.mnist.txt`. The first load unpacks them into the user's cache folder; later ones map that copy.
"""

import contextlib
import json
import math
import os
import stat
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from badak.data.pixels import Pixels
from badak.reading import load_json, read_regular
from badak.store import write_atomically
from badak.types import Array, FloatArray

Bytes = NDArray[np.uint8]

FILES = {  # name: md5 of the bytes as they were first published, shape of the array behind the header
    "train-images-idx3-ubyte": ("6bbc9ace898e44ae57da46a324031adb", (60000, 28, 28)),
    "train-labels-idx1-ubyte": ("a25bea736e30d166cdddb491f175f624", (60000,)),
    "t10k-images-idx3-ubyte": ("2646ac647ad5339dbf082846283269ea", (10000, 28, 28)),
    "t10k-labels-idx1-ubyte": ("27ae3e4e09519cfbb04c329615203637", (10000,)),
}
SHIPPED = Path(__file__).parent
STAMP = "stamp.json"


class CacheWarning(UserWarning):
    """The cache was damaged and made again, or cannot be used and is passed over; the data are right."""


def load_mnist(
    normalize: bool = True, flatten: bool = True, one_hot_label: bool = False, *, verify: bool = False
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """Give `(x_train, t_train), (x_test, t_test)`: 60,000 and 10,000 images, as in the book.

    normalize: float32 from 0 to 1, else uint8 from 0 to 255.
    flatten: images of shape (N, 784), else (N, 1, 28, 28).
    one_hot_label: labels as float64 (N, 10), else uint8 (N,).
    verify: hold every byte of the cache against its md5 sum first; else sizes and times alone.

    The arrays are the caller's own: writing into them changes neither the cache nor what the next call gives.
    A cache that is damaged or cannot be used leads to a CacheWarning, never to an error or to other data.
    Raises OSError if the files of the installation itself are damaged.
    """
    splits = []
    for images, labels in _arrays(verify):
        x = images.reshape(len(images), -1) if flatten else images[:, np.newaxis]
        splits.append((Pixels(x)[...] if normalize else x, _one_hot(labels) if one_hot_label else labels))
    return splits[0], splits[1]


def load_mnist_pixels(
    flatten: bool = True, *, verify: bool = False
) -> tuple[tuple[Pixels, Bytes], tuple[Pixels, Bytes]]:
    """As `load_mnist`, the images as Pixels: bytes in memory, float32 from 0 to 1 on reading. Labels uint8."""
    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=False, flatten=flatten, verify=verify)
    return (Pixels(x_train), t_train), (Pixels(x_test), t_test)


def cache_folder() -> Path | None:
    """Give the folder of the unpacked files: in `$BADAK_CACHE`, else in the user's cache folder; None without one."""
    if chosen := os.environ.get("BADAK_CACHE"):
        return Path(chosen) / "mnist"
    try:
        from platformdirs import user_cache_dir
    except ImportError:  # in the browser's Python, whose files do not outlive the page
        return None

    return Path(user_cache_dir("badak", appauthor=False)) / "mnist"


def _one_hot(labels: Bytes) -> FloatArray:
    return np.eye(10)[labels]


def _arrays(verify: bool) -> list[tuple[Bytes, Bytes]]:
    """Give (images, labels) of train and test, from the cache if that is possible."""
    folder = cache_folder()
    if folder is None:
        return _in_memory(_unpack())
    damage = None
    try:
        return _pairs(_map(folder, verify))
    except FileNotFoundError:
        pass  # the first time, or the cache has been cleared
    except (OSError, ValueError) as error:
        damage = error
    unpacked = _unpack()
    try:
        _fill(folder, unpacked)
        arrays = _map(folder, verify=False)
    except (OSError, ValueError) as error:
        _warn(f"the MNIST cache cannot be used, so each load takes about a second: {error}")
        return _in_memory(unpacked)
    if damage:
        _warn(f"the MNIST cache was damaged and has been made again: {damage}")
    return _pairs(arrays)


def _warn(sentence: str) -> None:
    warnings.warn(sentence, CacheWarning, stacklevel=4)  # where load_mnist was called


def _pairs(arrays: dict[str, Bytes]) -> list[tuple[Bytes, Bytes]]:
    train_images, train_labels, test_images, test_labels = (arrays[name] for name in FILES)
    return [(train_images, train_labels), (test_images, test_labels)]


def _in_memory(unpacked: dict[str, bytes]) -> list[tuple[Bytes, Bytes]]:
    """Give the pairs from the unpacked files alone, in memory of the caller's own."""
    return _pairs(
        {name: _behind_header(name, np.frombuffer(bytearray(raw), np.uint8)) for name, raw in unpacked.items()}
    )


def _behind_header(name: str, whole: Bytes) -> Bytes:
    shape = FILES[name][1]
    return whole[4 + 4 * len(shape) :].reshape(shape)


def _size(name: str) -> int:
    shape = FILES[name][1]
    return 4 + 4 * len(shape) + math.prod(shape)


def _md5(data: bytes | memoryview) -> str:
    import hashlib

    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _map(folder: Path, verify: bool) -> dict[str, Bytes]:
    """Map the cached files into memory. OSError or ValueError, naming the file, if one is missing or wrong.

    The stamp tells size and time of each file as it was when its sum was last right; a file that differs
    from its stamp, or has none, is summed again.
    """
    stamp = _read_stamp(folder)
    seen: dict[str, list[int]] = {}
    arrays = {}
    for name, (md5, _) in FILES.items():
        path = folder / name
        if not stat.S_ISREG(path.stat().st_mode):
            raise ValueError(f"{path} is no file")
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            if found.st_size != _size(name):
                raise ValueError(f"{path} has {found.st_size:,} bytes, expected {_size(name):,}")
            seen[name] = [found.st_size, found.st_mtime_ns]
            # Copy on write: what the caller writes stays in this process and never reaches the file.
            whole = np.asarray(np.memmap(file, np.uint8, mode="c"))
        if (verify or stamp.get(name) != seen[name]) and _md5(whole.data) != md5:
            raise ValueError(f"{path} does not hold the bytes of MNIST (md5 {_md5(whole.data)}, expected {md5})")
        arrays[name] = _behind_header(name, whole)
    if seen != stamp:
        _write_stamp(folder, seen)
    return arrays


def _read_stamp(folder: Path) -> dict[str, list[int]]:
    try:
        stamp = load_json(read_regular(folder / STAMP, 10_000), STAMP)
    except (OSError, ValueError):
        return {}  # no stamp: the sums will tell
    return stamp if isinstance(stamp, dict) else {}


def _write_stamp(folder: Path, seen: dict[str, list[int]]) -> None:
    with contextlib.suppress(OSError):  # a cache that we may only read is right too; it is summed each time
        write_atomically(folder / STAMP, json.dumps(seen, indent=1).encode())


def _unpack() -> dict[str, bytes]:
    """Unpack the shipped files and check their sums. OSError, naming it, if one is missing or damaged."""
    if sys.platform == "emscripten":  # which has no threads
        return {name: _unpack_file(name) for name in FILES}
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(2) as pool:  # lzma and hashlib let go of the interpreter lock
        return dict(zip(FILES, pool.map(_unpack_file, FILES), strict=True))


def _unpack_file(name: str) -> bytes:
    import lzma

    path = SHIPPED / f"{name}.xz"
    try:
        raw = lzma.LZMADecompressor().decompress(path.read_bytes(), max_length=_size(name) + 1)
    except (OSError, lzma.LZMAError, EOFError) as error:
        raise OSError(f"{path}: this file of badak cannot be read ({error}); install badak again") from error
    if _md5(raw) != FILES[name][0]:
        raise OSError(f"{path}: this file of badak is damaged; install badak again")
    return raw


def _fill(folder: Path, unpacked: dict[str, bytes]) -> None:
    """Write the files that are missing or wrong, each whole or not at all. OSError if that cannot be done."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(".*-ubyte.*"):
        try:
            if time.time() - left.stat().st_mtime > 3600:  # of a process that was killed; not of one at work
                left.unlink()
        except OSError:
            pass  # another process was faster
    for name, raw in unpacked.items():
        write_atomically(folder / name, raw)
    # No stamp yet: _map sums what it finds there and stamps it, whoever wrote it.
