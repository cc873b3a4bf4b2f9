"""What an object evidently is, and whether it is that along the right axes. A gradient check cannot see
these faults."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.causes.wiring.role import check_network_role
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.numeric import close
from badak.check.subject import Subject, UserError, attributes_of, get_path, required, set_path

Array = np.ndarray[Any, Any]


def check(exam: Examination) -> Iterator[Finding]:
    """Look for softmax, normalisation and image layers."""
    subject = exam.subject
    if subject.input_names == ("x",) and exam.inputs == ["x"]:
        found = list(_softmax(exam))
        yield from found
        if not subject.scalar and not found:
            yield from _normalisation(exam)
            yield from _image(exam)
    elif subject.runs_forward_itself:
        yield from check_network_role(exam)


def _softmax(exam: Examination) -> Iterator[Finding]:
    """A softmax of a batch normalises rows, not columns."""
    subject = exam.subject
    if np.ndim(subject.x) != 2 or min(np.shape(subject.x)) < 2:
        return
    obj = subject.fresh()
    y = np.asarray(subject.forward(obj, subject.x.copy(), clone(subject.second)))
    held: list[Any] = [y] + [getattr(obj, n, None) for n in attributes_of(obj)]
    for value in held:
        if not isinstance(value, np.ndarray) or value.shape != np.shape(subject.x) or value.dtype.kind != "f":
            continue
        if value is subject.x or (value < 0).any() or np.isin(value, (0, 1)).all():
            continue
        if np.allclose(value.sum(axis=0), 1) and not np.allclose(value.sum(axis=1), 1):
            if subject.second is not None and np.shape(subject.second) == value.shape and close(value, subject.second):
                continue
            yield exam.finding("role", "softmax-over-batch-axis", method="forward", quantity="forward")
            return


def _normalisation(exam: Examination) -> Iterator[Finding]:
    """Batch normalisation centres columns; centring rows is layer normalisation under another's name."""
    subject = exam.subject
    x = np.asarray(subject.x, float)
    if x.ndim != 2 or np.shape(exam.y) != x.shape or min(x.shape) < 2:
        return
    running = [n for n in attributes_of(subject.obj) if "running" in n or "moving" in n]
    named = re.search(r"(?i)batch_?norm|^bn", subject.name) is not None
    if not (named or running):
        return
    plain = subject.fresh()
    for parameter in subject.parameters:
        short = parameter.name.split(".")[-1].lower()
        held = np.asarray(get_path(plain, parameter.path), float)
        set_path(
            plain,
            parameter.path,
            np.zeros(held.shape) if short in ("beta", "b", "bias", "shift") else np.ones(held.shape),
        )
    wide = x * np.linspace(1, 3, x.shape[1]) + np.linspace(-2, 2, x.shape[1])
    y = np.asarray(subject.forward(plain, wide.copy()), float)
    columns, rows = np.abs(y.mean(axis=0)).max(), np.abs(y.mean(axis=1)).max()
    if rows < 1e-6 and columns > 1e-3:
        yield exam.finding(
            "role", "normalises-wrong-axis", method="forward", quantity="forward", values={"named": named}
        )


def _image(exam: Examination) -> Iterator[Finding]:
    """A taller image gives a taller output, not a wider one."""
    subject = exam.subject
    x = np.asarray(subject.x, float)
    if x.ndim != 4 or np.ndim(exam.y) != 4:
        return
    for step in (2, 3, 4):
        rng = np.random.default_rng(5)
        tall = np.concatenate([x, rng.standard_normal((*x.shape[:2], step, x.shape[3]))], axis=2)
        try:
            y = np.asarray(subject.forward(subject.fresh(), tall))
        except UserError:
            continue
        if y.ndim != 4:
            return
        before, after = np.shape(exam.y), y.shape
        if after[3] > before[3] and after[2] == before[2]:
            values = {"shape": list(tall.shape[2:]), "got_shape": list(after[2:])}
            yield exam.finding("role", "swapped-height-width", method="forward", quantity="forward", values=values)
            return
        if after[2] > before[2]:
            return


# Labels -------------------------------------------------------------------------------------------


