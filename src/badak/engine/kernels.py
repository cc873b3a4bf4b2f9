"""The inner loops, as vector instructions: what a core does between two lines of the machine.

Each function here makes one `Kernel` (which machine.py calls like any function) for a `Kind`: the width of the
numbers and of the vectors. Addresses and steps are in bytes. Nothing is checked here: verify.py
has checked every operand before the machine starts.

Freer than the rest of badak, since it writes LLVM's instructions; read machine.py first, it is the plain part.
This file is read while the machine is being compiled and never otherwise.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from badak.engine.compiler import Kernel
from badak.engine.vectors import I1, I8, I16, I32, I64, Code, Kind, Lanes, declared, exp, log, repeat, variable, where

BYTES = I8.as_pointer()


# -- single numbers ---------------------------------------------------------------------------------------------


def loader(llvm_type: Any, extend: str = "") -> Kernel:
    """Make `load(address)`: one number; `extend` is how it becomes 64 bits wide ('sext', 'fpext')."""

    def write(b: Any, address: Any) -> Any:
        value = b.load(b.inttoptr(address, llvm_type.as_pointer()))
        value.align = 1
        return getattr(b, extend)(value, I64 if extend == "sext" else ir.DoubleType()) if extend else value

    return Kernel(write, inline=True)


def storer(llvm_type: Any, shorten: str = "") -> Kernel:
    """Make `store(address, value)`: one number; `shorten` is how it becomes narrower ('trunc', 'fptrunc')."""

    def write(b: Any, address: Any, value: Any) -> None:
        value = getattr(b, shorten)(value, llvm_type) if shorten else value
        b.store(value, b.inttoptr(address, llvm_type.as_pointer())).align = 1

    return Kernel(write, inline=True)


def store_quotient() -> Kernel:
    """Make `store(address, total, count)`: total / count as float64."""

    def write(b: Any, address: Any, total: Any, count: Any) -> None:
        double = ir.DoubleType()
        total = b.fpext(total, double) if total.type != double else total
        b.store(b.fdiv(total, b.sitofp(count, double)), b.inttoptr(address, double.as_pointer()))

    return Kernel(write, inline=True)


# -- threads ----------------------------------------------------------------------------------------------------


def thread_primitives(x86: bool) -> tuple[Kernel, ...]:
    """Make `peek(address)`, `post(address, value)`, `pause()` and `call(function, argument)`."""

    def peek(b: Any, address: Any) -> Any:
        return b.load_atomic(b.inttoptr(address, I64.as_pointer()), "acquire", 8)

    def post(b: Any, address: Any, value: Any) -> None:
        b.store_atomic(value, b.inttoptr(address, I64.as_pointer()), "release", 8)

    def pause(b: Any) -> None:
        if x86:
            b.call(declared(b, "llvm.x86.sse2.pause", ir.VoidType(), []), [])

    def call(b: Any, function: Any, argument: Any) -> Any:
        signature = ir.FunctionType(I32, [I32])
        result = b.call(b.inttoptr(function, signature.as_pointer()), [b.trunc(argument, I32)])
        return b.sext(result, I64)

    return tuple(Kernel(write, inline=True) for write in (peek, post, pause, call))


SECOND = 2
"""LLVM's word for the second cache: the first has room for so few lines on their way (24 on Zen 4) that what a step
needs now would wait behind what the next step will need."""


def prefetcher() -> Kernel:
    """Make `prefetch(address)`: ask for the cache line that will be needed soon."""

    def write(b: Any, address: Any) -> None:
        function = declared(b, "llvm.prefetch.p0", ir.VoidType(), [BYTES, I32, I32, I32])
        b.call(function, [b.inttoptr(address, BYTES), I32(0), I32(SECOND), I32(1)])

    return Kernel(write, inline=True)


# -- matrix products --------------------------------------------------------------------------------------------


def tile(kind: Kind, rows: int, columns: int, listed: bool = False, nested: bool = False) -> Kernel:
    """Make a register tile: `rows` × `columns` vectors of sums that stay in registers while k runs.

        sum[r] = start[r] + Σ_k a[r, k] · w[k]            w[k]: `columns` vectors
        out[r] = sum[r]                if rate is 0, else out[r] + rate · sum[r]

    The same tile multiplies forward (a = x, w = W), for dx (a = dout, w = Wᵀ) and for dW (a = xᵀ, w = dout), since
    a's steps along r and k are arguments. k runs in order, one sum for each output: the result of an output does
    not depend on the tile that computes it. `listed` takes k from a list of int32: the places that are not zero.
    `nested` lets k run over `rounds` lines of `count` places, a and w jumping between them: what a convolution
    reads. Arguments: a, row_step, k_step, w, w_step, count, then places if listed, or rounds, a_jump and w_jump if
    nested, then out, out_step, start, start_step, rate.
    """
    width = kind.lanes * kind.itemsize

    def write(b: Any, a: Any, row_step: Any, k_step: Any, w: Any, w_step: Any, count: Any, *rest: Any) -> None:
        *more, out, out_step, start, start_step, rate = rest
        code = Code(b, kind)
        spots = [(r, c) for r in range(rows) for c in range(columns)]
        row = [b.inttoptr(b.add(a, b.mul(row_step, I64(r))), BYTES) for r in range(rows)]
        first = {(r, c): code.load(b.add(start, b.add(b.mul(start_step, I64(r)), I64(c * width)))) for r, c in spots}

        def add_one(a_at: Any, w_at: Any, sums: Any) -> Any:
            """Write one k: `columns` vectors of w, one number of each row of a."""
            vectors = [code.load(b.add(w_at, I64(c * width))) for c in range(columns)]
            after = {}
            for r in range(rows):
                number = b.load(b.bitcast(b.gep(row[r], [a_at]), kind.real.as_pointer()))
                number.align = kind.itemsize
                spread = code.spread(number)
                for c in range(columns):
                    after[r, c] = code.fma(spread, vectors[c], sums[r, c])
            return after

        def line(a_from: Any, w_from: Any, sums: Any) -> Any:
            """Write the loop over k, at least once; give the sums after it."""
            entry, loop, done = b.block, b.append_basic_block("k"), b.append_basic_block("done")
            b.branch(loop)
            b.position_at_end(loop)
            k, a_at, w_at = b.phi(I64), b.phi(I64), b.phi(I64)
            running = {spot: b.phi(kind.vector) for spot in spots}
            if listed:
                pointer = b.gep(b.inttoptr(more[0], I32.as_pointer()), [k])
                place = b.sext(b.load(pointer), I64)
                after = add_one(b.mul(place, k_step), b.add(w, b.mul(place, w_step)), running)
            else:
                after = add_one(a_at, w_at, running)
            steps = [(k, I64(0), I64(1)), (a_at, a_from, k_step), (w_at, w_from, w_step)]
            following = [b.add(value, step) for value, _, step in steps]
            for (value, begin, _), then in zip(steps, following, strict=True):
                value.add_incoming(begin, entry)
                value.add_incoming(then, loop)
            for spot in spots:
                running[spot].add_incoming(sums[spot], entry)
                running[spot].add_incoming(after[spot], loop)
            b.cbranch(b.icmp_signed("<", following[0], count), loop, done)
            b.position_at_end(done)
            return after

        entry, work, done = b.block, b.append_basic_block("work"), b.append_basic_block("end")
        b.cbranch(b.icmp_signed(">", count, I64(0)), work, done)
        b.position_at_end(work)
        if nested:
            rounds, a_jump, w_jump = more
            entry_of_rounds, again = b.block, b.append_basic_block("round")
            b.branch(again)
            b.position_at_end(again)
            i, a_from, w_from = b.phi(I64), b.phi(I64), b.phi(I64)
            sums = {spot: b.phi(kind.vector) for spot in spots}
            after = line(a_from, w_from, sums)
            steps = [(i, I64(0), I64(1)), (a_from, I64(0), a_jump), (w_from, w, w_jump)]
            following = [b.add(value, step) for value, _, step in steps]
            for (value, begin, _), then in zip(steps, following, strict=True):
                value.add_incoming(begin, entry_of_rounds)
                value.add_incoming(then, b.block)
            for spot in spots:
                sums[spot].add_incoming(first[spot], entry_of_rounds)
                sums[spot].add_incoming(after[spot], b.block)
            last = b.block
            b.cbranch(b.icmp_signed("<", following[0], rounds), again, done)
        else:
            after = line(I64(0), w, first)
            last = b.block
            b.branch(done)

        b.position_at_end(done)
        final = {}
        for spot in spots:
            final[spot] = b.phi(kind.vector)
            final[spot].add_incoming(first[spot], entry)
            final[spot].add_incoming(after[spot], last)
        target = {(r, c): b.add(b.add(out, b.mul(out_step, I64(r))), I64(c * width)) for r, c in spots}
        stepping = b.fcmp_unordered("!=", rate, ir.Constant(kind.real, 0.0))
        with b.if_else(stepping) as (then, otherwise):
            with then:
                factor = code.spread(rate)
                for spot in spots:
                    code.store(code.fma(factor, final[spot], code.load(target[spot])), target[spot])
            with otherwise:
                for spot in spots:
                    code.store(final[spot], target[spot])

    return Kernel(write, name=f"tile{rows}x{columns}")


def any_tile(kind: Kind, heights: list[int]) -> Kernel:
    """Make `kernel(height, width, …)`: the nested tile of that many rows and vectors, all in one function."""
    tiles = {(r, c): tile(kind, r, c, nested=True) for r in heights for c in (1, 2, 3)}

    def write(b: Any, height: Any, width: Any, *arguments: Any) -> None:
        end = b.append_basic_block("end")
        switch = b.switch(b.add(b.mul(height, I64(4)), width), end)
        for (rows, columns), each in tiles.items():
            case = b.append_basic_block(f"tile{rows}x{columns}")
            switch.add_case(I64(4 * rows + columns), case)
            b.position_at_end(case)
            each.write(b, *arguments)
            b.branch(end)
        b.position_at_end(end)

    return Kernel(write, name="any_tile")


def dot(kind: Kind, rows: int, columns: int) -> Kernel:
    """Make `rows` × `columns` inner products of rows of a and rows of w, `count` vectors long.

    For the few columns that are left over beside whole vectors: out[r, q] = start[q] + Σ_k a[r, k] · w[q, k].
    Here k is summed lane by lane and the lanes at the end, by a fixed tree.
    """
    width = kind.lanes * kind.itemsize

    def write(b: Any, a: Any, a_step: Any, w: Any, w_step: Any, count: Any, *rest: Any) -> None:
        out, out_step, start = rest
        code = Code(b, kind)
        zero = ir.Constant(kind.vector, [0.0] * kind.lanes)
        entry, loop, done = b.block, b.append_basic_block("k"), b.append_basic_block("done")
        b.branch(loop)
        b.position_at_end(loop)
        k = b.phi(I64)
        k.add_incoming(I64(0), entry)
        sums = [[b.phi(kind.vector) for _ in range(columns)] for _ in range(rows)]
        offset = b.mul(k, I64(width))
        vectors = [code.load(b.add(b.add(w, b.mul(w_step, I64(q))), offset)) for q in range(columns)]
        after = []
        for r in range(rows):
            x = code.load(b.add(b.add(a, b.mul(a_step, I64(r))), offset))
            after.append([code.fma(x, vectors[q], sums[r][q]) for q in range(columns)])
        following = b.add(k, I64(1))
        k.add_incoming(following, loop)
        for r in range(rows):
            for q in range(columns):
                sums[r][q].add_incoming(zero, entry)
                sums[r][q].add_incoming(after[r][q], loop)
        b.cbranch(b.icmp_signed("<", following, count), loop, done)
        b.position_at_end(done)
        real = kind.real.as_pointer()
        for q in range(columns):
            begin = b.load(b.inttoptr(b.add(start, I64(q * kind.itemsize)), real))
            for r in range(rows):
                total = b.fadd(begin, code.add_up(after[r][q]))
                place = b.add(b.add(out, b.mul(out_step, I64(r))), I64(q * kind.itemsize))
                b.store(total, b.inttoptr(place, real))

    return Kernel(write, name=f"dot{rows}x{columns}")


def thin(kind: Kind, columns: int) -> Kernel:
    """Make `thin(x, w, w_step, count, bias, out, left)`: one sample times up to `columns` vectors of columns.

    Reads w and bias no further than `left` columns, and writes zeros beyond. Two sums take turns along k, since one
    would wait for itself.
    """
    lanes, size = kind.lanes, kind.itemsize
    flags = ir.VectorType(I1, lanes)

    def write(b: Any, x: Any, w: Any, w_step: Any, count: Any, *rest: Any) -> None:
        bias, out, left = rest
        code = Code(b, kind)
        zero = ir.Constant(kind.vector, [0.0] * lanes)
        rest_of_last = b.sub(left, I64((columns - 1) * lanes))
        wide = ir.IntType(kind.bits)
        inside = b.trunc(rest_of_last, wide) if kind.bits == 32 else rest_of_last
        whole = b.icmp_signed(">=", rest_of_last, I64(lanes))
        inside = b.select(whole, wide(lanes), inside)
        mask = b.icmp_signed("<", code.lane_numbers(), code.spread(inside))

        def load(address: Any, c: int) -> Any:
            place = b.add(address, I64(c * lanes * size))
            if c < columns - 1:
                return code.load(place)
            name = f"llvm.masked.load.{kind.suffix}.p0"
            pointer = b.inttoptr(place, BYTES)
            masked = declared(b, name, kind.vector, [BYTES, I32, flags, kind.vector])
            return b.call(masked, [pointer, I32(size), mask, zero])

        real = kind.real.as_pointer()
        sums = [variable(b, load(bias, c)) for c in range(columns)]
        others = [variable(b, zero) for _ in range(columns)]

        def add(k: Any, into: list[Any]) -> None:
            number = b.load(b.inttoptr(b.add(x, b.mul(k, I64(size))), real))
            row = b.add(w, b.mul(k, w_step))
            for c in range(columns):
                b.store(code.fma(code.spread(number), load(row, c), b.load(into[c])), into[c])

        with repeat(b, b.sdiv(count, I64(2))) as i:
            k = b.mul(i, I64(2))
            add(k, sums)
            add(b.add(k, I64(1)), others)
        with b.if_then(b.icmp_signed("==", b.srem(count, I64(2)), I64(1))):
            add(b.sub(count, I64(1)), sums)
        for c in range(columns):
            code.store(b.fadd(b.load(sums[c]), b.load(others[c])), b.add(out, I64(c * lanes * size)))

    return Kernel(write, name=f"thin{columns}")


def peak(kind: Kind) -> Kernel:
    """Make `peak(count, out)`: `count` rounds of rows × 3 multiply-and-adds that do not wait for each other."""

    def write(b: Any, count: Any, out: Any) -> None:
        code = Code(b, kind)
        sums = [variable(b, code.load(out)) for _ in range(3 * kind.rows)]
        factor = code.load(out)
        with repeat(b, count):
            for each in sums:
                b.store(code.fma(factor, factor, b.load(each)), each)
        total = b.load(sums[0])
        for each in sums[1:]:
            total = b.fadd(total, b.load(each))
        code.store(total, out)

    return Kernel(write, name="peak")


def transpose(kind: Kind) -> Kernel:
    """Make `transpose(source, source_step, out, out_step)`: a square block of lanes × lanes numbers."""
    lanes = kind.lanes

    def write(b: Any, source: Any, source_step: Any, out: Any, out_step: Any) -> None:
        code = Code(b, kind)
        rows = [code.load(b.add(source, b.mul(source_step, I64(k)))) for k in range(lanes)]
        places = ir.VectorType(I32, lanes)
        size = 1
        while size < lanes:  # swap blocks of `size` between rows whose numbers differ in that bit
            low = [j if not j & size else lanes + j - size for j in range(lanes)]
            high = [j + size if not j & size else lanes + j for j in range(lanes)]
            swapped = list(rows)
            for k in range(lanes):
                if not k & size:
                    pair = rows[k], rows[k + size]
                    swapped[k] = b.shuffle_vector(*pair, ir.Constant(places, low))
                    swapped[k + size] = b.shuffle_vector(*pair, ir.Constant(places, high))
            rows, size = swapped, size * 2
        for k in range(lanes):
            code.store(rows[k], b.add(out, b.mul(out_step, I64(k))))

    return Kernel(write, name="transpose")


# -- one number at a time, many at once -------------------------------------------------------------------------


def elementwise(kind: Kind, formula: Callable[..., Any], inputs: int, outputs: int = 1) -> Kernel:
    """Make a kernel from a formula: `kernel(vectors, out…, in…, scalar…)` over `vectors` whole vectors.

    The formula takes `inputs` Lanes and `scalars` Lanes and gives one Lanes, or a tuple of `outputs` of them.
    An output may be the place of an input.
    """
    width = kind.lanes * kind.itemsize

    def write(b: Any, vectors: Any, *rest: Any) -> None:
        code = Code(b, kind)
        targets, sources = rest[:outputs], rest[outputs : outputs + inputs]
        fixed = [code.lanes(code.spread(number)) for number in rest[outputs + inputs :]]
        with repeat(b, vectors) as i:
            offset = b.mul(i, I64(width))
            values = [code.lanes(code.load(b.add(source, offset))) for source in sources]
            results = formula(*values, *fixed)
            for result, target in zip(results if outputs > 1 else (results,), targets, strict=True):
                code.store(result.value, b.add(target, offset))

    return Kernel(write, name="elementwise")


def copy_rows(kind: Kind, vectors: int) -> Kernel:
    """Make `copy(rows, out, out_step, source, source_step)`: `vectors` vectors of each row."""
    width = kind.lanes * kind.itemsize

    def write(b: Any, rows: Any, out: Any, out_step: Any, source: Any, source_step: Any) -> None:
        code = Code(b, kind)
        with repeat(b, rows) as i:
            here, there = b.add(source, b.mul(i, source_step)), b.add(out, b.mul(i, out_step))
            for v in range(vectors):
                code.store(code.load(b.add(here, I64(v * width))), b.add(there, I64(v * width)))

    return Kernel(write, name=f"copy_rows{vectors}")


def fill(kind: Kind) -> Kernel:
    """Make `fill(vectors, out, number)`."""
    width = kind.lanes * kind.itemsize

    def write(b: Any, vectors: Any, out: Any, number: Any) -> None:
        code = Code(b, kind)
        value = code.spread(number)
        with repeat(b, vectors) as i:
            code.store(value, b.add(out, b.mul(i, I64(width))))

    return Kernel(write, name="fill")


def convert_row(kind: Kind, source: str) -> Kernel:
    """Make `convert(source, out, count, scale)`: a row of data as numbers of ours, the rest of the last vector 0.

    `source` is 'u1' (bytes, divided by scale in float32 as NumPy does, correctly rounded), 'f4' or 'f8'.
    """
    element = {"u1": I8, "f4": ir.FloatType(), "f8": ir.DoubleType()}[source]
    step = {"u1": 1, "f4": 4, "f8": 8}[source]
    single = ir.FloatType()

    def as_ours(b: Any, value: Any, lanes: int, scale: Any, reciprocal: Any) -> Any:
        def of(number: Any) -> Any:
            return ir.VectorType(number, lanes) if lanes > 1 else number

        def spread(number: Any) -> Any:
            return Code(b, Kind(32, lanes, 0, kind.fma)).spread(number) if lanes > 1 else number

        if source == "u1":
            value = b.uitofp(b.zext(value, of(I32)), of(single))
            if kind.fma:  # q = v·r, then one correction by the remainder: the same bytes as v / scale (P. Markstein)
                name = f"llvm.fma.{f'v{lanes}' if lanes > 1 else ''}f32"
                fma = declared(b, name, of(single), [of(single)] * 3)
                divisor, inverse = spread(scale), spread(reciprocal)
                quotient = b.fmul(value, inverse)
                remainder = b.call(fma, [b.fneg(quotient), divisor, value])
                value = b.call(fma, [remainder, inverse, quotient])
            else:
                value = b.fdiv(value, spread(scale))
        have = 64 if source == "f8" else 32
        if have < kind.bits:
            return b.fpext(value, of(kind.real))
        return b.fptrunc(value, of(kind.real)) if have > kind.bits else value

    def write(b: Any, start: Any, out: Any, count: Any, scale: Any) -> None:
        lanes = kind.lanes
        reciprocal = b.fdiv(ir.Constant(single, 1.0), scale)
        whole = b.sdiv(count, I64(lanes))
        code = Code(b, kind)
        with repeat(b, whole) as i:
            place = b.add(start, b.mul(i, I64(lanes * step)))
            value = b.load(b.inttoptr(place, ir.VectorType(element, lanes).as_pointer()))
            value.align = 1
            converted = as_ours(b, value, lanes, scale, reciprocal)
            code.store(converted, b.add(out, b.mul(i, I64(lanes * kind.itemsize))))
        done = b.mul(whole, I64(lanes))
        rest = b.sub(count, done)
        with b.if_then(b.icmp_signed(">", rest, I64(0))):
            tail = b.add(out, b.mul(done, I64(kind.itemsize)))
            code.store(ir.Constant(kind.vector, [0.0] * lanes), tail)
            with repeat(b, rest) as i:
                place = b.add(start, b.mul(b.add(done, i), I64(step)))
                value = b.load(b.inttoptr(place, element.as_pointer()))
                value.align = 1
                converted = as_ours(b, value, 1, scale, reciprocal)
                target = b.add(tail, b.mul(i, I64(kind.itemsize)))
                b.store(converted, b.inttoptr(target, kind.real.as_pointer()))

    return Kernel(write, name=f"convert_{source}")


def _masked(code: Code, value: Any, base: Any, count: Any, other: float) -> Lanes:
    """Replace the lanes from `count` on by `other`; the vector's first lane is number `base`."""
    b, kind = code.builder, code.kind
    wide = ir.IntType(kind.bits)
    left = b.sub(count, base)
    left = b.trunc(left, wide) if kind.bits == 32 else left
    inside = b.icmp_signed("<", code.lane_numbers(), code.spread(left))
    return Lanes(code, b.select(inside, value, code.constant(other).value))


