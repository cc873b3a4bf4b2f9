# ruff: noqa: E501, PLR0911 (a sentence is one line, as its translation is; a return is one cause)
"""The training loop: draw, gradient, update (book, ch. 5.7.4)."""

from typing import Any

import numpy as np

from badak.learn.exercise import Answer, Exercise, Findings, fault

EN = '''"""Exercise 8: the training loop (book, ch. 5.7.4).

Do this `iterations` times:

    1. draw batch_size samples by chance: rows = rng.choice(len(x), batch_size)
    2. take the same rows of x and t: the batch
    3. compute the gradient of the loss on the batch
    4. take a step against it, for each parameter: W <- W - lr * dW, in place
    5. compute the loss on the batch, and keep it

network   params, a dictionary of arrays; gradient(x, t), a dictionary with the same names; loss(x, t), one number
x (N, D)  t (N, C)  rng, a np.random.Generator, here the only source of chance

    losses = train(network, x, t, iterations=1000, batch_size=100, lr=0.1, rng=np.random.default_rng(0))
    len(losses)   # 1000, and the losses fall

Write what belongs in the place of ... and save the file.
"""

import numpy as np


def train(network, x, t, iterations, batch_size, lr, rng):
    """Train the network in place; give the list of losses, one an iteration."""
    ...
'''
KO = '''"""연습 8: 훈련 반복문 (책 5.7.4절).

다음을 `iterations`번 되풀이합니다:

    1. 샘플 batch_size개를 무작위로 뽑습니다: rows = rng.choice(len(x), batch_size)
    2. x와 t에서 같은 행을 꺼냅니다: 배치
    3. 배치에 대한 손실의 기울기를 구합니다
    4. 매개변수마다 기울기의 반대 방향으로 갱신합니다: W <- W - lr * dW, 배열 자체를 바꿉니다
    5. 배치에 대한 손실을 구해 기록합니다

network   params(배열의 딕셔너리), gradient(x, t)(같은 이름의 딕셔너리), loss(x, t)(스칼라)
x (N, D)  t (N, C)  rng는 np.random.Generator이고 여기서 무작위는 이것만 씁니다

    losses = train(network, x, t, iterations=1000, batch_size=100, lr=0.1, rng=np.random.default_rng(0))
    len(losses)   # 1000, 손실은 줄어듭니다

... 자리에 알맞은 코드를 쓰고 파일을 저장하세요.
"""

import numpy as np


def train(network, x, t, iterations, batch_size, lr, rng):
    """신경망의 매개변수를 직접 바꾸며 학습하고, 반복마다 하나씩 손실의 리스트를 돌려줍니다."""
    ...
'''
HINTS = {
    "en": (
        "for _ in range(iterations): and in it the five steps in their order. The list of losses begins before the loop.",
        "x[rows] and t[rows] give the batch. Inside the loop, a second loop goes through the names: for key in grads.",
        "The step is network.params[key] -= lr * grads[key], which changes the array itself. After it, append "
        "network.loss of the batch to the list; return the list after the loop.",
    ),
    "ko": (
        "for _ in range(iterations): 안에 다섯 단계를 차례로 씁니다. 손실의 리스트는 반복문 앞에서 만듭니다.",
        "x[rows]와 t[rows]가 배치입니다. 반복문 안에서 또 하나의 반복문이 이름을 돕니다: for key in grads.",
        "갱신은 network.params[key] -= lr * grads[key]이고 배열 자체를 바꿉니다. 그다음 배치의 network.loss를 리스트에 "
        "더하고, 반복문이 끝나면 리스트를 돌려줍니다.",
    ),
}
NAME = "train"


class _Network:
    """A network that fits t by W and b, writes down what it is asked, and does not see arrays put at others' place."""

    def __init__(self) -> None:
        self.W, self.b = np.array([[0.5, -1.0], [1.0, 0.25]]), np.array([0.1, -0.2])
        self.params = {"W": self.W, "b": self.b}
        self.asked: list[tuple[str, Any, Any, Any]] = []

    def _off(self, x: Any, t: Any) -> Any:
        return x @ self.W + self.b - t

    def loss(self, x: Any, t: Any) -> float:
        self.asked.append(("loss", x.copy(), t.copy(), self.values()))
        return float(0.5 * np.mean(np.sum(self._off(x, t) ** 2, axis=1)))

    def gradient(self, x: Any, t: Any) -> dict[str, Any]:
        self.asked.append(("gradient", x.copy(), t.copy(), self.values()))
        off = self._off(x, t) / len(x)
        return {"W": x.T @ off, "b": off.sum(axis=0)}

    def values(self) -> Any:
        return np.concatenate([self.W.ravel(), self.b])

    def step(self, x: Any, t: Any) -> Any:
        off = self._off(x, t) / len(x)
        return np.concatenate([(x.T @ off).ravel(), off.sum(axis=0)])


def check(answer: Answer) -> Findings:
    """The loop draws, takes the gradient, steps against it in place, and keeps the losses."""
    if not answer.written(NAME):
        return
    rng = np.random.default_rng(8)
    x = rng.standard_normal((40, 2))
    x[:, 0] = np.arange(40)  # so that a sample tells its row
    x[:, 0] = (x[:, 0] - 20) / 10
    t = np.stack([x[:, 0] * 2 + 1, x[:, 1] - 0.5], axis=1)
    network, chance = _Network(), np.random.default_rng(1)
    start, state = network.values(), chance.bit_generator.state
    losses, failed = answer.call(NAME, answer[NAME], network, x.copy(), t.copy(), 12, 5, 0.05, chance)
    found = failed or _judge(answer, network, losses, x, t, start, chance.bit_generator.state != state)
    if found is not None:
        yield found


