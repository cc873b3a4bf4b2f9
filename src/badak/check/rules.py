"""The published update rules of optimizers, each with the variants in which it was published, and their slips.

A rule is followed on a sequence of gradients; what comes out are the steps, one row each. Sources: Robbins and Monro
1951 (SGD), Polyak 1964 (momentum), Nesterov 1983 in the forms of Sutskever et al. 2013, of Bengio et al. 2012 and of
the first printing of the book, Duchi et al. 2011 (AdaGrad), Tieleman and Hinton 2012 (RMSprop), Zeiler 2012 (Adadelta),
Kingma and Ba 2015 (Adam, AdaMax), Dozat 2016 (Nadam), Reddi et al. 2018 (AMSGrad), Loshchilov and Hutter 2019 (AdamW),
Liu et al. 2020 (RAdam).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
State = dict[str, Any]


@dataclass(frozen=True)
class Knobs:
    """The numbers of a rule, the form in which it is written, and slips (whose defaults mean: none)."""

    lr: float = 0.01
    mu: float = 0.9  # momentum
    rho: float = 0.9  # of a running mean of squares
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-8
    form: str = ""  # how the rule is written: see the steps below
    eps_place: str = "outside"  # "inside" the root, or outside of it
    wd: float = 0.0
    wd_form: str = ""  # "l2" adds to the gradient, "decoupled" times the rate, "shrink" without it
    decay: float = 0.0
    decay_form: str = ""  # of the learning rate: "time", "time from 1", "power", "power from 1", "root"
    # Slips
    sign: float = 1.0  # -1 climbs
    velocity_sign: float = 1.0
    rate_power: int = 1
    correction: str = "power"  # what the moments are divided by: see _corrections
    swapped: str = ""  # the weights of old and new are exchanged, in "both" means, the "first" or the "second"
    reset: bool = False  # the state is thrown away at every step
    rooted: bool = True
    squared: bool = True
    summed: str = ""  # the running mean sums: 1 in the place of 1 - rho
    aliased: bool = False  # both moments are one array


def _weights(k: Knobs, keep: float, which: str) -> tuple[float, float]:
    if k.summed in ("both", which):
        return keep, 1.0
    return (1 - keep, keep) if k.swapped in ("both", which) else (keep, 1 - keep)


def _mean(state: State, name: str, value: Array, keep: float, k: Knobs) -> Array:
    old, new = _weights(k, keep, "first" if name == "m" else "second")
    state[name] = old * state.get(name, np.zeros_like(value)) + new * value
    return np.asarray(state[name])


def _below(square: Array, k: Knobs) -> Array:
    if not k.rooted:
        return np.asarray(square + k.eps)
    return np.sqrt(square + k.eps) if k.eps_place == "inside" else np.sqrt(square) + k.eps


def _square(g: Array, k: Knobs) -> Array:
    return g * g if k.squared else g


def _sgd(state: State, g: Array, lr: float, t: int, k: Knobs) -> Array:
    return -lr * g


def _momentum(state: State, g: Array, lr: float, t: int, k: Knobs) -> Array:
    """The rate inside the velocity, outside of it, or a mean of gradients ("damped", "damped first", "corrected")."""
    v = state.get("v", np.zeros_like(g))
    if k.form == "inside":
        state["v"] = k.velocity_sign * k.mu * v - lr * g
        return np.asarray(state["v"])
    if k.form == "outside":
        state["v"] = k.velocity_sign * k.mu * v + g
        return np.asarray(-lr * state["v"])
    if k.form == "damped first" and "v" not in state:
        state["v"] = g
    else:
        old, new = _weights(k, k.mu, "first")
        state["v"] = old * v + new * g
    scale = 1 - k.mu**t if k.form == "corrected" else 1.0
    return np.asarray(-lr * state["v"] / scale)


def _nesterov(state: State, g: Array, lr: float, t: int, k: Knobs) -> Array:
    """The form "ahead" stays where the gradient is taken; "book" is that of the first printing."""
    v = state.get("v", np.zeros_like(g))
    state["v"] = k.velocity_sign * k.mu * v - lr * g
    used = state["v"] if k.form == "book" else v
    return np.asarray(k.mu * k.mu * used - (1 + k.mu) * lr * g)


def _adagrad(state: State, g: Array, lr: float, t: int, k: Knobs) -> Array:
    state["h"] = state.get("h", np.zeros_like(g) + (0.1 if k.form == "0.1" else 0.0)) + _square(g, k)
    return np.asarray(-lr * g / _below(state["h"], k))


def _rmsprop(state: State, g: Array, lr: float, t: int, k: Knobs) -> Array:
    h = _mean(state, "h", _square(g, k), k.rho, k)
    if k.form == "corrected":
        h = h / (1 - k.rho**t)
    if k.form == "from 1":
        h = h + k.rho**t  # the mean begins at 1
    if k.form == "centred":
        h = h - _mean(state, "mean", g, k.rho, k) ** 2
    step = g / _below(h, k)
    if k.form == "momentum":
        state["v"] = k.mu * state.get("v", np.zeros_like(g)) + lr * step
        return np.asarray(-state["v"])
    return np.asarray(-lr * step)


def _adadelta(state: State, g: Array, lr: float, t: int, k: Knobs) -> Array:
    h = _mean(state, "h", _square(g, k), k.rho, k)
    s = state.get("s", np.zeros_like(g))
    step = g * np.sqrt(s + k.eps) / np.sqrt(h + k.eps)
    state["s"] = k.rho * s + (1 - k.rho) * step * step
    return np.asarray(-(lr if k.form == "rate" else 1.0) * step)


def _corrections(k: Knobs, t: int) -> tuple[float, float]:
    c1, c2 = 1 - k.b1**t, 1 - k.b2**t
    return {
        "none": (1.0, 1.0),
        "flat": (1 - k.b1, 1 - k.b2),
        "flat first": (1 - k.b1, c2),
        "flat second": (c1, 1 - k.b2),
        "never": (0.0, 0.0),
        "first only": (c1, 1.0),
        "second only": (1.0, c2),
        "from 2": (1 - k.b1 ** (t + 1), 1 - k.b2 ** (t + 1)),
        "power t-1": (1 - k.b1 ** (t - 1), 1 - k.b2 ** (t - 1)),
    }.get(k.correction, (c1, c2))


def _adam(state: State, g: Array, lr: float, t: int, k: Knobs) -> Array:
    m = _mean(state, "m", g, k.b1, k)
    if k.aliased:
        state["v"] = m
    v = _mean(state, "v", _square(g, k), k.b2, k)
    if k.aliased:
        m = state["m"] = v
    if k.form == "adamax":
        state["u"] = np.maximum(k.b2 * state.get("u", np.zeros_like(g)), np.abs(g))
        return np.asarray(-lr / (1 - k.b1**t) * m / (state["u"] + k.eps))
    c1, c2 = _corrections(k, t)
    if k.form == "radam":
        return _rectified(lr, m / c1, v / c2, t, k)
    if k.form == "amsgrad":
        v = state["top"] = np.maximum(state.get("top", v), v)
    if k.form == "nadam":
        m = k.b1 * m + (1 - k.b1) * g
        c1 = 1 - k.b1**t
    if k.form == "nadam ahead":  # Dozat's: the two parts are corrected by different powers
        return np.asarray(-lr * (k.b1 * m / (1 - k.b1 ** (t + 1)) + (1 - k.b1) * g / c1) / _below(v / c2, k))
    if k.form == "in the rate":  # eps is added to the root that is not corrected
        return np.asarray(-lr * math.sqrt(c2) / c1 * m / _below(v, k))
    return np.asarray(-lr * (m / c1) / _below(v / c2, k))


def _rectified(lr: float, m: Array, v: Array, t: int, k: Knobs) -> Array:
    top = 2 / (1 - k.b2) - 1
    now = top - 2 * t * k.b2**t / (1 - k.b2**t)
    if now <= 4:
        return np.asarray(-lr * m)
    share = math.sqrt((now - 4) * (now - 2) * top / ((top - 4) * (top - 2) * now))
    return np.asarray(-lr * share * m / _below(v, k))


Step = Callable[[State, Array, float, int, Knobs], Array]
STEPS: dict[str, Step] = {
    "SGD": _sgd,
    "Momentum": _momentum,
    "Nesterov": _nesterov,
    "AdaGrad": _adagrad,
    "RMSprop": _rmsprop,
    "Adadelta": _adadelta,
    "Adam": _adam,
}
# In the order in which they are told of: the first is the likeliest.
FORMS: dict[str, tuple[str, ...]] = {
    "SGD": ("",),
    "Momentum": ("inside", "outside", "damped", "damped first", "corrected"),
    "Nesterov": ("ahead", "book"),
    "AdaGrad": ("", "0.1"),
    "RMSprop": ("", "corrected", "from 1", "centred", "momentum"),
    "Adadelta": ("", "rate"),
    "Adam": ("", "in the rate", "amsgrad", "nadam", "nadam ahead", "adamax", "radam"),
}
ROLES: dict[str, tuple[str, ...]] = {
    "SGD": ("lr",),
    "Momentum": ("lr", "mu"),
    "Nesterov": ("lr", "mu"),
    "AdaGrad": ("lr", "eps"),
    "RMSprop": ("lr", "rho", "eps"),
    "Adadelta": ("lr", "rho", "eps"),
    "Adam": ("lr", "b1", "b2", "eps"),
}


def _rate(lr: float, t: int, k: Knobs) -> float:
    n = t - 1
    factors = {
        "time": 1 / (1 + k.decay * n),
        "time from 1": 1 / (1 + k.decay * t),
        "power": k.decay**n if k.decay_form == "power" else 1.0,
        "power from 1": k.decay**t if k.decay_form == "power from 1" else 1.0,
        "less": (1 - k.decay) ** n,
        "root": 1 / math.sqrt(t),
    }
    return float((lr**k.rate_power) * factors.get(k.decay_form, 1.0))


def follow(rule: str, gradients: Array, start: Array, k: Knobs, first: int = 1, every: int = 1) -> Array:
    """Give the steps (T, n) that a rule makes from `start` (n,) for `gradients` (T, n).

    `first` and `every` say how the steps are counted: 1, 2, 3 … where they are 1.
    """
    w, state = start.copy(), State()
    steps = np.zeros_like(gradients)
    with np.errstate(all="ignore"):
        for turn, g in enumerate(gradients):
            t = first + every * turn
            lr = _rate(k.lr, turn + 1, k)
            whole = g + k.wd * w if k.wd_form == "l2" else g
            if k.reset:
                state = State()
            try:
                step = k.sign * STEPS[rule](state, whole, lr, t, k)
            except ZeroDivisionError:
                step = np.full_like(w, np.nan)
            if k.wd_form == "decoupled":
                step = step - lr * k.wd * w
            elif k.wd_form == "shrink":
                step = step - k.wd * w
            # As they are seen: what is not a number once stays it.
            steps[turn] = (w + step) - w
            w = w + step
    return steps


def published(rule: str, k: Knobs) -> Iterator[Knobs]:
    """Give the forms in which a rule was published, likeliest first."""
    for form in FORMS[rule]:
        places = ("outside", "inside") if "eps" in ROLES[rule] and rule != "Adadelta" else ("outside",)
        for place in places:
            yield replace(k, form=form, eps_place=place)


def penalized(k: Knobs) -> Iterator[Knobs]:
    """Give the ways to shrink the weights beside the step, where there is a number for it."""
    for form in ("l2", "decoupled", "shrink"):
        yield replace(k, wd_form=form)


def scheduled(k: Knobs) -> Iterator[Knobs]:
    """Give the ways to lower the learning rate with the steps, where there is a number for it."""
    for form in ("time", "time from 1", "power", "power from 1", "less", "root"):
        yield replace(k, decay_form=form)
