"""The command `badak`. Each command imports what it needs when it runs, so that `badak --help` is quick."""

import io
import math
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import click

from badak.reading import shown


def _whole(text: str | int) -> int:
    try:
        return int(text)
    except ValueError:
        raise click.BadParameter(f"a whole number is needed, not {text!r}") from None


def _number(text: str | float) -> float:
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"a number is needed, not {text!r}") from None


whole_option = partial(click.option, type=_whole, metavar="N")
number_option = partial(click.option, type=_number, metavar="NUMBER")
data_option = click.option(
    "--data",
    default="mnist",
    help="mnist, digits, a folder of IDX files, or an .npz with x_train, t_train, x_test, t_test.",
)
lang_option = click.option("--lang", help="Language of pictures and words: en or ko; by default the locale's.")


class _InOrder(click.Group):
    """Commands in the order in which they stand here; click sorts them by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"show_default": True})
def app() -> None:
    """badak (바닥): a deep-learning library that you can see to the bottom of."""


def main() -> None:
    """Run the command line: what is wrong with the input is said in one line, with exit code 2."""
    warnings.showwarning = lambda message, category, *_: (
        None if issubclass(category, RuntimeWarning) else print(f"badak: {shown(str(message))}", file=sys.stderr)
    )
    try:
        app(standalone_mode=False)  # in its other mode click ends Ctrl-C with exit code 1
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        print(shown(said.getvalue(), "\n\t"), end="", file=sys.stderr)
        sys.exit(error.exit_code)
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        print(f"badak: {shown(_plain(error))}", file=sys.stderr)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        print("badak: stopped", file=sys.stderr)
        sys.exit(130)


def _plain(error: Exception) -> str:
    """Say an error in one line; those of the system without their number, with the file."""
    if isinstance(error, MemoryError):
        return f"there is not enough memory: {error}" if str(error) else "there is not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)


@app.command()
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
    from badak.train.fit import fit

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
        from badak.optim import make_optimizer

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
    print(shown(str(folder)), flush=True)
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
    from badak.models import DeepConvNet, MultiLayerNet, SimpleConvNet, TwoLayerNet

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


@app.command()
@whole_option("--samples", default=3, help="Images in the batch.")
@whole_option("--hidden", default=50, help="Hidden size.")
@whole_option("--seed", default=0, help="Seed of the weights.")
@data_option
def gradcheck(samples: int, hidden: int, seed: int, data: str) -> None:
    """Compare backpropagation with numerical gradients on a few images, as the book's chapter 5.7.3 does."""
    from rich.console import Console
    from rich.table import Table

    from badak.data import load_data
    from badak.gradients import compare_gradient
    from badak.models import TwoLayerNet
    from badak.validate import positive

    loaded = load_data(data)
    count = min(positive("--samples", samples), len(loaded.x_train))
    x, t = loaded.x_train[:count], loaded.t_train[:count]
    network = TwoLayerNet(math.prod(x.shape[1:]), hidden, loaded.classes, seed=seed, engine="numpy")
    gradient = network.gradient(x, t)
    table = Table("parameter", "elements", "mean |difference|", "kinks", "verdict")
    for column in table.columns[1:4]:
        column.justify = "right"
    verdicts, reasons = set(), []
    for key, view in network.params.items():
        compared = compare_gradient(lambda _: network.loss(x, t), view, gradient[key])
        verdicts.add(compared.verdict)
        kinks = int(compared.kinks.sum())
        table.add_row(key, str(view.size), f"{compared.mean_difference:.1e}", str(kinks), compared.verdict)
        if compared.verdict != "agrees":
            reasons.append(f"{key}: {compared.reason}")
    Console().print(table)
    for reason in reasons:
        print(reason)
    if reasons:
        sys.exit(1 if "differs" in verdicts else 2)


