"""Checks of numbers that people give, one for each kind: the number as Python's own type, or an error that names it.

All of them raise TypeError for what is no such number (a bool is none) and ValueError for one that is out of range.
Imports NumPy alone.
"""

import math
from typing import Any

import numpy as np


def number(name: str, value: Any) -> float:
    """Give `value` as a float: any real number, NaN and infinity among them."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} must be a number, not {value!r}")
    return float(value)


def above_zero(name: str, value: Any) -> float:
    """Give `value` as a finite float above 0."""
    value = number(name, value)
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} must be above 0 and finite, not {value:g}")
    return value


def within(name: str, value: Any, least: float, most: float = math.inf) -> float:
    """Give `value` as a finite float from `least` to `most`."""
    value = number(name, value)
    if not (math.isfinite(value) and least <= value <= most):
        range_ = f"from {least:g} to {most:g}" if most < math.inf else f"{least:g} or more and finite"
        raise ValueError(f"{name} must be {range_}, not {value:g}")
    return value


def share(name: str, value: Any) -> float:
    """Give `value` as a float from 0 to below 1."""
    value = number(name, value)
    if not 0 <= value < 1:
        raise ValueError(f"{name} must be from 0 to below 1, not {value:g}")
    return value


def whole(name: str, value: Any, least: int) -> int:
    """Give `value` as an int of `least` or more."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if value < least:
        raise ValueError(f"{name} must be {least} or more, not {value}")
    return int(value)


def positive(name: str, value: Any) -> int:
    """Give `value` as an int of 1 or more: a size, or how often."""
    return whole(name, value, 1)
