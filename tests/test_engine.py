"""The engine gives what the layers give: the same numbers to rounding, the same bytes on any number of threads."""

import copy
import ctypes
import dataclasses
import functools
import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from badak import (
    SGD,
    Adam,
    Affine,
    Gelu,
    IdentityWithLoss,
    LeakyRelu,
    Momentum,
    Network,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
    Tanh,
    TwoLayerNet,
    fit,
    networks,
)
from badak.data.pixels import Pixels
from badak.engine import build, calls, crew, kernels, lower, runner, tapes, target
from badak.engine.listing import listing
from badak.engine.opcodes import Bank, Frame
from badak.engine.plan import Panels
from badak.engine.runner import NativeRunner
from badak.engine.tapes import Ready
from badak.engine.verify import BadTape, verify
from badak.graph import nodes
from badak.train.runners import NotNative, NumPyRunner
from engine_numbers import affine, closeness

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}
close = closeness(TOLERANCE)


@pytest.fixture(autouse=True)
def poisoned(monkeypatch):
    """Fill scratch memory with NaN before each run: what is read before it is written shows."""
    monkeypatch.setattr(tapes, "POISON", True)
    # … and let as many threads work as are asked for, even where cores are busy.
    monkeypatch.setattr(crew.Crew, "advise", lambda self, threads: threads)


ZOO = {
    "one layer": lambda r: [affine(r, 20, 5)],
    "two layers, the book's": lambda r: [affine(r, 784, 50), Relu(), affine(r, 50, 10)],
    "sigmoid": lambda r: [affine(r, 100, 50), Sigmoid(), affine(r, 50, 10)],
    "narrow": lambda r: [affine(r, 33, 1), Sigmoid(), affine(r, 1, 2)],
    "tails": lambda r: [affine(r, 35, 19), Sigmoid(), affine(r, 19, 52), Relu(), affine(r, 52, 3)],
    "wide": lambda r: [affine(r, 300, 200), Sigmoid(), affine(r, 200, 130), Sigmoid(), affine(r, 130, 40)],
    "activations in front and behind": lambda r: [Sigmoid(), affine(r, 9, 4), Relu(), Sigmoid()],
    "two activations": lambda r: [affine(r, 17, 18), Sigmoid(), Relu(), affine(r, 18, 7)],
    "two affines": lambda r: [affine(r, 17, 18), affine(r, 18, 7)],
}


def make(name, dtype=np.float64, loss=SoftmaxWithLoss, seed=0, **options):
    return Network(ZOO[name](np.random.default_rng(seed)), loss(), dtype=dtype, **options)


def data(network, count, seed=1, classes=None):
    rng = np.random.default_rng(seed)
    first = next((layer for layer in network.layers.values() if hasattr(layer, "W")), None)
    last = [layer for layer in network.layers.values() if hasattr(layer, "W")][-1]
    x = rng.random((count, len(first.W)))
    x[rng.random(x.shape) < 0.4] = 0
    return x, rng.integers(last.W.shape[1] if classes is None else classes, size=count)


def drawn(count, n, batch, seed=2):
    return np.random.default_rng(seed).integers(count, size=(n, batch))


# -- the same numbers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", [SoftmaxWithLoss, IdentityWithLoss])
@pytest.mark.parametrize("name", ZOO)
@pytest.mark.parametrize("batch", [1, 7, 100])
def test_a_step_and_a_call_are_those_of_the_layers(name, loss, dtype, batch):
    ours, theirs = make(name, dtype, loss), make(name, dtype, loss, engine="numpy")
    x, t = data(ours, 120)
    order = drawn(120, 3, batch)
    native = NativeRunner(ours, SGD(0.1), x, t, 2)
    close(native.steps(order), NumPyRunner(theirs, SGD(0.1), x, t).steps(order), dtype)
    close(ours.block.values, theirs.block.values, dtype)
    close(ours.predict(x[:batch]), theirs.predict(x[:batch]), dtype, 3)
    assert abs(ours.loss(x[:batch], t[:batch]) - theirs.loss(x[:batch], t[:batch])) < 30 * TOLERANCE[dtype]
    got, want = ours.gradient(x[:batch], t[:batch]), theirs.gradient(x[:batch], t[:batch])
    assert list(got) == list(want)
    for key in want:
        close(got[key], want[key], dtype, 3)
    assert networks._calls_of[ours].ready()


def test_an_epoch_of_the_book_network_agrees_to_one_part_in_100_000():
    rng = np.random.default_rng(0)
    x = Pixels(np.where(rng.random((2000, 784)) < 0.2, rng.integers(256, size=(2000, 784)), 0).astype(np.uint8))
    t = rng.integers(10, size=2000)
    nets = {engine: TwoLayerNet(784, 50, 10, dtype=np.float32, seed=3) for engine in ("numpy", "native")}
    for engine, net in nets.items():
        history = fit(net, x, t, epochs=1, batch_size=100, engine=engine)
        assert history.engine == engine
    for key, want in nets["numpy"].params.items():
        difference = np.linalg.norm(nets["native"].params[key] - want) / np.linalg.norm(want)
        assert difference < 1e-5, key


def test_the_loss_stays_with_a_float64_reference_for_100_iterations():
    exact = TwoLayerNet(784, 50, 10, dtype=np.float64, seed=3, engine="numpy")
    ours = TwoLayerNet(784, 50, 10, dtype=np.float32, seed=3)
    x, t = data(ours, 500)
    x = x.astype(np.float32)
    ours.block.values[:] = exact.block.values
    exact.block.values[:] = ours.block.values
    order = drawn(500, 100, 100)
    got = NativeRunner(ours, SGD(0.1), x, t).steps(order)
    want = NumPyRunner(exact, SGD(0.1), x, t).steps(order)
    assert np.max(np.abs(got / want - 1)) < 1e-5


def test_bytes_become_the_same_float32_as_in_numpy():
    values = np.arange(256, dtype=np.uint8).repeat(2).reshape(16, 32)
    network = Network([Relu()], SoftmaxWithLoss(), dtype=np.float32)
    for scale in (255, 256, 1, 0.3, 37.77, 1e-30, 1e30):
        pixels = Pixels(values, scale)
        assert network.predict(pixels).tobytes() == pixels[:].tobytes(), scale
    assert networks._calls_of[network].ready()


# -- the same bytes ---------------------------------------------------------------------------------------------


def trained(name, threads, dtype=np.float32, batch=100, cut=None, count=8):
    network = make(name, dtype)
    x, t = data(network, 150)
    native = NativeRunner(network, SGD(0.1), x, t, threads)
    order = drawn(150, count, batch)
    pieces = [order] if cut is None else [order[i : i + cut] for i in range(0, count, cut)]
    losses = np.concatenate([native.steps(piece) for piece in pieces])
    return network.block.values.tobytes() + losses.tobytes()


@pytest.fixture
def always_many(monkeypatch):
    """Let as many threads take part as are asked for, however little there is to do."""
    monkeypatch.setattr(lower, "WORK_PER_THREAD", 1)


