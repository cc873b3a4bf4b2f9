"""Checks a whole file in this process: load, find the objects, examine each. Run by the child process."""

from __future__ import annotations

import ast
import base64
import difflib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from badak.check.causes.explain import explain_error
from badak.check.contract import examine
from badak.check.findings import Finding, Report
from badak.check.load.fitting import is_final
from badak.check.load.importing import Note
from badak.check.load.reading import Unreadable, parse_source, read_source
from badak.check.load.running import Failed, Loaded, Workspace
from badak.check.load.targets import Finder, Target
from badak.check.source import Source

NAMED_IN_SCRIPTS = {
    "misspelled-method",
    "misspelled-attribute",
    "undefined-name",
    "removed-numpy-alias",
    "missing-self",
}


def examine_file(
    path: str | Path,
    wanted: str | None = None,
    only: Sequence[str] | None = None,
    run: str = "all",
    seconds: float = 20.0,
    name: str | None = None,
    stage: Callable[[str], None] = lambda words: None,
    content: bytes | None = None,
    caller: Path | None = None,
) -> list[Report]:
    """Check the objects of a file (or of a notebook) in this process, and the script around them.

    `run` as in `Workspace.load`; `seconds` of processor time; `content` instead of what is in the file; `caller` is the
    folder from which the check was asked for, where imports are looked for last. Gives a report with a reason where the
    file cannot be read. The user's code runs here: call `badak.check.check_file` to have it run in a child process.
    """
    path = Path(path)
    name = name or str(path)
    started = time.process_time()

    def expired() -> bool:
        return time.process_time() - started > seconds

    try:
        source = read_source(path) if content is None else parse_source(path, content)
    except SyntaxError as error:
        values = {"error": f"{error.msg} (line {error.lineno})"}
        return [Report(name, path.name, reason="Python cannot read the file: {error}", reason_values=values)]
    except Unreadable as error:
        return [Report(name, path.name, reason=error.text, reason_values=error.values)]
    except (OSError, ValueError, RecursionError, MemoryError) as error:
        words = {"error": str(error) or type(error).__name__}
        return [Report(name, path.name, reason="The file cannot be read: {error}", reason_values=words)]
    stage("running")
    with Workspace(source, path, caller, lambda: time.process_time() - started > seconds / 2) as place:
        loaded = place.load(run)
        finder = Finder(loaded, expired)
        reports: list[Report] = []
        for target in finder.targets(wanted):
            stage(f"checking {target.name}")
            reports.append(_hindered(_report(target, source, only, name), loaded))
        script = _script(loaded, source, name)
    if script.findings and wanted is None:
        reports.append(script)
    if not reports:
        reports.append(_nothing(loaded, finder, wanted, name))
    reports[-1].notes += [*_missing_modules(loaded), *loaded.notes, *(finder.passed_over if wanted is None else [])]
    for report in reports:
        _count_by_cells(report, source)
        report.source = source.lines
    return reports


def _count_by_cells(report: Report, source: Source) -> None:
    for finding in report.findings if source.cells else []:
        if finding.line is not None:
            finding.values["cell"] = source.cell(finding.line)
        if finding.values.get("used_line"):
            finding.values["used_cell"] = source.cell(finding.values["used_line"])


def carry_out(orders: dict[str, Any], stage: Callable[[str], None]) -> dict[str, Any]:
    """Do what the orders of a child process say: see `isolate.ask`."""
    keys = ("path", "object", "only", "run")
    path, wanted, only, run = (orders[key] for key in keys)
    content = base64.b64decode(orders["content"])
    caller = Path(orders["caller"]) if orders.get("caller") else None
    seconds = orders["time_limit"] * 0.8
    reports = examine_file(path, wanted, only, run, seconds, orders["name"], stage, content, caller)
    return {"reports": [report.to_dict() for report in reports]}


def _report(target: Target, source: Source, only: Sequence[str] | None, name: str) -> Report:
    if target.subject is not None:
        report = examine(target.subject, only, name)
        report.notes += target.notes
        return report
    report = Report(name, target.name, target.style)
    report.notes += target.notes
    if target.reason is not None:
        report.reason, report.reason_values = target.reason
    elif target.problem is not None:
        finding = explain_error(
            None, target.problem.error, "__init__", target.problem.line, "constructs", source=source
        )
        # Arguments of ours that do not fit are our fault: only a slip that shows with any arguments is the class's own.
        own = finding.label in NAMED_IN_SCRIPTS and is_final(target.problem.error)
        if finding.line is None or (target.guessed and not own):
            report.reason = "It could not be constructed: {error}. Add a function make() to the file that returns one."
            report.reason_values = finding.values
        else:
            report.findings = [finding]
    return report


