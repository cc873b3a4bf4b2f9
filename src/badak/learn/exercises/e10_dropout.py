# ruff: noqa: E501, PLR0911 (a sentence is one line, as its translation is; a return is one cause)
"""Dropout: a layer that forgets at random while it trains (book, ch. 6.4.3)."""

from typing import Any

import numpy as np

from badak.learn.exercise import Answer, Exercise, Findings, check_class, fault, same

EN = '''"""Exercise 10: Dropout, a layer that forgets at random while it trains (book, ch. 6.4.3).

While training (self.training is True), each value is dropped with the probability p = dropout_ratio, by itself:

    y = 0             where a value was dropped          dx = 0
    y = x / (1 - p)   where it was kept                  dx = dout / (1 - p)

While predicting (self.training is False) nothing is dropped and nothing is scaled: y = x.

Dividing by 1 - p makes up for what is missing: on average y is as large as x, in training as in predicting. (The book
multiplies by 1 - p when predicting instead. Scaling in training, as here, is what libraries do: inverted dropout.)

x is an array of any shape, here (N, D); y, dout and dx have its shape.

    dropout = Dropout(0.5)
    dropout.forward(np.array([[1.0, 2.0, 3.0, 4.0]]))    # for example [[2. 0. 0. 8.]]: chance drops 2 and 3
    dropout.backward(np.array([[1.0, 1.0, 1.0, 1.0]]))   # then        [[2. 0. 0. 2.]]: the same places
    dropout.training = False
    dropout.forward(np.array([[1.0, 2.0, 3.0, 4.0]]))    # [[1. 2. 3. 4.]]

Write what belongs in the place of each ... and save the file.
"""

import numpy as np


class Dropout:
    def __init__(self, dropout_ratio=0.5, seed=0):
        self.dropout_ratio = dropout_ratio
        self.rng = np.random.default_rng(seed)  # the only source of chance here
        self.training = True
        self.mask = None  # what backward needs of forward: which values were kept

    def forward(self, x):
        """Give y. While training, draw a new mask with self.rng and keep it. Leave x as it is."""
        ...

    def backward(self, dout):
        """Give dx, from dout and the mask of forward."""
        ...
'''
KO = '''"""연습 10: 드롭아웃, 훈련하는 동안 무작위로 잊는 계층 (책 6.4.3절).

훈련할 때(self.training이 True)는 값마다 따로 확률 p = dropout_ratio로 지웁니다:

    y = 0             (지운 곳)           dx = 0
    y = x / (1 - p)   (남긴 곳)           dx = dout / (1 - p)

예측할 때(self.training이 False)는 지우지도 않고 크기를 바꾸지도 않습니다: y = x.

1 - p로 나누는 것은 지워진 만큼을 채우기 위해서입니다. 그래서 y는 평균적으로 훈련할 때나 예측할 때나 x만 합니다. (책은
그 대신 예측할 때 1 - p를 곱합니다. 여기처럼 훈련할 때 나누는 것이 라이브러리들의 방식입니다: inverted dropout.)

x는 형상이 어떤 배열이든 되고 여기서는 (N, D)입니다. y, dout, dx의 형상은 x와 같습니다.

    dropout = Dropout(0.5)
    dropout.forward(np.array([[1.0, 2.0, 3.0, 4.0]]))    # 예를 들어 [[2. 0. 0. 8.]]: 우연히 2와 3이 지워졌습니다
    dropout.backward(np.array([[1.0, 1.0, 1.0, 1.0]]))   # 그러면    [[2. 0. 0. 2.]]: 같은 자리
    dropout.training = False
    dropout.forward(np.array([[1.0, 2.0, 3.0, 4.0]]))    # [[1. 2. 3. 4.]]

... 자리에 알맞은 코드를 쓰고 파일을 저장하세요.
"""

import numpy as np


class Dropout:
    def __init__(self, dropout_ratio=0.5, seed=0):
        self.dropout_ratio = dropout_ratio
        self.rng = np.random.default_rng(seed)  # 여기서 무작위는 이것만 씁니다
        self.training = True
        self.mask = None  # backward에 필요한 것: 어느 값을 남겼는지

    def forward(self, x):
        """y를 돌려줍니다. 훈련할 때는 self.rng로 마스크를 새로 뽑아 남깁니다. x는 바꾸지 않습니다."""
        ...

    def backward(self, dout):
        """dout과 forward의 마스크로 dx를 돌려줍니다."""
        ...
'''
HINTS = {
    "en": (
        "self.rng.random(x.shape) gives numbers from 0 to 1, one for each value of x. A share p of them lies below p.",
        "A comparison gives the mask: True where a value is kept. True counts as 1 and False as 0, so a mask can be multiplied "
        "and divided. Keep the result in self.mask; when predicting, x goes out as it came.",
        "self.mask = (self.rng.random(x.shape) >= self.dropout_ratio) / (1 - self.dropout_ratio); y is x * self.mask, "
        "and dx is dout times the same self.mask.",
    ),
    "ko": (
        "self.rng.random(x.shape)는 x의 값마다 0에서 1 사이의 수를 하나씩 줍니다. 그중 p만큼의 비율이 p보다 작습니다.",
        "비교하면 마스크가 나옵니다: 남기는 곳이 True입니다. True는 1, False는 0으로 셈하므로 마스크를 곱하고 나눌 수 있습니다. "
        "결과를 self.mask에 남기세요. 예측할 때는 x를 그대로 내보냅니다.",
        "self.mask = (self.rng.random(x.shape) >= self.dropout_ratio) / (1 - self.dropout_ratio)이고, y는 x * self.mask, "
        "dx는 dout에 같은 self.mask를 곱한 것입니다.",
    ),
}
NAME, P = "Dropout.forward", 0.2


