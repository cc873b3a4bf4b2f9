"""How well badak tells a sick training run from a healthy one: two tables.

    python benchmarks/check_training.py [--first SEED] [--healthy N] [--sick N]

Fifty healthy runs, of nets and data varied at random, should raise no alarm; sixty runs made sick in twelve ways
(five of each) should be named, by the cause that made them sick. Each run's seed decides everything about it. The
thresholds of badak/train/doctor.py were found on the seeds from 0, 1000 and 2000 and are verified on those from
5000, the default.
Needs scikit-learn for the digits.
"""

import argparse
import itertools
from collections import Counter

import numpy as np

import badak
from badak.data import load_data
from badak.layers import Affine, Relu, Sigmoid
from badak.models import MultiLayerNet, TwoLayerNet
from badak.networks import Network
from badak.train import doctor

_loaded = {}


def source(name):
    if name not in _loaded:
        data = load_data(name)
        _loaded[name] = tuple(
            np.asarray(part[:20_000], np.float32 if part.ndim > 1 else np.int64)
            for part in (data.x_train, data.t_train, data.x_test, data.t_test)
        )
    return _loaded[name]


def some_of(name, rng, size, tests=1000):
    """Draw so many training and test samples of a data set."""
    x, t, x_test, t_test = source(name)
    rows, tested = rng.permutation(len(x))[:size], rng.permutation(len(x_test))[:tests]
    return x[rows], t[rows], x_test[tested], t_test[tested]


def blobs(rng, size, classes=None, apart=None, tests=1000):
    """Draw Gaussian clouds, one or two a class, in some dimensions, with unequal numbers in each."""
    classes = int(rng.integers(2, 11)) if classes is None else classes
    features = int(rng.integers(5, 60))
    apart = rng.uniform(2.5, 5) if apart is None else apart
    centres = rng.standard_normal((2, classes, features))
    centres *= apart / np.linalg.norm(centres, axis=-1, keepdims=True)
    t = rng.choice(classes, size + tests, p=rng.dirichlet(np.full(classes, 20.0)))
    x = centres[rng.integers(2, size=len(t)), t] + rng.standard_normal((len(t), features)) * 0.8
    return x[:size], t[:size], x[size:], t[size:]


def data_of(rng, size=None):
    """Draw data of one of three kinds."""
    size = int(rng.integers(2000, 8000)) if size is None else size
    kind = rng.choice(["mnist", "digits", "blobs"])
    if kind == "blobs":
        return blobs(rng, size)
    return some_of(str(kind), rng, size)


def net_of(rng, x, t, activation=None, depth=None, **options):
    """Draw a net that suits the data."""
    activation = str(rng.choice(["relu", "sigmoid"])) if activation is None else activation
    most = 3 if activation == "relu" else 2
    depth = int(rng.integers(1, most + 1)) if depth is None else depth
    hidden = [int(2 ** rng.uniform(4, 7.5)) for _ in range(depth)]
    options = {"dtype": rng.choice(["float32", "float64"]), "seed": int(rng.integers(1000)), **options}
    return MultiLayerNet(x.shape[1], hidden, int(t.max()) + 1, activation, **options)


def healthy(seed):
    """Train one healthy run: a sensible net with a sensible learning rate on clean data."""
    rng = np.random.default_rng([1, seed])
    x, t, x_test, t_test = data_of(rng)
    if seed % 10 == 9:  # regression: nothing but losses
        target = np.tanh(x @ rng.standard_normal((x.shape[1], 3)) / np.sqrt(x.shape[1]))
        hidden = int(rng.integers(16, 100))
        layers = [
            Affine(rng.standard_normal((x.shape[1], hidden)) * np.sqrt(2 / x.shape[1]), np.zeros(hidden)),
            Relu(),
            Affine(rng.standard_normal((hidden, 3)) * np.sqrt(1 / hidden), np.zeros(3)),
        ]
        network = Network(layers, badak.IdentityWithLoss(), seed=seed)
        return badak.fit(network, x, target, epochs=int(rng.integers(3, 8)), batch_size=50, lr=0.02, seed=seed)
    if seed % 5 == 4:  # the book's own start, small weights, on its own data
        x, t, x_test, t_test = some_of("mnist", rng, len(x))
        network = TwoLayerNet(x.shape[1], int(rng.integers(20, 120)), int(t.max()) + 1, seed=seed)
    else:
        network = net_of(rng, x, t)
    sigmoid = any(isinstance(layer, Sigmoid) for layer in network.layers.values())
    lr = rng.uniform(0.3, 1.0) if sigmoid else 10 ** rng.uniform(-1.7, -0.7)
    batch = int(rng.choice([10, 20, 50, 100]))
    if batch < 50:
        lr = min(lr, 0.1 if not sigmoid else 0.5)
    length = (
        {"epochs": int(rng.integers(4, 12))} if rng.random() < 0.6 else {"iterations": int(rng.integers(500, 2000))}
    )
    return badak.fit(network, x, t, x_test, t_test, batch_size=batch, lr=lr, seed=seed, **length)


def _train(network, data, **options):
    with np.errstate(all="ignore"):
        return badak.fit(network, *data, **{"epochs": 4, "batch_size": 50, "lr": 0.1, "engine": "numpy", **options})


def _layers(network, kind):
    return [layer for layer in network.layers.values() if isinstance(layer, kind)]


def no_number(rng):
    """The steps are so long that the loss is no number."""
    data = data_of(rng, 2000)
    return _train(net_of(rng, *data[:2], "relu", dtype="float32"), data, lr=10 ** rng.uniform(3, 30))


def zeros(rng):
    """All weights start at nothing."""
    data = data_of(rng, 2000)
    return _train(net_of(rng, *data[:2], weight_init_std=0.0), data)


