"""`badak book`: runs a script typed from the book."""

from pathlib import Path

import click

from badak.cli.options import whole_option


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
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
