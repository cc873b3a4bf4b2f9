"""What no style recognises. It is never right: nothing was looked at."""

from __future__ import annotations

from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.examinee import Examinee


class Unknown(Examinee):
    """An object of no known style. No clause applies to it, and its verdict is 'unknown'."""

    style = "unknown"

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take everything: the last of the styles."""
        return Evidence()
