"""`badak gradcheck`: backpropagation beside numerical gradients."""

import math
import sys

import click

from badak.cli.options import data_option, lang_option, naming_options, whole_option
from badak.cli.words import Command, say


@click.command(cls=Command, short_help="Compare backpropagation with numerical gradients.")
@whole_option("--samples", default=3, help="Images in the batch.")
@whole_option("--hidden", default=50, help="Hidden size.")
@whole_option("--seed", default=0, help="Random seed of the weights.")
@data_option
@lang_option
def gradcheck(samples: int, hidden: int, seed: int, data: str) -> None:
    """Compare backpropagation with numerical gradients on a few images, as the book's chapter 5.7.3 does.

    Exit code 0: they agree; 1: they differ; 2: too little could be compared.
    """
    from rich.console import Console
    from rich.table import Table

    from badak import TwoLayerNet, compare_gradient
    from badak.data import load_data

    if samples < 1:
        raise ValueError(f"--samples must be 1 or more, not {samples}")
    loaded = load_data(data)
    x, t = loaded.x_train[:samples], loaded.t_train[:samples]
    with naming_options():
        network = TwoLayerNet(math.prod(x.shape[1:]), hidden, loaded.classes, seed=seed, engine="numpy")
    gradient = network.gradient(x, t)
    table = Table(say("parameter"), say("elements"), say("mean |difference|"), say("kinks"), say("verdict"))
    for column in table.columns[1:4]:
        column.justify = "right"
    words = {"agrees": say("agrees"), "differs": say("differs"), "cannot tell": say("cannot tell")}
    verdicts, reasons = set(), []
    for key, view in network.params.items():
        compared = compare_gradient(lambda _: network.loss(x, t), view, gradient[key])
        judgement = compared.judge()
        verdict = judgement.verdict
        verdicts.add(verdict)
        if verdict != "agrees":
            reasons.append(f"{key}: {judgement.told(lambda text, values: say(text, **values))}")
        kinks = int(compared.kinks.sum())
        table.add_row(key, str(view.size), f"{compared.mean_difference:.1e}", str(kinks), words[verdict])
    Console().print(table)
    for reason in reasons:
        print(reason)
    if reasons:
        sys.exit(1 if "differs" in verdicts else 2)
