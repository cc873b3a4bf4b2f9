"""The book's pickles: dictionaries of arrays, read without running anything that a file names.

A pickle is a program. Here only the words that such a dictionary needs are understood, and the five names that NumPy
writes for an array stand for classes of this file: no function of NumPy, or of anyone, is called with what a file says.
"""

import codecs
import math
import os
import pickle
import pickletools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from badak.reading import read_regular
from badak.store import write_atomically
from badak.types import Array

WORDS = frozenset({
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "DUP", "EMPTY_DICT", "EMPTY_LIST", "APPEND", "APPENDS",
    "FLOAT", "BINFLOAT", "DICT", "SETITEM", "SETITEMS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3",
    "NONE", "NEWTRUE", "NEWFALSE", "INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "UNICODE",
    "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "GET",
    "BINGET", "LONG_BINGET", "PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE", "GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD",
})  # fmt: skip
MOST_WORDS = 10_000
"""The book's largest file has about 600: a longer program is no dictionary of arrays."""
MOST_BYTES = 2**31
"""`mnist.pkl`, the largest of the book's, has 55 MB."""
MOST_DIMENSIONS, MOST_ELEMENTS = 32, 2**60
LONGEST_SHOWN = 200
"""Letters of a text in the file that a message shows."""


class _Inert:
    """What stands for something that a pickle names. It takes no state, unless a class below says which."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise ValueError("it gives a state to something that has none")


class _NamedType(_Inert):
    """`numpy.ndarray`, which is only ever an argument."""


class _Bytes(_Inert):
    """`_codecs.encode`: protocol 2 has no bytes, and writes them as text in latin-1."""

    def __call__(self, text: Any = "", encoding: Any = "latin1") -> bytes:
        if not isinstance(text, str) or not isinstance(encoding, str) or encoding not in ("latin1", "latin-1"):
            raise ValueError("it encodes something that is no text in latin-1")
        return codecs.encode(text, "latin1")


class _DType(_Inert):
    """A dtype of plain numbers: its kind and size, and the byte order that its state tells."""

    __slots__ = ("order", "text")

    def __init__(self, text: str) -> None:
        self.text, self.order = text, "="

    def __setstate__(self, state: Any) -> None:
        if not (isinstance(state, tuple) and len(state) >= 5 and state[1] in ("<", ">", "|", "=")):
            raise ValueError("it holds a dtype with a state that is none of plain numbers")
        if any(part is not None for part in state[2:5]):
            raise ValueError("it holds a structured dtype")
        self.order = state[1]

    def numpy(self) -> np.dtype[Any]:
        return np.dtype((self.order if self.order in "<>" else "=") + self.text)


class _MakeDType(_Inert):
    """`numpy.dtype`."""

    def __call__(self, text: Any, align: Any = False, copy: Any = True) -> _DType:
        if not isinstance(text, str) or not re.fullmatch(r"b1|[iu][1248]|f[248]", text):
            what = "object" if isinstance(text, str) and text.startswith("O") else repr(short(text))
            raise ValueError(f"it holds an array of dtype {what}, not of plain numbers")
        return _DType(text)


class _Array(_Inert):
    """An array in the making: its shape, dtype and order come as its state."""

    __slots__ = ("value",)

    def __setstate__(self, state: Any) -> None:
        if not (isinstance(state, tuple) and len(state) == 5):
            raise ValueError("it holds an array with a state of another kind than NumPy's")
        _, shape, dtype, column_major, data = state
        self.value = _filled(data, dtype, shape, "F" if column_major else "C")


class _Reconstruct(_Inert):
    """`numpy.core.multiarray._reconstruct`, or `numpy._core…`: an empty array that gets its state next."""

    def __call__(self, kind: Any, shape: Any, code: Any) -> _Array:
        if not isinstance(kind, _NamedType):
            raise ValueError("it makes an array of a class that is not numpy.ndarray")
        return _Array()


class _FromBuffer(_Inert):
    """`numpy.core.numeric._frombuffer`: the array at once, as protocol 5 has it."""

    def __call__(self, data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> _Array:
        if not isinstance(order, str) or order not in ("C", "F", "K") or (order == "K") != isinstance(axes, tuple):
            raise ValueError(f"it holds an array in the order {short(order)!r}")
        if axes is not None and not all(type(axis) is int for axis in axes):
            raise ValueError("it holds an array whose axes are no numbers")
        array = _Array()
        array.value = _filled(data, dtype, shape, "F" if order == "F" else "C")
        if axes is not None:
            array.value = np.ascontiguousarray(array.value.transpose(axes))
        return array


def _filled(data: Any, dtype: Any, shape: Any, order: Any) -> Array:
    """Give the array of the bytes `data`, checked: its size must be what shape and dtype say."""
    sizes = isinstance(shape, tuple) and len(shape) <= MOST_DIMENSIONS
    sizes = sizes and all(type(n) is int and 0 <= n < MOST_ELEMENTS for n in shape)
    if not (isinstance(dtype, _DType) and sizes and isinstance(data, (bytes, bytearray))):
        raise ValueError("it holds an array whose dtype, shape or bytes are of the wrong kind")
    kind = dtype.numpy()
    if len(data) != math.prod(shape) * kind.itemsize:
        raise ValueError(f"it holds an array of shape {shape} and dtype {kind} in {len(data)} bytes")
    # An array of its own, in the machine's byte order: a buffer's would be read-only.
    return np.frombuffer(data, kind).astype(kind.newbyteorder("=")).reshape(shape, order=order)


ALLOWED: dict[tuple[str, str], type[_Inert]] = {
    ("numpy", "ndarray"): _NamedType,
    ("numpy", "dtype"): _MakeDType,
    ("_codecs", "encode"): _Bytes,
    ("__builtin__", "bytes"): _Bytes,
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _FromBuffer,
    ("numpy._core.numeric", "_frombuffer"): _FromBuffer,
}


class _Machine:
    """Does the words of a pickle with a stack, a memo and marks of its own: nothing is hashed or compared but texts.

    `pickle.Unpickler` would hash any key that a file gives: twenty tuples, each of two times the one before, are a
    hundred bytes and a million elements.
    """

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, content: bytes) -> Any:
        """Give what the program leaves. Raises ValueError or IndexError for one that pickle would not write."""
        for word, argument, _ in pickletools.genops(content):
            name = word.name
            if name == "STOP":
                return self.stack.pop()
            if name in ("PROTO", "FRAME"):
                continue
            if name in _VALUES:
                self.stack.append(argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name]())
            elif name.startswith("TUPLE"):
                self.stack.append(tuple(self._taken(int(name[5:]) if name[5:] else None)))
            elif name.endswith("PUT") or name == "MEMOIZE":
                self.memo[int(argument) if isinstance(argument, int) else len(self.memo)] = self.stack[-1]
            elif name.endswith("GET"):
                self.stack.append(self.memo[int(argument or 0)])
            else:
                self._do(name, argument)
        raise ValueError("it has no end")

    def _do(self, name: str, argument: Any) -> None:  # noqa: PLR0912 (a branch a word)
        if name == "MARK":
            self.marks.append(len(self.stack))
        elif name == "POP_MARK":
            self._taken(None)
        elif name == "POP":
            self.stack.pop()
        elif name == "DUP":
            self.stack.append(self.stack[-1])
        elif name in ("SETITEM", "SETITEMS", "DICT"):
            pairs = self._taken(2 if name == "SETITEM" else None)
            if name == "DICT":
                self.stack.append({})
            self._set(self.stack[-1], pairs)
        elif name in ("APPEND", "APPENDS"):
            items = self._taken(1 if name == "APPEND" else None)
            if not isinstance(self.stack[-1], list):
                raise ValueError("it adds to something that is no list")
            self.stack[-1].extend(items)
        elif name in ("GLOBAL", "STACK_GLOBAL"):
            room, thing = argument.split(" ", 1) if name == "GLOBAL" else self._taken(2)
            if not (isinstance(room, str) and isinstance(thing, str) and (room, thing) in ALLOWED):
                raise ValueError(f"it names {short(room)}.{short(thing)}")
            self.stack.append(ALLOWED[room, thing]())
        elif name == "REDUCE":
            function, arguments = self._taken(2)
            if not (isinstance(function, _Inert) and callable(function) and isinstance(arguments, tuple)):
                raise ValueError("it calls something that is no function")
            self.stack.append(function(*arguments))
        elif name == "BUILD":
            thing, state = self._taken(2)
            if not isinstance(thing, _Inert):
                raise ValueError("it gives a state to something that has none")
            thing.__setstate__(state)
            self.stack.append(thing)

    def _taken(self, count: int | None) -> list[Any]:
        """Take the last `count` values off the stack, or all since the last mark."""
        start = self.marks.pop() if count is None else len(self.stack) - count
        if start < (self.marks[-1] if self.marks else 0):
            raise IndexError("its stack is empty")
        taken = self.stack[start:]
        del self.stack[start:]
        return taken

    @staticmethod
    def _set(target: Any, pairs: list[Any]) -> None:
        if not isinstance(target, dict) or len(pairs) % 2:
            raise ValueError("it sets items of something that is no dictionary")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if not isinstance(key, str):
                raise ValueError("it holds no dictionary with names for keys")
            target[key] = value


_CONSTANTS: dict[str, Callable[[], Any]] = {
    "EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple, "NONE": lambda: None, "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
}  # fmt: skip
_VALUES = frozenset({
    "FLOAT", "BINFLOAT", "INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8",
})  # fmt: skip


def short(value: Any) -> str:
    """Give what a message says of a value from a file: texts alone, cut, since a file may hold megabytes of them."""
    if not isinstance(value, str):
        return f"<{type(value).__name__}>"
    return value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "…"


def _check_words(content: bytes) -> None:
    """Refuse a program with other words than a dictionary of arrays needs, before any of it runs."""
    count = 0
    for count, (word, argument, place) in enumerate(pickletools.genops(content), 1):
        if word.name not in WORDS:
            raise ValueError(f"it uses {word.name}, which no dictionary of arrays needs")
        if word.name == "GLOBAL" and tuple(str(argument).split(" ", 1)) not in ALLOWED:
            raise ValueError(f"it names {short(str(argument).replace(' ', '.'))}")
        # A place far away in the memo would be memory for all places before it.
        far = word.name.endswith("PUT") and isinstance(argument, int) and argument > MOST_WORDS
        if count > MOST_WORDS or far:
            raise ValueError("it is too long a program for a dictionary of arrays")
        if word.name == "STOP" and place != len(content) - 1:
            raise ValueError("something follows its end")


def read_pickle(content: bytes) -> dict[str, Array]:
    """Give the dictionary of arrays that the bytes of a pickle hold. Raises ValueError, saying what else it is."""
    try:
        _check_words(content)
        found = _Machine().run(content)
    except (EOFError, TypeError, AttributeError, IndexError, KeyError, OverflowError, MemoryError) as error:
        raise ValueError(f"it is damaged, or no pickle: {short(str(error))}") from None
    if not isinstance(found, dict):
        raise ValueError("it holds no dictionary with names for keys")
    for key, value in found.items():
        if not isinstance(value, _Array) or not hasattr(value, "value"):
            raise ValueError(f"{short(key)!r} in it is no array")
    return {key: array.value for key, array in found.items()}


def load_pickle(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Give the arrays by name of one of the book's pickles: `params.pkl`, `sample_weight.pkl`, `mnist.pkl` …

    Written by NumPy 1 or 2 with any protocol from 2 to 5; arrays of plain numbers. Nothing that the file names is
    imported or called. Raises OSError where it cannot be read, ValueError for any other pickle, naming the file.
    """
    path = Path(path)
    try:
        content = read_regular(path, MOST_BYTES)
    except ValueError as error:
        raise ValueError(f"{error}: none of the book's pickles") from None
    try:
        return read_pickle(content)
    except ValueError as error:
        raise ValueError(f"{path} is none of the book's pickles: {error}") from None


def save_pickle(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> None:
    """Write a dictionary of arrays as the book does, wholly or not at all. Raises OSError as the system gives it."""
    content = pickle.dumps({name: np.array(array) for name, array in arrays.items()})
    write_atomically(Path(path), content)
