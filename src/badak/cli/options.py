"""Options that several commands have, and the numbers that they take."""

from functools import partial

import click


def whole(text: str | int) -> int:
    """Return the integer that an option was given; say what it takes where it is none."""
    try:
        return int(text)
    except ValueError:
        raise click.BadParameter(f"a whole number is needed, not {text!r}") from None


def number(text: str | float) -> float:
    """Return the number that an option was given; say what it takes where it is none."""
    try:
        return float(text)
    except ValueError:
        raise click.BadParameter(f"a number is needed, not {text!r}") from None


whole_option = partial(click.option, type=whole, metavar="N")
number_option = partial(click.option, type=number, metavar="NUMBER")
data_option = click.option(
    "--data",
    default="mnist",
    help="mnist, digits, a folder of IDX files, or an .npz with x_train, t_train, x_test, t_test.",
)
lang_option = click.option("--lang", help="Language of pictures and words: en or ko; by default the locale's.")
