"""Reads a .py file in any encoding that Python reads, or the code cells of a notebook."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from pathlib import Path
from typing import Any

from badak.check.source import Source
from badak.reading import load_json, read_regular

MOST_CODE = 400_000  # letters of one file; a syntax tree takes a hundred times the room of its text
FOREIGN_CELLS = ("%%bash", "%%sh", "%%script", "%%html", "%%javascript", "%%js", "%%latex", "%%markdown", "%%writefile")


class Unreadable(ValueError):
    """A file that is no Python source: an untranslated sentence, and what fills it."""

    def __init__(self, text: str, **values: Any) -> None:
        """Keep the sentence and its values."""
        super().__init__(text.format(**values))
        self.text = text
        self.values = values


def read_source(path: Path) -> Source:
    """Read a .py file, or the code cells of an .ipynb joined.

    Raises OSError, SyntaxError, and Unreadable for bytes in no known encoding, for what is no notebook, and for more
    than MOST_CODE letters.
    """
    return parse_source(path, read_regular(path))


def parse_source(path: Path, content: bytes) -> Source:
    """Parse `content` as the .py file or notebook `path`. Raises SyntaxError and Unreadable, as `read_source` does."""
    try:
        if path.suffix == ".ipynb":
            return _notebook(content, path)
        return Source(_short(_decoded(content), path), str(path))
    except (RecursionError, MemoryError):  # what Python's parser raises; the text is too small to fill the memory
        raise Unreadable("{name} nests expressions too deeply", name=path.name) from None


def _short(text: str, path: Path) -> str:
    if len(text) > MOST_CODE:
        words = "{name} holds {count} letters of code; at most {most} are read"
        raise Unreadable(words, name=path.name, count=f"{len(text):,}", most=f"{MOST_CODE:,}")
    return text


def _decoded(data: bytes) -> str:
    """Give the text, by its byte order mark or the encoding that it declares, else as UTF-8."""
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except SyntaxError as error:
        raise Unreadable("Python cannot read the file: {error}", error=error.msg) from error
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Unreadable(
            "Line {line} has a byte that is not {encoding}, and the file declares no other encoding. Save it as UTF-8, "
            "or write the encoding into its first line, for example: {example}",
            line=line,
            encoding=encoding.removesuffix("-sig").upper(),
            example=f"# -*- coding: {_guessed(data)} -*-",
        ) from error
    return io.IncrementalNewlineDecoder(None, translate=True).decode(text)


def _guessed(data: bytes) -> str:
    """Give the encoding that such files mostly have: Korean, else Japanese, else Western."""
    for encoding in ("cp949", "cp932"):
        try:
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return encoding
    return "cp1252"


def _notebook(data: bytes, path: Path) -> Source:
    lines: list[str] = []
    places: list[tuple[int, int]] = []
    for number, cell in enumerate(_cells(data, path), 1):
        if not isinstance(cell, dict) or cell.get("cell_type") != "code":
            continue
        body = cell.get("source", cell.get("input", ""))
        body = "".join(map(str, body)) if isinstance(body, list) else str(body)
        kept = _python(body)
        places.append((number, len(lines) + 1))
        lines += kept
    return Source(_short("\n".join(lines) + "\n", path), str(path), places)


def _cells(data: bytes, path: Path) -> list[Any]:
    try:
        text = data.decode("utf-8-sig")
        notebook = load_json(text, "it")
        cells = notebook.get("cells") or notebook["worksheets"][0]["cells"]
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise Unreadable("{name} is not a notebook: {error}", name=path.name, error=str(error) or "no cells") from error
    if not isinstance(cells, list):
        raise Unreadable("{name} is not a notebook: {error}", name=path.name, error="its cells are no list")
    return cells


def _python(body: str) -> list[str]:
    """Give a cell's lines with magics and shell commands as comments; all of them where the rest is no Python."""
    written = body.splitlines()
    if body.lstrip().startswith(FOREIGN_CELLS):
        return ["# " + line for line in written]
    kept = [_without_magic(line) for line in written]
    try:
        ast.parse("\n".join(kept))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ["# " + line for line in written]
    return kept


def _without_magic(line: str) -> str:
    bare = line.lstrip()
    if bare.startswith(("%", "!", "?")) or re.fullmatch(r"[\w.]+\?{1,2}", bare.rstrip()):
        return line[: len(line) - len(bare)] + "pass  # " + bare
    return line
