"""Naming the cause of an exception that the user's code raised."""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np

from badak.check.causes.names import definition_line
from badak.check.causes.places import names_read
from badak.check.causes.placing import locate
from badak.check.exam import Exam
from badak.check.findings import Finding
from badak.check.numeric import close
from badak.check.source import Source
from badak.check.subject import Subject, UserError, attributes_of

Array = np.ndarray[Any, Any]
REMOVED_ALIASES = (
    "int",
    "float",
    "bool",
    "object",
    "str",
    "complex",
    "long",
    "unicode",
    "float_",
    "Inf",
    "infty",
    "NaN",
    "product",
    "cumproduct",
    "in1d",
    "row_stack",
    "trapz",
    "asfarray",
    "mat",
)


PUBLIC = ("forward", "backward", "loss", "gradient", "predict", "accuracy", "update", "numerical_gradient")


def closest(name: str, names: Sequence[str]) -> str | None:
    """Give the name nearest to a misspelled one."""
    found = difflib.get_close_matches(name, names, 1, 0.7)
    return str(found[0]) if found else None


def explain(exam: Exam, failure: UserError, check: str) -> Finding:
    """Name the cause of an exception that the user's code raised."""
    return explain_error(
        exam.examinee if isinstance(exam.examinee, Subject) else None,
        failure.error,
        failure.method,
        failure.line,
        check,
    )


def explain_error(
    subject: Subject | None,
    error: BaseException,
    method: str | None,
    line: int | None,
    check: str,
    function: str | None = None,
    source: Source | None = None,
) -> Finding:
    """Name the cause of an exception: misspelled, undefined, removed, forgotten, or `unnamed`."""
    words = f"{type(error).__name__}: {error}"
    values: dict[str, Any] = {"error": words.splitlines()[0]}
    source = source or (subject.source if subject else None)
    if source is not None and line is not None:
        owner, inside = source.enclosing(line)
        method = inside if owner is not None and inside else method
    finding = Finding(check, "unnamed", method=method, line=line, values=values)
    if isinstance(error, NameError):
        finding.label = "undefined-name"
        name = getattr(error, "name", None) or str(error).split("'")[1]
        if name == "self" and _lacks_self(source, finding):
            return finding
        finding.values |= {"name": name, "used_line": line}
        finding.quantity = method
        if source is not None:
            owner, inside = source.enclosing(line) if line is not None else (None, None)
            node = source.method(owner, inside) if owner and inside else None
            near = closest(name, sorted(_names_in(node) - {name})) if node else None
            if near is None:
                # What is missing belongs at the top of the file; the message tells where it is used.
                finding.line = definition_line(source)
            else:
                finding.values["near"] = near
    elif isinstance(error, AttributeError):
        _explain_attribute(subject, error, finding)
    elif isinstance(error, TypeError) and "Python scalar" in str(error):
        _explain_scalar(source, finding)
    elif isinstance(error, TypeError) and "positional argument" in str(error) and "given" in str(error):
        _explain_arity(subject, error, finding, source)
    elif (
        isinstance(error, TypeError)
        and "NoneType" in str(error)
        and subject is not None
        and method == subject.backward_name
    ):
        _explain_none(subject, finding)
    elif subject is not None and method == subject.backward_name and isinstance(error, (ValueError, IndexError)):
        _explain_shape_error(subject, error, finding)
    return finding


def _explain_attribute(subject: Subject | None, error: AttributeError, finding: Finding) -> None:
    name, owner = getattr(error, "name", None) or "", getattr(error, "obj", None)
    if not name and "module 'numpy' has no attribute" in str(error):
        # NumPy raises this itself for the names that it removed, without saying which in the exception's
        # fields.
        name, owner = str(error).split("'")[3], np
    finding.values["name"] = name
    if inspect.ismodule(owner) and owner.__name__ == "numpy":
        finding.label = "removed-numpy-alias" if name in REMOVED_ALIASES else "unnamed"
        if finding.label == "unnamed":
            _suggest(finding, name, dir(owner), "misspelled-attribute")
            finding.values["module"] = finding.label == "misspelled-attribute"
        return
    if owner is None:
        if subject is not None and "NoneType" in str(error):
            _explain_none(subject, finding)
        return
    names = [n for n in dir(owner) if not n.startswith("__")]
    own = subject is not None and owner is not None and type(owner) is subject.kind
    finding.values["owner"] = type(owner).__name__ if not inspect.isclass(owner) else owner.__name__
    near = closest(name, names)
    if near is not None and callable(getattr(owner, near, None)):
        finding.label = "misspelled-method"
        # Where the name asked for is the one that callers use, the definition is misspelled; else the call.
        finding.values |= {"near": near, "called": name not in PUBLIC}
    elif near is not None:
        finding.label = "misspelled-attribute"
        finding.values["near"] = near
    elif own and finding.method == getattr(subject, "backward_name", ""):
        _explain_none(subject, finding, name)


