"""Damaged files for every reader, and runs ended by force: each is read, or refused with its reason, at little cost.

    python benchmarks/corrupt.py                     5,000 damaged files for each reader
    python benchmarks/corrupt.py --count 20000 npz   more, for one
    python benchmarks/corrupt.py --kills 300         trainings that save all the time, ended by force at any moment

Prints a row a reader: how many were read, how many refused, the longest time, the most memory that one cost, and what
came out that is neither. The exit code is 1 where there is any of that.
"""

import argparse
import gzip
import io
import json
import os
import pickle
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from badak import TwoLayerNet, load_network, save_network, store
from badak.book.pickles import load_pickle
from badak.check.load.reading import read_source
from badak.data.idx import read_idx, write_idx
from badak.data.images import read_image
from badak.data.npz import load_npz

MOST_SECONDS, MOST_BYTES = 2.0, 64_000_000
REFUSALS = (ValueError, TypeError, OSError, SyntaxError)


def _notebook() -> bytes:
    code = ["class Relu:\n", "    def forward(self, x):\n", "        return x\n"]
    cells = [{"cell_type": "code", "source": code, "outputs": []}, {"cell_type": "markdown", "source": "# Relu"}]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}).encode()


def _written(write: Callable[[Path], object], name: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, name))
        return Path(folder, name).read_bytes()


def _images() -> Iterator[bytes]:
    from PIL import Image

    grey = Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 30)).astype(np.uint8))
    for mode, kind in (("L", "PNG"), ("RGBA", "PNG"), ("P", "PNG"), ("1", "PNG"), ("L", "GIF"), ("RGB", "JPEG"),
                       ("RGB", "BMP"), ("L", "PPM")):  # fmt: skip
        target = io.BytesIO()
        grey.convert(mode).save(target, kind)
        yield target.getvalue()


def whole(kind: str) -> list[bytes]:
    """Give right files of a kind, from which damaged ones are made."""
    rng = np.random.default_rng(0)
    x, t = rng.integers(0, 255, (3, 20)).astype(np.uint8), np.arange(3)
    if kind in ("idx", "gzip"):
        name = "s.gz" if kind == "gzip" else "s"
        return [_written(lambda p, a=a: write_idx(p, a), name) for a in (x.reshape(3, 4, 5), x.astype(np.float64))]  # type: ignore[misc]
    if kind == "npz":
        found = []
        for save in (np.savez, np.savez_compressed):
            target = io.BytesIO()
            save(target, x_train=x, t_train=t, x_test=x, t_test=t)  # type: ignore[operator]
            found.append(target.getvalue())
        return found
    if kind == "model":
        return [_written(lambda p: save_network(p, TwoLayerNet(4, 3, 2, dtype=np.float32)), "m")]
    if kind == "image":
        return list(_images())
    if kind == "pickle":
        arrays = {"W1": rng.random((3, 4)), "b1": np.arange(3), "f": np.asfortranarray(rng.random((2, 3)))}
        return [pickle.dumps(arrays, protocol) for protocol in (2, 3, 4, 5)]
    return {
        "history": [b'{"epoch": 1, "loss": 0.5}\n{"epoch": 2, "loss": null, "layers": {"a": {"b": 1}}}\n'],
        "config": [b'epochs = 3\nlr = 0.1\nhidden = [50, 20]\nname = "x"\n[a]\nb = 2024-01-01\n'],
        "notebook": [_notebook()],
        "source": [b"import numpy as np\nclass Relu:\n    def forward(self, x):\n        return np.maximum(x, 0)\n"],
    }[kind]


READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "idx": ("f", read_idx),
    "gzip": ("f.gz", read_idx),
    "npz": ("f.npz", load_npz),
    "model": ("f.safetensors", load_network),
    "image": ("f.png", read_image),
    "pickle": ("f.pkl", load_pickle),
    "history": (store.HISTORY, lambda path: store.read_history(path.parent)),
    "config": (store.CONFIG, lambda path: store.read_config(path.parent)),
    "notebook": ("f.ipynb", read_source),
    "source": ("f.py", read_source),
}
PIECES = [
    b"[" * 3000, b"{" * 3000, b"(" * 3000, b"-" * 3000, b"a." * 3000, b"NaN", b"1e999", b"9" * 5000, b"\0", b"\xff\xfe",
    b"\x86" * 30, b"2\x86" * 30, b"})" + b"2\x86" * 30 + b"K\x01s", b"cos\nsystem\n", b"R", b"b", b"0", b"t", b"\x94",
    b"\x93", b"j\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff\xff\xff\xff\xff", b"-1", b"null", b'"',
    b"\n",
]  # fmt: skip


