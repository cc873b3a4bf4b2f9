"""What is connected to what: parameters and their copies, shared layers, keys, layers left out."""

from __future__ import annotations

import ast
import copy
from typing import Any

import numpy as np

from badak.check.causes.wiring.trace import Call, fits, inner_layers, uses
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.numeric import close
from badak.check.source import called_name, find_line, gradient_line
from badak.check.subject import Subject, UserError, attributes_of, get_path, has_method, pieces, set_path
from badak.check.tolerances import EQUAL, NOTHING


def shared_names(subject: Subject) -> list[str]:
    """Give the names under which one layer object is used more than once."""
    names: dict[int, list[str]] = {}
    for name, layer in inner_layers(subject.obj):
        names.setdefault(id(layer), []).append(name)
    return next((group for group in names.values() if len(group) > 1), [])


def unconnected(exam: Examination, wrong: list[str], calls: list[Call]) -> Finding | None:
    """Slopes that are all zero: the parameters are copies, or the loss is an accuracy or rounded."""
    subject = exam.subject
    slopes = [subject.slopes(q).along(np.ones(1))[0] for q in wrong]
    if any(np.nanmax(np.abs(s), initial=0.0) > 1e-12 for s in slopes) or len(wrong) < len(subject.parameters):
        return None
    moved = subject.fresh()
    for parameter in subject.parameters:
        value = np.asarray(get_path(moved, parameter.path), float)
        set_path(moved, parameter.path, np.random.default_rng(3).standard_normal(value.shape) * 2)
    before = float(np.ravel(exam.y)[0])
    after = float(np.ravel(np.asarray(subject.forward(moved, clone(subject.x), clone(subject.second))))[0])
    rows = max(len(np.atleast_1d(subject.x)), 1)
    if before == after and not _steps(before, rows):
        return exam.finding("gradients", "params-not-shared", method="__init__", quantity="*", line=_copy_line(subject))
    if has_method(subject.obj, "accuracy"):
        try:
            same = close(
                subject.call("accuracy", subject.fresh().accuracy, clone(subject.x), clone(subject.second)),
                before,
                1e-12,
            )
        except UserError:
            same = False
    else:
        same = _steps(before, rows) and _steps(after, rows)
    if same:
        return exam.finding("gradients", "loss-returns-accuracy", method="loss", quantity="*", got=before)
    if before == after:
        return exam.finding("gradients", "params-not-shared", method="__init__", quantity="*", line=_copy_line(subject))
    return None


def copied_parameter(exam: Examination, wrong: list[str], calls: list[Call]) -> Finding | None:
    """Loss does not move with a parameter of which a layer holds a copy."""
    subject = exam.subject
    layers = [layer for _, layer in inner_layers(subject.obj)]
    held = [getattr(layer, n, None) for layer in layers for n in attributes_of(layer)]
    arrays = [a for a in held if isinstance(a, np.ndarray)]
    for quantity in wrong:
        slope = subject.slopes(quantity).along(np.ones(1))[0]
        value = subject.value(quantity)
        mine = next(get_path(subject.obj, p.path) for p in subject.parameters if p.name == quantity)
        if np.nanmax(np.abs(slope), initial=0.0) > NOTHING or not isinstance(mine, np.ndarray):
            continue
        alike = [a for a in arrays if a.shape == np.shape(value) and _multiple(a, np.asarray(value))]
        if alike and not any(np.shares_memory(a, mine) for a in arrays):
            line = _copy_line(subject)
            return exam.finding("gradients", "params-not-shared", method="__init__", quantity=quantity, line=line)
    return None


def _multiple(a: Any, b: Any) -> bool:
    """Tell whether an array is a multiple of another: the weights of a network may have been made smaller since."""
    return bool(np.any(b)) and close(a * np.vdot(b, b), b * np.vdot(a, b), EQUAL)


def _steps(value: float, rows: int) -> bool:
    return 0 <= value <= 1 and abs(value * rows - round(value * rows)) < 1e-9


