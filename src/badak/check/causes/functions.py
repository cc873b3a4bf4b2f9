# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""What a name stands for: the known functions, the forms in which they are published, and what is written by mistake.

A name says nothing of a variant: where forward is neither a known form nor a known slip, nothing is said.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from badak.check.causes.base import Cause
from badak.check.findings import Finding
from badak.check.subject import Subject

Array = np.ndarray[Any, Any]
Function = Callable[[Array], Array]


def logistic(x: Array) -> Array:
    """Give 1 / (1 + exp(-x)) without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * x)))


def _softmax(x: Array, axis: int | None = -1) -> Array:
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return np.asarray(e / e.sum(axis=axis, keepdims=True))


def _normal(x: Array) -> Array:
    """Give the distribution function of the normal distribution, to 1e-7 (Abramowitz and Stegun, 7.1.26)."""
    z = np.abs(x) / np.sqrt(2)
    t = 1 / (1 + 0.3275911 * z)
    series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.asarray(np.where(x >= 0, 1 - 0.5 * series * np.exp(-z * z), 0.5 * series * np.exp(-z * z)))


@dataclass(frozen=True)
class Form:
    """One function: how it is written, and its values."""

    words: str
    values: Function


@dataclass(frozen=True)
class Family:
    """What a name (lower case, without underscores and the words around it) means.

    `known` are the forms in which it is published, the usual one first; `slips` what is written instead. A slope that
    an object chooses is tried over the usual ones.
    """

    pattern: str
    known: tuple[Form, ...]
    slips: tuple[Form, ...]
    rows: bool = False  # a function of a whole row, not of each element


IDENTITY = Form("x", lambda x: x)
ABSOLUTE = Form("|x|", np.abs)
RELU = Form("max(0, x)", lambda x: np.maximum(0, x))
STEP = Form("x > 0", lambda x: (x > 0) * 1.0)
SIGMOID = Form("1 / (1 + exp(-x))", logistic)
TANH = Form("tanh(x)", np.tanh)
SOFTPLUS = Form("log(1 + exp(x))", lambda x: np.logaddexp(0, x))
SOFTMAX = Form("exp(x) / sum(exp(x), axis=1)", _softmax)
GELU = Form("x · Φ(x)", lambda x: x * _normal(x))
SLOPES = (0.001, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.3, 0.5, 1.0)


def _leaky(slope: float) -> Form:
    return Form(f"max({slope:g} x, x)", lambda x: np.where(x > 0, x, slope * x))


def _elu(alpha: float) -> Form:
    return Form(f"{alpha:g} (exp(x) - 1) for x < 0", lambda x: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))))


FAMILIES = (
    Family(
        r"relu6",
        (Form("min(max(0, x), 6)", lambda x: np.clip(x, 0, 6)),),
        (IDENTITY, ABSOLUTE, RELU, Form("min(x, 6)", lambda x: np.minimum(x, 6))),
    ),
    Family(
        r"relu[1-5]?|rectifi(er|edlinear(unit)?)",
        (RELU, *(_leaky(s) for s in SLOPES[:-1])),
        (
            IDENTITY,
            ABSOLUTE,
            STEP,
            Form("min(0, x)", lambda x: np.minimum(0, x)),
            Form("max(0, -x)", lambda x: np.maximum(0, -x)),
            Form("-max(0, x)", lambda x: -np.maximum(0, x)),
            Form("max(1, x)", lambda x: np.maximum(1, x)),
        ),
    ),
    Family(
        r"leakyrelu|lrelu",
        tuple(_leaky(s) for s in SLOPES[:-1]),
        (
            IDENTITY,
            ABSOLUTE,
            *(Form(f"{s:g} x for x > 0", lambda x, s=s: np.where(x > 0, s * x, x)) for s in SLOPES[:-1]),  # type: ignore[misc]
            *(Form(f"-{s:g} x for x < 0", lambda x, s=s: np.where(x > 0, x, -s * x)) for s in SLOPES[:-1]),  # type: ignore[misc]
            *(Form(f"max({s:g}, x)", lambda x, s=s: np.maximum(s, x)) for s in SLOPES),  # type: ignore[misc]
        ),
    ),
    Family(
        r"elu",
        tuple(_elu(a) for a in SLOPES),
        (
            IDENTITY,
            Form("exp(x) - 1", np.expm1),
            *(Form(f"{a:g} exp(x) for x < 0", lambda x, a=a: np.where(x > 0, x, a * np.exp(x))) for a in SLOPES),  # type: ignore[misc]
        ),
    ),
    Family(
        r"sigmoid[1-5]?|logistic|sigm",
        (SIGMOID,),
        (
            IDENTITY,
            Form("1 / (1 + exp(x))", lambda x: logistic(-x)),
            Form("1 / (1 - exp(-x))", lambda x: 1 / (1 - np.exp(-x))),
            Form("1 / 1 + exp(-x)", lambda x: 1 + np.exp(-x)),
            Form("1 / exp(-x)", np.exp),
            Form("exp(-x)", lambda x: np.exp(-x)),
            Form("1 - 1 / (1 + exp(-x)) · …", lambda x: logistic(x) * (1 - logistic(x))),
            Form("σ(σ(x))", lambda x: logistic(logistic(x))),
            Form("log(1 / (1 + exp(-x)))", lambda x: -np.logaddexp(0, -x)),
        ),
    ),
    Family(
        r"tanh[1-5]?|hyperbolictangent",
        (TANH,),
        (
            IDENTITY,
            SIGMOID,
            Form("tan(x)", np.tan),
            Form("sinh(x)", np.sinh),
            Form("cosh(x)", np.cosh),
            Form("arctanh(x)", lambda x: np.arctanh(np.where(np.abs(x) < 1, x, np.nan))),
            Form("-tanh(x)", lambda x: -np.tanh(x)),
            Form("1 / tanh(x)", lambda x: 1 / np.tanh(np.where(x == 0, np.nan, x))),
            Form("1 - tanh(x)²", lambda x: 1 - np.tanh(x) ** 2),
        ),
    ),
    Family(
        r"softplus",
        (SOFTPLUS,),
        (
            IDENTITY,
            SIGMOID,
            Form("log10(1 + exp(x))", lambda x: np.logaddexp(0, x) / np.log(10)),
            Form("log2(1 + exp(x))", lambda x: np.logaddexp(0, x) / np.log(2)),
            Form("log(1 + exp(-x))", lambda x: np.logaddexp(0, -x)),
            Form("1 + exp(x)", lambda x: 1 + np.exp(x)),
            Form("1 + log(exp(x))", lambda x: 1 + x),
        ),
    ),
    Family(
        r"gelu",
        (
            GELU,
            Form("tanh", lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
            Form("x · σ(1.702 x)", lambda x: x * logistic(1.702 * x)),
        ),
        (
            IDENTITY,
            RELU,
            Form("Φ(x)", _normal),
            Form("2 x · Φ(x)", lambda x: 2 * x * _normal(x)),
            Form("x · (1 + tanh(…))", lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
            Form("0.5 x · (1 + tanh(√(2/π) x))", lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * x))),
        ),
    ),
    Family(
        r"(swish|silu)",
        (Form("x / (1 + exp(-x))", lambda x: x * logistic(x)),),
        (IDENTITY, SIGMOID, Form("x / (1 + exp(x))", lambda x: x * logistic(-x))),
    ),
    Family(
        r"softmax[1-5]?",
        (SOFTMAX, Form("axis 0", lambda x: _softmax(x, 0))),
        (
            IDENTITY,
            SIGMOID,
            Form("exp(x)", np.exp),
            Form("softmax(softmax(x))", lambda x: _softmax(_softmax(x))),
            Form("softmax(-x)", lambda x: _softmax(-x)),
            Form("x / sum(x, axis=1)", lambda x: x / x.sum(axis=-1, keepdims=True)),
        ),
        rows=True,
    ),
)
AROUND = re.compile(r"forward|backward|backprop|derivative|layer|activation|function|func|module|node|_|\W")


def family_of(name: str) -> Family | None:
    """Give the family that a class or function is named after; None for any other name, MyTanh among them."""
    plain = AROUND.sub("", name.lower())
    return next((family for family in FAMILIES if re.fullmatch(family.pattern, plain)), None)


def casts(form: Form) -> Iterator[Form]:
    """Give a function whose result was cut to whole numbers, in the ways in which that happens."""
    for cut in (np.trunc, np.rint, np.floor):
        yield Form(f"int({form.words})", lambda x, cut=cut: cut(form.values(x)))  # type: ignore[misc]


def _output_line(subject: Subject, finding: Finding) -> int | None:
    """The line of forward that computes what it returns."""
    source = subject.source
    node = source.method(subject.name, subject.forward_name) if source is not None else None
    if node is None:
        node = source.functions().get(subject.forward_name) if source is not None else None
    returns = [n for n in ast.walk(node) if isinstance(n, ast.Return) and n.value is not None] if node else []
    if not returns or node is None:
        return None
    value = returns[-1].value
    if isinstance(value, (ast.Name, ast.Attribute)):
        written = ast.unparse(value)
        for statement in ast.walk(node):
            targets = statement.targets if isinstance(statement, ast.Assign) else []
            parts = [t.value if isinstance(t, ast.Subscript) else t for t in targets]
            if any(ast.unparse(part) == written for part in parts):
                finding.line = parts[0].lineno
        return finding.line or returns[-1].lineno
    return returns[-1].lineno


FOLLOWS = frozenset({"linear", "batch-of-one", "second-batch", "after-update", "two-instances", "far", "extreme"})
CAUSES = (
    Cause(
        "another-function",
        "forward is {found}, and {object} is {meant}: x = {at} gives {got}, where {expected} belongs.",
        "Mend forward first; backward belongs to it.",
        place=_output_line,
        hides=FOLLOWS,
    ),
    Cause(
        "cut-to-integers",
        "forward cuts its result to whole numbers: x = {at} gives {got}, where {expected} belongs.",
        "Give the array that it is written into dtype=float.",
        place=_output_line,
        hides=FOLLOWS,
    ),
    Cause(
        "output-size",
        "The output is {got_shape}, and with stride {stride} and padding {pad} on every side it is {right_shape}: the last windows are left out.",
        "Write out = (H + 2 * pad - FH) // stride + 1.",
        place=_output_line,
    ),
    Cause(
        "pools-otherwise",
        "forward is the {found} of each window, and {object} is the {meant}.",
        "Mend forward first; backward belongs to it.",
        place=_output_line,
        hides=FOLLOWS,
    ),
)
