"""Functions of an autograd library: `forward(x)` and `backward(gy)`, with inputs kept by the call or in a context.

Both of the common ways are read: an object that is called with the library's Variables, which keeps them
(`self.inputs`), and static methods with a context (`ctx.save_for_backward`). The function is judged alone, by a random
gradient that comes in; whether the library walks its graph rightly is asked of its Variable.
"""

from __future__ import annotations

import inspect
import itertools
import re
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar

import numpy as np

from badak.check.copying import clone
from badak.check.source import is_upstream
from badak.check.subject.algebra import set_up_operators
from badak.check.subject.applying import Applied
from badak.check.subject.arguments import ROWS, Layout, Unguessable, alternatives, combinations, needed
from badak.check.subject.base import Pass, Subject
from badak.check.subject.calls import TARGETS
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.operands import is_pair, sounds_like_loss, special_samples, special_values
from badak.check.subject.parameters import Parameter
from badak.check.subject.paths import plain
from badak.check.subject.variables import Box, box_named, box_of, names_in, takes_list, written_in

Array = np.ndarray[Any, Any]
CONTEXTS = ("ctx", "context", "c", "cx")
LEARNED = re.compile(r"(?i)^(w|weights?|kernel|filters?|b|bias|gamma|beta|scale|shift|wx|wh)$")
TRIES = 24


def takes_context(kind: type) -> bool:
    """Tell whether forward has a context for its first argument."""
    written = written_in(kind, "forward")
    names = list(inspect.signature(written).parameters) if inspect.isfunction(written) else []
    return bool(names) and names[0] in CONTEXTS


def takes_variables(kind: type) -> bool:
    """Tell whether the object is called with a library's values: `__call__` takes arrays out of them for forward."""
    names = names_in(written_in(kind, "__call__"))
    return "forward" in names and "data" in names


def is_function(candidate: Candidate) -> bool:
    """Tell whether a class is a function of an autograd library."""
    kind = candidate.kind
    if kind is None or not candidate.offers("forward") or not candidate.offers("backward"):
        return False
    if not inspect.isfunction(written_in(kind, "forward")) or not inspect.isfunction(written_in(kind, "backward")):
        return False
    return takes_context(kind) or takes_variables(kind)


def operands(kind: type) -> list[inspect.Parameter]:
    """Give forward's parameters without self or context; those that it takes out of a list, where it gets one."""
    count = takes_list(kind)
    if count:
        named = ["x"] if count == 1 else [f"x{place}" for place in range(count)]
        return [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in named]
    return list(inspect.signature(written_in(kind, "forward")).parameters.values())[1:]


