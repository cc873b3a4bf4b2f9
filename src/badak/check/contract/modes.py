"""Training and evaluation: dropout and batch normalisation, recognised by what they do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.causes.normalization import holds_deviation
from badak.check.contract.clause import Clause
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.numeric import close
from badak.check.subject import Subject, UserError, attributes_of
from badak.check.tolerances import EQUAL, EXPECTED, KEPT, NOTHING, REPEATED, SHARE

Array = np.ndarray[Any, Any]


def check_evaluation(exam: Examination) -> Iterator[Finding]:
    """Predicting changes nothing, treats each row alone, and agrees with training on average."""
    subject = exam.subject
    if "x" not in exam.inputs or np.ndim(subject.x) < 2:
        return
    running = list(_running_statistics(exam))
    yield from running
    if any(finding.label == "updates-running-stats-in-eval" for finding in running):
        return  # evaluating moves what the next evaluation uses: no two of them can agree
    alone = list(_rows_alone(exam))
    yield from alone
    if alone:
        yield from _kept_for_dropped(exam)
    elif not running:
        yield from _expectation(exam)


def _evaluate(subject: Subject, obj: Any, x: Array) -> Array:
    return np.asarray(subject.forward_mode(obj, x, False), float)


def _warmed(subject: Subject) -> Any:
    """Give a copy that has seen a training batch, so that running statistics exist."""
    obj = subject.fresh()
    subject.forward_mode(obj, subject.x, True)
    return obj


def _running_statistics(exam: Examination) -> Iterator[Finding]:
    """Evaluating changes nothing; training moves the running statistics a little."""
    subject = exam.subject
    obj = _warmed(subject)
    first = _evaluate(subject, _resumed(subject, obj), subject.x)
    same = close(first, _evaluate(subject, _resumed(subject, obj), subject.x), EQUAL)
    other = subject.x[::-1] * 1.7 + 0.9
    held = _statistics(obj)
    later = _resumed(subject, obj)
    _evaluate(subject, later, other)
    moved = [n for n, v in _statistics(later).items() if n in held and not close(v, held[n], EQUAL)]
    again = _evaluate(subject, later, subject.x)
    # The arrays that moved put back: does the first answer come back too? (A generator's state would not.)
    back = close(first, _evaluate(subject, _frozen(later, {n: held[n] for n in moved}), subject.x), EQUAL)
    if same and back and not close(first, again, EQUAL) and moved:
        moved.sort(key=lambda n: np.shape(held[n]) == np.shape(subject.x))
        yield exam.finding(
            "evaluation",
            "updates-running-stats-in-eval",
            method=exam.forward_name(),
            quantity="forward",
            values={"name": moved[0]},
        )
        return
    yield from _momentum(exam)


def _frozen(obj: Any, held: dict[str, Array]) -> Any:
    for name, value in held.items():
        try:
            setattr(obj, name, value.copy())
        except AttributeError:
            continue
    return obj


def _resumed(subject: Subject, obj: Any) -> Any:
    subject.world.restore()
    return clone(obj)


def _statistics(obj: Any) -> dict[str, Array]:
    """Give the arrays of an object that are not caches of the batch: running averages among them."""
    found = {n: getattr(obj, n, None) for n in attributes_of(obj)}
    return {n: np.array(v, float) for n, v in found.items() if isinstance(v, np.ndarray) and v.dtype.kind == "f"}


def _momentum(exam: Examination) -> Iterator[Finding]:
    subject = exam.subject
    obj = _warmed(subject)
    before = _statistics(obj)
    other = subject.x * 1.3 + 2.0
    subject.forward_mode(obj, other, True)
    axes = [(0,)] + ([(0, 2, 3)] if other.ndim == 4 else [])
    numbers = {n: getattr(obj, n, None) for n in attributes_of(obj)}
    rates = {
        n: v
        for n, v in numbers.items()
        if isinstance(v, float) and 0.5 < v < 1 and ("mom" in n.lower() or "decay" in n.lower() or "rho" in n.lower())
    }
    for name, after in _statistics(obj).items():
        if name not in before or before[name].shape != after.shape:
            continue
        for axis in axes:
            mean = other.mean(axis=axis)
            if np.size(mean) != after.size:
                continue
            if any(holds_deviation(before[name], after, other, axis, rate) for rate in rates.values()):
                yield exam.finding(
                    "evaluation",
                    "running-variance-holds-deviation",
                    method=exam.forward_name(),
                    quantity=name,
                    values={"name": name},
                )
                continue
            target = np.reshape(mean, after.shape)
            gap = target - before[name]
            if np.abs(gap).min() < NOTHING:
                continue
            share = (after - before[name]) / gap
            if np.ptp(share) > SHARE or not SHARE < share.flat[0] < 1 - SHARE:
                continue
            for rate_name, rate in rates.items():
                if abs(share.flat[0] - rate) < SHARE:
                    values = {
                        "name": name,
                        "momentum": rate,
                        "rate": rate_name,
                        "share": float(share.flat[0]),
                    }
                    yield exam.finding(
                        "evaluation", "momentum-swapped", method=exam.forward_name(), quantity=name, values=values
                    )
                    return


def _rows_alone(exam: Examination) -> Iterator[Finding]:
    """In evaluation two calls agree, and a row has the same answer alone and in a batch."""
    subject = exam.subject
    if _answers_move(subject):
        yield exam.finding(
            "evaluation",
            "train-flag-ignored",
            method=exam.forward_name(),
            quantity="forward",
            values={"flag": subject.flag and subject.flag[1]},
        )


def _answers_move(subject: Subject) -> bool:
    one, two = (_evaluate(subject, clone(_warmed(subject)), subject.x) for _ in range(2))
    obj = _warmed(subject)
    twice = [_evaluate(subject, obj, subject.x), _evaluate(subject, obj, subject.x)]
    if not close(twice[0], twice[1], REPEATED) or not close(one, two, REPEATED):
        return True
    moved = subject.x.copy()
    moved[1:] = moved[1:] * 1.7 + 0.9
    alone = _evaluate(subject, _warmed(subject), moved)
    return np.shape(alone) == np.shape(one) and not close(alone[:1], one[:1], REPEATED)


def _expectation(exam: Examination) -> Iterator[Finding]:
    """Dropout: the output expected in training is the output of evaluation."""
    subject = exam.subject
    many = np.ones((400, *np.shape(subject.x)[1:]))
    fixed = subject.fresh()
    rates = [n for n in attributes_of(fixed) if isinstance(getattr(fixed, n, None), float) and getattr(fixed, n) == 0.5]
    for value in [None, 0.3] if rates else [None]:
        measured = _kept(subject, many, rates[0] if value else None, value)
        if measured is None:
            return
        share, scale, test = measured
        if abs(share * scale - test) < EXPECTED * max(test, NOTHING):
            continue
        values = {"train": share * scale, "test": test}
        if abs(share * scale - 1) < EXPECTED and abs(test - share) < KEPT:
            yield exam.finding(
                "evaluation", "dropout-scaled-twice", method=exam.forward_name(), quantity="forward", values=values
            )
        elif abs(scale - 1) < REPEATED and abs(test - 1) < REPEATED:
            yield exam.finding(
                "evaluation", "missing-test-scale", method=exam.forward_name(), quantity="forward", values=values
            )
        elif abs(scale * (1 - share) - 1) < EXPECTED or (abs(scale - 1) < REPEATED and abs(test - (1 - share)) < KEPT):
            yield exam.finding(
                "evaluation", "keep-drop-confusion", method=exam.forward_name(), quantity="forward", values=values
            )
        else:
            yield exam.finding(
                "evaluation",
                "unnamed",
                method=exam.forward_name(),
                quantity="forward",
                values=values | {"expectation": True},
            )
        return


def _kept_for_dropped(exam: Examination) -> Iterator[Finding]:
    """Dropout that ignores its flag: training alone tells whether the ratio is taken for the share to keep."""
    subject = exam.subject
    trained = np.asarray(subject.forward_mode(subject.fresh(), np.ones((400, *np.shape(subject.x)[1:])), True), float)
    alive = trained[trained != 0]
    if alive.size in (0, trained.size) or np.ptp(alive) > REPEATED:
        return
    share, scale = alive.size / trained.size, float(alive.flat[0])
    if abs(scale * (1 - share) - 1) < EXPECTED and abs(share - 0.5) > EXPECTED:
        values = {"train": share * scale, "test": share * scale}
        yield exam.finding(
            "evaluation", "keep-drop-confusion", method=exam.forward_name(), quantity="forward", values=values
        )


def _kept(subject: Subject, many: Array, name: str | None, value: float | None) -> tuple[float, float, float] | None:
    """Give the share of units kept, their factor, and the factor at test time; None where it is no
    dropout."""
    try:
        obj = subject.fresh()
        if name is not None:
            setattr(obj, name, value)
        trained = np.asarray(subject.forward_mode(obj, many, True), float)
        tested = _evaluate(subject, obj, many)
    except (UserError, AttributeError):
        return None
    if trained.shape != many.shape or tested.shape != many.shape or not np.any(trained == 0):
        return None
    alive = trained[trained != 0]
    if alive.size == 0 or np.ptp(alive) > REPEATED or np.ptp(tested) > REPEATED:
        return None
    return float(np.mean(trained != 0)), float(alive[0]), float(tested.flat[0])


CLAUSES = [Clause("evaluation", check_evaluation, applies=lambda s: s.flag is not None and s.unary)]
