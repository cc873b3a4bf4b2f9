"""The command `badak` as a whole: its commands in their order, and how it ends."""

import sys
import warnings

import click

from badak.cli.bench import bench
from badak.cli.book import book
from badak.cli.check import check
from badak.cli.gradcheck import gradcheck
from badak.cli.learn import learn
from badak.cli.predict import predict
from badak.cli.train import train


class _InOrder(click.Group):
    """Commands in the order in which they stand here; click sorts them by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_InOrder, context_settings={"show_default": True})
def app() -> None:
    """badak (바닥): a deep-learning library that you can see to the bottom of."""


for command in (train, gradcheck, predict, check, bench, learn, book):
    app.add_command(command)


def main() -> None:
    """Run the command line: what is wrong with the input is said in one line, with exit code 2."""
    warnings.showwarning = lambda message, category, *_: (
        None if issubclass(category, RuntimeWarning) else print(f"badak: {message}", file=sys.stderr)
    )
    try:
        app(standalone_mode=False)  # in its other mode click ends Ctrl-C with exit code 1
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        print(f"badak: {_plain(error)}", file=sys.stderr)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        print("badak: stopped", file=sys.stderr)
        sys.exit(130)


def _plain(error: Exception) -> str:
    """Say an error in one line; those of the system without their number, with the file."""
    if isinstance(error, MemoryError):
        return f"there is not enough memory: {error}" if str(error) else "there is not enough memory"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    return str(error)
