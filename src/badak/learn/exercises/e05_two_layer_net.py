# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""The two-layer net: layers in a row (book, ch. 5.7.2)."""

from typing import Any

import numpy as np

from badak.functions import softmax
from badak.learn.exercise import Answer, Exercise, Findings, check_class, compare, fault, same

EN = '''"""Exercise 5: a two-layer net (book, ch. 5.7.2).

    x -> Affine1 -> Relu1 -> Affine2 -> scores -> softmax with loss

    predict(x)      (N, C) scores, without softmax            x  (N, D)
    loss(x, t)      one number                                t  (N, C) one-hot
    accuracy(x, t)  the share of samples whose highest score is at the label
    gradient(x, t)  {"W1": ..., "b1": ..., "W2": ..., "b2": ...}, shaped as params

    net = TwoLayerNet(4, 5, 3)
    net.predict(np.zeros((2, 4))).shape   # (2, 3)

The layers share the arrays of params, so that a change in params is a change in the layers. Your own Affine, Relu and
SoftmaxWithLoss will do as well as the ones imported here.

Write what belongs in the place of each ... and save the file.
"""

import numpy as np

from badak import Affine, Relu, SoftmaxWithLoss


class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01):
        self.params = {
            "W1": weight_init_std * np.random.randn(input_size, hidden_size),
            "b1": np.zeros(hidden_size),
            "W2": weight_init_std * np.random.randn(hidden_size, output_size),
            "b2": np.zeros(output_size),
        }
        self.layers = {
            "Affine1": Affine(self.params["W1"], self.params["b1"]),
            "Relu1": Relu(),
            "Affine2": Affine(self.params["W2"], self.params["b2"]),
        }
        self.lastLayer = SoftmaxWithLoss()

    def predict(self, x):
        """Give the scores: x through each layer in turn."""
        ...

    def loss(self, x, t):
        """Give the loss of the scores for x."""
        ...

    def accuracy(self, x, t):
        """Give the share of samples that are predicted rightly, from 0 to 1."""
        ...

    def gradient(self, x, t):
        """Give the gradients: forward with loss, then backward through all layers, the last one first."""
        ...
'''
KO = '''"""연습 5: 2층 신경망 (책 5.7.2절).

    x -> Affine1 -> Relu1 -> Affine2 -> 점수 -> softmax-with-loss

    predict(x)      (N, C) 점수, softmax는 하지 않습니다      x  (N, D)
    loss(x, t)      수 하나                                   t  (N, C) 원-핫
    accuracy(x, t)  점수가 가장 높은 클래스가 정답인 샘플의 비율
    gradient(x, t)  {"W1": ..., "b1": ..., "W2": ..., "b2": ...}, params와 같은 형상

    net = TwoLayerNet(4, 5, 3)
    net.predict(np.zeros((2, 4))).shape   # (2, 3)

계층은 params의 배열을 함께 씁니다. 그래서 params가 바뀌면 계층도 바뀝니다. 여기서 불러온 Affine, Relu,
SoftmaxWithLoss 대신 직접 만든 것을 써도 됩니다.

... 자리에 알맞은 코드를 쓰고 파일을 저장하세요.
"""

import numpy as np

from badak import Affine, Relu, SoftmaxWithLoss


class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01):
        self.params = {
            "W1": weight_init_std * np.random.randn(input_size, hidden_size),
            "b1": np.zeros(hidden_size),
            "W2": weight_init_std * np.random.randn(hidden_size, output_size),
            "b2": np.zeros(output_size),
        }
        self.layers = {
            "Affine1": Affine(self.params["W1"], self.params["b1"]),
            "Relu1": Relu(),
            "Affine2": Affine(self.params["W2"], self.params["b2"]),
        }
        self.lastLayer = SoftmaxWithLoss()

    def predict(self, x):
        """점수를 돌려줍니다. x를 계층에 차례로 통과시킵니다."""
        ...

    def loss(self, x, t):
        """x의 점수에 대한 손실을 돌려줍니다."""
        ...

    def accuracy(self, x, t):
        """맞게 예측한 샘플의 비율(0에서 1)을 돌려줍니다."""
        ...

    def gradient(self, x, t):
        """기울기를 돌려줍니다. loss로 순전파한 다음, 마지막 계층부터 역전파합니다."""
        ...
'''
HINTS = {
    "en": (
        "predict is a loop over self.layers.values(). loss hands what predict gives to self.lastLayer.forward.",
        "np.argmax(y, axis=1) gives a class for each row; do it to the one-hot t too, and compare. For gradient, call loss "
        "first: then every layer has kept what its backward needs.",
        "gradient: self.loss(x, t); dout = self.lastLayer.backward(1); through reversed(list(self.layers.values())), "
        "dout = layer.backward(dout); at the end each Affine holds its dW and db.",
    ),
    "ko": (
        "predict는 self.layers.values()를 도는 반복문입니다. loss는 predict의 결과를 self.lastLayer.forward에 넘깁니다.",
        "np.argmax(y, axis=1)은 행마다 클래스 하나를 줍니다. 원-핫인 t에도 하고 견주세요. gradient에서는 먼저 loss를 "
        "부르세요. 그래야 모든 계층이 backward에 필요한 것을 갖게 됩니다.",
        "gradient: self.loss(x, t); dout = self.lastLayer.backward(1); reversed(list(self.layers.values()))를 돌며 "
        "dout = layer.backward(dout); 끝나면 Affine마다 dW와 db가 있습니다.",
    ),
}
PARAMS = ("W1", "b1", "W2", "b2")