def clear_rest(kind: Kind) -> Kernel:
    """Make `clear_rest(row, count)`: zeros after the first `count` numbers, to the end of their last vector."""

    def write(b: Any, row: Any, count: Any) -> None:
        code = Code(b, kind)
        done = b.mul(b.sdiv(b.sub(count, I64(1)), I64(kind.lanes)), I64(kind.lanes))
        last = b.add(row, b.mul(done, I64(kind.itemsize)))
        code.store(_masked(code, code.load(last), done, count, 0.0).value, last)

    return Kernel(write, name="clear_rest")


def softmax_loss(kind: Kind) -> Kernel:
    """Make `kernel(scores, out, losses, classes, scale, label)`: softmax and cross-entropy of one sample.

    Leaves log Σ exp(scores) - scores[label] in `losses` and scale · (softmax - one-hot) in `out`, 0 beyond the
    classes; `out` may be `scores`. Sums run lane by lane and then over the lanes.
    """
    width, size, lanes = kind.lanes * kind.itemsize, kind.itemsize, kind.lanes

    def write(b: Any, scores: Any, out: Any, losses: Any, classes: Any, scale: Any, label: Any) -> None:
        code = Code(b, kind)
        real = kind.real.as_pointer()
        vectors = b.sdiv(b.add(classes, I64(lanes - 1)), I64(lanes))
        at_label = b.load(b.inttoptr(b.add(scores, b.mul(label, I64(size))), real))
        highest = variable(b, code.constant(float("-inf")).value)
        total = variable(b, code.constant(0.0).value)
        with repeat(b, vectors) as i:
            x = _masked(code, code.load(b.add(scores, b.mul(i, I64(width)))), b.mul(i, I64(lanes)), classes, -math.inf)
            so_far = code.lanes(b.load(highest))
            b.store(where(x > so_far, x, so_far).value, highest)
        peak = _reduce_max(code, b.load(highest))
        top = code.lanes(code.spread(peak))
        with repeat(b, vectors) as i:
            e = exp(code.lanes(code.load(b.add(scores, b.mul(i, I64(width))))) - top)
            e = _masked(code, e.value, b.mul(i, I64(lanes)), classes, 0.0)
            b.store((code.lanes(b.load(total)) + e).value, total)
            code.store(e.value, b.add(out, b.mul(i, I64(width))))
        z = code.add_up(b.load(total))
        spread_z, scale_all = code.lanes(code.spread(z)), code.lanes(code.spread(scale))
        integer = ir.IntType(kind.bits)
        with repeat(b, vectors) as i:
            place = b.add(out, b.mul(i, I64(width)))
            distance = b.sub(label, b.mul(i, I64(lanes)))
            distance = b.trunc(distance, integer) if kind.bits == 32 else distance
            right = Lanes(code, b.icmp_signed("==", code.lane_numbers(), code.spread(distance)))
            y = code.lanes(code.load(place)) / spread_z
            code.store((scale_all * (y - where(right, 1.0, 0.0))).value, place)
        logarithm = b.extract_element(log(code.lanes(code.spread(z))).value, I32(0))
        b.store(b.fsub(logarithm, b.fsub(at_label, peak)), b.inttoptr(losses, real))

    return Kernel(write, name="softmax_loss")


