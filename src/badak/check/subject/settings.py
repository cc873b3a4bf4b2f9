"""Objects made again with other settings: stride, padding, a slope, a rate.

A fault that is multiplied by 0 or 1 does not show with the values that a constructor takes by itself.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.check.copying import clone

# Names of settings (lower case, without underscores), what they may be besides what they are, and whether several such
# settings can be changed at once.
Other = Callable[[Any], list[Any]]


def _number(one: Any, other: Any) -> Other:
    """Make the rule: `one` in place of another number, `other` in its own place; pairs hold it twice."""

    def rule(now: Any) -> list[Any]:
        if isinstance(now, tuple) and len(now) == 2 and all(type(n) is int for n in now):
            return [(one, one) if now != (one, one) else (other, other)]
        if isinstance(now, (bool, np.bool_)) or not isinstance(now, (int, float)):
            return []
        return [one if now != one else other]

    return rule


def _words(now: Any) -> list[Any]:
    # Never 0, where x[pad:-pad] is empty, and where nobody who pads would set it.
    return ["valid" if now == "same" else "same"] if now in ("same", "valid") else _number(1, 2)(now)


GEOMETRY: list[tuple[str, Other]] = [
    (r"strides?([hwxy]|size)?|[sh]?stride[hw]?", _number(2, 1)),
    (r"pad(ding)?([hwxy]|size|width)?", _words),
]
OTHERS: list[tuple[str, Other]] = [
    (r"(dropout)?(ratio|rate|prob|p)|dropout|dropprob|keepprob|pdrop", _number(0.3, 0.6)),
    (r"alpha|slope|negativeslope|leak|leakyslope", _number(0.3, 0.7)),
    (r"axis", lambda now: [0] if now in (1, -1) and type(now) is int else [1] if now == 0 and type(now) is int else []),
    (r"usebias|withbias|hasbias|biasflag", lambda now: [not now] if isinstance(now, bool) else []),
]


@dataclass
class Maker:
    """Makes objects of a class with the same arguments, copied each time; `varied` makes one with others."""

    kind: type
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self) -> Any:
        """Make one."""
        return self.kind(**{name: clone(value) for name, value in self.arguments.items()})

    def varied(self, changes: Mapping[str, Any]) -> Maker:
        """Give the maker with some arguments changed."""
        return Maker(self.kind, {**self.arguments, **changes})


def maker_of(obj: Any, make: Callable[[], Any] | None) -> Maker | None:
    """Give a maker of objects like `obj`: that which made it, or one with the arguments that it keeps under their own
    names; None where they are not known."""
    if isinstance(make, Maker):
        return make
    kind, keywords = type(obj), getattr(make, "keywords", None)
    try:
        parameters = inspect.signature(kind).parameters.values()
        if keywords is not None and getattr(make, "args", ())[:1] == (kind,):
            given = inspect.signature(kind).bind(*make.args[1], **make.args[2]).arguments  # type: ignore[union-attr]
            return Maker(kind, dict(given))
    except (TypeError, ValueError, IndexError):
        return None
    held = getattr(obj, "__dict__", {})
    plain = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    if any(p.name not in held and p.default is p.empty for p in plain):
        return None
    return Maker(kind, {p.name: held[p.name] for p in plain if p.name in held})


def settings_of(maker: Maker) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give another value for each setting of a constructor: of those that shape images, and of the others."""
    found: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    try:
        parameters = inspect.signature(maker.kind).parameters.values()
    except (TypeError, ValueError):
        return found
    for parameter in parameters:
        now = maker.arguments.get(parameter.name, parameter.default)
        plain = parameter.name.replace("_", "").lower()
        for group, rules in zip(found, (GEOMETRY, OTHERS), strict=True):
            rule = next((rule for pattern, rule in rules if re.fullmatch(pattern, plain)), None)
            values = rule(now) if rule is not None and now is not parameter.empty else []
            if values:
                group[parameter.name] = values[0]
    return found
