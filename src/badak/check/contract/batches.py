"""What is kept belongs to the last batch, of whatever size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.causes.crash import backward_crash, forward_crash
from badak.check.causes.explain import explain
from badak.check.compare import agrees
from badak.check.contract.clause import Clause, Findings
from badak.check.contract.probes import bounded, has_random, is_array
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.numeric import close
from badak.check.subject import (
    Subject,
    UserError,
)
from badak.check.tolerances import REPEATED

Array = np.ndarray[Any, Any]


def check_second_batch(exam: Examination) -> Findings:
    """A second forward replaces what the first one saved: gradients belong to the last batch, of whatever
    size."""
    subject = exam.subject
    if not is_array(subject.x) or subject.x.dtype.kind != "f" or np.ndim(subject.x) < 1:
        return
    for other, target in _other_batches(subject):
        other_subject = subject.sibling(other, target)
        try:
            alone = other_subject.run(_dout_for(exam, other_subject))
        except (UserError, ValueError):
            continue
        obj = subject.fresh()
        try:
            subject.run(exam.douts[0], obj=obj)
            again = other_subject.run(_dout_for(exam, other_subject), obj=obj)
        except UserError as failure:
            yield exam.finding(
                "second-batch",
                "stale-cache",
                method=exam.forward_name(),
                line=None,
                values={"error": failure.words, "line": failure.line},
            )
            return
        for quantity in exam.quantities:
            a, b = exam.gradient(alone, quantity), exam.gradient(again, quantity)
            if a is None or b is None or close(a, b, REPEATED) or has_random(exam):
                continue
            if not np.any(np.asarray(a, float)) and not np.any(np.asarray(b, float)):
                continue
            if np.shape(a) == np.shape(b) and _accumulated(exam, quantity, a, b):
                yield exam.finding(
                    "second-batch",
                    "accumulates-instead-of-sets",
                    method=exam.backward_name(),
                    quantity=quantity,
                )
            else:
                yield exam.finding("second-batch", "stale-cache", method=exam.forward_name(), quantity=quantity)
            return


def _accumulated(exam: Examination, quantity: str, alone: Any, again: Any) -> bool:
    first = exam.gradient(exam.passes[0], quantity)
    return np.shape(first) == np.shape(alone) and close(
        np.asarray(alone, float) + np.asarray(first, float), again, REPEATED
    )


def _dout_for(exam: Examination, subject: Subject) -> Any:
    y = subject.forward(subject.fresh(), clone(subject.x), clone(subject.second))
    return subject.random_dout(y, np.random.default_rng(17), 0.2)


def _other_batches(subject: Subject) -> Iterator[tuple[Any, Any]]:
    x, second = subject.x, subject.second
    rows = slice(None, None, -1)
    aligned = isinstance(second, np.ndarray) and bool(np.ndim(second) and np.ndim(x)) and len(second) == len(x)
    moved = x[rows] * 0.7 + 0.11 if not bounded(x) else x[rows] * 0.9
    yield moved, clone(second)
    if np.ndim(x) >= 2 and len(x) > 2:
        yield moved[:-1], (second[:-1] if aligned else clone(second))


def check_batch_of_one(exam: Examination) -> Findings:
    """A batch of one works, and its gradients are right."""
    subject = exam.subject
    if (
        np.ndim(subject.x) < 2
        or not is_array(subject.x)
        or subject.x.dtype.kind != "f"
        or len(subject.x) < 2
        or _rows_coupled(exam)
    ):
        return
    second = subject.second
    aligned = is_array(second) and np.ndim(second) and len(second) == len(subject.x)
    single = subject.sibling(subject.x[:1].copy(), second[:1].copy() if aligned else second)
    other = Examination(single)
    try:
        other.y = np.asarray(single.forward(single.fresh(), single.x.copy(), clone(single.second)))
    except UserError:
        return
    try:
        other.douts = other.random_douts()
        other.passes = [single.run(d) for d in other.douts]
    except UserError as failure:
        finding = explain(exam, failure, "batch-of-one")
        finding.values["batch_of_one"] = True
        yield finding
        return
    for quantity in other.quantities:
        if quantity in exam.shape_faults:
            continue
        a = other.gradient(other.passes[0], quantity)
        if a is None:
            continue
        right = np.shape(single.value(quantity))
        if (np.shape(a) != right and np.size(a) != int(np.prod(right))) or not agrees(other, quantity):
            yield exam.finding(
                "batch-of-one",
                "unnamed",
                method=exam.backward_name(),
                quantity=quantity,
                got=list(np.shape(a)),
                expected=list(right),
                values={"batch_of_one": True},
            )
            return


def check_many_rows(exam: Examination) -> Findings:
    """What takes one number of rows takes any, where one small change makes it run, and run right.

    A product that broadcasts (x.T * dout), a function of numbers (math.exp): on one row (on one number) they do what
    they should, so that the input that was found to fit is such a one.
    """
    subject = exam.subject
    widths = [np.shape(subject.x)[1]] if np.ndim(subject.x) == 2 and np.size(subject.x) > 1 else [7]
    widths += [np.shape(v)[0] for p in subject.parameters if np.ndim(v := subject.value(p.name)) == 2]
    for columns in dict.fromkeys(widths):
        found = list(_many_rows(exam, np.random.default_rng(1).standard_normal((5, columns))))
        if found:
            yield from found
            return


def _many_rows(exam: Examination, batch: Array) -> Findings:
    many = Examination(exam.subject.sibling(batch), lambda _, finding: exam.place(finding), exam.examine_part)
    obj = many.subject.fresh()
    try:
        many.y = np.asarray(many.subject.forward(obj, batch.copy()))
    except UserError as failure:
        finding = forward_crash(many, failure)
        if finding.label != "unnamed":
            yield finding
        return
    try:
        many.subject.backward(obj, many.subject.default_dout(many.y), batch.copy())
    except UserError as failure:
        findings = list(backward_crash(many, obj, failure))
        if findings[0].label != "unnamed":
            yield from findings


def _takes_one_count(subject: Subject) -> bool:
    """Tell whether one number of rows alone is taken."""
    x = subject.x
    if (
        not (subject.unary and subject.any_batch)
        or subject.given
        or not is_array(x)
        or x.dtype.kind != "f"
        or x.ndim > 2
    ):
        return False
    if np.shape(x)[:1] in ((1,), ()):
        return True
    try:
        subject.forward(subject.fresh(), x[:-1].copy())
    except UserError:
        return True  # as many rows as a parameter has, and no others
    return False


def _rows_coupled(exam: Examination) -> bool:
    """Tell whether one row's output depends on the others: batch statistics."""
    subject = exam.subject
    if subject.scalar:
        return False
    y = np.asarray(exam.y, float)
    if np.ndim(y) < 1 or np.shape(y)[:1] != np.shape(subject.x)[:1]:
        return True
    moved = subject.x.copy()
    moved[0] = moved[0] * 1.3 + 0.2
    try:
        other = np.asarray(subject.forward(subject.fresh(), moved, clone(subject.second)), float)
    except UserError:
        return True
    return not close(other[1:], y[1:], REPEATED)


SECOND = [Clause("second-batch", check_second_batch, applies=lambda s: not s.updates_inside and s.any_batch)]
MANY = [Clause("many-rows", check_many_rows, applies=_takes_one_count, stops=True)]
ONE = [
    Clause("batch-of-one", check_batch_of_one, applies=lambda s: s.input_names == ("x",) and s.any_batch, measures=True)
]
