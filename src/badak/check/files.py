"""Checks a whole file in this process: load, find the objects, examine each. Run by the child process."""

from __future__ import annotations

import ast
import base64
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from badak.check import discover
from badak.check.contract import examine, explain_error
from badak.check.findings import Finding, Report
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
) -> list[Report]:
    """Check the objects of a file (or of a notebook) in this process, and the script around them.

    `run` as in `discover.load`; `seconds` of processor time; `content` instead of what is in the file. Gives a report
    with a reason where the file cannot be read. The user's code runs here: call `badak.check.check_file` to have it
    run in a child process.
    """
    path = Path(path)
    name = name or str(path)
    started = time.process_time()

    def expired() -> bool:
        return time.process_time() - started > seconds

    try:
        source = discover.read_source(path) if content is None else discover.parse_source(path, content)
    except SyntaxError as error:
        values = {"error": f"{error.msg} (line {error.lineno})"}
        return [Report(name, path.name, reason="Python cannot read the file: {error}", reason_values=values)]
    except (OSError, UnicodeDecodeError, ValueError) as error:
        return [
            Report(
                name,
                path.name,
                reason="The file cannot be read: {error}",
                reason_values={"error": str(error)},
            )
        ]
    stage("running")
    loaded = discover.load(source, run, lambda: time.process_time() - started > seconds / 2)
    reports: list[Report] = []
    for target in discover.targets(loaded, wanted, expired):
        stage(f"checking {target.name}")
        reports.append(_report(target, source, only, name))
    script = _script(loaded, source, name)
    if script.findings and wanted is None:
        reports.append(script)
    if not reports:
        reports.append(_nothing(loaded, wanted, name))
    for report in reports:
        for finding in report.findings:
            if finding.line is not None and source.cells:
                finding.values["cell"] = source.cell(finding.line)
            if source.cells and finding.values.get("used_line"):
                finding.values["used_cell"] = source.cell(finding.values["used_line"])
        report.source = source.lines
    return reports


def carry_out(orders: dict[str, Any], stage: Callable[[str], None]) -> dict[str, Any]:
    """Do what the orders of a child process say: see `isolate.ask`."""
    keys = ("path", "object", "only", "run")
    path, wanted, only, run = (orders[key] for key in keys)
    content = base64.b64decode(orders["content"])
    reports = examine_file(path, wanted, only, run, orders["time_limit"] * 0.8, orders["name"], stage, content)
    return {"reports": [report.to_dict() for report in reports]}


def _report(target: discover.Target, source: Source, only: Sequence[str] | None, name: str) -> Report:
    if target.subject is not None:
        return examine(target.subject, only, name)
    report = Report(name, target.name)
    if target.needs is not None:
        report.reason, report.reason_values = target.needs.text, target.needs.values
    elif target.problem is not None:
        finding = explain_error(
            None, target.problem.error, "__init__", target.problem.line, "constructs", source=source
        )
        if finding.line is None:
            report.reason = "It could not be constructed: {error}. Add a function make() to the file that returns one."
            report.reason_values = finding.values
        else:
            report.findings = [finding]
    return report


def _script(loaded: discover.Loaded, source: Source, name: str) -> Report:
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
        if isinstance(value, float) and value.is_integer():
            continue
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


def _nothing(loaded: discover.Loaded, wanted: str | None, name: str) -> Report:
    values = {"name": wanted or "", "error": ""}
    if loaded.failed:
        error = loaded.failed[0].error
        values["error"] = f"{type(error).__name__}: {error}".splitlines()[0]
    if wanted is not None:
        return Report(name, wanted, reason="There is no class {name} in this file.", reason_values=values)
    if loaded.failed:
        return Report(name, "", reason="Nothing to check was found; the file failed with {error}", reason_values=values)
    return Report(
        name,
        "",
        reason="Nothing to check was found: no class with forward and backward, or loss and gradient.",
    )
