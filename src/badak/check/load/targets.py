"""What there is to check in a file: what make() gives, its classes, and what the styles gather besides them.

Nothing is passed over in silence: what is not looked at is told with its line.
"""

from __future__ import annotations

import ast
import difflib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.check.causes.explain import explain_error
from badak.check.load.fitting import Fit, Fitter, is_final, is_small, own_sample, richer
from badak.check.load.importing import Note
from badak.check.load.running import Failed, Loaded, deepest_line
from badak.check.load.standins import missing_base
from badak.check.source import Source
from badak.check.subject import STYLES, Candidate, Examinee, Layer, Subject, Unknown, style_of
from badak.check.subject.calls import old_division
from badak.check.subject.candidate import Evidence, Found

Expired = Callable[[], bool]
Make = Callable[[], Any]


@dataclass
class Target:
    """One object to check, or the reason why it cannot be: what failed, or a sentence."""

    name: str
    subject: Examinee | None = None
    problem: Failed | None = None
    reason: Note | None = None
    style: str = ""
    guessed: bool = True  # whether the arguments that a constructor raised on were ours
    notes: list[Note] = field(default_factory=list)


def looks_checkable(kind: type) -> bool:
    """Tell whether a class is a layer, a loss or a network by its methods, be they misspelled."""
    names = [n for n in dir(kind) if not n.startswith("__")]
    for method in ("forward", "backward"):
        if difflib.get_close_matches(method, names, 1, 0.75):
            return True
    if "loss" in names and ("predict" in names or "gradient" in names or "params" in names):
        return True
    return "gradient" in names and "predict" in names


