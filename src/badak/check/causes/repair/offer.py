"""A repair is offered only if it was run: as source, in the same file, on every input tried."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from badak.check.causes.repair.patch import NotRunnable
from badak.check.causes.repair.written import Written, written
from badak.check.compare import agrees, case_of
from badak.check.copying import clone
from badak.check.exam import Examination
from badak.check.numeric import close
from badak.check.probing import extreme_inputs, other_batches
from badak.check.source import Function
from badak.check.subject import Subject, UserError
from badak.check.tolerances import FIT


def draft(exam: Examination, function: Function, node: ast.AST, replacement: ast.AST) -> Written | None:
    """Give the change as its writer would make it, None where it reads what is not there."""
    subject = exam.subject
    if subject.source is None or subject.namespace is None:
        return None
    try:
        obj = subject.fresh()
        y = np.asarray(subject.forward(obj, clone(subject.x), clone(subject.second)))
    except UserError:
        return None
    numpy = next((name for name, value in subject.namespace.items() if value is np), None)
    return written(subject.source.text, function, node, replacement, obj, np.asarray(subject.x), y, numpy)


def holds(exam: Examination, quantities: Sequence[str], form: Written) -> bool:
    """Tell whether the file is right with the change.

    The changed text is compiled in the file's namespace and run: the gradients of `quantities` (all there are, where
    the code raised before) must be right for the sample and for other batches, those that were right must stay so, and
    large and degenerate inputs must give no NaN where forward gives none.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kind = compiled(exam.subject, form.text)
            return _right(exam, kind, quantities) and _finite(exam, kind)
    except (NotRunnable, UserError, ValueError, TypeError, IndexError, KeyError):
        return False


def compiled(subject: Subject, text: str) -> type:
    """Make the subject's class from another text of its file, in a copy of the file's namespace. Raises NotRunnable."""
    assert subject.source is not None
    assert subject.namespace is not None
    classes = {kind.__name__ for kind in subject.kind.__mro__}
    reached = [subject.source.reached(subject.name, m) for m in (subject.forward_name, subject.backward_name)]
    functions = {node.name for found in reached for owner, node in found if owner is None}
    try:
        tree = ast.parse(text, subject.filename or "<source>")
        body = [
            node
            for node in tree.body
            if (isinstance(node, ast.ClassDef) and node.name in classes)
            or (isinstance(node, ast.FunctionDef) and node.name in functions)
        ]
        space = dict(subject.namespace)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            code = compile(ast.Module([*body], []), "<repair>", "exec", dont_inherit=True)
        exec(code, space)
    except Exception as error:
        raise NotRunnable from error
    kind = space.get(subject.kind.__name__)
    if not isinstance(kind, type) or kind is subject.kind:
        raise NotRunnable
    return kind


def repaired(subject: Subject, kind: type, x: Any, second: Any) -> Subject:
    """Give the subject with its object turned into one of the repaired class. Raises NotRunnable."""
    obj = subject.fresh(upcast=False)
    try:
        obj.__class__ = kind
    except TypeError as error:
        raise NotRunnable from error
    return subject.sibling(x, second, obj)


def _examined(exam: Examination, kind: type, x: Any, second: Any) -> Examination:
    subject = repaired(exam.subject, kind, x, second)
    if not any(p is not None and p.dx for p in exam.passes):
        # It raised before: what the parameters are is known only now.
        obj = subject.fresh()
        y = subject.forward(obj, clone(x), clone(second))
        returned = subject.backward(obj, subject.default_dout(y), clone(x), clone(second))
        subject.parameters = subject.find_parameters(obj, returned)
    other = Examination(subject)
    other.y = np.asarray(subject.forward(subject.fresh(), clone(x), clone(second)))
    other.douts = other.random_douts()
    other.passes = [subject.run(dout) for dout in other.douts]
    return other


def _right(exam: Examination, kind: type, quantities: Sequence[str]) -> bool:
    subject = exam.subject
    here = _examined(exam, kind, clone(subject.x), clone(subject.second))
    ran = any(p.dx for p in exam.passes)
    kept = [q for q in exam.quantities if q not in exam.shape_faults and agrees(exam, q)] if ran else here.quantities
    if not all(_agrees(here, q) for q in {*quantities, *kept}):
        return False
    if not isinstance(subject.x, np.ndarray) or subject.x.dtype.kind != "f" or np.ndim(subject.x) < 1:
        return True
    for x, second in other_batches(subject):
        if subject.expired():
            return False
        try:
            subject.run(x=x, second=second)
        except (UserError, ValueError, IndexError):
            if ran:
                continue  # the user's own code does not take this batch
        there = _examined(exam, kind, x, second)
        if not all(_agrees(there, q) for q in quantities):
            return False
    return True


def _agrees(exam: Examination, quantity: str) -> bool:
    """Compare as a hypothesis is: a guard such as log(y + 1e-7) alone may take a gradient past the finer limit."""
    if agrees(exam, quantity):
        return True
    a = [exam.gradient(p, quantity) for p in exam.passes]
    if any(g is None for g in a):
        return False
    return all(close(g, n, FIT) for g, n in zip(a, case_of(exam, quantity, a).n, strict=True))


def _finite(exam: Examination, kind: type) -> bool:
    subject = exam.subject
    if exam.inputs != ["x"] or np.ndim(subject.x) < 1:
        return True
    for _, x in extreme_inputs(subject):
        changed = repaired(subject, kind, x, subject.second)
        obj = changed.fresh()
        try:
            y = np.asarray(changed.forward(obj, x.copy(), clone(subject.second)), float)
        except UserError:
            continue  # forward was not changed: it refuses this input
        if not np.isfinite(y).all():
            continue
        back = changed.backward(obj, changed.default_dout(y), x.copy(), clone(subject.second))
        for part in back if isinstance(back, (tuple, list)) else [back]:
            if part is not None and not np.isfinite(np.asarray(part, float)).all():
                return False
    return True
