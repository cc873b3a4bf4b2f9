"""Checks of numbers that people give, one for each kind: the number as Python's own type, or an error that names it.

All of them raise TypeError for what is no such number (a bool is none) and ValueError for one that is out of range.
Imports NumPy alone.
"""

import math
from typing import Any

import numpy as np


def is_number(value: Any) -> bool:
    """Say whether `value` is a real number: NaN and infinity are, a bool is none."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def is_whole(value: Any, least: float = -math.inf) -> bool:
    """Say whether `value` is an integer of `least` or more; a bool is none."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)


def number(name: str, value: Any) -> float:
    """Give `value` as a float: any real number, NaN and infinity among them."""
    if not is_number(value):
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
    if not is_whole(value):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    if value < least:
        raise ValueError(f"{name} must be {least} or more, not {value}")
    return int(value)


def positive(name: str, value: Any) -> int:
    """Give `value` as an int of 1 or more: a size, or how often."""
    return whole(name, value, 1)


def positive_text(name: str, text: str) -> int:
    """Give the int of 1 or more that a text, such as a variable of the environment, writes in digits."""
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError(f"{name} must be a whole number of 1 or more, not {text!r}")
    return int(text)


def sides(name: str, value: Any, least: int, most: int) -> tuple[int, int]:
    """Give `value` as the height and width of an image, each from `least` to `most`."""
    if not isinstance(value, tuple) or not all(map(is_whole, value)):
        raise TypeError(f"{name} must be a pair of whole numbers (H, W), not {value!r}")
    if len(value) != 2 or min(value) < least or max(value) > most:
        raise ValueError(f"{name} must be (H, W), each from {least} to {most}, not {value!r}")
    return int(value[0]), int(value[1])