@pytest.mark.parametrize("splits", ["as usual", "chunks", "panels"])
@pytest.mark.parametrize("batch", [1, 7, 100, 101])
@pytest.mark.parametrize("name", ["two layers, the book's", "tails", "wide", "narrow"])
def test_any_number_of_threads_gives_the_same_bytes(name, batch, splits, always_many, monkeypatch):
    if splits == "chunks":
        monkeypatch.setattr(lower, "CHUNKED_WORK", 1)
    if splits == "panels":
        monkeypatch.setattr(lower, "PANELLED_WORK", 1)
    one = trained(name, 1, batch=batch)
    for threads in (2, 3, 4, 7):
        assert trained(name, threads, batch=batch) == one, threads


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [3, 100, 329])
@pytest.mark.parametrize("name", ["two layers, the book's", "wide", "sigmoid"])
def test_passing_over_zeros_changes_no_byte(name, batch, dtype, always_many):
    """Which of the two ways is taken depends on the data that happen to be there: no result may."""
    results = set()
    for sparse in (False, True):
        for threads in (1, 2, 3):
            network = make(name, dtype)
            x, t = data(network, 400)
            x[np.random.default_rng(3).random(x.shape) < 0.7] = 0
            native = NativeRunner(network, SGD(0.1), x, t, threads)
            assert native.sparse
            native.sparse = sparse
            losses = native.steps(drawn(400, 3, batch))
            assert any("SPARSE" in line.op.name for line in native._ready[batch, threads].program.lines) == sparse
            results.add(losses.tobytes() + network.block.values.tobytes())
    assert len(results) == 1


def softmaxed(classes, batch, dtype, extreme=False):
    """Give the engine's and NumPy's gradient of a network that is hardly more than its softmax."""
    network = Network([Affine(np.eye(classes, dtype=dtype), np.zeros(classes, dtype))], SoftmaxWithLoss(), dtype=dtype)
    rng = np.random.default_rng(classes)
    x = rng.standard_normal((batch, classes)) * (300 if extreme else 3)
    t = rng.integers(classes, size=batch)
    if extreme:
        x[0, 0], x[-1, -1] = -np.inf, 1e30
    native = network.gradient(x.astype(dtype), t)
    assert network.last_layer.y is None  # it was the engine
    loss = network.last_layer.loss
    network.engine = "numpy"
    with np.errstate(invalid="ignore"):
        return native, loss, network.gradient(x.astype(dtype), t), network.last_layer.loss


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batch", [1, 5, 16, 37])
@pytest.mark.parametrize("classes", [1, 2, 10, 16, 17, 40, 64, 65, 200])
def test_softmax_of_any_number_of_classes(classes, batch, dtype):
    got, loss, want, want_loss = softmaxed(classes, batch, dtype)
    exact = {"rtol": 2e-5, "atol": 1e-6} if dtype == np.float32 else {"rtol": 1e-12, "atol": 1e-14}
    for key in want:
        np.testing.assert_allclose(got[key], want[key], **exact)
    np.testing.assert_allclose(loss, want_loss, **exact)


def test_softmax_of_samples_together_gives_what_each_alone_gives(tmp_path, monkeypatch):
    """Which of the two ways is taken depends on the width of vectors and the number of classes."""
    cases = [(c, b, extreme) for c in (1, 2, 10, 16, 17, 40, 64) for b in (1, 5, 16, 37) for extreme in (False, True)]

    def all_cases():
        results = (softmaxed(c, b, np.float32, extreme) for c, b, extreme in cases)
        return [(*(grads[key].tobytes() for key in grads), loss) for grads, loss, *_ in results]

    together = all_cases()
    monkeypatch.setenv("BADAK_CACHE", str(tmp_path))
    monkeypatch.setattr(build, "_loaded", {})
    monkeypatch.setattr(kernels, "MANY_CLASSES", 0)
    alone = all_cases()
    assert [*map(repr, alone)] == [*map(repr, together)]  # NaN is NaN here


def test_dense_data_are_not_searched_for_zeros():
    rng = np.random.default_rng(0)
    dense = rng.random((100, 100))
    assert not runner.mostly_zero(dense)
    assert not runner.mostly_zero(np.zeros((3, 100)))
    dense[rng.random(dense.shape) < 0.8] = 0
    assert runner.mostly_zero(dense)


def test_the_size_of_a_call_changes_nothing():
    name = "two layers, the book's"
    whole = trained(name, 2, count=14)
    assert sorted(trained(name, 2, cut=7, count=14)) == sorted(whole)
    rows = [trained(name, 2, cut=cut, count=14) for cut in (1, 7, 14)]
    assert rows[0] == rows[1] == rows[2]


@pytest.mark.parametrize("name", [n for n in ("avx2", "plain", "neon") if n in target.available()])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_vector_width_gives_the_same_numbers(name, dtype, monkeypatch):
    best = {zoo: trained(zoo, 2, dtype) for zoo in ZOO}
    monkeypatch.setenv("BADAK_TARGET", name)
    for zoo, want in best.items():
        got = trained(zoo, 2, dtype)
        split = len(want) - 8 * 8
        close(np.frombuffer(got[:split], dtype), np.frombuffer(want[:split], dtype), dtype)
        close(np.frombuffer(got[split:]), np.frombuffer(want[split:]), dtype)


def test_the_best_target_comes_first_and_an_unknown_one_is_refused(monkeypatch):
    assert target.choose() == next(iter(target.available().values()))
    with pytest.raises(ValueError, match="this processor runs .*, not 'abacus'"):
        target.choose("abacus")


# -- who computes -----------------------------------------------------------------------------------------------


class Doubled(Affine):
    """A reader's own layer: twice what Affine gives."""

    def forward(self, x):
        return 2 * super().forward(x)


def on_numpy(network, x, t):
    """Say whether a call leaves what NumPy's layers save, and check that it gives what they give."""
    got = network.gradient(x, t)
    by_numpy = network.last_layer.y is not None
    twin = copy.deepcopy(network)
    twin.engine = "numpy"
    want = twin.gradient(x, t)
    for key in want:
        np.testing.assert_allclose(got[key], want[key], rtol=1e-9, atol=1e-12)
    return by_numpy


def test_an_untouched_network_runs_natively():
    network = make("sigmoid")
    assert not on_numpy(network, *data(network, 10))


def test_engine_numpy_is_numpy():
    network = make("sigmoid", engine="numpy")
    assert on_numpy(network, *data(network, 10))


def test_a_subclass_of_a_layer_is_not_replaced_by_ours():
    rng = np.random.default_rng(0)
    network = Network([Doubled(rng.random((4, 3)), np.zeros(3)), Relu(), affine(rng, 3, 2)], SoftmaxWithLoss())
    assert on_numpy(network, *data(network, 10))
    with pytest.raises(NotNative, match=r"Doubled1 \(Doubled\) has no rule"):
        NativeRunner(network, SGD(0.1), *data(network, 10))


def test_a_method_replaced_on_a_layer_is_used():
    network = make("sigmoid")
    x, t = data(network, 10)
    assert not on_numpy(network, x, t)
    layer = network.layers["Sigmoid1"]
    layer.forward = lambda x: Sigmoid.forward(layer, x) * 1.0
    network.gradient(x, t)
    assert network.last_layer.y is not None
    del layer.forward
    assert not on_numpy(network, x, t)


def test_a_method_replaced_on_a_class_is_used(monkeypatch):
    network = make("sigmoid")
    x, t = data(network, 10)
    assert not on_numpy(network, x, t)
    plain = Sigmoid.forward
    monkeypatch.setattr(Sigmoid, "forward", lambda self, x: plain(self, x) * 1.0)
    assert on_numpy(network, x, t)
    assert on_numpy(make("sigmoid"), x, t)


def test_a_replaced_layer_is_used():
    network = make("sigmoid")
    x, t = data(network, 10)
    before = network.predict(x)
    network.layers["Sigmoid1"] = Relu()
    on_numpy(network, x, t)
    assert not np.allclose(network.predict(x), before)
    assert not on_numpy(network, x, t)


