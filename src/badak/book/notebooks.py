"""Runs the cells of code of a notebook, in order, without Jupyter."""

import ast
import contextlib
import importlib.util
import json
import linecache
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from badak.book.mending import mended

# What belongs to the notebook alone, and leaves nothing undone where it is passed over.
QUIET = re.compile(r"%%?(matplotlib|load_ext|reload_ext|autoreload|config|precision|pdb|pylab|capture|time|timeit)\b")
MAGIC = re.compile(r"\s*(?:[%!?]|[A-Za-z_][\w., ]*=\s*[%!])|.*\?\s*$")
# Of these the rest of the line, or of the cell, is Python, and runs.
TIMED = re.compile(r"(\s*)%%?(?:time|prun)\s+(?!-)(.*)")
CELL_OF_PYTHON = re.compile(r"%%(?:time|timeit|capture|prun|python3?)\b")


@dataclass(frozen=True)
class Cell:
    """A cell of code: the name that a traceback gives it, and its text without magics."""

    name: str
    text: str


def read_cells(path: Path) -> list[Cell]:
    """Give the cells of code of a notebook, of format 3 or 4. Raises OSError, and ValueError where it is none."""
    try:
        book = json.loads(path.read_bytes())
        found = book["cells"] if "cells" in book else [cell for sheet in book["worksheets"] for cell in sheet["cells"]]
        cells = [
            (number, cell.get("source", cell.get("input", "")))
            for number, cell in enumerate(found, 1)
            if cell["cell_type"] == "code"
        ]
        texts = [(number, text if isinstance(text, str) else "".join(text)) for number, text in cells]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{path} is no notebook: {type(error).__name__}: {error}") from None
    return [Cell(f"{path.name}, cell {number}", without_magics(text)) for number, text in texts]


def text_of(cells: list[Cell]) -> str:
    """Give all cells as one text; those that are no Python are left out."""
    return "\n".join(cell.text for cell in cells if _lines_in_error(cell.text) is None)


def _lines_in_error(text: str) -> int | None:
    """Give the line (from 0) that is no Python, None where all are."""
    try:
        ast.parse(text)
    except SyntaxError as error:
        return (error.lineno or 1) - 1
    except (ValueError, RecursionError, MemoryError):
        return 0
    return None


def without_magics(text: str) -> str:
    """Give a cell's text with `pass` for what only Jupyter understands: %magics, !commands, questions with ?.

    A line is taken for one only where Python cannot read it, so that a `%` at the head of a line of Python stays.
    What is passed over is said, except where it does nothing but ask for pictures or times.
    """
    lines = text.split("\n")
    head = next((number for number, line in enumerate(lines) if line.strip()), None)
    if head is not None and lines[head].startswith("%%"):
        _say(lines[head])
        if not CELL_OF_PYTHON.match(lines[head]):
            return "pass"
        lines[head] = "pass"
    for _ in range(len(lines)):
        number = _lines_in_error("\n".join(lines))
        if number is None or number >= len(lines) or not MAGIC.match(lines[number]):
            break
        timed = TIMED.fullmatch(lines[number])
        if timed:
            lines[number] = timed[1] + timed[2]
            continue
        _say(lines[number])
        indent = re.match(r"\s*", lines[number])
        while lines[number].endswith("\\") and number + 1 < len(lines):  # a command that goes on
            lines[number] = ""
            number += 1
        lines[number] = f"{indent[0] if indent else ''}pass"
    return "\n".join(lines)


def _say(line: str) -> None:
    if not QUIET.match(line.strip()):
        mended("passed over, since only Jupyter understands it: {line}", line=line.strip())


@contextlib.contextmanager
def _without_colab() -> Iterator[None]:
    """Let `from google.colab import drive` and `drive.mount(…)`, Colab's way to its files, pass where Colab is not."""
    try:
        there = importlib.util.find_spec("google.colab") is not None
    except ModuleNotFoundError:
        there = False
    if there:
        yield
        return
    before = {name: sys.modules.get(name) for name in ("google", "google.colab")}
    google, colab, drive = before["google"] or ModuleType("google"), ModuleType("google.colab"), ModuleType("drive")
    vars(drive).update(mount=_mount, flush_and_unmount=_mount)
    vars(colab).update(drive=drive)
    sys.modules.update({"google": google, "google.colab": colab})
    try:
        yield
    finally:
        for name, module in before.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module


def _mount(*arguments: Any, **named: Any) -> None:
    mended("Colab's drive is not mounted: files are looked for on this computer, from the notebook's folder")


def run_cells(cells: list[Cell], names: dict[str, Any]) -> None:
    """Run the cells in one namespace. The value of an expression at a cell's end is printed, unless `;` follows it."""
    with _without_colab():
        _run_cells(cells, names)


def _run_cells(cells: list[Cell], names: dict[str, Any]) -> None:
    names["display"] = _display
    for cell in cells:
        # So a traceback can show the lines.
        linecache.cache[cell.name] = (len(cell.text), None, cell.text.splitlines(keepends=True), cell.name)
        tree = ast.parse(cell.text, cell.name)
        shown = None
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not cell.text.rstrip().endswith(";"):
            shown = tree.body.pop()
        exec(compile(tree, cell.name, "exec", dont_inherit=True), names)
        if shown is not None:
            exec(compile(ast.Interactive([shown]), cell.name, "single", dont_inherit=True), names)
        sys.stdout.flush()


def _display(*values: Any) -> None:
    """Print values, as Jupyter's `display` does where there is text alone."""
    for value in values:
        print(repr(value))