def _judge(answer: Answer, network: _Network, losses: Any, x: Any, t: Any, start: Any, drawn: bool) -> Any:
    def wrong(label: str, text: str, advice: str = "", **values: Any) -> Any:
        return fault(label, text, advice, name=NAME, method=NAME, line=answer.line(NAME), **values)

    asked = [entry for entry in network.asked if entry[0] == "gradient"]
    if not asked:
        return wrong("no-gradient", "{name} never asks for network.gradient.", "Call it on each batch.")
    if len(asked) != 12:
        advice = "range(iterations) goes through as many. Does a return stand in the loop?"
        return wrong(
            "wrong-count", "{name} makes {count} steps where 12 iterations were asked.", advice, count=len(asked)
        )
    if any(len(a) != len(b) for _, a, b, _ in asked):
        return wrong("different-rows", "{name} takes different rows of x and t.", "Take the same rows of both.")
    sizes = {len(a) for _, a, _, _ in asked}
    if sizes != {5}:
        return wrong("batch-size", "{name} hands {size} samples to gradient; batch_size is 5.", "Take x[rows] and t[rows].",
                     size=max(sizes))  # fmt: skip
    if any(not np.allclose(b, np.stack([a[:, 0] * 2 + 1, a[:, 1] - 0.5], axis=1)) for _, a, b, _ in asked):
        return wrong("different-rows", "{name} takes different rows of x and t: the labels belong to other samples.",
                     "Draw the rows once, and use them for both.")  # fmt: skip
    first = asked[0][1]
    if all(np.array_equal(first, a) for _, a, _, _ in asked):
        return wrong("same-batch", "{name} uses the same batch in every iteration.", "Draw inside the loop.")
    if not drawn:
        return wrong("ignores-rng", "{name} does not draw from rng: the same seed would not give the same training.",
                     "Use rng.choice(len(x), batch_size).")  # fmt: skip
    return _judge_steps(network, losses, asked, start, wrong)


def _judge_steps(network: _Network, losses: Any, asked: Any, start: Any, wrong: Any) -> Any:
    """Compare each step with lr times the gradient."""
    places = [*[entry[3] for entry in asked], network.values()]
    moves = np.diff(places, axis=0)
    slopes = []
    for _, x, t, values in asked:
        probe = _Network()
        probe.W[...], probe.b[...] = values[:4].reshape(2, 2), values[4:]
        slopes.append(probe.step(x, t))
    right = -0.05 * np.array(slopes)
    if not np.allclose(moves, right):
        for label, candidate, text, advice in [
            ("no-update", 0 * right, "{name} leaves the parameters of the network as they were.",
             "Change the arrays themselves: params[key] -= lr * grads[key], not params[key] = … and not W = W - …"),
            ("sign-flip", -right, "{name} steps along the gradient: the loss grows.", "Subtract lr * grads[key]."),
            ("ignores-lr", right / 0.05, "{name} leaves out the learning rate.", "Subtract lr * grads[key]."),
            ("one-parameter", np.where(np.arange(6) < 4, right, 0), "{name} updates W and leaves b.",
             "Go through all the names of params."),
            ("one-parameter", np.where(np.arange(6) >= 4, right, 0), "{name} updates b and leaves W.",
             "Go through all the names of params."),
            ("divides-by-batch-twice", right / 5, "{name} divides the gradient by the batch size.",
             "The loss is a mean already."),
            ("updates-twice", 2 * right, "{name} makes each step twice.", "Subtract lr * grads[key] once."),
        ]:  # fmt: skip
            if np.allclose(moves, candidate):
                return wrong(label, text, advice)
        return wrong("wrong-update", "{name} changes the parameters by something other than lr * gradient.",
                     "Subtract lr * grads[key].")  # fmt: skip
    if losses is None:
        return wrong("returns-none", "{name} returns nothing.", "Return the list of losses after the loop.")
    try:
        kept = np.array([float(loss) for loss in losses])
    except (TypeError, ValueError):
        return wrong("wrong-type", "{name} gives {kind}; a list of numbers is asked.", "Append network.loss(…) to a list.",
                     kind=type(losses).__name__)  # fmt: skip
    if len(kept) != 12:
        return wrong("wrong-losses", "{name} gives {count} losses for 12 iterations.", "Append one loss in each iteration.",
                     count=len(kept))  # fmt: skip
    after, before = ([_loss_at(place, x, t) for place, (_, x, t, _) in zip(where, asked, strict=True)]
                     for where in (places[1:], places[:-1]))  # fmt: skip
    if np.allclose(kept, after) or np.allclose(kept, before):  # the loss before the step is as good a record
        return None
    return wrong("wrong-losses", "{name} keeps something other than the loss of each batch.",
                 "Append network.loss(x_batch, t_batch) in each iteration.")  # fmt: skip


def _loss_at(place: Any, x: Any, t: Any) -> float:
    network = _Network()
    network.W[...], network.b[...] = place[:4].reshape(2, 2), place[4:]
    return network.loss(x, t)


EXERCISE = Exercise("training_loop", "Training loop", (NAME,), {"en": EN, "ko": KO}, HINTS, check)
