"""Finds what a file imports, as it lies: beside it, in its package, up to the project's root, where the caller stands;
then the one place in the project that has it, then the book's names, and last a stand-in for what is not installed.
"""

from __future__ import annotations

import ast
import importlib
import importlib.abc
import importlib.util
import linecache
import os
import sys
import types
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any

from badak.check.load import columns
from badak.check.load.project import Project
from badak.check.load.standins import NEVER_REAL, THIRD_PARTY, Guard, StandInLoader

Run = Callable[[types.ModuleType, Path], None]
Note = tuple[str, dict[str, Any]]
BOOK = "badak.book.imports"
CATCHING = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


class ProjectLoader(importlib.abc.Loader):
    """Runs a module of the project statement by statement: a failing demonstration takes no classes away."""

    def __init__(self, path: Path, run: Run) -> None:
        """`run` executes the file in the module."""
        self.path = path
        self.run = run

    def create_module(self, spec: ModuleSpec) -> types.ModuleType | None:
        """Leave it to Python."""
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        """Run the file. Raises SyntaxError and OSError as an import does."""
        self.run(module, self.path)


class _Alias(importlib.abc.Loader):
    """Gives one of our modules under the book's name."""

    def __init__(self, target: str) -> None:
        self.target = target
        self.spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        module = importlib.import_module(self.target)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: types.ModuleType) -> None:
        module.__spec__ = self.spec  # it keeps the name under which it was executed


class Finders:
    """The two finders of one file, in front of Python's own and behind them, and what they had to do."""

    def __init__(self, project: Project, run: Run, guard: Guard) -> None:
        """Find for `project`; modules of its own are executed by `run`."""
        self.project = project
        self.run = run
        self.guard = guard
        self.notes: list[Note] = []
        self.aside: list[Any] = []
        self.lenient = False  # whether a guarded import is stood in for as well
        self.before = list(sys.path)
        self.front = _Front(self)
        self.back = _Back(self)

    def install(self) -> None:
        """Put both in place; the finder of `badak book`, which looks beside the script that runs, steps aside."""
        self._put_aside()
        sys.meta_path[:] = [self.front, *sys.meta_path, self.back]

    def _put_aside(self) -> None:
        loaded = sys.modules.get(BOOK)
        ours = [finder for finder in sys.meta_path if loaded is not None and isinstance(finder, loaded.BookFinder)]
        self.aside += ours
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder not in ours]

    def remove(self) -> None:
        """Take both away."""
        ours = (self.front, self.back)
        sys.meta_path[:] = [*self.aside, *(f for f in sys.meta_path if f not in ours and f not in self.aside)]

    def note(self, text: str, **values: Any) -> None:
        """Keep a line for the report, once."""
        if (text, values) not in self.notes:
            self.notes.append((text, values))

    def places(self) -> list[str]:
        """Give the file's folder and what its code put on sys.path, relative entries read from that folder."""
        own = [entry for entry in sys.path if entry not in self.before]
        resolved = [os.path.normpath(self.project.folder / entry) for entry in own if isinstance(entry, str)]
        top = [str(self.project.top)] if self.project.package else []
        return list(dict.fromkeys([str(self.project.folder), *top, *resolved]))

    def in_places(self, name: str, places: Sequence[str]) -> ModuleSpec | None:
        """Give the first module or package of this name; a folder without __init__.py only where nothing else is."""
        bare = None
        for place in places:
            spec = PathFinder.find_spec(name, [place])
            if spec is None:
                continue
            if spec.origin is not None:
                return self.own(spec)
            if bare is None and _holds_python(spec):
                bare = spec
        return bare

    def own(self, spec: ModuleSpec) -> ModuleSpec:
        """Have a project's module run by us."""
        if isinstance(spec.loader, SourceFileLoader) and spec.origin and self.is_own(spec.origin):
            spec.loader = ProjectLoader(Path(spec.origin), self.run)
        return spec

    def is_own(self, file: str) -> bool:
        """Tell whether a file is of the project, or of a folder that its code put on sys.path."""
        installed = any(entry and Path(file).is_relative_to(entry) for entry in self.before if isinstance(entry, str))
        return self.project.holds(file) or not installed

    def book(self, name: str) -> ModuleSpec | None:
        """Give our module that stands for one of the book's; None for a name that is not the book's."""
        stands = self._book_module(name)
        if stands is None:
            return None
        self.note("{name} is not there: badak's own stands in for the book's.", name=name)
        return importlib.util.spec_from_loader(name, _Alias(stands), is_package="." not in name)

    def _book_module(self, name: str) -> str | None:
        """Give the name of our module that stands for one of the book's, None where we have none."""
        imports, scripts = self._import_book()
        top, _, rest = name.partition(".")
        if top not in imports.NAMES:
            return None
        room = imports.NAMES[top] or f"ch0{scripts.chapter_of(self.project.file)}.{top}"
        parts = ["badak.book", room, *([rest] if rest else [])]
        try:
            return ".".join(parts) if importlib.util.find_spec(".".join(parts)) is not None else None
        except ModuleNotFoundError:
            return None

    def _import_book(self) -> tuple[types.ModuleType, types.ModuleType]:
        """Import what knows the book's names, which takes long, and only files need that lack a module of theirs."""
        path = list(sys.path)
        sys.path[:] = self.before  # what the file put there is not taken for ours
        try:
            found = importlib.import_module(BOOK), importlib.import_module("badak.book.scripts")
        finally:
            sys.path[:] = path
        self._put_aside()
        return found


