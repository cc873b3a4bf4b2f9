# ruff: noqa: PLR0911 (one kind of argument after the other)
"""Values for the arguments of a function on arrays: not one by one, but scenes in which all of them fit together.

A scene settles what several arguments share: how many gates a cell has, on which side the weights stand, what shape a
bias has. Sizes are as in `arguments`: primes, images not square, channels other than filters.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from badak.check.copying import clone
from badak.check.subject.arguments import (
    KERNEL,
    STEPS,
    WORDS,
    C,
    D,
    H,
    Layout,
    M,
    N,
    Unguessable,
    alternatives,
    normal,
)
from badak.check.subject.reading import Reading

Array = np.ndarray[Any, Any]
TRIES = 160  # scenes and values of one layout
FILTERS = 4  # not as many as there are images
# What dictionaries of settings hold in the courses that hand them to such functions: the hard ones first.
SETTINGS: dict[str, list[dict[str, Any]]] = {
    "convparam": [{"stride": 1, "pad": 1}, {"stride": 2, "pad": 1}, {"stride": 2, "pad": 0}, {"stride": 1, "pad": 0}],
    "poolparam": [
        {"pool_height": 2, "pool_width": 2, "stride": 2},
        {"pool_height": 2, "pool_width": 2, "stride": 1},
        {"pool_height": 3, "pool_width": 2, "stride": 2},
        {"pool_height": 2, "pool_width": 3, "stride": 1},
    ],
    "bnparam": [{"mode": "train"}],
    "gnparam": [{"mode": "train"}],
    "lnparam": [{"mode": "train"}],
    "dropoutparam": [{"mode": "train", "p": 0.7, "seed": 5}],
    "hparameters": [
        {"stride": 2, "pad": 1, "f": 2},
        {"stride": 1, "pad": 1, "f": 2},
        {"stride": 1, "pad": 0, "f": 3},
        {"stride": 2, "pad": 0, "f": 3},
    ],
}
SETTINGS["hparams"] = SETTINGS["hparam"] = SETTINGS["hparameters"]
# Settings that are numbers of their own.
NUMBERS: dict[str, list[int]] = {
    "stride": [1, 2], "strides": [1, 2], "pad": [1, 0], "padding": [1, 0], "size": [2, 3], "poolsize": [2, 3],
    "kernelsize": [2, 3], "ksize": [2, 3], "windowsize": [2, 3],
}  # fmt: skip
EVALUATION = re.compile(r"(?i)^(test|eval|evaluation|inference|predict|valid(ation)?)$")
SECOND_SET = re.compile(r"^(w[xh]|b|u|w)(h?)(t|n|c|hat|tilde|new|cand)$")


@dataclass(frozen=True)
class Scene:
    """What the arguments share: gates of a cell (and of its second set of weights), orientation, the bias's shape."""

    gates: int = 1
    second: int = 1
    flipped: bool = False
    bias: str = "row"  # (M,), 'wide' (1, M), 'column' (M, 1)
    wide: bool = False  # gamma and beta belong to the input's features though there are weights


def scenes(names: Sequence[str], layout: Layout) -> Iterator[Scene]:
    """Give the scenes that make a difference for these arguments, likeliest first."""
    plain = [plain_name(n) for n in names]
    recurrent = any(re.match(r"w[xh]h?t?$|whh|wxh|wih|prevh|h0|hprev", n) for n in plain)
    gates = [(1, 1), (4, 4), (3, 3), (2, 1), (2, 2)] if recurrent else [(1, 1)]
    weights = any(re.match(r"(w|weights?|theta|kernel)\d?$", n) for n in plain)
    biases = ["row", "wide", "column"]
    if layout.name == "columns":
        biases = ["column", "row"]
    has_bias = any(re.match(r"(b|bias|biases|gamma|beta|b\d|bh|by)$", n) for n in plain)
    norm = any(n in ("gamma", "beta") for n in plain) and weights
    for (g, s), bias, flipped, wide in itertools.product(
        gates,
        biases if has_bias else ["row"],
        (False, True) if weights else (False,),
        (False, True) if norm else (False,),
    ):
        yield Scene(g, s, flipped, bias, wide)


def plain_name(name: str) -> str:
    """Give a name in small letters without underscores."""
    return name.replace("_", "").lower()


