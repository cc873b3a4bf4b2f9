"""What the learning rate is multiplied by as the training goes on."""

import math

from badak.layers.base import Readable
from badak.validate import positive, within


class Schedule(Readable):
    """What the learning rate is multiplied by at each step: `schedule(step)`, with `step` counted from 0."""

    def __call__(self, step: int) -> float:
        """Give the factor for this step, from 0 to 1."""
        raise NotImplementedError


class StepSchedule(Schedule):
    """factor^(step // every): the rate falls at once, every so many steps."""

    def __init__(self, every: int, factor: float = 0.1) -> None:
        self.every, self.factor = positive("every", every), within("factor", factor, 0, 1)

    def __call__(self, step: int) -> float:
        """Give the factor for this step."""
        return float(self.factor ** (step // self.every))


class CosineSchedule(Schedule):
    """last + (1 - last) · ½ (1 + cos(π step / total)), and `last` afterwards (Loshchilov and Hutter, 2017, SGDR)."""

    def __init__(self, total: int, last: float = 0.0) -> None:
        self.total, self.last = positive("total", total), within("last", last, 0, 1)

    def __call__(self, step: int) -> float:
        """Give the factor for this step."""
        return self.last + (1 - self.last) * 0.5 * (1 + math.cos(math.pi * min(step / self.total, 1)))


class WarmUp(Schedule):
    """(step + 1) / warm_up for the first `warm_up` steps, and `then` from there on (Goyal et al., 2017, section 2.2).

    `then` is another schedule, which counts its steps from the end of the warm-up; None stays at 1.
    """

    def __init__(self, warm_up: int, then: Schedule | None = None) -> None:
        self.warm_up, self.then = positive("warm_up", warm_up), then

    def __call__(self, step: int) -> float:
        """Give the factor for this step."""
        if step < self.warm_up:
            return (step + 1) / self.warm_up
        return 1.0 if self.then is None else self.then(step - self.warm_up)


SCHEDULES = ("step", "cosine", "warmup", "warmup-step", "warmup-cosine")


def make_schedule(name: str, total: int) -> Schedule:
    """Give the schedule called `name` for a training of `total` steps.

    'step': a tenth at one and at two thirds of it. 'cosine': down to 0 at the end. 'warmup': rising over the first
    twentieth; 'warmup-step', 'warmup-cosine': that, then the other. Raises ValueError for another name.
    """
    if name not in SCHEDULES:
        raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}, or a Schedule, not {name!r}")
    first, _, second = name.partition("-")
    warm_up = max(total // 20, 1) if first == "warmup" else 0
    rest = max(total - warm_up, 1)
    then: Schedule | None = None
    if "step" in (first, second):
        then = StepSchedule(-(-rest // 3))
    elif "cosine" in (first, second):
        then = CosineSchedule(rest)
    return WarmUp(warm_up, then) if warm_up or then is None else then
