# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Batch normalization: features brought to mean 0 and variance 1 over the batch (book, ch. 6.3)."""

from typing import Any

import numpy as np

from badak.learn.exercise import Answer, Exercise, Findings, Guess, check_class, compare, fault, same

EN = '''"""Exercise 11: batch normalization, each feature brought to mean 0 and variance 1 over the batch (book, ch. 6.3).

    mean, var      of each feature (column) over the batch, (D,); var is the mean of (x - mean)^2
    std = sqrt(var + eps)
    xn = (x - mean) / std
    y = gamma * xn + beta

    x, y, xn, dout, dx  (N, D)  N samples of D features          gamma, beta, dgamma, dbeta  (D,)

Backward:

    dbeta = the sum of dout over the batch           dgamma = the sum of dout * xn over the batch
    dxn = gamma * dout
    dx = (dxn - mean(dxn) - xn * mean(dxn * xn)) / std        both means over the batch, (D,)

The two terms that are subtracted are there because mean and var depend on every x of the column: moving one sample moves
them, and with them all the others.

While training (self.training is True) the batch's own mean and var are used, and the running ones are moved towards them:

    running_mean <- momentum * running_mean + (1 - momentum) * mean          running_var likewise

While predicting (self.training is False) the running ones are used in their place, and stay as they are: then an answer
does not depend on what else is in the batch. (backward is called after a training forward only.)

    bn = BatchNormalization(np.ones(1), np.zeros(1), eps=0.0)
    bn.forward(np.array([[1.0], [3.0]]))   # [[-1.] [1.]]: mean 2, var 1; now bn.running_mean is [0.2], running_var [1.]

Write what belongs in the place of each ... and save the file.
"""

import numpy as np


class BatchNormalization:
    def __init__(self, gamma, beta, momentum=0.9, eps=1e-5):
        self.gamma = gamma
        self.beta = beta
        self.momentum = momentum
        self.eps = eps
        self.running_mean = np.zeros(gamma.shape)
        self.running_var = np.ones(gamma.shape)
        self.training = True
        self.xn = None  # what backward needs of forward
        self.std = None
        self.dgamma = None
        self.dbeta = None

    def forward(self, x):
        """Give y, and keep xn and std. While training, move running_mean and running_var."""
        ...

    def backward(self, dout):
        """Set self.dgamma and self.dbeta, and give dx."""
        ...
'''
KO = '''"""연습 11: 배치 정규화, 특징마다 배치에서 평균 0과 분산 1로 맞춥니다 (책 6.3절).

    mean, var      특징(열)마다 배치에 대해 구합니다, (D,). var는 (x - mean)^2의 평균입니다
    std = sqrt(var + eps)
    xn = (x - mean) / std
    y = gamma * xn + beta

    x, y, xn, dout, dx  (N, D)  특징이 D개인 샘플 N개          gamma, beta, dgamma, dbeta  (D,)

역전파:

    dbeta = dout을 배치에 대해 더한 것              dgamma = dout * xn을 배치에 대해 더한 것
    dxn = gamma * dout
    dx = (dxn - mean(dxn) - xn * mean(dxn * xn)) / std        두 평균 모두 배치에 대한 것, (D,)

빼는 두 항은 mean과 var가 그 열의 모든 x에 달려 있기 때문에 있습니다. 샘플 하나가 움직이면 둘이 움직이고, 다른 샘플도
모두 따라 움직입니다.

훈련할 때(self.training이 True)는 배치의 mean과 var를 쓰고, 이동 평균을 그쪽으로 조금 옮깁니다:

    running_mean <- momentum * running_mean + (1 - momentum) * mean          running_var도 같습니다

예측할 때(self.training이 False)는 대신 이동 평균을 쓰고, 그것을 바꾸지 않습니다. 그래야 답이 배치에 함께 든 다른 샘플에
달려 있지 않습니다. (backward는 훈련하는 forward 다음에만 불립니다.)

    bn = BatchNormalization(np.ones(1), np.zeros(1), eps=0.0)
    bn.forward(np.array([[1.0], [3.0]]))   # [[-1.] [1.]]: mean 2, var 1. 이제 bn.running_mean은 [0.2], running_var는 [1.]

... 자리에 알맞은 코드를 쓰고 파일을 저장하세요.
"""

import numpy as np


class BatchNormalization:
    def __init__(self, gamma, beta, momentum=0.9, eps=1e-5):
        self.gamma = gamma
        self.beta = beta
        self.momentum = momentum
        self.eps = eps
        self.running_mean = np.zeros(gamma.shape)
        self.running_var = np.ones(gamma.shape)
        self.training = True
        self.xn = None  # backward에 필요한 것
        self.std = None
        self.dgamma = None
        self.dbeta = None

    def forward(self, x):
        """y를 돌려주고 xn과 std를 남깁니다. 훈련할 때는 running_mean과 running_var를 갱신합니다."""
        ...

    def backward(self, dout):
        """self.dgamma와 self.dbeta를 채우고 dx를 돌려줍니다."""
        ...
'''
HINTS = {
    "en": (
        "x.mean(axis=0) and x.var(axis=0) give a number for each column. An if on self.training chooses: the batch's own, or the running ones.",
        "Both ways end alike: with mean and var in hand, compute self.std, self.xn and y. Only the training way assigns to "
        "self.running_mean and self.running_var. In backward every mean and every sum has axis=0.",
        "self.std = np.sqrt(var + self.eps), self.xn = (x - mean) / self.std. backward: dxn = self.gamma * dout, and dx is "
        "(dxn - dxn.mean(axis=0) - self.xn * np.mean(dxn * self.xn, axis=0)) / self.std.",
    ),
    "ko": (
        "x.mean(axis=0)과 x.var(axis=0)은 열마다 수를 하나씩 줍니다. self.training을 보는 if로 배치의 것과 이동 평균 중에서 고릅니다.",
        "끝은 어느 쪽이나 같습니다. mean과 var로 self.std, self.xn, y를 구합니다. self.running_mean과 self.running_var에 쓰는 것은 "
        "훈련할 때뿐입니다. backward에서는 모든 평균과 합이 axis=0입니다.",
        "self.std = np.sqrt(var + self.eps), self.xn = (x - mean) / self.std. backward: dxn = self.gamma * dout이고, dx는 "
        "(dxn - dxn.mean(axis=0) - self.xn * np.mean(dxn * self.xn, axis=0)) / self.std입니다.",
    ),
}
CLASS, FORWARD, BACKWARD = "BatchNormalization", "BatchNormalization.forward", "BatchNormalization.backward"
MOMENTUM, EPS = 0.8, 0.01
AXIS0 = "Use axis=0: a number for each column."


