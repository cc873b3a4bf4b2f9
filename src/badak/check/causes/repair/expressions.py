"""Changes inside an expression: an operator, an axis, a transpose, a constant."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.causes.repair.syntax import Change, expression, numbers, turn
from badak.check.source import Function, called_name
from badak.check.subject import get_path


def expressions(node: ast.expr, function: Function, case: Case) -> Iterator[Change]:
    """Give the changes to one expression."""
    if isinstance(node, ast.BinOp):
        yield from _operations(node)
    elif isinstance(node, ast.UnaryOp):
        labels = {"sign-flip"} if isinstance(node.op, ast.USub) else {"inverted-mask"}
        yield node, labels, node.operand
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield from _comparisons(node)
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.Constant):
        yield from _constants(node, function, case)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield node, {"transposed-weight-grad", "missing-weight-transpose", "kernel-not-flipped"}, node.value
    elif isinstance(node, ast.Subscript) and ":" in ast.unparse(node.slice) and "-1" in ast.unparse(node.slice):
        yield node, {"kernel-not-flipped"}, node.value
    if isinstance(node, ast.Call) and node.args and called_name(node) == "where" and len(node.args) == 3:
        a, b, c = node.args
        yield node, {"inverted-mask"}, ast.Call(node.func, [a, c, b], [])
        for name in ("dout",):
            if isinstance(b, (ast.Constant, ast.Attribute, ast.Name)):
                yield (
                    node,
                    {"ignores-dout-where-negative"},
                    ast.Call(node.func, [a, ast.BinOp(b, ast.Mult(), ast.Name(name, ast.Load())), c], []),
                )
            if isinstance(c, (ast.Constant, ast.Attribute, ast.Name)):
                yield (
                    node,
                    {"ignores-dout-where-negative"},
                    ast.Call(node.func, [a, b, ast.BinOp(c, ast.Mult(), ast.Name(name, ast.Load()))], []),
                )


def is_derivative(node: ast.expr) -> bool:
    """Tell whether an expression looks like an activation's derivative: z * (1 - z), z > 0, sigmoid_grad(z)."""
    if isinstance(node, ast.Call):
        return re.search(r"grad|deriv|prime", called_name(node)) is not None
    if isinstance(node, ast.Compare):
        return len(node.ops) == 1 and isinstance(node.ops[0], (ast.Gt, ast.GtE))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub):
        return isinstance(node.left, ast.Constant) and node.left.value == 1
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult) and is_derivative(node.right)


def _divisions(node: ast.BinOp, scales: set[str]) -> Iterator[Change]:
    yield node, scales, node.left
    yield node, {"missing-scale"}, ast.BinOp(node.left, ast.Mult(), node.right)
    sizes = (
        "len(self._lent_x)",
        "self._lent_x.size",
        "self._lent_x.shape[-1]",
        "1.0",
        "(self._lent_x.size * 1.0)",
    )
    for size in sizes:
        yield (
            node,
            {
                "divides-by-wrong-axis",
                "wrong-mean-count",
                "missing-batch-mean",
                "one-d-divides-by-classes",
            },
            ast.BinOp(node.left, ast.Div(), expression(size)),
        )


def _operations(node: ast.BinOp) -> Iterator[Change]:
    scales = {
        "divides-by-batch-twice",
        "factor-two",
        "missing-batch-mean",
        "mean-instead-of-sum",
        "wrong-mean-count",
        "divides-by-wrong-axis",
        "one-d-divides-by-classes",
        "missing-scale",
        "extra-sigmoid-derivative",
        "extra-batch-division",
        "missing-factor-two",
    }
    if isinstance(node.op, (ast.Div, ast.FloorDiv)):
        yield from _divisions(node, scales)
    elif isinstance(node.op, ast.Mult):
        for derivative, rest in ((node.left, node.right), (node.right, node.left)):
            if is_derivative(derivative):
                yield node, {"activation-derivative-twice"}, rest
        yield node, {"elementwise-product"}, ast.BinOp(node.left, ast.MatMult(), node.right)
        yield node, scales | {"adds-weight-decay-to-grad"}, node.left
        yield node, scales | {"adds-weight-decay-to-grad"}, node.right
        yield node, {"missing-gamma"}, ast.BinOp(node.left, ast.Div(), node.right)
    elif isinstance(node.op, (ast.Add, ast.Sub)):
        added = isinstance(node.op, ast.Add)
        if not added:
            yield node, {"subtracts-parameter"}, node.left
        yield node, {"adds-weight-decay-to-grad", "wrong-derivative-formula"}, node.left
        yield node, {"adds-weight-decay-to-grad", "wrong-derivative-formula"}, node.right
        yield (
            node,
            {"wrong-derivative-formula"},
            ast.BinOp(node.left, ast.Sub() if added else ast.Add(), node.right),
        )
        if not added:
            yield node, {"sign-flip"}, ast.BinOp(node.right, ast.Sub(), node.left)
    elif isinstance(node.op, ast.MatMult):
        yield from _products(node, node.left, node.right, lambda p, q: ast.BinOp(p, ast.MatMult(), q))
    elif isinstance(node.op, ast.Pow):
        yield node, {"wrong-derivative-formula"}, node.left
        for power in (1, 2, 3):
            yield node, {"wrong-derivative-formula"}, ast.BinOp(node.left, ast.Pow(), ast.Constant(power))


