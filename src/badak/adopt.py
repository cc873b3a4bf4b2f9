"""Adoption: a Network takes layers in, and their parameters move into its Block. Which parameters are whose.

A layer is anything with `forward` and `backward`; what would silently not be trained is refused here, by name.
"""

import inspect
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from badak.types import parameters

# Which network holds a layer, by the layer's id; weak on both sides, so that nothing is kept alive.
_owners: dict[int, tuple["weakref.ref[Any]", "weakref.ref[Any]"]] = {}


def named(layers: Iterable[Any]) -> dict[str, Any]:
    """Name layers by class and number, as the book does: Affine1, Relu1, Affine2."""
    row: dict[str, Any] = {}
    count: dict[str, int] = {}
    for layer in layers:
        kind = type(layer).__name__
        count[kind] = count.get(kind, 0) + 1
        row[f"{kind}{count[kind]}"] = layer
    return row


def check_order(layers: Any, loss: Any) -> None:
    """Refuse what is not layers in a row, then a loss. Raises TypeError, naming what came and what would be right."""
    right = "Network([Affine.of(784, 50), Relu(), Affine.of(50, 10)], SoftmaxWithLoss())"
    if isinstance(loss, (Mapping, list, tuple)):
        raise TypeError(f"a Network takes its layers first and then its loss, such as {right}; they came the other way")
    if hasattr(layers, "forward") or not isinstance(layers, (Mapping, Iterable)) or isinstance(layers, (str, bytes)):
        raise TypeError(f"layers must be a list of layers, or a mapping of names to layers, not {_kind(layers)}")
    if loss is None:
        raise TypeError(f"a Network needs a loss after its layers, such as {right}")


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else type(value).__name__


def _takes(part: Any, inputs: int) -> bool:
    """Say whether `forward` can be called with so many inputs; True where that is not told."""
    try:
        inspect.signature(part.forward).bind(*range(inputs))
    except TypeError:
        return False
    except ValueError:
        return True
    return True


def check_parts(layers: dict[str, Any], loss: Any) -> None:
    """Refuse what is no layer, or no loss, or stands at two places. Raises TypeError or ValueError, naming it."""
    if not layers:
        raise ValueError("a network needs at least one layer; it got none")
    for name, part in (*layers.items(), ("the loss", loss)):
        if isinstance(part, type):
            raise TypeError(f"{name} is the class {part.__name__}, not an object of it: write {part.__name__}(…)")
        for method in ("forward", "backward"):
            if not callable(getattr(part, method, None)):
                raise TypeError(f"{name} ({type(part).__name__}) has no method {method}")
    for name, layer in layers.items():
        if _takes(layer, 2) and not _takes(layer, 1):
            raise TypeError(
                f"{name} takes two inputs, as a loss does: a Network takes its loss after the list of layers"
            )
        check_parameters(name, layer)
    if _takes(loss, 1) and not _takes(loss, 2):
        raise TypeError(
            f"the loss ({type(loss).__name__}) takes one input: a loss has forward(x, t), as SoftmaxWithLoss"
        )
    seen: dict[int, str] = {}
    for name, layer in layers.items():
        if id(layer) in seen:
            raise ValueError(
                f"{seen[id(layer)]} and {name} are the same object; a layer has one place, as it keeps its last input"
            )
        seen[id(layer)] = name


PARAMETER_NAMES = {"W", "w", "b", "B", "weight", "weights", "bias", "gamma", "beta"}


def check_parameters(name: str, layer: Any) -> None:
    """Refuse a layer whose parameters would not be found, and so would silently not be trained."""
    found = parameters(layer)
    alone = [
        a
        for a in getattr(layer, "__dict__", {})
        if a in PARAMETER_NAMES - {*found} and isinstance(getattr(layer, a), np.ndarray)
    ]
    if alone:
        raise ValueError(
            f"{name}.{alone[0]} has no partner d{alone[0]}, so it would not be trained: "
            f"write self.d{alone[0]} = None in __init__ of {type(layer).__name__}, and set it in backward"
        )
    if not found and isinstance(getattr(layer, "params", None), (list, tuple, dict)) and layer.params:
        raise ValueError(
            f"{name} ({type(layer).__name__}) keeps its parameters in `params`: a Network looks for arrays such as W "
            "with a partner dW as attributes of the layer"
        )


def check_sizes(layers: dict[str, Any], shape: tuple[int, ...] | None) -> None:
    """Follow the shape of one sample, None if it isn't known, from layer to layer, as far as layers tell it."""
    giver = "the input" if shape else ""
    for name, layer in layers.items():
        tell = getattr(layer, "output_shape", None)
        if tell is None:
            shape = None
            continue
        if shape is None:
            W: Any = getattr(layer, "W", None)
            if np.ndim(W) != 2:
                continue
            shape = np.shape(W)[:1]
        try:
            following = tell(shape)
        except ValueError as error:
            raise ValueError(f"{name} cannot follow {giver}, which gives {shape} a sample: {error}") from None
        if following != shape or not giver:
            giver = name
        shape = following


def parameter_names(layers: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Give (layer, attribute, name) for each parameter: a layer's share one number, counted as the book counts."""
    count: dict[str, int] = {}
    keys = []
    places: dict[int, str] = {}
    for name, layer in layers.items():
        attributes = list(parameters(layer))
        for attribute in attributes:
            place, array = f"{name}.{attribute}", id(getattr(layer, attribute))
            if places.setdefault(array, place) != place:
                raise ValueError(f"{places[array]} and {place} are one array: a Network gives each layer its own")
        number = 1 + max((count.get(a, 0) for a in attributes), default=0)
        for attribute in attributes:
            count[attribute] = number
            keys.append((name, attribute, f"{attribute}{number}"))
    return keys


def refuse_second_adoption(network: Any, name: str, layer: Any) -> None:
    """Let one network hold a layer: a second one would move its parameters to another Block."""
    if not parameters(layer):
        return
    entry = _owners.get(id(layer))
    owner = entry[1]() if entry and entry[0]() is layer else None
    if owner is not None and owner is not network:
        raise ValueError(
            f"{name} belongs to another network already ({type(owner).__name__} at {hex(id(owner))}, "
            f"wanted by {type(network).__name__} at {hex(id(network))}): copy.deepcopy(layer) gives one of its own"
        )
    key = id(layer)
    _owners[key] = (weakref.ref(layer, lambda _: _owners.pop(key, None)), weakref.ref(network))
