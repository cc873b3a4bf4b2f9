"""The training loop: batches in a drawn order, an update each, and a look at the network now and then.

`fit` asks a Runner for the steps between two evaluations: NumPy's, or the engine's where it is asked for. Both get the
same order from the same seed.
"""

import os
from collections.abc import Mapping
from typing import Any

from badak import store
from badak.init import generator
from badak.networks import Network
from badak.optim import Optimizer, Schedule, make_optimizer, make_schedule
from badak.train.history import History, Watch, save_run, tell
from badak.train.measure import Look
from badak.train.orders import Orders, orders_of
from badak.train.progress import bar_of
from badak.train.runners import make_runner, steps_in_calls
from badak.train.targets import data_for
from badak.types import Runner
from badak.validate import positive

BATCH_SIZE = 100
"""Samples in a batch, unless told otherwise or there are fewer."""


def fit(
    network: Network,
    x: Any,
    t: Any,
    x_test: Any = None,
    t_test: Any = None,
    *,
    epochs: int | None = None,
    iterations: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    optimizer: Any = "sgd",
    weight_decay: float | None = None,
    clip_norm: float | None = None,
    schedule: str | Schedule | None = None,
    seed: int = 0,
    engine: str = "auto",
    threads: int | None = None,
    shuffle: bool = True,
    evaluate_on: int | None = None,
    out: str | os.PathLike[str] | None = None,
    progress: bool = False,
    watch: Watch | None = None,
    settings: Mapping[str, Any] | None = None,
) -> History:
    """Train `network` in place on `x`, (N, …), and the targets `t`.

    `x` and `t` are arrays, or lists of them, of any real dtype; `x` is converted to the network's, batch by batch.
    `t` is what the loss takes: class indices, integers (N,), or rows (N, C), one-hot or probabilities
    (SoftmaxWithLoss); answers of yes or no, 0 or 1, (N, D), or (N,) where the network has one output
    (SigmoidWithLoss); values to regress to, in the shape of the outputs, or (N,) where there is one
    (IdentityWithLoss). `x_test` and `t_test` are of the same kinds, and are only looked at.

    `iterations` draws each batch with replacement, as the posts do; `epochs` goes through a shuffled order, the last
    batch being smaller where N is no multiple (10 epochs where neither is given). `batch_size` is 100, or N where
    there are fewer samples. The order comes from `seed` alone; `shuffle=False` goes through the samples as they
    stand instead, in epochs.
    After the update of the first iteration, and once an epoch from there on (under `iterations`: every
    N // batch_size of them), it is evaluated: a record is added to the History and given to `watch`. `iteration`
    counts from 0; `epoch` is how many whole epochs' worth of iterations are done, which under `iterations` does not
    say that every sample was seen; `loss` is the mean over the samples of the batches since the record before, each
    before its update, and `loss_max` that of the worst batch. Accuracies, from 0 to 1, are those of the network as it
    is then, on `evaluate_on` samples of the training data and as many of the test data, the same ones each time,
    or on all where there are no more; by default on all, of images on 1,000 (`evaluated` says on how many). What is
    measured at the very end is measured on all test samples. Accuracies are None where targets are values.

    `out` names a folder for the weights, history and configuration; `settings` is written
    into that configuration too. `engine` is 'numpy', 'native', or 'auto': native where the network and the optimizer
    have rules for it, on `threads` threads (by default BADAK_THREADS, or the cores that this process may use; the
    result is the same on any number). `progress` shows a bar on standard error.

    `optimizer` is a name (see `make_optimizer`), an Optimizer, or anything with `update(params, grads)` that changes
    the flat `params` in place. `lr` is by default 0.1 for 'sgd', else that of the
    class; `weight_decay` (of weights, not of biases, gamma or beta) and `clip_norm` are as in Optimizer; `schedule`
    is a name (see `make_schedule`) or a Schedule. An optimizer that was made has its own: then these four are not
    given.

    Ctrl-C saves what there is to `out` and then raises KeyboardInterrupt. Raises TypeError or ValueError for
    arguments that don't fit, before anything is changed or written. Warns, once a network, where 'auto' leaves it to
    NumPy, and where the network has ten times as many outputs as there are labels.
    """
    # Long by what it is asked and says of it: the work is done below.
    if not isinstance(network, Network):
        raise TypeError(f"network must be a Network, such as TwoLayerNet, not {_kind(network)}")
    generator(seed)  # for what it refuses
    rule = _optimizer(optimizer, lr, weight_decay, clip_norm, schedule)
    batch_size = None if batch_size is None else positive("batch_size", batch_size)
    evaluate_on = None if evaluate_on is None else positive("evaluate_on", evaluate_on)
    threads = None if threads is None else positive("threads", threads)
    data = data_for(network, x, t, x_test, t_test)
    if batch_size is None:
        batch_size = min(BATCH_SIZE, len(data.x))
    if batch_size > len(data.x):
        raise ValueError(f"batch_size {batch_size} is larger than the data, {len(data.x)} samples")
    if epochs is None and iterations is None:
        epochs = 10
    orders = orders_of(len(data.x), batch_size, epochs, iterations, seed, shuffle)
    _make_ready(rule, schedule, orders.total, network)
    runner = make_runner(network, rule, data.x, data.t, engine, threads)
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
    _train(history, runner, Look(network, data, orders, rule, runner.engine, evaluate_on), orders, progress, watch)
    return history


def _train(history: History, runner: Runner, look: Look, orders: Orders, progress: bool, watch: Watch | None) -> None:
    """Carry out the orders, and keep what is measured in between; save whatever ends it."""
    try:
        with bar_of(orders.total, progress) as bar:
            for order, evaluate in orders.pieces:
                history.losses += steps_in_calls(runner, order, bar.advance)
                look.order(order)
                if evaluate:
                    history.records.append(look.record(history.losses, bar))
                    tell(history, watch)
            history.train_accuracy, history.test_accuracy = look.accuracies(len(history.losses), bar)
    finally:
        # Also on Ctrl-C or an error: everything up to then is kept.
        if history.folder is not None:
            save_run(history, look.network)


def _kind(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else "None" if value is None else type(value).__name__


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