MANY_CLASSES = 4
"""Vectors of scores a sample, beyond which samples go through the softmax one at a time."""


def softmax_block(kind: Kind) -> Kernel:
    """Make `kernel(scores, scores_step, out, out_step, losses, classes, scale, t, order, rows)`: the same for rows.

    Takes as many samples as a vector has lanes, or the `rows` that are left, and at most MANY_CLASSES vectors of
    classes. The samples are turned on their sides, a class a vector: what is a chain of steps that wait for each other
    over the lanes of one sample becomes plain arithmetic between vectors. The sums are added by the same tree, so
    each sample gets the bits that `softmax_loss` gives it.
    """
    width, size, lanes = kind.lanes * kind.itemsize, kind.itemsize, kind.lanes
    integer, real = ir.IntType(kind.bits), kind.real.as_pointer()

    def write(b: Any, *arguments: Any) -> None:
        scores, scores_step, out, out_step, losses, classes, scale, t, order, rows = arguments
        code = Code(b, kind)
        on_side, sums = _room(b, kind.vector, MANY_CLASSES * lanes), _room(b, kind.vector, lanes)
        label_room, loss_room = _room(b, integer, lanes), _room(b, kind.real, lanes)
        vectors = b.sdiv(b.add(classes, I64(lanes - 1)), I64(lanes))
        # Where fewer rows are left, the last one is taken several times, each time to the same end.
        row = [b.select(b.icmp_signed("<", I64(r), rows), I64(r), b.sub(rows, I64(1))) for r in range(lanes)]
        for r in range(lanes):
            sample = b.load(b.inttoptr(b.add(order, b.mul(row[r], I64(8))), I64.as_pointer()))
            label = b.load(b.inttoptr(b.add(t, b.mul(sample, I64(8))), I64.as_pointer()))
            label = b.trunc(label, integer) if kind.bits == 32 else label
            b.store(label, b.inttoptr(b.add(label_room, I64(r * size)), integer.as_pointer()))
            code.store(code.constant(0.0).value, b.add(sums, I64(r * width)))
        labels = b.load(b.inttoptr(label_room, kind.integers.as_pointer()))
        labels.align = size
        with repeat(b, vectors) as i:
            starts = [b.add(b.add(scores, b.mul(scores_step, r)), b.mul(i, I64(width))) for r in row]
            for c, vector in enumerate(_turned(code, [code.load(start) for start in starts])):
                code.store(vector, b.add(on_side, b.mul(b.add(b.mul(i, I64(lanes)), I64(c)), I64(width))))

        def is_label(c: Any) -> Lanes:
            return Lanes(code, b.icmp_signed("==", labels, code.spread(b.trunc(c, integer) if kind.bits == 32 else c)))

        highest, at_label = variable(b, code.constant(-math.inf).value), variable(b, code.constant(0.0).value)
        with repeat(b, classes) as c:
            x, so_far = code.lanes(code.load(b.add(on_side, b.mul(c, I64(width))))), code.lanes(b.load(highest))
            b.store(where(x > so_far, x, so_far).value, highest)
            b.store(where(is_label(c), x, code.lanes(b.load(at_label))).value, at_label)
        top = code.lanes(b.load(highest))
        with repeat(b, classes) as c:
            place = b.add(on_side, b.mul(c, I64(width)))
            lane = b.add(sums, b.mul(b.and_(c, I64(lanes - 1)), I64(width)))
            e = exp(code.lanes(code.load(place)) - top)
            code.store(e.value, place)
            code.store((code.lanes(code.load(lane)) + e).value, lane)
        tree = [code.lanes(code.load(b.add(sums, I64(c * width)))) for c in range(lanes)]
        while len(tree) > 1:
            half = len(tree) // 2
            tree = [low + high for low, high in zip(tree[:half], tree[half:], strict=True)]
        scale_all = code.lanes(code.spread(scale))
        with repeat(b, classes) as c:
            place = b.add(on_side, b.mul(c, I64(width)))
            y = code.lanes(code.load(place)) / tree[0]
            code.store((scale_all * (y - where(is_label(c), 1.0, 0.0))).value, place)
        with repeat(b, b.sub(b.mul(vectors, I64(lanes)), classes)) as c:
            code.store(code.constant(0.0).value, b.add(on_side, b.mul(b.add(classes, c), I64(width))))
        with repeat(b, vectors) as i:
            start = b.add(on_side, b.mul(i, I64(lanes * width)))
            turned = _turned(code, [code.load(b.add(start, I64(c * width))) for c in range(lanes)])
            for r, vector in zip(row, turned, strict=True):
                code.store(vector, b.add(b.add(out, b.mul(out_step, r)), b.mul(i, I64(width))))
        code.store((log(tree[0]) - (code.lanes(b.load(at_label)) - top)).value, loss_room)
        with repeat(b, rows) as r:
            offset = b.mul(r, I64(size))
            b.store(b.load(b.inttoptr(b.add(loss_room, offset), real)), b.inttoptr(b.add(losses, offset), real))

    return Kernel(write, name="softmax_block")


