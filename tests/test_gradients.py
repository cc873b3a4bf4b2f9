"""Numerical gradients: right in smooth places, honest at kinks, and harmless to what they touch."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from badak import MultiLayerNet, Relu, TwoLayerNet, compare_gradient, numerical_gradient


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


# -- verdicts -----------------------------------------------------------------------------------------------------


def sines(x):
    return np.sum(np.sin(x))


@pytest.mark.parametrize("wrong", [2.0, -1.0, 0.0])
def test_where_all_elements_lie_on_a_kink_nothing_can_be_told(wrong):
    for analytic in (np.zeros(5), np.full(5, 123.0 * wrong)):
        compared = compare_gradient(lambda v: np.abs(v).sum(), np.zeros(5), analytic)
        assert compared.kinks.all()
        assert not compared.agrees()
        assert compared.verdict == "cannot tell"
        assert compared.reason == "0 of 5 elements could be compared: 5 lie on a kink"
        assert compared.worst is None


@pytest.mark.parametrize(("smooth", "verdict"), [(0, "cannot tell"), (1, "cannot tell"), (2, "agrees"), (20, "agrees")])
def test_a_tenth_of_the_elements_is_enough(smooth, verdict):
    x = np.concatenate([np.zeros(20 - smooth), np.ones(smooth)])
    assert compare_gradient(lambda v: np.abs(v).sum(), x, np.where(x > 0, 1.0, 0.5)).verdict == verdict


@pytest.mark.parametrize("noise", [1e-9, 1e-6, 1e-4])
def test_a_noisy_function_is_compared_as_far_as_its_noise_allows(rng, noise):
    x = rng.standard_normal((3, 4))

    def f(v):
        return sines(v) + noise * rng.standard_normal()

    assert compare_gradient(f, x, np.cos(x)).verdict in ("agrees", "cannot tell")
    assert compare_gradient(f, x, 5 * np.cos(x)).verdict == "differs"


@pytest.mark.parametrize("size", [1e-10, 1e-5, 1, 1e5])
@pytest.mark.parametrize("narrow", [1e-5, 1e-2, 1])
def test_sizes_of_function_and_array_do_not_matter(rng, size, narrow):
    x = narrow * rng.standard_normal((3, 4))
    gradient = size / narrow * np.cos(x / narrow)
    assert compare_gradient(lambda v: size * sines(v / narrow), x, gradient).agrees()
    assert compare_gradient(lambda v: size * sines(v / narrow), x, 1.01 * gradient).verdict == "differs"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_gradient_that_is_no_number_differs_even_at_a_kink(value):
    compared = compare_gradient(lambda v: np.abs(v).sum(), np.array([0.0, 2.0]), np.array([value, 1.0]))
    assert compared.verdict == "differs"
    assert compared.reason == f"the gradient at [0] is {value}, which no gradient is"


def test_a_function_that_is_no_number_cannot_be_compared():
    with np.errstate(all="ignore"):
        compared = compare_gradient(lambda v: np.sum(np.log(v)), -np.ones(3), -np.ones(3))
    assert (compared.verdict, compared.agrees()) == ("cannot tell", False)
    assert "f is no finite number at 3" in compared.reason


def test_right_gradients_in_float32_agree_and_wrong_ones_do_not(rng):
    network = TwoLayerNet(20, 10, 5, seed=0, dtype=np.float32, weight_init_std=0.3, engine="numpy")
    x, t = rng.standard_normal((7, 20)), rng.integers(0, 5, 7)
    for key, gradient in network.gradient(x, t).items():
        compared = compare_gradient(lambda _: network.loss(x, t), network.params[key], gradient)
        assert compared.agrees(), (key, compared.reason)
        assert compare_gradient(lambda _: network.loss(x, t), network.params[key], 1.02 * gradient).verdict == "differs"


def test_the_rounding_of_large_losses_and_inputs_is_allowed_for(rng):
    x = rng.standard_normal((3, 4))
    assert compare_gradient(lambda v: 1e8 + sines(v), x, np.cos(x)).agrees()
    assert compare_gradient(lambda v: 1e8 + sines(v), x, 1.1 * np.cos(x)).verdict == "differs"
    x = 1e6 * (1 + np.abs(x))
    assert compare_gradient(lambda v: np.sum(v**2), x, 2 * x).agrees()
    assert compare_gradient(lambda v: np.sum(v**2), x, 2.001 * x).verdict == "differs"


def test_what_rounding_hides_cannot_be_told(rng):
    x = rng.standard_normal(6)
    compared = compare_gradient(lambda v: 1e8 + 0.1 + 1e-9 * sines(v), x, 1e-9 * np.cos(x))
    assert compared.verdict == "cannot tell"
    assert "rounding or noise of f hides 6" in compared.reason
    assert compare_gradient(lambda v: 1e8 + 0.1 + 1e-9 * sines(v), x, np.cos(x)).verdict == "differs"


def test_a_function_that_does_not_move_has_a_gradient_of_0():
    assert compare_gradient(lambda v: 2.5, np.ones(3), np.zeros(3)).agrees()
    assert not compare_gradient(lambda v: 2.5, np.ones(3), np.full(3, 1e-20)).agrees()


@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-6])
def test_the_tolerance_is_kept_to_from_both_sides(size):
    x = np.array([1.0, 2.0, -1.5])
    right = size * 2 * x  # the central difference of a square is exact, but for rounding
    for off, verdict in ((2e-7, "agrees"), (2e-5, "differs"), (-2e-7, "agrees"), (-2e-5, "differs")):
        wrong = right + off * size * np.array([0, 0, 1])
        compared = compare_gradient(lambda v: size * np.sum(v**2), x, wrong)
        assert compared.verdict == verdict, (off, compared.reason)
        assert compared.agrees(1e-4)
    assert compared.worst == (2,)
    assert compared.reason.startswith("at [2] backward gives ")


def test_an_empty_array_says_so():
    compared = compare_gradient(lambda v: 1.0, np.zeros((0, 3)), np.zeros((0, 3)))
    assert (compared.worst, compared.verdict, compared.agrees()) == (None, "cannot tell", False)
    assert compared.reason == "the array has no elements"


def test_a_reason_is_kept_as_sentences_and_their_values():
    compared = compare_gradient(lambda v: np.abs(v).sum(), np.zeros(5), np.zeros(5))
    judgement = compared.judge()
    said = judgement.told(lambda text, values: f"<{text.format_map(values)}>")
    assert said == "<0 of 5 elements could be compared>: <5 lie on a kink>"
    assert judgement.reason == compared.reason == said.replace("<", "").replace(">", "")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(-2, 2))
@settings(max_examples=15, deadline=None)
def test_verdicts_on_networks_of_all_kinds(dtype, seed, scale):
    rng = np.random.default_rng(seed)
    activation = ["relu", "leakyrelu", "sigmoid", "tanh", "gelu"][seed % 5]
    network = MultiLayerNet(4, [5], 3, activation, seed=seed, dtype=dtype, engine="numpy")
    x, t = 10**scale * rng.standard_normal((6, 4)), rng.integers(3, size=6)
    for key, gradient in network.gradient(x, t).items():
        view = network.params[key]
        before = view.copy()
        right = compare_gradient(lambda _: network.loss(x, t), view, gradient)
        assert right.verdict != "differs", right.reason
        assert_array_equal(view, before)
        if gradient.any():
            assert not compare_gradient(lambda _: network.loss(x, t), view, 1.3 * gradient).agrees()


@pytest.mark.parametrize("steep", [30, 100, 300])
def test_no_element_is_accused_at_an_inflection(steep):
    # f″ is 0 here, so nothing bends, and the central difference is off by h² f‴ / 6 all the same.
    x = np.zeros(4)
    assert compare_gradient(lambda v: sines(steep * v), x, np.full(4, float(steep))).agrees()
    assert compare_gradient(lambda v: sines(steep * v), x, np.full(4, 1.01 * steep)).verdict == "differs"
