"""Every weight that forward uses gets a gradient."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.contract.clause import Clause
from badak.check.copying import clone, walk
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.numeric import close
from badak.check.subject import Parameter, Subject, UserError
from badak.check.tolerances import FIT, NOTHING, REPEATED

Array = np.ndarray[Any, Any]
WEIGHT = re.compile(r"(?i)_?(w|b|wx|wh|w_?x|w_?h|w\d|b\d|weights?|bias(es)?|kernels?|filters?|theta|gamma|beta)_?")
TRAINED = re.compile(r"(?i)affine|linear|dense|fully_?connected|conv|batch_?norm|layer_?norm|fc")
FIXED = re.compile(r"(?i)fixed|frozen|freeze|static|const|pretrained|untrained|random_?projection|sampl")
LARGE = 1500  # elements: of a larger array, some are measured
SOME = 40


def check_parameters(exam: Examination) -> Iterator[Finding]:
    """A weight that forward depends on has a gradient after backward, in whatever place.

    A layer may hold a table that nobody learns: a weight is called forgotten only where the class is one that learns,
    where another weight of it has a gradient, or where backward computes the gradient and drops it.
    """
    subject = exam.subject
    names = list(_without_gradient(subject))
    if not names:
        return
    obj = subject.fresh()
    y = subject.forward(obj, clone(subject.x), clone(subject.second))
    before = _arrays(obj)
    state = {name: np.array(getattr(obj, name)) for name in names}
    dout = exam.douts[0]
    returned = subject.backward(obj, clone(dout), clone(subject.x), clone(subject.second))
    if np.shape(y) != np.shape(exam.y):
        return
    left = [a for a in _arrays([obj, returned]) if not any(_equal(a, b) for b in before)]
    for name in names:
        if not _equal(np.asarray(getattr(obj, name)), state[name]):
            continue  # updated at once
        wanted = _slope(subject, name, dout)
        if wanted is None or not np.nanmax(np.abs(wanted), initial=0.0) > NOTHING:
            continue
        near = _in_other_capitals(obj, name, wanted)
        if near is None and (any(a.size == wanted.size for a in left) or not _learned(subject, name)):
            continue
        yield exam.finding(
            "parameters",
            "forgets-param-grad",
            method=exam.backward_name(),
            quantity=name,
            line=_line(subject, near or f"d{name}"),
            values={"near": near} if near is not None else {},
        )


def _without_gradient(subject: Subject) -> Iterator[str]:
    """Give the attributes that are weights by their name and kind, and that no gradient is known of."""
    for name, value in getattr(subject.obj, "__dict__", {}).items():
        if not WEIGHT.fullmatch(name) or not isinstance(value, np.ndarray) or value.dtype.kind != "f":
            continue
        if (
            not any(p.path == (("a", name),) or _shares(subject.obj, p, value) for p in subject.parameters)
            and value.size
        ):
            yield name


def _shares(obj: Any, parameter: Parameter, value: Array) -> bool:
    from_path: Any = obj
    for kind, step in parameter.path:
        try:
            from_path = getattr(from_path, step) if kind == "a" else from_path[step]
        except (AttributeError, KeyError, IndexError, TypeError):
            return False
    return isinstance(from_path, np.ndarray) and np.shares_memory(from_path, value)


def _slope(subject: Subject, name: str, dout: Any) -> Array | None:
    """Measure the true gradient of an attribute."""
    probe = subject.sibling(subject.x, subject.second)
    probe.parameters = [*subject.parameters, Parameter(name, (("a", name),), None)]
    size = int(np.size(getattr(subject.obj, name)))
    rows = None if size <= LARGE else np.random.default_rng(3).choice(size, SOME, replace=False).tolist()
    try:
        return probe.slopes(name, rows).along(dout)[0]
    except (UserError, ValueError, TypeError):
        return None


def _arrays(obj: Any) -> list[Array]:
    found: list[Array] = []

    def visit(part: Any) -> None:
        if isinstance(part, np.ndarray) and part.dtype.kind in "fiu" and part.size:
            found.append(np.array(part))

    walk(obj, visit)
    return found


def _equal(a: Array, b: Array) -> bool:
    return a.shape == b.shape and close(a, b, REPEATED)


def _in_other_capitals(obj: Any, name: str, wanted: Array) -> str | None:
    """Give the attribute that holds the gradient under the name dw where dW belongs."""
    title = f"d{name}"
    for other, value in getattr(obj, "__dict__", {}).items():
        written = isinstance(value, np.ndarray) and value.shape == wanted.shape
        if other != title and other.lower() == title.lower() and written and close(value, wanted, FIT):
            return str(other)
    return None


def _learned(subject: Subject, name: str) -> bool:
    """Tell whether a weight is meant to be learned: nothing says that it is fixed, and something that it is not."""
    obj = subject.obj
    if FIXED.search(subject.name) or any(getattr(obj, flag, None) is False for flag in ("trainable", "requires_grad")):
        return False
    if TRAINED.search(subject.name) or any(len(p.path) == 1 for p in subject.parameters):
        return True
    return _line(subject, f"d{name}") is not None


def _line(subject: Subject, name: str) -> int | None:
    """Give the line of backward that assigns to this name, be it local or an attribute."""
    source = subject.source
    node = source.method(subject.name, subject.backward_name) if source is not None else None
    for statement in ast.walk(node) if node is not None else []:
        targets: list[ast.expr] = statement.targets if isinstance(statement, ast.Assign) else []
        for target in targets:
            for part in ast.walk(target):
                if getattr(part, "id", getattr(part, "attr", None)) == name and isinstance(
                    getattr(part, "ctx", None), ast.Store
                ):
                    return int(getattr(part, "lineno", 0)) or None
    return None


CLAUSES = [
    Clause("parameters", check_parameters, applies=lambda s: not (s.runs_forward_itself or s.updates_inside)),
]
