"""Runs a script or a notebook typed from the book, unchanged."""

import builtins
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType
from typing import TextIO

from badak.book import downloads, hints, imports, mending, notebooks

OUR_FRAMES = {__file__, notebooks.__file__, downloads.__file__, imports.__file__}


def run(path: str | os.PathLike[str], arguments: Sequence[str] = (), chapter: int | None = None) -> None:
    """Run the script or notebook `path` as if Python had been called with it, with the book's names finding badak.

    `sys.argv`, `sys.path[0]`, `__file__` and warnings are as Python has them. A notebook's cells of code run in order,
    from its own folder, as Jupyter runs them. `chapter` says whose `two_layer_net` is meant, 4 or 5, where the script
    doesn't show it (`scripts.chapter_of`). An error in the script is shown as Python shows it, and ends with
    SystemExit(1). Raises FileNotFoundError where there is no such file, ValueError for another chapter or for a file
    that is no notebook.
    """
    script = Path(path)
    if not script.is_file():
        raise FileNotFoundError(f"there is no script {script}")
    if chapter not in (None, 4, 5):
        raise ValueError(f"two_layer_net is of chapter 4 or 5, not {chapter}")
    cells = notebooks.read_cells(script) if script.suffix.lower() == ".ipynb" else None
    whole = os.fspath(script.absolute())
    main = _main_module(whole)
    with _as_python_has_it([os.fspath(path), *arguments], main):
        del sys.path[: _starting_folders()]
        imports.install()
        imports.set_script(Path(whole), chapter, None if cells is None else notebooks.text_of(cells))
        sys.path.insert(0, os.fspath(script.resolve().parent))
        mending.forget()
        try:
            if cells is None:
                # Bytes, so that the file's own declaration of its encoding counts.
                exec(compile(script.read_bytes(), whole, "exec", dont_inherit=True), vars(main))
            else:
                del main.__file__  # a notebook has none
                os.chdir(script.resolve().parent)
                notebooks.run_cells(cells, vars(main))
        except Exception as error:
            _show(error)
            raise SystemExit(1) from None
        finally:
            imports.set_script(None, None)


def _main_module(path: str) -> ModuleType:
    """Give a fresh `__main__` with what Python gives it."""
    main = ModuleType("__main__")
    main.__file__, main.__loader__ = path, SourceFileLoader("__main__", path)
    vars(main).update(__builtins__=builtins, __cached__=None, __annotations__={})
    return main


def _starting_folders() -> int:
    """Count (0 or 1) what Python put at the head of sys.path for whoever started us; it does so for a script itself."""
    started = {"", os.getcwd(), os.path.dirname(os.path.realpath(sys.argv[0]))}
    return int(not sys.flags.safe_path and bool(sys.path) and sys.path[0] in started)


@contextmanager
def _as_python_has_it(argv: list[str], main: ModuleType) -> Iterator[None]:
    """Give the script what it would have of Python's, and put back afterwards what was there."""
    before = sys.argv, sys.path[:], sys.modules["__main__"], os.getcwd()
    with warnings.catch_warnings(), downloads.ours_instead():
        warnings.showwarning = _show_warning
        sys.argv, sys.modules["__main__"] = argv, main
        try:
            yield
        finally:
            sys.argv, sys.path[:], sys.modules["__main__"] = before[:3]
            os.chdir(before[3])


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show a warning as Python does: the command line has a way of its own, which is not the script's."""
    stream = file or sys.stderr
    if stream is not None:
        stream.write(warnings.formatwarning(message, category, filename, lineno, line))


def _show(error: Exception) -> None:
    """Print the traceback without our own frames: what ran the script is none of its reader's business."""
    trace = _theirs(error.__traceback__)
    error.with_traceback(trace)
    if sys.excepthook is sys.__excepthook__:
        traceback.print_exception(error)  # which finds the lines of a notebook's cells
    else:
        sys.excepthook(type(error), error, trace)
    hints.explain(error)


def _theirs(trace: TracebackType | None) -> TracebackType | None:
    """Give a traceback without the frames of the files that run scripts, wherever in it they are."""
    kept = []
    while trace is not None:
        if trace.tb_frame.f_code.co_filename not in OUR_FRAMES:
            kept.append(trace)
        trace = trace.tb_next
    rest = None
    for part in reversed(kept):
        rest = TracebackType(rest, part.tb_frame, part.tb_lasti, part.tb_lineno)
    return rest
