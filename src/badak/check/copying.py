# ruff: noqa: NPY002 (the global random state is saved and put back on purpose)
"""Copies of other people's objects: every probe starts from the same state, and the state of randomness
with it.

`copy.deepcopy` is not enough. It separates arrays that are views of one array, leaves a lambda made in
`__init__`
pointing at the original `self`, and refuses objects that hold a module or a lock. Each of these has a
correct layer that looks wrong after such a copy.
"""

from __future__ import annotations

import copy
import enum
import random
import types
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np

ATOMS = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type,
    range,
    slice,
    types.ModuleType,
    types.BuiltinFunctionType,
    np.ufunc,
    np.dtype,
    np.generic,
)
GENERATORS = (np.random.Generator, np.random.RandomState, random.Random)


class Cloner:
    """Copies one graph of objects, each object once; `upcast` turns narrow floating arrays into float64."""

    def __init__(self, upcast: bool = False) -> None:
        """Begin with an empty memory of copies."""
        self.upcast = upcast
        self.memo: dict[int, Any] = {}
        self.kept: list[Any] = []
        self.functions: list[tuple[types.FunctionType, types.FunctionType]] = []

    def clone(self, value: Any) -> Any:
        """Give the copy of `value`."""
        if isinstance(value, ATOMS):
            return value
        if id(value) in self.memo:
            return self.memo[id(value)]
        self.kept.append(value)
        return self._copy(value)

    def _copy(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return self._array(value)
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            return self._keep(value, types.MethodType(value.__func__, self.clone(value.__self__)))
        if isinstance(value, GENERATORS):
            return self._keep(value, copy.deepcopy(value))
        if isinstance(value, (list, set, tuple, dict)):
            return self._container(value)
        return self._object(value)

    def _keep(self, old: Any, new: Any) -> Any:
        self.memo[id(old)] = new
        return new

    def _array(self, old: np.ndarray[Any, Any]) -> Any:
        widen = self.upcast and old.dtype in (np.float16, np.float32)
        dtype = np.dtype(np.float64) if widen else old.dtype
        base = old.base
        if (
            type(old) is np.ndarray
            and isinstance(base, np.ndarray)
            and base.dtype == old.dtype
            and base.flags.c_contiguous
        ):
            # A view stays a view, so that params['W'] and layer.W remain one memory after the copy.
            ratio = dtype.itemsize // old.dtype.itemsize
            offset = old.__array_interface__["data"][0] - base.__array_interface__["data"][0]
            strides = tuple(step * ratio for step in old.strides)
            copied = np.ndarray(old.shape, dtype, self.clone(base), offset * ratio, strides)
            return self._keep(old, copied)
        if old.dtype == object:
            return self._keep(old, copy.deepcopy(old))
        return self._keep(old, np.array(old, dtype=dtype, order="K", subok=True))

    def _function(self, old: types.FunctionType) -> Any:
        if not old.__closure__:
            return self._keep(old, old)
        cells = tuple(types.CellType() for _ in old.__closure__)
        new = types.FunctionType(old.__code__, old.__globals__, old.__name__, old.__defaults__, cells)
        new.__kwdefaults__ = old.__kwdefaults__
        self._keep(old, new)
        for cell, source in zip(cells, old.__closure__, strict=True):
            try:
                cell.cell_contents = self.clone(source.cell_contents)
            except ValueError:  # an empty cell
                continue
        return new

    def _container(self, old: Any) -> Any:
        if isinstance(old, tuple):
            parts = [self.clone(item) for item in old]
            if all(a is b for a, b in zip(old, parts, strict=True)):
                return self._keep(old, old)
            return self._keep(old, type(old)(*parts) if hasattr(old, "_fields") else tuple(parts))
        if type(old) not in (list, set, dict):
            try:
                new = copy.copy(old)
                new.clear()
            except Exception:
                return self._keep(old, copy.deepcopy(old))
        else:
            new = type(old)()
        self._keep(old, new)
        if isinstance(old, dict):
            # OrderedDict keeps its order only by its own assignment; other subclasses may copy or refuse
            # there.
            put = OrderedDict.__setitem__ if isinstance(old, OrderedDict) else dict.__setitem__
            for key, item in old.items():
                put(new, key, self.clone(item))
            self._attributes(old, new)
        elif isinstance(old, list):
            for item in old:
                list.append(new, self.clone(item))
        else:
            for item in old:
                new.add(self.clone(item))
        return new

    def _attributes(self, old: Any, new: Any) -> None:
        for name, item in getattr(old, "__dict__", {}).items():
            new.__dict__[name] = self.clone(item)
        for kind in type(old).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if name not in ("__dict__", "__weakref__") and hasattr(old, name):
                    object.__setattr__(new, name, self.clone(getattr(old, name)))

    def _object(self, old: Any) -> Any:
        if not hasattr(old, "__dict__") and not hasattr(type(old), "__slots__"):
            return self._keep(old, _deepcopy_or_itself(old))
        try:
            new = object.__new__(type(old))
        except TypeError:
            return self._keep(old, _deepcopy_or_itself(old))
        self._keep(old, new)
        self._attributes(old, new)
        return new


def _deepcopy_or_itself(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except Exception:
        return value


def clone(value: Any, upcast: bool = False) -> Any:
    """Copy a graph of objects; arrays that shared memory share it still, closures follow the copy."""
    return Cloner(upcast).clone(value)


class World:
    """What a layer may depend on besides itself: global random states, generators of its module, its
    classes' data."""

    def __init__(self, namespace: dict[str, Any] | None, classes: list[type]) -> None:
        """Remember the state as it is now."""
        self.namespace = namespace or {}
        self.classes = classes
        self.numpy_state = np.random.get_state()
        self.random_state = random.getstate()
        self.generators = [
            (value, copy.deepcopy(generator_state(value)))
            for value in self.namespace.values()
            if isinstance(value, GENERATORS)
        ]
        self.class_data = [(kind, {k: clone(v) for k, v in _plain(kind).items()}) for kind in classes]

    def restore(self, seed: int | None = None) -> None:
        """Put everything back; with `seed`, give the global generators that seed instead."""
        if seed is None:
            np.random.set_state(self.numpy_state)
            random.setstate(self.random_state)
        else:
            np.random.seed(seed)
            random.seed(seed)
        for generator, state in self.generators:
            _set_generator_state(generator, copy.deepcopy(state))
        for kind, data in self.class_data:
            now = _plain(kind)
            for name in now.keys() - data.keys():
                delattr(kind, name)
            for name, value in data.items() if not issubclass(kind, enum.Enum) else ():
                if now.get(name) is not value or isinstance(value, (np.ndarray, dict, list)):
                    setattr(kind, name, clone(value))


def _plain(kind: type) -> dict[str, Any]:
    """Give the data attributes of a class: neither functions nor descriptors nor names with two
    underscores."""
    return {
        name: value
        for name, value in vars(kind).items()
        if not name.startswith("__")
        and not callable(value)
        and not hasattr(value, "__get__")
        and not isinstance(value, (classmethod, staticmethod))
    }


def generator_state(generator: Any) -> Any:
    """Give the state of a random generator, of whichever of the three kinds."""
    if isinstance(generator, np.random.Generator):
        return generator.bit_generator.state
    return generator.get_state() if isinstance(generator, np.random.RandomState) else generator.getstate()


def _set_generator_state(generator: Any, state: Any) -> None:
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = state
    elif isinstance(generator, np.random.RandomState):
        generator.set_state(state)
    else:
        generator.setstate(state)


def walk(value: Any, visit: Callable[[Any], None], seen: set[int] | None = None, depth: int = 8) -> None:
    """Call `visit` once for every object reachable from `value` through attributes and containers."""
    seen = set() if seen is None else seen
    if id(value) in seen or isinstance(value, ATOMS) or depth < 0:
        return
    seen.add(id(value))
    visit(value)
    parts: list[Any] = []
    if isinstance(value, dict):
        parts += value.values()
    elif isinstance(value, (list, tuple, set)):
        parts += value
    if not isinstance(value, (np.ndarray, types.FunctionType)):
        parts += getattr(value, "__dict__", {}).values()
    for part in parts:
        walk(part, visit, seen, depth - 1)
