"""`badak train`: a network, its data, the rows while it trains, and what is kept of it."""

import math
import sys
from pathlib import Path
from typing import Any

import click

from badak.cli.options import data_option, lang_option, number_option, whole_option


@click.command()
@click.option("--net", default="mlp", help="mlp, simple-conv or deep-conv.")
@click.option("--hidden", help="Hidden sizes: 50, or 100,50. By default 50; of simple-conv, 100.")
@click.option("--activation", default="relu", help="Of mlp: relu, sigmoid, tanh, leakyrelu or gelu.")
@click.option("--init", help="First weights: a number, he or xavier; by default what suits the net.")
@number_option("--dropout", metavar="RATIO", help="Drop this share of the hidden values; deep-conv has 0.5.")
@click.option("--batch-norm", is_flag=True, help="Of mlp: normalize each batch.")
@click.option("--optimizer", default="sgd", help="sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw.")
@whole_option("--batch-size", default=100, help="Samples in a batch.")
@number_option("--lr", help="Learning rate: by default 0.1; of adam, 0.001 …")
@number_option("--weight-decay", help="Add this much of a weight to its gradient.")
@number_option("--clip-norm", help="Shorten longer gradients to this length.")
@click.option("--schedule", help="Of the learning rate: step, cosine, warmup, warmup-step or warmup-cosine.")
@whole_option("--iterations", help="Batches drawn with replacement; 10000 by default.")
@whole_option("--epochs", help="Instead: times through the data, shuffled.")
@whole_option("--seed", default=0, help="Same seed, same bytes.")
@click.option("--dtype", default="float32", help="float32 or float64.")
@data_option
@click.option("--out", help="Run folder; runs/<time> by default.")
@click.option("--engine", default="auto", help="auto, numpy or native.")
@whole_option("--threads", help="Of the engine: by default the cores there are.")
@click.option("--listing", is_flag=True, help="Print a step as the engine does it, and stop.")
@lang_option
def train(
    net: str,
    hidden: str | None,
    activation: str,
    init: str | None,
    dropout: float | None,
    batch_norm: bool,
    optimizer: str,
    batch_size: int,
    lr: float | None,
    weight_decay: float | None,
    clip_norm: float | None,
    schedule: str | None,
    iterations: int | None,
    epochs: int | None,
    seed: int,
    dtype: str,
    data: str,
    out: str | None,
    engine: str,
    threads: int | None,
    listing: bool,
    lang: str | None,
) -> None:
    """Train a network on MNIST, as the book's chapter 5 does, and keep the run in a folder."""
    from badak import store
    from badak.data import load_data
    from badak.drawing import draw_curves
    from badak.language import choose_language
    from badak.training import fit

    lang = choose_language(lang)
    if dtype not in ("float32", "float64"):
        raise ValueError(f"--dtype must be float32 or float64, not {dtype!r}")
    if seed < 0:
        raise ValueError(f"--seed must be 0 or more, not {seed}")
    if out == "":
        raise ValueError("--out takes the name of a folder, not ''")
    sizes = _sizes(("100" if net == "simple-conv" else "50") if hidden is None else hidden)
    folder = store.fresh_folder() if out is None else Path(out)
    store.refuse_other_run(folder)
    loaded = load_data(data)
    network = _network(
        net,
        loaded,
        sizes,
        activation,
        _init(init),
        dropout,
        batch_norm,
        dtype=dtype,
        seed=seed,
        engine=engine,
    )
    if listing:
        from badak.engine.listing import listing as tape
        from badak.networks import ENGINES
        from badak.optimizers import make_optimizer

        if engine not in ENGINES:
            raise ValueError(f"--engine must be one of {', '.join(ENGINES)}, not {engine!r}")
        if engine == "numpy":
            raise ValueError("--listing prints a step as the engine does it; with --engine numpy the layers do it")
        rule = make_optimizer(optimizer, lr, weight_decay=weight_decay, clip_norm=clip_norm)
        print(tape(network, batch_size, threads=threads, optimizer=rule))
        return
    if iterations is None and epochs is None:
        iterations = 10_000
    settings = {"data": data, "net": net, "hidden": sizes, "activation": activation, "init": init, "dropout": dropout,
                "batch_norm": batch_norm}  # fmt: skip
    stopped = False
    try:
        history = fit(
            network,
            loaded.x_train,
            loaded.t_train,
            loaded.x_test,
            loaded.t_test,
            epochs=epochs,
            iterations=iterations,
            batch_size=batch_size,
            lr=lr,
            optimizer=optimizer,
            weight_decay=weight_decay,
            clip_norm=clip_norm,
            schedule=schedule,
            seed=seed,
            engine=engine,
            threads=threads,
            out=folder,
            progress=True,
            watch=_print_row,
            settings=settings,
        )
        print(_row("saved", "", "", history.train_accuracy, history.test_accuracy))
        for sentence in history.warnings:
            print(f"badak: {sentence}", file=sys.stderr)
    except KeyboardInterrupt:
        stopped = True
        print("badak: stopped; everything up to here is saved", file=sys.stderr)
    del loaded, network  # drawing needs memory too, and no longer these
    if (folder / store.HISTORY).exists():
        draw_curves(store.read_history(folder), folder / store.CURVES, lang)
    print(folder, flush=True)
    if stopped:
        sys.exit(130)


