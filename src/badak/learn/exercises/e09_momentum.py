# ruff: noqa: E501, PLR0911 (a sentence is one line, as its translation is; a return is one cause)
"""Momentum: a step that remembers the last one (book, ch. 6.1.4)."""

from typing import Any

import numpy as np

from badak.learn.exercise import Answer, Exercise, Findings, fault

EN = '''"""Exercise 9: Momentum, a step that remembers the last one (book, ch. 6.1.4).

    v <- momentum * v - lr * dW          v is the step, and keeps a share of the step before
    W <- W + v

Like a ball that rolls down a valley: where the gradient keeps its direction, the steps grow; where it swings from side to
side, they cancel. With momentum = 0 it is the plain step of exercise 8.

params  a dictionary of arrays, as in exercise 8: {"W1": ..., "b1": ...}; grads has the same names and shapes
v       belongs to a parameter: each has its own, of its own shape, that begins with zeros

    optimizer = Momentum(lr=0.1, momentum=0.9)
    params = {"W": np.array([1.0])}
    optimizer.update(params, {"W": np.array([1.0])})   # v = -0.1,  W = 0.9
    optimizer.update(params, {"W": np.array([1.0])})   # v = -0.19, W = 0.71

Change the arrays of params themselves: the layers hold the same arrays, and see only that. Leave grads as they are.

Write what belongs in the place of ... and save the file.
"""

import numpy as np


class Momentum:
    def __init__(self, lr=0.01, momentum=0.9):
        self.lr = lr
        self.momentum = momentum
        self.v = None  # what stays from update to update: an array for each parameter, by name

    def update(self, params, grads):
        """Take one step, in place. The first call makes self.v."""
        ...
'''
KO = '''"""연습 9: 모멘텀, 지난 걸음을 기억하는 걸음 (책 6.1.4절).

    v <- momentum * v - lr * dW          v가 이번 걸음이고, 지난 걸음의 일부를 이어 갑니다
    W <- W + v

골짜기를 굴러 내려가는 공과 같습니다. 기울기의 방향이 그대로이면 걸음이 커지고, 이리저리 흔들리면 서로 지워집니다.
momentum = 0이면 연습 8의 걸음과 같습니다.

params  배열의 딕셔너리, 연습 8과 같습니다: {"W1": ..., "b1": ...}. grads는 이름과 형상이 같습니다
v       매개변수마다 하나씩 있습니다. 형상은 그 매개변수와 같고 0에서 시작합니다

    optimizer = Momentum(lr=0.1, momentum=0.9)
    params = {"W": np.array([1.0])}
    optimizer.update(params, {"W": np.array([1.0])})   # v = -0.1,  W = 0.9
    optimizer.update(params, {"W": np.array([1.0])})   # v = -0.19, W = 0.71

params의 배열 자체를 바꾸세요. 계층이 같은 배열을 쓰기 때문입니다. grads는 바꾸지 않습니다.

... 자리에 알맞은 코드를 쓰고 파일을 저장하세요.
"""

import numpy as np


class Momentum:
    def __init__(self, lr=0.01, momentum=0.9):
        self.lr = lr
        self.momentum = momentum
        self.v = None  # update 사이에 남는 것: 매개변수마다 배열 하나, 이름으로 찾습니다

    def update(self, params, grads):
        """배열 자체를 바꿔 한 번 갱신합니다. 처음 불릴 때 self.v를 만듭니다."""
        ...
'''
HINTS = {
    "en": (
        "In the first call self.v is None: then make it a dictionary with np.zeros_like(params[key]) for each name, and never again.",
        "A loop goes through the names: for key in params. In it, first the new self.v[key], then the parameter.",
        "self.v[key] becomes self.momentum * self.v[key] - self.lr * grads[key]; after it, params[key] += self.v[key] changes "
        "the array itself.",
    ),
    "ko": (
        "처음 불릴 때 self.v는 None입니다. 그때만 이름마다 np.zeros_like(params[key])를 담은 딕셔너리를 만드세요.",
        "반복문이 이름을 돕니다: for key in params. 그 안에서 먼저 self.v[key]를 새로 구하고, 다음에 매개변수를 바꿉니다.",
        "self.v[key]는 self.momentum * self.v[key] - self.lr * grads[key]가 됩니다. 그다음 params[key] += self.v[key]가 배열 "
        "자체를 바꿉니다.",
    ),
}
NAME, LR, SHARE, STEPS = "Momentum.update", 0.1, 0.75, 4


