"""Where is the slip? Try small changes to the user's backward, in memory, and see which one makes the gradient right.

A change that repairs every gradient measured is evidence of the strongest kind: it shows the line, and what to write
there. The user's file is never touched. The changes are those of the slips that people make: a factor, an axis, a
transpose, an `=` for a `+=`, a name for another.
"""

from __future__ import annotations

import ast
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.causes.repair.expressions import expressions
from badak.check.causes.repair.patch import NotRunnable, patched, replaced
from badak.check.causes.repair.statements import dout_name, renamed, results, statements, whole
from badak.check.causes.repair.syntax import Change, expression, numbers
from badak.check.exam import Examination
from badak.check.numeric import close
from badak.check.source import Function
from badak.check.subject import UserError

SECONDS = 1.2  # of this process: a busy machine must not change the answer


@dataclass
class Repair:
    """A change that makes the gradient right: its line, the cause it repairs, the code before and after."""

    line: int
    label: str | None
    before: str
    after: str
    labels: set[str] = field(default_factory=set)


def search(exam: Examination, case: Case, label: str | None, also: Sequence[Case] = ()) -> Repair | None:
    """Give the repair that fits `label` best, or any that works; None where none does or there is no
    source."""
    subject = case.subject
    if subject.source is None or subject.namespace is None or case.n[0].size > 4000:
        return None
    deadline = time.process_time() + SECONDS
    found: list[tuple[int, Repair]] = []
    for owner, function in subject.source.reached(subject.name, subject.backward_name):
        tried = list(changes(function, case))
        tried.sort(key=lambda change: label is not None and label not in change[1])
        for node, labels, replacement in tried:
            if time.process_time() > deadline or subject.expired():
                break
            if label is not None and found and label not in labels:
                break
            changed = replaced(function, node, replacement)
            if changed is None or not works([case, *also], owner, changed):
                continue
            rank = 0 if label is None or label in labels else 1
            cause = next(iter(sorted(labels)), None) if len(labels) == 1 else None
            place = getattr(node, "lineno", function.lineno)
            found.append((rank, Repair(place, cause, _words(node), _words(replacement), labels)))
            if rank == 0:
                return found[-1][1]
    found.sort(key=lambda pair: pair[0])
    return found[0][1] if found else None


def _words(node: ast.AST) -> str:
    try:
        return ast.unparse(ast.fix_missing_locations(node)).splitlines()[0]
    except Exception:
        return ""


def works(cases: Sequence[Case], owner: str | None, function: Function) -> bool:
    """Run with the changed function and compare the gradient with the slopes."""
    try:
        with patched(cases[0].subject, owner, function), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return all(_right(case, i) for case in cases for i in range(len(case.douts)))
    except (NotRunnable, UserError, ValueError, TypeError, IndexError):
        return False


def _right(case: Case, place: int) -> bool:
    subject = case.subject
    obj = subject.fresh()
    _lend(obj, case)
    got = subject.gradient(subject.run(case.douts[place], obj=obj), case.quantity)
    return got is not None and close(got, case.n[place], 1e-6)


def _lend(obj: Any, case: Case) -> None:
    """Let changed code read the input and the output, which the user's code may not have kept."""
    if hasattr(obj, "__dict__"):
        obj.__dict__["_lent_x"] = np.array(case.x)
        obj.__dict__["_lent_y"] = np.array(case.y)


def changes(function: Function, case: Case) -> Iterator[Change]:
    """Give all changes to a function that are worth trying."""
    yield from statements(function)
    argument = dout_name(function)
    names = numbers(case)
    values = results(function)
    for node in ast.walk(function):
        if isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            yield from expressions(node, function, case)
    for value in values:
        yield from whole(value, argument, names, case)
    for node in ast.walk(function):
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            yield from renamed(node, function, case)
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in ("self", "np"):
            for name in names[:8]:
                yield (
                    node,
                    {"missing-gamma", "missing-mask", "missing-scale"},
                    ast.BinOp(node, ast.Mult(), expression(f"self.{name}")),
                )
