"""Which argument of a loss is the target, and samples of predictions with targets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from badak.check.subject.arguments import STEPS, M, N

Array = np.ndarray[Any, Any]
TARGET = re.compile(
    r"^(ytrue|true\w*|targets?|labels?|t|actual\w*|ttrue|truth|gt|ytarget|groundtruth|expected|desired|onehot\w*|"
    r"ytrain|ybatch|tbatch|answers?|teacher|correct|tint|yint|tidx|yidx)$"
)
PREDICTION = re.compile(
    r"^(p|ypred\w*|yhat|pred\w*|a|al|a\d|outputs?|out|o|logits?|scores?|probs?|yp|h|x|z|yout|hyp\w*|activations?)$"
)
WEIGHTS = re.compile(r"^(w|weights?|theta|thetas|w\d|params?|parameters?|coef\w*|beta)$")


def flat(name: str) -> str:
    """Give a name in small letters without underscores."""
    return name.replace("_", "").lower()


def target_of(names: Sequence[str]) -> str | None:
    """Give the argument that is the target, by the names of all: `y` beside `y_pred`, `t` beside `y`, `Y` beside `AL`.

    The order says nothing: `mse(y_true, y_pred)` and `mse(y_pred, y_true)` are both written.
    """
    sure = [n for n in names if TARGET.match(flat(n))]
    if sure:
        return sure[0]
    lone = [n for n in names if flat(n) == "y"]
    return lone[0] if lone and len(names) > 1 else None


def prediction_of(names: Sequence[str], target: str | None) -> str | None:
    """Give the argument that is the prediction: the likeliest name, else the first that is not the target."""
    others = [n for n in names if n != target]
    sure = [n for n in others if PREDICTION.match(flat(n)) and not WEIGHTS.match(flat(n))]
    pairs = [n for n in others if flat(n) == "y"]
    return next(iter([*pairs, *sure, *others]), None)


def hot(columns: bool = False) -> Array:
    """Give one-hot labels, (N, M), or (M, N)."""
    rows = np.eye(M)[[0, 2, 1, 0, 2]]
    return rows.T.copy() if columns else rows


def targets_for(x: Array) -> Iterator[tuple[Array, Array]]:
    """Give (prediction, target) for scores or rows of an input: indices, one-hot rows, numbers, yes and no."""
    rng = np.random.default_rng(2)
    scores = rng.standard_normal((N, M))
    probable = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    answers = np.array([0.0, 1.0, 1.0, 0.0, 1.0])
    chance = 1 / (1 + np.exp(-rng.standard_normal(N)))
    index = np.array([0, 2, 1, 0, 2])
    yield scores, index
    yield probable, index
    yield scores, hot()
    yield probable, hot()
    yield probable.T.copy(), hot(columns=True)
    yield chance.reshape(1, N), answers.reshape(1, N)
    yield chance.reshape(N, 1), answers.reshape(N, 1)
    yield chance, answers
    yield scores, rng.standard_normal((N, M))
    yield scores[:, 0].copy(), index
    yield rng.standard_normal((N, STEPS, M)), np.arange(N * STEPS).reshape(N, STEPS) % M
    yield np.float64(0.7), np.float64(0.2)  # type: ignore[misc]  # a loss of one number
