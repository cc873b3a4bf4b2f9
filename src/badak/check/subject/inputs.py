"""Inputs to try an object with, by the arrays that it holds and the layout that it may be written for."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.copying import clone
from badak.check.subject.arguments import (
    COLUMNS,
    HEIGHT,
    IMAGES,
    IMAGES_LAST,
    SEQUENCES,
    STEPS,
    WIDTH,
    WORDS,
    D,
    Layout,
    M,
    N,
    smaller,
)
from badak.check.subject.base import Subject
from badak.check.subject.calls import has_method

Array = np.ndarray[Any, Any]
Sample = tuple[Any, Any]
Shape = tuple[int, ...]
LARGEST = 4096  # values in a sample whose shape a network tells


def arrays_of(obj: Any) -> list[Array]:
    """Give the numeric arrays that an object holds, the members of `params` included."""
    found = []
    for value in list(getattr(obj, "__dict__", {}).values()):
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
        found += [p for p in parts if isinstance(p, np.ndarray) and p.dtype.kind in "fi"]
    return found


def told_shapes(obj: Any) -> list[Shape]:
    """Give the shapes of one sample that a network tells: its `input_shape`, or the book's argument `input_dim`, whose
    default a smaller image may have taken the place of."""
    told = [getattr(obj, "input_shape", None)]
    if told == [None]:
        with contextlib.suppress(TypeError, ValueError):
            parameter = inspect.signature(type(obj)).parameters.get("input_dim")
            told = [*(smaller(parameter) or []), parameter.default] if parameter is not None else []
    sizes = [t for t in told if t and isinstance(t, tuple) and all(type(n) is int and n > 0 for n in t)]
    return [one for one in sizes if math.prod(one) <= LARGEST]


def batches(obj: Any, layout: Layout) -> list[Shape]:
    """Give the shapes of several samples, likeliest first: fitting the object's arrays, then the layout's."""
    fitting: list[Shape] = []
    arrays = arrays_of(obj)
    matrices = [a.shape for a in arrays if a.ndim == 2 and min(a.shape) > 1]
    vectors = [a.shape[0] for a in arrays if a.ndim == 1 and a.shape[0] > 1]
    filters = [a.shape for a in arrays if a.ndim == 4]
    if layout == IMAGES:
        fitting += [(2, shape[1], HEIGHT, WIDTH) for shape in filters]
        return list(dict.fromkeys([*fitting, (2, 3, 6, 4), (2, 3, HEIGHT, WIDTH), (2, 1, 6, 4), (2, 3, 4, 4)]))
    if layout == IMAGES_LAST:
        fitting += [(2, HEIGHT, WIDTH, shape[2]) for shape in filters]
        return list(dict.fromkeys([*fitting, (2, 6, 4, 3), (2, HEIGHT, WIDTH, 3)]))
    if layout == SEQUENCES:
        fitting += [(N, STEPS, shape[0]) for shape in matrices]
        return list(dict.fromkeys([*fitting, (N, STEPS, D), (2, 5, 4)]))
    if layout == COLUMNS:
        fitting += [(shape[1], N) for shape in matrices]
        return list(dict.fromkeys([*fitting, (D, N), (M, N)]))
    fitting += [(N, shape[0]) for shape in matrices]
    if not matrices:
        fitting += [(N, size) for size in vectors]
    # A single output has weights of one column.
    narrow = [(N, a.shape[0]) for a in arrays if a.ndim == 2 and a.shape[1] == 1 and a.shape[0] > 1]
    return list(dict.fromkeys([*fitting, (N, D), (N, M), *narrow]))


def singles(obj: Any, layout: Layout) -> list[Shape]:
    """Give the shapes of one sample alone, for what takes no batch: a row, a column, a vector, an image."""
    if layout == SEQUENCES:
        return [shape[1:] for shape in batches(obj, layout)]
    if layout.image:
        whole = [shape[1:] for shape in batches(obj, layout)]
        return [*whole, (HEIGHT, WIDTH), (6, 4)]
    if layout == COLUMNS:
        return [(shape[0], 1) for shape in batches(obj, layout)]
    rows = batches(obj, layout)
    return [*((1, shape[1]) for shape in rows), *((shape[1],) for shape in rows)]


def samples(obj: Any, style: type[Subject], layout: Layout, alone: bool = False) -> Iterator[Sample]:
    """Give inputs to try, likeliest first: (x, second); `alone` for one sample instead of several."""
    own = style.own_samples(obj, layout, alone)
    if own is not None:
        yield from own
        return
    rng = np.random.default_rng(1)
    shapes = singles(obj, layout) if alone else batches(obj, layout)
    if style.runs_forward_itself and not alone:
        shapes = [*((N, *told) for told in told_shapes(obj)), *shapes]
    for shape in shapes:
        x = rng.standard_normal(shape)
        if style.has_target:
            yield from _with_targets(obj, x, style)
        elif style.needs_second:
            yield x, rng.standard_normal(shape) + 0.2
        else:
            yield x, None
    if style.integer_inputs and not style.needs_second and not alone:
        yield np.array([0, 2, 0, 1, 2]), None
        yield np.arange(N * STEPS).reshape(N, STEPS) * 5 % WORDS, None


def _with_targets(obj: Any, x: Array, style: type[Subject]) -> Iterator[Sample]:
    rng = np.random.default_rng(2)
    if style.runs_forward_itself:
        classes = _classes_of(obj, x)
        hot = np.eye(classes)[(np.arange(len(x)) * 2 + 1) % classes]
        yield x, hot
        yield x, hot.argmax(axis=1)
        yield x, rng.standard_normal((len(x), classes))
        return
    if x.ndim == 2 and len(x) > 1:
        x = rng.standard_normal((N, M))
        hot = np.eye(M)[[0, 2, 1, 0, 2]]
        y = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
        yield x, hot
        yield x, hot.argmax(axis=1)
        yield y, hot
        yield x, rng.standard_normal((N, M))
        yield rng.standard_normal((N, 1)), np.array([[0.0], [1.0], [1.0], [0.0], [1.0]])


def _classes_of(obj: Any, x: Array) -> int:
    """Give the number of classes that a network predicts."""
    if has_method(obj, "predict"):
        try:
            y = np.asarray(clone(obj).predict(x.copy()))
        except Exception:  # whatever the user's code does: gradient will tell
            y = np.zeros(())
        if y.ndim == 2:
            return int(y.shape[-1])
    sizes = [a.shape for a in arrays_of(obj) if a.ndim == 2]
    return sizes[-1][-1] if sizes else M
