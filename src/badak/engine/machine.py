"""The machine: one function that carries out any tape, for as many iterations as it is asked.

`define(kind)` gives a Python function of two integers, the address of a frame (opcodes.Frame) and the number of
the calling thread; compiler.py compiles it once and build.py keeps the result on disk. Every thread runs the same
function on the same tape and takes its own share of each instruction; they meet where the tape says BARRIER.

Plain Python in the little that compiler.py knows: everything is a whole number unless it is annotated `float`.
Each instruction below is the few loops that it stands for, over the kernels of kernels.py. Places and steps are in
bytes. Nothing is checked here: verify.py checked the tape, runner.py the data.

What makes one thread and many give the same bytes: a sum always runs in the same order, whoever computes it. Only
CHUNKS cuts a sum into parts; how many is a function of the shapes, and JOIN adds them by a fixed tree.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from collections.abc import Callable
from types import SimpleNamespace

from llvmlite import ir

from badak.engine import elements, kernels
from badak.engine import machine_images as images
from badak.engine import opcodes as op
from badak.engine.opcodes import LINE, Frame, Split
from badak.engine.plan import tail_limit
from badak.engine.vectors import I64, Kind, exp, multiply_add, where


def define(kind: Kind, compress: bool, x86: bool) -> Callable[[int, int], int]:
    """Give the machine for one kind of number, as a Python function ready to be compiled."""
    SIZE, LANES, TALL = kind.itemsize, kind.lanes, kind.rows
    WIDTH = SIZE * LANES
    ONES = 4 * WIDTH  # behind the zeros, see runner.py
    TAIL = tail_limit(LANES)
    GROUP = 4  # samples that stay together when threads share them
    PAIR, COLUMNS = 2, 4  # samples, or columns, that share a list of places that are not zero
    BANK_MASK = (1 << op.BANK_SHIFT) - 1
    ROW_BYTES = 8 * op.ROW

    load = kernels.loader(I64)
    load_single = kernels.loader(ir.FloatType())
    load_real = kernels.loader(kind.real)
    store = kernels.storer(I64)
    store_real = kernels.storer(kind.real)
    store_quotient = kernels.store_quotient()
    peek, post, pause, call = kernels.thread_primitives(x86)
    prefetch = kernels.prefetcher()
    fill = kernels.fill(kind)
    tiles = {(r, c): kernels.tile(kind, r, c) for r in (TALL, 4, 2, 1) for c in (3, 2, 1)}
    tall3, tall2, tall1 = tiles[TALL, 3], tiles[TALL, 2], tiles[TALL, 1]
    four3, four2, four1 = tiles[4, 3], tiles[4, 2], tiles[4, 1]
    two3, two2, two1 = tiles[2, 3], tiles[2, 2], tiles[2, 1]
    one3, one2, one1 = tiles[1, 3], tiles[1, 2], tiles[1, 1]
    dot42, dot41 = kernels.dot(kind, 4, 2), kernels.dot(kind, 4, 1)
    dot12, dot11 = kernels.dot(kind, 1, 2), kernels.dot(kind, 1, 1)
    listed3, listed2, listed1 = (kernels.tile(kind, COLUMNS, c, listed=True) for c in (3, 2, 1))
    pair3, pair2, pair1 = (kernels.tile(kind, PAIR, c, listed=True) for c in (3, 2, 1))
    mark, list_rows = kernels.mark(kind), kernels.list_rows(kind, compress)
    list_columns = kernels.list_columns(kind, PAIR, compress)
    mark_columns = kernels.mark_columns(kind, PAIR, compress)
    thin1, thin2, thin3, thin4 = (kernels.thin(kind, columns) for columns in (1, 2, 3, 4))
    transpose_block = kernels.transpose(kind)
    convert_bytes, convert_f4, convert_f8 = (kernels.convert_row(kind, s) for s in ("u1", "f4", "f8"))
    softmax_row, softmax_block = kernels.softmax_loss(kind), kernels.softmax_block(kind)
    sum_row = kernels.sum_row(kind)
    clear_rest = kernels.clear_rest(kind)

    # -- formulas: one number at a time, many at once

    def e_formula(x):
        e = exp(where(x < 0.0, x, -x))  # never above 1: no overflow on either side
        return where(x < 0.0, e, 1.0) / (1.0 + e)

    relu_row = kernels.elementwise(kind, lambda x: where(x <= 0.0, 0.0, x), 1)
    relu_back_row = kernels.elementwise(kind, lambda d, y: where(y <= 0.0, 0.0, d), 2)
    sigmoid_row = kernels.elementwise(kind, e_formula, 1)
    sigmoid_back_row = kernels.elementwise(kind, lambda d, y: d * (y * (1.0 - y)), 2)
    copy_row = kernels.elementwise(kind, lambda x: x, 1)
    copy_rows1, copy_rows2, copy_rows3 = (kernels.copy_rows(kind, vectors) for vectors in (1, 2, 3))
    add_row = kernels.elementwise(kind, lambda x, y: x + y, 2)
    scale_row = kernels.elementwise(kind, lambda x, factor: x * factor, 1)
    join_row = kernels.elementwise(kind, lambda a, b, bias: (a + b) + bias, 3)
    step_row = kernels.elementwise(kind, lambda w, g, rate: multiply_add(rate, g, w), 2)
    square_row = kernels.elementwise(
        kind, lambda x, t, scale: (scale * (x - t), 0.5 * ((x - t) * (x - t))), 2, outputs=2
    )

    # -- reading a row

    def field(row, number):
        return load(row + 8 * number)

    def place(frame, row, number):
        """Give the address of an operand: its bank's start and the bytes into it."""
        operand = load(row + 8 * number)
        return load(frame + 8 * (Frame.BANKS + (operand >> op.BANK_SHIFT))) + (operand & BANK_MASK)

    def argument(frame, number):
        return load(frame + 8 * number)

    def rate_of(frame, it) -> float:
        return load_real(argument(frame, Frame.RATES) + it * argument(frame, Frame.RATES_STEP))

    def share(count, me, threads) -> tuple[int, int]:
        """Give the first of this thread's pieces and the first of the next thread's."""
        return count * me // threads, count * (me + 1) // threads

    def whole(n):
        """Give how many vectors hold n numbers."""
        return (n + LANES - 1) // LANES

    # -- how the weights lie: panels of up to 3 vectors, and the last few columns transposed (plan.Panels)

    def vectors_of(n):
        return n // LANES + (1 if n % LANES > TAIL else 0)

    def tail_of(n):
        return 0 if n % LANES > TAIL else n % LANES

    def panel_start(vectors, panels, p):
        return p * (vectors // panels) + min(p, vectors % panels)

    def panel_share(count, n, me, threads) -> tuple[int, int]:
        """Share out `count` pieces of each panel, a panel weighing as much as it has vectors; the tail, as one.

        Piece c of panel p is number p · count + c.
        """
        total = (vectors_of(n) + (1 if tail_of(n) > 0 else 0)) * count
        return panel_piece(total * me // threads, count, n), panel_piece(total * (me + 1) // threads, count, n)

    def panel_piece(position, count, n):
        vectors = vectors_of(n)
        panels = (vectors + 2) // 3
        if position >= vectors * count:
            return panels * count + position - vectors * count
        p = panel_of(vectors, panels, position // count)
        start = panel_start(vectors, panels, p)
        return p * count + (position - start * count) // (panel_start(vectors, panels, p + 1) - start)

    def panel_of(vectors, panels, v):
        """Give the panel that holds vector v."""
        p = 0
        while panel_start(vectors, panels, p + 1) <= v:
            p += 1
        return p

    # -- products

    def product(
        width, rows, a, row_step, k_step, w, w_step, count, out, out_step, start, start_step, rate: float
    ) -> None:
        """Multiply any number of rows by one panel of `width` vectors, with the tallest tiles that fit."""
        done = 0
        if width == 3:
            while rows - done >= TALL:
                tall3(a + done * row_step, row_step, k_step, w, w_step, count, out + done * out_step, out_step,
                      start + done * start_step, start_step, rate)  # fmt: skip
                done += TALL
            if TALL > 4 and rows - done >= 4:
                four3(a + done * row_step, row_step, k_step, w, w_step, count, out + done * out_step, out_step,
                      start + done * start_step, start_step, rate)  # fmt: skip
                done += 4
            if rows - done >= 2:
                two3(a + done * row_step, row_step, k_step, w, w_step, count, out + done * out_step, out_step,
                     start + done * start_step, start_step, rate)  # fmt: skip
                done += 2
            if rows > done:
                one3(a + done * row_step, row_step, k_step, w, w_step, count, out + done * out_step, out_step,
                     start + done * start_step, start_step, rate)  # fmt: skip
        elif width == 2:
            while rows - done >= TALL:
                tall2(a + done * row_step, row_step, k_step, w, w_step, count, out + done * out_step, out_step,
                      start + done * start_step, start_step, rate)  # fmt: skip
                done += TALL
            if TALL > 4 and rows - done >= 4:
                four2(a + done * row_step, row_step, k_step, w, w_step, count, out + done * out_step, out_step,
                      start + done * start_step, start_step, rate)  # fmt: skip
                done += 4
            if rows - done >= 2:
                two2(a + done * row_step, row_step, k_step, w, w_step, count, out + done * out_step, out_step,
                     start + done * start_step, start_step, rate)  # fmt: skip
                done += 2
            if rows > done:
                one2(a + done * row_step, row_step, k_step, w, w_step, count, out + done * out_step, out_step,
                     start + done * start_step, start_step, rate)  # fmt: skip
        else:
            while rows - done >= TALL:
                tall1(a + done * row_step, row_step, k_step, w, w_step, count, out + done * out_step, out_step,
                      start + done * start_step, start_step, rate)  # fmt: skip
                done += TALL
            if TALL > 4 and rows - done >= 4:
                four1(a + done * row_step, row_step, k_step, w, w_step, count, out + done * out_step, out_step,
                      start + done * start_step, start_step, rate)  # fmt: skip
                done += 4
            if rows - done >= 2:
                two1(a + done * row_step, row_step, k_step, w, w_step, count, out + done * out_step, out_step,
                     start + done * start_step, start_step, rate)  # fmt: skip
                done += 2
            if rows > done:
                one1(a + done * row_step, row_step, k_step, w, w_step, count, out + done * out_step, out_step,
                     start + done * start_step, start_step, rate)  # fmt: skip

    def affine_tail(rows, x, x_step, w, w_step, vectors, columns, out, out_step, start, start_step) -> None:
        """Multiply by the few columns that are left over beside whole vectors, as inner products."""
        q = 0
        while q < columns:
            pair = columns - q >= 2
            r = 0
            while rows - r >= 4 and start_step == 0:
                if pair:
                    dot42(x + r * x_step, x_step, w, w_step, vectors, out + r * out_step, out_step, start)
                else:
                    dot41(x + r * x_step, x_step, w, w_step, vectors, out + r * out_step, out_step, start)
                r += 4
            while r < rows:
                if pair:
                    dot12(
                        x + r * x_step, x_step, w, w_step, vectors, out + r * out_step, out_step, start + r * start_step
                    )
                else:
                    dot11(
                        x + r * x_step, x_step, w, w_step, vectors, out + r * out_step, out_step, start + r * start_step
                    )
                r += 1
            q += 2 if pair else 1
            w += 2 * w_step
            out += 2 * SIZE
            start += 2 * SIZE

    K_BLOCK, ROW_BLOCK = 2048 // SIZE, 128
    CACHED = 1 << 18  # bytes that surely stay in a core's cache beside what passes through it

    def multiply(rows, x, x_step, w, k, k_first, k_last, n, p_first, p_last, out, out_step, bias) -> None:
        """Give out = bias + x · W for some samples, some panels of W and some of the k's, block by block.

        The blocks keep what is read again in the cache; a sum that goes on in the next block goes on from what
        the last one stored, in the same order.
        """
        vectors, tail = vectors_of(n), tail_of(n)
        panels = (vectors + 2) // 3
        height = whole(k) * LANES
        for r in range(0, rows, ROW_BLOCK):
            some = min(ROW_BLOCK, rows - r)
            x_row, out_row = x + r * x_step, out + r * out_step
            k_at = k_first
            while k_at < k_last:
                k_next = min(k_at + K_BLOCK, k_last)
                for p in range(p_first, min(p_last, panels)):
                    first = panel_start(vectors, panels, p)
                    width = panel_start(vectors, panels, p + 1) - first
                    panel = w + (first * height + k_at * width) * WIDTH
                    target = out_row + first * WIDTH
                    start, start_step = bias + first * WIDTH, 0
                    if k_at > k_first:
                        start, start_step = target, out_step
                    product(width, some, x_row + k_at * SIZE, x_step, SIZE, panel, width * WIDTH, k_next - k_at,
                            target, out_step, start, start_step, 0.0)  # fmt: skip
                k_at = k_next
            if tail > 0 and p_last > panels:
                target = out_row + vectors * WIDTH
                for i in range(some):
                    fill(1, target + i * out_step, 0.0)
                affine_tail(some, x_row + k_first * SIZE, x_step, w + vectors * height * WIDTH + k_first * SIZE,
                            height * SIZE, whole(k_last - k_first), tail, target,
                            out_step, bias + vectors * WIDTH, 0)  # fmt: skip

    def column_zero(x, x_step, rows, k, split, unit, units):
        """Give where column 0 of drawn data would lie, if the columns of its chunk `unit` went on before it.

        Each chunk's columns lie apart from the others': what one thread writes, no other's prefetcher touches.
        Data that are read where they are (BESIDE) need nothing of the kind.
        """
        return x if split == Split.BESIDE else x + unit * rows * x_step - chunk_start(whole(k), unit, units) * WIDTH

    def chunk_start(vectors, unit, units):
        """Give the first vector of a chunk: the earlier chunks are the longer ones, if they differ."""
        return (vectors * unit + units - 1) // units

    def chunked(split):
        """Say whether a sum over the inputs comes in parts."""
        return 1 if split == Split.CHUNKS or split == Split.BESIDE else 0

    def affine(frame, row, me, threads) -> None:
        out, x, w, bias = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3), place(frame, row, 4)
        out_step, x_step, rows, k, n = field(row, 5), field(row, 6), field(row, 7), field(row, 8), field(row, 9)
        split, chunks, part_step = field(row, 10), field(row, 11), field(row, 12)
        units = 1
        all_panels = (vectors_of(n) + 2) // 3 + (1 if tail_of(n) > 0 else 0)
        if split == Split.PANELS:
            units = all_panels
        elif chunked(split):
            units = chunks
        blocks = (rows + GROUP - 1) // GROUP
        first, last = share(units * blocks, me, threads)
        if split == Split.PANELS:
            first, last = panel_share(blocks, n, me, threads)
        while first < last:
            unit = first // blocks
            until = min(last, (unit + 1) * blocks)
            r_first = (first - unit * blocks) * GROUP
            r_last = min(rows, (until - unit * blocks) * GROUP)
            p_first, p_last, k_first, k_last, part, x_at = 0, all_panels + 1, 0, k, 0, x
            if split == Split.PANELS:
                p_first, p_last = unit, unit + 1
                if unit == all_panels - 1:
                    p_last = all_panels + 1
            elif chunked(split):
                k_first = chunk_start(whole(k), unit, chunks) * LANES
                k_last = min(k, chunk_start(whole(k), unit + 1, chunks) * LANES)
                part = unit * part_step
                x_at = column_zero(x, x_step, rows, k, split, unit, chunks)
            multiply(r_last - r_first, x_at + r_first * x_step, x_step, w, k, k_first, k_last, n, p_first, p_last,
                     out + part + r_first * out_step, out_step, bias)  # fmt: skip
            first = until

    def thin(frame, row, me, threads) -> None:
        """Give x · W + bias for a few samples, reading W as the Block has it: laying it out would take longer."""
        out, x, w, bias = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3), place(frame, row, 4)
        out_step, x_step, rows, k, n = field(row, 5), field(row, 6), field(row, 7), field(row, 8), field(row, 9)
        first, last = row_share(frame, rows, me, threads)
        for r in range(first, last):
            c = 0
            while c < n:
                at, to = x + r * x_step, out + r * out_step + c * SIZE
                left = n - c
                if left > 3 * LANES:
                    thin4(at, w + c * SIZE, n * SIZE, k, bias + c * SIZE, to, left)
                elif left > 2 * LANES:
                    thin3(at, w + c * SIZE, n * SIZE, k, bias + c * SIZE, to, left)
                elif left > LANES:
                    thin2(at, w + c * SIZE, n * SIZE, k, bias + c * SIZE, to, left)
                else:
                    thin1(at, w + c * SIZE, n * SIZE, k, bias + c * SIZE, to, left)
                c += 4 * LANES

    def outer(batch, x, x_step, d, d_step, k, k_first, k_last, n, p_first, p_last, out, rate: float, zeros) -> None:
        """Give out = xᵀ · d, or out + rate · xᵀ · d, for some rows of W and some of its panels."""
        vectors, tail = vectors_of(n), tail_of(n)
        panels = (vectors + 2) // 3
        height = whole(k) * LANES
        blocks = (batch + 159) // 160
        for block in range(blocks):
            b_first = batch * block // blocks
            count = batch * (block + 1) // blocks - b_first
            x_row, d_row = x + b_first * x_step, d + b_first * d_step
            again = block > 0 and rate == 0
            for p in range(p_first, min(p_last, panels)):
                first = panel_start(vectors, panels, p)
                width = panel_start(vectors, panels, p + 1) - first
                target = out + (first * height + k_first * width) * WIDTH
                start, start_step = zeros, 0
                if again:
                    start, start_step = target, width * WIDTH
                product(width, k_last - k_first, x_row + k_first * SIZE, SIZE, x_step, d_row + first * WIDTH, d_step,
                        count, target, width * WIDTH, start, start_step, rate)  # fmt: skip
            if tail > 0 and p_last > panels:
                v, v_last = k_first // LANES, whole(k_last)
                while v < v_last:
                    width = min(3, v_last - v)
                    target = out + (vectors * height + v) * WIDTH
                    start, start_step = zeros, 0
                    if again:
                        start, start_step = target, height * SIZE
                    product(width, tail, d_row + vectors * WIDTH, SIZE, d_step, x_row + v * WIDTH, x_step,
                            count, target, height * SIZE, start, start_step, rate)  # fmt: skip
                    v += width

    # -- passing over zeros: the same sums without their zeros, so the same result

    def affine_sparse(frame, row, me, threads) -> None:
        out, x, w, bias = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3), place(frame, row, 4)
        out_step, x_step, rows, k, n = field(row, 5), field(row, 6), field(row, 7), field(row, 8), field(row, 9)
        split, chunks, part_step = field(row, 10), field(row, 11), field(row, 12)
        marks, marks_step = place(frame, row, 13), field(row, 14)
        places = argument(frame, Frame.PRIVATE) + me * argument(frame, Frame.PRIVATE_STEP)
        vectors, tail, height = vectors_of(n), tail_of(n), whole(k) * LANES
        panels = (vectors + 2) // 3
        units = chunks if chunked(split) else 1
        blocks = (rows + GROUP - 1) // GROUP
        first, last = share(units * blocks, me, threads)
        while first < last:
            unit = first // blocks
            until = min(last, (unit + 1) * blocks)
            r_first, r_last = (first - unit * blocks) * GROUP, min(rows, (until - unit * blocks) * GROUP)
            v, v_last = chunk_start(whole(k), unit, units), chunk_start(whole(k), unit + 1, units)
            k_first, k_last = v * LANES, min(k, v_last * LANES)
            x_at, part = column_zero(x, x_step, rows, k, split, unit, units), out + unit * part_step
            # Of wide weights, as many panels at a time as stay in the cache while all samples pass over them.
            together = max(1, CACHED // ((k_last - k_first) * 3 * WIDTH))
            for p_first in range(0, panels, together):
                p_last = min(panels, p_first + together)
                for r in range(r_first, r_last, PAIR):
                    x_row, out_row = x_at + r * x_step, part + r * out_step
                    from_x, here = x_row + v * WIDTH, marks + v * marks_step + 2 * r
                    if r_last - r < PAIR:  # one that is left over: as if there were no zeros
                        if p_first == 0:
                            mark(from_x, v_last - v, here, marks_step)
                        multiply(1, x_row, x_step, w, k, k_first, k_last, n, p_first, p_last, out_row, out_step, bias)
                    else:
                        count = 0
                        if p_first == 0:  # the marks serve the panels that follow, and the gradient
                            count = mark_columns(from_x, x_step, v_last - v, here, marks_step, places)
                        else:
                            count = list_columns(here, marks_step, v_last - v, places)
                        for p in range(p_first, p_last):
                            start = panel_start(vectors, panels, p)
                            width = panel_start(vectors, panels, p + 1) - start
                            panel, to = w + (start * height + k_first * width) * WIDTH, out_row + start * WIDTH
                            since = bias + start * WIDTH
                            if width == 3:
                                pair3(from_x, x_step, SIZE, panel, 3 * WIDTH, count, places, to, out_step, since, 0,
                                      0.0)  # fmt: skip
                            elif width == 2:
                                pair2(from_x, x_step, SIZE, panel, 2 * WIDTH, count, places, to, out_step, since, 0,
                                      0.0)  # fmt: skip
                            else:
                                pair1(from_x, x_step, SIZE, panel, WIDTH, count, places, to, out_step, since, 0, 0.0)
            if tail > 0:
                multiply(r_last - r_first, x_at + r_first * x_step, x_step, w, k, k_first, k_last, n, panels,
                         panels + 1, part + r_first * out_step, out_step, bias)  # fmt: skip
            first = until

    def outer_sparse(
        batch, x, x_step, d, d_step, marks, marks_step, k, k_first, k_last, n, out, rate: float, zeros, places
    ) -> None:
        """Give out = xᵀ · d, or out + rate · xᵀ · d, for some rows of W, passing over zeros."""
        vectors, height = vectors_of(n), whole(k) * LANES
        panels = (vectors + 2) // 3
        blocks = (batch + 159) // 160
        for block in range(blocks):
            b_first = batch * block // blocks
            rows = batch * (block + 1) // blocks - b_first
            x_row, d_row = x + b_first * x_step, d + b_first * d_step
            together = max(1, CACHED // (rows * 3 * WIDTH))
            for p_first in range(0, panels, together):
                p_last = min(panels, p_first + together)
                for k_at in range(k_first, k_last, COLUMNS):
                    bits = 15 << k_at % LANES
                    count = list_rows(marks + k_at // LANES * marks_step + 2 * b_first, bits, rows, places)
                    if count > 0 or (rate == 0 and block == 0):
                        for p in range(p_first, p_last):
                            start = panel_start(vectors, panels, p)
                            width = panel_start(vectors, panels, p + 1) - start
                            to = out + (start * height + k_at * width) * WIDTH
                            how = rate
                            if rate == 0 and block > 0:
                                how = 1.0
                            from_x, from_d = x_row + k_at * SIZE, d_row + start * WIDTH
                            if width == 3:
                                listed3(from_x, SIZE, x_step, from_d, d_step, count, places, to, 3 * WIDTH, zeros, 0,
                                        how)  # fmt: skip
                            elif width == 2:
                                listed2(from_x, SIZE, x_step, from_d, d_step, count, places, to, 2 * WIDTH, zeros, 0,
                                        how)  # fmt: skip
                            else:
                                listed1(from_x, SIZE, x_step, from_d, d_step, count, places, to, WIDTH, zeros, 0, how)
        outer(batch, x, x_step, d, d_step, k, k_first, k_last, n, panels, panels + 1, out, rate, zeros)

    def weight_rows(k, split, chunks, me, threads) -> tuple[int, int]:
        """Give this thread's rows of W, in vectors: with CHUNKS those that its AFFINE reads, if they are its alone."""
        if chunked(split) and chunks % threads == 0:
            first, last = chunks * me // threads, chunks * (me + 1) // threads
            return chunk_start(whole(k), first, chunks), chunk_start(whole(k), last, chunks)
        return whole(k) * me // threads, whole(k) * (me + 1) // threads

    def grad_w_sparse(frame, row, me, threads, rate: float) -> None:
        out, x, d = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3)
        x_step, d_step, rows, k, n = field(row, 4), field(row, 5), field(row, 6), field(row, 7), field(row, 8)
        split, chunks, marks, marks_step = field(row, 9), field(row, 10), place(frame, row, 11), field(row, 12)
        places = argument(frame, Frame.PRIVATE) + me * argument(frame, Frame.PRIVATE_STEP)
        first, last = weight_rows(k, split, chunks, me, threads)
        units = chunks if chunked(split) else 1
        for unit in range(units):
            v = max(first, chunk_start(whole(k), unit, units))
            v_last = min(last, chunk_start(whole(k), unit + 1, units))
            if v < v_last:
                x_at = column_zero(x, x_step, rows, k, split, unit, units)
                k_first, k_last = v * LANES, min(k, v_last * LANES)
                outer_sparse(rows, x_at, x_step, d, d_step, marks, marks_step, k, k_first, k_last, n, out, rate,
                             argument(frame, Frame.ZEROS), places)  # fmt: skip

    def grad_w(frame, row, me, threads, rate: float) -> None:
        out, x, d = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3)
        x_step, d_step, rows, k, n = field(row, 4), field(row, 5), field(row, 6), field(row, 7), field(row, 8)
        split, chunks = field(row, 9), field(row, 10)
        zeros = argument(frame, Frame.ZEROS)
        all_panels = (vectors_of(n) + 2) // 3 + (1 if tail_of(n) > 0 else 0)
        groups = whole(k)
        if chunked(split):
            v_first, v_end = weight_rows(k, split, chunks, me, threads)
            for unit in range(chunks):
                v = max(v_first, chunk_start(groups, unit, chunks))
                v_last = min(v_end, chunk_start(groups, unit + 1, chunks))
                if v < v_last:
                    outer(rows, column_zero(x, x_step, rows, k, split, unit, chunks), x_step, d, d_step, k, v * LANES,
                          min(k, v_last * LANES), n, 0, all_panels + 1, out, rate, zeros)  # fmt: skip
            return
        first, last = share(groups, me, threads)
        if split == Split.PANELS:
            first, last = panel_share(groups, n, me, threads)
        while first < last:
            unit = first // groups
            until = min(last, (unit + 1) * groups)
            k_first = (first - unit * groups) * LANES
            k_last = min(k, (until - unit * groups) * LANES)
            p_first, p_last = 0, all_panels + 1
            if split == Split.PANELS:
                p_first, p_last = unit, unit + 1
                if unit == all_panels - 1:
                    p_last = all_panels + 1
            outer(rows, x, x_step, d, d_step, k, k_first, k_last, n, p_first, p_last, out, rate, zeros)
            first = until

    def grad_b(frame, row, me, threads, rate: float) -> None:
        """Sum d over the batch, for this thread's columns, and keep the sum or take a step by it."""
        out, d, d_step, rows, n = (
            place(frame, row, 1),
            place(frame, row, 2),
            field(row, 3),
            field(row, 4),
            field(row, 5),
        )
        ones, zeros = argument(frame, Frame.ZEROS) + ONES, argument(frame, Frame.ZEROS)
        v, last = share(whole(n), me, threads)
        while v < last:
            width = min(3, last - v)
            product(width, 1, ones, 0, 0, d + v * WIDTH, d_step, rows, out + v * WIDTH, 0, zeros, 0, rate)
            v += width

    def join(frame, row, me, threads) -> None:
        out, parts, bias = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3)
        step, rows, n, part = field(row, 4), field(row, 5), field(row, 6), field(row, 8)
        first, last = row_share(frame, rows, me, threads)
        for r in range(first, last):
            at = parts + r * step
            join_row(whole(n), out + r * step, at, at + part, bias)

    def row_share(frame, rows, me, threads) -> tuple[int, int]:
        """Give the samples that this thread has now: those of its piece, or its share of all."""
        first, last = share((rows + GROUP - 1) // GROUP, me, threads)
        first, last = first * GROUP, min(rows, last * GROUP)
        if argument(frame, Frame.TO) > 0:
            first, last = argument(frame, Frame.FROM), argument(frame, Frame.TO)
        return first, last

    def transpose(frame, row, me, threads) -> None:
        """Lay W (k × n) out as Wᵀ (n × k), block by block."""
        out, w, k, n = place(frame, row, 1), place(frame, row, 2), field(row, 3), field(row, 4)
        vectors, tail, height = vectors_of(n), tail_of(n), whole(k) * LANES
        panels = (vectors + 2) // 3
        out_vectors, out_tail, out_height = vectors_of(k), tail_of(k), whole(n) * LANES
        out_panels = (out_vectors + 2) // 3
        first, last = share(whole(k), me, threads)
        for v in range(first, last):
            # where column v · LANES of Wᵀ lies
            column, column_step = out, 0
            if v < out_vectors:
                p = panel_of(out_vectors, out_panels, v)
                start = panel_start(out_vectors, out_panels, p)
                column_step = (panel_start(out_vectors, out_panels, p + 1) - start) * WIDTH
                column = out + start * out_height * WIDTH + (v - start) * WIDTH
            else:
                for q in range(out_tail):
                    fill(whole(n), out + out_vectors * out_height * WIDTH + q * out_height * SIZE, 0.0)
            for p in range(panels):
                start = panel_start(vectors, panels, p)
                width = panel_start(vectors, panels, p + 1) - start
                for c in range(width):
                    source = w + (start * height + v * LANES * width + c) * WIDTH
                    row_number = (start + c) * LANES
                    if v < out_vectors:
                        transpose_block(source, width * WIDTH, column + row_number * column_step, column_step)
                    else:
                        for q in range(out_tail):
                            at = out + out_vectors * out_height * WIDTH + q * out_height * SIZE + row_number * SIZE
                            copy_row(1, at, source + q * width * WIDTH)
            for q in range(tail):
                source = w + (vectors * height + v) * WIDTH + q * height * SIZE
                row_number = vectors * LANES + q
                if v < out_vectors:
                    copy_row(1, column + row_number * column_step, source)
                else:
                    for i in range(out_tail):
                        at = out + out_vectors * out_height * WIDTH + i * out_height * SIZE + row_number * SIZE
                        store_real(at, load_real(source + i * SIZE))

    def copy_block(rows, vectors, out, out_step, source, source_step) -> None:
        if vectors == 3:
            copy_rows3(rows, out, out_step, source, source_step)
        elif vectors == 2:
            copy_rows2(rows, out, out_step, source, source_step)
        elif vectors == 1:
            copy_rows1(rows, out, out_step, source, source_step)

    def repack(frame, row, me, threads, packing) -> None:
        """Copy a matrix from where the Block has it into panels, or back. A vector is a matrix of one row.

        Row p · depth + c of the panels is that of channel c at place p; the rows that fill the channels up to
        `depth` have no counterpart and stay 0.
        """
        if packing:
            packed, plain = place(frame, row, 1), place(frame, row, 2)
        else:
            packed, plain = place(frame, row, 2), place(frame, row, 1)
        k, n, flat, channels = field(row, 3), field(row, 4), field(row, 5), field(row, 6)
        pixels, depth = field(row, 7), field(row, 8)
        c_step, p_step, n_step = field(row, 9), field(row, 10), field(row, 11)
        vectors, tail, height = vectors_of(n), tail_of(n), whole(k) * LANES
        if flat == 2:  # a convolution's weights have no tail
            vectors, tail = whole(n), 0
        panels = (vectors + 2) // 3
        if flat == 1:  # a vector lies as it is, filled up to whole vectors
            vectors, panels, tail, height = 0, 0, n, 1
        first, last = share(k, me, threads)
        if n_step == 1 and pixels == 1 and channels == depth:
            repack_rows(packed, plain, first, last - first, n, c_step, vectors, panels, tail, height, packing)
        else:
            for i in range(first, last):
                pixel = i // depth
                channel = i - pixel * depth
                line = plain + (channel * c_step + pixel * p_step) * SIZE
                if channel < channels:
                    if n_step == 1:
                        repack_rows(packed, line - i * c_step * SIZE, i, 1, n, c_step, vectors, panels, tail, height,
                                    packing)  # fmt: skip
                    else:
                        for p in range(panels):
                            start = panel_start(vectors, panels, p)
                            width = panel_start(vectors, panels, p + 1) - start
                            at = packed + (start * height + i * width) * WIDTH
                            for c in range(min(width * LANES, n - start * LANES)):
                                spot = line + (start * LANES + c) * n_step * SIZE
                                if packing:
                                    store_real(at + c * SIZE, load_real(spot))
                                else:
                                    store_real(spot, load_real(at + c * SIZE))

    def repack_rows(packed, plain, first, rows, n, step, vectors, panels, tail, height, packing) -> None:
        """Copy rows that lie `step` numbers apart into panels, or back."""
        line = plain + first * step * SIZE
        for p in range(panels):
            start = panel_start(vectors, panels, p)
            width = panel_start(vectors, panels, p + 1) - start
            at, beside = packed + (start * height + first * width) * WIDTH, line + start * WIDTH
            here = min(width * LANES, n - start * LANES)
            full = here // LANES
            if packing:
                copy_block(rows, full, at, width * WIDTH, beside, step * SIZE)
            else:
                copy_block(rows, full, beside, step * SIZE, at, width * WIDTH)
            if here > full * LANES:
                for i in range(rows):
                    for c in range(full * LANES, here):
                        if packing:
                            store_real(at + i * width * WIDTH + c * SIZE, load_real(beside + (i * step + c) * SIZE))
                        else:
                            store_real(beside + (i * step + c) * SIZE, load_real(at + i * width * WIDTH + c * SIZE))
        for q in range(tail):
            at = packed + vectors * height * WIDTH + (q * height + first) * SIZE
            beside = line + vectors * WIDTH + q * SIZE
            for i in range(rows):
                if packing:
                    store_real(at + i * SIZE, load_real(beside + i * step * SIZE))
                else:
                    store_real(beside + i * step * SIZE, load_real(at + i * SIZE))

    # -- data, activations, losses

    def batches(frame):
        """Give how many times samples are drawn: for each part of each batch."""
        return argument(frame, Frame.ITERATIONS) * argument(frame, Frame.PARTS)

    def gather(frame, row, me, threads, at) -> None:
        out, data = place(frame, row, 1), place(frame, row, 2)
        out_step, row_bytes, count, source = field(row, 3), field(row, 4), field(row, 5), field(row, 6)
        scale = load_single(row + 8 * 7)
        rows, split, chunks = field(row, 8), field(row, 9), field(row, 10)
        order = argument(frame, Frame.ORDER) + at * argument(frame, Frame.BATCH) * 8
        more = at + 1 < batches(frame)
        size = 1 if source == 0 else (4 if source == 1 else 8)
        units = chunks if chunked(split) else 1
        blocks = (rows + GROUP - 1) // GROUP
        first, last = share(units * blocks, me, threads)
        while first < last:
            unit = first // blocks
            until = min(last, (unit + 1) * blocks)
            c_first = chunk_start(whole(count), unit, units) * LANES
            columns = min(count, chunk_start(whole(count), unit + 1, units) * LANES) - c_first
            for r in range((first - unit * blocks) * GROUP, min(rows, (until - unit * blocks) * GROUP)):
                start = data + load(order + r * 8) * row_bytes + c_first * size
                target = column_zero(out, out_step, rows, count, split, unit, units) + r * out_step + c_first * SIZE
                if source == 0:
                    convert_bytes(start, target, columns, scale)
                elif source == 1:
                    convert_f4(start, target, columns, scale)
                else:
                    convert_f8(start, target, columns, scale)
            if more:  # the next batch is on its way while this one is computed
                for r in range((first - unit * blocks) * GROUP, min(rows, (until - unit * blocks) * GROUP)):
                    ahead = data + load(order + (rows + r) * 8) * row_bytes + c_first * size
                    end = ahead + columns * size
                    ahead = ahead // 64 * 64
                    while ahead < end:
                        prefetch(ahead)
                        ahead += 64
            first = until

    def unary(frame, row, me, threads, which) -> None:
        out, x = place(frame, row, 1), place(frame, row, 2)
        out_step, x_step, rows, n = field(row, 3), field(row, 4), field(row, 5), field(row, 6)
        first, last = row_share(frame, rows, me, threads)
        for r in range(first, last):
            if which == op.RELU:
                relu_row(whole(n), out + r * out_step, x + r * x_step)
            else:
                sigmoid_row(whole(n), out + r * out_step, x + r * x_step)
                clear_rest(out + r * out_step, n)  # the filling of a row is read as zeros

    def unary_back(frame, row, me, threads, which) -> None:
        out, d, y = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3)
        out_step, d_step, y_step, rows, n = field(row, 4), field(row, 5), field(row, 6), field(row, 7), field(row, 8)
        first, last = row_share(frame, rows, me, threads)
        for r in range(first, last):
            if which == op.RELU_BACK:
                relu_back_row(whole(n), out + r * out_step, d + r * d_step, y + r * y_step)
            else:
                sigmoid_back_row(whole(n), out + r * out_step, d + r * d_step, y + r * y_step)

    def softmax_loss(frame, row, me, threads, at, part) -> None:
        out, losses, x, t = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3), place(frame, row, 4)
        out_step, x_step, rows, n = field(row, 5), field(row, 6), field(row, 7), field(row, 8)
        order = argument(frame, Frame.ORDER) + at * argument(frame, Frame.BATCH) * 8
        scale = 1.0 / (rows * argument(frame, Frame.PARTS))
        losses += part * rows * SIZE
        more = at + 1 < batches(frame)
        first, last = row_share(frame, rows, me, threads)
        r = first
        while r < last:
            start, to, orders, some = x + r * x_step, out + r * out_step, order + r * 8, min(LANES, last - r)
            if n <= kernels.MANY_CLASSES * LANES:
                softmax_block(start, x_step, to, out_step, losses + r * SIZE, n, scale, t, orders, some)
            else:
                some = 1
                softmax_row(start, to, losses + r * SIZE, n, scale, load(t + load(orders) * 8))
            r += some
        if more:  # the next batch's labels are on their way; without this, half the time here is waiting for them
            for r in range(first, last):
                prefetch(t + load(order + (rows + r) * 8) * 8)

    def square_loss(frame, row, me, threads, part) -> None:
        out, losses, x, t = place(frame, row, 1), place(frame, row, 2), place(frame, row, 3), place(frame, row, 4)
        out_step, x_step, t_step, rows, n = field(row, 5), field(row, 6), field(row, 7), field(row, 8), field(row, 9)
        scale = 1.0 / (rows * argument(frame, Frame.PARTS))
        losses += part * rows * SIZE
        first, last = row_share(frame, rows, me, threads)
        for r in range(first, last):
            at, vectors = out + r * out_step, whole(n)
            total = 0.0
            for v in range(vectors):
                # the halved squares go where the differences will go, are summed, and make room for them
                square_row(
                    1,
                    at + v * WIDTH,
                    t + r * t_step + v * WIDTH,
                    x + r * x_step + v * WIDTH,
                    t + r * t_step + v * WIDTH,
                    scale,
                )
                total += sum_row(t + r * t_step + v * WIDTH, 1)
            store_real(losses + r * SIZE, total)

    def mean(frame, row, it) -> None:
        losses, rows = place(frame, row, 1), field(row, 2)
        vectors = rows // LANES
        total = sum_row(losses, vectors)
        for r in range(vectors * LANES, rows):
            total += load_real(losses + r * SIZE)
        store_quotient(argument(frame, Frame.LOSSES) + it * 8, total, rows)

    def scores(frame, row, me, threads, it) -> None:
        out, x = place(frame, row, 1), place(frame, row, 2)
        x_step, rows, n = field(row, 3), field(row, 4), field(row, 5)
        first, last = row_share(frame, rows, me, threads)
        for r in range(first, last):
            target = out + (it * rows + r) * n * SIZE
            copy_row(n // LANES, target, x + r * x_step)
            for c in range(n // LANES * LANES, n):
                store_real(target + c * SIZE, load_real(x + r * x_step + c * SIZE))

    def best(frame, row, me, threads, it) -> None:
        """Give the first highest score's place, or the first NaN's, as numpy.argmax does."""
        out, x = place(frame, row, 1), place(frame, row, 2)
        x_step, rows, n = field(row, 3), field(row, 4), field(row, 5)
        first, last = row_share(frame, rows, me, threads)
        for r in range(first, last):
            at, highest = 0, load_real(x + r * x_step)
            for c in range(1, n):
                value = load_real(x + r * x_step + c * SIZE)
                if highest == highest and not value <= highest:
                    at, highest = c, value
            store(out + (it * rows + r) * 8, at)

    def step(frame, row, me, threads, it) -> None:
        out, grad, count = place(frame, row, 1), place(frame, row, 2), field(row, 3)
        first, last = share(whole(count), me, threads)
        step_row(last - first, out + first * WIDTH, out + first * WIDTH, grad + first * WIDTH, -rate_of(frame, it))

    # -- threads

    def await_number(frame, me, at, least, heeding):
        """Wait until `at` holds `least` or more: first busily, then giving the core away, then asleep.

        0 if told to stop, by a thread that heeds it.
        """
        waited, spin = 0, argument(frame, Frame.SPIN)
        while peek(at) < least:
            waited += 1
            if waited < spin:
                pause()
            else:
                if heeding and peek(argument(frame, Frame.STOP)) != 0:
                    return 0
                if waited < spin + op.YIELDS:
                    call(argument(frame, Frame.YIELD), 0)
                else:
                    call(argument(frame, Frame.SLEEP), 50)
                    slept = argument(frame, Frame.FLAGS) + me * LINE + op.SLEPT
                    store(slept, load(slept) + 1)
        return 1

    def barrier(frame, me, threads, generation):
        """Wait for the other threads. 0 if told to stop."""
        flags = argument(frame, Frame.FLAGS)
        post(flags + me * LINE, generation)
        for other in range(threads):
            if await_number(frame, me, flags + other * LINE, generation, 1) == 0:
                return 0
        return 1

    def leave(shared, me) -> None:
        """Say that this thread touches nothing any more; the first goes only when all others have said so.

        So the call of thread 0 ends last, and Python, which lets a signal's exception in only between two calls,
        never has the memory of a thread that still runs.
        """
        flags, threads = argument(shared, Frame.FLAGS), argument(shared, Frame.THREADS)
        if me > 0:
            post(flags + me * LINE + op.LEFT, 1)
        else:
            for other in range(1, threads):
                await_number(shared, me, flags + other * LINE + op.LEFT, 1, 0)

    def join_parts(parts, chunks, part_step, first, last) -> None:
        """Add parts up into the first by a fixed tree: neighbours, then neighbours of those; some of their vectors."""
        reach = 1
        while reach < chunks:
            for part in range(0, chunks - reach, 2 * reach):
                at = parts + part * part_step + first * WIDTH
                add_row(last - first, at, at, at + reach * part_step)
            reach *= 2

    base = SimpleNamespace(**locals())
    element_line, image_line = elements.define(kind, base), images.define(kind, base)

    def carry_out(frame, row, code, me, threads, it) -> None:
        """Carry out one line, for this part of iteration `it`'s batch."""
        part = argument(frame, Frame.PART)
        at, adding = it * argument(frame, Frame.PARTS) + part, (1.0 if part > 0 else 0.0)
        if code == op.AFFINE or code == op.BACK:
            affine(frame, row, me, threads)
        elif code == op.STEP_W:
            grad_w(frame, row, me, threads, -rate_of(frame, it))
        elif code == op.STEP_B:
            grad_b(frame, row, me, threads, -rate_of(frame, it))
        elif code == op.GRAD_W:
            grad_w(frame, row, me, threads, adding)
        elif code == op.GRAD_B:
            grad_b(frame, row, me, threads, adding)
        elif code == op.GATHER:
            gather(frame, row, me, threads, at)
        elif code == op.JOIN:
            join(frame, row, me, threads)
        elif code == op.RELU or code == op.SIGMOID:
            unary(frame, row, me, threads, code)
        elif code == op.RELU_BACK or code == op.SIGMOID_BACK:
            unary_back(frame, row, me, threads, code)
        elif code == op.SOFTMAX_LOSS:
            softmax_loss(frame, row, me, threads, at, part)
        elif code == op.SQUARE_LOSS:
            square_loss(frame, row, me, threads, part)
        elif code == op.MEAN:
            if me == 0:
                mean(frame, row, it)
        elif code == op.TRANSPOSE:
            transpose(frame, row, me, threads)
        elif code == op.STEP:
            step(frame, row, me, threads, it)
        elif code == op.PACK:
            repack(frame, row, me, threads, 1)
        elif code == op.UNPACK:
            repack(frame, row, me, threads, 0)
        elif code == op.SCORES:
            scores(frame, row, me, threads, it)
        elif code == op.BEST:
            best(frame, row, me, threads, it)
        elif code == op.AFFINE_SPARSE:
            affine_sparse(frame, row, me, threads)
        elif code == op.STEP_W_SPARSE:
            grad_w_sparse(frame, row, me, threads, -rate_of(frame, it))
        elif code == op.GRAD_W_SPARSE:
            grad_w_sparse(frame, row, me, threads, adding)
        elif code == op.THIN:
            thin(frame, row, me, threads)
        elif code >= op.TANH:
            element_line(frame, row, code, me, threads, it)
        else:
            image_line(frame, row, code, me, threads, it)

    def pieces(frame, row, me, threads, it) -> None:
        """Take this thread's images, a few at a time, through the lines that follow.

        A piece lies within one of the chunks that sums are made in: thus no sum depends on the number of threads.
        """
        images, chunks, size, length = field(row, 1), field(row, 2), field(row, 3), field(row, 4)
        first, last = share(chunks, me, threads)
        step, local = argument(frame, Frame.LOCAL_STEP), argument(frame, Frame.BANKS + op.Bank.LOCAL)
        for chunk in range(first, last):
            store(frame + 8 * Frame.CHUNK, chunk)
            for start in range(images * chunk // chunks, images * (chunk + 1) // chunks, size):
                store(frame + 8 * Frame.FROM, start)
                store(frame + 8 * Frame.TO, min(start + size, images * (chunk + 1) // chunks))
                store(frame + 8 * (Frame.BANKS + op.Bank.LOCAL), local - start * step)
                for number in range(length):
                    line = row + (number + 1) * ROW_BYTES
                    carry_out(frame, line, load(line), me, threads, it)
        store(frame + 8 * Frame.TO, 0)
        store(frame + 8 * (Frame.BANKS + op.Bank.LOCAL), local)

    def carry_out_tape(shared, me):
        """Carry out the tape of the frame `shared` as thread `me`; 0 when done, -1 when told to stop."""
        # Each thread has a frame of its own, since in pieces each is at another place.
        frame = argument(shared, Frame.PRIVATE) + me * argument(shared, Frame.PRIVATE_STEP)
        for number in range(Frame.SIZE):
            store(frame + 8 * number, load(shared + 8 * number))
        store(frame + 8 * Frame.PRIVATE, argument(shared, Frame.PRIVATE) + 8 * Frame.SIZE)
        local = argument(shared, Frame.BANKS + op.Bank.LOCAL) + me * argument(shared, Frame.LOCAL_SIZE)
        store(frame + 8 * (Frame.BANKS + op.Bank.LOCAL), local)
        tape, rows, threads = argument(frame, Frame.TAPE), argument(frame, Frame.ROWS), argument(frame, Frame.THREADS)
        body, ending = argument(frame, Frame.BODY), argument(frame, Frame.ENDING)
        generation = argument(frame, Frame.GENERATION)
        for stage in range(3):  # what comes in, the iterations, what goes out
            first, last, rounds = 0, body, 1
            if stage == 1:
                first, last, rounds = body, ending, argument(frame, Frame.ITERATIONS)
            elif stage == 2:
                first, last = ending, rows
            for it in range(rounds):
                number = first
                store(frame + 8 * Frame.PART, 0)
                while number < last:
                    row = tape + number * ROW_BYTES
                    code = load(row)
                    if code == op.BARRIER:
                        generation += 1
                        if barrier(frame, me, threads, generation) == 0:
                            return -1
                    elif code == op.AGAIN:
                        part = argument(frame, Frame.PART) + 1
                        if part < argument(frame, Frame.PARTS):  # gradients are then added to what is there
                            store(frame + 8 * Frame.PART, part)
                            number = first - 1
                    elif code == op.PIECES:
                        pieces(frame, row, me, threads, it)
                        number += field(row, 4)
                    else:
                        carry_out(frame, row, code, me, threads, it)
                    number += 1
        return 0

    def machine(shared, me):
        """Carry out the tape of the frame `shared` as thread `me`; 0 when done, -1 when told to stop.

        Thread 0 comes back when all have.
        """
        answer = carry_out_tape(shared, me)
        leave(shared, me)
        return answer

    return machine


def define_bench(kind: Kind) -> Callable[[int, int], int]:
    """Give a function that bench.py measures: `which` 0 is nothing but multiply-and-add, 1 the tallest tile."""
    load = kernels.loader(I64)
    peak = kernels.peak(kind)
    tall = kernels.tile(kind, kind.rows, 3)
    WIDTH, SIZE = kind.itemsize * kind.lanes, kind.itemsize

    def run(frame, which):
        a, w, out, start, k = load(frame), load(frame + 8), load(frame + 16), load(frame + 24), load(frame + 32)
        if which == 0:
            peak(load(frame + 56), out)
        else:
            for _ in range(load(frame + 40)):
                tall(a, k * SIZE, SIZE, w, 3 * WIDTH, k, out, 3 * WIDTH, start, 0, 0.0)
        return 0

    return run
