"""The instructions of the machine: one line each, and what lies where.

A *tape* is rows of 64-bit integers: (opcode, operands, sizes). An operand is a place: which memory *bank*, and how
many bytes into it. This table is what lower.py writes by, verify.py checks by, listing.py prints by and machine.py
carries out. Source of the idea: numexpr's opcodes.hpp.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from types import SimpleNamespace

Machine = Callable[[int, int], int]
"""`machine(frame, me)`: the address of a frame and the number of the thread; 0 when done, negative if stopped."""


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
    LAYERS = 9
    """What layers remember from step to step: running means, the states of their generators."""
    FIRST = 10
    """The optimizer's first array of state as it has it, in the order of the Block."""
    SECOND = 11
    """Its second."""
    LOCAL = 15
    """Images on their way through a piece: each thread has its own, and room for one piece alone (see PIECES)."""


READ_ONLY = frozenset({Bank.DATA, Bank.TARGETS})
BANK_SHIFT = 56
"""An operand is `bank << BANK_SHIFT | bytes`."""
ROW = 32
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
    FROM = 20
    """While a thread goes through a piece: its first image, …"""
    TO = 21
    """… the one after its last (0 outside of pieces), …"""
    CHUNK = 22
    """… and the part of a sum that it belongs to."""
    LOCAL_STEP = 23
    """Bytes that one image has in Bank.LOCAL."""
    LOCAL_SIZE = 24
    """Bytes of Bank.LOCAL that one thread has."""
    PARTS = 25
    """So many parts of a batch go through one after the other (see AGAIN), …"""
    PART = 26
    """… and this one is on its way."""
    BANKS = 32
    SIZE = 48


LINE = 128
"""Bytes between two threads' flags: two cache lines, since processors fetch them in pairs."""
SLEPT, LEFT = 8, 16
"""Where a thread, beside its flag, counts how often it slept (it then lacked no core), and says that it has left."""
YIELDS = 200
"""So often a thread that has spun in vain gives its core away, and looks again, before it sleeps."""


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
PACK = _op("PACK", "out:w values:r k n flat channels pixels depth c_step p_step n_step",
           "{out} ← {values}, laid out for the vectors")
UNPACK = _op("UNPACK", "values:w x:r k n flat channels pixels depth c_step p_step n_step",
             "{values} ← {x}, row after row")
SCORES = _op("SCORES", "out:w x:r x_step rows n", "{out} ← {x}")
BEST = _op("BEST", "out:w x:r x_step rows n", "{out} ← place of the highest score of {x}")
THIN = _op("THIN", "out:w x:r W:r bias:r out_step x_step rows k n",
           "{out} ← {x} · {W} + {bias}, straight from the Block")
AFFINE_SPARSE = _op("AFFINE_SPARSE",
                    "out:w x:r W:r bias:r out_step x_step rows k n split chunks part_step marks:w marks_step",
                    "{out} ← {x} · {W} + {bias}, passing over zeros; {marks} ← where there are none")
GRAD_W_SPARSE = _op("GRAD_W_SPARSE", "out:w x:r dout:r x_step dout_step rows k n split chunks marks:r marks_step",
                    "{out} ← {x}ᵀ · {dout}, passing over zeros by {marks}")
STEP_W_SPARSE = _op("STEP_W_SPARSE", "out:m x:r dout:r x_step dout_step rows k n split chunks marks:r marks_step",
                    "{out} ← {out} - lr · {x}ᵀ · {dout}, passing over zeros by {marks}")
AGAIN = _op("AGAIN", "", "the same for the next part of this batch, until all its samples are through")
PIECES = _op("PIECES", "images chunks size length", "each thread: a few images at a time through the next lines")
DRAW = _op("DRAW", "out:w data:r out_step out_start out_line out_pixel row_bytes source scale images height width "
           "channels depth", "{out} ← images of {data} that this batch draws")
BORDER = _op("BORDER", "out:m out_step images height width border channels depth", "{out} ← 0 around the images")
SPREAD = _op("SPREAD", "out:w x:r out_step x_step out_start out_line out_pixel x_start x_line x_pixel images height "
             "width numbers apart", "{out} ← {x} in a frame of zeros")
