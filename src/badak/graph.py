"""What a network is, for whoever reads it: the parts in order, with their parameters and shapes; and as plain data.

Drawing, export and the engine walk the same list of nodes instead of three walks of their own. `describe` gives the
make-up that is saved beside the weights, `rebuild` the network from it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from badak import layers, losses, store
from badak.layers.base import arguments, state
from badak.memory import real_array
from badak.networks import Network
from badak.types import Array


@dataclass(frozen=True)
class Node:
    """One layer of a network, or its loss."""

    name: str
    layer: Any
    params: Mapping[str, str]
    """Names in `network.params` by attribute: {'W': 'W1', 'b': 'b1'}."""
    input_shape: tuple[int, ...] | None
    """Of one sample, without N; None where a layer before it doesn't tell."""
    output_shape: tuple[int, ...] | None


def input_shape(network: Network) -> tuple[int, ...] | None:
    """Give the shape of one sample that the network takes, if it was told or its first layers tell: (784,)."""
    if network.input_shape is not None:
        return network.input_shape
    for layer in network.layers.values():
        W: Any = getattr(layer, "W", None)
        if np.ndim(W) == 2:
            return np.shape(W)[:1]
        if not isinstance(layer, layers.base.SameShape):
            return None
    return None


def nodes(network: Network, shape: tuple[int, ...] | None = None) -> list[Node]:
    """Give the layers in order and the loss last. `shape` is that of one sample, by default what the first layer takes.

    Raises ValueError where a layer cannot take what it would be given.
    """
    shape = input_shape(network) if shape is None else shape
    row = []
    for name, layer in network.layers.items():
        before = shape
        tell = getattr(layer, "output_shape", None)
        shape = tell(before) if tell is not None and before is not None else None
        row.append(Node(name, layer, network.keys_of(name), before, shape))
    row.append(Node("loss", network.last_layer, {}, shape, ()))
    return row


# -- as plain data ------------------------------------------------------------------------------------------------


def _part(layer: Any, keys: Mapping[str, str], name: str = "loss") -> dict[str, Any]:
    kind = type(layer).__name__
    if getattr(layers, kind, None) is not type(layer) and getattr(losses, kind, None) is not type(layer):
        return {"class": kind, "custom": True}
    kept = {attribute: f"{name}.{attribute}" for attribute in state(layer)}
    plain = {key: value for key, value in arguments(layer).items() if key not in keys and key not in kept}
    return {"class": kind, "arguments": plain, "params": dict(keys), **({"state": kept} if kept else {})}


def tensors_of(network: Network) -> dict[str, Array]:
    """Give all that a network has learnt, by name: its parameters, and its layers' state.

    State is named by layer and attribute, 'BatchNormalization1.running_mean'. The arrays are the network's own.
    """
    return {
        **network.params,
        **{f"{name}.{key}": value for name, layer in network.layers.items() for key, value in state(layer).items()},
    }


def describe(network: Network) -> dict[str, Any]:
    """Give the network's make-up in types that JSON has: layers with their arguments, loss, dtype, shapes."""
    return {
        "class": type(network).__name__,
        "dtype": str(network.dtype),
        "input_shape": input_shape(network),
        "layers": [
            {"name": name, **_part(layer, network.keys_of(name), name)} for name, layer in network.layers.items()
        ],
        "loss": _part(network.last_layer, {}),
    }


def rebuild(make_up: Mapping[str, Any], tensors: Mapping[str, Array]) -> Network:
    """Give the network that `describe` described, with the parameters `tensors`.

    Only classes of badak are made, from the names in the description: nothing in a file is run. Raises ValueError for
    a layer that badak does not have, a missing or superfluous tensor, or one of another shape.
    """

    def make(part: Mapping[str, Any], room: Any) -> Any:
        kind = part.get("class")
        known = getattr(room, kind, None) if isinstance(kind, str) and not kind.startswith("_") else None
        if part.get("custom") or not isinstance(known, type):
            raise ValueError(
                f"the file holds a layer of class {kind!r}, which badak does not have: make the network by hand"
            )
        names = {**part.get("params", {}), **part.get("state", {})}
        arrays = {attribute: tensors[key] for attribute, key in names.items()}
        return known(**arrays, **part.get("arguments", {}))

    try:
        made = {part["name"]: make(part, layers) for part in make_up["layers"]}
        shape = make_up["input_shape"]
        loss = make(make_up["loss"], losses)
        network = Network(made, loss, dtype=make_up["dtype"], seed=0, input_shape=None if shape is None else [*shape])
    except KeyError as error:
        raise ValueError(f"the description of the network lacks {error}") from None
    except TypeError as error:
        raise ValueError(f"the description of the network does not fit badak's layers: {error}") from None
    left = set(tensors) - set(tensors_of(network))
    if left:
        raise ValueError(f"the file holds tensors that the network has no place for: {', '.join(sorted(left))}")
    return network


def load_params(network: Network, tensors: Mapping[str, Array]) -> None:
    """Copy `tensors` into a network that has the same names and shapes (see `tensors_of`); all or nothing.

    Raises ValueError naming what is missing, superfluous or of another shape.
    """
    have = {key: np.shape(tensors[key]) for key in tensors}
    want = {key: value.shape for key, value in tensors_of(network).items()}
    if have != want:
        wrong = sorted(k for k in {*have, *want} if have.get(k) != want.get(k))
        told = "; ".join(f"{k}: network {want.get(k, 'none')}, file {have.get(k, 'none')}" for k in wrong)
        raise ValueError(f"the weights do not fit this network: {told}")
    arrays = {key: real_array(tensors[key], key) for key in tensors}
    for key, array in arrays.items():
        if key in network.params:
            network.params[key] = array
        else:
            name, attribute = key.rsplit(".", 1)
            kept = getattr(network.layers[name], attribute)
            setattr(network.layers[name], attribute, array.astype(kept.dtype))  # a copy, of the network's dtype


def save_network(path: str | os.PathLike[str], network: Network) -> None:
    """Write the network's parameters and make-up to one safetensors file. Raises OSError as the system gives it."""
    store.save_model(Path(path), tensors_of(network), describe(network))


def load_network(path: str | os.PathLike[str]) -> Network:
    """Give the network that a model file, or the run folder `path`, holds.

    Raises FileNotFoundError for neither; ValueError for a damaged file, one of another program, or one that does not
    fit badak's layers.
    """
    tensors, make_up = store.load_model(path)
    try:
        return rebuild(make_up, tensors)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
