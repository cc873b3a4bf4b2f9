"""An optimizer makes the steps of the rule that its name says, and touches nothing else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.causes.explain import explain_error
from badak.check.causes.stepping import (
    Match,
    all_rules,
    counted_by_parameter,
    numbers_for,
    published_match,
    rows_of,
    same_steps,
    slip_match,
)
from badak.check.contract.clause import Clause, Findings
from badak.check.contract.running import unwritten
from badak.check.exam import CouldNotCheck, Exam
from badak.check.findings import Finding
from badak.check.rules import follow, published
from badak.check.subject.calls import UserError, parameters_of
from badak.check.subject.optimizer import Optimizer, Trace
from badak.check.subject.roles import NUMBERS, role_of
from badak.check.subject.stepping import UnknownArgument

# What makes steps that no plain rule makes, and is no fault.
BEYOND = (
    "startswith",
    "isinstance",
    "ndim",
    "clip",
    "norm",
    "warm",
    "sched",
    "where",
    "maximum",
    "minimum",
    "max(",
    "min(",
)
CHOICES = ("hasattr", "getattr", "startswith", "endswith", "isinstance", "trainable", "requires_grad", "' in ")
UNKNOWN_RULE = (
    "{name} follows an update rule that I do not know: it matches none of the published forms of {rules}. "
    "Compare a few steps with the formula by hand."
)
SMOOTH = {"mu": 0.9, "decay": 0.1, "wd": 0.05, "nesterov": True}


def check_runs(exam: Exam) -> Findings:
    """It can be called, and the caller's parameters move."""
    subject = _optimizer(exam)
    trace = _traced(subject)
    if trace.error is not None:
        yield from _crash(exam, subject, trace)
        return
    if not trace.effect:
        if trace.plan.container in ("dict", "list", "courses", "array") and subject.rules and not _chooses(subject):
            yield exam.finding("update", "update-has-no-effect", method=subject.method)
            return
        raise CouldNotCheck(
            "{method} ran, and nothing moved that I handed to it. Give make(), which returns the optimizer, "
            "and let it take (params, grads).",
            method=subject.method,
        )


def _chooses(subject: Optimizer) -> bool:
    """Tell whether it asks what a parameter is or is called: ours may not be what it is for."""
    node = subject.source.method(subject.name, subject.method) if subject.source is not None else None
    text = ast.unparse(node) if node is not None else ""
    return node is None or any(part in text for part in CHOICES)


def _optimizer(exam: Exam) -> Optimizer:
    assert isinstance(exam.examinee, Optimizer)
    return exam.examinee


def _traced(subject: Optimizer) -> Trace:
    return subject.trace()


def _crash(exam: Exam, subject: Optimizer, trace: Trace) -> Findings:
    failure = trace.error
    assert failure is not None
    if isinstance(failure.error, UnknownArgument):
        raise _unguessable(subject, failure.error)
    unwritten(failure)
    shared = _shared(exam, subject, trace)
    if shared is not None:
        yield shared
        return
    error, finding = failure.error, None
    if isinstance(error, TypeError) and trace.plan.container == "dict" and "'dict'" in str(error):
        values = {"error": failure.words.splitlines()[0]}
        if _names_keys(subject) and failure.line is not None:
            finding = exam.finding(
                "update", "whole-dictionary", method=subject.method, line=failure.line, values=values
            )
    elif isinstance(error, ZeroDivisionError) and "Adam" in subject.rules:
        finding = exam.finding("update", "steps-counted-from-zero", method=subject.method, line=failure.line)
    elif (
        (isinstance(error, NameError) and not _imported(subject, error))
        or _missing_own(subject, error)
        or _missing_everywhere(error, trace)
    ):
        finding = explain_error(None, error, subject.method, failure.line, "runs", source=subject.source)
    if finding is None or failure.line is None:
        raise CouldNotCheck(
            "None of the ways that I know to call {method} ran; the likeliest gave {error} (line {line}). "
            "Give make(), which returns the optimizer, and let it take (params, grads).",
            method=subject.method,
            error=failure.words.splitlines()[0],
            line=failure.line or "?",
        )
    if finding.label == "unnamed":
        finding.text = "{method} raises {error}"
        finding.advice = "The line shown is the last one of yours that ran."
    yield finding