def _room(b: Any, of: Any, count: int) -> Any:
    """Give the address of room on the stack for `count` values."""
    with b.goto_entry_block():
        return b.ptrtoint(b.alloca(ir.ArrayType(of, count)), I64)


def _turned(code: Code, vectors: list[Any]) -> list[Any]:
    """Give the columns of the square whose rows are `vectors`: lane c of vector r becomes lane r of vector c."""
    lanes, b = code.kind.lanes, code.builder
    step = 1
    while step < lanes:
        # Of each pair of vectors, half of the numbers change places: those where one's place has the bit of the step.
        low = [lane if not lane & step else lanes + lane - step for lane in range(lanes)]
        high = [lane + step if not lane & step else lanes + lane for lane in range(lanes)]
        masks = [ir.Constant(ir.VectorType(I32, lanes), places) for places in (low, high)]
        after = [*vectors]
        for r in range(lanes):
            if not r & step:
                pair = vectors[r], vectors[r + step]
                after[r], after[r + step] = (b.shuffle_vector(*pair, mask) for mask in masks)
        vectors, step = after, 2 * step
    return vectors


def _reduce_max(code: Code, vector: Any) -> Any:
    """Give the highest lane; NaN lanes are passed over (the sum of exponentials will show them)."""
    name = f"llvm.vector.reduce.fmax.{code.kind.suffix}"
    return code.call(name, code.kind.real, [vector])


