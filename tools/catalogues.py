"""Compile the catalogues of sentences: each `.po` under src/badak/locale to the `.mo` beside it.

    python tools/catalogues.py            write them
    python tools/catalogues.py --check    fail where one is not what its .po gives

Needs babel (the extra `dev`).
"""

import io
import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

LOCALE = Path(__file__).parent.parent / "src" / "badak" / "locale"


def compiled(po: Path) -> bytes:
    """Give the bytes of the `.mo` for a `.po`."""
    with po.open("rb") as source:
        catalogue = read_po(source, locale=po.parts[-3], domain=po.stem)
    target = io.BytesIO()
    write_mo(target, catalogue)
    return target.getvalue()


def main() -> int:
    """Write or check all of them."""
    stale = []
    for po in sorted(LOCALE.rglob("*.po")):
        mo, content = po.with_suffix(".mo"), compiled(po)
        if "--check" in sys.argv and (not mo.exists() or mo.read_bytes() != content):
            stale.append(mo)
        elif "--check" not in sys.argv:
            mo.write_bytes(content)
    for mo in stale:
        print(f"{mo} is not what its .po gives: run tools/catalogues.py", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