def check(answer: Answer) -> Findings:
    """The steps are those of momentum, for each parameter by itself, in place, and nothing else changes."""
    if not answer.written(NAME):
        return
    rng = np.random.default_rng(9)
    # Parameters of one shape first: there, a v that all share goes wrong without an exception.
    for shapes in ({"W1": (3,), "W2": (3,)}, {"W1": (2, 3), "b1": (3,), "W2": (3, 1)}):
        start = {key: rng.standard_normal(shape) for key, shape in shapes.items()}
        grads = [{key: rng.standard_normal(shape) for key, shape in shapes.items()} for _ in range(STEPS)]
        found = _run(answer, start, grads)
        if found is not None:
            yield found
            return


def _run(answer: Answer, start: Any, grads: Any) -> Any:
    """Make the steps, and say what is wrong with them."""

    def wrong(label: str, text: str, advice: str, place: str = "params", **values: Any) -> Any:
        return fault(label, text, advice, name=NAME, method=NAME, line=answer.assigned(NAME, place), **values)

    optimizer, failed = answer.call("Momentum", answer["Momentum"], LR, SHARE)
    arrays = {key: value.copy() for key, value in start.items()}
    params, moved = dict(arrays), [_flat(start)]
    for grad in grads:
        if failed is not None:
            return failed
        given = {key: value.copy() for key, value in grad.items()}
        _, failed = answer.call(NAME, optimizer.update, params, given)
        moved.append(_flat(arrays))
        if failed is None and any(key not in given or not np.array_equal(given[key], grad[key]) for key in grad):
            return wrong("mutates-input", "{name} changes grads, which it was only given to read.",
                         "Compute lr * grads[key] into a new array.", "grads")  # fmt: skip
    if failed is not None:
        return failed
    if any(params.get(key) is not arrays[key] for key in arrays) and np.array_equal(moved[-1], moved[0]):
        return wrong("no-update", "{name} puts new arrays into params: the layers hold the old ones, and never see the step.",
                     "Change the array itself: params[key] += …, not params[key] = params[key] + …")  # fmt: skip
    found = _compare(np.diff(moved, axis=0), [_flat(grad) for grad in grads], moved[0], len(next(iter(start.values()))))
    if found is not None:
        return wrong(*found)
    # A second one begins anew: a v on the class would go on with that of the first.
    other, _ = answer.call("Momentum", answer["Momentum"], LR, SHARE)
    arrays = {key: value.copy() for key, value in start.items()}
    _, failed = answer.call(NAME, other.update, arrays, grads[1])
    if failed is None and not np.allclose(_flat(arrays) - moved[0], -LR * _flat(grads[1])):
        return wrong("shared-class-state", "A second Momentum goes on with the v of the first one.",
                     "Keep v in self.v, which belongs to one object.", "self.v")  # fmt: skip
    return failed


def _flat(arrays: Any) -> Any:
    return np.concatenate([np.ravel(value) for value in arrays.values()])


def _steps(grads: Any, share: float = SHARE, slope: float = -LR, first: Any = 0.0) -> Any:
    """Give the steps v <- share v + slope dW."""
    steps, v = [], first
    for grad in grads:
        v = share * v + slope * grad
        steps.append(v)
    return np.array(steps)


def _shared(grads: Any, size: int) -> Any:
    """Give the steps where one v goes from parameter to parameter, all of them of one size."""
    pieces = [grad[at : at + size] for grad in grads for at in range(0, len(grad), size)]
    if len({len(piece) for piece in pieces}) > 1:
        return None
    return _steps(pieces).reshape(len(grads), -1)


