"""Values of an autograd library: every operation, and graphs in which a value is used more than once."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from badak.check.causes.explain import explain_error
from badak.check.contract.clause import Clause, Findings
from badak.check.exam import CouldNotCheck, Exam
from badak.check.findings import Finding
from badak.check.numeric import measure
from badak.check.subject import UserError
from badak.check.subject.algebra import Algebra, Expression, Operation
from badak.check.subject.value import AutogradValue
from badak.check.tolerances import DOUBLE, SINGLE

Array = np.ndarray[Any, Any]
OLD_NAMES = {"__div__": "__truediv__", "__rdiv__": "__rtruediv__", "__nonzero__": "__bool__"}
PREFERRED = ("a + b", "add", "Add", "a * b", "mul", "Mul")
PRODUCTS = ("a * b", "mul", "Mul", "multiply")
CURVED = ("a ** 3", "square", "Square", "exp", "Exp", "tanh", "Tanh", "sin", "Sin", "sigmoid", "a ** -1")


def check_operator_names(exam: Exam) -> Findings:
    """Operators have the names that Python 3 calls."""
    kind = exam.examinee.obj.kind
    for old, new in OLD_NAMES.items():
        if hasattr(kind, old) and not hasattr(kind, new):
            line = _line_of(exam, old)
            yield exam.finding(
                "operators",
                "old-operator-name",
                quantity=old,
                line=line,
                values={"name": old, "near": new, "owner": exam.examinee.name},
            )


def _line_of(exam: Exam, text: str) -> int | None:
    lines = exam.source.lines if exam.source is not None else []
    return next((number for number, line in enumerate(lines, 1) if text in line), None)


class _Wrong(Exception):
    """A gradient that is not the derivative: of which variable, where, what came and what the slope is."""

    def __init__(
        self, variable: int, index: tuple[int, ...], got: float | None, expected: float, shapes: str = ""
    ) -> None:
        super().__init__("wrong gradient")
        self.variable, self.index, self.got, self.expected, self.shapes = variable, index, got, expected, shapes


def _compare(exam: Exam, expression: Expression, points: Sequence[Array]) -> None:
    """Compare the gradients of an expression with its slopes. Raises _Wrong, and UserError where it does not run."""
    algebra: Algebra = exam.examinee.obj
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outcome = exam.examinee.call("backward", algebra.differentiate, expression, points)
        for place, at in enumerate(points):

            def moved(value: Array, place: int = place) -> Array:
                return algebra.value(expression, [value if i == place else p for i, p in enumerate(points)])

            precision = SINGLE if _rounds(moved, at) else DOUBLE
            slopes = measure(moved, np.asarray(at, float), None, precision, exam.examinee.expired)
            slope, low, high, error = slopes.along(np.ones(np.size(outcome.value)))
            got = outcome.gradients[place]
            known = ~np.isnan(slope)
            if not known.any():
                continue
            if got is None or np.shape(got) != np.shape(slope):
                if got is None and np.abs(slope[known]).max() < 1e-9:
                    continue
                raise _Wrong(
                    place, (), None, float(np.ravel(slope)[0]), f"{np.shape(got) if got is not None else None}"
                )
            # Slopes may cancel in the sum, as those of a softmax do: their size, not the sum's, sets the scale.
            terms = float(np.nanmax(np.abs(slopes.central), initial=0.0))
            scale = max(float(np.abs(got[known]).max()), float(np.abs(slope[known]).max()), terms)
            limit = precision.relative * scale + 10 * np.minimum(error, 1e-4 * scale + 1e-9) + 1e-10
            with np.errstate(invalid="ignore"):
                outside = known & ~((got >= low - limit) & (got <= high + limit))
            if outside.any():
                worst = np.unravel_index(int(np.argmax(np.where(outside, np.abs(got - slope), -1))), slope.shape)
                index = tuple(int(i) for i in worst)
                raise _Wrong(place, index, float(got[index]), float(slope[index]))


def _rounds(f: Callable[[Array], Array], at: Array) -> bool:
    """Tell whether an expression is computed in float32 on its way: a tiny move does not show."""
    at = np.asarray(at, float)
    here, near, far = (f(at * (1 + move)) for move in (0.0, 1e-10, 1e-5))
    moved = far != here
    return bool(moved.any()) and bool(np.median((near != here)[moved]) == 0)


def _failure(exam: Exam, expression: Expression, points: Sequence[Array]) -> _Wrong | UserError | None:
    try:
        _compare(exam, expression, points)
    except (_Wrong, UserError) as wrong:
        return wrong
    except Exception:  # an expression that this library has not
        return None
    return None


def _test(exam: Exam, operation: Operation) -> _Wrong | UserError | None:
    """Try an operation at numbers of both signs where it is defined there, then at positive ones."""
    algebra: Algebra = exam.examinee.obj
    for positive in (True, False):
        points = algebra.points_for(operation, positive)
        with np.errstate(all="ignore"):
            try:
                finite = bool(np.isfinite(algebra.value(operation.apply, points)).all())
            except Exception:  # numbers that it is not defined for
                continue
        failure = _failure(exam, operation.apply, points) if finite else None
        if failure is not None:
            return failure
    return None


def _weighed(exam: Exam, operation: Operation, right: list[Operation]) -> _Wrong | UserError | None:
    """Try an operation whose result is multiplied by other numbers: its gradient is not 1 then."""
    algebra: Algebra = exam.examinee.obj
    times = next((o for o in right if o.name in PRODUCTS), None)
    if times is None:
        return None
    points = algebra.points_for(operation, True)
    try:
        shape = algebra.value(operation.apply, points).shape if algebra.mode != "summed" else None
    except Exception:  # numbers that it is not defined for
        return None
    if shape is None:
        return None
    weights = algebra.point(np.random.default_rng(11), True, shape)
    failure = _failure(exam, lambda *values: times.apply(operation.apply(*values[:-1]), values[-1]), [*points, weights])
    return failure if isinstance(failure, _Wrong) and failure.variable < len(points) else None


def check_expressions(exam: Exam) -> Findings:
    """Every operation has the gradient of its value, however often a value is used."""
    algebra: Algebra = exam.examinee.obj
    if not algebra.operations:
        raise CouldNotCheck(
            "I found nothing that computes with {name}: neither operators nor functions that take one and give one. "
            "Define __add__ and __mul__, or functions, in the same file, and run the check again.",
            name=exam.examinee.name,
        )
    failures = {o.name: (o, failure) for o in algebra.operations if (failure := _test(exam, o)) is not None}
    right = [o for o in algebra.operations if o.name not in failures]
    failures |= {o.name: (o, failure) for o in right if (failure := _weighed(exam, o, right)) is not None}
    right = [o for o in right if o.name not in failures]
    if not right:
        yield _engine(exam, *next(iter(failures.values())))
        return
    wrong = [(operation, failure) for operation, failure in failures.values() if operation.own]
    # One that is put together from others is wrong by them, or by the way through the graph.
    parts: tuple[Callable[[], Findings], ...] = (
        lambda: _operations(exam, [pair for pair in wrong if pair[0].primitive]),
        lambda: _graphs(exam, right),
        lambda: _operations(exam, [pair for pair in wrong if not pair[0].primitive]),
        lambda: _broadcast(exam, right),
    )
    for part in parts:
        found = list(part())
        if found:
            yield from found
            return


def _engine(exam: Exam, operation: Operation, failure: _Wrong | UserError) -> Finding:
    """No operation at all has a right gradient: backward itself is at fault, unless there is but one operation."""
    if isinstance(failure, UserError):
        raise CouldNotCheck(
            "backward raised for every operation that I tried: {error} (line {line}). "
            "Let it go through one operation, and run the check again.",
            error=failure.words.splitlines()[0],
            line=failure.line or "?",
        )
    if len(exam.examinee.obj.operations) == 1 and operation.own:
        return _finding(exam, "wrong-operation-gradient", operation.method, failure, operation.name)
    return _finding(exam, "wrong-walk", "backward", failure, operation.name)


def _operations(exam: Exam, wrong: list[tuple[Operation, _Wrong | UserError]]) -> Iterator[Finding]:
    """Tell which operations are wrong, each method once."""
    told: set[str] = set()
    for operation, failure in wrong:
        if operation.method in told:
            continue
        told.add(operation.method)
        if isinstance(failure, UserError):
            if not isinstance(failure.error, NotImplementedError):
                yield _raised(exam, operation.method, failure)
        else:
            yield _finding(exam, "wrong-operation-gradient", operation.method, failure, operation.name)


def _raised(exam: Exam, method: str, failure: UserError) -> Finding:
    finding = explain_error(None, failure.error, method, failure.line, "expressions", source=exam.source)
    if finding.line is None:
        raise CouldNotCheck("backward raised where I tried it: {error}.", error=failure.words.splitlines()[0])
    return finding


def _finding(exam: Exam, label: str, method: str, wrong: _Wrong, name: str, severity: str = "error") -> Finding:
    variable = "ab"[wrong.variable] if wrong.variable < 2 else "a"
    return exam.finding(
        "expressions",
        label,
        severity=severity,
        method=method,
        quantity=variable,
        index=list(wrong.index),
        got=wrong.got if wrong.got is not None else wrong.shapes,
        expected=wrong.expected,
        values={"name": name, "owner": exam.examinee.name},
    )


def _graphs(exam: Exam, right: list[Operation]) -> Findings:
    """Use values twice, and in several places, with operations that are right by themselves."""
    algebra: Algebra = exam.examinee.obj
    for label, name, expression, count in _expressions(right):
        rng = np.random.default_rng(9)
        failure = _failure(exam, expression, [algebra.point(rng, True) for _ in range(count)])
        if isinstance(failure, _Wrong):
            twice = label == "overwrites-gradient" and not _one_use_alone(exam, failure, right)
            uses = _pairs(right)[0] if label == "overwrites-gradient" else None
            method = uses.method if uses is not None and uses.own else "backward"
            yield _finding(exam, "adds-gradient-wrongly" if twice else label, method, failure, name)
            return
        if isinstance(failure, UserError) and failure.line is not None:
            yield _raised(exam, "backward", failure)
            return


def _one_use_alone(exam: Exam, failure: _Wrong, right: list[Operation]) -> bool:
    """Tell whether a + a has the gradient that a + b has: that of one use."""
    algebra: Algebra = exam.examinee.obj
    operation = _pairs(right)[0]
    point = algebra.point(np.random.default_rng(9), True)
    gradients = algebra.differentiate(operation.apply, [point, point]).gradients
    single = [float(np.asarray(g)[failure.index]) for g in gradients if g is not None]
    return failure.got is not None and any(abs(failure.got - g) <= 1e-6 * abs(g) for g in single)


def _pairs(right: list[Operation]) -> list[Operation]:
    return sorted((o for o in right if o.arity == 2 and o.method != "__matmul__"), key=_rank(PREFERRED))


def _expressions(right: list[Operation]) -> Iterator[tuple[str, str, Expression, int]]:
    """Give expressions, simplest first: a chain, a value twice, a diamond, paths of several lengths."""
    pairs = _pairs(right)
    singles = sorted((o for o in right if o.arity == 1), key=_rank(CURVED))
    u = singles[0] if singles else None
    if u is not None:
        yield "wrong-walk", _say(u, _say(u, "a")), lambda a: u.apply(u.apply(a)), 1
    if not pairs:
        return
    b = pairs[0]
    yield "overwrites-gradient", _say(b, "a", "a"), lambda a: b.apply(a, a), 1
    times = next((o for o in pairs if o.name in PRODUCTS), None)
    f: Callable[[Any], Any]
    if u is not None:
        f, inner = u.apply, _say(u, "a")
    elif times is not None:
        f, inner = (lambda a: times.apply(a, a)), "a * a"
    else:
        return

    def diamond(a: Any) -> Any:
        c = f(a)
        return b.apply(f(c), f(c))

    def early(a: Any) -> Any:
        c = f(a)
        return b.apply(f(f(c)), c)

    def late(a: Any) -> Any:
        c = f(a)
        return b.apply(c, f(f(c)))

    for expression in (diamond, early, late):
        yield "walk-order", f"c = {inner}", expression, 1


def _rank(names: tuple[str, ...]) -> Callable[[Operation], int]:
    return lambda o: names.index(o.name) if o.name in names else len(names)


def _say(operation: Operation, *arguments: str) -> str:
    if " " in operation.name:
        return operation.name.replace("b", arguments[-1]).replace(
            "a", f"({arguments[0]})" if len(arguments[0]) > 1 else arguments[0], 1
        )
    return f"{operation.name}({', '.join(arguments)})"


def _broadcast(exam: Exam, right: list[Operation]) -> Findings:
    """Arrays of two shapes: the gradient of each has its own shape, or the library refuses them."""
    algebra: Algebra = exam.examinee.obj
    if algebra.form != "arrays":
        return
    rng = np.random.default_rng(10)
    for operation in right:
        if operation.arity != 2 or operation.method == "__matmul__" or "matmul" in operation.name.lower():
            continue
        failure = _failure(exam, operation.apply, [algebra.point(rng, True, (3, 1)), algebra.point(rng, True, (2,))])
        if isinstance(failure, _Wrong):
            yield _finding(exam, "broadcast-not-summed", operation.method, failure, operation.name, "hazard")
            return


CLAUSES = [
    Clause("operators", check_operator_names, kind=AutogradValue),
    Clause("expressions", check_expressions, kind=AutogradValue),
]
