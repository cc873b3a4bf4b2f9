"""What the machine does value by value, row by row or column by column.

Activations, normalization, dropout, the loss of yes-or-no answers, and the rules of the optimizers. A part of
machine.py, in the same plain Python (see there), with its kernels in front.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Like machine.py, it is written for a compiler of its own:
# ruff: noqa: PLR0124, PLR0912, PLR0915, PLR1714, PLR1730

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from badak.engine import kernels
from badak.engine import opcodes as op
from badak.engine.compiler import Kernel
from badak.engine.opcodes import Frame, Split
from badak.engine.updates import Rate
from badak.engine.vectors import I64, Code, Kind, declared, exp, log1p, repeat, sqrt, tanh, variable, where

I128 = ir.IntType(128)
PCG64_MULTIPLIER = 0x2360ED051FC65DA44385DF649FCCF645


# -- kernels ----------------------------------------------------------------------------------------------------


def column_sums(kind: Kind, formula: Callable[..., Any], inputs: int, fixed: int = 0, outputs: int = 1) -> Kernel:
    """Make `kernel(count, out…, (in, step)…, fixed…)`: a formula's values, a vector wide, summed over `count` rows."""

    def write(b: Any, count: Any, *rest: Any) -> None:
        code = Code(b, kind)
        targets, places = rest[:outputs], rest[outputs : outputs + 2 * inputs]
        constants = [code.lanes(code.load(place)) for place in rest[outputs + 2 * inputs :]]
        totals = [variable(b, code.constant(0.0).value) for _ in range(outputs)]
        with repeat(b, count) as i:
            pairs = zip(places[::2], places[1::2], strict=True)
            values = [code.lanes(code.load(b.add(place, b.mul(i, step)))) for place, step in pairs]
            results = formula(*values, *constants)
            for total, result in zip(totals, results if outputs > 1 else (results,), strict=True):
                b.store((code.lanes(b.load(total)) + result).value, total)
        for total, target in zip(totals, targets, strict=True):
            code.store(b.load(total), target)

    return Kernel(write, name="column_sums")


def sum_products(kind: Kind) -> Kernel:
    """Make `sum_products(x, y, vectors)`: Σ x · y over whole vectors, lane by lane and then over the lanes."""
    width = kind.lanes * kind.itemsize

    def write(b: Any, x: Any, y: Any, vectors: Any) -> Any:
        code = Code(b, kind)
        total = variable(b, code.constant(0.0).value)
        with repeat(b, vectors) as i:
            offset = b.mul(i, I64(width))
            product = code.lanes(code.load(b.add(x, offset))) * code.lanes(code.load(b.add(y, offset)))
            b.store((code.lanes(b.load(total)) + product).value, total)
        return code.add_up(b.load(total))

    return Kernel(write, kind.real, name="sum_products")


def sum_shares(kind: Kind) -> Kernel:
    """Make `sum_shares(x, largest, vectors)`: Σ (x / largest)², where the squares themselves no number holds."""
    width = kind.lanes * kind.itemsize

    def write(b: Any, x: Any, largest: Any, vectors: Any) -> Any:
        code = Code(b, kind)
        total, whole = variable(b, code.constant(0.0).value), code.lanes(code.spread(largest))
        with repeat(b, vectors) as i:
            part = code.lanes(code.load(b.add(x, b.mul(i, I64(width))))) / whole
            b.store((code.lanes(b.load(total)) + part * part).value, total)
        return code.add_up(b.load(total))

    return Kernel(write, kind.real, name="sum_shares")


def largest(kind: Kind) -> Kernel:
    """Make `largest(x, vectors)`: the largest |x| of whole vectors, NaN aside."""
    width = kind.lanes * kind.itemsize

    def write(b: Any, x: Any, vectors: Any) -> Any:
        code = Code(b, kind)
        highest = variable(b, code.constant(0.0).value)
        with repeat(b, vectors) as i:
            value = code.lanes(code.load(b.add(x, b.mul(i, I64(width)))))
            size, known = where(value < 0.0, -value, value), code.lanes(b.load(highest))
            b.store(where(size > known, size, known).value, highest)
        lanes = [b.extract_element(b.load(highest), ir.IntType(32)(lane)) for lane in range(kind.lanes)]
        found = lanes[0]
        for lane in lanes[1:]:
            found = b.select(b.fcmp_ordered(">", lane, found), lane, found)
        return found

    return Kernel(write, kind.real, name="largest")


