"""Gradients by finite differences: slow, simple, and right where the function is smooth.

`numerical_gradient` is the book's (ch. 4.4.2); `compare_gradient` sets it beside one from `backward` and says where
the function has a kink, so that a Relu within the step of 0 is not taken for a mistake, and how far rounding hides
the answer. Imports NumPy alone.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

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
    h = _step(x, h)
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


def _step(x: Any, h: Any) -> float:
    """Give `h` as a float. Raises as `numerical_gradient` for one that is none, and for an `x` that cannot be moved."""
    if not isinstance(x, np.ndarray):
        raise TypeError(f"numerical_gradient needs a NumPy array that it can change in place, not {type(x).__name__}")
    if x.dtype.kind != "f":
        raise TypeError(
            f"numerical_gradient needs a floating-point array; x is {x.dtype}, "
            "in which x + h is rounded back to an integer: pass x.astype(float)"
        )
    if not x.flags.writeable:
        raise ValueError("numerical_gradient changes x in place and puts it back; x is read-only: pass x.copy()")
    return above_zero("h", h)


TOLERANCE = 1e-6
"""So much of the largest gradient of an array a right one may be off by, besides what rounding hides."""
ROUNDINGS = 1024
"""So many units in the last place of the array's largest gradient, too, for the rounding of `backward` itself."""
CLEAR = 0.01
"""An element is compared where its numerical gradient is known to this share of the array's largest gradient."""
ENOUGH = 0.1
"""Less than this share of the elements compared says nothing about the array."""
SIGMAS, SIGMAS_OF_BENDS = 8, 32
"""So many standard deviations of the noise of f a difference may be off by, and a difference of differences."""
ACCUSED, CLOSER = 16, np.array([0.8, 0.6, 0.45, 0.3])
"""So many of the elements that are off most are looked at more closely at a time, at these shares of their step."""
WIDER, NARROWER = 100, 64
"""By so much the step grows at most, where f is too coarse for it; and shrinks, at most twice, where f is too rough."""


CAUSES = ("{count} lie on a kink", "rounding or noise of f hides {count}", "f is no finite number at {count}")
"""Why elements cannot be compared."""


@dataclass(frozen=True)
class Judgement:
    """A verdict on one array, with its reason kept untranslated: sentences, and the values that fill them."""

    verdict: str
    text: str
    values: Mapping[str, str] = field(default_factory=dict)
    causes: tuple[tuple[str, Mapping[str, str]], ...] = ()
    """What kept elements from being compared, each with its number."""

    @property
    def reason(self) -> str:
        """The sentence in English."""
        return self.told(lambda text, values: text.format_map(values))

    def told(self, say: Callable[[str, Mapping[str, str]], str]) -> str:
        """Give the sentence in the words of `say`, which fills the values of a sentence in, translated or not."""
        causes = ", ".join(say(text, values) for text, values in self.causes)
        return say(self.text, self.values) + (f": {causes}" if causes else "")


