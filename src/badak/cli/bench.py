"""`badak bench`: how fast this machine is."""

import click


@click.command()
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
