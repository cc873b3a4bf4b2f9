"""What can be computed with an autograd library's values: its operations, found by trying, and gradients.

Numbers may be floats, arrays or nested lists; operations may be methods, operators set from outside, functions of the
file, or its Function classes. What is found is what ran.
"""

from __future__ import annotations

import functools
import inspect
import operator
import re
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.check.subject.variables import LINKS, SWITCHES, names_in, takes_list, unwrap, written_in

Array = np.ndarray[Any, Any]
Expression = Callable[..., Any]
ROWS, COLUMNS = 3, 2
PASSED = re.compile(
    r"(?i)^(backward|.*grad.*|clear.*|copy|clone|detach|item|numpy|cpu|gpu|cuda|to|to_.*|save|load|plot.*|show.*|draw.*"
    r"|print.*|set_.*|unchain.*|build.*|one_hot|data_copy|arg.*|sign|round|floor|ceil|abs_?|hash|dump.*|parameters)$"
)
PAIRED = re.compile(r"(?i)^(add|mul|sub|div|truediv|multiply|divide|subtract|dot|matmul|mm|maximum|minimum)_?$")
OPERATORS: list[tuple[str, str, int, Expression]] = [
    ("__add__", "a + b", 2, operator.add),
    ("__mul__", "a * b", 2, operator.mul),
    ("__neg__", "-a", 1, operator.neg),
    ("__pow__", "a ** 3", 1, lambda a: a**3),
    ("__pow__", "a ** -1", 1, lambda a: a**-1),
    ("__matmul__", "a @ b", 2, operator.matmul),
    ("__sub__", "a - b", 2, operator.sub),
    ("__truediv__", "a / b", 2, operator.truediv),
    ("__radd__", "2 + a", 1, lambda a: 2.0 + a),
    ("__rmul__", "3 * a", 1, lambda a: 3.0 * a),
    ("__rsub__", "2 - a", 1, lambda a: 2.0 - a),
    ("__rtruediv__", "2 / a", 1, lambda a: 2.0 / a),
]
FORMS: dict[str, Callable[[Array], Any]] = {
    "arrays": lambda a: a.copy(),
    "numbers": float,
    "arrays of one number": lambda a: np.array(float(a)),
    "nested lists": lambda a: a.tolist(),
}
FEW = 40  # functions of a file that are tried


@dataclass
class Operation:
    """One operation: its name in a sentence, the method that defines it, and how it is called."""

    name: str
    method: str
    arity: int
    apply: Expression
    own: bool = False  # defined in the class itself
    primitive: bool = True  # with a gradient of its own, not put together from others


@dataclass
class Outcome:
    """What an expression gave: its value, and the gradient of each variable (None where it has none)."""

    value: Array
    gradients: list[Any]


