"""A finding and a report in words, translated through gettext (domain `check`).

The sentences themselves stand with their causes. Placeholders are the finding's own fields and its `values`; one that
is unknown prints as "?".
"""

from __future__ import annotations

from typing import Any

from badak.check.findings import Finding, Report
from badak.language import fill_in, translator

HEADINGS = {
    "right": "right", "hazard": "hazard", "wrong": "wrong", "unknown": "could not check",
    "error": "wrong", "note": "note", "expected": "expected", "got": "got", "try": "try",
    "line": "line {line}", "cell": "cell {cell}, line {line}",
    "also": "Also: {names}.",
    "written": "With {repair} instead of {before} it would be right.",
    "read-as": "read as: {style}",
    "note-of-file": "also: {text}",
    "in-layer": "Layer {layer}: {text}",
    "with-setting": "With {setting}: {text}",
}  # fmt: skip
CRASH_REPAIR = ("The shapes do not fit ({error}); with {repair} they do, and the gradient is right.", "Write {repair}.")


def _shown(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return f"({', '.join(map(str, value))}{',' if len(value) == 1 else ''})"
    return value


def sentences_of(finding: Finding) -> tuple[str, str]:
    """Give the two untranslated sentences of a finding: what is wrong, and what to try."""
    if finding.text:
        return finding.text, finding.advice or ""
    if finding.check == "runs" and finding.values.get("repair"):
        return CRASH_REPAIR
    from badak.check.causes.registry import cause_named  # all the causes: a report without findings needs none

    return cause_named(finding.label).sentences(finding.values)


def line_words(line: int, cell: list[int] | None, lang: str | None = None) -> str:
    """Name a line as its file counts it: of a notebook, the cell (number, line in it) and the line within it."""
    say = translator("check", lang).gettext
    if cell:
        return fill_in(say(HEADINGS["cell"]), {"cell": cell[0], "line": cell[1]})
    return fill_in(say(HEADINGS["line"]), {"line": line})


def speak(finding: Finding, lang: str | None = None) -> tuple[str, str]:
    """Give message and hint of a finding in a language ('en', 'ko', None for the user's own)."""
    say = translator("check", lang).gettext
    message, hint = sentences_of(finding)
    values = _values(finding, lang)
    text = fill_in(say(message), values)
    if finding.values.get("layer") and "{layer}" not in message:
        text = fill_in(say(HEADINGS["in-layer"]), {**values, "text": text})
    if finding.values.get("setting"):
        text = fill_in(say(HEADINGS["with-setting"]), {**values, "text": text})
    if finding.values.get("also"):
        text += " " + fill_in(say(HEADINGS["also"]), {"names": ", ".join(f"d{q}" for q in finding.values["also"])})
    advice = fill_in(say(hint), values) if hint else ""
    if finding.values.get("repair") and finding.check == "gradients":
        advice += " " + fill_in(say(HEADINGS["written"]), values)
    return text, advice.strip()


def _values(finding: Finding, lang: str | None) -> dict[str, Any]:
    values = {k: _shown(v) for k, v in finding.values.items() if k != "got"}
    if finding.values.get("used_line"):
        values["used"] = line_words(finding.values["used_line"], finding.values.get("used_cell"), lang)
    values["got_factor"] = _shown(finding.values.get("got", "?"))
    for name in ("method", "quantity", "line"):
        values[name] = getattr(finding, name) if getattr(finding, name) is not None else values.get(name, "?")
    for name in ("got", "expected"):
        values[name] = _shown(getattr(finding, name)) if getattr(finding, name) is not None else "?"
    return values


def compared(finding: Finding, lang: str | None = None) -> str:
    """Give the number that came and the one expected, in words; '' where they are not two floats."""
    if not isinstance(finding.got, float) or not isinstance(finding.expected, float):
        return ""
    say = translator("check", lang).gettext
    return f"{say(HEADINGS['got'])} {finding.got:.8g}, {say(HEADINGS['expected'])} {finding.expected:.8g}"


def where(finding: Finding, lang: str | None = None) -> str:
    """Give the place of a finding: method, line (of a notebook: cell and line), element."""
    parts = [finding.method] if finding.method else []
    if finding.line is not None:
        parts.append(line_words(finding.line, finding.values.get("cell"), lang))
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


def style_words(report: Report, lang: str | None = None) -> str:
    """Say how the object was read: 'read as: class with forward and backward'."""
    say = translator("check", lang).gettext
    return fill_in(say(HEADINGS["read-as"]), {"style": say(report.style)})


def reason(report: Report, lang: str | None = None) -> str:
    """Give the sentence why an object could not be checked, '' where it could."""
    if report.reason is None:
        return ""
    return fill_in(translator("check", lang).gettext(report.reason), report.reason_values)


def notes(report: Report, lang: str | None = None) -> list[str]:
    """Give what else is to be said of the file: what stood in for what, what was passed over."""
    say = translator("check", lang).gettext
    return [fill_in(say(text), values) for text, values in report.notes]
