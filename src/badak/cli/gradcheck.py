"""`badak gradcheck`: backpropagation beside numerical gradients."""

import math
import sys

import click

from badak.cli.options import data_option, whole_option


@click.command()
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
        sys.exit(1)