def _unguessable(subject: Optimizer, unknown: UnknownArgument) -> CouldNotCheck:
    return CouldNotCheck(
        "I can't guess the argument {argument} of {name}(…). Add a function make() that returns one.",
        argument=unknown.name,
        name=subject.name,
    )


def _imported(subject: Optimizer, error: NameError) -> bool:
    """Tell whether an import of the file should have brought the name, or another file lacks it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is not None and trace.tb_frame.f_code.co_filename != subject.filename:
        return True
    tree = subject.source.tree if subject.source is not None else ast.Module([], [])
    brought = [a for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names]
    return any((a.asname or a.name).split(".")[0] == error.name for a in brought)


def _names_keys(subject: Optimizer) -> bool:
    """Tell whether the update goes through a dictionary."""
    node = subject.source.method(subject.name, subject.method) if subject.source is not None else None
    return node is not None and any(part in ast.unparse(node) for part in (".keys()", ".items()", "[key]", "[k]"))


def _missing_own(subject: Optimizer, error: BaseException) -> bool:
    """Tell whether an attribute of its own is missing that nothing in the class ever sets."""
    if not isinstance(error, AttributeError) or type(error.obj) is not subject.kind:
        return False
    if not subject.rules or subject.source is None:
        return False  # a base class: what it lacks may be in those that build on it
    nodes = [subject.source.class_node(k.__name__) for k in subject.kind.__mro__ if k is not object]
    if any(node is None for node in nodes):
        return False
    written = {
        item.attr
        for node in nodes
        if node is not None
        for item in ast.walk(node)
        if isinstance(item, ast.Attribute) and isinstance(item.ctx, ast.Store)
    }
    return error.name not in written


def _missing_everywhere(error: BaseException, trace: Trace) -> bool:
    """Tell whether a method is asked of a container that no container has: params.key()."""
    if not {"params", "grads"} <= set(trace.plan.roles.values()):
        return False
    if not isinstance(error, AttributeError) or type(error.obj) not in (dict, list, np.ndarray):
        return False
    return not any(hasattr(kind, str(error.name)) for kind in (dict, list, np.ndarray))


# The rule ---------------------------------------------------------------------------------------------


def check_rule(exam: Exam) -> Findings:
    """The steps are those of a published rule: of the one that the name says, if it says one."""
    subject = _optimizer(exam)
    trace = _traced(subject)
    if trace.plan.container == "array" and "look" in trace.plan.roles.values():
        raise CouldNotCheck(UNKNOWN_RULE, name=subject.name, rules="Nesterov")
    rules = subject.rules or (("Adam",) if {"b1", "b2"} <= trace.numbers.keys() else ())
    if _published(trace, rules or all_rules()):
        return
    found = list(_faults(exam, subject, trace, rules or all_rules(), bool(rules)))
    yield from found
    if not found:
        yield from _unlike(exam, subject, trace, subject.rules)


def _published(trace: Trace, rules: tuple[str, ...]) -> bool:
    """Tell whether a published rule makes the steps, with a penalty on some parameters only, if need be."""
    if published_match(trace, rules) is not None:
        return True
    alone = [rows_of(trace, slice(None), [place]) for place in range(len(trace.steps))]
    penalty = any(trace.numbers.get("wd", []))
    return penalty and len(alone) > 1 and all(published_match(one, rules) is not None for one in alone)


def _faults(exam: Exam, subject: Optimizer, trace: Trace, rules: tuple[str, ...], named: bool) -> Iterator[Finding]:
    """Name what keeps the steps from being those of a rule."""
    still = [p for p, s in enumerate(trace.steps) if not s.any()]
    if 0 < len(still) < len(trace.steps) and not _chooses(subject):
        moving = [p for p in range(len(trace.steps)) if p not in still]
        if published_match(rows_of(trace, slice(None), moving), rules) is not None:
            values = {"count": len(still), "all": len(trace.steps)}
            yield exam.finding("rule", "parameter-left-out", method=subject.method, values=values)
            return
    if not any(s[1:].any() for s in trace.steps) and published_match(rows_of(trace, slice(1)), rules) is not None:
        yield exam.finding("rule", "updates-only-once", method=subject.method)
        return
    if not named:
        rules = tuple(r for r in rules if r in ("SGD", "Momentum"))
    match = counted_by_parameter(trace, rules) or slip_match(trace, rules) or _slip_in_one(trace, rules)
    if match is not None:
        yield from _slip(exam, subject, match, named)
        return
    shared = _shared(exam, subject, trace)
    if shared is not None:
        yield shared
        return
    other = published_match(trace, all_rules()) if named else None
    if other is not None:
        severity = "hazard" if other.rule != "SGD" else "error"
        names = {"rule": other.rule, "name": subject.name}
        yield exam.finding("rule", "another-rule", method=subject.method, severity=severity, values=names)


def _slip_in_one(trace: Trace, rules: tuple[str, ...]) -> Match | None:
    """Give the slip that is made for some of the parameters, where the others are right."""
    alone = [rows_of(trace, slice(None), [place]) for place in range(len(trace.steps))]
    wrong = [one for one in alone if published_match(one, rules) is None]
    return slip_match(wrong[0], rules) if 0 < len(wrong) < len(alone) else None


def _slip(exam: Exam, subject: Optimizer, match: Match, named: bool) -> Iterator[Finding]:
    if not named and match.slip != "update-climbs":
        return
    if match.slip == "state-thrown-away" and subject.bench.function is not None:
        return  # the caller keeps the state: it may be we who lost it
    k = match.knobs
    name = {"Momentum": "momentum", "RMSprop": "decay", "Adam": "beta"}.get(match.rule, "decay")
    values = {"rule": match.rule, "name": name, "lr": k.lr}
    if match.slip == "moments-share-one-array" and k.correction == "none":
        yield exam.finding("rule", "bias-correction-missing", method=subject.method, values=values)
    severity = "hazard" if match.slip in ("eps-missing", "steps-counted-from-two") else "error"
    yield exam.finding("rule", match.slip, method=subject.method, severity=severity, values=values)


def _shared(exam: Exam, subject: Optimizer, trace: Trace) -> Finding | None:
    """Tell a state that all parameters share: each parameter alone is updated by the rule."""
    if trace.plan.container not in ("dict", "list", "slots", "variables", "courses"):
        return None
    rules = subject.rules or all_rules()
    match = None
    for plan in subject.plans():
        alone = [subject.follow(plan, only=place) for place in (0, 1)]
        if all(one.error is None and one.effect for one in alone):
            matches = [published_match(one, rules) for one in alone]
            match = matches[0] if all(m is not None for m in matches) else None
            break
    if match is None or match.rule == "SGD":
        return None
    values = {"rule": match.rule}
    return exam.finding("rule", "state-shared-between-parameters", method=subject.method, values=values)


def _unlike(exam: Exam, subject: Optimizer, trace: Trace, rules: tuple[str, ...]) -> Findings:
    """Steps of no rule: wrong where the name says one and nothing in the class says more, else not known."""
    if not rules or not _plain(subject, trace):
        raise CouldNotCheck(UNKNOWN_RULE, name=subject.name, rules=", ".join(rules or all_rules()))
    yield exam.finding("rule", "unlike-the-rule", method=subject.method, values=_worst(trace, rules[0]))


def _plain(subject: Optimizer, trace: Trace) -> bool:
    """Tell whether the optimizer has only the numbers of its rule, and nothing that bends steps."""
    if subject.bench.kind is None or subject.source is None or trace.plan.container not in ("dict", "list", "layer"):
        return False
    nodes = [subject.source.class_node(k.__name__) for k in subject.kind.__mro__ if k is not object]
    if any(node is None for node in nodes):
        return False
    text = "".join(ast.unparse(node) for node in nodes if node is not None).lower()
    if any(part in text for part in BEYOND):
        return False
    held = vars(trace.first) if hasattr(trace.first, "__dict__") else {}
    if any(trace.numbers.get("wd", [])) or any(trace.numbers.get("decay", [])):
        return False  # there are more ways to shrink weights and rates than I know
    strange = [n for n, v in held.items() if type(v) in (int, float) and role_of(n) not in (*NUMBERS, "time")]
    asked = [p for p in parameters_of(subject.kind) if not role_of(p.name)]
    return not strange and not asked


def _worst(trace: Trace, rule: str) -> dict[str, Any]:
    from_rule = next(_near(trace, rule))
    seen, _, _ = trace.flat()
    difference = np.nan_to_num(np.abs(seen - from_rule), nan=np.inf)
    turn, place = np.unravel_index(int(difference.argmax()), difference.shape)
    return {
        "rule": rule,
        "step": int(turn) + 1,
        "moved": float(seen[turn, place]),
        "wanted": float(from_rule[turn, place]),
    }


def _near(trace: Trace, rule: str) -> Iterator[np.ndarray[Any, Any]]:
    _, grads, start = trace.flat()
    for k in numbers_for(rule, trace):
        for form in published(rule, k):
            yield follow(rule, grads, start, form)


# What surrounds the rule --------------------------------------------------------------------------------


def check_surroundings(exam: Exam) -> Findings:
    """The learning rate counts, gradients stay as they are, and parameters are changed in place."""
    subject = _optimizer(exam)
    trace = _traced(subject)
    rates = [n for n in _constructor_names(subject) if role_of(n) == "lr"]
    if rates:
        other = _with(subject, trace, {rates[0]: 0.037})
        if other is not None and _all_same(other, trace):
            known = subject.rules and "Adadelta" not in subject.rules  # which needs none
            severity = "error" if known else "hazard"
            yield exam.finding("rule", "learning-rate-ignored", severity=severity, method=subject.method)
    if trace.gradients_changed and trace.plan.container in ("dict", "list", "array", "courses"):
        yield exam.finding("surroundings", "changes-gradients", severity="hazard", method=subject.method)
    if trace.rebound:
        yield exam.finding("surroundings", "params-rebound", severity="hazard", method=subject.method)


def check_settings(exam: Exam) -> Findings:
    """What is off by default (momentum, decay) is right when it is on."""
    subject = _optimizer(exam)
    trace = _traced(subject)
    rules = subject.rules
    names = subject.settings_of()
    for name in names:
        numbers: dict[str, Any] = {name: SMOOTH[role_of(name)]}
        without: Trace | None = trace
        if role_of(name) == "nesterov" and any(role_of(n) == "mu" for n in names):
            momentum = {n: 0.9 for n in names if role_of(n) == "mu"}
            numbers |= momentum
            without = _with(subject, trace, momentum)
        other = _with(subject, trace, numbers)
        if other is None or without is None:
            continue
        if _all_same(other, without):
            values = {"name": name, "value": SMOOTH[role_of(name)]}
            yield exam.finding("settings", "setting-ignored", severity="hazard", method=subject.method, values=values)
        elif rules and published_match(other, rules) is None:
            match = slip_match(other, rules)
            if match is not None:
                yield from _slip(exam, subject, match, named=True)


def _constructor_names(subject: Optimizer) -> list[str]:
    if subject.bench.kind is None or subject.bench.prototype is not None:
        return []
    return [p.name for p in parameters_of(subject.kind)]


def _with(subject: Optimizer, trace: Trace, numbers: dict[str, Any]) -> Trace | None:
    """Follow the same plan with other numbers for the constructor; None where that does not run."""
    try:
        other = subject.follow(trace.plan, numbers=numbers)
    except UserError:
        return None
    return other if other.error is None and other.effect else None


def _all_same(one: Trace, other: Trace) -> bool:
    return all(same_steps(a, b) for a, b in zip(one.steps, other.steps, strict=True))


CLAUSES = [
    Clause("update", check_runs, kind=Optimizer, first=True, stops=True),
    Clause("rule", check_rule, kind=Optimizer),
    Clause("surroundings", check_surroundings, kind=Optimizer),
    Clause("settings", check_settings, kind=Optimizer),
]
