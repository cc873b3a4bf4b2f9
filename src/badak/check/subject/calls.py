"""Which methods an object offers, what they ask for, and what became of calling them."""

from __future__ import annotations

import ast
import inspect
import linecache
import os
import re
import traceback
from collections.abc import Callable
from typing import Any

FLAGS = (
    "train_flg",
    "train_flag",
    "training",
    "train",
    "is_training",
    "is_train",
    "istrain",
    "trainable_mode",
    "mode_train",
)
TARGETS = re.compile(r"(?i)^(t|target|targets|label|labels|y_true|truth|teacher|answer|answers|ans|gt|true|y_t)$")


class UserError(Exception):
    """The user's code raised; `line` and `function` tell where in the user's file."""

    def __init__(self, error: BaseException, filename: str | None, method: str) -> None:
        """Find the deepest frame that is the user's own."""
        super().__init__(str(error))
        self.error = error
        self.method = method
        self.line: int | None = None
        self.function: str | None = None
        for frame in traceback.extract_tb(error.__traceback__):
            if filename is not None and frame.filename == filename:
                self.line, self.function = frame.lineno, frame.name
        # Keep the words, not the frames: they would hold the user's objects alive.
        self.words = f"{type(error).__name__}: {error}"


def has_method(obj: Any, name: str) -> bool:
    """Tell whether the object has a callable attribute of this name."""
    try:
        return callable(getattr(obj, name, None))
    except Exception:
        return False


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Give the parameters of a callable (bound: without self), [] where Python cannot tell."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return []


def required(function: Callable[..., Any]) -> list[str]:
    """Give the names of the positional arguments without default."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters_of(function) if p.kind in kinds and p.default is inspect.Parameter.empty]


def old_division(error: BaseException) -> tuple[str, dict[str, Any]] | None:
    """Say that a size was made by `/`, as Python 2 and old NumPy allowed; None for any other error.

    It is neither wrong in its gradient nor right.
    """
    words = str(error)
    floats = (
        "'float' object cannot be interpreted as an integer",
        "slice indices must be integers",
        "only integers, slices",
    )
    if not any(part in words for part in floats) or not isinstance(error, (TypeError, IndexError)):
        return None
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        line = _division(frame.filename, frame.lineno or 0)
        if line is not None:
            text = (
                "written for Python 2 or an old NumPy: line {line}{place} makes a size with /, which is a float today "
                "({error}). Use // there, and run the check again."
            )
            first = traceback.extract_tb(error.__traceback__)
            users = [f.filename for f in first if "site-packages" not in f.filename and "badak" not in f.filename]
            place = f" ({os.path.basename(frame.filename)})" if users and frame.filename != users[0] else ""
            return text, {"line": line, "place": place, "error": words.splitlines()[0]}
    return None


def _division(filename: str, line: int) -> int | None:
    """Give the last line before `line`, in the same function, that assigns a quotient made with / to a name."""
    try:
        tree = ast.parse("".join(linecache.getlines(filename)))
    except (SyntaxError, ValueError):
        return None
    around = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.lineno <= line <= (n.end_lineno or 0)]
    found = [
        n.lineno
        for node in around[-1:]
        for n in ast.walk(node)
        if isinstance(n, ast.BinOp) and isinstance(n.op, ast.Div) and n.lineno <= line
    ]
    return max(found) if found else None
