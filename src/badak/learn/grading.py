"""Grades one answer to one exercise, in a child process with limits on time and memory."""

import difflib
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from badak.check import discover
from badak.check.contract import explain_error
from badak.check.findings import Finding
from badak.check.isolate import MEMORY_LIMIT, ask
from badak.check.messages import HEADINGS, speak
from badak.language import fill_in, translator
from badak.learn.exercise import Answer, Exercise, exercise_named, fault

TIME_LIMIT = 10.0
"""Seconds for one answer; a right one takes about one, start included."""

VERDICTS = {
    "solved": "solved",
    "wrong": "wrong",
    "blank": "not yet written",
    "missing": "missing",
    "unknown": "could not be checked",
}
REASONS = {
    "time": "It did not finish within {seconds} seconds: is there an endless loop?",
    "memory": "It needed more than {memory} GiB of memory.",
    "exit": "Its code ended the process by itself (exit code {code}).",
    "checker": "The check itself failed: {error}",
}


@dataclass
class Grade:
    """How an answer stands: its verdict, one of VERDICTS, and what is wrong, the cause first."""

    exercise: str
    verdict: str
    findings: list[Finding] = field(default_factory=list)
    blanks: list[str] = field(default_factory=list)
    reason: str | None = None
    """One of REASONS where the verdict is 'unknown'."""
    values: dict[str, Any] = field(default_factory=dict)
    source: list[str] = field(default_factory=list)

    @property
    def labels(self) -> list[str]:
        """The causes, as labels; where it could not be checked, what stopped it."""
        return [self.reason] if self.reason else [f.label for f in self.findings if f.severity == "error"]


def grade(
    path: str | os.PathLike[str], exercise: Exercise, *, time_limit: float = TIME_LIMIT,
    memory_limit: int | None = MEMORY_LIMIT,
) -> Grade:  # fmt: skip
    """Grade the file at `path` as an answer to `exercise`: its code RUNS, in a child process. The file stays as it is.

    `time_limit` is in seconds, `memory_limit` in bytes (None: no limit). Whatever the code does (loops for ever,
    crashes, exits) gives a Grade with the verdict 'unknown'.
    """
    path = Path(path)
    if not path.is_file():
        return Grade(exercise.name, "missing")
    started = time.monotonic()
    answer: dict[str, Any] = {}
    # A loop that never ends at the bottom of the file does not hide a right answer above it.
    for run, share in (("all", 0.6), ("definitions", 1.0)):
        left = max(time_limit * share - (time.monotonic() - started), 0.1)
        orders = {"work": "badak.learn.grading:carry_out", "path": str(path.resolve()), "exercise": exercise.name,
                  "run": run, "memory_limit": memory_limit, "token": secrets.token_hex(8)}  # fmt: skip
        answer = ask(orders, left)
        if "verdict" in answer:
            answer["findings"] = [Finding(**plain) for plain in answer["findings"]]
            return Grade(exercise.name, **{k: v for k, v in answer.items() if k not in ("token", "stage")})
    values = {"seconds": f"{time_limit:g}", "memory": f"{(memory_limit or 0) / 2**30:.3g}", "code": answer.get("code"),
              "error": answer.get("words", "")}  # fmt: skip
    return Grade(exercise.name, "unknown", reason=answer["failure"], values=values)


def carry_out(orders: dict[str, Any], stage: Callable[[str], None]) -> dict[str, Any]:
    """Do the orders of `grade`, in the child process: run the file and check what it defines."""
    exercise = exercise_named(orders["exercise"])
    try:
        source = discover.read_source(Path(orders["path"]))
    except SyntaxError as error:
        words = {"error": error.msg, "line": error.lineno}
        text = "Python cannot read the file: {error}."
        advice = "Look for a bracket, a colon or an indentation near this line, or just above it."
        return _told([fault("syntax-error", text, advice, **words)], [], _lines(orders["path"]))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        return _told([fault("not-readable", "The file cannot be read: {error}.", error=str(error))], [], [])
    stage("running")
    answer = Answer(discover.load(source, orders["run"]), exercise.names)
    stage("checking")
    missing = [name for name in exercise.names if not callable(answer.namespace.get(name))]
    found = [_missing(answer, name) for name in missing] if missing else list(exercise.check(answer))
    return _told(found, answer.blanks, source.lines)


def _told(findings: list[Finding], blanks: list[str], lines: list[str]) -> dict[str, Any]:
    wrong = any(finding.severity == "error" for finding in findings)
    verdict = "wrong" if wrong else "blank" if blanks else "solved"
    told = [finding.to_dict() for finding in findings]
    return {"verdict": verdict, "findings": told, "blanks": blanks, "source": lines}


def _lines(path: str) -> list[str]:
    return Path(path).read_text(encoding="utf-8-sig", errors="replace").splitlines()


def _missing(answer: Answer, name: str) -> Finding:
    """Say why the file does not define what it should: it failed on the way, or it has another name."""
    for failed in answer.failed:
        # An import that failed takes everything after it along; a class fails by a line of its own.
        around = answer.source.enclosing(failed.line)[0] if failed.line else None
        if name in (*failed.names, around) or isinstance(failed.error, ImportError):
            return explain_error(None, failed.error, None, failed.line, "script", source=answer.source)
    defined = [node.name for node in answer.source.classes()] + list(answer.source.functions())
    lower = {other.lower(): other for other in defined}
    near = difflib.get_close_matches(name.lower(), list(lower), 1, 0.7)
    if near:
        text, advice = "The file defines {near}; it should be {name}.", "Correct the spelling."
        return fault("misspelled-name", text, advice, name=name, near=lower[near[0]])
    return fault("missing-name", "The file does not define {name}.", "Keep the names of the exercise.", name=name)


def words(finding: Finding, lang: str | None = None) -> tuple[str, str]:
    """Give what is wrong and what to try, in 'en' or 'ko'."""
    if finding.check != "learn":
        # The corrected expression, which the check knows, is the solution: that is for the learner to find.
        values = {key: value for key, value in finding.values.items() if key != "repair"}
        return speak(Finding(**{**finding.to_dict(), "values": values}), lang)
    say = translator("learn", lang).gettext
    shown = {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in finding.values.items()}
    shown.setdefault("quantity", finding.quantity)
    text, advice = (fill_in(say(part), shown) if part else "" for part in (finding.text, finding.advice))
    return text, advice


def report(graded: Grade, lang: str | None = None) -> list[str]:
    """Give a grade as lines of text: the cause first, where it is, the line itself, and what to try."""
    say, check = translator("learn", lang).gettext, translator("check", lang).gettext
    lines = []
    if graded.reason:
        lines.append(fill_in(say(REASONS[graded.reason]), graded.values))
    for finding in graded.findings:
        text, advice = words(finding, lang)
        line = finding.line if finding.line and 0 < finding.line <= len(graded.source) else None
        kind = check(HEADINGS[finding.severity])
        lines.append(f"[{kind}: {finding.label}] {text}")
        if line:
            lines.append(f"   {line:>3} | {graded.source[line - 1].strip()}")
        if isinstance(finding.got, float) and isinstance(finding.expected, float):
            lines.append(
                f"   {check(HEADINGS['got'])} {finding.got:.8g}, {check(HEADINGS['expected'])} {finding.expected:.8g}"
            )
        if advice:
            lines.append(f"   {check(HEADINGS['try'])}: {advice}")
    if graded.blanks:
        lines.append(fill_in(say("Still to write: {names}."), {"names": ", ".join(graded.blanks)}))
    return lines
