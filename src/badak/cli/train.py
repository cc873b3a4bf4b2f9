"""`badak train`: a network, its data, the rows while it trains, and what is kept of it."""

import contextlib
import math
import signal
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

import click

from badak.cli.options import (
    OneOf,
    data_option,
    lang_option,
    naming_options,
    number_option,
    option,
    whole_option,
)
from badak.cli.words import Command, right, say, translated
from badak.reading import shown

# Without the modules that define them: help and misspelled names need no more than this. A test compares them.
NETS = ("mlp", "simple-conv", "deep-conv")
ACTIVATIONS = ("relu", "sigmoid", "tanh", "leakyrelu", "gelu")
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")
SCHEDULES = ("step", "cosine", "warmup", "warmup-step", "warmup-cosine")
ENGINES = ("auto", "numpy", "native")
DTYPES = ("float32", "float64")
BATCH_SIZE = 100


@click.command(cls=Command, short_help="Train a network (MNIST by default) and save the run.")
@option("--net", default="mlp", type=OneOf(NETS), metavar="NAME", help="mlp, simple-conv or deep-conv.")
@option("--hidden", metavar="SIZES", help="Hidden sizes: 50, or 100,50 (default: 50; of simple-conv, 100).")
@option(
    "--activation",
    default="relu",
    type=OneOf(ACTIVATIONS),
    metavar="NAME",
    help="Activation (mlp only): relu, sigmoid, tanh, leakyrelu or gelu.",
)
@option(
    "--init", metavar="INIT", help="Initial weights: a standard deviation, he or xavier; by default what suits the net."
)
@number_option("--dropout", metavar="RATIO", help="Fraction of hidden values to drop (deep-conv default: 0.5).")
@option("--batch-norm", is_flag=True, help="Batch normalization (mlp only).")
@option(
    "--optimizer",
    default="sgd",
    type=OneOf(OPTIMIZERS),
    metavar="NAME",
    help="sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw.",
)
@whole_option("--batch-size", help="Samples in a batch (default: 100, or all where there are fewer).")
@number_option("--lr", help="Learning rate (default: 0.1 for sgd, 0.001 for adam, …).")
@number_option("--weight-decay", help="Weight decay: this multiple of a weight is added to its gradient.")
@number_option("--clip-norm", help="Maximum norm of the gradient.")
@option(
    "--schedule",
    type=OneOf(SCHEDULES),
    metavar="NAME",
    help="Learning-rate schedule: step, cosine, warmup, warmup-step or warmup-cosine.",
)
@whole_option("--iterations", help="Number of batches, drawn with replacement (default: 10000).")
@whole_option("--epochs", help="Number of epochs, shuffled (instead of --iterations).")
@whole_option("--evaluate-on", help="Samples of each data set on which accuracy is measured while it trains.")
@whole_option("--seed", default=0, help="Random seed: the same seed gives the same weights.")
@option("--dtype", default="float32", type=OneOf(DTYPES), metavar="NAME", help="float32 or float64.")
@data_option
@option("--out", metavar="FOLDER", help="Run folder (default: runs/<time>).")
@option("--engine", default="auto", type=OneOf(ENGINES), metavar="NAME", help="auto, numpy or native.")
@whole_option("--threads", help="Threads of the engine (default: as many as there are cores).")
@option("--listing", is_flag=True, help="Print the compiled training step and exit.")
@lang_option
def train(listing: bool, **given: Any) -> None:
    """Train a network, on MNIST by default, and save the run: weights, history, settings and curves.

    Ctrl-C saves what was trained so far.
    """
    from badak import store
    from badak.data import load_data

    sizes = _checked(given)
    out = None if given["out"] is None else Path(given["out"])
    if out is not None:
        store.refuse_other_run(out)
    loaded = load_data(given["data"])
    with naming_options():
        network = _network(loaded, sizes, given)
        if listing:
            _print_listing(network, given)
            return
        folder = out or store.fresh_folder()
        with contextlib.ExitStack() as cleaning:
            if out is None:  # it is made to have its name; where nothing comes of it, it goes
                cleaning.callback(_remove_empty, folder)
            code, final = _fit(network, loaded, folder, sizes, given)
    del loaded, network  # drawing needs memory too, and no longer these
    if (folder / store.HISTORY).exists():
        _draw(folder, final)
    print(shown(str(folder)), flush=True)
    if code:
        sys.exit(code)


def _checked(given: Mapping[str, Any]) -> list[int]:
    """Return the hidden sizes; raise ValueError for what is wrong before any data are read."""
    if given["seed"] < 0:
        raise ValueError(f"--seed must be 0 or more, not {given['seed']}")
    if given["out"] == "":
        raise ValueError("--out takes the name of a folder, not ''")
    hidden = given["hidden"]
    return _sizes(("100" if given["net"] == "simple-conv" else "50") if hidden is None else hidden)


