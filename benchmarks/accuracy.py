#!/usr/bin/env python3
"""How exact the book's nets and better ones become on MNIST: one recipe, several seeds, the median.

    python benchmarks/accuracy.py simple-conv --seeds 0,1,2

Every recipe is trained by badak's own layers and optimizers, on the 60,000 training images alone; nothing is chosen
by the test images, not even the epoch: what counts is the accuracy after the last one. Seconds are those of all of
it: training, the looks at the test images on the way, augmentation and prediction; not of reading the data.
"""

import argparse
import dataclasses
import statistics
import sys
import time
from collections.abc import Callable

import harness
import numpy as np
from jobs import read_digits

from badak import (
    Adam,
    Affine,
    BatchNormalization,
    Convolution,
    DeepConvNet,
    Dropout,
    Network,
    Pooling,
    Relu,
    SimpleConvNet,
    SoftmaxWithLoss,
)
from badak.data import batches
from badak.data.pixels import Pixels
from badak.functions import softmax
from badak.optim import make_schedule
from badak.train.runners import make_runner

SIDE, BATCH = 28, 100


@dataclasses.dataclass(frozen=True)
class Recipe:
    """One figure: `train(data, seed, options)` gives the test accuracy and who computed."""

    title: str
    asked: float
    epochs: int
    train: Callable


def trained(network, data, seed, options, optimizer, shuffled=False):
    """Train on bytes, an epoch at a time, and give the accuracy after the last step; batches as `fit` draws them.

    Not by `fit` itself, which would look at all 60,000 training images once an epoch: with convolutions, a quarter of
    the time. Here the 10,000 test images are looked at, and that chooses nothing.
    """
    (x, t), (x_test, t_test) = data
    rng, start, per_epoch = np.random.default_rng(seed), time.perf_counter(), len(x) // BATCH
    optimizer.decayed = network.block.weights
    runner = make_runner(network, optimizer, Pixels(x), t, options.engine, options.threads)
    for epoch in range(options.epochs):
        draw = (
            batches.shuffled(len(x), BATCH, rng) if shuffled else iter([batches.drawn(len(x), BATCH, per_epoch, rng)])
        )
        order = next(draw)
        losses = np.concatenate([runner.steps(order[i : i + 20]) for i in range(0, len(order), 20)])
        accuracy = network.accuracy(Pixels(x_test), t_test)
        told = (
            f"  epoch {epoch + 1}, loss {losses.mean():.4f}, test {accuracy:.4f}, {time.perf_counter() - start:.0f} s"
        )
        print(told, file=sys.stderr)
    return accuracy, runner.engine


def simple_conv(data, seed, options):
    """As the book's train_convnet.py: batches drawn with replacement, weights of deviation 0.01."""
    net = SimpleConvNet(weight_init_std=0.01, dtype=np.float32, seed=seed)
    return trained(net, data, seed, options, Adam(0.001))


def simple_conv_he(data, seed, options):
    """The same as badak does it unasked: He's weights, and each epoch goes through all images."""
    net = SimpleConvNet(dtype=np.float32, seed=seed)
    return trained(net, data, seed, options, Adam(0.001), shuffled=True)


def deep_conv(data, seed, options):
    """As the book's train_deepnet.py: He's weights, Dropout of a half."""
    return trained(DeepConvNet(dtype=np.float32, seed=seed), data, seed, options, Adam(0.001))


def he(rng, inputs, *shape):
    """Weights of the deviation √(2 / inputs) (He et al., 2015)."""
    return np.sqrt(2 / inputs) * rng.standard_normal(shape)


