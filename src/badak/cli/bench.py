"""`badak bench`: how fast this machine is."""

import click

from badak.cli.options import lang_option
from badak.cli.words import Command, say


@click.command(cls=Command, short_help="Benchmark this machine and the engine on it.")
@lang_option
def bench() -> None:
    """Benchmark this machine: its peak, the fraction of it that the engine reaches, and NumPy for comparison."""
    from rich.console import Console
    from rich.table import Table

    from badak.engine.bench import bench as measure
    from badak.engine.bench import report

    table = Table(say("what"), say("median"), say("remark"))
    table.columns[1].justify = "right"
    for row in report(measure()):
        table.add_row(*row)
    Console().print(table)
