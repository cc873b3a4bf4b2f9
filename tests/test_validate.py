"""Checks of numbers: what each kind lets through, as Python's own type, and what it says of the rest."""

import math

import numpy as np
import pytest

from badak.validate import above_zero, is_number, is_whole, number, positive, positive_text, share, sides, whole, within


@pytest.mark.parametrize(
    ("check", "value"),
    [
        (number, math.inf), (number, -3), (above_zero, np.float32(0.5)), (above_zero, 1e-300), (share, 0),
        (share, 0.999), (positive, np.uint8(1)), (lambda n, v: within(n, v, 0, 1), 1),
        (lambda n, v: within(n, v, 0), 1e300), (lambda n, v: whole(n, v, 0), np.int64(0)),
    ],
)  # fmt: skip
def test_what_is_let_through_becomes_pythons_own(check, value):
    given = check("n", value)
    assert type(given) in (int, float)
    assert given == value


@pytest.mark.parametrize(
    ("check", "value", "error", "words"),
    [
        (number, True, TypeError, "n must be a number, not True"),
        (number, "1", TypeError, "n must be a number, not '1'"),
        (number, None, TypeError, "n must be a number, not None"),
        (above_zero, 0, ValueError, "n must be above 0 and finite, not 0"),
        (above_zero, math.nan, ValueError, "not nan"),
        (above_zero, math.inf, ValueError, "not inf"),
        (share, 1, ValueError, "n must be from 0 to below 1, not 1"),
        (share, math.nan, ValueError, "not nan"),
        (share, -1e-9, ValueError, "not -1e-09"),
        (lambda n, v: within(n, v, 0, 1), 1.5, ValueError, "n must be from 0 to 1, not 1.5"),
        (lambda n, v: within(n, v, 0), -1, ValueError, "n must be 0 or more and finite, not -1"),
        (lambda n, v: within(n, v, 0), math.inf, ValueError, "not inf"),
        (lambda n, v: whole(n, v, 0), -1, ValueError, "n must be 0 or more, not -1"),
        (positive, 0, ValueError, "n must be 1 or more, not 0"),
        (positive, 1.0, TypeError, "n must be a whole number, not 1.0"),
        (positive, False, TypeError, "n must be a whole number, not False"),
        (positive_text, "many", ValueError, "n must be a whole number of 1 or more, not 'many'"),
        (positive_text, "0", ValueError, "n must be a whole number of 1 or more, not '0'"),
        (positive_text, "²", ValueError, "n must be a whole number of 1 or more, not '²'"),
        (
            lambda n, v: sides(n, v, 4, 9),
            [5, 5],
            TypeError,
            r"n must be a pair of whole numbers \(H, W\), not \[5, 5\]",
        ),
        (lambda n, v: sides(n, v, 4, 9), (5, True), TypeError, "n must be a pair of whole numbers"),
        (lambda n, v: sides(n, v, 4, 9), (5, 10), ValueError, r"n must be \(H, W\), each from 4 to 9, not \(5, 10\)"),
        (lambda n, v: sides(n, v, 4, 9), (5, 5, 5), ValueError, "n must be"),
    ],
)
def test_what_is_refused_is_named(check, value, error, words):
    with pytest.raises(error, match=words):
        check("n", value)


def test_what_is_only_asked_for_answers_yes_or_no():
    assert [is_number(value) for value in (1, 0.5, np.float32(2), math.nan, True, "1", None)] == [True] * 4 + [
        False
    ] * 3
    assert [is_whole(value, 1) for value in (1, np.uint8(3), 0, 1.0, True, "1")] == [True] * 2 + [False] * 4
    assert is_whole(-7)


def test_sides_are_of_any_whole_kind():
    assert sides("n", (np.int64(4), 9), 4, 9) == (4, 9)
    assert positive_text("n", "12") == 12
