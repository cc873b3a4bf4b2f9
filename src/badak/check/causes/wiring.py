# ruff: noqa: SIM105
"""Networks and layers made of layers: who calls whom, with what, and which gradient goes where.

The network is run with every inner layer recording its calls; each inner layer is then examined by itself.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.check.causes.explain import explain
from badak.check.causes.naming import name_causes
from badak.check.compare import case_of, wrong_quantities
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.findings import Finding, Report
from badak.check.numeric import close
from badak.check.source import called_name, find_line, gradient_line
from badak.check.subject import (
    Subject,
    UserError,
    attributes_of,
    get_path,
    has_method,
    pieces,
    set_path,
    wrap,
)

Array = np.ndarray[Any, Any]


@dataclass
class Call:
    """One call of an inner layer: copies of what went in and came out, and the objects themselves."""

    name: str
    layer: Any
    method: str
    given: list[Any]
    copies: list[Any]
    result: Any
    copy: Any = None
    after: list[Any] = field(default_factory=list)


def inner_layers(obj: Any) -> list[tuple[str, Any]]:
    """Give the layers held by an object (not those inside them), with the names under which it holds them."""
    found: list[tuple[str, Any]] = []
    for name in attributes_of(obj):
        child = getattr(obj, name, None)
        for extra, piece, _ in pieces(child, child):
            if has_method(piece, "forward") and has_method(piece, "backward"):
                title = (
                    str(extra[0][1])
                    if extra and isinstance(extra[0][1], str)
                    else name + (f"[{extra[0][1]}]" if extra else "")
                )
                found.append((title, piece))
    return found


def record(obj: Any, calls: list[Call], guard: bool = False) -> bool:
    """Make the inner layers of `obj` (a copy) record their calls; with `guard`, hand each backward a copy
    of dout."""
    for name, layer in inner_layers(obj):
        if not hasattr(layer, "__dict__") or "forward" in vars(layer):
            continue
        for method in ("forward", "backward"):
            try:
                setattr(layer, method, _recorder(getattr(layer, method), name, layer, method, calls, guard))
            except AttributeError:
                return False
    return bool(inner_layers(obj))


def _recorder(
    original: Callable[..., Any], name: str, layer: Any, method: str, calls: list[Call], guard: bool
) -> Callable[..., Any]:
    def recorded(*args: Any, **kwargs: Any) -> Any:
        call = Call(name, layer, method, list(args), [clone(a) for a in args], None)
        calls.append(call)
        passed = [clone(a) for a in args] if guard and method == "backward" else list(args)
        call.result = original(*passed, **kwargs)
        call.copy = clone(call.result)
        call.after = [clone(a) for a in args]
        return call.result

    return recorded


def trace(subject: Subject, guard: bool = False) -> tuple[list[Call], Any, dict[str, Any]]:
    """Run the network's gradient (a composite layer's forward and backward) with recording inner layers."""
    obj = subject.fresh()
    calls: list[Call] = []
    record(obj, calls, guard)
    dout = None
    if not subject.runs_forward_itself:
        y = np.asarray(subject.forward(subject.fresh(), clone(subject.x), clone(subject.second)))
        dout = subject.random_dout(y, np.random.default_rng(7), 0.3)
    result = subject.run(dout, obj=obj)
    grads = dict(result.grads)
    for name in subject.input_names:
        grads[name] = subject.gradient(result, name)
    return calls, obj, grads


def explain_failure(exam: Examination, failure: UserError) -> Finding | None:
    """A network whose gradient raises: is it the order of the layers?"""
    subject = exam.subject
    obj = subject.fresh()
    calls: list[Call] = []
    record(obj, calls)
    try:
        subject.run(obj=obj)
    except UserError:
        pass
    if _not_reversed(calls) and isinstance(failure.error, (ValueError, IndexError, TypeError)):
        return exam.finding(
            "runs",
            "backward-order",
            method="gradient",
            quantity="*",
            values={"error": failure.words.splitlines()[0]},
            line=_loop_line(subject),
        )
    # An inner layer that fails by itself has the cause.
    inner = calls[-1].layer if calls else None
    if inner is not None and calls[-1].result is None:
        culprit = next((c for c in calls if c.layer is inner and c.method == "forward"), None)
        sample = culprit.copies if culprit else []
        report = _examine_inner(exam, _original(subject, calls[-1].name), sample)
        if report is not None and report.findings and report.findings[0].severity == "error":
            return _adopt(subject, calls[-1].name, report.findings[0])
    return None if calls else explain(exam, failure, "runs")


def _original(subject: Subject, name: str) -> Any:
    return dict(inner_layers(subject.obj)).get(name)


def _not_reversed(calls: list[Call]) -> bool:
    forward = [id(c.layer) for c in calls if c.method == "forward"]
    backward = [id(c.layer) for c in calls if c.method == "backward"]
    unique = list(dict.fromkeys(forward))
    order = [unique.index(b) for b in backward if b in unique]
    inner = [o for o in order if o != len(unique) - 1]
    return len(inner) >= 2 and inner[0] < inner[1] and len(set(forward)) == len(forward)


def _loop_line(subject: Subject) -> int | None:
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


def _examine_inner(exam: Examination, layer: Any, sample: list[Any]) -> Report | None:
    if (
        exam.examine_part is None
        or layer is None
        or not sample
        or any(not isinstance(s, np.ndarray) for s in sample[:2])
    ):
        return None
    # A large batch of a large layer is as telling with fewer rows.
    sample = [s[:5].copy() if np.ndim(s) and len(s) > 5 else s.copy() for s in sample[:2]]
    subject = exam.subject
    inner = wrap(
        clone(layer),
        sample[0],
        sample[1] if len(sample) > 1 else None,
        namespace=subject.namespace,
        source=subject.source,
        name=type(layer).__name__,
        expired=subject.expired,
    )
    only = [
        "methods",
        "runs",
        "returns",
        "shapes",
        "mutation",
        "repeat",
        "gradients",
        "second-batch",
        "after-update",
        "two-instances",
    ]
    return exam.examine_part(inner, only)


def _adopt(subject: Subject, name: str, finding: Finding) -> Finding:
    """Take over an inner layer's finding, saying which layer it is about."""
    finding.values = finding.values | {"layer": name}
    finding.check = "gradients"
    return finding


