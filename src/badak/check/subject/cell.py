"""Recurrent cells: `forward(x, h_prev)` or `forward(x, h_prev, c_prev)`, and `backward(dh_next, dc_next)`.

The states are inputs and outputs at once. A `Step` holds the cell with the states that come in, and puts the states
that go out side by side, so that one random dout reaches all of them; the gradients of the states that came in are
compared like those of parameters.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from badak.check.copying import clone
from badak.check.subject.arguments import GATES, D, H, Layout, N, combinations, gate_array, is_gated, needed, normal
from badak.check.subject.base import Pass, Subject
from badak.check.subject.calls import UserError, required
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.parameters import Parameter, find_parameters, returned_names
from badak.check.subject.paths import plain

Array = np.ndarray[Any, Any]
STATE = re.compile(
    r"(?i)(h|c|s|hidden|cell|state|a)_?(s|t)?_?(prev(ious)?|last|in|tm1|t_?1|t_?minus_?1|0|old|state)?"
    r"|prev(ious)?_?(h|c|hidden|cell|state|a)(_state)?"
)


class Step:
    """A cell with the states that come in; `gradients` are those that its backward gave for them."""

    def __init__(self, cell: Any, states: dict[str, Array]) -> None:
        """Keep both."""
        self.cell = cell
        self.states = states
        self.gradients: dict[str, Any] = {}
        self.widths: list[int] = []
        self.cache: Any = None


class Cell(Subject):
    """A class whose forward takes the input and one or two states."""

    style = "recurrent cell"
    mean_in_layers = False

    def __init__(self, obj: Any, *args: Any, **given: Any) -> None:
        """Wrap a step, or a cell as it stands in a file, with states that fit it."""
        step = obj if isinstance(obj, Step) else _step(obj, _width(obj))
        given["name"] = given.get("name") or type(step.cell).__name__
        super().__init__(step, *args, **given)
        self.kind = type(step.cell)

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose forward asks for an input and then for states alone, and which has a backward."""
        if isinstance(candidate.obj, Step):
            return Evidence(["a step"])
        if not (candidate.offers("forward") and candidate.offers("backward")):
            return None
        names = candidate.required_of("forward")
        if not 2 <= len(names) <= 3 or not all(STATE.fullmatch(name) for name in names[1:]):
            return None
        if names[0] in ("ctx", "context"):
            return None  # a function of an autograd library
        # Dot products of a hidden layer with something else are called h too: a cell's input stands first.
        return None if STATE.fullmatch(names[0]) else Evidence([f"forward({', '.join(names)})"])

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give steps with arrays for one gate, four, three and two. Raises Unguessable."""
        kind = candidate.kind
        if kind is None or kind.__init__ is object.__init__:  # type: ignore[misc]
            return
        parameters = needed(kind)
        for gates in GATES if is_gated([p.name for p in parameters]) else (0,):
            fixed = {p.name: v for p in parameters if gates and (v := gate_array(p.name, gates)) is not None}
            for arguments in combinations([p for p in parameters if p.name not in fixed], layout):
                yield partial(_made, kind, fixed | arguments)

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give several rows of each width that an array of the cell may take."""
        rng = np.random.default_rng(1)
        arrays = _arrays(obj.cell if isinstance(obj, Step) else obj)
        widths = dict.fromkeys([D, *(a.shape[0] for a in arrays if a.ndim == 2), *(a.shape[-1] for a in arrays)])
        return iter([(rng.standard_normal((1 if alone else N, width)), None) for width in widths])

    # Calling --------------------------------------------------------------------------------------

    @property
    def asked(self) -> Any:
        """The cell itself."""
        return self.obj.cell

    @property
    def takes_dout(self) -> bool:
        """Whether backward has arguments: a cell's has."""
        return True

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Give the states that go out, side by side."""
        rows = len(x) if np.ndim(x) > 1 else 1
        states = [np.resize(s, (rows, *s.shape[1:])) if len(s) != rows else s.copy() for s in obj.states.values()]
        result = self.call("forward", obj.cell.forward, x, *states)
        parts = list(result) if isinstance(result, tuple) else [result]
        outs = [p for p in parts if isinstance(p, np.ndarray) and p.dtype.kind == "f"]
        others = [p for p in parts if not any(p is out for out in outs)]
        if not outs or any(p.ndim != 2 for p in outs):
            raise UserError(TypeError("forward gives no states of two axes"), self.filename, "forward")
        obj.widths = [p.shape[1] for p in outs]
        obj.cache = others[0] if others else None
        return np.concatenate(outs, axis=1)

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Hand each state's part of dout to backward."""
        douts = np.split(np.asarray(dout, float), np.cumsum(obj.widths)[:-1], axis=1)
        arguments: list[Any] = [np.ascontiguousarray(d) for d in douts]
        if len(required(obj.cell.backward)) == len(arguments) + 1 and obj.cache is not None:
            arguments.append(obj.cache)
        returned = self.call("backward", obj.cell.backward, *arguments)
        parts = returned if isinstance(returned, tuple) else (returned,)
        obj.gradients = dict(zip(obj.states, parts[1:], strict=False))
        return returned

    def sibling(self, x: Any, second: Any = None, obj: Any = None) -> Subject:
        """Give the same step with another sample, and as many rows of the states."""
        made = super().sibling(x, second, obj)
        if np.ndim(x) > 1:
            rows = len(x)
            states = {n: np.resize(s, (rows, *s.shape[1:])) for n, s in made.obj.states.items()}
            made.obj = clone(made.obj)
            made.obj.states = states
        return made

    # Reading --------------------------------------------------------------------------------------

    def find_parameters(self, obj: Any, returned: Any, before: Any = None) -> list[Parameter]:
        """Give the cell's parameters, and the states that came in."""
        start = (self.obj if before is None else before).cell
        written = returned_names(self.source, self.name, "backward")
        inner = find_parameters(start, obj.cell, returned, 1 + len(obj.states), written)
        found = []
        for p in inner:
            gradient = (("a", "cell"), *p.gradient) if p.gradient is not None else None
            found.append(dataclasses.replace(p, path=(("a", "cell"), *p.path), gradient=gradient))
        for name in obj.states:
            path, gradient = (("a", "states"), ("i", name)), (("a", "gradients"), ("i", name))
            found.append(Parameter(name, path, gradient))
        return found

    def collect(self, result: Pass, obj: Any, returned: Any) -> None:
        """Read dx, which stands first."""
        super().collect(result, obj, returned)
        parts = returned if isinstance(returned, tuple) else (returned,)
        result.dx = [plain(parts[0])]


