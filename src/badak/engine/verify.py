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
        return (
            whole(size["n"], lanes) * lanes if size["flat"] else Panels(size["k"], size["n"], lanes).size
        ) * itemsize
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
