"""Applies a function of an autograd library to arrays: wraps them as the library does, and takes gradients out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.check.subject.variables import Box, takes_list, unwrap

Array = np.ndarray[Any, Any]


class Context:
    """What static methods keep for backward: `ctx.save_for_backward(a, b)`, `ctx.saved_tensors`, any attribute."""

    def __init__(self) -> None:
        """Begin with nothing saved."""
        self.saved_tensors: list[Any] = []
        self.needs_input_grad = (True,) * 8
        self.requires_grad = True

    def save_for_backward(self, *values: Any) -> None:
        """Keep values; a second call adds to the first."""
        self.saved_tensors.extend(values)

    @property
    def saved_values(self) -> tuple[Any, ...]:
        """What was saved, under another name that libraries use."""
        return tuple(self.saved_tensors)

    @property
    def saved_variables(self) -> tuple[Any, ...]:
        """What was saved, under an older name."""
        return tuple(self.saved_tensors)


class _Handed(Exception):
    """Ends a library's own backward as soon as it hands a gradient to a function."""

    def __init__(self, value: Any) -> None:
        super().__init__("handed over")
        self.value = value


@dataclass
class Applied:
    """A function with all it needs besides its inputs. `function` is None where the methods are static."""

    kind: Any  # the class
    function: Any
    arguments: dict[str, Any]
    box: Box | None
    context: Any = None
    outputs: list[Any] = field(default_factory=list)  # as the library wraps them: functions refer to them weakly
    like: Any = None  # the input that a function made from another has to get
    kept: Any = None  # that other function: what it put out must live on
    wrapped: bool | None = None  # whether gradients are handed over wrapped

    def forward(self, *inputs: Any) -> Any:
        """Call the function on arrays; several outputs are laid end to end."""
        values = [*inputs, *self.arguments.values()]
        if self.box is not None:
            values = [self.box.wrap(value) for value in values]
        if self.function is None:
            self.context = Context()
            given = self.kind.forward(self.context, *values)
        else:
            given = self.function(values) if takes_list(self.kind) else self.function(*values)
        self.outputs = list(given) if isinstance(given, (tuple, list)) else [given]
        if given is None:
            return None
        if len(self.outputs) == 1:
            return unwrap(self.outputs[0])
        return np.concatenate([np.ravel(unwrap(part)) for part in self.outputs])

    def backward(self, dout: Array) -> list[Any]:
        """Call backward with a gradient for each output, and give the gradients of forward's arguments."""
        shapes = [np.shape(unwrap(part)) for part in self.outputs]
        sizes = np.cumsum([int(np.prod(shape)) for shape in shapes])[:-1]
        parts: list[Any] = [p.reshape(s) for p, s in zip(np.split(np.ravel(dout), sizes), shapes, strict=True)]
        if self.box is not None and self._wraps_gradients():
            parts = [self.box.wrap(part) for part in parts]
        owner, first = (self.kind, [self.context]) if self.function is None else (self.function, [])
        given = owner.backward(*first, *parts)
        given = given if isinstance(given, (tuple, list)) else (given,)
        return [unwrap(part) for part in given]

    def _wraps_gradients(self) -> bool:
        """Tell whether gradients are the library's values: seen in what its own backward hands to a function."""
        if self.wrapped is None:
            self.wrapped = self.function is None or isinstance(self._handed(), self.box.kind if self.box else ())
        return self.wrapped

    def _handed(self) -> Any:
        def record(*gradients: Any) -> None:
            raise _Handed(gradients[0] if gradients else None)

        output = self.outputs[0]
        try:
            self.function.backward = record
            output.backward()
        except _Handed as handed:
            return handed.value
        except Exception:  # a library without a backward of its own, or one that asks for more
            return None
        finally:
            vars(self.function).pop("backward", None)
            if hasattr(output, "grad"):
                output.grad = None
        return None
