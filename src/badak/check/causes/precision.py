"""Numbers: narrow types, rounding, clipping, overflow."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.causes.base import Cause, Verdict
from badak.check.causes.fit import all_close, scale
from badak.check.copying import walk
from badak.check.findings import Finding
from badak.check.numeric import close
from badak.check.source import attribute_lines, called_name, find_line
from badak.check.subject import Subject


def dtype_downcast(case: Case) -> Verdict:
    """Whole numbers, or an error of the size that half precision makes."""
    a0 = np.asarray(case.a[0])
    pairs = list(zip(case.a, case.n, strict=True))
    whole = all(np.array_equal(np.asarray(a, float), np.rint(np.asarray(a, float))) for a in case.a)
    if a0.dtype.kind in "iu" or (whole and all(np.nanmax(np.abs(a - n)) < 1.0 + 1e-6 for a, n in pairs)):
        truncated = all(close(np.trunc(n), a) for a, n in pairs)
        if a0.dtype.kind in "iub" or truncated:
            return "dtype-downcast", {"kind": "int"}
    error = max(np.nanmax(np.abs(a - n)) / max(scale([n]), 1e-300) for a, n in pairs)
    if error < 1e-2 and (a0.dtype == np.float16 or _holds_narrow(case)):
        return "dtype-downcast", {"kind": "float16"}
    return None


def _holds_narrow(case: Case) -> bool:
    narrow: list[Any] = []

    def look(part: Any) -> None:
        if isinstance(part, np.ndarray) and part.dtype in (np.float16, np.float32):
            narrow.append(part)

    walk(case.passes[0].obj, look)
    source = case.subject.source
    return bool(narrow) or (source is not None and ("float16" in source.text or "half" in source.text))


def rounds_gradient(case: Case) -> Verdict:
    """Multiples of a power of ten."""
    for digits in range(6):
        if all_close([np.round(n, digits) for n in case.n], case.a, 1e-9):
            return "rounds-gradient", {"digits": digits}
    return None


def clips_gradient(case: Case) -> Verdict:
    """Equal to the slope up to a limit, element by element or in norm."""
    limit = scale(case.a)
    low = max(float(np.nanmax(-np.asarray(a))) for a in case.a)
    for high, below in ((limit, limit), (limit, low)):
        clipped = [np.clip(n, -below, high) for n in case.n]
        hits = sum(int((np.isclose(np.abs(a), limit, rtol=1e-9)).sum()) for a in case.a)
        inside = any(((np.abs(a) > 1e-9 * limit) & (np.abs(a) < limit * (1 - 1e-9))).any() for a in case.a)
        if all_close(clipped, case.a) and hits >= 2 and inside:
            return "clips-gradient", {"limit": limit}
    # Clipped by norm: one ratio a dout, never above 1.
    ratios, norms = [], []
    for a, n in zip(case.a, case.n, strict=True):
        r = float(np.nansum(a * n) / np.nansum(n * n))
        if not close(r * n, a):
            return None
        ratios.append(r)
        norms.append(float(np.linalg.norm(a)))
    if min(ratios) < 1 - 1e-6 and max(ratios) <= 1 + 1e-6 and max(ratios) - min(ratios) > 1e-4:
        clipped_norms = [norm for norm, r in zip(norms, ratios, strict=True) if r < 1 - 1e-6]
        if np.ptp(clipped_norms) < 1e-4 * max(clipped_norms):
            return "clips-gradient", {"limit": max(clipped_norms)}
    return None


def rounded_forward(case: Case) -> Verdict:
    """A loss that takes steps: it is rounded."""
    subject = case.subject
    if not (case.is_loss and case.is_input) or not np.isfinite(scale(case.n)):
        return None
    value = float(np.ravel(case.y)[0])
    moved = [
        float(np.ravel(subject.forward(subject.fresh(), subject.x * s, subject.second))[0])
        for s in (1.3, 0.6, -1.0, 0.77, 2.1)
    ]
    for digits in range(7):
        if (
            all(abs(round(v, digits) - v) < 1e-12 * max(1.0, abs(v)) for v in [value, *moved])
            and len({value, *moved}) > 3
        ):
            return "rounds-loss", {"digits": digits}
    return None


def _rounding_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    return find_line(
        subject.source.reached(subject.name, "forward"),
        lambda n: called_name(n) in ("round", "around", "rint", "round_", "format"),
    )


def _downcast_line(subject: Subject, finding: Finding) -> int | None:
    """Where the narrow type comes from: a cast, an integer buffer, an array made of integers."""
    assert subject.source is not None
    source = subject.source
    functions = (
        source.reached(subject.name, "forward")
        + source.reached(subject.name, "backward")
        + source.reached(subject.name, "__init__")
    )
    narrow = ("float16", "half", "float32", "int32", "int64", "int", "int8", "uint8", "int16")

    def casts(node: ast.AST) -> bool:
        if called_name(node) not in (
            "astype",
            "float16",
            "float32",
            "array",
            "asarray",
            "zeros",
            "empty",
            "rint",
            "int64",
            "full",
        ):
            return False
        words = {getattr(n, "attr", getattr(n, "id", getattr(n, "value", ""))) for n in ast.walk(node) if n is not node}
        return bool({w for w in words if isinstance(w, str)} & set(narrow))

    line = find_line(functions, casts)
    if line is not None:
        return line
    if finding.values.get("kind") == "int":
        # The buffer takes its type from W: the slip is where W is made, or else the buffer.
        for parameter in subject.parameters:
            if np.asarray(subject.value(parameter.name)).dtype.kind in "iu":
                node = source.method(subject.name, "__init__")
                lines = attribute_lines(node, parameter.name.split(".")[-1]) if node is not None else []
                if lines:
                    return lines[0]
        return find_line(list(reversed(functions)), lambda n: called_name(n) in ("zeros_like", "empty_like"))
    return None


CAUSES = (
    Cause(
        "dtype-downcast",
        "d{quantity} loses precision: it passes through a narrower type ({kind}).",
        "Keep everything floating: dtype=float, no astype on the way.",
        tests=(dtype_downcast,),
        place=_downcast_line,
    ),
    Cause(
        "rounds-gradient",
        "d{quantity} is rounded to {digits} digits.",
        "Round when printing only.",
        tests=(rounds_gradient,),
        repairable=True,
    ),
    Cause(
        "rounds-loss",
        "The loss is rounded to {digits} digits: a difference quotient sees steps.",
        "Round when printing only.",
        tests=(rounded_forward,),
        place=_rounding_line,
    ),
    Cause(
        "clips-gradient",
        "d{quantity} is clipped to {limit}: beyond it, it is no longer the gradient of forward.",
        "Leave clipping to the optimizer.",
        tests=(clips_gradient,),
        repairable=True,
    ),
    Cause(
        "overflow-at-large-input",
        "{method} overflows at large inputs ({warning}).",
        "Rewrite the formula so that exp sees no large positive number.",
    ),
    Cause(
        "underflow-global-max",
        "The maximum of the whole batch is subtracted: a row far below it becomes 0/0.",
        "Subtract each row's own maximum: x.max(axis=1, keepdims=True).",
    ),
    Cause(
        "division-by-zero",
        "{method}: 0/0 for degenerate input ({input}).",
        "Add a small eps under the root or in the denominator.",
    ),
    Cause(
        "log-of-zero",
        "The logarithm of 0 is taken when a probability is exactly 0.",
        "Compute the loss from the scores (log-sum-exp), or use np.log(y + 1e-7).",
    ),
)
