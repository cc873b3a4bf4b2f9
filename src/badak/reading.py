"""Reads files that anybody may have written: regular ones alone, no larger and no deeper than is said; shows texts.

A refusal costs little: a size is looked at before anything is read, nesting before anything is parsed.
"""

import errno
import json
import os
import re
import stat
import unicodedata
from io import BufferedReader
from typing import Any

MOST_NESTED = 64
"""Brackets in brackets. A notebook has about 8, the description of a network 6; Python's parsers end near 1000."""
MOST_TEXT = 64_000_000
"""Bytes of a text: a notebook with pictures in it has some megabytes, a history of 100,000 records 40."""

_OUTSIDE = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[{]+|[\]}]+', re.DOTALL)


def open_regular(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a file to read its bytes.

    Raises OSError as the system gives it, ValueError where it is no regular file: a FIFO would be waited for, a device
    never ends.
    """
    # Without O_NONBLOCK, opening a FIFO waits until somebody writes into it.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    kind = os.fstat(handle).st_mode
    if stat.S_ISREG(kind):
        return os.fdopen(handle, "rb")
    os.close(handle)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise ValueError(f"{path} is no regular file")


def read_regular(path: str | os.PathLike[str], most: int = MOST_TEXT) -> bytes:
    """Give the bytes of a file. Raises as `open_regular`, and ValueError where it has more than `most` bytes."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        content = file.read(most + 1) if size <= most else b""
    if size > most or len(content) > most:
        raise ValueError(f"{path} has {max(size, len(content)):,} bytes; at most {most:,} are read")
    return content


def load_json(text: str | bytes, what: str, most_nested: int = MOST_NESTED) -> Any:
    """Give what a JSON text says. Raises ValueError, beginning with `what`, for damage or brackets too deep."""
    if depth(text) > most_nested:
        raise ValueError(f"{what} nests brackets more than {most_nested} deep")
    try:
        return json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{what} is no JSON: {error}") from None
    except (ValueError, RecursionError) as error:  # whole numbers of thousands of digits
        raise ValueError(f"{what} cannot be read: {error}") from None


def depth(text: str | bytes) -> int:
    """Give how deep brackets and braces lie in one another, those in double quotes left out."""
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    most = now = 0
    for match in _OUTSIDE.finditer(content):
        first = content[match.start()]
        if first in b"[{":
            now += match.end() - match.start()
            most = max(most, now)
        elif first in b"]}":
            now = max(0, now - (match.end() - match.start()))
    return most


def shown(text: str, kept: str = "\t") -> str:
    """Give a text for a terminal: control characters, which it would obey, as escapes; those in `kept` as they are.

    So are the marks that turn the direction of writing, and whatever else has no picture: `\\x1b`, `\\u202e`.
    """
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() or letter in kept or unicodedata.category(letter) == "Zs"
        else letter.encode("unicode_escape").decode()
        for letter in text
    )  # fmt: skip


def json_line(plain: Any, **how: Any) -> str:
    """Give plain data as one line of JSON, letters as they are; what a terminal would obey is written as `\\u….`."""
    told = json.dumps(plain, ensure_ascii=False, **how)
    if told.isprintable():
        return told
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in told)
