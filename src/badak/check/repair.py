"""Where is the slip? Try small changes to the user's backward, in memory, and see which one makes the
gradient right.

A change that repairs every gradient measured is evidence of the strongest kind: it shows the line, and
what to write
there. The user's file is never touched. The changes are those of the slips that people make: a factor, an
axis, a transpose, an `=` for a `+=`, a name for another.
"""

from __future__ import annotations

import ast
import copy
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from badak.check.causes.case import Case, close
from badak.check.source import Function, called_name, is_self
from badak.check.subject import UserError, attributes_of, get_path

if TYPE_CHECKING:
    from badak.check.contract import Examination

SECONDS = 1.2  # of this process: a busy machine must not change the answer
Change = tuple[ast.AST, set[str], ast.AST]  # the node, the causes this change is the repair of, what replaces it


@dataclass
class Repair:
    """A change that makes the gradient right: its line, the cause it repairs, the code before and after."""

    line: int
    label: str | None
    before: str
    after: str
    labels: set[str] = field(default_factory=set)


def search(exam: Examination, case: Case, label: str | None, also: Sequence[Case] = ()) -> Repair | None:
    """Give the repair that fits `label` best, or any that works; None where none does or there is no
    source."""
    subject = case.subject
    if subject.source is None or subject.namespace is None or case.n[0].size > 4000:
        return None
    deadline = time.process_time() + SECONDS
    method = "gradient" if subject.protocol == "network" else "backward"
    functions = subject.source.reached(subject.name, method)
    found: list[tuple[int, Repair]] = []
    for owner, function in functions:
        changes = list(_changes(function, case, method))
        changes.sort(key=lambda change: label is not None and label not in change[1])
        for node, labels, replacement in changes:
            if time.process_time() > deadline or subject.expired():
                break
            if label is not None and found and label not in labels:
                break
            changed = _replaced(function, node, replacement)
            if changed is None or not _works([case, *also], owner, changed):
                continue
            rank = 0 if label is None or label in labels else 1
            cause = next(iter(sorted(labels)), None) if len(labels) == 1 else None
            place = getattr(node, "lineno", function.lineno)
            found.append((rank, Repair(place, cause, _words(node), _words(replacement), labels)))
            if rank == 0:
                return found[-1][1]
    found.sort(key=lambda pair: pair[0])
    return found[0][1] if found else None


def _words(node: ast.AST) -> str:
    try:
        return ast.unparse(ast.fix_missing_locations(node)).splitlines()[0]
    except Exception:
        return ""


def _replaced(function: Function, node: ast.AST, replacement: ast.AST) -> Function | None:
    """Give a copy of the function in which one node is replaced."""
    if isinstance(replacement, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return replacement
    nodes = list(ast.walk(function))
    try:
        place = next(i for i, n in enumerate(nodes) if n is node)
    except StopIteration:
        return None
    twin = copy.deepcopy(function)
    target = list(ast.walk(twin))[place]
    new = copy.deepcopy(replacement)
    for parent in ast.walk(twin):
        for name, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, name, new)
                return twin
            if isinstance(value, list):
                for i, item in enumerate(value):
                    if item is target:
                        value[i] = new
                        return twin
    return None


def _works(cases: list[Case], owner: str | None, function: Function) -> bool:
    """Run with the changed function and compare the gradient with the slopes."""
    subject = cases[0].subject
    namespace = subject.namespace
    assert namespace is not None
    function.decorator_list = []
    module = ast.fix_missing_locations(ast.Module([function], []))
    scope: dict[str, Any] = {}
    try:
        exec(compile(module, "<repair>", "exec", dont_inherit=True), namespace, scope)
    except Exception:
        return False
    new = scope[function.name]
    holder: Any = None
    if owner is not None:
        holder = next((k for k in subject.kind.__mro__ if function.name in vars(k)), None)
        if holder is None:
            return False
        old = vars(holder)[function.name]
        setattr(holder, function.name, new)
    else:
        old = namespace.get(function.name)
        namespace[function.name] = new
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return all(_right(case, i) for case in cases for i in range(len(case.douts)))
    except (UserError, ValueError, TypeError, IndexError):
        return False
    finally:
        if owner is not None:
            setattr(holder, function.name, old)
        else:
            namespace[function.name] = old


