# ruff: noqa: PLR0911, PLR0912 (one question after the other)
"""The object under check: how it is called, where its parameters and gradients are, and how to probe it
safely."""

from __future__ import annotations

import inspect
import re
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from badak.check.copying import World, clone, walk
from badak.check.numeric import Slopes, measure
from badak.check.source import Source, is_upstream

Array = np.ndarray[Any, Any]
Path = tuple[tuple[str, Any], ...]
FLAGS = (
    "train_flg",
    "train_flag",
    "training",
    "train",
    "is_training",
    "is_train",
    "istrain",
    "trainable_mode",
    "mode_train",
)
TARGETS = re.compile(r"(?i)^(t|target|targets|label|labels|y_true|truth|teacher|answer|answers|ans|gt|true|y_t)$")


class UserError(Exception):
    """The user's code raised; `line` and `function` tell where in the user's file."""

    def __init__(self, error: BaseException, filename: str | None, method: str) -> None:
        """Find the deepest frame that is the user's own."""
        super().__init__(str(error))
        self.error = error
        self.method = method
        self.line: int | None = None
        self.function: str | None = None
        for frame in traceback.extract_tb(error.__traceback__):
            if filename is not None and frame.filename == filename:
                self.line, self.function = frame.lineno, frame.name
        # Keep the words, not the frames: they would hold the user's objects alive.
        self.words = f"{type(error).__name__}: {error}"


@dataclass
class Parameter:
    """One array that is learned: where it is in the object, and where backward leaves its gradient."""

    name: str
    path: Path
    gradient: Path | None
    returned: int | None = None
    key: Any = None


@dataclass
class Pass:
    """What one forward and one backward gave, copied at once."""

    y: Array
    dx: list[Any] = field(default_factory=list)
    grads: dict[str, Any] = field(default_factory=dict)
    obj: Any = None


def get_path(obj: Any, path: Path) -> Any:
    """Follow a path of ('a', attribute) and ('i', key) steps; None where it breaks."""
    for kind, name in path:
        try:
            obj = getattr(obj, name) if kind == "a" else obj[name]
        except Exception:
            return None
    return obj


def set_path(obj: Any, path: Path, value: Any) -> bool:
    """Put a value at a path: into the array if it is a floating one of that shape, else by assignment."""
    held = get_path(obj, path)
    if (
        isinstance(held, np.ndarray)
        and held.dtype.kind == "f"
        and held.shape == np.shape(value)
        and held.flags.writeable
    ):
        held[...] = value
        return True
    try:
        parent = get_path(obj, path[:-1])
        kind, name = path[-1]
        if kind == "a":
            setattr(parent, name, value)
        else:
            parent[name] = value
    except Exception:
        return False
    return True


def is_numbers(value: Any) -> bool:
    """Tell whether the value is an array (or a number) that can be learned."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiu" and value.size > 0
    return isinstance(value, (float, np.floating))


def has_method(obj: Any, name: str) -> bool:
    """Tell whether the object has a callable attribute of this name."""
    try:
        return callable(getattr(obj, name, None))
    except Exception:
        return False


def parameters_of(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """Give the parameters of a callable (bound: without self), [] where Python cannot tell."""
    try:
        return list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return []


def required(function: Callable[..., Any]) -> list[str]:
    """Give the names of the positional arguments without default."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters_of(function) if p.kind in kinds and p.default is inspect.Parameter.empty]


def protocol_of(obj: Any) -> str:
    """Tell what an object is by what it offers: network, loss, layer, layer2, trainer or '' for none."""
    if has_method(obj, "forward") or has_method(obj, "backward"):
        if has_method(obj, "forward"):
            names = required(obj.forward)
            every = [p.name for p in parameters_of(obj.forward)]
            if len(names) >= 2:
                if TARGETS.match(names[1]):
                    return "loss"
                back = parameters_of(obj.backward) if has_method(obj, "backward") else []
                if back and back[0].default is not inspect.Parameter.empty and len(back) == 1:
                    return "loss"
                return "layer2"
            if len(every) >= 2 and TARGETS.match(every[1]):
                return "loss"
            if has_method(obj, "loss") and has_method(obj, "gradient"):
                return "network"
        return "layer"
    if has_method(obj, "loss") or (has_method(obj, "predict") and hasattr(obj, "params")):
        return "network"
    if has_method(obj, "gradient") and hasattr(obj, "params"):
        return "network"
    return ""


