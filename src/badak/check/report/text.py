"""Reports for the terminal."""

from __future__ import annotations

from badak.check.findings import Report
from badak.check.report.words import HEADINGS, compared, notes, own_line, reason, speak, style_words, title, where
from badak.language import fill_in, translator
from badak.reading import shown


def report_text(report: Report, lang: str | None = None) -> str:
    """Give a report for the terminal: the verdict in the first line, how the object was read, a paragraph a finding."""
    say = translator("check", lang).gettext
    lines = [f"{title(report)}: {say(HEADINGS[report.verdict])}"]
    if report.style:
        lines.append(f"  {style_words(report, lang)}")
    if report.reason is not None:
        lines.append(f"  {reason(report, lang)}")
    for finding in report.findings:
        message, hint = speak(finding, lang)
        at = where(finding, lang)
        lines.append(f"  [{say(HEADINGS[finding.severity])}: {finding.label}] {at + ': ' if at else ''}{message}")
        if finding.line is not None and 0 < finding.line <= len(report.source):
            lines.append(f"      {own_line(finding)} | {report.source[finding.line - 1].strip()}")
        if values := compared(finding, lang):
            lines.append(f"      {values}")
        if hint:
            lines.append(f"      {say(HEADINGS['try'])}: {hint}")
    lines += [f"  {fill_in(say(HEADINGS['note-of-file']), {'text': text})}" for text in notes(report, lang)]
    # Names, messages and source lines are the file's: a terminal must show what is in them, not do it.
    return "\n".join(map(shown, lines))
