# ruff: noqa: NPY002, SIM102 (the global random state is watched on purpose)
"""Is this layer right? The layer contract as named checks, each of which can be run alone.

A check takes an Examination and yields findings. The first five come first always, because the others need an
object that runs; an error in one of those ends the examination, so that one cause gives one message.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import inspect
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from badak.check.causes import names, network, places
from badak.check.causes.case import Case, close
from badak.check.causes.loss import correct_classes
from badak.check.causes.placing import locate
from badak.check.causes.registry import FALLBACKS, cause_named, value_cause
from badak.check.causes.shapes import shape_cause
from badak.check.copying import clone, walk
from badak.check.findings import Finding, Report
from badak.check.numeric import measure_direction
from badak.check.source import Source, gradient_line, is_upstream
from badak.check.subject import (
    Pass,
    Subject,
    UserError,
    attributes_of,
    find_parameters,
    get_path,
    has_method,
    network_parameters,
    required,
    set_path,
)

Array = np.ndarray[Any, Any]
Findings = Iterator[Finding]
RELATIVE = 1e-6
DIRECT = 80  # arrays up to this size are measured element by element at once
SAMPLED = 1500  # above this size only a sample of the elements is measured to find the cause
REMOVED_ALIASES = (
    "int",
    "float",
    "bool",
    "object",
    "str",
    "complex",
    "long",
    "unicode",
    "float_",
    "Inf",
    "infty",
    "NaN",
    "product",
    "cumproduct",
    "in1d",
    "row_stack",
    "trapz",
    "asfarray",
    "mat",
)


class Examination:
    """One subject under examination, with what several checks need: passes, outputs, random `dout`."""

    def __init__(self, subject: Subject) -> None:
        """Begin with nothing found."""
        self.subject = subject
        self.findings: list[Finding] = []
        self.notes: list[str] = []
        self.shape_faults: set[str] = set()
        self.passes: list[Pass] = []
        self.douts: list[Any] = []
        self.y: Any = None

    @property
    def source(self) -> Source | None:
        """The user's source, None where there is none."""
        return self.subject.source

    @property
    def inputs(self) -> list[str]:
        """The quantities that are inputs with a gradient."""
        if self.subject.protocol == "network":
            return []
        names = ["x", "y"] if self.subject.protocol == "layer2" else ["x"]
        return [n for n in names if np.asarray(self.subject.value(n)).dtype.kind == "f"]

    @property
    def quantities(self) -> list[str]:
        """Inputs and parameters."""
        return self.inputs + [p.name for p in self.subject.parameters]

    def gradient(self, result: Pass, quantity: str) -> Any:
        """Give the user's gradient of a quantity."""
        if quantity in ("x", "y") and quantity in self.inputs and quantity not in result.grads:
            return result.dx[0 if quantity == "x" else 1]
        return result.grads.get(quantity)

    def random_douts(self) -> list[Any]:
        """Three upstream gradients without symmetry; for a loss only 1."""
        if self.subject.protocol in ("loss", "network"):
            return [np.ones(())]
        rng = np.random.default_rng(7)
        return [rng.standard_normal(np.shape(self.y)) + 0.3 for _ in range(3)]

    def findings_so_far(self, check: str) -> list[Finding]:
        """Give what a check has found up to now."""
        return [finding for finding in self.findings if finding.check == check]

    def backward_name(self) -> str:
        """The method that computes gradients."""
        return "gradient" if self.subject.protocol == "network" else "backward"

    def forward_name(self) -> str:
        """The method that computes the output."""
        return "loss" if self.subject.protocol == "network" else "forward"

    def finding(self, check: str, label: str, **given: Any) -> Finding:
        """Make a finding and put its line and method in, where the source tells."""
        finding = Finding(check, label, **given)
        locate(self.subject, finding)
        return finding


# Interface ----------------------------------------------------------------------------------------


def closest(name: str, names: Sequence[str]) -> str | None:
    """Give the name nearest to a misspelled one."""
    found = difflib.get_close_matches(name, names, 1, 0.7)
    return str(found[0]) if found else None


def explain(exam: Examination, failure: UserError, check: str) -> Finding:
    """Name the cause of an exception that the user's code raised."""
    return explain_error(exam.subject, failure.error, failure.method, failure.line, check)


