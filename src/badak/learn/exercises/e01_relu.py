# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Relu: the gate (book, ch. 5.5.1)."""

import numpy as np

from badak.learn.exercise import Answer, Exercise, Findings, check_class, compare

EN = '''"""Exercise 1: Relu, the gate (book, ch. 5.5.1).

    y = x   where x > 0         dx = dout   where x > 0
    y = 0   where x <= 0        dx = 0      where x <= 0

x is an array of any shape, here (N, D): N samples with D values each. y has its shape, and so do dout, which is
dL/dy and comes from the layer above, and dx, which is dL/dx and goes to the layer below.

    relu = Relu()
    relu.forward(np.array([[1.0, -0.5], [-2.0, 3.0]]))     # [[1. 0.] [0. 3.]]
    relu.backward(np.array([[10.0, 20.0], [30.0, 40.0]]))  # [[10. 0.] [0. 40.]]

Write what belongs in the place of each ... and save the file.
"""

import numpy as np


class Relu:
    def __init__(self):
        self.mask = None  # what backward needs of forward: where x <= 0

    def forward(self, x):
        """Give y. Keep in self.mask where nothing may pass. Leave x as it is."""
        ...

    def backward(self, dout):
        """Give dx, from dout and self.mask. Leave dout as it is."""
        ...
'''
KO = '''"""연습 1: Relu, 문 (책 5.5.1절).

    y = x   (x > 0인 곳)        dx = dout   (x > 0인 곳)
    y = 0   (x <= 0인 곳)       dx = 0      (x <= 0인 곳)

x는 형상이 어떤 배열이든 됩니다. 여기서는 (N, D), 곧 값이 D개인 샘플 N개입니다. y의 형상은 x와 같습니다.
위 계층에서 오는 dout(dL/dy)과 아래 계층으로 가는 dx(dL/dx)도 같은 형상입니다.

    relu = Relu()
    relu.forward(np.array([[1.0, -0.5], [-2.0, 3.0]]))     # [[1. 0.] [0. 3.]]
    relu.backward(np.array([[10.0, 20.0], [30.0, 40.0]]))  # [[10. 0.] [0. 40.]]

... 자리에 알맞은 코드를 쓰고 파일을 저장하세요.
"""

import numpy as np


class Relu:
    def __init__(self):
        self.mask = None  # backward에 필요한 것: x <= 0인 곳

    def forward(self, x):
        """y를 돌려줍니다. 0으로 만들 곳을 self.mask에 저장합니다. x는 바꾸지 않습니다."""
        ...

    def backward(self, dout):
        """dout과 self.mask로 dx를 돌려줍니다. dout은 바꾸지 않습니다."""
        ...
'''
HINTS = {
    "en": (
        "A comparison of an array gives an array of True and False of its shape: x <= 0.",
        "Such an array picks elements: a[mask] = 0 sets those to 0. Do that to a copy, never to x or dout themselves.",
        "forward: self.mask = (x <= 0), then a copy of x in which the masked places are 0. "
        "backward does the same to dout, with the same mask.",
    ),
    "ko": (
        "배열을 비교하면 같은 형상의 True/False 배열이 나옵니다: x <= 0.",
        "그런 배열로 원소를 고를 수 있습니다. a[mask] = 0은 그곳을 0으로 만듭니다. x나 dout이 아니라 복사본에 하세요.",
        "forward: self.mask = (x <= 0)을 남기고, x의 복사본에서 mask인 곳을 0으로 만듭니다. "
        "backward는 같은 mask로 dout에 같은 일을 합니다.",
    ),
}


def check(answer: Answer) -> Findings:
    """Relu gives max(x, 0), and its backward fits."""
    if not answer.written("Relu.forward"):
        return
    x = np.array([[1.0, -0.5, 2.5], [-2.0, 3.0, -0.25]])
    relu, failed = answer.call("Relu", answer["Relu"])
    y, failed = (None, failed) if failed else answer.call("forward", relu.forward, x.copy())
    if failed:
        yield failed
        return
    wrong = compare(
        answer,
        "Relu.forward",
        y,
        np.maximum(x, 0),
        [
            ("inverted-mask", np.minimum(x, 0), "{name} lets the negative values pass and stops the positive ones.",
             "Set to 0 where x <= 0."),
            ("no-gate", x, "{name} gives x as it is: nothing is stopped.", "Set to 0 where x <= 0."),
            ("absolute-value", np.abs(x), "{name} gives |x|: negative values have to become 0.", "Set to 0 where x <= 0."),
            ("returns-mask", x <= 0, "{name} gives the mask itself.", "Use the mask to set elements of a copy of x to 0."),
            ("returns-mask", x > 0, "{name} gives the mask itself.", "Use the mask to set elements of a copy of x to 0."),
        ],
    )  # fmt: skip
    if wrong:
        yield wrong
    elif answer.written("Relu.backward"):
        x = np.random.default_rng(1).standard_normal((5, 7))
        yield from check_class(answer, answer["Relu"](), x)


EXERCISE = Exercise("relu", "Relu", ("Relu",), {"en": EN, "ko": KO}, HINTS, check)
