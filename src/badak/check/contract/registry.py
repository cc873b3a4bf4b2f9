"""The clauses in the order in which they are asked. A new clause is one file (or one function) and one entry here."""

from __future__ import annotations

from badak.check.contract import (
    arguments,
    autograd,
    batches,
    construction,
    extremes,
    gradients,
    instances,
    interface,
    labels,
    loop,
    modes,
    numerical,
    optimizer,
    parameters,
    randomness,
    repeat,
    roles,
    running,
    settings,
    ties,
    training,
    updates,
    values,
    variants,
)
from badak.check.contract.clause import Clause

# The first come first always: the others need an object that runs.
CLAUSES: list[Clause] = [
    *variants.HINDRANCE,
    *interface.CLAUSES,
    *running.CLAUSES,
    *batches.MANY,
    *gradients.SHAPES,
    *arguments.CLAUSES,
    *repeat.CLAUSES,
    *gradients.CLAUSES,
    *values.CLAUSES,
    *parameters.CLAUSES,
    *variants.CLAUSES,
    *settings.CLAUSES,
    *batches.SECOND,
    *updates.CLAUSES,
    *instances.CLAUSES,
    *batches.ONE,
    *ties.CLAUSES,
    *labels.CLAUSES,
    *randomness.CLAUSES,
    *modes.CLAUSES,
    *extremes.CLAUSES,
    *roles.CLAUSES,
    *construction.CLAUSES,
    *training.CLAUSES,
    *autograd.CLAUSES,
    *optimizer.CLAUSES,
    *numerical.CLAUSES,
    *loop.CLAUSES,
]
# By name, as `only` takes them.
CHECKS: dict[str, list[Clause]] = {c.name: [d for d in CLAUSES if d.name == c.name] for c in CLAUSES}