def _products(node: ast.expr, p: ast.expr, q: ast.expr, product: Any) -> Iterator[Change]:
    labels = {"transposed-weight-grad", "missing-weight-transpose", "reshape-instead-of-transpose"}
    yield node, labels, product(turn(p), q)
    yield node, labels, product(p, turn(q))
    yield node, labels, turn(product(p, q))
    yield node, labels, product(q, p)
    for left, right in ((p, q), (q, p)):
        if isinstance(left, ast.Call) and called_name(left) == "reshape" and isinstance(left.func, ast.Attribute):
            yield (
                node,
                {"reshape-instead-of-transpose"},
                product(turn(left.func.value), right) if left is p else product(right, turn(left.func.value)),
            )


def _comparisons(node: ast.Compare) -> Iterator[Change]:
    flips: dict[type, type] = {
        ast.Gt: ast.LtE,
        ast.LtE: ast.Gt,
        ast.Lt: ast.GtE,
        ast.GtE: ast.Lt,
        ast.Eq: ast.NotEq,
        ast.NotEq: ast.Eq,
    }
    flip = flips.get(type(node.ops[0]))
    if flip is not None:
        yield node, {"inverted-mask"}, ast.Compare(node.left, [flip()], node.comparators)
    for lent in ("self._lent_x", "self._lent_y"):
        yield node, {"mask-from-dout"}, ast.Compare(expression(lent), node.ops, node.comparators)
    yield node, {"inverted-mask"}, node.left


def _calls(node: ast.Call) -> Iterator[Change]:
    name = called_name(node)
    inner = node.args[0] if node.args else None
    method = isinstance(node.func, ast.Attribute) and not (
        isinstance(node.func.value, ast.Name) and node.func.value.id in ("np", "numpy")
    )
    value = node.func.value if isinstance(node.func, ast.Attribute) and method else inner
    if value is not None and name in ("clip", "minimum"):
        yield node, {"clips-gradient"}, value
    if value is not None and name in ("round", "around", "rint", "floor", "trunc"):
        yield node, {"rounds-gradient", "dtype-downcast"}, value
    if value is not None and name in ("astype", "float16", "float32", "int32", "int64"):
        yield node, {"dtype-downcast"}, value
    if name in ("mean", "sum", "average"):
        yield from _reductions(node, name, value)
    if name == "maximum" and len(node.args) == 2:
        gate = f"(__import__('numpy').asarray(self._lent_x) > 0) * {ast.unparse(node.args[1])}"
        yield node, {"mask-from-dout"}, expression(gate)
    if name in ("dot", "matmul") and len(node.args) == 2:
        yield from _products(node, node.args[0], node.args[1], lambda p, q: ast.Call(node.func, [p, q], []))
    elif name == "dot" and method and inner is not None and value is not None:
        yield from _products(node, value, inner, lambda p, q: ast.BinOp(p, ast.MatMult(), q))
    if (
        inner is not None
        and len(node.args) == 1
        and name not in ("sum", "mean", "reshape", "transpose", "len", "range")
    ):
        yield node, {"activation-applied-twice", "wrong-derivative-formula"}, inner
    if name in ("zeros_like", "empty_like") and inner is not None:
        yield (
            node,
            {"dtype-downcast"},
            ast.Call(node.func, [inner], [ast.keyword("dtype", ast.Name("float", ast.Load()))]),
        )


def _reductions(node: ast.Call, name: str, value: ast.expr | None) -> Iterator[Change]:
    other = "sum" if name != "sum" else "mean"
    if isinstance(node.func, ast.Attribute):
        yield (
            node,
            {"mean-instead-of-sum", "wrong-mean-count", "divides-by-batch-twice"},
            ast.Call(ast.Attribute(node.func.value, other, ast.Load()), node.args, node.keywords),
        )
    rest = [k for k in node.keywords if k.arg not in ("axis", "keepdims")]
    inside = (
        [value] if value is not None and not (isinstance(node.func, ast.Attribute) and value is node.func.value) else []
    )
    for axis in ("0", "1", "-1", "(0, 2, 3)", "(0, 1)", "None"):
        for keep in (False, True):
            keywords = [
                *rest,
                ast.keyword("axis", expression(axis)),
                ast.keyword("keepdims", ast.Constant(keep)),
            ]
            yield (
                node,
                {"wrong-axis-reduction", "wrong-axis-bias", "bias-sums-everything"},
                ast.Call(node.func, inside, keywords),
            )


def _constants(node: ast.Constant, function: Function, case: Case) -> Iterator[Change]:
    if isinstance(node.value, str):
        words = {n.value for n in ast.walk(function) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
        for word in sorted(words - {node.value}):
            yield node, {"duplicate-param-grad", "swapped-param-grads"}, ast.Constant(word)
        return
    if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
        return
    for name in numbers(case):
        if np.size(get_path(case.passes[0].obj, (("a", name),))) == 1:
            yield node, {"forward-backward-constant-mismatch"}, expression(f"self.{name}")
    source = case.subject.source
    forward = source.method(case.subject.name, "forward") if source else None
    used = (
        {n.value for n in ast.walk(forward) if isinstance(n, ast.Constant) and isinstance(n.value, (int, float))}
        if forward
        else set()
    )
    for value in [*sorted(used - {node.value}), 0.5, 1, 2, 3, 4]:
        if value != node.value:
            yield (
                node,
                {
                    "forward-backward-constant-mismatch",
                    "wrong-derivative-formula",
                    "factor-two",
                    "missing-factor-two",
                },
                ast.Constant(value),
            )
