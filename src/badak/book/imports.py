"""Finds the book's names: a file beside the script first, else the module of badak that stands for it."""

import ast
import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

HERE = __name__.rpartition(".")[0]
CHAPTERS = ("ch04", "ch05", "ch07", "ch08")
NAMES = {
    "common": "common",
    "dataset": "dataset",
    **{chapter: chapter for chapter in CHAPTERS},
    "gradient_2d": "ch04.gradient_2d",
    "layer_naive": "ch05.layer_naive",
    "simple_convnet": "ch07.simple_convnet",
    "deep_convnet": "ch08.deep_convnet",
    "two_layer_net": "",  # of chapter 4 or 5: see chapter_of
}

# The script that runs, where `run` runs it, and the chapter that it was told to be of.
_script: Path | None = None
_chapter: int | None = None


def script() -> Path | None:
    """Give the path of the script that runs; None in a notebook or a shell."""
    if _script is not None:
        return _script
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(file) if file else None


def beside() -> Path:
    """Give the folder of the script; without one, the current folder."""
    running = script()
    return Path.cwd() if running is None else running.resolve().parent


def set_script(path: Path | None, chapter: int | None) -> None:
    """Look beside this script from now on, and forget the modules that another one imported by the book's names."""
    global _script, _chapter
    _script, _chapter = path, chapter
    for name in [name for name in sys.modules if name.partition(".")[0] in NAMES]:
        del sys.modules[name]


def chapter_of(path: Path | None) -> int:
    """Say which chapter's `two_layer_net` a script means: 4 (sigmoid, probabilities) or 5 (layers, scores).

    What it was told to be; else what its folder is called (ch04, chapter5, 4장); else 4 where it asks a network for
    `numerical_gradient` and never for `gradient`, nor for `layers` or `lastLayer`, as chapter 4 first does; else 5.
    """
    if _chapter is not None:
        return _chapter
    if path is None:
        return 5
    for part in reversed(path.resolve().parent.parts):
        named = re.fullmatch(r"(?:ch(?:apter)?[ _-]?0?([45])|0?([45])장)", part, re.IGNORECASE)
        if named:
            return int(named[1] or named[2])
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return 5
    asked = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    return 4 if "numerical_gradient" in asked and not asked & {"gradient", "layers", "lastLayer"} else 5


class _Alias:
    """Loads one of our modules under the book's name: both names are one module."""

    def __init__(self, target: str) -> None:
        self.target = target

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.target)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self.spec  # it was executed under its own name, which it keeps


class BookFinder:
    """A meta path finder for the book's names."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Give where to load `name` from; None leaves it to the other finders."""
        top, _, rest = name.partition(".")
        if top not in NAMES:
            return None
        parent = sys.modules.get(name.rpartition(".")[0])
        theirs = None
        if not rest:
            theirs = PathFinder.find_spec(name, [os.fspath(beside())])
        elif parent is not None and not parent.__name__.startswith(HERE):
            theirs = PathFinder.find_spec(name, path)
        if theirs is not None:
            return theirs
        ours = NAMES[top] or f"ch0{chapter_of(script())}.{top}"
        ours = ".".join([HERE, ours, *([rest] if rest else [])])
        try:
            if importlib.util.find_spec(ours) is None:
                return None
        except ModuleNotFoundError:
            return None
        return importlib.util.spec_from_loader(name, _Alias(ours))  # type: ignore[arg-type]


def install() -> None:
    """Put the finder in front of the others, once: a package that is installed and called `common` is not meant."""
    if not any(isinstance(finder, BookFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, BookFinder())
