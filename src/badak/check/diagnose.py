# ruff: noqa: PLR0911, PLR0912 (a hypothesis ends at the first form that fits)
"""From wrong to why: hypotheses about the cause of a wrong gradient, tried against the evidence.

A hypothesis must reproduce the user's gradient for three different `dout`; where none does, the cause is
`unnamed`.
Most specific first: the first that fits is the answer.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from badak.check.case import Case
from badak.check.copying import walk
from badak.check.numeric import close, measure
from badak.check.source import called_name
from badak.check.subject import Subject, UserError, get_path, set_path
from badak.check.tolerances import FIT

Array = np.ndarray[Any, Any]
Verdict = tuple[str, dict[str, Any]] | None


def all_close(candidates: Any, values: Any, fit: float = FIT) -> bool:
    """Tell whether every pair agrees."""
    return all(close(c, v, fit) for c, v in zip(candidates, values, strict=True))


def constant_ratio(case: Case) -> float | None:
    """Give r where the user's gradient is r times the right one for every dout, None otherwise."""
    top = bottom = 0.0
    for a, n in zip(case.a, case.n, strict=True):
        if a is None or np.shape(a) != np.shape(n):
            return None
        known = ~np.isnan(n)
        top += float((np.asarray(a, float)[known] * n[known]).sum())
        bottom += float((n[known] ** 2).sum())
    if bottom == 0 or top == 0:
        return None
    ratio = top / bottom
    return float(ratio) if all_close([ratio * n for n in case.n], case.a) else None


# Shapes -------------------------------------------------------------------------------------------


def shape_cause(case: Case) -> Verdict:
    """Explain a gradient of the wrong shape."""
    a, n, dout = case.a[0], case.n[0], case.douts[0]
    if np.ndim(case.x) == 1 and not case.is_input and case.x.dtype.kind == "f" and not case.is_loss and n.ndim == 2:
        return "one-d-input-collapses-grad", {}
    if np.shape(a) == n.shape[::-1] and n.ndim >= 2 and all_close([np.asarray(p).T for p in case.a], case.n):
        return "transposed-weight-grad", {}
    found = _sum_cause(case)
    if found is not None:
        return found
    if not case.is_input or case.quantity == "y":
        if np.shape(a) == np.shape(dout) and _sums_to(case):
            return "bias-grad-not-summed", {}
        if np.ndim(a) == 0 and np.ndim(case.x) == 1:
            return "one-d-input-collapses-grad", {}
    if not case.is_input and np.ndim(a) == n.ndim and sorted(np.shape(a)) == sorted(n.shape) and n.ndim >= 2:
        for order in itertools.permutations(range(n.ndim)):
            if all_close([np.transpose(p, order) for p in case.a], case.n):
                return "transposed-weight-grad", {}
    if case.is_input:
        return "wrong-shape-dx", {}
    return None


def _sums_to(case: Case) -> bool:
    """Tell whether summing the user's gradient over the axes that forward broadcast gives the right one."""
    return all_close([unbroadcast(np.asarray(a, float), n.shape) for a, n in zip(case.a, case.n, strict=True)], case.n)


def unbroadcast(value: Array, shape: tuple[int, ...]) -> Array:
    """Sum an array over the axes along which something of `shape` was broadcast."""
    extra = value.ndim - len(shape)
    if extra < 0:
        return value
    value = value.sum(axis=tuple(range(extra)))
    for axis, size in enumerate(shape):
        if size == 1 and value.shape[axis] != 1:
            value = value.sum(axis=axis, keepdims=True)
    return value


def _sum_cause(case: Case) -> Verdict:
    """A bias gradient is a sum of dout: over which axes was it taken?"""
    if case.is_loss or (case.is_input and case.quantity != "y"):
        return None
    right = None
    axes = range(np.ndim(case.douts[0]))
    subsets = [s for size in range(len(axes) + 1) for s in itertools.combinations(axes, size)]
    for subset in subsets:
        if all(close(np.sum(d, axis=subset).ravel(), n.ravel()) for d, n in zip(case.douts, case.n, strict=True)):
            right = subset
    if right is None:
        return None
    for subset in subsets:
        sums = [np.sum(d, axis=subset) for d in case.douts]
        if subset == right:
            continue
        if all(np.size(a) == s.size and close(np.ravel(a), s.ravel()) for a, s in zip(case.a, sums, strict=True)):
            if not subset:
                return "bias-grad-not-summed", {}
            if len(subset) == len(axes):
                return "bias-sums-everything", {}
            return "wrong-axis-bias", {"axis": _axes(subset), "right": _axes(right)}
        if len(subset) == len(axes) and all(
            np.size(a) > 1 and close(np.ravel(a), np.full(np.size(a), float(s)))
            for a, s in zip(case.a, sums, strict=True)
        ):
            return "bias-sums-everything", {}
    return None


def _axes(subset: tuple[int, ...]) -> str:
    return str(subset[0]) if len(subset) == 1 else str(subset)


# Values -------------------------------------------------------------------------------------------


def value_cause(case: Case) -> Verdict:
    """Explain a gradient of the right shape with wrong values; None where no hypothesis fits."""
    for hypothesis in HYPOTHESES:
        try:
            found = hypothesis(case)
        except (ValueError, IndexError, TypeError, np.linalg.LinAlgError, UserError):
            found = None
        if found is not None:
            return found
    return None


