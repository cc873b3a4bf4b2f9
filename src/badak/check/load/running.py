"""Runs a file's top level, one statement at a time, so that a failing demonstration does not hide the classes."""

from __future__ import annotations

import ast
import builtins
import contextlib
import io
import os
import signal
import socket
import sys
import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from badak.check.load.importing import Finders, Note
from badak.check.load.project import Project
from badak.check.load.reading import Unreadable, read_source
from badak.check.load.standins import Guard
from badak.check.source import Source

PATIENCE = 1.0  # seconds of computing for one statement at the top level of a file
BUDGET = 4.0  # … and for all of them together; what comes after that only defines

Expired = Callable[[], bool]


@dataclass
class Failed:
    """A statement at the top level of a file that raised: of the file itself, or of a module that it imports."""

    error: BaseException
    line: int | None
    names: list[str]
    file: str = ""


@dataclass
class Defined:
    """A class or function of the file as it was made; a later definition or import may have taken its name."""

    name: str
    node: ast.ClassDef | ast.FunctionDef
    value: Any


@dataclass
class Loaded:
    """A file after its top level was run, statement by statement."""

    source: Source
    namespace: dict[str, Any]
    failed: list[Failed] = field(default_factory=list)
    absent: list[Failed] = field(default_factory=list)  # what a guarded import would have brought; nobody's fault
    skipped: list[int] = field(default_factory=list)
    defined: list[Defined] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    project: Project | None = None

    def own_classes(self) -> dict[str, type]:
        """Give the classes that this file defines and that nothing took the name of, in its order."""
        return {d.name: d.value for d in self.defined if isinstance(d.value, type) and self.holds(d)}

    def own_functions(self) -> dict[str, Callable[..., Any]]:
        """Give the functions that this file defines and that nothing took the name of, in its order."""
        return {d.name: d.value for d in self.defined if isinstance(d.value, types.FunctionType) and self.holds(d)}

    def holds(self, defined: Defined) -> bool:
        """Tell whether the name still stands for what was defined under it."""
        return self.namespace.get(defined.name) is defined.value

    def shadowed(self) -> list[tuple[Defined, int | None]]:
        """Give what was defined and then replaced, with the line of what replaced it, None where it is not known."""
        found = []
        for one in self.defined:
            if not self.holds(one):
                later = [d.node.lineno for d in self.defined if d.name == one.name and d.node.lineno > one.node.lineno]
                found.append((one, later[0] if later else self._importing(one)))
        return found

    def _importing(self, one: Defined) -> int | None:
        later = [s for s in self.source.tree.body if isinstance(s, ast.ImportFrom) and s.lineno > one.node.lineno]
        bringing = [s.lineno for s in later if any(a.name == "*" or (a.asname or a.name) == one.name for a in s.names)]
        return bringing[0] if bringing else None

    def lost(self, name: str) -> Failed | None:
        """Give the import that failed and would have brought this name, or what the file makes this name of."""
        for failed in [*self.failed, *self.absent]:
            if isinstance(failed.error, ImportError) and (name in failed.names or "*" in failed.names):
                return failed
            needed = failed.error.name if isinstance(failed.error, NameError) else None
            if name in failed.names and needed and needed != name:
                return self.lost(needed)
        return None

    def star_before(self, line: int | None) -> int | None:
        """Give the line of an import of everything from a module of the project's or the book's, None without one."""
        stars = [
            s.lineno
            for s in self.source.tree.body
            if isinstance(s, ast.ImportFrom)
            and any(a.name == "*" for a in s.names)
            and (s.module or "").partition(".")[0] not in ("numpy", *sys.stdlib_module_names)
        ]
        return stars[0] if stars and line is not None else None

    def unmade(self, name: str) -> int | None:
        """Give the line of the statement that would have made this name, and was not run or raised."""
        if name in self.namespace:
            return None
        for statement in self.source.tree.body:
            if name in assigned(statement) and not isinstance(statement, (ast.Import, ast.ImportFrom)):
                return statement.lineno
        return None