class Finder:
    """Goes through one loaded file."""

    def __init__(self, loaded: Loaded, expired: Expired = lambda: False) -> None:
        """Begin with nothing passed over."""
        self.loaded = loaded
        self.source = loaded.source
        self.expired = expired
        self.classes = loaded.own_classes()
        self.passed_over: list[Note] = []

    def targets(self, wanted: str | None = None) -> Iterator[Target]:
        """Give what there is to check, or only what is called `wanted`; what make() gives comes first."""
        make = self.loaded.namespace.get("make")
        used: set[str] = set()
        if callable(make) and (wanted is None or _made_by(make) == wanted):
            target = self._made(make)
            used = used_by(target.name, self.source, self.classes)
            yield target
        for name, kind in self.classes.items():
            if name in used or (wanted is not None and name != wanted):
                continue
            yield from self._class(name, kind, wanted is not None, callable(make))
        for candidate in self._gathered():
            if wanted is None or wanted in (candidate.name, *candidate.functions):
                yield self._fitted(candidate, *style_of(candidate))
        if wanted is None:
            yield from self._shadowed()

    # Classes --------------------------------------------------------------------------------------

    def _class(self, name: str, kind: type, wanted: bool, has_make: bool) -> Iterator[Target]:
        missing = missing_base(kind)
        candidate = Candidate(name, None, kind, source=self.source, namespace=self.loaded.namespace)
        style, evidence = style_of(candidate)
        if missing is not None:
            text = "{name} builds on {base}, and {module} is not installed here."
            reason = (text, {"name": name, "base": missing, "module": missing.partition(".")[0]})
            yield Target(name, reason=reason)
            return
        if not wanted:
            if is_abstract(kind, self.source.class_node(name), self.classes):
                self._pass("line {line}: {name} is only a base of other classes", name)
                return
            if style is Unknown and not looks_checkable(kind):
                self._pass("line {line}: {name} is no layer, loss, network or optimizer in a style that I know", name)
                return
        if style is Unknown and looks_checkable(kind):
            style = Layer  # with its methods misspelled
        target = self._fitted(candidate, style, evidence)
        if has_make and not wanted and target.subject is None:
            # With make() the file has said what to check; the rest is checked only as far as it can be guessed.
            self._pass("line {line}: {name} is not what make() gives, and could not be made otherwise", name)
            return
        yield target

    def _pass(self, text: str, name: str) -> None:
        node = self.source.class_node(name) or self.source.functions().get(name)
        self.passed_over.append((text, {"name": name, "line": node.lineno if node is not None else "?"}))

    def _made(self, make: Make) -> Target:
        name = _named_in(make, self.classes)
        try:
            obj = make()
        except (Exception, SystemExit) as error:
            return Target(name, problem=Failed(error, deepest_line(error, self.source.filename), []), guessed=False)
        candidate = Candidate.of(obj, self.source, self.loaded.namespace)
        style, evidence = style_of(candidate)
        if style is Unknown and looks_checkable(type(obj)):
            style = Layer
        return self._fitted(candidate, style, evidence, make)

    # Functions, scripts ---------------------------------------------------------------------------

    def _gathered(self) -> list[Candidate]:
        """Give what the styles find besides classes; a function belongs to the first style that takes it."""
        functions = self.loaded.own_functions()
        found = Found(self.source, self.loaded.namespace, functions, self.classes)
        gathered: list[Candidate] = []
        for style in STYLES:
            for candidate in style.gather(found):
                gathered.append(candidate)
                for name in candidate.functions:
                    found.functions.pop(name, None)
        for name in found.functions:
            if name != "make" and _sounds_checkable(name):
                self._pass("line {line}: the function {name} was not looked at: I know no forward beside it", name)
        return gathered

    def _shadowed(self) -> Iterator[Target]:
        """Tell what the file defines and then takes away: a class that a later import or cell replaces."""
        for defined, line in self.loaded.shadowed():
            if not isinstance(defined.value, type) or not looks_checkable(defined.value):
                continue
            later = [d for d in self.loaded.defined if d.name == defined.name and d.node.lineno > defined.node.lineno]
            source = self.source.focused(defined.node)
            candidate = Candidate(defined.name, None, defined.value, source=source, namespace=self.loaded.namespace)
            target = self._fitted(candidate, *style_of(candidate))
            text = (
                "line {line} defines {name} again" if later else "the import of line {line} takes the name {name} away"
            )
            target.notes.append((f"This is the {{name}} of line {{first}}: {text}.", {
                "name": defined.name, "first": defined.node.lineno, "line": line,
            }))  # fmt: skip
            yield target

    # Fitting --------------------------------------------------------------------------------------

    def _fitted(
        self, candidate: Candidate, style: type[Examinee], evidence: Evidence, make: Make | None = None
    ) -> Target:
        """Make the object, find an input that it takes, and wrap both; else say why that cannot be."""
        obj = candidate.obj if make is not None or candidate.obj is not None else self._ready(candidate)
        given: dict[str, Any] = {
            "namespace": self.loaded.namespace,
            "source": candidate.source,
            "make": make,
            "expired": self.expired,
        }
        fitter = Fitter(style, candidate)
        if not issubclass(style, Subject):
            obj = next(fitter.objects(), None) if obj is None else obj
            if obj is None:
                return self._unmade(candidate, style, fitter)
            subject: Examinee = style(obj, **given)
            subject.name, subject.evidence = candidate.name, evidence
            return Target(candidate.name, subject, style=style.style)
        fit = self._with_own_sample(fitter, obj, make) or fitter.fit(obj, make)
        if obj is not None and make is None and candidate.obj is None and (fit is None or fit.level == 0):
            # What the file has made takes none of our inputs: make another.
            other = Fitter(style, candidate).fit()
            fit = other if other is not None and other.level > 0 else fit
        if fit is None:
            return self._unmade(candidate, style, fitter)
        # What a network raises may be a fault of its layers' order: the contract asks.
        asked = fit.final or fit.given or style.runs_forward_itself or self._named(fit)
        if fit.level == 0 and not asked:
            return self._refused(candidate, style, fitter, fit)
        subject = style(fit.obj, fit.x, fit.second, given=fit.given, **{**given, "make": fit.make or make})
        # The style may have made something that stands for the class.
        stands_in = candidate.kind is not None and type(fit.obj) is not candidate.kind
        subject.name = candidate.name if candidate.functions or stands_in else subject.name
        subject.evidence = evidence
        target = Target(candidate.name, subject, style=style.style)
        if fit.alone and fit.level == 2 and isinstance(fit.x, np.ndarray):
            text = "{name} takes one sample at a time: it was checked with an input of shape {shape}."
            target.notes.append((text, {"name": candidate.name, "shape": fit.x.shape}))
        return target

    def _named(self, fit: Fit) -> bool:
        """Tell whether what forward raised has a name, so that it is the file's fault and not the input's."""
        if fit.error is None:
            return False
        told = explain_error(None, fit.error.error, fit.error.method, fit.error.line, "runs", source=self.source)
        return told.label != "unnamed"

    def _ready(self, candidate: Candidate) -> Any:
        """Give an object of the class that the file has made, if it is small enough to be measured."""
        ready = [v for v in self.loaded.namespace.values() if candidate.kind is not None and type(v) is candidate.kind]
        return ready[-1] if ready and is_small(ready[-1]) else None

    def _with_own_sample(self, fitter: Fitter, obj: Any, make: Make | None) -> Fit | None:
        """Take the file's own x (and t), where the object takes them, or would take no others either."""
        assert issubclass(fitter.style, Subject)
        sample = own_sample(fitter.style, self.loaded.namespace)
        if sample is None or obj is None:
            return None
        x, second = sample
        tries = [x] if x.dtype.kind == "f" else [x.astype(float), x]
        for one in tries:
            fit = fitter.consider(obj, one, second, make, given=True)
            if fit.level > 0 or fit.final:
                if make is None and fitter.style.input_names == ("x",) and not fitter.style.scalar:
                    fit.x = richer(fitter, fit)
                return fit
        if x.dtype.kind == "f":
            other = fitter.fit(obj, make)
            return fit if other is None or other.level == 0 else None
        return None

    def _unmade(self, candidate: Candidate, style: type[Examinee], fitter: Fitter) -> Target:
        """Say why no object could be made."""
        failure, unguessable = fitter.failure, fitter.unguessable
        if unguessable is not None and (failure is None or not is_final(failure)):
            text = (
                "I can't guess the argument {argument} of {name}(…). "
                "Add a function that makes one, for example: {example}"
            )
            values = {"argument": unguessable.name, "name": candidate.name, "example": _example(candidate)}
            return Target(candidate.name, reason=(text, values), style=style.style)
        failure = failure or TypeError("no arguments fit")
        line = deepest_line(failure, self.source.filename)
        return Target(candidate.name, problem=Failed(failure, line, []), style=style.style)

    def _refused(self, candidate: Candidate, style: type[Subject], fitter: Fitter, fit: Fit) -> Target:
        old = old_division(fit.error.error) if fit.error is not None else None
        if old is not None:
            return Target(candidate.name, reason=old, style=style.style)
        words = fit.error.words.splitlines()[0] if fit.error is not None else "no number came out"
        text = (
            "{method} took none of the {count} inputs that I tried: {error}. "
            "Give a sample in the file: x = … (and t = …), and make(), which returns the object."
        )
        values = {"method": style.forward_name, "count": fitter.tried, "error": words}
        return Target(candidate.name, reason=(text, values), style=style.style)


