"""badak's own layers, losses and networks raise no alarm in badak's own checker, over 1,000 random shapes."""

import numpy as np
import pytest

from badak import (
    Affine,
    IdentityWithLoss,
    MultiLayerNet,
    Network,
    Relu,
    Sigmoid,
    SoftmaxWithLoss,
    TwoLayerNet,
    check_layer,
)

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


@pytest.mark.parametrize("name", MAKERS)
def test_no_alarm(name):
    rng = np.random.default_rng([7, *name.encode()])
    alarms = {}
    for number in range(NETWORKS if MAKERS[name] in WHOLE else LAYERS):
        subject, x, t = MAKERS[name](rng)
        report = check_layer(subject, x, t)
        if report.verdict != "right":
            alarms[number, x.shape] = report.verdict, [(f.check, f.label) for f in report.findings], report.reason
    assert not alarms


def test_there_are_a_thousand_of_them():
    assert LAYERS * (len(MAKERS) - len(WHOLE)) + NETWORKS * len(WHOLE) >= 1000