def _right(case: Case, place: int) -> bool:
    subject = case.subject
    obj = subject.fresh()
    _lend(obj, case)
    dout = None if subject.protocol in ("loss", "network") else case.douts[place]
    result = subject.run(dout, obj=obj)
    if subject.protocol != "network" and case.is_input:
        got = result.dx[0 if case.quantity == "x" else 1]
    else:
        got = result.grads.get(case.quantity)
    return got is not None and close(got, case.n[place], 1e-6)


def _lend(obj: Any, case: Case) -> None:
    """Let changed code read the input and the output, which the user's code may not have kept."""
    if hasattr(obj, "__dict__"):
        obj.__dict__["_lent_x"] = np.array(case.x)
        obj.__dict__["_lent_y"] = np.array(case.y)


# The changes --------------------------------------------------------------------------------------


def _expression(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


def _changes(function: Function, case: Case, method: str) -> Iterator[Change]:
    yield from _statements(function)
    argument = _dout_name(function)
    names = _numbers(case)
    values = _results(function)
    for node in ast.walk(function):
        if isinstance(node, ast.expr) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            yield from _expressions(node, function, case)
    for node in values:
        yield from _whole(node, argument, names, case)
    for node in ast.walk(function):
        if isinstance(node, (ast.Name, ast.Attribute)) and isinstance(node.ctx, ast.Load):
            yield from _names(node, function, case)
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id not in ("self", "np"):
            for name in names[:8]:
                yield (
                    node,
                    {"missing-gamma", "missing-mask", "missing-scale"},
                    ast.BinOp(node, ast.Mult(), _expression(f"self.{name}")),
                )


def _dout_name(function: Function) -> str | None:
    arguments = [a.arg for a in function.args.args if a.arg != "self"]
    return arguments[-1] if arguments else None


def _numbers(case: Case) -> list[str]:
    """Give the attributes that hold arrays or numbers, parameters first."""
    obj = case.passes[0].obj
    first = [p.name for p in case.subject.parameters if p.name.isidentifier()]
    rest = [n for n in attributes_of(obj) if isinstance(getattr(obj, n, None), (np.ndarray, float, np.floating))]
    return [n for n in dict.fromkeys(first + rest) if n.isidentifier()]


def _results(function: Function) -> list[ast.expr]:
    """Give the expressions that are assigned or returned."""
    found: list[ast.expr] = []
    for node in ast.walk(function):
        if isinstance(node, (ast.Assign, ast.AugAssign, ast.Return)) and node.value is not None:
            found += node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
    return found


def _statements(function: Function) -> Iterator[Change]:
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
                    _expression("__import__('numpy').add.at"),
                    [_as_load(target.value), target.slice, node.value],
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
                    _expression("__import__('numpy').add.at"),
                    [_as_load(added.target.value), added.target.slice, added.value],
                    [],
                )
            )
            yield added, {"overwrites-instead-of-accumulates"}, at
    yield from _returns(function)


def _as_load(node: ast.expr) -> ast.expr:
    twin = copy.deepcopy(node)
    for part in ast.walk(twin):
        if hasattr(part, "ctx"):
            part.ctx = ast.Load()
    return twin


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


def _expressions(node: ast.expr, function: Function, case: Case) -> Iterator[Change]:
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
                ast.BinOp(node.left, ast.Div(), _expression(size)),
            )
    elif isinstance(node.op, ast.Mult):
        yield node, scales | {"adds-weight-decay-to-grad"}, node.left
        yield node, scales | {"adds-weight-decay-to-grad"}, node.right
        yield node, {"missing-gamma"}, ast.BinOp(node.left, ast.Div(), node.right)
    elif isinstance(node.op, (ast.Add, ast.Sub)):
        added = isinstance(node.op, ast.Add)
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


def _turn(node: ast.expr) -> ast.expr:
    return ast.Attribute(node, "T", ast.Load())


