"""What a check says: findings, and the report on one object. Plain data that travels between processes as
JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

SEVERITIES = ("error", "hazard", "note")
VERDICTS = ("right", "hazard", "wrong", "unknown")


@dataclass
class Finding:
    """One fault (or remark) with its cause, place and evidence.

    `check` is the clause that found it, `label` the cause; `severity` is error (wrong in ordinary use),
    hazard (right until
    some condition holds) or note. `values` fill the sentences `text` and `advice`, which are kept
    untranslated.
    """

    check: str
    label: str
    severity: str = "error"
    method: str | None = None
    quantity: str | None = None
    index: list[int] | None = None
    line: int | None = None
    got: Any = None
    expected: Any = None
    text: str | None = None
    advice: str | None = None
    values: dict[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Give the finding as plain data, sentences untranslated."""
        return dict(vars(self))


@dataclass(repr=False)
class Report:
    """The verdict on one object of a file."""

    file: str
    object: str
    style: str = ""  # how the object was read, in words; '' where it was not
    findings: list[Finding] = field(default_factory=list)
    reason: str | None = None
    reason_values: dict[str, Any] = field(default_factory=dict)
    checked: list[str] = field(default_factory=list)
    seconds: float = 0.0
    source: list[str] = field(default_factory=list, repr=False)
    notes: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """'wrong' with an error, 'unknown' when it could not be checked, 'hazard' or 'right' otherwise."""
        severities = {finding.severity for finding in self.findings}
        if "error" in severities:
            return "wrong"
        if self.reason is not None:
            return "unknown"
        return "hazard" if "hazard" in severities else "right"

    def __repr__(self) -> str:
        """Give the object, the verdict and its causes in one line; `report_text` has the whole of it."""
        causes = ", ".join(finding.label for finding in self.findings)
        return f"{self.object or self.file}: {self.verdict}{f' ({causes})' if causes else ''}"

    def to_dict(self) -> dict[str, Any]:
        """Give the report as plain data, for another process."""
        plain = dict(vars(self))
        plain["findings"] = [finding.to_dict() for finding in self.findings]
        return plain
