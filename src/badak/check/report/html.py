# ruff: noqa: E501 (markup in one line is easier to read than in three)
"""One page for a teacher: all reports of a run."""

from __future__ import annotations

import html
from collections.abc import Sequence

from badak.check.findings import Finding, Report
from badak.check.report.words import HEADINGS, compared, notes, own_line, reason, speak, style_words, title, where
from badak.language import choose_language, translator

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
        read = f" <small>{html.escape(style_words(report, lang))}</small>" if report.style else ""
        rows.append(
            f'<tr><td><a href="#r{number}">{name}</a></td><td>{verdict}</td><td>{html.escape(labels)}</td></tr>'
        )
        articles.append(
            f'<article id="r{number}"><h2>{name}</h2><p>{verdict}{read} {html.escape(reason(report, lang))}</p>{"".join(_finding(f, report, lang) for f in report.findings)}{"".join(f"<p><small>{html.escape(text)}</small></p>" for text in notes(report, lang))}</article>'
        )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>badak check</title>'
        f"<style>{STYLE}</style></head><body><h1>badak check</h1><table>{''.join(rows)}</table>{''.join(articles)}</body></html>\n"
    )


def _finding(finding: Finding, report: Report, lang: str | None) -> str:
    say = translator("check", lang).gettext
    message, hint = speak(finding, lang)
    parts = [
        f"<p><strong>{html.escape(say(HEADINGS[finding.severity]))}</strong> <code>{html.escape(finding.label)}</code> "
        f"{html.escape(where(finding, lang))}<br>{html.escape(message)}</p>"
    ]
    if finding.line is not None and 0 < finding.line <= len(report.source):
        before = finding.line - own_line(finding)  # lines of the cells before, which are not shown
        first = max(before, finding.line - 3)
        code = "\n".join(
            f"{n + 1 - before:4} {report.source[n]}" for n in range(first, min(len(report.source), finding.line + 2))
        )
        parts.append(f"<pre>{html.escape(code)}</pre>")
    if values := compared(finding, lang):
        parts.append(f"<p>{html.escape(values)}</p>")
    if hint:
        parts.append(f"<p>{html.escape(say(HEADINGS['try']))}: {html.escape(hint)}</p>")
    return "".join(parts)
