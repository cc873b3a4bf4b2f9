"""Puts line and method into a finding, by the rule of its cause."""

from __future__ import annotations

from badak.check.causes.registry import cause_named
from badak.check.findings import Finding
from badak.check.source import first_line, gradient_line
from badak.check.subject import Examinee, Subject, UserError


def locate(subject: Examinee, finding: Finding) -> None:
    """Put method and line into a finding that has none, as far as the source tells."""
    source = subject.source
    if source is None or finding.line is not None:
        return
    rule = cause_named(finding.label).place
    try:
        line = rule(subject, finding) if rule is not None else None
    except (UserError, ValueError, TypeError, IndexError):
        line = None
    if line is None and finding.method is not None:
        if isinstance(subject, Subject) and finding.method == subject.backward_name and finding.quantity is not None:
            inputs = finding.quantity in subject.input_names
            line = gradient_line(source, subject.name, finding.method, finding.quantity, inputs)
        if line is None:
            node = source.method(subject.name, finding.method)
            line = first_line(node) if node is not None else None
    finding.line = line
    if line is not None:
        owner, function = source.enclosing(line)
        if owner is not None and function is not None and finding.label not in ("missing-method", "undefined-name"):
            finding.method = function
