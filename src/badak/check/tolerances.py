"""Every tolerance of the checker, named once, with its reason.

It lies below the contract, because the comparison of gradients and the causes use the same numbers.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Precision:
    """What the number type in which forward computes allows.

    `step` is the wider of the two differences: short against curves, long against rounding. `rounding` is what
    rounding does to a slope at worst, where outputs are near 1; `noise`, times the output and by the step, what it does
    mostly. `relative`, of the largest element, is how far a gradient may be from the slopes.
    """

    step: float
    rounding: float
    noise: float
    relative: float


# Extrapolated, the error is near 1e-12 of the value: `relative` is far above that, and a hundredth of any fault seen.
DOUBLE = Precision(step=1e-4, rounding=1e-9, noise=2e-15, relative=1e-6)
# Where a kink of a hidden unit may lie within the step: five right networks looked wrong at 1e-4, none at 1e-6.
FINE = Precision(step=1e-6, rounding=1e-7, noise=2e-15, relative=1e-6)
# float32 rounds 6e-8 of a value: with a step of 1e-4 a slope would be known to three parts in a thousand at best.
SINGLE = Precision(step=2e-2, rounding=1e-3, noise=1e-7, relative=2e-2)
CAST = 1e-4  # forward computes in float64 and backward gives float32: the rounding of a sum of many terms

# Slopes -------------------------------------------------------------------------------------------
KINK = 1e-2  # the two one-sided slopes differ by more than this share: a kink, not a curve
BENT = 1e-5  # the two central differences differ by more than this share: a kink too small for the sides to show
FIT = 1e-5  # a hypothesis reproduces the user's gradient: coarser than the comparison, far finer than any two causes

# Comparing a gradient with the slopes ---------------------------------------------------------------
SUMMED = 1e-5  # of the sum of sizes: many terms of either sign cancel in the slope along (1, …, 1)
SMOOTH = 1e-6  # along (1, …, 1) the two sides agree to this: tied elements move together, and no kink is on the way
SMOOTHLY = 1e-1  # of the slope: the two sides differ by more along the way on which all parameters move
SHORT = 1e-8  # a step that crosses next to no kink; a loss near 4 is rounded to 1e-15, so its slope to 1e-7
CROSSED = 1e-4  # of the size of all gradients: units that cross their kink within the step change the slope by less
GUARDED = 1e-2  # of the largest slope: log(y + 1e-7) in a loss shifts gradients by less
UNLIKELY = 1e-4  # a probability below this, in log(y + 1e-7): the guard shifts its gradient by 1e-3 and more
NOTHING = 1e-9  # a slope below this is 0

# Answers compared with answers of the same code ------------------------------------------------------
REPEATED = 1e-9  # the same numbers on another way (a row alone, twice the batch): only the order of sums differs
EQUAL = 1e-12  # the same numbers on the same way
LINEAR = 1e-7  # three times the dout: one multiplication more, and cancellation inside
ROW = 1e-6  # one sample as a vector and as a batch of one, whose gradients are divided by other counts


# Statistics -----------------------------------------------------------------------------------------
SHARE = 1e-6  # the share by which a running mean moved, against the layer's own momentum
EXPECTED = 0.06  # a mean over 400 rows of units dropped at random, four standard deviations and more
KEPT = 0.04  # the same for the share that is kept alone
CENTRED = 1e-6  # the mean of what was normalised is 0 to this; where it was not, it is far above UNCENTRED
UNCENTRED = 1e-3
