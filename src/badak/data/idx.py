"""IDX files, the form in which MNIST, Fashion-MNIST, KMNIST and EMNIST come. Imports NumPy alone.

A file is: two zero bytes, one byte for the type of the elements, one for the number of dimensions, each dimension
as a big-endian 32-bit number, then the elements, big-endian, last dimension fastest (Y. LeCun, C. Cortes,
C. J. C. Burges, "The MNIST database", section "File formats").
"""

import gzip
import math
import os
import re
import struct
import zlib
from collections.abc import Iterable
from io import BufferedIOBase
from pathlib import Path
from typing import TypeAlias

import numpy as np

from badak.reading import open_regular
from badak.store import write_atomically
from badak.types import Array, IntArray

StrPath: TypeAlias = str | os.PathLike[str]
Split: TypeAlias = tuple[tuple[Array, IntArray], tuple[Array, IntArray]]

ELEMENTS = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
CODES = {np.dtype(element).newbyteorder("="): code for code, element in ELEMENTS.items()}
MOST_DIMENSIONS = 32  # what every NumPy can hold
MOST_BYTES = 2**31  # a file of some kilobytes can unpack to terabytes; EMNIST's largest has 0.55 GB
GZIP_MAGIC = b"\x1f\x8b"
DEFLATE_LIMIT = 1032  # deflate cannot pack tighter than 1032 to 1
HARMLESS = 64_000_000  # bytes that a file may unpack to whatever its size
MOST_RATIO = 200  # to 1, beyond that: the images of MNIST pack 5 to 1, as float64 25 to 1

_NAME = re.compile(
    r"(?:(?P<prefix>.+)-)?(?P<part>train|t10k|test)-(?P<kind>images|labels)[-.]idx\d-[a-z]+(?:\.gz)?",
    re.IGNORECASE,
)


def read_idx(path: StrPath, *, max_bytes: int = MOST_BYTES) -> Array:
    """Read one IDX file, gzipped or not (its first bytes tell, not its name), into a new array.

    The array has the dimensions and the type that the file states, in the machine's own byte order.
    Nothing is allocated before the stated size has been held against the size of the file.
    max_bytes: the largest array that a gzipped file may unpack to.

    Raises FileNotFoundError (or another OSError) if the file cannot be read; ValueError if it is no IDX file,
    shorter or longer than it states, damaged, or larger than `max_bytes`.
    """
    path = Path(path)
    with open_regular(path) as file:
        on_disk = os.fstat(file.fileno()).st_size
        if file.read(2) != GZIP_MAGIC:
            file.seek(0)
            return _read_elements(file, path, on_disk)
        file.seek(0)
        room = min(on_disk * DEFLATE_LIMIT, max(HARMLESS, on_disk * MOST_RATIO), max_bytes)
        try:
            # What unpacks to much more than the file is first looked through: it may be too short at its end.
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                much = HARMLESS + 4 * on_disk < _stated(unpacked, path) <= room
            for keep in (False, True) if much else (True,):
                file.seek(0)
                with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                    found = _read_elements(unpacked, path, room, packed=True, keep=keep)
            return found
        except EOFError:
            raise ValueError(f"{path}: the gzip data end too early: the file is truncated") from None
        except (zlib.error, gzip.BadGzipFile) as error:
            raise ValueError(f"{path}: the gzip data are damaged ({error})") from None


def _stated(file: BufferedIOBase, path: Path) -> int:
    shape, element, start = _read_header(file, path)
    return start + math.prod(shape) * element.itemsize


def _read_elements(file: BufferedIOBase, path: Path, room: int, packed: bool = False, keep: bool = True) -> Array:
    """Read header and elements; `room`: what the file holds, or, if packed, the most that it may.

    Where not `keep`, they are read and forgotten, for the errors alone.
    """
    shape, element, start = _read_header(file, path)
    count = math.prod(shape)
    stated = start + count * element.itemsize
    sizes = " x ".join(map(str, shape))
    states = f"{sizes} elements of {element.itemsize} byte{'s' * (element.itemsize > 1)} need {stated:,} bytes"
    if packed and stated > room:
        raise ValueError(f"{path}: {states}; this gzip file may unpack to {room:,} bytes at the most")
    if not packed and stated > room:
        raise ValueError(f"{path}: truncated: {states}, the file has {room:,}")
    if not packed and stated < room:
        raise ValueError(f"{path}: oversized: {states}, the file has {room:,}")
    raw = np.empty(stated - start if keep else min(stated - start, 2**20), np.uint8)
    whole, filled = raw.data, 0
    while filled < stated - start:
        # In pieces, so that a packed file that ends early has cost no more memory than it filled.
        left = min(2**20, stated - start - filled)
        got = file.readinto(whole[filled : filled + left] if keep else whole[:left])
        if not got:
            raise ValueError(f"{path}: truncated: {states}, the file has {start + filled:,}")
        filled += got
    if file.read(1):
        raise ValueError(f"{path}: oversized: {states}, the file has more")
    if not keep:
        return raw
    values = raw.view(element).reshape(shape) if count else np.zeros(shape, element)
    return values.astype(element.newbyteorder("="), copy=False)


