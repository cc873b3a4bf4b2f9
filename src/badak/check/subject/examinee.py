"""Anything that can be examined: an object of the user's with the world that it depends on."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Literal

import numpy as np

from badak.check.copying import World, clone, walk
from badak.check.source import Source
from badak.check.subject.arguments import Layout, combinations, needed
from badak.check.subject.calls import UserError
from badak.check.subject.candidate import Candidate, Evidence, Found


class Examinee:
    """What every kind of subject has: the object, its file, copies in the original state, guarded calls.

    A kind that is no differentiable function (an optimizer, a training loop) derives from this class; what is
    asked of it says its clauses. Every method works on copies and never changes the original.
    """

    style: ClassVar[str] = ""  # words for the report: "read as: …"
    method_names: ClassVar[tuple[str, ...]] = ()  # the methods that it must offer, by the user's own names
    upcast = True  # copies hold their narrow floating arrays as float64
    on_overflow: Literal["warn", "raise"] = "warn"  # and on a division by zero or an invalid value

    def __init__(
        self,
        obj: Any,
        *,
        namespace: dict[str, Any] | None = None,
        source: Source | None = None,
        make: Callable[[], Any] | None = None,
        name: str | None = None,
        expired: Callable[[], bool] = lambda: False,
    ) -> None:
        """Wrap `obj`; `make` makes another such object, `expired` tells that the time is up."""
        self.obj = obj
        self.namespace = namespace
        self.source = source
        self.make = make
        self.kind = type(obj)
        self.name = name or self.kind.__name__
        self.expired = expired
        self.evidence: Evidence | None = None
        self.warnings: list[str] = []
        classes = {self.kind}
        walk(obj, lambda part: classes.add(type(part)))
        own = [kind for kind in classes if kind.__module__ != "builtins" and not kind.__module__.startswith("numpy")]
        self.world = World(namespace, own)

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Tell why the candidate is written in this style, None where it is not."""
        raise NotImplementedError(cls.__name__)

    @classmethod
    def gather(cls, found: Found) -> list[Candidate]:
        """Give what of this style a file has besides its classes: groups of functions, a loop, the script itself."""
        return []

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give functions that make the object to examine, with arguments guessed for a layout, likeliest first.

        Of functions, the object is the dictionary of them, unless a style makes something else.

        Raises Unguessable where a parameter's name says nothing.
        """
        kind = candidate.kind
        if kind is None:
            yield lambda: dict(candidate.functions)
            return
        parameters = [] if kind.__init__ is object.__init__ else needed(kind, small=True)  # type: ignore[misc]
        chosen = list(combinations(parameters, layout))
        if any(p.default is not p.empty for p in parameters):
            # What is smaller may fit no size that the class itself takes for granted: then as it was meant.
            chosen += combinations([p for p in parameters if p.default is p.empty], layout)
        for arguments in chosen:
            yield lambda arguments=arguments: kind(**{k: clone(v) for k, v in arguments.items()})  # type: ignore[misc]

    def settings(self) -> dict[str, list[Any]]:
        """Give the constructor's settings that may be varied (stride, pad, eps …), with values to try."""
        return {}

    def fresh(self, upcast: bool | None = None, seed: int | None = None) -> Any:
        """Give a copy in the original state, and put the state of randomness back."""
        self.world.restore(seed)
        return clone(self.obj, self.upcast if upcast is None else upcast)

    @property
    def filename(self) -> str | None:
        """The file name that tracebacks of the user's code carry."""
        return self.source.filename if self.source else None

    def call(self, method: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call the user's code; what it raises becomes UserError, what it warns is kept in `warnings`."""
        with warnings.catch_warnings(record=True) as caught, np.errstate(all=self.on_overflow, under="ignore"):
            warnings.simplefilter("always")
            try:
                return function(*args, **kwargs)
            except (Exception, SystemExit) as error:
                raise UserError(error, self.filename, method) from error
            finally:
                self.warnings = [str(w.message) for w in caught if issubclass(w.category, RuntimeWarning)]
