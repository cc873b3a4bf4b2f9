"""Badak Gothic: a Hangul font for pictures, since Matplotlib's own draws boxes. Its licence lies beside it."""

from pathlib import Path


def hangul_font_path() -> Path:
    """Give the path of the font file: Hangul of KS X 1001, ASCII, and the signs of figures (minus among them)."""
    return Path(__file__).with_name("BadakGothic.ttf")
