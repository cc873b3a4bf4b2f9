"""What an exercise is: its text in two languages, its hints, and a checker that says what is wrong with an answer.

An exercise is one file in `exercises/`, which holds an `EXERCISE`. Their order is that of the file names.
"""

import ast
import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from badak.check.contract import examine
from badak.check.findings import Finding
from badak.check.load.running import Loaded
from badak.check.source import Function, Source
from badak.check.subject import wrap

Findings = Iterator[Finding]


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    `name` is its name on the command line; `names` the classes and functions that an answer defines; `task` the file
    that a learner gets, `hints` three hints, the last the most telling, both by language; `check(answer)` gives what
    is wrong, the cause first. It is called in a process of its own and may run the answer as it likes.
    """

    name: str
    title: str
    names: tuple[str, ...]
    task: dict[str, str]
    hints: dict[str, tuple[str, str, str]]
    check: "Callable[[Answer], Findings]"
    number: int = 0

    @property
    def file(self) -> str:
        """The name of the learner's file: 01_relu.py."""
        return f"{self.number:02}_{self.name}.py"


@functools.cache
def exercises() -> tuple[Exercise, ...]:
    """Give all exercises in their order."""
    from badak.learn import exercises as folder

    found = []
    for number, module in enumerate(sorted(m.name for m in pkgutil.iter_modules(folder.__path__)), 1):
        exercise = importlib.import_module(f"{folder.__name__}.{module}").EXERCISE
        found.append(Exercise(**{**vars(exercise), "number": number}))
    return tuple(found)


def exercise_named(name: str) -> Exercise:
    """Give an exercise by name, number or file name. Raises ValueError, naming all there are."""
    for exercise in exercises():
        if name in (exercise.name, str(exercise.number), exercise.file):
            return exercise
    raise ValueError(f"there is no exercise {name!r}; there are {', '.join(e.name for e in exercises())}")


def fault(label: str, text: str, advice: str = "", **given: Any) -> Finding:
    """Make a finding of an exercise: `text` says what is wrong, `advice` what to try; both may name `values`."""
    known = {key: given.pop(key) for key in ("method", "quantity", "line", "got", "expected", "index") if key in given}
    severity = given.pop("severity", "error")
    return Finding("learn", label, severity, text=text, advice=advice, values=given, **known)


def blanks(source: Source, names: tuple[str, ...]) -> list[str]:
    """Give the functions and methods of these names that hold nothing yet but `...`: ['Relu.forward']."""
    found = []
    for node in source.tree.body:
        if isinstance(node, ast.ClassDef) and node.name in names:
            found += [f"{node.name}.{item.name}" for item in node.body if isinstance(item, Function) and _blank(item)]
        elif isinstance(node, Function) and node.name in names and _blank(node):
            found.append(node.name)
    return found


def _blank(node: Function) -> bool:
    """Say whether a `...` stands in the body as a statement of its own, or nothing but a docstring or `pass`."""
    rest = [item for item in node.body if not _is_text(item)]
    left = any(
        isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant) and item.value.value is ... for item in rest
    )
    return left or all(isinstance(item, ast.Pass) for item in rest) or _not_implemented(rest)


def _is_text(item: ast.stmt) -> bool:
    return isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant) and isinstance(item.value.value, str)


def _not_implemented(rest: list[ast.stmt]) -> bool:
    if len(rest) != 1 or not isinstance(rest[0], ast.Raise) or rest[0].exc is None:
        return False
    return "NotImplementedError" in ast.unparse(rest[0].exc)


