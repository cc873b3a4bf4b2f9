"""The instructions of the machine: one line each, and what lies where.

A *tape* is rows of 64-bit integers: (opcode, operands, sizes). An operand is a place: which memory *bank*, and how
many bytes into it. This table is what lower.py writes by, verify.py checks by, listing.py prints by and machine.py
carries out. Source of the idea: numexpr's opcodes.hpp.
"""

from dataclasses import dataclass
from enum import IntEnum


class Bank(IntEnum):
    """The memories that an instruction can name."""

    SCRATCH = 0
    """Activations, their gradients, sums of parts: nothing in it outlives a call."""
    WEIGHTS = 1
    """Parameters in the engine's own layout (plan.Panels)."""
    GRADS = 2
    """Their gradients, laid out alike."""
    VALUES = 3
    """Parameters as the network's Block has them: row after row."""
    SLOPES = 4
    """Their gradients as the Block has them."""
    DATA = 5
    """The training inputs: read only."""
    TARGETS = 6
    """The training targets: read only."""
    OUTPUT = 7
    """What a prediction gives back."""
    STATE = 8
    """What an optimizer keeps, in the layout of WEIGHTS."""


READ_ONLY = frozenset({Bank.DATA, Bank.TARGETS})
BANK_SHIFT = 56
"""An operand is `bank << BANK_SHIFT | bytes`."""
ROW = 24
"""Integers in one row of a tape."""


class Frame(IntEnum):
    """Where the machine finds its arguments: integers of one array, made by runner.py for each call."""

    TAPE = 0
    ROWS = 1
    ITERATIONS = 2
    BATCH = 3
    THREADS = 4
    FLAGS = 5
    GENERATION = 6
    STOP = 7
    YIELD = 8
    SLEEP = 9
    ORDER = 10
    LOSSES = 11
    RATES = 12
    RATES_STEP = 13
    ZEROS = 14
    PRIVATE = 15
    PRIVATE_STEP = 16
    SPIN = 17
    BODY = 18
    ENDING = 19
    PARTS = 20
    BANKS = 24
    SIZE = 40


class Split(IntEnum):
    """How the threads share an instruction. No choice here changes a result."""

    ROWS = 0
    """Each thread takes some samples."""
    PANELS = 1
    """Each thread takes some columns of the weights (and for those, if need be, some samples)."""
    CHUNKS = 2
    """Each thread takes some of the k's of a sum; the sums of the parts are joined by JOIN."""
    ONE = 3
    """Thread 0 does it alone."""
    COLUMNS = 4
    """Each thread takes some columns."""
    BESIDE = 5
    """As CHUNKS, but the columns of x lie side by side: the data itself, where nothing had to be drawn."""


@dataclass(frozen=True)
class Op:
    """One instruction: its number, its name, its operands and sizes in the order in which a row holds them.

    An operand is written `name:use`, use being r (read), w (written) or m (modified: read and written).
    `text` is how the listing tells it.
    """

    number: int
    name: str
    fields: tuple[str, ...]
    text: str

    @property
    def operands(self) -> dict[str, str]:
        """The operands with their use: {'out': 'w', 'x': 'r'}."""
        return {f.split(":")[0]: f.split(":")[1] for f in self.fields if ":" in f}

    def index(self, field: str) -> int:
        """Give the place of a field in a row; the opcode itself is at 0."""
        return [f.split(":")[0] for f in self.fields].index(field) + 1


OPS: dict[str, Op] = {}


def _op(name: str, fields: str, text: str) -> int:
    OPS[name] = Op(len(OPS), name, tuple(fields.split()), text)
    if len(OPS[name].fields) >= ROW:
        raise ValueError(f"{name} has more fields than a row holds")
    return len(OPS) - 1


# fmt: off
BARRIER = _op("BARRIER", "", "all threads wait for each other")
GATHER = _op("GATHER", "out:w data:r out_step row_bytes count source scale rows split chunks",
             "{out} ← rows of {data} that this batch draws")
AFFINE = _op("AFFINE", "out:w x:r W:r bias:r out_step x_step rows k n split chunks part_step",
             "{out} ← {x} · {W} + {bias}")
BACK = _op("BACK", "out:w x:r W:r bias:r out_step x_step rows k n split chunks part_step",
           "{out} ← {x} · {W}")
JOIN = _op("JOIN", "out:w parts:r bias:r out_step rows n chunks part_step",
           "{out} ← {parts} added up, + {bias}")
RELU = _op("RELU", "out:w x:r out_step x_step rows n", "{out} ← {x} where above 0, else 0")
RELU_BACK = _op("RELU_BACK", "out:w dout:r y:r out_step dout_step y_step rows n",
                "{out} ← {dout} where {y} is above 0, else 0")
