"""Print a network's tape: what a training step is, one instruction a line."""

from typing import Any

from badak.engine import lower, target, updates
from badak.engine.opcodes import Bank, Split
from badak.engine.plan import Buffer, Line, Program
from badak.graph import input_shape, nodes
from badak.networks import Network
from badak.optim import SGD
from badak.validate import positive

PLACES = {
    Bank.VALUES: "the network's {}",
    Bank.FIRST: "the optimizer's {}",
    Bank.SECOND: "the optimizer's {}",
    Bank.DATA: "the data",
    Bank.TARGETS: "the targets",
}
LETTERS = {"x": "x", "t": "t"}


def listing(
    network: Network,
    batch_size: int = 100,
    *,
    threads: int | None = None,
    itemsize: int | None = None,
    optimizer: Any = None,
) -> str:
    """Give the tape of one training step of `network`, as text for reading.

    One line an instruction: its number, its name, what it does, with the names and shapes of what it works on, and how
    threads share it. What stands above the dashes happens once when a call begins, what stands below them once when it
    ends; between them is what is repeated for every batch. `threads` is as for training; nothing is compiled or run.

    `optimizer` is an Optimizer, by default plain SGD.

    Raises ValueError for a network with a layer that the engine has no rule for, or an optimizer, naming it, or whose
    input size is not known from its first layers.
    """
    batch_size = positive("batch_size", batch_size)
    optimizer = SGD() if optimizer is None else optimizer
    reason = lower.unruled(network) or updates.unruled(optimizer, network.block)
    shape = input_shape(network)
    if not reason and shape is not None:
        reason = lower.unruled_shapes(nodes(network, shape))
    if reason:
        raise ValueError(f"this network has no tape: {reason}")
    if shape is None:
        raise ValueError("this network has no tape: its first layer does not say how many values a sample has")
    itemsize = network.dtype.itemsize if itemsize is None else itemsize
    program = lower.lower(
        nodes(network, shape),
        network.block.offsets,
        batch=batch_size,
        inputs=shape[0],
        source=f"f{itemsize}",
        scale=0.0,
        threads=target.thread_count(threads),
        itemsize=itemsize,
        lanes=lanes(itemsize),
        purpose="train",
        how=updates.plan(optimizer, network.block),
    )
    return "\n".join(describe(network, program))


def lanes(itemsize: int) -> int:
    """Give how many numbers a vector holds here; 8 bytes' worth of one where there is no compiler to ask."""
    try:
        return target.choose().lanes(itemsize)
    except ImportError:
        return 16 // itemsize


def describe(network: Network, program: Program) -> list[str]:
    """Give the lines of a program."""
    texts = [_text(line) for line in program.lines]
    names = [line.op.name for line in program.lines]
    width = max(map(len, names))
    shapes = [_shapes(line) for line in program.lines]
    column = min(76, max(map(len, texts)))
    sizes = " → ".join(str(node.output_shape[0]) for node in nodes(network) if "W" in node.params and node.output_shape)
    first = "×".join(map(str, input_shape(network) or "?"))
    threads = f"{program.threads} thread" + ("s" if program.threads > 1 else "")
    head = (
        f"{type(network).__name__} {first} → {sizes}, batch {program.batch * program.parts}, "
        f"float{8 * program.itemsize}, {threads}, {_work(program) / 1e6:.1f} million multiplications a step"
    )
    result = [head, ""]
    for number, (line, name, text, shape) in enumerate(zip(program.lines, names, texts, shapes, strict=True)):
        if number == program.body and number:
            result.append("─── for each batch " + "─" * 40)
        if number == program.ending:
            result.append("─── at the end " + "─" * 44)
        layer = f"  {line.layer}" if line.layer else ""
        result.append(f"{number:3}  {name:<{width}}  {text:<{column}}  {shape}{layer}".rstrip())
    return result


def _text(line: Line) -> str:
    return line.op.text.format(**{name: _name(buffer) for name, buffer in line.operands.items()})


def _name(buffer: Buffer) -> str:
    if buffer.bank in PLACES and buffer.bank != Bank.TARGETS:
        return PLACES[buffer.bank].format(buffer.name.removeprefix("block."))
    return buffer.name


def _shapes(line: Line) -> str:
    """Give the shapes of a line's operation, and how it is shared, in a few characters."""
    size: dict[str, Any] = line.sizes
    if line.op.name == "PIECES":
        return f"{size['size']} of {size['images']} images at a time, {size['length']} lines"
    if "window_height" in size:
        seen = f"{size['window_height']} × {size['window_width']}"
        seen += f" × {size['depth']} → {size['n']}" if "n" in size else ""
        return f"({size['images']}, {size['height']}, {size['width']}) · windows of {seen}"
    if "k" in size and "rows" in size:
        if line.op.name.startswith(("GRAD_W", "STEP_W")):
            text = f"({size['k']}, {size['rows']}) · ({size['rows']}, {size['n']})"
        else:
            text = f"({size['rows']}, {size['k']}) · ({size['k']}, {size['n']})"
        parts = f", in {size['chunks']} parts"
        how = {Split.ROWS: "", Split.PANELS: ", shared by columns", Split.CHUNKS: parts, Split.BESIDE: parts}
        return text + how.get(size.get("split", Split.ROWS), "")
    if "k" in size:
        return f"({size['k']}, {size['n']})"
    if "rows" in size:
        return f"({size['rows']}, {size.get('n', size.get('count', 1))})"
    return ""


def _work(program: Program) -> int:
    body = program.lines[program.body : program.ending]
    products = [line.sizes for line in body if "k" in line.sizes and "rows" in line.sizes]
    windows = [line.sizes for line in body if line.op.name in ("CONV", "GRAD_CONV")]
    products += [
        {
            "rows": s["images"] * s["height"] * s["width"],
            "k": s["window_height"] * s["window_width"] * s["depth"],
            "n": s["n"],
        }
        for s in windows
    ]
    return program.parts * sum(s["rows"] * s["k"] * s["n"] for s in products)