def root(kind: Kind) -> Kernel:
    """Make `root(x)`: the square root of one number."""

    def write(b: Any, x: Any) -> Any:
        return b.call(declared(b, f"llvm.sqrt.f{kind.bits}", kind.real, [kind.real]), [x])

    return Kernel(write, inline=True)


def draw(kind: Kind) -> Kernel:
    """Make `draw(state, skip, rows, mask, mask_step, channels, pixels, depth, least, scale)`: Dropout's masks.

    Each value takes the next number of NumPy's PCG64, of which `state` holds the state and the increment; `skip`
    numbers come before the first row's. A value is kept, its mask `scale` and not 0, where the upper 53 bits are
    `least` or more. Value c · pixels + p of a row goes to column p · depth + c. (M. O'Neill, 2014, PCG XSL-RR
    128/64; F. Brown, 1994, for leaping ahead.)
    """

    def write(b: Any, state: Any, skip: Any, rows: Any, mask: Any, mask_step: Any, channels: Any, pixels: Any,
              depth: Any, least: Any, scale: Any) -> None:  # fmt: skip
        zero = ir.Constant(kind.real, 0.0)

        def wide(offset: int) -> Any:
            value = b.load(b.inttoptr(b.add(state, I64(offset)), I128.as_pointer()))
            value.align = 8
            return value

        increment = wide(16)
        multiply, add = variable(b, I128(1)), variable(b, I128(0))
        power, plus = variable(b, I128(PCG64_MULTIPLIER)), variable(b, increment)
        zeros = b.call(declared(b, "llvm.ctlz.i64", I64, [I64, ir.IntType(1)]), [skip, ir.IntType(1)(0)])
        with repeat(b, b.sub(I64(64), zeros)) as i:
            by, more = b.load(power), b.load(plus)
            with b.if_then(b.trunc(b.lshr(skip, i), ir.IntType(1))):
                b.store(b.mul(b.load(multiply), by), multiply)
                b.store(b.add(b.mul(b.load(add), by), more), add)
            b.store(b.mul(b.add(by, I128(1)), more), plus)
            b.store(b.mul(by, by), power)
        now = variable(b, b.add(b.mul(wide(0), b.load(multiply)), b.load(add)))
        with repeat(b, rows) as r:
            row = b.add(mask, b.mul(r, mask_step))
            with repeat(b, channels) as c, repeat(b, pixels) as p:
                after = b.add(b.mul(b.load(now), I128(PCG64_MULTIPLIER)), increment)
                b.store(after, now)
                high = b.trunc(b.lshr(after, I128(64)), I64)
                mixed = b.xor(high, b.trunc(after, I64))
                rotated = b.call(declared(b, "llvm.fshr.i64", I64, [I64] * 3), [mixed, mixed, b.lshr(high, I64(58))])
                kept = b.icmp_unsigned(">=", b.lshr(rotated, I64(11)), least)
                place = b.add(row, b.mul(b.add(b.mul(p, depth), c), I64(kind.itemsize)))
                b.store(b.select(kept, scale, zero), b.inttoptr(place, kind.real.as_pointer()))

    return Kernel(write, name="draw")


# -- formulas ---------------------------------------------------------------------------------------------------


def _gelu_parts(x: Any) -> tuple[Any, Any]:
    """Give tanh u and du/dx, with u as in the layer."""
    scale = 0.7978845608028654
    inside = where(x < -10.0, -10.0, where(x > 10.0, 10.0, x))
    square = inside * inside
    return tanh(scale * (inside + 0.044715 * (square * inside))), scale * (1.0 + 3 * 0.044715 * square)


def _gelu(x: Any) -> Any:
    return 0.5 * x * (1.0 + _gelu_parts(x)[0])


def _gelu_back(d: Any, x: Any) -> Any:
    t, slope = _gelu_parts(x)
    return d * 0.5 * (1.0 + t + x * (1.0 - t * t) * slope)


