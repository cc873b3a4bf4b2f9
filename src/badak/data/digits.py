"""The UCI handwritten digits, 8 x 8 pixels, which come with scikit-learn: small enough for a first try."""

import numpy as np

from badak.data.sets import Data, make_data

TRAIN = 1437


def load_digits() -> Data:
    """Give the 1,797 digits as float32 from 0 to 1 (the file's 0 to 16, divided by 16), labels from 0 to 9.

    The order of the file is kept: the first 1,437 rows (80 %) are for training, the last 360 for testing,
    33 to 37 of each digit. (E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.)

    Raises ModuleNotFoundError, with what to type, if scikit-learn is not installed.
    """
    try:
        from sklearn import datasets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "the digits come with scikit-learn, which is not installed; type: pip install 'badak[digits]'",
            name=error.name,
        ) from error
    x, t = datasets.load_digits(return_X_y=True)
    images = (x / 16).astype(np.float32).reshape(-1, 8, 8)
    return make_data("digits", images[:TRAIN], t[:TRAIN], images[TRAIN:], t[TRAIN:])
