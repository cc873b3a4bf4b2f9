"""Which methods an object offers, what they ask for, and what became of calling them."""

from __future__ import annotations

import inspect
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
