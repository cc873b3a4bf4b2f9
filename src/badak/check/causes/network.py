# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Networks: the order of the layers, what they share, what loss and accuracy give."""

from __future__ import annotations

import ast

from badak.check.causes.base import Cause
from badak.check.causes.places import def_line
from badak.check.findings import Finding
from badak.check.source import assignments, attribute_lines, called_name, find_line, has_keyword_axis
from badak.check.subject import Examinee, Subject


def _shared_instance(subject: Subject, finding: Finding) -> int | None:
    """The second place in __init__ where the shared object's name is used."""
    assert subject.source is not None
    node = subject.source.method(subject.name, "__init__")
    if node is None:
        return None
    uses: dict[str, list[int]] = {}
    places: set[str] = set()
    for statement, target in assignments(node):
        value = getattr(statement, "value", None)
        if isinstance(value, ast.Subscript) and ast.unparse(value) in places:
            return statement.lineno  # layers["second"] = layers["first"]
        places.add(ast.unparse(target))
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


def _zero_weights(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    node = subject.source.method(subject.name, "__init__")
    if node is None:
        return None
    for statement, target in assignments(node):
        value = getattr(statement, "value", None)
        key = target.slice if isinstance(target, ast.Subscript) else None
        named = isinstance(key, ast.Constant) and str(key.value).lower().startswith("w")
        weight = named or (isinstance(target, ast.Attribute) and target.attr.lower().startswith("w"))
        made = ("zeros", "zeros_like", "ones", "full")
        if weight and value is not None and any(called_name(n) in made for n in ast.walk(value)):
            return statement.lineno
    return find_line([(subject.name, node)], lambda n: called_name(n) in ("zeros", "zeros_like", "full", "ones"))


def _accuracy_line(subject: Subject, finding: Finding) -> int | None:
    assert subject.source is not None
    functions = subject.source.reached(subject.name, "accuracy")
    return find_line(functions, lambda n: called_name(n) in ("argmax", "max") and has_keyword_axis(n, 0)) or find_line(
        functions, lambda n: called_name(n) == "argmax"
    )


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


CAUSES = (
    Cause(
        "missing-activation-derivative",
        "The derivative of the hidden activation is missing on the way to d{quantity}.",
        "Multiply what comes from above by it: z * (1 - z) for a sigmoid, (z > 0) for a Relu.",
        repairable=True,
    ),
    Cause(
        "activation-derivative-twice",
        "The derivative of the hidden activation is taken twice on the way to d{quantity}.",
        "Multiply by it once.",
        repairable=True,
    ),
    Cause(
        "gradient-without-forward",
        "gradient calls backward without a forward before it: the layers have stored nothing, or what an earlier batch left ({error}).",
        "Call self.{forward}(x, t) first.",
    ),
    Cause(
        "dout-not-passed-on",
        "The loop gives every layer the dout of the loss: what a layer's backward returns is passed on to none.",
        "Write dout = layer.backward(dout).",
    ),
    Cause(
        "backward-order",
        "backward goes through the layers in the order of forward.",
        "Go through them in reverse: for layer in reversed(list(self.layers.values())).",
    ),
    Cause(
        "double-softmax",
        "predict applies softmax, and the loss layer applies it again; backward knows of one only.",
        "Let predict return the scores.",
    ),
    Cause(
        "loss-returns-accuracy",
        "loss returns the accuracy: it moves in steps, and its slope is 0 everywhere.",
        "Return self.lastLayer.forward(self.predict(x), t).",
        place=def_line,
    ),
    Cause(
        "params-not-shared",
        "The layers hold copies of the parameters: changing net.params changes nothing.",
        "Let the layers keep the very arrays of params, without copying.",
    ),
    Cause(
        "shared-layer-instance",
        "One layer object is used at several places ({names}): the last forward overwrites what the earlier ones stored.",
        "Make one object for each place.",
        place=_shared_instance,
    ),
    Cause(
        "skips-activation-in-forward",
        "The output of {layer} is not used: forward skips it, backward goes through it.",
        "Pass its output on to the next layer.",
    ),
    Cause(
        "zero-init-symmetry",
        "All of {name} is {value}: every hidden unit does the same, for ever.",
        "Start from small random weights.",
        place=_zero_weights,
    ),
    Cause(
        "argmax-wrong-axis",
        "accuracy takes argmax along the batch: compared with the network's own predictions it gives {got}, not 1.",
        "Use np.argmax(y, axis=1): one class for each row.",
        place=_accuracy_line,
    ),
    Cause(
        "float-iter-per-epoch",
        "{name} is {got}, not a whole number: i % {name} == 0 hardly ever holds.",
        "Divide with //.",
        place=_modulus_target,
    ),
)