SIGMOID = _op("SIGMOID", "out:w x:r out_step x_step rows n", "{out} ← 1 / (1 + exp(-{x}))")
SIGMOID_BACK = _op("SIGMOID_BACK", "out:w dout:r y:r out_step dout_step y_step rows n",
                   "{out} ← {dout} · {y} (1 - {y})")
SOFTMAX_LOSS = _op("SOFTMAX_LOSS", "out:w losses:w x:r t:r out_step x_step rows n",
                   "{losses} ← cross-entropy of {x} and {t}; {out} ← (softmax({x}) - {t}) / N")
SQUARE_LOSS = _op("SQUARE_LOSS", "out:w losses:w x:r t:m out_step x_step t_step rows n",
                  "{losses} ← ½ Σ ({x} - {t})²; {out} ← ({x} - {t}) / N")
MEAN = _op("MEAN", "losses:r rows", "loss of this batch ← mean of {losses}")
GRAD_W = _op("GRAD_W", "out:w x:r dout:r x_step dout_step rows k n split chunks",
             "{out} ← {x}ᵀ · {dout}")
GRAD_B = _op("GRAD_B", "out:w dout:r dout_step rows n", "{out} ← {dout} summed over the batch")
STEP_W = _op("STEP_W", "out:m x:r dout:r x_step dout_step rows k n split chunks",
             "{out} ← {out} - lr · {x}ᵀ · {dout}")
STEP_B = _op("STEP_B", "out:m dout:r dout_step rows n", "{out} ← {out} - lr · ({dout} summed over the batch)")
STEP = _op("STEP", "out:m grad:r count", "{out} ← {out} - lr · {grad}")
TRANSPOSE = _op("TRANSPOSE", "out:w W:r k n split", "{out} ← {W}, rows and columns exchanged")
PACK = _op("PACK", "out:w values:r k n flat", "{out} ← {values}, laid out for the vectors")
UNPACK = _op("UNPACK", "values:w x:r k n flat", "{values} ← {x}, row after row")
SCORES = _op("SCORES", "out:w x:r x_step rows n", "{out} ← {x}")
BEST = _op("BEST", "out:w x:r x_step rows n", "{out} ← place of the highest score of {x}")
THIN = _op("THIN", "out:w x:r W:r bias:r out_step x_step rows k n",
           "{out} ← {x} · {W} + {bias}, straight from the Block")
NONZERO = _op("NONZERO", "out:w x:r out_step x_step rows k split chunks", "{out} ← which of {x} are not 0")
AFFINE_SPARSE = _op("AFFINE_SPARSE",
                    "out:w x:r W:r bias:r out_step x_step rows k n split chunks part_step marks:r marks_step",
                    "{out} ← {x} · {W} + {bias}, passing over zeros by {marks}")
GRAD_W_SPARSE = _op("GRAD_W_SPARSE", "out:w x:r dout:r x_step dout_step rows k n split chunks marks:r marks_step",
                    "{out} ← {x}ᵀ · {dout}, passing over zeros by {marks}")
STEP_W_SPARSE = _op("STEP_W_SPARSE", "out:m x:r dout:r x_step dout_step rows k n split chunks marks:r marks_step",
                    "{out} ← {out} - lr · {x}ᵀ · {dout}, passing over zeros by {marks}")
AGAIN = _op("AGAIN", "", "the same for the next part of this batch, until all its samples are through")
PAD = _op("PAD", "out:w x:r x_step images height width channels out_channels top left apart out_height out_width",
          "{out} ← {x} in a frame of zeros")
CONV = _op("CONV", "out:w x:r W:r bias:r out_step images height width channels window_height window_width n "
           "stride out_height out_width", "{out} ← {x} convolved with {W}, + {bias}")
GRAD_CONV = _op("GRAD_CONV", "out:w x:r dout:r dout_step images height width channels window_height window_width n "
                "stride out_height out_width chunks part_step",
                "{out} ← in parts, the gradient of the weights between {x} and {dout}")
ADD_PARTS = _op("ADD_PARTS", "out:w parts:r count chunks part_step", "{out} ← {parts} added up")
STEP_PARTS = _op("STEP_PARTS", "out:m parts:r count chunks part_step", "{out} ← {out} - lr · ({parts} added up)")
FLIP = _op("FLIP", "out:w W:r window_height window_width channels n",
           "{out} ← {W} upside down, inputs and outputs exchanged")
# fmt: on

SOURCES = {"u1": 0, "f4": 1, "f8": 2}
"""What a GATHER reads: bytes to be divided by a scale, float32, float64."""