@app.command()
@click.argument("run", type=Path)
@click.argument("images", type=Path, nargs=-1, required=True)
def predict(run: Path, images: tuple[Path, ...]) -> None:
    """Say which digit is on each image, and how sure the network is.

    \b
    Arguments:
      RUN        A run folder, or a model.safetensors.
      IMAGES...  PNG or IDX files.
    """
    import numpy as np

    from badak.data.images import read_image
    from badak.functions import softmax
    from badak.graph import input_shape, load_network

    network = load_network(run)
    shape = input_shape(network) or ()
    side = math.isqrt(math.prod(shape))
    if side * side != math.prod(shape):
        raise ValueError(f"{run} was trained on samples of shape {shape}, not on square images")
    for path in images:
        pixels = read_image(path, (side, side))
        scores = network.predict(np.divide(pixels, 255, dtype=np.float32).reshape(len(pixels), -1))
        if not np.isfinite(scores).all():
            raise ValueError(f"{run}: the network's answers are no numbers (NaN): its training diverged")
        for number, row in enumerate(softmax(scores)):
            name = shown(str(path)) + (f"[{number}]" if len(pixels) != 1 else "")
            print(f"{name}: {row.argmax()} ({100 * row.max():.1f} %)")


@app.command()
@click.argument("files", nargs=-1)
@click.option("--training", metavar="RUN", help="Look at a run folder instead of files.")
@click.option("--json", is_flag=True, help="One JSON object a line.")
@click.option("--html", help="Write a page with all reports to this file.")
@click.option("--strict", is_flag=True, help="A hazard alone is exit code 1 too.")
@click.option("--only", multiple=True, help="Run this check alone; may be given again.")
@number_option("--time-limit", default=20.0, help="Seconds of processor time that a file may take.")
@whole_option("--memory-limit", default=2048, help="MiB that a file may take.")
@lang_option
def check(
    files: tuple[str, ...],
    training: str | None,
    json: bool,
    html: str | None,
    strict: bool,
    only: tuple[str, ...],
    time_limit: float,
    memory_limit: int,
    lang: str | None,
) -> None:
    """Say what is wrong with layers, losses and networks that you wrote, and where; or with a training.

    This RUNS the code in the files, in a child process with limits on time and memory: check only what you would run.
    Exit code 0: right; 1: wrong; 2: could not be checked.

    \b
    Arguments:
      FILES...  FILE.py, FILE.py:ClassName or FILE.ipynb.
    """
    from badak.check import check_command
    from badak.train.doctor import training_command

    if training is not None and not files:
        sys.exit(training_command(training, json, lang))
    if not files or training is not None:
        raise ValueError("badak check takes files, or --training and a run folder; for example: badak check layers.py")
    if memory_limit < 1:
        raise ValueError(f"--memory-limit must be 1 MiB or more, not {memory_limit}")
    sys.exit(check_command(files, json, html, strict, lang, time_limit, memory_limit << 20, only=only or None))


@app.command()
def bench() -> None:
    """Measure this machine: its peak, the share of it that the engine reaches, and NumPy beside the engine."""
    from rich.console import Console
    from rich.table import Table

    from badak.engine.bench import bench as measure
    from badak.engine.bench import report

    table = Table("what", "median", "remark")
    table.columns[1].justify = "right"
    for row in report(measure()):
        table.add_row(*row)
    Console().print(table)


@app.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1)
def learn(arguments: tuple[str, ...]) -> None:
    """Exercises: layers to write, checked at every save. `badak learn --help` tells more; `badak learn mark` marks."""
    from badak.learn.command import run

    sys.exit(run(arguments, "badak learn"))


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@whole_option("--chapter", help="Whose two_layer_net it means, 4 or 5, if its folder does not tell.")
@click.argument("script", type=Path)
@click.argument("arguments", nargs=-1)
def book(script: Path, arguments: tuple[str, ...], chapter: int | None) -> None:
    """Run a script typed from the book, unchanged: common.layers, dataset.mnist … find badak.

    \b
    Arguments:
      SCRIPT        A Python file.
      ARGUMENTS...  What follows it are its own arguments.
    """
    from badak.book import run

    run(script, arguments, chapter)
