"""Numerical gradients: right in smooth places, honest at kinks, and harmless to what they touch."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from badak import Relu, TwoLayerNet, compare_gradient, numerical_gradient


def test_of_a_polynomial(rng):
    x = rng.standard_normal((3, 2))
    before = x.copy()
    assert_allclose(numerical_gradient(lambda x: np.sum(x**3), x), 3 * x**2, atol=2e-8)
    assert_array_equal(x, before)


def test_of_a_strided_array_and_of_one_number(rng):
    x = rng.standard_normal((4, 6))[::2, ::3]
    assert_allclose(numerical_gradient(lambda x: np.sum(x**2), x), 2 * x, atol=1e-9)
    assert numerical_gradient(lambda x: x**2, np.array(3.0)) == pytest.approx(6)


def test_the_function_may_look_elsewhere():
    x = np.array([1.0, 2.0])
    assert_allclose(numerical_gradient(lambda _: x[0] * x[1], x), [2, 1])


def test_x_is_put_back_when_the_function_fails():
    x = np.array([1.0, 2.0])
    with pytest.raises(ZeroDivisionError):
        numerical_gradient(lambda x: 1 / 0, x)
    assert_array_equal(x, [1, 2])


def test_integers_are_refused_by_name():
    with pytest.raises(TypeError, match=r"x is int64.*x\.astype\(float\)"):
        numerical_gradient(lambda x: np.sum(x**2), np.array([3, 4]))


def test_read_only_arrays_and_lists_are_refused():
    x = np.ones(2)
    x.setflags(write=False)
    with pytest.raises(ValueError, match="read-only"):
        numerical_gradient(np.sum, x)
    with pytest.raises(TypeError, match="not list"):
        numerical_gradient(sum, [1.0])


@pytest.mark.parametrize(("h", "error", "words"), [
    (0, ValueError, "h must be above 0 and finite, not 0"), (-1e-4, ValueError, "not -0.0001"),
    (float("nan"), ValueError, "not nan"), (float("inf"), ValueError, "not inf"), ("a", TypeError, "not 'a'"),
    (None, TypeError, "not None"), (1e-20, ValueError, "h = 1e-20 is lost beside 1, an element of x, in float64"),
])  # fmt: skip
@pytest.mark.parametrize("ask", [numerical_gradient, lambda f, x, h: compare_gradient(f, x, 2 * x, h)])
def test_a_step_that_is_none_is_refused(ask, h, error, words):
    x = np.array([1.0, 2.0])
    with pytest.raises(error, match=words):
        ask(lambda x: np.sum(x**2), x, h)
    assert_array_equal(x, [1, 2])


def test_kinks_are_set_apart_wherever_they_lie_in_the_step():
    for place in (0.0, 1e-9, 3e-5, -4e-5, 6e-5, -9e-5):
        x = np.array([1.0, place, -2.0])
        relu = Relu()
        relu.forward(x)
        compared = compare_gradient(lambda x: relu.forward(x).sum() + 0.5 * np.sum(x**2), x, np.array([2.0, 0, -2.0]))
        assert_array_equal(compared.kinks, [False, True, False], f"kink at {place}")
        assert compared.agrees()
        assert compared.mean_difference < 1e-9
        assert compared.worst != (1,)


def test_curves_are_no_kinks(rng):
    x = rng.standard_normal(50)
    compared = compare_gradient(lambda x: np.sum(np.exp(2 * x)), x, 2 * np.exp(2 * x))
    assert not compared.kinks.any()
    assert compared.agrees()


@pytest.mark.parametrize("fault", [lambda g: -g, lambda g: 1.001 * g, lambda g: g + 1e-4])
def test_a_wrong_gradient_is_found(rng, fault):
    x = rng.standard_normal(5)
    assert not compare_gradient(lambda x: np.sum(x**2), x, fault(2 * x)).agrees()


def test_the_shape_must_be_that_of_x():
    with pytest.raises(ValueError, match=r"gradient has shape \(2, 1\), but the array has \(2,\)"):
        compare_gradient(np.sum, np.ones(2), np.ones((2, 1)))


def test_a_unit_on_its_kink_does_not_spoil_the_average(rng):
    network = TwoLayerNet(6, 4, 3, weight_init_std=1, seed=1)
    x, t = rng.standard_normal((3, 6)), np.array([0, 1, 2])
    # The bias that puts hidden unit 2 a hair above 0 for the first sample.
    network.params["b1"][2] -= (x[0] @ network.params["W1"] + network.params["b1"])[2] - 1e-6
    gradient = network.gradient(x, t)
    assert np.mean(np.abs(gradient["b1"] - network.numerical_gradient(x, t)["b1"])) > 1e-4
    compared = compare_gradient(lambda _: network.loss(x, t), network.params["b1"], gradient["b1"])
    assert_array_equal(compared.kinks, [False, False, True, False])
    assert compared.mean_difference < 1e-9
