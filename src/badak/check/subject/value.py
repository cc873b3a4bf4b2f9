"""Values of an autograd library: Variable, Tensor, Value, with `backward()` that walks the graph of operations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from badak.check.subject.algebra import Algebra, set_up_operators
from badak.check.subject.arguments import Layout
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.examinee import Examinee
from badak.check.subject.variables import LINKS, is_value, names_in, written_in


class AutogradValue(Examinee):
    """A class that wraps numbers, remembers what they were computed from, and has backward() without arguments."""

    style = "values of an autograd library"
    method_names = ("backward",)
    obj: Algebra

    def __init__(self, obj: Any, **given: Any) -> None:
        """Wrap what `makers` makes, or a value at hand: what can be computed with its class."""
        algebra = obj if isinstance(obj, Algebra) else algebra_of(type(obj), given.get("namespace") or {})
        super().__init__(algebra, **given)
        self.kind = algebra.kind
        self.name = given.get("name") or self.kind.__name__

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class with backward(), a gradient and a link to what it was computed from."""
        kind = candidate.kind
        if kind is None or not candidate.offers("backward") or not is_value(kind):
            return None
        if candidate.required_of("backward"):
            return None
        made = names_in(written_in(kind, "__init__")) | names_in(written_in(kind, "backward"))
        links = sorted(made & set(LINKS))
        return Evidence(["backward()", *links]) if links else None

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give what can be computed with the class."""
        kind, namespace = candidate.kind, candidate.namespace or {}
        assert kind is not None
        yield lambda: algebra_of(kind, namespace)


def algebra_of(kind: type, namespace: dict[str, Any]) -> Algebra:
    """Give what can be computed with a class."""
    set_up_operators(kind, namespace)
    algebra = Algebra(kind, namespace)
    algebra.explore()
    return algebra
