"""The training loop: batches in a drawn order, an update each, and a look at the network now and then.

`fit` asks a Runner for the steps between two evaluations: `NumPyRunner` here, the engine's where it is asked for.
Both get the same order from the same seed. The core knows the engine and the watchers only by the registries below.
"""

import contextlib
import functools
import importlib
import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from badak import store
from badak.data import batches
from badak.functions import binary, check_labels, one_hot
from badak.graph import describe, tensors_of
from badak.init import generator
from badak.losses import SigmoidWithLoss
from badak.memory import real_array
from badak.networks import ENGINES, Network
from badak.optim import Optimizer, Schedule, make_optimizer, make_schedule
from badak.types import Array, IntArray, Runner
from badak.validate import positive

LOOK_AT = 1000
"""So many training samples are looked at for the health of the layers, fewer where there are not many."""
LOOK_AT_IMAGES, COST_OF_IMAGES = 100, 50
"""So many where there are convolutions, each counted as so many: NumPy's layers, which look, take far longer there."""
LOOKS = 5
"""So many evaluations look at the layers whatever that costs; later ones only while it stays below 2 % of the work."""
CALL_SECONDS = 0.2
"""A runner is called for about so long at a time, so that Ctrl-C and the progress bar live."""

Record = dict[str, Any]
Watch = Callable[[Record], None]


class NotNative(Exception):
    """Says why the engine cannot train a network: which layer has no rule, or what is missing."""


# The two registries: rooms further down put themselves here, by 'module:name' so that nothing heavy is imported early.
_runners: dict[str, Any] = {}
_observers: list[Any] = []


def register_runner(engine: str, factory: Any) -> None:
    """Let `factory(network, optimizer, x, t, threads)` give the Runner; it raises NotNative where it cannot.

    `factory` may be a string 'module:name', imported at first use.
    """
    _runners[engine] = factory


def register_observer(observer: Any) -> None:
    """Let `observer(records)` look at the records after each evaluation.

    It gives what is wrong, a sentence by name of the cause; of each cause the first sentence is kept.
    `observer` may be a string 'module:name', imported at first use.
    """
    _observers.append(observer)


def _resolve(target: Any) -> Any:
    if isinstance(target, str):
        module, name = target.split(":")
        return getattr(importlib.import_module(module), name)
    return target


class NumPyRunner:
    """Training steps by the layers themselves, one after the other."""

    engine = "numpy"

    def __init__(self, network: Network, optimizer: Any, x: Any, t: Any) -> None:
        self.network, self.optimizer, self.x, self.t = network, optimizer, x, t

    def steps(self, order: IntArray) -> Array:
        """Do one step for each row of `order`, (n, batch) indices; give the n losses."""
        block = self.network.block
        losses = np.empty(len(order))
        for i, rows in enumerate(order):
            losses[i] = self.network.backpropagate(self.x[rows], self.t[rows])
            self.optimizer.update(block.values, block.grads)
        return losses


register_runner("numpy", NumPyRunner)


def make_runner(network: Network, optimizer: Any, x: Any, t: Any, engine: str, threads: int | None = None) -> Runner:
    """Give the runner for `engine`; 'auto' is native where every layer has a rule, else NumPy, saying why."""
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
    if engine == "auto":
        engine = network.engine
    if engine != "numpy" and "native" in _runners:
        try:
            return _resolve(_runners["native"])(network, optimizer, x, t, threads)
        except NotNative as reason:
            if engine == "native":
                raise ValueError(f"this network cannot train on the native engine: {reason}") from None
            warnings.warn(f"training on NumPy: {reason}", stacklevel=3)
    elif engine == "native":
        raise ValueError("there is no native engine in this installation: use engine='numpy' or 'auto'")
    return NumPyRunner(network, optimizer, x, t)


@dataclass
class History:
    """What `fit` did."""

    engine: str
    """Who computed: 'numpy' or 'native'."""
    records: list[Record] = field(default_factory=list)
    """One an evaluation: iteration, epoch, loss (mean since the one before), accuracies, seconds, layers."""
    losses: list[float] = field(default_factory=list)
    """One an iteration: the loss of its batch before its update."""
    causes: dict[str, str] = field(default_factory=dict)
    """What the observers said of this training: a sentence by name of the cause, such as 'lr-too-high'."""
    train_accuracy: float | None = None
    """Of the network as it is at the end; None where the targets are no labels."""
    test_accuracy: float | None = None
    folder: Path | None = None
    """The run folder, where `out` asked for one."""

    @property
    def warnings(self) -> list[str]:
        """The sentences of `causes`, in the order in which they were said."""
        return [*self.causes.values()]