def check(answer: Answer) -> Findings:
    """Scores, loss and accuracy are those of the two-layer net, and the gradient is that of the loss."""
    rng = np.random.default_rng(5)
    x, t = rng.standard_normal((6, 4)), np.eye(3)[[0, 2, 1, 1, 0, 2]]
    net, failed = answer.call("TwoLayerNet", answer["TwoLayerNet"], 4, 5, 3, 1.0)
    if failed:
        yield failed
        return
    params = getattr(net, "params", None)
    if not isinstance(params, dict) or set(params) < set(PARAMS):
        yield fault("missing-params", "self.params has to hold W1, b1, W2 and b2.", method="__init__")
        return
    for name in ("b1", "b2"):
        params[name][...] = rng.standard_normal(params[name].shape)
    for rule in (_predict, _loss, _accuracy):
        found = rule(answer, net, x, t)
        if found is not None:
            yield found[0] if isinstance(found, list) else found
            return
    if answer.written("TwoLayerNet.predict", "TwoLayerNet.loss", "TwoLayerNet.gradient"):
        found = list(check_class(answer, answer["TwoLayerNet"](4, 5, 3, 0.5), x, t))
        if found and found[0].label == "unnamed":
            # A gradient that fails for its shape says more where all sizes are equal.
            t = np.eye(4)[[0, 2, 1, 3, 0, 2]]
            named = list(check_class(answer, answer["TwoLayerNet"](4, 4, 4, 0.5), x, t))
            found = named if named and named[0].label != "unnamed" else found
        yield from found


def _scores(net: Any, x: Any) -> tuple[Any, Any]:
    p = net.params
    hidden = x @ p["W1"] + p["b1"]
    return np.maximum(hidden, 0) @ p["W2"] + p["b2"], hidden


