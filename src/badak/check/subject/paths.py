"""Where an array lies in an object: paths of attributes and keys, and copies of what lies there."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.copying import clone

Path = tuple[tuple[str, Any], ...]


def get_path(obj: Any, path: Path) -> Any:
    """Follow a path of ('a', attribute) and ('i', key) steps; None where it breaks."""
    for kind, name in path:
        try:
            obj = getattr(obj, name) if kind == "a" else obj[name]
        except Exception:
            return None
    return obj


def set_path(obj: Any, path: Path, value: Any) -> bool:
    """Put a value at a path: into the array if it is a floating one of that shape, else by assignment."""
    held = get_path(obj, path)
    if (
        isinstance(held, np.ndarray)
        and held.dtype.kind == "f"
        and held.shape == np.shape(value)
        and held.flags.writeable
    ):
        held[...] = value
        return True
    try:
        parent = get_path(obj, path[:-1])
        kind, name = path[-1]
        if kind == "a":
            setattr(parent, name, value)
        else:
            parent[name] = value
    except Exception:
        return False
    return True


def is_numbers(value: Any) -> bool:
    """Tell whether the value is an array (or a number) that can be learned."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiu" and value.size > 0
    return isinstance(value, (float, np.floating))


def attributes_of(obj: Any) -> list[str]:
    """Give the data attributes of an object: its own, its slots and its properties."""
    names = list(getattr(obj, "__dict__", {}))
    for kind in type(obj).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
        names += [n for n, v in vars(kind).items() if isinstance(v, property)]
    return [n for n in dict.fromkeys(names) if not n.startswith("__")]


def pieces(child: Any, grown: Any) -> list[tuple[Path, Any, Any]]:
    """Give an attribute itself, or the members of a list or dictionary of layers, with their paths."""
    if isinstance(child, dict):
        return [((("i", key),), piece, get_path(grown, (("i", key),))) for key, piece in child.items()]
    if isinstance(child, (list, tuple)):
        return [((("i", key),), piece, get_path(grown, (("i", key),))) for key, piece in enumerate(child)]
    return [((), child, grown)]


def copied(value: Any) -> Any:
    """Copy an argument before the user's code gets it."""
    return value.copy() if isinstance(value, np.ndarray) else clone(value)


def is_listed(value: Any) -> bool:
    """Tell whether a value is an array written as a list: of numbers, or of lists of numbers."""
    return isinstance(value, list) and bool(value) and all(is_listed(v) or np.isscalar(v) for v in value)


def plain(value: Any) -> Any:
    """Copy numbers at once (views and reused buffers change under one's hands); leave None and oddities."""
    if value is None:
        return None
    try:
        return np.array(value)
    except Exception:
        return value