class Workspace:
    """What is changed in the interpreter while a file's code runs, and put back afterwards.

    Imports go through `Finders`; the current folder seems to be the file's own, and files are read from there, while
    the process stands elsewhere and writes there; there is no network. Use as a context manager around `load` and all
    that runs objects of the file.
    """

    def __init__(
        self, source: Source, file: Path, caller: Path | None = None, expired: Expired = lambda: False
    ) -> None:
        """Prepare for one file; `caller` is the folder from which it was asked for."""
        self.project = Project(file, source.tree, caller)
        self.source = source
        self.guard = Guard()
        self.expired = expired
        self.finders = Finders(self.project, self._run_module, self.guard)
        self.loaded = Loaded(source, {}, project=self.project)
        self.run = "all"
        self.spent = 0.0
        self._folder = str(self.project.folder)
        self._undo: contextlib.ExitStack = contextlib.ExitStack()

    def __enter__(self) -> Workspace:
        """Put everything in place."""
        modules, path, floats = set(sys.modules), list(sys.path), np.geterr()
        undo = self._undo
        undo.callback(lambda: np.seterr(**floats))
        undo.callback(lambda: sys.path.__setitem__(slice(None), path))
        undo.callback(lambda: [sys.modules.pop(name) for name in set(sys.modules) - modules if self._is_own(name)])
        undo.callback(self.finders.remove)
        self.finders.install()
        sys.path.insert(0, str(self.project.top))
        sys.path.insert(0, self._folder)
        self.finders.before = [*path]
        self._replace(os, "getcwd", lambda: self._folder)
        self._replace(os, "chdir", self._change)
        self._replace(builtins, "open", _opening(builtins.open, lambda: self._folder))
        self._replace(io, "open", builtins.open)
        self._replace(socket.socket, "connect", _no_network)
        return self

    def __exit__(self, *_: object) -> None:
        """Put everything back."""
        self._undo.close()

    def _replace(self, owner: Any, name: str, value: Any) -> None:
        had, before = name in vars(owner), getattr(owner, name)
        setattr(owner, name, value)
        self._undo.callback(lambda: setattr(owner, name, before) if had else delattr(owner, name))

    def _change(self, folder: Any) -> None:
        self._folder = os.path.normpath(os.path.join(self._folder, os.fspath(folder)))

    def _is_own(self, name: str) -> bool:
        module = sys.modules[name]
        spec = getattr(module, "__spec__", None)
        stood_in = "badak.check.load" in type(getattr(spec, "loader", None)).__module__
        alias = name.partition(".")[0] != "badak" and getattr(module, "__name__", name) != name
        origin = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", [])), None)
        own = (origin is not None and self.finders.is_own(origin)) or module.__dict__ is self._own()
        return stood_in or alias or own

    def _own(self) -> dict[str, Any]:
        return self.loaded.namespace

    # Running --------------------------------------------------------------------------------------

    def load(self, run: str = "all") -> Loaded:
        """Run the file's top level: 'all' of it, or 'definitions' for imports, definitions and plain assignments."""
        self.run = run
        self.spent = 0.0
        name = self.project.module_name
        for end in range(1, len(self.project.package) + 1):
            self._open_package(self.project.package[:end])
        module = sys.modules.get(name)
        if module is None or module.__dict__ is not self._own():
            module = types.ModuleType(name)
            if self.project.package:
                module.__package__ = ".".join(self.project.package)
            sys.modules[name] = module
            self._run_module(module, self.project.file)
        self.guard.closed = True
        self.loaded.notes = self.finders.notes
        return self.loaded

    def _open_package(self, parts: list[str]) -> None:
        """Import a package of the file's; where its __init__.py fails or is not there, a bare one takes its place."""
        name = ".".join(parts)
        folder = self.project.folder.parents[len(self.project.package) - len(parts) - 1]
        folder = self.project.folder if len(parts) == len(self.project.package) else folder
        if name in sys.modules and str(folder) not in list(getattr(sys.modules[name], "__path__", [])):
            del sys.modules[name]  # another package of that name, of a folder that the finders met first
        try:
            if (folder / "__init__.py").is_file():
                __import__(name)
        except (Exception, SystemExit) as error:
            self.loaded.failed.append(Failed(error, None, [], str(folder / "__init__.py")))
        if name not in sys.modules:
            bare = types.ModuleType(name)
            bare.__path__ = [str(folder)]
            sys.modules[name] = bare

    def _run_module(self, module: types.ModuleType, path: Path) -> None:
        """Run a module of the project, the checked file among them, in its namespace."""
        own = path.resolve() == self.project.file
        if own:
            self.loaded.namespace = module.__dict__
        module.__dict__.setdefault("__file__", str(path))
        module.__file__ = str(path)
        try:
            source = self.source if own else read_source(path)
        except Unreadable as error:
            raise SyntaxError(str(error)) from error
        for statement in source.tree.body:
            self._step(statement, source, module.__dict__, own)
        if not own and module.__name__.rpartition(".")[2] == "mnist" and callable(module.__dict__.get("load_mnist")):
            self._give_images(module)

    def _step(self, statement: ast.stmt, source: Source, namespace: dict[str, Any], own: bool) -> None:
        late = self.expired() or self.spent > BUDGET
        computes = not isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.Import, ast.ImportFrom))
        if (self.run == "definitions" and not defines(statement)) or _is_main_guard(statement) or (late and computes):
            if own:
                self.loaded.skipped.append(statement.lineno)
            return
        code = compile(ast.Module([statement], []), source.filename, "exec", dont_inherit=True)
        try:
            with self._limited(computes):
                exec(code, namespace)
        except (Exception, SystemExit, KeyboardInterrupt) as first:
            error = self._again(code, namespace, first) if isinstance(statement, ast.Try) else first
        else:
            error = None
            self._note_absent(statement, namespace, "" if own else source.filename)
        if error is not None:
            line = deepest_line(error, source.filename) or statement.lineno
            self.loaded.failed.append(Failed(error, line, assigned(statement), "" if own else source.filename))
        elif own and isinstance(statement, (ast.ClassDef, ast.FunctionDef)):
            self.loaded.defined.append(Defined(statement.name, statement, namespace[statement.name]))

    def _note_absent(self, statement: ast.stmt, namespace: dict[str, Any], file: str) -> None:
        """Keep the names that a `try: import … except ImportError: print(…)` would have brought and did not."""
        for node in statement.body if isinstance(statement, ast.Try) else []:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [name for name in assigned(node) if name not in namespace and name != "*"]
                module = getattr(node, "module", None) or ", ".join(alias.name for alias in node.names)
                if names:
                    error = ImportError(f"No module named {module!r}")
                    self.loaded.absent.append(Failed(error, node.lineno, names, file))

    def _again(self, code: types.CodeType, namespace: dict[str, Any], first: BaseException) -> BaseException | None:
        """Run a `try: import …` whose handler failed too once more, with a stand-in for what is not installed."""
        if not isinstance(first.__context__, ImportError) or self.finders.lenient:
            return first
        self.finders.lenient = True
        try:
            exec(code, namespace)
        except (Exception, SystemExit):
            return first
        finally:
            self.finders.lenient = False
        return None

    def _give_images(self, module: types.ModuleType) -> None:
        """Replace a loader of MNIST, which would download, by badak's own images."""
        from badak.book.dataset.mnist import load_mnist  # heavy, and rarely needed

        vars(module)["load_mnist"] = load_mnist
        self.finders.note("{name}: badak's own MNIST stands in for what would be downloaded.", name=module.__name__)

    @contextlib.contextmanager
    def _limited(self, wanted: bool) -> Iterator[None]:
        """Interrupt a demonstration that computes for long, where the system can; else the child's limit does."""
        possible = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
        if not (wanted and possible):
            yield
            return

        def interrupt(number: int, frame: Any) -> None:
            raise TimeoutError(f"interrupted after {PATIENCE:g} seconds")

        before = signal.signal(signal.SIGVTALRM, interrupt)
        outer = signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)[0]
        try:
            yield
        finally:
            left = signal.setitimer(signal.ITIMER_VIRTUAL, 0)[0]
            self.spent += PATIENCE - left
            signal.signal(signal.SIGVTALRM, before)
            if outer:
                signal.setitimer(signal.ITIMER_VIRTUAL, max(outer - (PATIENCE - left), 0.01))