def fillings(
    names: Sequence[str], reading: Reading, layout: Layout, taken: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """Give values for all of the arguments, likeliest first. Raises Unguessable for a name that says nothing.

    `taken` are the names of all arguments of the function: whether there are weights changes what others are.
    """
    seen: set[str] = set()
    everything = [*taken, *names]
    count = 0
    for scene in scenes(everything, layout):
        choices = {n: values_for(n, reading, layout, scene, everything) for n in names}
        for name, values in choices.items():
            if not values:
                raise Unguessable(name)
        for chosen in itertools.islice(itertools.product(*choices.values()), TRIES):
            filling = dict(zip(choices, chosen, strict=True))
            key = repr({n: np.shape(v) if isinstance(v, np.ndarray) else v for n, v in filling.items()})
            if key in seen:
                continue
            seen.add(key)
            count += 1
            if count > TRIES:
                return
            yield {n: clone(v) for n, v in filling.items()}


def values_for(name: str, reading: Reading, layout: Layout, scene: Scene, names: Sequence[str]) -> list[Any]:
    """Give what an argument may be in a scene, likeliest first."""
    plain = plain_name(name)
    if plain in SETTINGS:
        return [dict(settings) for settings in SETTINGS[plain]]
    strings = [word for word in reading.strings(name) if not EVALUATION.match(word)]
    if strings:
        return strings
    parts = reading.parts(name)
    if parts and len(parts) > 1:
        return [tuple(_part(p, reading, layout, scene, names) for p in parts)]
    keys = reading.keys(name)
    if keys:
        return [{key: _part(key, reading, layout, scene, names) for key in keys}]
    if re.match(r"(?i)^(cache|caches|memory|ctx)$", name):
        return [None, {}, {"mode": "train"}]
    array = array_for(plain, layout, scene, [plain_name(n) for n in names])
    if array is not None:
        return array
    if re.fullmatch(r"reg|lam|lambda|lambd|l2|l2reg|regularization\w*|regparam|weightdecay", plain):
        return [0.1]  # at 0 the penalty would not show
    if reading.calls(name):
        return [v for v in alternatives(name, layout) if callable(v)]
    if plain in NUMBERS:
        return list(NUMBERS[plain])
    return alternatives(name, layout)


def _part(name: str, reading: Reading, layout: Layout, scene: Scene, names: Sequence[str]) -> Any:
    plain = plain_name(name)
    if re.search(r"mean|mu$", plain):
        return np.zeros(layout.features)
    if re.search(r"var|std", plain):
        return np.ones(layout.features)
    if plain == "mode":
        return "train"
    found = array_for(plain, layout, scene, [plain_name(n) for n in names]) or alternatives(name, layout)
    return found[0] if found else 1


def array_for(plain: str, layout: Layout, scene: Scene, names: Sequence[str]) -> list[Any] | None:
    """Give an array for a name in a scene, None for what is no array."""
    recurrent = _recurrent(plain, layout, scene, names)
    if recurrent is not None:
        return [recurrent]
    weights = _has_weights(names)
    if re.fullmatch(r"w|weights?|wmat|theta|kernels?|filters?|weightmatrix", plain):
        return _weights(layout, scene, names)
    if re.fullmatch(r"b|bias|biases", plain) and weights:
        return [_bias(layout, scene, FILTERS if layout.image else _width(layout, names))]
    if re.fullmatch(r"gamma|beta|scale|shift", plain):
        size = _outputs(layout) if weights and not scene.wide else layout.features
        offset = 1.0 if plain in ("gamma", "scale") else 0.0
        if "g" in names or "groups" in names:
            size = 2 * C
        return [_bias(layout, scene, size, seed=2 if offset else 3, last=True) + offset]
    if re.fullmatch(r"y|t|target|targets|labels?|ytrue", plain) and any(n in names for n in ("mask", "masks")):
        return [np.arange(N * STEPS).reshape(N, STEPS) % M if layout.name == "sequences" else np.arange(N) % M]
    if re.fullmatch(r"masks?", plain):
        ones = np.ones((N, STEPS)) if layout.name == "sequences" else np.ones(N)
        ones.flat[1::4] = 0.0
        return [ones]
    if plain in ("b", "other", "y", "x2", "a2", "bdata", "ydata", "other"):
        return like_input(layout)
    return None


def _has_weights(names: Sequence[str]) -> bool:
    return any(re.fullmatch(r"w|weights?|wmat|theta|kernels?|filters?|weightmatrix|w\d", n) for n in names)


def _outputs(layout: Layout) -> int:
    return FILTERS if layout.image else layout.outputs


def _width(layout: Layout, names: Sequence[str]) -> int:
    return layout.outputs


def _weights(layout: Layout, scene: Scene, names: Sequence[str]) -> list[Any]:
    if layout.name == "images":
        return (
            [normal(C, 1, KERNEL, 2)]
            if scene.flipped
            else [normal(FILTERS, C, KERNEL, KERNEL), normal(FILTERS, C, KERNEL, 2)]
        )
    if layout.name == "images last":
        square = [normal(2, 2, C, FILTERS), normal(KERNEL, KERNEL, C, FILTERS)]
        return [normal(FILTERS, KERNEL, KERNEL, C)] if scene.flipped else square
    if layout.name == "columns":
        return [normal(D, M) if scene.flipped else normal(M, D)]
    size = layout.outputs
    shapes = [(size, D)] if scene.flipped else [(D, size)]
    if not scene.flipped:
        shapes.append((WORDS, D))
    return [normal(*shape) for shape in shapes]


def _bias(layout: Layout, scene: Scene, size: int, seed: int = 1, last: bool = False) -> Array:
    values = normal(size, seed=seed)
    if layout.name == "images last":
        return values if scene.bias == "column" else values.reshape(1, 1, 1, size)
    if layout.name == "images" and last and scene.bias == "wide":
        return values.reshape(1, size, 1, 1)
    if scene.bias == "wide":
        return values.reshape(1, size)
    return values.reshape(size, 1) if scene.bias == "column" else values


def _recurrent(name: str, layout: Layout, scene: Scene, names: Sequence[str]) -> Array | None:
    """Give states and weights of recurrent cells, with one to four gates side by side."""
    if name in ("prevh", "h0", "hprev", "hnext", "prevc", "c0", "cprev", "hiddenstate", "prevhidden", "aprev", "a0"):
        return normal(N, H, seed=7 if "h" in name else 17)
    if not any(n in names for n in ("wx", "wh", "wxh", "whh", "wih", "prevh", "h0", "hprev")):
        return None
    second = SECOND_SET.match(name) is not None and name[:-1] in names
    size = H * (scene.second if second else scene.gates)
    stem = re.sub(r"(t|n|c|hat|tilde|new|cand)$", "", name) if second else name
    if stem in ("wx", "wih", "wxh", "u"):
        return normal(D, size, seed=9) * 0.3
    if stem in ("wh", "whh"):
        return normal(H, size, seed=10) * 0.3
    if stem in ("bh", "b", "bx", "bhh", "bih"):
        return normal(size, seed=11) * 0.3
    if name in ("ws", "wy", "why", "wvocab", "wout", "wa"):
        return normal(H, M, seed=12) * 0.5
    if name in ("bs", "by", "bvocab", "bout", "ba"):
        return normal(M, seed=13)
    return None


def like_input(layout: Layout) -> list[Array]:
    """Give arrays for a second operand: a row that is spread, one as the input is, one that it is multiplied with."""
    shape = input_shapes(layout)[0]
    whole = normal(*shape, seed=8)
    whole = whole + np.sign(whole) * 0.5  # away from 0: it may be divided by
    return [whole, normal(shape[-1], seed=8) + 1.0, normal(shape[-1], M, seed=8)]


def input_shapes(layout: Layout) -> list[tuple[int, ...]]:
    """Give the shapes that an input may have, a square image only after others."""
    if layout.name == "images":
        return [(2, C, 6, 4), (2, C, 7, 5), (2, C, 8, 6), (2, C, 7, 6), (2, C, 5, 5), (2, C, 4, 4), (2, C, 6, 6)]
    if layout.name == "images last":
        return [(2, 6, 4, C), (2, 7, 5, C), (2, 7, 6, C), (2, 5, 5, C), (2, 4, 4, C)]
    if layout.name == "sequences":
        return [(N, STEPS, D)]
    return [(D, N)] if layout.name == "columns" else [(N, D)]
