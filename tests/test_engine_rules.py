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
    Relu,
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
from badak.engine import build, crew, lower, rules, runner, target, updates
from badak.engine.listing import listing
from badak.engine.runner import NativeRunner
from badak.engine.verify import BadTape, verify
from badak.graph import nodes
from badak.training import NotNative, NumPyRunner

TOLERANCE = {np.float32: 3e-5, np.float64: 1e-12}


@pytest.fixture(autouse=True)
def poisoned(monkeypatch):
    """Fill scratch memory with NaN before each run, and let as many threads work as are asked for."""
    monkeypatch.setattr(runner, "POISON", True)
    monkeypatch.setattr(crew.Crew, "advise", lambda self, threads: threads)


@pytest.fixture
def always_many(monkeypatch):
    """Let as many threads take part as are asked for, however little there is to do."""
    monkeypatch.setattr(lower, "WORK_PER_THREAD", 1)
    monkeypatch.setattr(lower, "WORK_PER_CALL", 1)


def affine(rng, D, H):
    return Affine(rng.standard_normal((D, H)) / np.sqrt(D), 0.1 * rng.standard_normal(H))


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


def close(got, want, dtype, factor=1.0):
    scale = max(1e-3, float(np.max(np.abs(want))))
    np.testing.assert_allclose(got, want, rtol=0, atol=factor * TOLERANCE[dtype] * scale)


def remembered(network):
    """Give what layers remember: running means and the states of generators."""
    arrays = [getattr(layer, name) for layer in network.layers.values() for name in ("running_mean", "running_var")
              if hasattr(layer, name)]  # fmt: skip
    states = [layer.rng.bit_generator.state for layer in network.layers.values() if getattr(layer, "rng", None)]
    return arrays, states


def same_memories(ours, theirs, dtype):
    (got, got_states), (want, want_states) = remembered(ours), remembered(theirs)
    assert got_states == want_states
    assert len(got) == len(want)
    for one, other in zip(got, want, strict=True):
        assert one.dtype == other.dtype
        close(one, other, dtype, 3)


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
