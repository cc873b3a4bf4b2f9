"""Where the slip is: line rules that several causes share.

Two kinds of evidence: what the running code did (the line that writes into a read-only array), and what the
syntax tree says (the line that assigns self.dW).
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np

from badak.check.copying import clone, walk
from badak.check.findings import Finding
from badak.check.source import (
    assignments,
    attribute_lines,
    called_name,
    find_line,
    first_line,
    has_keyword_axis,
    is_self,
    names_quantity,
)
from badak.check.subject import Subject, UserError

Rule = Callable[[Subject, Finding], int | None]


def def_line(subject: Subject, finding: Finding) -> int | None:
    """Give the line of `def`; of the class where it has no such method."""
    assert subject.source is not None
    node = subject.source.method(subject.name, finding.method or "")
    return node.lineno if node is not None else class_line(subject, finding)


def class_line(subject: Subject, finding: Finding) -> int | None:
    """Give the last line of the class: a method is added at the end."""
    assert subject.source is not None
    node = subject.source.class_node(subject.name)
    # A method is added at the end.
    return node.end_lineno if node is not None else None


def last_line(subject: Subject, finding: Finding) -> int | None:
    """Give the last line of the method."""
    assert subject.source is not None
    node = subject.source.method(subject.name, finding.method or "")
    return node.end_lineno if node is not None else None


def first_forward_line(subject: Subject, finding: Finding) -> int | None:
    """Give the first line of forward's body."""
    assert subject.source is not None
    node = subject.source.method(subject.name, "forward")
    return first_line(node) if node is not None else None


def names_read(subject: Subject, method: str) -> list[str]:
    """Give the attributes of self that a method (and what it calls) reads."""
    if subject.source is None:
        return []
    found = []
    for _, function in subject.source.reached(subject.name, method):
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and is_self(node.value) and isinstance(node.ctx, ast.Load):
                found.append(node.attr)
    return list(dict.fromkeys(found))


def cache_store(subject: Subject, finding: Finding) -> int | None:
    """Give the line of forward that keeps the value under the other name."""
    assert subject.source is not None
    near = finding.values.get("near")
    node = subject.source.method(subject.name, "forward")
    if node is None:
        return None
    lines = attribute_lines(node, str(near)) if near else []
    return lines[0] if lines else first_line(node)


def local_gradient(subject: Subject, finding: Finding) -> int | None:
    """Give the line that assigns to the gradient's name, or the method's last."""
    assert subject.source is not None
    node = subject.source.method(subject.name, finding.method or "backward")
    if node is None:
        return None
    lines = [s.lineno for s, t in assignments(node) if names_quantity(t, (finding.quantity or "").split(".")[-1])]
    return lines[-1] if lines else node.end_lineno


def written_line(subject: Subject, method: str, which: str) -> int | None:
    """Run once with a read-only array ('x', 't', 'dout', 'cache', 'params'); the line that writes into it
    raises."""
    obj = subject.fresh()
    x, second = clone(subject.x), clone(subject.second)
    if which == "x":
        _freeze(x)
    elif which == "second":
        _freeze(second)
    try:
        if method == subject.forward_name:
            if which == "params":
                _freeze_all(obj)
            subject.forward(obj, x, second)
            return None
        if subject.runs_forward_itself:
            if which == "params":
                _freeze_all(obj)
            subject.backward(obj, None, x, second)
            return None
        y = subject.forward(obj, x, second)
        dout = subject.default_dout(y)
        if which == "dout":
            _freeze(dout)
        elif which in ("params", "cache"):
            _freeze_all(obj)
        subject.backward(obj, dout, x, second)
    except UserError as failure:
        if "read-only" in str(failure.error) or "read only" in str(failure.error):
            return failure.line
    return None


def _freeze(value: Any) -> None:
    if isinstance(value, np.ndarray):
        value.flags.writeable = False


def _freeze_all(obj: Any) -> None:
    walk(obj, _freeze)


def writes(which: str, method: str | None = None) -> Rule:
    """Make the rule: the line that writes into x, the second input, dout, a cache or a parameter."""

    def rule(subject: Subject, finding: Finding) -> int | None:
        kind = which if which != "x" or finding.quantity != "y" else "second"
        return written_line(subject, method or finding.method or "forward", kind)

    return rule


def calls(method: str, wanted: Callable[[ast.AST], bool]) -> Rule:
    """Make the rule: the first line that `method`, and what it calls, has a node that is `wanted`."""

    def rule(subject: Subject, finding: Finding) -> int | None:
        assert subject.source is not None
        return find_line(subject.source.reached(subject.name, method), wanted)

    return rule


def reduction_on(*axes: Any) -> Callable[[ast.AST], bool]:
    """Make the test of a node: a reduction along one of these axes."""
    return lambda node: (
        called_name(node) in ("mean", "sum", "var", "std", "max", "softmax", "average")
        and has_keyword_axis(node, *axes)
    )


def running_line(subject: Subject, finding: Finding) -> int | None:
    """Give the line of forward that assigns to the attribute named in the finding."""
    assert subject.source is not None
    name = str(finding.values.get("name") or "")
    for _, function in subject.source.reached(subject.name, "forward"):
        lines = attribute_lines(function, name)
        # The formula reads what it sets; the line that makes the array does not.
        formula = [
            s.lineno
            for s, target in assignments(function)
            if s.lineno in lines
            and getattr(target, "attr", None) == name
            and (
                isinstance(s, ast.AugAssign)
                or any(getattr(n, "attr", None) == name for n in ast.walk(getattr(s, "value", None) or s))
            )
        ]
        if lines:
            return formula[0] if formula else lines[0]
    return None
