"""Anyone's own data from an `.npz` file with x_train, t_train, x_test, t_test. Imports NumPy alone."""

import lzma
import math
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from badak.data.idx import MOST_BYTES, StrPath
from badak.data.sets import Data, make_data
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
    with path.open("rb") as file:
        if not zipfile.is_zipfile(file):
            raise ValueError(f"{path}: not an .npz file (numpy.savez writes one)")
        try:
            with zipfile.ZipFile(file) as archive:
                return _read(archive, path, max_bytes)
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, EOFError, RuntimeError) as error:
            raise ValueError(f"{path}: the .npz file is damaged ({error})") from None


def _read(archive: zipfile.ZipFile, path: Path, max_bytes: int) -> Data:
    there = [name.removesuffix(".npy") for name in archive.namelist()]
    if missing := [key for key in KEYS if key not in there]:
        raise ValueError(
            f"{path}: missing {', '.join(missing)}; expected {', '.join(KEYS)}, "
            f"the file has {', '.join(there) or 'nothing'}"
        )
    arrays = {}
    for key in KEYS:
        entry = archive.getinfo(f"{key}.npy")
        with archive.open(entry) as member:
            arrays[key] = _read_array(member, entry.file_size, f"{path}: {key}", max_bytes)
    return make_data(str(path), **arrays)


def _read_array(file: IO[bytes], size: int, what: str, max_bytes: int) -> Array:
    """Read one array, after its header has been held against its size: a header may promise anything."""
    try:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran_order, dtype = read_header(file)
    except (ValueError, KeyError) as error:
        raise ValueError(f"{what} is not a NumPy array ({error})") from None
    if dtype.hasobject:
        raise TypeError(f"{what} holds Python objects, which are not read; expected numbers")
    if dtype.kind not in "biuf":
        raise TypeError(f"{what} must hold numbers, not {dtype}")
    if any(n < 1 for n in shape):
        raise ValueError(f"{what} is empty: its shape is {shape}")
    needed = math.prod(shape) * dtype.itemsize
    if needed > max_bytes:
        raise ValueError(f"{what}: an array of shape {shape} needs {needed:,} bytes; at most {max_bytes:,} are read")
    if needed != size - file.tell():
        raise ValueError(
            f"{what}: an array of shape {shape} and {dtype} needs {needed:,} bytes, the file has {size - file.tell():,}"
        )
    # In pieces: what the zip directory says of the size may be a lie too.
    raw = bytearray()
    while len(raw) < needed and (piece := file.read(min(2**20, needed - len(raw)))):
        raw += piece
    if len(raw) < needed:
        raise ValueError(f"{what}: truncated: {needed:,} bytes expected, {len(raw):,} found")
    values = np.frombuffer(raw, dtype)
    return values.reshape(shape, order="F" if fortran_order else "C")
