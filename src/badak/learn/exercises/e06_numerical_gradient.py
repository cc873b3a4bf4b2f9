# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""The numerical gradient: central differences (book, ch. 4.4)."""

from typing import Any

import numpy as np

from badak.learn.exercise import Answer, Exercise, Findings, compare, fault, same

EN = '''"""Exercise 6: the numerical gradient (book, ch. 4.4).

    df/dx_i = (f(x with x_i + h) - f(x with x_i - h)) / (2 h)          for each element x_i, with h = 1e-4

f   a function that takes the array x and gives one number
x   an array of floating-point numbers of any shape, (D, H) too; the gradient has its shape

    numerical_gradient(lambda x: np.sum(x**2), np.array([[3.0, 4.0], [0.0, 2.0]]))  # [[6. 8.] [0. 4.]]

Change x itself, one element at a time, and put each back before you go on to the next: f may look at the array
elsewhere and ignore what it is given, as the loss of a network does. Afterwards x is as it was.

Write what belongs in the place of ... and save the file.
"""

import numpy as np


def numerical_gradient(f, x):
    """Give the gradient of f at x, in the shape of x."""
    ...
'''
KO = '''"""연습 6: 수치 미분 (책 4.4절).

    df/dx_i = (f(x_i에 h를 더한 x) - f(x_i에서 h를 뺀 x)) / (2 h)      원소 x_i마다, h = 1e-4

f   배열 x를 받아 수 하나를 주는 함수
x   실수 배열. 형상은 (D, H)일 수도 있고 무엇이든 됩니다. 기울기도 같은 형상입니다

    numerical_gradient(lambda x: np.sum(x**2), np.array([[3.0, 4.0], [0.0, 2.0]]))  # [[6. 8.] [0. 4.]]

x 자체를 한 번에 한 원소씩 바꾸고, 다음 원소로 가기 전에 되돌려 놓으세요. 신경망의 손실처럼 f가 인수를 보지 않고
다른 곳에서 그 배열을 볼 수도 있기 때문입니다. 끝나면 x는 처음과 같아야 합니다.

... 자리에 알맞은 코드를 쓰고 파일을 저장하세요.
"""

import numpy as np


def numerical_gradient(f, x):
    """x에서 f의 기울기를 x와 같은 형상으로 돌려줍니다."""
    ...
'''
HINTS = {
    "en": (
        "np.zeros_like(x) makes room for the answer. np.ndindex(x.shape) goes through all indices of an array of any shape.",
        "For one index: remember x[i], write x[i] + h there, call f; write the remembered value minus h, call f; "
        "write the remembered value back.",
        "for i in np.ndindex(x.shape): old = x[i]; x[i] = old + h; above = f(x); x[i] = old - h; below = f(x); x[i] = old; "
        "and the slope goes to grad[i].",
    ),
    "ko": (
        "np.zeros_like(x)로 답을 담을 배열을 만듭니다. np.ndindex(x.shape)는 어떤 형상의 배열이든 모든 인덱스를 돕니다.",
        "인덱스 하나에 대해: x[i]를 기억하고, x[i]에 h를 더한 값을 쓰고 f를 부릅니다. 기억한 값에서 h를 뺀 값을 쓰고 f를 "
        "부릅니다. 기억한 값을 되돌려 놓습니다.",
        "for i in np.ndindex(x.shape): old = x[i]; x[i] = old + h; above = f(x); x[i] = old - h; below = f(x); x[i] = old; "
        "그리고 grad[i]에 기울기를 씁니다.",
    ),
}
NAME = "numerical_gradient"


def check(answer: Answer) -> Findings:
    """The gradient is that of central differences, for any shape, and x comes out as it went in."""
    if not answer.written(NAME):
        return
    for rule in (_values, _shape, _looks_elsewhere):
        found = rule(answer)
        if found is not None:
            yield found
            return


def _cube(x: Any) -> Any:
    return np.sum(x**3) + x.ravel()[0] * x.ravel()[-1]


