"""Whether an object is what its name says, and whether its gradient is right far from 0 too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.causes.functions import Family, Form, casts, family_of
from badak.check.causes.images import windows
from badak.check.contract.clause import Clause
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.numeric import close
from badak.check.subject import Subject, UserError
from badak.check.tolerances import FORM, REPEATED

Array = np.ndarray[Any, Any]
# Zeros, ties, either side of every branch, and beyond the places where people cut: 6 among them.
VALUES = np.array([0.0, 0.5, -0.5, 0.5, -0.5, 1, -1, 2.3, -2.3, 0.0, 3.1, -3.1, 6.7, -6.7, 8.9, -8.9, 0.7, 1.6, -1.6])
SLIGHT = 0.03  # of a dout of 1: what a gradient may be off far from 0 before it misleads anybody
ORDINARY = 4.0  # a function is compared where nobody cuts it off
AVERAGE = re.compile(r"(?i)av(era)?ge?pool|meanpool|poolingaverage")
MAXIMUM = re.compile(r"(?i)maxpool|maxpooling|poolingmax")


def check_values(exam: Examination) -> Iterator[Finding]:
    """What is named after a known function computes it, in one of its published forms."""
    subject = exam.subject
    if not isinstance(subject.x, np.ndarray) or subject.x.dtype.kind != "f" or subject.x.ndim < 1:
        return
    family = family_of(subject.name)
    if family is not None:
        yield from _named(exam, family)
    elif subject.x.ndim == 4 and np.ndim(exam.y) == 4:
        yield from _output_size(exam)
        yield from _pooled(exam)


def _named(exam: Examination, family: Family) -> Iterator[Finding]:
    subject = exam.subject
    if subject.x.size < VALUES.size or (family.rows and (subject.x.ndim != 2 or min(subject.x.shape) < 2)):
        return
    x = _wide(subject.x.shape) if not family.rows else np.clip(_wide(subject.x.shape), -3, 3)
    y = _output(subject, x)
    if y is None or y.shape != x.shape or not np.isfinite(y[np.abs(x) < ORDINARY]).all():
        return
    with np.errstate(all="ignore"):
        if any(_is(form, x, y) for form in family.known):
            return
        cut = next(
            (form for form in casts(family.known[0]) if _is(form, x, y) and (_whole(subject) or np.ptp(y))), None
        )
        found = cut or next((form for form in family.slips if _is(form, x, y)), None)
        if found is None:
            return
        meant = family.known[0].values(x)
    gap = np.where(np.abs(x) < ORDINARY, np.abs(y - meant), 0)
    index = np.unravel_index(int(np.argmax(gap)), gap.shape)
    values = {"found": found.words, "meant": family.known[0].words, "at": float(x[index]), "object": subject.name}
    _take_over(exam, family.known[0])
    yield exam.finding(
        "values",
        "cut-to-integers" if cut is not None else "another-function",
        method=exam.forward_name(),
        quantity="forward",
        got=float(y[index]),
        expected=float(meant[index]),
        values=values,
    )


def _wide(shape: tuple[int, ...]) -> Array:
    """Give an input that holds all of VALUES, and others without symmetry."""
    size = int(np.prod(shape))
    rest = np.random.default_rng(23).standard_normal(size) * 2
    rest[: min(size, VALUES.size)] = VALUES[:size]
    return np.random.default_rng(29).permutation(rest).reshape(shape)


def _output(subject: Subject, x: Array) -> Array | None:
    try:
        y = np.array(subject.forward(subject.fresh(), x.copy(), clone(subject.second)), float)
    except (UserError, TypeError, ValueError):
        return None
    return y


def _whole(subject: Subject) -> bool:
    """Tell whether forward gives whole numbers by their kind."""
    y = subject.forward(subject.fresh(), clone(subject.x), clone(subject.second))
    return getattr(y, "dtype", np.dtype(float)).kind in "iu"


def _is(form: Form, x: Array, y: Array) -> bool:
    """Tell whether the output is that of a form, at ordinary inputs."""
    here = np.abs(x) < ORDINARY
    wanted = np.asarray(form.values(x), float)[here]
    known = np.isfinite(wanted)
    return bool(known.any()) and bool(np.all(np.abs(y[here] - wanted)[known] <= FORM * (1 + np.abs(wanted[known]))))


def _take_over(exam: Examination, form: Form) -> None:
    """Take back what was said of a backward that is the gradient of what was meant: forward is to blame."""
    subject = exam.subject
    x = np.asarray(subject.x, float)
    h = 1e-6
    with np.errstate(all="ignore"):
        slope = (form.values(x + h) - form.values(x - h)) / (2 * h)
    a = exam.passes[0].dx[0] if exam.passes else None
    own = np.asarray(exam.passes[0].y, float) if exam.passes else x
    # A backward written with the output, as out (1 - out), fits the function that was meant only by its form.
    with np.errstate(all="ignore"):
        formed = {"1 / (1 + exp(-x))": own * (1 - own), "tanh(x)": 1 - own**2}.get(form.words)
    for meant in (slope, formed):
        if a is not None and meant is not None and close(np.asarray(a, float), np.asarray(exam.douts[0]) * meant, 1e-3):
            exam.findings[:] = [f for f in exam.findings if f.check not in ("gradients", "linear", "shapes")]
            return


def check_far(exam: Examination) -> Iterator[Finding]:
    """The gradient of a function of each element is right beyond 6 too, where people cut and forget."""
    subject = exam.subject
    x = subject.x
    if (
        exam.examine_part is None
        or any(f.severity == "error" for f in exam.findings)
        or not isinstance(x, np.ndarray)
        or x.dtype.kind != "f"
        or np.shape(exam.y) != x.shape
        or x.size < 4
    ):
        return
    wide = _wide(x.shape)
    wide = np.where(wide == 0, 7.3, wide)
    y = _output(subject, wide)
    moved = wide.copy()
    moved.flat[0] += 0.25
    z = _output(subject, moved)
    if y is None or z is None or not (np.isfinite(y).all() and np.isfinite(z).all()) or subject.warnings:
        return
    if y.shape != x.shape or z.shape != x.shape or not close(y.flat[1:], z.flat[1:], REPEATED):
        return
    report = exam.examine_part(subject.sibling(wide), ["gradients"])
    for fault in report.findings:
        if fault.severity == "error" and fault.check == "gradients":
            fault.values["setting"] = f"|x| < {np.abs(wide).max():.2g}"
            got, right = fault.got, fault.expected
            if isinstance(got, float) and isinstance(right, float) and abs(got - right) < SLIGHT:
                fault.severity = "hazard"  # x cut off where the function is nearly flat: np.clip(x, -5, 5) in a sigmoid
            yield fault


def _number(obj: Any, *names: str) -> int | None:
    """Give a setting that an object holds as a whole number, under one of several names."""
    for name in names:
        value = getattr(obj, name, None)
        if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
            return int(value)
    return None


def _output_size(exam: Examination) -> Iterator[Finding]:
    """A convolution has as many windows as fit into the padded image."""
    subject, y = exam.subject, np.asarray(exam.y, float)
    filters = [np.asarray(subject.value(p.name), float) for p in subject.parameters]
    kernel = next((f for f in filters if f.ndim == 4), None)
    stride, pad = _number(subject.obj, "stride"), _number(subject.obj, "pad", "padding")
    x = np.asarray(subject.x, float)
    if kernel is None or stride is None or pad is None or stride < 1 or kernel.shape[1] != x.shape[1] or pad < 1:
        return
    wide = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    sizes = [(full - size, size) for full, size in zip(wide.shape[2:], kernel.shape[2:], strict=True)]
    if any(left < 0 or left % stride for left, _ in sizes) or y.shape[:2] != (len(x), len(kernel)):
        return
    right = tuple(left // stride + 1 for left, _ in sizes)
    if y.shape[2:] == right or y.shape[2] > right[0] or y.shape[3] > right[1]:
        return
    windows = np.lib.stride_tricks.sliding_window_view(wide, kernel.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    full = np.einsum("nchwij,fcij->nfhw", windows, kernel)
    part = full[:, :, : y.shape[2], : y.shape[3]]
    # Up to a bias, the same numbers: the windows at the end are missing, and nothing else differs.
    if close(y - y.mean(axis=(0, 2, 3), keepdims=True), part - part.mean(axis=(0, 2, 3), keepdims=True), FORM):
        values = {"stride": stride, "pad": pad, "got_shape": f"{y.shape[2:]}", "right_shape": f"{right}"}
        yield exam.finding("values", "output-size", method=exam.forward_name(), quantity="forward", values=values)


def _pooled(exam: Examination) -> Iterator[Finding]:
    """Pooling by the maximum gives a value of its window, pooling by the mean the mean."""
    subject, y, x = exam.subject, np.asarray(exam.y, float), np.asarray(exam.subject.x, float)
    name = re.sub(r"_|2d|\W", "", subject.name)
    maximum, average = MAXIMUM.search(name) is not None, AVERAGE.search(name) is not None
    if maximum == average or subject.parameters or x.shape[:2] != y.shape[:2]:
        return
    for view, _ in windows(x, y):
        forms = {"max": view.max(axis=(4, 5)), "mean": view.mean(axis=(4, 5)), "sum": view.sum(axis=(4, 5))}
        found = next((word for word, values in forms.items() if close(y, values, FORM)), None)
        meant = "max" if maximum else "mean"
        if found is not None and found != meant:
            values = {"found": found, "meant": meant, "object": subject.name}
            yield exam.finding(
                "values", "pools-otherwise", method=exam.forward_name(), quantity="forward", values=values
            )
        if found is not None:
            return


CLAUSES = [
    Clause("values", check_values, applies=lambda s: s.unary),
    Clause("far", check_far, applies=lambda s: s.unary and not s.updates_inside),
]
