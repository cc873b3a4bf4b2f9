"""A clause of the contract: one question, asked of every subject that it applies to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from badak.check.findings import Finding
from badak.check.subject import Examinee, Subject

Findings = Iterator[Finding]


@dataclass(frozen=True)
class Clause:
    """One question and whom it is asked of.

    `check` takes the examination (an `Examination` for a `Subject`, a plain `Exam` for any other kind) and
    yields findings; its docstring says what must hold. `kind` is the class of subjects that it is about, `applies` asks
    a subject's capabilities, never its style. A clause that is `first` runs even when others alone are wanted,
    because those need what it finds out; an error in one that `stops` ends the examination, so that one cause
    gives one message. One that `measures` rests on slopes: what it says when the time ran out on the way counts only
    as far as elements were measured. Several clauses may share a name, where kinds of subjects ask the same in
    different ways.
    """

    name: str
    check: Callable[[Any], Findings]
    kind: type[Examinee] = Subject
    applies: Callable[[Any], bool] = lambda subject: True
    first: bool = False
    stops: bool = False
    measures: bool = False
