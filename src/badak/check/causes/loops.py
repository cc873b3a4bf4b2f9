# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Training loops: steps in the wrong direction, arrays that reach no layer, rows that do not belong together."""

from __future__ import annotations

from badak.check.causes.base import Cause

CAUSES = (
    Cause(
        "ascends-the-loss",
        "The update adds the gradient to {quantity}: the loss grows with each step.",
        "Subtract it: -= learning_rate * grad.",
    ),
    Cause(
        "rebinds-params",
        "The update puts a new array into {quantity}: the layers keep the old one, and nothing is learned.",
        "Change the array in its place: -= instead of = … - ….",
    ),
    Cause(
        "rows-of-another-batch",
        "The rows do not belong together: the input is {x}, its answers are {t}.",
        "Draw one mask, and take both with it.",
    ),
    Cause(
        "evaluates-in-training-mode",
        "{quantity} is asked about test data with {flag}=True: units are dropped, and statistics are those of the batch.",
        "Call it with {flag}=False.",
    ),
)