def _products(node: ast.expr, p: ast.expr, q: ast.expr, product: Any) -> Iterator[Change]:
    labels = {"transposed-weight-grad", "missing-weight-transpose", "reshape-instead-of-transpose"}
    yield node, labels, product(_turn(p), q)
    yield node, labels, product(p, _turn(q))
    yield node, labels, _turn(product(p, q))
    yield node, labels, product(q, p)
    for left, right in ((p, q), (q, p)):
        if isinstance(left, ast.Call) and called_name(left) == "reshape" and isinstance(left.func, ast.Attribute):
            yield (
                node,
                {"reshape-instead-of-transpose"},
                product(_turn(left.func.value), right) if left is p else product(right, _turn(left.func.value)),
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
        yield node, {"mask-from-dout"}, ast.Compare(_expression(lent), node.ops, node.comparators)
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
        yield node, {"mask-from-dout"}, _expression(gate)
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
                ast.keyword("axis", _expression(axis)),
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
    for name in _numbers(case):
        if np.size(get_path(case.passes[0].obj, (("a", name),))) == 1:
            yield node, {"forward-backward-constant-mismatch"}, _expression(f"self.{name}")
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


def _whole(node: ast.expr, argument: str | None, names: list[str], case: Case) -> Iterator[Change]:
    if argument is not None:
        yield (
            node,
            {"ignores-dout", "ignores-dout-where-negative"},
            ast.BinOp(_expression(argument), ast.Mult(), node),
        )
        yield node, {"missing-branch-grad"}, ast.BinOp(node, ast.Add(), _expression(argument))
    yield node, {"sign-flip"}, ast.UnaryOp(ast.USub(), node)
    reshape = ast.Attribute(node, "reshape", ast.Load())
    yield node, {"wrong-shape-dx"}, ast.Call(reshape, [_expression("self._lent_x.shape")], [])
    for crop in ("[..., 1:-1, 1:-1]", "[..., 2:-2, 2:-2]", "[..., 1:-1]"):
        yield node, {"wrong-shape-dx"}, _expression(f"({ast.unparse(node)}){crop}")
    for text in ("2", "0.5"):
        yield node, {"missing-factor-two", "factor-two"}, ast.BinOp(_expression(text), ast.Mult(), node)
    for size in ("len(self._lent_x)", "self._lent_x.size", "self._lent_x.shape[-1]", "4"):
        yield (
            node,
            {"missing-batch-mean", "missing-scale", "wrong-mean-count"},
            ast.BinOp(node, ast.Div(), _expression(size)),
        )
        yield (
            node,
            {"divides-by-batch-twice", "mean-instead-of-sum", "extra-batch-division"},
            ast.BinOp(node, ast.Mult(), _expression(size)),
        )
    for name in names[:8]:
        attribute = _expression(f"self.{name}")
        yield node, {"missing-gamma", "missing-mask", "missing-scale"}, ast.BinOp(node, ast.Mult(), attribute)
        yield node, {"missing-scale", "uses-raw-input-for-normalised"}, ast.BinOp(node, ast.Div(), attribute)
        yield node, {"missing-scale"}, ast.BinOp(node, ast.Div(), _expression(f"(1 - self.{name})"))
    if isinstance(node, (ast.Name, ast.Attribute, ast.Call, ast.BinOp)):
        yield node, {"transposed-weight-grad"}, _turn(node)


def _names(node: ast.Name | ast.Attribute, function: Function, case: Case) -> Iterator[Change]:
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
            yield node, labels, _expression(f"self.{lent}")
        for name in attributes_of(obj):
            value = getattr(obj, name, None)
            if (
                name != node.attr
                and isinstance(value, np.ndarray)
                and value.dtype.kind == "f"
                and not name.startswith("_lent")
            ):
                yield node, labels, _expression(f"self.{name}")
        if held.ndim >= 2:
            yield node, {"missing-weight-transpose", "reshape-instead-of-transpose"}, _turn(node)
            flipped = _expression(f"self.{node.attr}[..., ::-1, ::-1]")
            yield node, {"kernel-not-flipped"}, flipped
        if held.ndim == 1:
            yield node, {"kernel-not-flipped"}, _expression(f"self.{node.attr}[::-1]")
    elif isinstance(node, ast.Name) and node.id not in ("self", "np"):
        local = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        if node.id in local:
            for lent in ("_lent_x", "_lent_y"):
                yield node, {"uses-input-for-output", "uses-output-for-input"}, _expression(f"self.{lent}")
