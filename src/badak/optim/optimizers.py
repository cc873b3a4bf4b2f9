"""What changes the parameters, given their gradients: a few array lines each, on a network's whole Block.

An Optimizer keeps flat arrays as long as the Block (`state`), the number of updates done (`steps`) and its numbers
under their own names (`hyperparameters`). What comes before the rule, the same for all, is in `Optimizer.update`:
clipping the gradient, weight decay, and the learning rate of the step.
"""

import inspect
import math
from typing import Any, ClassVar

import numpy as np

from badak.optim.schedules import Schedule
from badak.types import Array
from badak.validate import above_zero, share, within


class Optimizer:
    """What all optimizers share.

    `lr` is the learning rate, above 0. `weight_decay` adds that much of the weights to their gradient (book,
    ch. 6.4.2); `clip_norm` shortens the whole gradient to that Euclidean length where it is longer, before that
    (Pascanu, Mikolov and Bengio, 2013); `schedule` is a Schedule.
    Raises TypeError or ValueError for anything else.
    """

    states: ClassVar[tuple[str, ...]] = ()
    """The names of its flat arrays."""

    def __init__(
        self, lr: float, weight_decay: float = 0.0, clip_norm: float | None = None, schedule: Schedule | None = None
    ) -> None:
        self.lr = above_zero("lr (the learning rate)", lr)
        self.weight_decay = within("weight_decay", weight_decay, 0)
        self.clip_norm = None if clip_norm is None else above_zero("clip_norm", clip_norm)
        if schedule is not None and not callable(schedule):
            raise TypeError(f"schedule must be a Schedule, not {schedule!r}")
        self.schedule = schedule
        self.steps = 0
        self.state: dict[str, Array] = {}
        self.decayed: Array | None = None
        """Where weight decay applies, a bool for each parameter; None is everywhere. `fit` leaves out biases."""

    @property
    def name(self) -> str:
        """The name that `make_optimizer` knows it by: 'adam'."""
        return type(self).__name__.lower()

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Its numbers, by name: all that the constructor takes."""
        own = [p.name for p in inspect.signature(type(self)).parameters.values() if p.kind is not p.VAR_KEYWORD]
        return {name: getattr(self, name) for name in dict.fromkeys([*own, "weight_decay", "clip_norm", "schedule"])}

    def __repr__(self) -> str:
        told = {name: value for name, value in self.hyperparameters.items() if value or name == "lr"}
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in told.items())})"

    def rate(self, step: int) -> float:
        """Give the learning rate of this step, counted from 0."""
        return self.lr if self.schedule is None else self.lr * self.schedule(step)

    def begin(self, params: Array) -> None:
        """Make the state for parameters of this length and dtype, all 0; state that is there stays.

        Raises ValueError where there is state for others.
        """
        for name in self.states:
            kept = self.state.setdefault(name, np.zeros_like(params))
            if kept.shape != params.shape or kept.dtype != params.dtype:
                raise ValueError(
                    f"this {type(self).__name__} has trained {kept.size} parameters of {kept.dtype}, and now gets "
                    f"{params.size} of {params.dtype}: make a new one for another network"
                )

    def update(self, params: Array, grads: Array) -> None:
        """Change `params` in place: both are flat arrays, as a Block has them. `grads` stays as it is."""
        self.begin(params)
        if self.clip_norm is not None:
            grads = shortened(grads, self.clip_norm)
        if self.weight_decay:
            grads = self.decay(params, grads)
        lr = self.rate(self.steps)
        self.steps += 1
        self.rule(params, grads, lr)

    def decay(self, params: Array, grads: Array) -> Array:
        """Give the gradient of the loss with ½ · weight_decay · Σ W² added to it."""
        return grads + self.weight_decay * (params if self.decayed is None else params * self.decayed)

    def rule(self, params: Array, grads: Array, lr: float) -> None:
        """Change `params` in place by `grads`: what the optimizers differ in."""
        raise NotImplementedError


def shortened(flat: Array, longest: float) -> Array:
    """Give a flat array, shortened to the Euclidean length `longest` where it is longer.

    Also where squares in its dtype would be infinite or 0, and where no number holds the length.
    """
    limits = np.finfo(flat.dtype)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        square, largest = float(np.dot(flat, flat)), 1.0
        if not limits.tiny / limits.eps < square < math.inf:
            largest = float(np.abs(flat).max(initial=0))
            if largest == math.inf:
                return flat * 0.0  # and NaN where it is infinite
            part = flat / flat.dtype.type(largest or 1)
            square = float(np.dot(part, part))
        if not math.sqrt(square) > longest / (largest or 1):  # NaN is no length either
            return flat
        if largest == 1:
            return flat * (longest / math.sqrt(square))
        return flat / flat.dtype.type(largest) * (longest / math.sqrt(square))


class SGD(Optimizer):
    """Stochastic gradient descent: W ← W - lr · dW (book, ch. 6.1.2)."""

    def __init__(self, lr: float = 0.01, **shared: Any) -> None:
        super().__init__(lr, **shared)

    def rule(self, params: Array, grads: Array, lr: float) -> None:
        """Do one step."""
        params -= lr * grads


class Momentum(Optimizer):
    """v ← momentum · v - lr · dW; W ← W + v (Polyak, 1964; book, ch. 6.1.4).

    The learning rate is inside of v. PyTorch has it outside: v ← momentum · v + dW; W ← W - lr · v. With one rate the
    two are the same training; under a schedule they part, since here a step keeps the rate at which it was taken.
    """

    states = ("v",)

    def __init__(self, lr: float = 0.01, momentum: float = 0.9, **shared: Any) -> None:
        super().__init__(lr, **shared)
        self.momentum = share("momentum", momentum)

    def rule(self, params: Array, grads: Array, lr: float) -> None:
        """Do one step."""
        v = self.state["v"]
        v *= self.momentum
        v -= lr * grads
        params += v


class Nesterov(Momentum):
    """v ← momentum · v - lr · dW; W ← W + momentum · v - lr · dW (Nesterov, 1983).

    The gradient is taken where W is, and W moved ahead along the new v, which is Nesterov's method in other variables
    (Bengio, Boulanger-Lewandowski and Pascanu, 2013, section 3.5). The learning rate is inside of v, as in Momentum.
    """

    def rule(self, params: Array, grads: Array, lr: float) -> None:
        """Do one step."""
        v = self.state["v"]
        v *= self.momentum
        v -= lr * grads
        params += self.momentum * v - lr * grads


class AdaGrad(Optimizer):
    """h ← h + dW²; W ← W - lr · dW / (√h + eps) (Duchi, Hazan and Singer, 2011; book, ch. 6.1.5).

    eps is added to the root, as the book and PyTorch do; its size is the book's, PyTorch's is 1e-10.
    """

    states = ("h",)

    def __init__(self, lr: float = 0.01, eps: float = 1e-7, **shared: Any) -> None:
        super().__init__(lr, **shared)
        self.eps = above_zero("eps", eps)

    def rule(self, params: Array, grads: Array, lr: float) -> None:
        """Do one step."""
        h = self.state["h"]
        h += grads * grads
        params -= lr * grads / (np.sqrt(h) + self.eps)


class RMSprop(Optimizer):
    """h ← decay_rate · h + (1 - decay_rate) · dW²; W ← W - lr · dW / (√h + eps) (Tieleman and Hinton, 2012).

    eps is added to the root, as PyTorch does (there 1e-8); TensorFlow adds it under the root.
    """

    states = ("h",)

    def __init__(self, lr: float = 0.01, decay_rate: float = 0.99, eps: float = 1e-7, **shared: Any) -> None:
        super().__init__(lr, **shared)
        self.decay_rate, self.eps = share("decay_rate", decay_rate), above_zero("eps", eps)

    def rule(self, params: Array, grads: Array, lr: float) -> None:
        """Do one step."""
        h = self.state["h"]
        h *= self.decay_rate
        h += (1 - self.decay_rate) * grads * grads
        params -= lr * grads / (np.sqrt(h) + self.eps)


class Adam(Optimizer):
    """m and v are running means of dW and dW²: W ← W - lr · m̂ / (√v̂ + eps) (Kingma and Ba, 2015, algorithm 1).

    m ← beta1 · m + (1 - beta1) · dW; v ← beta2 · v + (1 - beta2) · dW²; at step t, counted from 1,
    m̂ = m / (1 - beta1^t) and v̂ = v / (1 - beta2^t), since both began at 0. eps is added to the root of v̂, as in the
    paper and in PyTorch; the book's code adds 1e-7 to the root of v before that correction.
    """

    states = ("m", "v")

    def __init__(
        self, lr: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, **shared: Any
    ) -> None:
        super().__init__(lr, **shared)
        self.beta1, self.beta2, self.eps = share("beta1", beta1), share("beta2", beta2), above_zero("eps", eps)

    def rule(self, params: Array, grads: Array, lr: float) -> None:
        """Do one step."""
        m, v = self.state["m"], self.state["v"]
        m *= self.beta1
        m += (1 - self.beta1) * grads
        v *= self.beta2
        v += (1 - self.beta2) * grads * grads
        m_scale, v_scale = 1 / (1 - self.beta1**self.steps), 1 / (1 - self.beta2**self.steps)
        params -= lr * m_scale * m / (np.sqrt(v_scale * v) + self.eps)


class AdamW(Adam):
    """Adam, with the weights shrunk by themselves: W ← W - lr · weight_decay · W (Loshchilov and Hutter, 2019).

    So the decay does not pass through m and v, where it would be divided by the size of the gradient.
    """

    def __init__(
        self,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        **shared: Any,
    ) -> None:
        super().__init__(lr, beta1, beta2, eps, weight_decay=weight_decay, **shared)

    def decay(self, params: Array, grads: Array) -> Array:
        """Give `grads` as they are: the decay is part of the rule."""
        return grads

    def rule(self, params: Array, grads: Array, lr: float) -> None:
        """Do one step."""
        params -= lr * self.weight_decay * (params if self.decayed is None else params * self.decayed)
        super().rule(params, grads, lr)


OPTIMIZERS: dict[str, type[Any]] = {
    kind.__name__.lower(): kind for kind in (SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam, AdamW)
}


def make_optimizer(name: str, lr: float | None = None, **numbers: Any) -> Optimizer:
    """Give the optimizer called `name`: sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw, in any case.

    `lr` is by default that of its class; `numbers` are its other arguments, those that are None left out.
    Raises TypeError or ValueError for an unknown name or numbers that don't fit.
    """
    kind = OPTIMIZERS.get(name.lower()) if isinstance(name, str) else None
    if kind is None:
        raise ValueError(f"optimizer must be one of {', '.join(OPTIMIZERS)}, not {name!r}")
    made: Optimizer = kind(**{key: value for key, value in {"lr": lr, **numbers}.items() if value is not None})
    return made
