"""A script that downloads MNIST gets the images that come with badak: the addresses in the book no longer answer."""

import contextlib
import email.message
import gzip
import io
import struct
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from badak.book.mending import mended
from badak.data import mnist


def _asked_for(url: Any) -> str | None:
    """Give which file of MNIST an address or a urllib Request means, with or without .gz; None for anything else.

    Other sets (Fashion-MNIST) have files of the same names: a folder in the address must be called mnist.
    """
    address = getattr(url, "full_url", url)
    try:
        *folders, name = urlsplit(address).path.lower().split("/")
    except (ValueError, TypeError, AttributeError):  # no address: urllib says so
        return None
    return name if "mnist" in folders and name.removesuffix(".gz") in mnist.FILES else None


def idx_file(name: str) -> bytes:
    """Give a file of MNIST as it was first published (IDX: numbers big-endian), packed if its name ends in .gz."""
    splits = dict(zip(("train", "t10k"), mnist.load_mnist(normalize=False, flatten=False), strict=True))
    images, labels = splits[name.partition("-")[0]]
    array = images[:, 0] if "images" in name else labels
    head = struct.pack(f">{1 + array.ndim}I", 0x800 + array.ndim, *array.shape)
    content = head + array.tobytes()
    return gzip.compress(content, 1, mtime=0) if name.endswith(".gz") else content


@contextlib.contextmanager
def ours_instead() -> Iterator[None]:
    """Let urllib (`urlretrieve` too) answer with badak's images where MNIST is asked for; all else goes its way."""
    import urllib.request
    import urllib.response

    before = urllib.request.urlopen

    def urlopen(url: Any, *arguments: Any, **named: Any) -> Any:
        name = _asked_for(url)
        if name is None:
            return before(url, *arguments, **named)
        mended("MNIST is not downloaded: {name} is written from the images that come with badak", name=name)
        content = idx_file(name)
        headers = email.message.Message()
        headers["Content-Length"] = str(len(content))
        return urllib.response.addinfourl(io.BytesIO(content), headers, getattr(url, "full_url", url), 200)

    urllib.request.urlopen = urlopen
    try:
        yield
    finally:
        urllib.request.urlopen = before