CONV = _op("CONV", "out:w x:r W:r bias:r out_step x_step out_start out_line out_pixel x_start x_line x_pixel images "
           "height width window_height window_width depth n stride", "{out} ← {x} convolved with {W}, + {bias}")
GRAD_CONV = _op("GRAD_CONV", "out:w sums:w x:r dout:r x_step dout_step x_start x_line x_pixel dout_start dout_line "
                "dout_pixel images height width window_height window_width depth n stride chunks part_step sums_step",
                "{out}, {sums} ← in parts, the gradients of weights and bias between {x} and {dout}")
ADD_PARTS = _op("ADD_PARTS", "out:w parts:m count chunks part_step", "{out} ← {parts} added up")
STEP_PARTS = _op("STEP_PARTS", "out:m parts:m count chunks part_step", "{out} ← {out} - lr · ({parts} added up)")
FLIP = _op("FLIP", "out:w W:r places depth n", "{out} ← {W} upside down, inputs and outputs exchanged")
POOL = _op("POOL", "out:w place:w x:r out_step place_step x_step out_start out_line out_pixel x_start x_line x_pixel "
           "images height width window_height window_width vectors stride pad x_height x_width average",
           "{out} ← {x} pooled, {place} ← where each came from")
POOL_BACK = _op("POOL_BACK", "out:w place:r dout:m out_step place_step dout_step out_start out_line out_pixel "
                "dout_start dout_line dout_pixel images height width window_height window_width vectors stride pad "
                "x_height x_width numbers average", "{out} ← {dout}, at {place}, 0 elsewhere")
FLATTEN = _op("FLATTEN", "out:w x:r out_step x_step images pixels channels depth",
              "{out} ← {x}, one channel after the other")
UNFLATTEN = _op("UNFLATTEN", "out:w x:r out_step x_step images pixels channels depth",
                "{out} ← {x}, channels side by side")

# -- activations, normalization, dropout, the loss of yes and no
_BACK = "out:w dout:r y:r out_step dout_step y_step rows n"
TANH = _op("TANH", "out:w x:r out_step x_step rows n", "{out} ← tanh({x})")
TANH_BACK = _op("TANH_BACK", _BACK, "{out} ← {dout} · (1 - {y}²)")
LEAKY_RELU = _op("LEAKY_RELU", "out:w x:r out_step x_step rows n slope", "{out} ← {x} where above 0, else slope · {x}")
LEAKY_RELU_BACK = _op("LEAKY_RELU_BACK", _BACK + " slope", "{out} ← {dout} where {y} is above 0, else slope · {dout}")
GELU = _op("GELU", "out:w x:r out_step x_step rows n", "{out} ← gelu({x})")
GELU_BACK = _op("GELU_BACK", _BACK, "{out} ← {dout} · gelu'({y})")
DROPOUT = _op("DROPOUT", "out:w mask:w x:r state:r out_step mask_step x_step rows n channels pixels depth least scale",
              "{mask} ← what is kept, by the generator; {out} ← {x} · {mask}")
DROPOUT_BACK = _op("DROPOUT_BACK", _BACK, "{out} ← {dout} · {y}")
SUM_COLUMNS = _op("SUM_COLUMNS", "out:w x:r x_step rows n chunks part_step",
                  "{out} ← in parts, the columns of {x} summed")
SUM_SQUARES = _op("SUM_SQUARES", "out:w x:r mean:r x_step rows n chunks part_step",
                  "{out} ← in parts, the columns of ({x} - {mean})² summed")
SUM_BOTH = _op("SUM_BOTH", "out:w dout:r xn:r dout_step xn_step rows n chunks part_step",
               "{out} ← in parts, the columns of {dout} and of {dout} · {xn} summed")
MEAN_COLUMNS = _op("MEAN_COLUMNS", "out:w parts:m rows n chunks part_step", "{out} ← {parts} added up, / N")
STD_COLUMNS = _op("STD_COLUMNS", "out:w parts:m mean:r running_mean:m running_var:m rows n chunks part_step momentum "
                  "rest eps", "{out} ← √({parts} added up, / N, + eps); {running_mean}, {running_var} follow")