class Answer:
    """A learner's file after it was run: what it defines, and where."""

    def __init__(self, loaded: Loaded, names: tuple[str, ...]) -> None:
        self.source, self.namespace, self.failed = loaded.source, loaded.namespace, loaded.failed
        self.blanks = blanks(self.source, names)

    def __getitem__(self, name: str) -> Any:
        return self.namespace[name]

    def written(self, *names: str) -> bool:
        """Say whether none of these functions or methods is blank still."""
        return not set(names) & set(self.blanks)

    def line(self, name: str) -> int | None:
        """Give the last line of a function, or of a method 'Relu.forward', that returns: where its value comes from."""
        owner, _, method = name.rpartition(".")
        node = self.source.method(owner, method) if owner else self.source.functions().get(name)
        if node is None:
            return None
        returns = [item.lineno for item in ast.walk(node) if isinstance(item, ast.Return)]
        return max(returns, default=node.lineno)

    def assigned(self, name: str, target: str) -> int | None:
        """Give the line of a method 'Affine.backward' that assigns to `target` ('self.dW', 'params'), or as `line`."""
        owner, _, method = name.rpartition(".")
        node = self.source.method(owner, method)
        for item in ast.walk(node) if node is not None else ():
            targets = [item.target] if isinstance(item, ast.AugAssign) else getattr(item, "targets", [])
            if any(ast.unparse(place).startswith(target) for place in targets):
                return int(getattr(item, "lineno", 0)) or None
        return self.line(name)

    def call(self, name: str, function: Callable[..., Any], *arguments: Any) -> tuple[Any, Finding | None]:
        """Call something of the answer with warnings silenced; give (value, None) or (None, what it raised)."""
        try:
            with np.errstate(all="ignore"):
                return function(*arguments), None
        except Exception as error:
            line, trace = None, error.__traceback__
            while trace is not None:
                if trace.tb_frame.f_code.co_filename == self.source.filename:
                    line = trace.tb_lineno
                trace = trace.tb_next
            words = f"{type(error).__name__}: {error}".splitlines()[0]
            return None, fault("raises", "{name} raises {error}", "Look at the line shown: it is the last one of yours "
                               "that ran.", name=name, error=words, method=name, line=line)  # fmt: skip


def same(value: Any, expected: Any) -> bool:
    """Say whether a value is `expected`, in its shape, to seven digits."""
    try:
        value = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return False
    return value.shape == np.shape(expected) and np.allclose(value, expected, rtol=1e-7, atol=1e-9)


Guess = tuple[str, Any, str, str]
"""A plausible wrong answer: label, the value that it gives, what it says, what to try."""


def compare(answer: Answer, name: str, value: Any, expected: Any, guesses: list[Guess]) -> Finding | None:
    """Give None for the right value, else the finding of the guess that fits, else what came and what was expected."""
    if same(value, expected):
        return None
    line = answer.line(name)
    if value is None:
        return fault(
            "returns-none", "{name} returns nothing.", "End it with return …", name=name, method=name, line=line
        )
    for label, wrong, text, advice in guesses:
        if same(value, wrong):
            return fault(label, text, advice, name=name, method=name, line=line)
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError):
        return fault("wrong-type", "{name} gives {kind}; an array of numbers was expected.", name=name, method=name,
                     line=line, kind=type(value).__name__)  # fmt: skip
    if array.shape != np.shape(expected):
        return fault("wrong-shape", "{name} gives the shape {shape}; it should be {right}.", name=name, method=name,
                     line=line, shape=array.shape, right=np.shape(expected))  # fmt: skip
    off = np.nan_to_num(np.abs(array - expected), nan=np.inf)
    worst = np.unravel_index(int(np.argmax(off)), off.shape)
    text, advice = "{name} gives another value than the formula.", "Compute one element by hand and compare."
    return fault("wrong-value", text, advice,
                 name=name, method=name, line=line, index=[int(i) for i in worst], got=float(array[worst]),
                 expected=float(np.asarray(expected)[worst]))  # fmt: skip


def check_class(answer: Answer, obj: Any, x: Any, t: Any = None) -> Findings:
    """Give what `badak check` finds in a layer, loss or network of the answer, causes first; its remarks too."""
    subject = wrap(obj, x, t, namespace=answer.namespace, source=answer.source)
    yield from examine(subject).findings
