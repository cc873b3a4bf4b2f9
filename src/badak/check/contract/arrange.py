"""Which findings are told, and in which order: a cause hides what follows from it."""

from __future__ import annotations

from badak.check.findings import Finding

CONSEQUENCES: dict[str, set[str]] = {
    # what the cause explains: checks whose findings are then not told
    "updates-weights-in-backward": {
        "gradients",
        "repeat",
        "second-batch",
        "two-instances",
        "after-update",
        "linear",
        "batch-of-one",
    },
    "redraws-mask": {"gradients", "second-batch", "two-instances", "linear", "batch-of-one", "randomness"},
    "shared-dout-mutated": {"mutation", "repeat"},
    "accumulates-instead-of-sets": {"second-batch", "two-instances", "gradients", "linear"},
    "mutates-cache": {"second-batch", "two-instances", "gradients", "linear"},
    "mutates-input": {"repeat", "second-batch", "two-instances", "batch-of-one", "linear"},
    "mutates-target": {"repeat", "second-batch", "two-instances", "batch-of-one", "linear"},
    "stale-cache": {"two-instances", "batch-of-one", "after-update"},
    "ignores-dout": {"linear", "mutation"},
    "train-flag-ignored": {"randomness"},
    "shared-mutable-default": {"second-batch"},
}
ORDER = {"error": 0, "hazard": 1, "note": 2}


def arranged(findings: list[Finding]) -> list[Finding]:
    """Leave out consequences of a cause already told, and put the most important first."""
    labels = {f.label for f in findings}
    hidden = set().union(*(CONSEQUENCES.get(label, set()) for label in labels)) if labels else set()
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
    return finding.label in CONSEQUENCES and not any(
        finding.check in CONSEQUENCES.get(other, set()) for other in labels if other != finding.label
    )