def test_a_rebound_parameter_is_taken_in():
    network = make("sigmoid")
    x, t = data(network, 10)
    network.predict(x)
    network.layers["Affine1"].W = np.zeros((100, 50))
    on_numpy(network, x, t)
    assert not network.params["W1"].any()


def test_a_network_that_computes_its_own_way_is_let():
    class Own(TwoLayerNet):
        def predict(self, x):
            return super().predict(x) + 1

    network = Own(4, 3, 2, seed=0)
    assert on_numpy(network, *data(network, 5))


def test_native_refuses_what_it_cannot_do_and_auto_says_why():
    rng = np.random.default_rng(0)
    layers = [Doubled(rng.random((4, 3)), np.zeros(3))]
    network = Network(layers, SoftmaxWithLoss(), engine="native")
    x, t = data(network, 10)
    with pytest.raises(ValueError, match=r"cannot compute on the native engine: Doubled1 \(Doubled\) has no rule"):
        network.gradient(x, t)
    network.engine = "auto"
    with pytest.warns(UserWarning, match=r"training on NumPy: Doubled1 \(Doubled\) has no rule"):
        assert fit(network, x, t, iterations=1, batch_size=5).engine == "numpy"


def test_an_optimizer_without_a_rule_is_refused_by_name():
    class Own(SGD):
        pass

    network = make("sigmoid")
    with pytest.raises(NotNative, match="the optimizer Own has no rule"):
        NativeRunner(network, Own(0.1), *data(network, 10))


# -- what the layers hold afterwards ----------------------------------------------------------------------------


def test_after_a_native_gradient_the_layers_hold_the_same_gradients_and_nothing_old():
    network = make("sigmoid")
    x, t = data(network, 10)
    twin = copy.deepcopy(network)
    twin.engine = "numpy"
    twin.gradient(x, t)
    first = network.gradient(x, t)
    for name in ("Affine1", "Affine2"):
        np.testing.assert_allclose(network.layers[name].dW, twin.layers[name].dW, atol=1e-12)
        np.testing.assert_allclose(network.layers[name].db, twin.layers[name].db, atol=1e-12)
    kept = {key: value.copy() for key, value in first.items()}
    of_layer = network.layers["Affine1"].dW
    network.gradient(x[:3], t[:3])
    for key, value in kept.items():
        assert np.array_equal(first[key], value)
    assert network.layers["Affine1"].dW is not of_layer
    for layer, dout in ((network.last_layer, 1), (network.layers["Affine2"], np.ones((10, 10)))):
        with pytest.raises(RuntimeError, match="before forward"):
            layer.backward(dout)


def test_the_layers_and_the_caller_hold_the_same_gradients_and_the_block_its_own():
    network = make("sigmoid")
    x, t = data(network, 10)
    grads = network.gradient(x, t)
    assert all(grads[key] is getattr(network.layers[name], "d" + a) for name, a, key in network._keys)
    for key, grad in grads.items():
        assert np.array_equal(grad, network.block.grad_view(key))
        grad[...] = 0  # the caller's own: the Block keeps what was computed
        assert network.block.grad_view(key).any()


