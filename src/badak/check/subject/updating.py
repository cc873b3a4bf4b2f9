"""Layers that change their own weights in backward: `backward(grad, learning_rate)`, or with an optimizer inside.

No gradient of a weight is left behind; it is read from what the update did: (before - after) / rate.
"""

from __future__ import annotations

import ast
import re
from typing import Any

import numpy as np

from badak.check.copying import ATOMS
from badak.check.source import Source, assignments, is_self
from badak.check.subject.base import Pass, Subject
from badak.check.subject.calls import FLAGS, UserError, required
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.layer import OwnNamedLayer
from badak.check.subject.names import RATE, gradients_of, own_pair, rate_of
from badak.check.subject.optimizer_inside import Recorder, initialized, takes_optimizer
from badak.check.subject.parameters import Parameter
from badak.check.subject.paths import Path, attributes_of, copied, get_path, plain, set_path

Array = np.ndarray[Any, Any]
Moves = dict[Path, tuple[Array, Array]]
NOTHING_MOVED: tuple[Any, Moves] = (None, {})
RATE_GIVEN = 0.5  # a power of two, so that dividing by it is exact; not 1, so that a rate that is forgotten shows
OBJECTS = 4  # whose changes are remembered
OWN_RATE = re.compile(r"(?i)^_?(learning_?rate|learn_?rate|lr|l_?rate|eta|step_?size)$")  # a dropout has a rate too
DEPTH = 4  # layers inside a layer that are looked into
LEARNED = frozenset(
    "w b weight weights bias biases gamma beta kernel kernels filters filter w1 w2 b1 b2 w0 wx wh theta".split()  # noqa: SIM905
)


class UpdatingLayer(OwnNamedLayer):
    """A class whose backward changes the weights: the rate is an argument, an attribute, or an optimizer's."""

    style = "class whose backward updates its own weights"
    updates_inside = True
    knows_arguments = True

    def __init__(self, obj: Any, *args: Any, **given: Any) -> None:
        """Wrap an object, given an optimizer of ours where it wants one."""
        super().__init__(initialized(obj, args[0] if args else given.get("x")), *args, **given)
        self.rate = RATE_GIVEN
        self._moves: dict[int, tuple[Any, Moves]] = {}  # of the objects that ran last; each is held, so its id stays

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose backward has a rate, or an optimizer, or changes weights that nobody else changes."""
        names = own_pair(candidate)
        if names is None or len(candidate.required_of(names[0])) != 1:
            return None
        rate = rate_of(candidate, names[1], names[0])
        wanted = gradients_of(candidate, names[1], rate)
        if len(wanted) != 1 or RATE.match(wanted[0]):
            return None
        if rate is not None:
            return Evidence([f"{names[1]}({', '.join([*wanted, rate])})"])
        if takes_optimizer(candidate):
            return Evidence(["initialize(optimizer)"])
        return _by_itself(candidate, names[1])

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Run backward with a rate of ours, and remember what it changed."""
        function = getattr(obj, self.backward_name)
        before = numbers_in(obj)
        rate = rate_of(Candidate(self.name, obj, self.kind), self.backward_name, self.forward_name)
        arguments = [self.rate if n == rate else True if n in FLAGS else dout for n in required(function)]
        extra = {rate: self.rate} if rate is not None and rate not in required(function) else {}
        self._set_rate(obj, of_its_own=rate is None)
        returned = self.call(self.backward_name, function, *arguments, **extra)
        after = numbers_in(obj)
        moves = {p: (v, after[p]) for p, v in before.items() if p in after and not np.array_equal(v, after[p])}
        self._moves = dict([*self._moves.items()][-OBJECTS:]) | {id(obj): (obj, moves)}
        return returned

    def _set_rate(self, obj: Any, of_its_own: bool) -> None:
        """Put our rate into the optimizer of ours, and into the attribute of a layer that keeps one."""
        for name in attributes_of(obj):
            value = getattr(obj, name, None)
            if isinstance(value, Recorder):
                value.rate = self.rate
            elif of_its_own and OWN_RATE.match(name) and isinstance(value, float):
                setattr(obj, name, self.rate)

    def find_parameters(self, obj: Any, returned: Any, before: Any = None) -> list[Parameter]:
        """Give the arrays that backward changed and forward depends on, and those it should have changed."""
        start = numbers_in(self.obj if before is None else before)
        moved = [
            p
            for p, (_, after) in self._moves.get(id(obj), NOTHING_MOVED)[1].items()
            if p in start and start[p].shape == after.shape
        ]
        forgotten = [p for p in start if p not in moved and str(p[-1][1]).lower() in LEARNED] if moved else []
        counted = [p for p in [*moved, *forgotten] if self._matters(p, start[p])]
        return [Parameter(named(p), p, None) for p in counted]

    def _matters(self, path: Path, value: Array) -> bool:
        """Tell whether forward depends on the array at a path: a velocity changes too, and is no parameter."""
        try:
            plainly = self.forward(self.fresh(), copied(self.x), copied(self.second))
            obj = self.fresh()
            set_path(obj, path, value * 1.37 + 0.21)
            return not np.array_equal(plainly, self.forward(obj, copied(self.x), copied(self.second)))
        except (UserError, ValueError, TypeError):
            return True

    def collect(self, result: Pass, obj: Any, returned: Any) -> None:
        """Read dx from what backward returned, and gradients from what it changed."""
        result.dx = [plain(returned[0] if isinstance(returned, (tuple, list)) and returned else returned)]
        for parameter in self.parameters:
            moves = self._moves.get(id(obj), NOTHING_MOVED)[1].get(parameter.path)
            held = np.asarray(get_path(obj, parameter.path), float)
            change = (moves[0] - moves[1]) / self.rate if moves is not None and self.rate else None
            result.grads[parameter.name] = np.zeros(held.shape) if change is None else change

    @property
    def any_batch(self) -> bool:
        """Whether it takes several samples: many such layers are written for one at a time."""
        return np.ndim(self.x) > 1 and min(np.shape(self.x)) > 1

    @property
    def inputs(self) -> list[str]:
        """The input, if backward means to give its gradient: the first layer of a network may say `return None`."""
        return [] if self._returns_none() else super().inputs

    def _returns_none(self) -> bool:
        node = self.source.method(self.name, self.backward_name) if self.source is not None else None
        returns = [n.value for n in ast.walk(node) if isinstance(n, ast.Return)] if node is not None else []
        return bool(returns) and all(v is None or (isinstance(v, ast.Constant) and v.value is None) for v in returns)

    def unmoved(self) -> Subject | None:
        """Give the same subject with a rate of 0: what backward does besides the update."""
        still = self.sibling(self.x, self.second)
        assert isinstance(still, UpdatingLayer)
        still.rate = 0.0
        return still


