"""The object offers its methods, under their names and with self."""

from __future__ import annotations

import inspect
import re
from typing import Any

import numpy as np

from badak.check.causes.explain import closest
from badak.check.contract.clause import Clause, Findings
from badak.check.exam import CouldNotCheck, Examination
from badak.check.findings import Finding
from badak.check.source import is_upstream
from badak.check.subject import (
    attributes_of,
    has_method,
    parameters_of,
    pieces,
    required,
)

INPUT = re.compile(r"(?i)^(x|inputs?|data)$")
# What stands beside the gradient that comes from above in a stateless backward.
BESIDE = re.compile(
    r"(?i)^(x\w*|inputs?|data|y\w*|z\w*|a|h|out\w*|caches?|cached\w*|params?|t|targets?|labels?|ctx|w\w*|b|bias|mask|prev\w*)$"
)
Array = np.ndarray[Any, Any]


def check_methods(exam: Examination) -> Findings:
    """The object offers the methods of its protocol, under their names and with self."""
    subject = exam.subject
    names = subject.method_names
    absent = [name for name in names if not has_method(subject.asked, name)]
    if absent:
        yield _absent(exam, absent[0])
        return
    for name in names:
        function = getattr(subject.kind, name, None)
        if not inspect.isfunction(function) or name not in vars(subject.kind):
            continue
        written = list(inspect.signature(function).parameters.values())
        positional = [p for p in written if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if any(p.kind is p.VAR_POSITIONAL for p in written):
            continue
        first = positional[0].name if positional else ""
        wanted = 3 if subject.runs_forward_itself else 2 if name == subject.forward_name else 1
        if first not in ("self", "this", "me", "s", "_", "cls") and (
            len(positional) < wanted or is_upstream(first) or first in ("x", "X")
        ):
            yield exam.finding("methods", "missing-self", method=name, values={"name": name, "arguments": first})
            return
    if names and not subject.scalar and not subject.knows_arguments:
        yield from _signature(exam)


def _absent(exam: Examination, name: str) -> Finding:
    """A method is missing: a slip of the keys, or a network without the method that its training loop calls.

    A class of which only one half stands may be anything: nobody is accused.
    """
    subject = exam.subject
    known = {"forward", "backward", "loss", "gradient", "numerical_gradient", *subject.method_names}
    public = [n for n in dir(subject.asked) if not n.startswith("__") and has_method(subject.asked, n)]
    near = closest(name, [n for n in public if n not in known])
    # feedforward is no misspelled forward.
    near = near if near is not None and abs(len(near) - len(name)) <= 2 else None
    values = {"name": name, "near": near, "owner": subject.name}
    if near is not None:
        return exam.finding("methods", "misspelled-method", method=name, quantity=name, values=values)
    # Chapter 4's networks have no gradient of their own; made of layers with a backward, a network has one.
    if subject.runs_forward_itself and _holds_layers(subject.obj):
        return exam.finding("methods", "missing-method", method=name, quantity=name, values=values)
    raise CouldNotCheck(
        "{owner} has no method {name}, so that there is no gradient to compare with forward. "
        "Write def {name}(self, …), and run the check again.",
        owner=subject.name,
        name=name,
    )


def _holds_layers(obj: Any) -> bool:
    children = [getattr(obj, name, None) for name in attributes_of(obj)]
    return any(has_method(piece, "backward") for child in children for _, piece, _ in pieces(child, child))


def _signature(exam: Examination) -> Findings:
    """Backward takes the gradient that comes from above."""
    subject = exam.subject
    wanted = required(getattr(subject.asked, subject.backward_name))
    if len(wanted) < 2:
        return
    known = {p.name for p in parameters_of(getattr(subject.asked, subject.forward_name))}
    others = [n for n in wanted if not is_upstream(n)]
    strange = [n for n in others if n not in known and not BESIDE.match(n)]
    upstream = len(others) < len(wanted)
    if upstream and not strange:
        return
    if upstream or not INPUT.match(wanted[0]) or len(wanted) > 2:
        raise CouldNotCheck(
            "{method} wants ({arguments}), and I don't know what to hand in. "
            "Name the gradient that comes from above dout, and run the check again.",
            method=subject.backward_name,
            arguments=", ".join(wanted),
        )
    values = {"arguments": ", ".join(wanted)}
    yield exam.finding("methods", "nonstandard-backward-signature", method=exam.backward_name(), values=values)


CLAUSES = [Clause("methods", check_methods, first=True, stops=True)]