# Gradients of a network ---------------------------------------------------------------------------


def check_network_gradients(exam: Examination) -> Iterator[Finding]:
    """Compare every gradient, and name the cause by how the layers were called."""
    subject = exam.subject
    shared = _shared(subject)
    if not subject.parameters:
        return
    absent = [p.name for p in subject.parameters if exam.passes[0].grads.get(p.name) is None]
    wrong = wrong_quantities(exam)
    if not wrong and not absent:
        return
    if wrong and _log_guard(exam, wrong):
        return
    finding = _first_cause(exam, wrong, shared)
    if finding is not None:
        yield finding
        return
    if absent:
        wrong = absent
    cases = {q: case_of(exam, q, [exam.gradient(p, q) for p in exam.passes]) for q in wrong}
    yield from name_causes(exam, cases)


def _first_cause(exam: Examination, wrong: list[str], shared: list[str]) -> Finding | None:
    tests = (_unconnected, _same_object, _wrong_order, _swapped_keys)
    for test in tests:
        finding = test(exam, wrong, shared)
        if finding is not None:
            return finding
    return _by_trace(exam, wrong)


def _wrong_order(exam: Examination, wrong: list[str], shared: list[str]) -> Finding | None:
    try:
        calls, obj, _ = trace(exam.subject)
    except UserError:
        return None
    return _order(exam, wrong, calls, obj)