def _names_in(node: ast.AST) -> set[str]:
    """Give the names that a function uses, its arguments among them."""
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    return names | {n.arg for n in ast.walk(node) if isinstance(n, ast.arg)}


def _lacks_self(source: Source | None, finding: Finding) -> bool:
    """A method that uses self without having it among its arguments."""
    owner, inside = source.enclosing(finding.line) if source is not None and finding.line else (None, None)
    node = source.method(owner, inside) if source is not None and owner and inside else None
    if node is None or any(a.arg == "self" for a in node.args.args):
        return False
    finding.label, finding.method, finding.line = "missing-self", node.name, node.lineno
    finding.values |= {"name": node.name, "arguments": ", ".join(a.arg for a in node.args.args)}
    return True


def _explain_scalar(source: Source | None, finding: Finding) -> None:
    """A function of math was given an array: the one of NumPy takes arrays."""
    for node in ast.walk(source.tree) if source is not None else []:
        if not isinstance(node, ast.Call) or not node.lineno <= (finding.line or 0) <= (node.end_lineno or 0):
            continue
        words = ast.unparse(node.func)
        if words.startswith("math.") and hasattr(np, words.removeprefix("math.")):
            finding.label = "math-on-array"
            finding.values |= {"name": words, "near": words.replace("math.", "np.")}
            return


def _suggest(finding: Finding, name: str, names: list[str], label: str) -> None:
    near = closest(name, names)
    if near is not None:
        finding.label = label
        finding.values["near"] = near


def _explain_none(subject: Subject | None, finding: Finding, missing: str | None = None) -> None:
    """Backward read something that forward did not keep: was it kept under another name?"""
    if subject is None:
        return
    read = names_read(subject, "backward")
    obj = subject.fresh()
    try:
        y = subject.forward(obj, subject.x.copy() if isinstance(subject.x, np.ndarray) else subject.x, subject.second)
    except UserError:
        return
    empty = [n for n in read if getattr(obj, n, None) is None] if missing is None else [missing]
    if missing is not None and missing not in read:
        empty = [missing]
    if not empty:
        return
    name = empty[0]
    finding.values["name"] = name
    kept = [n for n in attributes_of(obj) if isinstance(getattr(obj, n, None), np.ndarray) and n not in read]
    before = {n for n in attributes_of(subject.obj) if isinstance(getattr(subject.obj, n, None), np.ndarray)}
    same = [
        n
        for n in kept
        if n not in before
        and (close(getattr(obj, n), subject.x) or n.lower() == name.lower() or close(getattr(obj, n), y))
    ]
    near = closest(name, [n for n in kept if n not in before])
    if same or near:
        finding.label = "cache-name-mismatch"
        finding.values["near"] = same[0] if same else near
    else:
        finding.label = "missing-cache"
    finding.values["read_line"] = finding.line
    finding.line = None
    finding.method = "forward"
    locate(subject, finding)


def _explain_arity(subject: Subject | None, error: TypeError, finding: Finding, source: Source | None) -> None:
    words = str(error)
    name = words.split("(", maxsplit=1)[0].rsplit(".", maxsplit=1)[-1]
    if subject is None or source is None:
        return
    node = source.method(subject.name, name)
    if node is not None and (not node.args.args or node.args.args[0].arg not in ("self", "cls", "this")):
        finding.label = "missing-self"
        finding.method = name
        finding.line = node.lineno
        finding.values["name"] = name


def _explain_shape_error(subject: Subject, error: BaseException, finding: Finding) -> None:
    if (
        np.ndim(subject.x) >= 3
        and not subject.runs_forward_itself
        and any(w in str(error) for w in ("align", "shape", "matmul", "dimension"))
    ):
        flat = subject.sibling(_rows(subject.x))
        try:
            flat.run()
        except (UserError, ValueError):
            return
        finding.label = "breaks-on-nd-input"
        finding.values["shape"] = np.shape(subject.x)
    elif np.ndim(subject.x) == 1 and isinstance(subject.x, np.ndarray):
        whole = subject.sibling(
            subject.x[None], subject.second if subject.second is None else np.asarray(subject.second)[None]
        )
        try:
            whole.run()
        except (UserError, ValueError):
            return
        finding.label = "one-d-input-collapses-grad"
    elif subject.scalar and subject.input_names:
        t, x = subject.second, subject.x
        if isinstance(t, np.ndarray) and t.ndim == 1 and t.dtype.kind in "iu" and np.ndim(x) == 2 and len(t) == len(x):
            hot = np.eye(x.shape[1])[t]
            try:
                if close(
                    np.ravel(subject.run(second=hot).y),
                    np.ravel(subject.forward(subject.fresh(), x.copy(), t.copy())),
                ):
                    finding.label = "assumes-one-hot"
            except (UserError, ValueError, IndexError):
                return


def _rows(x: Array) -> Array:
    return np.asarray(x).reshape(-1, np.shape(x)[-1])
