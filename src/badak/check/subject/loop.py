"""Training loops at the top level of a file or a notebook: read by their syntax, and at most two steps of them tried.

Nothing is trained to the end. A loop that has nothing to be told of it is not reported: that none of these faults is in
it does not make it right.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.check.copying import clone
from badak.check.subject.calls import FLAGS, has_method
from badak.check.subject.candidate import Candidate, Evidence, Found
from badak.check.subject.examinee import Examinee

GRADIENTS = ("gradient", "numerical_gradient", "grad", "compute_gradient")
RATE = 0.01  # of the step that is tried


@dataclass
class Slip:
    """What was seen in a loop: the label of its cause, the line, and what fills the sentence."""

    label: str
    line: int
    quantity: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass
class Loop:
    """A loop that takes gradients and updates parameters, and the slips seen in it."""

    line: int
    slips: list[Slip]


class TrainingLoop(Examinee):
    """A loop of a script in which gradients are taken and parameters updated."""

    style = "training loop"

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take what `gather` found."""
        return Evidence([f"line {candidate.obj.line}"]) if isinstance(candidate.obj, Loop) else None

    @classmethod
    def gather(cls, found: Found) -> list[Candidate]:
        """Give the outermost loops of the top level that have a slip in them."""
        candidates = []
        for node in _outer_loops(found.source.tree.body):
            slips = _Reading(node, found.namespace).slips()
            if slips:
                loop = Loop(node.lineno, slips)
                given: dict[str, Any] = {"source": found.source, "namespace": found.namespace}
                candidates.append(Candidate("training loop", loop, Loop, **given))
        return candidates


def _outer_loops(body: list[ast.stmt]) -> list[ast.For | ast.While]:
    loops: list[ast.For | ast.While] = []
    for statement in body:
        if isinstance(statement, (ast.For, ast.While)):
            loops.append(statement)
        elif isinstance(statement, (ast.If, ast.With, ast.Try)):
            loops += _outer_loops(statement.body)
    return loops


class _Reading:
    """One loop, read."""

    def __init__(self, node: ast.For | ast.While, namespace: dict[str, Any]) -> None:
        self.node = node
        self.namespace = namespace
        self.assigned = [n for n in ast.walk(node) if isinstance(n, ast.Assign) and len(n.targets) == 1]
        self.calls = [n for n in ast.walk(node) if isinstance(n, ast.Call)]

    def slips(self) -> list[Slip]:
        """Give what is seen, in the order of the lines."""
        taken = [(target, call) for target, call in map(self._gradient, self.assigned) if call is not None]
        found: list[Slip] = []
        for name, call in taken:
            assert call is not None
            network = self._network(call)
            found += self._batches(call)
            if name:
                found += self._updates(name, network)
        if taken:
            found += self._evaluations()
        unique = {(s.label, s.line): s for s in found}
        return sorted(unique.values(), key=lambda s: s.line)

    def _gradient(self, statement: ast.Assign) -> tuple[str, ast.Call | None]:
        value, target = statement.value, statement.targets[0]
        if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and isinstance(target, ast.Name)):
            return "", None
        known = value.func.attr in GRADIENTS and len(value.args) >= 2
        return (target.id, value) if known else ("", None)

    def _network(self, call: ast.Call) -> Any:
        """Give the network whose gradient is taken, where the file has made one."""
        assert isinstance(call.func, ast.Attribute)
        owner = call.func.value
        made = self.namespace.get(owner.id) if isinstance(owner, ast.Name) else None
        return made if has_method(made, "loss") and isinstance(getattr(made, "params", None), dict) else None

    # Updates --------------------------------------------------------------------------------------

    def _updates(self, gradient: str, network: Any) -> list[Slip]:
        found = []
        for node in ast.walk(self.node):
            target, sign, rebinds = _update_of(node, gradient)
            if target is None:
                continue
            assert isinstance(node, (ast.Assign, ast.AugAssign))
            text = ast.unparse(target)
            if sign > 0 and not (network is not None and _descends(network, +RATE)):
                found.append(Slip("ascends-the-loss", node.lineno, text))
            if rebinds and isinstance(target, ast.Subscript) and network is not None and _is_deaf(network):
                found.append(Slip("rebinds-params", node.lineno, text))
        return found

    # Batches --------------------------------------------------------------------------------------

    def _batches(self, call: ast.Call) -> list[Slip]:
        """The input and its answers come from the same rows."""
        parts = [self._rows(argument, call.lineno) for argument in call.args[:2]]
        if parts[0] is None or parts[1] is None:
            return []
        (rows, drawn, x), (others, drawn_then, t) = parts[0], parts[1]
        if rows == others and drawn == drawn_then:
            return []
        return [Slip("rows-of-another-batch", call.lineno, "t", {"x": x, "t": t})]

    def _rows(self, argument: ast.expr, line: int) -> tuple[str, int, str] | None:
        """Give the index by which rows were taken, the line where it was drawn, and the text; None where that is open.

        Only plain indices of plain names say it: `x_train[mask]`.
        """
        at = line
        if isinstance(argument, ast.Name):
            made = [s for s in self.assigned if _is_name(s.targets[0], argument.id) and s.lineno <= line]
            if len([s for s in self.assigned if _is_name(s.targets[0], argument.id)]) != 1 or not made:
                return None
            argument, at = made[0].value, made[0].lineno
        if not isinstance(argument, ast.Subscript) or not isinstance(argument.value, ast.Name):
            return None
        names = {n.id for n in ast.walk(argument.slice) if isinstance(n, ast.Name)}
        drawn = [s.lineno for s in self.assigned if any(_is_name(s.targets[0], n) for n in names) and s.lineno < at]
        return ast.unparse(argument.slice), max(drawn, default=0), ast.unparse(argument)

    # Evaluation -----------------------------------------------------------------------------------

    def _evaluations(self) -> list[Slip]:
        """What is measured on test data is measured as when predicting."""
        found = []
        for call in self.calls:
            method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            if method not in ("accuracy", "predict") or not call.args:
                continue
            on_test = any(part in ast.unparse(call.args[0]).lower() for part in ("test", "val"))
            for keyword in call.keywords:
                on = isinstance(keyword.value, ast.Constant) and keyword.value.value is True
                if on_test and on and keyword.arg in FLAGS:
                    found.append(Slip("evaluates-in-training-mode", call.lineno, method, {"flag": keyword.arg}))
        return found


