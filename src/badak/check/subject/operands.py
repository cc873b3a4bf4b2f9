"""What the functions of autograd libraries are called with: operations by their names, shapes by what they do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.subject.arguments import HEIGHT, WIDTH, C, D, F, Layout, M, N, normal
from badak.check.subject.variables import names_in, written_in

Array = np.ndarray[Any, Any]
FIRST = re.compile(r"(?i)^(a|x|x0|x_0|x1|x_1|in0|input|input0|input1|left|lhs|l|u|t1|tensor1|self|inp)$")
SECOND = re.compile(r"(?i)^(b|y|x1|x_1|x2|x_2|in1|other|input1|input2|right|rhs|r|v|t2|tensor2|o)$")
LOSSES = re.compile(r"(?i)(loss|error|entropy|mse|mae|nll|bce|hinge|divergence)")
POSITIVE = re.compile(r"(?i)^(log\d*p?|ln|sqrt|rsqrt|pow(er)?|logarithm)(function|op|layer|fn|backward)?$")
PRODUCTS = re.compile(r"(?i)(matmul|dot|^mm$|gemm|bmm)")
STRETCHES = {"sum_to", "unbroadcast", "broadcast_to", "reduce_to", "sum_out_extra", "unbroadcast_to", "broadcast"}


def is_pair(first: str, second: str) -> bool:
    """Tell whether two arguments are the operands of an operation, by their names: a bias beside x is none."""
    return bool(FIRST.match(first) and SECOND.match(second)) and (first.lower(), second.lower()) != ("x", "b")


def sounds_like_loss(name: str) -> bool:
    """Tell whether a class is a loss by its name."""
    return LOSSES.search(name) is not None


# What the function's name says (lower case), what the argument is called (without underscores), and what it may be.
SPECIAL: list[tuple[str, str, list[Any]]] = [
    (r"", r"keepdims?|tomatrix", [False, True]),
    (r"deconv|convtranspose|transposedconv", r"b|bias", [normal(C, seed=1)]),
    (r"reshape|view", r"(new|target|out|output)?shape|size", [(D, N)]),
    (r"sum", r"(new|target|out|output)?shape|size", [(1, D)]),
    (r"broadcast|expand", r"(new|target|out|output)?shape|size", [(N, D)]),
    (r"col2im", r"(input|in|x)shape", [(2, C, 6, 4)]),
    (r"getitem|slice", r"(input|in|x)shape", [(N, D)]),
    (
        r"getitem|index|take|gather",
        r"slices?|index|idx|indices|key|item",
        [np.array([0, 0, 2]), (slice(1, 4), slice(3))],
    ),
    (r"slice|crop|narrow", r"slices?|index|idx|indices|key|item", [[(1, 4), (0, 3)], (slice(1, 4), slice(3))]),
    (r"squeeze", r"axis|dim", [1, 0]),
    (r"", r"axis|dim", [0, 1, None]),
    (r"transpose|permute", r"axes|order|perm|dims", [(2, 0, 1), (1, 0)]),
    (r"pow", r"c|power|exponent|exp|n|p|k|other", [3.0, 2, np.full((N, D), 1.5)]),
    (r"", r"n(um)?classes", [M]),
    (r"1d", r"weights?|w|kernel|filters?", [normal(F, C, 3)]),
    (r"", r"stride", [2, 1, (2, 2)]),
]


def special_values(owner: str, name: str) -> list[Any]:
    """Give the values of an argument whose meaning depends on the function; [] where its name says enough."""
    what, short = owner.lower(), name.replace("_", "").lower()
    for owned, named, values in SPECIAL:
        if re.search(owned, what) and re.fullmatch(named, short):
            return list(values)
    return []


def special_samples(
    kind: type, arguments: dict[str, Any], layout: Layout, two: bool
) -> Iterator[tuple[Any, Any]] | None:
    """Give inputs for a function whose name or arguments ask for their shapes; None where a layer's fit.

    Shapes of an operation that says in its code how it treats broadcasting differ in every axis.
    """
    if layout.name not in ("rows", "images"):
        return None
    return _pairs(kind, layout) if two else _singles(kind, arguments, layout)


def _pairs(kind: type, layout: Layout) -> Iterator[tuple[Any, Any]]:
    rng = np.random.default_rng(1)
    used = names_in(written_in(kind, "forward")) | names_in(written_in(kind, "backward"))
    shapes: list[tuple[tuple[int, ...], tuple[int, ...]]] = [((N, D), (N, D)), ((N, D), (D, M)), ((), ())]
    if PRODUCTS.search(kind.__name__):
        shapes = [((N, D), (D, M))]
    elif used & STRETCHES:
        shapes = [((N, 1), (D,)), *shapes]
    if layout.image:
        shapes = [((2, C, HEIGHT, WIDTH), (F, C, 3, 3))]
    for one, two in shapes:
        x = rng.standard_normal(one)
        if POSITIVE.match(kind.__name__):
            x = np.abs(x) + 0.5
        sign = rng.choice([-1.0, 1.0], two)
        yield x, sign * rng.uniform(0.4, 1.6, two)


def _singles(kind: type, arguments: dict[str, Any], layout: Layout) -> Iterator[tuple[Any, Any]]:
    rng = np.random.default_rng(1)
    name = kind.__name__.lower()
    shapes: list[tuple[int, ...]] = []
    matrices = [a for a in arguments.values() if isinstance(a, np.ndarray)]
    shapes += [(N, a.shape[0]) for a in matrices if a.ndim == 2]
    shapes += [(2, a.shape[1], 9) for a in matrices if a.ndim == 3]
    shapes += [(2, a.shape[0 if "deconv" in name else 1], HEIGHT, WIDTH) for a in matrices if a.ndim == 4]
    if "col2im" in name:
        shapes += [(2, C, 2, 2, 4, 3)]  # windows of 2 x 2 in steps of 2 over a padded image of 6 x 4
    if "broadcast" in name or "expand" in name:
        shapes += [(1, D)]
    if "squeeze" in name and "unsqueeze" not in name:
        shapes += [(N, 1, D), (1, D)]
    if "transpose" in name or "permute" in name:
        shapes += [(N, D, M)]
    if "grad" in name:
        shapes += [(3, D), (3, 3)]
    usual = [(2, C, HEIGHT, WIDTH), (2, C, 6, 4)] if layout.image else [(N, D), (D,), (N, D, M), ()]
    for shape in dict.fromkeys([*shapes, *usual]):
        x = rng.standard_normal(shape)
        yield (np.abs(x) + 0.5 if POSITIVE.match(kind.__name__) else x), None
