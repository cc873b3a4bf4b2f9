"""Which findings are told, and in which order: a cause hides what follows from it."""

from __future__ import annotations

from badak.check.causes.registry import cause_named
from badak.check.findings import Finding

ORDER = {"error": 0, "hazard": 1, "note": 2}


def arranged(findings: list[Finding]) -> list[Finding]:
    """Leave out consequences of a cause already told, and put the most important first."""
    labels = {f.label for f in findings}
    hidden = {check for label in labels for check in cause_named(label).hides}
    strong = [f for f in findings if not (f.check in hidden and not _causes(f, labels))]
    derivative = any(f.check in ("gradients", "shapes") for f in strong)
    kept: list[Finding] = []
    for finding in strong:
        follows = finding.check in (
            "linear",
            "batch-of-one",
            "after-update",
            "second-batch",
            "two-instances",
            "ties",
            "labels",
        )
        if derivative and follows:
            continue
        if any(k.label == finding.label and (k.quantity == finding.quantity or k.label != "unnamed") for k in kept):
            continue
        kept.append(finding)
    # Something named explains more than something unnamed of the same severity.
    return sorted(kept, key=lambda f: (ORDER[f.severity], f.label == "unnamed"))


def _causes(finding: Finding, labels: set[str]) -> bool:
    """Tell whether a finding is itself a cause that hides others, and nothing hides it."""
    return bool(cause_named(finding.label).hides) and not any(
        finding.check in cause_named(other).hides for other in labels if other != finding.label
    )
