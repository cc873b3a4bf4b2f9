"""`badak book`: runs a script typed from the book."""

from pathlib import Path

import click

from badak.cli.options import lang_option, whole_option
from badak.cli.words import Argument, Command, own_words


@click.command(
    cls=Command,
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    short_help="Run a script typed from the book, unchanged.",
)
@whole_option("--chapter", help="Chapter (4 or 5) whose two_layer_net is meant, where its folder does not say.")
@lang_option
@click.argument("script", type=Path, cls=Argument, about="A Python file.")
@click.argument("arguments", nargs=-1, cls=Argument, about="Arguments of the script itself.")
def book(script: Path, arguments: tuple[str, ...], chapter: int | None) -> None:
    """Run a script typed from the book, unchanged: its imports common.layers, dataset.mnist … find badak."""
    from badak.book import run

    with own_words():
        run(script, arguments, chapter)
