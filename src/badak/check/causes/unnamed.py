"""No known cause: what can still be said, by what was seen."""

from __future__ import annotations

from badak.check.causes.base import Cause

UNNAMED = Cause(
    "unnamed",
    "d{quantity} is not the gradient: at the worst element {got}, the slope there is {expected}.",
    "No known cause fits; follow this one element by hand.",
    special={
        "setting_error": (
            "With {setting}, forward runs and {method} raises {error}",
            "Let backward read its sizes and settings from what forward kept.",
        ),
        "setting_shape": (
            "With {setting}, d{quantity} has shape {got}, {quantity} has {expected}.",
            "Let backward read its sizes and settings from what forward kept.",
        ),
        "setting": (
            "With {setting}, d{quantity} is not the gradient: at the worst element {got}, the slope is {expected}.",
            "Let backward read its sizes and settings from what forward kept.",
        ),
        "error": ("{method} raises {error}", "The line shown is the last one of yours that ran."),
        "shape_fault": (
            "d{quantity} has shape {got}, {quantity} has {expected}.",
            "Give each gradient the shape of what it belongs to.",
        ),
        "repeat": (
            "Two backwards after one forward give different d{quantity}.",
            "Let backward change nothing that it reads.",
        ),
        "after_update": (
            "After the parameters change, d{quantity} is no longer right.",
            "Keep no copy of a parameter.",
        ),
        "batch_of_one": (
            "With a batch of one, d{quantity} is wrong.",
            "Try x[:1]; squeeze() and sums without axis are the usual reasons.",
        ),
        "expectation": (
            "On average the output is {train} times the input in training, {test} in evaluation.",
            "The two should agree.",
        ),
        "linear": ("Three times the dout does not give three times d{quantity}.", "Multiply by dout, once."),
        "accuracy": (
            "accuracy against the network's own predictions is {got}, not 1.",
            "Compare the argmax of each row with the label.",
        ),
    },
)
CAUSES = (UNNAMED,)