def sum_row(kind: Kind) -> Kernel:
    """Make `sum_row(address, vectors)`: the sum of whole vectors, lane by lane and then over the lanes."""
    width = kind.lanes * kind.itemsize

    def write(b: Any, start: Any, vectors: Any) -> Any:
        code = Code(b, kind)
        total = variable(b, code.constant(0.0).value)
        with repeat(b, vectors) as i:
            x = code.lanes(code.load(b.add(start, b.mul(i, I64(width)))))
            b.store((code.lanes(b.load(total)) + x).value, total)
        return code.add_up(b.load(total))

    return Kernel(write, kind.real, name="sum_row")


# -- pooling ----------------------------------------------------------------------------------------------------


def pool(kind: Kind, average: bool) -> Kernel:
    """Make `pool(count, vectors, out, out_pixel, place, x, apart, x_line, x_pixel, rows, columns, first, across)`.

    Goes along a line of `count` windows of rows × columns pixels, `apart` bytes from each other, and gives for each
    the largest value of each channel and, as 16-bit integers, which it was: `first`, counting on by columns, and by
    `across` from row to row; the first of equals, and the first NaN, as numpy.argmax does. Or the sum of each.
    """
    width, short = kind.lanes * kind.itemsize, ir.VectorType(I16, kind.lanes)

    def write(b: Any, count: Any, vectors: Any, out: Any, out_pixel: Any, place: Any, *rest: Any) -> None:
        x, apart, x_line, x_pixel, rows, columns, first, across = rest
        code = Code(b, kind)
        integer = ir.IntType(kind.bits)
        place_pixel = b.mul(vectors, I64(2 * kind.lanes))

        def spread(number: Any) -> Any:
            return code.spread(b.trunc(number, integer) if kind.bits == 32 else number)

        def take(best: Any, which: Any, at: Any, number: Any) -> tuple[Any, Any]:
            value = code.load(at)
            if average:
                return b.fadd(best, value), which
            better = b.and_(b.fcmp_unordered(">", value, best), b.fcmp_ordered("==", best, best))
            return b.select(better, value, best), b.select(better, spread(number), which)

        def give(best: Any, which: Any, i: Any, v: Any) -> None:
            code.store(best, b.add(b.add(out, b.mul(i, out_pixel)), b.mul(v, I64(width))))
            if not average:
                at = b.add(b.add(place, b.mul(i, place_pixel)), b.mul(v, I64(2 * kind.lanes)))
                b.store(b.trunc(which, short), b.inttoptr(at, short.as_pointer())).align = 2

        def windows(square: bool) -> None:
            with repeat(b, count) as i, repeat(b, vectors) as v:
                start = b.add(b.add(x, b.mul(i, apart)), b.mul(v, I64(width)))
                if square:  # two by two, which is what nearly everybody takes
                    best, which = code.load(start), spread(first)
                    for dy, dx in ((0, 1), (1, 0), (1, 1)):
                        at = b.add(start, b.add(b.mul(x_line, I64(dy)), b.mul(x_pixel, I64(dx))))
                        number = b.add(b.add(first, b.mul(across, I64(dy))), I64(dx))
                        best, which = take(best, which, at, number)
                    give(best, which, i, v)
                else:
                    zero = code.constant(0.0).value
                    best, which = variable(b, zero if average else code.load(start)), variable(b, spread(first))
                    with repeat(b, rows) as dy, repeat(b, columns) as dx:
                        at = b.add(start, b.add(b.mul(x_line, dy), b.mul(x_pixel, dx)))
                        number = b.add(b.add(first, b.mul(across, dy)), dx)
                        values = take(b.load(best), b.load(which), at, number)
                        b.store(values[0], best)
                        b.store(values[1], which)
                    give(b.load(best), b.load(which), i, v)

        two = b.and_(b.icmp_signed("==", rows, I64(2)), b.icmp_signed("==", columns, I64(2)))
        with b.if_else(two) as (yes, no):
            with yes:
                windows(True)
            with no:
                windows(False)

    return Kernel(write, name="pool")


