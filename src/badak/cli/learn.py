"""`badak learn`: hands its arguments to the exercises."""

import sys

import click


@click.command(add_help_option=False, context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1)
def learn(arguments: tuple[str, ...]) -> None:
    """Exercises: layers to write, checked at every save. `badak learn --help` tells more; `badak learn mark` marks."""
    from badak.learn.command import run

    sys.exit(run(arguments, "badak learn"))
