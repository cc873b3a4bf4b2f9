"""What an object keeps and what it writes into: caches, arguments, parameters, shared state."""

from __future__ import annotations

import ast

import numpy as np

from badak.check.causes.base import Cause
from badak.check.causes.places import def_line, names_read, writes, written_line
from badak.check.copying import clone
from badak.check.findings import Finding
from badak.check.source import assignments, attribute_lines, first_line, names_quantity, root
from badak.check.subject import Subject, attributes_of


def _updated_parameter(subject: Subject, finding: Finding) -> int | None:
    line = written_line(subject, finding.method or "backward", "params")
    if line is not None:
        return line
    assert subject.source is not None
    node = subject.source.method(subject.name, finding.method or "backward")
    lines = attribute_lines(node, (finding.quantity or "").split(".")[-1]) if node is not None else []
    return lines[0] if lines else None


def _cached_attribute(subject: Subject, finding: Finding) -> int | None:
    """The line of forward that keeps something: the attribute that did not change at a second forward."""
    assert subject.source is not None
    node = subject.source.method(subject.name, "forward")
    if node is None:
        return None
    obj = subject.fresh()
    subject.forward(obj, clone(subject.x), clone(subject.second))
    held = {n: clone(getattr(obj, n, None)) for n in attributes_of(obj)}
    moved = subject.x * 0.7 + 0.1
    subject.forward(obj, moved, clone(subject.second))
    read = names_read(subject, "backward")
    for name in read:
        value = getattr(obj, name, None)
        before = held.get(name)
        if isinstance(value, np.ndarray) and isinstance(before, np.ndarray) and np.array_equal(value, before):
            lines = attribute_lines(node, name)
            if lines:
                return lines[0]
    conditional = [n for n in ast.walk(node) if isinstance(n, ast.If)]
    return conditional[0].lineno if conditional else first_line(node)


def _class_attribute(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    name = str(finding.values.get("name") or "")
    for _, function in subject.source.reached(subject.name, "forward"):
        for statement, target in assignments(function):
            node = root(target)
            if isinstance(node, ast.Attribute) and (
                node.attr == name or (isinstance(node.value, ast.Name) and node.value.id == subject.name)
            ):
                return statement.lineno
    owner = subject.source.class_node(subject.name)
    for item in owner.body if owner else []:
        if isinstance(item, (ast.Assign, ast.AnnAssign)) and any(getattr(t, "id", "") == name for t in _single(item)):
            return item.lineno
    return None


def _single(statement: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target]


def _initial_copy(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    name = str(finding.values.get("name") or "")
    for method in ("__init__", "build", "forward"):
        node = subject.source.method(subject.name, method)
        lines = attribute_lines(node, name) if node is not None and name else []
        if lines:
            return lines[0]
    return None


def _accumulating_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    quantity = (finding.quantity or "").split(".")[-1]
    for _, function in subject.source.reached(subject.name, finding.method or "backward"):
        for statement, target in assignments(function):
            if isinstance(statement, ast.AugAssign) and names_quantity(target, quantity):
                return statement.lineno
        for statement, target in assignments(function):
            if names_quantity(target, quantity):
                return statement.lineno
    return None


CAUSES = (
    Cause(
        "accumulates-instead-of-sets",
        "{method} adds to d{quantity} instead of setting it: the second backward gives the sum of both.",
        "Write = instead of +=, or offer zero_grad().",
        place=_accumulating_line,
        hides=frozenset({"gradients", "linear", "second-batch", "two-instances"}),
    ),
    Cause(
        "updates-weights-in-backward",
        "{method} changes {quantity}.",
        "Leave the update to the optimizer, after backward.",
        place=_updated_parameter,
        hides=frozenset(
            {"after-update", "batch-of-one", "gradients", "linear", "repeat", "second-batch", "two-instances"}
        ),
    ),
    Cause(
        "shared-dout-mutated",
        "An inner backward overwrites the dout that another path still needs.",
        "Do not write into dout: dx = dout.copy().",
        place=writes("dout", "backward"),
        hides=frozenset({"mutation", "repeat"}),
    ),
    Cause(
        "mutates-cache",
        "backward overwrites what forward stored (self.{name}): a second backward gives something else.",
        "Compute into a new array.",
        place=writes("cache", "backward"),
        hides=frozenset({"gradients", "linear", "second-batch", "two-instances"}),
    ),
    Cause(
        "mutates-input",
        "{method} changes the array it was given.",
        "Copy first: out = x.copy().",
        place=writes("x"),
        hides=frozenset({"batch-of-one", "linear", "repeat", "second-batch", "two-instances"}),
    ),
    Cause(
        "mutates-target",
        "{method} overwrites the targets: the next epoch learns from other ones.",
        "Compute into a new array.",
        place=writes("second"),
        hides=frozenset({"batch-of-one", "linear", "repeat", "second-batch", "two-instances"}),
    ),
    Cause(
        "mutates-dout",
        "backward writes into the dout it was given: wrong as soon as dout is used elsewhere too.",
        "Copy first: dx = dout.copy().",
        place=writes("dout", "backward"),
    ),
    Cause(
        "stale-cache",
        "forward keeps the first batch: gradients of the second belong to the first.",
        "Store at every forward.",
        place=_cached_attribute,
        hides=frozenset({"after-update", "batch-of-one", "two-instances"}),
    ),
    Cause(
        "stale-weight-copy",
        "self.{name} is a copy made in __init__: after an update backward still uses the old weights.",
        "Compute it from self.W when needed.",
        place=_initial_copy,
    ),
    Cause(
        "shared-class-state",
        "{name} belongs to the class: a second object overwrites what the first one stored.",
        "Write self.{name}, not the class's.",
        place=_class_attribute,
    ),
    Cause(
        "shared-mutable-default",
        "{name} is a default argument made once: all objects share it.",
        "Use None as default and make it in __init__.",
        place=def_line,
        hides=frozenset({"second-batch"}),
    ),
    Cause(
        "init-takes-data",
        "__init__ demands the argument {name} and never uses it.",
        "Leave it out: data goes to forward.",
        place=def_line,
    ),
)