def unpool(kind: Kind, average: bool) -> Kernel:
    """Make `unpool(count, vectors, dout, dout_pixel, place, dx, apart, dx_line, dx_pixel, rows, columns, first, …)`.

    The last argument is `across`, as for `pool`, whose way back it is: adds each number of dout to where its value
    came from, or to all of its window.
    """
    width, short = kind.lanes * kind.itemsize, ir.VectorType(I16, kind.lanes)

    def write(b: Any, count: Any, vectors: Any, dout: Any, dout_pixel: Any, place: Any, *rest: Any) -> None:
        dx, apart, dx_line, dx_pixel, rows, columns, first, across = rest
        code = Code(b, kind)
        integer = ir.IntType(kind.bits)
        place_pixel = b.mul(vectors, I64(2 * kind.lanes))
        zero = code.constant(0.0).value
        with repeat(b, count) as i, repeat(b, vectors) as v:
            start = b.add(b.add(dx, b.mul(i, apart)), b.mul(v, I64(width)))
            value = code.load(b.add(b.add(dout, b.mul(i, dout_pixel)), b.mul(v, I64(width))))
            at = b.add(b.add(place, b.mul(i, place_pixel)), b.mul(v, I64(2 * kind.lanes)))
            if not average:
                which = b.load(b.inttoptr(at, short.as_pointer()))
                which.align = 2
                which = b.zext(which, kind.integers)
            with repeat(b, rows) as y, repeat(b, columns) as z:
                target = b.add(start, b.add(b.mul(dx_line, y), b.mul(dx_pixel, z)))
                share = value
                if not average:
                    number = b.add(b.add(first, b.mul(across, y)), z)
                    number = b.trunc(number, integer) if kind.bits == 32 else number
                    share = b.select(b.icmp_signed("==", which, code.spread(number)), value, zero)
                code.store(b.fadd(code.load(target), share), target)

    return Kernel(write, name="unpool")


