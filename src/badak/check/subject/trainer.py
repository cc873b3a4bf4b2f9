"""Classes that train: no function with a gradient, but a loop over batches with something to get wrong."""

from __future__ import annotations

import ast
import re

from badak.check.source import called_name
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.examinee import Examinee

STEPS = {"gradient", "numerical_gradient", "backward", "update", "loss"}  # what a step of training calls
LOOPS = {"train", "fit", "train_step", "train_one_epoch", "run_epoch"}  # what a training loop is called


class Trainer(Examinee):
    """A class that counts its steps: `self.current_iter % self.iter_per_epoch`."""

    style = "training class"

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class that trains, by what it calls or is called, and counts by a remainder of an attribute."""
        node = candidate.source.class_node(candidate.name) if candidate.source is not None else None
        if node is None:
            return None
        called = {called_name(item) for item in ast.walk(node)}
        written = {item.name for item in ast.walk(node) if isinstance(item, ast.FunctionDef)}
        for item in ast.walk(node):
            if isinstance(item, ast.BinOp) and isinstance(item.op, ast.Mod) and isinstance(item.right, ast.Attribute):
                counted = re.search(r"epoch|iter|batches", item.right.attr) is not None
                if counted or called & STEPS or written & LOOPS:
                    return Evidence([ast.unparse(item)])
        return None
