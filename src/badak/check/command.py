"""The command `badak check`: reports on the terminal, as JSON or as a page, and the exit code."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from badak.check.findings import Report
from badak.check.folder import expanded
from badak.check.isolate import MEMORY_LIMIT, TIME_LIMIT, check_file
from badak.check.report import report_html, report_json, report_text
from badak.language import choose_language
from badak.reading import read_regular

HELP = (
    "Check layers, losses and networks in FILE.py, FILE.py:ClassName, FILE.ipynb or a FOLDER. This RUNS the code in "
    "the file, in a child process with limits on time and memory; check only what you would run."
)


def split_name(argument: str) -> tuple[str, str | None]:
    """Split FILE.py:ClassName; a Windows drive's colon stays with the file."""
    head, colon, tail = argument.rpartition(":")
    if colon and tail.isidentifier() and head.endswith((".py", ".ipynb")):
        return head, tail
    return argument, None


def check_command(
    files: Sequence[str],
    json: bool = False,
    html: str | None = None,
    strict: bool = False,
    lang: str | None = None,
    time_limit: float = TIME_LIMIT,
    memory_limit: int | None = MEMORY_LIMIT,
    training: Callable[[], int] | None = None,
    only: Sequence[str] | None = None,
) -> int:
    """Check files and print the reports; give the exit code.

    0: all right (a hazard too, unless `strict`); 1: something is wrong; 2: nothing is, and something could not be
    checked. A folder stands for the files below it.
    `html` names a file for a page with all reports. `training`, if given, is called instead. Raises
    ValueError for an unknown language, check or limit, OSError when the page cannot be written.
    """
    if training is not None:
        return training()
    choose_language(lang)
    if only:
        _refuse_unknown(only)
    # Written so that a NaN, which compares False with everything, is refused too.
    if not 0 < time_limit < math.inf:
        raise ValueError(f"time_limit must be more than 0 seconds, not {time_limit:g}")
    if memory_limit is not None and not memory_limit > 0:
        raise ValueError(f"memory_limit must be more than 0 bytes, not {memory_limit}")
    if html is not None:
        _refuse_page(Path(html))
    reports: list[Report] = []
    given = [split_name(argument) for argument in expanded(files)]
    # All are read before any is run: what the code of one does to the others' files changes no verdict.
    contents = {path: content for path, _ in given if (content := _content(path)) is not None}
    for path, name in given:
        limits: dict[str, Any] = {"time_limit": time_limit, "memory_limit": memory_limit, "only": only}
        for report in check_file(path, name, content=contents.get(path), **limits):
            reports.append(report)
            sys.stdout.write((report_json if json else report_text)(report, lang) + "\n")
            sys.stdout.flush()
    if html is not None:
        page = report_html(reports, lang)
        Path(html).write_text(page, encoding="utf-8")
    return exit_code(reports, strict)


def _refuse_unknown(only: Sequence[str]) -> None:
    """Raise ValueError for a check that there is not."""
    from badak.check.contract import CHECKS  # the whole contract, which otherwise the child alone needs

    unknown = [name for name in only if name not in CHECKS]
    if unknown:
        raise ValueError(f"no check named {unknown[0]!r}; there are {', '.join(CHECKS)}")


def _content(path: str) -> bytes | None:
    """Give what is in a file, None where it cannot be read: `check_file` says why."""
    try:
        return read_regular(path)
    except (OSError, ValueError):
        return None


def _refuse_page(page: Path) -> None:
    """Raise OSError where a page cannot be written, before there is an hour's checking to lose."""
    if page.is_dir():
        raise IsADirectoryError(f"{page} is a folder; --html takes the name of a file")
    if not page.absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {page.parent} to write the page to")


def exit_code(reports: Sequence[Report], strict: bool = False) -> int:
    """Give 1 if anything is wrong (strict: a hazard too), else 2 if anything, or everything, could not be checked."""
    verdicts = {report.verdict for report in reports}
    if "wrong" in verdicts or (strict and "hazard" in verdicts):
        return 1
    return 2 if "unknown" in verdicts or not verdicts else 0