def refused(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011  (which one, is compared)
        call()
    return type(caught.value), str(caught.value)


@pytest.mark.parametrize("label", [-1, 10, 2**62])
def test_a_wrong_label_is_refused_in_every_call(label):
    network = make("tails")
    x, t = data(network, 20)
    wrong = t.copy()
    wrong[7] = label
    first = refused(lambda: network.gradient(x, wrong))
    for _ in range(3):
        network.gradient(x, t)  # from the second on, less is looked at
    assert refused(lambda: network.gradient(x, wrong)) == first
    assert "label" in first[1]


def test_gradients_of_other_forms_between_those_of_one_form():
    """What is not looked at again in a plain batch must be looked at in the next one, which may be no plain one."""
    network = make("tails", np.float32)
    x, t = data(network, 20)
    x = x.astype(np.float32)
    frozen = x.copy()
    frozen.flags.writeable = False
    hot = np.eye(3)[t]
    forms = [(x, t), (frozen, t), (x[::2], t[::2]), (x.astype(np.float64), t), (x.astype(">f4"), t), (x, t.tolist()),
             (x, t.astype(np.int32)), (x, hot), (np.asfortranarray(x), t), (x[:7], t[:7]), (x.tolist(), t)]  # fmt: skip
    for form in forms:
        for batch in ((x, t), (x, t), form):
            got = network.gradient(*batch)
            assert network.last_layer.y is None
            twin = copy.deepcopy(network)
            twin.engine = "numpy"
            want = twin.gradient(*batch)
            for key in want:
                close(got[key], want[key], np.float32)


def test_the_block_holds_the_last_gradients_whoever_computed_them():
    network = make("sigmoid")
    x, t = data(network, 10)
    for batch in (slice(0, 5), slice(5, 10)):
        want = network.gradient(x[batch], t[batch])
    for block in (network.block, copy.deepcopy(network).block, pickle.loads(pickle.dumps(network)).block):
        assert np.array_equal(block.named(block.grads)["W1"], want["W1"])
    network.gradient(x, t)
    network.engine = "numpy"
    network.backpropagate(x[:3], t[:3])
    own = network.block.grads.copy()
    network.backpropagate(x[:3], t[:3])
    assert np.array_equal(own, network.block.grads)


def test_many_sizes_of_batch_need_no_more_room_than_one():
    network = make("sigmoid")
    x, t = data(network, 20)
    for size in range(1, 20):
        network.gradient(x[:size], t[:size])
    assert len(networks._calls_of[network]._rooms) <= 2


def test_gradients_that_are_kept_are_never_written_to_again():
    network = make("tails")
    x, t = data(network, 40)
    kept, layers, copies = [], [], []
    for i in range(12):
        grads = network.gradient(x[i : i + 20], t[i : i + 20])
        kept.append(grads["W2"] if i % 3 else grads)
        layers.append(network.layers["Affine1"].db[1:] if i % 2 else None)
        copies.append((copy.deepcopy(kept[-1]), None if layers[-1] is None else layers[-1].copy()))
    for grads, part, (grads_then, part_then) in zip(kept, layers, copies, strict=True):
        for key in grads if isinstance(grads, dict) else ():
            assert np.array_equal(grads[key], grads_then[key])
        if not isinstance(grads, dict):
            assert np.array_equal(grads, grads_then)
        assert part is None or np.array_equal(part, part_then)
    native = networks._calls_of[network]
    assert len(native._rooms) <= 6
    held = {id(room.flat) for room in native._rooms}
    del grads, kept, layers, copies
    for _ in range(20):
        network.gradient(x, t)
    assert {id(room.flat) for room in native._rooms} == held  # nothing new was needed


def test_predicting_natively_leaves_nothing_of_an_earlier_batch():
    network = make("sigmoid")
    x, _ = data(network, 10)
    network.layers["Affine1"].forward(x)
    network.layers["Sigmoid1"].forward(x[:, :50])
    network.predict(x[:3])
    with pytest.raises(RuntimeError, match="before forward"):
        network.layers["Affine1"].backward(np.ones((10, 50)))
    with pytest.raises(RuntimeError, match="before forward"):
        network.layers["Sigmoid1"].backward(np.ones((10, 50)))


def test_a_network_can_be_copied_and_pickled_after_a_native_call():
    network = make("tails")
    x, _ = data(network, 5)
    want = network.predict(x)
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        np.testing.assert_array_equal(other.predict(x), want)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("zeros", [0, 0.9])
def test_a_batch_that_lies_right_is_read_in_place_with_the_same_result(zeros, dtype, monkeypatch):
    network = make("two layers, the book's", dtype) if dtype == np.float32 else Network(
        [affine(np.random.default_rng(0), 200, 50), Sigmoid(), affine(np.random.default_rng(1), 50, 10)],
        SoftmaxWithLoss(), dtype=dtype)  # fmt: skip
    x, t = data(network, 701)
    x = x.astype(dtype)
    x[np.random.default_rng(3).random(x.shape) < zeros] = 0
    x.flags.writeable = False
    bytes_of = np.zeros(x.nbytes + 1, np.uint8)  # the same numbers at an odd address, which have to be copied
    bytes_of[1:] = x.view(np.uint8).ravel()
    odd = bytes_of[1:].view(dtype).reshape(x.shape)
    answers = []
    for threads in (1, 2, 3, 4, 7):
        native = calls.Calls(network, threads)
        assert native.ready()
        answers += [native.gradient(x, t), native.gradient(x.copy("F"), t), native.gradient(odd, t)]
        [ready] = native._programs.values()
        assert ready.session.frame[Frame.BANKS + Bank.DATA] % x.itemsize == 0
        native.loss(x, t)
        drawn = [line.op.name for ready in native._programs.values() for line in ready.program.lines]
        assert "GATHER" not in drawn
    monkeypatch.setattr(lower, "_lies_right", lambda *_: False)
    native = calls.Calls(network, 2)
    assert native.ready()
    answers.append(native.gradient(x, t))
    assert "GATHER" in [line.op.name for ready in native._programs.values() for line in ready.program.lines]
    for got in answers:
        for key, want in answers[0].items():
            assert got[key].tobytes() == want.tobytes(), key
    network.engine = "numpy"
    for key, want in network.gradient(x, t).items():
        close(answers[0][key], want, dtype, 3)


def test_a_tape_that_reads_more_data_in_place_than_a_batch_is_refused():
    network = make("two layers, the book's", np.float32)
    for purpose, name in (("gradient", "AFFINE"), ("loss", "AFFINE"), ("gradient", "GRAD_W")):
        program = lower.lower(nodes(network, (784,)), network.block.offsets, batch=10, inputs=784, source="f4",
                              scale=0.0, threads=2, itemsize=4, lanes=16, purpose=purpose)  # fmt: skip
        verify(program, network.block.values.nbytes)
        [line] = [each for each in program.lines if each.op.name == name and each.operands["x"].bank == Bank.DATA]
        line.sizes["rows"] += 1
        with pytest.raises(BadTape, match="one batch of data|reaches to byte"):
            verify(program, network.block.values.nbytes)
        line.sizes["rows"] -= 1
        line.operands["x"].size *= 2
        with pytest.raises(BadTape, match="one batch of data"):
            verify(program, network.block.values.nbytes)


# -- a batch in parts ---------------------------------------------------------------------------------------------


@pytest.fixture
def small_parts(monkeypatch):
    """Cut every batch that has a fitting divisor into parts of a few samples."""
    monkeypatch.setattr(lower, "ROOM", 1)
    monkeypatch.setattr(lower, "SMALLEST", 9)
    monkeypatch.setattr(lower, "parts_of", functools.partial(parts_without_weights, lower.parts_of))


def parts_without_weights(parts_of, nodes, batch, inputs, itemsize):
    """Let weights make no part larger, so that small networks are cut, too."""
    light = [dataclasses.replace(node, params={}) for node in nodes]
    return parts_of(light, batch, inputs, itemsize)


def test_large_batches_go_through_in_parts_of_a_size_of_their_own():
    def parts(batch, inputs=784, hidden=50, dtype=np.float32, layers=()):
        network = Network(
            [Affine(np.ones((inputs, hidden)), np.zeros(hidden)), *layers], SoftmaxWithLoss(), dtype=dtype
        )
        return lower.parts_of(nodes(network, (inputs,)), batch, inputs, network.dtype.itemsize)

    assert [parts(batch) for batch in (1, 32, 100, 128)] == [1] * 4
    assert 4096 // parts(4096) == 128
    assert parts(4096, dtype=np.float64) == 64
    assert 1000 % parts(1000) == 0
    assert parts(1000) > 1
    assert parts(4099) == 1  # a prime
    assert 1 < parts(4096, hidden=1024) < parts(4096)  # gradients of many weights are not gone through so often
    assert parts(4096, layers=[Sigmoid()]) > 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", [SoftmaxWithLoss, IdentityWithLoss])
@pytest.mark.parametrize("name", ZOO)
def test_a_batch_in_parts_gives_what_the_layers_give(name, loss, dtype, small_parts):
    for batch in (18, 105):
        ours, theirs = make(name, dtype, loss), make(name, dtype, loss, engine="numpy")
        x, t = data(ours, 120)
        order = drawn(120, 3, batch)
        native = NativeRunner(ours, SGD(0.1), x, t, 2)
        close(native.steps(order), NumPyRunner(theirs, SGD(0.1), x, t).steps(order), dtype)
        assert all(ready.program.parts > 1 for ready in native._ready.values())
        close(ours.block.values, theirs.block.values, dtype)
        got, want = ours.gradient(x[:batch], t[:batch]), theirs.gradient(x[:batch], t[:batch])
        for key in want:
            close(got[key], want[key], dtype, 3)
        assert abs(ours.loss(x[:batch], t[:batch]) - theirs.loss(x[:batch], t[:batch])) < 30 * TOLERANCE[dtype]
        parts = [ready.program.parts for ready in networks._calls_of[ours]._programs.values()]
        assert len(parts) == 2
        assert min(parts) > 1


@pytest.mark.parametrize("optimizer", [lambda: Momentum(0.05), lambda: Adam(0.01), lambda: SGD(0.1, clip_norm=0.3)])
def test_every_optimizer_takes_one_step_for_all_parts_of_a_batch(optimizer, small_parts):
    def network(engine):
        r = np.random.default_rng(0)
        layers = [
            affine(r, 35, 19),
            Tanh(),
            affine(r, 19, 20),
            Gelu(),
            affine(r, 20, 18),
            LeakyRelu(),
            affine(r, 18, 3),
        ]
        return Network(layers, SoftmaxWithLoss(), engine=engine)

    ours, theirs = network("auto"), network("numpy")
    x, t = data(ours, 120)
    order = drawn(120, 4, 36)
    native = NativeRunner(ours, optimizer(), x, t, 2)
    close(native.steps(order), NumPyRunner(theirs, optimizer(), x, t).steps(order), np.float64)
    close(ours.block.values, theirs.block.values, np.float64, 3)
    assert [ready.program.parts for ready in native._ready.values()] == [4]


@pytest.mark.parametrize("splits", ["as usual", "chunks", "panels"])
@pytest.mark.parametrize("name", ["two layers, the book's", "tails", "wide"])
def test_a_batch_in_parts_gives_the_same_bytes_on_any_number_of_threads(
    name, splits, small_parts, always_many, monkeypatch
):
    for what, where in (("chunks", "CHUNKED_WORK"), ("panels", "PANELLED_WORK")):
        if splits == what:
            monkeypatch.setattr(lower, where, 1)
    for batch in (36, 105):
        want = trained(name, 1, batch=batch)
        for threads in (2, 3, 4, 7):
            assert trained(name, threads, batch=batch) == want
        assert trained(name, 2, batch=batch, cut=1) == want


def test_the_tape_of_a_batch_in_parts_says_where_the_next_one_begins(small_parts):
    network = make("sigmoid")
    text = listing(network, 36, threads=2)
    assert "batch 36" in text
    assert text.count("AGAIN") == 1
    assert text.index("GRAD_W") < text.index("AGAIN") < text.index("MEAN") < text.index("STEP")
    program, size = program_of("sigmoid", 36)
    verify(program, size)
    assert program.parts == 4
    assert program.batch == 9
    program.parts = 5
    with pytest.raises(BadTape, match="losses"):
        verify(program, size)
    program.parts, at = 4, next(i for i, line in enumerate(program.lines) if line.op.name == "AGAIN")
    line = program.lines.pop(at)
    for lines in (program.lines, [line, *program.lines], [*program.lines, line], [*program.lines[:at], line, line]):
        program.lines = lines
        with pytest.raises(BadTape, match="cannot begin again"):
            verify(program, size)


# -- what users pass in -----------------------------------------------------------------------------------------


def variants(x, folder):
    """Give the same numbers in the forms in which arrays come."""
    flat = x.astype(np.float32)
    big = np.zeros((2 * len(x), 2 * x.shape[1]), np.float32)
    big[::2, ::2] = flat
    readonly = flat.copy()
    readonly.setflags(write=False)
    mapped = np.memmap(folder / f"x{os.getpid()}_{flat.shape}.bin", np.float32, "w+", shape=flat.shape)
    mapped[:] = flat
    return {
        "float64": flat.astype(np.float64),
        "not contiguous": big[::2, ::2],
        "column-major": np.asfortranarray(flat),
        "backwards": flat[::-1].copy()[::-1],
        "read-only": readonly,
        "big-endian": flat.astype(">f4"),
        "memory-mapped": mapped,
        "float16 steps": flat,
    }


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.sampled_from([1, 2, 3, 5, 7, 13, 16, 17, 31, 53, 64, 97]), min_size=2, max_size=5),
    batch=st.sampled_from([1, 2, 3, 7, 31, 64, 113]),
    count=st.sampled_from([1, 2, 7, 50]),
    activation=st.sampled_from([Relu, Sigmoid]),
    threads=st.sampled_from([1, 2, 3]),
    seed=st.integers(0, 1000),
)
def test_any_network_and_any_array(sizes, batch, count, activation, threads, seed, tmp_path_factory):
    rng = np.random.default_rng(seed)
    layers = []
    for D, H in pairwise(sizes):
        layers += [affine(rng, D, H), activation()]
    work, lower.WORK_PER_THREAD = lower.WORK_PER_THREAD, 1
    try:
        network = Network(layers[:-1], SoftmaxWithLoss(), dtype=np.float32)
        start = network.block.values.copy()
        x = rng.random((count, sizes[0])).astype(np.float32)
        t = rng.integers(sizes[-1], size=count)
        order = rng.integers(count, size=(2, batch))  # batches larger than the data, too
        before = None
        for form, given_x in variants(x, tmp_path_factory.mktemp("maps")).items():
            network.block.values[:] = start
            losses = NativeRunner(network, SGD(0.1), given_x, t, threads).steps(order)
            result = losses.tobytes() + network.block.values.tobytes()
            assert before in (None, result), form
            before = result
            assert np.array_equal(np.asarray(given_x, np.float32), x), form
        network.block.values[:] = start
        want = NumPyRunner(network, SGD(0.1), x, t).steps(order)
        np.testing.assert_allclose(losses, want, rtol=1e-4, atol=1e-5)
        one_hot = np.eye(sizes[-1])[t]
        network.block.values[:] = start
        again = NativeRunner(network, SGD(0.1), x, one_hot, threads).steps(order)
        assert again.tobytes() == losses.tobytes()
    finally:
        lower.WORK_PER_THREAD = work


