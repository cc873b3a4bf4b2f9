"""Runs on disk: weights (safetensors), history (a JSON object a line), configuration (TOML).

Each file is written beside its place and then moved there, so that a full disk or a crash leaves the old file or
none, never half of one. Nothing that is read is ever run.
"""

import contextlib
import errno
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from badak.types import Array

MODEL, HISTORY, CONFIG, CURVES = "model.safetensors", "history.jsonl", "config.toml", "curves.png"
FORMAT = 1


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
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(name)
        if isinstance(error, OSError) and error.errno is not None:  # a full disk is said without a name otherwise
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


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
    """Make the folder of a new run; its parents are made as needed. Raises as `refuse_other_run`."""
    refuse_other_run(out)
    Path(out).mkdir(parents=True, exist_ok=True)
    return Path(out)


def refuse_other_run(out: str | os.PathLike[str]) -> None:
    """Raise FileExistsError where the folder `out` holds another run, NotADirectoryError where it is a file."""
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; a run needs a folder")
    held = [name for name in (MODEL, HISTORY, CONFIG) if (folder / name).exists()]
    if held:
        raise FileExistsError(f"{folder} holds another run already ({', '.join(held)}): choose another folder")


def save_model(path: Path, tensors: Mapping[str, Array], make_up: Mapping[str, Any]) -> None:
    """Write `tensors` by name, and the network's make-up as one sorted JSON string under the key `badak`.

    One key, because safetensors writes several in random order, and the same run must give the same bytes.
    """
    from safetensors.numpy import save

    # safetensors writes a column-major array's memory as it lies, under the shape of a row-major one.
    arrays = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    metadata = {"badak": json.dumps({"format": FORMAT, **make_up}, sort_keys=True)}
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
        make_up = json.loads(metadata["badak"])
    except json.JSONDecodeError:
        raise ValueError(f"{path}: the description of the network is damaged") from None
    if not isinstance(make_up, dict) or make_up.get("format") != FORMAT:
        raise ValueError(f"{path} has another format than this badak reads ({FORMAT})")
    return tensors, make_up


def write_history(folder: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Write `history.jsonl`: one object a record; numbers that JSON has no word for (NaN, infinity) become null."""
    lines = [json.dumps(_finite(record), sort_keys=False, allow_nan=False) for record in records]
    write_atomically(folder / HISTORY, "".join(line + "\n" for line in lines).encode())


def append_history(folder: Path, record: Mapping[str, Any]) -> None:
    """Add one record to `history.jsonl`: a whole line or, where the disk is full, none. Raises OSError."""
    path = folder / HISTORY
    line = (json.dumps(_finite(record), allow_nan=False) + "\n").encode()
    with path.open("ab", buffering=0) as file:
        before = file.tell()
        if file.write(line) != len(line):
            file.truncate(before)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def read_history(folder: str | os.PathLike[str]) -> list[dict[str, Any]]:
    """Give the records of a run folder. Raises FileNotFoundError or ValueError, naming the line that is damaged."""
    path = Path(folder) / HISTORY
    if not path.is_file():
        raise FileNotFoundError(f"{folder} is no run folder: it holds no {HISTORY}")
    records = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError:
            record = None
        if not isinstance(record, dict):
            raise ValueError(f"{path}, line {number}, is no JSON object")
        records.append(record)
    return records


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write `config.toml`; TOML has no null, so what is None is left out."""
    import tomli_w

    plain = {k: v for k, v in config.items() if v is not None}
    write_atomically(folder / CONFIG, tomli_w.dumps(plain).encode())


def read_config(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Give the configuration of a run folder. Raises FileNotFoundError or ValueError."""
    import tomllib

    path = Path(folder) / CONFIG
    if not path.is_file():
        raise FileNotFoundError(f"{folder} is no run folder: it holds no {CONFIG}")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is damaged: {error}") from None


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
