"""`badak predict`: the digit on an image."""

import math
from pathlib import Path

import click


@click.command()
@click.argument("run", type=Path)
@click.argument("images", type=Path, nargs=-1, required=True)
def predict(run: Path, images: tuple[Path, ...]) -> None:
    """Say which digit is on each image, and how sure the network is.

    \b
    Arguments:
      RUN        A run folder, or a model.safetensors.
      IMAGES...  PNG or IDX files.
    """
    import numpy as np

    from badak.data.images import read_image
    from badak.functions import softmax
    from badak.graph import input_shape, load_network

    network = load_network(run)
    shape = input_shape(network) or ()
    side = math.isqrt(math.prod(shape))
    if side * side != math.prod(shape):
        raise ValueError(f"{run} was trained on samples of shape {shape}, not on square images")
    for path in images:
        pixels = read_image(path, (side, side))
        scores = network.predict(np.divide(pixels, 255, dtype=np.float32).reshape(len(pixels), -1))
        if not np.isfinite(scores).all():
            raise ValueError(f"{run}: the network's answers are no numbers (NaN): its training diverged")
        for number, row in enumerate(softmax(scores)):
            name = str(path) if len(pixels) == 1 else f"{path}[{number}]"
            print(f"{name}: {row.argmax()} ({100 * row.max():.1f} %)")
