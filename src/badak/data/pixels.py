"""Pixels: images kept as bytes that behave as an array of float32 between 0 and 1. Imports NumPy alone."""

from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import DTypeLike, NDArray

from badak.validate import above_zero


class Pixels:
    """Bytes read as float32: `pixels[index]` is `values[index].astype(np.float32) / np.float32(scale)`.

    60,000 images of 784 pixels take 47 MB so, instead of 188 MB.

    values: uint8 array (N, …), kept without a copy. scale: what stands for 1.0; 255 for images.
    Raises TypeError for values of another dtype, ValueError for a scale that is not positive and finite.
    """

    def __init__(self, values: NDArray[np.uint8], scale: float = 255.0) -> None:
        if not isinstance(values, np.ndarray) or values.dtype != np.uint8:
            what = f"an array of {values.dtype}" if isinstance(values, np.ndarray) else type(values).__name__
            raise TypeError(f"Pixels need an array of uint8, not {what}")
        if values.ndim == 0:
            raise ValueError("Pixels need an array of at least one dimension (N, …), not a single number")
        self.values = values
        self.scale = above_zero("scale", scale)

    dtype = np.dtype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape, (N, …)."""
        return self.values.shape

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.values.ndim

    @property
    def size(self) -> int:
        """The number of pixels in all images together."""
        return self.values.size

    def __len__(self) -> int:
        """Give N."""
        return len(self.values)

    def __getitem__(self, index: Any) -> NDArray[np.float32]:
        """Give the chosen images as a new float32 array; any index that NumPy knows (else IndexError)."""
        chosen = self.values[index]
        # One pass over the bytes; the same division, element by element, as astype followed by /.
        return np.divide(chosen, np.float32(self.scale), dtype=np.float32)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Give all of it as an array: float32 unless `dtype` says otherwise. ValueError for `copy=False`."""
        if copy is False:
            raise ValueError("Pixels cannot become an array without a copy: they hold bytes")
        return self[...].astype(self.dtype if dtype is None else dtype, copy=False)

    def reshape(self, *shape: SupportsIndex | tuple[SupportsIndex, ...]) -> "Pixels":
        """Give the same bytes in another shape, as `numpy.ndarray.reshape`."""
        return Pixels(self.values.reshape(*shape), self.scale)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        """Give one line with the shape and the scale."""
        return f"<Pixels {self.shape}, bytes / {self.scale:g}>"
