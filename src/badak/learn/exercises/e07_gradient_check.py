# ruff: noqa: E501, PLR0911 (a sentence is one line, as its translation is; a return is one cause)
"""The gradient check: backward beside the numerical gradient (book, ch. 5.7.3)."""

from collections.abc import Callable
from typing import Any

import numpy as np

from badak.learn.exercise import Answer, Exercise, Findings, fault

EN = '''"""Exercise 7: the gradient check (book, ch. 5.7.3).

    difference of a parameter = the mean of |backward - numerical| over its elements

A network offers both gradients as dictionaries with the same names and shapes:

    network.gradient(x, t)             by backpropagation: fast, and what has to be checked
    network.numerical_gradient(x, t)   by differences: slow, and hard to get wrong

    gradient_check(network, x, t)      # {"W1": 4.2e-10, "b1": 2.5e-09, "W2": 6.1e-09, "b2": 1.4e-07}

The differences should be tiny: 1e-7 or less. Without the absolute value, errors of both signs would cancel.

Write what belongs in the place of ... and save the file.
"""

import numpy as np


def gradient_check(network, x, t):
    """Give a dictionary: for each parameter's name the mean absolute difference of the two gradients, one number."""
    ...
'''
KO = '''"""연습 7: 기울기 확인 (책 5.7.3절).

    매개변수의 차이 = |역전파 - 수치 미분|을 모든 원소에 대해 평균한 것

신경망은 두 가지 기울기를 같은 이름, 같은 형상의 딕셔너리로 줍니다:

    network.gradient(x, t)             역전파로: 빠르고, 확인할 대상입니다
    network.numerical_gradient(x, t)   수치 미분으로: 느리지만 틀리기 어렵습니다

    gradient_check(network, x, t)      # {"W1": 4.2e-10, "b1": 2.5e-09, "W2": 6.1e-09, "b2": 1.4e-07}

차이는 1e-7 이하로 아주 작아야 합니다. 절댓값을 빠뜨리면 부호가 다른 오차가 서로 지워집니다.

... 자리에 알맞은 코드를 쓰고 파일을 저장하세요.
"""

import numpy as np


def gradient_check(network, x, t):
    """매개변수 이름마다 두 기울기의 평균 절대 차이(스칼라)를 담은 딕셔너리를 돌려줍니다."""
    ...
'''
HINTS = {
    "en": (
        "Ask the network for both dictionaries first; then go through the names of one of them.",
        "np.abs gives absolute values, np.mean (or np.average) their mean.",
        "For each key: np.mean of np.abs of one array minus the other, kept in a new dictionary under that key.",
    ),
    "ko": (
        "먼저 신경망에서 두 딕셔너리를 받고, 그중 하나의 이름을 차례로 돕니다.",
        "np.abs는 절댓값, np.mean(또는 np.average)은 평균을 줍니다.",
        "key마다 한 배열에서 다른 배열을 뺀 것의 np.abs의 np.mean을 새 딕셔너리의 같은 key에 담습니다.",
    ),
}
NAME = "gradient_check"


class _Network:
    """A network with two gradients that are known, and a count of who asked for which."""

    def __init__(self, wrong: bool) -> None:
        rng = np.random.default_rng(7)
        shapes = {"W1": (4, 3), "b1": (3,), "W2": (3, 2), "b2": (2,), "gamma": (5,)}
        self.numerical = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
        self.backward = {
            name: value + wrong * rng.standard_normal(value.shape) for name, value in self.numerical.items()
        }
        self.params = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
        self.asked: list[tuple[str, Any, Any]] = []

    def gradient(self, x: Any, t: Any) -> dict[str, Any]:
        self.asked.append(("gradient", x, t))
        return {name: value.copy() for name, value in self.backward.items()}

    def numerical_gradient(self, x: Any, t: Any) -> dict[str, Any]:
        self.asked.append(("numerical_gradient", x, t))
        return {name: value.copy() for name, value in self.numerical.items()}

    def loss(self, x: Any, t: Any) -> float:
        return 1.0