@pytest.mark.parametrize("wrong", [-1, 30, 2**40])
def test_an_order_beyond_the_data_is_refused(wrong):
    network = make("tails")
    native = NativeRunner(network, SGD(0.1), *data(network, 30))
    before = network.block.values.copy()
    with pytest.raises(IndexError, match="order goes from .* there are 30 samples"):
        native.steps(np.array([[0, 1], [2, wrong]]))
    assert np.array_equal(network.block.values, before)


def test_an_order_of_fractions_is_refused():
    network = make("tails")
    native = NativeRunner(network, SGD(0.1), *data(network, 30))
    with pytest.raises(TypeError, match="order must hold whole numbers, not float64"):
        native.steps(np.array([[0.0, 1.5]]))


@pytest.mark.parametrize("wrong", [-1, 3, 10**9])
def test_labels_out_of_range_are_refused(wrong):
    network = make("tails")
    x, t = data(network, 30)
    t[4] = wrong
    with pytest.raises(ValueError, match=rf"label out of range: t\[4\] is {wrong}"):
        NativeRunner(network, SGD(0.1), x, t)
    with pytest.raises(ValueError, match=r"label out of range"):
        network.gradient(x, t)
    with pytest.raises(ValueError, match=r"label out of range"):
        network.accuracy(x, t)


def test_data_of_another_width_is_refused():
    network = make("tails")
    with pytest.raises(ValueError, match="Affine with W of shape"):
        NativeRunner(network, SGD(0.1), np.zeros((5, 34)), np.zeros(5, int))
    with pytest.raises(ValueError, match="Affine with W of shape"):
        network.predict(np.zeros((5, 34)))


def test_labels_may_be_changed_by_their_owner_without_harm():
    network = make("tails")
    x, t = data(network, 30)
    native = NativeRunner(network, SGD(0.1), x, t)
    t[:] = 10**12
    assert np.isfinite(native.steps(drawn(30, 2, 5))).all()


