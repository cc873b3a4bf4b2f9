"""What a Layer, a Loss and a Runner are, and the letters that stand for sizes.

The alphabet of shapes, used in every comment and docstring:
`N` samples in a batch, `D` values in, `H` values out (hidden), `C` classes or channels, `(C, H, W)` an image.

Nothing here does any work: these are the promises that rooms make to each other. Imports NumPy alone.
"""

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]


@runtime_checkable
class Layer(Protocol):
    """A step of a network: `forward` keeps what `backward` will need.

    The contract, which `badak check` runs against ours and yours alike:

    1. Neither method writes into its arguments or the parameters.
    2. `backward(dout)` is the vector-Jacobian product at the last `forward`, for any `dout`; it sets the
       parameters' gradients (a new array each time), it does not add to them.
    3. `dx` has the shape of `x`, `dW` that of `W`; any batch size, 1 included.
    4. No overflow, NaN or warning at large inputs of either sign.
    5. A second `forward` replaces what the first one kept; `backward` before `forward` says so.
    6. Predicting changes nothing, and a row gets the same answer alone or in a batch.
    7. `repr` is one line that could be typed back.

    A parameter is an array attribute `W` that has a partner `dW`; nothing else has to be declared.
    """

    def forward(self, x: Any, /) -> Any:
        """Give the output for the batch `x`."""
        ...

    def backward(self, dout: Any, /) -> Any:
        """Give dx, the gradient with respect to the last `x`, from `dout`, that of the output."""
        ...


@runtime_checkable
class Loss(Protocol):
    """The last layer: it also sees the targets `t` and gives one number, the mean over the batch."""

    def forward(self, x: Any, t: Any, /) -> Any:
        """Give the loss of the scores `x` against the targets `t`."""
        ...

    def backward(self, dout: Any = 1, /) -> Any:
        """Give `dout` times the gradient of the loss with respect to the scores."""
        ...


class Optimizer(Protocol):
    """What changes the parameters, given their gradients."""

    def update(self, params: Any, grads: Any, /) -> None:
        """Change `params` in place."""
        ...


class Runner(Protocol):
    """Who carries out training steps: NumPy, or the engine."""

    engine: str
    """'numpy' or 'native'."""

    def steps(self, order: IntArray) -> FloatArray:
        """Do one training step for each row of `order`.

        `order` is (n, batch) indices into the training data; the answer is (n,) losses, each of its batch before
        its update. Parameters are in the network's Block when this returns.
        """
        ...


def parameters(layer: object) -> Mapping[str, Array]:
    """Give the parameters of a layer by attribute name: every array `W` that has a partner `dW`.

    A read-only view of them, in the order in which the layer set them.
    """
    return {
        name: value
        for name, value in getattr(layer, "__dict__", {}).items()
        if isinstance(value, np.ndarray) and "d" + name in layer.__dict__ and name not in ("x", "y", "t", "out")
    }
