"""The constructor asks for nothing that the object does not use."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator

import numpy as np

from badak.check.contract.clause import Clause
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.numeric import close
from badak.check.subject import Subject, required
from badak.check.tolerances import EQUAL


def check_construction(exam: Examination) -> Iterator[Finding]:
    """A required array argument of __init__ that nothing depends on, in an object that has no parameters."""
    subject = exam.subject
    init = subject.kind.__dict__.get("__init__")
    if init is None or not inspect.isfunction(init) or subject.source is None:
        return
    node = subject.source.method(subject.name, "__init__")
    names = [n for n in required(init) if n != "self"]
    if node is None or not names:
        return
    used = {
        n.id for item in node.body for n in ast.walk(item) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }
    unused = [n for n in names if n not in used]
    if not unused or re.match(r"_|args|kwargs|seed|name", unused[0]):
        return
    if _depends_on(subject, names.index(unused[0])):
        return
    yield exam.finding(
        "construction",
        "init-takes-data",
        severity="hazard",
        method="__init__",
        quantity="init",
        values={"name": unused[0]},
    )


def _depends_on(subject: Subject, place: int) -> bool:
    """Tell whether another value of the argument gives another output: made twice, compared."""
    outputs = []
    for filler in (np.zeros((2, 2)), np.full((3, 1), 5.0)):
        try:
            names = [n for n in required(subject.kind.__init__) if n != "self"]
            if len(names) != 1 or place != 0:
                return False
            subject.world.restore()
            outputs.append(np.asarray(subject.forward(subject.kind(filler), clone(subject.x), clone(subject.second))))
        except Exception:
            return True
    return not close(outputs[0], outputs[1], EQUAL)


CLAUSES = [Clause("construction", check_construction)]