def _log_guard(exam: Examination, wrong: list[str]) -> bool:
    """Tell whether log(y + 1e-7) explains the gap: it vanishes where all probabilities are alike."""
    subject = exam.subject
    gaps = []
    for quantity in wrong:
        slope = subject.slopes(quantity).along(np.ones(1))[0]
        a = exam.gradient(exam.passes[0], quantity)
        if a is None or np.shape(a) != slope.shape:
            return False
        gaps.append(float(np.nanmax(np.abs(np.asarray(a, float) - slope)) / max(np.nanmax(np.abs(slope)), 1e-30)))
    if max(gaps) > 1e-2:
        return False
    calm = subject.fresh()
    for parameter in subject.parameters:
        set_path(calm, parameter.path, np.asarray(get_path(calm, parameter.path), float) * 0.02)
    quiet = subject.sibling(subject.x, subject.second, calm)
    other = Examination(quiet)
    other.y, other.douts, other.passes = exam.y, exam.douts, [quiet.run()]
    for quantity in wrong:
        slope = quiet.slopes(quantity).along(np.ones(1))[0]
        a = np.asarray(other.gradient(other.passes[0], quantity), float)
        # log(y + 1e-7) is wrong by 1e-7 / y, a few parts in a million where no class is favoured.
        if np.nanmax(np.abs(a - slope)) > 1e-5 * max(float(np.nanmax(np.abs(slope))), 1e-12):
            return False
    return True


def _shared(subject: Subject) -> list[str]:
    """Give the names under which one layer object is used more than once."""
    names: dict[int, list[str]] = {}
    for name, layer in inner_layers(subject.obj):
        names.setdefault(id(layer), []).append(name)
    return next((group for group in names.values() if len(group) > 1), [])


def _unconnected(exam: Examination, wrong: list[str], shared: list[str]) -> Finding | None:
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


def _same_object(exam: Examination, wrong: list[str], shared: list[str]) -> Finding | None:
    if not shared:
        return None
    subject = exam.subject
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
    if all(_fits(subject, result.grads[q], q) for q in wrong):
        return exam.finding(
            "gradients",
            "shared-layer-instance",
            method="__init__",
            quantity="*",
            values={"names": ", ".join(shared)},
        )
    return None


def _fits(subject: Subject, a: Any, quantity: str) -> bool:
    if a is None:
        return False
    slope = subject.slopes(quantity).along(np.ones(1))[0]
    kinked = subject.slopes(quantity).kinked.any(axis=1).reshape(slope.shape)
    slope = np.where(kinked, np.nan, slope)
    return close(np.asarray(a, float), slope, 1e-5)


def _swapped_keys(exam: Examination, wrong: list[str], shared: list[str]) -> Finding | None:
    subject = exam.subject
    grads = exam.passes[0].grads
    for quantity in wrong:
        for other in grads:
            if other == quantity or grads[quantity] is None or grads[other] is None:
                continue
            measured = subject.slopes(other).along(np.ones(1))[0]
            if not close(grads[quantity], measured) or np.nanmax(np.abs(measured), initial=0) == 0:
                continue
            label = "swapped-param-grads" if _fits(subject, grads[other], quantity) else "duplicate-param-grad"
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


def _by_trace(exam: Examination, wrong: list[str]) -> Finding | None:
    subject = exam.subject
    try:
        calls, obj, _ = trace(subject)
    except UserError:
        return None
    if calls:
        for test in (_double_softmax, _guarded, _skipped, _inner_fault):
            finding = test(exam, wrong, calls, obj)
            if finding is not None:
                return finding
    return None


def _order(exam: Examination, wrong: list[str], calls: list[Call], obj: Any) -> Finding | None:
    if not _not_reversed(calls):
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
    return exam.finding("gradients", "backward-order", method="gradient", quantity="*", line=_loop_line(subject))


def _is_probability(value: Any) -> bool:
    return (
        isinstance(value, np.ndarray)
        and value.ndim == 2
        and value.shape[1] > 1
        and bool((value >= 0).all())
        and np.allclose(value.sum(axis=1), 1)
    )


def _applies_softmax(subject: Subject, layer: Any, given: list[Any]) -> bool:
    """Tell whether a loss layer is blind to a constant added to each row: it applies softmax itself."""
    try:
        one = clone(layer).forward(given[0].copy(), clone(given[1]))
        two = clone(layer).forward(given[0] + 1.7, clone(given[1]))
    except Exception:
        return False
    return close(np.ravel(one), np.ravel(two), 1e-6)


def _double_softmax(exam: Examination, wrong: list[str], calls: list[Call], obj: Any) -> Finding | None:
    subject = exam.subject
    for call in calls:
        if call.method == "forward" and len(call.copies) >= 2 and _is_probability(call.copies[0]):
            original = _original(subject, call.name)
            if original is not None and _applies_softmax(subject, original, call.copies):
                return exam.finding(
                    "gradients",
                    "double-softmax",
                    method="predict",
                    quantity="*",
                    line=_softmax_line(subject),
                )
    return None


