"""Runs on disk: weights (safetensors), history (a JSON object a line), configuration (TOML).

Each file is written beside its place and then moved there, so that a full disk or a crash leaves the old file or
none, never half of one. Nothing that is read is ever run.
"""

import contextlib
import errno
import io
import json
import math
import os
import re
import stat
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from badak.reading import load_json, read_regular
from badak.types import Array

MODEL, HISTORY, CONFIG, CURVES = "model.safetensors", "history.jsonl", "config.toml", "curves.png"
FORMAT = 1
MOST_CONFIG, MOST_NESTED_CONFIG = 65_536, 16
"""Bytes of a configuration, and tables or lists in one another; ours have 1 kB and 2."""
MOST_HISTORY, MOST_LINE = 50_000_000, 1_000_000
"""Bytes of a history and of one record in it; a record of a net of 50 layers has 20 kB."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` to `path`, wholly or not at all. Raises OSError as the system gives it."""
    import tempfile

    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if os.name == "posix":  # mkstemp makes files that only their owner may read
            mask = os.umask(0)
            os.umask(mask)
            os.chmod(name, 0o666 & ~mask)
        os.replace(name, path)
        _sync(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError) and error.errno is not None:  # a full disk is said without a name otherwise
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def _sync(folder: Path) -> None:
    """Have the system write the folder itself: until then a rename may be lost with the power."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        # Some file systems cannot, and keep their renames by other means.
        with contextlib.suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)


def fresh_folder() -> Path:
    """Make a folder `runs/<time>` for a new run and return it; one that is taken gets a number behind its name.

    Making it is what reserves the name: two that start in the same second get two folders.
    """
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    for number in range(1, 1000):
        folder = Path("runs", stamp if number == 1 else f"{stamp}-{number}")
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            return folder
    raise FileExistsError(f"no folder could be made for the run: runs/{stamp} and all its numbers are taken")


def new_folder(out: str | os.PathLike[str]) -> Path:
    """Make the folder of a new run; its parents are made as needed. Raises as `refuse_other_run`.

    From then on nothing is written through this path once another folder, or a link to one, stands there.
    """
    refuse_other_run(out)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(folder)
    _folders[folder] = _identity(folder)
    return folder


def refuse_other_run(out: str | os.PathLike[str]) -> None:
    """Raise FileExistsError where the folder `out` holds another run, NotADirectoryError where it is a file.

    A configuration alone is what a run leaves that was ended before its first record: nothing would be lost.
    """
    folder = Path(out)
    if os.path.lexists(folder) and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; a run needs a folder")
    held = [name for name in (MODEL, HISTORY) if os.path.lexists(folder / name)]
    if held:
        raise FileExistsError(f"{folder} holds another run already ({', '.join(held)}): choose another folder")


STALE = 60.0
"""Seconds after which a file that was being written is taken for one that a run, ended by force, left behind."""
_folders: dict[Path, tuple[int, int]] = {}


def _identity(folder: Path) -> tuple[int, int]:
    held = folder.stat()
    return held.st_dev, held.st_ino


def _same(folder: Path) -> Path:
    """Give the folder. Raises OSError where another one, or a link, took the place of that of a run."""
    known = _folders.get(folder)
    if known is not None and _identity(folder) != known:
        raise OSError(f"{folder} is not the folder that this run began in: it was replaced; nothing is written there")
    return folder


def _remove_leftovers(folder: Path) -> None:
    """Remove the unfinished files of a run that was ended by force."""
    for name in (MODEL, HISTORY, CONFIG, CURVES):
        for path in folder.glob(f".{name}.*"):
            with contextlib.suppress(OSError):
                if time.time() - path.lstat().st_mtime > STALE:
                    path.unlink()


def save_model(path: Path, tensors: Mapping[str, Array], make_up: Mapping[str, Any]) -> None:
    """Write `tensors` by name, and the network's make-up as one sorted JSON string under the key `badak`.

    One key, because safetensors writes several in random order, and the same run must give the same bytes.
    """
    from safetensors.numpy import save

    # safetensors writes a column-major array's memory as it lies, under the shape of a row-major one.
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    metadata = {"badak": json.dumps({"format": FORMAT, **make_up}, sort_keys=True)}
    _same(path.parent)
    write_atomically(path, save(arrays, metadata))


def load_model(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, Any]]:
    """Give the tensors and the make-up of a model file, or of a run folder that holds one.

    Raises FileNotFoundError for neither, ValueError for a file that is damaged or of another program.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if path.is_dir():
        if not (path / MODEL).exists():
            raise FileNotFoundError(f"{path} is no run folder: it holds no {MODEL}")
        path = path / MODEL
    if not path.is_file():
        raise FileNotFoundError(f"there is no run folder or model file {path}")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is no safetensors file, or a damaged one: {error}") from None
    if "badak" not in metadata:
        raise ValueError(f"{path} was written by another program: it has no description of a badak network")
    try:
        make_up = load_json(metadata["badak"], "it")
    except ValueError as error:
        raise ValueError(f"{path}: the description of the network is damaged: {error}") from None
    if not isinstance(make_up, dict) or make_up.get("format") != FORMAT:
        raise ValueError(f"{path} has another format than this badak reads ({FORMAT})")
    return tensors, make_up