def _sigmoid_loss(x: Any, t: Any, scale: Any) -> tuple[Any, Any]:
    """Give the gradient and the loss of each answer."""
    negative = x < 0.0
    e = exp(where(negative, x, -x))
    y = where(negative, e, 1.0) / (1.0 + e)
    return scale * (y - t), where(negative, 0.0, x) - x * t + log1p(e)


def _momentum(w: Any, g: Any, v: Any, lr: Any, decay: Any, momentum: Any) -> tuple[Any, Any]:
    v = momentum * v - lr * (g + decay * w)
    return w + v, v


def _nesterov(w: Any, g: Any, v: Any, lr: Any, decay: Any, momentum: Any) -> tuple[Any, Any]:
    step = lr * (g + decay * w)
    v = momentum * v - step
    return w + (momentum * v - step), v


def _adagrad(w: Any, g: Any, h: Any, lr: Any, decay: Any, keep: Any, rest: Any, eps: Any) -> tuple[Any, Any]:
    g = g + decay * w
    h = keep * h + rest * g * g
    return w - lr * g / (sqrt(h) + eps), h


def _adam(w: Any, g: Any, m: Any, v: Any, lr: Any, decay: Any, shrink: Any, keep: Any, rest: Any, keep2: Any,
          rest2: Any, scale: Any, eps: Any) -> tuple[Any, Any, Any]:  # fmt: skip
    g = g + decay * w
    m = keep * m + rest * g
    v = keep2 * v + rest2 * g * g
    return (w - shrink * w) - lr * m / (sqrt(scale * v) + eps), m, v


# -- the instructions -------------------------------------------------------------------------------------------