def _hindered(report: Report, loaded: Loaded) -> Report:
    """Take what a module that was not found brought about for what it is: no fault of the object's."""
    kept = []
    for finding in report.findings:
        excuse = _excuse(finding, loaded)
        if excuse is None:
            kept.append(finding)
        else:
            report.reason, report.reason_values = excuse
    report.findings = kept
    return report


def _excuse(finding: Finding, loaded: Loaded) -> Note | None:
    """Say what kept a name, or a module, from the object; None where the fault is its own."""
    words = str(finding.values.get("error", ""))
    if finding.label != "undefined-name":
        missing = finding.severity == "error" and words.startswith(("ModuleNotFoundError", "ImportError", "Absent"))
        return ("It needs what is not there: {error}.", {"error": words}) if missing else None
    name, used = str(finding.values.get("name")), finding.values.get("used_line")
    lost = loaded.lost(name)
    if lost is not None:
        return _missing_module(lost, loaded)
    if "near" in finding.values:
        return None
    if loaded.unmade(name) is not None:
        return "line {line} makes {name}, and was not run, or failed.", {"name": name, "line": loaded.unmade(name)}
    home = loaded.project.defining(name) if loaded.project is not None else None
    if home is not None:
        text = "line {line}: {name} is not imported here; {file} of the project defines it."
        return text, {"name": name, "line": used, "file": str(home)}
    star = loaded.star_before(used)
    text = "line {line} uses {name}, which the import of everything in line {star} does not bring."
    return (text, {"name": name, "line": used, "star": star}) if star is not None else None


def _missing_modules(loaded: Loaded) -> list[Note]:
    """Give a line for every import that failed."""
    return [_missing_module(failed, loaded) for failed in loaded.failed if isinstance(failed.error, ImportError)]


def _missing_module(failed: Failed, loaded: Loaded) -> Note:
    places = ", ".join(map(str, loaded.project.above())) if loaded.project is not None else ""
    words = str(failed.error).partition(" (")[0]
    text = "line {line}: {error}; I looked in {places}"
    if failed.file:
        text = "line {line} of {file}: {error}; I looked in {places}"
    return text, {"line": failed.line, "file": failed.file, "error": words, "places": places}


def _script(loaded: Loaded, source: Source, name: str) -> Report:
    """Report what failed at the top level, as far as it has a name; what follows from an earlier failure
    is left out."""
    report = Report(name, "script", "script")
    lost: set[str] = set()
    for failed in loaded.failed:
        finding = explain_error(None, failed.error, None, failed.line, "script", source=source)
        consequence = finding.label == "undefined-name" and (finding.values.get("name") in lost or "*" in lost)
        lost |= set(failed.names)
        if isinstance(failed.error, ImportError) or consequence:
            continue
        if finding.label in NAMED_IN_SCRIPTS and all(f.line != finding.line for f in report.findings):
            report.findings.append(finding)
    for line, variable in _float_moduli(source):
        value = loaded.namespace.get(variable)
        if not isinstance(value, float) or value.is_integer():
            continue  # a value that is not known is no fault
        report.findings.append(
            Finding(
                "script",
                "float-iter-per-epoch",
                method=None,
                quantity=variable,
                line=line,
                values={"name": variable},
                got=value,
            )
        )
    return report


def _float_moduli(source: Source) -> list[tuple[int, str]]:
    """Give (line, name) of names made with / at the top level and used as i % name == 0 there."""
    top = [s for s in source.tree.body if not isinstance(s, (ast.ClassDef, ast.FunctionDef))]
    used = {
        n.right.id
        for s in top
        for n in ast.walk(s)
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Mod) and isinstance(n.right, ast.Name)
    }
    found = []
    for statement in top:
        if (
            isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Name)
            and statement.targets[0].id in used
        ):
            text = [n for n in ast.walk(statement.value) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div)]
            if text and not any(
                isinstance(n, ast.Call) and getattr(n.func, "id", "") in ("int", "round")
                for n in ast.walk(statement.value)
            ):
                found.append((statement.lineno, statement.targets[0].id))
    return found


def _nothing(loaded: Loaded, finder: Finder, wanted: str | None, name: str) -> Report:
    values = {"name": wanted or "", "error": "", "near": ""}
    if loaded.failed:
        error = loaded.failed[0].error
        values["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
    if wanted is not None:
        names = [*finder.classes, *loaded.own_functions()]
        lower = {n.lower(): n for n in names}
        near = difflib.get_close_matches(wanted.lower(), list(lower), 1, 0.6)
        if near:
            values["near"] = lower[near[0]]
            return Report(
                name, wanted, reason="There is no {name} in this file; did you mean {near}?", reason_values=values
            )
        return Report(name, wanted, reason="There is no class {name} in this file.", reason_values=values)
    if loaded.failed:
        return Report(name, "", reason="Nothing to check was found; the file failed with {error}", reason_values=values)
    return Report(
        name,
        "",
        reason="Nothing to check was found: no class with forward and backward, or loss and gradient.",
    )