def _sounds_checkable(name: str) -> bool:
    return any(part in name.lower() for part in ("backward", "backprop", "gradient", "grad_", "_grad"))


def _example(candidate: Candidate) -> str:
    kind = candidate.kind
    names = list(inspect.signature(kind).parameters) if kind is not None else []
    return f"def make(): return {candidate.name}({', '.join(f'{n}=…' for n in names)})"


def _made_by(make: Make) -> str:
    try:
        return type(make()).__name__
    except Exception:  # whatever the user's code does: making it for the check will tell
        return ""


def _named_in(make: Make, classes: dict[str, type]) -> str:
    code = getattr(make, "__code__", None)
    names = [n for n in getattr(code, "co_names", ()) if n in classes]
    return names[-1] if names else next(iter(classes), "make()")


def used_by(name: str, source: Source, classes: dict[str, type]) -> set[str]:
    """Give the class and those that its source names, directly or not: they are checked as parts of it."""
    used: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one in used:
            continue
        used.add(one)
        node = source.class_node(one)
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} if node is not None else set()
        waiting += [n for n in names if n in classes]
    return used


def is_abstract(kind: type, node: ast.ClassDef | None, classes: dict[str, type]) -> bool:
    """Tell whether a class is only a base of others and does nothing itself."""
    if inspect.isabstract(kind) or getattr(kind, "_is_protocol", False):
        return True
    if node is None or not any(kind in other.__mro__[1:] for other in classes.values()):
        return False
    bodies = [item.body[-1] for item in node.body if isinstance(item, ast.FunctionDef)]
    return any(isinstance(last, (ast.Raise, ast.Pass)) for last in bodies)
