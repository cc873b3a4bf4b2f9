"""All causes, by label, and the order in which their tests are tried.

A new cause is one object in one family file. One with a new test has one more entry: the test's place in ORDER.
"""

from __future__ import annotations

import numpy as np

from badak.check.case import Case
from badak.check.causes import (
    activation,
    affine,
    autograd,
    dropout,
    functions,
    gates,
    images,
    known,
    loops,
    loss,
    names,
    network,
    normalization,
    numerical,
    optimizer,
    precision,
    scale,
    shapes,
    state,
    unnamed,
    updating,
)
from badak.check.causes.base import Cause, Test, Verdict
from badak.check.subject import UserError

FAMILIES = (
    names,
    shapes,
    scale,
    affine,
    activation,
    images,
    normalization,
    dropout,
    gates,
    precision,
    loss,
    known,
    functions,
    state,
    network,
    loops,
    updating,
    autograd,
    optimizer,
    numerical,
    unnamed,
)
CAUSES: dict[str, Cause] = {cause.label: cause for family in FAMILIES for cause in family.CAUSES}

# A gradient of the wrong shape.
SHAPES: tuple[Test, ...] = (shapes.shape_cause,)
# A gradient of the right shape with wrong values: most specific first, the first that fits is the answer.
ORDER: tuple[Test, ...] = (
    precision.rounded_forward,
    updating.after_step,
    loss.of_scores,
    known.another_cross_entropy,
    known.log_base,
    affine.missing_or_unused,
    precision.dtype_downcast,
    precision.rounds_gradient,
    affine.swapped_inputs,
    activation.ignores_dout,
    loss.label_formats,
    affine.other_parameters,
    shapes.sum_cause,
    scale.scales,
    known.squared_error_factor,
    precision.clips_gradient,
    activation.masks,
    activation.branches,
    affine.transposes,
    affine.turned_weight,
    loss.correct_class,
    loss.extra_sigmoid,
    activation.pre_and_post,
    normalization.statistics,
    affine.weight_decay,
    images.averaged_maximum,
    images.overlapping,
    activation.nearly,
)
# Tried when no repair tells more.
FALLBACKS: tuple[Test, ...] = (
    gates.one_gate,
    activation.wrong_formula,
)


def cause_named(label: str) -> Cause:
    """Give the cause of this label; the one without a name for a label that is not known."""
    return CAUSES.get(label, unnamed.UNNAMED)


def value_cause(case: Case, tests: tuple[Test, ...] = ORDER) -> Verdict:
    """Explain a gradient of the right shape with wrong values: (label, values), None where no test fits."""
    for test in tests:
        try:
            found = test(case)
        except (ValueError, IndexError, TypeError, np.linalg.LinAlgError, UserError):
            found = None
        if found is not None and found[0] not in case.told:
            return found
    return None
