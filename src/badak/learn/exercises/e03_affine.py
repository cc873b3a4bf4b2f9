# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Affine: the matrix product and the bias (book, ch. 5.6.2)."""

import numpy as np

from badak.learn.exercise import Answer, Exercise, Findings, check_class, compare

EN = '''"""Exercise 3: Affine, the matrix product and the bias (book, ch. 5.6.2).

    y = x W + b         dx = dout W^T       dW = x^T dout       db = the sum of dout over the batch

    x, dx  (N, D)   N samples of D values            W, dW  (D, H)
    y, dout (N, H)  N samples of H values            b, db  (H,)   added to each sample

A gradient has the shape of the thing itself: that alone tells most of the transposes.

    affine = Affine(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([0.0, 0.0, 1.0]))  # D = 2, H = 3
    affine.forward(np.array([[1.0, 1.0]]))        # [[5. 7. 10.]]
    affine.backward(np.array([[1.0, 0.0, 0.0]]))  # [[1. 4.]], and affine.dW is [[1. 0. 0.] [1. 0. 0.]]

The sum over the batch is not divided by N: that is done once, in the loss.

Write what belongs in the place of each ... and save the file.
"""

import numpy as np


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None  # what backward needs of forward
        self.dW = None
        self.db = None

    def forward(self, x):
        """Give y, and keep x."""
        ...

    def backward(self, dout):
        """Set self.dW and self.db, and give dx."""
        ...
'''
KO = '''"""연습 3: Affine, 행렬 곱과 편향 (책 5.6.2절).

    y = x W + b         dx = dout W^T       dW = x^T dout       db = dout을 배치에 대해 더한 것

    x, dx   (N, D)  값이 D개인 샘플 N개              W, dW  (D, H)
    y, dout (N, H)  값이 H개인 샘플 N개              b, db  (H,)   샘플마다 더해집니다

기울기의 형상은 본래 배열의 형상과 같습니다. 어디를 전치할지는 대부분 이것만으로 알 수 있습니다.

    affine = Affine(np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]), np.array([0.0, 0.0, 1.0]))  # D = 2, H = 3
    affine.forward(np.array([[1.0, 1.0]]))        # [[5. 7. 10.]]
    affine.backward(np.array([[1.0, 0.0, 0.0]]))  # [[1. 4.]], affine.dW는 [[1. 0. 0.] [1. 0. 0.]]

배치에 대한 합은 N으로 나누지 않습니다. 나누기는 손실에서 한 번만 합니다.

... 자리에 알맞은 코드를 쓰고 파일을 저장하세요.
"""

import numpy as np


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None  # backward에 필요한 것
        self.dW = None
        self.db = None

    def forward(self, x):
        """y를 돌려주고 x를 남깁니다."""
        ...

    def backward(self, dout):
        """self.dW와 self.db를 채우고 dx를 돌려줍니다."""
        ...
'''
HINTS = {
    "en": (
        "The matrix product is np.dot(a, b), or a @ b: (N, D) by (D, H) gives (N, H). b is added to every row by itself.",
        "Write the shapes beside each other: dW is (D, H), x is (N, D), dout is (N, H). Only one product of x and dout, "
        "with one of them transposed, gives (D, H). dx the same way.",
        "dW is x.T times dout, dx is dout times W.T, and db adds up the rows of dout: np.sum with axis=0.",
    ),
    "ko": (
        "행렬 곱은 np.dot(a, b) 또는 a @ b입니다. (N, D)와 (D, H)를 곱하면 (N, H)입니다. b는 저절로 모든 행에 더해집니다.",
        "형상을 나란히 적어 보세요. dW는 (D, H), x는 (N, D), dout은 (N, H)입니다. x와 dout 중 하나를 전치해 곱할 때 "
        "(D, H)가 되는 것은 하나뿐입니다. dx도 마찬가지입니다.",
        "dW는 x.T와 dout의 곱, dx는 dout과 W.T의 곱이고, db는 dout의 행을 더한 것입니다: axis=0인 np.sum.",
    ),
}


def check(answer: Answer) -> Findings:
    """Affine gives x W + b, and its three gradients fit."""
    if not answer.written("Affine.forward"):
        return
    rng = np.random.default_rng(3)
    x, W, b = (rng.standard_normal(shape) for shape in ((5, 7), (7, 3), 3))
    layer, failed = answer.call("Affine", answer["Affine"], W.copy(), b.copy())
    y, failed = (None, failed) if failed else answer.call("forward", layer.forward, x.copy())
    if failed:
        yield failed
        return
    wrong = compare(
        answer,
        "Affine.forward",
        y,
        x @ W + b,
        [
            ("missing-bias", x @ W, "{name} forgets the bias b.", "Add self.b."),
            ("wrong-sign", x @ W - b, "{name} subtracts the bias b.", "Add self.b."),
        ],
    )
    if wrong:
        yield wrong
    elif answer.written("Affine.backward"):
        yield from check_class(answer, answer["Affine"](W, b), x)


EXERCISE = Exercise("affine", "Affine", ("Affine",), {"en": EN, "ko": KO}, HINTS, check)