def fit(
    network: Network,
    x: Any,
    t: Any,
    x_test: Any = None,
    t_test: Any = None,
    *,
    epochs: int | None = None,
    iterations: int | None = None,
    batch_size: int = 100,
    lr: float | None = None,
    optimizer: Any = "sgd",
    weight_decay: float | None = None,
    clip_norm: float | None = None,
    schedule: str | Schedule | None = None,
    seed: int = 0,
    engine: str = "auto",
    threads: int | None = None,
    shuffle: bool = True,
    out: str | os.PathLike[str] | None = None,
    progress: bool = False,
    watch: Watch | None = None,
    settings: Mapping[str, Any] | None = None,
) -> History:
    """Train `network` in place on `x`, (N, …), and `t`, class indices (N,), one-hot rows or values to regress to.

    `x` and `t` are arrays, or lists of them.

    `iterations` draws each batch with replacement, as the posts do; `epochs` goes through a shuffled order, the last
    batch being smaller where N is no multiple (10 epochs where neither is given). The order comes from `seed` alone;
    `shuffle=False` goes through the samples as they stand instead, in epochs.
    After the update of the first iteration, and once an epoch from there on (every N // batch_size iterations), it
    is evaluated: see History. `out` names a folder for the weights, history and configuration; `settings` is written
    into that configuration too. `engine` is 'numpy', 'native', or 'auto': native where the network and the optimizer
    have rules for it, on `threads` threads (by default BADAK_THREADS, or the cores that this process may use; the
    result is the same on any number). `progress` shows a bar on standard error; `watch` is called with each record.

    `optimizer` is a name (see `make_optimizer`), an Optimizer, or anything with `update(params, grads)` that changes
    the flat `params` in place. `lr` is by default 0.1 for 'sgd', else that of the
    class; `weight_decay` (of weights, not of biases, gamma or beta) and `clip_norm` are as in Optimizer; `schedule`
    is a name (see `make_schedule`) or a Schedule. An optimizer that was made has its own: then these four are not
    given.

    Ctrl-C saves what there is to `out` and then raises KeyboardInterrupt. Raises TypeError or ValueError for
    arguments that don't fit, before anything is changed or written.
    """
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network, such as TwoLayerNet, not {_kind(network)}")
    generator(seed)  # for what it refuses
    x, t, x_test, t_test = _array(x, "x"), _array(t, "t"), _array(x_test, "x_test"), _array(t_test, "t_test")
    rule = _optimizer(optimizer, lr, weight_decay, clip_norm, schedule)
    batch_size = positive("batch_size", batch_size)
    threads = None if threads is None else positive("threads", threads)
    _check_data(network, x, t, "")
    if (x_test is None) != (t_test is None):
        raise ValueError("x_test and t_test go together; one of them is missing")
    if x_test is not None:
        _check_data(network, x_test, t_test, "_test")
    if batch_size > len(x):
        raise ValueError(f"batch_size {batch_size} is larger than the data, {len(x)} samples")
    if epochs is None and iterations is None:
        epochs = 10
    orders, total, per_epoch = _orders(len(x), batch_size, epochs, iterations, seed, shuffle)
    _make_ready(rule, schedule, total, network)
    runner = make_runner(network, rule, x, t, engine, threads)
    history = History(engine=runner.engine)
    config = {
        **(settings or {}),
        "batch_size": batch_size,
        **_told(rule),
        "iterations": iterations,
        "epochs": epochs,
        "shuffle": shuffle,
        "seed": seed,
        "engine": runner.engine,
        "dtype": str(network.dtype),
    }
    if out is not None:
        history.folder = store.new_folder(out)
        store.write_config(history.folder, config)
    quiet = _one_blas_thread() if runner.engine == "native" else contextlib.nullcontext
    look = _Look(network, x, t, x_test, t_test, per_epoch, rule, quiet)
    try:
        with _bar(total, progress) as advance:
            for order, evaluate in orders:
                history.losses += _steps(runner, order, advance)
                look.order(order)
                if evaluate:
                    history.records.append(look.record(history.losses))
                    _tell(history, watch)
    finally:
        # Also on Ctrl-C or an error: everything up to then is kept.
        history.train_accuracy, history.test_accuracy = look.accuracies()
        if history.folder is not None:
            save_run(history, network)
    return history


