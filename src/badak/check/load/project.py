"""Where a file lies: its folder, the package that it belongs to, the project around it."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

MARKS = (".git", ".hg", "pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "environment.yml", "Pipfile")
INSTALLED = {"node_modules", "__pycache__", "site-packages", "dist-packages", ".venv", "venv", ".tox"}
PASSED_OVER = INSTALLED | {".git", ".hg", "env", "build", "dist"}  # … where a module is looked for in the whole project
LEVELS = 3  # folders above a file that are looked through where nothing marks the project's root
ENTRIES = 20_000  # files and folders of a project that are looked at for a module


class Project:
    """The surroundings of one file, as far as its imports go."""

    def __init__(self, file: Path, tree: ast.Module, caller: Path | None = None) -> None:
        """Look around `file`; `caller` is the folder from which the check was asked for."""
        self.file = file.resolve()
        self.folder = self.file.parent
        self.caller = caller.resolve() if caller is not None else None
        self.known = self.folder  # the project as far as it is sure to be one: looked through as a whole
        self.root = self._find_root()
        self.package = self._find_package(tree)
        self._index: dict[str, list[Path]] | None = None

    def _find_root(self) -> Path:
        """Give the project's folder: marked as one, or the caller's if the file lies below it, else a few levels up."""
        parents = [self.folder, *self.folder.parents]
        marked = next((p for p in parents if any((p / mark).exists() for mark in MARKS)), None)
        if marked is not None and marked != Path(marked.anchor):
            below = self.caller is not None and self.caller in parents and self.caller in marked.parents
            self.known = self.caller if below and self.caller is not None else marked
            return self.known
        if self.caller is not None and self.caller in parents:
            self.known = self.caller
            return self.known
        homes = {Path.home(), Path(self.folder.anchor), Path("/tmp"), Path("/home"), Path("/Users")}
        reached = self.folder
        for parent in parents[1:LEVELS]:
            if parent in homes or parent.parent in (Path("/home"), Path("/Users")):
                break
            reached = parent
        return reached

    def _find_package(self, tree: ast.Module) -> list[str]:
        """Give the package's name in parts, [] where the file is a script: by __init__.py, and by relative imports."""
        levels = [n.level for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.level]
        wanted = max(levels, default=0)
        parts: list[str] = []
        folder = self.folder
        while folder.name and ((folder / "__init__.py").is_file() or len(parts) < wanted):
            parts.insert(0, folder.name)
            folder = folder.parent
        return parts

    @property
    def top(self) -> Path:
        """The folder that holds the package; the file's own where there is none."""
        return self.folder.parents[len(self.package) - 1] if self.package else self.folder

    @property
    def module_name(self) -> str:
        """The name under which others in the project import this file."""
        stem = self.file.stem
        if self.package:
            return ".".join([*self.package, stem] if stem != "__init__" else self.package)
        taken = not stem.isidentifier() or stem in sys.stdlib_module_names or stem in sys.modules
        return "badak_checked_file" if taken else stem

    def above(self) -> list[Path]:
        """Give the folders from the file's own up to the project's root, then the caller's."""
        found = [self.folder]
        for parent in self.folder.parents:
            if self.root == found[-1]:
                break
            found.append(parent)
        if self.caller is not None:
            found.append(self.caller)
        return list(dict.fromkeys(found))

    def anywhere(self, name: str) -> list[Path]:
        """Give every module or package of this name in the project, nearest to the file first."""
        if self._index is None:
            self._index = {}
            for path in _walk(self.known):
                self._index.setdefault(path.stem if path.suffix == ".py" else path.name, []).append(path)
        return sorted(self._index.get(name, []), key=self._distance)

    def defining(self, name: str) -> Path | None:
        """Give another module of the project that defines a class or function of this name, relative to the root.

        A file that only lies beside, as exercises do in one folder, is no part of the same project: the module must
        be one that this file, or one beside it, imports from.
        """
        pattern = re.compile(rf"^(?:def|class)\s+{re.escape(name)}\b", re.MULTILINE)
        imported = {module for file in {self.file, *self.folder.glob("*.py")} for module in _imports(file)}
        for path in _walk(self.known):
            if path.suffix != ".py" or path.resolve() == self.file:
                continue
            dotted = f".{'.'.join(path.relative_to(self.known).with_suffix('').parts)}"
            if not any(dotted.endswith(f".{one}") or f".{one}." in dotted for one in imported):
                continue
            if pattern.search(_text(path)):
                return path.relative_to(self.known)
        return None

    def _distance(self, path: Path) -> tuple[int, str]:
        shared = len(Path(os.path.commonpath([path.parent, self.folder])).parts)
        return (len(path.parent.parts) - shared) + (len(self.folder.parts) - shared), str(path)

    def holds(self, path: str | os.PathLike[str]) -> bool:
        """Tell whether a file is the project's own."""
        resolved = Path(path).resolve()
        inside = any(resolved.is_relative_to(folder) for folder in (self.root, self.top, self.folder))
        return inside and not INSTALLED & set(resolved.parts)


def _walk(root: Path) -> Iterator[Path]:
    """Give the project's modules, and its folders that hold some, breadth first."""
    waiting, seen = [root], 0
    while waiting and seen < ENTRIES:
        folder = waiting.pop(0)
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError:
            continue
        seen += len(entries)
        for entry in entries:
            if entry.name in PASSED_OVER or entry.name.startswith("."):
                continue
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
            except OSError:
                continue
            if is_folder:
                waiting.append(Path(entry.path))
                if any(name.endswith(".py") for name in _names(entry.path)):
                    yield Path(entry.path)
            elif entry.name.endswith(".py"):
                yield Path(entry.path)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _imports(path: Path) -> set[str]:
    """Give the dotted names of the modules that a file imports, those of a notebook's cells too."""
    found = re.findall(r"^[\s\"]*(?:from\s+\.*([\w.]+)\s+import|import\s+([\w.]+))", _text(path), re.MULTILINE)
    return {one or other for one, other in found}


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
