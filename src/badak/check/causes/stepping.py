"""Which published rule made these steps, and if none did: which slip in one of them?"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from badak.check.rules import FORMS, ROLES, Knobs, follow, penalized, published, scheduled
from badak.check.subject.optimizer import Trace
from badak.check.tolerances import STEP

Array = np.ndarray[Any, Any]
DEFAULTS = {"lr": (0.01, 0.001), "mu": (0.9,), "rho": (0.9, 0.99), "b1": (0.9,), "b2": (0.999, 0.99), "eps": (1e-8,)}
MOST = 400  # combinations of numbers for one rule


@dataclass(frozen=True)
class Match:
    """A rule whose steps are those that were seen, with its numbers and, where it is no published one, the slip."""

    rule: str
    knobs: Knobs
    slip: str = ""


def same_steps(seen: Array, wanted: Array) -> bool:
    """Tell whether two sequences of steps are the same, what is not a number included."""
    if not np.array_equal(np.isnan(seen), np.isnan(wanted)) or not np.array_equal(np.isinf(seen), np.isinf(wanted)):
        return False
    usable = np.isfinite(seen)
    if not usable.any():
        return True  # nothing but NaN on both sides
    scale = float(np.abs(wanted[usable]).max(initial=0.0))
    return bool(np.all(np.abs(seen - wanted)[usable] <= STEP * np.abs(wanted)[usable] + 1e-6 * scale))


def numbers_for(rule: str, trace: Trace) -> Iterator[Knobs]:
    """Give the numbers that a rule may have been run with, likeliest first: the named, else those in the source."""
    numbers = trace.numbers
    constants = numbers.get("constants", [])
    choices: list[list[float]] = []
    for role in ROLES[rule]:
        named = numbers.get(role, [])
        if role == "eps":
            small = [c for c in constants if c <= 1e-3]
            choices.append([*named, *small] or list(DEFAULTS["eps"]))
        elif named:
            choices.append(list(named))
        else:
            guesses = [c for c in constants if c > 1e-6] if role == "lr" else [c for c in constants if c >= 0.3]
            choices.append(list(dict.fromkeys([*guesses, *DEFAULTS[role]])))
    for chosen in itertools.islice(itertools.product(*choices), MOST):
        values: dict[str, Any] = dict(zip(ROLES[rule], chosen, strict=True))
        if rule == "RMSprop":
            values["mu"] = next(iter(numbers.get("mu", [])), 0.9)
        if all(0 <= values.get(r, 0.5) < 1 for r in ("mu", "rho", "b1", "b2")):
            yield Knobs(**values)


def _shrunk(k: Knobs, trace: Trace) -> Iterator[Knobs]:
    """Give the numbers alone, then with a penalty or a schedule where there is a number for one."""
    yield k
    for wd in trace.numbers.get("wd", []):
        if wd:
            yield from penalized(replace(k, wd=wd))
    for decay in trace.numbers.get("decay", []):
        if decay:
            yield from scheduled(replace(k, decay=decay))


def published_match(trace: Trace, rules: tuple[str, ...]) -> Match | None:
    """Give the published rule among `rules` that makes the steps of a trace."""
    steps, grads, start = trace.flat()
    signs = (1.0, -1.0) if trace.steps_returned else (1.0,)
    for rule in rules:
        for numbers in numbers_for(rule, trace):
            for whole in _shrunk(numbers, trace):
                for form in published(rule, whole):
                    for sign in signs:
                        if same_steps(steps, follow(rule, grads, start, replace(form, sign=sign))):
                            return Match(rule, replace(form, sign=sign))
    return None


# A slip: its label, the rules in which it is made, the knobs that make it.
SLIPS: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    ("update-climbs", tuple(ROLES), {"sign": -1.0}),
    ("velocity-sign", ("Momentum", "Nesterov"), {"velocity_sign": -1.0}),
    ("velocity-sign", ("Momentum", "Nesterov"), {"velocity_sign": -1.0, "sign": -1.0}),
    ("bias-correction-without-power", ("Adam",), {"correction": "flat"}),
    ("bias-correction-without-power", ("Adam",), {"correction": "flat first"}),
    ("bias-correction-without-power", ("Adam",), {"correction": "flat second"}),
    ("bias-correction-missing", ("Adam",), {"correction": "none"}),
    ("bias-correction-incomplete", ("Adam",), {"correction": "first only"}),
    ("bias-correction-incomplete", ("Adam",), {"correction": "second only"}),
    ("moments-share-one-array", ("Adam",), {"aliased": True, "correction": "none"}),
    ("moments-share-one-array", ("Adam",), {"aliased": True}),
    ("steps-counted-from-zero", ("Adam",), {"correction": "power t-1"}),
    ("steps-counted-from-zero", ("Adam",), {"correction": "never"}),
    ("decay-swapped", ("Momentum", "RMSprop", "Adam"), {"swapped": "both"}),
    ("decay-swapped", ("Adam",), {"swapped": "first"}),
    ("decay-swapped", ("Adam",), {"swapped": "second"}),
    ("running-mean-sums", ("RMSprop", "Adam"), {"summed": "both"}),
    ("running-mean-sums", ("Adam",), {"summed": "first"}),
    ("running-mean-sums", ("Adam",), {"summed": "second"}),
    ("square-root-missing", ("AdaGrad", "RMSprop", "Adam"), {"rooted": False}),
    ("gradient-not-squared", ("AdaGrad", "RMSprop", "Adam"), {"squared": False}),
    ("state-thrown-away", ("Momentum", "AdaGrad", "RMSprop", "Adam"), {"reset": True}),
    ("learning-rate-twice", tuple(ROLES), {"rate_power": 2}),
    ("eps-missing", ("AdaGrad", "RMSprop", "Adam"), {"eps": 0.0}),
    ("steps-counted-from-two", ("Adam",), {"correction": "from 2"}),
)


def slip_match(trace: Trace, rules: tuple[str, ...]) -> Match | None:
    """Give the slip in one of `rules` that makes the steps of a trace."""
    steps, grads, start = trace.flat()
    for label, where, change in SLIPS:
        for rule in (r for r in rules if r in where):
            for numbers in itertools.islice(numbers_for(rule, trace), 40):
                for k in _shrunk(numbers, trace):
                    for form in published(rule, k):
                        if same_steps(steps, follow(rule, grads, start, replace(form, **change))):
                            return Match(rule, replace(form, **change), label)
    return None


def counted_by_parameter(trace: Trace, rules: tuple[str, ...]) -> Match | None:
    """Tell an Adam that counts a step for every parameter."""
    if "Adam" not in rules or len(trace.steps) < 2:
        return None
    count = len(trace.steps)
    for numbers in itertools.islice(numbers_for("Adam", trace), 40):
        for form in published("Adam", numbers):
            fits = True
            for place in range(count):
                rows = len(trace.steps[place])
                steps, grads = (a[place].reshape(rows, -1) for a in (trace.steps, trace.gradients))
                wanted = follow("Adam", grads, np.ravel(trace.start[place]), form, place + 1, count)
                fits = fits and same_steps(steps, wanted)
            if fits:
                return Match("Adam", form, "counts-every-parameter")
    return None


def all_rules() -> tuple[str, ...]:
    """Give the names of all rules that are known."""
    return tuple(FORMS)


def rows_of(trace: Trace, rows: slice, places: list[int] | None = None) -> Trace:
    """Give a trace of some steps or some parameters alone."""
    chosen = range(len(trace.steps)) if places is None else places
    return replace(
        trace,
        steps=[trace.steps[p][rows] for p in chosen],
        gradients=[trace.gradients[p][rows] for p in chosen],
        start=[trace.start[p] for p in chosen],
    )