def check(answer: Answer) -> Findings:
    """Training and predicting give the right values, the running statistics move, the three gradients fit."""
    if not answer.written(FORWARD):
        return
    rng = np.random.default_rng(11)
    # As many samples as features: a wrong axis goes through without an exception, and can be named.
    x, gamma, beta = 2 * rng.standard_normal((4, 4)) + 1, rng.uniform(0.5, 2, 4), rng.standard_normal(4)
    start = rng.standard_normal(4), rng.uniform(0.5, 2, 4)
    layer, failed = answer.call(CLASS, answer[CLASS], gamma.copy(), beta.copy(), MOMENTUM, EPS)
    if failed:
        yield failed
        return
    layer.running_mean, layer.running_var = (value.copy() for value in start)
    for rule in (_training, _running, _predicting):
        found = rule(answer, layer, x, gamma, beta, start)
        if found is not None:
            yield found
            return
    if answer.written(BACKWARD):
        yield from _backward(answer, x, gamma, beta)


def _training(answer: Answer, layer: Any, x: Any, gamma: Any, beta: Any, start: Any) -> Any:
    y, failed = answer.call(FORWARD, layer.forward, x.copy())
    if failed:
        return failed
    mean, var = x.mean(axis=0), x.var(axis=0)
    moved = [MOMENTUM * a + (1 - MOMENTUM) * b for a, b in zip(start, (mean, var), strict=True)]

    def out(mean: Any, std: Any) -> Any:
        return gamma * (x - mean) / std + beta

    right, rows = out(mean, np.sqrt(var + EPS)), (x.mean(axis=1), np.sqrt(x.var(axis=1) + EPS))
    xn = (right - beta) / gamma
    guesses: list[Guess] = [
        ("normalises-wrong-axis", out(*(row[:, None] for row in rows)), "{name} normalizes rows, each sample by itself: that is layer normalization.", AXIS0),
        ("normalises-wrong-axis", out(*rows), "{name} takes mean and variance of the rows, and uses them for the columns.", AXIS0),
        ("normalises-everything", out(x.mean(), np.sqrt(x.var() + EPS)), "{name} takes one mean and one variance of all values.", AXIS0),
        ("missing-eps", out(mean, np.sqrt(var)), "{name} leaves out eps: a feature that is the same in all samples gives 0/0.", "Divide by sqrt(var + eps)."),
        ("eps-outside-root", out(mean, np.sqrt(var) + EPS), "{name} adds eps to the standard deviation; it belongs to the variance.", "Divide by sqrt(var + eps)."),
        ("missing-root", out(mean, var + EPS), "{name} divides by the variance.", "Divide by sqrt(var + eps)."),
        ("not-centred", out(0, np.sqrt(var + EPS)), "{name} does not subtract the mean.", "xn is (x - mean) / std."),
        ("not-scaled", out(mean, 1), "{name} does not divide by the standard deviation.", "xn is (x - mean) / std."),
        ("ddof-mismatch", out(mean, np.sqrt(x.var(axis=0, ddof=1) + EPS)), "{name} divides the variance by N - 1.", "Divide by N, as np.var does."),
        ("forward-ignores-param", right - beta, "{name} forgets beta.", "y is gamma * xn + beta."),
        ("forward-ignores-param", xn + beta, "{name} forgets gamma.", "y is gamma * xn + beta."),
        ("forward-ignores-param", xn, "{name} gives xn, without gamma and beta.", "y is gamma * xn + beta."),
        ("uses-running-stats", out(start[0], np.sqrt(start[1] + EPS)), "{name} normalizes with the running mean and variance while training.",
         "While training, use those of the batch."),
        ("uses-running-stats", out(moved[0], np.sqrt(moved[1] + EPS)), "{name} normalizes with the running mean and variance while training.",
         "While training, use those of the batch."),
    ]  # fmt: skip
    guesses += [
        ("ignores-eps", out(mean, np.sqrt(var + own)), "{name} uses an eps of its own.", "Use self.eps.")
        for own in (1e-5, 1e-6, 1e-7, 1e-8, 1e-3)
    ]
    return compare(answer, FORWARD, y, right, guesses)


