"""What an error of a script does not say by itself: where a file of the book's comes from, whose code is missing."""

import os
from pathlib import Path

from badak.book import imports, scripts
from badak.book.mending import mended

# Files that the book's scripts read, and where they lie in its code.
FILES = {
    "sample_weight.pkl": "ch03",
    "deep_convnet_params.pkl": "ch08",
    "params.pkl": "ch07",
    "lena.png": "dataset",
    "lena_gray.png": "dataset",
    "cactus.png": "dataset",
    "cactus_gray.png": "dataset",
}


def explain(error: BaseException) -> None:
    """Add a line to an error that was shown, where we know more than it says."""
    if isinstance(error, FileNotFoundError):
        _explain_file(str(error))
    elif isinstance(error, ModuleNotFoundError):
        name = error.name or ""
        if name.partition(".")[0] in imports.NAMES and scripts.is_of_second_volume():
            mended(
                "{name} is of the book's second volume, and badak has the first: the script needs its own", name=name
            )


def _explain_file(told: str) -> None:
    file = next((name for name in FILES if name in told), None)
    if file is None:
        return
    here = scripts.beside()
    if (here / file).is_file() and here != Path.cwd():
        mended("{file} lies in {folder}: run the script from there", file=file, folder=os.fspath(here))
        return
    mended(
        "{file} comes with the book's code, in its folder {folder}: "
        "https://github.com/WegraLee/deep-learning-from-scratch or "
        "https://github.com/oreilly-japan/deep-learning-from-scratch",
        file=file,
        folder=FILES[file],
    )
