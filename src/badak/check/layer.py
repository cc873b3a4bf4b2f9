"""`check_layer`: the check from Python, in this process, on an object at hand."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from badak.check.contract import examine
from badak.check.findings import Report
from badak.check.source import Source
from badak.check.subject import Subject, function_style, wrap
from badak.memory import as_array


def source_of(kind: type) -> tuple[Source | None, dict[str, Any] | None]:
    """Give source and namespace of the module that defines a class, None where they are not to be had."""
    module = inspect.getmodule(kind)
    try:
        path = inspect.getsourcefile(kind)
        text = inspect.getsource(module) if module is not None else inspect.getsource(kind)
        source = Source(text, path or "<source>")
    except (OSError, TypeError, SyntaxError):
        return None, vars(module) if module is not None else None
    return source, vars(module) if module is not None else None


def subject_of(obj: Any, x: Any, t: Any = None, make: Callable[[], Any] | None = None) -> Subject:
    """Wrap an object for examination. Raises TypeError for what is no layer, loss or network."""
    if isinstance(obj, type):
        try:
            obj = obj()
        except TypeError as error:
            raise TypeError(f"{obj.__name__} is a class, and takes arguments ({error}): give an object of it") from None
    style = function_style(obj)
    if style is None:
        raise TypeError(
            f"expected a layer (forward, backward), a loss or a network (loss, gradient), not {type(obj).__name__}"
        )
    if isinstance(x, list):
        x = as_array(x, "x")
    if isinstance(x, np.ndarray) and x.dtype.kind in "iu" and not style.integer_inputs:
        x = x.astype(float)
    second = as_array(t, "t") if isinstance(t, list) else t
    if style.needs_second and second is None:
        raise ValueError(f"{type(obj).__name__} takes two inputs: give t as well")
    source, namespace = source_of(type(obj))
    return wrap(obj, x, second, namespace=namespace, source=source, make=make)


def check_layer(
    layer_or_net: Any,
    x: Any,
    t: Any = None,
    *,
    only: Sequence[str] | None = None,
    make: Callable[[], Any] | None = None,
) -> Report:
    """Check a layer, a loss or a network against the layer contract, in this process, without changing it.

    A class that takes no arguments stands for an object of it.
    `x` is an input (N, …), `t` the target of a loss or network (or the second input of a layer with
    two); a few rows are enough. `only` names some of `badak.check.CHECKS`; `make`, a function that
    makes another such object, helps where objects cannot be copied. Gives a report: `.verdict` is
    'right', 'hazard', 'wrong' or 'unknown', `.findings` the causes, most important first;
    `print(report_text(report))` says it in words. Raises TypeError for what is no layer, ValueError
    for an unknown check or a missing `t`.
    """
    subject = subject_of(layer_or_net, x, t, make)
    return examine(subject, only, subject.source.filename if subject.source is not None else "")