def _is_name(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _update_of(node: ast.AST, gradient: str) -> tuple[ast.expr | None, int, bool]:
    """Give the target of an update by this gradient, the sign of the step, and whether the target is bound anew."""
    if isinstance(node, ast.AugAssign) and isinstance(node.op, (ast.Add, ast.Sub)):
        sign = _sign_of(node.value, gradient) * (1 if isinstance(node.op, ast.Add) else -1)
        return (node.target, sign, False) if sign else (None, 0, False)
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.value, ast.BinOp):
        target, value = node.targets[0], node.value
        same = ast.unparse(value.left) == ast.unparse(target)
        if same and isinstance(value.op, (ast.Add, ast.Sub)):
            sign = _sign_of(value.right, gradient) * (1 if isinstance(value.op, ast.Add) else -1)
            return (target, sign, True) if sign else (None, 0, False)
    return None, 0, False


def _sign_of(step: ast.expr, gradient: str) -> int:
    """Give the sign with which a member of the gradient stands in a product; 0 where it is no such product."""
    if isinstance(step, ast.UnaryOp) and isinstance(step.op, ast.USub):
        return -_sign_of(step.operand, gradient)
    if isinstance(step, ast.BinOp) and isinstance(step.op, (ast.Mult, ast.Div)):
        signs = [_factor_sign(step.left, gradient), _factor_sign(step.right, gradient)]
        mentioned = any(_mentions(part, gradient) for part in (step.left, step.right))
        return signs[0] * signs[1] if mentioned else 0
    return 1 if isinstance(step, ast.Subscript) and _is_name(step.value, gradient) else 0


def _factor_sign(part: ast.expr, gradient: str) -> int:
    if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub):
        return -_factor_sign(part.operand, gradient)
    if isinstance(part, ast.Constant) and isinstance(part.value, (int, float)):
        return 1 if part.value > 0 else -1
    if isinstance(part, ast.Name):
        return 1  # a rate: what is subtracted by its sign is written so where it is used
    return _sign_of(part, gradient) if _mentions(part, gradient) else 0


def _mentions(node: ast.expr, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))


# Steps that are tried on copies ---------------------------------------------------------------------


def _batch(network: Any) -> tuple[Any, Any] | None:
    """Give rows and classes that fit the first and the last array of a network."""
    matrices = [np.shape(v) for v in network.params.values() if np.ndim(v) == 2]
    if not matrices:
        return None
    rng = np.random.default_rng(3)
    classes = matrices[-1][1]
    return rng.standard_normal((4, matrices[0][0])), np.eye(classes)[np.arange(4) % classes]


def _moved(network: Any, rate: float, rebind: bool) -> tuple[float, float] | None:
    """Give the loss before and after a step along the network's own gradient; None where that does not run."""
    made, batch = clone(network), _batch(network)
    if batch is None or not has_method(made, "gradient"):
        return None
    x, t = batch
    try:
        before = float(made.loss(x, t))
        grads = made.gradient(x, t)
        for key in made.params:
            if rebind:
                made.params[key] = made.params[key] + rate * grads[key]
            else:
                made.params[key] += rate * grads[key]
        return before, float(made.loss(x, t))
    except Exception:  # whatever the user's code does: nobody is accused then
        return None


def _descends(network: Any, rate: float) -> bool:
    """Tell whether a step along the gradient makes the loss smaller: it has the other sign inside."""
    moved = _moved(network, rate, rebind=False)
    return moved is not None and moved[1] < moved[0]


def _is_deaf(network: Any) -> bool:
    """Tell whether arrays that are put into `params` reach no layer: the loss stays what it was."""
    anew = _moved(network, -RATE, rebind=True)
    return anew is not None and anew[0] == anew[1]
