"""Grades one answer to one exercise, in a child process with limits on time and memory."""

import base64
import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from badak.check import answers
from badak.check.causes.explain import explain_error
from badak.check.findings import Finding
from badak.check.isolate import MEMORY_LIMIT, attempts, clock_limit
from badak.check.load.reading import parse_source
from badak.check.load.running import Workspace
from badak.check.report.words import HEADINGS, compared, line_words, speak
from badak.language import fill_in, translator
from badak.learn.exercise import Answer, Exercise, exercise_named, fault
from badak.reading import read_regular

TIME_LIMIT = 10.0
"""Seconds of processor time for one answer; a right one takes about one, start included."""

VERDICTS = {
    "solved": "solved",
    "wrong": "wrong",
    "blank": "not yet written",
    "missing": "missing",
    "unknown": "could not be checked",
}
REASONS = {
    "time": "It used more than {seconds} seconds of processor time: is there an endless loop?",
    "clock": "It waited, and did not end within {clock} seconds.",
    "memory": "It needed more than {memory} GiB of memory.",
    "exit": "Its code ended the process by itself (exit code {code}).",
    "checker": "The check itself failed: {error}",
    "answer": "The answer of the check did not come as the check gives it: its code interfered.",
    "changed": "Its code changed the functions that check it.",
    "not-readable": "The file cannot be read: {error}.",
    "link": "It is a link to another hand-in or to the whole folder.",
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
    memory_limit: int | None = MEMORY_LIMIT, content: bytes | None = None, beside: Mapping[str, bytes] | None = None,
) -> Grade:  # fmt: skip
    """Grade the file at `path` as an answer to `exercise`: its code RUNS, in a child process. The file stays as it is.

    `time_limit` is in seconds of processor time, `memory_limit` in bytes (None: no limit). `content` is graded instead
    of what is in the file now, `beside` imported instead of the files beside it. Whatever the code does (loops for
    ever, crashes, exits) gives a Grade with the verdict 'unknown'.
    """
    path = Path(path)
    if content is None:
        try:
            content = read_regular(path)
        except FileNotFoundError:
            return Grade(exercise.name, "missing")
        except (OSError, ValueError) as error:
            return Grade(exercise.name, "unknown", reason="not-readable", values={"error": str(error)})
    answer: dict[str, Any] = {}
    orders = {"exercise": exercise.name}
    work = "badak.learn.grading:carry_out"
    for answer in attempts(work, path, content, orders, time_limit, memory_limit, beside):
        try:
            if "failure" not in answer:
                return Grade(exercise.name, **answers.grade_of(answer["answer"]))
        except answers.Refused:
            answer["failure"] = "answer"
    values = {"seconds": f"{time_limit:g}", "clock": f"{clock_limit(time_limit):g}",
              "memory": f"{(memory_limit or 0) / 2**30:.3g}", "code": answer.get("exit"),
              "error": answer.get("words", ""), **{key: answer[key] for key in ("at",) if key in answer},
              **({"line": answer["code"]} if "at" in answer else {})}  # fmt: skip
    return Grade(exercise.name, "unknown", reason=answer["failure"], values=values)


def carry_out(orders: dict[str, Any], stage: Callable[[str], None]) -> dict[str, Any]:
    """Do the orders of `grade`, in the child process: run the file and check what it defines."""
    exercise = exercise_named(orders["exercise"])
    path = Path(orders["path"])
    content = base64.b64decode(orders["content"]) if "content" in orders else read_regular(path)
    try:
        source = parse_source(path, content)
    except SyntaxError as error:
        words = {"error": error.msg, "line": error.lineno}
        text = "Python cannot read the file: {error}."
        advice = "Look for a bracket, a colon or an indentation near this line, or just above it."
        lines = content.decode("utf-8-sig", "replace").splitlines()
        return _told([fault("syntax-error", text, advice, **words)], [], lines)
    except (UnicodeDecodeError, ValueError) as error:
        return _told([fault("not-readable", "The file cannot be read: {error}.", error=str(error))], [], [])
    stage("running")
    # Files handed in beside an answer are those that it may import, not what lies there now.
    file = Path(orders["beside"], path.name) if "beside" in orders else path
    with Workspace(source, file) as place:
        answer = Answer(place.load(orders["run"]), exercise.names)
        stage("checking")
        return _judged(answer, exercise)


def _judged(answer: Answer, exercise: Exercise) -> dict[str, Any]:
    """Check what the file defines."""
    missing = [name for name in exercise.names if not callable(answer.namespace.get(name))]
    found = [_missing(answer, name) for name in missing] if missing else list(exercise.check(answer))
    return _told(found, answer.blanks, answer.source.lines)


def _told(findings: list[Finding], blanks: list[str], lines: list[str]) -> dict[str, Any]:
    wrong = any(finding.severity == "error" for finding in findings)
    verdict = "wrong" if wrong else "blank" if blanks else "solved"
    told = [finding.to_dict() for finding in findings]
    return {"verdict": verdict, "findings": told, "blanks": blanks, "source": lines}


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
        if "at" in graded.values:
            lines.append(f"   {line_words(graded.values['at'], None, lang)} | {graded.values['line']}")
    for finding in graded.findings:
        text, advice = words(finding, lang)
        line = finding.line if finding.line and 0 < finding.line <= len(graded.source) else None
        kind = check(HEADINGS[finding.severity])
        lines.append(f"[{kind}: {finding.label}] {text}")
        if line:
            lines.append(f"   {line:>3} | {graded.source[line - 1].strip()}")
        if values := compared(finding, lang):
            lines.append(f"   {values}")
        if advice:
            lines.append(f"   {check(HEADINGS['try'])}: {advice}")
    if graded.blanks:
        lines.append(fill_in(say("Still to write: {names}."), {"names": ", ".join(graded.blanks)}))
    return lines
