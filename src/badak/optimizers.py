"""What changes the parameters, given their gradients: a few array lines each, on a network's whole Block."""

from typing import Any

import numpy as np


class SGD:
    """Stochastic gradient descent: W ← W - lr · dW (book, ch. 6.1.2).

    `lr` is the learning rate, a positive number. Raises TypeError or ValueError for anything else.
    """

    def __init__(self, lr: float = 0.01) -> None:
        self.lr = learning_rate(lr)

    def update(self, params: Any, grads: Any) -> None:
        """Change `params` in place: both are flat arrays, as a Block has them."""
        params -= params.dtype.type(self.lr) * grads


def learning_rate(lr: Any) -> float:
    """Give `lr` as a float. Raises TypeError for no number, ValueError for one that is not above 0 and finite."""
    if isinstance(lr, bool) or not isinstance(lr, (int, float, np.integer, np.floating)):
        raise TypeError(f"lr (the learning rate) must be a number, not {lr!r}")
    if not (np.isfinite(lr) and lr > 0):
        raise ValueError(f"lr (the learning rate) must be above 0 and finite, not {lr}")
    return float(lr)
