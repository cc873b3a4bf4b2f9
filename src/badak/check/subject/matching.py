"""Which gradient belongs to which array: by the name that the return statement gives it, then by order and shape."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

KEPT = 256  # functions whose source stays read


def sort_gradients(result: Any, arrays: dict[str, Any], titles: list[str], only: str) -> dict[str, Any]:
    """Sort what a backward gave by array; `titles` are the names in its return statement, `only` whom a lone one is of.

    Dictionaries inside are read by their keys, lists inside as the gradients of a list of arrays.
    """
    if result is None:
        return {}
    if isinstance(result, dict):
        return _by_keys(result, arrays)
    if not isinstance(result, (tuple, list)):
        return {only: result}
    parts = list(result)
    if any(isinstance(part, dict) for part in parts):
        found: dict[str, Any] = {}
        for part in parts:
            found |= _by_keys(part, arrays) if isinstance(part, dict) else {}
        rest = [part for part in parts if not isinstance(part, dict)]
        if len(rest) == 1 and only not in found and only in arrays and np.shape(rest[0]) == np.shape(arrays[only]):
            found[only] = rest[0]
        return found
    if any(isinstance(part, (list, tuple)) for part in parts):
        flat: list[Any] = []
        for part in parts:
            flat += list(part) if isinstance(part, (list, tuple)) else [part]
        return _in_order(flat, arrays, [])
    return _in_order(parts, arrays, titles if len(titles) == len(parts) else [])


def _by_keys(result: dict[Any, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    found = {n: result[k] for n in arrays for k in result if gradient_of(str(k), n)}
    return found | {n: result[n] for n in arrays if n in result and n not in found}


def _in_order(parts: list[Any], arrays: dict[str, Any], titles: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    placed: set[int] = set()
    for place, title in enumerate(titles):
        match = next((n for n in arrays if n not in found and gradient_of(title, n)), None)
        if match is not None:
            found[match] = parts[place]
            placed.add(place)
    for place, part in enumerate(parts):
        if place in placed or part is None:
            continue
        free = [n for n in arrays if n not in found]
        fitting = [n for n in free if np.shape(arrays[n]) == np.shape(part)]
        later = len(parts) - len(placed) == len(arrays) - len(found)
        if later and free:
            found[free[0]] = part
        elif fitting:
            found[fitting[0]] = part
        placed.add(place)
    return found


def gradient_of(title: str, name: str) -> bool:
    """Tell whether a name is that of the gradient of another: dW, d_W, grad_W, W_grad, dA_prev of A or A_prev."""
    plain, of = title.replace("_", "").lower(), name.replace("_", "").lower()
    if not of:
        return False
    forms = {
        f"d{of}", f"grad{of}", f"{of}grad", f"dl{of}", f"dloss{of}", f"g{of}", f"delta{of}", f"{of}gradient",
        f"gradient{of}", f"dld{of}", f"dlossd{of}", f"dj{of}", f"djd{of}", f"nabla{of}", f"dcostd{of}", f"de{of}",
    }  # fmt: skip
    before = len(of) == 1 and plain == f"d{of}prev"
    return plain in forms or before or plain.removesuffix("total") in forms


def returned_by(function: Callable[..., Any]) -> list[str]:
    """Give the names in the last return statement of a function that returns a tuple; [] where it is not to be read."""
    return list(_returned_by(function))


@functools.lru_cache(maxsize=KEPT)
def _returned_by(function: Callable[..., Any]) -> list[str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return []
    outer = next((n for n in tree.body if isinstance(n, ast.FunctionDef)), None)
    returns = [n.value for n in _own(outer) if isinstance(n, ast.Return)] if outer is not None else []
    last = returns[-1] if returns else None
    if not isinstance(last, ast.Tuple):
        return []
    return [_leading(e) for e in last.elts]


def _leading(node: ast.AST) -> str:
    """Give the name that an expression begins with: dW of `dW / m`, of `dW.reshape(…)`, of `-dW[0]`."""
    while True:
        if isinstance(node, ast.BinOp):
            node = node.left
        elif isinstance(node, ast.UnaryOp):
            node = node.operand
        elif isinstance(node, ast.Call):
            node = node.func.value if isinstance(node.func, ast.Attribute) else ast.Constant(None)
        elif isinstance(node, ast.Subscript):
            node = node.value
        else:
            return str(getattr(node, "id", getattr(node, "attr", "")))


def _own(node: ast.AST) -> list[ast.AST]:
    """Give the nodes of a function without those of functions inside it."""
    found: list[ast.AST] = []
    waiting = list(ast.iter_child_nodes(node))
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, (ast.FunctionDef, ast.Lambda, ast.ClassDef)):
            continue
        found.append(one)
        waiting = list(ast.iter_child_nodes(one)) + waiting
    return found