def _zero(values: list[Any], scale: float) -> bool:
    return all(np.nanmax(np.abs(np.asarray(v, float)), initial=0.0) <= 1e-9 * scale for v in values)


def _scale(values: list[Any]) -> float:
    return max(float(np.nanmax(np.abs(np.asarray(v, float)), initial=0.0)) for v in values)


def missing_or_unused(case: Case) -> Verdict:
    """A parameter without gradient, or one that forward does not use."""
    a, n = _scale(case.a), _scale(case.n)
    if case.is_loss and case.is_input and np.isfinite(n):
        rounded = _rounded_forward(case)
        if rounded is not None:
            return rounded
    if case.is_input or (case.is_loss and case.quantity == "x"):
        return None
    if a <= 1e-12 * max(n, 1e-30) and n > 0:
        return "forgets-param-grad", {}
    if n <= 1e-8 * a:
        return "forward-ignores-param", {}
    return None


def _rounded_forward(case: Case) -> Verdict:
    subject = case.subject
    value = float(np.ravel(case.y)[0])
    moved = [
        float(np.ravel(subject.forward(subject.fresh(), subject.x * s, subject.second))[0])
        for s in (1.3, 0.6, -1.0, 0.77, 2.1)
    ]
    for digits in range(7):
        if (
            all(abs(round(v, digits) - v) < 1e-12 * max(1.0, abs(v)) for v in [value, *moved])
            and len({value, *moved}) > 3
        ):
            return "rounds-loss", {"digits": digits}
    return None


def dtype_downcast(case: Case) -> Verdict:
    """Whole numbers, or an error of the size that half precision makes."""
    a0 = np.asarray(case.a[0])
    pairs = list(zip(case.a, case.n, strict=True))
    whole = all(np.array_equal(np.asarray(a, float), np.rint(np.asarray(a, float))) for a in case.a)
    if a0.dtype.kind in "iu" or (whole and all(np.nanmax(np.abs(a - n)) < 1.0 + 1e-6 for a, n in pairs)):
        truncated = all(close(np.trunc(n), a) for a, n in pairs)
        if a0.dtype.kind in "iub" or truncated:
            return "dtype-downcast", {"kind": "int"}
    error = max(np.nanmax(np.abs(a - n)) / max(_scale([n]), 1e-300) for a, n in pairs)
    if error < 1e-2 and (a0.dtype == np.float16 or _holds_narrow(case)):
        return "dtype-downcast", {"kind": "float16"}
    return None


def _holds_narrow(case: Case) -> bool:
    narrow: list[Any] = []

    def look(part: Any) -> None:
        if isinstance(part, np.ndarray) and part.dtype in (np.float16, np.float32):
            narrow.append(part)

    walk(case.passes[0].obj, look)
    source = case.subject.source
    return bool(narrow) or (source is not None and ("float16" in source.text or "half" in source.text))


def rounds_gradient(case: Case) -> Verdict:
    """Multiples of a power of ten."""
    for digits in range(6):
        if all_close([np.round(n, digits) for n in case.n], case.a, 1e-9):
            return "rounds-gradient", {"digits": digits}
    return None


def clips_gradient(case: Case) -> Verdict:
    """Equal to the slope up to a limit, element by element or in norm."""
    limit = _scale(case.a)
    low = max(float(np.nanmax(-np.asarray(a))) for a in case.a)
    for high, below in ((limit, limit), (limit, low)):
        clipped = [np.clip(n, -below, high) for n in case.n]
        hits = sum(int((np.isclose(np.abs(a), limit, rtol=1e-9)).sum()) for a in case.a)
        inside = any(((np.abs(a) > 1e-9 * limit) & (np.abs(a) < limit * (1 - 1e-9))).any() for a in case.a)
        if all_close(clipped, case.a) and hits >= 2 and inside:
            return "clips-gradient", {"limit": limit}
    # Clipped by norm: one ratio a dout, never above 1.
    ratios, norms = [], []
    for a, n in zip(case.a, case.n, strict=True):
        r = float(np.nansum(a * n) / np.nansum(n * n))
        if not close(r * n, a):
            return None
        ratios.append(r)
        norms.append(float(np.linalg.norm(a)))
    if min(ratios) < 1 - 1e-6 and max(ratios) <= 1 + 1e-6 and max(ratios) - min(ratios) > 1e-4:
        clipped_norms = [norm for norm, r in zip(norms, ratios, strict=True) if r < 1 - 1e-6]
        if np.ptp(clipped_norms) < 1e-4 * max(clipped_norms):
            return "clips-gradient", {"limit": max(clipped_norms)}
    return None


def ignores_dout(case: Case) -> Verdict:
    """The same answer for every dout, everywhere or in a part."""
    if case.is_loss or len(case.a) < 2 or not case.is_input:
        return None
    first = np.asarray(case.a[0], float)
    spread = np.max([np.abs(np.asarray(a, float) - first) for a in case.a[1:]], axis=0)
    same = spread <= 1e-9 * (np.abs(first) + 1e-12)
    if same.all():
        return "ignores-dout", {}
    stuck = same & (np.abs(first) > 0)
    wrong = np.max(
        [np.abs(np.asarray(a, float) - n) for a, n in zip(case.a, case.n, strict=True)], axis=0
    ) > FIT * _scale(case.n)
    if stuck.any() and not (wrong & ~stuck).any() and np.shape(case.x) == first.shape:
        if (case.x[stuck] <= 0).all() and (case.x[~stuck] >= 0).all():
            return "ignores-dout-where-negative", {}
        return "ignores-dout", {}
    return None


