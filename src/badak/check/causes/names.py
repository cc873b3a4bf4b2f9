# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Names and signatures: what is misspelled, missing, or not there any more."""

from __future__ import annotations

import ast

from badak.check.causes.base import Cause
from badak.check.causes.places import cache_store, class_line, def_line, last_line
from badak.check.findings import Finding
from badak.check.source import Source
from badak.check.subject import Subject


def _misspelled(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    node = subject.source.method(subject.name, str(finding.values.get("near")))
    if node is not None:
        finding.method = str(finding.values.get("name"))
    return node.lineno if node is not None else None


def _missing_definition(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    return definition_line(subject.source)


def definition_line(source: Source) -> int:
    """Give the line where a forgotten import or definition belongs: after the imports at the top."""
    imports = [n for n in source.tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    first = next((n.lineno for n in source.tree.body if isinstance(n, (ast.ClassDef, ast.FunctionDef))), 1)
    lines = [n.end_lineno or n.lineno for n in imports if n.lineno < first]
    return max(lines, default=1)


CAUSES = (
    Cause("math-on-array", "{name} takes one number, not an array.", "Write {near}: it takes arrays."),
    Cause(
        "list-for-array",
        "{name} gives a list: what is computed with it next (a product, a sum over an axis) fails or does something else.",
        "Compute with arrays: np.array(…), or an expression of NumPy instead of the loops.",
    ),
    Cause(
        "misspelled-attribute",
        "There is no self.{name}: did you mean self.{near}?",
        "Correct the spelling.",
        special={"module": ("np has no {name}: did you mean np.{near}?", "Correct the spelling.")},
    ),
    Cause(
        "misspelled-method",
        "{owner} has no method {name}, but it has {near}: did you mean {name}?",
        "Spell it {name}, so that callers find it.",
        special={"called": ("{owner} has no method {name}: did you mean {near}?", "Write {near}.")},
        place=_misspelled,
    ),
    Cause(
        "undefined-name",
        "{name} is used ({used}) but nowhere defined or imported.",
        "Import or define it at the top of the file.",
        special={"near": ("{name} is used ({used}) but nowhere defined: did you mean {near}?", "Write {near}.")},
        place=_missing_definition,
    ),
    Cause(
        "removed-numpy-alias",
        "np.{name} no longer exists in NumPy.",
        "Use the built-in {name}.",
    ),
    Cause(
        "missing-self",
        "def {name}({arguments}) lacks self: Python passes the object first.",
        "Write def {name}(self, {arguments}).",
        place=def_line,
    ),
    Cause(
        "missing-method",
        "{owner} has no method {name}.",
        "Write def {name}(self, …).",
        place=class_line,
    ),
    Cause(
        "missing-cache",
        "backward reads self.{name}, but forward never stores it.",
        "Write self.{name} = … in forward.",
        place=cache_store,
    ),
    Cause(
        "cache-name-mismatch",
        "forward keeps its value as self.{near}, backward reads self.{name}.",
        "Use one name in both.",
        place=cache_store,
    ),
    Cause(
        "nonstandard-backward-signature",
        "backward wants ({arguments}) instead of (dout): it cannot be used in `for layer in reversed(layers): dout = layer.backward(dout)`.",
        "Store in forward what backward needs, and take dout alone.",
        place=def_line,
    ),
    Cause(
        "returns-none",
        "{name} returns nothing.",
        "End it with return.",
        place=last_line,
    ),
)
