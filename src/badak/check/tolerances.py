"""Every tolerance of the checker, named once, with its reason.

It lies below the contract, because the comparison of gradients and the causes use the same numbers.
"""

# Slopes -------------------------------------------------------------------------------------------
STEP = 1e-4  # of the wider difference; extrapolated from two steps the error is near 1e-12 of the value
KINK = 1e-2  # the two one-sided slopes differ by more than this share: a kink, not a curve
BENT = 1e-5  # the two central differences differ by more than this share: a kink too small for the sides to show
ROUNDING = 1e-9  # of a difference of outputs near 1, divided by the step: what rounding alone can do
FIT = 1e-5  # a hypothesis reproduces the user's gradient: coarser than the comparison, far finer than any two causes

# Comparing a gradient with the slopes ---------------------------------------------------------------
RELATIVE = 1e-6  # of the largest element: a thousand times the slopes' own error, a hundredth of any fault seen
SUMMED = 1e-5  # of the sum of sizes: many terms of either sign cancel in the slope along (1, …, 1)
SMOOTH = 1e-6  # along (1, …, 1) the two sides agree to this: tied elements move together, and no kink is on the way
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
