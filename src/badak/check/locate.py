# ruff: noqa: SIM102
"""Where the slip is: for each cause, the line of the user's file that shows it.

Two kinds of evidence: what the running code did (the line that writes into a read-only array, the line that
overflows), and what the syntax tree says (the line that assigns self.dW). Repairs (`repair`) give the rest.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np

from badak.check.copying import clone, walk
from badak.check.findings import Finding
from badak.check.source import (
    Source,
    assignments,
    attribute_lines,
    called_name,
    find_line,
    first_line,
    gradient_line,
    has_keyword_axis,
    is_self,
    names_quantity,
    root,
)
from badak.check.subject import Examinee, Subject, UserError, attributes_of

# Causes of a wrong gradient whose line is best found by trying repairs.
REPAIRABLE = {
    "divides-by-batch-twice", "divides-by-wrong-axis", "factor-two", "mean-instead-of-sum",
    "missing-batch-mean",
    "missing-factor-two", "missing-scale", "wrong-mean-count", "one-d-divides-by-classes", "sign-flip",
    "clips-gradient", "rounds-gradient", "ignores-dout", "ignores-dout-where-negative", "missing-branch-grad",
    "inverted-mask", "missing-mask",
    "mask-from-dout", "early-return", "overwrites-instead-of-accumulates", "wrong-derivative-formula",
    "forward-backward-constant-mismatch", "uses-input-for-output", "uses-output-for-input",
    "activation-applied-twice",
    "missing-product-rule-term", "softmax-diagonal-only", "wrong-axis-reduction", "wrong-axis-bias",
    "missing-gamma", "uses-raw-input-for-normalised", "missing-weight-transpose", "transposed-weight-grad",
    "reshape-instead-of-transpose",
    "kernel-not-flipped", "swapped-inputs", "swapped-param-grads", "duplicate-param-grad",
    "adds-weight-decay-to-grad",
    "regulariser-missing-from-grad", "extra-sigmoid-derivative", "stats-treated-as-constants",
    "missing-mean-path", "missing-variance-path", "forward-backward-formula-mismatch",
    "missing-correct-class-grad",
}  # fmt: skip


def place(subject: Subject, finding: Finding) -> None:
    """Put method and line into a finding that has none, as far as the source tells."""
    source = subject.source
    if source is None or finding.line is not None:
        return
    rule = RULES.get(finding.label)
    try:
        line = rule(subject, finding) if rule is not None else None
    except (UserError, ValueError, TypeError, IndexError):
        line = None
    if line is None and finding.method is not None and rule is not _nowhere:
        if finding.method == getattr(subject, "backward_name", "") and finding.quantity is not None:
            inputs = finding.quantity in subject.input_names
            line = gradient_line(source, subject.name, finding.method, finding.quantity, inputs)
        if line is None:
            node = source.method(subject.name, finding.method)
            line = first_line(node) if node is not None else None
    finding.line = line
    if line is not None:
        owner, function = source.enclosing(line)
        if owner is not None and function is not None and finding.label not in ("missing-method", "undefined-name"):
            finding.method = function


def _nowhere(subject: Subject, finding: Finding) -> int | None:
    return None


def _def_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    node = subject.source.method(subject.name, finding.method or "")
    return node.lineno if node is not None else _class_line(subject, finding)


def _misspelled(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    node = subject.source.method(subject.name, str(finding.values.get("near")))
    if node is not None:
        finding.method = str(finding.values.get("name"))
    return node.lineno if node is not None else None


def _class_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    node = subject.source.class_node(subject.name)
    # A method is added at the end.
    return node.end_lineno if node is not None else None


def _last_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    node = subject.source.method(subject.name, finding.method or "")
    return node.end_lineno if node is not None else None


def _first_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    node = subject.source.method(subject.name, finding.method or "")
    return first_line(node) if node is not None else None


def names_read(subject: Subject, method: str) -> list[str]:
    """Give the attributes of self that a method (and what it calls) reads."""
    if subject.source is None:
        return []
    found = []
    for _, function in subject.source.reached(subject.name, method):
        for node in ast.walk(function):
            if isinstance(node, ast.Attribute) and is_self(node.value) and isinstance(node.ctx, ast.Load):
                found.append(node.attr)
    return list(dict.fromkeys(found))


def _cache_store(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    near = finding.values.get("near")
    node = subject.source.method(subject.name, "forward")
    if node is None:
        return None
    lines = attribute_lines(node, str(near)) if near else []
    return lines[0] if lines else first_line(node)


def _local_gradient(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    node = subject.source.method(subject.name, finding.method or "backward")
    if node is None:
        return None
    lines = [s.lineno for s, t in assignments(node) if names_quantity(t, (finding.quantity or "").split(".")[-1])]
    return lines[-1] if lines else node.end_lineno


def written_line(subject: Subject, method: str, which: str) -> int | None:
    """Run once with a read-only array ('x', 't', 'dout', 'cache', 'params'); the line that writes into it
    raises."""
    obj = subject.fresh()
    x, second = clone(subject.x), clone(subject.second)
    if which == "x":
        _freeze(x)
    elif which == "second":
        _freeze(second)
    try:
        if method == subject.forward_name:
            if which == "params":
                _freeze_all(obj)
            subject.forward(obj, x, second)
            return None
        if subject.runs_forward_itself:
            if which == "params":
                _freeze_all(obj)
            subject.backward(obj, None, x, second)
            return None
        y = subject.forward(obj, x, second)
        dout = subject.default_dout(y)
        if which == "dout":
            _freeze(dout)
        elif which in ("params", "cache"):
            _freeze_all(obj)
        subject.backward(obj, dout, x, second)
    except UserError as failure:
        if "read-only" in str(failure.error) or "read only" in str(failure.error):
            return failure.line
    return None


def _freeze(value: Any) -> None:
    if isinstance(value, np.ndarray):
        value.flags.writeable = False


def _freeze_all(obj: Any) -> None:
    walk(obj, _freeze)


def _writes(which: str, method: str | None = None) -> Callable[[Subject, Finding], int | None]:
    def rule(subject: Subject, finding: Finding) -> int | None:
        kind = which if which != "x" or finding.quantity != "y" else "second"
        return written_line(subject, method or finding.method or "forward", kind)

    return rule


def _updated_parameter(subject: Subject, finding: Finding) -> int | None:
    line = written_line(subject, finding.method or "backward", "params")
    if line is not None:
        return line
    assert subject.source is not None
    node = subject.source.method(subject.name, finding.method or "backward")
    lines = attribute_lines(node, (finding.quantity or "").split(".")[-1]) if node is not None else []
    return lines[0] if lines else None


def _cached_attribute(subject: Subject, finding: Finding) -> int | None:
    """The line of forward that keeps something: the attribute that did not change at a second forward."""
    assert subject.source is not None
    node = subject.source.method(subject.name, "forward")
    if node is None:
        return None
    obj = subject.fresh()
    subject.forward(obj, clone(subject.x), clone(subject.second))
    held = {n: clone(getattr(obj, n, None)) for n in attributes_of(obj)}
    moved = subject.x * 0.7 + 0.1
    subject.forward(obj, moved, clone(subject.second))
    read = names_read(subject, "backward")
    for name in read:
        value = getattr(obj, name, None)
        before = held.get(name)
        if isinstance(value, np.ndarray) and isinstance(before, np.ndarray) and np.array_equal(value, before):
            lines = attribute_lines(node, name)
            if lines:
                return lines[0]
    conditional = [n for n in ast.walk(node) if isinstance(n, ast.If)]
    return conditional[0].lineno if conditional else first_line(node)


def _class_attribute(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    name = str(finding.values.get("name") or "")
    for _, function in subject.source.reached(subject.name, "forward"):
        for statement, target in assignments(function):
            node = root(target)
            if isinstance(node, ast.Attribute) and (
                node.attr == name or (isinstance(node.value, ast.Name) and node.value.id == subject.name)
            ):
                return statement.lineno
    owner = subject.source.class_node(subject.name)
    for item in owner.body if owner else []:
        if isinstance(item, (ast.Assign, ast.AnnAssign)) and any(getattr(t, "id", "") == name for t in _single(item)):
            return item.lineno
    return None


def _single(statement: ast.Assign | ast.AnnAssign) -> list[ast.expr]:
    return statement.targets if isinstance(statement, ast.Assign) else [statement.target]


def _initial_copy(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    name = str(finding.values.get("name") or "")
    for method in ("__init__", "build", "forward"):
        node = subject.source.method(subject.name, method)
        lines = attribute_lines(node, name) if node is not None and name else []
        if lines:
            return lines[0]
    return None


def _calls(method: str, wanted: Callable[[ast.AST], bool]) -> Callable[[Subject, Finding], int | None]:
    def rule(subject: Subject, finding: Finding) -> int | None:
        assert subject.source is not None
        return find_line(subject.source.reached(subject.name, method), wanted)

    return rule


def _draws(node: ast.AST) -> bool:
    text = ast.unparse(node) if isinstance(node, ast.Call) else ""
    return text.startswith(("np.random.", "numpy.random.", "random."))


def _reduction_on(*axes: Any) -> Callable[[ast.AST], bool]:
    return lambda node: (
        called_name(node) in ("mean", "sum", "var", "std", "max", "softmax", "average")
        and has_keyword_axis(node, *axes)
    )


def _softmax_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    functions = subject.source.reached(subject.name, "forward")
    hits = []
    for _, function in functions:
        hits += [
            n.lineno
            for n in ast.walk(function)
            if isinstance(n, ast.Call) and called_name(n) == "sum" and has_keyword_axis(n, 0)
        ]
    return hits[-1] if hits else find_line(functions, lambda n: called_name(n) in ("sum", "exp"))


def _loss_expression(subject: Subject, finding: Finding) -> int | None:
    """The line that reduces the loss: the last sum of forward and what it calls."""
    assert subject.source is not None
    functions = subject.source.reached(subject.name, "forward")
    lines = []
    for _, function in functions:
        for node in ast.walk(function):
            if (
                isinstance(node, ast.Return)
                and node.value is not None
                and any(called_name(n) == "sum" for n in ast.walk(node.value))
            ):
                lines.append(node.lineno)
    if lines:
        return lines[-1]
    return find_line(list(reversed(functions)), lambda n: called_name(n) == "sum")


def _first_forward_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    node = subject.source.method(subject.name, "forward")
    return first_line(node) if node is not None else None


def _broadcast_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    functions = subject.source.reached(subject.name, "forward")
    return find_line(functions, lambda n: isinstance(n, ast.BinOp) and isinstance(n.op, ast.Sub)) or find_line(
        functions, lambda n: called_name(n) == "subtract"
    )


def _reshape_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    node = subject.source.method(subject.name, "forward")
    if node is None:
        return None
    names = ("reshape", "transpose", "zeros", "empty")
    hits = [n.lineno for n in ast.walk(node) if isinstance(n, ast.Call) and called_name(n) in names]
    return max(hits) if hits else None


def _running_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    name = str(finding.values.get("name") or "")
    for _, function in subject.source.reached(subject.name, "forward"):
        lines = attribute_lines(function, name)
        if lines:
            return lines[0]
    return None


def _mask_line(subject: Subject, finding: Finding) -> int | None:
    """The line that draws the mask."""
    assert subject.source is not None
    functions = subject.source.reached(subject.name, "forward")
    names = ("rand", "random", "random_sample", "uniform", "binomial", "choice", "integers", "bernoulli")
    return find_line(functions, lambda n: called_name(n) in names)


def _mask_use(subject: Subject, finding: Finding) -> int | None:
    """The line after the mask is drawn, between it and the answer given at test time."""
    drawn = _mask_line(subject, finding)
    return drawn + 1 if drawn is not None else None


def _modulus_target(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    name = str(finding.values.get("name") or "")
    owner = subject.source.class_node(subject.name)
    lines = attribute_lines(owner, name) if owner is not None else []
    return lines[0] if lines else None


def is_modulus(subject: Examinee, name: str) -> bool:
    """Tell whether the class computes `... % self.name`."""
    if subject.source is None:
        return "per_epoch" in name
    owner = subject.source.class_node(subject.name)
    for node in ast.walk(owner) if owner is not None else []:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and getattr(node.right, "attr", "") == name:
            return True
    return "per_epoch" in name


def _accuracy_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    functions = subject.source.reached(subject.name, "accuracy")
    return find_line(functions, lambda n: called_name(n) in ("argmax", "max") and has_keyword_axis(n, 0)) or find_line(
        functions, lambda n: called_name(n) == "argmax"
    )


def _redraw_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    names = ("rand", "random", "random_sample", "uniform", "binomial", "choice", "integers", "randn")
    return find_line(subject.source.reached(subject.name, "backward"), lambda n: called_name(n) in names)


def _accumulating_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    quantity = (finding.quantity or "").split(".")[-1]
    for _, function in subject.source.reached(subject.name, finding.method or "backward"):
        for statement, target in assignments(function):
            if isinstance(statement, ast.AugAssign) and names_quantity(target, quantity):
                return statement.lineno
        for statement, target in assignments(function):
            if names_quantity(target, quantity):
                return statement.lineno
    return None


def _rounding_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    return find_line(
        subject.source.reached(subject.name, "forward"),
        lambda n: called_name(n) in ("round", "around", "rint", "round_", "format"),
    )


def _downcast_line(subject: Subject, finding: Finding) -> int | None:
    """Where the narrow type comes from: a cast, an integer buffer, an array made of integers."""
    assert subject.source is not None
    source = subject.source
    functions = (
        source.reached(subject.name, "forward")
        + source.reached(subject.name, "backward")
        + source.reached(subject.name, "__init__")
    )
    narrow = ("float16", "half", "float32", "int32", "int64", "int", "int8", "uint8", "int16")

    def casts(node: ast.AST) -> bool:
        if called_name(node) not in (
            "astype",
            "float16",
            "float32",
            "array",
            "asarray",
            "zeros",
            "empty",
            "rint",
            "int64",
            "full",
        ):
            return False
        words = {getattr(n, "attr", getattr(n, "id", getattr(n, "value", ""))) for n in ast.walk(node) if n is not node}
        return bool({w for w in words if isinstance(w, str)} & set(narrow))

    line = find_line(functions, casts)
    if line is not None:
        return line
    if finding.values.get("kind") == "int":
        # The buffer takes its type from W: the slip is where W is made, or else the buffer.
        for parameter in subject.parameters:
            if np.asarray(subject.value(parameter.name)).dtype.kind in "iu":
                node = source.method(subject.name, "__init__")
                lines = attribute_lines(node, parameter.name.split(".")[-1]) if node is not None else []
                if lines:
                    return lines[0]
        return find_line(list(reversed(functions)), lambda n: called_name(n) in ("zeros_like", "empty_like"))
    return None


def _ignored_parameter(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    node = subject.source.method(subject.name, subject.predict_name) or subject.source.method(
        subject.name, subject.forward_name
    )
    if node is None:
        return None
    hits = [
        n.lineno for n in ast.walk(node)
        if (isinstance(n, ast.Call) and called_name(n) in ("dot", "matmul"))
        or (isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult))
    ]  # fmt: skip
    return hits[-1] if hits else first_line(node)


def _zero_weights(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    node = subject.source.method(subject.name, "__init__")
    if node is None:
        return None
    for statement, target in assignments(node):
        value = getattr(statement, "value", None)
        key = target.slice if isinstance(target, ast.Subscript) else None
        named = isinstance(key, ast.Constant) and str(key.value).lower().startswith("w")
        if (named or (isinstance(target, ast.Attribute) and target.attr.lower().startswith("w"))) and value is not None:
            if any(called_name(n) in ("zeros", "zeros_like", "ones", "full") for n in ast.walk(value)):
                return statement.lineno
    return find_line([(subject.name, node)], lambda n: called_name(n) in ("zeros", "zeros_like", "full", "ones"))


def _shared_instance(subject: Subject, finding: Finding) -> int | None:
    """The second place in __init__ where the shared object's name is used."""
    assert subject.source is not None
    node = subject.source.method(subject.name, "__init__")
    if node is None:
        return None
    uses: dict[str, list[int]] = {}
    for statement, target in assignments(node):
        value = getattr(statement, "value", None)
        if isinstance(value, (ast.Name, ast.Attribute)) and not isinstance(target, ast.Name):
            uses.setdefault(ast.unparse(value), []).append(statement.lineno)
    for held in ast.walk(node):
        if isinstance(held, (ast.List, ast.Tuple, ast.Dict)):
            members = held.values if isinstance(held, ast.Dict) else held.elts
            for member in members:
                if isinstance(member, (ast.Name, ast.Attribute)):
                    uses.setdefault(ast.unparse(member), []).append(member.lineno)
    counts = {name: lines for name, lines in uses.items() if len(lines) > 1}
    names = [n for n in counts if not n.startswith(("input", "hidden", "output"))]
    return counts[names[0]][-1] if names else None


