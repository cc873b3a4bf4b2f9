"""Recurrent layers whose gates lie side by side in the columns: which of them is wrong."""

from __future__ import annotations

import numpy as np

from badak.check.case import Case
from badak.check.causes.base import Cause, Verdict
from badak.check.tolerances import FIT


def one_gate(case: Case) -> Verdict:
    """All wrong elements of a weight's gradient lie in the columns of one gate, and the other gates are right."""
    subject = case.subject
    shapes = [np.shape(subject.value(p.name)) for p in subject.parameters]
    width = np.shape(case.n[0])[-1] if np.ndim(case.n[0]) else 0
    unit = next((s[0] for s in shapes if len(s) == 2 and s[1] == width and s[0] > 1 and s[1] % s[0] == 0), 0)
    count = width // unit if unit else 0
    if count < 2 or case.is_input:
        return None
    wrong = np.zeros(width, bool)
    for a, n in zip(case.a, case.n, strict=True):
        if a is None or np.shape(a) != n.shape:
            return None
        gap = np.abs(np.nan_to_num(np.asarray(a, float) - n)).reshape(-1, width).max(axis=0)
        wrong |= gap > FIT * max(float(np.nanmax(np.abs(n))), 1e-12)
    gates = sorted({int(i) // unit for i in np.flatnonzero(wrong)})
    if len(gates) != 1:
        return None
    gate = gates[0]
    return "wrong-gate", {"gate": gate + 1, "count": count, "first": gate * unit, "last": (gate + 1) * unit - 1}


CAUSES = (
    Cause(
        "wrong-gate",
        "Only the columns {first} to {last} of d{quantity} are wrong: gate {gate} of {count}.",
        "Follow that gate back from the states: its own derivative, and what it was multiplied by.",
        tests=(one_gate,),
    ),
)
