"""A loss reads its labels the same way in both methods and does not broadcast them by accident."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from badak.check.contract.clause import Clause
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.numeric import close
from badak.check.subject import Subject, UserError, has_method
from badak.check.tolerances import REPEATED, ROW

Array = np.ndarray[Any, Any]


def check_labels(exam: Examination) -> Iterator[Finding]:
    """Try the other ways of giving the same labels, where forward reads them the same."""
    subject = exam.subject
    if not isinstance(subject.second, np.ndarray) or not isinstance(subject.x, np.ndarray):
        return
    yield from _broadcast(exam)
    yield from _indices(exam)
    yield from _one_sample(exam)


def _broadcast(exam: Examination) -> Iterator[Finding]:
    subject = exam.subject
    x, t = subject.x, subject.second
    yield from _compared(exam, x, t, lambda target: subject.forward(subject.fresh(), x.copy(), target))


def check_predictions(exam: Examination) -> Iterator[Finding]:
    """A network compares each prediction with its own target, not every one with all."""
    subject = exam.subject
    x, t = subject.x, subject.second
    y = np.asarray(subject.call(subject.predict_name, getattr(subject.fresh(), subject.predict_name), x.copy()))
    yield from _compared(exam, y, t, lambda target: subject.forward(subject.fresh(), x.copy(), target))


def _compared(exam: Examination, x: Array, t: Array, loss: Callable[[Array], Any]) -> Iterator[Finding]:
    """Compare the loss with that for targets in the shape of what they are targets of."""
    if x.shape == t.shape or x.size != t.size or x.size < 2 or t.dtype.kind not in "fiub":
        return
    same = loss(t.reshape(x.shape).copy())
    if close(np.ravel(same), np.ravel(exam.y), REPEATED):
        return
    yield exam.finding(
        "labels",
        "silent-broadcast",
        method=exam.forward_name(),
        quantity="forward",
        got=float(np.ravel(exam.y)[0]),
        expected=float(np.ravel(same)[0]),
        values={
            "shape_x": list(x.shape),
            "shape_t": list(t.shape),
            "shape": list(np.broadcast_shapes(x.shape, t.shape)),
        },
    )


def _predicts(subject: Subject) -> bool:
    arrays = isinstance(subject.x, np.ndarray) and isinstance(subject.second, np.ndarray)
    return subject.runs_forward_itself and subject.given and arrays and has_method(subject.obj, subject.predict_name)


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
    if close(np.ravel(hot.y), np.ravel(index.y), REPEATED) and not close(hot.dx[0], index.dx[0], ROW):
        yield exam.finding("labels", "assumes-one-hot", severity="hazard", method=exam.backward_name(), quantity="x")


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
    if close(np.ravel(batch.y), np.ravel(single.y), REPEATED) and close(
        np.asarray(batch.dx[0])[0] / x.shape[1], single.dx[0], ROW
    ):
        yield exam.finding(
            "labels",
            "one-d-divides-by-classes",
            severity="note",
            method=exam.backward_name(),
            quantity="x",
            values={"ratio": 1 / x.shape[1]},
        )


CLAUSES = [
    Clause("labels", check_labels, applies=lambda s: s.scalar and bool(s.input_names)),
    Clause("labels", check_predictions, applies=_predicts),
]
