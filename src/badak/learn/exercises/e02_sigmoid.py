# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Sigmoid: the derivative from the output (book, ch. 5.5.2)."""

import numpy as np

from badak.functions import sigmoid
from badak.learn.exercise import Answer, Exercise, Findings, check_class, compare

EN = '''"""Exercise 2: Sigmoid (book, ch. 5.5.2).

    y = 1 / (1 + exp(-x))          dx = dout * y * (1 - y)

x, y, dout and dx have the same shape, here (N, D). The derivative needs the output y alone, so that is what forward
keeps.

    layer = Sigmoid()
    layer.forward(np.array([[0.0, 2.0]]))   # [[0.5 0.88079708]]
    layer.backward(np.array([[1.0, 1.0]]))  # [[0.25 0.10499359]]

For a large negative x, exp(-x) is too large for a number (x = -1000). The check calls that a hazard, no mistake:
np.exp of numbers that are never positive cannot overflow.

Write what belongs in the place of each ... and save the file.
"""

import numpy as np


class Sigmoid:
    def __init__(self):
        self.out = None  # what backward needs of forward: y

    def forward(self, x):
        """Give y, and keep it in self.out."""
        ...

    def backward(self, dout):
        """Give dx, from dout and self.out."""
        ...
'''
KO = '''"""연습 2: Sigmoid (책 5.5.2절).

    y = 1 / (1 + exp(-x))          dx = dout * y * (1 - y)

x, y, dout, dx의 형상은 모두 같습니다. 여기서는 (N, D)입니다. 미분은 출력 y만으로 구할 수 있으므로 forward는 y를
남겨 둡니다.

    layer = Sigmoid()
    layer.forward(np.array([[0.0, 2.0]]))   # [[0.5 0.88079708]]
    layer.backward(np.array([[1.0, 1.0]]))  # [[0.25 0.10499359]]

x가 아주 작으면(x = -1000) exp(-x)가 너무 커져 수로 나타낼 수 없습니다. 검사는 이것을 틀림이 아니라 위험이라고
합니다. 양수가 되지 않는 수의 np.exp에서는 오버플로가 발생하지 않습니다.

... 자리에 알맞은 코드를 쓰고 파일을 저장하세요.
"""

import numpy as np


class Sigmoid:
    def __init__(self):
        self.out = None  # backward에 필요한 것: y

    def forward(self, x):
        """y를 돌려주고 self.out에 남깁니다."""
        ...

    def backward(self, dout):
        """dout과 self.out으로 dx를 돌려줍니다."""
        ...
'''
HINTS = {
    "en": (
        "np.exp works on a whole array; no loop is needed. Mind the sign in the exponent.",
        "y (1 - y) is the slope of the sigmoid at each place. By the chain rule it is multiplied by what comes from above.",
        "forward: compute y, store it in self.out, return it. backward: a product of three factors, "
        "dout, self.out and 1 - self.out.",
    ),
    "ko": (
        "np.exp는 배열 전체에 쓸 수 있어 반복문이 필요 없습니다. 지수의 부호를 살피세요.",
        "y (1 - y)는 각 자리에서 시그모이드의 기울기입니다. 연쇄 법칙에 따라 위에서 온 값과 곱합니다.",
        "forward: y를 구해 self.out에 남기고 돌려줍니다. backward: dout, self.out, 1 - self.out 세 가지의 곱입니다.",
    ),
}


def check(answer: Answer) -> Findings:
    """Sigmoid gives 1 / (1 + exp(-x)), and its backward fits."""
    if not answer.written("Sigmoid.forward"):
        return
    x = np.array([[0.0, 2.0, -1.0], [0.5, -3.0, 1.5]])
    layer, failed = answer.call("Sigmoid", answer["Sigmoid"])
    y, failed = (None, failed) if failed else answer.call("forward", layer.forward, x.copy())
    if failed:
        yield failed
        return
    with np.errstate(all="ignore"):
        wrong = compare(
            answer,
            "Sigmoid.forward",
            y,
            sigmoid(x),
            [
                ("sign-flip", sigmoid(-x), "{name} has the wrong sign in the exponent: it falls where it should rise.",
                 "It is exp(-x)."),
                ("wrong-formula", np.exp(-x), "{name} gives exp(-x) alone.", "It is 1 / (1 + exp(-x))."),
                ("wrong-formula", 1 + np.exp(-x), "{name} gives 1 + exp(-x).", "It is one divided by that."),
                ("wrong-formula", 1 / 1 + np.exp(-x), "{name} gives 1 + exp(-x).", "It is one divided by that."),
                ("wrong-formula", np.tanh(x), "{name} gives tanh(x).", "It is 1 / (1 + exp(-x))."),
                ("returns-derivative", sigmoid(x) * (1 - sigmoid(x)), "{name} gives the derivative y (1 - y).",
                 "forward gives y itself; the derivative belongs in backward."),
            ],
        )  # fmt: skip
    if wrong:
        yield wrong
    elif answer.written("Sigmoid.backward"):
        yield from check_class(answer, answer["Sigmoid"](), np.random.default_rng(2).standard_normal((5, 7)))


EXERCISE = Exercise("sigmoid", "Sigmoid", ("Sigmoid",), {"en": EN, "ko": KO}, HINTS, check)