def _compare(moves: Any, grads: Any, start: Any, size: int) -> Any:
    """Give None for the right steps, else label, text, advice, and the assignment that it is about."""
    right, plain = _steps(grads), -LR * np.array(grads)
    if np.allclose(moves, right):
        return None
    one = np.arange(right.shape[1]) < size
    late = np.vstack([0 * right[:1], right[:-1]])
    guesses = [
        ("no-update", 0 * right, "{name} leaves the parameters as they were: it changes copies, or nothing.",
         "Change the array itself: params[key] += self.v[key].", "params"),
        ("sign-flip", -right, "{name} steps along the gradient: the loss grows.", "Subtract lr * grads[key], and add v.", "self.v"),
        ("momentum-sign", _steps(grads, -SHARE), "{name} turns the last step round: it brakes where it should roll on.",
         "Add momentum * v.", "self.v"),
        ("sign-flip", -_steps(grads, -SHARE), "{name} adds v, but v points along the gradient.",
         "v is momentum * v - lr * grads[key].", "self.v"),
        ("forgets-velocity", plain, "{name} takes plain steps of -lr * gradient: nothing stays of the step before.",
         "Make self.v in the first call only, keep the new v in it, and begin with momentum * self.v[key].", "self.v"),
        ("shared-velocity", _shared(grads, size), "{name} has one v for all parameters: the step of one goes into the next.",
         "Keep a v for each parameter: self.v[key].", "self.v"),
        ("ignores-momentum", _steps(grads, 1.0), "{name} keeps the whole of the last step.", "Multiply v by momentum.", "self.v"),
        ("ignores-lr", right / LR, "{name} leaves out the learning rate.", "Subtract lr * grads[key].", "self.v"),
        ("lr-twice", right * LR, "{name} multiplies by the learning rate twice.", "lr belongs into v, and W gets v as it is.", "params"),
        ("dampened", right * (1 - SHARE), "{name} makes the gradient smaller by 1 - momentum.",
         "v is a running sum, no mean: momentum * v - lr * grads[key].", "self.v"),
        ("late-velocity", late, "{name} takes the step with the v of the last update.",
         "First the new v, then the parameter.", "params"),
        ("nesterov", SHARE * right + plain, "{name} takes the step of Nesterov's method, which looks ahead.",
         "W gets v, and nothing else.", "params"),
        ("velocity-start", _steps(grads, first=start), "In {name} v begins with the parameters themselves.",
         "Begin with np.zeros_like(params[key]).", "self.v"),
        ("velocity-start", _steps(grads, first=1.0), "In {name} v begins with ones.", "Begin with np.zeros_like(params[key]).", "self.v"),
        ("velocity-start", _steps(grads, first=grads[0]), "In {name} v begins with the gradient.",
         "Begin with np.zeros_like(params[key]).", "self.v"),
        ("one-parameter", np.where(one, right, 0), "{name} updates the first parameter alone.",
         "Go through all the names of params. Does a return stand in the loop?", "params"),
        ("updates-twice", 2 * right, "{name} makes each step twice.", "Add v once.", "params"),
    ]  # fmt: skip
    for label, candidate, text, advice, place in guesses:
        if candidate is not None and np.allclose(moves, candidate):
            return label, text, advice, place
    first = int(np.argmax(~np.isclose(moves, right).all(axis=1))) + 1
    if first == 1:
        return ("wrong-update", "{name} takes a first step other than -lr * gradient.",
                "v begins with zeros, so the first v is -lr * grads[key].", "self.v")  # fmt: skip
    return ("wrong-update", "The first step of {name} is right, a later one is not momentum * v - lr * gradient.",
            "Look at what is kept in self.v, and whether anything changes it between two updates.", "self.v")  # fmt: skip


EXERCISE = Exercise("momentum", "Momentum", ("Momentum",), {"en": EN, "ko": KO}, HINTS, check)
