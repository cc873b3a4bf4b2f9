# ruff: noqa: SIM105
"""In which order the layers are gone through."""

from __future__ import annotations

import ast
from typing import Any

from badak.check.causes.explain import explain
from badak.check.causes.wiring.parts import adopt, examine_inner
from badak.check.causes.wiring.trace import Call, inner_layers, layer_named, record
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.source import called_name, find_line
from badak.check.subject import Subject, UserError


def _not_reversed(calls: list[Call]) -> bool:
    forward = [id(c.layer) for c in calls if c.method == "forward"]
    backward = [id(c.layer) for c in calls if c.method == "backward"]
    unique = list(dict.fromkeys(forward))
    order = [unique.index(b) for b in backward if b in unique]
    inner = [o for o in order if o != len(unique) - 1]
    return len(inner) >= 2 and inner[0] < inner[1] and len(set(forward)) == len(forward)


def _loop_line(subject: Subject) -> int | None:
    if subject.source is None:
        return None
    functions = subject.source.reached(subject.name, "gradient")
    return find_line(
        functions,
        lambda n: (
            isinstance(n, ast.For)
            and any(isinstance(m, ast.Call) and called_name(m) == "backward" for m in ast.walk(n))
        ),
    )


def wrong_order(exam: Examination, wrong: list[str], calls: list[Call]) -> Finding | None:
    """The layers are gone through as in forward, and run the other way round."""
    if not _not_reversed(calls):
        return None
    subject = exam.subject
    obj = subject.fresh()
    subject.forward(obj, clone(subject.x), clone(subject.second))
    layers = dict(inner_layers(obj))
    order = list(dict.fromkeys(c.name for c in calls if c.method == "forward"))
    dout: Any = 1
    try:
        for name in reversed(order):
            dout = layers[name].backward(dout)
    except Exception:
        return None
    return exam.finding("gradients", "backward-order", method="gradient", quantity="*", line=_loop_line(subject))


def explain_failure(exam: Examination, failure: UserError) -> Finding | None:
    """A network whose gradient raises: is it the order of the layers?"""
    subject = exam.subject
    obj = subject.fresh()
    calls: list[Call] = []
    record(obj, calls)
    try:
        subject.run(obj=obj)
    except UserError:
        pass
    if _not_reversed(calls) and isinstance(failure.error, (ValueError, IndexError, TypeError)):
        return exam.finding(
            "runs",
            "backward-order",
            method="gradient",
            quantity="*",
            values={"error": failure.words.splitlines()[0]},
            line=_loop_line(subject),
        )
    # An inner layer that fails by itself has the cause.
    inner = calls[-1].layer if calls else None
    if inner is not None and calls[-1].result is None:
        culprit = next((c for c in calls if c.layer is inner and c.method == "forward"), None)
        sample = culprit.copies if culprit else []
        report = examine_inner(exam, layer_named(subject, calls[-1].name), sample)
        if report is not None and report.findings and report.findings[0].severity == "error":
            return adopt(subject, calls[-1].name, report.findings[0])
    return None if calls else explain(exam, failure, "runs")
