"""Numerical gradients: functions that are given a function and a point, and measure a slope.

They are called with a function whose slopes are known, which notes where it is asked: so the step, and the sides, are
seen.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from badak.check.copying import clone
from badak.check.subject.calls import UserError, parameters_of
from badak.check.subject.candidate import Candidate, Evidence, Found
from badak.check.subject.examinee import Examinee

Array = np.ndarray[Any, Any]
NAME = re.compile(
    r"(?i)numeric(al)?_?(grad|gradient|diff|derivative)|finite_?diff|central_?diff|num_?(grad|diff)|"
    r"approx\w*_?(grad|gradient)|(grad|gradient|diff)_?numeric|^(numerical_)?derivative$|^difference_quotient$"
)
FUNCTION = re.compile(r"(?i)^(f|fn|func|function|fun|loss|loss_?(f|fn|func|function)|cost|cost_?f\w*|g)$")
UPSTREAM = re.compile(r"(?i)^(df|dout|dy|d_?out|upstream|grad_?out\w*|dvalues?)$")
STEP = re.compile(r"(?i)^(h|eps|epsilon|delta|dx|step|d)$")


def curve(x: Any) -> Any:
    """A function of each element that has no symmetry: its second and third derivatives are nowhere small together."""
    return np.sin(x) + 0.4 * np.multiply(x, x)


def slope(x: Any) -> Any:
    """The derivative of `curve`."""
    return np.cos(x) + 0.8 * np.asarray(x, float)


@dataclass
class Probe:
    """One call: how it was asked, what came, where the function was asked."""

    form: str  # "number", "vector", "matrix", "each" (element by element), "variable"
    x: Array
    weight: Any = 1.0  # the upstream gradient, where one is taken
    got: Any = None
    after: Any = None  # x after the call
    asked: list[Array] = field(default_factory=list)
    error: UserError | None = None

    @property
    def truth(self) -> Array:
        """The slopes that should come."""
        return np.asarray(self.weight * slope(self.x), float)

    @property
    def offsets(self) -> Array:
        """How far from x the function was asked, element by element, in every call that has x's shape."""
        rows = [a for a in self.asked if np.shape(a) == np.shape(self.x)]
        return np.array(rows) - self.x if rows else np.zeros((0, *np.shape(self.x)))


class NumericalGradient(Examinee):
    """A function (f, x) that measures slopes by differences."""

    style = "numerical gradient"
    method_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, obj: Any, **given: Any) -> None:
        """Wrap the group of one function that `gather` gives."""
        super().__init__(obj, **given)
        self.function: Callable[..., Any] = next(iter(obj.values()))
        self.name = self.function.__name__

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take what `gather` found."""
        if len(candidate.functions) != 1:
            return None
        name, function = next(iter(candidate.functions.items()))
        return Evidence([f"{name}(f, x)"]) if _measures(name, function) else None

    @classmethod
    def gather(cls, found: Found) -> list[Candidate]:
        """Give the functions that are named so and take a function first."""
        return [
            Candidate(name, functions={name: function}, source=found.source, namespace=found.namespace)
            for name, function in found.functions.items()
            if _measures(name, function)
        ]

    def ask(self, form: str, x: Any, integers: bool = False) -> Probe:
        """Call it at x, in one of the forms, and keep all that is seen. What it raises is kept too."""
        function = self.function
        names = parameters_of(function)
        kind = (self.namespace or {}).get("Variable") if form == "variable" else None
        probe = Probe(form, np.array(x, float))
        handed: Any = kind(np.array(x)) if kind is not None else float(x) if form == "number" else np.array(x)
        if integers:
            handed = int(x) if form == "number" else np.array(x, dtype=int)
        array = any(UPSTREAM.match(p.name) for p in names)
        if array:
            probe.weight = 0.7 + 0.1 * np.arange(np.size(x)).reshape(np.shape(x))

        def f(at: Any, *rest: Any) -> Any:
            value = at.data if kind is not None else at
            probe.asked.append(np.array(np.real(value), float))
            y = curve(value)
            if not (array or form in ("each", "number", "variable")):
                y = complex(np.sum(y)) if np.iscomplexobj(y) else float(np.sum(y))  # complex: the complex step
            return kind(np.asarray(y)) if kind is not None else y

        arguments, keywords = [f, handed], {}
        for p in names[2:]:
            if UPSTREAM.match(p.name):
                keywords[p.name] = clone(probe.weight)
            elif p.name == "verbose":
                keywords[p.name] = False
            elif p.default is p.empty and STEP.match(p.name):
                keywords[p.name] = 1e-4
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                got = self.call(self.name, function, *arguments, **keywords)
            probe.got = getattr(got, "data", got) if not isinstance(got, np.ndarray) else got
            probe.got = np.array(probe.got, float)
            probe.after = np.array(handed.data if kind is not None else handed, float)
        except UserError as failure:
            probe.error = failure
        except (TypeError, ValueError) as error:  # what came is no number
            probe.error = UserError(error, self.filename, self.name)
        return probe


def _measures(name: str, function: Callable[..., Any]) -> bool:
    names = parameters_of(function)
    if not NAME.search(name) or len(names) < 2 or not FUNCTION.match(names[0].name):
        return False
    kinds = (names[0].VAR_POSITIONAL, names[0].VAR_KEYWORD)
    rest = [p for p in names[2:] if p.default is p.empty and p.kind not in kinds]
    return all(UPSTREAM.match(p.name) or STEP.match(p.name) or p.name == "verbose" for p in rest)
