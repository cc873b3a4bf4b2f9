"""Compiled code in one piece that runs wherever it lies: loading it needs no compiler.

LLVM's own loader costs 50 MB of memory, and at each start as long as some thousand training steps, only to put an
object file's sections beside each other and to write into them how far they are apart. On x86-64 under Linux that is
done here once, when the machine is compiled: code that knows all places by their distance from itself
(position-independent code) then never needs it again.

The formats are those of the System V ABI (its ELF chapters 4 and 5) and its AMD64 supplement (table 4.9).
"""

import ctypes
import mmap
from typing import Any

import numpy as np

MAGIC = b"badak code 1\n\0\0\0"
HEAD = 64
"""The first bytes: MAGIC, and where the entry is. Code follows, on a boundary that the widest vector may want."""

SECTION = np.dtype(
    [("name", "<u4"), ("type", "<u4"), ("flags", "<u8"), ("address", "<u8"), ("offset", "<u8"), ("size", "<u8"),
     ("link", "<u4"), ("info", "<u4"), ("align", "<u8"), ("each", "<u8")]
)  # fmt: skip
SYMBOL = np.dtype(
    [("name", "<u4"), ("info", "u1"), ("other", "u1"), ("section", "<u2"), ("value", "<u8"), ("size", "<u8")]
)
RELOCATION = np.dtype([("offset", "<u8"), ("type", "<u4"), ("symbol", "<u4"), ("addend", "<i8")])
PROGBITS, SYMTAB, RELA = 1, 2, 4
WRITTEN, IN_MEMORY = 1, 2
FAILED = ctypes.c_void_p(-1).value
"""What the system's mmap gives for an error."""
PC32, PLT32 = 2, 4
"""The two relocations that are distances: symbol + addend - place, in 32 bits."""


def link(code: bytes, entry: str) -> bytes | None:
    """Give an x86-64 object file's code and constants as one image, or None for code that cannot be made into one.

    `entry` is the name of the function that is to be called. What is None: another format or processor, and code
    that writes into itself, or refers to something outside or by an absolute address.
    """
    if code[:6] != b"\x7fELF\x02\x01" or code[18:20] != b"\x3e\x00":
        return None
    start, count = int.from_bytes(code[40:48], "little"), int.from_bytes(code[60:62], "little")
    sections = np.frombuffer(code, SECTION, count, start)

    def content(section: Any) -> bytes:
        return code[int(section["offset"]) : int(section["offset"]) + int(section["size"])]

    image, places = bytearray(HEAD), {}
    for number, section in enumerate(sections):
        if section["flags"] & WRITTEN:
            return None  # the image will not be
        if section["type"] == PROGBITS and section["flags"] & IN_MEMORY:
            image += bytes(-len(image) % max(HEAD, int(section["align"])))
            places[number] = len(image)
            image += content(section)
    (table,) = sections[sections["type"] == SYMTAB]
    symbols, names = np.frombuffer(content(table), SYMBOL), content(sections[table["link"]])
    for section in sections[sections["type"] == RELA]:
        if int(section["info"]) not in places:
            continue  # of what is for debuggers and exceptions
        for relocation in np.frombuffer(content(section), RELOCATION):
            symbol = symbols[relocation["symbol"]]
            if relocation["type"] not in (PC32, PLT32) or int(symbol["section"]) not in places:
                return None
            at = places[int(section["info"])] + int(relocation["offset"])
            target = places[int(symbol["section"])] + int(symbol["value"])
            image[at : at + 4] = (target + int(relocation["addend"]) - at).to_bytes(4, "little", signed=True)
    for symbol in symbols:
        if names[symbol["name"] :].startswith(entry.encode() + b"\0") and int(symbol["section"]) in places:
            first = places[int(symbol["section"])] + int(symbol["value"])
            image[: len(MAGIC) + 8] = MAGIC + first.to_bytes(8, "little")
            return bytes(image)
    return None


def place(image: bytes) -> int:
    """Put an image into memory that may be run, and leave it there; give the entry's address.

    The memory is the system's and nobody's in Python: when a process ends, threads may still be running what is in it.
    Raises OSError where the system allows no such memory.
    """
    system = ctypes.CDLL(None, use_errno=True)
    system.mmap.restype = ctypes.c_void_p
    private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    size, nowhere = ctypes.c_size_t(len(image)), ctypes.c_void_p(None)
    address = system.mmap(nowhere, size, mmap.PROT_READ | mmap.PROT_WRITE, private, -1, ctypes.c_long(0))
    if address in (None, FAILED):
        raise OSError(ctypes.get_errno(), "the system gives no memory for compiled code")
    ctypes.memmove(address, image, len(image))
    allowed = mmap.PROT_READ | mmap.PROT_EXEC  # and no longer to be written
    if system.mprotect(ctypes.c_void_p(address), size, allowed) != 0:
        raise OSError(ctypes.get_errno(), "the system lets no compiled code run from memory")
    return int(address) + int.from_bytes(image[len(MAGIC) : len(MAGIC) + 8], "little")