def check(answer: Answer) -> Findings:
    """The differences are the mean absolute ones, for every parameter, of both gradients."""
    if not answer.written(NAME):
        return
    network = _Network(wrong=True)
    x, t = np.ones((3, 4)), np.eye(2)[[0, 1, 0]]
    told, failed = answer.call(NAME, answer[NAME], network, x, t)
    found = failed or _judge(answer, network, told, x, t)
    if found is not None:
        yield found


def _judge(answer: Answer, network: _Network, told: Any, x: Any, t: Any) -> Any:
    def wrong(label: str, text: str, advice: str = "", **values: Any) -> Any:
        return fault(label, text, advice, name=NAME, method=NAME, line=answer.line(NAME), **values)

    if told is None:
        return wrong("returns-none", "{name} returns nothing.", "End it with return …")
    if not isinstance(told, dict):
        return wrong("wrong-type", "{name} gives {kind}; a dictionary is asked.", "Keep each difference under its name.",
                     kind=type(told).__name__)  # fmt: skip
    for which in ("gradient", "numerical_gradient"):
        if which not in [name for name, _, _ in network.asked]:
            return wrong("one-gradient-only", "{name} never asks for network.{which}(x, t).", "Compare the one with the other.",
                         which=which)  # fmt: skip
    if any(not np.array_equal(a, x) or not np.array_equal(b, t) for _, a, b in network.asked):
        return wrong(
            "different-data", "{name} asks for the two gradients on different data.", "Give both the same x and t."
        )
    missing = [key for key in network.numerical if key not in told]
    if missing:
        return wrong("missing-keys", "{name} leaves out {keys}.", "Go through all names of the dictionary.",
                     keys=", ".join(missing))  # fmt: skip
    pairs = {key: network.backward[key] - network.numerical[key] for key in network.numerical}
    fits: dict[str, Callable[[Any, Any], Any]] = {
        "right": lambda d, n: np.mean(np.abs(d)),
        "missing-abs": lambda d, n: np.mean(d),
        "missing-abs ": lambda d, n: np.mean(-d),
        "abs-of-mean": lambda d, n: np.abs(np.mean(d)),
        "sum-for-mean": lambda d, n: np.sum(np.abs(d)),
        "maximum": lambda d, n: np.max(np.abs(d)),
        "squares": lambda d, n: np.mean(d**2),
        "not-a-number": lambda d, n: np.abs(d),
        "abs-each": lambda d, n: np.mean(np.abs(n + d) - np.abs(n)),
        "abs-each ": lambda d, n: np.mean(np.abs(n) - np.abs(n + d)),
    }
    words = {
        "missing-abs": ("{name} takes the mean without absolute values: errors of both signs cancel.",
                        "Take np.abs of the difference first."),
        "abs-of-mean": ("{name} takes the absolute value of the mean: errors of both signs have cancelled by then.",
                        "Take np.abs first, then the mean."),
        "sum-for-mean": ("{name} adds the differences up; the mean is asked.", "Use np.mean."),
        "maximum": ("{name} gives the largest difference; the mean is asked.", "Use np.mean."),
        "squares": ("{name} squares the differences; their absolute values are asked.", "Use np.abs."),
        "not-a-number": ("{name} gives an array of differences for a parameter; one number is asked.", "Take np.mean of it."),
        "abs-each": ("{name} takes the absolute values before the difference: errors in the sign are lost.",
                     "Subtract first, then take np.abs."),
    }  # fmt: skip
    for label, rule in fits.items():
        if all(_near(told[key], rule(d, network.numerical[key])) for key, d in pairs.items()):
            return None if label == "right" else wrong(label.strip(), *words[label.strip()])
    key = next((k for k, d in pairs.items() if not _near(told[k], np.mean(np.abs(d)))), "")
    return wrong("wrong-value", "{name} gives {gives} for {key}; the mean absolute difference is {right}.", "",
                 key=key, gives=str(told[key]), right=f"{np.mean(np.abs(pairs[key])):.6g}")  # fmt: skip


def _near(value: Any, expected: Any) -> bool:
    try:
        return np.shape(value) == np.shape(expected) and bool(np.allclose(np.asarray(value, np.float64), expected))
    except (TypeError, ValueError):
        return False


EXERCISE = Exercise(NAME, "Gradient check", (NAME,), {"en": EN, "ko": KO}, HINTS, check)