def _softmax_line(subject: Subject) -> int | None:
    if subject.source is None:
        return None
    functions = subject.source.reached(subject.name, "predict")[:1] or subject.source.reached(subject.name, "loss")[:1]
    return (
        find_line(functions, lambda n: called_name(n) in ("exp", "softmax"))
        or find_line(subject.source.reached(subject.name, "loss")[:1], lambda n: called_name(n) in ("exp", "softmax"))
        or find_line(subject.source.reached(subject.name, "__init__")[:1], lambda n: called_name(n) == "Softmax")
    )


def _guarded(exam: Examination, wrong: list[str], calls: list[Call], obj: Any) -> Finding | None:
    """Does a copy of dout for every inner backward repair it? Then someone wrote into a shared dout."""
    subject = exam.subject
    if not wrong:
        return None
    _, _, grads = trace(subject, guard=True)
    if all(_fits(subject, grads.get(q), q) for q in wrong):
        line = None
        for call in calls:
            if (
                call.method == "backward"
                and call.copies
                and isinstance(call.copies[0], np.ndarray)
                and not close(call.copies[0], call.after[0], 0)
            ):
                line = _inner_write(subject, call)
                break
        return exam.finding("gradients", "shared-dout-mutated", method="backward", quantity=wrong[0], line=line)
    return None


def _inner_write(subject: Subject, call: Call) -> int | None:
    """The line of the inner layer's backward that writes into dout."""
    if subject.source is None:
        return None
    node = subject.source.method(type(call.layer).__name__, "backward")
    for item in ast.walk(node) if node is not None else []:
        if isinstance(item, (ast.Assign, ast.AugAssign)):
            target = item.targets[0] if isinstance(item, ast.Assign) else item.target
            if isinstance(target, ast.Subscript) or isinstance(item, ast.AugAssign):
                return item.lineno
    return node.lineno if node is not None else None


def check_composite(exam: Examination, wrong: list[str]) -> Finding | None:
    """A layer made of layers whose gradient is wrong: a shared dout, or a fault of an inner layer."""
    subject = exam.subject
    if not inner_layers(subject.obj):
        return None
    try:
        calls, _, _ = trace(subject)
        _, _, guarded = trace(subject, guard=True)
    except UserError:
        return None
    dout = np.random.default_rng(7).standard_normal(np.shape(exam.y)) + 0.3
    if not subject.scalar and all(
        guarded.get(q) is not None and close(guarded[q], subject.slopes(q).along(dout)[0]) for q in wrong
    ):
        return exam.finding(
            "gradients",
            "shared-dout-mutated",
            method="backward",
            quantity=wrong[0],
            line=next(
                (
                    _inner_write(subject, c)
                    for c in calls
                    if c.method == "backward" and not close(c.copies[0], c.after[0], 0)
                ),
                None,
            ),
        )
    return _inner_fault(exam, wrong, calls, None)


def _skipped(exam: Examination, wrong: list[str], calls: list[Call], obj: Any) -> Finding | None:
    """An inner layer whose output nobody uses in forward."""
    subject = exam.subject
    forward = [c for c in calls if c.method == "forward"]
    for place, call in enumerate(forward[:-1]):
        used = any(_uses(call.result, later.given) for later in forward[place + 1 :])
        backward = any(c.layer is call.layer for c in calls if c.method == "backward")
        bypass = any(_uses(call.given[0], later.given) for later in forward[place + 1 :])
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


def _uses(result: Any, given: list[Any]) -> bool:
    return any(
        isinstance(g, np.ndarray)
        and isinstance(result, np.ndarray)
        and (g is result or np.shares_memory(g, result) or close(g, result, 1e-15))
        for g in given
    )


