"""`badak learn`: hands its arguments to the exercises."""

import sys

import click

from badak.cli.words import Command, language_in


@click.command(
    cls=Command,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
    short_help="Exercises, checked whenever you save; and grading.",
)
@click.argument("arguments", nargs=-1)
def learn(arguments: tuple[str, ...]) -> None:
    """Exercises that are checked whenever you save. See `badak learn --help`."""
    from badak.learn.command import run

    asked = language_in(sys.argv[1:])
    if asked is not None and language_in(["learn", *arguments]) is None:  # before the command
        arguments = (*arguments, "--lang", asked)
    sys.exit(run(arguments, "badak learn"))
