"""Small questions that several clauses ask."""

from __future__ import annotations

from typing import Any

import numpy as np

from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.numeric import close
from badak.check.tolerances import REPEATED

Array = np.ndarray[Any, Any]


def is_array(value: Any) -> bool:
    """Tell whether a value is an array."""
    return isinstance(value, np.ndarray)


def same(a: Any, b: Any) -> bool:
    """Tell whether two arrays are equal to the last bit; what is no array is not compared."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return a.shape == b.shape and bool(np.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
    return True


def repeated(a: Any, b: Any) -> bool:
    """Tell whether two gradients that must be the same are, up to rounding; zeros of any shape are."""
    return close(a, b, REPEATED) or (not np.any(np.asarray(a, float)) and not np.any(np.asarray(b, float)))


def bounded(x: Any) -> bool:
    """Tell whether all values lie in 0 … 1, as probabilities do."""
    return bool(np.min(x) >= 0 and np.max(x) <= 1)


def has_random(exam: Examination) -> bool:
    """Tell whether forward draws random numbers, so that two calls differ rightly."""
    if exam.random is None:
        subject = exam.subject
        obj = subject.fresh()
        one = np.array(subject.forward(obj, clone(subject.x), clone(subject.second)))
        two = subject.forward(obj, clone(subject.x), clone(subject.second))
        exam.random = not close(one, two, REPEATED)
    return exam.random