def explain_error(
    subject: Subject | None,
    error: BaseException,
    method: str | None,
    line: int | None,
    check: str,
    function: str | None = None,
    source: Source | None = None,
) -> Finding:
    """Name the cause of an exception: misspelled, undefined, removed, forgotten, or `unnamed`."""
    words = f"{type(error).__name__}: {error}"
    values: dict[str, Any] = {"error": words.splitlines()[0]}
    source = source or (subject.source if subject else None)
    if source is not None and line is not None:
        owner, inside = source.enclosing(line)
        method = inside if owner is not None and inside else method
    finding = Finding(check, "unnamed", method=method, line=line, values=values)
    if isinstance(error, NameError):
        finding.label = "undefined-name"
        name = getattr(error, "name", None) or str(error).split("'")[1]
        finding.values |= {"name": name, "used_line": line}
        finding.quantity = method
        if source is not None:
            owner, inside = source.enclosing(line) if line is not None else (None, None)
            node = source.method(owner, inside) if owner and inside else None
            near = (
                closest(name, sorted({n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - {name}))
                if node
                else None
            )
            if near is None:
                # What is missing belongs at the top of the file; the message tells where it is used.
                finding.line = names.definition_line(source)
            else:
                finding.values["near"] = near
    elif isinstance(error, AttributeError):
        _explain_attribute(subject, error, finding)
    elif isinstance(error, TypeError) and "positional argument" in str(error) and "given" in str(error):
        _explain_arity(subject, error, finding, source)
    elif isinstance(error, TypeError) and "NoneType" in str(error) and subject is not None and method == "backward":
        _explain_none(subject, finding)
    elif subject is not None and method in ("backward", "gradient") and isinstance(error, (ValueError, IndexError)):
        _explain_shape_error(subject, error, finding)
    return finding


def _explain_attribute(subject: Subject | None, error: AttributeError, finding: Finding) -> None:
    name, owner = getattr(error, "name", None) or "", getattr(error, "obj", None)
    if not name and "module 'numpy' has no attribute" in str(error):
        # NumPy raises this itself for the names that it removed, without saying which in the exception's
        # fields.
        name, owner = str(error).split("'")[3], np
    finding.values["name"] = name
    if inspect.ismodule(owner) and owner.__name__ == "numpy":
        finding.label = "removed-numpy-alias" if name in REMOVED_ALIASES else "unnamed"
        if finding.label == "unnamed":
            _suggest(finding, name, dir(owner), "misspelled-attribute")
        return
    if owner is None:
        if subject is not None and "NoneType" in str(error):
            _explain_none(subject, finding)
        return
    names = [n for n in dir(owner) if not n.startswith("__")]
    own = subject is not None and owner is not None and type(owner) is subject.kind
    finding.values["owner"] = type(owner).__name__ if not inspect.isclass(owner) else owner.__name__
    near = closest(name, names)
    if near is not None and callable(getattr(owner, near, None)):
        finding.label = "misspelled-method"
        finding.values["near"] = near
    elif near is not None:
        finding.label = "misspelled-attribute"
        finding.values["near"] = near
    elif own and finding.method in ("backward", "gradient"):
        _explain_none(subject, finding, name)


def _suggest(finding: Finding, name: str, names: list[str], label: str) -> None:
    near = closest(name, names)
    if near is not None:
        finding.label = label
        finding.values["near"] = near


def _explain_none(subject: Subject | None, finding: Finding, missing: str | None = None) -> None:
    """Backward read something that forward did not keep: was it kept under another name?"""
    if subject is None:
        return
    read = places.names_read(subject, "backward")
    obj = subject.fresh()
    try:
        y = subject.forward(obj, subject.x.copy() if isinstance(subject.x, np.ndarray) else subject.x, subject.second)
    except UserError:
        return
    empty = [n for n in read if getattr(obj, n, None) is None] if missing is None else [missing]
    if missing is not None and missing not in read:
        empty = [missing]
    if not empty:
        return
    name = empty[0]
    finding.values["name"] = name
    kept = [n for n in attributes_of(obj) if is_array(getattr(obj, n, None)) and n not in read]
    before = {n for n in attributes_of(subject.obj) if is_array(getattr(subject.obj, n, None))}
    same = [
        n
        for n in kept
        if n not in before
        and (close(getattr(obj, n), subject.x) or n.lower() == name.lower() or close(getattr(obj, n), y))
    ]
    near = closest(name, [n for n in kept if n not in before])
    if same or near:
        finding.label = "cache-name-mismatch"
        finding.values["near"] = same[0] if same else near
    else:
        finding.label = "missing-cache"
    finding.values["read_line"] = finding.line
    finding.line = None
    finding.method = "forward"
    locate(subject, finding)


def _explain_arity(subject: Subject | None, error: TypeError, finding: Finding, source: Source | None) -> None:
    words = str(error)
    name = words.split("(", maxsplit=1)[0].rsplit(".", maxsplit=1)[-1]
    if subject is None or source is None:
        return
    node = source.method(subject.name, name)
    if node is not None and (not node.args.args or node.args.args[0].arg not in ("self", "cls", "this")):
        finding.label = "missing-self"
        finding.method = name
        finding.line = node.lineno
        finding.values["name"] = name


def _explain_shape_error(subject: Subject, error: BaseException, finding: Finding) -> None:
    if (
        np.ndim(subject.x) >= 3
        and subject.protocol != "network"
        and any(w in str(error) for w in ("align", "shape", "matmul", "dimension"))
    ):
        flat = Subject(
            subject.obj,
            _rows(subject.x),
            protocol=subject.protocol,
            namespace=subject.namespace,
            source=subject.source,
        )
        try:
            flat.run()
        except (UserError, ValueError):
            return
        finding.label = "breaks-on-nd-input"
        finding.values["shape"] = np.shape(subject.x)
    elif np.ndim(subject.x) == 1 and isinstance(subject.x, np.ndarray):
        whole = Subject(
            subject.obj,
            subject.x[None],
            subject.second if subject.second is None else np.asarray(subject.second)[None],
            protocol=subject.protocol,
            namespace=subject.namespace,
            source=subject.source,
        )
        try:
            whole.run()
        except (UserError, ValueError):
            return
        finding.label = "one-d-input-collapses-grad"
    elif subject.protocol == "loss":
        t, x = subject.second, subject.x
        if isinstance(t, np.ndarray) and t.ndim == 1 and t.dtype.kind in "iu" and np.ndim(x) == 2 and len(t) == len(x):
            hot = np.eye(x.shape[1])[t]
            try:
                if close(
                    np.ravel(subject.run(second=hot).y),
                    np.ravel(subject.forward(subject.fresh(), x.copy(), t.copy())),
                ):
                    finding.label = "assumes-one-hot"
            except (UserError, ValueError, IndexError):
                return


def _rows(x: Array) -> Array:
    return np.asarray(x).reshape(-1, np.shape(x)[-1])


def is_array(value: Any) -> bool:
    """Tell whether a value is an array."""
    return isinstance(value, np.ndarray)


def check_methods(exam: Examination) -> Findings:
    """The object offers the methods of its protocol, under their names and with self."""
    subject = exam.subject
    names = {"network": ["loss", "gradient"], "trainer": []}.get(subject.protocol, ["forward", "backward"])
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
        wanted = {"loss": 3, "gradient": 3}.get(name, 2 if name == "forward" else 1)
        if first not in ("self", "this", "me", "s", "_", "cls") and (
            len(positional) < wanted or is_upstream(first) or first in ("x", "X")
        ):
            yield exam.finding("methods", "missing-self", method=name, values={"name": name, "arguments": first})
            return
    if subject.protocol in ("layer", "layer2"):
        wanted_names = required(subject.obj.backward)
        if len(wanted_names) >= 2 and not any(is_upstream(n) for n in wanted_names):
            values = {"arguments": ", ".join(wanted_names)}
            yield exam.finding("methods", "nonstandard-backward-signature", method="backward", values=values)


def check_runs(exam: Examination) -> Findings:
    """Forward and backward run on the sample, and a second time."""
    subject = exam.subject
    if subject.protocol == "network":
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
        dout = 1.0 if subject.protocol == "loss" else np.ones(exam.y.shape)
        returned = subject.backward(obj, dout, clone(subject.x), clone(subject.second))
    except UserError as failure:
        if subject.protocol == "loss" and exam.y.size > 1:
            yield from _not_scalar(exam)
            return
        yield _repaired_crash(exam, obj, failure) or explain(exam, failure, "runs")
        return
    subject.parameters = find_parameters(subject, obj, returned)
    if not subject.parameters:
        _warm_up(subject, obj, returned)
    if subject.protocol == "loss":
        _calm_loss(exam)
    exam.y = np.asarray(subject.run().y)
    exam.douts = exam.random_douts()


def _repaired_crash(exam: Examination, obj: Any, failure: UserError) -> Finding | None:
    """Backward raised because shapes do not fit: which small change makes it run, and run right?"""
    subject = exam.subject
    known = explain(exam, failure, "runs")
    if known.label != "unnamed" or not isinstance(failure.error, ValueError) or subject.protocol == "layer2":
        return None
    from badak.check.causes.repair import search as repair

    subject.parameters = find_parameters(subject, obj, None)
    exam.douts = exam.random_douts()
    quantities = exam.quantities
    if not quantities:
        return None
    blank = Pass(np.asarray(exam.y), obj=obj)
    exam.passes = [blank for _ in exam.douts]
    cases = [_case(exam, q, [None] * len(exam.douts)) for q in quantities]
    found = repair.search(exam, cases[0], None, cases[1:])
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
    lazy = find_parameters(_with_object(subject, obj), obj, returned)
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


def _with_object(subject: Subject, obj: Any) -> Subject:
    return Subject(
        obj,
        subject.x,
        subject.second,
        protocol=subject.protocol,
        namespace=subject.namespace,
        source=subject.source,
    )


def _network_runs(exam: Examination) -> Findings:
    subject = exam.subject
    subject.parameters = network_parameters(subject)
    obj = subject.fresh(upcast=False)
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
        from badak.check import wiring

        yield wiring.explain_failure(exam, failure) or explain(exam, failure, "runs")
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
    if subject.protocol == "loss" and np.size(exam.y) != 1:
        yield from _not_scalar(exam)
        return
    exam.passes = [subject.run(d) for d in exam.douts] if subject.protocol != "loss" else [subject.run()]
    if subject.protocol == "network":
        return
    for place, quantity in enumerate(["x", "y"] if subject.protocol == "layer2" else ["x"]):
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
        case = _case(exam, quantity, [exam.gradient(p, quantity) for p in exam.passes])
        cause = shape_cause(case)
        if cause is None and np.size(a) == int(np.prod(right)) and close(np.ravel(a), case.n[0].ravel()):
            if len(np.shape(a)) == len(right) + 1 and np.shape(a)[0] == 1:
                # A (1, M) bias gradient for an (M,) bias trains as it should.
                continue
        label, values = cause or ("unnamed", {})
        line = None
        if label == "wrong-shape-dx":
            from badak.check.causes.repair import search as repair

            found = repair.search(exam, case, label)
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


def _case(exam: Examination, quantity: str, a: list[Any]) -> Case:
    rows = _sample_rows(exam, quantity)
    n = []
    for dout in exam.douts:
        slope, low, high, _ = exam.subject.slopes(quantity, rows).along(dout)
        loose = high - low > 1e-9 + 1e-6 * np.abs(slope)
        n.append(np.where(loose, np.nan, slope))
    return Case(exam.subject, quantity, quantity in exam.inputs, a, n, exam.douts, exam.passes)


def _sample_rows(exam: Examination, quantity: str) -> list[int] | None:
    size = int(np.size(exam.subject.value(quantity)))
    if size <= SAMPLED:
        return None
    rng = np.random.default_rng(3)
    a = exam.gradient(exam.passes[0], quantity)
    busy = np.flatnonzero(np.ravel(a)) if np.size(a) == size else np.arange(size)
    rows = set(rng.choice(size, 40, replace=False).tolist())
    if len(busy):
        rows |= set(rng.choice(busy, min(80, len(busy)), replace=False).tolist())
    return sorted(rows)


def check_gradients(exam: Examination) -> Findings:
    """Backward is the vector-Jacobian product at the last forward, for inputs and parameters."""
    if exam.subject.protocol == "network":
        from badak.check import wiring

        yield from wiring.check_network_gradients(exam)
        return
    wrong = wrong_quantities(exam)
    if wrong:
        from badak.check import wiring

        finding = wiring.check_composite(exam, wrong)
        if finding is not None:
            yield finding
            return
    cases = {q: _case(exam, q, [exam.gradient(p, q) for p in exam.passes]) for q in wrong}
    yield from name_causes(exam, cases)


def wrong_quantities(exam: Examination) -> list[str]:
    """Give the inputs and parameters whose gradient does not agree with the slopes."""
    return [q for q in exam.quantities if q not in exam.shape_faults and not agrees(exam, q)]


def agrees(exam: Examination, quantity: str) -> bool:
    """Compare the user's gradient of one quantity with the slopes."""
    a = [exam.gradient(p, quantity) for p in exam.passes]
    value = np.asarray(exam.subject.value(quantity), float)
    if any(g is None for g in a):
        return not np.any(np.abs(_case(exam, quantity, a).n[0]) > 1e-9)
    if value.size > DIRECT and _agrees_along(exam, quantity, value, a):
        return True
    slopes = exam.subject.slopes(quantity, _sample_rows(exam, quantity))
    return all(_within(exam, g, slopes.along(d)) for g, d in zip(a, exam.douts, strict=True)) and _joint(
        exam, quantity, value, a
    )


def _agrees_along(exam: Examination, quantity: str, value: Array, a: list[Any]) -> bool:
    f = exam.subject.function_of(quantity)
    rng = np.random.default_rng(11)
    for _ in range(2):
        direction = rng.uniform(0.4, 1.0, value.shape) * rng.choice([-1.0, 1.0], value.shape)
        slope, error, bend = measure_direction(f, value, direction, 1e-4 * max(1.0, float(np.abs(value).max())))
        for g, dout in zip(a, exam.douts, strict=True):
            flat = np.ravel(np.asarray(dout, float))
            wanted, got = float(slope @ flat), float((np.asarray(g, float) * direction).sum())
            # Terms may cancel in the sum; the size of the terms, not of the sum, sets the scale.
            scale = float(np.sqrt(((np.asarray(g, float) * direction) ** 2).sum())) + abs(wanted)
            limit = RELATIVE * scale + 10 * float(error @ np.abs(flat)) * 1e-3 + 1e-9 * float(np.abs(flat).max())
            if (
                not np.isfinite(wanted)
                or abs(wanted - got) > limit
                or float(np.abs(bend) @ np.abs(flat)) > 1e-2 * (scale + 1e-9) * 10
            ):
                return False
    return True


def _within(exam: Examination, a: Any, along: tuple[Array, Array, Array, Array]) -> bool:
    slope, low, high, error = along
    a = np.asarray(a, float)
    if a.shape != slope.shape:
        a = a.reshape(slope.shape) if a.size == slope.size else np.broadcast_to(np.nan, slope.shape)
    if not np.isfinite(a).all():
        return False
    known = ~np.isnan(slope)
    if not known.any():
        return True
    scale = max(float(np.abs(a[known]).max()), float(np.abs(slope[known]).max()))
    relative = 2e-2 if exam.subject.narrow else RELATIVE
    limit = relative * scale + 10 * np.minimum(error, 1e-4 * scale + 1e-9) + 1e-10
    return bool(np.all((a >= low - limit)[known] & (a <= high + limit)[known]))


def _joint(exam: Examination, quantity: str, value: Array, a: list[Any]) -> bool:
    """Where elements are tied, the slope along (1, ..., 1) is smooth all the same, and must be the sum of
    the gradient."""
    slopes = exam.subject.slopes(quantity)
    if not slopes.kinked.any() or value.size < 2:
        return True
    slope, error, bend = measure_direction(exam.subject.function_of(quantity), value, np.ones(value.shape))
    for g, dout in zip(a, exam.douts, strict=True):
        flat = np.ravel(np.asarray(dout, float))
        if np.abs(bend).max() > 1e-6 or not np.isfinite(slope @ flat):
            return True
        total = float(np.sum(g))
        if abs(total - slope @ flat) > 1e-5 * (np.abs(np.asarray(g)).sum() + 1e-9) + 10 * float(error @ np.abs(flat)):
            return False
    return True


def name_causes(exam: Examination, cases: dict[str, Case]) -> Findings:
    """Name the cause of each wrong gradient; one that explains several is told once."""
    told: dict[str, Finding] = {}
    everything = dict(cases)
    for quantity in exam.quantities:
        if quantity not in everything and quantity not in exam.shape_faults and len(exam.subject.parameters) < 12:
            gradients = [exam.gradient(p, quantity) for p in exam.passes]
            if all(g is not None for g in gradients) and np.size(gradients[0]) <= SAMPLED:
                everything[quantity] = _case(exam, quantity, gradients)
    for quantity, case in cases.items():
        case.others = {q: (c.a, c.n) for q, c in everything.items() if q != quantity}
        finding = cause_of(exam, case)
        earlier = told.get(finding.label)
        if earlier is not None and (finding.label != "unnamed"):
            earlier.values.setdefault("also", []).append(quantity)
            continue
        told[finding.label] = finding
        yield finding


def cause_of(exam: Examination, case: Case) -> Finding:
    """Make the finding on one wrong gradient: its cause and its worst element."""
    name = exam.backward_name()
    if any(g is None for g in case.a):
        return exam.finding("gradients", "forgets-param-grad", method=name, quantity=case.quantity)
    if _ties_only(exam, case):
        finding = exam.finding("gradients", "routes-to-all-ties", method=name, quantity=case.quantity)
        return _with_worst(finding, case)
    cause = value_cause(case)
    repaired = None
    if cause is None or cause_named(cause[0]).repairable:
        from badak.check.causes.repair import search as repair

        repaired = repair.search(exam, case, cause[0] if cause else None)
    if cause is None and repaired is not None and repaired.label:
        cause = (repaired.label, {})
    for fallback in FALLBACKS:
        cause = cause or fallback(case)
    label, values = cause or ("unnamed", {})
    severity = values.pop("severity", "error")
    finding = Finding("gradients", label, severity, method=name, quantity=case.quantity, values=values)
    if repaired is not None:
        finding.line = repaired.line
        finding.values |= {"repair": repaired.after, "before": repaired.before}
    locate(exam.subject, finding)
    return _with_worst(finding, case)


def _ties_only(exam: Examination, case: Case) -> bool:
    """Tell whether only elements at ties are wrong."""
    slopes = exam.subject.slopes(case.quantity)
    if not slopes.kinked.any():
        return False
    tied = slopes.kinked.any(axis=1).reshape(slopes.shape)
    for a, dout in zip(case.a, case.douts, strict=True):
        along = slopes.along(dout)
        outside = np.where(tied, along[0], np.asarray(a, float))
        if not _within(exam, np.where(tied, along[0], outside), along):
            return False
    return True


def _with_worst(finding: Finding, case: Case) -> Finding:
    """Put in the worst element: index, the user's value, the slope."""
    a, n = np.asarray(case.a[0], float), case.n[0]
    if a.shape != n.shape:
        return finding
    gap = np.where(np.isnan(n), -1, np.abs(a - n))
    index = np.unravel_index(int(np.argmax(gap)), gap.shape) if gap.size else ()
    finding.index = [int(i) for i in index]
    finding.got, finding.expected = float(a[index]), float(n[index])
    return finding


def check_linear(exam: Examination) -> Findings:
    """Backward multiplies by dout: three times the dout gives three times the gradient."""
    subject = exam.subject
    if subject.protocol == "network" or not subject.takes_dout():
        return
    once, thrice = (
        exam.passes[0],
        subject.run(3.0 * np.asarray(exam.douts[0]) if subject.protocol != "loss" else 3.0),
    )
    for quantity in exam.inputs + [p.name for p in subject.parameters]:
        a, b = exam.gradient(once, quantity), exam.gradient(thrice, quantity)
        if a is None or b is None or np.asarray(a).dtype.kind in "iub" or quantity in exam.shape_faults:
            continue
        a, b = np.asarray(a, float), np.asarray(b, float)
        if close(3 * a, b, 1e-7) or not np.any(a):
            continue
        label = "ignores-dout" if close(a, b, 1e-9) else "unnamed"
        severity = "hazard" if subject.protocol == "loss" else "error"
        yield exam.finding(
            "linear",
            label,
            severity=severity,
            method="backward",
            quantity=quantity,
            values={"loss": subject.protocol == "loss", "linear": True},
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
        if subject.protocol == "network":
            x, second = clone(subject.x), clone(subject.second)
            subject.call("gradient", obj.gradient, x, second)
            if not exam.findings_so_far("mutation"):
                yield from _changed_arguments(exam, x, second, backward)
        else:
            dout = np.array(exam.douts[0], float) if subject.protocol != "loss" else 1.0
            given = clone(dout)
            x, second = clone(subject.x), clone(subject.second)
            subject.backward(obj, given, x, second)
            if isinstance(given, np.ndarray) and not np.array_equal(given, dout):
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
        label = "mutates-target" if subject.protocol in ("loss", "network") else "mutates-input"
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
        if subject.protocol == "network":
            first, second = subject.run(obj=obj), subject.run(obj=obj)
            if clears:
                return
            yield from _compare_repeat(exam, first, second, None)
            return
        first = subject.run(exam.douts[0] if subject.protocol != "loss" else None, obj=obj)
        caches = _caches(obj)
        second = Pass(first.y, obj=obj)
        if clears:
            obj.zero_grad()
        dout = np.array(exam.douts[0], float) if subject.protocol != "loss" else 1.0
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
    if subject.protocol == "network":
        return False
    from badak.check.copying import GENERATORS, _generator_state

    obj = subject.fresh()
    subject.forward(obj, clone(subject.x), clone(subject.second))
    generators: list[Any] = [v for v in subject.world.namespace.values() if isinstance(v, GENERATORS)]
    walk(obj, lambda part: generators.append(part) if isinstance(part, GENERATORS) else None)
    before = [repr(_generator_state(g)) for g in generators] + [repr(tuple(np.random.get_state())[1:])]
    subject.backward(
        obj,
        np.array(exam.douts[0], float) if subject.protocol != "loss" else 1.0,
        clone(subject.x),
        clone(subject.second),
    )
    after = [repr(_generator_state(g)) for g in generators] + [repr(tuple(np.random.get_state())[1:])]
    return before != after


def _overwritten_cache(exam: Examination, subject: Subject) -> str | None:
    """Give the name of a stored array that backward writes into."""
    obj = subject.fresh()
    subject.forward(obj, clone(subject.x), clone(subject.second))
    held = {n: getattr(obj, n, None) for n in attributes_of(obj)}
    arrays = {n: (v, v.copy()) for n, v in held.items() if isinstance(v, np.ndarray)}
    gradients = {p.gradient[0][1] for p in subject.parameters if p.gradient}
    subject.backward(
        obj,
        np.array(exam.douts[0], float) if subject.protocol != "loss" else 1.0,
        clone(subject.x),
        clone(subject.second),
    )
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
        other_subject = _sibling(subject, other, target)
        try:
            alone = other_subject.run(_dout_for(exam, other_subject))
        except (UserError, ValueError):
            continue
        obj = subject.fresh()
        try:
            subject.run(exam.douts[0] if subject.protocol == "layer" else None, obj=obj)
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


def _sibling(subject: Subject, x: Any, second: Any) -> Subject:
    sibling = Subject(
        subject.obj,
        x,
        second,
        protocol=subject.protocol,
        namespace=subject.namespace,
        source=subject.source,
        name=subject.name,
    )
    sibling.parameters = subject.parameters
    sibling.world = subject.world
    sibling.expired = subject.expired
    return sibling


def _dout_for(exam: Examination, subject: Subject) -> Any:
    if subject.protocol in ("loss", "network"):
        return None
    y = subject.forward(subject.fresh(), clone(subject.x), clone(subject.second))
    return np.random.default_rng(17).standard_normal(np.shape(y)) + 0.2


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
    later = _sibling(subject, subject.x, subject.second)
    later.obj = moved
    other = Examination(later)
    other.y, other.douts = exam.y, exam.douts
    other.passes = [later.run(d) for d in other.douts] if subject.protocol not in ("loss", "network") else [later.run()]
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
        if subject.protocol == "network":
            alone = subject.run(obj=clone(one))
            subject.forward(one, clone(subject.x), clone(subject.second))
            subject.run(obj=two, x=subject.x[::-1] * 0.7 + 0.1)
            again = alone
        else:
            subject.world.restore()
            state = clone(one)
            alone = subject.run(exam.douts[0] if subject.protocol != "loss" else None, obj=state)
            subject.world.restore()
            y = subject.forward(one, clone(subject.x), clone(subject.second))
            other = subject.x[::-1] * 0.7 + 0.1 if not _bounded(subject.x) else subject.x[::-1] * 0.9
            second = clone(subject.second)
            subject.run(
                np.full(np.shape(y), 0.7) if subject.protocol != "loss" else None,
                obj=two,
                x=other,
                second=second,
            )
            again = Pass(np.array(y))
            dout = np.array(exam.douts[0], float) if subject.protocol != "loss" else 1.0
            returned = subject.backward(one, dout, clone(subject.x), clone(subject.second))
            subject.run(
                np.full(np.shape(y), 0.7) if subject.protocol != "loss" else None,
                obj=two,
                x=other,
                second=second,
            )
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
        or subject.protocol == "layer2"
    ):
        return
    if subject.protocol == "network" or _rows_coupled(exam):
        return
    second = subject.second
    aligned = is_array(second) and np.ndim(second) and len(second) == len(subject.x)
    single = _sibling(subject, subject.x[:1].copy(), second[:1].copy() if aligned else second)
    other = Examination(single)
    try:
        other.y = np.asarray(single.forward(single.fresh(), single.x.copy(), clone(single.second)))
    except UserError:
        return
    try:
        other.douts = other.random_douts()
        other.passes = [single.run(d) for d in other.douts] if subject.protocol != "loss" else [single.run()]
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
    if subject.protocol == "loss":
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
    from badak.check import modes

    yield from modes.check(exam)


def check_extreme(exam: Examination) -> Findings:
    """Large inputs and degenerate ones (a zero row, a constant column, a probability of 0) give no NaN and
    no warning."""
    from badak.check import extremes

    yield from extremes.check(exam)


def check_labels(exam: Examination) -> Findings:
    """A loss reads its labels the same way in both methods and does not broadcast them by accident."""
    from badak.check import roles

    yield from roles.check_labels(exam)


def check_role(exam: Examination) -> Findings:
    """What the object evidently is (softmax, batch normalisation, convolution, a classifier) it is along
    the right axes."""
    from badak.check import roles

    yield from roles.check(exam)


def check_construction(exam: Examination) -> Findings:
    """The constructor asks for nothing that the object does not use."""
    from badak.check import roles

    yield from roles.check_construction(exam)


def check_ties(exam: Examination) -> Findings:
    """Where inputs are tied, the gradient is still a subgradient."""
    subject = exam.subject
    if subject.protocol != "layer" or exam.inputs != ["x"] or np.ndim(subject.x) < 3 or _bounded(subject.x):
        return
    if np.size(subject.x) > SAMPLED or not np.array_equal(np.rint(subject.x * 0), subject.x * 0):
        return
    tied = _sibling(subject, np.rint(np.clip(subject.x, -1, 1)), subject.second)
    other = Examination(tied)
    try:
        other.y = np.asarray(tied.forward(tied.fresh(), tied.x.copy()))
        other.douts = other.random_douts()[:1]
        other.passes = [tied.run(d) for d in other.douts]
        if agrees(other, "x"):
            return
    except (UserError, ValueError):
        return
    case = _case(other, "x", [other.gradient(p, "x") for p in other.passes])
    if _ties_only(other, case):
        yield _with_worst(exam.finding("ties", "routes-to-all-ties", method="backward", quantity="x"), case)


def check_trainer(exam: Examination) -> Findings:
    """The number of iterations in an epoch is a whole number."""
    subject = exam.subject
    for name in attributes_of(subject.obj):
        value = getattr(subject.obj, name, None)
        if (
            isinstance(value, (float, np.floating))
            and not float(value).is_integer()
            and network.is_modulus(subject, name)
        ):
            yield exam.finding(
                "trainer",
                "float-iter-per-epoch",
                method="__init__",
                quantity=name,
                got=float(value),
                values={"name": name},
            )
            return


Check = Callable[[Examination], Findings]
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


def examine(subject: Subject, only: Sequence[str] | None = None, file: str = "") -> Report:
    """Run the contract's checks (or `only` some of them, by name) on a subject and give the report.

    Raises ValueError for a name that is not in CHECKS.
    """
    unknown = [name for name in only or () if name not in CHECKS]
    if unknown:
        raise ValueError(f"no check named {unknown[0]!r}; there are {', '.join(CHECKS)}")
    started = time.perf_counter()
    report = Report(file, subject.name, subject.protocol)
    if subject.source is not None:
        report.source = subject.source.lines
    exam = Examination(subject)
    for name, check in CHECKS.items():
        wanted = only is None or name in only
        if not wanted and name not in FIRST:
            continue
        if name not in FIRST and (subject.protocol == "trainer") != (name == "trainer"):
            continue
        if subject.protocol == "trainer" and name != "trainer":
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


def _run_check(exam: Examination, name: str, check: Check, report: Report, wanted: bool) -> None:
    before = len(exam.findings)
    try:
        for finding in check(exam):
            exam.findings.append(finding)
        if exam.subject.expired():  # it may rest on slopes that were not measured any more: nobody is accused by that
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
        exam.subject.world.restore()


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