@dataclass(frozen=True)
class Comparison:
    """One array of gradients from `backward` beside the numerical one, element by element."""

    analytic: Array
    numerical: Array
    kinks: Array
    """True where the two one-sided slopes disagree: there neither value is *the* gradient."""
    error: Array
    """How far the numerical gradient may be off: the rounding (or noise) of f over the step, and what curves do."""
    rounding: float = float(np.finfo(np.float64).eps)
    """One unit in the last place of 1, in the coarser dtype of the array and its gradient."""

    @property
    def mean_difference(self) -> float:
        """Mean of |analytic - numerical| over the elements without a kink, as the book prints it."""
        smooth = ~self.kinks
        return float(np.mean(np.abs(self.analytic - self.numerical)[smooth])) if smooth.any() else float("nan")

    @property
    def worst(self) -> tuple[int, ...] | None:
        """The index of the largest difference among the elements without a kink; None where there is none."""
        if self.kinks.all():  # of an empty array, too
            return None
        difference = np.where(self.kinks, -1, np.abs(self.analytic - self.numerical))
        difference[np.isnan(difference)] = np.inf
        return tuple(int(i) for i in np.unravel_index(np.argmax(difference), difference.shape))

    @property
    def verdict(self) -> str:
        """'agrees', 'differs', or 'cannot tell': see `judge`, with the usual tolerance."""
        return self.judge().verdict

    @property
    def reason(self) -> str:
        """Why the verdict is what it is, in a sentence."""
        return self.judge().reason

    def agrees(self, tolerance: float = TOLERANCE) -> bool:
        """Say whether gradients were compared, and agree: False where they differ and where that cannot be told."""
        return self.judge(tolerance).verdict == "agrees"

    def judge(self, tolerance: float = TOLERANCE) -> "Judgement":
        """Give the verdict, and the reason with its values apart.

        'differs' where any element without a kink is off by more than `tolerance` of the array's largest gradient,
        and by more than `error` and the rounding of `backward` explain; and where a gradient is NaN or infinite.
        'cannot tell' where fewer than a tenth of the elements could be compared: the others lie on a kink, or the
        rounding of f hides them. Else 'agrees'.
        """
        if not self.analytic.size:
            return Judgement("cannot tell", "the array has no elements")
        broken = ~np.isfinite(self.analytic)
        if broken.any():
            at = tuple(int(i) for i in np.argwhere(broken)[0])
            values = {"at": str(list(at)), "value": f"{self.analytic[at]:g}"}
            return Judgement("differs", "the gradient at {at} is {value}, which no gradient is", values)
        known = ~self.kinks & np.isfinite(self.numerical) & np.isfinite(self.error)
        scale = np.maximum(np.abs(self.numerical), np.abs(self.analytic))[known].max(initial=0)
        off, excess = self._excess(tolerance)
        if (excess > 0).any():
            at = tuple(int(i) for i in np.unravel_index(np.argmax(excess), off.shape))
            ours, theirs = f"{self.analytic[at]:.8g}", f"{self.numerical[at]:.8g}"
            return Judgement("differs", "at {at} backward gives {analytic}, the numerical gradient is {numerical}",
                             {"at": str(list(at)), "analytic": ours, "numerical": theirs})  # fmt: skip
        compared = known & (self.error <= CLEAR * scale)
        if scale == 0 and self.rounding < 1e-12:  # f does not move at all, and backward says so: coarse f may hide more
            compared = known
        count, size = int(compared.sum()), self.analytic.size
        if count < ENOUGH * size:
            found = zip(CAUSES, (self.kinks, known & ~compared, ~known & ~self.kinks), strict=True)
            why = tuple((text, {"count": f"{int(where.sum()):,}"}) for text, where in found if where.any())
            return Judgement("cannot tell", "{count} of {size} elements could be compared",
                             {"count": f"{count:,}", "size": f"{size:,}"}, why)  # fmt: skip
        values = {"count": f"{count:,}", "size": f"{size:,}", "largest": f"{off[compared].max():.1e}"}
        return Judgement("agrees", "{count} of {size} elements compared; the largest difference is {largest}", values)

    def _excess(self, tolerance: float) -> tuple[Array, Array]:
        """Give by how much each element without a kink is off, and how much of it nothing explains (0 or less: all)."""
        known = ~self.kinks & np.isfinite(self.numerical) & np.isfinite(self.error) & np.isfinite(self.analytic)
        scale = np.maximum(np.abs(self.numerical), np.abs(self.analytic))[known].max(initial=0)
        off = np.where(known, np.abs(self.analytic - self.numerical), 0)
        return off, off - np.where(known, self.error, 0) - (tolerance + ROUNDINGS * self.rounding) * scale


def compare_gradient(f: Callable[[Any], Any], x: Array, analytic: Array, h: float = STEP) -> Comparison:
    """Compare `analytic` with the central differences of `f` at `x`; both have the shape of `x`.

    Two step sizes tell a kink from a curve. In a smooth place the slopes to the right and to the left differ by
    h f″, which halves with h, and the central difference hardly changes; at a kink within the step one of the two
    doesn't hold. The noise of f, by rounding or by chance, is measured beside x. Where h is too small for it (in
    float32, for losses of 1e8), a larger step is taken; where nearly all elements are rough within h, a smaller one.
    Raises what `numerical_gradient` raises, and ValueError where the shapes differ.
    """
    if np.shape(analytic) != np.shape(x):
        raise ValueError(f"the gradient has shape {np.shape(analytic)}, but the array has {np.shape(x)}")
    h = _step(x, h)
    given = np.asarray(analytic)
    kinds = [x.dtype, given.dtype] if given.dtype.kind == "f" else [x.dtype]
    rounding = max(float(np.finfo(kind).eps) for kind in kinds)
    middle = float(f(x))
    noise = _noise(f, x, h)
    measured = _measure(f, x, h, middle, noise)
    for _ in range(2):
        if not x.size or (~measured.kinks).sum() >= ENOUGH * x.size:
            break
        smaller = h / NARROWER
        if (np.abs(x) + smaller == np.abs(x)).any():
            break
        h, measured = smaller, _measure(f, x, smaller, middle, noise)
    scale = np.abs(measured.central[~measured.kinks]).max(initial=0)
    if scale > 0 and SIGMAS * noise / h > 1e-5 * scale:
        # The step at which rounding and the curve of a function with f‴ near f′ err alike.
        larger = min(SIGMAS * noise / (TOLERANCE * scale), np.cbrt(SIGMAS * noise / scale), WIDER * h)
        if larger > h:
            wide = _measure(f, x, float(larger), middle, noise, twice=True)
            measured = _Measured(*(np.where(wide.kinks, *pair) for pair in zip(measured, wide, strict=True)))

    def compared() -> Comparison:
        central, kinks, error = (part.reshape(x.shape) for part in measured[:3])
        return Comparison(np.asarray(analytic, np.float64), central, kinks, error, rounding)

    # No element is accused before it was looked at more closely: what several steps do not agree upon is not known.
    seen: set[int] = set()
    while True:
        excess = compared()._excess(TOLERANCE)[1].ravel()
        accused = [int(place) for place in np.argsort(-excess)[:ACCUSED] if excess[place] > 0]
        if not accused or seen.intersection(accused):
            return compared()
        for place in accused:
            steps = measured.step[place] * CLOSER
            central, bends = np.array([_slopes(_probe(f, x, h, np.array([place])), middle) for h in steps])[:, :, 0].T
            spread = np.ptp([measured.central[place], *central])  # of h² f‴ / 6, 0.91
            measured.error[place] += 1.5 * spread + abs(bends[1] - 2 * bends[3]) / 2
            seen.add(place)