def test_images_one_sample_and_soft_targets_give_what_numpy_gives():
    rng = np.random.default_rng(0)
    ours, theirs = make("tails"), make("tails", engine="numpy")
    images = rng.random((6, 5, 7))
    np.testing.assert_allclose(ours.predict(images), theirs.predict(images), atol=1e-12)
    np.testing.assert_allclose(ours.predict(images[0].ravel()), theirs.predict(images[0].ravel()), atol=1e-12)
    integers = rng.integers(9, size=(6, 35))
    np.testing.assert_allclose(ours.predict(integers), theirs.predict(integers), atol=1e-12)
    soft = rng.dirichlet(np.ones(3), size=6)
    flat = images.reshape(6, -1)
    assert ours.loss(flat, soft) == pytest.approx(theirs.loss(flat, soft), abs=1e-12)
    assert ours.accuracy(flat, np.eye(3)[[0, 1, 2, 0, 1, 2]]) == theirs.accuracy(flat, [0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("count", [1, 6, 7, 255, 256, 257, 700])
def test_predicting_any_number_of_samples(count):
    ours, theirs = make("tails", np.float32), make("tails", np.float32, engine="numpy")
    x, t = data(ours, count)
    close(ours.predict(x), theirs.predict(x), np.float32, 3)
    assert ours.accuracy(x, t) == theirs.accuracy(x, t)
    pixels = Pixels((x * 255).astype(np.uint8))
    close(ours.predict(pixels), theirs.predict(pixels), np.float32, 3)


def test_nan_goes_through_as_in_numpy():
    ours, theirs = make("sigmoid"), make("sigmoid", engine="numpy")
    x, t = data(ours, 4)
    x[1, 3] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.array_equal(np.isnan(ours.predict(x)), np.isnan(theirs.predict(x)))
        assert np.isnan(ours.loss(x, t))
        assert np.isnan(theirs.loss(x, t))
    relu = Network([Relu()], SoftmaxWithLoss())
    assert np.isnan(relu.predict(np.array([[np.nan, 1.0]]))[0, 0])


# -- the verifier -----------------------------------------------------------------------------------------------


def program_of(name="tails", batch=10, purpose="train"):
    network = make(name)
    shape = (len(network.layers["Affine1"].W),)
    program = lower.lower(nodes(network, shape), network.block.offsets, batch=batch, inputs=shape[0], source="f8",
                          scale=0.0, threads=2, itemsize=8, lanes=8, purpose=purpose)  # fmt: skip
    return program, network.block.values.nbytes


def line_of(program, name):
    return next(line for line in program.lines if line.op.name == name)


@pytest.mark.parametrize("purpose", ["train", "gradient", "loss", "scores", "best"])
@pytest.mark.parametrize("name", ZOO)
def test_our_own_tapes_pass(name, purpose):
    network = make(name)
    shape = data(network, 1)[0].shape[1:]
    for batch in (1, 10, 300):
        verify(program := lower.lower(nodes(network, shape), network.block.offsets, batch=batch, inputs=shape[0],
                                      source="f8", scale=0.0, threads=3, itemsize=8, lanes=8, purpose=purpose),
               network.block.values.nbytes)  # fmt: skip
        assert len(program.encode()) == len(program.lines)


def grow(field, by=1):
    def tamper(program):
        for line in program.lines:
            if field in line.sizes:
                line.sizes[field] += by

    return tamper


def tamper_offset(program):
    line_of(program, "AFFINE").operands["out"].offset = program.place_sizes[Bank.SCRATCH] - 64


def tamper_order(program):
    lines = [line for line in program.lines if line.op.name != "GATHER"]
    program.lines[:] = lines


def tamper_data(program):
    line_of(program, "AFFINE").operands["out"] = line_of(program, "GATHER").operands["data"]


def tamper_negative(program):
    line_of(program, "AFFINE").sizes["rows"] = -4


def tamper_block(program):
    line_of(program, "UNPACK").operands["values"].offset += 8_000_000


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (grow("rows"), "reaches to byte"),
        (grow("n", 16), "reaches to byte|fewer than its|than the weights have"),
        (grow("k", 64), "reaches to byte|fewer than its|than the weights have"),
        (grow("out_step", 64), "reaches to byte"),
        (tamper_offset, "reaches to byte"),
        (tamper_order, "read before anything was written"),
        (tamper_data, "is data, and would be written to"),
        (tamper_negative, "rows is -4"),
        (tamper_block, "reaches to byte"),
    ],
)
def test_a_tape_that_was_tampered_with_is_refused(tamper, says):
    program, size = program_of()
    verify(program, size)
    tamper(program)
    with pytest.raises(BadTape, match=says):
        verify(program, size)


@pytest.mark.parametrize("name", ["AFFINE_SPARSE", "STEP_W_SPARSE"])
def test_marks_have_room_for_the_vector_that_may_reach_beyond_them(name):
    network = make("two layers, the book's", np.float32)
    program = lower.lower(nodes(network, (784,)), network.block.offsets, batch=100, inputs=784, source="f4",
                          scale=0.0, threads=2, itemsize=4, lanes=16, purpose="train", sparse=True)  # fmt: skip
    line = line_of(program, name)
    line.sizes["marks_step"] = 2 * (line.sizes["rows"] + 16)
    verify(program, network.block.values.nbytes)
    line.sizes["marks_step"] -= 1
    with pytest.raises(BadTape, match=f"{name}: 231 bytes of marks are too few for 100 rows"):
        verify(program, network.block.values.nbytes)


def test_barriers_stand_where_threads_would_meet_unfinished_work():
    program, _ = program_of("two layers, the book's", batch=100)
    names = [line.op.name for line in program.lines[program.body : program.ending]]
    assert names.count("BARRIER") == 2  # after the parts of the first sum, and before the parameters change
    assert names.index("BARRIER") < names.index("JOIN")


def test_panels_hold_every_column_once():
    for k, n, lanes in ((784, 50, 16), (5, 1, 16), (3, 20, 8), (7, 512, 4), (1, 5, 4)):
        panels = Panels(k, n, lanes)
        assert panels.vectors * lanes + panels.tail >= n > panels.vectors * lanes + panels.tail - lanes
        assert panels.size >= k * n


# -- threads ----------------------------------------------------------------------------------------------------


def test_the_number_of_threads(monkeypatch):
    monkeypatch.delenv("BADAK_THREADS", raising=False)
    assert target.thread_count() == target.usable_cores()
    monkeypatch.setenv("BADAK_THREADS", "3")
    assert target.thread_count() == 3
    assert target.thread_count(5) == 5
    monkeypatch.setenv("BADAK_THREADS", "many")
    with pytest.raises(ValueError, match="BADAK_THREADS must be a whole number of 1 or more, not 'many'"):
        target.thread_count()
    for wrong, error in ((0, ValueError), (1.5, TypeError), (True, TypeError)):
        with pytest.raises(error, match="threads must be"):
            target.thread_count(wrong)


def test_a_control_group_limits_the_cores(tmp_path):
    own = tmp_path / "cgroup"
    own.write_text("0::/a/b\n")
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert target._cgroup_quota(tmp_path, own) is None
    (tmp_path / "a" / "cpu.max").write_text("150000 100000\n")
    (tmp_path / "a" / "b" / "cpu.max").write_text("max 100000\n")
    assert target._cgroup_quota(tmp_path, own) == 1.5
    old = tmp_path / "cpu" / "a" / "b"
    old.mkdir(parents=True)
    (old / "cpu.cfs_quota_us").write_text("50000")
    (old / "cpu.cfs_period_us").write_text("100000")
    own.write_text("4:cpu,cpuacct:/a/b\n")
    assert target._cgroup_quota(tmp_path, own) == 0.5
    assert target._cgroup_quota(tmp_path, tmp_path / "none") is None


def test_an_interrupt_leaves_nobody_waiting():
    stop = np.zeros(1, np.int64)
    left = []

    def machine(_frame, me):
        if me == 0:
            raise KeyboardInterrupt
        while not stop[0]:
            pass
        left.append(me)
        return -1

    team = crew.Crew()
    with pytest.raises(KeyboardInterrupt):
        team.run(machine, 0, stop, 3)
    assert sorted(left) == [1, 2]


def test_what_a_thread_does_not_run_is_seen():
    def machine(_frame, me):
        time.sleep(0.2 if me else 0.0)  # as if its core were taken, or as a barrier lets it sleep
        return 0

    assert crew.Crew().run(machine, 0, np.zeros(1, np.int64), 2) >= 0.2