def check(answer: Answer) -> Findings:
    """Training drops the right share and scales the rest, predicting does nothing, backward goes the same way."""
    if not answer.written(NAME):
        return
    x = np.random.default_rng(10).uniform(1, 2, (60, 50)) * np.where(np.arange(50) % 2, 1, -1)
    layer, failed = answer.call("Dropout", answer["Dropout"], P)
    found = failed or _training(answer, layer, x) or _chance(answer, layer, x) or _predicting(answer, layer, x)
    if found is not None:
        yield found
    elif answer.written("Dropout.backward"):
        yield from _backward(answer, x)


def _wrong(answer: Answer, label: str, text: str, advice: str, name: str = NAME, **values: Any) -> Any:
    return fault(label, text, advice, name=name, method=name, line=answer.line(name), **values)


def _training(answer: Answer, layer: Any, x: Any) -> Any:
    """Say what is wrong with y while training; its chance is not known, so the share of zeros and the factors are judged."""
    y, failed = answer.call(NAME, layer.forward, x.copy())
    if failed:
        return failed
    if y is None:
        return _wrong(answer, "returns-none", "{name} returns nothing.", "End it with return …")
    if np.shape(y) != x.shape or np.asarray(y).dtype.kind not in "fiub":
        return _wrong(answer, "wrong-shape", "{name} gives the shape {shape}; it should be {right}.", "",
                      shape=np.shape(y), right=x.shape)  # fmt: skip
    y = np.asarray(y, np.float64)
    if len(np.unique(y)) <= 2:
        return _wrong(answer, "returns-mask", "{name} gives the mask itself.", "Multiply x by the mask.")
    factor = y / x
    dropped, kept = factor == 0, factor[factor != 0]
    if (dropped == dropped[:1]).all() or (dropped == dropped[:, :1]).all():
        if not dropped.any():
            return _wrong(
                answer,
                "drops-nothing",
                "{name} drops nothing while training.",
                "Set a share of the values to 0, by chance.",
            )
        return _wrong(answer, "shared-mask", "{name} drops whole rows or columns; each value has a chance of its own.",
                      "Draw as many numbers as x has: self.rng.random(x.shape).")  # fmt: skip
    share = float(dropped.mean())
    if abs(share - (1 - P)) < 0.04:
        return _wrong(answer, "keep-drop-confusion", "{name} drops {share} % of the values and keeps {ratio} %: dropout_ratio is the share to drop.",
                      "Keep a value where the random number is above the ratio.", share=f"{100 * share:.0f}", ratio=f"{100 * P:.0f}")  # fmt: skip
    if abs(share - P) > 0.04:
        return _wrong(answer, "wrong-share", "{name} drops {share} % of the values where dropout_ratio is {ratio} %.",
                      "Compare self.rng.random(x.shape), which is even from 0 to 1, with self.dropout_ratio.", share=f"{100 * share:.0f}", ratio=f"{100 * P:.0f}")  # fmt: skip
    if np.allclose(kept, 1 / (1 - P)):
        return None
    if np.allclose(kept, 1):
        return _unscaled(answer, layer, x)
    if np.allclose(kept, 1 - P):
        return _wrong(
            answer,
            "wrong-scale",
            "{name} multiplies by 1 - dropout_ratio while training: y gets smaller twice.",
            "Divide by 1 - self.dropout_ratio.",
        )
    if np.allclose(kept, 1 / P):
        return _wrong(
            answer,
            "wrong-scale",
            "{name} divides by dropout_ratio; what is kept is 1 - dropout_ratio.",
            "Divide by 1 - self.dropout_ratio.",
        )
    return _wrong(answer, "wrong-value", "{name} multiplies what it keeps by something other than 1 / (1 - dropout_ratio).", "Divide x by 1 - self.dropout_ratio where it is kept.",
                  got=float(kept[0]), expected=1 / (1 - P))  # fmt: skip


