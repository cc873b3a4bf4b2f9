"""One wrong gradient, with all that is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.check.subject import Pass, Subject

Array = np.ndarray[Any, Any]


@dataclass
class Case:
    """One wrong gradient: what the user's code gave (`a`), what the slopes say (`n`, NaN where unknown),
    for each `dout`."""

    subject: Subject
    quantity: str
    is_input: bool
    a: list[Any]
    n: list[Array]
    douts: list[Any]
    passes: list[Pass]
    others: dict[str, tuple[list[Any], list[Array]]] = field(default_factory=dict)
    told: frozenset[str] = frozenset()  # causes already named, without which `n` is what it would be

    @property
    def x(self) -> Any:
        """The first input."""
        return self.subject.x

    @property
    def y(self) -> Array:
        """What forward gave."""
        return np.asarray(self.passes[0].y, float)

    @property
    def is_loss(self) -> bool:
        """Whether the output is one number."""
        return self.subject.scalar

    def diagonal(self) -> Array | None:
        """Give the local derivative of an elementwise function, None for any other."""
        if self.is_loss or self.quantity != "x" or self.y.shape != np.shape(self.x) or self.y.size < 2:
            return None
        slopes = self.subject.slopes("x").central
        diagonal = np.diag(slopes)
        rest = slopes - np.diag(diagonal)
        limit = 1e-7 * max(1.0, float(np.nanmax(np.abs(slopes), initial=0.0)))
        if np.any(np.isnan(slopes)) or np.abs(rest).max() > limit:
            return None
        kinked = np.diag(self.subject.slopes("x").kinked).reshape(self.y.shape)
        return np.where(kinked, np.nan, diagonal.reshape(self.y.shape))