def _sizes(hidden: str) -> list[int]:
    """Read '100,50' as [100, 50]."""
    try:
        sizes = [int(part) for part in hidden.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise ValueError(f"--hidden takes sizes of 1 or more, such as 50 or 100,50; not {hidden!r}")
    return sizes


def _init(text: str | None) -> float | str | None:
    """Read --init: a number where it is one, else a name."""
    try:
        return text if text is None else float(text)
    except ValueError:
        return str(text).lower()


def _network(loaded: Any, sizes: list[int], given: Mapping[str, Any]) -> Any:
    """Make the network that `train` was asked for. Raises ValueError for options that do not apply to it."""
    from badak import DeepConvNet, MultiLayerNet, SimpleConvNet, TwoLayerNet

    net, activation, dropout, init = given["net"], given["activation"], given["dropout"], _init(given["init"])
    shared: dict[str, Any] = {name: given[name] for name in ("dtype", "seed", "engine")}
    columns = math.prod(loaded.x_train.shape[1:])
    if net == "mlp":
        if len(sizes) == 1 and activation == "relu" and dropout is None and not given["batch_norm"] and init is None:
            return TwoLayerNet(columns, sizes[0], loaded.classes, **shared)
        if dropout is not None:
            shared |= {"use_dropout": True, "dropout_ratio": dropout}
        return MultiLayerNet(
            columns, sizes, loaded.classes, activation, init, use_batchnorm=given["batch_norm"], **shared
        )
    wrong = {"--batch-norm": given["batch_norm"], "--activation": activation != "relu",
             "--dropout": dropout is not None and net == "simple-conv"}  # fmt: skip
    for typed, is_given in wrong.items():
        if is_given:
            raise ValueError(f"{typed} cannot be combined with --net {net}")
    if len(sizes) != 1:
        raise ValueError(f"--net {net} has one hidden size, not {len(sizes)}")
    if len(loaded.image_shape) != 3:
        raise ValueError(f"--net {net} needs images; the samples of {loaded.name} have the shape {loaded.image_shape}")
    shared |= {"hidden_size": sizes[0], "output_size": loaded.classes, "weight_init_std": init}
    if net == "simple-conv":
        return SimpleConvNet(loaded.image_shape, **shared)
    return DeepConvNet(loaded.image_shape, dropout_ratio=0.5 if dropout is None else dropout, **shared)


def _print_listing(network: Any, given: Mapping[str, Any]) -> None:
    """Print a training step as the engine does it."""
    from badak import listing
    from badak.optim import make_optimizer

    if given["engine"] == "numpy":
        raise ValueError("--listing prints a step as the engine does it; with --engine numpy the layers do it")
    rule = make_optimizer(
        given["optimizer"], given["lr"], weight_decay=given["weight_decay"], clip_norm=given["clip_norm"]
    )
    print(listing(network, given["batch_size"] or BATCH_SIZE, threads=given["threads"], optimizer=rule))


class Stopped(KeyboardInterrupt):
    """A signal that ends a training as Ctrl-C does: what there is is saved."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.exit_code = 128 + number


@contextlib.contextmanager
def _stopping_tidily() -> Iterator[None]:
    """Let SIGTERM, and a terminal that goes away, end what is within as Ctrl-C does."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped(number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores it, and so do we
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fit(
    network: Any, loaded: Any, folder: Path, sizes: list[int], given: Mapping[str, Any]
) -> tuple[int, dict[str, Any] | None]:
    """Train, printing a row an evaluation; return the exit code, and what is true of the network at the end."""
    from badak import fit

    named = ("epochs", "iterations", "lr", "optimizer", "weight_decay", "clip_norm", "schedule", "seed", "engine",
             "threads")  # fmt: skip
    orders = {name: given[name] for name in named}
    orders |= {name: given[name] for name in ("batch_size", "evaluate_on") if given[name] is not None}
    if given["iterations"] is None and given["epochs"] is None:
        orders["iterations"] = 10_000
    settings = {name: given[name] for name in ("data", "net", "activation", "init", "dropout", "batch_norm")}
    settings["hidden"] = sizes
    table = _Table()
    try:
        with _stopping_tidily():
            history = fit(network, loaded.x_train, loaded.t_train, loaded.x_test, loaded.t_test, out=folder,
                          progress=True, watch=table.add, settings=settings, **orders)  # fmt: skip
    except KeyboardInterrupt as stopped:
        print(f"badak: {say('stopped; everything up to here is saved')}", file=sys.stderr)
        return getattr(stopped, "exit_code", 130), None
    table.end(history.train_accuracy, history.test_accuracy)
    for sentence in history.warnings:
        print(f"badak: {translated(sentence)}", file=sys.stderr)
    per_epoch = len(loaded.x_train) / (given["batch_size"] or min(BATCH_SIZE, len(loaded.x_train)))
    final = {"epoch": len(history.losses) / per_epoch, "train_accuracy": history.train_accuracy,
             "test_accuracy": history.test_accuracy}  # fmt: skip
    return 0, final


def _remove_empty(folder: Path) -> None:
    """Remove a folder that was made for a run which never began, and the one around it; not what holds anything."""
    with contextlib.suppress(OSError):
        folder.rmdir()
        folder.parent.rmdir()


def _draw(folder: Path, final: Mapping[str, Any] | None) -> None:
    from badak import store
    from badak.drawing import draw_curves

    draw_curves(store.read_history(folder), folder / store.CURVES, final=final)


class _Table:
    """The rows that `train` prints: an evaluation each, in columns that stand under their heads in any language."""

    COLUMNS = (9, 7, 9, 8, 8)

    def __init__(self) -> None:
        self.begun = False

    def add(self, record: Mapping[str, Any]) -> None:
        """Print one evaluation, under the heads of the columns at the first."""
        if not self.begun:
            self.begun = True
            self._print(say("iteration"), say("epoch"), say("loss"), say("train"), say("test"))
        loss = f"{record['loss']:.4f}" if record["loss"] < 1e4 else f"{record['loss']:.3g}"
        accuracies = map(_accuracy, (record["train_accuracy"], record["test_accuracy"]))
        self._print(str(record["iteration"]), f"{record['epoch']:g}", loss, *accuracies)

    def end(self, train: float | None, test: float | None) -> None:
        """Print what the network that was saved can do."""
        self._print(say("saved"), "", "", _accuracy(train), _accuracy(test))

    def _print(self, *cells: str) -> None:
        print(" ".join(right(cell, columns) for cell, columns in zip(cells, self.COLUMNS, strict=True)), flush=True)


def _accuracy(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
