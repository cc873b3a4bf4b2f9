"""badak's own layers, losses and networks raise no alarm in badak's own checker, over 1,000 random shapes."""

import numpy as np
import pytest

from badak import (
    Affine,
    Convolution,
    IdentityWithLoss,
    MultiLayerNet,
    Network,
    Pooling,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
    TwoLayerNet,
    check_layer,
)
from badak.check.contract import examine
from badak.check.subject import wrap

LAYERS, NETWORKS = 185, 30  # shapes of each


def sizes(rng, count, most=9):
    return [int(size) for size in rng.integers(1, most, size=count)]


def affine(rng):
    N, D, H = sizes(rng, 3)
    return Affine(rng.standard_normal((D, H)), rng.standard_normal(H)), rng.standard_normal((N, D)), None


def elementwise(layer):
    def make(rng):
        return layer(), rng.standard_normal(sizes(rng, rng.integers(2, 5), 6)), None

    return make


def softmax(rng):
    N, C = sizes(rng, 2)
    t = rng.integers(C, size=N)
    return SoftmaxWithLoss(), 3 * rng.standard_normal((N, C)), np.eye(C)[t] if rng.random() < 0.5 else t


def identity(rng):
    N, D = sizes(rng, 2)
    return IdentityWithLoss(), rng.standard_normal((N, D)), rng.standard_normal((N, D))


def two_layers(rng):
    N, D, H = sizes(rng, 3)
    network = TwoLayerNet(D, H, 3, weight_init_std=0.5, seed=int(rng.integers(2**31)))
    return network, rng.standard_normal((N, D)), rng.integers(3, size=N)


def many_layers(rng):
    N, D, *hidden = sizes(rng, rng.integers(3, 6))
    network = MultiLayerNet(D, hidden, 4, ["relu", "sigmoid"][rng.integers(2)], seed=int(rng.integers(2**31)))
    return network, rng.standard_normal((N, D)), np.eye(4)[rng.integers(4, size=N)]


def regression(rng):
    N, D, H = sizes(rng, 3)
    layers = [
        Affine(rng.standard_normal((D, H)), np.zeros(H)),
        Sigmoid(),
        Affine(rng.standard_normal((H, 2)), np.zeros(2)),
    ]
    return Network(layers, IdentityWithLoss()), rng.standard_normal((N, D)), rng.standard_normal((N, 2))


MAKERS = {
    "Affine": affine,
    "Relu": elementwise(Relu),
    "Sigmoid": elementwise(Sigmoid),
    "SoftmaxWithLoss": softmax,
    "IdentityWithLoss": identity,
    "TwoLayerNet": two_layers,
    "MultiLayerNet": many_layers,
    "regression": regression,
}
WHOLE = (two_layers, many_layers, regression)


def cases(name):
    """Give the objects that are checked, with their inputs: as many as there are numbers, each drawn anew."""
    rng = np.random.default_rng([7, *name.encode()])
    for _ in range(NETWORKS if MAKERS[name] in WHOLE else LAYERS):
        yield MAKERS[name](rng)


@pytest.mark.parametrize("name", MAKERS)
def test_no_alarm(name):
    alarms = {}
    for number, (subject, x, t) in enumerate(cases(name)):
        report = check_layer(subject, x, t)
        if report.verdict != "right":
            alarms[number, x.shape] = report.verdict, [(f.check, f.label) for f in report.findings], report.reason
    assert not alarms


def test_there_are_a_thousand_of_them():
    drawn = {name: [(subject, x) for subject, x, _ in cases(name)] for name in MAKERS}
    assert len({(name, x.tobytes()) for name, row in drawn.items() for _, x in row}) >= 1000
    for name, row in drawn.items():
        assert len({x.shape for _, x in row}) >= 15, name
        assert len({id(subject) for subject, _ in row}) == len(row), name


class OfChapter7:
    """A right network for images, typed as in the book, with its small weights and its many near ties."""

    def __init__(self, input_dim=(1, 12, 12)):
        r = np.random.RandomState(0)
        shapes = {"W1": (4, 1, 5, 5), "b1": 4, "W2": (64, 9), "b2": 9, "W3": (9, 10), "b3": 10}
        self.params = {k: 0.01 * r.randn(*s) if k[0] == "W" else np.zeros(s) for k, s in shapes.items()}
        p = self.params
        self.layers = [
            *(Convolution(p["W1"], p["b1"]), Relu(), Pooling(2, 2)),
            *(Affine(p["W2"], p["b2"]), Relu(), Affine(p["W3"], p["b3"])),
        ]
        self.last_layer = SoftmaxWithLoss()

    def predict(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        return self.last_layer.forward(self.predict(x), t)

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.last_layer.backward(1)
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        first, second, third = (self.layers[i] for i in (0, 3, 5))
        return {"W1": first.dW, "b1": first.db, "W2": second.dW, "b2": second.db, "W3": third.dW, "b3": third.db}


def test_a_kink_that_changed_parameters_lie_on_accuses_nobody():
    x, t = np.random.default_rng(0).random((4, 1, 12, 12)), np.array([0, 1, 2, 3])
    for seed in range(3):
        report = check_layer(OfChapter7(), np.roll(x, seed, axis=3), t)
        assert (report.verdict, report.findings) == ("right", []), seed


@pytest.mark.parametrize("looks", [5, 20, 60, 150, 400, 1000])
def test_a_check_that_ran_out_of_time_accuses_nobody(looks):
    """What was not measured any more is not a number, and is no reason to call a right network wrong."""
    left = iter(range(looks))
    x, t = np.random.default_rng(0).random((3, 1, 12, 12)), np.array([0, 1, 2])
    report = examine(wrap(OfChapter7(), x, t, expired=lambda: next(left, None) is None))
    assert report.findings == []
    assert report.verdict != "wrong"