def _made(kind: type, arguments: dict[str, Any]) -> Step:
    cell = kind(**clone(arguments))
    return _step(cell, _width(cell))


def _step(cell: Any, width: int) -> Step:
    names = required(cell.forward)[1:]
    return Step(cell, {name: normal(N, width, seed=21 + i) for i, name in enumerate(names)})


def _arrays(cell: Any) -> list[Array]:
    held = list(getattr(cell, "__dict__", {}).values())
    held += [p for v in held if isinstance(v, dict) for p in v.values()]
    held += [p for v in held if isinstance(v, (list, tuple)) for p in v]
    return [p for p in held if isinstance(p, np.ndarray) and p.ndim]


def _width(cell: Any) -> int:
    """Give the width of a state: the rows of the array by which the state is multiplied."""
    names = ("Wh", "W_h", "Whh", "W_hh", "wh")
    own = next((getattr(cell, n) for n in names if isinstance(getattr(cell, n, None), np.ndarray)), None)
    if own is not None and own.ndim == 2:
        return int(own.shape[0])
    params = getattr(cell, "params", None)
    held = list(params.values()) if isinstance(params, dict) else params if isinstance(params, (list, tuple)) else []
    matrices = [a for a in held or _arrays(cell) if isinstance(a, np.ndarray) and a.ndim == 2]
    fitting = [a.shape[0] for a in matrices if a.shape[1] % a.shape[0] == 0]
    return int(fitting[-1]) if fitting else H
