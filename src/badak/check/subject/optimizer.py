"""Optimizers: classes and functions that change parameters by their gradients.

An optimizer is followed for some steps. Its parts tell how it is called (`updating.Plan`); the plans that its names
allow are tried in order, and the first that runs and changes something is kept.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar

import numpy as np

from badak.check.copying import World
from badak.check.subject.arguments import Layout
from badak.check.subject.calls import UserError, has_method, parameters_of
from badak.check.subject.candidate import Candidate, Evidence, Found
from badak.check.subject.examinee import Examinee
from badak.check.subject.roles import NUMBERS, SEVERAL, role_of
from badak.check.subject.stepping import Plan, Run, constructor, copies_of

Array = np.ndarray[Any, Any]
METHODS = ("update", "step", "update_params", "update_parameters", "update_weights", "apply_gradients", "apply",
           "optimize", "update_param", "update_one", "update_layer", "apply_grads", "get_updates",
           "get_update", "update_network", "__call__")  # fmt: skip
OTHERS = ("forward", "backward", "predict", "loss", "fit", "gradient", "train", "__len__", "backprop")
# What a name says: the rules that it allows, likeliest first.
RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"nesterov|\bnag\b|^nag|accelerated", ("Nesterov", "Momentum")),
    (r"ada_?grad", ("AdaGrad",)),
    (r"rms_?_?pr(o|po)p?|rmsprpo", ("RMSprop",)),
    (r"ada_?delta", ("Adadelta",)),
    (r"radam|nadam|adamax|amsgrad|adamw|adam", ("Adam",)),
    (r"momentum", ("Momentum", "Nesterov")),
    (r"sgd|gradient_?descent|_gd$|^gd|vanilla", ("SGD", "Momentum", "Nesterov")),
)
FUNCTION = re.compile(
    r"(?i)^_?(sgd|sgd_?momentum|momentum|nesterov|adagrad|rms_?prop|adam\w?|adamax|nadam|adadelta|gradient_descent)"
    r"(_?(update|optimi[sz]er|step|momentum))?$|^update_?param(eter)?s?(_with_\w+|_\w+)?$|^vanilla_update$"
    r"|^update_(with_)?(sgd|momentum|adam|rmsprop|adagrad|nesterov)$|^update_weights$"
)
SHAPES = ((3, 2), (2,), (2, 4), (4,))
SCALES = (1.0, 0.5, 3.0, 0.3, 1.0, 2.0)


def sample(count: int = 2) -> tuple[list[Array], list[list[Array]]]:
    """Give parameters of other shapes, and gradients for some steps: of either sign, of many sizes, some zero.

    One element never gets a gradient, one only later, as the rows of an embedding do.
    """
    rng = np.random.default_rng(3)
    shapes = SHAPES[:count]
    start = [rng.standard_normal(shape) + 0.2 for shape in shapes]
    turns = [[scale * (rng.standard_normal(shape) + 0.3) for shape in shapes] for scale in SCALES]
    for turn, grads in enumerate(turns):
        grads[0][0, 0] = 0.0
        if turn < 2:
            grads[0][2, 1] = 0.0
    return start, turns


@dataclass
class Bench:
    """What is followed: a class, an object of it that cannot be made anew, or a function."""

    kind: type | None = None
    prototype: Any = None
    function: Callable[..., Any] | None = None


@dataclass
class Trace:
    """What an optimizer did: the steps of each parameter (T, …), and what else was seen."""

    plan: Plan
    steps: list[Array]
    start: list[Array]
    gradients: list[Array]
    numbers: dict[str, list[float]]
    error: UserError | None = None
    effect: bool = False  # the caller's parameters moved, or something came back
    rebound: bool = False  # the container holds new arrays, the old ones keep their values
    gradients_changed: bool = False
    steps_returned: bool = False
    first: Any = field(default=None, repr=False)  # the object after its first step

    def flat(self) -> tuple[Array, Array, Array]:
        """Give steps (T, n), gradients (T, n) and start (n,) of all parameters, end to end."""
        rows = len(self.steps[0])
        steps = np.concatenate([s.reshape(rows, -1) for s in self.steps], axis=1)
        grads = np.concatenate([g.reshape(rows, -1) for g in self.gradients], axis=1)
        return steps, grads, np.concatenate([np.ravel(p) for p in self.start])


class Optimizer(Examinee):
    """A class with update or step, or a function, that changes parameters by gradients."""

    style = "optimizer"
    method_names: ClassVar[tuple[str, ...]] = ()

    def __init__(self, obj: Any, **given: Any) -> None:
        """Wrap what `makers` gives, or an object at hand."""
        super().__init__(obj, **given)
        # An object that the file has made may hold the state of a training: a new one is better, where it can be had.
        anew = given.get("make") is None and _guessable(type(obj))
        bench = obj if isinstance(obj, Bench) else Bench(type(obj), None if anew else obj)
        self.bench = bench
        self.kind = bench.kind or type(None)
        if bench.kind is not None:
            self.world = World(self.namespace, [k for k in bench.kind.__mro__ if k is not object])
        self.name = bench.function.__name__ if bench.function is not None else self.kind.__name__
        self._kept: Trace | None = None

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose method takes gradients or objects that hold them, and what `gather` found."""
        if candidate.functions:
            function = next(iter(candidate.functions.values()))
            return Evidence([f"{function.__name__}(…)"]) if _is_update(function) else None
        kind = candidate.kind
        if kind is None or any(has_method(kind, name) for name in OTHERS) or kind.__module__ == "builtins":
            return None
        method = method_of(kind)
        if method is None:
            return None
        names = [p.name for p in candidate.arguments_of(method) if p.default is p.empty]
        asked = [] if kind.__init__ is object.__init__ else parameters_of(kind)  # type: ignore[misc]
        roles = {role_of(p.name) for p in asked}
        named = bool(rules_of(kind.__name__)) or "optim" in kind.__name__.lower()
        rate = "lr" in roles or any(role_of(p.name) == "lr" for p in candidate.arguments_of(method))
        told = {role_of(n) for n in names}
        takes = (
            bool(told & {"grads", "look", "zipped"})
            or told & {"params"} != set()
            or (told <= {"layer", "net"} and rate)
        )
        holds = not names and (bool(roles & {"params", "net"}) or has_method(kind, "setup"))
        seen = f"{method}({', '.join(names)})"
        if named and (takes or holds or told <= {"layer", "net"}):
            return Evidence([kind.__name__, seen])
        return Evidence([seen, "a learning rate"]) if rate and "grads" in told else None

    @classmethod
    def gather(cls, found: Found) -> list[Candidate]:
        """Give the functions that are named as an update is and take gradients."""
        return [
            Candidate(name, functions={name: function}, source=found.source, namespace=found.namespace)
            for name, function in found.functions.items()
            if FUNCTION.match(name) and _is_update(function)
        ]

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Give a bench for the class or the function: optimizers are made anew for every run."""
        if candidate.functions:
            yield partial(Bench, function=next(iter(candidate.functions.values())))
        else:
            yield partial(Bench, kind=candidate.kind)

    # Plans ----------------------------------------------------------------------------------------

    @property
    def method(self) -> str:
        """The user's own name of what makes a step."""
        if self.bench.function is not None:
            return self.name
        return method_of(self.kind) or "update"

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that the name allows, () where it says nothing."""
        return rules_of(self.name)

    def plans(self) -> Iterator[Plan]:
        """Give the ways in which it may be called, likeliest first."""
        bench = self.bench
        function = bench.function
        if function is None:
            function = getattr(bench.kind, self.method)
            names = parameters_of(function)[1:]
            made: Any = partial(constructor, self.kind)
            if bench.prototype is not None:
                made = copies_of(bench.prototype)
        else:
            names, made = parameters_of(function), None
        roles = self._roles([p.name for p in names if p.default is p.empty or bench.function is not None])
        base = Plan(made, self.method, "list", bench.function, roles, dict(NUMBERS) if bench.function else {})
        setup = "setup" if not names and has_method(self.kind, "setup") else ""
        for container in _containers(roles):
            # The file's own tensors after ours: they may need a network around them.
            for tensor in [None, *self._tensors()] if container in ("slots", "variables") else [None]:
                yield base.other(container=container, setup=setup, tensor=tensor, places=_places(roles))

    def _roles(self, names: list[str]) -> dict[str, str]:
        roles = {name: role_of(name) for name in names}
        if sum(r in ("params", "grads") for r in roles.values()) >= 2:
            roles |= {n: "params" for n in names if n.lower() in ("b", "bias", "biases")}
        silent = [n for n in names if not roles[n]]
        known = set(roles.values())
        if len(names) == 2 and len(silent) == 1 and "grads" in known:
            roles[silent[0]] = "params"
        if len(names) == 1 and silent and self.method.startswith("update_p"):
            roles[silent[0]] = "layer"
        return {n: r for n, r in roles.items() if r}

    def _tensors(self) -> list[type]:
        """Give the classes in which the file keeps parameters."""
        found = [(self.namespace or {}).get(n) for n in ("Parameter", "Tensor", "Variable")]
        return [kind for kind in found if isinstance(kind, type)]

    # Following ------------------------------------------------------------------------------------

    def trace(self) -> Trace:
        """Follow it by the first plan that runs and moves something; else give the trace of the likeliest plan.

        Raises UnknownArgument where the constructor cannot be called.
        """
        if self._kept is not None:
            return self._kept
        first: Trace | None = None
        still: Trace | None = None
        for plan in self.plans():
            trace = self.follow(plan)
            if trace.error is None and trace.effect:
                self._kept = trace
                return trace
            first = first or trace
            if trace.error is None:
                still = still or trace
        assert first is not None
        self._kept = still or first
        return self._kept

    def follow(self, plan: Plan, only: int | None = None, numbers: dict[str, float] | None = None) -> Trace:
        """Follow a plan on the sample, or on one parameter of it; `numbers` go to the constructor or the call."""
        start, turns = sample(4 if plan.container == "courses" else 2)  # W1, b1, W2, b2: a net of two layers
        if plan.container == "step" or only is not None:
            only = only or 0
        if only is not None:
            start, turns = [start[only]], [[grads[only]] for grads in turns]
        if numbers is not None:
            plan = plan.other(numbers={**plan.numbers, **numbers})
        trace = Trace(plan, [], start, [np.stack(g) for g in zip(*turns, strict=True)], {})
        self.world.restore()
        try:
            if plan.container == "array":
                for place in range(len(start)):
                    self._run(plan, trace, [start[place]], [[grads[place]] for grads in turns])
            else:
                self._run(plan, trace, start, turns)
        except UserError as failure:
            trace.error = failure
        finally:
            self.world.restore()
        return trace

    def _run(self, plan: Plan, trace: Trace, start: list[Array], turns: list[list[Array]]) -> None:
        run = self.call(self.method, plan.begin, start)
        trace.numbers = self.numbers(run)
        seen = [run.values()]
        arrays = list(plan.read(run.held))
        for grads in turns:
            self.call(self.method, run.step, grads)
            trace.first = trace.first if trace.first is not None else run.obj
            trace.gradients_changed |= _changed(run.given, grads)
            if plan.container == "step":
                parts = run.returned[0] if isinstance(run.returned, tuple) else run.returned
                step = np.array(parts[0] if isinstance(parts, list) else parts, float)
                seen.append([seen[-1][0] + step])
                trace.steps_returned = True
            else:
                seen.append(run.values())
        effect = any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(seen[0], seen[-1], strict=True))
        trace.effect |= effect
        if effect and plan.container in ("dict", "list") and run.returned is None:
            now = list(plan.read(run.held))
            trace.rebound = all(a is not b for a, b in zip(arrays, now, strict=True))
        for place in range(len(start)):
            if any(np.shape(s[place]) != np.shape(seen[0][place]) for s in seen):
                raise UserError(ValueError("the parameter changed its shape"), self.filename, self.method)
            trace.steps.append(np.diff(np.stack([s[place] for s in seen]), axis=0))

    def numbers(self, run: Run) -> dict[str, list[float]]:
        """Give the numbers that the rule may use, by role: attributes, arguments, defaults; and those in the source."""
        named: dict[str, list[float]] = {}
        told: dict[str, Any] = dict(getattr(run.obj, "__dict__", {}))
        function = run.plan.function or getattr(run.obj, run.plan.method)
        for p in parameters_of(function):
            if p.default is not p.empty:
                told.setdefault(p.name, p.default)
            elif role_of(p.name) in run.plan.numbers or role_of(p.name) in NUMBERS:
                told[p.name] = run.plan.numbers.get(role_of(p.name), NUMBERS.get(role_of(p.name), 0.0))
        for name, value in told.items():
            role = role_of(name)
            if role == "betas" and isinstance(value, (tuple, list)) and len(value) == 2:
                named.setdefault("b1", []).append(float(value[0]))
                named.setdefault("b2", []).append(float(value[1]))
            elif type(value) in (int, float) or isinstance(value, np.floating):
                for one in SEVERAL.get(role, ()):
                    named.setdefault(one, []).append(float(value))
        named["constants"] = self.constants()
        return {role: list(dict.fromkeys(values)) for role, values in named.items()}

    def constants(self) -> list[float]:
        """Give the numbers that stand in the source of the class or the function."""
        if self.source is None:
            return []
        node: ast.AST | None = self.source.class_node(self.name) or self.source.functions().get(self.name)
        nodes = ast.walk(node) if node is not None else []
        values = [n.value for n in nodes if isinstance(n, ast.Constant) and type(n.value) is float]
        return [v for v in dict.fromkeys(values) if 0 < v < 1.0]

    def settings_of(self) -> list[str]:
        """Give the constructor's switches that are off by default and may be turned on: momentum, decay …"""
        if self.bench.kind is None or self.bench.prototype is not None:
            return []
        asked = [] if self.kind.__init__ is object.__init__ else parameters_of(self.kind)
        off = [p for p in asked if p.default is None or (type(p.default) in (int, float, bool) and not p.default)]
        return [p.name for p in off if role_of(p.name) in ("mu", "decay", "wd", "nesterov")]