def write_history(folder: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write `history.jsonl`: one object a record; numbers that JSON has no word for (NaN, infinity) become null."""
    lines = [json.dumps(_finite(record), sort_keys=False, allow_nan=False) for record in records]
    write_atomically(_same(folder) / HISTORY, "".join(line + "\n" for line in lines).encode())


def append_history(folder: Path, record: Mapping[str, Any]) -> None:
    """Add one record to `history.jsonl`: a whole line or, where the disk is full, none. Raises OSError."""
    path = _same(folder) / HISTORY
    line = (json.dumps(_finite(record), allow_nan=False) + "\n").encode()
    # Neither through a link nor into a FIFO, which somebody may have put there since.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY", "O_CLOEXEC"):
        flags |= getattr(os, name, 0)
    with open(os.open(path, flags, 0o666), "ab", buffering=0) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(f"{path} is no regular file any more")
        before = file.seek(0, os.SEEK_END)
        if file.write(line) != len(line):
            file.truncate(before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def read_history(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Give the records of a run folder. Raises FileNotFoundError or ValueError, naming the line that is damaged."""
    path = Path(folder) / HISTORY
    if not path.exists():
        raise FileNotFoundError(f"{folder} is no run folder: it holds no {HISTORY}")
    content = read_regular(path, MOST_HISTORY)
    # A long file is looked through before anything of it is kept: objects take many times the room of their text.
    if len(content) > MOST_LINE:
        for number, line in enumerate(io.BytesIO(content), 1):
            _record(path, number, line)
    return [_record(path, number, line) for number, line in enumerate(io.BytesIO(content), 1)]


def _record(path: Path, number: int, line: bytes) -> dict[str, Any]:
    where = f"{path}, line {number}"
    if len(line) > MOST_LINE:
        raise ValueError(f"{where}, has {len(line):,} bytes; a record has at most {MOST_LINE:,}")
    try:
        record = load_json(line, "it")
    except ValueError as error:
        raise ValueError(f"{where}, is no JSON object ({error})") from None
    if not isinstance(record, dict):
        raise ValueError(f"{where}, is no JSON object")
    return record


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write `config.toml`; TOML has no null, so what is None is left out."""
    import tomli_w

    plain = {k: v for k, v in config.items() if v is not None}
    write_atomically(_same(folder) / CONFIG, tomli_w.dumps(plain).encode())


def read_config(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Give the configuration of a run folder. Raises FileNotFoundError or ValueError."""
    import tomllib

    path = Path(folder) / CONFIG
    if not path.exists():
        raise FileNotFoundError(f"{folder} is no run folder: it holds no {CONFIG}")
    try:
        text = read_regular(path, MOST_CONFIG).decode()
        _refuse_depth(text)
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error}") from None


_TOKENS = re.compile(r"'[^'\n]*'|\"(?:[^\"\\\n]|\\.)*\"|[A-Za-z0-9_-]+|[^\s]")


def _refuse_depth(text: str) -> None:
    """Raise ValueError for brackets too deep, or names of too many parts (a.b.c…), at which tomllib is slow."""
    level = parts = 0
    for match in _TOKENS.finditer(text):
        token = match.group()
        if token in "[{":
            level += 1
        elif token in "]}":
            level = max(0, level - 1)
        parts = parts + 1 if token == "." else parts if token[0].isalnum() or token[0] in "_-'\"" else 0
        if max(level, parts) > MOST_NESTED_CONFIG:
            raise ValueError(f"it nests more than {MOST_NESTED_CONFIG} deep")


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
