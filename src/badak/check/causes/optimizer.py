# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Optimizers: what keeps an update from being the rule that its name says."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from badak.check.causes.base import Cause
from badak.check.findings import Finding

Wanted = Callable[[ast.stmt], bool]


def _statements(subject: Any, finding: Finding) -> list[ast.stmt]:
    """Give the statements of the method that makes a step (and of its base class's), nested ones too."""
    if subject.source is None:
        return []
    kinds = [k.__name__ for k in subject.kind.__mro__ if k is not object]
    names = [finding.method or subject.method, subject.method, "update_one", "_compute_step"]
    nodes = [subject.source.method(kind, name) for name in dict.fromkeys(names) for kind in kinds]
    if subject.bench.function is not None:
        nodes = [subject.source.functions().get(subject.name)]
    found: list[ast.stmt] = []
    for node in nodes:
        if node is not None:
            found += [n for n in ast.walk(node) if isinstance(n, (ast.Assign, ast.AugAssign, ast.Return))]
    return sorted(set(found), key=lambda n: n.lineno)


def _line_of(*wanted: Wanted) -> Callable[[Any, Finding], int | None]:
    """Give a rule of place: the last statement for which the first fitting question holds."""

    def place(subject: Any, finding: Finding) -> int | None:
        statements = _statements(subject, finding)
        for question in wanted:
            lines = [s.lineno for s in statements if question(s)]
            if lines:
                return lines[-1]
        return statements[-1].lineno if statements else None

    return place


def _first_of(*wanted: Wanted) -> Callable[[Any, Finding], int | None]:
    def place(subject: Any, finding: Finding) -> int | None:
        statements = _statements(subject, finding)
        for question in wanted:
            lines = [s.lineno for s in statements if question(s)]
            if lines:
                return lines[0]
        return statements[-1].lineno if statements else None

    return place


def _has(*parts: str) -> Wanted:
    return lambda s: any(part in ast.unparse(s).replace(" ", "") for part in parts)


def _updates(s: ast.stmt) -> bool:
    """Tell whether a statement changes a parameter: p[...] += …, p.data -= …, return w - …"""
    if isinstance(s, ast.Return):
        return s.value is not None and any(isinstance(n, ast.BinOp) for n in ast.walk(s.value))
    target = s.targets[0] if isinstance(s, ast.Assign) else s.target  # type: ignore[attr-defined]
    name = ast.unparse(target)
    return not name.startswith("self.") or "param" in name or "weights" in name or "biases" in name


def _keeps(s: ast.stmt) -> bool:
    """Tell whether a statement keeps state."""
    if isinstance(s, ast.Return):
        return False
    target = s.targets[0] if isinstance(s, ast.Assign) else s.target  # type: ignore[attr-defined]
    return "self." in ast.unparse(target) or "[" in ast.unparse(target)


def _calculates(s: ast.stmt) -> bool:
    return any(isinstance(n, ast.BinOp) and isinstance(n.op, (ast.Mult, ast.Add)) for n in ast.walk(s))


def _squares(s: ast.stmt) -> bool:
    return _keeps(s) and _calculates(s)


def _divides(s: ast.stmt) -> bool:
    return any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div) for n in ast.walk(s))


def _second(s: ast.stmt) -> bool:
    return _squares(s) and any(
        p in ast.unparse(s) for p in (".v", "v[", ".h", "cache", "Eg", "G", "sq", "beta2", "beta_2", "b2", "rho")
    )


_UPDATE = _line_of(_updates)

