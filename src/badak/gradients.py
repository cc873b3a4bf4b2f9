"""Gradients by finite differences: slow, simple, and right where the function is smooth.

`numerical_gradient` is the book's (ch. 4.4.2); `compare_gradient` sets it beside one from `backward` and says where
the function has a kink, so that a Relu within the step of 0 is not taken for a mistake. Imports NumPy alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from badak.types import Array
from badak.validate import above_zero

STEP = 1e-4
"""The book's h. Central differences err by h² f‴/6 and by about 1e-16 |f| / h: both are small here in float64."""


def numerical_gradient(f: Callable[[Any], Any], x: Array, h: float = STEP) -> Array:
    """Give the central difference (f(x + h) - f(x - h)) / 2h for each element of `x`, in its shape.

    `f` takes `x` and gives one number. Each element is changed in place for the two calls and put back, also when
    `f` fails; so `f` may ignore its argument and look at the array elsewhere, as the book's networks do.
    Raises TypeError for an array of integers, which cannot hold x + h (the answer would be wrong without a word),
    and ValueError for a read-only one; likewise for an `h` that is no number above 0, or so small that x + h is x.
    """
    return np.array([(above - below) / step for above, below, step in _probe(f, x, h)]).reshape(np.shape(x))


def _probe(f: Callable[[Any], Any], x: Array, h: float, flat: Array | None = None) -> Any:
    """For each element in turn (or those at `flat`), give f above, f below and the step made between them."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"numerical_gradient needs a NumPy array that it can change in place, not {type(x).__name__}")
    if x.dtype.kind != "f":
        raise TypeError(
            f"numerical_gradient needs a floating-point array; x is {x.dtype}, "
            "in which x + h is rounded back to an integer: pass x.astype(float)"
        )
    if not x.flags.writeable:
        raise ValueError("numerical_gradient changes x in place and puts it back; x is read-only: pass x.copy()")
    h = above_zero("h", h)
    for place in range(x.size) if flat is None else flat:
        index = np.unravel_index(place, x.shape)
        saved = x[index]
        try:
            x[index] = saved + h
            top, above = float(x[index]), float(f(x))
            x[index] = saved - h
            bottom, below = float(x[index]), float(f(x))
        finally:
            x[index] = saved
        if top == bottom:
            raise ValueError(f"h = {h:g} is lost beside {saved:g}, an element of x, in {x.dtype}: take a larger h")
        yield above, below, top - bottom


@dataclass(frozen=True)
class Comparison:
    """One array of gradients from `backward` beside the numerical one, element by element."""

    analytic: Array
    numerical: Array
    kinks: Array
    """True where the two one-sided slopes disagree: there neither value is *the* gradient."""

    @property
    def mean_difference(self) -> float:
        """Mean of |analytic - numerical| over the elements without a kink, as the book prints it."""
        smooth = ~self.kinks
        return float(np.mean(np.abs(self.analytic - self.numerical)[smooth])) if smooth.any() else float("nan")

    @property
    def worst(self) -> tuple[int, ...]:
        """The index of the largest difference among the elements without a kink."""
        difference = np.where(self.kinks, -1, np.abs(self.analytic - self.numerical))
        return tuple(int(i) for i in np.unravel_index(np.argmax(difference), difference.shape))

    def agrees(self, tolerance: float = 1e-6) -> bool:
        """Say whether every smooth element agrees, to `tolerance` of the largest gradient of the array.

        1e-9 is allowed besides: the rounding of a central difference of a loss near 1.
        """
        difference = np.abs(self.analytic - self.numerical)[~self.kinks]
        scale = np.abs(self.numerical[~self.kinks]).max(initial=0)
        return bool(np.all(difference <= tolerance * scale + 1e-9))


def compare_gradient(f: Callable[[Any], Any], x: Array, analytic: Array, h: float = STEP) -> Comparison:
    """Compare `analytic` with the central differences of `f` at `x`; both have the shape of `x`.

    Two step sizes tell a kink from a curve. In a smooth place the slopes to the right and to the left differ by
    h f″, which halves with h, and the central difference hardly changes; at a kink within the step one of the two
    doesn't hold. Raises what `numerical_gradient` raises, and ValueError where the shapes differ.
    """
    if np.shape(analytic) != np.shape(x):
        raise ValueError(f"the gradient has shape {np.shape(analytic)}, but the array has {np.shape(x)}")
    middle = float(f(x))
    central, bend = _slopes(_probe(f, x, h), middle)
    noise = 100 * np.finfo(np.float64).eps * max(1.0, abs(middle)) / h
    limit = 1e-5 * np.abs(central).max(initial=0) + noise
    kinks = np.zeros(central.size, bool)
    suspects = np.flatnonzero(np.abs(bend) > limit)
    narrow, narrow_bend = _slopes(_probe(f, x, h / 2, suspects), middle)
    kinks[suspects] = (np.abs(central[suspects] - narrow) > limit) | (np.abs(bend[suspects] - 2 * narrow_bend) > limit)
    return Comparison(np.asarray(analytic, np.float64), central.reshape(x.shape), kinks.reshape(x.shape))


def _slopes(probes: Any, middle: float) -> tuple[Array, Array]:
    """Give the central differences, and the right slopes less the left ones."""
    above, below, step = np.array([*probes], np.float64).reshape(-1, 3).T
    return (above - below) / step, (above - 2 * middle + below) / (step / 2)
