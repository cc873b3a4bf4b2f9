"""The examination of one subject: what has been found, and what several clauses and causes need of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from badak.check.findings import Finding, Report
from badak.check.source import Source
from badak.check.subject import Examinee, Pass, Subject

Place = Callable[[Any, Finding], None]
Examine = Callable[[Subject, Sequence[str]], Report]


class CouldNotCheck(Exception):
    """Something hindered the look, and nobody is accused; the message says what, and what to do."""

    def __init__(self, text: str, **values: Any) -> None:
        """Keep the untranslated sentence and what fills it."""
        super().__init__(text)
        self.text = text
        self.values = values


class Exam:
    """The findings on one examinee of any kind. `place` puts method and line into a finding, from the source."""

    def __init__(self, subject: Examinee, place: Place | None = None) -> None:
        """Begin with nothing found."""
        self.examinee = subject
        self.findings: list[Finding] = []
        self._place = place

    @property
    def source(self) -> Source | None:
        """The user's source, None where there is none."""
        return self.examinee.source

    def findings_so_far(self, check: str) -> list[Finding]:
        """Give what a check has found up to now."""
        return [finding for finding in self.findings if finding.check == check]

    def finding(self, check: str, label: str, **given: Any) -> Finding:
        """Make a finding and put its line and method in, where the source tells."""
        finding = Finding(check, label, **given)
        self.place(finding)
        return finding

    def place(self, finding: Finding) -> None:
        """Put method and line into a finding that has none."""
        if self._place is not None:
            self._place(self.examinee, finding)


class Examination(Exam):
    """A function with a gradient under examination: its output, its passes, one for each random `dout`.

    `examine_part` examines another subject by the same contract (a layer inside a network); it and `place`
    are handed in, so that the causes, which lie below the contract, can ask for them.
    """

    def __init__(self, subject: Subject, place: Place | None = None, examine_part: Examine | None = None) -> None:
        """Begin with nothing found."""
        super().__init__(subject, place)
        self.subject = subject
        self.examine_part = examine_part
        self.shape_faults: set[str] = set()
        self.wrong: list[str] = []  # quantities whose gradient was seen to be wrong, before any cause is looked for
        self.passes: list[Pass] = []
        self.douts: list[Any] = []
        self.y: Any = None
        self.random: bool | None = None  # whether forward draws random numbers, once that was asked

    @property
    def inputs(self) -> list[str]:
        """The quantities that are inputs with a gradient."""
        return self.subject.inputs

    @property
    def quantities(self) -> list[str]:
        """Inputs and parameters."""
        return self.inputs + [p.name for p in self.subject.parameters]

    def gradient(self, result: Pass, quantity: str) -> Any:
        """Give the user's gradient of a quantity."""
        return self.subject.gradient(result, quantity)

    def random_douts(self) -> list[Any]:
        """Three upstream gradients without symmetry; where the output is one number, only 1."""
        rng = np.random.default_rng(7)
        return [self.subject.random_dout(self.y, rng, 0.3) for _ in range(1 if self.subject.scalar else 3)]

    def backward_name(self) -> str:
        """The method that computes gradients."""
        return self.subject.backward_name

    def forward_name(self) -> str:
        """The method that computes the output."""
        return self.subject.forward_name