CAUSES = (
    Cause(
        "update-climbs",
        "The update goes up the slope: from a gradient of one sign, the parameters move with the same sign ({rule} with the sign turned).",
        "Subtract: v = momentum * v - lr * grad and param += v, or param -= lr * grad.",
        place=_UPDATE,
    ),
    Cause(
        "velocity-sign",
        "The old velocity comes in with the wrong sign: momentum brakes instead of carrying on.",
        "v = momentum * v - lr * grad; param += v. One sign in front of v, the other in front of the gradient.",
        place=_first_of(lambda s: _keeps(s) and _calculates(s)),
    ),
    Cause(
        "bias-correction-without-power",
        "The bias correction divides by 1 - beta, at every step. It has to be 1 - beta ** t, where t counts the steps.",
        "m_hat = m / (1 - beta1 ** t) and v_hat = v / (1 - beta2 ** t), with t = 1 at the first step.",
        place=_first_of(lambda s: _divides(s) and _has("1-")(s), _divides),
    ),
    Cause(
        "bias-correction-missing",
        "The moments are not corrected for their start at 0: the first steps of this Adam have another size (with the usual numbers about 3 times as large).",
        "Count the steps, t += 1, and divide: m_hat = m / (1 - beta1 ** t), v_hat = v / (1 - beta2 ** t).",
        place=_UPDATE,
    ),
    Cause(
        "bias-correction-incomplete",
        "Only one of the two moments is corrected for its start at 0.",
        "Correct both: m_hat = m / (1 - beta1 ** t), v_hat = v / (1 - beta2 ** t).",
        place=_line_of(_has("**"), _updates),
    ),
    Cause(
        "moments-share-one-array",
        "Both moments are one and the same array: what is written into v is in m too.",
        "Give each its own zeros: two dictionaries, not self.v = self.m.",
        place=_first_of(_has("self.v=self.m", "self.m=self.v=", "v=m"), _keeps),
    ),
    Cause(
        "steps-counted-from-zero",
        "At the first step the bias correction divides by 0: 1 - beta ** 0 is 0.",
        "Count first: t += 1 before the correction, so that t is 1 at the first step.",
        place=_line_of(_has("**"), _updates),
    ),
    Cause(
        "steps-counted-from-two",
        "The count of steps is 2 at the first step: the bias correction is one step ahead, and the first steps are too small.",
        "Begin with t = 0, so that t += 1 gives 1 at the first step.",
        place=_line_of(_has("t+=1", "t=t+1"), _has("**")),
    ),
    Cause(
        "counts-every-parameter",
        "The steps are counted once for every parameter instead of once for every update: the bias correction of one parameter depends on how many others there are.",
        "Put t += 1 before the loop over the parameters.",
        place=_line_of(_has("t+=1", "iter+=1", "+=1"), _updates),
    ),
    Cause(
        "decay-swapped",
        "The weights of old and new are exchanged: the running mean forgets nearly everything at each step, since the old value is taken times 1 - {name}.",
        "mean = decay * mean + (1 - decay) * new, with a decay near 1.",
        place=_first_of(_second, _squares),
    ),
    Cause(
        "running-mean-sums",
        "The new value is added in full: without the factor 1 - {name} the running mean grows to many times the size of a gradient.",
        "mean = decay * mean + (1 - decay) * new.",
        place=_first_of(_second, _squares),
    ),
    Cause(
        "square-root-missing",
        "The step is divided by the mean of squares, not by its root.",
        "Divide by np.sqrt(…) + eps.",
        place=_line_of(lambda s: _updates(s) and _divides(s), _divides),
    ),
    Cause(
        "gradient-not-squared",
        "The gradient is gathered without its square: below the root stand negative numbers.",
        "Gather grad ** 2 (or grad * grad).",
        place=_first_of(_second, _squares),
    ),
    Cause(
        "state-thrown-away",
        "Nothing is kept from step to step: each step is as if it were the first.",
        "Keep the state in the object, made once: if self.v is None: self.v = …",
        place=_first_of(_keeps),
    ),
    Cause(
        "learning-rate-twice",
        "The learning rate is multiplied in twice: steps are {lr} times as large as they should be.",
        "Multiply by the learning rate once: in the velocity, or in the update.",
        place=_UPDATE,
    ),
    Cause(
        "eps-missing",
        "Where a gradient is 0 from the first step on, 0 is divided by 0: the parameter becomes NaN.",
        "Add a small number to the divisor: / (np.sqrt(h) + 1e-7).",
        place=_line_of(lambda s: _updates(s) and _divides(s), _divides),
    ),
    Cause(
        "learning-rate-ignored",
        "The learning rate is not used: with another one the steps are the same.",
        "Multiply the step by the learning rate.",
        place=_UPDATE,
    ),
    Cause(
        "another-rule",
        "This is {rule}, not what the name {name} says: the steps are exactly those of {rule}.",
        "Use the state that {name} keeps, or give the class the name of its rule.",
        place=_UPDATE,
    ),
    Cause(
        "setting-ignored",
        "The setting {name} changes nothing: with {value} the steps are the same.",
        "Use it, or leave it out.",
        place=_UPDATE,
    ),
    Cause(
        "unlike-the-rule",
        "The steps are not those of {rule}, in none of the forms in which it was published, and I know no slip that gives them. At step {step} a parameter moved by {moved}; it should be {wanted}.",
        "Compare with the formula, term by term.",
        place=_UPDATE,
    ),
    Cause(
        "state-shared-between-parameters",
        "With one parameter it is {rule}, with two it is not: they share one state.",
        "Keep a state for each parameter: a dictionary by name, or a list.",
        place=_first_of(_keeps),
    ),
    Cause(
        "updates-only-once",
        "Only the first call changes the parameters; all later ones do nothing.",
        "Take the update out of the if that prepares the state: one level of indentation less.",
        place=_UPDATE,
    ),
    Cause(
        "parameter-left-out",
        "{count} of {all} parameters do not move at all.",
        "Update all of them: the return or the update stands on the wrong level of the loop.",
        place=_UPDATE,
    ),
    Cause(
        "update-has-no-effect",
        "The caller's parameters stay as they are: the update gives a local name a new array.",
        "Change the array in place (param -= lr * grad, param[...] = …), or put it back: params[key] = …",
        place=_UPDATE,
    ),
    Cause(
        "params-rebound",
        "The container gets new arrays: whoever holds the old ones (a layer that was made with them) sees no change.",
        "Change in place: params[key] -= lr * grads[key].",
        place=_UPDATE,
    ),
    Cause(
        "changes-gradients",
        "The update writes into the caller's gradients.",
        "Work on a new array: g = grads[key] + …",
        place=_first_of(_has("grad"), _updates),
    ),
    Cause(
        "whole-dictionary",
        "{error}: the whole collection of gradients is taken where the gradient of one parameter belongs.",
        "Write grads[key].",
    ),
)  # fmt: skip
