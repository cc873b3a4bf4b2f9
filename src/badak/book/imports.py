"""Finds the book's names: the reader's own file first, else the module of badak that stands for it."""

import importlib
import importlib.util
import os
import sys
from collections.abc import Iterable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from badak.book import scripts
from badak.book.mending import mended

HERE = __name__.rpartition(".")[0]
CHAPTERS = tuple(f"ch{number:02d}" for number in range(1, 9))
NAMES = {
    "common": "common",
    "dataset": "dataset",
    **{chapter: chapter for chapter in CHAPTERS},
    "gradient_2d": "ch04.gradient_2d",
    "gradient_simplenet": "ch04.gradient_simplenet",
    "layer_naive": "ch05.layer_naive",
    "simple_convnet": "ch07.simple_convnet",
    "deep_convnet": "ch08.deep_convnet",
    "two_layer_net": "",  # of chapter 4 or 5: see scripts.chapter_of
}

# What sys.path held before any code of the reader's ran: an installed package called `common` is not meant.
_system: list[str] = []


# Our modules whose classes say that they are of the book's: see _speak_as_the_book.
_renamed: dict[str, str] = {}


def set_script(path: Path | None, chapter: int | None, text: str | None = None) -> None:
    """Look beside this script from now on, and forget the modules that another one imported by the book's names."""
    scripts.set_script(path, chapter, text)
    for name in [name for name in sys.modules if name.partition(".")[0] in NAMES]:
        del sys.modules[name]
    for ours, name in _renamed.items():
        _rename(sys.modules[ours], name, ours)
    _renamed.clear()


def folders() -> list[str]:
    """Give where the reader's own modules are looked for, as absolute paths, in the order of `sys.path`.

    The script's folder, and what the reader's code put on `sys.path`. What is relative there counts from the current
    folder, as for Python, and then from the script's: `..` is meant from there, wherever the script is run.
    """
    here = os.fspath(scripts.beside())
    rest, found = list(_system), []
    for entry in sys.path:
        if entry in rest:
            rest.remove(entry)  # once: the reader may add what is there already
            if os.path.isabs(entry) and not Path(here).is_relative_to(entry):
                continue
        if isinstance(entry, str) and entry:
            found += [os.path.normpath(os.path.join(start, entry)) for start in (os.getcwd(), here)]
    if here not in found:
        found.insert(0, here)
    return list(dict.fromkeys(found))


def _rename(module: ModuleType, before: str, after: str) -> None:
    for value in vars(module).values():
        if getattr(value, "__module__", None) == before and hasattr(value, "__qualname__"):
            value.__module__ = after


def _speak_as_the_book(ours: str, name: str) -> None:
    """Let the classes and functions of our module `ours` say that they are of the module `name`, once.

    So a pickle names `common.layers`, and loads where badak is not, with the book's own code.
    """
    if ours not in _renamed:
        _renamed[ours] = name
        _rename(sys.modules[ours], ours, name)


class _Alias:
    """Loads one of our modules under the book's name: both names are one module."""

    def __init__(self, target: str) -> None:
        self.target = target

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.target)
        self.spec, self.name = module.__spec__, spec.name
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # it was executed under its own name, which it keeps
        _speak_as_the_book(self.target, self.name)
        # What came with it, too: the layers of a network. Not where the reader's file has that name: it isn't in there.
        for ours in [name for name in sys.modules if name.startswith(f"{HERE}.")]:
            name = ours.removeprefix(f"{HERE}.")
            if name.partition(".")[0] in NAMES and PathFinder.find_spec(name, _places(name)) is None:
                _speak_as_the_book(ours, name)


def _places(name: str, path: Iterable[str] | None = None) -> list[str]:
    """Give the folders in which the reader's own module `name` may lie; `path` is that of its package, if known."""
    package = name.rpartition(".")[0]
    if not package:
        return folders()
    parent = sys.modules.get(package)
    if parent is not None and not parent.__name__.startswith(HERE):
        return list(path if path is not None else parent.__path__)
    # The package is ours; a module of it may be the reader's all the same.
    return [os.path.join(folder, *package.split(".")) for folder in folders()]


class BookFinder:
    """A meta path finder for the book's names."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Give where to load `name` from; None leaves it to the other finders."""
        if name.partition(".")[0] not in NAMES:
            return None
        places = _places(name, path)
        theirs, ours = PathFinder.find_spec(name, places), _our(name)
        if theirs is not None:
            if ours is not None and theirs.origin is not None and theirs.submodule_search_locations is None:
                mended("{name}: your own {path} is used, not badak's", name=name, path=_near(theirs.origin))
            return theirs
        if ours is None or scripts.is_of_second_volume(places if "." in name else _inside(places, "common")):
            return None
        return importlib.util.spec_from_loader(name, _Alias(ours))  # type: ignore[arg-type]


def _our(name: str) -> str | None:
    """Give the name of badak's module that stands for `name`, None where there is none."""
    top, dot, rest = name.partition(".")
    inside = NAMES[top] or f"ch{scripts.chapter_of(scripts.script()):02d}.{top}"
    ours = f"{HERE}.{inside}{dot}{rest}"
    try:
        return ours if importlib.util.find_spec(ours) is not None else None
    except ModuleNotFoundError:
        return None


def _inside(places: Iterable[str], folder: str) -> list[str]:
    return [os.path.join(place, folder) for place in places]


def _near(path: str) -> str:
    """Give a path from the current folder, if that is the shorter one."""
    try:
        return min(os.path.relpath(path), path, key=len)
    except ValueError:  # on another drive
        return path


def install() -> None:
    """Put the finder in front of the others, once; what `sys.path` holds now is not taken for the reader's own."""
    _system[:] = sys.path
    if not any(isinstance(finder, BookFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, BookFinder())