def swapped_inputs(case: Case) -> Verdict:
    """The derivative with respect to the other input."""
    if len(case.subject.input_names) != 2 or not case.is_input:
        return None
    other = case.others.get("y" if case.quantity == "x" else "x")
    if other is None:
        return None
    if all_close(case.a, other[1]):
        return "swapped-inputs", {}
    x, second = np.asarray(case.x, float), np.asarray(case.subject.second, float)
    own, foreign = (second, x) if case.quantity == "x" else (x, second)
    forms: list[Callable[[Array], Array]] = [lambda v: v, lambda v: 1 / v, lambda v: -v]
    for f in forms:
        if all_close([d * f(own) for d in case.douts], case.n) and all_close(
            [d * f(foreign) for d in case.douts], case.a
        ):
            return "swapped-inputs", {}
    return None


def masks(case: Case) -> Verdict:
    """Zeros in the wrong places."""
    local = case.diagonal()
    if local is None:
        return None
    known = ~np.isnan(local)
    zero = known & (np.abs(local) < 1e-9)
    live = known & ~zero
    factors = [np.asarray(a, float) / d for a, d in zip(case.a, case.douts, strict=True)]
    steps = np.unique(np.round(local[known], 9))
    if len(steps) <= 2 and all(
        close(np.where(d > 0, d * steps.max(), d * steps.min()), a) for a, d in zip(case.a, case.douts, strict=True)
    ):
        return "mask-from-dout", {}
    if zero.any() and live.any():
        supports = [np.abs(np.asarray(a, float)) > 1e-12 for a in case.a]
        if all(np.array_equal(s[known], zero[known]) for s in supports):
            return "inverted-mask", {}
        constant = float(np.mean(factors[0][zero]))
        if abs(constant) > 1e-9 and all(close(f, np.full(f.shape, constant)) for f in factors):
            return "missing-mask", {}
    if len(steps) == 2 and all(close(np.where(np.isclose(local, steps[0]), steps[1], steps[0]), f) for f in factors):
        return "inverted-mask", {}
    return None


def branches(case: Case) -> Verdict:
    """One region of x is wrong, the rest right."""
    local = case.diagonal()
    if local is None:
        rest = [n - a for a, n in zip(case.a, case.n, strict=True)]
        if (
            not case.is_loss
            and case.quantity == "x"
            and case.y.shape == np.shape(case.x)
            and all_close(rest, case.douts)
        ):
            return "missing-branch-grad", {"branch": "dout"}
        return None
    if all_close([n - a for a, n in zip(case.a, case.n, strict=True)], case.douts):
        return "missing-branch-grad", {"branch": "dout"}
    factors = [np.asarray(a, float) / d for a, d in zip(case.a, case.douts, strict=True)]
    if not all(close(f, factors[0]) for f in factors[1:]):
        return None
    factor = factors[0]
    right = np.abs(factor - local) <= FIT * np.nanmax(np.abs(local))
    wrong = ~right & ~np.isnan(local)
    if not right.any() or not wrong.any():
        return None
    side = "x < 0" if (case.x[wrong] <= 0).all() else "x > 0" if (case.x[wrong] >= 0).all() else ""
    if (np.abs(factor[wrong]) < 1e-12).all():
        return "missing-branch-grad", {"branch": side or "?"}
    if not np.all(np.abs(local[wrong]) > 1e-12):
        return None
    ratios = factor[wrong] / local[wrong]
    if side and np.ptp(ratios) < 1e-6 * abs(ratios).max() and np.ptp(local[wrong]) < 1e-6 * abs(local[wrong]).max():
        if np.isclose(ratios[0], -1):
            return None
        return "forward-backward-constant-mismatch", {
            "got": factor[wrong][0],
            "right": local[wrong][0],
            "side": side,
        }
    return None


def overlapping(case: Case) -> Verdict:
    """Contributions that should be added overwrite each other, or all but the first are lost."""
    if case.is_loss:
        return None
    slopes = case.subject.slopes(case.quantity).central
    shape = case.y.shape
    if np.isnan(slopes).any() or slopes.shape[1] != case.y.size:
        return None
    for axes in _groupings(shape):
        labels = _group_labels(shape, axes)
        count = int(labels.max()) + 1
        if count < 2 or count * slopes.shape[0] > 4_000_000:
            continue
        found = _one_contribution(case, slopes, labels, count, axes)
        if found is not None:
            return found
    return None


