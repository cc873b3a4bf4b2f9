"""What `fit` tells of its progress, and the bar that shows it."""

import contextlib
from collections.abc import Iterator
from typing import Any

from badak.language import translator


class Bar:
    """A progress bar that is not shown: what `fit` tells of its progress."""

    def advance(self, count: int) -> None:
        """Say that so many iterations more are done."""

    def evaluating(self, done: int, of: int) -> None:
        """Say that so many samples of a set are evaluated; `done` is 0 at its beginning and `of` at its end."""


class _RichBar(Bar):
    """A bar for the iterations, and below it one for an evaluation while there is one."""

    def __init__(self, progress: Any, total: int) -> None:
        self.progress = progress
        self.training = progress.add_task("", total=total)
        self.evaluation = progress.add_task(translator("badak").gettext("evaluating"), total=1, visible=False)

    def advance(self, count: int) -> None:
        self.progress.advance(self.training, count)

    def evaluating(self, done: int, of: int) -> None:
        # Drawn by rich's own clock: an evaluation that is over within a tenth of a second is not shown.
        self.progress.update(self.evaluation, completed=done, total=of, visible=done < of)


@contextlib.contextmanager
def bar_of(total: int, show: bool) -> Iterator[Bar]:
    """A progress bar on standard error where that is a terminal; nothing at all elsewhere."""
    if not show:
        yield Bar()
        return
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Redirecting sends what is printed to *this* console: right on one screen, wrong where output goes to a file.
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal,
                  redirect_stdout=sys.stdout.isatty()) as progress:  # fmt: skip
        yield _RichBar(progress, total)
