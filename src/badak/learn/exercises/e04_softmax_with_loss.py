# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Softmax-with-loss: the clean gradient y - t (book, ch. 5.6.3)."""

from typing import Any

import numpy as np

from badak.functions import softmax
from badak.learn.exercise import Answer, Exercise, Findings, check_class, compare, fault, same
from badak.types import Array

EN = '''"""Exercise 4: Softmax-with-loss (book, ch. 5.6.3 and appendix A).

    y = exp(x) / (the sum of exp(x) over the classes)       a row of y adds up to 1
    L = - (the sum of t * log(y) over the classes), and of that the mean over the N samples
    dx = dout * (y - t) / N

x   (N, C)  scores: N samples, C classes          y, dx  (N, C)
t   (N, C)  labels, one-hot: 1 at the right class, else 0
L   one number; dout one number, 1 if nothing follows

    layer = SoftmaxWithLoss()
    layer.forward(np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[1, 0], [1, 0]]))  # 0.41003759...
    layer.backward()                                                               # [[-0.25 0.25] [-0.0596 0.0596]]

exp of a large score is too large for a number. Subtract each row's maximum first: that changes nothing in y.
The book writes log(y + 1e-7) so that log(0) never comes up; that or the exact log is right here.

Write what belongs in the place of each ... and save the file.
"""

import numpy as np


class SoftmaxWithLoss:
    def __init__(self):
        self.loss = None
        self.y = None  # what backward needs of forward
        self.t = None

    def forward(self, x, t):
        """Give the loss L, one number, and keep y and t."""
        ...

    def backward(self, dout=1):
        """Give dx."""
        ...
'''
KO = '''"""연습 4: Softmax-with-loss (책 5.6.3절과 부록 A).

    y = exp(x) / (클래스에 대해 exp(x)를 더한 것)            y의 한 행을 더하면 1입니다
    L = - (클래스에 대해 t * log(y)를 더한 것), 그것을 샘플 N개에 대해 평균한 것
    dx = dout * (y - t) / N

x   (N, C)  점수: 샘플 N개, 클래스 C개            y, dx  (N, C)
t   (N, C)  원-핫 레이블: 정답 클래스는 1, 나머지는 0
L   수 하나. dout도 수 하나이고 뒤에 아무것도 없으면 1입니다

    layer = SoftmaxWithLoss()
    layer.forward(np.array([[0.0, 0.0], [2.0, 0.0]]), np.array([[1, 0], [1, 0]]))  # 0.41003759...
    layer.backward()                                                               # [[-0.25 0.25] [-0.0596 0.0596]]

점수가 크면 exp가 너무 커져 수로 나타낼 수 없습니다. 먼저 행마다 최댓값을 빼세요. y는 달라지지 않습니다.
책은 log(0)이 나오지 않도록 log(y + 1e-7)로 씁니다. 여기서는 그것도 정확한 log도 맞습니다.

... 자리에 알맞은 코드를 쓰고 파일을 저장하세요.
"""

import numpy as np


class SoftmaxWithLoss:
    def __init__(self):
        self.loss = None
        self.y = None  # backward에 필요한 것
        self.t = None

    def forward(self, x, t):
        """손실 L(스칼라)을 돌려주고 y와 t를 남깁니다."""
        ...

    def backward(self, dout=1):
        """dx를 돌려줍니다."""
        ...
'''
HINTS = {
    "en": (
        "The classes lie along the second axis: sums over them take axis=1. With keepdims=True the result is (N, 1) and "
        "fits beside (N, C).",
        "Where t is 0 nothing is added, so that the sum over all of t * log(y) takes the logarithms at the right classes. "
        "N is x.shape[0].",
        "forward: x minus its row maximum; e = np.exp of that; self.y = e / e.sum(axis=1, keepdims=True); "
        "then minus np.sum of t times np.log(self.y), divided by N. backward: (y - t) times dout, divided by N.",
    ),
    "ko": (
        "클래스는 두 번째 축에 있습니다. 클래스에 대한 합에는 axis=1을 씁니다. keepdims=True이면 결과가 (N, 1)이라 "
        "(N, C)와 맞습니다.",
        "t가 0인 곳은 더해지지 않으므로 t * log(y)를 모두 더하면 정답 클래스의 로그만 남습니다. N은 x.shape[0]입니다.",
        "forward: x에서 행의 최댓값을 빼고, 그 np.exp를 e라 하면 self.y = e / e.sum(axis=1, keepdims=True)입니다. "
        "t와 np.log(self.y)의 곱의 np.sum에 음수를 붙여 N으로 나눕니다. backward: (y - t)에 dout을 곱해 N으로 나눕니다.",
    ),
}


