"""Forward and backward run, and give something."""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
from typing import Any

import numpy as np

from badak.check.causes.crash import backward_crash, forward_crash
from badak.check.causes.explain import explain
from badak.check.causes.loss import correct_classes
from badak.check.causes.wiring.failures import explain_failure
from badak.check.contract.clause import Clause, Findings
from badak.check.contract.probes import is_array
from badak.check.copying import clone
from badak.check.exam import CouldNotCheck, Examination
from badak.check.findings import Finding
from badak.check.subject import (
    Subject,
    UserError,
    get_path,
    has_method,
    is_listed,
    set_path,
)
from badak.check.tolerances import NOTHING, UNLIKELY

Array = np.ndarray[Any, Any]


def check_runs(exam: Examination) -> Findings:
    """Forward and backward run on the sample, and a second time."""
    subject = exam.subject
    obj = subject.fresh(upcast=False)
    try:
        exam.y = subject.forward(obj, clone(subject.x), clone(subject.second))
    except UserError as failure:
        yield _refused(exam, failure)
        return
    if exam.y is None:
        yield exam.finding(
            "runs", "returns-none", method=exam.forward_name(), quantity="forward", values={"name": "forward"}
        )
        return
    try:
        gave, exam.y = exam.y, np.array(exam.y)
        obj = _widened(exam) or obj
        returned = subject.backward(obj, subject.default_dout(exam.y), clone(subject.x), clone(subject.second))
    except UserError as failure:
        unwritten(failure)
        if subject.scalar and exam.y.size > 1:
            yield from _not_scalar(exam)
            return
        yield from backward_crash(exam, obj, failure)
        return
    for name, given in ((exam.forward_name(), gave), (exam.backward_name(), returned)):
        if is_listed(given):
            # Lists in both halves are a way to write, which no other layer will take.
            both = is_listed(gave) and is_listed(returned)
            yield exam.finding(
                "runs",
                "list-for-array",
                severity="hazard" if both else "error",
                method=name,
                quantity=name,
                values={"name": name},
            )
            if both:
                break
            return
    subject.parameters = subject.find_parameters(obj, returned)
    if not subject.parameters:
        _warm_up(subject, obj, returned)
    if subject.scalar:
        _calm_loss(exam)
    exam.y = np.asarray(subject.run().y)
    exam.douts = exam.random_douts()


def _widened(exam: Examination) -> Any:
    """An input of ours that was stretched over the parameters (one column over gamma's seven) is no fit: take one of
    the output's shape, and give the object that has seen it; None where nothing was stretched."""
    subject = exam.subject
    x, shape = subject.x, exam.y.shape
    if (
        subject.given
        or subject.stretches
        or not is_array(x)
        or x.dtype.kind != "f"
        or x.ndim != len(shape)
        or x.shape == shape
    ):
        return None
    if any(a not in (1, b) for a, b in zip(x.shape, shape, strict=True)):
        return None
    wide, obj = np.random.default_rng(1).standard_normal(shape), subject.fresh(upcast=False)
    try:
        y = np.array(subject.forward(obj, wide.copy(), clone(subject.second)))
    except UserError:
        return None
    if y.shape != shape:
        return None
    subject.x, exam.y = wide, y
    return obj


def unwritten(failure: UserError) -> None:
    """A method that only raises NotImplementedError is no fault: raise CouldNotCheck."""
    if isinstance(failure.error, NotImplementedError):
        raise CouldNotCheck(
            "{method} is not written yet (line {line}). Write it, and run the check again.",
            method=failure.function or failure.method,
            line=failure.line or "?",
        )


def _refused(exam: Examination, failure: UserError) -> Finding:
    """Forward raised. It is the user's fault where the error has a name, or where the input is the user's own."""
    unwritten(failure)
    finding = forward_crash(exam, failure)
    if finding.label != "unnamed" or exam.subject.given or _miscounts(failure) or _never_set(exam, failure):
        return finding
    raise CouldNotCheck(
        "No input that I tried fits {method}; the last one, of shape {shape}, gave {error} (line {line}). "
        "Put an x that fits into the file (and a t, for a loss), and a function make() that returns the object.",
        method=exam.forward_name(),
        shape=tuple(np.shape(exam.subject.x)),
        error=failure.words.splitlines()[0],
        line=failure.line or "?",
    )


def _never_set(exam: Examination, failure: UserError) -> bool:
    """Tell whether an attribute of the object is missing that nothing in its class, and no base of it, ever sets."""
    error, source = failure.error, exam.source
    name, node = getattr(error, "name", None), source.class_node(exam.subject.name) if source is not None else None
    if not isinstance(error, AttributeError) or not name or node is None or type(error.obj) is not exam.subject.kind:
        return False
    for base in exam.subject.kind.__mro__[1:-1]:
        try:
            text = inspect.getsource(base)
        except (OSError, TypeError):
            return False
        if re.search(rf"\bself\.{re.escape(name)}\b\s*[=:,]|setattr|__getattr__", text):
            return False
    stored = {
        n.attr
        for n in ast.walk(node)
        if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store) and n.lineno != failure.line
    }
    return name not in stored and not any(isinstance(n, ast.Name) and n.id == "setattr" for n in ast.walk(node))


def _miscounts(failure: UserError) -> bool:
    """Tell whether a call in the user's code hands a function of the project more or fewer arguments than it takes."""
    told = re.match(r"(\w+)\(\) (takes|missing) .*positional argument", str(failure.error))
    if told is None or not isinstance(failure.error, TypeError) or failure.line is None:
        return False
    return not hasattr(np, told[1]) and told[1] not in ("forward", "backward", "__init__", "__call__")


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
    if not has_method(subject.obj, "predict") or np.size(exam.y) != 1:
        return
    calm = clone(subject.obj)
    for turn in range(12):
        scores = np.asarray(subject.call("predict", clone(calm).predict, clone(subject.x)), float)
        if scores.ndim != 2:
            break
        if scores.min() >= 0 and scores.max() <= 1:
            if scores.min() > UNLIKELY or not np.allclose(scores.sum(axis=1), 1):
                break
        elif float(np.ptp(scores, axis=1).max()) <= 6 or (not turn and float(np.ravel(exam.y)[0]) < 4):
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


def check_network_runs(exam: Examination) -> Findings:
    """Loss gives one number, and gradient runs and gives something."""
    subject = exam.subject
    obj = subject.fresh(upcast=False)
    subject.parameters = subject.find_parameters(obj, None)
    try:
        exam.y = subject.forward(obj, clone(subject.x), clone(subject.second))
    except UserError as failure:
        known = explain_failure(exam, failure)
        yield known if known is not None and known.label != "unnamed" else _refused(exam, failure)
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
        unwritten(failure)
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
        if missing and quantity in exam.inputs and np.any(np.abs(subject.slopes(quantity).central) > NOTHING):
            yield exam.finding(
                "returns", "returns-none", method=exam.backward_name(), quantity=quantity, values={"name": "backward"}
            )
            return


CLAUSES = [
    Clause("runs", check_runs, first=True, stops=True, applies=lambda s: not s.runs_forward_itself),
    Clause("runs", check_network_runs, first=True, stops=True, applies=lambda s: s.runs_forward_itself),
    Clause("returns", check_returns, first=True, stops=True),
]