def define(kind: Kind, base: Any) -> Callable[..., Any]:
    """Give `element_line(frame, row, code, me, threads, it)`; `base` holds what it calls of machine.py."""
    SIZE, LANES = kind.itemsize, kind.lanes
    WIDTH = SIZE * LANES
    field, place, argument, share = base.field, base.place, base.argument, base.share
    row_share, whole, join_parts = base.row_share, base.whole, base.join_parts
    load_real, store_real, fill, clear_rest = base.load_real, base.store_real, base.fill, base.clear_rest
    sum_row, copy_row = base.sum_row, base.copy_row

    def row_kernel(formula: Callable[..., Any], inputs: int, outputs: int = 1) -> Kernel:
        return kernels.elementwise(kind, formula, inputs, outputs)

    dot, sqrt_of, draw_masks = sum_products(kind), root(kind), draw(kind)
    largest_of, shares_of = largest(kind), sum_shares(kind)
    limits = np.finfo(f"f{SIZE}")
    # Between these, the sum of squares of a part holds every digit, and so does the sum of all parts.
    LEAST_SQUARE, MOST_SQUARE = float(limits.tiny / limits.eps), float(limits.max * limits.eps)
    tanh_row, gelu_row = row_kernel(tanh, 1), row_kernel(_gelu, 1)
    leaky_row = row_kernel(lambda x, slope: where(x <= 0.0, slope * x, x), 1)
    tanh_back_row = row_kernel(lambda d, y: d * (1.0 - y * y), 2)
    leaky_back_row = row_kernel(lambda d, y, slope: where(y <= 0.0, slope * d, d), 2)
    gelu_back_row = row_kernel(_gelu_back, 2)
    times_row = row_kernel(lambda x, y: x * y, 2)
    loss_row = row_kernel(_sigmoid_loss, 2, 2)
    mean_row = row_kernel(lambda x, count: x / count, 1)
    std_row = row_kernel(lambda var, eps: sqrt(var + eps), 1)
    follow_row = row_kernel(lambda running, now, keep, rest: keep * running + rest * now, 2)
    shift_row = row_kernel(lambda x, mean: x - mean, 1)
    scale_row = row_kernel(lambda x, gamma, beta, std: (x / std, gamma * (x / std) + beta), 3, 2)
    row_back_row = row_kernel(lambda d, xn, mean, slope, std: (d - (mean + xn * slope)) / std, 2)

    def normal(x, mean, std, gamma, beta):
        xn = (x - mean) / std
        return xn, gamma * xn + beta

    normal_row = row_kernel(normal, 5, 2)
    normal_back_row = row_kernel(
        lambda d, xn, std, gamma, dbeta, dgamma, count: gamma * (d - (dbeta + xn * dgamma) / count) / std, 6
    )
    sum_column = column_sums(kind, lambda x: x, 1)
    sum_square_column = column_sums(kind, lambda x, mean: (x - mean) * (x - mean), 1, fixed=1)
    sum_both_column = column_sums(kind, lambda d, xn: (d, d * xn), 2, outputs=2)
    shorten_row = row_kernel(lambda g, factor: g * factor, 1)
    shorten_far_row = row_kernel(lambda g, size, factor: (g / size) * factor, 1)
    sgd_row = row_kernel(lambda w, g, lr, decay: w - lr * (g + decay * w), 2)
    momentum_row, nesterov_row = row_kernel(_momentum, 3, 2), row_kernel(_nesterov, 3, 2)
    adagrad_row, adam_row = row_kernel(_adagrad, 3, 2), row_kernel(_adam, 4, 3)

    # -- value by value

    def activation(frame, row, me, threads, code) -> None:
        out, x = place(frame, row, 1), place(frame, row, 2)
        out_step, x_step, rows, vectors = field(row, 3), field(row, 4), field(row, 5), whole(field(row, 6))
        first, last = row_share(frame, rows, me, threads)
        for r in range(first, last):  # all three give 0 for the zeros that fill a row up
            if code == op.TANH:
                tanh_row(vectors, out + r * out_step, x + r * x_step)
            elif code == op.GELU:
                gelu_row(vectors, out + r * out_step, x + r * x_step)
            else:
                leaky_row(vectors, out + r * out_step, x + r * x_step, load_real(row + 8 * 7))

    def activation_back(frame, row, me, threads, code) -> None:
        out, d, y = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3)
        out_step, d_step, y_step, rows = field(row, 4), field(row, 5), field(row, 6), field(row, 7)
        vectors = whole(field(row, 8))
        first, last = row_share(frame, rows, me, threads)
        for r in range(first, last):
            to, from_d, from_y = out + r * out_step, d + r * d_step, y + r * y_step
            if code == op.TANH_BACK:
                tanh_back_row(vectors, to, from_d, from_y)
            elif code == op.GELU_BACK:
                gelu_back_row(vectors, to, from_d, from_y)
            elif code == op.DROPOUT_BACK:
                times_row(vectors, to, from_d, from_y)
            else:
                leaky_back_row(vectors, to, from_d, from_y, load_real(row + 8 * 9))

    def dropout(frame, row, me, threads, it) -> None:
        """Draw the masks that NumPy's generator would draw: each thread leaps ahead to its own first row."""
        out, mask, x, state = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3), place(frame, row, 4)
        out_step, mask_step, x_step, rows = field(row, 5), field(row, 6), field(row, 7), field(row, 8)
        n, channels, pixels, depth = field(row, 9), field(row, 10), field(row, 11), field(row, 12)
        first, last = row_share(frame, rows, me, threads)
        for r in range(first, last):
            fill(whole(n), mask + r * mask_step, 0.0)
        if first < last:
            skip = (it * rows + first) * channels * pixels
            draw_masks(state, skip, last - first, mask + first * mask_step, mask_step, channels, pixels, depth,
                       field(row, 13), load_real(row + 8 * 14))  # fmt: skip
        for r in range(first, last):
            times_row(whole(n), out + r * out_step, x + r * x_step, mask + r * mask_step)

    def sigmoid_loss(frame, row, me, threads) -> None:
        out, losses, x, t = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3), place(frame, row, 4)
        out_step, x_step, t_step, rows, n = field(row, 5), field(row, 6), field(row, 7), field(row, 8), field(row, 9)
        first, last = row_share(frame, rows, me, threads)
        for r in range(first, last):
            to, answers = out + r * out_step, t + r * t_step  # the losses take the answers' place
            loss_row(whole(n), to, answers, x + r * x_step, answers, 1.0 / rows)
            clear_rest(to, n)
            clear_rest(answers, n)
            store_real(losses + r * SIZE, sum_row(answers, whole(n)))

    # -- column by column: sums in a fixed number of chunks of rows, joined by a fixed tree

    def sums(frame, row, me, threads, code) -> None:
        """Sum columns over each chunk of the rows; threads share chunks and vectors of columns."""
        out, x, other, other_step = place(frame, row, 1), place(frame, row, 2), 0, 0
        at = 3
        if code != op.SUM_COLUMNS:
            other = place(frame, row, 3)
            at = 4
        x_step = field(row, at)
        if code == op.SUM_BOTH:
            other_step = field(row, 5)
            at = 5
        rows, n, chunks, part_step = field(row, at + 1), field(row, at + 2), field(row, at + 3), field(row, at + 4)
        vectors = whole(n)
        first, last = share(chunks * vectors, me, threads)
        for unit in range(first, last):
            part = unit // vectors
            v = (unit - part * vectors) * WIDTH
            r = rows * part // chunks
            count, to, source = rows * (part + 1) // chunks - r, out + part * part_step + v, x + r * x_step + v
            if code == op.SUM_COLUMNS:
                sum_column(count, to, source, x_step)
            elif code == op.SUM_SQUARES:
                sum_square_column(count, to, source, x_step, other + v)
            else:
                sum_both_column(count, to, to + vectors * WIDTH, source, x_step, other + r * other_step + v, other_step)

    def mean_columns(frame, row, me, threads) -> None:
        out, parts, rows, n = place(frame, row, 1), place(frame, row, 2), field(row, 3), field(row, 4)
        first, last = share(whole(n), me, threads)
        join_parts(parts, field(row, 5), field(row, 6), first, last)
        mean_row(last - first, out + first * WIDTH, parts + first * WIDTH, float(rows))

    def std_columns(frame, row, me, threads) -> None:
        """Give √(variance + eps), and let the running mean and variance follow."""
        out, parts, mean = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3)
        running_mean, running_var = place(frame, row, 4), place(frame, row, 5)
        rows, n, chunks, part_step = field(row, 6), field(row, 7), field(row, 8), field(row, 9)
        momentum, rest, eps = load_real(row + 8 * 10), load_real(row + 8 * 11), load_real(row + 8 * 12)
        first, last = share(whole(n), me, threads)
        count, at = last - first, first * WIDTH
        join_parts(parts, chunks, part_step, first, last)
        mean_row(count, parts + at, parts + at, float(rows))
        std_row(count, out + at, parts + at, eps)
        follow_row(count, running_mean + at, running_mean + at, mean + at, momentum, rest)
        follow_row(count, running_var + at, running_var + at, parts + at, momentum, rest)

    def std_alone(frame, row, me, threads) -> None:
        out, var, n = place(frame, row, 1), place(frame, row, 2), field(row, 3)
        first, last = share(whole(n), me, threads)
        std_row(last - first, out + first * WIDTH, var + first * WIDTH, load_real(row + 8 * 4))

    def join_both(frame, row, me, threads) -> None:
        dbeta, dgamma, parts, n = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3), field(row, 4)
        vectors = whole(n)
        first, last = share(vectors, me, threads)
        join_parts(parts, field(row, 5), field(row, 6), first, last)
        join_parts(parts + vectors * WIDTH, field(row, 5), field(row, 6), first, last)
        copy_row(last - first, dbeta + first * WIDTH, parts + first * WIDTH)
        copy_row(last - first, dgamma + first * WIDTH, parts + (vectors + first) * WIDTH)

    def block(frame, rows, n, split, me, threads) -> tuple[int, int, int, int]:
        """Give this thread's part of a matrix: some rows whole, or some vectors of columns of all rows."""
        if split == Split.COLUMNS:
            first, last = share(whole(n), me, threads)
            return 0, rows, first, last
        first, last = row_share(frame, rows, me, threads)
        return first, last, 0, whole(n)

    def normalize(frame, row, me, threads) -> None:
        xn, out, x, mean = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3), place(frame, row, 4)
        std, gamma, beta = place(frame, row, 5), place(frame, row, 6), place(frame, row, 7)
        xn_step, out_step, x_step = field(row, 8), field(row, 9), field(row, 10)
        r_first, r_last, first, last = block(frame, field(row, 11), field(row, 12), field(row, 13), me, threads)
        at = first * WIDTH
        for r in range(r_first, r_last):
            normal_row(last - first, xn + r * xn_step + at, out + r * out_step + at, x + r * x_step + at, mean + at,
                       std + at, gamma + at, beta + at)  # fmt: skip

    def normalize_back(frame, row, me, threads) -> None:
        out, d, xn, std = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3), place(frame, row, 4)
        gamma, dbeta, dgamma = place(frame, row, 5), place(frame, row, 6), place(frame, row, 7)
        out_step, d_step, xn_step, rows = field(row, 8), field(row, 9), field(row, 10), field(row, 11)
        r_first, r_last, first, last = block(frame, rows, field(row, 12), field(row, 13), me, threads)
        at = first * WIDTH
        for r in range(r_first, r_last):
            normal_back_row(last - first, out + r * out_step + at, d + r * d_step + at, xn + r * xn_step + at, std + at,
                            gamma + at, dbeta + at, dgamma + at, float(rows))  # fmt: skip

    # -- row by row

    def normalize_rows(frame, row, me, threads) -> None:
        xn, out, std, x = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3), place(frame, row, 4)
        gamma, beta, xn_step, out_step = place(frame, row, 5), place(frame, row, 6), field(row, 7), field(row, 8)
        x_step, rows, n, eps = field(row, 9), field(row, 10), field(row, 11), load_real(row + 8 * 12)
        vectors = whole(n)
        first, last = row_share(frame, rows, me, threads)
        for r in range(first, last):
            at, source = xn + r * xn_step, x + r * x_step
            shift_row(vectors, at, source, sum_row(source, vectors) / n)
            clear_rest(at, n)
            deviation = sqrt_of(dot(at, at, vectors) / n + eps)
            scale_row(vectors, at, out + r * out_step, at, gamma, beta, deviation)
            store_real(std + r * SIZE, deviation)

    def normalize_rows_back(frame, row, me, threads) -> None:
        out, d, xn, std = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3), place(frame, row, 4)
        gamma, out_step, d_step, xn_step = place(frame, row, 5), field(row, 6), field(row, 7), field(row, 8)
        rows, n = field(row, 9), field(row, 10)
        vectors = whole(n)
        first, last = row_share(frame, rows, me, threads)
        for r in range(first, last):
            to, normed = out + r * out_step, xn + r * xn_step
            times_row(vectors, to, d + r * d_step, gamma)
            mean, slope = sum_row(to, vectors) / n, dot(to, normed, vectors) / n
            row_back_row(vectors, to, to, normed, mean, slope, load_real(std + r * SIZE))
            clear_rest(to, n)

    # -- optimizers

    def rate(frame, it, number) -> float:
        return load_real(argument(frame, Frame.RATES) + it * argument(frame, Frame.RATES_STEP) + number * SIZE)

    def squares(frame, row, me, threads) -> None:
        """Sum the squares of a gradient, in parts: each is a sum times the square of its part's `size`.

        The size is 1, but the largest value where squares would overflow, or vanish; and 0 where all are 0.
        """
        out, sizes, grad, at = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3), field(row, 4)
        vectors, chunks = whole(field(row, 5)), field(row, 6)
        first, last = share(chunks, me, threads)
        for part in range(first, last):
            v = vectors * part // chunks
            start, some = grad + v * WIDTH, vectors * (part + 1) // chunks - v
            size, total = 1.0, dot(start, start, some)
            if total == total and not (total > LEAST_SQUARE and total < MOST_SQUARE):
                size = largest_of(start, some)
                if size > 0.0:
                    total = shares_of(start, size, some)
            store_real(out + (at + part) * SIZE, total)
            store_real(sizes + (at + part) * SIZE, size)
        if first < last and last == chunks:
            for part in range(chunks, whole(chunks) * LANES):
                store_real(out + (at + part) * SIZE, 0.0)
                store_real(sizes + (at + part) * SIZE, 0.0)

    def clip(frame, row, me, threads, it) -> None:
        grad, parts, sizes = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3)
        count, total, longest = field(row, 4), field(row, 5), rate(frame, it, Rate.CLIP)
        first, last = share(whole(count), me, threads)
        at = grad + first * WIDTH
        plain, largest = 1, 0.0
        for part in range(total):
            size = load_real(sizes + part * SIZE)
            if size != 0.0 and size != 1.0:
                plain = 0
            if size > largest:
                largest = size
        if plain:
            norm = sqrt_of(sum_row(parts, whole(total)))
            if norm > longest:
                shorten_row(last - first, at, at, longest / norm)
        else:  # norm is largest · √square, which may be more than a number holds
            square = 0.0
            for part in range(total):
                size, ratio = load_real(sizes + part * SIZE), 1.0
                if size < largest:
                    ratio = size / largest
                square += ratio * load_real(parts + part * SIZE) * ratio
            if sqrt_of(square) > longest / largest:  # with an infinite gradient, it is NaN: nothing is shortened
                shorten_far_row(last - first, at, at, largest, longest / sqrt_of(square))

    def update(frame, row, me, threads, it, code) -> None:
        w, g, count, decayed = place(frame, row, 1), place(frame, row, 2), field(row, 3), field(row, 4)
        first, last = share(whole(count), me, threads)
        w, g, vectors = w + first * WIDTH, g + first * WIDTH, last - first
        lr, keep, rest = rate(frame, it, Rate.LR), rate(frame, it, Rate.KEEP), rate(frame, it, Rate.REST)
        eps, decay, shrink = rate(frame, it, Rate.EPS), rate(frame, it, Rate.DECAY), rate(frame, it, Rate.SHRINK)
        if decayed == 0:
            decay = 0.0
            shrink = 0.0
        if code == op.STEP_SGD:
            sgd_row(vectors, w, w, g, lr, decay)
        else:
            s = place(frame, row, 5) + first * WIDTH
            if code == op.STEP_MOMENTUM:
                momentum_row(vectors, w, s, w, g, s, lr, decay, keep)
            elif code == op.STEP_NESTEROV:
                nesterov_row(vectors, w, s, w, g, s, lr, decay, keep)
            elif code == op.STEP_ADAM:
                s2 = place(frame, row, 6) + first * WIDTH
                adam_row(vectors, w, s, s2, w, g, s, s2, lr, decay, shrink, keep, rest, rate(frame, it, Rate.KEEP2),
                         rate(frame, it, Rate.REST2), rate(frame, it, Rate.SCALE), eps)  # fmt: skip
            else:  # AdaGrad is RMSprop that keeps all of the old sum and all of the new square
                adagrad_row(vectors, w, s, w, g, s, lr, decay, keep, rest, eps)

    def element_line(frame, row, code, me, threads, it) -> None:
        if code == op.TANH or code == op.GELU or code == op.LEAKY_RELU:
            activation(frame, row, me, threads, code)
        elif code == op.TANH_BACK or code == op.GELU_BACK or code == op.LEAKY_RELU_BACK or code == op.DROPOUT_BACK:
            activation_back(frame, row, me, threads, code)
        elif code == op.DROPOUT:
            dropout(frame, row, me, threads, it)
        elif code == op.SIGMOID_LOSS:
            sigmoid_loss(frame, row, me, threads)
        elif code == op.SUM_COLUMNS or code == op.SUM_SQUARES or code == op.SUM_BOTH:
            sums(frame, row, me, threads, code)
        elif code == op.MEAN_COLUMNS:
            mean_columns(frame, row, me, threads)
        elif code == op.STD_COLUMNS:
            std_columns(frame, row, me, threads)
        elif code == op.STD:
            std_alone(frame, row, me, threads)
        elif code == op.NORMALIZE:
            normalize(frame, row, me, threads)
        elif code == op.JOIN_BOTH:
            join_both(frame, row, me, threads)
        elif code == op.NORMALIZE_BACK:
            normalize_back(frame, row, me, threads)
        elif code == op.NORMALIZE_ROWS:
            normalize_rows(frame, row, me, threads)
        elif code == op.NORMALIZE_ROWS_BACK:
            normalize_rows_back(frame, row, me, threads)
        elif code == op.SQUARES:
            squares(frame, row, me, threads)
        elif code == op.CLIP:
            clip(frame, row, me, threads, it)
        elif code >= op.STEP_SGD and code <= op.STEP_ADAM:
            update(frame, row, me, threads, it, code)

    return element_line
