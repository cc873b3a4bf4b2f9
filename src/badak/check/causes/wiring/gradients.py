"""The gradients of a network: which are wrong, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from badak.check.causes.naming import name_causes
from badak.check.causes.wiring.connections import copied_parameter, same_object, skipped, swapped_keys, unconnected
from badak.check.causes.wiring.order import dout_dropped, wrong_order
from badak.check.causes.wiring.parts import guarded, inner_fault
from badak.check.causes.wiring.probability import double_softmax, log_guard
from badak.check.causes.wiring.role import unlike_each_other
from badak.check.causes.wiring.trace import Call, trace
from badak.check.compare import case_of
from badak.check.exam import Examination
from badak.check.findings import Finding
from badak.check.judging import wrong_quantities
from badak.check.subject import UserError

Wiring = Callable[[Examination, list[str], list[Call]], Finding | None]
# By what was connected and called: the first that fits is the answer. `calls` is empty where no layer is called.
ORDER: tuple[Wiring, ...] = (
    unconnected,
    same_object,
    copied_parameter,
    unlike_each_other,
    wrong_order,
    dout_dropped,
    swapped_keys,
    double_softmax,
    guarded,
    skipped,
    inner_fault,
)


def check_network_gradients(exam: Examination) -> Iterator[Finding]:
    """Compare every gradient, and name the cause by how the layers were called."""
    subject = exam.subject
    if not subject.parameters:
        return
    absent = [p.name for p in subject.parameters if exam.passes[0].grads.get(p.name) is None]
    wrong = wrong_quantities(exam)
    if not wrong and not absent:
        return
    if wrong and log_guard(exam, wrong):
        return
    finding = _first_cause(exam, wrong)
    if finding is not None:
        yield finding
        return
    if absent:
        wrong = absent
    cases = {q: case_of(exam, q, [exam.gradient(p, q) for p in exam.passes]) for q in wrong}
    yield from name_causes(exam, cases)


def _first_cause(exam: Examination, wrong: list[str]) -> Finding | None:
    try:
        calls, _, _ = trace(exam.subject)
    except UserError:
        calls = []
    for test in ORDER:
        finding = test(exam, wrong, calls)
        if finding is not None:
            return finding
    return None
