"""Finding the parameters: the arrays that are learned, and where backward leaves their gradients."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from badak.check.source import Source
from badak.check.subject.calls import has_method
from badak.check.subject.paths import Path, attributes_of, get_path, is_listed, is_numbers, pieces

Array = np.ndarray[Any, Any]
GRADIENT_NAMES = ("d{}", "d_{}", "grad_{}", "{}_grad", "grad{}", "dL_d{}", "dL{}")
HOLDERS = ("params", "parameters", "weights", "model")


@dataclass
class Parameter:
    """One array that is learned: where it is in the object, and where backward leaves its gradient."""

    name: str
    path: Path
    gradient: Path | None
    returned: int | None = None
    key: Any = None
    more: tuple[Path, ...] = ()  # where the gradients of its other uses are: they are summed


class _Search:
    """Looks for parameters in an object before (`start`) and after a pass."""

    def __init__(self, start: Any) -> None:
        self.start = start
        self.found: list[Parameter] = []
        self.seen: list[Array] = []

    def add(self, parameter: Parameter) -> None:
        """Keep a parameter whose array is not known under another name."""
        value = get_path(self.start, parameter.path)
        if not is_numbers(value):
            return
        if isinstance(value, np.ndarray):
            if any(
                value is other or (value.size == other.size and np.shares_memory(value, other)) for other in self.seen
            ):
                return
            self.seen.append(value)
        self.found.append(parameter)

    def search(self, part: Any, after: Any, prefix: Path, label: str, depth: int) -> None:
        """Look in one object, then in the layers that it holds."""
        if part is None or depth > 3:
            return
        # A property that raises before the first forward is not a parameter.
        names = [n for n in attributes_of(part) + attributes_of(after) if hasattr(part, n) or hasattr(after, n)]
        names = list(dict.fromkeys(names))
        self._partners(part, names, prefix, label)
        self._holders(part, after, prefix, label)
        self._dictionary(part, after, prefix, label)
        for name in names:
            child = getattr(part, name, None)
            grown = getattr(after, name, None)
            self._boxed(child, grown, (*prefix, ("a", name)), label + name)
            for extra, piece, later in pieces(child, grown):
                if has_method(piece, "forward") and has_method(piece, "backward"):
                    inner = name + "".join(f"[{key!r}]" for _, key in extra)
                    self.search(piece, later, (*prefix, ("a", name), *extra), f"{label}{inner}.", depth + 1)

    def _partners(self, part: Any, names: list[str], prefix: Path, label: str) -> None:
        """W beside dW."""
        for name in names:
            for form in GRADIENT_NAMES:
                partner = form.format(name)
                if partner in names and is_numbers(getattr(part, name, None)):
                    self.add(Parameter(label + name, (*prefix, ("a", name)), (*prefix, ("a", partner))))
                    break

    def _boxed(self, child: Any, grown: Any, path: Path, label: str) -> None:
        """An object that holds an array and its gradient: `W.data` beside `W.grad`, alone or in a list."""
        for extra, piece, later in pieces(child, grown):
            if isinstance(piece, (np.ndarray, np.generic)) or not hasattr(piece, "grad"):
                continue
            value = next((n for n in ("data", "value") if is_numbers(getattr(piece, n, None))), None)
            if value is None or (getattr(later, "grad", None) is None and not getattr(piece, "requires_grad", True)):
                continue
            title = label + "".join(f"[{key!r}]" for _, key in extra)
            self.add(Parameter(title, (*path, *extra, ("a", value)), (*path, *extra, ("a", "grad"))))

    def _holders(self, part: Any, after: Any, prefix: Path, label: str) -> None:
        """`params` beside `grads`, lists or dictionaries."""
        for params_name in HOLDERS:
            holder = getattr(part, params_name, None)
            grads_name = next((g for g in ("grads", "gradients", "grad") if hasattr(after, g)), None)
            if not isinstance(holder, (dict, list, tuple)) or not grads_name:
                continue
            grads = getattr(after, grads_name)
            for key in list(holder) if isinstance(holder, dict) else _first_uses(holder):
                names_of = (key, f"d{key}") if isinstance(grads, dict) else (key,)
                partner_key = next((k for k in names_of if isinstance(grads, dict) and k in grads), key)
                where = (*prefix, ("a", grads_name), ("i", partner_key))
                title = label + (str(key) if isinstance(key, str) else f"{params_name}[{key}]")
                path: Path = (*prefix, ("a", params_name), ("i", key))
                others = _other_uses(holder, grads, key)
                more = tuple((*prefix, ("a", grads_name), ("i", other)) for other in others)
                self.add(Parameter(title, path, where, key=key, more=more))

    def _dictionary(self, part: Any, after: Any, prefix: Path, label: str) -> None:
        """W beside grads["W"] or grads["dW"]."""
        for grads_name in ("grads", "gradients"):
            grads = getattr(after, grads_name, None)
            if not isinstance(grads, dict):
                continue
            for key in grads:
                name = str(key)
                name = name if hasattr(part, name) else name.removeprefix("d")
                if hasattr(part, name):
                    self.add(Parameter(label + name, (*prefix, ("a", name)), (*prefix, ("a", grads_name), ("i", key))))


def parts_of(returned: Any) -> list[Any]:
    """Give what backward returned as a flat list: dx, dW, db of (dx, dW, db) and of (dx, [dW, db]) alike."""
    if not isinstance(returned, (tuple, list)) or is_listed(returned):
        return [returned]
    flat: list[Any] = []
    for part in returned:
        nested = isinstance(part, (tuple, list)) and all(p is None or isinstance(p, np.ndarray) for p in part)
        flat += part if nested else [part]
    return flat


def _first_uses(arrays: Sequence[Any]) -> list[int]:
    """Give the places of a list of arrays at which each stands for the first time."""
    return [i for i, array in enumerate(arrays) if not any(array is earlier for earlier in arrays[:i])]


def _other_uses(holder: Any, grads: Any, key: Any) -> list[int]:
    """Give the later places in a list of an array that layers share, where they have gradients of their own."""
    if isinstance(holder, dict) or not isinstance(grads, (list, tuple)) or len(grads) != len(holder):
        return []
    places: list[int] = []
    for i in range(key + 1, len(holder)):
        if holder[i] is holder[key] and not any(grads[i] is grads[j] for j in [key, *places]):
            places.append(i)
    return places


def find_parameters(
    before: Any, after: Any, returned: Any, inputs: int, written: Sequence[str] = ()
) -> list[Parameter]:
    """Find parameters and gradients by looking at an object before and after a pass.

    `returned` is what backward gave, of which the first `inputs` are gradients of inputs; `written` are
    the names in its return statement.
    """
    search = _Search(before)
    search.search(before, after, (), "", 0)
    return search.found + _from_returned(before, returned, inputs, written, search.seen)


def _from_returned(
    before: Any, returned: Any, inputs: int, written: Sequence[str], seen: list[Array]
) -> list[Parameter]:
    """Match the extra members of a returned tuple (dx, dW, db) to arrays of the object, by name and then
    by shape."""
    if not isinstance(returned, (tuple, list)) or len(returned) <= inputs:
        return []
    names = [n for n in attributes_of(before) if is_numbers(getattr(before, n, None))]
    names = [n for n in names if not any(getattr(before, n) is s for s in seen)]
    parts = parts_of(returned)
    found = []
    for place in range(inputs, len(parts)):
        value = parts[place]
        title = written[place] if place < len(written) else ""
        match = next((n for n in names if title.lower() in {f.format(n).lower() for f in GRADIENT_NAMES}), None)
        if match is None and value is not None:
            match = next((n for n in names if np.shape(getattr(before, n)) == np.shape(value)), None)
        if match is not None:
            names.remove(match)
            found.append(Parameter(match, (("a", match),), None, returned=place))
    return found


def returned_names(source: Source | None, owner: str, method: str) -> list[str]:
    """Give the names in the last return statement of a method that returns a tuple."""
    node = source.method(owner, method) if source else None
    returns = [n for n in ast.walk(node) if isinstance(n, ast.Return)] if node else []
    for item in reversed(returns):
        if isinstance(item.value, ast.Tuple):
            inner = [e.elts if isinstance(e, (ast.Tuple, ast.List)) else [e] for e in item.value.elts]
            return [getattr(e, "id", getattr(e, "attr", "")) for part in inner for e in part]
    return []


def held_parameters(obj: Any) -> list[Parameter]:
    """Give the arrays in `params`, whose gradients backward hands out under the same keys."""
    holder_name = next((n for n in HOLDERS if getattr(obj, n, None) is not None), None)
    holder = getattr(obj, holder_name) if holder_name else None
    if callable(holder) or holder is None:
        return []
    try:
        keys = list(holder.keys()) if hasattr(holder, "keys") else list(range(len(holder)))
    except TypeError:
        return []
    found = []
    for key in keys:
        path: Path = (("a", holder_name), ("i", key))
        if is_numbers(get_path(obj, path)):
            title = str(key) if isinstance(key, str) else f"params[{key}]"
            found.append(Parameter(title, path, None, key=key))
    return found