def damaged(content: bytes, draw: random.Random) -> bytes:
    """Give a file with one to eight faults: bytes changed, cut out, put in, repeated, or its end missing."""
    held = bytearray(content)
    for _ in range(draw.choice([1, 1, 2, 3, 8])):
        if not held:
            break
        at = draw.randrange(min(len(held), 64) if draw.random() < 0.4 else len(held))
        what = draw.randrange(6)
        if what == 0:
            held[at] = draw.randrange(256)
        elif what == 1:
            held[at] ^= 1 << draw.randrange(8)
        elif what == 2:
            del held[at : at + draw.randrange(1, 20)]
        elif what == 3:
            held[at : at + draw.choice([0, 1, 4])] = draw.choice(PIECES)
        elif what == 4:
            other = draw.randrange(len(held))
            held[at:at] = held[other : other + draw.randrange(1, 40)]
        else:
            del held[at + draw.randrange(len(held)) :]
    return bytes(held)


def cases(kind: str, count: int, seed: int) -> Iterator[bytes]:
    """Give `count` damaged files of a kind; the same for the same seed."""
    draw, sources = random.Random(seed), whole(kind)
    for _ in range(count):
        source = draw.choice(sources)
        if kind == "gzip" and draw.random() < 0.7:
            yield gzip.compress(damaged(gzip.decompress(source), draw), 1, mtime=0)
        else:
            yield damaged(source, draw)


def read(kind: str, path: Path) -> str:
    """Read a damaged file; give 'read', 'refused', or what else came of it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            READERS[kind][1](path)
    except REFUSALS:
        return "refused"
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    return "read"


def try_all(kind: str, count: int, seed: int) -> bool:
    """Read `count` damaged files of a kind and print what came of them; say whether all was as it should be."""
    came: Counter[str] = Counter()
    longest, most = 0.0, 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, READERS[kind][0])
        for content in cases(kind, count, seed):
            path.write_bytes(content)
            before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
            came[read(kind, path)] += 1
            longest = max(longest, time.perf_counter() - started)
            most = max(most, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024)
    other = {what: n for what, n in came.items() if what not in ("read", "refused")}
    told = f"{kind:9} {came['read']:7} read {came['refused']:7} refused {longest:6.2f} s {most / 1e6:6.1f} MB"
    print(told, *(f"\n    {n} x {what}" for what, n in other.items()), flush=True)
    return not other and longest < MOST_SECONDS and most < MOST_BYTES


def kills(count: int, seed: int) -> bool:
    """End a run by force `count` times while it saves; say whether what it left could be read each time."""
    from PIL import Image

    from badak.drawing import draw_curves

    draw, came, bad = random.Random(seed), Counter[str](), 0
    network = TwoLayerNet(50, 20, 10)
    records = [{"epoch": n / 10, "loss": 1.0, "train_accuracy": 0.5, "test_accuracy": None} for n in range(10)]
    with tempfile.TemporaryDirectory() as place:
        draw_curves(records, Path(place, "warm.png"))
        for number in range(count):
            folder = Path(place, str(number))
            process = os.fork()
            if process == 0:
                store.new_folder(folder)
                store.write_config(folder, {"epochs": 3})
                for record in iter(lambda: records[0], None):
                    if number % 3 == 0:  # a picture takes so long that few kills would hit its writing otherwise
                        draw_curves(records, folder / store.CURVES)
                        continue
                    store.append_history(folder, record)
                    save_network(folder / store.MODEL, network)
                    store.write_history(folder, records)
            time.sleep(draw.uniform(0, 1.5 if number % 3 == 0 else 0.3))
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            names = [path.name for path in folder.iterdir()] if folder.exists() else []
            came.update("unfinished" if name.startswith(".") else name for name in names)
            checks: dict[str, Callable[[], object]] = {
                store.HISTORY: lambda f=folder: store.read_history(f),  # type: ignore[misc]
                store.CONFIG: lambda f=folder: store.read_config(f),  # type: ignore[misc]
                store.MODEL: lambda f=folder: load_network(f),  # type: ignore[misc]
                store.CURVES: lambda f=folder: Image.open(f / store.CURVES).load(),  # type: ignore[misc]
            }
            for name in names:
                try:
                    checks.get(name, lambda: None)()
                except Exception as error:
                    bad += 1
                    print(f"run {number}: {name}: {error!r}"[:200], flush=True)
            for name in (store.MODEL, store.HISTORY):
                (folder / name).unlink(missing_ok=True)
            store.refuse_other_run(folder)
    print(f"{count} runs ended by force, unreadable files: {bad};", dict(came))
    return not bad


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", choices=[*READERS, []], default=[])
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int)
    given = parser.parse_args()
    if given.kills is not None:
        return int(not kills(given.kills, given.seed))
    right = [try_all(kind, given.count, given.seed) for kind in given.kinds or READERS]
    return int(not all(right))


if __name__ == "__main__":
    sys.exit(main())