class AutogradFunction(Subject):
    """A function of one input; arrays that forward takes besides it (W, b) are its parameters."""

    style = "function of an autograd library"
    method_names = ("forward", "backward")
    stretches = True
    composite = False

    def __init__(self, obj: Any, *args: Any, **given: Any) -> None:
        """Wrap what `makers` makes, or a function of the library at hand."""
        super().__init__(obj if isinstance(obj, Applied) else applied(type(obj), obj, {}), *args, **given)
        self.kind = self.obj.kind
        self.name = given.get("name") or self.kind.__name__

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a function of one input."""
        if not is_function(candidate):
            return None
        assert candidate.kind is not None
        names = [p.name for p in operands(candidate.kind)]
        return Evidence([f"forward({', '.join(names)})"]) if names else None

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give functions, with the arguments that they and their forward take besides the inputs.

        Raises Unguessable where a parameter's name says nothing.
        """
        kind = candidate.kind
        assert kind is not None
        other = _maker_of(kind, candidate.namespace or {})
        if other is not None:
            yield from cls._made_from(other, kind, candidate, layout)
            return
        rest = operands(kind)[cls.count() :]
        choices: dict[str, list[Any]] = {}
        for parameter in rest:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            values = special_values(kind.__name__, parameter.name) or alternatives(parameter.name, layout)
            if parameter.default is not parameter.empty:
                values = [parameter.default, *(v for v in values if v is not None)] if values else []
                if not values:
                    break
            elif not values:
                raise Unguessable(parameter.name)
            choices[parameter.name] = values
        boxes = boxes_for(kind, candidate.namespace or {})
        objects = list(cls._objects(kind, layout))
        for box in boxes:
            for chosen in itertools.islice(itertools.product(objects, *choices.values()), TRIES):
                arguments = dict(zip(choices, chosen[1:], strict=True))
                yield partial(_made, kind, chosen[0], arguments, box)

    @classmethod
    def _objects(cls, kind: type, layout: Layout) -> Iterator[Callable[[], Any] | None]:
        """Give functions that make the object; None for static methods."""
        if takes_context(kind) or kind.__init__ is object.__init__:  # type: ignore[misc]
            yield None if takes_context(kind) else kind
            return
        parameters = needed(kind)
        told = {p.name: special_values(kind.__name__, p.name) for p in parameters}
        known = {name: values for name, values in told.items() if values}
        open_parameters = [p for p in parameters if p.name not in known]
        for chosen in itertools.product(*known.values()):
            for others in combinations(open_parameters, layout):
                given = {**dict(zip(known, chosen, strict=True)), **others}
                yield partial(_construct, kind, given)

    @classmethod
    def _made_from(cls, other: type, kind: type, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give functions that another function makes of itself, once it has run: `Conv2DGradW(self)(x, gy)`."""
        owner = Candidate(other.__name__, None, other, source=candidate.source, namespace=candidate.namespace)
        for make in itertools.islice(AutogradFunction.makers(owner, layout), TRIES):
            front = make()
            for x, _ in special_samples(other, front.arguments, layout, two=False) or ():
                try:
                    y = front.forward(x)
                    function = kind(front.function)
                except Exception:  # an input that does not fit: the next is tried
                    continue
                gy = np.random.default_rng(6).standard_normal(np.shape(y))
                given = [gy if is_upstream(p.name) else x for p in operands(kind)]
                arguments = dict(zip([p.name for p in operands(kind)][1:], given[1:], strict=True))
                yield partial(Applied, kind, function, arguments, front.box, like=given[0], kept=front)
                return

    @classmethod
    def count(cls) -> int:
        """The number of forward's arguments that are inputs or a target."""
        return 2 if cls.needs_second else 1

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give the inputs that such a function takes; None where those of a layer fit."""
        if obj.like is not None:
            return iter([(obj.like, None)])
        return None if alone or cls.has_target else special_samples(obj.kind, obj.arguments, layout, cls.needs_second)

    @property
    def any_batch(self) -> bool:
        """Whether no shape was handed over: Reshape((7, 5)) takes 35 numbers."""
        held = [*getattr(self.obj.function, "__dict__", {}).values(), *self.obj.arguments.values()]
        return not any(_sizes(value) for value in held)

    # Calling --------------------------------------------------------------------------------------

    @property
    def asked(self) -> Any:
        """The class, whose methods forward and backward are."""
        return self.obj.kind

    @property
    def takes_dout(self) -> bool:
        """Whether backward has an argument for the gradient that comes in: always."""
        return True

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Call the function."""
        return self.call("forward", obj.forward, *((x, second) if self.needs_second else (x,)))

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Call backward with what comes in, and give the gradients as arrays."""
        return self.call("backward", obj.backward, np.asarray(dout, float))

    def find_parameters(self, obj: Any, returned: Any, before: Any = None) -> list[Parameter]:
        """Give the arrays among forward's arguments: those that have a gradient, and those that must have one."""
        found = []
        for place, (name, value) in enumerate(obj.arguments.items(), self.count()):
            if not isinstance(value, np.ndarray) or value.dtype.kind != "f":
                continue
            given = isinstance(returned, list) and place < len(returned) and returned[place] is not None
            if given or LEARNED.match(name):
                found.append(Parameter(name, (("a", "arguments"), ("i", name)), None, returned=place))
        return found

    def collect(self, result: Pass, obj: Any, returned: Any) -> None:
        """Sort what backward gave by forward's arguments."""
        parts = [plain(part) for part in returned]
        inputs = len(self.input_names)
        result.dx = parts[:inputs] + [None] * (inputs - len(parts[:inputs]))
        for parameter in self.parameters:
            place = parameter.returned or 0
            result.grads[parameter.name] = parts[place] if place < len(parts) else None


class AutogradFunctionOfTwo(AutogradFunction):
    """A function of two inputs that are alike: an operation."""

    style = "function of an autograd library, two inputs"
    input_names: ClassVar[tuple[str, ...]] = ("x", "y")
    needs_second = True
    target_names = ("y",)

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take an operation: forward(x0, x1), forward(ctx, a, b)."""
        evidence = super().recognise(candidate)
        if evidence is None or candidate.kind is None:
            return None
        names = [p.name for p in operands(candidate.kind)]
        return evidence if len(names) >= 2 and is_pair(names[0], names[1]) else None


class AutogradLoss(AutogradFunction):
    """A function of predictions and targets that gives one number."""

    style = "loss of an autograd library"
    scalar = True
    has_target = True
    needs_second = True
    target_names = ("t", "y")

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take forward(x, t)."""
        evidence = super().recognise(candidate)
        if evidence is None or candidate.kind is None:
            return None
        names = [p.name for p in operands(candidate.kind)]
        target = len(names) >= 2 and TARGETS.match(names[1]) is not None
        loss = len(names) >= 2 and names[1] == "y" and sounds_like_loss(candidate.kind.__name__)
        return evidence if target or loss else None


class AutogradDistance(AutogradFunctionOfTwo):
    """A loss of two inputs, each of which gets a gradient."""

    style = "loss of an autograd library, two inputs"
    scalar = True

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take forward(x0, x1) of a loss, by its name."""
        evidence = super().recognise(candidate)
        return evidence if evidence is not None and sounds_like_loss(candidate.name) else None


def _sizes(value: Any) -> bool:
    return isinstance(value, tuple) and len(value) > 1 and all(type(n) is int and n > 2 for n in value[1:])


def boxes_for(kind: type, namespace: dict[str, Any]) -> list[Box | None]:
    """Give the ways of handing values over: static methods mostly take arrays, what is called takes Variables."""
    made = box_of(kind, ("forward",))
    box = made or box_of(kind) or box_named(namespace)
    if box is not None:
        set_up_operators(box.kind, vars(sys.modules.get(box.kind.__module__, sys)) | namespace)
    if takes_context(kind) and made is None:
        return [None, box] if box is not None else [None]
    return [box]


def _maker_of(kind: type, namespace: dict[str, Any]) -> type | None:
    """Give the function whose backward makes one of `kind` from itself, where the argument's name says no more."""
    parameters = needed(kind)
    if len(parameters) != 1 or takes_context(kind):
        return None
    name = parameters[0].name
    if special_values(kind.__name__, name) or alternatives(name, ROWS):
        return None
    users = (other for other in namespace.values() if isinstance(other, type) and other is not kind)
    return next((u for u in users if kind.__name__ in names_in(written_in(u, "backward")) and takes_variables(u)), None)


def _construct(kind: type, arguments: dict[str, Any]) -> Any:
    return kind(**clone(arguments))


def _made(kind: type, make: Callable[[], Any] | None, arguments: dict[str, Any], box: Box | None) -> Applied:
    return Applied(kind, make() if make is not None else None, clone(arguments), box)


def applied(kind: type, function: Any, arguments: dict[str, Any]) -> Applied:
    """Give a function of a library at hand as something to apply to arrays."""
    module = inspect.getmodule(kind)
    box = boxes_for(kind, vars(module) if module is not None else {})[-1]
    return Applied(kind, None if takes_context(kind) else function, arguments, box)