def _holds_python(spec: ModuleSpec) -> bool:
    places = spec.submodule_search_locations or []
    return any(name.endswith(".py") or os.path.isdir(os.path.join(p, name)) for p in places for name in os.listdir(p))


class _Front(importlib.abc.MetaPathFinder):
    """Looks where Python would for a script in that folder."""

    def __init__(self, finders: Finders) -> None:
        self.finders = finders

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        finders = self.finders
        if name.partition(".")[0] == "badak":
            return None
        if path is not None:
            return self._inside(name, path)
        if name in NEVER_REAL:
            return _stand_in(finders, name)
        return self._outermost(name) if name not in sys.stdlib_module_names else None

    def _outermost(self, name: str) -> ModuleSpec | None:
        finders = self.finders
        found = finders.in_places(name, finders.places())
        if found is not None and found.origin is not None:
            return found
        # A mere folder of that name is taken only where nothing else is: by Python too.
        elsewhere = PathFinder.find_spec(name, finders.before)
        if elsewhere is not None and elsewhere.origin is not None:
            return None
        return found or finders.back.find_spec(name, None)

    def _inside(self, name: str, path: Sequence[str]) -> ModuleSpec | None:
        """Find a module of a package."""
        parent = sys.modules.get(name.rpartition(".")[0])
        if parent is not None and getattr(parent, "__name__", "").startswith("badak.book"):
            return self.finders.book(name)
        found = PathFinder.find_spec(name, path)
        return self.finders.own(found) if found is not None and found.origin is not None else found


class _Back(importlib.abc.MetaPathFinder):
    """Looks further where Python would give up."""

    def __init__(self, finders: Finders) -> None:
        self.finders = finders

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        finders = self.finders
        top, _, rest = name.partition(".")
        if top == "badak":
            return None
        if name.rpartition(".")[2] == columns.NAME and _defined_nowhere(finders, name):
            finders.note("{name} is not compiled here: badak's own stands in for it.", name=name)
            return ModuleSpec(name, StandInLoader(finders.guard))
        if path is None:
            found = finders.in_places(name, [str(p) for p in finders.project.above()]) or self._anywhere(name)
            if found is not None:
                return found
        if not rest or sys.modules.get(top) is not None:
            stands = finders.book(name)
            if stands is not None:
                return stands
        if top in THIRD_PARTY and (finders.lenient or not _may_fail()):
            return _stand_in(finders, name)
        return None

    def _anywhere(self, name: str) -> ModuleSpec | None:
        """Take the only module of this name in the project, or the one that lies clearly nearest."""
        project = self.finders.project
        found = [path for path in project.anywhere(name) if path.resolve() != project.file]
        if not found or (len(found) > 1 and project._distance(found[0])[0] == project._distance(found[1])[0]):
            return None
        spec = self.finders.in_places(name, [str(found[0].parent)])
        if spec is not None:
            self.finders.note("{name} was found in {path}.", name=name, path=_short(found[0], project.root))
        return spec


def _short(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _stand_in(finders: Finders, name: str) -> ModuleSpec:
    finders.note("{name} is not installed: what the file takes from it was passed over.", name=name.partition(".")[0])
    return ModuleSpec(name, StandInLoader(finders.guard), is_package=True)


def _defined_nowhere(finders: Finders, name: str) -> bool:
    return not finders.project.anywhere(name.rpartition(".")[2])


def _may_fail() -> bool:
    """Tell whether the import stands in a try that catches its failure: then it must fail, as it would elsewhere."""
    frame = sys._getframe(1)
    while frame is not None and (frame.f_code.co_filename == __file__ or "importlib" in frame.f_code.co_filename):
        frame = frame.f_back  # type: ignore[assignment]
    if frame is None:
        return False
    try:
        tree = ast.parse("".join(linecache.getlines(frame.f_code.co_filename)))
    except (OSError, SyntaxError, ValueError):
        return False
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Try) and node.body[0].lineno <= frame.f_lineno <= (node.body[-1].end_lineno or 0)
    ]
    handlers = [handler for node in around for handler in node.handlers]
    return any(handler.type is None or CATCHING & _names(handler.type) for handler in handlers)


def _names(node: ast.expr) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