def _groupings(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    yield (0,)
    for axis in range(1, len(shape)):
        yield (axis,)
    if len(shape) >= 3:
        yield tuple(range(1, len(shape)))
        yield tuple(range(len(shape) - 2, len(shape)))
    if len(shape) >= 2:
        yield tuple(range(len(shape)))


def _group_labels(shape: tuple[int, ...], axes: tuple[int, ...]) -> Array:
    sizes = [shape[axis] for axis in axes]
    grid = np.indices(shape)
    return np.asarray(np.ravel_multi_index([grid[axis].ravel() for axis in axes], sizes))


def _one_contribution(case: Case, slopes: Array, labels: Array, count: int, axes: tuple[int, ...]) -> Verdict:
    last_fits = first_fits = zeroth_fits = True
    several = np.zeros(slopes.shape[0], bool)
    touched = np.abs(slopes) > 1e-9 * np.abs(slopes).max()
    member = np.zeros((slopes.shape[0], count), bool)
    for group in range(count):
        member[:, group] = touched[:, labels == group].any(axis=1)
    several = member.sum(axis=1) > 1
    if not several.any() and axes != (0,):
        return None
    for a, dout in zip(case.a, case.douts, strict=True):
        weighted = slopes * np.ravel(dout)
        parts = np.stack([weighted[:, labels == group].sum(axis=1) for group in range(count)], axis=1)
        flat = np.ravel(np.asarray(a, float))
        rows = np.arange(len(flat))
        last = count - 1 - np.argmax(member[:, ::-1], axis=1)
        first = np.argmax(member, axis=1)
        last_fits &= close(np.where(member.any(axis=1), parts[rows, last], 0), flat)
        first_fits &= close(np.where(member.any(axis=1), parts[rows, first], 0), flat)
        zeroth_fits &= close(parts[:, 0], flat)
    if zeroth_fits and axes in ((0,), tuple(range(1, np.ndim(case.y)))):
        return "early-return", {}
    if last_fits and several.any():
        return "overwrites-instead-of-accumulates", {}
    if zeroth_fits:
        return "early-return", {}
    if first_fits and several.any():
        return "overwrites-instead-of-accumulates", {}
    return None


def transposes(case: Case) -> Verdict:
    """The right numbers in another order."""
    if case.is_input:
        return None
    n0 = case.n[0]
    if n0.ndim < 1 or n0.size < 2 or np.isnan(n0).any():
        return None
    if n0.ndim == 2 and n0.shape[0] == n0.shape[1] and all_close([n.T for n in case.n], case.a):
        return "transposed-weight-grad", {}
    x, y = case.x, case.y
    if n0.ndim == 2 and np.ndim(x) == 2:
        d = n0.shape[0]
        if y.ndim == 2 and y.shape[1] == d and all_close([y.T @ r for r in case.douts], case.a):
            return "uses-output-for-input", {}
        if x.shape[1] == d and all_close([x.reshape(d, -1) @ r for r in case.douts], case.a):
            return "reshape-instead-of-transpose", {}
    for axes in {(-1,), (-2, -1)}:
        if n0.ndim >= 3 - (axes == (-1,)) * 2 and all_close([np.flip(n, axes) for n in case.n], case.a):
            return "kernel-not-flipped", {}
    if n0.ndim >= 2:
        flat = [n.reshape(n.shape[0], -1) for n in case.n]
        if all_close([f.T.reshape(n0.shape) for f in flat], case.a):
            return "reshape-instead-of-transpose", {}
        tail = [n.reshape(-1, n.shape[-1]) for n in case.n]
        if all_close([f.T.reshape(n0.shape) for f in tail], case.a):
            return "reshape-instead-of-transpose", {}
        for order in itertools.permutations(range(n0.ndim)):
            turned = [np.transpose(n, order) for n in case.n]
            if order != tuple(range(n0.ndim)) and all_close(turned, case.a):
                return "transposed-weight-grad", {}
        if all(close(np.sort(np.ravel(a)), np.sort(n.ravel())) for a, n in zip(case.a, case.n, strict=True)):
            return "reshape-instead-of-transpose", {}
    return None


def turned_weight(case: Case) -> Verdict:
    """The gradient is right for another weight: the transposed one, the one rotated by 180 degrees, the
    reshaped one."""
    if case.is_loss or case.quantity != "x":
        return None
    for parameter in case.subject.parameters:
        held = get_path(case.subject.fresh(), parameter.path)
        if not isinstance(held, np.ndarray) or held.size < 2:
            continue
        turns: list[tuple[str, Array]] = []
        if held.ndim == 2 and held.shape[0] == held.shape[1]:
            turns.append(("missing-weight-transpose", held.T))
        if held.ndim == 2:
            turns.append(("reshape-instead-of-transpose", held.reshape(held.shape[::-1]).T))
        if held.ndim >= 3:
            turns.append(("kernel-not-flipped", np.flip(held, (-2, -1))))
        if held.ndim in (1, 3):
            turns.append(("kernel-not-flipped", np.flip(held, -1)))
        if held.ndim == 4:
            turns.append(("missing-weight-transpose", held.swapaxes(-1, -2)))
            turns.append(
                ("missing-weight-transpose", held.swapaxes(0, 1)) if held.shape[0] == held.shape[1] else turns[-1]
            )
        for label, turn in turns:
            if turn.shape == held.shape and _right_for(case, parameter.path, np.array(turn)):
                return label, {"parameter": parameter.name}
    return None


def _right_for(case: Case, path: Any, value: Array) -> bool:
    subject = case.subject

    def f(x: Array) -> Array:
        obj = subject.fresh()
        set_path(obj, path, value)
        return np.array(subject.forward(obj, x.copy(), subject.second), float)

    slopes = measure(f, np.asarray(case.x, float), expired=subject.expired)
    found = [slopes.along(dout)[0] for dout in case.douts]
    return all_close(found, case.a)


def pre_and_post(case: Case) -> Verdict:
    """Derivatives taken at the wrong one of input and output."""
    local = case.diagonal()
    y = case.y
    if local is None:
        if case.quantity == "x" and not case.is_loss and np.ndim(case.x) >= 2 and y.shape == np.shape(case.x):
            return _softmaxes(case)
        return None
    x = np.asarray(case.x, float)
    factor = np.asarray(case.a[0], float) / case.douts[0]
    if not all_close([factor * d for d in case.douts], case.a):
        return None
    formulas: list[Callable[[Array], Array]] = [
        lambda v: v * (1 - v),
        lambda v: 1 - v**2,
        lambda v: v,
        lambda v: (v > 0) * 1.0,
        lambda v: 1 / v,
        lambda v: 2 * v,
        np.exp,
        lambda v: 1 - np.exp(-v),
    ]
    with np.errstate(all="ignore"):
        for formula in formulas:
            if close(formula(y), local) and close(formula(x), factor):
                return "uses-input-for-output", {}
            if close(formula(x), local) and close(formula(y), factor):
                return "uses-output-for-input", {}
    subject = case.subject
    at_output = measure(lambda v: np.array(subject.forward(subject.fresh(), v), float), y, expired=subject.expired)
    if close(np.diag(at_output.central).reshape(y.shape), factor):
        node = subject.source.method(subject.name, "backward") if subject.source else None
        calls = [called_name(n) for n in ast.walk(node)] if node else []
        again = any(
            c and c not in ("astype", "copy", "reshape", "sum", "dot", "multiply", "square", "ones_like") for c in calls
        )
        return ("activation-applied-twice" if again or node is None else "uses-output-for-input"), {}
    with np.errstate(all="ignore"):
        gate = y / x
        usual = np.abs(gate - 1).max() > 1e-6 and np.ptp(gate) > 1e-6
        if usual and (close(gate, factor) or close(local - gate, factor)):
            return "missing-product-rule-term", {}
    return None


def _softmaxes(case: Case) -> Verdict:
    y = case.y
    for axis in range(y.ndim):
        if not np.allclose(y.sum(axis=axis), 1):
            continue

        def backward(v: Array, d: Array, ax: int = axis, inner: int = axis) -> Array:
            return np.asarray(v * (d - (d * v).sum(axis=inner, keepdims=True)), float)

        if not all_close([backward(y, d) for d in case.douts], case.n):
            continue
        if all_close([d * y * (1 - y) for d in case.douts], case.a):
            return "softmax-diagonal-only", {}
        x = np.asarray(case.x, float)
        if all_close([backward(x, d) for d in case.douts], case.a):
            return "uses-input-for-output", {}
        for other in range(y.ndim):
            if other != axis and all_close([backward(y, d, axis, other) for d in case.douts], case.a):
                return "wrong-axis-reduction", {"axis": other, "right": axis}
    return None


def statistics(case: Case) -> Verdict:
    """Normalisations: which of the three paths (value, mean, variance) is missing, and along which axis."""
    if case.is_loss or not isinstance(case.x, np.ndarray) or case.y.shape != np.shape(case.x) or case.x.ndim < 2:
        return None
    x = np.asarray(case.x, float)
    candidates = [(0,), (x.ndim - 1,)] + (
        [(0, 2, 3), (1, 2, 3), (2, 3)] if x.ndim == 4 else [(0, 1)] if x.ndim == 3 else []
    )
    for axis in candidates:
        found = _normalised(case, x, axis)
        if found is not None:
            return found
    return None


def _gammas(case: Case, x: Array) -> Iterator[tuple[str, Array]]:
    yield "", np.ones(())
    for parameter in case.subject.parameters:
        value = np.asarray(get_path(case.subject.fresh(), parameter.path), float)
        if value.ndim == 1 and x.ndim == 4 and value.shape[0] == x.shape[1]:
            value = value.reshape(1, -1, 1, 1)
        try:
            if np.broadcast_shapes(value.shape, x.shape) == x.shape:
                yield parameter.name, value
        except ValueError:
            continue


def _normalised(case: Case, x: Array, axis: tuple[int, ...]) -> Verdict:
    count = int(np.prod([x.shape[a] for a in axis]))
    if count < 2:
        return None
    attributes = getattr(case.passes[0].obj, "__dict__", {})
    epsilons = [v for k, v in attributes.items() if k.startswith("eps") and isinstance(v, float)]
    centred = x - x.mean(axis=axis, keepdims=True)
    input_slopes = case.subject.slopes("x") if case.quantity != "x" else None
    for epsilon in [*epsilons, 0.0, 1e-5, 1e-7, 1e-8, 1e-6, 1e-12, 1e-3]:
        for ddof in (0, 1):
            variance = (centred**2).sum(axis=axis, keepdims=True) / (count - ddof) + epsilon
            deviation = np.sqrt(variance)
            hat = centred / deviation
            for _, gamma in _gammas(case, x):
                terms = [_terms(gamma * d, hat, deviation, axis, count / (count - ddof)) for d in case.douts]
                wanted = case.n if input_slopes is None else [input_slopes.along(d)[0] for d in case.douts]
                if not all_close([p - q - r for p, q, r in terms], wanted, 1e-6):
                    continue
                return _statistics_verdict(case, x, axis, gamma, hat, centred, deviation, terms, ddof, count)
    return None


def _terms(g: Array, hat: Array, deviation: Array, axis: tuple[int, ...], weight: float) -> tuple[Array, Array, Array]:
    mean = g.mean(axis=axis, keepdims=True)
    through = hat * (g * hat).mean(axis=axis, keepdims=True) * weight
    shape = np.broadcast_shapes(g.shape, hat.shape)
    return tuple(np.broadcast_to(v / deviation, shape) for v in (g, mean, through))  # type: ignore[return-value]


def _statistics_verdict(
    case: Case,
    x: Array,
    axis: tuple[int, ...],
    gamma: Array,
    hat: Array,
    centred: Array,
    deviation: Array,
    terms: list[tuple[Array, Array, Array]],
    ddof: int,
    count: int,
) -> Verdict:
    if case.quantity != "x":
        sizes = np.shape(case.n[0])
        for raw in (centred, x):
            if all(close(unbroadcast_like(d * raw, sizes), a) for d, a in zip(case.douts, case.a, strict=True)):
                return "uses-raw-input-for-normalised", {}
        for other in range(x.ndim):
            if (other,) != axis and all(
                close(np.ravel((d * hat).sum(axis=other)), np.ravel(a)) for d, a in zip(case.douts, case.a, strict=True)
            ):
                return "wrong-axis-reduction", {"axis": other, "right": _axes(axis)}
        return None
    if gamma.ndim and all_close([gamma * a for a in case.a], case.n):
        return "missing-gamma", {}
    matrix = np.concatenate([np.stack([part.ravel() for part in term], axis=1) for term in terms])
    target = np.concatenate([np.ravel(np.asarray(a, float)) for a in case.a])
    solution, *_ = np.linalg.lstsq(matrix, target, rcond=None)
    if not close(matrix @ solution, target, 1e-5):
        for other in range(x.ndim):
            if (other,) == axis:
                continue
            moved = [_terms(gamma * d, hat, deviation, (other,), 1.0) for d in case.douts]
            if all_close([p - q - r for p, q, r in moved], case.a, 1e-4):
                return "wrong-axis-reduction", {"axis": other, "right": _axes(axis)}
        return None
    value, mean, through = solution
    if _near(value, 1):
        if _near(mean, 0) and _near(through, 0):
            return "stats-treated-as-constants", {}
        if _near(mean, 0) and _near(through, -1):
            return "missing-mean-path", {}
        if _near(mean, -1) and _near(through, 0):
            return "missing-variance-path", {}
        if _near(mean, -1) and (_near(-through, (count - 1) / count) or _near(-through, count / (count - 1))):
            return "ddof-mismatch", {"ddof": ddof, "other": 1 - ddof}
    return None


def unbroadcast_like(value: Array, shape: tuple[int, ...]) -> Array:
    """Sum a full array down to a parameter's shape, a (C,) one of images over (N, H, W)."""
    if value.ndim == 4 and len(shape) == 1 and value.shape[1] == shape[0]:
        return np.asarray(value.sum(axis=(0, 2, 3)))
    return unbroadcast(value, shape)


def weight_decay(case: Case) -> Verdict:
    """The gap is a multiple of the parameter itself."""
    if case.is_input or (case.quantity in ("x", "y") and not case.subject.parameters):
        return None
    if all(p.name != case.quantity for p in case.subject.parameters):
        return None
    value = np.asarray(case.subject.value(case.quantity), float)
    rates = []
    for a, n in zip(case.a, case.n, strict=True):
        difference = np.where(np.isnan(n), 0.0, np.asarray(a, float) - n)
        known = np.where(np.isnan(n), 0.0, value)
        if known.size < 2 or not known.any():
            return None
        rate = float((difference * known).sum() / (known * known).sum())
        if abs(rate) < 1e-12 or not close(
            np.where(np.isnan(n), np.nan, rate * value), np.where(np.isnan(n), np.nan, difference), 1e-4
        ):
            return None
        rates.append(rate)
    if np.ptp(rates) > 1e-3 * abs(rates[0]):
        return None
    label = "adds-weight-decay-to-grad" if rates[0] > 0 else "regulariser-missing-from-grad"
    return label, {"rate": abs(rates[0])}


def classes_of(case: Case) -> Array | None:
    """Give the mask (N, C) of the correct class, from index or one-hot labels."""
    return correct_classes(case.subject)


def correct_classes(subject: Subject) -> Array | None:
    """Give the mask (N, C) of the correct class of a loss, None where the labels are no classes."""
    t, x = subject.second, subject.x
    if not subject.scalar or not subject.input_names or not isinstance(t, np.ndarray) or np.ndim(x) != 2:
        return None
    if t.ndim == 1 and t.dtype.kind in "iu" and len(t) == len(x) and t.min() >= 0 and t.max() < x.shape[1]:
        return np.asarray(np.eye(x.shape[1], dtype=bool)[t])
    if t.shape == x.shape and np.isin(t, (0, 1)).all():
        return t.astype(bool)
    return None


def correct_class(case: Case) -> Verdict:
    """Only the column of the correct class is missing."""
    mask = classes_of(case)
    if mask is None:
        return None
    a, n = np.asarray(case.a[0], float), case.n[0]
    limit = FIT * _scale([n])
    if (
        (np.abs(a[mask]) < 1e-12).all()
        and np.nanmax(np.abs(n[mask])) > limit
        and np.nanmax(np.abs(a - n)[~mask]) <= limit
    ):
        return "missing-correct-class-grad", {}
    return None


def extra_sigmoid(case: Case) -> Verdict:
    """The right gradient times y(1-y)."""
    if not case.is_loss or not case.is_input or case.quantity != "x":
        return None
    x = np.asarray(case.x, float)
    outputs = [1 / (1 + np.exp(-x))]
    if x.ndim == 2:
        e = np.exp(x - x.max(axis=1, keepdims=True))
        outputs.append(e / e.sum(axis=1, keepdims=True))
    for y in outputs:
        if all_close([n * y * (1 - y) for n in case.n], case.a):
            return "extra-sigmoid-derivative", {}
    return None


def label_formats(case: Case) -> Verdict:
    """The gradient belongs to another reading of the labels."""
    subject, t = case.subject, case.subject.second
    if not (case.is_loss and case.is_input and isinstance(t, np.ndarray)) or np.ndim(case.x) != 2:
        return None
    n, c = case.x.shape
    if t.ndim == 1 and t.dtype.kind in "iu" and len(t) == n and t.min() >= 0 and t.max() < c:
        hot = np.eye(c)[t]
        result = subject.run(second=hot)
        if close(result.y, case.y) and close(result.dx[0], case.n[0]):
            return "assumes-one-hot", {}
    if t.shape == (n, c) and t.dtype.kind == "f" and not np.isin(t, (0, 1)).all():
        hot = np.eye(c)[t.argmax(axis=1)]
        if close(subject.run(second=hot).y, case.y):
            return "hard-soft-label-mismatch", {}
    return None


def other_parameters(case: Case) -> Verdict:
    """The gradient of another parameter under this name."""
    if case.is_input:
        return None
    for name, (a, n) in case.others.items():
        if name in case.subject.input_names:
            continue
        if name == case.quantity or np.shape(n[0]) != np.shape(case.n[0]):
            continue
        if all_close(case.a, n):
            swapped = all_close(a, case.n)
            return ("swapped-param-grads" if swapped else "duplicate-param-grad"), {"other": name}
    return None


def _near(one: float, other: float) -> bool:
    """Tell whether two numbers agree to one part in ten thousand (of 1, for those below)."""
    return bool(abs(one - other) <= 1e-4 * (abs(other) or 1.0))


def scales(case: Case) -> Verdict:
    """A constant ratio: which sizes explain it, and does it grow with the batch?"""
    ratio = constant_ratio(case)
    if ratio is None:
        return None
    power = batch_power(case, ratio)
    sizes = np.shape(case.x)
    batch = sizes[0] if sizes else 1
    values: dict[str, Any] = {"ratio": ratio}
    if _near(ratio, -1):
        return "sign-flip", values
    if power == 1:
        rest = ratio / batch
        if _near(rest, 1):
            return "missing-batch-mean", values
        if case.is_loss and len(sizes) > 1 and _near(rest, 1 / sizes[1]):
            return "divides-by-wrong-axis", values | {"divisor": sizes[1]}
        if case.is_loss and any(_near(rest, s) for s in [*sizes[1:], np.prod(sizes[1:])]):
            return "missing-batch-mean", values
        return None
    if power == -1:
        return _too_small(case, ratio, batch, values)
    if len(sizes) == 1 and case.is_loss and _near(ratio, 1 / sizes[0]):
        return "one-d-divides-by-classes", values
    if _near(ratio, 2):
        return "factor-two", values
    if _near(ratio, 0.5) and not _explained_by_object(case, ratio):
        return "missing-factor-two", values
    spans = {int(np.prod(sizes[i:j])) for i in range(1, len(sizes)) for j in range(i + 1, len(sizes) + 1)} - {1}
    if case.is_loss and any(_near(ratio, s) or _near(ratio, 1 / s) for s in spans):
        return "wrong-mean-count", values
    if _explained_by_object(case, ratio):
        return "missing-scale", values
    if not case.is_loss and not case.is_input and any(_near(ratio, 1 / s) for s in {*case.y.shape, *sizes}):
        return "mean-instead-of-sum", values
    if _near(ratio, 0.5):
        return "missing-factor-two", values
    if any(_near(ratio**2, s) or _near(ratio**2 * s, 1) for s in sizes if s > 1):
        return "missing-scale", values
    return None


def _too_small(case: Case, ratio: float, batch: int, values: dict[str, Any]) -> Verdict:
    if case.subject.scalar and case.subject.input_names:
        if _near(ratio * batch, 1):
            return ("extra-batch-division" if _is_sum(case) else "divides-by-batch-twice"), values
        return None
    spans = {1, *case.y.shape[1:], int(np.prod(case.y.shape[1:])), int(np.prod(case.y.shape[2:]))}
    if not any(_near(ratio * batch * s, 1) for s in spans):
        return None
    if not case.is_input and _written_with_mean(case):
        return "mean-instead-of-sum", values
    if not case.is_input and np.ndim(case.n[0]) <= 1 and not _written_with_division(case):
        return "mean-instead-of-sum", values
    return "divides-by-batch-twice", values


def _gradient_statements(case: Case) -> list[ast.stmt]:
    from badak.check.source import assignments, names_quantity

    source = case.subject.source
    node = source.method(case.subject.name, "backward") if source else None
    if node is None:
        return []
    return [s for s, target in assignments(node) if names_quantity(target, case.quantity.split(".")[-1])]


def _written_with_mean(case: Case) -> bool:
    return any(called_name(n) in ("mean", "average") for s in _gradient_statements(case) for n in ast.walk(s))


def _written_with_division(case: Case) -> bool:
    divisions = (ast.Div, ast.FloorDiv)
    return any(
        (isinstance(n, (ast.BinOp, ast.AugAssign)) and isinstance(n.op, divisions)) or called_name(n) == "divide"
        for s in _gradient_statements(case)
        for n in ast.walk(s)
    )


def _is_sum(case: Case) -> bool:
    """Tell whether the loss of a doubled batch is doubled."""
    subject, t = case.subject, case.subject.second
    doubled = np.concatenate([case.x, case.x])
    both = np.concatenate([t, t]) if isinstance(t, np.ndarray) and len(t) == len(case.x) else t
    return close(np.ravel(subject.forward(subject.fresh(), doubled, both)), 2 * np.ravel(case.y))


def batch_power(case: Case, ratio: float) -> int:
    """Tell how the ratio grows with the batch: 1, 0 or -1, measured by leaving out rows."""
    x, t = case.x, case.subject.second
    batch = np.shape(x)[0] if np.ndim(x) else 0
    if batch < 2 or np.ndim(x) < 2:
        return 0
    fewer = max(1, batch // 2)
    smaller = case.subject.sibling(
        x[:fewer], t[:fewer] if isinstance(t, np.ndarray) and np.ndim(t) and len(t) == batch else t
    )
    try:
        y = np.asarray(smaller.forward(smaller.fresh(), smaller.x.copy(), smaller.second))
        dout = smaller.random_dout(y, np.random.default_rng(5), 0.0)
        a = smaller.gradient(smaller.run(dout), case.quantity)
        slope = smaller.slopes(case.quantity, case_rows(case)).along(dout)[0]
    except (UserError, IndexError, ValueError, TypeError):
        return 0
    known = ~np.isnan(slope)
    if np.shape(a) != slope.shape or not np.any(slope[known]):
        return 0
    other = float((np.asarray(a, float)[known] * slope[known]).sum() / (slope[known] ** 2).sum())
    if other == 0 or ratio / other <= 0:
        return 0
    power = np.log(ratio / other) / np.log(batch / fewer)
    return round(float(power)) if abs(power - round(power)) < 0.05 else 0


def case_rows(case: Case) -> list[int] | None:
    """Give the elements that were measured, None for all."""
    known = np.flatnonzero(~np.isnan(case.n[0].ravel()))
    return None if len(known) == case.n[0].size else [int(i) for i in known]


def _explained_by_object(case: Case, ratio: float) -> bool:
    """Tell whether a number of the object (a keep rate, a window's size) explains the ratio."""
    numbers: set[float] = set()

    def look(part: Any) -> None:
        for value in getattr(part, "__dict__", {}).values() if not isinstance(part, dict) else []:
            if isinstance(value, (int, float, np.floating)) and not isinstance(value, bool):
                numbers.add(float(value))
            if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind == "f":
                numbers.add(float(value.ravel()[0]))

    walk(case.passes[0].obj, look)
    kinds = {v for n in numbers for v in (n, 1 - n, n * n)}
    if (
        not case.is_loss
        and isinstance(case.x, np.ndarray)
        and case.y.size
        and case.x.ndim >= 3
        and case.quantity == "x"
    ):
        windows = (np.abs(case.subject.slopes("x").central) > 1e-12).sum(axis=0)
        kinds |= {float(w) for w in set(windows.tolist())}
    kinds |= {np.sqrt(v) for v in kinds if v > 0}
    kinds -= {0.0, 1.0, -1.0}
    return any(abs(ratio - k) <= 1e-4 * abs(k) or abs(ratio * k - 1) <= 1e-4 for k in kinds if k)


def nearly(case: Case) -> Verdict:
    """Close but not equal: forward and backward belong to two slightly different functions."""
    error = max(
        np.nanmax(np.abs(np.asarray(a, float) - n)) / max(_scale([n]), 1e-300)
        for a, n in zip(case.a, case.n, strict=True)
    )
    if error < 5e-3:
        return "forward-backward-formula-mismatch", {"error": float(error), "severity": "hazard"}
    return None


def wrong_formula(case: Case) -> Verdict:
    """Elementwise and linear in dout, and still not the derivative: the formula is another function's."""
    local = case.diagonal()
    if local is None:
        return None
    factors = [np.asarray(a, float) / d for a, d in zip(case.a, case.douts, strict=True)]
    if all(close(f, factors[0]) for f in factors[1:]):
        return "wrong-derivative-formula", {}
    return None


HYPOTHESES: list[Callable[[Case], Verdict]] = [
    missing_or_unused,
    dtype_downcast,
    rounds_gradient,
    swapped_inputs,
    ignores_dout,
    label_formats,
    other_parameters,
    _sum_cause,
    scales,
    clips_gradient,
    masks,
    branches,
    transposes,
    turned_weight,
    correct_class,
    extra_sigmoid,
    pre_and_post,
    statistics,
    weight_decay,
    overlapping,
    nearly,
]
FALLBACKS: list[Callable[[Case], Verdict]] = [wrong_formula]
