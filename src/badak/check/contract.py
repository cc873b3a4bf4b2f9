# ruff: noqa: NPY002, SIM102 (the global random state is watched on purpose)
"""Is this layer right? The layer contract as named checks, each of which can be run alone.

A check takes an Examination and yields findings. The first five come first always, because the others need an
object that runs; an error in one of those ends the examination, so that one cause gives one message.
"""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from badak.check import extremes, modes, roles
from badak.check.causes.explain import closest, explain
from badak.check.causes.loss import correct_classes
from badak.check.causes.naming import name_causes
from badak.check.causes.network import is_modulus
from badak.check.causes.placing import locate
from badak.check.causes.registry import cause_named
from badak.check.causes.repair.search import search
from badak.check.causes.shapes import shape_cause
from badak.check.causes.wiring.gradients import check_network_gradients
from badak.check.causes.wiring.order import explain_failure
from badak.check.causes.wiring.parts import check_composite
from badak.check.compare import SAMPLED, agrees, case_of, ties_only, with_worst, wrong_quantities
from badak.check.copying import GENERATORS, clone, generator_state, walk
from badak.check.exam import Exam, Examination
from badak.check.findings import Finding, Report
from badak.check.numeric import close
from badak.check.source import gradient_line, is_upstream
from badak.check.subject import (
    Examinee,
    Pass,
    Subject,
    Trainer,
    UserError,
    attributes_of,
    get_path,
    has_method,
    required,
    set_path,
)

Array = np.ndarray[Any, Any]
Findings = Iterator[Finding]


# Interface ----------------------------------------------------------------------------------------


def is_array(value: Any) -> bool:
    """Tell whether a value is an array."""
    return isinstance(value, np.ndarray)


