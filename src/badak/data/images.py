"""Images for a trained network: a PNG as people draw it, or an IDX file, made to look as MNIST's digits do."""

import math
import struct
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from badak.data.idx import GZIP_MAGIC, HARMLESS, StrPath, read_idx
from badak.reading import open_regular
from badak.validate import sides

if TYPE_CHECKING:
    from PIL.Image import Image

Grey: TypeAlias = NDArray[np.float32]  # (H, W), 0 black, 1 white

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM")
MOST_PIXELS = 50_000_000
LEAST_CONTRAST = 0.1
RIM = 0.2
UNEVEN = 0.2
"""Of the contrast: a brightness of the paper that varies more than this, along the border, is a shadow's."""
APART = 0.15
"""Part of the ink that has to lie on either side of an empty column for two digits; of MNIST's 70,000, 14 have that."""
BROAD = 1.5
"""Width by height from which a digit may well be two; 262 of MNIST's are broader."""
TWO, SHADOW = "two digits?", "a shadow?"
WIDEST = 2.5  # the widest of MNIST's 70,000 digits is 2.2 times as wide as high


def read_image(path: StrPath, shape: tuple[int, int] = (28, 28)) -> NDArray[np.uint8]:
    """Read one image (PNG, JPEG, GIF, BMP, PPM) or all images of an IDX file as (n, H, W) uint8, white on black.

    What has that shape already, white on black with a black border, stays as it is, and so do IDX images of that
    shape. Any other is made into it as MNIST was (LeCun et al., 1998): colour becomes grey, a bright
    ground becomes black, the digit is cut out, scaled into 20 x 20 of the 28 x 28 pixels keeping its proportions,
    and shifted so that its centre of mass is the centre. (Below 20 pixels, as in the UCI digits, it fills the side.)

    Raises TypeError or ValueError for a `shape` that is none, FileNotFoundError (or another OSError) if the file
    cannot be read, ValueError if it holds no image, a damaged one, an enormous one, or nothing like a digit.
    """
    return read_doubted(path, shape)[0]


def read_doubted(path: StrPath, shape: tuple[int, int] = (28, 28)) -> tuple[NDArray[np.uint8], list[str]]:
    """Return what `read_image` does, and for each image what may be wrong with it: TWO, SHADOW, or ''."""
    height, width = sides("shape", shape, 4, 1024)
    path = Path(path)
    with open_regular(path) as file:
        start = file.read(3)
    if start[:2] == GZIP_MAGIC or start == b"\0\0\x08":
        images, doubts = _from_idx(path, (height, width))
    else:
        image, doubt = _as_digit(_read_grey(path), (height, width), str(path))
        images, doubts = image[np.newaxis], [doubt]
    return images, [doubt or two_digits(image) for image, doubt in zip(images, doubts, strict=True)]


def two_digits(image: NDArray[np.uint8]) -> str:
    """Return TWO for an image (H, W), white on black, with much ink on both sides of an empty column, or broad."""
    ink = np.where(image > 16, image, 0)
    columns, rows = ink.sum(axis=0, dtype=np.int64), ink.sum(axis=1)
    left = np.cumsum(columns)
    total = max(int(left[-1]), 1)
    parted = (columns == 0) & (left > APART * total) & (left < (1 - APART) * total)
    broad = np.ptp(np.flatnonzero(columns)) + 1 > BROAD * (np.ptp(np.flatnonzero(rows)) + 1) if left[-1] else False
    return TWO if parted.any() or broad else ""


def _from_idx(path: Path, shape: tuple[int, int]) -> tuple[NDArray[np.uint8], list[str]]:
    images = read_idx(path)
    if images.dtype != np.uint8 or images.ndim not in (2, 3) or not images.size:
        raise ValueError(f"{path}: expected uint8 images (n, H, W), the file has {images.dtype} {images.shape}")
    images = images.reshape(-1, *images.shape[-2:])
    flat = images.reshape(len(images), -1)
    if (blank := flat.min(axis=1) == flat.max(axis=1)).any():
        where = int(blank.argmax())
        raise ValueError(f"{path}[{where}] is blank: all its pixels are {flat[where, 0]}")
    if images.shape[1:] == shape:
        return images, [""] * len(images)
    digits = [_as_digit(image / np.float32(255), shape, f"{path}[{i}]") for i, image in enumerate(images)]
    return np.stack([digit for digit, _ in digits]), [doubt for _, doubt in digits]


