"""Classes whose forward returns a cache beside the output, which backward takes: `forward(x) -> out, cache`.

Where forward takes the weights too (static methods, mostly), it is a pair of functions in a class.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from badak.check.source import is_upstream
from badak.check.subject.arguments import Layout
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.functions import FunctionPair
from badak.check.subject.layer import OwnNamedLayer
from badak.check.subject.names import CACHES, own_pair

KEPT = "_badak_cache"


class CachedLayer(OwnNamedLayer):
    """A class with forward(x), which returns the output and a cache, and backward(dout, cache)."""

    style = "class whose forward returns a cache for backward"
    knows_arguments = True

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose backward has a cache for its second argument (or its first)."""
        names = own_pair(candidate)
        if names is None or len(candidate.required_of(names[0])) != 1:
            return None
        wanted = candidate.required_of(names[1])
        caches = [name for name in wanted if CACHES.match(name)]
        if len(wanted) != 2 or len(caches) != 1:
            return None
        return Evidence([f"{names[1]}({', '.join(wanted)})"])

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Run forward and keep the cache in the object."""
        returned = super().forward(obj, x, second, **kwargs)
        if not isinstance(returned, tuple) or not returned:
            return returned
        object.__setattr__(obj, KEPT, returned[1] if len(returned) == 2 else returned[1:])
        return returned[0]

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Run backward with what comes from above and the cache, in the order in which it takes them."""
        wanted = Candidate(self.name, obj, self.kind).required_of(self.backward_name)
        arguments = [getattr(obj, KEPT, None) if CACHES.match(name) else dout for name in wanted]
        return self.call(self.backward_name, getattr(obj, self.backward_name), *arguments)


class MethodPair(FunctionPair):
    """Two methods of a class that take the weights as arguments, as a pair of functions does."""

    style = "class of two functions: forward with its weights, backward with a cache"

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose forward takes weights, and whose backward what it kept of them."""
        names = own_pair(candidate)
        if names is None or candidate.kind is None:
            return None
        front, back = candidate.required_of(names[0]), candidate.required_of(names[1])
        if len(front) < 2 or not back or not is_upstream(back[0]):
            return None
        static = all(_static(candidate.kind, name) for name in names)
        if not static and not any(CACHES.match(name) for name in back[1:]):
            return None
        return Evidence([f"{name}({', '.join(p)})" for name, p in zip(names, (front, back), strict=True)])

    @classmethod
    def gather(cls, found: Any) -> list[Candidate]:
        """Give nothing: such pairs are found as classes."""
        return []

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give pairs of the two methods, of an object where they are not static. Raises Unguessable."""
        names = own_pair(candidate)
        kind = candidate.kind
        if names is None or kind is None:
            return
        owner = kind if all(_static(kind, name) for name in names) else kind()
        functions = {name: getattr(owner, name) for name in reversed(names)}
        pair = Candidate(candidate.name, functions=functions, source=candidate.source, namespace=candidate.namespace)
        yield from super().makers(pair, layout)


def _static(kind: type, name: str) -> bool:
    return isinstance(inspect.getattr_static(kind, name, None), (staticmethod, classmethod))
