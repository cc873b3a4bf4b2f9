"""The machine's instructions for images: convolution, pooling, and the ways between images and rows.

An image lies in memory pixel by pixel, its channels side by side and filled up to whole vectors (`depth` numbers a
pixel); around it there may be a frame of zeros, so that a window never leaves it. So each instruction gets where the
first pixel that it needs is (`start`), and how many bytes lie between pixels, between lines and between images.

PIECES lets each thread take a few images at a time through several of these instructions: what passes from one to
the next then stays in the cache, and needs memory for those few images alone.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from typing import Any

from badak.engine import kernels
from badak.engine import opcodes as op
from badak.engine.opcodes import Frame
from badak.engine.vectors import Kind


def define(kind: Kind, m: Any) -> Any:
    """Give the function that carries out one line for images, for the machine whose helpers are `m`."""
    SIZE, LANES, TALL = kind.itemsize, kind.lanes, kind.rows
    WIDTH = SIZE * LANES
    load, load_real, store_real, load_single = m.load, m.load_real, m.store_real, m.load_single
    field, place, argument, share, whole, panel_start = m.field, m.place, m.argument, m.share, m.whole, m.panel_start
    copy_row, step_row, scale_row, join_parts, panel_of = m.copy_row, m.step_row, m.scale_row, m.join_parts, m.panel_of
    fill, transpose_block = m.fill, m.transpose_block
    convert_bytes, convert_f4, convert_f8 = m.convert_bytes, m.convert_f4, m.convert_f8
    any_tile = kernels.any_tile(kind, list(range(1, TALL + 1)))
    pool_line, average_line = kernels.pool(kind, average=False), kernels.pool(kind, average=True)
    unpool_line, unaverage_line = kernels.unpool(kind, average=False), kernels.unpool(kind, average=True)
    DRAW, BORDER, SPREAD, CONV, GRAD, FLIP, POOL, UNPOOL, FLAT = (
        op.fields(name)
        for name in ("DRAW", "BORDER", "SPREAD", "CONV", "GRAD_CONV", "FLIP", "POOL", "POOL_BACK", "FLATTEN")
    )

    def span(frame, images, me, threads) -> tuple[int, int]:
        """Give the images that this thread has now: those of its piece, or its share of all."""
        first, last = share(images, me, threads)
        if argument(frame, Frame.TO) > 0:
            first, last = argument(frame, Frame.FROM), argument(frame, Frame.TO)
        return first, last

    def windows(width, rows, a, row_step, k_step, w, w_step, count, rounds, a_jump, w_jump, out, out_step, start,
                start_step) -> None:  # fmt: skip
        """Multiply rows by one panel of `width` vectors, k running over `rounds` lines of `count` places."""
        parts = (rows + TALL - 1) // TALL
        done = 0
        for part in range(parts):  # about equal heights: a tile of one row would wait for itself
            height = rows * (part + 1) // parts - done
            any_tile(height, width, a + done * row_step, row_step, k_step, w, w_step, count, rounds, a_jump, w_jump,
                     out + done * out_step, out_step, start + done * start_step, start_step, 0.0)  # fmt: skip
            done += height

    # -- bringing images in, and into frames

    def draw(frame, row, me, threads, it) -> None:
        out, data, out_step = place(frame, row, DRAW.out), place(frame, row, DRAW.data), field(row, DRAW.out_step)
        line_step, pixel = field(row, DRAW.out_line), field(row, DRAW.out_pixel)
        source, scale, row_bytes = (
            field(row, DRAW.source),
            load_single(row + 8 * DRAW.scale),
            field(row, DRAW.row_bytes),
        )
        height, width = field(row, DRAW.height), field(row, DRAW.width)
        channels, depth = field(row, DRAW.channels), field(row, DRAW.depth)
        order = argument(frame, Frame.ORDER) + it * argument(frame, Frame.BATCH) * 8
        aside = argument(frame, Frame.PRIVATE) + me * argument(frame, Frame.PRIVATE_STEP)
        size = 1 if source == 0 else (4 if source == 1 else 8)
        first, last = span(frame, field(row, DRAW.images), me, threads)
        for i in range(first, last):
            image = out + i * out_step + field(row, DRAW.out_start)
            given = data + load(order + i * 8) * row_bytes
            for y in range(height):
                line = image + y * line_step
                if depth > channels:
                    fill(width * depth // LANES, line, 0.0)
                for c in range(channels):
                    start = given + (c * height + y) * width * size
                    to = aside
                    if depth == 1:  # pixels side by side; what it writes beyond the line is overwritten by the next
                        to = line
                    if source == 0:
                        convert_bytes(start, to, width, scale)
                    elif source == 1:
                        convert_f4(start, to, width, scale)
                    else:
                        convert_f8(start, to, width, scale)
                    if depth > 1:
                        for column in range(width):
                            store_real(line + column * pixel + c * SIZE, load_real(aside + column * SIZE))
            border(frame, image - field(row, DRAW.out_start), line_step, height, width, depth)

    def border(frame, image, line_step, height, width, depth) -> None:
        """Put zeros around one image, whose frame begins at `image`."""
        edge = (line_step // (depth * SIZE) - width) // 2
        if edge > 0:
            side = edge * depth
            for number in range(line_step // SIZE * edge):
                store_real(image + number * SIZE, 0.0)
                store_real(image + (edge + height) * line_step + number * SIZE, 0.0)
            for y in range(edge, edge + height):
                line = image + y * line_step
                for number in range(side):
                    store_real(line + number * SIZE, 0.0)
                    store_real(line + line_step - side * SIZE + number * SIZE, 0.0)

    def borders(frame, row, me, threads) -> None:
        out, step = place(frame, row, BORDER.out), field(row, BORDER.out_step)
        height, width, depth = field(row, BORDER.height), field(row, BORDER.width), field(row, BORDER.depth)
        line_step = (width + 2 * field(row, BORDER.border)) * depth * SIZE
        inside = field(row, BORDER.border) * (line_step + depth * SIZE)
        first, last = span(frame, field(row, BORDER.images), me, threads)
        for i in range(first, last):
            border(frame, out + i * step, line_step, height, width, depth)
            if depth > field(row, BORDER.channels):  # what fills the channels up
                for y in range(height):
                    for column in range(width):
                        pixel = out + i * step + inside + y * line_step + column * depth * SIZE
                        for c in range(field(row, BORDER.channels), depth):
                            store_real(pixel + c * SIZE, 0.0)

    def spread(frame, row, me, threads) -> None:
        """Copy images into a larger frame of zeros, `apart` pixels from each other (1: side by side)."""
        out, x, out_step, x_step = (
            place(frame, row, SPREAD.out),
            place(frame, row, SPREAD.x),
            field(row, SPREAD.out_step),
            field(row, SPREAD.x_step),
        )
        line_step, pixel, apart = field(row, SPREAD.out_line), field(row, SPREAD.out_pixel), field(row, SPREAD.apart)
        x_line, x_pixel = field(row, SPREAD.x_line), field(row, SPREAD.x_pixel)
        first, last = span(frame, field(row, SPREAD.images), me, threads)
        for i in range(first, last):
            fill(field(row, SPREAD.numbers) // LANES, out + i * out_step, 0.0)
            target = out + i * out_step + field(row, SPREAD.out_start)
            source = x + i * x_step + field(row, SPREAD.x_start)
            for y in range(field(row, SPREAD.height)):
                for column in range(field(row, SPREAD.width)):
                    copy_row(x_pixel // WIDTH, target + y * apart * line_step + column * apart * pixel,
                             source + y * x_line + column * x_pixel)  # fmt: skip

    # -- convolutions

    def conv(frame, row, me, threads) -> None:
        """Give each output pixel the sum over its window: a product whose k runs line by line through the window."""
        out, x, w, bias = (
            place(frame, row, CONV.out),
            place(frame, row, CONV.x),
            place(frame, row, CONV.W),
            place(frame, row, CONV.bias),
        )
        out_step, out_start, out_line = field(row, CONV.out_step), field(row, CONV.out_start), field(row, CONV.out_line)
        x_step, x_start, x_line = field(row, CONV.x_step), field(row, CONV.x_start), field(row, CONV.x_line)
        out_pixel, x_pixel = field(row, CONV.out_pixel), field(row, CONV.x_pixel)
        height, width, stride = field(row, CONV.height), field(row, CONV.width), field(row, CONV.stride)
        window_height, depth = field(row, CONV.window_height), field(row, CONV.depth)
        line = field(row, CONV.window_width) * depth
        vectors, rows_of_panel = whole(field(row, CONV.n)), whole(window_height * line) * LANES
        panels = (vectors + 2) // 3
        first, last = span(frame, field(row, CONV.images), me, threads)
        for i in range(first, last):
            for p in range(panels):
                start = panel_start(vectors, panels, p)
                broad = panel_start(vectors, panels, p + 1) - start
                panel = w + start * rows_of_panel * WIDTH
                for y in range(height):
                    windows(broad, width, x + i * x_step + x_start + y * stride * x_line, stride * x_pixel, SIZE,
                            panel, broad * WIDTH, line, window_height, x_line, line * broad * WIDTH,
                            out + i * out_step + out_start + y * out_line + start * WIDTH, out_pixel,
                            bias + start * WIDTH, 0)  # fmt: skip

    def grad_conv(frame, row, me, threads) -> None:
        """Add x's windows times dout over the pixels of this piece's images to this chunk's part."""
        x, d, chunk = place(frame, row, GRAD.x), place(frame, row, GRAD.dout), argument(frame, Frame.CHUNK)
        part = place(frame, row, GRAD.out) + chunk * field(row, GRAD.part_step)
        sums = place(frame, row, GRAD.sums) + chunk * field(row, GRAD.sums_step)
        x_step, x_start, x_line = field(row, GRAD.x_step), field(row, GRAD.x_start), field(row, GRAD.x_line)
        d_step, d_start, d_line = field(row, GRAD.dout_step), field(row, GRAD.dout_start), field(row, GRAD.dout_line)
        d_pixel, x_pixel, stride = field(row, GRAD.dout_pixel), field(row, GRAD.x_pixel), field(row, GRAD.stride)
        images, height, width = field(row, GRAD.images), field(row, GRAD.height), field(row, GRAD.width)
        window_height = field(row, GRAD.window_height)
        line = field(row, GRAD.window_width) * field(row, GRAD.depth)
        k = window_height * line
        vectors, rows_of_panel = whole(field(row, GRAD.n)), whole(k) * LANES
        panels = (vectors + 2) // 3
        zeros, ones = argument(frame, Frame.ZEROS), argument(frame, Frame.ZEROS) + 4 * WIDTH
        first, last = span(frame, images, me, threads)
        for i in range(first, last):
            fresh = i == images * chunk // field(row, GRAD.chunks)
            for p in range(panels):
                start = panel_start(vectors, panels, p)
                broad = panel_start(vectors, panels, p + 1) - start
                given = d + i * d_step + d_start + start * WIDTH
                target = part + start * rows_of_panel * WIDTH
                since, since_step, since_sum = target, broad * WIDTH, sums + start * WIDTH
                if fresh:  # rows that only fill a panel up are zeros, as they are everywhere
                    fill((rows_of_panel - k) * broad, target + k * broad * WIDTH, 0.0)
                    since, since_step, since_sum = zeros, 0, zeros
                for y in range(window_height):
                    down = y * line * broad * WIDTH
                    windows(broad, line, x + i * x_step + x_start + y * x_line, SIZE, stride * x_pixel, given, d_pixel,
                            width, height, stride * x_line, d_line, target + down, broad * WIDTH,
                            since + (0 if fresh else down), since_step)  # fmt: skip
                windows(broad, 1, ones, 0, 0, given, d_pixel, width, height, 0, d_line, sums + start * WIDTH, 0,
                        since_sum, 0)  # fmt: skip

    def add_parts(frame, row, me, threads, rate: float) -> None:
        """Add the parts of a sum up, and keep it or take a step by it."""
        out, parts, count = place(frame, row, 1), place(frame, row, 2), field(row, 3)
        chunks, part_step = field(row, 4), field(row, 5)
        first, last = share(whole(count), me, threads)
        join_parts(parts, chunks, part_step, first, last)
        if rate == 0:
            copy_row(last - first, out + first * WIDTH, parts + first * WIDTH)
        else:
            step_row(last - first, out + first * WIDTH, out + first * WIDTH, parts + first * WIDTH, rate)

    def flip(frame, row, me, threads) -> None:
        """Turn the windows round and exchange inputs with outputs: dx is dout convolved with that."""
        out, w = place(frame, row, FLIP.out), place(frame, row, FLIP.W)
        places, depth, vectors = field(row, FLIP.places), field(row, FLIP.depth), whole(field(row, FLIP.n))
        out_vectors = depth // LANES
        panels, out_panels = (vectors + 2) // 3, (out_vectors + 2) // 3
        rows_of_panel, out_rows = whole(places * depth) * LANES, places * vectors * LANES
        first, last = share(places, me, threads)
        for at in range(first, last):
            for f in range(vectors):
                p = panel_of(vectors, panels, f)
                start = panel_start(vectors, panels, p)
                broad = panel_start(vectors, panels, p + 1) - start
                for c in range(out_vectors):
                    q = panel_of(out_vectors, out_panels, c)
                    to = panel_start(out_vectors, out_panels, q)
                    out_broad = panel_start(out_vectors, out_panels, q + 1) - to
                    source = w + (start * rows_of_panel + (at * depth + c * LANES) * broad + f - start) * WIDTH
                    line = (places - 1 - at) * vectors * LANES + f * LANES
                    target = out + (to * out_rows + line * out_broad + c - to) * WIDTH
                    transpose_block(source, broad * WIDTH, target, out_broad * WIDTH)

    # -- pooling

    def pool(frame, row, me, threads) -> None:
        """Give the largest value, or the mean, of each window; windows over the edge have only what is inside."""
        out, places, x = place(frame, row, POOL.out), place(frame, row, POOL.place), place(frame, row, POOL.x)
        out_line, out_pixel = field(row, POOL.out_line), field(row, POOL.out_pixel)
        x_line, x_pixel = field(row, POOL.x_line), field(row, POOL.x_pixel)
        height, width, vectors = field(row, POOL.height), field(row, POOL.width), field(row, POOL.vectors)
        tall, broad = field(row, POOL.window_height), field(row, POOL.window_width)
        stride, pad, average = field(row, POOL.stride), field(row, POOL.pad), field(row, POOL.average)
        x_height, x_width = field(row, POOL.x_height), field(row, POOL.x_width)
        together = width if pad == 0 else 1  # a line of windows at once, where all of them are whole
        first, last = span(frame, field(row, POOL.images), me, threads)
        for i in range(first, last):
            image = x + i * field(row, POOL.x_step) + field(row, POOL.x_start)
            for y in range(height):
                target = out + i * field(row, POOL.out_step) + field(row, POOL.out_start) + y * out_line
                which = places + i * field(row, POOL.place_step) + y * width * vectors * 2 * LANES
                top = max(0, pad - y * stride)
                rows = min(tall, x_height + pad - y * stride) - top
                start = image + (y * stride - pad + top) * x_line
                for column in range(0, width, together):
                    left = max(0, pad - column * stride)
                    columns = min(broad, x_width + pad - column * stride) - left
                    at, to = start + (column * stride - pad + left) * x_pixel, target + column * out_pixel
                    here = which + column * vectors * 2 * LANES
                    if average == 0:
                        pool_line(together, vectors, to, out_pixel, here, at, stride * x_pixel, x_line, x_pixel, rows,
                                  columns, top * broad + left, broad)  # fmt: skip
                    else:
                        average_line(together, vectors, to, out_pixel, here, at, stride * x_pixel, x_line, x_pixel,
                                     rows, columns, 0, broad)  # fmt: skip
                if average != 0:
                    for column in range(width):
                        scale_row(vectors, target + column * out_pixel, target + column * out_pixel,
                                  1.0 / (tall * broad))  # fmt: skip

    def pool_back(frame, row, me, threads) -> None:
        out, places, d = place(frame, row, UNPOOL.out), place(frame, row, UNPOOL.place), place(frame, row, UNPOOL.dout)
        out_line, out_pixel = field(row, UNPOOL.out_line), field(row, UNPOOL.out_pixel)
        d_line, d_pixel = field(row, UNPOOL.dout_line), field(row, UNPOOL.dout_pixel)
        height, width, vectors = field(row, UNPOOL.height), field(row, UNPOOL.width), field(row, UNPOOL.vectors)
        tall, broad = field(row, UNPOOL.window_height), field(row, UNPOOL.window_width)
        stride, pad, average = field(row, UNPOOL.stride), field(row, UNPOOL.pad), field(row, UNPOOL.average)
        x_height, x_width = field(row, UNPOOL.x_height), field(row, UNPOOL.x_width)
        together = width if pad == 0 else 1  # a line of windows at once, where all of them are whole
        first, last = span(frame, field(row, UNPOOL.images), me, threads)
        for i in range(first, last):
            fill(field(row, UNPOOL.numbers) // LANES, out + i * field(row, UNPOOL.out_step), 0.0)
            image = out + i * field(row, UNPOOL.out_step) + field(row, UNPOOL.out_start)
            for y in range(height):
                given = d + i * field(row, UNPOOL.dout_step) + field(row, UNPOOL.dout_start) + y * d_line
                which = places + i * field(row, UNPOOL.place_step) + y * width * vectors * 2 * LANES
                top = max(0, pad - y * stride)
                rows = min(tall, x_height + pad - y * stride) - top
                start = image + (y * stride - pad + top) * out_line
                if average != 0:
                    for column in range(width):
                        scale_row(vectors, given + column * d_pixel, given + column * d_pixel, 1.0 / (tall * broad))
                for column in range(0, width, together):
                    left = max(0, pad - column * stride)
                    columns = min(broad, x_width + pad - column * stride) - left
                    at, start_d = start + (column * stride - pad + left) * out_pixel, given + column * d_pixel
                    here = which + column * vectors * 2 * LANES
                    if average == 0:
                        unpool_line(together, vectors, start_d, d_pixel, here, at, stride * out_pixel, out_line,
                                    out_pixel, rows, columns, top * broad + left, broad)  # fmt: skip
                    else:
                        unaverage_line(together, vectors, start_d, d_pixel, here, at, stride * out_pixel, out_line,
                                       out_pixel, rows, columns, 0, broad)  # fmt: skip

    # -- images as rows in NumPy's order, and back

    def flatten(frame, row, me, threads, back) -> None:
        out, x, out_step, x_step = (
            place(frame, row, FLAT.out),
            place(frame, row, FLAT.x),
            field(row, FLAT.out_step),
            field(row, FLAT.x_step),
        )
        pixels, channels, depth = field(row, FLAT.pixels), field(row, FLAT.channels), field(row, FLAT.depth)
        first, last = span(frame, field(row, FLAT.images), me, threads)
        for i in range(first, last):
            target, source = out + i * out_step, x + i * x_step
            if back == 0:
                fill(whole(pixels * channels), target, 0.0)
            else:
                fill(pixels * depth // LANES, target, 0.0)
            for p in range(pixels):
                for c in range(channels):
                    if back == 0:
                        store_real(target + (c * pixels + p) * SIZE, load_real(source + (p * depth + c) * SIZE))
                    else:
                        store_real(target + (p * depth + c) * SIZE, load_real(source + (c * pixels + p) * SIZE))

    def image_line(frame, row, code, me, threads, it) -> None:
        """Carry out one line for images."""
        if code == op.CONV:
            conv(frame, row, me, threads)
        elif code == op.GRAD_CONV:
            grad_conv(frame, row, me, threads)
        elif code == op.POOL:
            pool(frame, row, me, threads)
        elif code == op.POOL_BACK:
            pool_back(frame, row, me, threads)
        elif code == op.DRAW:
            draw(frame, row, me, threads, it)
        elif code == op.BORDER:
            borders(frame, row, me, threads)
        elif code == op.SPREAD:
            spread(frame, row, me, threads)
        elif code == op.ADD_PARTS:
            add_parts(frame, row, me, threads, 0.0)
        elif code == op.STEP_PARTS:
            add_parts(frame, row, me, threads, -m.rate_of(frame, it))
        elif code == op.FLIP:
            flip(frame, row, me, threads)
        elif code == op.FLATTEN:
            flatten(frame, row, me, threads, 0)
        elif code == op.UNFLATTEN:
            flatten(frame, row, me, threads, 1)

    return image_line
