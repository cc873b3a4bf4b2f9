"""Data: MNIST in the package, the UCI digits, anyone's IDX files or `.npz`. One door: `load_data`.

Imports nothing: each source, and what it needs, is imported when it is first asked for.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from badak.data.digits import load_digits
    from badak.data.idx import load_idx_folder, read_idx, write_idx
    from badak.data.mnist import CacheWarning, load_mnist, load_mnist_pixels
    from badak.data.npz import load_npz
    from badak.data.pixels import Pixels
    from badak.data.sets import Data, make_data

__all__ = [
    "CacheWarning",
    "Data",
    "Pixels",
    "load_data",
    "load_digits",
    "load_idx_folder",
    "load_mnist",
    "load_mnist_pixels",
    "load_npz",
    "make_data",
    "read_idx",
    "write_idx",
]

_HOMES = {
    "digits": ("load_digits",),
    "idx": ("load_idx_folder", "read_idx", "write_idx"),
    "mnist": ("CacheWarning", "load_mnist", "load_mnist_pixels"),
    "npz": ("load_npz",),
    "pixels": ("Pixels",),
    "sets": ("Data", "make_data"),
}


def __getattr__(name: str) -> Any:
    """Import the module that `name` lives in; so `import badak` need not read them all."""
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"badak.data.{module}"), name)
    raise AttributeError(f"module 'badak.data' has no attribute {name!r}")


def load_data(name: str | os.PathLike[str]) -> "Data":
    """Give the data called `name`: "mnist", "digits", a folder of four IDX files, or the path of an `.npz`.

    Raises TypeError if `name` is neither text nor a path, FileNotFoundError if nothing is called so, and what
    the reader of the source raises (`load_idx_folder`, `load_npz`, `load_digits`).
    """
    from pathlib import Path

    from badak.data.digits import load_digits
    from badak.data.idx import load_idx_folder
    from badak.data.mnist import load_mnist
    from badak.data.npz import load_npz
    from badak.data.sets import make_data

    if not isinstance(name, str | os.PathLike):
        raise TypeError(f"data must be given by name or path, not {type(name).__name__}")
    if name == "mnist":
        (x_train, t_train), (x_test, t_test) = load_mnist(normalize=False, flatten=False)
        return make_data("mnist", x_train, t_train, x_test, t_test)
    if name == "digits":
        return load_digits()
    path = Path(name)
    if path.is_dir():
        (x_train, t_train), (x_test, t_test) = load_idx_folder(path)
        return make_data(str(path), x_train, t_train, x_test, t_test)
    if path.is_file() and path.suffix != ".npz":
        raise ValueError(f"{path} is a file, but no .npz; {_CHOICES}")
    if path.is_file():
        return load_npz(path)
    raise FileNotFoundError(f"there are no data {os.fspath(name)!r}; {_CHOICES}")


_CHOICES = "expected mnist, digits, a folder of four IDX files, or an .npz with x_train, t_train, x_test, t_test"