def check(answer: Answer) -> Findings:
    """The loss is the mean cross entropy of the softmax, and its backward fits."""
    if not answer.written("SoftmaxWithLoss.forward"):
        return
    rng = np.random.default_rng(4)
    x, t = rng.standard_normal((5, 3)), np.eye(3)[[0, 2, 1, 1, 0]]
    layer, failed = answer.call("SoftmaxWithLoss", answer["SoftmaxWithLoss"])
    loss, failed = (None, failed) if failed else answer.call("forward", layer.forward, x.copy(), t.copy())
    if failed:
        yield failed
        return
    wrong = _loss(answer, loss, x, t)
    if wrong:
        yield wrong
    elif answer.written("SoftmaxWithLoss.backward"):
        found = list(check_class(answer, answer["SoftmaxWithLoss"](), x, t))
        # The book's 1e-7 makes the loss another function by a hair: the task allows it.
        found = [finding for finding in found if finding.label != "forward-backward-formula-mismatch"]
        yield from found
        if not found:
            yield from _dout(answer, layer)


def _loss(answer: Answer, loss: Any, x: Array, t: Array) -> Any:
    """Compare the loss with the exact one and the book's, whose log(y + 1e-7) is as right."""
    # A sum over the wrong axis gives another value where each row's maximum was subtracted before.
    e, shifted = np.exp(x), np.exp(x - x.max(axis=1, keepdims=True))
    for small in (0.0, 1e-7):

        def total(y: Array, small: float = small) -> Any:
            return -np.sum(t * np.log(y + small))

        y = softmax(x)
        right = total(y) / 5
        wrong = compare(
            answer,
            "SoftmaxWithLoss.forward",
            loss,
            right,
            [
                ("missing-batch-mean", 5 * right, "{name} gives the sum over the batch; the loss is its mean.",
                 "Divide by the number of samples, x.shape[0]."),
                ("divides-by-wrong-axis", 5 * right / 3, "{name} divides by the number of classes.",
                 "Divide by the number of samples, x.shape[0]."),
                ("divides-by-wrong-axis", right / 3, "{name} takes the mean over samples and classes.",
                 "Add up over the classes, and divide by the number of samples alone."),
                ("sign-flip", -right, "{name} has the wrong sign: a loss is not negative.", "Put a minus before the sum."),
                *[
                    (label, total(numerator / numerator.sum(axis=axis)) / 5, text, "Sum with axis=1, keepdims=True.")
                    for numerator in (e, shifted)
                    for label, axis, text in (
                        ("softmax-whole-batch", None, "{name} takes the softmax over the whole batch; "
                         "each sample has its own."),
                        ("softmax-wrong-axis", 0, "{name} takes the softmax along the batch; "
                         "it goes over the classes of one sample."),
                    )
                ],
                ("loss-not-scalar", -np.sum(t * np.log(y + small), axis=1), "{name} gives a loss for each sample; "
                 "one number is asked.", "Take the mean over the batch."),
                ("returns-prediction", y, "{name} gives y; it has to give the loss.",
                 "Keep y in self.y and return the loss."),
                ("missing-log", -np.sum(t * y) / 5, "{name} leaves out the logarithm.", "It is the sum of t * log(y)."),
            ],
        )  # fmt: skip
        if wrong is None or wrong.label not in ("wrong-value", "wrong-shape"):
            return wrong
    return wrong


def _dout(answer: Answer, layer: Any) -> Findings:
    once, failed = answer.call("backward", layer.backward)
    twice, failed = (None, failed) if failed else answer.call("backward", layer.backward, 2.0)
    if failed is None and not same(twice, 2 * np.asarray(once)):
        yield fault("ignores-dout", "{name} leaves out dout: it is right only where nothing follows the loss.",
                    "Multiply by dout.", severity="hazard", name="SoftmaxWithLoss.backward", method="backward",
                    line=answer.line("SoftmaxWithLoss.backward"))  # fmt: skip


EXERCISE = Exercise("softmax_with_loss", "Softmax-with-loss", ("SoftmaxWithLoss",), {"en": EN, "ko": KO}, HINTS, check)
