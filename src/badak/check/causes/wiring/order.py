"""In which order the layers are gone through."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np

from badak.check.causes.wiring.trace import Call, inner_layers
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.source import called_name, find_line
from badak.check.subject import Subject


def not_reversed(calls: list[Call]) -> bool:
    """Tell whether backward goes through the layers in the order of forward (as far as it came)."""
    forward = [id(c.layer) for c in calls if c.method == "forward"]
    backward = [id(c.layer) for c in calls if c.method == "backward"]
    unique = list(dict.fromkeys(forward))
    order = [unique.index(b) for b in backward if b in unique]
    inner = [o for o in order if o != len(unique) - 1]
    if len(set(forward)) != len(forward) or not inner:
        return False
    # It may have raised at the first layer, which stands last when it is gone through the right way.
    raised = len(inner) == 1 and inner[0] == 0 and len(unique) > 2
    return raised or (len(inner) >= 2 and inner[0] < inner[1])


def loop_line(subject: Subject) -> int | None:
    """The line of the loop in which backward is called."""
    if subject.source is None:
        return None
    functions = subject.source.reached(subject.name, "gradient")
    return find_line(
        functions,
        lambda n: (
            isinstance(n, ast.For)
            and any(isinstance(m, ast.Call) and called_name(m) == "backward" for m in ast.walk(n))
        ),
    )


def wrong_order(exam: Examination, wrong: list[str], calls: list[Call]) -> Finding | None:
    """The layers are gone through as in forward, and run the other way round."""
    if not not_reversed(calls):
        return None
    subject = exam.subject
    obj = subject.fresh()
    subject.forward(obj, clone(subject.x), clone(subject.second))
    layers = dict(inner_layers(obj))
    order = list(dict.fromkeys(c.name for c in calls if c.method == "forward"))
    dout: Any = 1
    try:
        for name in reversed(order):
            dout = layers[name].backward(dout)
    except Exception:
        return None
    return exam.finding("gradients", "backward-order", method="gradient", quantity="*", line=loop_line(subject))


def dout_dropped(exam: Examination, wrong: list[str], calls: list[Call]) -> Finding | None:
    """Every layer is given the loss's own dout: what a layer returns is passed on to none."""
    if not drops_dout(calls):
        return None
    return exam.finding(
        "gradients", "dout-not-passed-on", method="gradient", quantity="*", line=dropped_line(exam.subject)
    )


def drops_dout(calls: list[Call]) -> bool:
    """Tell whether a layer gets what the first backward returned, though another stood between."""
    backward = [c for c in calls if c.method == "backward" and c.given]
    if len(backward) < 3 or backward[1].layer is backward[2].layer:
        return False
    first, second, third = backward[:3]
    passed = isinstance(first.result, np.ndarray) and second.given[0] is first.result
    return passed and third.given[0] is first.result and second.result is not first.result


def dropped_line(subject: Subject) -> int | None:
    """The line of gradient that calls backward and keeps nothing of it."""
    if subject.source is None:
        return None
    return find_line(
        subject.source.reached(subject.name, subject.backward_name),
        lambda n: isinstance(n, ast.Expr) and called_name(n.value) == "backward",
    )