class _Measured(NamedTuple):
    """Central differences, flat, with what is known of each."""

    central: Array
    kinks: Array
    error: Array
    step: Array


def _measure(
    f: Callable[[Any], Any], x: Array, h: float, middle: float, noise: float, twice: bool = False
) -> _Measured:
    """Take the central difference of each element, and of those that bend (or, `twice`, of all) a narrower one, too."""
    central, bend = _slopes(_probe(f, x, h), middle)
    with np.errstate(invalid="ignore"):  # f may be infinite within the step: then nothing below holds
        scale = np.abs(central[np.isfinite(central)]).max(initial=0)
        limit = 1e-5 * scale + SIGMAS_OF_BENDS * noise / h
        kinks, error = np.zeros(central.size, bool), np.full(central.size, SIGMAS * noise / h)
        suspects = np.flatnonzero(twice | (np.abs(bend) > limit))
        narrow, narrow_bend = _slopes(_probe(f, x, h / 2, suspects), middle)
        curve = np.abs(central[suspects] - narrow)
        jump = np.abs(bend[suspects] - 2 * narrow_bend)
        kinks[suspects] = (curve > limit) | (jump > limit)
        error[suspects] += 2 * curve + jump / 2  # h² f‴ / 6 is 4/3 of the one; a kink hides half of the other
    return _Measured(central, kinks, error, np.full(central.size, h))


def _slopes(probes: Any, middle: float) -> tuple[Array, Array]:
    """Give the central differences, and the right slopes less the left ones."""
    above, below, step = np.array([*probes], np.float64).reshape(-1, 3).T
    with np.errstate(invalid="ignore"):
        return (above - below) / step, (above - 2 * middle + below) / (step / 2)


def _noise(f: Callable[[Any], Any], x: Array, h: float) -> float:
    """Give the standard deviation of the noise of `f` at `x`, by rounding or by chance; at least two of its last digit.

    f is taken at nine places so near to each other that a smooth function is a line there: what its third differences
    leave, of variance 20 σ², is noise (Moré and Wild, 2011, Estimating computational noise). Where most of the nine
    values are equal, f is coarser than they are near, and they move apart, up to h.
    """
    saved, unit = x.copy(), np.spacing(np.maximum(np.abs(x), x.dtype.type(h)))
    values = [f(x)]
    sigma = None
    for power in range(4, 60, 6):
        if 4 * 2**power * float(unit.max(initial=0)) > h and power > 4:
            break
        values = []
        try:
            for i in range(-4, 5):
                x[...] = saved + i * 2**power * unit  # a power of 2: nothing is rounded, so the places are even
                values.append(f(x))
        finally:
            x[...] = saved
        if len({float(value) for value in values}) > 4:
            third = np.diff(np.array(values, np.float64), 3)
            sigma = math.sqrt(float(np.mean(third * third)) / 20)
            break
    held = np.array(values, np.float64)
    with np.errstate(over="ignore", under="ignore"):
        single = x.dtype == np.float32 or bool(np.all(held == held.astype(np.float32)))
    size = float(np.abs(held).max())
    if sigma is None:  # it moved hardly or not at all: what is lost beside 1 inside of f, a loss of 0 does not show
        size = max(size, 1.0)
    least = 2 * float(np.finfo(np.float32 if single else np.float64).eps) * size
    return max(least, sigma) if sigma is not None and math.isfinite(sigma) else least
