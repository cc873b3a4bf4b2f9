"""The engine's own source text, read once: what the machine is named by and what it is compiled from are one text.

The files may change while a process runs (an editor, `git checkout`, an installation). What Python imported lives on,
and so must the text that belongs to it: the parts that make the machine are run from this text, and not imported.
"""

import builtins
import linecache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

PACKAGE = "badak.engine"
TEXTS = {path.stem: path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))}
"""Each file's text, by the name of its module."""


class Modules:
    """Modules made from TEXTS, each at its first use; they import each other from here, and all else as usual."""

    def __init__(self, texts: dict[str, bytes]) -> None:
        self._texts = texts
        self._made: dict[str, ModuleType] = {}
        self._builtins = {**vars(builtins), "__import__": self._import}

    def get(self, name: str) -> Any:
        """Give the module of that name in this package. Raises KeyError where there is none."""
        if name not in self._made:
            text, file = self._texts[name].decode(), f"<{PACKAGE}.{name}>"
            module = ModuleType(f"{PACKAGE}.{name}")
            module.__dict__["__builtins__"] = self._builtins
            self._made[name] = module
            # The compiler asks `inspect` for functions' text; without a time it is never looked for on disk.
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
            exec(compile(text, file, "exec"), module.__dict__)
        return self._made[name]

    def _import(self, name: str, *others: Any) -> Any:
        """Do what `__import__` does; `from badak.engine import x` and `from badak.engine.x import y` mean ours."""
        wanted = others[2] if len(others) > 2 else ()
        if name == PACKAGE and wanted:
            return SimpleNamespace(**{each: self.get(each) for each in wanted})
        package, _, last = name.rpartition(".")
        if package == PACKAGE and wanted:
            return self.get(last)
        return builtins.__import__(name, *others)
