"""Calls an optimizer: what is handed to it and read from it, by the way in which it is written.

A `Run` is one optimizer with its parameters; `step` hands it gradients, `values` gives the parameters as the caller
sees them afterwards. A `Plan` says how runs begin. Nothing here knows a rule.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from badak.check.copying import clone
from badak.check.subject.calls import parameters_of
from badak.check.subject.holders import NAMES, Bag, Net, Slot, layer_of, receive, weights_of
from badak.check.subject.matching import returned_by
from badak.check.subject.roles import NUMBERS, role_of

Array = np.ndarray[Any, Any]


@dataclass
class Run:
    """One optimizer (or function) at work: what it was handed, and what the caller holds."""

    plan: Plan
    obj: Any
    held: Any  # a list, a dictionary, an array, slots, a layer
    kept: dict[str, Any] = field(default_factory=dict)  # states and configurations that go in and out
    turn: int = 0
    given: Any = None  # the gradients as they were handed over
    returned: Any = None

    def values(self) -> list[Array]:
        """Give the parameters as the caller sees them."""
        return [np.array(v, float) for v in self.plan.read(self.held)]

    def step(self, grads: list[Array]) -> None:
        """Hand over gradients and let one step be made."""
        self.turn += 1
        plan = self.plan
        self.given = plan.hand(self.held, grads)
        _call_if_there(self.obj, "pre_update_params", "pre_update")
        function = plan.function if plan.function is not None else getattr(self.obj, plan.method)
        arguments = {p.name: self._argument(p) for p in plan.arguments(function)}
        positional = [arguments.pop(p.name) for p in plan.arguments(function) if p.kind is p.POSITIONAL_ONLY]
        self.returned = function(*positional, **arguments)
        _call_if_there(self.obj, "post_update_params", "post_update")
        self._take(function)

    def _argument(self, parameter: inspect.Parameter) -> Any:
        role = self.plan.roles.get(parameter.name, role_of(parameter.name))
        if parameter.name in self.plan.places:
            whole = self.held if role == "params" else self.given
            return whole[self.plan.places[parameter.name]]
        told = {"grads": self.given, "time": self.turn, "key": self.plan.key, "betas": (NUMBERS["b1"], NUMBERS["b2"])}
        told |= dict.fromkeys(("params", "layer", "net"), self.held) | {"one": 1}
        if role in told:
            return told[role]
        if role == "look":
            grads = self.given
            return lambda at: np.array(grads, float) + 0.3 * np.asarray(at, float)
        if role in ("state", "config"):
            if parameter.name not in self.kept:
                self.kept[parameter.name] = {} if role == "config" else self.plan.zeros(self.given)
            return self.kept[parameter.name]
        if role == "zipped":
            return list(zip(self.given, self.held, strict=True))
        if role not in NUMBERS:
            raise UnknownArgument(parameter.name)
        return self.plan.numbers.get(role, NUMBERS[role])

    def _take(self, function: Callable[..., Any]) -> None:
        """Put what came back where it belongs: new parameters, states by the names in the return statement."""
        result, plan = self.returned, self.plan
        if result is None:
            return
        parts = list(result) if isinstance(result, tuple) else [result]
        names = returned_by(function) if isinstance(result, tuple) else [""]
        if len(names) != len(parts):  # no source to read them in: as they go in, so they come out
            names = ["", *self.kept] if plan.fits(parts[0], self.held) else list(self.kept)
        for place, part in enumerate(parts):
            name = names[place] if place < len(names) else ""
            if name in self.kept:
                self.kept[name] = part
            elif isinstance(part, dict) and len(self.kept) == 1 and isinstance(next(iter(self.kept.values())), dict):
                self.kept[next(iter(self.kept))] = part
        if plan.fits(parts[0], self.held):
            self.held = parts[0]
        elif plan.container == "pairs" and plan.fits(parts[: len(self.held)], self.held):
            self.held = parts[: len(self.held)]


@dataclass(frozen=True)
class Plan:
    """How an optimizer is written: which class or function, which container, which argument is what.

    `container`: "dict", "list", "array" (one object for each parameter), "slots", "variables" (gradients that hold an
    array themselves), "pairs" (update(w, b, dw, db)), "bag" (one object that adds and multiplies), "courses" (gradients
    under dW1), "nested" (a list for each layer), "deep" (a dictionary for each layer), "layer", "layers", "network",
    "step" (only gradients go in, steps come out).
    """

    make: Callable[[Any, dict[str, float]], Any] | None
    method: str
    container: str
    function: Callable[..., Any] | None = None
    roles: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, float] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)  # of update(w, b, dw, db): which parameter an argument is
    setup: str = ""
    key: str = NAMES[0]
    tensor: Any = None

    def begin(self, params: list[Array]) -> Run:
        """Give a new optimizer with copies of these parameters."""
        held = self.hold([p.copy() for p in params])
        obj = self.make(held, self.numbers) if self.make is not None else None
        if self.setup:
            getattr(obj, self.setup)(Net([], held))
        return Run(self, obj, held)

    def arguments(self, function: Callable[..., Any]) -> list[inspect.Parameter]:
        """Give the arguments that are filled: those without default, and what a caller must hand over to keep state."""
        wanted = []
        for p in parameters_of(function):
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                continue
            role = self.roles.get(p.name, role_of(p.name))
            handed = self.function is not None and role in ("state", "config", "time")
            if p.default is p.empty or handed or role in ("params", "grads", "layer", "net", "zipped"):
                wanted.append(p)
        return wanted

    # Containers -----------------------------------------------------------------------------------

    def hold(self, params: list[Array]) -> Any:
        """Give parameters as the optimizer is to get them."""
        makers: dict[str, Callable[[], Any]] = {
            "dict": lambda: dict(zip(NAMES, params, strict=False)),
            "courses": lambda: dict(zip(NAMES, params, strict=False)),
            "slots": lambda: [self._slot(p) for p in params],
            "variables": lambda: [self._slot(p) for p in params],
            "nested": lambda: [params],
            "deep": lambda: {"layer1": dict(zip(NAMES, params, strict=False))},
            "bag": lambda: Bag(params),
            "layer": lambda: layer_of(params),
            "layers": lambda: [layer_of(params)],
            "network": lambda: Net(params, [Slot(p) for p in params]),
            "array": lambda: params[0],
        }
        return makers.get(self.container, lambda: params)()

    def _slot(self, p: Array) -> Any:
        if self.tensor is None:
            return Slot(p)
        try:
            return self.tensor(p, requires_grad=True)
        except TypeError:
            return self.tensor(p)

    def hand(self, held: Any, grads: list[Array]) -> Any:
        """Give the gradients as the optimizer is to get them, or put them where it looks for them."""
        grads = [g.copy() for g in grads]
        if self.container in ("slots", "variables"):
            for slot, g in zip(held, grads, strict=True):
                slot.grad = slot.gradient = self._slot(g) if self.container == "variables" else g
            return [slot.grad for slot in held]
        if self.container in ("layer", "layers"):
            receive(held if self.container == "layer" else held[0], grads)
        elif self.container == "network":
            held.receive(grads)
        forms: dict[str, Any] = {"deep": {"layer1": dict(zip(NAMES, grads, strict=False))}}
        forms |= {"nested": [grads], "layer": grads[0], "array": grads[0], "bag": Bag(grads)}
        forms["dict"] = dict(zip(NAMES, grads, strict=False))
        forms["courses"] = {f"d{name}": g for name, g in zip(NAMES, grads, strict=False)}
        return forms.get(self.container, grads)

    def zeros(self, grads: Any) -> Any:
        """Give a state of zeros in the form of the gradients."""
        if isinstance(grads, dict):
            return {name: np.zeros_like(g) for name, g in grads.items()}
        if isinstance(grads, list):
            return [self.zeros(g) for g in grads]
        return np.zeros_like(grads)

    def read(self, held: Any) -> list[Any]:
        """Give the values of the parameters in a container."""
        readers: dict[str, Callable[[], list[Any]]] = {
            "dict": lambda: list(held.values()),
            "courses": lambda: list(held.values()),
            "slots": lambda: [_bare(slot.data) for slot in held],
            "variables": lambda: [_bare(slot.data) for slot in held],
            "nested": lambda: list(held[0]),
            "bag": lambda: list(held.parts),
            "deep": lambda: list(held["layer1"].values()),
            "layer": lambda: weights_of(held),
            "layers": lambda: weights_of(held[0]),
            "network": held.now if isinstance(held, Net) else list,
            "array": lambda: [held],
        }
        return readers.get(self.container, lambda: list(held))()

    def fits(self, part: Any, held: Any) -> bool:
        """Tell whether what came back is the new parameters."""
        if isinstance(held, dict):
            return self.container != "deep" and isinstance(part, dict) and part.keys() == held.keys()
        if isinstance(held, np.ndarray):
            return isinstance(part, np.ndarray) and part.shape == held.shape
        same = self.container in ("list", "pairs") and isinstance(part, (list, tuple)) and len(part) == len(held)
        return same and all(np.shape(a) == np.shape(b) for a, b in zip(part, held, strict=True))

    def other(self, **changes: Any) -> Plan:
        """Give the plan with something else."""
        return replace(self, **changes)


def _bare(data: Any) -> Any:
    """Give the array in what a tensor holds."""
    return data if isinstance(data, np.ndarray) else getattr(data, "data", data)


def _call_if_there(obj: Any, *names: str) -> None:
    for name in names:
        function = getattr(obj, name, None)
        if callable(function):
            function()
            return


def constructor(kind: type, held: Any, numbers: dict[str, float]) -> Any:
    """Make an optimizer: its parameters, if it wants them, and numbers for what has no default. Raises Unknown."""
    given: dict[str, Any] = {}
    signature = [] if kind.__init__ is object.__init__ else parameters_of(kind)  # type: ignore[misc]
    for p in signature:
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue
        role = role_of(p.name)
        if (role in ("params", "net", "layer") and not isinstance(held, (dict, np.ndarray))) or role == "params":
            given[p.name] = held
        elif role in numbers and (p.default is p.empty or p.name in numbers):
            given[p.name] = numbers[role]
        elif p.name in numbers:
            given[p.name] = numbers[p.name]
        elif p.default is p.empty:
            if role == "betas":
                given[p.name] = (NUMBERS["b1"], NUMBERS["b2"])
            elif role in NUMBERS:
                given[p.name] = NUMBERS[role]
            else:
                raise UnknownArgument(p.name)
    return kind(**given)


class UnknownArgument(Exception):
    """An argument whose name says nothing: `name` tells which."""

    def __init__(self, name: str) -> None:
        """Keep the name."""
        super().__init__(name)
        self.name = name


def copies_of(prototype: Any) -> Callable[[Any, dict[str, float]], Any]:
    """Give a maker of copies of an object at hand."""
    return lambda held, numbers: clone(prototype)