def _opening(real: Callable[..., Any], folder: Callable[[], str]) -> Callable[..., Any]:
    """Give an `open` that reads what lies beside the file; what is written stays where the process stands."""

    def open_beside(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        if isinstance(file, (str, os.PathLike)) and not set(mode) & set("wax+"):
            beside = os.path.join(folder(), os.fspath(file))
            if not os.path.exists(file) and os.path.exists(beside):
                return real(beside, mode, *args, **kwargs)
        return real(file, mode, *args, **kwargs)

    return open_beside


def _no_network(self: socket.socket, address: Any) -> None:
    raise ConnectionError(f"badak check has no network: {address} was not asked")


def deepest_line(error: BaseException, filename: str) -> int | None:
    """Give the last line of a file that an error passed through, None where it never did."""
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def assigned(statement: ast.stmt) -> list[str]:
    """Give the names that a statement would have bound, '*' for an import of everything."""
    if isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        return [statement.name]
    names = [n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        names += [(a.asname or a.name).split(".")[0] for a in statement.names]
        names += ["*"] * any(a.name == "*" for a in statement.names)
    return names


def defines(statement: ast.stmt) -> bool:
    """Tell whether a statement only defines: an import, a class, a function, a value made of plain ones."""
    if isinstance(statement, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
        return True
    if isinstance(statement, ast.Assign):
        calls = [n for n in ast.walk(statement.value) if isinstance(n, ast.Call)]
        return all(
            ast.unparse(c.func).startswith(("np.", "numpy.", "range", "len", "int", "float", "list", "dict"))
            for c in calls
        )
    return False


def _is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)
