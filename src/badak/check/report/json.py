"""Reports for machines: one line of JSON for each object."""

from __future__ import annotations

import math
from typing import Any

from badak.check.findings import Finding, Report
from badak.check.report.words import notes, reason, speak
from badak.reading import json_line


def finding_json(finding: Finding, lang: str | None = None) -> dict[str, Any]:
    """Give a finding as the plain object that --json prints."""
    message, hint = speak(finding, lang)
    return {
        "check": finding.check,
        "label": finding.label,
        "severity": finding.severity,
        "method": finding.method,
        "quantity": finding.quantity,
        "index": finding.index,
        "line": finding.line,
        "got": _plain(finding.got),
        "expected": _plain(finding.expected),
        "message": message,
        "hint": hint,
    }


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON knows no NaN
    return value


def report_json(report: Report, lang: str | None = None) -> str:
    """Give one line of JSON: file, object, style, verdict, findings; and `reason` where it could not be checked.

    `style`, how the object was read, stays in English: it is for programs to compare. `notes` is there where more is to
    be said of the file: what stood in for what, what was passed over.
    """
    plain: dict[str, Any] = {
        "file": report.file,
        "object": report.object,
        "style": report.style,
        "verdict": report.verdict,
    }
    plain["findings"] = [finding_json(f, lang) for f in report.findings]
    if report.reason is not None:
        plain["reason"] = reason(report, lang)
    if report.notes:
        plain["notes"] = notes(report, lang)
    return json_line(plain)
