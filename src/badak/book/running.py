"""Runs a script typed from the book, unchanged."""

import os
import runpy
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from badak.book import imports, mending


def run(path: str | os.PathLike[str], arguments: Sequence[str] = (), chapter: int | None = None) -> None:
    """Run the script `path` as if Python had been called with it, with the book's names finding badak.

    `chapter` says whose `two_layer_net` is meant, 4 or 5, where the script doesn't show it (`imports.chapter_of`).
    An error in the script is shown as Python shows it, and ends with SystemExit(1). Raises FileNotFoundError where
    there is no such file, ValueError for another chapter.
    """
    script = Path(path)
    if not script.is_file():
        raise FileNotFoundError(f"there is no script {script}")
    if chapter not in (None, 4, 5):
        raise ValueError(f"two_layer_net is of chapter 4 or 5, not {chapter}")
    before = sys.argv, sys.path[:]
    imports.install()
    imports.set_script(script.resolve(), chapter)
    mending.forget()
    sys.argv = [os.fspath(path), *arguments]
    sys.path.insert(0, os.fspath(script.resolve().parent))
    try:
        runpy.run_path(os.fspath(script), run_name="__main__")
    except Exception as error:
        _show(error, script)
        raise SystemExit(1) from None
    finally:
        sys.argv, sys.path[:] = before
        imports.set_script(None, None)


def _show(error: Exception, script: Path) -> None:
    """Print the traceback from the script on: what ran the script is none of its reader's business."""
    trace = error.__traceback__
    while trace is not None and Path(trace.tb_frame.f_code.co_filename).name != script.name:
        trace = trace.tb_next
    traceback.print_exception(type(error), error, trace)
