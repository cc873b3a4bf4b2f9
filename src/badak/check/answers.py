"""What may come back from a child process: whose message it is, how many, and whether it has the form of an answer.

The user's code runs where the answer is made, so nothing in it is believed: an answer of another form than these
functions describe is no answer. Its sentences are formatted later, so they may hold nothing but plain {names}.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from badak.check.findings import SEVERITIES, Finding, Report
from badak.reading import load_json

MOST_BYTES = 16_000_000
"""An answer holds the lines of the file and what is wrong with them; the longest of the corpora has 60 kB."""
MOST_NESTED = 12
MOST_ITEMS = 10_000
LONGEST_NAME, LONGEST_WORDS = 500, 20_000
LABEL = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
FIELD = re.compile(r"\{\{|\}\}|\{\w+\}")
FAILURES = ("memory", "checker", "changed")
"""What a child can say of itself; `isolate.ask` knows further ones."""

_Check = Callable[[Any], bool]


class Refused(ValueError):
    """An answer that is none."""


def code_of(keyed: Any, number: int, text: str) -> str:
    """Give the code of message `number`; `keyed` is a blake2b object with the key of the orders."""
    made = keyed.copy()
    made.update(b"%d " % number)
    made.update(text.encode())
    return str(made.hexdigest())


def opened(content: str, key: bytes) -> tuple[dict[str, Any] | None, str]:
    """Give the answer in what came through the pipe, None where there is none, and the last stage noted.

    Raises Refused for a message without its code, more than one answer, or one that is no answer.
    """
    keyed = hashlib.blake2b(key=key, digest_size=16)
    answer, stage = None, ""
    for number, line in enumerate(content.rstrip("\n").split("\n") if content else []):
        code, _, text = line.partition(" ")
        if answer is not None or not secrets.compare_digest(code.encode(), code_of(keyed, number, text).encode()):
            raise Refused("a message came that the check did not send")
        try:
            plain = load_json(text, "the answer", MOST_NESTED)
        except ValueError as error:
            raise Refused(str(error)) from None
        if not isinstance(plain, dict) or len(plain) != 1:
            raise Refused("a message is of another form")
        if isinstance(plain.get("stage"), str):
            stage = plain["stage"][:LONGEST_NAME]
        elif isinstance(plain.get("answer"), dict):
            answer = plain["answer"]
        else:
            raise Refused("a message is of another form")
    return answer, stage


def failure_of(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give {'failure', 'words'} where the child says that it could not check, None where it did."""
    if "failure" not in answer:
        return None
    _demand(answer, {"failure": lambda v: v in FAILURES}, {"words": _words})
    return {"failure": answer["failure"], "words": answer.get("words", "")}


def reports_of(answer: Mapping[str, Any], file: str) -> list[Report]:
    """Give the reports in an answer of `check.files`, at least one, each of `file`. Raises Refused."""
    _demand(answer, {"reports": lambda v: isinstance(v, list) and 0 < len(v) <= MOST_ITEMS})
    found = []
    for plain in answer["reports"]:
        _demand(plain, {"file": _words, "object": _name, "style": _name, "findings": _list, "reason": _sentence,
                        "reason_values": _values, "checked": _names, "seconds": _number, "source": _lines,
                        "notes": _notes})  # fmt: skip
        findings = [finding_of(inner) for inner in plain["findings"]]
        notes = [(text, values) for text, values in plain["notes"]]
        found.append(Report(**{**plain, "file": file, "findings": findings, "notes": notes}))
    return found


def finding_of(plain: Any) -> Finding:
    """Give the finding that plain data describe. Raises Refused."""
    _demand(plain, {
        "check": lambda v: isinstance(v, str) and LABEL.fullmatch(v) is not None,
        "label": lambda v: isinstance(v, str) and LABEL.fullmatch(v) is not None,
        "severity": lambda v: v in SEVERITIES,
        "method": lambda v: v is None or _name(v),
        "quantity": lambda v: v is None or _name(v),
        "index": lambda v: v is None or (isinstance(v, list) and len(v) <= 64 and all(map(_whole, v))),
        "line": lambda v: v is None or (_whole(v) and v >= 0),
        "got": _value, "expected": _value, "text": _sentence, "advice": _sentence, "values": _values,
    })  # fmt: skip
    return Finding(**plain)


def grade_of(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Give {'verdict', 'findings', 'blanks', 'source'} of an answer of `learn.grading`. Raises Refused."""
    _demand(answer, {"verdict": lambda v: v in ("solved", "wrong", "blank"), "findings": _list, "blanks": _names,
                     "source": _lines})  # fmt: skip
    findings = [finding_of(plain) for plain in answer["findings"]]
    wrong = any(finding.severity == "error" for finding in findings)
    if wrong != (answer["verdict"] == "wrong"):
        raise Refused("verdict and findings do not agree")
    return {**answer, "findings": findings}


def _demand(plain: Any, needed: Mapping[str, _Check], allowed: Mapping[str, _Check] | None = None) -> None:
    """Raise Refused unless `plain` has the keys `needed`, at most those `allowed` beside, all of the right form."""
    checks = {**needed, **(allowed or {})}
    if not isinstance(plain, dict) or not set(needed) <= set(plain) <= set(checks):
        raise Refused("the answer has other parts than an answer has")
    for key, value in plain.items():
        if not checks[key](value):
            raise Refused(f"the part {key} of the answer is of another form")


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _number(value: Any) -> bool:
    return (isinstance(value, int | float) and not isinstance(value, int)) or _whole(value)


def _name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_NAME


def _words(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_WORDS


def _sentence(value: Any) -> bool:
    return value is None or (_words(value) and not re.search(r"[{}]", FIELD.sub("", value)))


def _list(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= MOST_ITEMS


def _names(value: Any) -> bool:
    return _list(value) and all(map(_name, value))


def _lines(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(line, str) for line in value)


def _notes(value: Any) -> bool:
    pairs = _list(value) and all(isinstance(pair, list) and len(pair) == 2 for pair in value)
    return pairs and all(text is not None and _sentence(text) and _values(values) for text, values in value)


def _value(value: Any) -> bool:
    """Say whether a value is one that a sentence shows: it is short."""
    try:
        return len(json.dumps(value)) <= LONGEST_WORDS
    except ValueError:  # a whole number of too many digits
        return False


def _values(value: Any) -> bool:
    return isinstance(value, dict) and len(value) <= 200 and all(_name(key) and _value(v) for key, v in value.items())
