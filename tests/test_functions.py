"""The plain functions: figures, both shapes, large inputs, and what they refuse."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from badak import IdentityWithLoss, SoftmaxWithLoss
from badak.functions import cross_entropy_error, one_hot, relu, sigmoid, softmax, sum_squared_error


def test_relu_keeps_what_is_above_zero():
    assert_array_equal(relu([-2, 0, 3]), [0, 0, 3])
    assert relu(np.float32([1])).dtype == np.float32


@pytest.mark.parametrize("function", [sigmoid, softmax, relu])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_warning_at_large_inputs(function, dtype):
    with np.errstate(all="raise"):
        y = function(np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, 1e4]], dtype))
    assert np.isfinite(y).all()
    assert y.dtype == dtype


def test_sigmoid_is_exact_far_below_zero():
    assert_allclose(sigmoid(-40.0), np.exp(-40.0), rtol=1e-12)
    assert_allclose(sigmoid([0.0, 1.0]), [0.5, 0.7310585786300049], rtol=1e-15)


def test_softmax_of_the_book():
    y = softmax(np.array([0.3, 2.9, 4.0]))
    assert_allclose(y, [0.01821127, 0.24519181, 0.73659691], atol=5e-9)
    assert_allclose(softmax(np.array([[0.3, 2.9, 4.0], [1, 1, 1]]) + 1000)[0], y, rtol=1e-9)


def test_cross_entropy_of_the_book():
    y = np.array([0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0])
    assert cross_entropy_error(y, 2) == pytest.approx(-np.log(0.6), rel=1e-15)
    assert cross_entropy_error(y, np.eye(10)[2]) == pytest.approx(0.5108256, abs=1e-7)
    assert cross_entropy_error([y, y], [2, 0]) == pytest.approx((0.5108256 - np.log(0.1)) / 2, abs=1e-7)


def test_cross_entropy_is_infinite_where_the_right_class_has_probability_0():
    with np.errstate(all="raise"):
        assert cross_entropy_error([[1.0, 0.0]], [1]) == np.inf
        assert cross_entropy_error([[1.0, 0.0]], [0]) == 0


@pytest.mark.parametrize("y", [[[1.2, -0.2]], [[np.nan, 1.0]], [[2.0, 0.0]]])
def test_cross_entropy_refuses_what_is_no_probability(y):
    with pytest.raises(ValueError, match="y must hold probabilities"):
        cross_entropy_error(y, [0])
    with pytest.raises(ValueError, match=r"between 0 and 1; it is 1\.0000001$"):
        cross_entropy_error(np.array([[1.0000001]]), [0])
    with pytest.raises(ValueError, match=r"between 0 and 1; it goes from 0\.5 to 2$"):
        cross_entropy_error(np.array([[0.5, 2.0]]), [0])
    with pytest.raises(ValueError, match="add up to 1; t goes from -1 to 2$"):
        cross_entropy_error(np.array([[0.5, 0.5]]), [[2, -1]])
    with pytest.raises(ValueError, match="add up to 1; a row's sum is 2$"):
        cross_entropy_error(np.array([[0.5]]), [[2]])


def test_sum_squared_error_is_over_everything():
    assert sum_squared_error([1.0, 2.0], [0.0, 0.0]) == 2.5
    assert sum_squared_error(np.ones((3, 2)), np.zeros((3, 2))) == 3.0
    with pytest.raises(ValueError, match=r"y has \(5, 1\), t has \(5,\)"):
        sum_squared_error(np.ones((5, 1)), np.ones(5))


def test_one_hot_tells_indices_from_rows_by_shape():
    assert_array_equal(one_hot([2, 0], (2, 3)), [[0, 0, 1], [1, 0, 0]])
    assert_array_equal(one_hot([0, 1], (2, 2)), [[1, 0], [0, 1]])
    assert_array_equal(one_hot([[0, 1], [1, 0]], (2, 2)), [[0, 1], [1, 0]])
    assert_array_equal(one_hot(1, (3,)), [0, 1, 0])
    assert_array_equal(one_hot(np.uint8([2]), (1, 3)), [[0, 0, 1]])


@pytest.mark.parametrize(
    ("t", "error", "words"),
    [
        ([3, 0], ValueError, r"t\[0\] is 3, but with 3 classes"),
        ([0, -1], ValueError, r"t\[1\] is -1"),
        ([0.0, 1.0], TypeError, "must be integers; t is float64"),
        ([[0], [1]], ValueError, "drop the last axis"),
        ([0, 1, 2], ValueError, r"t has shape \(3,\)"),
        (np.zeros((2, 3)), ValueError, "add up to 1"),
        (np.full((2, 3), np.nan), ValueError, "add up to 1"),
        ([[2, -1, 0], [1, 0, 0]], ValueError, "0 or more"),
        (["a", "b"], TypeError, "integers"),
    ],
)
def test_one_hot_refuses(t, error, words):
    with pytest.raises(error, match=words):
        one_hot(np.asarray(t), (2, 3))


@pytest.mark.parametrize(
    ("t", "error", "words"),
    [
        ([1.0, 2.0], TypeError, r"t is float64: give t.astype\(int\)$"),
        ([True, False], TypeError, r"t is bool: give t.astype\(int\)$"),
        ([0.5, 1.0], TypeError, "t is float64$"),
        (
            ["cat", "dog"],
            TypeError,
            r"t is <U3, such as 'cat': names, t = np.unique\(t, return_inverse=True\) numbers",
        ),
        ([[0, 1, 0], [1, 0]], ValueError, "t is a list of rows with different numbers of elements"),
    ],
)
def test_labels_that_are_no_indices_name_the_mend(t, error, words):
    with pytest.raises(error, match=words):
        one_hot(t, (2, 3))
    with pytest.raises(error, match=words):
        SoftmaxWithLoss().forward(np.zeros((2, 3)), t)


def test_the_mends_mend():
    assert_array_equal(one_hot(np.array([1.0, 2.0]).astype(int), (2, 3)), [[0, 1, 0], [0, 0, 1]])
    _, t = np.unique(["dog", "cat"], return_inverse=True)
    assert_array_equal(one_hot(t, (2, 2)), [[0, 1], [1, 0]])


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), ()])
def test_losses_of_nothing(shape):
    with pytest.raises(ValueError, match="at least one sample"):
        cross_entropy_error(np.ones(shape), np.zeros(shape[:1], int))
    for loss in (SoftmaxWithLoss(), IdentityWithLoss()):
        with pytest.raises(ValueError, match="at least one sample"):
            loss.forward(np.ones(shape), np.ones(shape))


def test_words_are_no_numbers():
    with pytest.raises(TypeError, match="x must hold real numbers"):
        softmax(["a"])
    with pytest.raises(TypeError, match="real numbers, not complex128"):
        sigmoid([1j])