STD = _op("STD", "out:w var:r n eps", "{out} ← √({var} + eps)")
NORMALIZE = _op("NORMALIZE", "xn:w out:w x:r mean:r std:r gamma:r beta:r xn_step out_step x_step rows n split",
                "{xn} ← ({x} - {mean}) / {std}; {out} ← {gamma} · {xn} + {beta}")
JOIN_BOTH = _op("JOIN_BOTH", "dbeta:w dgamma:w parts:m n chunks part_step", "{dbeta}, {dgamma} ← {parts} added up")
NORMALIZE_BACK = _op("NORMALIZE_BACK", "out:w dout:r xn:r std:r gamma:r dbeta:r dgamma:r out_step dout_step xn_step "
                     "rows n split", "{out} ← {gamma} / {std} · ({dout} - ({dbeta} + {xn} · {dgamma}) / N)")
NORMALIZE_ROWS = _op("NORMALIZE_ROWS", "xn:w out:w std:w x:r gamma:r beta:r xn_step out_step x_step rows n eps",
                     "{xn} ← ({x} - mean) / {std} of each row; {out} ← {gamma} · {xn} + {beta}")
NORMALIZE_ROWS_BACK = _op("NORMALIZE_ROWS_BACK", "out:w dout:r xn:r std:r gamma:r out_step dout_step xn_step rows n",
                          "{out} ← ({gamma} · {dout} - its mean - {xn} · mean of both) / {std}")
SIGMOID_LOSS = _op("SIGMOID_LOSS", "out:w losses:w x:r t:m out_step x_step t_step rows n",
                   "{losses} ← cross-entropy of sigmoid({x}) and {t}; {out} ← (sigmoid({x}) - {t}) / N")

# -- optimizers: their numbers come from the iteration's row of rates (updates.py)
SQUARES = _op("SQUARES", "out:w sizes:w grad:r at count chunks", "{out}, {sizes} ← in parts, Σ ({grad} / {sizes})²")
CLIP = _op("CLIP", "grad:m parts:r sizes:r count total",
           "{grad} ← {grad}, shortened if √Σ {parts} · {sizes}² is above clip_norm")  # fmt: skip
_RULE = "out:m grad:r count decayed"
STEP_SGD = _op("STEP_SGD", _RULE, "{out} ← {out} - lr · ({grad} + decay)")
STEP_MOMENTUM = _op("STEP_MOMENTUM", _RULE + " first:m",
                    "{first} ← momentum · {first} - lr · {grad}; {out} ← {out} + {first}")
STEP_NESTEROV = _op("STEP_NESTEROV", _RULE + " first:m",
                    "{first} ← momentum · {first} - lr · {grad}; {out} ← {out} + momentum · {first} - lr · {grad}")
STEP_ADAGRAD = _op("STEP_ADAGRAD", _RULE + " first:m",
                   "{first} ← {first} + {grad}²; {out} ← {out} - lr · {grad} / √{first}")
STEP_RMSPROP = _op("STEP_RMSPROP", _RULE + " first:m",
                   "{first} ← mean of it and {grad}²; {out} ← {out} - lr · {grad} / √{first}")
STEP_ADAM = _op("STEP_ADAM", _RULE + " first:m second:m",
                "{first}, {second} ← means of {grad}, {grad}²; {out} ← {out} - lr · {first} / √{second}")

# fmt: on

BITS = frozenset({"scale", "slope", "eps", "momentum", "rest"})
"""Fields that hold a floating-point number's bits."""


def fields(name: str) -> SimpleNamespace:
    """Give the place of each field of an instruction in its row: `fields("CONV").stride`."""
    return SimpleNamespace(**{f.split(":")[0]: OPS[name].index(f.split(":")[0]) for f in OPS[name].fields})


SOURCES = {"u1": 0, "f4": 1, "f8": 2}
"""What a GATHER reads: bytes to be divided by a scale, float32, float64."""
