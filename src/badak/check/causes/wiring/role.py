"""What a network is, beside its gradients."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from badak.check.case import Case
from badak.check.causes.wiring.probability import double_softmax
from badak.check.causes.wiring.trace import Call, trace
from badak.check.compare import case_of, ties_only
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.subject import UserError, has_method, parameters_of

BATCH_SIZES = ("batch_size", "batchsize", "batch", "size")  # accuracy(x, t, batch_size=100)


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
        rng = np.random.default_rng(1)
        x = subject.x[np.arange(y.shape[1]) % len(subject.x)] + 0.05 * rng.standard_normal(
            (y.shape[1], *np.shape(subject.x)[1:])
        )
        for attempt in range(4):
            if attempt:
                x = rng.standard_normal(x.shape) * attempt
            y = np.asarray(subject.call("predict", subject.fresh().predict, x.copy()))
            if not np.array_equal(y.argmax(axis=1), y.argmax(axis=0)):
                break
        labels = y.argmax(axis=1)
        one_hot = np.ndim(subject.second) == 2
        obj = subject.fresh()
        # In batches of 100, as the book does it, fewer samples than that are none.
        given = {p.name: len(x) for p in parameters_of(obj.accuracy) if p.name in BATCH_SIZES}
        value = subject.call(
            "accuracy", obj.accuracy, x.copy(), np.eye(y.shape[1])[labels] if one_hot else labels, **given
        )
        value = float(np.ravel(value)[0])
    except (UserError, ValueError, TypeError):
        return
    if abs(value - 1) < 1e-9 or abs(value - 100) < 1e-6:
        return
    wrong_axis = float(np.mean(y.argmax(axis=0) == labels))
    label = "argmax-wrong-axis" if abs(value - wrong_axis) < 1e-9 else "unnamed"
    yield exam.finding(
        "role",
        label,
        method="accuracy",
        quantity="accuracy",
        got=value,
        expected=1.0,
        values={"accuracy": True},
    )


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