def _init(text: str | None) -> float | str | None:
    """Read --init: a number where it is one, else a name."""
    try:
        return text if text is None else float(text)
    except ValueError:
        return text


def _network(
    net: str,
    loaded: Any,
    sizes: list[int],
    activation: str,
    init: float | str | None,
    dropout: float | None,
    batch_norm: bool,
    **shared: Any,
) -> Any:
    """Make the network that `train` was asked for. Raises ValueError for options that it has no place for."""
    from badak.convnets import DeepConvNet, SimpleConvNet
    from badak.networks import MultiLayerNet, TwoLayerNet

    columns = math.prod(loaded.x_train.shape[1:])
    if net == "mlp":
        if len(sizes) == 1 and activation == "relu" and dropout is None and not batch_norm and init is None:
            return TwoLayerNet(columns, sizes[0], loaded.classes, **shared)
        use_dropout: dict[str, Any] = {} if dropout is None else {"use_dropout": True, "dropout_ratio": dropout}
        return MultiLayerNet(
            columns, sizes, loaded.classes, activation, init, use_batchnorm=batch_norm, **use_dropout, **shared
        )
    if net not in ("simple-conv", "deep-conv"):
        raise ValueError(f"--net must be mlp, simple-conv or deep-conv, not {net!r}")
    wrong = {"--batch-norm": batch_norm, "--activation": activation != "relu",
             "--dropout": dropout is not None and net == "simple-conv"}  # fmt: skip
    for option, given in wrong.items():
        if given:
            raise ValueError(f"{option} has no place in --net {net}")
    if len(sizes) != 1:
        raise ValueError(f"--net {net} has one hidden size, not {len(sizes)}")
    if len(loaded.image_shape) != 3:
        raise ValueError(f"--net {net} needs images; the samples of {loaded.name} have the shape {loaded.image_shape}")
    shared |= {"hidden_size": sizes[0], "output_size": loaded.classes, "weight_init_std": init}
    if net == "simple-conv":
        return SimpleConvNet(loaded.image_shape, **shared)
    return DeepConvNet(loaded.image_shape, dropout_ratio=0.5 if dropout is None else dropout, **shared)


def _row(iteration: Any, epoch: Any, loss: Any, *accuracies: float | None) -> str:
    return f"{iteration:>9} {epoch:>7} {loss:>9} " + " ".join(f"{accuracy:8.4f}" for accuracy in accuracies)


def _print_row(record: dict[str, Any]) -> None:
    """Print one evaluation, under the heads of the columns at the first."""
    if record["iteration"] == 0:
        print(f"{'iteration':>9} {'epoch':>7} {'loss':>9} {'train':>8} {'test':>8}")
    loss = f"{record['loss']:.4f}" if record["loss"] < 1e4 else f"{record['loss']:.3g}"
    epoch = f"{record['epoch']:g}"
    print(_row(record["iteration"], epoch, loss, record["train_accuracy"], record["test_accuracy"]), flush=True)


def _sizes(hidden: str) -> list[int]:
    """Read '100,50' as [100, 50]."""
    try:
        sizes = [int(part) for part in hidden.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 1:
        raise ValueError(f"--hidden takes sizes of 1 or more, such as 50 or 100,50; not {hidden!r}")
    return sizes
