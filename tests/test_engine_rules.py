"""Activations, normalization, dropout, the loss of yes-or-no answers and all optimizers: native as the layers are."""

import copy

import numpy as np
import pytest

from badak import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Affine,
    BatchNormalization,
    CosineSchedule,
    Dropout,
    Gelu,
    IdentityWithLoss,
    LayerNormalization,
    LeakyRelu,
    Momentum,
    MultiLayerNet,
    Nesterov,
    Network,
    RMSprop,
    Sigmoid,
    SigmoidWithLoss,
    SoftmaxWithLoss,
    StepSchedule,
    Tanh,
    WarmUp,
    fit,
    networks,
)
from badak.engine import crew, lower, rules, tapes, target, updates
from badak.engine.listing import listing
from badak.engine.runner import NativeRunner
from badak.engine.verify import BadTape, verify
from badak.graph import nodes
from badak.train.runners import NotNative, NumPyRunner
from engine_numbers import affine, closeness

TOLERANCE = {np.float32: 3e-5, np.float64: 1e-12}
close = closeness(TOLERANCE)


@pytest.fixture(autouse=True)
def poisoned(monkeypatch):
    """Fill scratch memory with NaN before each run, and let as many threads work as are asked for."""
    monkeypatch.setattr(tapes, "POISON", True)
    monkeypatch.setattr(crew.Crew, "advise", lambda self, threads: threads)


@pytest.fixture
def always_many(monkeypatch):
    """Let as many threads take part as are asked for, however little there is to do."""
    monkeypatch.setattr(lower, "WORK_PER_THREAD", 1)
    monkeypatch.setattr(lower, "WORK_PER_CALL", 1)


def normal(kind, rng, D, **more):
    return kind(1 + 0.3 * rng.standard_normal(D), 0.2 * rng.standard_normal(D), **more)


ZOO = {
    "tanh": lambda r: [affine(r, 35, 19), Tanh(), affine(r, 19, 5)],
    "leaky relu": lambda r: [affine(r, 35, 19), LeakyRelu(0.2), affine(r, 19, 5), LeakyRelu(0)],
    "gelu": lambda r: [affine(r, 35, 19), Gelu(), affine(r, 19, 5)],
    "activations in a row": lambda r: [Tanh(), Gelu(), affine(r, 35, 6), Gelu(), LeakyRelu(), Tanh(), affine(r, 6, 3)],
    "layer normalization": lambda r: [affine(r, 35, 19), normal(LayerNormalization, r, 19), Tanh(), affine(r, 19, 5)],
    "layer normalization first": lambda r: [normal(LayerNormalization, r, 35, eps=0.1), affine(r, 35, 4)],
    "batch normalization": lambda r: [affine(r, 35, 19), normal(BatchNormalization, r, 19), Tanh(), affine(r, 19, 5)],
    "batch normalization first, and last": lambda r: [
        normal(BatchNormalization, r, 35, momentum=0.3),
        affine(r, 35, 70),
        Sigmoid(),
        normal(BatchNormalization, r, 70),
        affine(r, 70, 5),
        normal(BatchNormalization, r, 5, eps=0.1),
    ],
    "dropout": lambda r: [affine(r, 35, 19), Tanh(), Dropout(0.3), affine(r, 19, 6), Dropout(0.5), affine(r, 6, 5)],
    "dropout first, all kept": lambda r: [Dropout(0.2), affine(r, 35, 19), Dropout(0), Sigmoid(), affine(r, 19, 5)],
    "all": lambda r: [
        *(affine(r, 35, 33), normal(BatchNormalization, r, 33), Tanh(), Dropout(0.25)),
        *(affine(r, 33, 20), normal(LayerNormalization, r, 20), Gelu(), Dropout(0.1)),
        *(affine(r, 20, 17), LeakyRelu(0.1), affine(r, 17, 5)),
    ],
}
LOSSES = {"softmax": SoftmaxWithLoss, "squares": IdentityWithLoss, "sigmoid": SigmoidWithLoss}


def make(name, dtype=np.float64, loss="softmax", seed=0, **options):
    return Network(ZOO[name](np.random.default_rng(seed)), LOSSES[loss](), dtype=dtype, seed=5, **options)


