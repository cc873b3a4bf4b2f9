"""Anyone's own data from an `.npz` file with x_train, t_train, x_test, t_test. Imports NumPy alone."""

import lzma
import math
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from badak.data.idx import HARMLESS, MOST_BYTES, MOST_DIMENSIONS, MOST_RATIO, StrPath
from badak.data.sets import Data, make_data
from badak.reading import open_regular
from badak.types import Array

KEYS = ("x_train", "t_train", "x_test", "t_test")


def load_npz(path: StrPath, *, max_bytes: int = MOST_BYTES) -> Data:
    """Read an `.npz` as `numpy.savez` writes it.

    x: (N, D), (N, H, W) or (N, C, H, W); uint8 (0 to 255) becomes Pixels, other numbers float32 as they are.
    t: (N,) integers from 0, or one-hot (N, C). Other arrays in the file are left alone. Nothing is unpickled.
    max_bytes: the largest that one array may be.

    Raises FileNotFoundError (or another OSError) if the file cannot be read; ValueError if it is no `.npz`,
    lacks an array, is damaged, or holds wrong shapes or values; TypeError for wrong element types.
    """
    path = Path(path)
    with open_regular(path) as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{path}: not an .npz file (numpy.savez writes one)")
        try:
            with zipfile.ZipFile(file) as archive:
                return _read(archive, path, max_bytes)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError, KeyError) as error:
            raise ValueError(f"{path}: the .npz file is damaged ({error})") from None


@dataclass(frozen=True)
class _Promise:
    """What the header of an array says, held against its place in the file, before anything is unpacked."""

    entry: zipfile.ZipInfo
    what: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    fortran_order: bool
    start: int

    @property
    def needed(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def _read(archive: zipfile.ZipFile, path: Path, max_bytes: int) -> Data:
    names = archive.namelist()
    there = [name.removesuffix(".npy") for name in names if name.endswith(".npy")]
    if missing := [key for key in KEYS if key not in there]:
        raise ValueError(
            f"{path}: missing {', '.join(missing)}; expected {', '.join(KEYS)}, "
            f"the file has {', '.join(name[:100] for name in there[:20]) or 'nothing'}"
        )
    promises = {}
    for key in KEYS:
        entry = archive.getinfo(f"{key}.npy")
        with archive.open(entry) as member:
            promises[key] = _read_header(member, entry, f"{path}: {key}", max_bytes)
    _check_promises(promises, path)
    # What unpacks to much more than the file is first looked through without being kept: it may be refused at its end.
    if sum(p.needed for p in promises.values()) > HARMLESS + 4 * path.stat().st_size:
        for promise in promises.values():
            for piece in _pieces(archive, promise):
                _check_piece(piece, promise)
    return make_data(str(path), **{key: _read_array(archive, promise) for key, promise in promises.items()})


def _read_header(file: IO[bytes], entry: zipfile.ZipInfo, what: str, max_bytes: int) -> _Promise:
    """Read the header of one array, and hold it against the array's size: a header may promise anything."""
    try:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran_order, dtype = read_header(file)
    except (ValueError, KeyError, TypeError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueError(f"{what} is not a NumPy array ({str(error)[:200]})") from None
    if dtype.hasobject:
        raise TypeError(f"{what} holds Python objects, which are not read; expected numbers")
    if dtype.kind not in "biuf":
        raise TypeError(f"{what} must hold numbers, not {str(dtype)[:200]}")
    if len(shape) > MOST_DIMENSIONS:
        raise ValueError(f"{what} has {len(shape)} dimensions; at most {MOST_DIMENSIONS} are read")
    if any(n < 1 for n in shape):
        raise ValueError(f"{what} is empty: its shape is {shape}")
    promise = _Promise(entry, what, shape, dtype, fortran_order, file.tell())
    if promise.needed > max_bytes:
        words = f"needs {promise.needed:,} bytes; at most {max_bytes:,} are read"
        raise ValueError(f"{what}: an array of shape {shape} {words}")
    there = entry.file_size - promise.start
    if promise.needed != there:
        words = f"needs {promise.needed:,} bytes, the file has {there:,}"
        raise ValueError(f"{what}: an array of shape {shape} and {dtype} {words}")
    if promise.needed > max(HARMLESS, MOST_RATIO * entry.compress_size):
        raise ValueError(
            f"{what}: {entry.compress_size:,} bytes would unpack to {promise.needed:,}; at most {MOST_RATIO} times as "
            f"many are read"
        )
    return promise


def _check_promises(promises: dict[str, _Promise], path: Path) -> None:
    """Raise ValueError for shapes that no data set has: `make_data` would, after all was unpacked."""
    for part in ("train", "test"):
        x, t = promises[f"x_{part}"], promises[f"t_{part}"]
        if not 2 <= len(x.shape) <= 4:
            raise ValueError(f"{x.what} has the shape {x.shape}; expected (N, D), (N, H, W) or (N, C, H, W)")
        if len(t.shape) not in (1, 2):
            raise ValueError(f"{t.what} has the shape {t.shape}; expected (N,), or one-hot (N, C)")
        if len(t.shape) == 1 and t.dtype.kind not in "iu":
            raise TypeError(f"{t.what} must be integers, not {t.dtype}")
        if x.shape[0] != t.shape[0]:
            raise ValueError(f"{path}: x_{part} has {x.shape[0]:,} rows, t_{part} has {t.shape[0]:,}")
    train, test = promises["x_train"].shape[1:], promises["x_test"].shape[1:]
    if train != test:
        raise ValueError(f"{path}: a row of x_train has the shape {train}, one of x_test {test}")


def _pieces(archive: zipfile.ZipFile, promise: _Promise) -> Iterator[bytes]:
    """Give the bytes of an array in pieces: what the zip directory says of the size may be a lie too."""
    left = promise.needed
    with archive.open(promise.entry) as member:
        member.read(promise.start)
        while left and (piece := member.read(min(2**20, left))):
            left -= len(piece)
            yield piece
        if left:
            found = promise.needed - left
            raise ValueError(f"{promise.what}: truncated: {promise.needed:,} bytes expected, {found:,} found")
        member.read(1)  # at the end its checksum is compared


def _check_piece(piece: bytes, promise: _Promise) -> None:
    """Raise ValueError for numbers that `make_data` would refuse: none that are finite, or no labels."""
    values = np.frombuffer(piece[: len(piece) // promise.dtype.itemsize * promise.dtype.itemsize], promise.dtype)
    if promise.dtype.kind == "f" and not np.isfinite(values).all():
        raise ValueError(f"{promise.what} must be finite float32 numbers")
    if len(promise.shape) == 1 and values.size and not 0 <= values.min() <= values.max() < 10_000:
        raise ValueError(f"{promise.what} must be labels from 0 to 9,999")


def _read_array(archive: zipfile.ZipFile, promise: _Promise) -> Array:
    raw = bytearray()
    for piece in _pieces(archive, promise):
        raw += piece
    values = np.frombuffer(raw, promise.dtype)
    return values.reshape(promise.shape, order="F" if promise.fortran_order else "C")
