"""A cause: everything that is known of one kind of fault, in one object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from badak.check.case import Case
from badak.check.findings import Finding

Verdict = tuple[str, dict[str, Any]] | None
Test = Callable[[Case], Verdict]
Place = Callable[[Any, Finding], int | None]  # of any examinee: a trainer has lines too
Sentences = tuple[str, str]


@dataclass(frozen=True)
class Cause:
    """One kind of fault: its name, how it is told, what is said of it, where its line is, what it explains.

    `sentence` says what is wrong and `advice` what to try, both untranslated msgids whose placeholders are the
    finding's fields and `values`. `tests` are the hypotheses that can tell this cause by reproducing the wrong
    gradient: each takes a `Case` and gives (label, values), or None; causes that one measurement tells apart
    share a test. Where the values hold a `Case` as `without` (the gradient as it would be without this cause), the
    user's gradient is held against that one too: two causes are two findings. `place` gives the line. With
    `repairable`, the line is sought first by trying repairs.
    `hides` names the clauses of the contract whose findings this cause explains: they are not told beside it.
    `special` has other sentences, by the name of the value that calls for them.
    """

    label: str
    sentence: str
    advice: str
    tests: tuple[Test, ...] = ()
    place: Place | None = None
    repairable: bool = False
    hides: frozenset[str] = frozenset()
    special: Mapping[str, Sentences] = field(default_factory=dict)

    def sentences(self, values: Mapping[str, Any]) -> Sentences:
        """Give what is wrong and what to try, for a finding with these values."""
        for name, pair in self.special.items():
            if values.get(name):
                return pair
        return self.sentence, self.advice
