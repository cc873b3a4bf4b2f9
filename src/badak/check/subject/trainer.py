"""Classes that train: no function with a gradient, but a loop over batches with something to get wrong."""

from __future__ import annotations

import ast

from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.examinee import Examinee


class Trainer(Examinee):
    """A class that counts its steps: `self.current_iter % self.iter_per_epoch`."""

    style = "training class"

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose source has a remainder by one of its attributes."""
        node = candidate.source.class_node(candidate.name) if candidate.source is not None else None
        for item in ast.walk(node) if node is not None else []:
            if isinstance(item, ast.BinOp) and isinstance(item.op, ast.Mod) and isinstance(item.right, ast.Attribute):
                return Evidence([ast.unparse(item)])
        return None
