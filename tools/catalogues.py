"""Compile the catalogues of sentences: src/badak/locale/<language>/LC_MESSAGES/<domain>.po to .mo (needs
babel).

Run without arguments after editing a .po file; with --check it only tells whether every .mo is up to date.
"""

import io
import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).resolve().parents[1] / "src" / "badak" / "locale"


def compiled(path: Path) -> bytes:
    """Give the bytes of the .mo file of a .po file."""
    with path.open("rb") as file:
        catalogue = read_po(file, locale=path.parent.parent.name)
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def main() -> int:
    """Compile all catalogues, or check them; give the exit code."""
    stale = []
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/*.po")):
        target, content = path.with_suffix(".mo"), compiled(path)
        if not target.exists() or target.read_bytes() != content:
            stale.append(target)
            if "--check" not in sys.argv:
                target.write_bytes(content)
    for target in stale:
        print(("stale: " if "--check" in sys.argv else "wrote ") + str(target.relative_to(LOCALE)))
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
