"""The optimizers on the engine: which instruction each is, and the row of numbers that it reads at each iteration.

What an optimizer does to a parameter is one instruction (elements.py). Its numbers, learning rate and schedule
included, are worked out here for every iteration of a call, in float64 as the optimizer itself does.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from badak.memory import Block
from badak.optim import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSprop
from badak.types import Array

METHODS = ("update", "begin", "rate", "decay", "rule")


class Rate(IntEnum):
    """The numbers of one iteration, in the order in which they lie."""

    LR = 0
    DECAY = 1
    SHRINK = 2
    CLIP = 3
    KEEP = 4
    REST = 5
    KEEP2 = 6
    REST2 = 7
    SCALE = 8
    EPS = 9
    SIZE = 10


@dataclass(frozen=True)
class Update:
    """What becomes of gradients: the instruction, the names of the optimizer's arrays, and who is decayed."""

    op: str = "STEP"
    states: tuple[str, ...] = ()
    decayed: tuple[str, ...] = ()
    clip: bool = False

    @property
    def fused(self) -> bool:
        """Whether the step is plain enough to be taken while the gradient is being summed."""
        return self.op == "STEP"


RULES: dict[type, str] = {
    SGD: "STEP_SGD",
    Momentum: "STEP_MOMENTUM",
    Nesterov: "STEP_NESTEROV",
    AdaGrad: "STEP_ADAGRAD",
    RMSprop: "STEP_RMSPROP",
    Adam: "STEP_ADAM",
    AdamW: "STEP_ADAM",
}


def unruled(optimizer: Any, block: Block) -> str | None:
    """Give the reason why an optimizer cannot run natively, or None."""
    kind = type(optimizer)
    if kind not in RULES:
        return f"the optimizer {kind.__name__} has no rule in the engine"
    for method in METHODS:
        owner = next(each for each in kind.__mro__ if method in each.__dict__)
        function = owner.__dict__[method]
        here = (getattr(function, "__module__", ""), getattr(function, "__qualname__", ""))
        if method in optimizer.__dict__ or here != (Optimizer.__module__, f"{owner.__name__}.{method}"):
            return f"{method} of the optimizer was replaced by other code"
    if not optimizer.weight_decay or optimizer.decayed is None:
        return None
    decayed = np.asarray(optimizer.decayed)
    if decayed.shape != block.values.shape:
        return "the optimizer's weight decay is for other parameters"
    for key, part in block.named(decayed).items():
        if part.size and not ((part == 1).all() or (part == 0).all()):
            return f"weight decay of only a part of {key} has no rule in the engine"
    return None


def plan(optimizer: Any, block: Block) -> Update:
    """Give what becomes of gradients with an optimizer of ours."""
    clip = optimizer.clip_norm is not None
    if type(optimizer) is SGD and not optimizer.weight_decay and not clip:
        return Update()
    decayed = block.names
    if not optimizer.weight_decay:
        decayed = ()
    elif optimizer.decayed is not None:
        marks = block.named(np.asarray(optimizer.decayed))
        decayed = tuple(key for key, part in marks.items() if part.size and part.ravel()[0])
    return Update(RULES[type(optimizer)], tuple(optimizer.states), decayed, clip)


def rates(optimizer: Any, count: int, dtype: Any) -> Array:
    """Give a row of `Rate` for each of the next `count` steps; one row alone where it stays the same."""
    kind, decay = type(optimizer), optimizer.weight_decay
    adam = kind in (Adam, AdamW)
    count = count if adam or optimizer.schedule is not None else 1
    table = np.zeros((count, Rate.SIZE))
    lr = np.array([optimizer.rate(optimizer.steps + i) for i in range(count)], np.float64)
    table[:, Rate.LR] = lr
    if kind is AdamW:
        table[:, Rate.SHRINK] = lr * decay
    else:
        table[:, Rate.DECAY] = decay
    fixed: dict[Rate, float] = {} if optimizer.clip_norm is None else {Rate.CLIP: optimizer.clip_norm}
    if kind in (Momentum, Nesterov):
        fixed |= {Rate.KEEP: optimizer.momentum}
    elif kind is AdaGrad:
        fixed |= {Rate.KEEP: 1, Rate.REST: 1, Rate.EPS: optimizer.eps}
    elif kind is RMSprop:
        keep = optimizer.decay_rate
        fixed |= {Rate.KEEP: keep, Rate.REST: 1 - keep, Rate.EPS: optimizer.eps}
    elif adam:
        step = np.arange(optimizer.steps + 1, optimizer.steps + count + 1, dtype=np.float64)
        table[:, Rate.LR] *= 1 / (1 - optimizer.beta1**step)
        table[:, Rate.SCALE] = 1 / (1 - optimizer.beta2**step)
        fixed |= {Rate.KEEP: optimizer.beta1, Rate.REST: 1 - optimizer.beta1}
        fixed |= {Rate.KEEP2: optimizer.beta2, Rate.REST2: 1 - optimizer.beta2, Rate.EPS: optimizer.eps}
    for number, value in fixed.items():
        table[:, number] = value
    return table.astype(dtype)