def data(network, count, loss="softmax", seed=1):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((count, 35))
    outputs = network.predict(x[:1]).shape[1]
    if loss == "sigmoid":
        return x, rng.integers(2, size=(count, outputs))
    return x, rng.integers(outputs, size=count)


def drawn(count, n, batch, seed=2):
    return np.random.default_rng(seed).integers(count, size=(n, batch))


def test_a_helper_of_a_layer_that_somebody_replaces_is_used(monkeypatch):
    network = make("gelu")
    x, t = data(network, 20)
    network.gradient(x, t)
    assert network.last_layer.y is None
    layer = network.layers["Gelu1"]
    layer._tanh = lambda: Gelu._tanh(layer)
    network.gradient(x, t)
    assert network.last_layer.y is not None
    with pytest.raises(NotNative, match="Gelu1._tanh was replaced"):
        NativeRunner(network, SGD(), x, t)
    del layer._tanh
    network.gradient(x, t)
    assert network.last_layer.y is None
    plain = Gelu._tanh
    monkeypatch.setattr(Gelu, "_tanh", lambda self: (plain(self)[0], plain(self)[1]))
    network.gradient(x, t)
    assert network.last_layer.y is not None
    with pytest.raises(NotNative, match="Gelu1._tanh was replaced"):
        NativeRunner(network, SGD(), x, t)


def remembered(network):
    """Give what layers remember: running means and the states of generators."""
    arrays = [getattr(layer, name) for layer in network.layers.values() for name in ("running_mean", "running_var")
              if hasattr(layer, name)]  # fmt: skip
    states = [layer.rng.bit_generator.state for layer in network.layers.values() if getattr(layer, "rng", None)]
    return arrays, states


def same_memories(ours, theirs, dtype, factor=3.0):
    (got, got_states), (want, want_states) = remembered(ours), remembered(theirs)
    assert got_states == want_states
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        assert one.dtype == other.dtype
        close(one, other, dtype, factor)


# -- the same numbers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("batch", [1, 7, 100])
def test_a_step_and_a_call_are_those_of_the_layers(name, loss, dtype, batch):
    ours, theirs = make(name, dtype, loss), make(name, dtype, loss, engine="numpy")
    x, t = data(theirs, 120, loss)
    order = drawn(120, 3, batch)
    # A batch of 1 normalizes to 0 exactly: what is left is rounding, divided by √eps.
    factor = 300 if batch == 1 else 10
    native = NativeRunner(ours, SGD(0.1), x, t, 2)
    close(native.steps(order), NumPyRunner(theirs, SGD(0.1), x, t).steps(order), dtype, factor)
    close(ours.block.values, theirs.block.values, dtype, factor)
    same_memories(ours, theirs, dtype)
    ours.block.values[:] = theirs.block.values
    close(ours.predict(x[:batch]), theirs.predict(x[:batch]), dtype, 10)
    assert abs(ours.loss(x[:batch], t[:batch]) - theirs.loss(x[:batch], t[:batch])) < 30 * TOLERANCE[dtype]
    for _ in range(2):
        got, want = ours.gradient(x[:batch], t[:batch]), theirs.gradient(x[:batch], t[:batch])
        assert list(got) == list(want)
        for key in want:
            close(got[key], want[key], dtype, factor)
        same_memories(ours, theirs, dtype)
    assert ours.accuracy(x, t) == theirs.accuracy(x, t)
    assert networks._calls_of[ours].ready()
    assert ours.last_layer.y is None  # nobody went NumPy's way


@pytest.mark.parametrize("name", ["all", "batch normalization first, and last", "gelu", "dropout"])
def test_without_poison_scratch_memory_of_earlier_steps_changes_nothing(name, monkeypatch):
    with_poison = trained(name, 2)
    monkeypatch.setattr(tapes, "POISON", False)
    assert trained(name, 2) == with_poison


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 4e-7), (np.float64, 1e-15)])
def test_tanh_is_right_to_the_last_digits_everywhere(dtype, bound):
    points = np.concatenate([np.linspace(-30, 30, 6001), np.geomspace(1e-30, 1, 500), -np.geomspace(1e-30, 1, 500)])
    x = np.concatenate([points, [0.0, 1e30, -1e30]]).astype(dtype)
    got = Network([Tanh()], SoftmaxWithLoss(), dtype=dtype).predict(x[None, :])[0]
    want = np.tanh(x.astype(np.longdouble))
    assert np.array_equal(got == 0, want == 0)
    other = want != 0
    assert np.max(np.abs(got[other] / want[other] - 1)) < bound


@pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 1e-6), (np.float64, 1e-14)])
def test_the_loss_of_sure_answers_is_right_relatively(dtype, bound):
    rows = np.array([[40.0], [12.0], [3.0], [0.0], [-3.0], [-80.0]])
    for x in rows:
        for t in (0, 1, 0.25):
            ours, theirs = (
                Network([LeakyRelu(1)], SigmoidWithLoss(), dtype=d, engine=e)
                for d, e in ((dtype, "auto"), (np.float64, "numpy"))
            )
            want = theirs.loss(x[None, :], np.full((1, 1), t))
            got = ours.loss(x[None, :], np.full((1, 1), t))
            assert abs(got - want) <= bound * want


def test_nan_goes_through_as_in_numpy():
    x = np.random.default_rng(0).standard_normal((4, 35))
    x[1, 3], x[2, 5] = np.nan, np.inf
    for layers in ([Tanh()], [Gelu()], [LeakyRelu(0.1)], [LayerNormalization(np.ones(35), np.zeros(35))],
                   [BatchNormalization(np.ones(35), np.zeros(35))]):  # fmt: skip
        ours, theirs = (Network(copy.deepcopy(layers), SoftmaxWithLoss(), engine=e) for e in ("auto", "numpy"))
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(np.isnan(ours.predict(x)), np.isnan(theirs.predict(x)))
        assert networks._calls_of[ours].ready()


# -- the same bytes ---------------------------------------------------------------------------------------------


