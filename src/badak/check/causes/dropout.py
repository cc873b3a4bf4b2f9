# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Dropout, and the two modes of a layer that has a training flag."""

from __future__ import annotations

import ast

from badak.check.causes.base import Cause
from badak.check.causes.places import calls, first_forward_line
from badak.check.findings import Finding
from badak.check.source import called_name, find_line
from badak.check.subject import Subject


def _mask_line(subject: Subject, finding: Finding) -> int | None:
    """The line that draws the mask."""
    assert subject.source is not None
    functions = subject.source.reached(subject.name, "forward")
    names = ("rand", "random", "random_sample", "uniform", "binomial", "choice", "integers", "bernoulli")
    return find_line(functions, lambda n: called_name(n) in names)


def _mask_use(subject: Subject, finding: Finding) -> int | None:
    """The line after the mask is drawn, between it and the answer given at test time."""
    drawn = _mask_line(subject, finding)
    return drawn + 1 if drawn is not None else None


def _redraw_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    names = ("rand", "random", "random_sample", "uniform", "binomial", "choice", "integers", "randn")
    return find_line(subject.source.reached(subject.name, "backward"), lambda n: called_name(n) in names)


def _draws(node: ast.AST) -> bool:
    text = ast.unparse(node) if isinstance(node, ast.Call) else ""
    return text.startswith(("np.random.", "numpy.random.", "random."))


CAUSES = (
    Cause(
        "dropout-scaled-twice",
        "The kept units are scaled up in training, and the output is scaled down again in evaluation: on average {train} times the input in training, {test} in evaluation.",
        "Scale once: with the mask divided by (1 - ratio), give x back as it is in evaluation.",
        place=_mask_use,
    ),
    Cause(
        "redraws-mask",
        "backward draws a new mask instead of using that of forward.",
        "Store the mask in forward.",
        place=_redraw_line,
        hides=frozenset({"batch-of-one", "gradients", "linear", "randomness", "second-batch", "two-instances"}),
    ),
    Cause(
        "keep-drop-confusion",
        "The dropout ratio is used as the share to keep, but scaled as the share to drop: on average the output is {train} times the input in training, {test} in evaluation.",
        "Keep a unit where the random number is above the ratio.",
        place=_mask_line,
    ),
    Cause(
        "missing-test-scale",
        "Dropout scales neither in training nor in evaluation: on average the output is {train} times the input in training, {test} in evaluation.",
        "Divide the mask by (1 - ratio), or multiply by (1 - ratio) in evaluation.",
        place=_mask_use,
    ),
    Cause(
        "train-flag-ignored",
        "In evaluation it still behaves as in training: the answer depends on chance or on the other rows.",
        "Read {flag}, and use the fixed statistics (or no mask) when it is False.",
        place=first_forward_line,
        hides=frozenset({"randomness"}),
    ),
    Cause(
        "uses-global-rng",
        "forward draws from NumPy's global random state: no result can be repeated.",
        "Keep a generator: self.rng = np.random.default_rng(seed).",
        place=calls("forward", _draws),
    ),
)
