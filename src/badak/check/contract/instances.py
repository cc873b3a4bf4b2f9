"""Two objects of a class do not disturb each other."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.contract.clause import Clause, Findings
from badak.check.contract.probes import bounded, has_random, is_array, repeated
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.subject import (
    Pass,
    Subject,
    UserError,
    attributes_of,
)

Array = np.ndarray[Any, Any]


def check_two_instances(exam: Examination) -> Findings:
    """Two objects of the class, used in turn, do not disturb each other."""
    subject = exam.subject
    if not is_array(subject.x) or subject.x.dtype.kind != "f":
        return
    subject.world.restore()
    pair: list[Any] = []
    for _ in range(2):
        try:
            pair.append(subject.make() if subject.make is not None else None)
        except Exception:
            pair.append(None)
    if any(p is None or type(p) is not subject.kind for p in pair):
        pair = [clone(subject.obj), clone(subject.obj)]
    one, two = pair
    try:
        subject.world.restore()
        state = clone(one)
        alone = subject.run(exam.douts[0], obj=state)
        subject.world.restore()
        y = subject.forward(one, clone(subject.x), clone(subject.second))
        other = subject.x[::-1] * 0.7 + 0.1 if not bounded(subject.x) else subject.x[::-1] * 0.9
        second = clone(subject.second)
        subject.run(np.full(np.shape(y), 0.7), obj=two, x=other, second=second)
        again = Pass(np.array(y))
        returned = subject.backward(one, np.array(exam.douts[0], float), clone(subject.x), clone(subject.second))
        subject.run(np.full(np.shape(y), 0.7), obj=two, x=other, second=second)
        subject.collect(again, one, returned)
    except (UserError, ValueError):
        return
    for quantity in exam.quantities:
        a, b = exam.gradient(alone, quantity), exam.gradient(again, quantity)
        if a is None or b is None or repeated(a, b):
            continue
        if has_random(exam):
            return
        name = _shared_container(one, two)
        label = "shared-mutable-default" if name else "shared-class-state"
        values = {"name": name or _class_state(subject) or ""}
        yield exam.finding(
            "two-instances", label, method="__init__" if name else "forward", quantity=quantity, values=values
        )
        return


def _shared_container(one: Any, two: Any) -> str | None:
    for name in attributes_of(one):
        value = getattr(one, name, None)
        if (
            isinstance(value, (dict, list))
            and value is getattr(two, name, None)
            and name in getattr(one, "__dict__", {})
        ):
            return name
    return None


def _class_state(subject: Subject) -> str | None:
    before = set(vars(subject.kind))
    subject.world.restore()
    at_rest = dict(vars(subject.kind))
    subject.forward(clone(subject.obj), clone(subject.x), clone(subject.second))
    for name, value in vars(subject.kind).items():
        if name not in before or at_rest.get(name) is not value:
            return str(name)
    return None


# A backward that runs forward itself keeps nothing between the two calls that another object could disturb.
CLAUSES = [Clause("two-instances", check_two_instances, applies=lambda s: not s.runs_forward_itself)]