# -- places that are not zero -----------------------------------------------------------------------------------


def mark(kind: Kind) -> Kernel:
    """Make `mark(x, vectors, out, out_step)`: for each vector of a row, 16 bits that say which lanes are not zero."""

    def write(b: Any, x: Any, vectors: Any, out: Any, out_step: Any) -> None:
        code = Code(b, kind)
        with repeat(b, vectors) as i:
            _mark(code, b.add(x, b.mul(i, I64(kind.lanes * kind.itemsize))), b.add(out, b.mul(i, out_step)))

    return Kernel(write, name="mark")


def _mark(code: Code, x: Any, out: Any) -> Any:
    """Write which lanes of the vector at `x` are not zero, as 16 bits; give them as flags."""
    b, kind = code.builder, code.kind
    flags = b.fcmp_unordered("!=", code.load(x), ir.Constant(kind.vector, [0.0] * kind.lanes))  # NaN is not zero
    bits = b.bitcast(flags, ir.IntType(kind.lanes))
    b.store(bits if kind.lanes == 16 else b.zext(bits, I16), b.inttoptr(out, I16.as_pointer()))
    return flags


def mark_columns(kind: Kind, rows: int, compress: bool) -> Kernel:
    """Make `count = kernel(x, x_step, vectors, marks, marks_step, out)`: `mark` rows and `list_columns` at once.

    So the rows are in the nearest cache when they are multiplied.
    """

    def write(b: Any, x: Any, x_step: Any, vectors: Any, marks: Any, marks_step: Any, out: Any) -> Any:
        code = Code(b, kind)
        out = b.inttoptr(out, I32.as_pointer())
        count = variable(b, I64(0))
        with repeat(b, vectors) as i:
            at, place = b.add(x, b.mul(i, I64(kind.lanes * kind.itemsize))), b.add(marks, b.mul(i, marks_step))
            each = [_mark(code, b.add(at, b.mul(x_step, I64(r))), b.add(place, I64(2 * r))) for r in range(rows)]
            columns = _counted(b, b.mul(i, I64(kind.lanes)), kind.lanes)
            b.store(_append(code, compress, columns, functools.reduce(b.or_, each), out, b.load(count)), count)
        return b.load(count)

    return Kernel(write, I64, name="mark_columns")