@dataclass
class Algebra:
    """A class of values with the operations that the file has for it."""

    kind: Any  # the class
    namespace: dict[str, Any] = field(repr=False)
    form: str = "arrays"
    mode: str = "plain"
    operations: list[Operation] = field(default_factory=list)

    # Values ---------------------------------------------------------------------------------------

    @property
    def shaped(self) -> bool:
        """Whether values are arrays or lists of several numbers."""
        return self.form in ("arrays", "nested lists")

    def make(self, value: Array) -> Any:
        """Give a new variable."""
        try:
            names = inspect.signature(self.kind).parameters
        except (ValueError, TypeError):
            names = {}  # type: ignore[assignment]
        return self.kind(FORMS[self.form](value), **{name: True for name in SWITCHES if name in names})

    def read(self, value: Any) -> Any:
        """Give the numbers of a variable or a gradient; None where there are none."""
        held = unwrap(value)
        for name in ("data", "value"):
            inner = getattr(held, name, None) if not isinstance(held, np.ndarray) else None
            if isinstance(inner, list):
                held = inner
        if held is None or isinstance(held, self.kind):
            return None
        try:
            return np.array(held, dtype=float)
        except (TypeError, ValueError):
            return None

    def point(self, rng: np.random.Generator, positive: bool = False, shape: tuple[int, ...] | None = None) -> Array:
        """Give numbers of both signs, none near 0; or positive ones alone."""
        shape = ((ROWS, COLUMNS) if shape is None else shape) if self.shaped else ()
        size = rng.uniform(0.4, 1.6, shape)
        return size if positive else size * np.where(np.arange(size.size).reshape(shape) % 3 == 1, 1.0, -1.0)

    # Expressions ----------------------------------------------------------------------------------

    def value(self, expression: Expression, points: Sequence[Array]) -> Array:
        """Compute an expression."""
        return np.asarray(self.read(self._result(expression, [self.make(p) for p in points])), float)

    def differentiate(self, expression: Expression, points: Sequence[Array]) -> Outcome:
        """Compute an expression and let the library go backward from it."""
        leaves = [self.make(p) for p in points]
        result = self._result(expression, leaves)
        if self.mode == "seeded":
            result.grad = np.ones_like(np.asarray(unwrap(result), float))
        result.backward()
        return Outcome(np.asarray(self.read(result), float), [self.read(leaf.grad) for leaf in leaves])

    def _result(self, expression: Expression, leaves: list[Any]) -> Any:
        result = expression(*leaves)
        return result.sum() if self.mode == "summed" else result

    # Finding out ----------------------------------------------------------------------------------

    def explore(self) -> None:
        """Find the form of the numbers, the operations, and how backward is started: what makes most of them run."""
        best: tuple[int, str, list[Operation]] = (0, self.form, [])
        arrays = bool(names_in(written_in(self.kind, "__init__")) & {"np", "numpy", "ndarray", "xp"})
        forms = ["arrays", "numbers", "arrays of one number", "nested lists"]
        for self.form in forms if arrays else [forms[1], forms[0], *forms[2:]]:
            found = [o for o in self._possible() if self._runs(o)]
            if len(found) > best[0]:
                best = (len(found), self.form, found)
        _, self.form, self.operations = best
        for self.mode in ("plain", "seeded", "summed"):
            if any(self._starts(operation) for operation in self.operations):
                return
        self.mode = "plain"

    def _possible(self) -> Iterator[Operation]:
        for method, name, arity, apply in OPERATORS:
            written = getattr(self.kind, method, None)
            if callable(written):
                yield self._operation(name, method, arity, apply, written)
        for name in dir(self.kind):
            written = inspect.getattr_static(self.kind, name, None)
            registered = isinstance(written, functools.partialmethod)
            if name.startswith("_") or PASSED.match(name) or not (registered or inspect.isfunction(written)):
                continue
            if registered:
                paired = PAIRED.match(name) is not None
                yield Operation(name, name, 1 + paired, _method_of_two(name) if paired else operator.methodcaller(name))
                continue
            needed = [p for p in list(inspect.signature(written).parameters.values())[1:] if _needed(p)]
            if not needed:
                yield self._operation(name, name, 1, operator.methodcaller(name), written)
            elif len(needed) == 1 and PAIRED.match(name):
                yield self._operation(name, name, 2, _method_of_two(name), written)
        yield from self._functions()

    def _operation(self, name: str, method: str, arity: int, apply: Expression, written: Any) -> Operation:
        own = getattr(written, "__qualname__", "").startswith(f"{self.kind.__name__}.")
        return Operation(name, method, arity, apply, own, not own or _has_gradient(written))

    def _functions(self) -> Iterator[Operation]:
        """Give the file's functions that call its Function classes, and these classes where nothing else does."""
        classes = {
            name: value
            for name, value in self.namespace.items()
            if isinstance(value, type) and "forward" in names_in(written_in(value, "__call__"))
        }
        called: set[str] = set()
        plain = [(n, f) for n, f in self.namespace.items() if isinstance(f, types.FunctionType)]
        for name, function in plain[:FEW]:
            used = names_in(function) & set(classes)
            arity = len([p for p in inspect.signature(function).parameters.values() if _needed(p)])
            if used and arity in (1, 2) and not PASSED.match(name):
                called |= used
                yield Operation(name, name, arity, function)
        for name, kind in classes.items():
            forward = written_in(kind, "forward")
            if name in called or forward is None or [p for p in _parameters(kind) if _needed(p)]:
                continue
            listed = takes_list(kind)
            arity = listed or len([p for p in list(inspect.signature(forward).parameters.values())[1:] if _needed(p)])
            if arity in (1, 2):
                yield Operation(name, name, arity, _calling(kind, bool(listed)))

    def points_for(self, operation: Operation, positive: bool) -> list[Array]:
        """Give arguments for an operation."""
        rng = np.random.default_rng(5)
        shapes: list[tuple[int, ...] | None] = [None, None]
        if operation.method == "__matmul__" or "matmul" in operation.name.lower() or operation.name in ("dot", "mm"):
            shapes = [(ROWS, COLUMNS), (COLUMNS, 4)]
        return [self.point(rng, positive, shape) for shape in shapes[: operation.arity]]

    def _runs(self, operation: Operation) -> bool:
        try:
            leaves = [self.make(p) for p in self.points_for(operation, True)]
            result = operation.apply(*leaves)
            linked = any(_truth(getattr(result, name, None)) for name in LINKS)
            return isinstance(result, self.kind) and linked and self.read(result) is not None
        except Exception:  # whatever the user's code does: what does not run is no operation
            return False

    def _starts(self, operation: Operation) -> bool:
        try:
            outcome = self.differentiate(operation.apply, self.points_for(operation, True))
        except Exception:  # the next way of starting it is tried
            return False
        return all(g is not None and np.any(g) for g in outcome.gradients)


def set_up_operators(kind: type, namespace: dict[str, Any]) -> None:
    """Call the file's function that sets the operators of its class, where an importing package would have done it."""
    if any(name in vars(kind) for name in ("__add__", "__mul__")):
        return
    for function in list(namespace.values()):
        if isinstance(function, types.FunctionType) and {"__add__", kind.__name__} <= names_in(function):
            if not [p for p in inspect.signature(function).parameters.values() if _needed(p)]:
                function()
            return


def _calling(kind: type, listed: bool) -> Expression:
    def call(*values: Any) -> Any:
        given = kind()(list(values)) if listed else kind()(*values)
        return given[0] if listed and isinstance(given, list) else given

    return call


def _method_of_two(name: str) -> Expression:
    return lambda a, b: getattr(a, name)(b)


def _truth(value: Any) -> bool:
    return value is not None and (bool(value) if isinstance(value, (set, list, tuple, int)) else True)


def _needed(parameter: inspect.Parameter) -> bool:
    plain = (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    return parameter.kind in plain and parameter.default is parameter.empty


def _parameters(kind: type) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(kind).parameters.values())
    except (ValueError, TypeError):
        return []


def _has_gradient(function: Any) -> bool:
    """Tell whether a method says what its gradient is, by a function inside it: others are put together from these."""
    code = getattr(function, "__code__", None)
    inner = [c.co_name for c in getattr(code, "co_consts", ()) if isinstance(c, types.CodeType)]
    return any(not name.startswith("<") or name == "<lambda>" for name in inner)
