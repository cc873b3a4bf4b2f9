"""The files that a folder stands for, and the file that a mistyped name may have meant."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

CHECKED = (".py", ".ipynb")
# What is no code of the user's, and would be run all the same: environments, what tools left behind.
LEFT_OUT = {"__pycache__", "node_modules", "site-packages", "dist-packages", "venv", "env", "build", "dist"}


def expanded(arguments: Sequence[str]) -> list[str]:
    """Put in the place of each folder the .py files and notebooks below it, sorted by path.

    Hidden folders and virtual environments are left out. A folder without any such file stays what it is.
    """
    files: list[str] = []
    for argument in arguments:
        files += (_below(argument) or [argument]) if os.path.isdir(argument) else [argument]
    return files


def _below(folder: str) -> list[str]:
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not (n in LEFT_OUT or n.startswith(".") or _environment(place, n)))
        found += [os.path.join(place, name) for name in names if name.endswith(CHECKED) and not name.startswith(".")]
    return sorted(found)


def _environment(place: str, name: str) -> bool:
    return os.path.isfile(os.path.join(place, name, "pyvenv.cfg"))


def near(path: Path) -> str | None:
    """Give the file beside whose name is most like that of one that is not there; None where none is."""
    try:
        names = [entry.name for entry in os.scandir(path.parent) if entry.name.endswith(CHECKED)]
    except OSError:
        return None
    lower = {name.lower(): name for name in names}
    found = difflib.get_close_matches(path.name.lower(), list(lower), 1, 0.7)
    return str(path.with_name(lower[found[0]])) if found else None


def absent(path: Path) -> str:
    """Say, with {name} and {near}, why there is nothing to check under a path that is no file."""
    if path.is_dir():
        return "There is no .py file and no notebook in the folder {name}."
    return "There is no file {name}; did you mean {near}?" if near(path) else "There is no file {name}."
