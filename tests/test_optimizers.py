"""Optimizers: each against steps done by hand and against its published rule, and what comes before the rule."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import badak
from badak import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    CosineSchedule,
    Momentum,
    Nesterov,
    RMSprop,
    StepSchedule,
    TwoLayerNet,
    WarmUp,
    fit,
)
from badak.memory import Block
from badak.optim import OPTIMIZERS, SCHEDULES, make_optimizer, make_schedule
from badak.optim.optimizers import shortened

# Two steps from W = 1 with dW = 0.5 and then -0.25, done by hand.
BY_HAND = {
    "sgd": (SGD(0.1), [0.95, 0.975]),
    # v: -0.05, then 0.9·-0.05 + 0.025 = -0.02
    "momentum": (Momentum(0.1, 0.9), [0.95, 0.93]),
    # W + 0.9·-0.05 - 0.05 = 0.905; v = -0.02, W + 0.9·-0.02 + 0.025
    "nesterov": (Nesterov(0.1, 0.9), [0.905, 0.912]),
    # h: 0.25, then 0.3125
    "adagrad": (AdaGrad(0.1), [0.9, 0.9 + 0.025 / math.sqrt(0.3125)]),
    # h: 0.01·0.25, then 0.99·0.0025 + 0.01·0.0625 = 0.0031
    "rmsprop": (RMSprop(0.1), [0.0, 0.025 / math.sqrt(0.0031)]),
    # m̂, v̂: 0.5, 0.25; then m = 0.9·0.05 - 0.025 = 0.02, /0.19; v = 0.999·0.00025 + 0.0000625, /0.001999
    "adam": (Adam(0.1), [0.9, 0.9 - 0.1 * (0.02 / 0.19) / math.sqrt(0.00031225 / 0.001999)]),
    # The same after W·(1 - 0.1·0.5)
    "adamw": (
        AdamW(0.1, weight_decay=0.5),
        [0.85, 0.85 * 0.95 - 0.1 * (0.02 / 0.19) / math.sqrt(0.00031225 / 0.001999)],
    ),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_two_steps_by_hand(name):
    optimizer, expected = BY_HAND[name]
    W = np.array([1.0])
    for gradient, value in zip([0.5, -0.25], expected, strict=True):
        optimizer.update(W, np.array([gradient]))
        # eps is what the steps by hand leave out: 1e-7 beside a root of 0.05 or more
        assert W[0] == pytest.approx(value, rel=2e-5, abs=1e-5)
    assert optimizer.name == name
    assert optimizer.steps == 2


def published(name, W, gradients, lr):
    """The rules as their papers write them: with sums over all steps, nothing kept."""
    g = np.array(gradients)
    t = len(g)
    if name == "sgd":
        return W - lr * g.sum(axis=0)
    if name == "momentum":  # each gradient acts with 1 + μ + μ² + …
        return W - lr * sum(g[i] * (1 - 0.9 ** (t - i)) / (1 - 0.9) for i in range(t))
    if name == "nesterov":  # Sutskever et al., 2013: the gradient at θ + μ v; here W stands for θ + μ v
        theta, v = W.copy(), np.zeros_like(W)
        for row in g:
            v = 0.9 * v - lr * row
            theta = theta + v
        return theta + 0.9 * v
    for i in range(t):
        if name == "adagrad":
            W = W - lr * g[i] / (np.sqrt(np.sum(g[: i + 1] ** 2, axis=0)) + 1e-7)
        if name == "rmsprop":
            h = sum(0.01 * 0.99 ** (i - j) * g[j] ** 2 for j in range(i + 1))
            W = W - lr * g[i] / (np.sqrt(h) + 1e-7)
        if name.startswith("adam"):
            weights = 0.9 ** np.arange(i, -1, -1.0)
            squares = 0.999 ** np.arange(i, -1, -1.0)
            m, v = (np.average(a, axis=0, weights=w) for a, w in ((g[: i + 1], weights), (g[: i + 1] ** 2, squares)))
            W = W - lr * (m / (np.sqrt(v) + 1e-8) + (0.01 * W if name == "adamw" else 0))
    return W


@pytest.mark.parametrize("name", OPTIMIZERS)
@given(steps=st.integers(1, 12), seed=st.integers(0, 2**32 - 1), lr=st.floats(1e-3, 0.5))
@settings(max_examples=20, deadline=None)
def test_the_published_rule(name, steps, seed, lr):
    rng = np.random.default_rng(seed)
    W, gradients = rng.standard_normal(5), rng.standard_normal((steps, 5))
    mine, optimizer = W.copy(), make_optimizer(name, lr)
    for gradient in gradients:
        gradient.setflags(write=False)
        optimizer.update(mine, gradient)
    assert_allclose(mine, published(name, W, gradients, lr), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_state_can_be_seen_and_keeps_the_dtype(name):
    optimizer = make_optimizer(name)
    W = np.ones(4, np.float32)
    assert optimizer.state == {}
    optimizer.begin(W)
    assert list(optimizer.state) == list(optimizer.states)
    kept = dict(optimizer.state)
    optimizer.update(W, np.full(4, 0.5, np.float32))
    assert W.dtype == np.float32
    for key, array in optimizer.state.items():
        assert array is kept[key]
        assert array.any()
        assert array.dtype == np.float32
    assert optimizer.hyperparameters["lr"] == optimizer.lr
    assert {"weight_decay", "clip_norm", "schedule"} <= set(optimizer.hyperparameters)
    assert repr(eval(repr(optimizer), vars(badak))) == repr(optimizer)
    if optimizer.states:
        with pytest.raises(ValueError, match="has trained 4 parameters of float32, and now gets 5 of float32"):
            optimizer.update(np.ones(5, np.float32), np.ones(5, np.float32))


def test_weight_decay_is_the_gradient_of_half_its_squares():
    W = np.array([1.0, -2.0, 3.0])
    optimizer = SGD(0.1, weight_decay=0.5)
    optimizer.update(W, np.zeros(3))
    assert_allclose(W, 0.95 * np.array([1, -2, 3]))
    optimizer.decayed = np.array([True, False, True])
    before = W.copy()
    optimizer.update(W, np.zeros(3))
    assert_allclose(W, before * [0.95, 1, 0.95])
    both = AdamW(0.1, weight_decay=0.5)
    both.decayed = optimizer.decayed
    before = W.copy()
    both.update(W, np.zeros(3))
    assert_allclose(W, before * [0.95, 1, 0.95])


def test_clipping_shortens_what_is_too_long_and_nothing_else():
    W, g = np.zeros(2), np.array([3.0, 4.0])
    SGD(1.0, clip_norm=10).update(W, g)
    assert_allclose(W, [-3, -4])
    W[:] = 0
    SGD(1.0, clip_norm=1).update(W, g)
    assert_allclose(W, [-0.6, -0.8])
    assert_array_equal(g, [3, 4])
    # The gradient is clipped, then the weights are added to it.
    W[:] = 1
    SGD(1.0, clip_norm=1, weight_decay=1).update(W, g)
    assert_allclose(W, [-0.6, -0.8])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("share", [0.99, 0.9, 0.5, -0.5, -0.9])
def test_clipping_of_gradients_whose_squares_no_float_holds(dtype, share):
    size = float(np.finfo(dtype).max ** share) if share > 0 else float(np.finfo(dtype).tiny ** -share)
    g, W = np.full(3, size, dtype), np.zeros(3, dtype)
    SGD(1.0, clip_norm=size / 10).update(W, g)
    assert_allclose(W, -size / 10 / np.sqrt(3), rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipping_of_a_gradient_whose_length_no_float_holds(dtype):
    g = np.full(64, np.finfo(dtype).max / 2, dtype)
    assert_allclose(shortened(g, 1.0), 1 / 8, rtol=1e-6)


def test_a_gradient_of_nothing_is_not_shortened_and_an_infinite_one_to_nothing():
    assert not shortened(np.zeros(3), 1.0).any()
    assert shortened(np.zeros(0), 1.0).shape == (0,)
    assert_array_equal(shortened(np.array([np.inf, 1]), 1.0), [np.nan, 0])
    assert_array_equal(shortened(np.array([np.nan, 5]), 1.0), [np.nan, 5])


def test_the_learning_rate_of_momentum_is_inside_of_v():
    W, schedule = np.zeros(1), StepSchedule(1, 0.1)
    optimizer = Momentum(0.1, 0.9, schedule=schedule)
    for expected in (-0.1, -0.2, -0.291):  # with the rate outside, as in PyTorch: -0.1, -0.119, -0.12171
        optimizer.update(W, np.ones(1))
        assert W[0] == pytest.approx(expected)


def test_schedules():
    step = StepSchedule(10, 0.5)
    assert [step(i) for i in (0, 9, 10, 25)] == [1, 1, 0.5, 0.25]
    cosine = CosineSchedule(100, 0.1)
    assert [cosine(i) for i in (0, 50, 100, 999)] == pytest.approx([1, 0.55, 0.1, 0.1])
    warm = WarmUp(4, step)
    assert [warm(i) for i in (0, 1, 3, 4, 13, 14)] == [0.25, 0.5, 1, 1, 1, 0.5]
    assert WarmUp(4)(1000) == 1
    W = np.array([0.0])
    optimizer = SGD(0.1, schedule=StepSchedule(1, 0.5))
    for _ in range(3):
        optimizer.update(W, np.array([1.0]))
    assert W[0] == pytest.approx(-0.1 - 0.05 - 0.025)


def test_schedules_by_name():
    for name in SCHEDULES:
        for total in (1, 2, 60, 1000):
            schedule = make_schedule(name, total)
            rates = [schedule(i) for i in range(total)]
            assert all(0 <= rate <= 1 for rate in rates)
            assert repr(eval(repr(schedule), vars(badak))) == repr(schedule)
    assert [make_schedule("step", 30)(i) for i in (9, 10, 20)] == pytest.approx([1, 0.1, 0.01])
    assert make_schedule("warmup-cosine", 100)(2) == pytest.approx(0.6)
    assert make_schedule("warmup-cosine", 100)(100) == 0
    with pytest.raises(ValueError, match=r"one of step, cosine, .* not 'linear'"):
        make_schedule("linear", 10)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: SGD(0), ValueError, r"lr \(the learning rate\) must be above 0 and finite, not 0"),
        (lambda: SGD("0.1"), TypeError, r"lr \(the learning rate\) must be a number"),
        (lambda: Momentum(momentum=1), ValueError, "momentum must be from 0 to below 1, not 1"),
        (lambda: Momentum(momentum=True), TypeError, "momentum must be a number"),
        (lambda: Adam(beta2=-0.1), ValueError, "beta2 must be"),
        (lambda: Adam(eps=0), ValueError, "eps must be above 0"),
        (lambda: RMSprop(decay_rate=2), ValueError, "decay_rate must be"),
        (lambda: SGD(weight_decay=-1), ValueError, "weight_decay must be 0 or more and finite, not -1"),
        (lambda: SGD(weight_decay=math.nan), ValueError, "weight_decay"),
        (lambda: SGD(clip_norm=0), ValueError, "clip_norm must be above 0"),
        (lambda: SGD(schedule="cosine"), TypeError, "schedule must be a Schedule"),
        (lambda: StepSchedule(0), ValueError, "every must be 1 or more"),
        (lambda: StepSchedule(5, 1.5), ValueError, "factor must be from 0 to 1"),
        (lambda: CosineSchedule(2.5), TypeError, "total must be a whole number"),
        (lambda: make_optimizer("adamax"), ValueError, r"one of sgd, momentum, .*, adamw, not 'adamax'"),
        (lambda: make_optimizer("sgd", momentum=0.9), TypeError, "momentum"),
    ],
)
def test_what_is_refused(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_only_weights_decay():
    block = Block({"W1": np.ones((2, 2)), "b1": np.ones(2), "gamma1": np.ones(1), "W2": np.ones((1, 1, 1, 2))})
    assert_array_equal(block.weights, [True] * 4 + [False] * 3 + [True] * 2)
    assert Block({}).weights.shape == (0,)


# -- in fit -------------------------------------------------------------------------------------------------------


@pytest.fixture
def data(rng):
    centres = 3 * rng.standard_normal((3, 6))
    t = rng.integers(3, size=130)
    return centres[t] + rng.standard_normal((130, 6)), t


def net():
    return TwoLayerNet(6, 8, 3, weight_init_std=0.3, seed=0, engine="numpy")


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_trains(data, name):
    history = fit(
        net(), *data, epochs=10, batch_size=10, optimizer=name, lr=0.02, schedule="warmup-cosine", clip_norm=5
    )
    assert history.train_accuracy > 0.9


def test_the_default_is_the_posts(data):
    one, two, three = net(), net(), net()
    fit(one, *data, iterations=20, batch_size=10)
    fit(two, *data, iterations=20, batch_size=10, lr=0.1)
    fit(three, *data, iterations=20, batch_size=10, optimizer=SGD(0.1))
    assert_array_equal(one.block.values, two.block.values)
    assert_array_equal(one.block.values, three.block.values)


def test_fit_uses_what_it_is_given(data, tmp_path):
    network, by_hand = net(), net()
    fit(network, *data, iterations=20, batch_size=10, optimizer="adam", weight_decay=0.1, schedule="cosine",
        out=tmp_path / "run")  # fmt: skip
    optimizer = Adam(weight_decay=0.1, schedule=CosineSchedule(20))
    fit(by_hand, *data, iterations=20, batch_size=10, optimizer=optimizer)
    assert_array_equal(network.block.values, by_hand.block.values)
    assert optimizer.steps == 20
    assert not optimizer.decayed.all()
    config = badak.store.read_config(tmp_path / "run")
    assert (config["optimizer"], config["lr"], config["weight_decay"]) == ("adam", 0.001, 0.1)
    assert config["schedule"] == "CosineSchedule(total=20, last=0.0)"


def test_a_second_fit_goes_on_with_the_optimizer_it_is_given(data):
    optimizer = Momentum(0.01)
    network = net()
    fit(network, *data, iterations=5, batch_size=10, optimizer=optimizer)
    v = optimizer.state["v"].copy()
    fit(network, *data, iterations=5, batch_size=10, optimizer=optimizer)
    assert optimizer.steps == 10
    assert (optimizer.state["v"] != v).any()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"optimizer": "adamax"}, ValueError, "optimizer must be one of"),
        ({"optimizer": 3}, TypeError, "optimizer must be a name or an object with update"),
        ({"optimizer": SGD}, TypeError, "must be a name or an object"),
        ({"optimizer": Adam(), "lr": 0.1}, ValueError, "lr: the optimizer given has its own; give them to Adam"),
        ({"optimizer": Adam(), "schedule": "step", "clip_norm": 1}, ValueError, "clip_norm, schedule: the optimizer"),
        ({"schedule": "linear"}, ValueError, "schedule must be one of"),
        ({"schedule": 3}, TypeError, "schedule must be a Schedule"),
        ({"weight_decay": -1}, ValueError, "weight_decay must be 0 or more"),
        ({"clip_norm": "1"}, TypeError, "clip_norm must be a number"),
    ],
)
def test_fit_refuses(data, tmp_path, options, error, words):
    with pytest.raises(error, match=words):
        fit(net(), *data, iterations=1, batch_size=10, out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_an_optimizer_of_another_network_is_refused_before_anything_is_written(data, tmp_path):
    optimizer = Adam()
    optimizer.update(np.ones(3), np.ones(3))
    with pytest.raises(ValueError, match="has trained 3 parameters of float64, and now gets 83"):
        fit(net(), *data, iterations=1, batch_size=10, optimizer=optimizer, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


class Halves:
    """An optimizer as a reader writes it."""

    def update(self, params, grads):
        params -= 0.5 * grads


def test_an_optimizer_of_ones_own(data, tmp_path):
    network, other = net(), net()
    fit(network, *data, iterations=5, batch_size=10, optimizer=Halves(), out=tmp_path / "run")
    fit(other, *data, iterations=5, batch_size=10, lr=0.5)
    assert_array_equal(network.block.values, other.block.values)
    assert badak.store.read_config(tmp_path / "run")["optimizer"] == "Halves"


@pytest.mark.filterwarnings("ignore:training on NumPy")
@pytest.mark.parametrize("options", [{"weight_decay": 0.5}, {"clip_norm": 0.01}, {"schedule": "cosine"}])
def test_no_engine_leaves_out_what_it_was_asked_for(data, options):
    values = []
    for engine in ("numpy", "auto"):
        network = TwoLayerNet(6, 8, 3, weight_init_std=0.3, seed=0)
        fit(network, *data, iterations=20, batch_size=10, engine=engine, **options)
        values.append(network.block.values)
    assert_allclose(*values, rtol=1e-9, atol=1e-12)