def _predict(answer: Answer, net: Any, x: Any, t: Any) -> Any:
    if not answer.written("TwoLayerNet.predict"):
        return None
    y, failed = answer.call("predict", net.predict, x.copy())
    if failed:
        square = answer["TwoLayerNet"](4, 4, 4, 1.0)
        y, fails = answer.call("predict", square.predict, x.copy())
        if fails is None and (same(y, x @ square.params["W2"]) or same(y, x)):
            text = "{name} gives each layer x as it came in: nothing goes from layer to layer."
            advice = "Give each layer what the layer before it gave: x = layer.forward(x)."
            return fault("returns-input", text, advice, name="TwoLayerNet.predict", method="predict", line=failed.line)
        return failed
    right, hidden = _scores(net, x)
    p = net.params
    return compare(
        answer,
        "TwoLayerNet.predict",
        y,
        right,
        [
            ("double-softmax", softmax(right), "{name} gives probabilities; the loss layer takes the softmax itself.",
             "Give the scores, without softmax."),
            ("skips-activation-in-forward", hidden @ p["W2"] + p["b2"], "{name} goes past Relu1.",
             "Give each layer what the layer before it gave: x = layer.forward(x)."),
            ("skips-layers", hidden, "{name} stops after the first layer.", "Move the return out of the loop."),
            ("skips-layers", np.maximum(hidden, 0), "{name} stops before Affine2.", "Go through all the layers."),
            ("returns-input", x, "{name} gives x as it was.", "Give each layer what the layer before it gave: "
             "x = layer.forward(x)."),
            ("returns-class", right.argmax(axis=1), "{name} gives the classes; it has to give the scores.",
             "argmax belongs in accuracy."),
        ],
    )  # fmt: skip


def _loss(answer: Answer, net: Any, x: Any, t: Any) -> Any:
    if not answer.written("TwoLayerNet.predict", "TwoLayerNet.loss"):
        return None
    loss, failed = answer.call("loss", net.loss, x.copy(), t.copy())
    if failed:
        return failed
    scores, _ = _scores(net, x)
    y = softmax(scores)
    right = -np.sum(t * np.log(y)) / len(x)
    if same(loss, -np.sum(t * np.log(y + 1e-7)) / len(x)):
        return None
    return compare(
        answer,
        "TwoLayerNet.loss",
        loss,
        right,
        [
            ("loss-returns-accuracy", np.mean(scores.argmax(axis=1) == t.argmax(axis=1)),
             "{name} gives the accuracy.", "Return self.lastLayer.forward(self.predict(x), t)."),
            ("loss-of-input", scores, "{name} gives the scores.", "Return self.lastLayer.forward(self.predict(x), t)."),
        ],
    )  # fmt: skip


def _accuracy(answer: Answer, net: Any, x: Any, t: Any) -> Any:
    if not answer.written("TwoLayerNet.predict", "TwoLayerNet.accuracy"):
        return None
    scores, _ = _scores(net, x)
    # Labels of which four of six are right, whatever the weights; so that 4/6 tells itself from all wrong answers.
    best = scores.argmax(axis=1)
    labels = np.where([1, 1, 0, 1, 0, 1], best, (best + 1) % 3)
    t = np.eye(3)[labels]
    share, failed = answer.call("accuracy", net.accuracy, x.copy(), t.copy())
    if failed:
        return failed
    return compare(
        answer,
        "TwoLayerNet.accuracy",
        share,
        4 / 6,
        [
            ("accuracy-not-divided", 4.0, "{name} gives a count; it has to give the share.", "Divide by x.shape[0]."),
            ("accuracy-per-cent", 400 / 6, "{name} gives per cent; a number from 0 to 1 is asked.", "Leave out the 100."),
            ("divides-by-wrong-axis", 4 / 3, "{name} divides by the number of classes.", "Divide by x.shape[0]."),
            ("divides-by-wrong-axis", 4 / 4, "{name} divides by the number of inputs.", "Divide by x.shape[0]."),
            ("counts-mistakes", 2 / 6, "{name} gives the share of mistakes.", "Count where both argmax are equal."),
            ("argmax-wrong-axis", np.mean(scores.argmax(axis=0) == t.argmax(axis=0)),
             "{name} takes the argmax along the batch.", "Use np.argmax(y, axis=1): a class for each row."),
        ],
    )  # fmt: skip


EXERCISE = Exercise("two_layer_net", "Two-layer net", ("TwoLayerNet",), {"en": EN, "ko": KO}, HINTS, check)
