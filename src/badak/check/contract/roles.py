"""What an object evidently is, and whether it is that along the right axes. A gradient check cannot see
these faults."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.causes.wiring.role import check_network_role
from badak.check.contract.clause import Clause
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.numeric import close
from badak.check.subject import Subject, UserError, attributes_of, get_path, set_path
from badak.check.tolerances import CENTRED, UNCENTRED

Array = np.ndarray[Any, Any]


def check_role(exam: Examination) -> Iterator[Finding]:
    """What the object evidently is (softmax, batch normalisation, convolution) it is along the right axes."""
    if exam.inputs != ["x"]:
        return
    found = list(_softmax(exam))
    yield from found
    if not exam.subject.scalar and not found:
        yield from _normalisation(exam)
        yield from _image(exam)


def _softmax(exam: Examination) -> Iterator[Finding]:
    """A softmax of a batch normalises rows, not columns."""
    subject = exam.subject
    if np.ndim(subject.x) != 2 or min(np.shape(subject.x)) < 2 or _columns(subject):
        return
    obj = subject.fresh()
    y = np.asarray(subject.forward(obj, subject.x.copy(), clone(subject.second)))
    held: list[Any] = [y] + [getattr(obj, n, None) for n in attributes_of(obj)]
    for value in held:
        if not isinstance(value, np.ndarray) or value.shape != np.shape(subject.x) or value.dtype.kind != "f":
            continue
        if value is subject.x or (value < 0).any() or np.isin(value, (0, 1)).all():
            continue
        if np.allclose(value.sum(axis=0), 1) and not np.allclose(value.sum(axis=1), 1):
            if subject.second is not None and np.shape(subject.second) == value.shape and close(value, subject.second):
                continue
            yield exam.finding("role", "softmax-over-batch-axis", method=exam.forward_name(), quantity="forward")
            return


def _columns(subject: Subject) -> bool:
    """Tell whether the file has samples for columns: its weights stand to the left of what they multiply."""
    text = subject.source.text if subject.source is not None else ""
    left = re.findall(r"(?:dot|matmul)\(\s*(?:self\.)?[Ww]\d?\s*,|\b(?:self\.)?[Ww]\d?(?:\.dot\(| @ )", text)
    right = re.findall(r"(?:dot|matmul)\([^,()]+,\s*(?:self\.)?[Ww]\d?\s*\)| @ (?:self\.)?[Ww]\d?\b(?!\.T)", text)
    return len(left) > len(right)


def _normalisation(exam: Examination) -> Iterator[Finding]:
    """Batch normalisation centres columns; centring rows is layer normalisation under another's name."""
    subject = exam.subject
    x = np.asarray(subject.x, float)
    if x.ndim != 2 or np.shape(exam.y) != x.shape or min(x.shape) < 2:
        return
    running = [n for n in attributes_of(subject.obj) if "running" in n or "moving" in n]
    named = re.search(r"(?i)batch_?norm|^bn", subject.name) is not None
    if not (named or running):
        return
    plain = subject.fresh()
    for parameter in subject.parameters:
        short = parameter.name.split(".")[-1].lower()
        held = np.asarray(get_path(plain, parameter.path), float)
        set_path(
            plain,
            parameter.path,
            np.zeros(held.shape) if short in ("beta", "b", "bias", "shift") else np.ones(held.shape),
        )
    wide = x * np.linspace(1, 3, x.shape[1]) + np.linspace(-2, 2, x.shape[1])
    y = np.asarray(subject.forward(plain, wide.copy()), float)
    columns, rows = np.abs(y.mean(axis=0)).max(), np.abs(y.mean(axis=1)).max()
    if rows < CENTRED and columns > UNCENTRED:
        yield exam.finding(
            "role", "normalises-wrong-axis", method=exam.forward_name(), quantity="forward", values={"named": named}
        )


def _image(exam: Examination) -> Iterator[Finding]:
    """A taller image gives a taller output, not a wider one."""
    subject = exam.subject
    x = np.asarray(subject.x, float)
    if x.ndim != 4 or np.ndim(exam.y) != 4:
        return
    for step in (2, 3, 4):
        rng = np.random.default_rng(5)
        tall = np.concatenate([x, rng.standard_normal((*x.shape[:2], step, x.shape[3]))], axis=2)
        try:
            y = np.asarray(subject.forward(subject.fresh(), tall))
        except UserError:
            continue
        if y.ndim != 4:
            return
        before, after = np.shape(exam.y), y.shape
        if after[3] > before[3] and after[2] == before[2]:
            values = {"shape": list(tall.shape[2:]), "got_shape": list(after[2:])}
            yield exam.finding(
                "role", "swapped-height-width", method=exam.forward_name(), quantity="forward", values=values
            )
            return
        if after[2] > before[2]:
            return


CLAUSES = [
    Clause("role", check_role, applies=lambda s: s.input_names == ("x",)),
    Clause("role", check_network_role, applies=lambda s: s.runs_forward_itself),
]
