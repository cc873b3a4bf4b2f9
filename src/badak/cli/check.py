"""`badak check`: what is wrong with a user's layers, or with a training."""

import sys

import click

from badak.cli.options import lang_option, number_option, whole_option


@click.command()
@click.argument("files", nargs=-1)
@click.option("--training", metavar="RUN", help="Look at a run folder instead of files.")
@click.option("--json", is_flag=True, help="One JSON object a line.")
@click.option("--html", help="Write a page with all reports to this file.")
@click.option("--strict", is_flag=True, help="A hazard alone is exit code 1 too.")
@click.option("--only", multiple=True, help="Run this check alone; may be given again.")
@number_option("--time-limit", default=20.0, help="Seconds that a file may take.")
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
    from badak.check.training import training_command

    if training is not None and not files:
        sys.exit(training_command(training, json, lang))
    if not files or training is not None:
        raise ValueError("badak check takes files, or --training and a run folder; for example: badak check layers.py")
    if memory_limit < 1:
        raise ValueError(f"--memory-limit must be 1 MiB or more, not {memory_limit}")
    sys.exit(check_command(files, json, html, strict, lang, time_limit, memory_limit << 20, only=only or None))
