"""Options that several commands have, and what they take: integers, numbers, names."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import click

from badak.cli.words import Option, say


def whole(text: str | int) -> int:
    """Return the integer that an option was given; say what it takes where it is none."""
    try:
        return int(text)
    except ValueError:
        raise click.BadParameter(say("expected an integer, got {value}", value=repr(text))) from None


def number(text: str | float) -> float:
    """Return the number that an option was given; say what it takes where it is none."""
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(say("expected a number, got {value}", value=repr(text))) from None


class OneOf(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.5 alone
    """One of some names, in capitals or not, with hyphens, underscores or neither: ReLU, leaky_relu, SimpleConv."""

    name = "name"

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name that was meant; say which there are where it is none of them."""
        plain = {_plain(name): name for name in self.names}
        if _plain(str(value)) not in plain:
            names = ", ".join(self.names)
            self.fail(say("expected one of {names}; got {value}", names=names, value=repr(value)), param, ctx)
        return plain[_plain(str(value))]


def _plain(name: str) -> str:
    return re.sub(r"[-_\s]", "", name.lower())


option = partial(click.option, cls=Option)
whole_option = partial(option, type=whole, metavar="N")
number_option = partial(option, type=number, metavar="NUMBER")
data_option = option(
    "--data",
    default="mnist",
    metavar="DATA",
    help="mnist, digits, a folder of IDX files, or an .npz with x_train, t_train, x_test, t_test.",
)
# The language is known before click reads the options (see `words.speaking`): here it is named, for the help.
lang_option = option(
    "--lang", metavar="LANGUAGE", expose_value=False, help="Language: en or ko; by default BADAK_LANG or the locale's."
)

# The name of an argument of the library, and of the option by which it was given.
OPTION_OF = {
    "lr (the learning rate)": "--lr", "batch_size": "--batch-size", "weight_decay": "--weight-decay",
    "clip_norm": "--clip-norm", "weight_init_std": "--init", "dropout_ratio": "--dropout", "hidden_size": "--hidden",
    "hidden_size_list": "--hidden", "evaluate_on": "--evaluate-on",
}  # fmt: skip
# Ordinary words as well: an option only where the sentence begins with them.
FIRST = ("lr", "iterations", "epochs", "threads", "seed", "engine", "optimizer", "schedule", "dtype", "activation")


@contextmanager
def naming_options() -> Iterator[None]:
    """Let errors of the library name the option that was typed, not the argument that it became."""
    try:
        yield
    except (ValueError, TypeError) as error:
        raise type(error)(option_names(str(error))) from None


def option_names(sentence: str) -> str:
    """Return an error's sentence with the names of options in place of those of arguments."""
    for name, typed in OPTION_OF.items():
        sentence = re.sub(rf"(?<![\w-]){re.escape(name)}(?!\w)", typed, sentence)
    sentence = sentence.replace("give epochs or iterations", "give --epochs or --iterations")
    return re.sub(rf"^({'|'.join(FIRST)})(?= )", r"--\1", sentence)
