"""The command `badak`. Each command imports what it needs when it runs, so that `badak --help` is quick."""

import math
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(
    help="badak (바닥): a deep-learning library that you can see to the bottom of.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Lang = Annotated[str | None, typer.Option(help="Language of pictures and words: en or ko; by default the locale's.")]
Data = Annotated[
    str,
    typer.Option(help="mnist, digits, a folder of IDX files, or an .npz with x_train, t_train, x_test, t_test."),
]


def _whole(text: str | int) -> int:
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(f"a whole number is needed, not {text!r}") from None


def _number(text: str | float) -> float:
    try:
        return float(text)
    except ValueError:
        raise typer.BadParameter(f"a number is needed, not {text!r}") from None


def _whole_option(told: str) -> Any:
    return typer.Option(parser=_whole, metavar="N", help=told)


def main() -> None:
    """Run the command line: what is wrong with the input is said in one line, with exit code 2."""
    warnings.showwarning = lambda message, category, *_: (
        None if issubclass(category, RuntimeWarning) else print(f"badak: {message}", file=sys.stderr)
    )
    try:
        app(standalone_mode=True)
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        print(f"badak: {_plain(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
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
def train(
    net: Annotated[str, typer.Option(help="mlp, simple-conv or deep-conv.")] = "mlp",
    hidden: Annotated[
        str | None, typer.Option(help="Hidden sizes: 50, or 100,50. By default 50; of simple-conv, 100.")
    ] = None,
    activation: Annotated[str, typer.Option(help="Of mlp: relu, sigmoid, tanh, leakyrelu or gelu.")] = "relu",
    init: Annotated[
        str | None,
        typer.Option(help="First weights: a number, he or xavier; by default what suits the net."),
    ] = None,
    dropout: Annotated[
        float | None,
        typer.Option(parser=_number, metavar="RATIO", help="Drop this share of the hidden values; deep-conv has 0.5."),
    ] = None,
    batch_norm: Annotated[bool, typer.Option("--batch-norm", help="Of mlp: normalize each batch.")] = False,
    optimizer: Annotated[str, typer.Option(help="sgd, momentum, nesterov, adagrad, rmsprop, adam or adamw.")] = "sgd",
    batch_size: Annotated[int, _whole_option("Samples in a batch.")] = 100,
    lr: Annotated[
        float | None,
        typer.Option(parser=_number, metavar="NUMBER", help="Learning rate: by default 0.1; of adam, 0.001 …"),
    ] = None,
    weight_decay: Annotated[
        float | None, typer.Option(parser=_number, metavar="NUMBER", help="Add this much of a weight to its gradient.")
    ] = None,
    clip_norm: Annotated[
        float | None, typer.Option(parser=_number, metavar="NUMBER", help="Shorten longer gradients to this length.")
    ] = None,
    schedule: Annotated[
        str | None, typer.Option(help="Of the learning rate: step, cosine, warmup, warmup-step or warmup-cosine.")
    ] = None,
    iterations: Annotated[int | None, _whole_option("Batches drawn with replacement; 10000 by default.")] = None,
    epochs: Annotated[int | None, _whole_option("Instead: times through the data, shuffled.")] = None,
    seed: Annotated[int, _whole_option("Same seed, same bytes.")] = 0,
    dtype: Annotated[str, typer.Option(help="float32 or float64.")] = "float32",
    data: Data = "mnist",
    out: Annotated[str | None, typer.Option(help="Run folder; runs/<time> by default.")] = None,
    engine: Annotated[str, typer.Option(help="auto, numpy or native.")] = "auto",
    threads: Annotated[int | None, _whole_option("Of the engine: by default the cores there are.")] = None,
    listing: Annotated[bool, typer.Option("--listing", help="Print a step as the engine does it, and stop.")] = False,
    lang: Lang = None,
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
    if (folder / store.HISTORY).exists():
        draw_curves(store.read_history(folder), folder / store.CURVES, lang)
    print(folder, flush=True)
    if stopped:
        raise typer.Exit(130)


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


@app.command()
def gradcheck(
    samples: Annotated[int, _whole_option("Images in the batch.")] = 3,
    hidden: Annotated[int, _whole_option("Hidden size.")] = 50,
    seed: Annotated[int, _whole_option("Seed of the weights.")] = 0,
    data: Data = "mnist",
) -> None:
    """Compare backpropagation with numerical gradients on a few images, as the book's chapter 5.7.3 does."""
    from rich.console import Console
    from rich.table import Table

    from badak.data import load_data
    from badak.gradients import compare_gradient
    from badak.networks import TwoLayerNet, positive

    loaded = load_data(data)
    count = min(positive("--samples", samples), len(loaded.x_train))
    x, t = loaded.x_train[:count], loaded.t_train[:count]
    network = TwoLayerNet(math.prod(x.shape[1:]), hidden, loaded.classes, seed=seed, engine="numpy")
    gradient = network.gradient(x, t)
    table = Table("parameter", "elements", "mean |difference|", "kinks", "verdict")
    for column in table.columns[1:4]:
        column.justify = "right"
    right = True
    for key, view in network.params.items():
        compared = compare_gradient(lambda _: network.loss(x, t), view, gradient[key])
        verdict = "right" if compared.agrees() else f"wrong, most at {list(compared.worst)}"
        right &= compared.agrees()
        kinks = int(compared.kinks.sum())
        table.add_row(key, str(view.size), f"{compared.mean_difference:.1e}", str(kinks), verdict)
    Console().print(table)
    if not right:
        raise typer.Exit(1)


@app.command()
def predict(
    run: Annotated[Path, typer.Argument(help="A run folder, or a model.safetensors.")],
    images: Annotated[list[Path], typer.Argument(help="PNG or IDX files.")],
) -> None:
    """Say which digit is on each image, and how sure the network is."""
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
            name = str(path) if len(pixels) == 1 else f"{path}[{number}]"
            print(f"{name}: {row.argmax()} ({100 * row.max():.1f} %)")


@app.command()
def check(
    files: Annotated[
        list[str] | None, typer.Argument(help="FILE.py, FILE.py:ClassName or FILE.ipynb.", show_default=False)
    ] = None,
    training: Annotated[str | None, typer.Option(metavar="RUN", help="Look at a run folder instead of files.")] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    html: Annotated[str | None, typer.Option(help="Write a page with all reports to this file.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="A hazard alone is exit code 1 too.")] = False,
    only: Annotated[list[str] | None, typer.Option(help="Run this check alone; may be given again.")] = None,
    time_limit: Annotated[float, typer.Option(help="Seconds that a file may take.")] = 20.0,
    memory_limit: Annotated[int, typer.Option(help="MiB that a file may take.")] = 2048,
    lang: Lang = None,
) -> None:
    """Say what is wrong with layers, losses and networks that you wrote, and where; or with a training.

    This RUNS the code in the files, in a child process with limits on time and memory: check only what you would run.
    Exit code 0: right; 1: wrong; 2: could not be checked.
    """
    from badak.check import check_command
    from badak.check.training import training_command

    if training is not None and not files:
        raise typer.Exit(training_command(training, json, lang))
    if not files or training is not None:
        raise ValueError("badak check takes files, or --training and a run folder; for example: badak check layers.py")
    if memory_limit < 1:
        raise ValueError(f"--memory-limit must be 1 MiB or more, not {memory_limit}")
    raise typer.Exit(check_command(files, json, html, strict, lang, time_limit, memory_limit << 20, only=only))


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


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
)
def learn(context: typer.Context) -> None:
    """Exercises: layers to write, checked at every save. `badak learn --help` tells more; `badak learn mark` marks."""
    from badak.learn.command import run

    raise typer.Exit(run(context.args, "badak learn"))


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}
)
def book(
    context: typer.Context,
    script: Annotated[Path, typer.Argument(help="A Python file; what follows it are its own arguments.")],
    chapter: Annotated[
        int | None, _whole_option("Whose two_layer_net it means, 4 or 5, if its folder does not tell.")
    ] = None,
) -> None:
    """Run a script typed from the book, unchanged: common.layers, dataset.mnist … find badak."""
    from badak.book import run

    run(script, context.args, chapter)
