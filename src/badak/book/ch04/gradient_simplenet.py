"""`gradient_simplenet` of chapter 4: a network of one weight matrix (ch. 4.4.2), without the script's example."""

import typing as _t

import numpy as np

from badak.book.common.functions import cross_entropy_error, softmax
from badak.book.common.gradient import numerical_gradient  # noqa: F401 (scripts take it from here)


class simpleNet:
    """Two inputs, three classes: `W` is (2, 3), drawn from NumPy's global generator."""

    def __init__(self) -> None:
        self.W = np.random.randn(2, 3)  # noqa: NPY002 (the book's)

    def predict(self, x: _t.Any) -> _t.Any:
        """Give the scores x W."""
        return np.dot(x, self.W)

    def loss(self, x: _t.Any, t: _t.Any) -> _t.Any:
        """Give the cross-entropy error of the scores' softmax."""
        return cross_entropy_error(softmax(self.predict(x)), t)
