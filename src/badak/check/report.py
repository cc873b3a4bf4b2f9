# ruff: noqa: E501 (markup in one line is easier to read than in three)
"""Reports for people (text, HTML) and machines (JSON, one object a line)."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

from badak.check.findings import Finding, Report
from badak.check.messages import HEADINGS, place, reason, speak
from badak.language import choose_language, translator
from badak.reading import json_line, shown


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
    """Give one line of JSON: file, object, verdict, findings; and `reason` where it could not be checked."""
    plain: dict[str, Any] = {"file": report.file, "object": report.object, "verdict": report.verdict}
    plain["findings"] = [finding_json(f, lang) for f in report.findings]
    if report.reason is not None:
        plain["reason"] = reason(report, lang)
    return json_line(plain)


def where(finding: Finding, report: Report, lang: str | None = None) -> str:
    """Give the place of a finding: method, line (of a notebook: cell and line), element."""
    parts = [finding.method] if finding.method else []
    if finding.line is not None:
        parts.append(place(finding.line, finding.values.get("cell"), lang))
    if finding.index is not None and finding.quantity is not None:
        parts.append(
            f"d{finding.quantity}[{', '.join(map(str, finding.index))}]" if finding.index else f"d{finding.quantity}"
        )
    return ", ".join(parts)


def title(report: Report) -> str:
    """Give the file, and the object in it, where there is one."""
    return f"{report.file}:{report.object}" if report.object else report.file


def own_line(finding: Finding) -> int:
    """Give the line as its file counts it: in a notebook, within the cell. 0 where there is none."""
    cell = finding.values.get("cell")
    return int(cell[1]) if cell else finding.line or 0


def report_text(report: Report, lang: str | None = None) -> str:
    """Give a report for the terminal: the verdict in the first line, then one paragraph a finding."""
    say = translator("check", lang).gettext
    lines = [f"{title(report)}: {say(HEADINGS[report.verdict])}"]
    if report.reason is not None:
        lines.append(f"  {reason(report, lang)}")
    for finding in report.findings:
        message, hint = speak(finding, lang)
        at = where(finding, report, lang)
        lines.append(f"  [{say(HEADINGS[finding.severity])}: {finding.label}] {at + ': ' if at else ''}{message}")
        if finding.line is not None and 0 < finding.line <= len(report.source):
            lines.append(f"      {own_line(finding)} | {report.source[finding.line - 1].strip()}")
        if isinstance(finding.got, float) and isinstance(finding.expected, float):
            lines.append(
                f"      {say(HEADINGS['got'])} {finding.got:.8g}, {say(HEADINGS['expected'])} {finding.expected:.8g}"
            )
        if hint:
            lines.append(f"      {say(HEADINGS['try'])}: {hint}")
    # Names, messages and source lines are the file's: a terminal must show what is in them, not do it.
    return "\n".join(map(shown, lines))


STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c1c1c;background:#fff}
table{border-collapse:collapse;width:100%}td,th{padding:.3rem .6rem;border-bottom:1px solid #ccc;text-align:left}
.right{color:#06642c}.wrong{color:#a3101c}.hazard{color:#7a4b00}.unknown{color:#555}
pre{background:#f4f4f4;padding:.6rem;overflow-x:auto}article{margin:2rem 0}
"""


def report_html(reports: Sequence[Report], lang: str | None = None) -> str:
    """Give one self-contained page for a teacher; everything that comes from the files is escaped."""
    language = choose_language(lang)
    say = translator("check", lang).gettext
    rows, articles = [], []
    for number, report in enumerate(reports, 1):
        labels = ", ".join(f.label for f in report.findings)
        verdict = f'<span class="{report.verdict}">{html.escape(say(HEADINGS[report.verdict]))}</span>'
        name = html.escape(title(report))
        rows.append(
            f'<tr><td><a href="#r{number}">{name}</a></td><td>{verdict}</td><td>{html.escape(labels)}</td></tr>'
        )
        articles.append(
            f'<article id="r{number}"><h2>{name}</h2><p>{verdict} {html.escape(reason(report, lang))}</p>{_articles(report, lang)}</article>'
        )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>badak check</title>'
        f"<style>{STYLE}</style></head><body><h1>badak check</h1><table>{''.join(rows)}</table>{''.join(articles)}</body></html>\n"
    )


def _articles(report: Report, lang: str | None) -> str:
    say = translator("check", lang).gettext
    parts = []
    for finding in report.findings:
        message, hint = speak(finding, lang)
        at = where(finding, report, lang)
        parts.append(
            f"<p><strong>{html.escape(say(HEADINGS[finding.severity]))}</strong> <code>{html.escape(finding.label)}</code> "
            f"{html.escape(at)}<br>{html.escape(message)}</p>"
        )
        if finding.line is not None and 0 < finding.line <= len(report.source):
            before = finding.line - own_line(finding)  # lines of the cells before, which are not shown
            first = max(before, finding.line - 3)
            code = "\n".join(
                f"{n + 1 - before:4} {report.source[n]}"
                for n in range(first, min(len(report.source), finding.line + 2))
            )
            parts.append(f"<pre>{html.escape(code)}</pre>")
        if isinstance(finding.got, float) and isinstance(finding.expected, float):
            parts.append(
                f"<p>{html.escape(say(HEADINGS['got']))} {finding.got:.8g}, {html.escape(say(HEADINGS['expected']))} {finding.expected:.8g}</p>"
            )
        if hint:
            parts.append(f"<p>{html.escape(say(HEADINGS['try']))}: {html.escape(hint)}</p>")
    return "".join(parts)
