# ruff: noqa: NPY002 (the global random state is watched on purpose)
"""Two backwards after one forward agree."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.contract.clause import Clause, Findings
from badak.check.contract.probes import has_random, repeated, same
from badak.check.copying import GENERATORS, clone, generator_state, walk
from badak.check.exam import Examination
from badak.check.numeric import close
from badak.check.subject import (
    Pass,
    Subject,
    UserError,
    attributes_of,
    has_method,
)
from badak.check.tolerances import REPEATED

Array = np.ndarray[Any, Any]


def check_repeat(exam: Examination) -> Findings:
    """Two backwards after one forward agree, and two forwards from one state."""
    subject = exam.subject
    obj = subject.fresh()
    clears = has_method(obj, "zero_grad")
    try:
        if subject.runs_forward_itself:
            first, second = subject.run(obj=obj), subject.run(obj=obj)
            if clears or has_random(exam):
                return
            yield from _compare_repeat(exam, first, second, None)
            return
        first = subject.run(exam.douts[0], obj=obj)
        caches = _caches(obj)
        second = Pass(first.y, obj=obj)
        if clears:
            obj.zero_grad()
        dout = np.array(exam.douts[0], float)
        subject.collect(second, obj, subject.backward(obj, dout, clone(subject.x), clone(subject.second)))
    except UserError:
        return
    yield from _compare_repeat(exam, first, second, caches)


def _caches(obj: Any) -> dict[str, Array]:
    found = {n: getattr(obj, n, None) for n in attributes_of(obj)}
    return {n: np.array(v) for n, v in found.items() if isinstance(v, np.ndarray)}


def _compare_repeat(exam: Examination, first: Pass, second: Pass, caches: dict[str, Array] | None) -> Findings:
    subject = exam.subject
    for quantity in exam.quantities:
        a, b = exam.gradient(first, quantity), exam.gradient(second, quantity)
        if a is None or b is None or repeated(a, b):
            continue
        label = "unnamed"
        values: dict[str, Any] = {"repeat": True}
        if np.shape(a) == np.shape(b) and close(2 * np.asarray(a, float), b, REPEATED) and quantity not in exam.inputs:
            label = "accumulates-instead-of-sets"
        elif _follows_seed(exam):
            label = "redraws-mask"
        elif caches is not None and _overwritten_cache(exam, subject):
            label = "mutates-cache"
            values["name"] = _overwritten_cache(exam, subject)
        # A loss that has a target is the end of a pass: backward runs once after each forward.
        once = subject.has_target and not subject.runs_forward_itself and label == "unnamed"
        severity = "hazard" if once else "error"
        yield exam.finding(
            "repeat", label, severity=severity, method=exam.backward_name(), quantity=quantity, values=values
        )
        return


def _follows_seed(exam: Examination) -> bool:
    """Tell whether backward draws random numbers: it changes the state of a generator."""
    subject = exam.subject
    if subject.runs_forward_itself:
        return False
    obj = subject.fresh()
    subject.forward(obj, clone(subject.x), clone(subject.second))
    generators: list[Any] = [v for v in subject.world.namespace.values() if isinstance(v, GENERATORS)]
    walk(obj, lambda part: generators.append(part) if isinstance(part, GENERATORS) else None)
    before = [repr(generator_state(g)) for g in generators] + [repr(tuple(np.random.get_state())[1:])]
    subject.backward(obj, np.array(exam.douts[0], float), clone(subject.x), clone(subject.second))
    after = [repr(generator_state(g)) for g in generators] + [repr(tuple(np.random.get_state())[1:])]
    return before != after


def _overwritten_cache(exam: Examination, subject: Subject) -> str | None:
    """Give the name of a stored array that backward writes into."""
    obj = subject.fresh()
    subject.forward(obj, clone(subject.x), clone(subject.second))
    held = {n: getattr(obj, n, None) for n in attributes_of(obj)}
    arrays = {n: (v, v.copy()) for n, v in held.items() if isinstance(v, np.ndarray)}
    gradients = {p.gradient[0][1] for p in subject.parameters if p.gradient}
    subject.backward(obj, np.array(exam.douts[0], float), clone(subject.x), clone(subject.second))
    for name, (array, copy) in arrays.items():
        if name not in gradients and not same(array, copy):
            return name
    # The name may be bound to the new values instead.
    for name, (_, copy) in arrays.items():
        now = getattr(obj, name, None)
        if name not in gradients and isinstance(now, np.ndarray) and not same(now, copy):
            return name
    return None


CLAUSES = [Clause("repeat", check_repeat, applies=lambda s: not s.updates_inside)]
