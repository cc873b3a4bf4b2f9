# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Losses: classes and labels, softmax and its axis."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.causes.base import Cause, Verdict
from badak.check.causes.fit import all_close, scale
from badak.check.causes.places import calls
from badak.check.findings import Finding
from badak.check.numeric import close
from badak.check.source import called_name, find_line, has_keyword_axis
from badak.check.subject import Subject
from badak.check.tolerances import FIT

Array = np.ndarray[Any, Any]


def classes_of(case: Case) -> Array | None:
    """Give the mask (N, C) of the correct class, from index or one-hot labels."""
    return correct_classes(case.subject)


def correct_classes(subject: Subject) -> Array | None:
    """Give the mask (N, C) of the correct class of a loss, None where the labels are no classes."""
    t, x = subject.second, subject.x
    if not subject.scalar or not subject.input_names or not isinstance(t, np.ndarray) or np.ndim(x) != 2:
        return None
    if t.ndim == 1 and t.dtype.kind in "iu" and len(t) == len(x) and t.min() >= 0 and t.max() < x.shape[1]:
        return np.asarray(np.eye(x.shape[1], dtype=bool)[t])
    if t.shape == x.shape and np.isin(t, (0, 1)).all():
        return t.astype(bool)
    return None


def correct_class(case: Case) -> Verdict:
    """Only the column of the correct class is missing."""
    mask = classes_of(case)
    if mask is None:
        return None
    a, n = np.asarray(case.a[0], float), case.n[0]
    limit = FIT * scale([n])
    if (
        (np.abs(a[mask]) < 1e-12).all()
        and np.nanmax(np.abs(n[mask])) > limit
        and np.nanmax(np.abs(a - n)[~mask]) <= limit
    ):
        return "missing-correct-class-grad", {}
    return None


def extra_sigmoid(case: Case) -> Verdict:
    """The right gradient times y(1-y)."""
    if not case.is_loss or not case.is_input or case.quantity != "x":
        return None
    x = np.asarray(case.x, float)
    outputs = [1 / (1 + np.exp(-x))]
    if x.ndim == 2:
        e = np.exp(x - x.max(axis=1, keepdims=True))
        outputs.append(e / e.sum(axis=1, keepdims=True))
    for y in outputs:
        if all_close([n * y * (1 - y) for n in case.n], case.a):
            return "extra-sigmoid-derivative", {}
    return None


def label_formats(case: Case) -> Verdict:
    """The gradient belongs to another reading of the labels."""
    subject, t = case.subject, case.subject.second
    if not (case.is_loss and case.is_input and isinstance(t, np.ndarray)) or np.ndim(case.x) != 2:
        return None
    n, c = case.x.shape
    if t.ndim == 1 and t.dtype.kind in "iu" and len(t) == n and t.min() >= 0 and t.max() < c:
        hot = np.eye(c)[t]
        result = subject.run(second=hot)
        if close(result.y, case.y) and close(result.dx[0], case.n[0]):
            return "assumes-one-hot", {}
    if t.shape == (n, c) and t.dtype.kind == "f" and not np.isin(t, (0, 1)).all():
        hot = np.eye(c)[t.argmax(axis=1)]
        if close(subject.run(second=hot).y, case.y):
            return "hard-soft-label-mismatch", {}
    return None


def _softmax_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    functions = subject.source.reached(subject.name, "forward")
    hits = []
    for _, function in functions:
        hits += [
            n.lineno
            for n in ast.walk(function)
            if isinstance(n, ast.Call) and called_name(n) == "sum" and has_keyword_axis(n, 0)
        ]
    return hits[-1] if hits else find_line(functions, lambda n: called_name(n) in ("sum", "exp"))


def _broadcast_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    functions = subject.source.reached(subject.name, subject.forward_name)
    return find_line(functions, lambda n: isinstance(n, ast.BinOp) and isinstance(n.op, ast.Sub)) or find_line(
        functions, lambda n: called_name(n) == "subtract"
    )


def of_scores(case: Case) -> Verdict:
    """The gradient of a loss of probabilities is that by the scores which a softmax (or a sigmoid) made them from."""
    p = case.x
    if not case.is_loss or not case.is_input or not isinstance(p, np.ndarray) or p.dtype.kind != "f" or p.ndim != 2:
        return None
    if p.min() <= 0 or p.max() >= 1:
        return None
    wanted = []
    if p.shape[1] > 1 and np.allclose(p.sum(axis=1), 1):
        wanted.append(("softmax", [p * (n - (n * p).sum(axis=1, keepdims=True)) for n in case.n]))
    wanted.append(("sigmoid", [n * p * (1 - p) for n in case.n]))
    for name, slopes in wanted:
        for factor in (1.0, float(len(p)), 1.0 / len(p)):
            if all(close(a, factor * n) for a, n in zip(case.a, slopes, strict=True)):
                return "gradient-of-scores", {"name": name, "severity": "hazard"}
    return None


CAUSES = (
    Cause(
        "gradient-of-scores",
        "forward takes probabilities, backward gives the gradient of the scores before {name}: right only where the backward of {name} is left out.",
        "Say so in its name, or divide by y for the gradient of the probabilities themselves.",
        tests=(of_scores,),
    ),
    Cause(
        "missing-correct-class-grad",
        "The column of the correct class gets no gradient, everything else is right.",
        "Its score enters every margin with a minus sign: dx[np.arange(N), t] = -dx.sum(axis=1).",
        tests=(correct_class,),
        repairable=True,
    ),
    Cause(
        "extra-sigmoid-derivative",
        "The gradient has an extra factor y(1-y): y - t is already the gradient through sigmoid and cross entropy.",
        "Leave out y * (1 - y).",
        tests=(extra_sigmoid,),
        repairable=True,
    ),
    Cause(
        "assumes-one-hot",
        "forward accepts class indices, but backward subtracts them as if they were one-hot.",
        "Turn indices into one-hot, or use dx[np.arange(N), t] -= 1.",
        tests=(label_formats,),
    ),
    Cause(
        "hard-soft-label-mismatch",
        "forward takes the argmax of the labels, backward uses them as they are: two different losses.",
        "Use the soft labels in both, or the argmax in both.",
        tests=(label_formats,),
        place=calls("forward", lambda n: called_name(n) == "argmax"),
    ),
    Cause(
        "softmax-over-batch-axis",
        "softmax runs over the batch: columns sum to 1 instead of rows.",
        "Use axis=1 (or -1) with keepdims=True.",
        place=_softmax_line,
    ),
    Cause(
        "loss-not-scalar",
        "The loss has shape {got}: one number for each sample instead of one.",
        "Take the mean over the batch.",
        place=calls("forward", lambda n: isinstance(n, ast.Return)),
    ),
    Cause(
        "silent-broadcast",
        "x has shape {shape_x}, t has {shape_t}: their difference has {shape}, every prediction is compared with every target.",
        "Give t the shape of x: t.reshape(x.shape).",
        place=_broadcast_line,
    ),
)
