"""Compile the catalogues of sentences: each `.po` under src/badak/locale to the `.mo` beside it.

    python tools/catalogues.py            write them
    python tools/catalogues.py --check    fail where one is not what its .po gives

Needs babel (the extra `dev`).
"""

import gettext
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


def sentences(mo: bytes) -> dict[str, str]:
    """Give what a `.mo` translates, without its header, in which the compiler writes its name and the time."""
    catalogue = gettext.GNUTranslations(io.BytesIO(mo))._catalog  # type: ignore[attr-defined]
    return {key: text for key, text in catalogue.items() if key}


def main() -> int:
    """Write or check all of them."""
    stale = []
    for po in sorted(LOCALE.rglob("*.po")):
        mo, content = po.with_suffix(".mo"), compiled(po)
        if mo.exists() and sentences(mo.read_bytes()) == sentences(content):
            continue
        if "--check" in sys.argv:
            stale.append(mo)
        else:
            mo.write_bytes(content)
    for mo in stale:
        print(f"{mo} is not what its .po gives: run tools/catalogues.py", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
