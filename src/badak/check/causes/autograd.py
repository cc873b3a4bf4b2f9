# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Values of an autograd library: operations, and the walk back through the graph."""

from __future__ import annotations

from badak.check.causes.base import Cause

CAUSES = [
    Cause(
        label="wrong-operation-gradient",
        sentence="The gradient of {name} is not its derivative: d{quantity} is {got}, the slope there is {expected}.",
        advice="Write down the derivative of {name} by {quantity}, and multiply it by the gradient of the result.",
    ),
    Cause(
        label="wrong-walk",
        sentence="backward gives d{quantity} = {got} for {name}, where the slope is {expected}: the gradient does not come through from the result to its inputs.",
        advice="Begin with the gradient 1 at the result, hand each result's gradient to the operation that made it, and put what that gives into its inputs.",
    ),
    Cause(
        label="overwrites-gradient",
        sentence="A value that is used twice keeps the gradient of one use alone: for {name}, d{quantity} is {got} and the slope is {expected}.",
        advice="Add to a gradient that is there already (x.grad = x.grad + gx, or +=), and begin with None or 0.",
    ),
    Cause(
        label="adds-gradient-wrongly",
        sentence="The gradients of a value that is used twice are not added up: for {name}, d{quantity} is {got} and the slope is {expected}.",
        advice="Add what comes from each use to what is there, once: grad + new, not grad + (grad + new).",
    ),
    Cause(
        label="walk-order",
        sentence="backward goes on from a value before all gradients have come to it: where {name} is used in several places, d{quantity} is {got} and the slope is {expected}.",
        advice="Go through the operations in the reverse of the order in which they were computed (sorted topologically, or by generation), each of them once.",
    ),
    Cause(
        label="old-operator-name",
        sentence="Python 3 never calls {name}: the operator of {owner} does not work.",
        advice="Call it {near}.",
    ),
    Cause(
        label="broadcast-not-summed",
        sentence="Where one operand of {name} is broadcast over the other, its gradient is not summed back to its shape.",
        advice="Sum the gradient over the axes that were broadcast, as for a bias, or refuse operands of different shapes.",
    ),
]