def check_methods(exam: Examination) -> Findings:
    """The object offers the methods of its protocol, under their names and with self."""
    subject = exam.subject
    names = subject.method_names
    public = [n for n in dir(subject.obj) if not n.startswith("__") and has_method(subject.obj, n)]
    for name in names:
        if not has_method(subject.obj, name):
            near = closest(
                name,
                [
                    n
                    for n in public
                    if n
                    not in (
                        "forward",
                        "backward",
                        "loss",
                        "gradient",
                        "numerical_gradient",
                        *([n] * (n in names)),
                    )
                ],
            )
            label = "misspelled-method" if near else "missing-method"
            yield exam.finding(
                "methods",
                label,
                method=name,
                quantity=name,
                values={"name": name, "near": near, "owner": subject.name},
            )
            return
    for name in names:
        function = getattr(subject.kind, name, None)
        if not inspect.isfunction(function) or name not in vars(subject.kind):
            continue
        written = list(inspect.signature(function).parameters.values())
        positional = [p for p in written if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if any(p.kind is p.VAR_POSITIONAL for p in written):
            continue
        first = positional[0].name if positional else ""
        wanted = 3 if subject.runs_forward_itself else 2 if name == subject.forward_name else 1
        if first not in ("self", "this", "me", "s", "_", "cls") and (
            len(positional) < wanted or is_upstream(first) or first in ("x", "X")
        ):
            yield exam.finding("methods", "missing-self", method=name, values={"name": name, "arguments": first})
            return
    if not subject.scalar:
        wanted_names = required(subject.obj.backward)
        if len(wanted_names) >= 2 and not any(is_upstream(n) for n in wanted_names):
            values = {"arguments": ", ".join(wanted_names)}
            yield exam.finding("methods", "nonstandard-backward-signature", method="backward", values=values)


def check_runs(exam: Examination) -> Findings:
    """Forward and backward run on the sample, and a second time."""
    subject = exam.subject
    if subject.runs_forward_itself:
        yield from _network_runs(exam)
        return
    obj = subject.fresh(upcast=False)
    try:
        exam.y = subject.forward(obj, clone(subject.x), clone(subject.second))
    except UserError as failure:
        yield explain(exam, failure, "runs")
        return
    if exam.y is None:
        yield exam.finding("runs", "returns-none", method="forward", quantity="forward", values={"name": "forward"})
        return
    try:
        exam.y = np.array(exam.y)
        returned = subject.backward(obj, subject.default_dout(exam.y), clone(subject.x), clone(subject.second))
    except UserError as failure:
        if subject.scalar and exam.y.size > 1:
            yield from _not_scalar(exam)
            return
        yield _repaired_crash(exam, obj, failure) or explain(exam, failure, "runs")
        return
    subject.parameters = subject.find_parameters(obj, returned)
    if not subject.parameters:
        _warm_up(subject, obj, returned)
    if subject.scalar:
        _calm_loss(exam)
    exam.y = np.asarray(subject.run().y)
    exam.douts = exam.random_douts()


def _repaired_crash(exam: Examination, obj: Any, failure: UserError) -> Finding | None:
    """Backward raised because shapes do not fit: which small change makes it run, and run right?"""
    subject = exam.subject
    known = explain(exam, failure, "runs")
    if known.label != "unnamed" or not isinstance(failure.error, ValueError) or len(subject.input_names) > 1:
        return None
    subject.parameters = subject.find_parameters(obj, None)
    exam.douts = exam.random_douts()
    quantities = exam.quantities
    if not quantities:
        return None
    blank = Pass(np.asarray(exam.y), obj=obj)
    exam.passes = [blank for _ in exam.douts]
    cases = [case_of(exam, q, [None] * len(exam.douts)) for q in quantities]
    found = search(exam, cases[0], None, cases[1:])
    if found is None:
        return None
    source = subject.source
    line_of = gradient_line(source, subject.name, "backward", "x", True) if source is not None else None
    label = found.label or ("missing-weight-transpose" if found.line == line_of else "transposed-weight-grad")
    if found.labels and label not in found.labels:
        label = sorted(found.labels)[0]
    values = known.values | {"repair": found.after, "before": found.before}
    return exam.finding("runs", label, method="backward", quantity="x", line=found.line, values=values)


def _calm_loss(exam: Examination) -> None:
    """Bring the scores of a loss near each other: at a probability below 1e-4 a guard such as log(y +
    1e-7) flattens it."""
    subject = exam.subject
    if correct_classes(subject) is None or float(np.abs(subject.x).max()) <= 6:
        return
    subject.x = subject.x * (3.0 / float(np.abs(subject.x).max()))
    exam.y = np.array(subject.forward(subject.fresh(), clone(subject.x), clone(subject.second)))


def _calm_network(exam: Examination) -> None:
    """The same for a network: weights so large that all scores lie far apart are made smaller, in a copy."""
    subject = exam.subject
    if not has_method(subject.obj, "predict") or np.size(exam.y) != 1 or float(np.ravel(exam.y)[0]) < 4:
        return
    calm = clone(subject.obj)
    for _ in range(12):
        scores = np.asarray(subject.call("predict", clone(calm).predict, clone(subject.x)), float)
        if scores.ndim != 2 or float(np.ptp(scores, axis=1).max()) <= 6 or (scores.min() >= 0 and scores.max() <= 1):
            break
        for parameter in subject.parameters:
            set_path(calm, parameter.path, 0.6 * np.asarray(get_path(calm, parameter.path), float))
    subject.obj = calm
    exam.y = np.array(subject.forward(subject.fresh(), clone(subject.x), clone(subject.second)))


def _warm_up(subject: Subject, obj: Any, returned: Any) -> None:
    """Weights made at the first forward: look at the object after it, and go on with that one."""
    lazy = subject.find_parameters(obj, returned, before=obj)
    try:
        again = clone(obj)
        if isinstance(subject.x, np.ndarray) and subject.x.dtype.kind == "f":
            subject.forward(again, subject.x * 1.7 + 0.3, clone(subject.second))
    except UserError:
        return
    kept = [
        p
        for p in lazy
        if get_path(subject.obj, p.path) is None and np.array_equal(get_path(again, p.path), get_path(obj, p.path))
    ]
    if kept:
        subject.obj = obj
        subject.parameters = kept


def _network_runs(exam: Examination) -> Findings:
    subject = exam.subject
    obj = subject.fresh(upcast=False)
    subject.parameters = subject.find_parameters(obj, None)
    try:
        exam.y = subject.forward(obj, clone(subject.x), clone(subject.second))
    except UserError as failure:
        yield explain(exam, failure, "runs")
        return
    if exam.y is None:
        yield exam.finding("runs", "returns-none", method="loss", quantity="loss", values={"name": "loss"})
        return
    exam.y = np.array(exam.y)
    # Where predict fails or gives something else, gradient will tell.
    with contextlib.suppress(UserError, ValueError, TypeError):
        _calm_network(exam)
    exam.douts = exam.random_douts()
    if exam.y.size > 1:
        yield from _not_scalar(exam)
        return
    try:
        result = subject.run()
    except UserError as failure:
        yield explain_failure(exam, failure) or explain(exam, failure, "runs")
        return
    returned = result.dx[0]
    none = returned is None or (isinstance(returned, np.ndarray) and returned.shape == () and returned.item() is None)
    if none and all(g is None for g in result.grads.values()):
        yield exam.finding("runs", "returns-none", method="gradient", quantity="gradient", values={"name": "gradient"})


def _not_scalar(exam: Examination) -> Findings:
    yield exam.finding(
        "runs",
        "loss-not-scalar",
        method=exam.forward_name(),
        quantity="forward",
        got=list(np.shape(exam.y)),
        expected=[],
    )


def check_returns(exam: Examination) -> Findings:
    """A loss is one number; backward returns dx, and nothing is forgotten."""
    subject = exam.subject
    if subject.scalar and np.size(exam.y) != 1:
        yield from _not_scalar(exam)
        return
    exam.passes = [subject.run(d) for d in exam.douts]
    for place, quantity in enumerate(subject.input_names):
        value = exam.passes[0].dx[place]
        missing = value is None or (isinstance(value, np.ndarray) and value.dtype == object)
        if missing and quantity in exam.inputs:
            yield exam.finding(
                "returns", "returns-none", method="backward", quantity=quantity, values={"name": "backward"}
            )
            return


def check_shapes(exam: Examination) -> Findings:
    """Each gradient has the shape of what it is the gradient of."""
    for quantity in exam.quantities:
        a = exam.gradient(exam.passes[0], quantity)
        right = np.shape(exam.subject.value(quantity))
        if a is None or np.shape(a) == right:
            continue
        if right in ((1,), ()) and np.size(a) == 1:
            continue
        exam.shape_faults.add(quantity)
        case = case_of(exam, quantity, [exam.gradient(p, quantity) for p in exam.passes])
        cause = shape_cause(case)
        if cause is None and np.size(a) == int(np.prod(right)) and close(np.ravel(a), case.n[0].ravel()):
            if len(np.shape(a)) == len(right) + 1 and np.shape(a)[0] == 1:
                # A (1, M) bias gradient for an (M,) bias trains as it should.
                continue
        label, values = cause or ("unnamed", {})
        line = None
        if label == "wrong-shape-dx":
            found = search(exam, case, label)
            line = found.line if found is not None else None
        yield exam.finding(
            "shapes",
            label,
            method=exam.backward_name(),
            quantity=quantity,
            got=list(np.shape(a)),
            expected=list(right),
            line=line,
            values=values | {"shape_fault": True},
        )


# Derivatives --------------------------------------------------------------------------------------


def check_gradients(exam: Examination) -> Findings:
    """Backward is the vector-Jacobian product at the last forward, for inputs and parameters."""
    if exam.subject.runs_forward_itself:
        yield from check_network_gradients(exam)
        return
    wrong = wrong_quantities(exam)
    if wrong:
        finding = check_composite(exam, wrong)
        if finding is not None:
            yield finding
            return
    cases = {q: case_of(exam, q, [exam.gradient(p, q) for p in exam.passes]) for q in wrong}
    yield from name_causes(exam, cases)


def check_linear(exam: Examination) -> Findings:
    """Backward multiplies by dout: three times the dout gives three times the gradient."""
    subject = exam.subject
    if not subject.takes_dout:
        return
    once, thrice = exam.passes[0], subject.run(3.0 * np.asarray(exam.douts[0]))
    for quantity in exam.inputs + [p.name for p in subject.parameters]:
        a, b = exam.gradient(once, quantity), exam.gradient(thrice, quantity)
        if a is None or b is None or np.asarray(a).dtype.kind in "iub" or quantity in exam.shape_faults:
            continue
        a, b = np.asarray(a, float), np.asarray(b, float)
        if close(3 * a, b, 1e-7) or not np.any(a):
            continue
        label = "ignores-dout" if close(a, b, 1e-9) else "unnamed"
        severity = "hazard" if subject.scalar else "error"
        yield exam.finding(
            "linear",
            label,
            severity=severity,
            method="backward",
            quantity=quantity,
            values={"loss": subject.scalar, "linear": True},
        )
        return


# State --------------------------------------------------------------------------------------------


def _state(obj: Any, subject: Subject) -> dict[str, Array]:
    return {p.name: np.array(get_path(obj, p.path)) for p in subject.parameters}


def check_mutation(exam: Examination) -> Findings:
    """Forward and backward leave x, t, dout and the parameters as they were."""
    subject = exam.subject
    obj = subject.fresh()
    x, second = clone(subject.x), clone(subject.second)
    before = _state(obj, subject)
    forward, backward = exam.forward_name(), exam.backward_name()
    try:
        subject.forward(obj, x, second)
        yield from _changed_arguments(exam, x, second, forward)
        changed = _changed(before, _state(obj, subject))
        if changed:
            yield exam.finding("mutation", "updates-weights-in-backward", method=forward, quantity=changed)
            return
        dout = np.array(exam.douts[0], float)
        given = clone(dout)
        x, second = clone(subject.x), clone(subject.second)
        subject.backward(obj, given, x, second)
        if subject.runs_forward_itself:
            if not exam.findings_so_far("mutation"):
                yield from _changed_arguments(exam, x, second, backward)
        elif isinstance(given, np.ndarray) and not np.array_equal(given, dout):
            yield exam.finding("mutation", "mutates-dout", severity="hazard", method="backward", quantity="dout")
        changed = _changed(before, _state(obj, subject))
        if changed:
            yield exam.finding("mutation", "updates-weights-in-backward", method=backward, quantity=changed)
    except UserError:
        return


def _changed_arguments(exam: Examination, x: Any, second: Any, method: str) -> Findings:
    subject = exam.subject
    if not _same(x, subject.x):
        yield exam.finding("mutation", "mutates-input", method=method, quantity="x")
    if second is not None and not _same(second, subject.second):
        label = "mutates-target" if subject.has_target else "mutates-input"
        yield exam.finding("mutation", label, method=method, quantity="t" if label == "mutates-target" else "y")


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    return True


def _changed(before: dict[str, Array], after: dict[str, Array]) -> str | None:
    return next((name for name in before if not _same(before[name], after[name])), None)


def check_repeat(exam: Examination) -> Findings:
    """Two backwards after one forward agree, and two forwards from one state."""
    subject = exam.subject
    obj = subject.fresh()
    clears = has_method(obj, "zero_grad")
    try:
        if subject.runs_forward_itself:
            first, second = subject.run(obj=obj), subject.run(obj=obj)
            if clears:
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
        if (
            a is None
            or b is None
            or close(a, b, 1e-9)
            or (not np.any(np.asarray(a, float)) and not np.any(np.asarray(b, float)))
        ):
            continue
        label = "unnamed"
        values: dict[str, Any] = {"repeat": True}
        if np.shape(a) == np.shape(b) and close(2 * np.asarray(a, float), b, 1e-9) and quantity not in exam.inputs:
            label = "accumulates-instead-of-sets"
        elif _follows_seed(exam):
            label = "redraws-mask"
        elif caches is not None and _overwritten_cache(exam, subject):
            label = "mutates-cache"
            values["name"] = _overwritten_cache(exam, subject)
        yield exam.finding("repeat", label, method=exam.backward_name(), quantity=quantity, values=values)
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
        if name not in gradients and not _same(array, copy):
            return name
    # The name may be bound to the new values instead.
    for name, (_, copy) in arrays.items():
        now = getattr(obj, name, None)
        if name not in gradients and isinstance(now, np.ndarray) and not _same(now, copy):
            return name
    return None


def check_second_batch(exam: Examination) -> Findings:
    """A second forward replaces what the first one saved: gradients belong to the last batch, of whatever
    size."""
    subject = exam.subject
    if not is_array(subject.x) or subject.x.dtype.kind != "f" or np.ndim(subject.x) < 1:
        return
    for other, target in _other_batches(subject):
        other_subject = subject.sibling(other, target)
        try:
            alone = other_subject.run(_dout_for(exam, other_subject))
        except (UserError, ValueError):
            continue
        obj = subject.fresh()
        try:
            subject.run(exam.douts[0], obj=obj)
            again = other_subject.run(_dout_for(exam, other_subject), obj=obj)
        except UserError as failure:
            yield exam.finding(
                "second-batch",
                "stale-cache",
                method="forward",
                line=None,
                values={"error": failure.words, "line": failure.line},
            )
            return
        for quantity in exam.quantities:
            a, b = exam.gradient(alone, quantity), exam.gradient(again, quantity)
            if a is None or b is None or close(a, b, 1e-9) or has_random(exam):
                continue
            if not np.any(np.asarray(a, float)) and not np.any(np.asarray(b, float)):
                continue
            if np.shape(a) == np.shape(b) and _accumulated(exam, quantity, a, b):
                yield exam.finding(
                    "second-batch",
                    "accumulates-instead-of-sets",
                    method=exam.backward_name(),
                    quantity=quantity,
                )
            else:
                yield exam.finding("second-batch", "stale-cache", method=exam.forward_name(), quantity=quantity)
            return


def _accumulated(exam: Examination, quantity: str, alone: Any, again: Any) -> bool:
    first = exam.gradient(exam.passes[0], quantity)
    return np.shape(first) == np.shape(alone) and close(
        np.asarray(alone, float) + np.asarray(first, float), again, 1e-9
    )


def has_random(exam: Examination) -> bool:
    """Tell whether forward draws random numbers, so that two calls differ rightly."""
    subject = exam.subject
    obj = subject.fresh()
    one = subject.forward(obj, clone(subject.x), clone(subject.second))
    one = np.array(one)
    two = subject.forward(obj, clone(subject.x), clone(subject.second))
    return not close(one, two, 1e-9)


def _dout_for(exam: Examination, subject: Subject) -> Any:
    y = subject.forward(subject.fresh(), clone(subject.x), clone(subject.second))
    return subject.random_dout(y, np.random.default_rng(17), 0.2)


def _other_batches(subject: Subject) -> Iterator[tuple[Any, Any]]:
    x, second = subject.x, subject.second
    rows = slice(None, None, -1)
    aligned = isinstance(second, np.ndarray) and bool(np.ndim(second) and np.ndim(x)) and len(second) == len(x)
    moved = x[rows] * 0.7 + 0.11 if not _bounded(x) else x[rows] * 0.9
    yield moved, clone(second)
    if np.ndim(x) >= 2 and len(x) > 2:
        yield moved[:-1], (second[:-1] if aligned else clone(second))


def _bounded(x: Any) -> bool:
    return bool(np.min(x) >= 0 and np.max(x) <= 1)


def check_after_update(exam: Examination) -> Findings:
    """After the parameters change, gradients belong to the new ones."""
    subject = exam.subject
    if not subject.parameters or any(np.asarray(subject.value(p.name)).dtype.kind != "f" for p in subject.parameters):
        return
    wrong: list[str] = []
    for seed in (23, 24, 25):  # a kink that one set of parameters happens to lie on is not on the others' way
        try:
            wrong = _wrong_when_moved(exam, np.random.default_rng(seed))
        except (UserError, ValueError):
            return
        if not wrong:
            return
    stale = _stale_copy(exam)
    yield exam.finding(
        "after-update",
        "stale-weight-copy" if stale else "unnamed",
        method="__init__" if stale else exam.backward_name(),
        quantity=wrong[0],
        values={"name": stale or "", "after_update": True},
    )


def _wrong_when_moved(exam: Examination, rng: np.random.Generator) -> list[str]:
    """Move all parameters and name the quantities whose gradients are wrong then."""
    subject = exam.subject
    moved = subject.fresh()
    for parameter in subject.parameters:
        held = get_path(moved, parameter.path)
        size = max(0.05, float(np.sqrt(np.mean(np.square(np.asarray(held, float))))))
        set_path(moved, parameter.path, np.asarray(held) + 0.4 * size * rng.standard_normal(np.shape(held)))
    later = subject.sibling(subject.x, subject.second, moved)
    other = Examination(later)
    other.y, other.douts = exam.y, exam.douts
    other.passes = [later.run(d) for d in other.douts]
    return [q for q in other.quantities if q not in exam.shape_faults and not agrees(other, q)]


def _stale_copy(exam: Examination) -> str | None:
    """Give the attribute that is a copy of a parameter (or of its transpose) made in __init__."""
    found: list[str] = []
    subject = exam.subject
    values = [np.asarray(get_path(subject.obj, p.path), float) for p in subject.parameters]
    held = [get_path(subject.obj, p.path) for p in subject.parameters]

    def look(part: Any) -> None:
        for name, value in getattr(part, "__dict__", {}).items():
            if isinstance(value, np.ndarray) and not any(
                np.shares_memory(value, h) for h in held if isinstance(h, np.ndarray)
            ):
                if any(
                    close(value, v) or close(value, v.T) or close(np.ravel(value), np.ravel(v))
                    for v in values
                    if v.size > 1
                ):
                    found.append(name)

    walk(subject.obj, look)
    return str(found[0]) if found else None


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
        if subject.runs_forward_itself:
            alone = subject.run(obj=clone(one))
            subject.forward(one, clone(subject.x), clone(subject.second))
            subject.run(obj=two, x=subject.x[::-1] * 0.7 + 0.1)
            again = alone
        else:
            subject.world.restore()
            state = clone(one)
            alone = subject.run(exam.douts[0], obj=state)
            subject.world.restore()
            y = subject.forward(one, clone(subject.x), clone(subject.second))
            other = subject.x[::-1] * 0.7 + 0.1 if not _bounded(subject.x) else subject.x[::-1] * 0.9
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
        if (
            a is None
            or b is None
            or close(a, b, 1e-9)
            or (not np.any(np.asarray(a, float)) and not np.any(np.asarray(b, float)))
        ):
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


# Behaviour ----------------------------------------------------------------------------------------


def check_batch_of_one(exam: Examination) -> Findings:
    """A batch of one works, and its gradients are right."""
    subject = exam.subject
    if (
        np.ndim(subject.x) < 2
        or not is_array(subject.x)
        or subject.x.dtype.kind != "f"
        or len(subject.x) < 2
        or subject.input_names != ("x",)
        or _rows_coupled(exam)
    ):
        return
    second = subject.second
    aligned = is_array(second) and np.ndim(second) and len(second) == len(subject.x)
    single = subject.sibling(subject.x[:1].copy(), second[:1].copy() if aligned else second)
    other = Examination(single)
    try:
        other.y = np.asarray(single.forward(single.fresh(), single.x.copy(), clone(single.second)))
    except UserError:
        return
    try:
        other.douts = other.random_douts()
        other.passes = [single.run(d) for d in other.douts]
    except UserError as failure:
        finding = explain(exam, failure, "batch-of-one")
        finding.values["batch_of_one"] = True
        yield finding
        return
    for quantity in other.quantities:
        if quantity in exam.shape_faults:
            continue
        a = other.gradient(other.passes[0], quantity)
        if a is None:
            continue
        right = np.shape(single.value(quantity))
        if (np.shape(a) != right and np.size(a) != int(np.prod(right))) or not agrees(other, quantity):
            yield exam.finding(
                "batch-of-one",
                "unnamed",
                method="backward",
                quantity=quantity,
                got=list(np.shape(a)),
                expected=list(right),
                values={"batch_of_one": True},
            )
            return


def _rows_coupled(exam: Examination) -> bool:
    """Tell whether one row's output depends on the others: batch statistics."""
    subject = exam.subject
    if subject.scalar:
        return False
    y = np.asarray(exam.y, float)
    if np.ndim(y) < 1 or np.shape(y)[:1] != np.shape(subject.x)[:1]:
        return True
    moved = subject.x.copy()
    moved[0] = moved[0] * 1.3 + 0.2
    try:
        other = np.asarray(subject.forward(subject.fresh(), moved, clone(subject.second)), float)
    except UserError:
        return True
    return not close(other[1:], y[1:], 1e-9)


def check_randomness(exam: Examination) -> Findings:
    """What is drawn comes from a generator of the layer's own, not from the global one."""
    subject = exam.subject
    outputs = []
    for seed in (1, 2, 1):
        try:
            outputs.append(
                np.asarray(subject.forward(subject.fresh(seed=seed), clone(subject.x), clone(subject.second)), float)
            )
        except UserError:
            return
    subject.world.restore()
    if close(outputs[0], outputs[2], 1e-12) and not close(outputs[0], outputs[1], 1e-12):
        yield exam.finding("randomness", "uses-global-rng", severity="hazard", method="forward", quantity="forward")


def check_evaluation(exam: Examination) -> Findings:
    """Predicting changes nothing, treats each row alone, and agrees with training on average."""
    yield from modes.check(exam)


def check_extreme(exam: Examination) -> Findings:
    """Large inputs and degenerate ones (a zero row, a constant column, a probability of 0) give no NaN and
    no warning."""
    yield from extremes.check(exam)


def check_labels(exam: Examination) -> Findings:
    """A loss reads its labels the same way in both methods and does not broadcast them by accident."""
    yield from roles.check_labels(exam)


def check_role(exam: Examination) -> Findings:
    """What the object evidently is (softmax, batch normalisation, convolution, a classifier) it is along
    the right axes."""
    yield from roles.check(exam)


def check_construction(exam: Examination) -> Findings:
    """The constructor asks for nothing that the object does not use."""
    yield from roles.check_construction(exam)


def check_ties(exam: Examination) -> Findings:
    """Where inputs are tied, the gradient is still a subgradient."""
    subject = exam.subject
    if not subject.unary or exam.inputs != ["x"] or np.ndim(subject.x) < 3 or _bounded(subject.x):
        return
    if np.size(subject.x) > SAMPLED or not np.array_equal(np.rint(subject.x * 0), subject.x * 0):
        return
    tied = subject.sibling(np.rint(np.clip(subject.x, -1, 1)), subject.second)
    other = Examination(tied)
    try:
        other.y = np.asarray(tied.forward(tied.fresh(), tied.x.copy()))
        other.douts = other.random_douts()[:1]
        other.passes = [tied.run(d) for d in other.douts]
        if agrees(other, "x"):
            return
    except (UserError, ValueError):
        return
    case = case_of(other, "x", [other.gradient(p, "x") for p in other.passes])
    if ties_only(other, case):
        yield with_worst(exam.finding("ties", "routes-to-all-ties", method="backward", quantity="x"), case)


def check_trainer(exam: Exam) -> Findings:
    """The number of iterations in an epoch is a whole number."""
    subject = exam.examinee
    for name in attributes_of(subject.obj):
        value = getattr(subject.obj, name, None)
        if isinstance(value, (float, np.floating)) and not float(value).is_integer() and is_modulus(subject, name):
            yield exam.finding(
                "trainer",
                "float-iter-per-epoch",
                method="__init__",
                quantity=name,
                got=float(value),
                values={"name": name},
            )
            return


Check = Callable[[Any], Findings]  # an Examination, or an Exam for what is no function with a gradient
FIRST: dict[str, Check] = {
    "methods": check_methods,
    "runs": check_runs,
    "returns": check_returns,
    "shapes": check_shapes,
}
CHECKS: dict[str, Check] = FIRST | {
    "mutation": check_mutation,
    "repeat": check_repeat,
    "gradients": check_gradients,
    "linear": check_linear,
    "second-batch": check_second_batch,
    "after-update": check_after_update,
    "two-instances": check_two_instances,
    "batch-of-one": check_batch_of_one,
    "ties": check_ties,
    "labels": check_labels,
    "randomness": check_randomness,
    "evaluation": check_evaluation,
    "extreme": check_extreme,
    "role": check_role,
    "construction": check_construction,
    "trainer": check_trainer,
}
STOPPING = {"methods", "runs", "returns"}


def examine(subject: Examinee, only: Sequence[str] | None = None, file: str = "") -> Report:
    """Run the contract's checks (or `only` some of them, by name) on a subject and give the report.

    Raises ValueError for a name that is not in CHECKS.
    """
    unknown = [name for name in only or () if name not in CHECKS]
    if unknown:
        raise ValueError(f"no check named {unknown[0]!r}; there are {', '.join(CHECKS)}")
    started = time.perf_counter()
    report = Report(file, subject.name, subject.style)
    if subject.source is not None:
        report.source = subject.source.lines
    exam = Examination(subject, locate, examine) if isinstance(subject, Subject) else Exam(subject, locate)
    for name, check in CHECKS.items():
        wanted = only is None or name in only
        if not wanted and name not in FIRST:
            continue
        if not isinstance(subject, Trainer if name == "trainer" else Subject):
            continue
        _run_check(exam, name, check, report, wanted)
        if any(f.check in STOPPING and f.severity == "error" for f in exam.findings):
            break
        if subject.expired():
            report.reason = "The time ran out before all checks were done."
            break
    report.findings = arranged(exam.findings)
    report.seconds = time.perf_counter() - started
    return report


def _run_check(exam: Exam, name: str, check: Check, report: Report, wanted: bool) -> None:
    before = len(exam.findings)
    try:
        for finding in check(exam):
            exam.findings.append(finding)
        if exam.examinee.expired():  # it may rest on slopes that were not measured any more: nobody is accused by that
            del exam.findings[before:]
        elif wanted:
            report.checked.append(name)
    except UserError as failure:
        # A probe of ours that the user's code does not take is no fault of the user's.
        report.checked.append(f"{name} (not applicable: {failure.words.splitlines()[0]})")
    except (MemoryError, RecursionError) as failure:
        report.reason = "The check needed too much memory or depth: {error}"
        report.reason_values = {"error": type(failure).__name__}
    finally:
        exam.examinee.world.restore()


ORDER = {"error": 0, "hazard": 1, "note": 2}


def arranged(findings: list[Finding]) -> list[Finding]:
    """Leave out consequences of a cause already told, and put the most important first."""
    labels = {f.label for f in findings}
    hidden = {check for label in labels for check in cause_named(label).hides}
    strong = [f for f in findings if not (f.check in hidden and not _causes(f, labels))]
    derivative = any(f.check in ("gradients", "shapes") for f in strong)
    kept: list[Finding] = []
    for finding in strong:
        follows = finding.check in (
            "linear",
            "batch-of-one",
            "after-update",
            "second-batch",
            "two-instances",
            "ties",
            "labels",
        )
        if derivative and follows:
            continue
        if any(k.label == finding.label and (k.quantity == finding.quantity or k.label != "unnamed") for k in kept):
            continue
        kept.append(finding)
    # Something named explains more than something unnamed of the same severity.
    return sorted(kept, key=lambda f: (ORDER[f.severity], f.label == "unnamed"))


def _causes(finding: Finding, labels: set[str]) -> bool:
    """Tell whether a finding is itself a cause that hides others, and nothing hides it."""
    return bool(cause_named(finding.label).hides) and not any(
        finding.check in cause_named(other).hides for other in labels if other != finding.label
    )