def _ignored_line(subject: Subject, call: Call, later: list[Call]) -> int | None:
    """The line where the next layer is called with the wrong variable."""
    if subject.source is None:
        return None
    taker = next((c for c in later if _uses(call.given[0], c.given)), None)
    functions = subject.source.reached(subject.name, "predict") or subject.source.reached(subject.name, "loss")
    if taker is None:
        return None
    return find_line(
        functions,
        lambda n: isinstance(n, ast.Call) and called_name(n) == "forward" and taker.name in ast.unparse(n.func),
    )


def _inner_fault(exam: Examination, wrong: list[str], calls: list[Call], obj: Any) -> Finding | None:
    """Examine the inner layers by themselves, from the loss backwards; the first wrong one is the culprit."""
    subject = exam.subject
    done: set[type] = set()
    for call in reversed([c for c in calls if c.method == "forward"]):
        layer = _original(subject, call.name)
        if layer is None or type(layer) in done:
            continue
        done.add(type(layer))
        report = _examine_inner(exam, layer, call.copies)
        if report is None:
            continue
        errors = [f for f in report.findings if f.severity == "error"]
        if errors:
            return _adopt(subject, call.name, errors[0])
    return None


# Role ---------------------------------------------------------------------------------------------


def check_network_role(exam: Examination) -> Iterator[Finding]:
    """Accuracy compares rows, weights differ from each other, softmax is applied once."""
    told = {f.label for f in exam.findings}
    yield from _accuracy(exam)
    if "zero-init-symmetry" not in told:
        yield from _symmetric(exam)
    if not told:
        try:
            calls, obj, _ = trace(exam.subject)
        except UserError:
            return
        finding = _double_softmax(exam, [], calls, obj)
        if finding is not None:
            finding.check = "role"
            yield finding


def _accuracy(exam: Examination) -> Iterator[Finding]:
    """Accuracy against the network's own predictions is 1."""
    subject = exam.subject
    if not has_method(subject.obj, "accuracy") or not has_method(subject.obj, "predict") or np.ndim(subject.x) < 2:
        return
    try:
        y = np.asarray(subject.call("predict", subject.fresh().predict, clone(subject.x)))
        if y.ndim != 2 or y.shape[1] < 2:
            return
        rng = np.random.default_rng(1)
        x = subject.x[np.arange(y.shape[1]) % len(subject.x)] + 0.05 * rng.standard_normal(
            (y.shape[1], *np.shape(subject.x)[1:])
        )
        for attempt in range(4):
            if attempt:
                x = rng.standard_normal(x.shape) * attempt
            y = np.asarray(subject.call("predict", subject.fresh().predict, x.copy()))
            if not np.array_equal(y.argmax(axis=1), y.argmax(axis=0)):
                break
        labels = y.argmax(axis=1)
        one_hot = np.ndim(subject.second) == 2
        value = subject.call(
            "accuracy", subject.fresh().accuracy, x.copy(), np.eye(y.shape[1])[labels] if one_hot else labels
        )
        value = float(np.ravel(value)[0])
    except (UserError, ValueError, TypeError):
        return
    if abs(value - 1) < 1e-9 or abs(value - 100) < 1e-6:
        return
    wrong_axis = float(np.mean(y.argmax(axis=0) == labels))
    label = "argmax-wrong-axis" if abs(value - wrong_axis) < 1e-9 else "unnamed"
    yield exam.finding(
        "role",
        label,
        method="accuracy",
        quantity="accuracy",
        got=value,
        expected=1.0,
        values={"accuracy": True},
    )


def _symmetric(exam: Examination) -> Iterator[Finding]:
    """Hidden weights that are all alike stay alike for ever."""
    subject = exam.subject
    matrices = [(p.name, np.asarray(subject.value(p.name), float)) for p in subject.parameters]
    matrices = [(n, m) for n, m in matrices if m.ndim >= 2 and m.shape[-1] > 1]
    if len(matrices) < 2:
        return
    hidden = matrices[:-1]
    if all(np.ptp(m) == 0 for _, m in matrices) or (
        all(np.ptp(m) == 0 and not np.any(m) for _, m in hidden) and not np.any(matrices[-1][1])
    ):
        yield exam.finding(
            "role",
            "zero-init-symmetry",
            method="__init__",
            quantity="*",
            values={"name": hidden[0][0], "value": float(hidden[0][1].flat[0])},
        )
