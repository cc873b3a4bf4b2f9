"""`badak check`: what is wrong with a user's layers, or with a training."""

import sys

import click

from badak.cli.options import lang_option, number_option, option, whole_option
from badak.cli.words import Argument, Command


@click.command(cls=Command, short_help="Diagnose errors in your layers, losses and networks.")
@click.argument("files", nargs=-1, cls=Argument, about="FILE.py, FILE.py:ClassName, FILE.ipynb or a FOLDER.")
@option("--training", metavar="RUN", help="Diagnose a training run (its folder) instead of files.")
@option("--json", is_flag=True, help="Print JSON, one object a line.")
@option("--html", metavar="FILE", help="Write a page with all reports to this file.")
@option("--strict", is_flag=True, help="Exit with code 1 for a hazard, too.")
@option("--only", multiple=True, metavar="CHECK", help="Run this check alone; may be given again.")
@number_option("--time-limit", default=20.0, help="Seconds of processor time that a file may take.")
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
) -> None:
    """Diagnose layers, losses and networks that you wrote: what is wrong, where, and what to try.

    This RUNS the code in the files, in a child process with limits on time and memory: check only code that you trust.

    Exit code 0: right; 1: wrong; 2: could not be checked.
    """
    from badak.check import check_command
    from badak.train.doctor import training_command

    if training is not None and not files:
        sys.exit(training_command(training, json))
    if not files or training is not None:
        raise ValueError("badak check takes files, or --training and a run folder; for example: badak check layers.py")
    if memory_limit < 1:
        raise ValueError(f"--memory-limit must be 1 MiB or more, not {memory_limit}")
    sys.exit(check_command(files, json, html, strict, None, time_limit, memory_limit << 20, only=only or None))
