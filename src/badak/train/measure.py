"""Looks at a network during training: accuracies, health of its layers, labels and mistakes.

What the watcher of trainings (`badak.train.doctor`) reads.
"""

import contextlib
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from badak.data.pixels import Pixels
from badak.networks import Network
from badak.train.history import Record
from badak.train.orders import Orders
from badak.train.progress import Bar
from badak.train.runners import one_blas_thread
from badak.train.targets import TrainData, are_labels, have_accuracy, images_in
from badak.types import Array, IntArray

LOOK_AT = 1000
"""So many training samples are looked at for the health of the layers, fewer where there are not many."""
LOOK_AT_IMAGES, COST_OF_IMAGES = 50, 50
"""So many where there are convolutions, each counted as so many: NumPy's layers, which look, take far longer there."""
MISTAKES_OF_IMAGES = 200
"""So many are predicted for `mistakes` there: where one in ten is wrong, that is 20 to judge by."""
LOOKS = 5
"""So many evaluations look at the layers whatever that costs; later ones only while it stays below 2 % of the work."""
EVALUATE_ON_IMAGES = 1000
"""So many samples are evaluated on, unless told otherwise, where they are images: as in the book's ch. 7 and 8."""
ROWS_TOGETHER, IMAGES_TOGETHER = 5120, 512
"""So many samples are evaluated in one call, for the bar to move: whole pieces of what the engine predicts together."""
MIX_OF = 20_000
"""So many samples between two records are looked at for the mixture of their labels."""
SATURATED_SLOPE = 0.0125
"""A unit whose slope is below this is saturated: 5 % of the Sigmoid's steepest, 0.25."""


