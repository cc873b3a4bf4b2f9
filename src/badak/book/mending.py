"""Where a fault of the book's own code is mended, a reader gets a line that says so, once."""

import sys

from badak.language import translator
from badak.reading import shown

_told: set[str] = set()


def mended(sentence: str) -> None:
    """Print `sentence` on standard error, in the reader's language, the first time that it is said."""
    if sentence not in _told:
        _told.add(sentence)
        print(f"badak.book: {shown(translator('book').gettext(sentence))}", file=sys.stderr)


def forget() -> None:
    """Say everything once more: for the next script."""
    _told.clear()
