"""`badak predict`: the digit on an image."""

import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from badak.cli.options import lang_option
from badak.cli.words import Argument, Command, explain, say
from badak.reading import shown

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".ppm", ".idx", ".gz")
LEAST_SIDE, MOST_SIDE = 4, 1024
"""Sides of the images that can be read for a network, in pixels."""


@click.command(cls=Command, short_help="Classify images of digits.")
@click.argument("run", type=Path, cls=Argument, about="A run folder, or a model.safetensors.")
@click.argument("images", type=Path, nargs=-1, required=True, cls=Argument,
                about="PNG, JPEG, GIF, BMP, PPM or IDX files, or folders of them.")  # fmt: skip
@lang_option
def predict(run: Path, images: tuple[Path, ...]) -> None:
    """Classify images of digits: print the digit on each image and the network's probability for it.

    An image that cannot be read is named, and does not stop the others. Exit code 0: all were read; 2: some were not.
    """
    from badak.graph import load_network

    network = load_network(run)
    shape = _image_shape(network, run)
    failed = False
    for path in _files(images):
        try:
            if isinstance(path, Exception):
                raise path
            lines = list(_answers(network, shape, path, run))
        except (ValueError, OSError, MemoryError) as error:
            print(f"badak: {shown(explain(error))}", file=sys.stderr)
            failed = True
        else:
            print("\n".join(map(shown, lines)), flush=True)
    if failed:
        sys.exit(2)


def _image_shape(network: Any, run: Path) -> tuple[int, int]:
    """Return (H, W) of the images on which a network was trained. Raises ValueError where it was trained on none."""
    from badak.graph import input_shape

    shape = input_shape(network) or ()
    if len(shape) == 3 and shape[0] == 1:
        height, width = shape[1:]
    else:
        height = width = math.isqrt(math.prod(shape))
    fits = min(height, width) >= LEAST_SIDE and max(height, width) <= MOST_SIDE
    if not fits or height * width != math.prod(shape):
        values = " x ".join(map(str, shape))
        raise ValueError(
            f"{run} was trained on samples of {values} values, not on grey images: it has no digit to predict"
        )
    return height, width


def _files(paths: Sequence[Path]) -> Iterator[Path | Exception]:
    """Yield the files that were named, and the images in the folders; in place of a folder without any, its error."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        inside = [p for p in sorted(path.iterdir()) if _is_image(p)]
        yield from inside
        if not inside:
            yield ValueError(f"{path} is a folder without images; expected PNG, JPEG, GIF, BMP, PPM or IDX files")


def _is_image(path: Path) -> bool:
    name = path.name.lower()
    return not name.startswith(".") and path.is_file() and (name.endswith(SUFFIXES) or name.endswith("-ubyte"))


def _answers(network: Any, shape: tuple[int, int], path: Path, run: Path) -> Iterator[str]:
    """Yield a line for each image in a file: its name, the digit, the probability, and what may be wrong with it."""
    import numpy as np

    from badak.data.images import SHADOW, TWO, read_doubted
    from badak.functions import softmax

    pixels, doubts = read_doubted(path, shape)
    scores = network.predict(np.divide(pixels, 255, dtype=np.float32).reshape(len(pixels), -1))
    if not np.isfinite(scores).all():
        raise ValueError(f"{run}: the network outputs NaN or infinity: its training diverged")
    doubted = {TWO: say("two digits?"), SHADOW: say("a shadow?")}
    for index, (row, doubt) in enumerate(zip(softmax(scores), doubts, strict=True)):
        name = str(path) if len(pixels) == 1 else f"{path}[{index}]"
        yield f"{name}: {row.argmax()} ({100 * row.max():.1f} %)" + (f"  [{doubted[doubt]}]" if doubt else "")
