"""The object offers its methods, under their names and with self."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from badak.check.causes.explain import closest
from badak.check.contract.clause import Clause, Findings
from badak.check.exam import Examination
from badak.check.source import is_upstream
from badak.check.subject import (
    has_method,
    required,
)

Array = np.ndarray[Any, Any]


def check_methods(exam: Examination) -> Findings:
    """The object offers the methods of its protocol, under their names and with self."""
    subject = exam.subject
    names = subject.method_names
    public = [n for n in dir(subject.asked) if not n.startswith("__") and has_method(subject.asked, n)]
    for name in names:
        if not has_method(subject.asked, name):
            near = closest(
                name,
                [
                    n
                    for n in public
                    if n
                    not in (
                        "forward",
                        "backward",
                        "loss",
                        "gradient",
                        "numerical_gradient",
                        *([n] * (n in names)),
                    )
                ],
            )
            label = "misspelled-method" if near else "missing-method"
            yield exam.finding(
                "methods",
                label,
                method=name,
                quantity=name,
                values={"name": name, "near": near, "owner": subject.name},
            )
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
    if not subject.scalar:
        wanted_names = required(subject.asked.backward)
        if len(wanted_names) >= 2 and not any(is_upstream(n) for n in wanted_names):
            values = {"arguments": ", ".join(wanted_names)}
            yield exam.finding("methods", "nonstandard-backward-signature", method=exam.backward_name(), values=values)


CLAUSES = [Clause("methods", check_methods, first=True, stops=True)]