def test_sleeping_at_a_barrier_says_nothing_of_cores(monkeypatch):
    """One thread's share may take much longer than the other's."""
    network = make("two layers, the book's")
    x, t = data(network, 150)
    native, told = NativeRunner(network, SGD(0.1), x, t, 2), []
    native.steps(drawn(150, 1, 100))
    session = next(iter(native._ready.values())).session
    machine, second = session.machine, threading.Event()

    def late(frame, me):
        if me:
            second.wait(waits[0])  # the first sleeps at its barrier until this one comes
        return machine(frame, me)

    session.machine = late
    waits = [0.3, 1, 4, 12]  # on a busy machine it takes long to give its core away 200 times, and then to sleep
    while waits:
        session.run(1)
        slept, _ = session.flags[1 :: crew.LINE // 8][:2]
        if slept > 10:
            break
        waits.pop(0)
    assert slept > 10
    monkeypatch.setattr(crew.crew, "learn", lambda lost, spent: told.append(lost))
    monkeypatch.setattr(crew.crew, "run", lambda *_: session.flags.__setitem__(1, 1000) or 0.5)
    session.run(1)
    assert told == [pytest.approx(0.5 - 1000 * crew.SLEEP)]


def test_where_cores_are_taken_one_thread_works_alone_for_a_while(monkeypatch):
    monkeypatch.undo()
    team, now = crew.Crew(), [100.0]
    monkeypatch.setattr(crew.time, "monotonic", lambda: now[0])
    assert team.advise(4) == 4
    team.learn(lost=0.01, spent=0.4)  # now and then
    assert team.advise(4) == 4
    team.learn(lost=0.04, spent=0.04)  # too little to judge by
    assert team.advise(4) == 4
    team.learn(lost=0.2, spent=0.4)
    assert team.advise(4) == 1
    now[0] += 1
    assert team.advise(4) == 4
    for _ in range(10):
        team.learn(lost=0.2, spent=0.4)
    now[0] += 3.9
    assert team.advise(4) == 1
    now[0] += 0.2
    assert team.advise(4) == 4


def test_where_the_system_gives_no_more_threads_fewer_do_the_work(monkeypatch, always_many):
    want = trained("tails", 1)
    given = []

    def start(worker):
        if len(given) == 2:
            raise RuntimeError("can't start new thread")
        given.append(worker)
        threading.Thread.start(worker)

    monkeypatch.setattr(crew._Worker, "start", start)
    monkeypatch.setattr(crew, "crew", crew.Crew())
    monkeypatch.setattr(runner, "crew", crew.crew)
    assert trained("tails", 7) == want
    assert len(given) == 2


def test_a_tape_does_not_run_without_its_memory():
    program, _ = program_of()
    ready = Ready(program, build.machine(8))
    with pytest.raises(AssertionError, match="a memory bank that nobody gave it"):
        ready.run(1)


def test_threads_of_the_user_may_share_a_network():
    network = make("two layers, the book's", np.float32)
    x, t = data(network, 60)
    want = network.gradient(x, t)
    wrong = []

    def work():
        for _ in range(10):
            got = network.gradient(x, t)
            wrong.extend(key for key in want if not np.array_equal(got[key], want[key]))

    several = [threading.Thread(target=work) for _ in range(3)]
    for each in several:
        each.start()
    for each in several:
        each.join()
    assert not wrong


# -- compiling, and keeping what was compiled -------------------------------------------------------------------


def answer(machine):
    """Run an empty tape."""
    frame = np.zeros(64, np.int64)
    return machine(frame.ctypes.data, 0)


@pytest.fixture
def small(monkeypatch):
    """Compile a machine that does nothing, in no time, and count how often."""
    compiled = []

    def nothing(frame, me):
        return 0

    def compile_it(itemsize, chosen):
        compiled.append(itemsize)
        from llvmlite import ir

        return build.compile_function(nothing, ir.DoubleType(), chosen)

    monkeypatch.setattr(build, "compile_machine", compile_it)
    monkeypatch.setattr(build.trial, "fault", lambda *_: None)  # which would find that it does nothing
    monkeypatch.setattr(build, "_loaded", {})
    monkeypatch.setattr(build, "_failed", None)
    return compiled


def test_what_was_compiled_is_kept_and_said_once(small, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BADAK_CACHE", str(tmp_path / "deep" / "cache"))
    assert answer(build.machine(4)) == 0
    assert capsys.readouterr().err.count("badak: compiling the engine") == 1
    monkeypatch.setattr(build, "_loaded", {})
    assert answer(build.machine(4)) == 0
    assert small == [4]
    assert capsys.readouterr().err == ""


def test_a_damaged_or_foreign_file_does_no_harm(small, tmp_path, monkeypatch):
    monkeypatch.setenv("BADAK_CACHE", str(tmp_path))
    build.machine(4)
    (file,) = tmp_path.glob("*.machine")
    content = file.read_bytes()
    for damage in (b"", content[:40], content[:-1], b"\0" * len(content), content[:60] + b"?" + content[61:]):
        file.write_bytes(damage)
        monkeypatch.setattr(build, "_loaded", {})
        assert answer(build.machine(4)) == 0
        assert file.read_bytes() == content
    assert len(small) == 6


def test_a_folder_that_cannot_be_written_costs_only_the_compiling(small, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("BADAK_CACHE", str(blocked))
    assert answer(build.machine(4)) == 0
    assert blocked.read_text() == "not a folder"


def test_the_cache_is_of_one_processor_and_one_version_of_the_sources():
    one, two = (build._digest(t) for t in (target.choose(), target.choose("plain")))
    assert one != two


def test_the_cache_is_of_one_processor(monkeypatch):
    before, able = build._digest(target.choose()), target.processor()[1]
    monkeypatch.setattr(target, "processor", lambda: ("another", able))
    assert build._digest(target.choose()) != before


one_piece = pytest.mark.skipif(not build.ONE_PIECE, reason="compiled code is made into one piece on x86-64 Linux alone")


@one_piece
def test_what_is_kept_runs_without_a_compiler(tmp_path):
    script = """
import sys, numpy as np, badak
net = badak.TwoLayerNet(4, 3, 2, seed=0)
net.gradient(np.ones((6, 4)), np.zeros(6, int))
print(sorted({"llvmlite", "badak.engine.vectors"} & sys.modules.keys()), net.last_layer.y is None)
"""
    said = []
    for _ in range(2):
        environment = {**os.environ, "BADAK_CACHE": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
        )
        said.append(done.stdout.strip())
    assert said == ["['llvmlite'] True", "[] True"]


@one_piece
def test_code_in_one_piece_gives_what_llvms_own_loader_gives(tmp_path, monkeypatch):
    want = trained("two layers, the book's", 2)
    monkeypatch.setenv("BADAK_CACHE", str(tmp_path))
    monkeypatch.setattr(build, "_loaded", {})
    monkeypatch.setattr(build, "ONE_PIECE", False)
    assert trained("two layers, the book's", 2) == want
    (file,) = tmp_path.glob("*.machine")
    assert file.read_bytes()[32:36] == b"\x7fELF"


@one_piece
def test_code_that_refers_outside_or_has_no_entry_is_not_made_into_one_piece():
    import llvmlite.binding as llvm

    from badak.engine import linker

    build._initialize(llvm)
    machine = build._target_machine(llvm, target.choose())

    def emitted(text):
        return machine.emit_object(llvm.parse_assembly(text))

    alone = emitted(f"define i64 @{build.SYMBOL}(i64 %a, i64 %b) {{ ret i64 %a }}")
    assert linker.link(alone, build.SYMBOL).startswith(linker.MAGIC)
    assert linker.link(alone, "another") is None
    assert linker.link(b"\xcf\xfa\xed\xfe" + alone[4:], build.SYMBOL) is None
    text = (
        f"declare i64 @far(i64)\ndefine i64 @{build.SYMBOL}(i64 %a, i64 %b) {{ %c = call i64 @far(i64 %a) ret i64 %c }}"
    )
    assert linker.link(emitted(text), build.SYMBOL) is None
    written = f"@x = global i64 5\ndefine i64 @{build.SYMBOL}(i64 %a, i64 %b) {{ store i64 %a, ptr @x ret i64 %a }}"
    assert linker.link(emitted(written), build.SYMBOL) is None
    held = (
        f"@x = external constant i8\n@y = constant ptr @x\ndefine i64 @{build.SYMBOL}(i64 %a, i64 %b) {{ ret i64 %a }}"
    )
    assert linker.link(emitted(held), build.SYMBOL) is None


def test_memory_that_may_not_be_run_is_said(monkeypatch):
    from badak.engine import linker

    class Strict:
        mmap = ctypes.CDLL(None).mmap

        def mprotect(self, *_):
            return -1

    monkeypatch.setattr(linker.ctypes, "CDLL", lambda *_, **__: Strict())
    with pytest.raises(OSError, match="lets no compiled code run"):
        linker.place(linker.MAGIC + bytes(100))


@one_piece
def test_linux_names_the_processor_as_llvm_does(tmp_path):
    name, able = target.processor()
    features = target.host()[1]
    for word in ("sse2", "avx2", "fma", "avx512f", "avx512vl", "avx512dq"):
        assert (word in able) == bool(features.get(word)), word
    assert target._cpuinfo()["flags"] in name
    assert target._cpuinfo(tmp_path / "missing") == {}


@pytest.mark.parametrize("missing", ["llvmlite", "broken"])
def test_without_a_compiler_everything_runs_on_numpy(missing, tmp_path):
    block = "sys.modules['llvmlite'] = None" if missing == "llvmlite" else (
        "import badak.engine.build as b; b.compile_machine = lambda *a: 1 / 0"
    )  # fmt: skip
    script = f"""
import sys, warnings
{block}
import numpy as np, badak
net = badak.TwoLayerNet(4, 3, 2, seed=0)
x, t = np.ones((6, 4)), np.array([0, 1, 0, 1, 0, 1])
for _ in range(3):
    net.gradient(x, t); net.predict(x)
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    print(badak.fit(net, x, t, iterations=2, batch_size=2).engine)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "BADAK_CACHE": str(tmp_path)},
    )
    assert done.stdout.strip() == "numpy"
    assert done.stderr.count("badak: computing on NumPy:") == 1, done.stderr


def test_importing_badak_imports_no_compiler():
    script = "import badak, sys; print([m for m in sys.modules if 'llvmlite' in m or 'numba' in m or 'engine' in m])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- the compiler -----------------------------------------------------------------------------------------------


def compiled(function):
    from llvmlite import ir

    chosen = target.choose()
    return build.load(build.compile_function(function, ir.DoubleType(), chosen), chosen)


def test_the_compiler_gives_what_python_gives():
    from badak.engine.opcodes import Split

    constant = 7

    def pair(a, b) -> tuple[int, int]:
        return a + b, a * b

    def gcd(a, b):
        while b != 0:
            a, b = b, a % b
        return a

    def scaled(x: float) -> float:
        return x * 1.5 + 1

    def function(a, b):
        """Do some of everything."""
        total, product = pair(a, b)
        for i in range(2, a, 3):
            if i == 5 and not b > 1000:
                total += i << 2
            elif i == 8 or b < 3:
                total -= i // 2
            else:
                total += (i & 3) | (i >> 1)
        for _ in range(3):
            total += 1 if total % 2 == 0 else 2
        if a == 3:
            return Split.CHUNKS
        if scaled(a + 0.5) > 30.25:
            total += 1000
        return min(total, 1_000_000) + max(product, -1) + gcd(a, b) + constant

    native = compiled(function)
    for a, b in ((0, 5), (3, 3), (12, 18), (40, 7), (25, 2)):
        assert native(a, b) == function(a, b), (a, b)


def bad_syntax(a, b):
    return [a for _ in range(b)]


def bad_type(a, b):
    c = 1
    c = 0.5
    return c  # noqa: RET504


def bad_path(a, b):  # noqa: RET503
    if a > b:
        return a


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (bad_syntax, r"test_engine\.py:\d+: this compiler does not know: \[a for _ in range\(b\)\]"),
        (bad_type, "c was i64 and becomes double"),
        (bad_path, "a path gives nothing back"),
    ],
)
def test_the_compiler_says_what_it_does_not_know(function, says):
    with pytest.raises(SyntaxError, match=says):
        compiled(function)


def test_single_instructions_agree_with_numpy_everywhere():
    from badak.engine.vectors import exp, log  # noqa: F401  (the formulas under test, through Sigmoid and the loss)

    points = np.concatenate([np.linspace(-120, 120, 4001), [-1e30, 1e30, 0.0, -0.0, 1e-30]])
    for dtype, bound in ((np.float32, 3e-7), (np.float64, 5e-16)):
        ours = Network([Sigmoid()], SoftmaxWithLoss(), dtype=dtype)
        theirs = Network([Sigmoid()], SoftmaxWithLoss(), dtype=np.float64, engine="numpy")
        x = points.astype(dtype)[None, :]
        got, want = ours.predict(x)[0], theirs.predict(x.astype(np.float64))[0]
        seen = want > np.finfo(dtype).tiny
        assert np.max(np.abs(got[seen] / want[seen] - 1)) < bound
        assert (got[~seen] <= 2 * np.finfo(dtype).tiny).all()


# -- the listing ------------------------------------------------------------------------------------------------


def test_the_listing_tells_a_training_step():
    text = listing(TwoLayerNet(784, 50, 10, dtype=np.float32, seed=0), threads=2)
    lines = text.splitlines()
    assert "784 → 50 → 10, batch 100, float32, 2 threads" in lines[0]
    for expected in (
        "GATHER",
        "h2 ← h1 · W2 + b2",
        "dh1 ← dh2 · W2ᵀ",
        "W1 ← W1 - lr · xᵀ · dh1",
        "(784, 100) · (100, 50)",
    ):
        assert any(expected in line for line in lines), expected
    assert listing(TwoLayerNet(5, 4, 3, seed=0), 7, threads=1).count("BARRIER") == 0


def test_the_listing_refuses_what_has_no_tape():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="Doubled1"):
        listing(Network([Doubled(rng.random((4, 3)), np.zeros(3))], SoftmaxWithLoss()))
    with pytest.raises(ValueError, match="batch_size"):
        listing(make("tails"), 0)


def test_the_machine_is_called_with_python_unlocked():
    """ctypes functions made with CFUNCTYPE give the lock up; PYFUNCTYPE would not, and threads would wait."""
    assert isinstance(build.machine(4), ctypes._CFuncPtr)
    assert not build.machine(4)._flags_ & ctypes._FUNCFLAG_PYTHONAPI


def test_a_copy_made_field_by_field_does_not_compute_with_our_addresses():
    from badak.check.copying import clone

    network = make("sigmoid")
    x, _ = data(network, 6)
    network.predict(x)
    other = clone(network)
    other.params["W1"][...] *= 2
    want = clone(other)
    want.engine = "numpy"
    np.testing.assert_allclose(other.predict(x), want.predict(x), rtol=1e-12)


# -- convolution: the seam for what comes, proved on the tape itself ---------------------------------------------


@pytest.mark.parametrize("poison", [True, False])
def test_a_few_samples_stay_right_when_other_calls_come_between(poison, monkeypatch):
    monkeypatch.setattr(tapes, "POISON", poison)  # the shortest way is taken only without
    ours, theirs = (TwoLayerNet(6, 50, 3, 0.5, seed=0, engine=engine) for engine in ("auto", "numpy"))
    x = np.random.default_rng(0).standard_normal((307, 6))
    kept = []
    for rows in (x[:1], x[:257], x[300:301], x[:2], x[:2].tolist(), x[4:6], (10 * x[:1]).astype(int), x[5:6]):
        got = ours.predict(rows)
        np.testing.assert_allclose(got, theirs.predict(rows), rtol=1e-9)
        kept.append((got, got.copy()))
    for got, copied in kept:
        np.testing.assert_array_equal(got, copied, "an answer is the caller's own")