class Subject:
    """An object with what it takes to call it; every method works on copies and never changes the
    original."""

    def __init__(
        self,
        obj: Any,
        x: Any,
        second: Any = None,
        *,
        protocol: str | None = None,
        namespace: dict[str, Any] | None = None,
        source: Source | None = None,
        make: Callable[[], Any] | None = None,
        name: str | None = None,
        expired: Callable[[], bool] = lambda: False,
        given: bool = True,
    ) -> None:
        """Wrap `obj`; `x` and `second` (y or t) are the sample, `given` when the user chose them."""
        self.obj = obj
        self.x = x
        self.second = second
        self.protocol = protocol if protocol is not None else protocol_of(obj)
        self.namespace = namespace
        self.source = source
        self.make = make
        self.kind = type(obj)
        self.name = name or self.kind.__name__
        self.expired = expired
        self.given = given
        self.parameters: list[Parameter] = []
        self.warnings: list[str] = []
        classes = {self.kind}
        walk(obj, lambda part: classes.add(type(part)))
        own = [kind for kind in classes if kind.__module__ != "builtins" and not kind.__module__.startswith("numpy")]
        self.world = World(namespace, own)
        self.flag = self._find_flag()
        self._slopes: dict[str, Slopes] = {}
        self._pure: bool | None = None
        self.upcast = True

    # Calling --------------------------------------------------------------------------------------

    def fresh(self, upcast: bool | None = None, seed: int | None = None) -> Any:
        """Give a copy in the original state, and put the state of randomness back."""
        self.world.restore(seed)
        return clone(self.obj, self.upcast if upcast is None else upcast)

    @property
    def filename(self) -> str | None:
        """The file name that tracebacks of the user's code carry."""
        return self.source.filename if self.source else None

    def call(self, method: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call the user's code; what it raises becomes UserError, what it warns is kept in `warnings`."""
        with warnings.catch_warnings(record=True) as caught, np.errstate(all="warn", under="ignore"):
            warnings.simplefilter("always")
            try:
                return function(*args, **kwargs)
            except (Exception, SystemExit) as error:
                raise UserError(error, self.filename, method) from error
            finally:
                self.warnings = [str(w.message) for w in caught if issubclass(w.category, RuntimeWarning)]

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Run forward (a network's loss) on an object that may be changed."""
        if self.protocol == "network":
            return self.call("loss", obj.loss, x, second)
        if self.protocol in ("layer2", "loss"):
            return self.call("forward", obj.forward, x, second, **kwargs)
        return self.call("forward", obj.forward, x, **kwargs)

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Run backward; a stateless one gets x too."""
        names = required(obj.backward)
        if len(names) >= 2:
            upstream = [is_upstream(name) for name in names]
            place = upstream.index(True) if any(upstream) else len(names) - 1
            args = [x, second][: len(names) - 1]
            args.insert(place, dout)
            return self.call("backward", obj.backward, *args)
        every = parameters_of(obj.backward)
        if not every:
            return self.call("backward", obj.backward)
        return self.call("backward", obj.backward, dout)

    def takes_dout(self) -> bool:
        """Tell whether backward has an argument at all (a loss may have none)."""
        return bool(parameters_of(self.obj.backward))

    def run(self, dout: Any = None, x: Any = None, second: Any = None, obj: Any = None) -> Pass:
        """Run forward and backward on a fresh copy (or on `obj`) and copy everything it gives at once."""
        obj = self.fresh() if obj is None else obj
        x = self.x if x is None else x
        second = self.second if second is None else second
        x, second = _copied(x), _copied(second)
        if self.protocol == "network":
            return self._run_network(obj, x, second)
        y = self.forward(obj, x, second)
        result = Pass(_plain(y), obj=obj)
        if dout is None:
            dout = 1.0 if self.protocol == "loss" else np.ones(np.shape(result.y))
        if has_method(obj, "zero_grad"):
            self.call("zero_grad", obj.zero_grad)
        returned = self.backward(obj, _copied(dout), x, second)
        self.collect(result, obj, returned)
        return result

    def _run_network(self, obj: Any, x: Any, second: Any) -> Pass:
        if has_method(obj, "zero_grad"):
            self.call("zero_grad", obj.zero_grad)
        returned = self.call("gradient", obj.gradient, x, second)
        result = Pass(np.zeros(()), obj=obj)
        result.dx = [returned]
        for parameter in self.parameters:
            result.grads[parameter.name] = self._network_gradient(obj, returned, parameter)
        return result

    @staticmethod
    def _network_gradient(obj: Any, returned: Any, parameter: Parameter) -> Any:
        for holder in (returned, getattr(obj, "grads", None)):
            if isinstance(holder, dict):
                for key in (parameter.key, f"d{parameter.key}", f"grad_{parameter.key}"):
                    if key in holder:
                        return _plain(holder[key])
            elif isinstance(holder, (list, tuple)) and isinstance(parameter.key, int) and parameter.key < len(holder):
                return _plain(holder[parameter.key])
        return None

    def collect(self, result: Pass, obj: Any, returned: Any) -> None:
        """Put what backward returned, and the gradients it left behind, into `result`."""
        inputs = 2 if self.protocol == "layer2" else 1
        parts = list(returned) if isinstance(returned, (tuple, list)) else [returned]
        result.dx = [_plain(part) for part in parts[:inputs]]
        result.dx += [None] * (inputs - len(result.dx))
        for parameter in self.parameters:
            if parameter.returned is not None:
                value = parts[parameter.returned] if parameter.returned < len(parts) else None
            else:
                value = get_path(obj, parameter.gradient) if parameter.gradient else None
            result.grads[parameter.name] = _plain(value)

    def _find_flag(self) -> tuple[str, str] | None:
        if has_method(self.obj, "forward"):
            for parameter in parameters_of(self.obj.forward)[1:]:
                if parameter.name in FLAGS:
                    return ("argument", parameter.name)
        for name in FLAGS:
            value = getattr(self.obj, "__dict__", {}).get(name)
            if isinstance(value, (bool, np.bool_)):
                return ("attribute", name)
        return None

    def forward_mode(self, obj: Any, x: Any, training: bool) -> Array:
        """Run forward in training or in evaluation, by whichever flag the object has."""
        assert self.flag is not None
        if self.flag[0] == "argument":
            return np.asarray(self.forward(obj, _copied(x), _copied(self.second), **{self.flag[1]: training}))
        setattr(obj, self.flag[1], training)
        return np.array(self.forward(obj, _copied(x), _copied(self.second)))

    # Slopes ---------------------------------------------------------------------------------------

    @property
    def pure(self) -> bool:
        """Whether forward gives the same on a used object as on a fresh one, so that slopes need no
        copies."""
        if self._pure is None:
            try:
                obj = self.fresh()
                first = _plain(self.forward(obj, _copied(self.x), _copied(self.second)))
                if self._floating():
                    self.forward(obj, self.x * 1.5 + 0.1, _copied(self.second))
                again = _plain(self.forward(obj, _copied(self.x), _copied(self.second)))
                self._pure = np.array_equal(first, again)
            except UserError:
                self._pure = False
        return self._pure

    def _floating(self) -> bool:
        return isinstance(self.x, np.ndarray) and self.x.dtype.kind == "f"

    def value(self, quantity: str) -> Any:
        """Give the array of an input ('x', 'y') or of a parameter."""
        if quantity == "x":
            return self.x
        if quantity == "y" and self.protocol == "layer2":
            return self.second
        parameter = next(p for p in self.parameters if p.name == quantity)
        return get_path(self.fresh(), parameter.path)

    def function_of(self, quantity: str) -> Callable[[Array], Array]:
        """Give forward as a function of one quantity, on copies."""
        shared = self.fresh() if self.pure else None
        parameter = next((p for p in self.parameters if p.name == quantity), None)

        def f(value: Array) -> Array:
            obj = shared if shared is not None else self.fresh()
            x, second = self.x, self.second
            if quantity == "x" and parameter is None:
                x = value
            elif quantity == "y" and parameter is None:
                second = value
            elif parameter is not None:
                set_path(obj, parameter.path, value)
            return np.array(self.forward(obj, _copied(x), _copied(second)))

        if shared is not None and parameter is not None:
            kept = np.array(get_path(shared, parameter.path), dtype=float)

            def restored(value: Array) -> Array:
                try:
                    return f(value)
                finally:
                    set_path(shared, parameter.path, kept.copy())

            return restored
        return f

    def slopes(self, quantity: str, rows: list[int] | None = None) -> Slopes:
        """Measure how the output moves with a quantity (kept: the second time costs nothing)."""
        if quantity not in self._slopes:
            at = np.array(self.value(quantity), dtype=float)
            step = 1e-2 if self.narrow else 1e-4
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._slopes[quantity] = measure(self.function_of(quantity), at, rows, step, self.expired)
        return self._slopes[quantity]

    narrow = False  # forward rounds to float32 whatever it is given

    def line_of(self, error: UserError) -> int | None:
        """Give the line of an error in the user's file."""
        return error.line


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else clone(value)


def _plain(value: Any) -> Any:
    """Copy numbers at once (views and reused buffers change under one's hands); leave None and oddities."""
    if value is None:
        return None
    try:
        return np.array(value)
    except Exception:
        return value


# Finding the parameters ---------------------------------------------------------------------------

GRADIENT_NAMES = ("d{}", "d_{}", "grad_{}", "{}_grad", "grad{}", "dL_d{}", "dL{}")


def attributes_of(obj: Any) -> list[str]:
    """Give the data attributes of an object: its own, its slots and its properties."""
    names = list(getattr(obj, "__dict__", {}))
    for kind in type(obj).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
        names += [n for n, v in vars(kind).items() if isinstance(v, property)]
    return [n for n in dict.fromkeys(names) if not n.startswith("__")]


def find_parameters(subject: Subject, obj: Any, returned: Any) -> list[Parameter]:
    """Find parameters and gradients by looking at the object before (`subject.obj`) and after (`obj`) a
    pass."""
    found: list[Parameter] = []
    seen: list[Array] = []

    def add(parameter: Parameter) -> None:
        value = get_path(subject.obj, parameter.path)
        if not is_numbers(value):
            return
        if isinstance(value, np.ndarray):
            if any(value is other or (value.size == other.size and np.shares_memory(value, other)) for other in seen):
                return
            seen.append(value)
        found.append(parameter)

    def search(part: Any, after: Any, prefix: Path, label: str, depth: int) -> None:
        if part is None or depth > 3:
            return
        # A property that raises before the first forward is not a parameter.
        names = [n for n in attributes_of(part) + attributes_of(after) if hasattr(part, n) or hasattr(after, n)]
        names = list(dict.fromkeys(names))
        for name in names:
            for form in GRADIENT_NAMES:
                partner = form.format(name)
                if partner in names and is_numbers(getattr(part, name, None)):
                    add(Parameter(label + name, (*prefix, ("a", name)), (*prefix, ("a", partner))))
                    break
        for params_name in ("params", "parameters", "weights"):
            holder = getattr(part, params_name, None)
            grads_name = next((g for g in ("grads", "gradients", "grad") if hasattr(after, g)), None)
            if isinstance(holder, (dict, list, tuple)) and grads_name:
                grads = getattr(after, grads_name)
                keys = list(holder) if isinstance(holder, dict) else range(len(holder))
                for key in keys:
                    names_of = (key, f"d{key}") if isinstance(grads, dict) else (key,)
                    partner_key = next((k for k in names_of if isinstance(grads, dict) and k in grads), key)
                    where = (*prefix, ("a", grads_name), ("i", partner_key))
                    title = label + (str(key) if isinstance(key, str) else f"{params_name}[{key}]")
                    add(Parameter(title, (*prefix, ("a", params_name), ("i", key)), where, key=key))
        for grads_name in ("grads", "gradients"):
            grads = getattr(after, grads_name, None)
            if isinstance(grads, dict):
                for key in grads:
                    name = str(key)
                    name = name if hasattr(part, name) else name.removeprefix("d")
                    if hasattr(part, name):
                        add(Parameter(label + name, (*prefix, ("a", name)), (*prefix, ("a", grads_name), ("i", key))))
        for name in names:
            child = getattr(part, name, None)
            grown = getattr(after, name, None)
            for extra, piece, later in pieces(child, grown):
                if has_method(piece, "forward") and has_method(piece, "backward"):
                    inner = name + "".join(f"[{key!r}]" for _, key in extra)
                    search(piece, later, (*prefix, ("a", name), *extra), f"{label}{inner}.", depth + 1)

    search(subject.obj, obj, (), "", 0)
    found += _from_returned(subject, obj, returned, seen)
    return found


def pieces(child: Any, grown: Any) -> list[tuple[Path, Any, Any]]:
    """Give an attribute itself, or the members of a list or dictionary of layers, with their paths."""
    if isinstance(child, dict):
        return [((("i", key),), piece, get_path(grown, (("i", key),))) for key, piece in child.items()]
    if isinstance(child, (list, tuple)):
        return [((("i", key),), piece, get_path(grown, (("i", key),))) for key, piece in enumerate(child)]
    return [((), child, grown)]


def _from_returned(subject: Subject, obj: Any, returned: Any, seen: list[Array]) -> list[Parameter]:
    """Match the extra members of a returned tuple (dx, dW, db) to arrays of the object, by name and then
    by shape."""
    inputs = 2 if subject.protocol == "layer2" else 1
    if not isinstance(returned, (tuple, list)) or len(returned) <= inputs:
        return []
    names = [n for n in attributes_of(subject.obj) if is_numbers(getattr(subject.obj, n, None))]
    names = [n for n in names if not any(getattr(subject.obj, n) is s for s in seen)]
    written = _returned_names(subject)
    found = []
    for place in range(inputs, len(returned)):
        value = returned[place]
        title = written[place] if place < len(written) else ""
        match = next((n for n in names if title.lower() in {f.format(n).lower() for f in GRADIENT_NAMES}), None)
        if match is None and value is not None:
            match = next((n for n in names if np.shape(getattr(subject.obj, n)) == np.shape(value)), None)
        if match is not None:
            names.remove(match)
            found.append(Parameter(match, (("a", match),), None, returned=place))
    return found


def _returned_names(subject: Subject) -> list[str]:
    import ast

    node = subject.source.method(subject.name, "backward") if subject.source else None
    returns = [n for n in ast.walk(node) if isinstance(n, ast.Return)] if node else []
    for item in reversed(returns):
        if isinstance(item.value, ast.Tuple):
            return [getattr(e, "id", getattr(e, "attr", "")) for e in item.value.elts]
    return []


def network_parameters(subject: Subject) -> list[Parameter]:
    """Give the parameters of a network: the arrays in `params`."""
    obj = subject.obj
    holder_name = next((n for n in ("params", "parameters", "weights") if getattr(obj, n, None) is not None), None)
    holder = getattr(obj, holder_name) if holder_name else None
    if callable(holder) or holder is None:
        return []
    try:
        keys = list(holder.keys()) if hasattr(holder, "keys") else list(range(len(holder)))
    except TypeError:
        return []
    found = []
    for key in keys:
        path: Path = (("a", holder_name), ("i", key))
        if is_numbers(get_path(obj, path)):
            title = str(key) if isinstance(key, str) else f"params[{key}]"
            found.append(Parameter(title, path, None, key=key))
    return found
