"""Faults of a layer inside: each is examined by itself, and its dout is guarded."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from badak.check.causes.wiring.trace import Call, fits, inner_layers, layer_named, trace
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding, Report
from badak.check.numeric import close
from badak.check.subject import Subject, UserError, wrap


def examine_inner(exam: Examination, layer: Any, sample: list[Any]) -> Report | None:
    """Examine a layer inside by the contract, on what it was called with; None where that cannot be done."""
    if (
        exam.examine_part is None
        or layer is None
        or not sample
        or any(not isinstance(s, np.ndarray) for s in sample[:2])
    ):
        return None
    # A large batch of a large layer is as telling with fewer rows.
    sample = [s[:5].copy() if np.ndim(s) and len(s) > 5 else s.copy() for s in sample[:2]]
    subject = exam.subject
    inner = wrap(
        clone(layer),
        sample[0],
        sample[1] if len(sample) > 1 else None,
        namespace=subject.namespace,
        source=subject.source,
        name=type(layer).__name__,
        expired=subject.expired,
    )
    only = [
        "methods",
        "runs",
        "returns",
        "shapes",
        "mutation",
        "repeat",
        "gradients",
        "second-batch",
        "after-update",
        "two-instances",
    ]
    return exam.examine_part(inner, only)


def adopt(subject: Subject, name: str, finding: Finding) -> Finding:
    """Take over an inner layer's finding, saying which layer it is about."""
    finding.values = finding.values | {"layer": name}
    finding.check = "gradients"
    return finding


def inner_fault(exam: Examination, wrong: list[str], calls: list[Call]) -> Finding | None:
    """Examine the inner layers by themselves, from the loss backwards; the first wrong one is the culprit."""
    subject = exam.subject
    done: set[type] = set()
    for call in reversed([c for c in calls if c.method == "forward"]):
        layer = layer_named(subject, call.name)
        # What stands for the object (a step of a recurrent cell) holds the object itself: no part of it.
        if layer is None or type(layer) in done or type(layer).__name__ == subject.name:
            continue
        done.add(type(layer))
        report = examine_inner(exam, layer, call.copies)
        if report is None:
            continue
        errors = [f for f in report.findings if f.severity == "error"]
        if errors:
            return adopt(subject, call.name, errors[0])
    return None


def guarded(exam: Examination, wrong: list[str], calls: list[Call]) -> Finding | None:
    """Does a copy of dout for every inner backward repair it? Then someone wrote into a shared dout."""
    subject = exam.subject
    if not wrong or not calls:
        return None
    _, _, grads = trace(subject, guard=True)
    if all(fits(subject, grads.get(q), q) for q in wrong):
        line = None
        for call in calls:
            if (
                call.method == "backward"
                and call.copies
                and isinstance(call.copies[0], np.ndarray)
                and not close(call.copies[0], call.after[0], 0)
            ):
                line = _inner_write(subject, call)
                break
        return exam.finding("gradients", "shared-dout-mutated", method="backward", quantity=wrong[0], line=line)
    return None


def _inner_write(subject: Subject, call: Call) -> int | None:
    """The line of the inner layer's backward that writes into dout."""
    if subject.source is None:
        return None
    node = subject.source.method(type(call.layer).__name__, "backward")
    for item in ast.walk(node) if node is not None else []:
        if isinstance(item, (ast.Assign, ast.AugAssign)):
            target = item.targets[0] if isinstance(item, ast.Assign) else item.target
            if isinstance(target, ast.Subscript) or isinstance(item, ast.AugAssign):
                return item.lineno
    return node.lineno if node is not None else None


def check_composite(exam: Examination, wrong: list[str]) -> Finding | None:
    """A layer made of layers whose gradient is wrong: a shared dout, or a fault of an inner layer."""
    subject = exam.subject
    if not subject.composite or not inner_layers(subject.obj):
        return None
    try:
        calls, _, _ = trace(subject)
        _, _, guarded = trace(subject, guard=True)
    except UserError:
        return None
    dout = np.random.default_rng(7).standard_normal(np.shape(exam.y)) + 0.3
    if not subject.scalar and all(
        guarded.get(q) is not None and close(guarded[q], subject.slopes(q).along(dout)[0]) for q in wrong
    ):
        return exam.finding(
            "gradients",
            "shared-dout-mutated",
            method="backward",
            quantity=wrong[0],
            line=next(
                (
                    _inner_write(subject, c)
                    for c in calls
                    if c.method == "backward" and not close(c.copies[0], c.after[0], 0)
                ),
                None,
            ),
        )
    return inner_fault(exam, wrong, calls)
