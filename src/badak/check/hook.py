"""`@parametrize(make, x, t)`: each check of the contract as a test of its own under pytest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from badak.check.contract import CHECKS
from badak.check.layer import check_layer
from badak.check.report import report_text
from badak.check.subject import Subject


class CheckedObject:
    """What a parametrised test is given: calling it runs its one check and fails with the report's words."""

    def __init__(self, make: Callable[[], Any], x: Any, t: Any, check: str) -> None:
        """Keep what the check needs."""
        self.make, self.x, self.t, self.check = make, x, t, check

    def __call__(self, strict: bool = False) -> None:
        """Run the check. Raises AssertionError with the report when something is wrong (or a hazard, if
        `strict`)."""
        report = check_layer(self.make(), self.x, self.t, only=[self.check], make=self.make)
        bad = report.verdict == "wrong" or (strict and report.verdict == "hazard")
        if bad:
            raise AssertionError(report_text(report))


def parametrize(make: Callable[[], Any], x: Any, t: Any = None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Turn a test function with the argument `check` into one test for each check of the contract.

    `make` makes the layer, loss or network; `x` and `t` are as in `check_layer`. The test calls `check()`:

        @badak.check.parametrize(lambda: Relu(), x)
        def test_relu(check):
            check()
    """
    import pytest

    names = [name for name, clauses in CHECKS.items() if any(issubclass(Subject, c.kind) for c in clauses)]
    cases = [pytest.param(CheckedObject(make, x, t, name), id=name) for name in names]
    return pytest.mark.parametrize("check", cases)
