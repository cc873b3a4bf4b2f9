"""What the command line says, in the user's language: sentences, help, tables and errors.

English stands in the code, and is what the catalogues are looked up by: `cli` for sentences and help, `errors` for
what badak raises, `messages` for the words of click and argparse themselves.
"""

import gettext
import inspect
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import click

from badak.language import LOCALE_FOLDER, choose_language, fill_in, translator, use_language

FILL = "\uffff"
"""Stands behind each wide letter while click wraps lines: it counts letters, and Hangul takes two columns each."""

_AT_START = os.environ.get("LANGUAGE"), gettext.bindtextdomain("messages")


def say(sentence: str, **values: Any) -> str:
    """Return a sentence of the command line in the user's language, with its values."""
    return fill_in(translator("cli").gettext(sentence), values)


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def right(text: str, columns: int) -> str:
    """Return a text with blanks before it, so that it takes so many columns."""
    return " " * (columns - width(text)) + text


def explain(error: BaseException) -> str:
    """Return an error in one line, in the user's language; those of the system without number, with their file."""
    if isinstance(error, MemoryError):
        text = f"there is not enough memory: {error}" if str(error) else "there is not enough memory"
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    else:
        text = str(error)
    return translated(text)


def translated(text: str) -> str:
    """Return the sentence of an error in the user's language; as it is where the catalogue does not know it.

    Errors are raised in English, with their values in them: the catalogue's sentence of which `text` is an instance
    gives the values back, and its translation takes them.
    """
    catalogue: dict[str, str] = getattr(translator("errors"), "_catalog", {})
    for sentence in sorted(filter(None, catalogue), key=lambda known: -len(re.sub(r"\{\w+\}", "", known))):
        if found := _pattern(sentence).fullmatch(text):
            values = {name: translated(value) if " " in value else value for name, value in found.groupdict().items()}
            return fill_in(catalogue[sentence], values)
    return text


def _pattern(sentence: str) -> re.Pattern[str]:
    parts, seen = [], set()
    for part in re.split(r"(\{\w+\})", sentence):
        name = part[1:-1] if part.startswith("{") else ""
        parts.append(re.escape(part) if not name else f"(?P={name})" if name in seen else f"(?P<{name}>.+?)")
        seen.add(name)
    return re.compile("".join(parts), re.DOTALL)


def language_in(arguments: Sequence[str]) -> str | None:
    """Return what --lang asks for, before the command or behind it; None where nothing does.

    Help and errors need it before click has read the options. What follows a script of `badak book` is its own.
    """
    waiting, asked = iter(arguments), None
    named: list[str] = []  # the command, and the first of its arguments
    for argument in waiting:
        if argument == "--":
            break
        if argument.startswith("--lang="):
            asked = argument.partition("=")[2]
        elif argument == "--lang":
            asked = next(waiting, None)
        elif argument == "--chapter":
            next(waiting, None)
        elif not argument.startswith("-"):
            named.append(argument)
            if named[0] == "book" and len(named) == 2:
                break
    return asked


@contextmanager
def speaking(arguments: Sequence[str]) -> Iterator[None]:
    """Let everything within be said in the language that the command line asks for, else in the user's.

    Raises ValueError for a language that there is not.
    """
    asked = language_in(arguments)
    try:
        use_language(asked if asked is not None else _shown_language())
    except ValueError as error:
        raise ValueError(re.sub("^lang ", "--lang ", str(error))) from None
    try:
        with _standard_words(choose_language(), str(LOCALE_FOLDER)):
            yield
    finally:
        use_language(None)


@contextmanager
def _standard_words(language: str | None, folder: str) -> Iterator[None]:
    """Let click and argparse take their words from a folder: they ask the standard catalogue, by the environment."""
    before = os.environ.get("LANGUAGE"), gettext.bindtextdomain("messages")
    _set_standard_words(language, folder)
    try:
        yield
    finally:
        _set_standard_words(*before)


def _set_standard_words(language: str | None, folder: str) -> None:
    gettext.bindtextdomain("messages", folder)
    os.environ.pop("LANGUAGE", None)
    if language is not None:
        os.environ["LANGUAGE"] = language


def own_words() -> AbstractContextManager[None]:
    """Let a user's script find the language and the catalogues that Python itself would give it."""
    return _standard_words(*_AT_START)


def _shown_language() -> str:
    """Return the user's language, or English where their terminal has no letters for it."""
    language = choose_language()
    try:
        "바닥".encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return "en"
    return language


def _padded(text: str) -> str:
    return "".join(letter + FILL if width(letter) == 2 else letter for letter in text)


class Option(click.Option):
    """An option whose help is shown in the user's language."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return the option and what it does, translated."""
        english = self.help
        self.help = say(english or "")
        try:
            record = super().get_help_record(ctx)
        finally:
            self.help = english
        return None if record is None else (_padded(record[0]), _padded(record[1]))


class Argument(click.Argument):
    """An argument that says what it is: click before 8.5 leaves that to the description."""

    def __init__(self, *declarations: Any, about: str = "", **settings: Any) -> None:
        super().__init__(*declarations, **settings)
        self.about = about

    def shown(self) -> str:
        """Return how the argument is called in the help."""
        return (self.name or "").upper() + ("..." if self.nargs == -1 else "")


class Command(click.Command):
    """A command whose help is shown in the user's language, a paragraph of its docstring at a time."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the description, translated."""
        for paragraph in inspect.cleandoc(self.help or "").split("\n\n"):
            formatter.write_paragraph()
            with formatter.indentation():
                formatter.write_text(_padded(say(" ".join(paragraph.split()))))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the arguments, then the options."""
        described = [p for p in self.get_params(ctx) if isinstance(p, Argument) and p.about]
        if described:
            with formatter.section(say("Arguments")):
                formatter.write_dl([(p.shown(), _padded(say(p.about))) for p in described])
        super().format_options(ctx, formatter)

    def get_short_help_str(self, limit: int = 45) -> str:
        """Return the line that the list of commands has for it."""
        return _padded(say(self.short_help or ""))

    def get_help(self, ctx: click.Context) -> str:
        """Return the help, without what stood in for the width of letters."""
        return super().get_help(ctx).replace(FILL, "")

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return --help; what it says is looked up each time, click keeps the first language."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.help, option.callback = gettext.gettext("Show this message and exit."), _print_help
        return option


def _print_help(context: click.Context, parameter: click.Parameter, asked: bool) -> None:
    # click would write UTF-8 to a terminal that says it has ASCII.
    if asked and not context.resilient_parsing:
        print(context.get_help())
        context.exit()


class Group(Command, click.Group):
    """Commands in the order in which they were added; click sorts them by name."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands."""
        return list(self.commands)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, then the commands."""
        click.Group.format_options(self, ctx, formatter)


def refused(error: click.ClickException) -> str:
    """Return what click says of a command line that it does not take, as it prints it."""
    lines = []
    context = getattr(error, "ctx", None)
    if context is not None:
        lines.append(context.get_usage())
        if context.command.get_help_option(context) is not None:
            hint = gettext.gettext("Try '{command} {option}' for help.")
            lines += [hint.format(command=context.command_path, option=context.help_option_names[0]), ""]
    return "\n".join([*lines, gettext.gettext("Error: {message}").format(message=translated(error.format_message()))])