def _guessable(kind: type) -> bool:
    """Tell whether every argument that the constructor asks for is known by its name."""
    asked = [] if kind.__init__ is object.__init__ else parameters_of(kind)  # type: ignore[misc]
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    known = ("params", "net", "layer", "betas", *NUMBERS)
    return all(role_of(p.name) in known for p in asked if p.default is p.empty and p.kind not in kinds)


def method_of(kind: type) -> str | None:
    """Give the name of the method that makes a step."""
    return next((m for m in METHODS if inspect.isfunction(getattr(kind, m, None))), None)


def rules_of(name: str) -> tuple[str, ...]:
    """Give the published rules that a name allows, () where it says nothing."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", name).lower()
    for pattern, rules in RULES:
        if re.search(pattern, plain) or re.search(pattern, name.lower()):
            return rules
    return ()


def _containers(roles: dict[str, str]) -> tuple[str, ...]:
    """Give the containers in which parameters and gradients may be wanted, likeliest first, by the arguments."""
    told = set(roles.values())
    if _places(roles):
        return ("pairs",)
    for role, container in (("look", "array"), ("zipped", "list"), ("layer", "layer")):
        if role in told:
            return (container,)
    if {"params", "grads"} <= told:
        several = any(n.endswith("s") and roles[n] in ("params", "grads") for n in roles)
        order = ("dict", "list", "courses", "array", "nested") if several else ("array", "dict", "list")
        return (*order, "bag", "deep", "slots")
    if "grads" in told:
        return ("list", "dict", "step")
    if told & {"params", "net"}:
        return ("slots", "layer", "layers", "network")
    return ("slots", "variables", "layers", "network")


def _places(roles: dict[str, str]) -> dict[str, int]:
    """Give which parameter each argument is about, where several come one by one: update(w, b, dw, db)."""
    params = [n for n, r in roles.items() if r == "params"]
    grads = [n for n, r in roles.items() if r == "grads"]
    if len(params) != 2 or len(grads) != 2:
        return {}
    return {n: place for names in (params, grads) for place, n in enumerate(names)}


def _is_update(function: Callable[..., Any]) -> bool:
    wanted = parameters_of(function)
    roles = [role_of(p.name) for p in wanted]
    silent = [p for p, r in zip(wanted, roles, strict=True) if not r and p.default is p.empty]
    return "grads" in roles and not silent and "net" not in roles and "look" not in roles


def _changed(given: Any, grads: list[Array]) -> bool:
    parts = list(given.values()) if isinstance(given, dict) else given if isinstance(given, list) else [given]
    if len(parts) == 1 and isinstance(parts[0], list):
        parts = parts[0]
    pairs = zip(parts, grads, strict=False)
    return any(isinstance(p, np.ndarray) and not np.array_equal(p, g) for p, g in pairs)
