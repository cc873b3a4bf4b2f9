"""What the tests of the engine share: layers with weights of ordinary size, and when numbers are equal to rounding."""

import numpy as np

from badak import Affine


def affine(rng, D, H):
    return Affine(rng.standard_normal((D, H)) / np.sqrt(D), 0.1 * rng.standard_normal(H))


def closeness(tolerance):
    """Give `close(got, want, dtype, factor)`: equal to `factor` times that type's tolerance of the largest number."""

    def close(got, want, dtype, factor=1.0):
        scale = max(1e-3, float(np.max(np.abs(want))))
        np.testing.assert_allclose(got, want, rtol=0, atol=factor * tolerance[dtype] * scale)

    return close
