"""Changes to whole statements, to what is assigned or returned, and to names."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

import numpy as np

from badak.check.case import Case
from badak.check.causes.repair.syntax import Change, as_load, expression, turn
from badak.check.source import Function, is_self
from badak.check.subject import attributes_of


def statements(function: Function) -> Iterator[Change]:
    """Give the changes to assignments: added, accumulated, returned after the loop."""
    seen: set[str] = set()
    for node in sorted((n for n in ast.walk(function) if isinstance(n, ast.Assign)), key=lambda n: n.lineno):
        target = node.targets[0]
        if not isinstance(target, (ast.Name, ast.Attribute, ast.Subscript)):
            continue
        plus = ast.copy_location(ast.AugAssign(copy.deepcopy(target), ast.Add(), node.value), node)
        if isinstance(target, ast.Subscript):
            yield node, {"overwrites-instead-of-accumulates"}, plus
            at = ast.Expr(
                ast.Call(
                    expression("__import__('numpy').add.at"),
                    [as_load(target.value), target.slice, node.value],
                    [],
                )
            )
            yield node, {"overwrites-instead-of-accumulates"}, at
        else:
            key = ast.unparse(target)
            if key in seen or isinstance(target, ast.Attribute):
                yield node, {"missing-branch-grad"}, plus
            seen.add(key)
    for added in ast.walk(function):
        if isinstance(added, ast.AugAssign) and isinstance(added.target, ast.Subscript):
            at = ast.Expr(
                ast.Call(
                    expression("__import__('numpy').add.at"),
                    [as_load(added.target.value), added.target.slice, added.value],
                    [],
                )
            )
            yield added, {"overwrites-instead-of-accumulates"}, at
    yield from _returns(function)


def _returns(function: Function) -> Iterator[Change]:
    """Move a return that ends a loop's body behind the loop."""
    twin = copy.deepcopy(function)
    for place, statement in enumerate(twin.body):
        if isinstance(statement, (ast.For, ast.While)):
            for inner in [n for n in ast.walk(statement) if isinstance(n, (ast.For, ast.While))]:
                if inner.body and isinstance(inner.body[-1], ast.Return) and len(inner.body) > 1:
                    moved = inner.body.pop()
                    twin.body.insert(place + 1, moved)
                    yield moved, {"early-return"}, twin
                    return


def whole(node: ast.expr, argument: str | None, names: list[str], case: Case) -> Iterator[Change]:
    """Give the changes to a whole value that is assigned or returned: a factor, a sign, a path added."""
    if argument is not None:
        yield (
            node,
            {"ignores-dout", "ignores-dout-where-negative"},
            ast.BinOp(expression(argument), ast.Mult(), node),
        )
        yield node, {"missing-branch-grad"}, ast.BinOp(node, ast.Add(), expression(argument))
    yield node, {"sign-flip"}, ast.UnaryOp(ast.USub(), node)
    reshape = ast.Attribute(node, "reshape", ast.Load())
    yield node, {"wrong-shape-dx"}, ast.Call(reshape, [expression("self._lent_x.shape")], [])
    for crop in ("[..., 1:-1, 1:-1]", "[..., 2:-2, 2:-2]", "[..., 1:-1]"):
        yield node, {"wrong-shape-dx"}, expression(f"({ast.unparse(node)}){crop}")
    for text in ("2", "0.5"):
        yield node, {"missing-factor-two", "factor-two"}, ast.BinOp(expression(text), ast.Mult(), node)
    for size in ("len(self._lent_x)", "self._lent_x.size", "self._lent_x.shape[-1]", "4"):
        yield (
            node,
            {"missing-batch-mean", "missing-scale", "wrong-mean-count"},
            ast.BinOp(node, ast.Div(), expression(size)),
        )
        yield (
            node,
            {"divides-by-batch-twice", "mean-instead-of-sum", "extra-batch-division"},
            ast.BinOp(node, ast.Mult(), expression(size)),
        )
    for name in names[:8]:
        attribute = expression(f"self.{name}")
        yield node, {"missing-gamma", "missing-mask", "missing-scale"}, ast.BinOp(node, ast.Mult(), attribute)
        yield node, {"missing-scale", "uses-raw-input-for-normalised"}, ast.BinOp(node, ast.Div(), attribute)
        yield node, {"missing-scale"}, ast.BinOp(node, ast.Div(), expression(f"(1 - self.{name})"))
    if isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.BinOp)):
        yield node, {"transposed-weight-grad"}, turn(node)