def _copy_line(subject: Subject) -> int | None:
    """The line where an inner layer (or the network) copies a parameter instead of keeping it."""
    if subject.source is None:
        return None

    def copies(node: ast.AST) -> bool:
        return called_name(node) in ("copy", "array", "deepcopy", "astype")

    held = [get_path(subject.obj, p.path) for p in subject.parameters]
    for _, layer in inner_layers(subject.obj):
        arrays = [getattr(layer, n, None) for n in attributes_of(layer)]
        init = subject.source.method(type(layer).__name__, "__init__")
        if init is None or not any(isinstance(a, np.ndarray) for a in arrays):
            continue
        shares = any(isinstance(a, np.ndarray) and any(np.shares_memory(a, h) for h in held) for a in arrays)
        line = find_line([(None, init)], copies)
        if not shares and line is not None:
            return line
    init = subject.source.method(subject.name, "__init__")
    if init is None:
        return None
    calls = [
        n for n in ast.walk(init) if isinstance(n, ast.Call) and any(copies(a) for x in n.args for a in ast.walk(x))
    ]
    return min((n.lineno for n in calls), default=None)


def same_object(exam: Examination, wrong: list[str], calls: list[Call]) -> Finding | None:
    """One layer object at several places, which each need their own."""
    subject = exam.subject
    shared = shared_names(subject)
    if not shared:
        return None
    # Give each place its own layer: do the gradients come right?
    obj = subject.fresh()
    seen: set[int] = set()
    for name in attributes_of(obj):
        child = getattr(obj, name, None)
        for extra, piece, _ in pieces(child, child):
            if has_method(piece, "forward") and has_method(piece, "backward"):
                if id(piece) in seen:
                    set_path(obj, (("a", name), *extra), copy.copy(piece))
                seen.add(id(piece))
    try:
        result = subject.run(obj=obj)
    except UserError:
        return None
    # A parameter that loss does not move with belongs to the layer that is missing at its place.
    lost = [q for q in wrong if np.nanmax(np.abs(subject.slopes(q).along(np.ones(1))[0]), initial=0.0) <= NOTHING]
    if lost or all(fits(subject, result.grads[q], q) for q in wrong):
        return exam.finding(
            "gradients",
            "shared-layer-instance",
            method="__init__",
            quantity="*",
            values={"names": ", ".join(shared)},
        )
    return None


def swapped_keys(exam: Examination, wrong: list[str], calls: list[Call]) -> Finding | None:
    """The gradient of another parameter under this name."""
    subject = exam.subject
    grads = exam.passes[0].grads
    for quantity in wrong:
        for other in grads:
            if other == quantity or grads[quantity] is None or grads[other] is None:
                continue
            measured = subject.slopes(other).along(np.ones(1))[0]
            if not close(grads[quantity], measured) or np.nanmax(np.abs(measured), initial=0) == 0:
                continue
            label = "swapped-param-grads" if fits(subject, grads[other], quantity) else "duplicate-param-grad"
            return exam.finding(
                "gradients",
                label,
                method="gradient",
                quantity=quantity,
                values={"other": other},
                line=_key_line(subject, quantity),
            )
    return None


def _key_line(subject: Subject, quantity: str) -> int | None:
    return gradient_line(subject.source, subject.name, "gradient", quantity, False) if subject.source else None


def skipped(exam: Examination, wrong: list[str], calls: list[Call]) -> Finding | None:
    """An inner layer whose output nobody uses in forward."""
    subject = exam.subject
    forward = [c for c in calls if c.method == "forward"]
    for place, call in enumerate(forward[:-1]):
        used = any(uses(call.result, later.given) for later in forward[place + 1 :])
        backward = any(c.layer is call.layer for c in calls if c.method == "backward")
        bypass = any(uses(call.given[0], later.given) for later in forward[place + 1 :])
        if not used and backward and bypass:
            line = _ignored_line(subject, call, forward[place + 1 :])
            return exam.finding(
                "gradients",
                "skips-activation-in-forward",
                method="predict",
                quantity="*",
                line=line,
                values={"layer": call.name},
            )
    return None


def _ignored_line(subject: Subject, call: Call, later: list[Call]) -> int | None:
    """The line where the next layer is called with the wrong variable."""
    if subject.source is None:
        return None
    taker = next((c for c in later if uses(call.given[0], c.given)), None)
    functions = subject.source.reached(subject.name, "predict") or subject.source.reached(subject.name, "loss")
    if taker is None:
        return None
    return find_line(
        functions,
        lambda n: isinstance(n, ast.Call) and called_name(n) == "forward" and taker.name in ast.unparse(n.func),
    )
