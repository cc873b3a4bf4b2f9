"""How weights begin: drawn from a normal distribution, by a generator that comes from a seed."""

import math
from typing import Any

import numpy as np

from badak.types import Array
from badak.validate import whole, within

HE, XAVIER = 2.0, 1.0
GAIN = {"relu": HE, "leakyrelu": HE, "gelu": HE, "he": HE, "sigmoid": XAVIER, "tanh": XAVIER, "xavier": XAVIER}
"""Variance of a weight times the number of inputs, by name or by the activation that it suits."""


def weight_std(how: float | str | None, inputs: int, activation: str = "relu", name: str = "weight_init_std") -> float:
    """Give the standard deviation of a layer's first weights, for so many `inputs` of each of its outputs.

    `how` is a number, that itself; 'he', √(2 / inputs) (He et al., 2015); 'xavier', √(1 / inputs) (Glorot and Bengio,
    2010, as the book's ch. 6.2 has it, with the outputs left out); an activation, by which of the two suits it; or
    None for the `activation` at hand. Raises TypeError or ValueError for anything else, naming it `name`.
    """
    how = activation if how is None else how
    if not isinstance(how, str):
        return within(name, how, 0)
    if how.lower() not in GAIN:
        raise ValueError(f"{name} must be a number or one of {', '.join(GAIN)}, not {how!r}")
    return math.sqrt(GAIN[how.lower()] / inputs)


def draw(shape: tuple[int, ...], inputs: int, init: float | str | None, rng: Any) -> Array:
    """Give weights of this shape, for so many `inputs` of each output: float64, normal around 0, as `weight_std` says.

    `rng` is a generator, a seed or None, as for `generator`. Raises TypeError or ValueError for any other.
    """
    rng = rng if isinstance(rng, np.random.Generator) else generator(rng)
    return weight_std(init, inputs, name="init") * rng.standard_normal(shape)


def generator(seed: Any) -> "np.random.Generator":  # in quotes: the annotation would import numpy.random
    """Give a generator from `seed`, an int of 0 or more; None seeds it from the system.

    Raises TypeError or ValueError, naming the seed, for anything else.
    """
    return np.random.default_rng(None if seed is None else whole("seed", seed, 0))