def _missing_definition(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    return definition_line(subject.source)


def definition_line(source: Source) -> int:
    """Give the line where a forgotten import or definition belongs: after the imports at the top."""
    imports = [n for n in source.tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    first = next((n.lineno for n in source.tree.body if isinstance(n, (ast.ClassDef, ast.FunctionDef))), 1)
    lines = [n.end_lineno or n.lineno for n in imports if n.lineno < first]
    return max(lines, default=1)


RULES: dict[str, Callable[[Subject, Finding], int | None]] = {
    "misspelled-method": _misspelled,
    "missing-self": _def_line,
    "missing-method": _class_line,
    "nonstandard-backward-signature": _def_line,
    "init-takes-data": _def_line,
    "shared-mutable-default": _def_line,
    "returns-none": _last_line,
    "cache-name-mismatch": _cache_store,
    "missing-cache": _cache_store,
    "forgets-param-grad": _local_gradient,
    "mutates-input": _writes("x"),
    "mutates-target": _writes("second"),
    "mutates-dout": _writes("dout", "backward"),
    "mutates-cache": _writes("cache", "backward"),
    "shared-dout-mutated": _writes("dout", "backward"),
    "updates-weights-in-backward": _updated_parameter,
    "stale-cache": _cached_attribute,
    "shared-class-state": _class_attribute,
    "stale-weight-copy": _initial_copy,
    "uses-global-rng": _calls("forward", _draws),
    "softmax-over-batch-axis": _softmax_line,
    "normalises-wrong-axis": _calls("forward", _reduction_on(1, -1)),
    "extra-batch-division": _loss_expression,
    "silent-broadcast": _broadcast_line,
    "swapped-height-width": _reshape_line,
    "momentum-swapped": _running_line,
    "updates-running-stats-in-eval": _running_line,
    "keep-drop-confusion": _mask_line,
    "missing-test-scale": _mask_use,
    "train-flag-ignored": _first_forward_line,
    "float-iter-per-epoch": _modulus_target,
    "argmax-wrong-axis": _accuracy_line,
    "redraws-mask": _redraw_line,
    "accumulates-instead-of-sets": _accumulating_line,
    "rounds-loss": _rounding_line,
    "dtype-downcast": _downcast_line,
    "undefined-name": _missing_definition,
    "ddof-mismatch": _calls("forward", lambda n: called_name(n) in ("var", "std")),
    "forward-ignores-param": _ignored_parameter,
    "zero-init-symmetry": _zero_weights,
    "shared-layer-instance": _shared_instance,
    "loss-returns-accuracy": _def_line,
    "hard-soft-label-mismatch": _calls("forward", lambda n: called_name(n) == "argmax"),
    "loss-not-scalar": _calls("forward", lambda n: isinstance(n, ast.Return)),
}
