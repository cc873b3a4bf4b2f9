"""Make the Hangul font of the package: a subset of NanumGothicCoding, under another name.

    apt-get download fonts-nanum && dpkg-deb -x fonts-nanum_*.deb nanum
    python tools/make_font.py nanum/usr/share/fonts/truetype/nanum/NanumGothicCoding.ttf

Kept are the 2,350 syllables of KS X 1001, the jamo that stand alone, ASCII and what figures need, the minus of
Matplotlib (U+2212) among it: the original has none, so its en dash serves. This of the Nanum fonts was chosen because
the file itself says that it is under the Open Font License, and because it packs best (230 kB in a wheel). The licence
reserves the names of the Nanum fonts for the originals, so that the subset is called Badak Gothic.
"""

import argparse
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

NAME = "Badak Gothic"
OUT = Path(__file__).resolve().parents[1] / "src" / "badak" / "fonts" / "BadakGothic.ttf"
EXTRA = "\u00a0°±²³µ·×÷–—‘’“”•…′″₁₂₃₄−∂∇∑√∞≈≠≤≥←↑→↓αβγδεηθλμσφ、。「」『』《》〈〉％℃①②③④⑤"
ALIASES = {0x2212: 0x2013, 0x00B5: 0x03BC}  # minus: en dash; micro: Greek mu


def hangul_of_ks_x_1001() -> str:
    """Give the 2,350 syllables: rows 16 to 40 of the standard, which EUC-KR writes as B0 to C8."""
    return b"".join(bytes([row, cell]) for row in range(0xB0, 0xC9) for cell in range(0xA1, 0xFF)).decode("euc-kr")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("font", type=Path, help="NanumGothicCoding.ttf")
    parser.add_argument("--out", type=Path, default=OUT, help="(%(default)s)")
    arguments = parser.parse_args()

    font = TTFont(arguments.font, recalcTimestamp=False)  # the same font gives the same bytes
    options = subset.Options(hinting=False, layout_features=["kern"], name_IDs=["*"], notdef_outline=True)
    options.drop_tables += ["GSUB", "GPOS", "VORG", "vhea", "vmtx", "DSIG"]
    for table in font["cmap"].tables:
        if table.isUnicode():
            for code, stand_in in ALIASES.items():
                table.cmap.setdefault(code, table.cmap[stand_in])
    chosen = subset.Subsetter(options)
    jamo = "".join(map(chr, range(0x3131, 0x3164)))
    ascii_ = "".join(map(chr, range(0x20, 0x7F)))
    chosen.populate(text=ascii_ + EXTRA + jamo + hangul_of_ks_x_1001())
    chosen.subset(font)

    names = font["name"]
    kept = {record.nameID: record.toUnicode() for record in names.names if record.langID in (0, 0x409)}
    names.names = []
    for number, text in {
        0: kept[0],
        1: NAME,
        2: "Regular",
        3: f"{NAME} 1.0",
        4: NAME,
        5: "Version 1.0; a subset with Korean and Latin letters",
        6: NAME.replace(" ", ""),
        13: "This Font Software is licensed under the SIL Open Font License, Version 1.1.",
        14: "https://openfontlicense.org",
    }.items():
        names.setName(text, number, 3, 1, 0x409)
    font.save(arguments.out)
    missing = [c for c in EXTRA + jamo + hangul_of_ks_x_1001() if ord(c) not in font.getBestCmap()]
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes; not in the original: {''.join(missing) or '-'}")


if __name__ == "__main__":
    main()
