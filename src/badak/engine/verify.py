"""Check a program before it runs: native code has no bounds of its own.

Each line's operands must lie inside their banks with all the bytes that its sizes make it touch, scratch memory must
be written before it is read, and nothing may be written to data or targets.
"""

from badak.engine.opcodes import READ_ONLY, Bank
from badak.engine.plan import Line, Panels, Program, whole


class BadTape(AssertionError):
    """Says which line of a program is wrong, and how: a fault in the engine, never in the user's work."""


def extent(program: Program, line: Line, operand: str) -> int:
    """Give how many bytes, from its beginning, a line may touch of one operand."""
    size, name, width = line.sizes, line.op.name, program.width
    itemsize, lanes = program.itemsize, program.lanes
    if name in CONVOLUTIONS:
        return _image_extent(program, line, operand)
    if operand == "losses":
        return size["rows"] * itemsize
    if operand == "parts" or (operand == "out" and size.get("chunks", 1) > 1 and name.startswith("AFFINE")):
        step = size["out_step"]
        return (size["chunks"] - 1) * size["part_step"] + size["rows"] * step
    if name == "THIN" and operand in ("W", "bias"):
        return (size["k"] if operand == "W" else 1) * size["n"] * itemsize
    if operand == "bias":
        return whole(size["n"], lanes) * width
    if operand == "marks" or name == "NONZERO" and operand == "out":
        step = size["marks_step" if operand == "marks" else "out_step"]
        if 2 * (size["rows"] + lanes) > step:
            raise BadTape(f"{name}: {step} bytes of marks are too few for {size['rows']} rows")
        return whole(size["k"], lanes) * step
    if operand == "W":
        return Panels(size["k"], size["n"], lanes).size * itemsize
    if name == "TRANSPOSE":
        return Panels(size["n"], size["k"], lanes).size * itemsize
    if name in ("PACK", "UNPACK"):
        if operand == "values":
            return size["k"] * size["n"] * itemsize
        if size["flat"] == 1:
            return whole(size["n"], lanes) * width
        return Panels(size["k"], size["n"], lanes, tailed=not size["flat"]).size * itemsize
    if name.startswith(("GRAD_W", "STEP_W")) and operand == "out":
        return Panels(size["k"], size["n"], lanes).size * itemsize
    if name in ("GRAD_B", "STEP_B") and operand == "out":
        return whole(size["n"], lanes) * width
    if name == "STEP":
        return whole(size["count"], lanes) * width
    if name == "SCORES" and operand == "out":
        return size["rows"] * size["n"] * itemsize
    if name == "BEST" and operand == "out":
        return size["rows"] * 8
    columns = size.get("count", size.get("n", 0)) if operand != "x" or "k" not in size else size["k"]
    step = size[f"{operand}_step"]
    if whole(columns, lanes) * width > step:
        raise BadTape(f"{name}: a row of {operand} holds {step} bytes, fewer than its {columns} numbers")
    return size["rows"] * step


CONVOLUTIONS = frozenset({"PAD", "CONV", "GRAD_CONV", "ADD_PARTS", "STEP_PARTS", "FLIP"})


def _image_extent(program: Program, line: Line, operand: str) -> int:
    """Give the same for the instructions of convolutions; raise BadTape where a window leaves its image."""
    size, name, lanes = line.sizes, line.op.name, program.lanes
    if name in ("ADD_PARTS", "STEP_PARTS"):
        whole_count = whole(size["count"], lanes) * program.width
        return whole_count + (size["chunks"] - 1) * size["part_step"] * (operand == "parts")
    if name == "GRAD_CONV" and size["chunks"] > size["images"]:
        raise BadTape("GRAD_CONV: there are more parts than images")
    if name == "FLIP":
        places = size["window_height"] * size["window_width"]
        k, n = places * size["channels"], size["n"]
        shape = (k, n) if operand == "W" else (places * n, size["channels"])
        return Panels(*shape, lanes, tailed=False).size * program.itemsize
    if name == "PAD":
        return _frame_extent(program, line, operand)
    for way in ("height", "width"):
        if (size[f"out_{way}"] - 1) * size["stride"] + size[f"window_{way}"] > size[way]:
            raise BadTape(f"{name}: the last window reaches beyond the {way}")
    k = size["window_height"] * size["window_width"] * size["channels"]
    weights = Panels(k, size["n"], lanes, tailed=False).size * program.itemsize
    outputs = size["images"] * size["out_height"] * size["out_width"]
    if whole(size["n"], lanes) * program.width > size.get("out_step", size.get("dout_step", 0)):
        raise BadTape(f"{name}: a pixel is narrower than its channels")
    extents = {
        "x": size["images"] * size["height"] * size["width"] * size["channels"] * program.itemsize,
        "W": weights,
        "bias": whole(size["n"], lanes) * program.width,
        "dout": outputs * size.get("dout_step", 0),
        "out": outputs * size["out_step"] if name == "CONV" else (size["chunks"] - 1) * size["part_step"] + weights,
    }
    return extents[operand]


def _frame_extent(program: Program, line: Line, operand: str) -> int:
    size = line.sizes
    down, across = ((size[s] - 1) * size["apart"] + size[e] for s, e in (("height", "top"), ("width", "left")))
    if down >= size["out_height"] or across >= size["out_width"]:
        raise BadTape("PAD: the image does not fit into its frame")
    if operand == "out":
        pixels = size["images"] * size["out_height"] * size["out_width"]
        return pixels * size["out_channels"] * program.itemsize
    image = size["height"] * size["width"] * size["channels"] * program.itemsize
    if image > size["x_step"]:
        raise BadTape("PAD: an image is larger than its row")
    return (size["images"] - 1) * size["x_step"] + image


def verify(program: Program, block_bytes: int) -> None:
    """Raise BadTape for a program that could touch what it must not. `block_bytes` is the size of the Block."""
    banks = program.place_sizes
    written: set[tuple[Bank, int]] = set()
    for number, line in enumerate(program.lines):
        for size, value in line.sizes.items():
            if value < 0 and size != "scale":
                raise BadTape(f"line {number} {line.op.name}: {size} is {value}")
        order = sorted(line.op.operands.items(), key=lambda item: item[1] == "w")  # reads come before writes
        for operand, use in order:
            buffer = line.operands[operand]
            where = f"line {number} {line.op.name}: {operand} ({buffer.name})"
            if buffer.bank in READ_ONLY:
                if use != "r":
                    raise BadTape(f"{where} is data, and would be written to")
                continue  # rows of data are bounded by the check of order and shape in runner.py
            if buffer.bank == Bank.OUTPUT:
                if extent(program, line, operand) > buffer.size:
                    raise BadTape(f"{where} is smaller than what is written to it")
                continue
            room = block_bytes if buffer.bank in (Bank.VALUES, Bank.SLOPES) else banks[buffer.bank]
            end = buffer.offset + extent(program, line, operand)
            if buffer.offset < 0 or end > room or end > buffer.offset + buffer.size:
                raise BadTape(f"{where} reaches to byte {end}, its buffer to {buffer.offset + buffer.size}")
            key = (buffer.bank, buffer.offset)
            if use != "r":
                written.add(key)
            if use != "w" and buffer.bank == Bank.SCRATCH and key not in written:
                raise BadTape(f"{where} is read before anything was written to it")