def _append(code: Code, compress: bool, places: Any, flags: Any, out: Any, count: Any) -> Any:
    """Write those `places` (a vector of int32) whose flag is set behind the first `count` of `out`; give the count."""
    b, lanes = code.builder, code.kind.lanes
    vector = ir.VectorType(I32, lanes)
    if compress and lanes in (8, 16):
        taken = [vector, vector, ir.VectorType(I1, lanes)]
        function = declared(b, f"llvm.x86.avx512.mask.compress.v{lanes}i32", vector, taken)
        packed = b.call(function, [places, ir.Constant(vector, [0] * lanes), flags])
        b.store(packed, b.bitcast(b.gep(out, [count]), vector.as_pointer())).align = 4
        bits = ir.IntType(lanes)
        ones = b.call(declared(b, f"llvm.ctpop.i{lanes}", bits, [bits]), [b.bitcast(flags, bits)])
        return b.add(count, b.zext(ones, I64))
    for lane in range(lanes):  # write always, step on only where the flag is set: no branches
        b.store(b.extract_element(places, I32(lane)), b.gep(out, [count]))
        count = b.add(count, b.zext(b.extract_element(flags, I32(lane)), I64))
    return count


def _counted(b: Any, first: Any, lanes: int) -> Any:
    """Give the vector first, first + 1, … of int32."""
    vector = ir.VectorType(I32, lanes)
    one = b.insert_element(ir.Constant(vector, ir.Undefined), b.trunc(first, I32), I32(0))
    spread = b.shuffle_vector(one, ir.Constant(vector, ir.Undefined), ir.Constant(vector, [0] * lanes))
    return b.add(spread, ir.Constant(vector, list(range(lanes))))


def list_columns(kind: Kind, rows: int, compress: bool) -> Kernel:
    """Make `count = kernel(marks, marks_step, vectors, out)`: the columns that are not zero in some of `rows` rows.

    `marks` is where the first row's marks of the first vector lie; its column counts as 0. `out` takes int32 and
    needs room for a vector more.
    """

    def write(b: Any, marks: Any, marks_step: Any, vectors: Any, out: Any) -> Any:
        code = Code(b, kind)
        out = b.inttoptr(out, I32.as_pointer())
        count = variable(b, I64(0))
        with repeat(b, vectors) as i:
            place = b.add(marks, b.mul(i, marks_step))
            flags: Any = None
            for r in range(rows):
                here = b.load(b.inttoptr(b.add(place, I64(2 * r)), I16.as_pointer()))
                flags = here if flags is None else b.or_(flags, here)
            flags = flags if kind.lanes == 16 else b.trunc(flags, ir.IntType(kind.lanes))
            flags = b.bitcast(flags, ir.VectorType(I1, kind.lanes))
            columns = _counted(b, b.mul(i, I64(kind.lanes)), kind.lanes)
            b.store(_append(code, compress, columns, flags, out, b.load(count)), count)
        return b.load(count)

    return Kernel(write, I64, name="list_columns")


def list_rows(kind: Kind, compress: bool) -> Kernel:
    """Make `count = kernel(marks, bits, rows, out)`: the rows among `rows` whose marks have one of `bits`."""
    marks_vector = ir.VectorType(I16, kind.lanes)

    def write(b: Any, marks: Any, bits: Any, rows: Any, out: Any) -> Any:
        code = Code(b, kind)
        out = b.inttoptr(out, I32.as_pointer())
        count = variable(b, I64(0))
        one = b.insert_element(ir.Constant(marks_vector, ir.Undefined), b.trunc(bits, I16), I32(0))
        zeros = ir.Constant(ir.VectorType(I32, kind.lanes), [0] * kind.lanes)
        wanted = b.shuffle_vector(one, ir.Constant(marks_vector, ir.Undefined), zeros)
        with repeat(b, b.sdiv(b.add(rows, I64(kind.lanes - 1)), I64(kind.lanes))) as i:
            base = b.mul(i, I64(kind.lanes))
            here = b.load(b.inttoptr(b.add(marks, b.mul(base, I64(2))), marks_vector.as_pointer()))
            here.align = 2
            flags = b.icmp_unsigned("!=", b.and_(here, wanted), ir.Constant(marks_vector, [0] * kind.lanes))
            numbers = _counted(b, base, kind.lanes)
            end = _counted(b, rows, kind.lanes)
            last = b.shuffle_vector(end, end, zeros)
            flags = b.and_(flags, b.icmp_signed("<", numbers, last))
            b.store(_append(code, compress, numbers, flags, out, b.load(count)), count)
        return b.load(count)

    return Kernel(write, I64, name="list_rows")