def trained(name, threads, dtype=np.float32, batch=100, cut=None, count=7, optimizer=None):
    network = make(name, dtype)
    x, t = data(network, 150)
    x = np.concatenate([x] * -(-batch // 150))
    t = np.concatenate([t] * -(-batch // 150))
    optimizer = optimizer() if optimizer else SGD(0.1)
    native = NativeRunner(network, optimizer, x, t, threads)
    order = drawn(len(x), count, batch)
    pieces = [order] if cut is None else [order[i : i + cut] for i in range(0, count, cut)]
    losses = np.concatenate([native.steps(piece) for piece in pieces])
    arrays, states = remembered(network)
    kept = [network.block.values, losses, *arrays, *optimizer.state.values()]
    return b"".join(array.tobytes() for array in kept) + repr((states, optimizer.steps)).encode()


@pytest.mark.parametrize("batch", [1, 7, 100, 300])
@pytest.mark.parametrize("name", ZOO)
def test_any_number_of_threads_gives_the_same_bytes(name, batch, always_many):
    one = trained(name, 1, batch=batch, count=3)
    for threads in (2, 3, 4, 7):
        assert trained(name, threads, batch=batch, count=3) == one, threads


@pytest.mark.parametrize("name", ["all", "batch normalization first, and last", "dropout first, all kept"])
def test_the_size_of_a_call_changes_nothing(name):
    whole = trained(name, 1, optimizer=every(Adam)[-1])
    for cut in (1, 2, 7):
        assert trained(name, 1, cut=cut, optimizer=every(Adam)[-1]) == whole, cut


@pytest.mark.parametrize("name", [n for n in ("avx2", "plain", "neon") if n in target.available()])
def test_every_vector_width_gives_the_same_numbers(name, monkeypatch):
    def values(zoo):
        ours = make(zoo)
        x, t = data(ours, 50)
        NativeRunner(ours, Adam(), x, t, 1).steps(drawn(50, 2, 33))
        return ours.block.values

    best = {zoo: values(zoo) for zoo in ZOO}
    monkeypatch.setenv("BADAK_TARGET", name)
    for zoo, want in best.items():
        close(values(zoo), want, np.float64, 100)


# -- optimizers -------------------------------------------------------------------------------------------------


OPTIMIZERS = {
    SGD: {"lr": 0.1},
    Momentum: {"lr": 0.05, "momentum": 0.8},
    Nesterov: {"lr": 0.05},
    AdaGrad: {"lr": 0.02, "eps": 1e-3},
    RMSprop: {"lr": 0.005, "decay_rate": 0.9, "eps": 1e-3},
    Adam: {"lr": 0.01, "beta1": 0.8, "eps": 1e-3},
    AdamW: {"lr": 0.01, "weight_decay": 0.2, "eps": 1e-3},
}
MORE = {
    "plain": {},
    "decay": {"weight_decay": 0.1},
    "clip": {"clip_norm": 0.3},
    "a clip that is never reached": {"clip_norm": 1e6},
    "step": {"schedule": StepSchedule(2, 0.5)},
    "cosine": {"schedule": CosineSchedule(6, 0.1)},
    "warm-up": {"schedule": WarmUp(3, CosineSchedule(5))},
    "a function": {"schedule": lambda step: 1 / (1 + step)},
    "all": {"weight_decay": 0.1, "clip_norm": 0.3, "schedule": WarmUp(2)},
}


def every(kind):
    """Give the ways to make an optimizer of this class, the one with everything last."""
    return [lambda more=more: kind(**{**OPTIMIZERS[kind], **more}) for more in MORE.values()]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("more", MORE)
@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_an_optimizer_steps_as_it_does_by_itself(kind, more, dtype):
    name = "all" if more == "all" else "tanh"
    ours, theirs = make(name, dtype), make(name, dtype, engine="numpy")
    x, t = data(theirs, 60)
    mine, its = (kind(**{**OPTIMIZERS[kind], **MORE[more]}) for _ in range(2))
    native, plain = NativeRunner(ours, mine, x, t, 2), NumPyRunner(theirs, its, x, t)
    order = drawn(60, 7, 30)
    for piece in (order[:1], order[1:5], order[5:]):
        close(native.steps(piece), plain.steps(piece), dtype, 20)
    close(ours.block.values, theirs.block.values, dtype, 20)
    assert mine.steps == its.steps == 7
    assert set(mine.state) == set(its.state)
    for key, want in its.state.items():
        close(mine.state[key], want, dtype, 20)


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_optimizers_give_the_same_bytes_on_any_number_of_threads_and_in_any_cut(kind, always_many):
    one = trained("all", 1, optimizer=every(kind)[-1])
    for threads in (2, 3, 4, 7):
        assert trained("all", threads, optimizer=every(kind)[-1]) == one, threads
    assert trained("all", 2, cut=3, optimizer=every(kind)[-1]) == one


@pytest.mark.parametrize("kind", [SGD, Momentum, AdamW])
def test_weight_decay_leaves_out_what_it_is_to_leave_out(kind):
    ours, theirs = make("all"), make("all", engine="numpy")
    x, t = data(theirs, 60)
    for network, engine in ((ours, "native"), (theirs, "numpy")):
        optimizer = kind(0.05, weight_decay=0.5)
        history = fit(network, x, t, iterations=3, batch_size=20, optimizer=optimizer, engine=engine)
        assert history.engine == engine
        assert not optimizer.decayed.all()
    close(ours.block.values, theirs.block.values, np.float64, 100)
    everywhere = make("all")
    NativeRunner(everywhere, kind(0.05, weight_decay=0.5), x, t).steps(drawn(60, 3, 20))
    assert np.abs(everywhere.params["gamma1"]).sum() < np.abs(ours.params["gamma1"]).sum()


def test_an_optimizer_may_be_changed_and_go_on_by_itself():
    """What a call leaves is what the next step needs, whoever does it."""
    ours, theirs = make("tanh"), make("tanh", engine="numpy")
    x, t = data(theirs, 60)
    mine, its = Adam(0.01), Adam(0.01)
    native, plain, by_hand = (
        NativeRunner(ours, mine, x, t),
        NumPyRunner(theirs, its, x, t),
        NumPyRunner(ours, mine, x, t),
    )
    order = drawn(60, 4, 20)
    for number, mixed in enumerate((native, by_hand, native, native)):
        if number == 3:
            for optimizer in (mine, its):
                optimizer.lr, optimizer.weight_decay, optimizer.clip_norm = 0.02, 0.1, 0.01
        mixed.steps(order[number : number + 1])
        plain.steps(order[number : number + 1])
        close(ours.block.values, theirs.block.values, np.float64, 10)


def test_optimizers_that_are_not_ours_unchanged_are_refused_by_name(monkeypatch):
    network = make("tanh")
    x, t = data(network, 20)

    class Own(Adam):
        pass

    with pytest.raises(NotNative, match="the optimizer Own has no rule"):
        NativeRunner(network, Own(), x, t)
    changed = Adam()
    changed.rule = lambda params, grads, lr: None
    with pytest.raises(NotNative, match="rule of the optimizer was replaced"):
        NativeRunner(network, changed, x, t)
    half = SGD(weight_decay=0.1)
    half.decayed = np.arange(network.block.values.size) % 2 == 0
    with pytest.raises(NotNative, match="only a part of W1"):
        NativeRunner(network, half, x, t)
    half.decayed = np.ones(3, bool)
    with pytest.raises(NotNative, match="for other parameters"):
        NativeRunner(network, half, x, t)
    monkeypatch.setattr(Momentum, "rule", lambda self, params, grads, lr: None)
    with pytest.raises(NotNative, match="rule of the optimizer was replaced"):
        NativeRunner(network, Momentum(), x, t)
    of_another = Adam()
    of_another.begin(np.zeros(3))
    with pytest.raises(ValueError, match="make a new one for another network"):
        NativeRunner(network, of_another, x, t).steps(drawn(20, 1, 5))


def test_state_that_lies_otherwise_is_brought_back_to_where_it_lies():
    ours, theirs = make("tanh"), make("tanh")
    x, t = data(theirs, 60)
    strided, plain = Momentum(0.1), Momentum(0.1)
    strided.state["v"] = np.zeros((ours.block.values.size, 2))[:, 0]
    held = strided.state["v"]
    for network, optimizer in ((ours, strided), (theirs, plain)):
        NativeRunner(network, optimizer, x, t).steps(drawn(60, 3, 20))
    assert strided.state["v"] is held
    np.testing.assert_array_equal(held, plain.state["v"])


# -- what layers remember ---------------------------------------------------------------------------------------


def test_dropout_draws_what_its_generator_draws():
    for skip, p in ((0, 0.5), (1, 0.25), (12345, 0.9), (3, 1 / 3)):
        generator = np.random.default_rng(7)
        generator.integers(5, size=skip | 1, dtype=np.uint32)  # so that half a word is kept for later
        layer = Dropout(p)
        layer.rng = copy.deepcopy(generator)
        network = Network([layer, Affine(np.eye(70), np.zeros(70))], IdentityWithLoss())
        x = np.ones((41, 70))
        grads = network.gradient(x, np.zeros((41, 70)))
        kept = (generator.random((41, 70)) >= p) / (1 - p)
        np.testing.assert_allclose(grads["W1"], kept.T @ kept / 41, rtol=1e-12)
        assert layer.rng.bit_generator.state == generator.bit_generator.state
        assert network.last_layer.y is None
        assert layer.mask is None


def test_predicting_draws_nothing_and_moves_nothing():
    network = make("all")
    x, t = data(network, 300)
    network.gradient(x, t)
    before = copy.deepcopy(remembered(network))
    network.predict(x), network.loss(x, t), network.accuracy(x, t), network.predict(x[:2])
    after = remembered(network)
    assert after[1] == before[1]
    for one, other in zip(after[0], before[0], strict=True):
        np.testing.assert_array_equal(one, other)


def test_running_statistics_that_somebody_changes_are_noticed():
    ours, theirs = make("batch normalization"), make("batch normalization", engine="numpy")
    x, _ = data(theirs, 30)
    for rows in (x[:1], x[:3], x):
        close(ours.predict(rows), theirs.predict(rows), np.float64)
        for network in (ours, theirs):
            layer = network.layers["BatchNormalization1"]
            layer.running_mean = layer.running_mean + 1.0
            layer.running_var *= 2
        close(ours.predict(rows), theirs.predict(rows), np.float64)


def test_running_statistics_keep_their_type_and_are_new_arrays():
    network = make("batch normalization", np.float32)
    layer = network.layers["BatchNormalization1"]
    x, t = data(network, 30)
    before = layer.running_mean
    network.gradient(x, t)
    assert layer.running_mean is not before
    assert not before.any()
    assert layer.running_mean.dtype == np.float32  # the network's own, as all that it keeps
    layer.running_mean = layer.running_mean.astype(np.float64)
    network.gradient(x, t)
    assert layer.running_mean.dtype == np.float64


@pytest.mark.parametrize(
    ("name", "layer", "attribute", "value"),
    [
        ("leaky relu", "LeakyRelu1", "slope", 0.7),
        ("dropout", "Dropout1", "dropout_ratio", 0.8),
        ("batch normalization", "BatchNormalization1", "momentum", 0.1),
        ("batch normalization", "BatchNormalization1", "eps", 0.5),
        ("layer normalization", "LayerNormalization1", "eps", 0.5),
    ],
)
def test_a_number_of_a_layer_that_somebody_changes_is_noticed(name, layer, attribute, value):
    ours, theirs = make(name), make(name, engine="numpy")
    x, t = data(theirs, 30)
    native, plain = NativeRunner(ours, SGD(0.1), x, t), NumPyRunner(theirs, SGD(0.1), x, t)
    order = drawn(30, 2, 10)
    for changed in (False, True):
        for network in (ours, theirs):
            if changed:
                setattr(network.layers[layer], attribute, value)
        native.steps(order), plain.steps(order)
        close(ours.block.values, theirs.block.values, np.float64, 10)
        got, want = ours.gradient(x, t), theirs.gradient(x, t)
        for key in want:
            close(got[key], want[key], np.float64, 10)
        same_memories(ours, theirs, np.float64)
        close(ours.predict(x[:2]), theirs.predict(x[:2]), np.float64)
    assert ours.last_layer.y is None


@pytest.mark.parametrize("name", ZOO)
def test_after_a_native_call_nobody_can_go_back_through_an_earlier_batch(name):
    network = make(name)
    x, t = data(network, 10)
    network.engine = "numpy"
    network.gradient(x, t)
    network.engine = "native"
    grads = network.gradient(x, t)
    for layer, attribute, key in network._keys:
        np.testing.assert_array_equal(getattr(network.layers[layer], "d" + attribute), grads[key])
    for call in (lambda: network.predict(x[:2]), lambda: network.predict(x), lambda: network.gradient(x, t)):
        network.engine = "numpy"
        network.predict(x)
        network.engine = "native"
        call()
        for layer in network.layers.values():
            with pytest.raises(RuntimeError, match="backward was called before forward"):
                layer.backward(np.zeros((10, 5)))


def test_layers_with_two_modes_are_left_in_the_mode_of_the_call():
    network = make("all")
    x, t = data(network, 10)
    modes = [layer for layer in network.layers.values() if hasattr(layer, "training")]
    for call, mode in ((lambda: network.gradient(x, t), True), (lambda: network.predict(x), False),
                       (lambda: network.gradient(x, t), True), (lambda: network.loss(x, t), False)):  # fmt: skip
        call()
        assert [layer.training for layer in modes] == [mode] * len(modes)


def test_what_has_no_rule_is_left_to_numpy_by_name():
    network = make("dropout")
    x, t = data(network, 20)
    network.gradient(x, t)
    layer = network.layers["Dropout1"]
    layer.rng = np.random.Generator(np.random.Philox(3))
    twin = copy.deepcopy(network)
    twin.engine = "numpy"
    got, want = network.gradient(x, t), twin.gradient(x, t)
    np.testing.assert_array_equal(got["W1"], want["W1"])
    with pytest.raises(NotNative, match=r"Dropout1 .* no PCG64 \(Generator, Philox\)"):
        NativeRunner(network, SGD(), x, t)
    layer.rng = network.layers["Dropout2"].rng
    with pytest.raises(NotNative, match="share one generator"):
        NativeRunner(network, SGD(), x, t)
    leaky = make("leaky relu")
    leaky.layers["LeakyRelu1"].slope = -1.0
    with pytest.raises(NotNative, match="LeakyRelu1 .* slope"):
        NativeRunner(leaky, SGD(), *data(leaky, 5))
    batch = make("batch normalization")
    batch.layers["BatchNormalization1"].running_var = np.ones(3)
    with pytest.raises(NotNative, match="BatchNormalization1 .* running_var"):
        NativeRunner(batch, SGD(), *data(make("tanh"), 5))
    images = Network([LayerNormalization(np.ones(2), np.zeros(2)), affine(np.random.default_rng(0), 12, 2)],
                     SoftmaxWithLoss(), input_shape=(3, 2, 2))  # fmt: skip
    x, t = np.random.default_rng(0).random((5, 3, 2, 2)), np.zeros(5, int)
    images.gradient(x, t)
    assert images.last_layer.y is not None
    with pytest.raises(NotNative, match="LayerNormalization1 .* of images"):
        NativeRunner(images, SGD(), x, t)
    with pytest.raises(ValueError, match="LayerNormalization1 .* of images"):
        listing(images)


def test_a_dropout_without_a_generator_gets_that_of_numpys_way():
    ours, theirs = make("dropout"), make("dropout", engine="numpy")
    x, t = data(theirs, 20)
    for network in (ours, theirs):
        network.layers["Dropout1"].rng = None
    got, want = ours.gradient(x, t), theirs.gradient(x, t)
    close(got["W1"], want["W1"], np.float64)
    same_memories(ours, theirs, np.float64)


# -- answers of yes or no ---------------------------------------------------------------------------------------


def test_answers_of_yes_or_no_take_the_forms_that_numpy_takes():
    rng = np.random.default_rng(0)
    ours, theirs = (
        Network([affine(np.random.default_rng(1), 6, 1)], SigmoidWithLoss(), engine=engine)
        for engine in ("native", "numpy")
    )
    x = rng.standard_normal((20, 6))
    bits = rng.integers(2, size=20)
    for t in (bits, bits[:, None], bits.astype(bool), rng.random((20, 1)), bits.astype(np.float32)):
        assert ours.loss(x, t) == pytest.approx(theirs.loss(x, t), rel=1e-12)
        assert ours.accuracy(x, t) == theirs.accuracy(x, t)
        got, want = ours.gradient(x, t), theirs.gradient(x, t)
        np.testing.assert_allclose(got["W1"], want["W1"], rtol=1e-10)
    with pytest.raises(ValueError, match="yes or no are 1 or 0"):
        ours.loss(x, bits + 1)
    kept = bits.copy()
    NativeRunner(ours, SGD(), x, bits).steps(drawn(20, 3, 5))
    np.testing.assert_array_equal(bits, kept)


# -- a whole training, the listing, the verifier ----------------------------------------------------------------


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "tanh", "leakyrelu", "gelu"])
def test_the_networks_of_chapter_6_train_natively(activation):
    rng = np.random.default_rng(0)
    x, t = rng.random((200, 20)), rng.integers(4, size=200)
    nets = {}
    for engine in ("native", "numpy"):
        net = MultiLayerNet(20, [16, 12], 4, activation, use_dropout=True, use_batchnorm=True, seed=1)
        history = fit(net, x, t, epochs=2, batch_size=30, optimizer="adam", weight_decay=1e-3, clip_norm=2.0,
                      schedule="warmup-cosine", engine=engine, seed=3)  # fmt: skip
        assert history.engine == engine
        nets[engine] = net, history
    close(nets["native"][0].block.values, nets["numpy"][0].block.values, np.float64, 1e4)
    close(nets["native"][1].losses, nets["numpy"][1].losses, np.float64, 1e4)
    same_memories(nets["native"][0], nets["numpy"][0], np.float64, 1e4)


def test_the_listing_tells_the_new_lines():
    text = listing(make("all"), 100, optimizer=Adam(weight_decay=0.1, clip_norm=1.0), threads=2)
    for expected in (
        "h1 ← (h1 - mean1) / std1; y1 ← gamma1 · h1 + beta1",
        "mask1 ← what is kept, by the generator; kept1 ← y1 · mask1",
        "dW1 ← dW1, shortened if √Σ squares · sizes² is above clip_norm",
        "W1 ← W1 - lr · m of W1 / √v of W1",
        "the optimizer's m of W1 ← m of W1",
        "gelu",
    ):
        assert expected in text, expected
    with pytest.raises(ValueError, match="the optimizer object has no rule"):
        listing(make("all"), optimizer=object())


def program_of(name, purpose="train", batch=300, loss="softmax", optimizer=None, threads=3):
    network = make(name, loss=loss)
    shape = data(make(name, engine="numpy"), 1)[0].shape[1:]
    how = updates.plan(SGD() if optimizer is None else optimizer, network.block)
    program = lower.lower(nodes(network, shape), network.block.offsets, batch=batch, inputs=shape[0], source="f8",
                          scale=0.0, threads=threads, itemsize=8, lanes=8, purpose=purpose, how=how)  # fmt: skip
    return program, network.block.values.nbytes


@pytest.mark.parametrize("purpose", ["train", "gradient", "loss", "scores", "best"])
@pytest.mark.parametrize("name", ZOO)
def test_our_own_tapes_pass(name, purpose):
    for batch in (1, 10, 300):
        for kind in (SGD, Adam):
            for loss in LOSSES:
                verify(*program_of(name, purpose, batch, loss, every(kind)[-1]()))


NEW = {
    "TANH": ["rows", "n", "out_step"],
    "TANH_BACK": ["rows", "n", "y_step"],
    "LEAKY_RELU": ["rows", "n"],
    "LEAKY_RELU_BACK": ["rows", "n"],
    "GELU": ["rows", "n"],
    "GELU_BACK": ["rows", "n"],
    "DROPOUT": ["rows", "n", "mask_step", "channels", "pixels"],
    "DROPOUT_BACK": ["rows", "n"],
    "SUM_COLUMNS": ["rows", "n", "chunks", "part_step", "x_step"],
    "SUM_SQUARES": ["rows", "n", "chunks", "part_step"],
    "SUM_BOTH": ["rows", "n", "chunks", "part_step", "dout_step", "xn_step"],
    "MEAN_COLUMNS": ["n", "chunks", "part_step"],
    "STD_COLUMNS": ["n", "chunks", "part_step"],
    "JOIN_BOTH": ["n", "chunks", "part_step"],
    "NORMALIZE": ["rows", "n", "xn_step", "out_step", "x_step"],
    "NORMALIZE_BACK": ["rows", "n", "out_step"],
    "NORMALIZE_ROWS": ["rows", "n", "xn_step"],
    "NORMALIZE_ROWS_BACK": ["rows", "n", "dout_step"],
    "SQUARES": ["at", "count", "chunks"],
    "CLIP": ["count", "total"],
    "STEP_ADAM": ["count"],
    "SIGMOID_LOSS": ["rows", "n", "t_step"],
    "STD": ["n"],
}


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, fields in NEW.items() for field in fields])
def test_a_line_that_was_tampered_with_is_refused(name, field):
    loss = "sigmoid" if name == "SIGMOID_LOSS" else "softmax"
    purpose = "scores" if name == "STD" else "train"
    program, size = program_of("all", purpose, loss=loss, optimizer=every(Adam)[-1]())
    verify(program, size)
    line = [line for line in program.lines if line.op.name == name][-1]
    for value in (line.sizes[field] + (4096 if field == "part_step" else 64), -1):
        line.sizes[field], kept = value, line.sizes[field]
        with pytest.raises(BadTape, match=f"{name}.*|reaches to byte"):
            verify(program, size)
        line.sizes[field] = kept
    verify(program, size)


def test_what_layers_remember_and_what_optimizers_keep_is_bounded():
    program, size = program_of("all", optimizer=Adam())
    for name, operand in (("DROPOUT", "state"), ("STD_COLUMNS", "running_var"), ("STEP_ADAM", "second")):
        line = next(line for line in program.lines if line.op.name == name)
        buffer = line.operands[operand]
        offset, buffer.offset = buffer.offset, program.place_sizes[buffer.bank] - 8
        with pytest.raises(BadTape, match="reaches to byte"):
            verify(program, size)
        buffer.offset = offset
    verify(program, size)
    unpack = next(line for line in program.lines if line.op.name == "UNPACK" and "v of" in line.operands["x"].name)
    unpack.operands["values"].offset += size
    with pytest.raises(BadTape, match="reaches to byte"):
        verify(program, size)


def test_sums_of_columns_are_cut_by_the_shapes_alone():
    for batch, chunks in ((1, 1), (100, 1), (256, 2), (100_000, rules.CHUNKS)):
        cut = [{line.sizes["chunks"] for line in program_of("all", batch=batch, threads=threads)[0].lines
                if line.op.name.startswith("SUM_")} for threads in (1, 2, 7)]  # fmt: skip
        assert cut == [{chunks}] * 3