def dead(rng):
    """The biases start so low that no Relu of a layer, or few, ever wake."""
    data = data_of(rng, 2000)
    network = net_of(rng, *data[:2], "relu")
    layer = next(iter(network.layers.values()))
    layer.b[...] = -rng.uniform(20, 100)
    layer.b[: int(rng.uniform(0, 0.2) * len(layer.b))] = 0
    return _train(network, data)


def saturated(rng):
    """The weights of a sigmoid net start far too wide."""
    data = data_of(rng, 2000)
    return _train(net_of(rng, *data[:2], "sigmoid", weight_init_std=rng.uniform(5, 30)), data)


def vanishing(rng):
    """A deep net of sigmoids: hardly anything reaches its first layers."""
    data = data_of(rng, 2000)
    network = net_of(rng, *data[:2], "sigmoid", int(rng.integers(5, 9)))
    return _train(network, data)


def exploding(rng):
    """A deep net of Relus whose weights start too wide: gradients grow on their way down."""
    data = data_of(rng, 2000)
    network = net_of(rng, *data[:2], "relu", int(rng.integers(4, 8)), dtype="float64")
    for layer in _layers(network, Affine):
        layer.W *= rng.uniform(3, 6)
    return _train(network, data, lr=1e-9)


def too_long(rng):
    """The learning rate is too high: the loss grows or jumps about."""
    data = data_of(rng, 2000)
    return _train(net_of(rng, *data[:2], "relu"), data, lr=rng.uniform(4, 15))


def too_short(rng):
    """The learning rate is too low: in all its epochs it hardly gets anywhere."""
    data = data_of(rng, 2000)
    return _train(net_of(rng, *data[:2], depth=1), data, lr=10 ** rng.uniform(-7, -4.5))


def in_blocks(rng):
    """The samples stand class by class, and nothing shuffles them."""
    x, t, x_test, t_test = data_of(rng, 3000)
    order = np.argsort(t, kind="stable")
    data = x[order], t[order], x_test, t_test
    return _train(net_of(rng, x, t, "relu"), data, shuffle=False, batch_size=int(rng.choice([10, 50, 100])), lr=0.05)


def mislabelled(rng):
    """A share of the training labels is drawn by chance."""
    x, t, *tests = data_of(rng, 4000)
    while t.max() < 3:
        x, t, *tests = data_of(rng, 4000)
    wrong = rng.random(len(t)) < rng.uniform(0.2, 0.5)
    t = np.where(wrong, rng.integers(t.max() + 1, size=len(t)), t)
    return _train(net_of(rng, x, t, "relu"), (x, t, *tests), lr=0.05, epochs=6)


def unscaled(rng):
    """Inputs go from 0 to 255, or in the thousands."""
    x, t, x_test, t_test = data_of(rng, 2000)
    factor = rng.choice([255.0, 1000.0])
    return _train(net_of(rng, x, t), (x * factor, t, x_test * factor, t_test), lr=10 ** rng.uniform(-4, -1))


def overfitted(rng):
    """Few samples, a large net and many epochs: the training set is learned by heart."""
    if rng.random() < 0.5:
        data = some_of("mnist", rng, int(rng.integers(40, 150)))
    else:
        data = blobs(rng, int(rng.integers(40, 120)), apart=2.0, classes=5)
    return _train(net_of(rng, *data[:2], "relu"), data, epochs=120, batch_size=20)


SICK = {
    "loss-nan": no_number,
    "zero-init": zeros,
    "dead-relu": dead,
    "saturated-sigmoid": saturated,
    "vanishing-gradient": vanishing,
    "exploding-gradient": exploding,
    "lr-too-high": too_long,
    "lr-too-low": too_short,
    "unshuffled": in_blocks,
    "mislabelled": mislabelled,
    "inputs-not-scaled": unscaled,
    "overfitting": overfitted,
}


def sick(label, seed):
    """Train one run made sick in the way that `label` names."""
    return SICK[label](np.random.default_rng([2, list(SICK).index(label), seed]))


ACCEPTED = {"loss-nan": {"loss-nan", "lr-too-high"}}
"""A step so long that the loss is no number has a learning rate that is too high: either name is right."""


def labels_of(history):
    """Give the labels of what was told at any time of a run, in order."""
    told = {}
    for count in range(1, len(history.records) + 1):
        for finding in doctor.find(history.records[:count]):
            told.setdefault(finding.label, doctor.sentence(finding, "en"))
    return told


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=5000, help="the first of the seeds")
    parser.add_argument("--healthy", type=int, default=50)
    parser.add_argument("--sick", type=int, default=5, help="runs of each way")
    asked = parser.parse_args()
    alarms, learned = Counter(), 0
    for seed in range(asked.first, asked.first + asked.healthy):
        history = healthy(seed)
        learned += history.records[-1]["loss"] < 0.9 * history.records[0]["loss"]
        for label, words in labels_of(history).items():
            alarms[label] += 1
            print(f"healthy, seed {seed}: {label}: {words}")
    print(f"healthy runs {asked.healthy}, of which the loss fell in {learned}; alarms {sum(alarms.values())}")
    print(f"\n{'made sick by':20} {'named':>7}  what was said")
    named = 0
    for label in SICK:
        told = [list(labels_of(sick(label, seed))) for seed in range(asked.first, asked.first + asked.sick)]
        right = sum(bool(ACCEPTED.get(label, {label}) & set(labels)) for labels in told)
        named += right
        count = Counter(itertools.chain.from_iterable(told))
        print(f"{label:20} {right:>3}/{asked.sick:<3}  {', '.join(f'{k} {v}' for k, v in count.items()) or 'nothing'}")
    print(f"{'together':20} {named:>3}/{asked.sick * len(SICK)}")


if __name__ == "__main__":
    main()
