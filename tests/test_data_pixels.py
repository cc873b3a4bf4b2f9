import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from badak.data import Pixels

VALUES = np.arange(24, dtype=np.uint8).reshape(4, 2, 3) * 10


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, max_side=5)),
    st.sampled_from([255.0, 16, 1, 0.3, np.float32(7)]),
    st.data(),
)
def test_any_index_gives_the_bytes_divided_in_float32(values, scale, data):
    index = data.draw(hnp.basic_indices(values.shape, allow_newaxis=True, allow_ellipsis=True))
    expected = values.astype(np.float32) / np.float32(scale)
    found = Pixels(values, scale)[index]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected[index], strict=not np.isscalar(found))


def test_all_256_bytes_are_divided_exactly():
    values = np.arange(256, dtype=np.uint8)
    assert (Pixels(values)[...] == values.astype(np.float32) / np.float32(255)).all()


@pytest.mark.parametrize(
    "index",
    [2, -1, slice(1, 3), np.array([3, 0, 0]), [1, 2], np.array([True, False, True, False]), (slice(None), 1), ...],
    ids=str,
)
def test_it_is_indexed_as_an_array_is(index):
    expected = VALUES.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(Pixels(VALUES)[index], expected[index], strict=True)


def test_it_looks_like_an_array():
    pixels = Pixels(VALUES, 16)
    array = VALUES.astype(np.float32) / np.float32(16)
    assert (len(pixels), pixels.shape, pixels.ndim, pixels.size) == (4, (4, 2, 3), 3, 24)
    assert pixels.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(pixels), array, strict=True)
    np.testing.assert_array_equal(np.asarray(pixels, np.float64), array.astype(np.float64), strict=True)
    np.testing.assert_array_equal(np.stack(list(pixels)), array, strict=True)  # iteration ends
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(pixels))[...], array, strict=True)
    assert repr(pixels) == "<Pixels (4, 2, 3), bytes / 16>"


def test_reshape_keeps_bytes_and_scale():
    pixels = Pixels(VALUES, 16)
    for flat in (pixels.reshape(4, -1), pixels.reshape((4, 6))):
        assert flat.shape == (4, 6)
        assert flat.scale == 16
        assert np.shares_memory(flat.values, VALUES)


def test_what_is_given_is_the_callers_own():
    pixels = Pixels(VALUES.copy())
    pixels[0][...] = 5
    np.asarray(pixels)[...] = 5
    np.testing.assert_array_equal(pixels.values, VALUES)


BAD = {
    "list": (lambda: Pixels([1, 2]), TypeError, "need an array of uint8, not list"),
    "float64": (lambda: Pixels(np.zeros(3)), TypeError, "need an array of uint8, not an array of float64"),
    "int8": (lambda: Pixels(np.zeros(3, np.int8)), TypeError, "not an array of int8"),
    "no dimension": (lambda: Pixels(np.array(3, np.uint8)), ValueError, "at least one dimension"),
    "scale 0": (lambda: Pixels(VALUES, 0), ValueError, "scale must be above 0 and finite, not 0"),
    "scale NaN": (lambda: Pixels(VALUES, np.nan), ValueError, "not nan"),
    "scale infinite": (lambda: Pixels(VALUES, np.inf), ValueError, "not inf"),
    "scale text": (lambda: Pixels(VALUES, "255"), TypeError, "scale must be a number, not '255'"),
    "scale true": (lambda: Pixels(VALUES, True), TypeError, "scale must be a number, not True"),
    "index beyond": (lambda: Pixels(VALUES)[4], IndexError, "out of bounds for axis 0 with size 4"),
    "reshape": (lambda: Pixels(VALUES).reshape(5, 5), ValueError, "cannot reshape array of size 24"),
    "no copy": (lambda: np.array(Pixels(VALUES), copy=False), ValueError, "without a copy"),
}


@pytest.mark.parametrize(("call", "error", "words"), BAD.values(), ids=BAD)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()
