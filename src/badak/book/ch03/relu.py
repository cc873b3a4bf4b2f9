"""`relu` of chapter 3: the function, without the picture that the book's script draws (ch. 3.2.7)."""

import numpy as np  # noqa: F401 (a star import carries it, as in the book)

from badak.book.common.functions import relu  # noqa: F401
