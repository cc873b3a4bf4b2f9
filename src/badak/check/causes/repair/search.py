"""Where is the slip? Try small changes to the user's backward, in memory, and see which one makes the gradient right.

A change that repairs every gradient measured is evidence of the strongest kind: it shows the line, and what to write
there. The user's file is never touched. The changes are those of the slips that people make: a factor, an axis, a
transpose, an `=` for a `+=`, a name for another.
"""

from __future__ import annotations

import ast
import contextlib
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.causes.repair.expressions import expressions
from badak.check.causes.repair.offer import draft, holds
from badak.check.causes.repair.patch import NotRunnable, patched, replaced
from badak.check.causes.repair.statements import activations, dout_name, renamed, results, statements, whole
from badak.check.causes.repair.syntax import Change, expression, numbers
from badak.check.causes.repair.written import Written
from badak.check.exam import Examination
from badak.check.numeric import close
from badak.check.source import Function
from badak.check.subject import UserError

SECONDS = 1.2  # of this process: a busy machine must not change the answer


@dataclass
class Repair:
    """A change that makes the gradient right: its line, the causes it repairs, and how it is written in the file.

    `written` is None where it reads what is not there; it is `offered` where the file is right with it.
    """

    line: int
    label: str | None
    labels: set[str]
    written: Written | None = None
    offered: bool = False

    @property
    def values(self) -> dict[str, str]:
        """What a finding says of it: the code before and after, where it is offered."""
        if self.written is None or not self.offered:
            return {}
        return {"repair": self.written.after, "before": self.written.before}


def search(
    exam: Examination, case: Case, label: str | None, also: Sequence[Case] = (), line: int | None = None
) -> Repair | None:
    """Give the repair that fits `label` best, or any that works; None where none does or there is no source.

    One that can be offered is preferred to one that shows its line alone. With `line`, only that line is changed.
    """
    subject = case.subject
    if subject.source is None or subject.namespace is None or case.n[0].size > 4000 or exam.repair_left <= 0:
        return None
    started = time.process_time()
    deadline = started + min(SECONDS, exam.repair_left)
    found: list[tuple[int, Repair]] = []
    quantities = [c.quantity for c in (case, *also)]
    for owner, function in subject.source.reached(subject.name, subject.backward_name):
        if any(isinstance(n, ast.While) for n in ast.walk(function)):
            continue  # changed, its loop may never end
        tried = [c for c in changes(function, case) if line is None or getattr(c[0], "lineno", None) == line]
        tried.sort(key=lambda change: label is not None and label not in change[1])
        for node, labels, replacement in tried:
            if time.process_time() > deadline or subject.expired():
                break
            if found and label is not None and label not in labels:
                break
            changed = replaced(function, node, replacement)
            if changed is None or not works([case, *also], owner, changed):
                continue
            fits = label is None or label in labels
            repair = Repair(getattr(node, "lineno", function.lineno), _only(labels), labels)
            repair.written = draft(exam, function, node, replacement)
            repair.offered = repair.written is not None and holds(exam, quantities, repair.written)
            if fits and repair.offered:
                return repair
            if not found:
                # Seek one that can be offered, for a while.
                deadline = min(deadline, time.process_time() + SECONDS / 4)
            found.append((0 if fits else 1, repair))
    exam.repair_left -= time.process_time() - started
    found.sort(key=lambda pair: pair[0])
    return found[0][1] if found else None


def _only(labels: set[str]) -> str | None:
    return next(iter(labels)) if len(labels) == 1 else None


def works(cases: Sequence[Case], owner: str | None, function: Function) -> bool:
    """Run with the changed function and compare the gradient with the slopes."""
    try:
        with warnings.catch_warnings(), patched(cases[0].subject, owner, function):
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
    with contextlib.suppress(SyntaxError):
        yield from statements(function)
    if case.subject.runs_forward_itself:
        yield from activations(function)
    argument = dout_name(function)
    names = numbers(case)
    values = results(function)
    for node in ast.walk(function):
        if isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            with contextlib.suppress(SyntaxError):  # what stands only as a part of something else, such as *parts
                yield from expressions(node, function, case)
    for value in values:
        with contextlib.suppress(SyntaxError):
            yield from whole(value, argument, names, case)
    for node in ast.walk(function):
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            with contextlib.suppress(SyntaxError):
                yield from renamed(node, function, case)
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in ("self", "np"):
            for name in names[:8]:
                yield (
                    node,
                    {"missing-gamma", "missing-mask", "missing-scale"},
                    ast.BinOp(node, ast.Mult(), expression(f"self.{name}")),
                )