def _unscaled(answer: Answer, layer: Any, x: Any) -> Any:
    """Tell the book's scaling at the other end from none at all."""
    layer.training = False
    y, _ = answer.call(NAME, layer.forward, x.copy())
    if same(y, x * (1 - P)):
        return _wrong(answer, "scales-when-predicting", "{name} scales while predicting; here that is done while training, and y = x when predicting.",
                      "Divide by 1 - self.dropout_ratio while training, and give x as it is when predicting.")  # fmt: skip
    return _wrong(answer, "missing-scale", "{name} never scales: while training, y is smaller on average than when predicting.",
                  "Divide what is kept by 1 - self.dropout_ratio.")  # fmt: skip


def _chance(answer: Answer, layer: Any, x: Any) -> Any:
    """Say whether each call draws anew, and from self.rng."""
    first, failed = answer.call(NAME, layer.forward, x.copy())
    if failed:
        return failed
    rng = getattr(layer, "rng", None)
    state = rng.bit_generator.state if isinstance(rng, np.random.Generator) else None
    again, failed = answer.call(NAME, layer.forward, x.copy())
    if failed:
        return failed
    if np.array_equal(first, again):
        return _wrong(
            answer,
            "same-mask",
            "{name} drops the same values at every call.",
            "Draw a new mask in every call, and make the generator in __init__ alone.",
        )
    if state is not None and rng is not None and rng.bit_generator.state == state:
        return _wrong(
            answer,
            "ignores-rng",
            "{name} does not draw from self.rng: the same seed would not give the same training.",
            "Use self.rng.random(x.shape).",
        )
    return None


def _predicting(answer: Answer, layer: Any, x: Any) -> Any:
    """Say what is wrong with y while predicting."""
    layer.training = False
    y, failed = answer.call(NAME, layer.forward, x.copy())
    layer.training = True
    if failed:
        return failed
    if same(y, x):
        return None
    if y is None:
        return _wrong(
            answer, "returns-none", "{name} returns nothing when predicting.", "Return x where self.training is False."
        )
    if np.shape(y) == x.shape and np.any(np.asarray(y) == 0):
        return _wrong(
            answer,
            "train-flag-ignored",
            "{name} drops values while predicting, too.",
            "Where self.training is False, give x as it is.",
        )
    if same(y, x * (1 - P)) or same(y, x / (1 - P)):
        return _wrong(
            answer,
            "scales-twice",
            "{name} scales while training and while predicting.",
            "Where self.training is False, give x as it is.",
        )
    return _wrong(
        answer,
        "wrong-value",
        "{name} gives something other than x while predicting.",
        "Where self.training is False, give x as it is.",
    )


def _backward(answer: Answer, x: Any) -> Findings:
    """Ask badak check; a mask that forward did not keep is said first, because the check sees an exception alone."""
    name = "Dropout.backward"
    layer = answer["Dropout"](P)
    answer.call(NAME, layer.forward, x.copy())
    _, failed = answer.call(name, layer.backward, np.ones_like(x))
    if failed is not None and not any(np.shape(value) == x.shape for value in vars(layer).values()):
        yield fault("missing-cache", "forward keeps no mask, so backward cannot know what was dropped: {error}.", "Write self.mask = … in forward.",
                    method=name, line=answer.line(NAME), error=failed.values["error"])  # fmt: skip
        return
    yield from check_class(answer, answer["Dropout"](0.3), x[:6, :5])


EXERCISE = Exercise("dropout", "Dropout", ("Dropout",), {"en": EN, "ko": KO}, HINTS, check)