def _values(answer: Answer) -> Any:
    x = np.array([1.0, -2.0, 0.5])
    given = x.copy()
    gradient, failed = answer.call(NAME, answer[NAME], _cube, given)
    if failed:
        return failed
    h = 1e-4
    eye = np.eye(3)
    above, below = (np.array([_cube(x + sign * h * row) for row in eye]) for sign in (1, -1))
    middle = _cube(x)
    right = (above - below) / (2 * h)
    if not np.array_equal(given, x):
        # Elements that stayed moved also change the slopes of the later ones: this is the cause, and comes first.
        return fault("does-not-restore", "{name} leaves x changed: x[{at}] was {was} and is {now}.",
                     "Put the element back before you go on to the next.", name=NAME, method=NAME, line=answer.line(NAME),
                     at=int(np.argmax(given != x)), was=float(x[given != x][0]), now=float(given[given != x][0]))  # fmt: skip
    value = np.asarray(gradient, np.float64) if gradient is not None else None
    if value is not None and value.shape == x.shape and np.allclose(value, right, atol=1e-6):
        return None  # another small h is right too
    for label, wrong, text, advice in [
        ("missing-two-h", right * 2, "{name} divides by h; the two points are 2 h apart.", "Divide by 2 * h."),
        ("missing-two-h", right * 2 * h, "{name} does not divide by 2 h.", "Divide by 2 * h."),
        ("precedence", (above - below) / 2 * h, "{name} divides by 2 and multiplies by h.", "Write / (2 * h), in brackets."),
        ("forward-difference", (above - middle) / h, "{name} takes the difference to one side only, which errs by about h.",
         "Take f at x + h and at x - h."),
        ("forward-difference", (above - middle) / (2 * h), "{name} compares f at x + h with f at x itself.",
         "Take f at x + h and at x - h."),
        ("sign-flip", -right, "{name} has the wrong sign.", "Take f at x + h less f at x - h."),
        ("moves-all-elements", np.full(3, right.sum()), "{name} moves all elements at once.", "Move one element at a time."),
    ]:  # fmt: skip
        if value is not None and value.shape == wrong.shape and np.allclose(value, wrong, rtol=1e-6, atol=1e-8):
            return fault(label, text, advice, name=NAME, method=NAME, line=answer.line(NAME))
    return compare(answer, NAME, gradient, right, [])


def _shape(answer: Answer) -> Any:
    x = np.array([[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]])
    gradient, failed = answer.call(NAME, answer[NAME], _cube, x.copy())
    right = 3 * x**2
    right[0, 0] += x[-1, -1]
    right[-1, -1] += x[0, 0]
    if failed is None and np.shape(gradient) == x.shape and np.allclose(gradient, right, atol=1e-5):
        return None
    if failed is not None and "raises" in failed.label:
        return fault("one-d-only", "{name} is right for x of shape (3,) and fails for x of shape (2, 3): {error}",
                     "np.ndindex(x.shape) goes through the indices of any shape.", name=NAME, method=NAME,
                     line=failed.line, error=failed.values["error"])  # fmt: skip
    if same(gradient, right):
        return None
    return fault("one-d-only", "{name} is right for x of shape (3,), but not for x of shape (2, 3).",
                 "np.ndindex(x.shape) goes through the indices of any shape.", name=NAME, method=NAME,
                 line=answer.line(NAME))  # fmt: skip


def _looks_elsewhere(answer: Answer) -> Any:
    """A function that ignores its argument and looks at the array, as the book's lambda W: loss(x, t) does."""
    x = np.array([1.0, -2.0, 0.5])
    gradient, failed = answer.call(NAME, answer[NAME], lambda _: np.sum(x**2), x)
    if failed:
        return failed
    if np.allclose(gradient, 2 * x, atol=1e-5):
        return None
    return fault("copies-input", "{name} changes a copy of x: a loss that looks at the array itself sees no change.",
                 "Change x itself, and put it back.", name=NAME, method=NAME, line=answer.line(NAME))  # fmt: skip


EXERCISE = Exercise(NAME, "Numerical gradient", (NAME,), {"en": EN, "ko": KO}, HINTS, check)
