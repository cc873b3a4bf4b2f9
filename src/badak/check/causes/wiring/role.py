"""What a network is, beside its gradients."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.causes.wiring.probability import double_softmax
from badak.check.causes.wiring.trace import Call, trace
from badak.check.compare import case_of, ties_only
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.subject import UserError, has_method, parameters_of
from badak.check.tolerances import EQUAL

Array = np.ndarray[Any, Any]
BATCH = re.compile(r"(?i)(mini_?)?batch_?(size|num)?|n_?batch|bs")
MANY = 1600  # rows: a multiple of the usual sizes of a batch
PATIENCE = 1.0  # seconds for the predictions of many rows


def check_network_role(exam: Examination) -> Iterator[Finding]:
    """Accuracy compares rows, weights differ from each other, softmax is applied once."""
    told = {f.label for f in exam.findings}
    yield from _accuracy(exam)
    if "zero-init-symmetry" not in told:
        yield from _symmetric(exam)
    if not told:
        try:
            calls, _, _ = trace(exam.subject)
        except UserError:
            return
        finding = double_softmax(exam, [], calls)
        if finding is not None:
            finding.check = "role"
            yield finding


def _accuracy(exam: Examination) -> Iterator[Finding]:
    """Accuracy against the network's own predictions is 1."""
    subject = exam.subject
    if not has_method(subject.obj, "accuracy") or not has_method(subject.obj, "predict") or np.ndim(subject.x) < 2:
        return
    try:
        y = np.asarray(subject.call("predict", subject.fresh().predict, clone(subject.x)))
        if y.ndim != 2 or y.shape[1] < 2:
            return
        value, y = _own_accuracy(exam, y.shape[1])
        if _is_all(value) or _whole_batches(exam):
            return
    except (UserError, ValueError, TypeError):
        return
    wrong_axis = float(np.mean(y.argmax(axis=0) == y.argmax(axis=1)))
    label = "argmax-wrong-axis" if abs(value - wrong_axis) < EQUAL else "unnamed"
    yield exam.finding(
        "role",
        label,
        method="accuracy",
        quantity="accuracy",
        got=value,
        expected=1.0,
        values={"accuracy": True},
    )


def _own_accuracy(exam: Examination, rows: int) -> tuple[float, Array]:
    """Give what accuracy says of the network's own predictions, and those: of as many rows as classes at first, where
    an argmax along the wrong axis has the right shape."""
    subject = exam.subject
    rng = np.random.default_rng(1)
    x = subject.x[np.arange(rows) % len(subject.x)] + 0.05 * rng.standard_normal((rows, *np.shape(subject.x)[1:]))
    y = np.zeros((0, 0))
    for attempt in range(4):
        if attempt:
            x = rng.standard_normal(x.shape) * attempt
        y = np.asarray(subject.call("predict", subject.fresh().predict, x.copy()))
        if y.shape[0] != y.shape[1] or not np.array_equal(y.argmax(axis=1), y.argmax(axis=0)):
            break
    labels = y.argmax(axis=1)
    answers = np.eye(y.shape[1])[labels] if np.ndim(subject.second) == 2 else labels
    accuracy = subject.fresh().accuracy
    size = next((p.name for p in parameters_of(accuracy) if BATCH.fullmatch(p.name)), None)
    value = subject.call("accuracy", accuracy, x.copy(), answers, **({size: rows} if size is not None else {}))
    return float(np.ravel(value)[0]), y


def _is_all(value: float) -> bool:
    return abs(value - 1) < EQUAL or abs(value - 100) < EQUAL


def _whole_batches(exam: Examination) -> bool:
    """Tell whether accuracy is right of many rows: one that goes through whole batches says 0 of a few."""
    subject = exam.subject
    started = time.process_time()
    subject.call("predict", subject.fresh().predict, clone(subject.x))
    one = (time.process_time() - started) / len(subject.x)
    node = subject.source.method(subject.name, "accuracy") if subject.source is not None else None
    written = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)} if node is not None else set()
    sizes = sorted(n for n in written if type(n) is int and 2 <= n <= MANY)
    for rows in [*sizes, MANY]:
        if rows * one > PATIENCE:
            return True  # too slow to try: nobody is accused
        try:
            if _is_all(_own_accuracy(exam, rows)[0]):
                return True
        except (UserError, ValueError, TypeError):
            continue
    return False


def unlike_each_other(exam: Examination, wrong: list[str], calls: list[Call]) -> Finding | None:
    """Hidden weights that are all 0 put every unit on the kink of its activation: no maximum is to blame."""
    subject = exam.subject
    matrices = [(p.name, np.asarray(subject.value(p.name), float)) for p in subject.parameters]
    matrices = [(name, m) for name, m in matrices if m.ndim >= 2]
    zero = [name for name, m in matrices[:-1] if not np.any(m)]
    cases = [_case(exam, quantity) for quantity in wrong]
    # On the kink backward passes nothing, and the units are dead; or what it passes is one of the two slopes.
    if not zero or not all(not np.any(case.a[0]) or ties_only(exam, case) for case in cases if case.a[0] is not None):
        return None
    values = {"name": zero[0], "value": 0.0}
    return exam.finding("gradients", "zero-init-symmetry", method="__init__", quantity="*", values=values)


def _case(exam: Examination, quantity: str) -> Case:
    return case_of(exam, quantity, [exam.gradient(p, quantity) for p in exam.passes])


def _symmetric(exam: Examination) -> Iterator[Finding]:
    """Hidden weights that are all alike stay alike for ever."""
    subject = exam.subject
    matrices = [(p.name, np.asarray(subject.value(p.name), float)) for p in subject.parameters]
    matrices = [(n, m) for n, m in matrices if m.ndim >= 2 and m.shape[-1] > 1]
    if len(matrices) < 2:
        return
    hidden = matrices[:-1]
    if all(np.ptp(m) == 0 for _, m in matrices) or (
        all(np.ptp(m) == 0 and not np.any(m) for _, m in hidden) and not np.any(matrices[-1][1])
    ):
        yield exam.finding(
            "role",
            "zero-init-symmetry",
            method="__init__",
            quantity="*",
            values={"name": hidden[0][0], "value": float(hidden[0][1].flat[0])},
        )
