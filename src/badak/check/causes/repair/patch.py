"""Running the user's class with one function changed, in memory; the class is put back afterwards."""

from __future__ import annotations

import ast
import contextlib
import copy
import warnings
from collections.abc import Iterator
from typing import Any

from badak.check.source import Function
from badak.check.subject import Subject


class NotRunnable(Exception):
    """The changed function cannot be compiled, or has no place to stand in."""


def replaced(function: Function, node: ast.AST, new: ast.AST) -> Function | None:
    """Give a copy of the function with a copy of the new node in the place of `node`; None where it is not in it."""
    if isinstance(new, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return new
    place = next((i for i, item in enumerate(ast.walk(function)) if item is node), None)
    if place is None:
        return None
    twin = copy.deepcopy(function)
    target = next(item for i, item in enumerate(ast.walk(twin)) if i == place)

    class Swap(ast.NodeTransformer):
        def visit(self, item: ast.AST) -> Any:
            return copy.deepcopy(new) if item is target else self.generic_visit(item)

    swapped: Function = Swap().visit(twin)
    return swapped


@contextlib.contextmanager
def patched(subject: Subject, owner: str | None, function: Function) -> Iterator[None]:
    """Put a changed function into the class (`owner`), or into the file's namespace. Raises NotRunnable."""
    namespace = subject.namespace
    if namespace is None:
        raise NotRunnable
    function.decorator_list = []
    module = ast.fix_missing_locations(ast.Module([function], []))
    scope: dict[str, Any] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's doubts about a change are not the user's
            code = compile(module, "<repair>", "exec", dont_inherit=True)
        exec(code, namespace, scope)
    except Exception as error:
        raise NotRunnable from error
    new = scope[function.name]
    if owner is None:
        old = namespace.get(function.name)
        namespace[function.name] = new
        try:
            yield
        finally:
            namespace[function.name] = old
        return
    holder = next((k for k in subject.kind.__mro__ if function.name in vars(k)), None)
    if holder is None:
        raise NotRunnable
    old = vars(holder)[function.name]
    setattr(holder, function.name, new)
    try:
        yield
    finally:
        setattr(holder, function.name, old)
