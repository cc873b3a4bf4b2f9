"""What load/ found and a style may recognise: an object, a class that is not made yet, or functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from badak.check.source import Source
from badak.check.subject.calls import FLAGS, has_method, parameters_of


@dataclass
class Evidence:
    """Why a style takes a candidate for its own: what was seen, in words for the report."""

    seen: list[str] = field(default_factory=list)


@dataclass
class Candidate:
    """Something in a file that may be checked.

    `obj` is the object, None before it is made; `kind` its class; `functions` a group of functions that
    belong together, by their names in the file (empty for a class). `arguments` are what load/ found or guessed
    to call them with. `style` is the style that gathered it.
    """

    name: str
    obj: Any = None
    kind: type | None = None
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    source: Source | None = None
    namespace: dict[str, Any] | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    style: type | None = None

    @classmethod
    def of(cls, obj: Any, source: Source | None = None, namespace: dict[str, Any] | None = None) -> Candidate:
        """Give the candidate that an object at hand is."""
        return cls(type(obj).__name__, obj, type(obj), source=source, namespace=namespace)

    def offers(self, name: str) -> bool:
        """Tell whether the object (or its class) has a method of this name."""
        return has_method(self.obj if self.obj is not None else self.kind, name)

    def holds(self, name: str) -> bool:
        """Tell whether the object has an attribute of this name."""
        return hasattr(self.obj if self.obj is not None else self.kind, name)

    def arguments_of(self, name: str) -> list[inspect.Parameter]:
        """Give the parameters of a method, without self."""
        if self.obj is not None:
            return parameters_of(getattr(self.obj, name))
        given = parameters_of(getattr(self.kind, name))
        written = inspect.getattr_static(self.kind, name, None)
        return given if isinstance(written, (staticmethod, classmethod)) else given[1:]

    def required_of(self, name: str) -> list[str]:
        """Give the names of a method's positional arguments without default, without self and a training flag."""
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        needed = [p for p in self.arguments_of(name) if p.kind in kinds and p.default is inspect.Parameter.empty]
        return [p.name for p in needed if p.name not in FLAGS]


@dataclass
class Found:
    """What a file has besides the objects that it makes: for styles that are no classes."""

    source: Source
    namespace: dict[str, Any]
    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    classes: dict[str, type] = field(default_factory=dict)
