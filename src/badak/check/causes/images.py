# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Windows and loops: kernels, contributions that overlap, ties of a maximum."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.causes.affine import transposes, turned_weight
from badak.check.causes.base import Cause, Verdict
from badak.check.causes.fit import near
from badak.check.findings import Finding
from badak.check.numeric import close
from badak.check.source import called_name
from badak.check.subject import Subject

Array = np.ndarray[Any, Any]


def overlapping(case: Case) -> Verdict:
    """Contributions that should be added overwrite each other, or all but the first are lost."""
    if case.is_loss:
        return None
    slopes = case.subject.slopes(case.quantity).central
    shape = case.y.shape
    if np.isnan(slopes).any() or slopes.shape[1] != case.y.size:
        return None
    for axes in _groupings(shape):
        labels = _group_labels(shape, axes)
        count = int(labels.max()) + 1
        if count < 2 or count * slopes.shape[0] > 4_000_000:
            continue
        found = _one_contribution(case, slopes, labels, count, axes)
        if found is not None:
            return found
    return None


def windows(x: Array, y: Array) -> Iterator[tuple[Array, int]]:
    """Give the ways to cut images (N, C, H, W) into as many windows as `y` has: (…, OH, OW, h, w), and the step."""
    for high, wide in itertools.product(range(2, x.shape[2] + 1), range(2, x.shape[3] + 1)):
        every = np.lib.stride_tricks.sliding_window_view(x, (high, wide), axis=(2, 3))
        for step in dict.fromkeys((high, wide, 1, 2, 3)):
            view = every[:, :, ::step, ::step]
            if view.shape[:4] == y.shape:
                yield view, step


def _groupings(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    yield (0,)
    for axis in range(1, len(shape)):
        yield (axis,)
    if len(shape) >= 3:
        yield tuple(range(1, len(shape)))
        yield tuple(range(len(shape) - 2, len(shape)))
    if len(shape) >= 2:
        yield tuple(range(len(shape)))


def _group_labels(shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    sizes = [shape[axis] for axis in axes]
    grid = np.indices(shape)
    return np.asarray(np.ravel_multi_index([grid[axis].ravel() for axis in axes], sizes))


def _one_contribution(case: Case, slopes: Array, labels: Array, count: int, axes: tuple[int, ...]) -> Verdict:
    last_fits = first_fits = zeroth_fits = True
    several = np.zeros(slopes.shape[0], bool)
    touched = np.abs(slopes) > 1e-9 * np.abs(slopes).max()
    member = np.zeros((slopes.shape[0], count), bool)
    for group in range(count):
        member[:, group] = touched[:, labels == group].any(axis=1)
    several = member.sum(axis=1) > 1
    if not several.any() and axes != (0,):
        return None
    for a, dout in zip(case.a, case.douts, strict=True):
        weighted = slopes * np.ravel(dout)
        parts = np.stack([weighted[:, labels == group].sum(axis=1) for group in range(count)], axis=1)
        flat = np.ravel(np.asarray(a, float))
        rows = np.arange(len(flat))
        last = count - 1 - np.argmax(member[:, ::-1], axis=1)
        first = np.argmax(member, axis=1)
        last_fits &= close(np.where(member.any(axis=1), parts[rows, last], 0), flat)
        first_fits &= close(np.where(member.any(axis=1), parts[rows, first], 0), flat)
        zeroth_fits &= close(parts[:, 0], flat)
    if zeroth_fits and axes in ((0,), tuple(range(1, np.ndim(case.y)))):
        return "early-return", {}
    if last_fits and several.any():
        return "overwrites-instead-of-accumulates", {}
    if zeroth_fits:
        return "early-return", {}
    if first_fits and several.any():
        return "overwrites-instead-of-accumulates", {}
    return None


def _reshape_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    node = subject.source.method(subject.name, "forward")
    if node is None:
        return None
    names = ("reshape", "transpose", "zeros", "empty")
    hits = [n.lineno for n in ast.walk(node) if isinstance(n, ast.Call) and called_name(n) in names]
    return max(hits) if hits else None


def averaged_maximum(case: Case) -> Verdict:
    """One output moves with one input, a maximum; backward gives every input of its window the same share."""
    if case.is_loss or case.quantity != "x" or np.ndim(case.x) < 3:
        return None
    subject = case.subject
    slopes = subject.slopes("x").central
    for column in range(0, slopes.shape[1], max(1, slopes.shape[1] // 4)):
        one = np.zeros(case.y.size)
        one[column] = 1.0
        given = np.ravel(np.asarray(subject.gradient(subject.run(one.reshape(case.y.shape)), "x"), float))
        window = np.flatnonzero(given)
        moved = np.flatnonzero(np.abs(slopes[:, column]) > 1e-6)
        if len(moved) != 1 or moved[0] not in window or len(window) < 2:
            return None
        if np.ptp(given[window]) > 1e-9 or not near(float(given.sum()), 1):
            return None
    return "average-for-maximum", {}


CAUSES = (
    Cause(
        "average-for-maximum",
        "backward shares dout among the whole window, as for an average; forward takes the maximum.",
        "Give all of it to the place of the maximum (argmax).",
        tests=(averaged_maximum,),
    ),
    Cause(
        "kernel-not-flipped",
        "d{quantity} is right for the kernel rotated by 180 degrees.",
        "Flip the kernel in backward: w[::-1], or W[..., ::-1, ::-1].",
        tests=(
            transposes,
            turned_weight,
        ),
        repairable=True,
    ),
    Cause(
        "early-return",
        "{method} returns inside the loop: only the first sample gets a gradient.",
        "Move the return out of the loop.",
        tests=(overlapping,),
        repairable=True,
    ),
    Cause(
        "overwrites-instead-of-accumulates",
        "Contributions to d{quantity} overwrite each other where they should be added.",
        "Write += (for repeated indices: np.add.at).",
        tests=(overlapping,),
        repairable=True,
    ),
    Cause(
        "routes-to-all-ties",
        "Every element equal to the maximum receives the whole dout: at ties too much flows.",
        "Give it to one of them (argmax), or share it equally.",
    ),
    Cause(
        "swapped-height-width",
        "Height and width of the output are exchanged: a taller image gives a wider output.",
        "Reshape to (N, OH, OW, …).",
        place=_reshape_line,
    ),
    Cause(
        "forgets-setting",
        "d{quantity} is wrong, and right with the value that the constructor takes by itself: backward leaves {name} out somewhere.",
        "Use self.{name} in backward wherever forward uses it.",
    ),
)