def _kind(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else "None" if value is None else type(value).__name__


def _array(value: Any, name: str) -> Any:
    """Give lists as an array; anything else as it is. Raises ValueError for lists that are not of one length."""
    if not isinstance(value, (list, tuple)):
        return value
    try:
        return real_array(value, name)
    except ValueError:
        raise ValueError(f"{name} is a list of rows that differ in length: it makes no array") from None


def _optimizer(optimizer: Any, lr: Any, weight_decay: Any, clip_norm: Any, schedule: Any) -> Any:
    """Give the optimizer that `fit` was asked for."""
    shared = {"lr": lr, "weight_decay": weight_decay, "clip_norm": clip_norm, "schedule": schedule}
    if isinstance(optimizer, str):
        if lr is None and optimizer.lower() == "sgd":
            shared["lr"] = 0.1
        if isinstance(schedule, str):
            shared["schedule"] = make_schedule(schedule, 1)  # the right one follows when the length is known
        return make_optimizer(optimizer, **shared)
    if isinstance(optimizer, type) or not callable(getattr(optimizer, "update", None)):
        raise TypeError(f"optimizer must be a name or an object with update, such as SGD(0.1), not {optimizer!r}")
    given = [name for name, value in shared.items() if value is not None]
    if given:
        kind = type(optimizer).__name__
        raise ValueError(f"{', '.join(given)}: the optimizer given has its own; give them to {kind} instead")
    return optimizer


def _make_ready(rule: Any, schedule: Any, total: int, network: Network) -> None:
    """Tell the optimizer how long the training is, and which parameters it will train."""
    if isinstance(schedule, str):
        rule.schedule = make_schedule(schedule, total)
    if isinstance(rule, Optimizer):
        rule.decayed = network.block.weights
        rule.begin(network.block.values)


def _told(rule: Any) -> dict[str, Any]:
    """Give the optimizer and its numbers as the configuration has them."""
    if not isinstance(rule, Optimizer):
        return {"optimizer": type(rule).__name__}
    plain = {key: repr(value) if key == "schedule" and value else value for key, value in rule.hyperparameters.items()}
    return {"optimizer": rule.name, **plain}


def save_run(history: History, network: Network) -> None:
    """Write the weights and the history of a run into its folder."""
    assert history.folder is not None
    make_up = {**describe(network), "engine": history.engine}
    store.save_model(history.folder / store.MODEL, tensors_of(network), make_up)
    store.write_history(history.folder, history.records)


def _tell(history: History, watch: Watch | None) -> None:
    """Write and show the newest record, and ask the observers."""
    if history.folder is not None:
        store.append_history(history.folder, history.records[-1])
    if watch is not None:
        watch(history.records[-1])
    for observer in _observers:
        for cause, sentence in _resolve(observer)(history.records).items():
            history.causes.setdefault(cause, sentence)


def _steps(runner: Runner, order: IntArray, advance: Callable[[int], None]) -> list[float]:
    """Run `order` in calls of about CALL_SECONDS; how it is cut changes nothing in the result."""
    losses: list[float] = []
    start, count = 0, 8
    while start < len(order):
        clock = time.perf_counter()
        losses += runner.steps(order[start : start + count]).tolist()
        elapsed = time.perf_counter() - clock
        advance(min(count, len(order) - start))
        start += count
        count = max(1, min(4 * count, int(count * CALL_SECONDS / max(elapsed, 1e-6))))
    return losses


def _orders(
    size: int, batch_size: int, epochs: int | None, iterations: int | None, seed: int, shuffle: bool
) -> tuple[Iterator[tuple[IntArray, bool]], int, int]:
    """Give the orders, each with whether to evaluate after it; how many iterations they are; how many an epoch."""
    if epochs is not None and iterations is not None:
        raise ValueError("give epochs or iterations, not both")
    if iterations is not None:
        if not shuffle:
            raise ValueError("shuffle=False goes with epochs: iterations draws each batch at random")
        return (
            _drawn(size, batch_size, positive("iterations", iterations), seed),
            iterations,
            max(size // batch_size, 1),
        )
    epochs, per_epoch = positive("epochs", epochs), -(-size // batch_size)
    return _epochs(size, batch_size, epochs, seed, shuffle), epochs * per_epoch, per_epoch


def _drawn(size: int, batch_size: int, iterations: int, seed: int) -> Iterator[tuple[IntArray, bool]]:
    """Give (order, evaluate after it?): the first iteration alone, then an epoch's worth at a time."""
    rng = np.random.default_rng(seed)
    per_epoch = max(size // batch_size, 1)
    yield batches.drawn(size, batch_size, 1, rng), True
    for done in range(1, iterations, per_epoch):
        count = min(per_epoch, iterations - done)
        yield batches.drawn(size, batch_size, count, rng), count == per_epoch


def _epochs(size: int, batch_size: int, epochs: int, seed: int, shuffle: bool) -> Iterator[tuple[IntArray, bool]]:
    """The same for whole epochs: evaluated after the first iteration and then at the end of each epoch."""
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        pieces = list(batches.shuffled(size, batch_size, rng) if shuffle else batches.in_order(size, batch_size))
        if epoch == 0 and sum(map(len, pieces)) > 1:
            yield pieces[0][:1], True
            pieces[0] = pieces[0][1:]
        pieces = [piece for piece in pieces if len(piece)]
        for number, piece in enumerate(pieces):
            yield piece, number == len(pieces) - 1


def _one_blas_thread() -> Callable[[], contextlib.AbstractContextManager[Any]]:
    """Give a context in which NumPy multiplies on one thread.

    Its other threads go on spinning for a tenth of a second after each product, on cores that the engine then lacks.
    """
    from threadpoolctl import ThreadpoolController

    return functools.partial(ThreadpoolController().limit, limits=1, user_api="blas")


class _Look:
    """Looks at a network during training: accuracies on all samples, health of the layers on some."""

    def __init__(
        self,
        network: Network,
        x: Any,
        t: Any,
        x_test: Any,
        t_test: Any,
        per_epoch: int,
        optimizer: Any,
        quiet: Callable[[], contextlib.AbstractContextManager[Any]],
    ) -> None:
        self.network, self.per_epoch, self.quiet = network, per_epoch, quiet
        self.lr = getattr(optimizer, "lr", float("nan"))  # an optimizer of one's own may have none
        self.sets = [(x, t), (x_test, t_test)]
        self.samples = [len(x), 0 if x_test is None else len(x_test)]
        images = network.input_shape is not None and len(network.input_shape) > 1
        count = min(max(len(x) // 60, 100), LOOK_AT_IMAGES if images else LOOK_AT, len(x))
        self.cost = count * (COST_OF_IMAGES if images else 1)
        some = np.arange(count) * len(x) // count
        # Held as numbers, and measured once: the same samples are looked at each time.
        self.some, self.some_t = np.asarray(x[some]).astype(network.dtype, copy=False), t[some]
        self.some_told = _spread(self.some)
        self.started, self.seen, self.looks, self.trained = time.perf_counter(), 0, 0, 0
        self.labels: Array | None = None
        self.chance: float | None = None
        if _are_labels(t) and not isinstance(network.last_layer, SigmoidWithLoss):  # which has one score, not classes
            self.labels = t if t.ndim == 1 else np.argmax(t, axis=1)
            self.some_labels = self.labels[some]
            self.shares = np.bincount(self.labels) / len(t)
            held = self.shares[self.shares > 0]
            self.chance = float(-np.sum(held * np.log(held)))
        self.latest: IntArray = np.empty((0, 0), np.int64)

    def order(self, order: IntArray) -> None:
        """Note which samples went into the batches: the longest piece of an epoch, not its smaller last batch."""
        self.trained += order.size
        if len(order) > len(self.latest):
            self.latest = order

    def accuracies(self) -> list[float | None]:
        return [
            self.network.accuracy(x, t) if x is not None and len(x) and _are_labels(t) else None for x, t in self.sets
        ]

    def record(self, losses: list[float]) -> Record:
        train, test = self.accuracies()
        new, self.seen = losses[self.seen :], len(losses)
        record: Record = {
            "iteration": len(losses) - 1,
            "epoch": len(losses) // self.per_epoch,
            "loss": float(np.mean(new)),
            "loss_max": float(np.max(new)),
            "train_accuracy": train,
            "test_accuracy": test,
            "seconds": round(time.perf_counter() - self.started, 3),
            "lr": self.lr,
            "samples": self.samples,
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
                record |= _mistakes(self.network.predict(self.some), self.some_labels)
                record["mix"] = _mix(self.labels[order[: MIX_OF // order.shape[1] + 1]], self.shares)
        return record


MIX_OF = 20_000
"""So many samples between two records are looked at for the mixture of their labels."""


def _mix(labels: Array, shares: Array) -> float | None:
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
    flat = (pieces + len(shares) * np.arange(len(pieces))[:, None]).ravel()
    counted = np.bincount(flat, minlength=len(pieces) * len(shares)).reshape(len(pieces), -1)[:, common]
    expected = size * shares[common]
    uneven = ((counted - expected) ** 2 / expected).sum(axis=1) / np.sum(1 - shares[common])
    return round(float(uneven.mean()), 3)


def _mistakes(scores: Array, labels: Array) -> Record:
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


SATURATED_SLOPE = 0.0125
"""A unit whose slope is below this is saturated: 5 % of the Sigmoid's steepest, 0.25."""


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
            slope = np.abs(layer.backward(np.ones_like(scores))).reshape(len(scores), -1)
            off = (scores == 0).reshape(slope.shape)
            dead = (off & (slope == 0)).all(axis=0)
            told[name]["dead"] = float(dead.mean())
            quiet = (slope < SATURATED_SLOPE).mean(axis=0) >= 0.9
            told[name]["saturated"] = float((quiet & ~off.any(axis=0)).mean())
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


@contextlib.contextmanager
def _bar(total: int, show: bool) -> Iterator[Callable[[int], None]]:
    """A progress bar on standard error where that is a terminal; nothing at all elsewhere."""
    if not show:
        yield lambda _: None
        return
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Redirecting sends what is printed to *this* console: right on one screen, wrong where output goes to a file.
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal,
                  redirect_stdout=sys.stdout.isatty()) as bar:  # fmt: skip
        task = bar.add_task("", total=total)
        yield lambda count: bar.advance(task, count)


def _are_labels(t: Any) -> bool:
    """Say whether targets are class labels, so that accuracy has a meaning: integers, or rows that add up to 1."""
    t = np.asarray(t)
    if t.ndim == 1:
        return t.dtype.kind in "iu"
    return t.ndim == 2 and t.shape[1] > 1 and bool(np.all((t == 0) | (t == 1)) and np.all(t.sum(axis=1) == 1))


def _check_data(network: Network, x: Any, t: Any, which: str) -> None:
    """Refuse data that cannot train, naming what is wrong, before anything is touched."""
    if not hasattr(x, "shape") or not hasattr(t, "shape"):
        raise TypeError(f"x{which} and t{which} must be arrays or lists, not {type(x).__name__} and {type(t).__name__}")
    if len(x.shape) < 2:
        raise ValueError(f"x{which} must be (N, …), one row a sample; its shape is {x.shape}")
    if not t.shape or len(x) != len(t):
        raise ValueError(f"x{which} has {len(x)} samples, but t{which} has shape {t.shape}")
    if not len(x):
        raise ValueError(f"x{which} holds no samples")
    if isinstance(x, np.ndarray) and x.dtype.kind == "f" and not np.isfinite(x).all():
        row = int(np.flatnonzero(~np.isfinite(x).reshape(len(x), -1).all(axis=1))[0])
        raise ValueError(f"x{which} holds NaN or infinity, first in sample {row}")
    scores = network.predict(x[:1])
    if isinstance(network.last_layer, SigmoidWithLoss):
        binary(t, (len(t), *scores.shape[1:]))
    elif t.ndim == 1 and t.dtype.kind in "iu":
        check_labels(t, scores.shape[-1])
    elif _are_labels(t):
        one_hot(t, (len(t), scores.shape[-1]))
    else:
        network.last_layer.forward(scores, t[:1])
        if t.dtype.kind == "f" and not np.isfinite(t).all():
            row = int(np.flatnonzero(~np.isfinite(t).reshape(len(t), -1).all(axis=1))[0])
            raise ValueError(f"t{which} holds NaN or infinity, first in sample {row}")