def _running(answer: Answer, layer: Any, x: Any, gamma: Any, beta: Any, start: Any) -> Any:
    """Say whether one training forward moved the running statistics as it should."""
    m, mean, var = MOMENTUM, x.mean(axis=0), x.var(axis=0)
    for name, old, new in (("running_mean", start[0], mean), ("running_var", start[1], var)):
        now, right = getattr(layer, name, None), m * old + (1 - m) * new
        if same(now, right):
            continue
        guesses: list[Guess] = [
            ("running-stats-not-moved", old, "Training leaves {quantity} as it was: predicting will not know the data.", "Move it at every training forward."),
            ("momentum-swapped", (1 - m) * old + m * new, "{quantity} moves too fast: momentum is the share that is kept.", "It is momentum * {quantity} + (1 - momentum) * that of the batch."),
            ("running-stats-replaced", new, "{quantity} is that of the last batch: nothing stays of the others.", "It is momentum * {quantity} + (1 - momentum) * that of the batch."),
            ("running-stats-added", m * old + new, "{quantity} grows from batch to batch: the batch counts 1 - momentum.", "It is momentum * {quantity} + (1 - momentum) * that of the batch."),
            ("running-stats-added", old + new, "{quantity} is a sum over the batches.", "It is momentum * {quantity} + (1 - momentum) * that of the batch."),
            ("ddof-mismatch", m * old + (1 - m) * x.var(axis=0, ddof=1), "{quantity} takes the variance divided by N - 1.", "Divide by N, as np.var does."),
            ("running-std", m * old + (1 - m) * np.sqrt(new), "{quantity} is moved towards the standard deviation.", "Move it towards the variance."),
            ("running-std", m * old + (1 - m) * np.sqrt(np.abs(new) + EPS), "{quantity} is moved towards the standard deviation.", "Move it towards the variance."),
        ]  # fmt: skip
        line = answer.assigned(FORWARD, f"self.{name}")
        for label, wrong, text, advice in guesses:
            if same(now, wrong):
                return fault(label, text, advice, method=FORWARD, quantity=name, line=line)
        return fault("wrong-running-stats", "{quantity} moves to something other than momentum * {quantity} + (1 - momentum) * that of the batch.",
                     "Compute one element by hand and compare.", method=FORWARD, quantity=name, line=line)  # fmt: skip
    return None


def _predicting(answer: Answer, layer: Any, x: Any, gamma: Any, beta: Any, start: Any) -> Any:
    held = [np.array(value, np.float64) for value in (layer.running_mean, layer.running_var)]
    layer.training, other = False, x[:, ::-1] * 0.5 - 1
    y, failed = answer.call(FORWARD, layer.forward, other.copy())
    if failed:
        return failed
    batch = [
        MOMENTUM * a + (1 - MOMENTUM) * b for a, b in zip(held, (other.mean(axis=0), other.var(axis=0)), strict=True)
    ]

    def out(mean: Any, std: Any) -> Any:
        return gamma * (other - mean) / std + beta

    right = out(held[0], np.sqrt(held[1] + EPS))
    guesses: list[Guess] = [
        ("train-flag-ignored", out(other.mean(axis=0), np.sqrt(other.var(axis=0) + EPS)), "{name} uses the mean and variance of the batch while predicting, too.",
         "Where self.training is False, use running_mean and running_var."),
        ("updates-running-stats-in-eval", out(batch[0], np.sqrt(batch[1] + EPS)), "{name} moves the running statistics while predicting.", "Move them only where self.training is True."),
        ("missing-eps", out(held[0], np.sqrt(held[1])), "{name} leaves out eps while predicting.", "Divide by sqrt(var + eps)."),
        ("eps-outside-root", out(held[0], np.sqrt(held[1]) + EPS), "{name} adds eps to the standard deviation; it belongs to the variance.", "Divide by sqrt(var + eps)."),
        ("missing-root", out(held[0], held[1] + EPS), "{name} divides by the variance.", "Divide by sqrt(var + eps)."),
        ("forward-ignores-param", (right - beta) / gamma, "{name} gives xn, without gamma and beta.", "y is gamma * xn + beta."),
        ("returns-input", other, "{name} gives x as it was while predicting.", "Where self.training is False, use running_mean and running_var."),
    ]  # fmt: skip
    found = compare(answer, FORWARD, y, right, guesses)
    if found is None and not all(
        same(now, old) for now, old in zip((layer.running_mean, layer.running_var), held, strict=True)
    ):
        return fault("updates-running-stats-in-eval", "{name} moves the running statistics while predicting.", "Move them only where self.training is True.",
                     name=FORWARD, method=FORWARD, line=answer.assigned(FORWARD, "self.running"))  # fmt: skip
    return found