def _read_grey(path: Path) -> Grey:
    """Read a picture of any mode as (H, W) between 0 and 1, no side much longer than 1,000 pixels."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the size is checked here
        try:
            with Image.open(path, formats=FORMATS) as image:
                width, height = image.size
                if width * height > MOST_PIXELS:
                    raise ValueError(
                        f"{path} is enormous: {width:,} x {height:,} pixels; at most {MOST_PIXELS:,} are read"
                    )
                image.draft("L", (1024, 1024))  # a JPEG of that size or more can be unpacked smaller
                _refuse_bomb(image, path)
                return _grey(ImageOps.exif_transpose(image))
        except UnidentifiedImageError:
            raise ValueError(f"{path} is no image; expected {', '.join(FORMATS)} or IDX") from None
        except Image.DecompressionBombError as error:
            raise ValueError(f"{path} is enormous ({error}); at most {MOST_PIXELS:,} pixels are read") from None
        except (OSError, SyntaxError, EOFError, MemoryError, OverflowError, ValueError, struct.error) as error:
            if str(error).startswith(f"{path} is enormous"):
                raise
            # Pillow's word for what is wrong inside a file; that the file can be read, we know.
            raise ValueError(f"{path} is a damaged image ({error})") from None


def _refuse_bomb(image: "Image", path: Path) -> None:
    """Raise ValueError for a picture that takes far more memory than its file has bytes."""
    width, height = image.size
    # Pillow keeps colours in 4 bytes; the second number is for what `_grey` makes of them.
    held = sum({"1": (1, 1), "L": (1, 1), "I;16": (2, 4), "I;16B": (2, 4)}.get(image.mode, (4, 1)))
    if image.mode == "P" and "transparency" in image.info:
        held = 6
    needed, most = width * height * held, HARMLESS + 4 * path.stat().st_size
    if needed > most:
        raise ValueError(
            f"{path} is enormous: {width:,} x {height:,} pixels in {path.stat().st_size:,} bytes take {needed:,} bytes "
            f"of memory; at most {most:,} are used for them"
        )


def _grey(image: "Image") -> Grey:
    factor = max(1, max(image.size) // 512)
    if image.mode.startswith("I"):  # 16 bits a pixel
        deep = np.asarray(image)
        height, width = (math.ceil(n / factor) * factor for n in deep.shape)
        deep = np.pad(deep, ((0, height - deep.shape[0]), (0, width - deep.shape[1])), mode="edge")
        blocks = deep.reshape(height // factor, factor, width // factor, factor)
        return (blocks.mean(axis=(1, 3)) / 65535).astype(np.float32)
    transparent = image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info
    image = image.convert("RGBA" if transparent else "L")
    if factor > 1:
        image = image.reduce(factor)
    grey = np.asarray(image.convert("L"), np.float32) / np.float32(255)
    if not transparent:
        return grey
    alpha = np.asarray(image.getchannel("A"), np.float32) / np.float32(255)
    # Under ink that one can see through lies the ground on which it shows.
    ink = float((grey * alpha).sum() / max(alpha.sum(), 1e-6))
    ground = 1.0 if ink < 0.5 else 0.0
    return np.asarray(grey * alpha + ground * (1 - alpha), np.float32)


def _as_digit(grey: Grey, shape: tuple[int, int], name: str) -> tuple[NDArray[np.uint8], str]:
    """Give one image (H, W) as a white digit on black, of `shape`, and SHADOW where its paper is uneven, else ''.

    ValueError, beginning with `name`, if there is no digit.
    """
    if min(grey.shape) < 4:
        raise ValueError(f"{name} is too small: {grey.shape[1]} x {grey.shape[0]} pixels; expected 4 x 4 or more")
    low, high = float(grey.min()), float(grey.max())
    if high - low < LEAST_CONTRAST:
        alike = "all its pixels are alike" if high == low else f"its pixels differ by {high - low:.0%} only"
        raise ValueError(f"{name} is blank: {alike}")
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    if np.median(border) > (low + high) / 2:  # dark ink on bright paper
        grey, border, low, high = 1 - grey, 1 - border, 1 - high, 1 - low
    if grey.shape == shape and np.mean(border > 16 / 255) < 0.1:
        return np.rint(grey * 255).astype(np.uint8), ""
    ground = float(np.median(border))
    # The grain of paper, as far as three quarters of the border show it, is no ink.
    grain = min(0.4, 3 * float(np.quantile(np.abs(border - ground), 0.75)) / (high - ground))
    ink = np.clip((grey - ground) / (high - ground), 0, 1)
    ink[ink <= max(grain, 1 / 255)] = 0
    paper = (border - ground) / (high - ground)
    paper = paper[paper < 0.5]  # a stroke that reaches the border is no shadow
    uneven = np.ptp(np.quantile(paper, [0.03, 0.97])) > UNEVEN if len(paper) else False
    return _centred(_cut_out(ink, name), shape), SHADOW if uneven else ""


def _cut_out(ink: Grey, name: str) -> Grey:
    """Give the rows and columns that hold ink. ValueError if they don't look like one digit."""
    # The blurred rim of an enlarged or photographed digit is drawn, but does not count for its size.
    dark = ink > RIM
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    digit = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = digit.shape
    if max(height, width) < 4:
        raise ValueError(f"{name}: what is drawn is only {width} x {height} pixels")
    if width > WIDEST * height:
        raise ValueError(
            f"{name}: what is drawn is {width / height:.1f} times as wide as high; "
            f"expected one digit (at most {WIDEST} times)"
        )
    return digit


def _centred(digit: Grey, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale into the inner 20 x 20 of 28 x 28 (in proportion for another `shape`), centre of mass in the centre."""
    from PIL import Image

    side = min(shape)
    box = round(side * 20 / 28) if side >= 20 else side
    scale = box / max(digit.shape)
    height, width = (max(1, round(n * scale)) for n in digit.shape)
    # Shrinking, a pixel is the mean of the area that it covers, as in MNIST.
    how = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
    small = np.asarray(Image.fromarray(digit).resize((width, height), how))
    mass = small.sum()
    centre = (small.sum(axis=1) @ np.arange(height) / mass, small.sum(axis=0) @ np.arange(width) / mass)
    # Index 14 of 28 is where MNIST's centres of mass lie (13.5 to 14.5). Nothing may leave the picture.
    top, left = (
        min(max(round(n / 2 - float(c)), 0), n - s) for n, c, s in zip(shape, centre, small.shape, strict=True)
    )
    picture = np.zeros(shape, np.uint8)
    picture[top : top + height, left : left + width] = np.rint(small / small.max() * 255)
    return picture