def _read_header(file: BufferedIOBase, path: Path) -> tuple[tuple[int, ...], np.dtype[np.generic], int]:
    """Give the dimensions, the type of the elements and the length of the header."""
    magic = file.read(4)
    if len(magic) < 4:
        raise ValueError(f"{path}: truncated: an IDX file begins with 4 bytes, this file has {len(magic)}")
    zeros, code, ndim = struct.unpack(">HBB", magic)
    if zeros or code not in ELEMENTS:
        raise ValueError(
            f"{path}: not an IDX file: it begins with the bytes {magic.hex(' ')}; "
            f"expected 00 00, then a type from 08, 09, 0b, 0c, 0d, 0e, then the number of dimensions"
        )
    if not 1 <= ndim <= MOST_DIMENSIONS:
        raise ValueError(f"{path}: the file states {ndim} dimensions; expected 1 to {MOST_DIMENSIONS}")
    sizes = file.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise ValueError(
            f"{path}: truncated: {ndim} dimensions need a header of {4 + 4 * ndim} bytes, the file has {4 + len(sizes)}"
        )
    shape = struct.unpack(f">{ndim}I", sizes)
    if 0 in shape and math.prod(n for n in shape if n) >= 2**60:  # empty, yet too large for NumPy
        raise ValueError(f"{path}: the file states impossible dimensions: {' x '.join(map(str, shape))}")
    return shape, np.dtype(ELEMENTS[code]), 4 + 4 * ndim


def write_idx(path: StrPath, values: Array) -> None:
    """Write an array as an IDX file, gzipped if the name ends in `.gz`; whole or not at all.

    Raises TypeError for an element type that IDX does not have, ValueError for a single number or more
    dimensions than IDX readers take, OSError if the file cannot be written.
    """
    path = Path(path)
    if not isinstance(values, np.ndarray) or values.dtype.newbyteorder("=") not in CODES:
        what = f"an array of {values.dtype}" if isinstance(values, np.ndarray) else type(values).__name__
        raise TypeError(f"an IDX file holds {', '.join(str(dtype) for dtype in CODES)}, not {what}")
    if not 1 <= values.ndim <= MOST_DIMENSIONS:
        raise ValueError(f"an IDX file has 1 to {MOST_DIMENSIONS} dimensions, not {values.ndim}")
    code = CODES[values.dtype.newbyteorder("=")]
    header = struct.pack(f">HBB{values.ndim}I", 0, code, values.ndim, *values.shape)
    body = np.ascontiguousarray(values, dtype=ELEMENTS[code]).tobytes()
    # No time and no name in the gzip header: the same array gives the same bytes.
    data = gzip.compress(header + body, mtime=0) if path.suffix == ".gz" else header + body
    write_atomically(path, data)


def load_idx_folder(folder: StrPath, *, prefix: str | None = None) -> Split:
    """Read the four files of a data set: `(x_train, t_train), (x_test, t_test)`, unchanged.

    The files carry their usual names, gzipped or not: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`,
    `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`; `.idx3` for `-idx3` and `test` for `t10k` are read
    too, and so is a prefix as EMNIST has it, `emnist-letters-train-images-idx3-ubyte`.
    prefix: `"emnist-letters"`, to choose where a folder holds several sets.
    EMNIST's images are transposed in its files; they stay so.

    x: (N, H, W) uint8 for the usual files. t: (N,), integers.
    Raises FileNotFoundError or NotADirectoryError for what is missing, naming what was looked for; ValueError
    for a file that `read_idx` refuses, several sets in one folder, or images and labels that do not fit.
    """
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: there is no such folder")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; expected a folder of four IDX files")
    files = _find_files(folder, prefix)
    train, test = (_read_pair(files[part, "images"], files[part, "labels"]) for part in ("train", "test"))
    if train[0].shape[1:] != test[0].shape[1:]:
        raise ValueError(
            f"{folder}: a training image has the shape {train[0].shape[1:]}, a test image {test[0].shape[1:]}"
        )
    return train, test


def _find_files(folder: Path, prefix: str | None) -> dict[tuple[str, str], Path]:
    """Give the four files, keyed ("train" or "test", "images" or "labels")."""
    sets: dict[str, dict[tuple[str, str], Path]] = {}
    # Sorted, so that a file and its gzipped twin always give the same choice: the one that is not packed.
    for path in sorted(folder.iterdir(), reverse=True):
        if (match := _NAME.fullmatch(path.name)) and path.is_file():
            part = "train" if match["part"].lower() == "train" else "test"
            sets.setdefault(match["prefix"] or "", {})[part, match["kind"].lower()] = path
    if prefix is None and len(sets) > 1:
        raise ValueError(f"{folder} holds several sets: {_listed(sets)}; choose one with prefix=")
    if prefix is None:
        prefix = next(iter(sets), "")
    found = sets.get(prefix, {})
    start = f"{prefix}-" if prefix else ""
    wanted = {
        (part, kind): f"{start}{name}-{kind}-idx{rank}-ubyte"
        for part, name in (("train", "train"), ("test", "t10k"))
        for kind, rank in (("images", 3), ("labels", 1))
    }
    missing = [name for key, name in wanted.items() if key not in found]
    if missing:
        raise FileNotFoundError(
            f"{folder}: missing {', '.join(missing)}; looked for {', '.join(wanted.values())}, "
            f"each also with .gz, with .idx for -idx or with test for t10k"
        )
    return found


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(repr(name) for name in names))


def _read_pair(images_path: Path, labels_path: Path) -> tuple[Array, IntArray]:
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim < 2:
        raise ValueError(f"{images_path}: images need 2 dimensions or more (N, …), these have the shape {images.shape}")
    if labels.ndim != 1:
        raise ValueError(f"{labels_path}: labels need one dimension (N,), these have the shape {labels.shape}")
    if labels.dtype.kind not in "iu":
        raise ValueError(f"{labels_path}: labels must be integers, these are {labels.dtype}")
    if len(images) != len(labels):
        raise ValueError(f"{images_path} has {len(images):,} images, {labels_path} has {len(labels):,} labels")
    if not images.size:
        raise ValueError(f"{images_path} is empty: its shape is {images.shape}")
    return images, labels