def _backward(answer: Answer, x: Any, gamma: Any, beta: Any) -> Findings:
    """Name what has a name of its own here; all the rest is for badak check."""
    layer = answer[CLASS](gamma.copy(), beta.copy(), MOMENTUM, EPS)
    dout = np.random.default_rng(12).standard_normal(x.shape)
    layer.forward(x.copy())
    dx, failed = answer.call(BACKWARD, layer.backward, dout.copy())
    if failed is None:
        std = np.sqrt(x.var(axis=0) + EPS)
        xn, dxn = (x - x.mean(axis=0)) / std, gamma * dout
        inner = dxn - dxn.mean(axis=0) - xn * np.mean(dxn * xn, axis=0)
        for name, value, terms in (("dbeta", layer.dbeta, dout), ("dgamma", layer.dgamma, dout * xn)):
            guesses: list[tuple[str, bool, str, str]] = [
                ("forgets-param-grad", value is None, "backward leaves no {quantity}.", "Assign it to self: self.{quantity} = …"),
                ("sums-everything", same(value, terms.sum()), "{quantity} is one number; each feature needs the sum of its own column.", "Give the axis: axis=0."),
                ("wrong-axis-reduction", same(value, terms.sum(axis=1)), "{quantity} sums the rows; it has to sum the columns.", "Use axis=0."),
                ("missing-xn", name == "dgamma" and same(value, dout.sum(axis=0)), "{quantity} is the sum of dout: the factor xn is missing.", "gamma was multiplied by xn in forward."),
            ]  # fmt: skip
            for label, fits, text, advice in guesses:
                if fits:
                    yield fault(
                        label,
                        text,
                        advice,
                        method=BACKWARD,
                        quantity=name,
                        line=answer.assigned(BACKWARD, f"self.{name}"),
                    )
                    return
        for label, wrong, text, advice in [
            ("missing-std", inner, "dx is not divided by std.", "Divide the bracket by self.std."),
            ("missing-std", inner * std, "dx is multiplied by std; it has to be divided.", "Divide the bracket by self.std."),
            ("missing-std", inner / std**2, "dx is divided by the variance.", "Divide the bracket by self.std."),
            ("sum-for-mean", (dxn - dxn.sum(axis=0) - xn * np.sum(dxn * xn, axis=0)) / std, "dx takes sums over the batch where means belong.", "Use np.mean with axis=0."),
            ("sum-for-mean", (dxn - dxn.sum(axis=0) - xn * np.mean(dxn * xn, axis=0)) / std, "dx takes sums over the batch where means belong.", "Use np.mean with axis=0."),
            ("wrong-axis-reduction", (dxn - dxn.mean() - xn * np.mean(dxn * xn)) / std, "The means in dx are taken over all values.", AXIS0),
            ("wrong-axis-reduction", (dxn - dxn.mean(axis=1) - xn * np.mean(dxn * xn, axis=1)) / std, "The means in dx are taken of the rows.", AXIS0),
            ("wrong-axis-reduction", (dxn - dxn.mean(axis=1, keepdims=True) - xn * np.mean(dxn * xn, axis=1, keepdims=True)) / std, "The means in dx are taken of the rows.", AXIS0),
        ]:  # fmt: skip
            if same(dx, wrong):
                yield fault(label, text, advice, method=BACKWARD, quantity="x", line=answer.line(BACKWARD))
                return
    more = np.random.default_rng(13).standard_normal((6, 3))
    yield from check_class(answer, answer[CLASS](gamma[:3].copy(), beta[:3].copy(), MOMENTUM, EPS), more)


EXERCISE = Exercise("batch_normalization", "Batch normalization", (CLASS,), {"en": EN, "ko": KO}, HINTS, check)
