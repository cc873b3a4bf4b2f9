"""The layers that the checker is measured on: how their headers are read, and what counts as found.

`layers` are those that came with the plan, `layers_more` those for the rarer causes. The header holds the
answer, so it is stripped before the checker sees the source.
"""

import ast
import contextlib
import difflib
import io
import json
from dataclasses import dataclass
from pathlib import Path

from badak.check.files import examine_file
from badak.check.findings import Finding, Report

HERE = Path(__file__).parent
FOLDERS = (HERE / "layers", HERE / "layers_more")


@dataclass
class Layer:
    """One file: its header, its body, and what the fix changes."""

    path: Path
    header: dict[str, str]
    body: str

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def wrong(self) -> bool:
        return self.header["kind"] == "wrong"

    def text(self, fixed: bool = False) -> str:
        """Give the source with make() and a sample, as the checker sees it."""
        body = self.fixed() if fixed else self.body
        lines = [self.header["make"], self.header["sample"]]
        # Some bodies import no NumPy, one of them as its slip.
        return "\n".join([body, *(line.replace("np.", '__import__("numpy").') for line in lines)]) + "\n"

    def fixed(self) -> str:
        body = self.body
        for old, new in json.loads(self.header["fix"]):
            assert old in body, (self.name, old)
            body = body.replace(old, new, 1)
        return body

    def slip(self) -> set[int]:
        """Give the lines that the fix changes; for an insertion the lines around it."""
        before, after = self.body.splitlines(), self.fixed().splitlines()
        lines: set[int] = set()
        for tag, start, end, _, _ in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            if tag != "equal":
                lines |= set(range(start + 1, end + 1)) if end > start else {start, start + 1}
        return lines

    def methods(self) -> set[str]:
        """Give the methods that the fix touches; for a function outside the class the methods that may
        call it."""
        found: set[str] = set()
        tree = ast.parse(self.body)
        for node in [n for n in ast.walk(tree) if isinstance(n, ast.ClassDef)]:
            for method in [n for n in node.body if isinstance(n, ast.FunctionDef)]:
                if any(method.lineno <= line <= method.end_lineno + 1 for line in self.slip()):
                    found.add(method.name)
        return found


def read(path: Path) -> Layer:
    header = {}
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    count = 0
    for line in lines:
        if not line.startswith("# "):
            break
        key, _, value = line[2:].partition(":")
        header[key.strip()] = value.strip()
        count += 1
    return Layer(path, header, "".join(lines[count:]))


def layers(folder: Path) -> list[Layer]:
    return [read(path) for path in sorted(folder.glob("[cw]_*.py"))]


def check(layer: Layer, folder: Path, fixed: bool = False) -> Report:
    """Check a layer in this process and give the report on its class."""
    path = folder / "layer.py"
    path.write_text(layer.text(fixed), encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        reports = examine_file(path)
    return next((r for r in reports if r.object == layer.header["class"]), reports[0])


@dataclass
class Score:
    """What the checker made of one wrong layer."""

    found: bool
    label: bool
    place: bool


def score(layer: Layer, report: Report) -> Score:
    first: Finding | None = report.findings[0] if report.findings else None
    hazard = layer.header["severity"] == "hazard" and report.verdict == "hazard"
    near = first is not None and first.line is not None and min(abs(first.line - s) for s in layer.slip()) <= 2
    methods = layer.methods()
    placed = near and (not methods or first.method in methods)
    return Score(
        report.verdict == "wrong" or hazard,
        first is not None and first.label == layer.header["label"],
        placed,
    )
