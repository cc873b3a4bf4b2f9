"""How the values of an autograd library are made and read: arrays wrapped into its Variable or Tensor, and taken out.

What a library calls its class does not matter: it is the class that the file's own code makes of an array.
"""

from __future__ import annotations

import dis
import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
VALUES = ("data", "value", "val", "array", "item")  # what the array in a wrapped value may be called
SWITCHES = ("requires_grad", "require_grad", "trainable", "needs_grad")
LINKS = ("creator", "_prev", "_children", "children", "grad_fn", "ctx", "_ctx", "parents", "history", "generation")


@dataclass
class Box:
    """A class that wraps arrays: Variable, Tensor."""

    kind: type

    def wrap(self, value: Any) -> Any:
        """Give an array (or a number) as a value of the library; anything else stays what it is."""
        if not isinstance(value, (np.ndarray, np.generic, float)):
            return value
        switches = {name: True for name in SWITCHES if name in _parameters(self.kind)}
        return self.kind(np.asarray(value), **switches)


def unwrap(value: Any) -> Any:
    """Give the array in a value of a library; arrays, numbers and None stay what they are."""
    if value is None or isinstance(value, (np.ndarray, np.generic, int, float)):
        return value
    for name in VALUES:
        inner = getattr(value, "__dict__", {}).get(name, getattr(value, name, None))
        if isinstance(inner, (np.ndarray, np.generic, int, float)):
            return inner
        if inner is not None and type(inner) is type(value):
            return unwrap(inner)
    return value


def _parameters(kind: type) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(kind).parameters)
    except (ValueError, TypeError):
        return ()


def names_in(function: Any) -> set[str]:
    """Give the names that a function's code uses, those of its inner functions included."""
    code = getattr(inspect.unwrap(function), "__code__", None) if callable(function) else None
    waiting, names = [code] if code is not None else [], set()
    while waiting:
        one = waiting.pop()
        names |= set(one.co_names) | set(one.co_freevars)
        waiting += [c for c in one.co_consts if isinstance(c, types.CodeType)]
    return names


def written_in(kind: type, name: str) -> Any:
    """Give a method as it is written in a class or its bases, None where there is none but Python's own."""
    for base in kind.__mro__:
        if name in vars(base) and base is not object:
            found = vars(base)[name]
            return found.__func__ if isinstance(found, (staticmethod, classmethod)) else found
    return None


def is_value(kind: Any) -> bool:
    """Tell whether a class wraps values for an autograd: backward() without required argument, and a link to others."""
    if not isinstance(kind, type):
        return False
    made = names_in(written_in(kind, "__init__"))
    holds = made & set(VALUES) and ("grad" in made or "_grad" in made or made & set(LINKS))
    return bool(holds) and written_in(kind, "forward") is None


def box_of(kind: type, functions: tuple[str, ...] = ("__call__", "apply", "forward")) -> Box | None:
    """Give the class into which a function's code puts its arrays: the one that `__call__` makes, or forward does."""
    for name in functions:
        function = written_in(kind, name)
        for found in _classes_named(function, names_in(function)):
            return Box(found)
    return None


def box_named(namespace: dict[str, Any], names: tuple[str, ...] = ("Variable", "Tensor", "Value")) -> Box | None:
    """Give the class of a file that wraps values, by what it is."""
    for name in names:
        if is_value(namespace.get(name)):
            return Box(namespace[name])
    found = next((value for value in namespace.values() if is_value(value)), None)
    return Box(found) if found is not None else None


def _classes_named(function: Callable[..., Any] | None, names: set[str]) -> Iterator[type]:
    space = getattr(function, "__globals__", {})
    for name in sorted(names):
        held = space.get(name)
        inner = [getattr(held, other, None) for other in names] if isinstance(held, types.ModuleType) else [held]
        yield from (value for value in inner if isinstance(value, type) and is_value(value))


def takes_list(kind: type) -> int:
    """Give how many inputs an object is called with in one list (`f([x0, x1])`), 0 where it takes them singly.

    How many is read in forward, which takes the list apart: `x0, x1 = xs`.
    """
    call, forward = written_in(kind, "__call__"), written_in(kind, "forward")
    if not inspect.isfunction(call) or not inspect.isfunction(forward):
        return 0
    handed, taken = (list(inspect.signature(f).parameters.values())[1:] for f in (call, forward))
    if len(handed) != 1 or len(taken) != 1 or handed[0].kind is handed[0].VAR_POSITIONAL:
        return 0
    before = ""
    for step in dis.get_instructions(forward):
        if step.opname == "UNPACK_SEQUENCE" and before == taken[0].name:
            return int(step.arg or 0)
        before = str(step.argval) if step.opname.startswith("LOAD_FAST") else ""
    return 0
