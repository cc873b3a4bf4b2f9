"""A network that raises: which of its connections is to blame?"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from badak.check.causes.explain import explain
from badak.check.causes.wiring.connections import shared_names
from badak.check.causes.wiring.order import dropped_line, drops_dout, loop_line, not_reversed
from badak.check.causes.wiring.parts import adopt, examine_inner
from badak.check.causes.wiring.trace import Call, inner_layers, layer_named, record
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.source import first_line
from badak.check.subject import Subject, UserError

Failure = Callable[[Examination, UserError, list[Call]], Finding | None]


def explain_failure(exam: Examination, failure: UserError) -> Finding | None:
    """Name the cause of what loss or gradient raised; None where the exception itself says most."""
    subject = exam.subject
    obj = subject.fresh()
    calls: list[Call] = []
    record(obj, calls)
    with contextlib.suppress(UserError):
        if failure.method == subject.forward_name:
            subject.forward(obj, clone(subject.x), clone(subject.second))
        else:
            subject.run(obj=obj)
    for test in ORDER:
        finding = test(exam, failure, calls)
        if finding is not None:
            return finding
    return None if calls else explain(exam, failure, "runs")


def _told(exam: Examination, failure: UserError, label: str, line: int | None, **values: str) -> Finding:
    words = {"error": failure.words.splitlines()[0]}
    return exam.finding("runs", label, method=failure.method, quantity="*", values=words | values, line=line)


def _no_forward(exam: Examination, failure: UserError, calls: list[Call]) -> Finding | None:
    """Gradient calls backward alone; after a forward of its own it runs."""
    subject = exam.subject
    if not calls or any(c.method == "forward" for c in calls) or failure.method != subject.backward_name:
        return None
    obj = subject.fresh()
    try:
        subject.forward(obj, clone(subject.x), clone(subject.second))
        subject.run(obj=obj)
    except UserError:
        return None
    node = subject.source.method(subject.name, subject.backward_name) if subject.source else None
    line = first_line(node) if node is not None else None
    return _told(exam, failure, "gradient-without-forward", line, forward=subject.forward_name)


def _order(exam: Examination, failure: UserError, calls: list[Call]) -> Finding | None:
    if not not_reversed(calls) or not isinstance(failure.error, (ValueError, IndexError, TypeError)):
        return None
    return _told(exam, failure, "backward-order", loop_line(exam.subject)) if _runs_reversed(exam.subject) else None


def _runs_reversed(subject: Subject) -> bool:
    """Tell whether the layers take each other's dout when they are gone through from the last to the first."""
    obj = subject.fresh()
    calls: list[Call] = []
    record(obj, calls)
    try:
        subject.forward(obj, clone(subject.x), clone(subject.second))
        layers = dict(inner_layers(obj))
        order = list(dict.fromkeys(c.name for c in calls if c.method == "forward"))
        dout = 1
        for name in reversed(order):
            dout = layers[name].backward(dout)
    except Exception:
        return False
    return True


def _dropped(exam: Examination, failure: UserError, calls: list[Call]) -> Finding | None:
    if not drops_dout(calls) or not _runs_reversed(exam.subject):
        return None
    return _told(exam, failure, "dout-not-passed-on", dropped_line(exam.subject))


def _shared(exam: Examination, failure: UserError, calls: list[Call]) -> Finding | None:
    """The layer that raised stands at several places."""
    shared = shared_names(exam.subject)
    if not shared or not calls or calls[-1].result is not None:
        return None
    if layer_named(exam.subject, calls[-1].name) is not layer_named(exam.subject, shared[0]):
        return None
    values = {"names": ", ".join(shared), "error": failure.words.splitlines()[0]}
    return exam.finding("runs", "shared-layer-instance", method="__init__", quantity="*", values=values)


def _inner(exam: Examination, failure: UserError, calls: list[Call]) -> Finding | None:
    """An inner layer that fails by itself has the cause."""
    if not calls or calls[-1].result is not None:
        return None
    culprit = next((c for c in calls if c.layer is calls[-1].layer and c.method == "forward"), None)
    sample = culprit.copies if culprit else []
    report = examine_inner(exam, layer_named(exam.subject, calls[-1].name), sample)
    if report is not None and report.findings and report.findings[0].severity == "error":
        return adopt(exam.subject, calls[-1].name, report.findings[0])
    return None


ORDER: tuple[Failure, ...] = (_no_forward, _order, _dropped, _shared, _inner)