def check_labels(exam: Examination) -> Iterator[Finding]:
    """Try the other ways of giving the same labels, where forward reads them the same."""
    subject = exam.subject
    if (
        not (subject.scalar and subject.input_names)
        or not isinstance(subject.second, np.ndarray)
        or not isinstance(subject.x, np.ndarray)
    ):
        return
    yield from _broadcast(exam)
    yield from _indices(exam)
    yield from _one_sample(exam)


def _broadcast(exam: Examination) -> Iterator[Finding]:
    subject = exam.subject
    x, t = subject.x, subject.second
    if x.shape == t.shape or x.size != t.size or x.size < 2 or t.dtype.kind not in "f":
        return
    same = subject.forward(subject.fresh(), x.copy(), t.reshape(x.shape).copy())
    if not close(np.ravel(same), np.ravel(exam.y), 1e-9):
        yield exam.finding(
            "labels",
            "silent-broadcast",
            method="forward",
            quantity="forward",
            got=float(np.ravel(exam.y)[0]),
            expected=float(np.ravel(same)[0]),
            values={
                "shape_x": list(x.shape),
                "shape_t": list(t.shape),
                "shape": list(np.broadcast_shapes(x.shape, t.shape)),
            },
        )


def _indices(exam: Examination) -> Iterator[Finding]:
    """One-hot labels given: forward accepts indices too, does backward?"""
    subject = exam.subject
    x, t = subject.x, subject.second
    if x.ndim != 2 or t.shape != x.shape or not np.isin(t, (0, 1)).all() or not (t.sum(axis=1) == 1).all():
        return
    n, c = x.shape
    rows = np.arange(c) % n
    x, t = x[rows], t[rows]
    try:
        hot, index = subject.run(x=x, second=t), subject.run(x=x, second=t.argmax(axis=1))
    except (UserError, ValueError):
        return
    if close(np.ravel(hot.y), np.ravel(index.y), 1e-9) and not close(hot.dx[0], index.dx[0], 1e-6):
        yield exam.finding("labels", "assumes-one-hot", severity="hazard", method="backward", quantity="x")


def _one_sample(exam: Examination) -> Iterator[Finding]:
    """A sample without its batch axis: same loss, same gradient."""
    subject = exam.subject
    x, t = subject.x, subject.second
    if x.ndim != 2 or t.shape != x.shape or len(x) < 1 or x.shape[1] < 2:
        return
    try:
        batch, single = subject.run(x=x[:1], second=t[:1]), subject.run(x=x[0], second=t[0])
    except (UserError, ValueError):
        return
    if close(np.ravel(batch.y), np.ravel(single.y), 1e-9) and close(
        np.asarray(batch.dx[0])[0] / x.shape[1], single.dx[0], 1e-6
    ):
        yield exam.finding(
            "labels",
            "one-d-divides-by-classes",
            severity="note",
            method="backward",
            quantity="x",
            values={"ratio": 1 / x.shape[1]},
        )


# Construction -------------------------------------------------------------------------------------


def check_construction(exam: Examination) -> Iterator[Finding]:
    """A required array argument of __init__ that nothing depends on, in an object that has no parameters."""
    subject = exam.subject
    init = subject.kind.__dict__.get("__init__")
    if init is None or not inspect.isfunction(init) or subject.source is None:
        return
    node = subject.source.method(subject.name, "__init__")
    names = [n for n in required(init) if n != "self"]
    if node is None or not names:
        return
    used = {
        n.id for item in node.body for n in ast.walk(item) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }
    unused = [n for n in names if n not in used]
    if not unused or re.match(r"_|args|kwargs|seed|name", unused[0]):
        return
    if _depends_on(subject, names.index(unused[0])):
        return
    yield exam.finding(
        "construction",
        "init-takes-data",
        severity="hazard",
        method="__init__",
        quantity="init",
        values={"name": unused[0]},
    )


def _depends_on(subject: Subject, place: int) -> bool:
    """Tell whether another value of the argument gives another output: made twice, compared."""
    outputs = []
    for filler in (np.zeros((2, 2)), np.full((3, 1), 5.0)):
        try:
            names = [n for n in required(subject.kind.__init__) if n != "self"]
            if len(names) != 1 or place != 0:
                return False
            subject.world.restore()
            outputs.append(np.asarray(subject.forward(subject.kind(filler), clone(subject.x), clone(subject.second))))
        except Exception:
            return True
    return not close(outputs[0], outputs[1], 1e-12)