class Look:
    """Looks at a network during training: accuracies on all samples, health of the layers on some."""

    def __init__(
        self, network: Network, data: TrainData, orders: Orders, optimizer: Any, engine: str, evaluate_on: int | None
    ) -> None:
        self.network, self.per_epoch, self.total = network, orders.per_epoch, orders.total
        # Its other threads go on spinning for a while after each product, on cores that the engine then lacks.
        self.quiet = one_blas_thread() if engine == "native" else contextlib.nullcontext
        self.lr = getattr(optimizer, "lr", float("nan"))  # an optimizer of one's own may have none
        size, images = len(data.x), images_in(network, data.x)
        self.samples = [size, 0 if data.x_test is None else len(data.x_test)]
        self._choose_sets(data, evaluate_on, images)
        count = min(LOOK_AT_IMAGES if images else min(max(size // 60, 100), LOOK_AT), size)
        self.cost = count * (COST_OF_IMAGES if images else 1)
        some = chosen(size, count)
        # Held as numbers, and measured once: the same samples are looked at each time.
        self.some, self.some_t = np.asarray(data.x[some]).astype(network.dtype, copy=False), data.t[some]
        self.some_told = _spread(self.some)
        self.started, self.seen, self.looks, self.trained = time.perf_counter(), 0, 0, 0
        self.labels: Array | None = None
        self.chance: float | None = None
        if are_labels(network, data.t, data.outputs):
            # As what NumPy counts and indexes by: it refuses int64 where the platform's is narrower, and uint64.
            indices = data.t if data.t.ndim == 1 else np.argmax(data.t, axis=1)
            self.labels = indices.astype(np.intp, copy=False)
            predicted = chosen(size, MISTAKES_OF_IMAGES) if images else some
            self.predicted = np.asarray(data.x[predicted]) if images else self.some
            self.predicted_labels = self.labels[predicted]
            self.shares = np.bincount(self.labels) / size
            held = self.shares[self.shares > 0]
            self.chance = float(-np.sum(held * np.log(held)))
        self.latest: IntArray = np.empty((0, 0), np.int64)
        self.sizes: list[int] = []

    def _choose_sets(self, data: TrainData, evaluate_on: int | None, images: bool) -> None:
        """Choose the samples that accuracies are of: None for none."""
        self.together = IMAGES_TOGETHER if images else ROWS_TOGETHER
        evaluate_on = (EVALUATE_ON_IMAGES if images else len(data.x)) if evaluate_on is None else evaluate_on
        self.sets: list[tuple[Any, Any] | None] = [None, None]
        self.at_the_end: tuple[Any, Any] | None = None
        self.measured: tuple[int, list[float | None]] = -1, [None, None]
        if have_accuracy(self.network, data.t, data.outputs):
            self.sets[0] = _some_of(data.x, data.t, evaluate_on)
            if data.x_test is not None:
                self.sets[1] = _some_of(data.x_test, data.t_test, evaluate_on)
                self.at_the_end = data.x_test, data.t_test

    def order(self, order: IntArray) -> None:
        """Note which samples went into the batches: the longest piece of an epoch, not its smaller last batch."""
        self.trained += order.size
        self.sizes += [order.shape[1]] * len(order)
        if len(order) > len(self.latest):
            self.latest = order

    def accuracies(self, done: int, bar: Bar) -> list[float | None]:
        """Give the accuracies after `done` iterations; at the end on all test samples."""
        if self.measured[0] != done:
            self.measured = (
                done,
                [
                    None if held is None else accuracy_of(self.network, *held, self.together, bar)
                    for held in self._sets_after(done)
                ],
            )
        return self.measured[1]

    def record(self, losses: list[float], bar: Bar) -> Record:
        """Give the record of an evaluation after the iterations whose `losses` these are; see `fit`."""
        train, test = self.accuracies(len(losses), bar)
        new, sizes, self.seen = np.array(losses[self.seen :]), np.array(self.sizes[self.seen :]), len(losses)
        record: Record = {
            "iteration": len(losses) - 1,
            "epoch": len(losses) // self.per_epoch,
            "loss": float(np.sum(new * sizes) / sizes.sum()),
            "loss_max": float(np.max(new)),
            "train_accuracy": train,
            "test_accuracy": test,
            "seconds": round(time.perf_counter() - self.started, 3),
            "lr": self.lr,
            "samples": self.samples,
            "evaluated": self.evaluated(len(losses)),
            "chance": self.chance,
            **dict.fromkeys(("mix", "wrong", "wrong_rank", "wrong_margin")),
            "layers": {},
        }
        order, self.latest = self.latest, self.latest[:0]
        if self.looks < LOOKS or 50 * self.looks * self.cost <= self.trained:
            self.looks += 1
            with self.quiet():
                record["layers"] = health(self.network, self.some, self.some_t, self.some_told)
            if self.labels is not None:
                record |= mistakes(self.network.predict(self.predicted), self.predicted_labels)
                record["mix"] = mix(self.labels[order[: MIX_OF // order.shape[1] + 1]], self.shares)
        return record

    def _sets_after(self, done: int) -> list[tuple[Any, Any] | None]:
        return [self.sets[0], self.at_the_end if done == self.total else self.sets[1]]

    def evaluated(self, done: int) -> list[int]:
        """Give on how many training and test samples the accuracies after `done` iterations are."""
        pair = self._sets_after(done)
        return [0 if held is None else len(held[0]) for held in pair]


def chosen(size: int, count: int) -> IntArray:
    """Give `count` of `size` samples, in order: always the same, and none left out by a pattern in the data."""
    if count >= size:
        return np.arange(size)
    return np.sort(np.random.default_rng(0).permutation(size)[:count])


def _rows(x: Any, rows: Any) -> Any:
    """Give some rows; of Pixels as Pixels."""
    return Pixels(x.values[rows], x.scale) if isinstance(x, Pixels) else x[rows]


def _some_of(x: Any, t: Any, count: int) -> tuple[Any, Any]:
    """Give `count` samples with their targets, all where there are no more."""
    if count >= len(x):
        return x, t
    rows = chosen(len(x), count)
    return _rows(x, rows), t[rows]


def accuracy_of(network: Network, x: Any, t: Any, together: int, bar: Bar) -> float:
    """Give `network.accuracy(x, t)`, `together` samples at a time."""
    right = 0.0
    for start in range(0, len(x), together):
        rows = slice(start, start + together)
        bar.evaluating(start, len(x))
        right += network.accuracy(_rows(x, rows), t[rows]) * len(t[rows])
    bar.evaluating(len(x), len(x))
    # A share times its number of samples is a whole number but for rounding, unless rows are right in parts.
    return (round(right) if abs(right - round(right)) < 1e-6 else right) / len(x)


def mix(labels: Array, shares: Array) -> float | None:
    """Give how uneven the labels of some batches, (n, batch), are, as a multiple of what chance makes of `shares`.

    For each piece of the order, of at least five samples a class: Σ (counted - expected)² / expected over the classes
    expected at least once, divided by its mean for samples drawn at random (Pearson's χ²). Sorted labels give about
    as much as a piece has samples. None where there is not one whole piece.
    """
    batches_together = -(-5 * np.count_nonzero(shares) // labels.shape[1])
    size = labels.shape[1] * batches_together
    pieces = labels[: len(labels) // batches_together * batches_together].reshape(-1, size)
    common = size * shares >= 1
    if not len(pieces) or common.sum() < 2:
        return None
    flat = (pieces + len(shares) * np.arange(len(pieces))[:, None]).ravel().astype(np.intp, copy=False)
    counted = np.bincount(flat, minlength=len(pieces) * len(shares)).reshape(len(pieces), -1)[:, common]
    expected = size * shares[common]
    uneven = ((counted - expected) ** 2 / expected).sum(axis=1) / np.sum(1 - shares[common])
    return round(float(uneven.mean()), 3)


def mistakes(scores: Array, labels: Array) -> Record:
    """Give `wrong`, the share of samples predicted wrongly, and two figures that tell wrong labels from hard samples.

    `wrong_rank`: how far behind the labels' scores are where they are not first. 0 says that the label is always the
    second choice, 1 that it is always the last, and ½ that it is anywhere, as labels drawn by chance are.
    `wrong_margin`: how far the first choice is ahead of the second there, relative to where it is right. Both None
    where they say nothing.
    """
    rows = np.arange(len(labels))
    rank = (scores > scores[rows, labels][:, None]).sum(axis=1)  # how many classes score above the label
    wrong = rank > 0
    told = {"wrong": float(wrong.mean()), "wrong_rank": None, "wrong_margin": None}
    if scores.shape[1] > 2 and wrong.any() and not wrong.all() and np.isfinite(scores).all():
        second, first = np.partition(scores, -2, axis=1)[:, -2:].T
        ahead = first - second
        told["wrong_rank"] = float(np.mean(rank[wrong] - 1) / (scores.shape[1] - 2))
        told["wrong_margin"] = float(ahead[wrong].mean() / max(ahead[~wrong].mean(), 1e-300))
    return told


def _spread(values: Array) -> dict[str, float]:
    """Give mean, least, greatest and root mean square of a layer's input."""
    told = {f"input_{what}": float(getattr(values, what)()) for what in ("mean", "min", "max")}
    return {**told, "input_rms": float(np.linalg.norm(values.ravel()) / np.sqrt(values.size))}


def health(network: Network, x: Any, t: Any, spread: Mapping[str, float] | None = None) -> dict[str, dict[str, float]]:
    """Measure each layer on the samples `x`, `t`, in predicting mode; parameters stay as they are.

    `spread` is what is known of `x` itself, from an earlier time.

    Every layer: `input_mean`, `input_min`, `input_max`, `input_rms` (root of the mean square), `dout_norm` (of the
    gradient that comes from above). Layers with parameters:
    `W_norm`, `dW_norm`, … (Euclidean), `W_size`, how many numbers W holds, and `alike`: 1 if all units of a W of two
    axes have the same weights, else 0.
    Layers without whose output has the shape of their input: `dead`, the share of units that are 0 and let
    no gradient through for any sample; `saturated`, the share of units never 0 through which hardly any gradient
    passes for nine samples in ten; and `flat`, the share of outputs, not 0, through which hardly any gradient passes.
    A unit is a column of rows, (N, D), and a channel of images, (N, C, H, W), all places together: a filter that
    gives 0 at an image's border learns from the other places.
    """
    told: dict[str, dict[str, float]] = {}
    inputs = {}
    scores = network._door(x)
    for name, layer in network.layers.items():
        if hasattr(layer, "training"):
            layer.training = False
        inputs[name] = scores
        told[name] = dict(_spread(scores) if told or spread is None else spread)
        scores = layer.forward(scores)
        if not network.keys_of(name) and scores.shape == inputs[name].shape:
            slope = np.abs(layer.backward(np.ones_like(scores))).reshape(*scores.shape[:2], -1)
            off = (scores == 0).reshape(slope.shape)
            dead = (off & (slope == 0)).all(axis=(0, 2))
            told[name]["dead"] = float(dead.mean())
            quiet = (slope < SATURATED_SLOPE).mean(axis=(0, 2)) >= 0.9
            told[name]["saturated"] = float((quiet & ~off.any(axis=(0, 2))).mean())
            told[name]["flat"] = float(((slope < SATURATED_SLOPE) & ~off).mean())
    network.last_layer.forward(scores, t)
    dout = network.last_layer.backward(1)
    first, modes = next(iter(network.layers)), any(hasattr(layer, "training") for layer in network.layers.values())
    native = not modes and network._native() is not None  # gradient() trains, and so is not for layers with two modes
    for name, layer in reversed(network.layers.items()):
        told[name]["dout_norm"] = float(np.linalg.norm(dout))
        # The first layer's backward costs most, mostly for a dx that nobody asks for; the engine leaves that out.
        if name != first or not native:
            dout = layer.backward(dout)
    grads = network.gradient(x, t) if native else {}
    for name, attribute, key in network._keys:
        W, dW = network.params[key], grads[key] if grads else getattr(network.layers[name], "d" + attribute)
        told[name] |= {f"{attribute}_norm": float(np.linalg.norm(W)), f"d{attribute}_norm": float(np.linalg.norm(dW))}
        told[name][f"{attribute}_size"] = W.size
        if W.ndim == 2 and W.shape[1] > 1:
            told[name]["alike"] = float(np.all(W[:, :1] == W))
    return told
