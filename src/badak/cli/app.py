"""The command `badak` as a whole: its commands in their order, and how it ends."""

import sys
import warnings

import click

import badak
from badak.cli.bench import bench
from badak.cli.book import book
from badak.cli.check import check
from badak.cli.gradcheck import gradcheck
from badak.cli.learn import learn
from badak.cli.options import lang_option, option
from badak.cli.predict import predict
from badak.cli.train import train
from badak.cli.words import Group, explain, refused, say, speaking, translated
from badak.language import replace_unprintable
from badak.reading import shown


def _print_version(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    if asked:
        print(f"badak {badak.__version__}")
        context.exit()


@click.group(cls=Group, context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
        show_default=False, help="Print the version and exit.")  # fmt: skip
@lang_option
def app() -> None:
    """badak (바닥): a small deep-learning library in readable NumPy, with gradient checks and a fast CPU engine."""


for command in (train, gradcheck, predict, check, bench, learn, book):
    app.add_command(command)


def main() -> None:
    """Run the command line: what is wrong with the input is said in one line, with exit code 2."""
    replace_unprintable()
    warnings.showwarning = lambda message, category, *_: (
        None
        if issubclass(category, RuntimeWarning)
        else print(f"badak: {shown(translated(str(message)))}", file=sys.stderr)
    )
    try:
        with speaking(sys.argv[1:]):
            sys.exit(_run())
    except ValueError as error:  # a language that there is not
        print(f"badak: {shown(str(error))}", file=sys.stderr)
        sys.exit(2)


def _warn(message: str, category: type[Warning]) -> None:
    """Say a warning in one line; NumPy's about arithmetic are not for whoever types commands."""
    if not issubclass(category, RuntimeWarning):
        print(f"badak: {shown(translated(message))}", file=sys.stderr)


def _run() -> int:
    """Run the command that was typed; return the exit code."""
    try:
        app(standalone_mode=False)  # in its other mode click ends Ctrl-C with exit code 1
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return error.exit_code
    except click.ClickException as error:
        print(shown(refused(error), "\n\t"), file=sys.stderr)
        return error.exit_code
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        print(f"badak: {shown(explain(error))}", file=sys.stderr)
        return 2
    except (click.Abort, KeyboardInterrupt) as error:
        print(f"badak: {say('stopped')}", file=sys.stderr)
        return getattr(error, "exit_code", 130)
    return 0