def numbers_in(obj: Any) -> dict[Path, Array]:
    """Give copies of the floating arrays and numbers of an object, and of the objects and lists that it holds."""
    found: dict[Path, Array] = {}
    seen: set[int] = set()

    def look(part: Any, path: Path, depth: int) -> None:
        if isinstance(part, np.ndarray):
            if part.dtype.kind == "f" and part.size:
                found[path] = part.copy()
            return
        if (
            isinstance(part, ATOMS)
            or (callable(part) and not hasattr(part, "forward"))
            or id(part) in seen
            or depth > DEPTH
        ):
            return
        seen.add(id(part))
        if isinstance(part, dict):
            for key, value in part.items():
                look(value, (*path, ("i", key)), depth + 1)
        elif isinstance(part, (list, tuple)):
            for key, value in enumerate(part):
                look(value, (*path, ("i", key)), depth + 1)
        elif not isinstance(part, Recorder):
            for name in attributes_of(part):
                look(getattr(part, name, None), (*path, ("a", name)), depth + 1)

    look(obj, (), 0)
    return found


def named(path: Path) -> str:
    """Give a path as it is written behind self."""
    text = "".join(f".{key}" if kind == "a" else f"[{key!r}]" for kind, key in path)
    return text.removeprefix(".")


def _by_itself(candidate: Candidate, backward: str) -> Evidence | None:
    """Take `self.W -= self.lr * dW` in backward, where the gradient is kept nowhere and nothing else updates."""
    source = candidate.source
    node = source.method(candidate.name, backward) if source is not None else None
    if source is None or node is None:
        return None
    written = [(s, t) for s, t in assignments(node) if isinstance(t, ast.Attribute) and is_self(t.value)]
    steps = [
        (s, t) for s, t in written if isinstance(s, ast.AugAssign) and isinstance(s.op, ast.Sub) and _rates_in(s.value)
    ]
    if not steps or any(_is_gradient_of(t.attr, u.attr) for _, t in written for _, u in steps):
        return None
    if _updated_elsewhere(source, node):
        return None
    return Evidence([ast.unparse(steps[0][0])])


def _rates_in(node: ast.expr) -> bool:
    return any(isinstance(n, ast.Attribute) and is_self(n.value) and OWN_RATE.match(n.attr) for n in ast.walk(node))


def _is_gradient_of(name: str, of: str) -> bool:
    plainer = name.replace("_", "").lower()
    return plainer in {f"d{of.lower()}", f"grad{of.lower()}", f"{of.lower()}grad", f"{of.lower()}gradient"}


def _updated_elsewhere(source: Source, backward: ast.AST) -> bool:
    """Tell whether something in the file besides this backward changes weights: an optimizer, a loop, an update."""
    inside = {id(n) for n in ast.walk(backward)}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef) and node.name in ("update", "step", "update_params", "update_weights"):
            return True
        if (
            isinstance(node, ast.AugAssign)
            and isinstance(node.op, ast.Sub)
            and id(node) not in inside
            and isinstance(node.target, (ast.Attribute, ast.Subscript))
            and any(isinstance(n, (ast.Name, ast.Attribute)) and RATE.match(_name(n)) for n in ast.walk(node.value))
            and not _in_a_backward(source, node)
        ):
            return True
    return False


def _name(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def _in_a_backward(source: Source, node: ast.AST) -> bool:
    """Tell whether a statement stands in a backward of another class, which updates itself too."""
    owner, function = source.enclosing(getattr(node, "lineno", 0))
    return owner is not None and function is not None and "back" in function.lower()
