"""Where badak does otherwise than the book's own code or Python would, a reader gets a line that says so, once."""

import sys
from typing import Any

from badak.language import translator
from badak.reading import shown

_told: set[str] = set()


def mended(sentence: str, **values: Any) -> None:
    """Print `sentence` on standard error, in the reader's language, the first time that it is said.

    `values` fill its {names}; said of other values it is another sentence.
    """
    filled = translator("book").gettext(sentence)
    if values:
        filled = filled.format_map({key: shown(str(value)) for key, value in values.items()})
    if filled not in _told:
        _told.add(filled)
        print(f"badak.book: {filled}", file=sys.stderr, flush=True)


def forget() -> None:
    """Say everything once more: for the next script."""
    _told.clear()