def mlp(data, seed, options):
    """784-1024-1024-10 with batch normalization, and Dropout of the pixels too: no convolution, no augmentation."""
    rng, layers = np.random.default_rng(seed), [Dropout(0.2)]
    for inputs in (784, 1024):
        layers += [
            Affine(he(rng, inputs, inputs, 1024), np.zeros(1024)),
            BatchNormalization(np.ones(1024), np.zeros(1024)),
            Relu(),
            Dropout(0.4),
        ]
    layers.append(Affine(he(rng, 1024, 1024, 10), np.zeros(10)))
    net = Network(layers, SoftmaxWithLoss(), dtype=np.float32, seed=seed, input_shape=(784,))
    schedule = make_schedule("warmup-cosine", options.epochs * (len(data[0][0]) // BATCH))
    return trained(net, data, seed, options, Adam(0.002, schedule=schedule), shuffled=True)


def normalized_net(rng):
    """DeepConvNet's convolutions, each with BatchNormalization; one Dropout instead of two, and 100 hidden units."""
    layers, channels = [], 1
    for number, (filters, pad) in enumerate(((16, 1), (16, 1), (32, 1), (32, 2), (64, 1), (64, 1)), 1):
        layers += [
            Convolution(he(rng, 9 * channels, filters, channels, 3, 3), np.zeros(filters), pad=pad),
            BatchNormalization(np.ones(filters), np.zeros(filters)),
            Relu(),
            *([] if number % 2 else [Pooling(2, 2)]),
        ]
        channels = filters
    layers += [Affine(he(rng, 1024, 1024, 100), np.zeros(100)), Relu(), Dropout(0.3)]
    layers += [Affine(he(rng, 100, 100, 10), np.zeros(10))]
    seed = int(rng.integers(2**31))
    return Network(layers, SoftmaxWithLoss(), dtype=np.float32, seed=seed, input_shape=(1, SIDE, SIDE))


def augmented(images, rng, together=50, turn=0.2, stretch=0.15, shear=0.2, shift=2.0):
    """Each image, (N, 784) bytes, turned, stretched, sheared and shifted a little: new bytes of the same shape.

    Every `together` images, chosen at random, share one movement, so that its weights are worked out once for them;
    values in between are bilinear. `turn` is the largest angle in radians, `stretch` the largest logarithm of a
    scale (height and width by themselves), `shift` is in pixels.
    """
    edge = SIDE + 2  # with a rim of black, from which everything outside is read
    padded = np.zeros((len(images), edge, edge), np.uint8)
    padded[:, 1:-1, 1:-1] = images.reshape(-1, SIDE, SIDE)
    padded = padded.reshape(len(images), -1)
    middle = (SIDE - 1) / 2
    places = np.mgrid[:SIDE, :SIDE].reshape(2, -1) - middle
    moved = np.empty_like(images)
    for rows in np.array_split(rng.permutation(len(images)), max(len(images) // together, 1)):
        c, s = np.cos(angle := rng.uniform(-turn, turn)), np.sin(angle)
        slant = np.array([[1, rng.uniform(-shear, shear)], [0, 1]])
        movement = np.array([[c, -s], [s, c]]) @ slant * np.exp(rng.uniform(-stretch, stretch, 2))
        source = movement @ places + rng.uniform(-shift, shift, (2, 1)) + middle + 1
        source = np.clip(source, 0, edge - 1.001)
        corner = source.astype(np.intp)
        down, right = (source - corner).astype(np.float32)[:, :, None]
        first = corner[0] * edge + corner[1]
        seen = padded[rows].T.astype(np.float32)  # (900, together): a pixel of all of them lies in one piece
        values = seen[first] * ((1 - down) * (1 - right))
        values += seen[first + 1] * ((1 - down) * right)
        values += seen[first + edge] * (down * (1 - right))
        values += seen[first + edge + 1] * (down * right)
        moved[rows] = (values + 0.5).T.astype(np.uint8)
    return moved


def probabilities(network, images, shifts=((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))):
    """The sum of the predictions for the images and for copies shifted by a pixel each way: (N, 10)."""
    total = 0
    for shift in shifts:
        copies = np.roll(images.reshape(-1, SIDE, SIDE), shift, axis=(1, 2)).reshape(len(images), -1)
        scores = [network.predict(Pixels(copies[i : i + 500])) for i in range(0, len(copies), 500)]
        total = total + softmax(np.concatenate(scores).astype(np.float64))
    return total


def member(data, rng, options):
    """One net, trained on images that are moved anew for each epoch; one optimizer whose schedule goes on."""
    (x, t), (x_test, t_test) = data
    net = normalized_net(rng)
    per_epoch = len(x) // BATCH
    optimizer = Adam(0.003, schedule=make_schedule("warmup-cosine", options.epochs * per_epoch))
    start = time.perf_counter()
    for epoch in range(options.epochs):
        # Not `fit`, which would look at all 60,000 images three times in each of these epochs.
        runner = make_runner(net, optimizer, Pixels(augmented(x, rng)), t, options.engine, options.threads)
        order = rng.permutation(len(x))[: per_epoch * BATCH].reshape(per_epoch, BATCH)
        losses = np.concatenate([runner.steps(order[i : i + 20]) for i in range(0, per_epoch, 20)])
        seconds = time.perf_counter() - start
        print(f"  epoch {epoch + 1}, loss {losses.mean():.4f}, {seconds:.0f} s", file=sys.stderr)
    found = probabilities(net, x_test)
    alone = (probabilities(net, x_test, [(0, 0)]).argmax(axis=1) == t_test).mean()
    print(f"  alone {alone:.4f}, with shifts {(found.argmax(axis=1) == t_test).mean():.4f}", file=sys.stderr)
    return found, runner.engine


def best(data, seed, options):
    """`--members` nets whose predictions are added up."""
    total = 0
    for number in range(options.members):
        found, engine = member(data, np.random.default_rng([seed, number]), options)
        total = total + found
    return float((total.argmax(axis=1) == data[1][1]).mean()), engine


RECIPES = {
    "simple-conv": Recipe("SimpleConvNet, the book's settings", 0.989, 20, simple_conv),
    "simple-conv-he": Recipe("SimpleConvNet, He's weights, shuffled epochs", 0.989, 20, simple_conv_he),
    "deep-conv": Recipe("DeepConvNet, the book's settings", 0.9935, 20, deep_conv),
    "mlp": Recipe("784-1024-1024-10, no convolution, no augmentation", 0.986, 25, mlp),
    "best": Recipe("DeepConvNet with BatchNormalization, augmentation, two nets", 0.996, 12, best),
}


def main(arguments=None):
    """Train one recipe for each seed and print the accuracies and their median."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe", choices=RECIPES, help=", ".join(RECIPES))
    parser.add_argument("--seeds", default="0,1,2", help="(default %(default)s)")
    parser.add_argument("--threads", type=int, default=harness.cores(), help="(default %(default)s)")
    parser.add_argument(
        *("--engine",),
        **{"choices": ("native", "numpy", "auto"), "default": "native", "help": "(default %(default)s)"},
    )
    parser.add_argument("--epochs", type=int, help="other than the recipe's, of each net")
    parser.add_argument("--members", type=int, default=2, help="nets of the recipe best (default %(default)s)")
    harness.add_output_options(parser)
    options = parser.parse_args(arguments)
    recipe = RECIPES[options.recipe]
    try:
        seeds = [int(seed) for seed in options.seeds.split(",")]
    except ValueError:
        parser.error(f"--seeds takes whole numbers such as 0,1,2, not {options.seeds!r}")
    options.epochs = options.epochs or (1 if options.quick else recipe.epochs)
    digits = read_digits(options.data)
    few = slice(200) if options.quick else slice(None)
    data = tuple((digits[f"x_{part}"][few], digits[f"t_{part}"][few]) for part in ("train", "test"))
    runs = []
    for seed in seeds:
        start = time.perf_counter()
        accuracy, engine = recipe.train(data, seed, options)
        seconds = time.perf_counter() - start
        runs.append({"seed": seed, "accuracy": accuracy, "seconds": seconds, "engine": engine})
        print(f"seed {seed}: {100 * accuracy:.2f} %, {seconds:.0f} s, {engine}", flush=True)
    median, seconds = (statistics.median(one[key] for one in runs) for key in ("accuracy", "seconds"))
    rows = [(one["seed"], f"{100 * one['accuracy']:.2f}", harness.three(one["seconds"])) for one in runs]
    rows.append(("median", f"{100 * median:.2f}", harness.three(seconds)))
    nets = f", {options.members} nets" * (options.recipe == "best")
    note = f"Asked: {100 * recipe.asked:.2f} %. {options.epochs} epochs{nets}, {options.threads} threads."
    harness.show(recipe.title, ("seed", "test accuracy, %", "seconds"), rows, note, options.markdown)
    facts = harness.machine({"badak"})
    print(harness.machine_line(facts))
    if options.json:
        figures = {"machine": facts, "recipe": options.recipe, "epochs": options.epochs, "runs": runs}
        harness.write_json(options.json, {**figures, "median": median, "asked": recipe.asked})
    return 0


if __name__ == "__main__":
    sys.exit(main())
