"""`optimizer_compare_naive` of chapter 6: the long valley that the optimizers go down (ch. 6.1.3)."""

import typing as _t


def f(x: _t.Any, y: _t.Any) -> _t.Any:
    """x² / 20 + y²."""
    return x**2 / 20.0 + y**2


def df(x: _t.Any, y: _t.Any) -> tuple[_t.Any, _t.Any]:
    """Give the slopes of f along x and y."""
    return x / 10.0, 2.0 * y