def activations(function: Function) -> Iterator[Change]:
    """Give the changes to how a network written by hand takes the derivative of its hidden activation."""
    made = [s for s in ast.walk(function) if isinstance(s, ast.Assign) and isinstance(s.value, (ast.Call, ast.BinOp))]
    held = [s.targets[0].id for s in made if isinstance(s.targets[0], ast.Name)]
    called = {s.targets[0].id for s in made if isinstance(s.targets[0], ast.Name) and isinstance(s.value, ast.Call)}
    for node in [n for n in ast.walk(function) if isinstance(n, ast.Call)]:
        given = node.args[0] if len(node.args) == 1 else None
        if not isinstance(given, ast.Name) or is_array_function(node):
            continue
        yield node, {"activation-applied-twice"}, _everywhere(function, node, given)
        for name in held:
            if name != given.id:
                yield given, {"activation-applied-twice"}, ast.Name(name, ast.Load())
    for value in results(function):
        for name in held:
            if name not in called or isinstance(value, ast.Dict):
                continue
            for form in (f"(1 - {name}) * {name}", f"({name} > 0)", f"(1 - {name} ** 2)"):
                yield value, {"missing-activation-derivative"}, ast.BinOp(value, ast.Mult(), expression(form))


def is_array_function(node: ast.Call) -> bool:
    """Tell whether a call is one of NumPy's own (np.sum, x.mean) and no activation of the user's."""
    return isinstance(node.func, ast.Attribute) and not is_self(node.func.value)


def _everywhere(function: Function, node: ast.Call, given: ast.expr) -> Function:
    """Give the function with every call written like this one replaced by what it is given."""
    words = ast.unparse(node)

    class Swap(ast.NodeTransformer):
        def visit_Call(self, item: ast.Call) -> ast.AST:
            return copy.deepcopy(given) if ast.unparse(item) == words else self.generic_visit(item)

    twin: Function = Swap().visit(copy.deepcopy(function))
    return twin


def renamed(node: ast.Name | ast.Attribute, function: Function, case: Case) -> Iterator[Change]:
    """Give the changes of one name (or attribute) for another."""
    if isinstance(node, ast.Attribute) and is_self(node.value):
        obj = case.passes[0].obj
        held = getattr(obj, node.attr, None)
        if not isinstance(held, np.ndarray):
            return
        labels = {
            "uses-input-for-output",
            "uses-output-for-input",
            "swapped-inputs",
            "uses-raw-input-for-normalised",
            "activation-applied-twice",
        }
        for lent in ("_lent_y", "_lent_x"):
            yield node, labels, expression(f"self.{lent}")
        for name in attributes_of(obj):
            value = getattr(obj, name, None)
            if (
                name != node.attr
                and isinstance(value, np.ndarray)
                and value.dtype.kind == "f"
                and not name.startswith("_lent")
            ):
                yield node, labels, expression(f"self.{name}")
        if held.ndim >= 2:
            yield node, {"missing-weight-transpose", "reshape-instead-of-transpose"}, turn(node)
            flipped = expression(f"self.{node.attr}[..., ::-1, ::-1]")
            yield node, {"kernel-not-flipped"}, flipped
        if held.ndim == 1:
            yield node, {"kernel-not-flipped"}, expression(f"self.{node.attr}[::-1]")
    elif isinstance(node, ast.Name) and node.id not in ("self", "np"):
        local = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        if node.id in local:
            for lent in ("_lent_x", "_lent_y"):
                yield node, {"uses-input-for-output", "uses-output-for-input"}, expression(f"self.{lent}")


def results(function: Function) -> list[ast.expr]:
    """Give the expressions that are assigned or returned."""
    found: list[ast.expr] = []
    for node in ast.walk(function):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.Return)) and node.value is not None:
            found += node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    return found


def dout_name(function: Function) -> str | None:
    """Give the name of the argument that is dout."""
    arguments = [a.arg for a in function.args.args if a.arg != "self"]
    return arguments[-1] if arguments else None
