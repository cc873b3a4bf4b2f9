# ruff: noqa: SIM102
"""Loads a file or a notebook and finds what to check in it: constructs the objects and chooses inputs for
them.

The file's own `make()`, `x`, `y`, `t` are used where it has them; else constructor arguments are guessed
from their
names, with sizes that are distinct primes, so that a ratio of two gradients names the axis that was confused.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import inspect
import math
import re
import signal
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from badak.check.copying import clone
from badak.check.source import Source
from badak.check.subject import Subject, UserError, has_method, protocol_of, required
from badak.reading import load_json, read_regular

Array = np.ndarray[Any, Any]
PATIENCE = 1.0  # seconds of computing for one statement at the top level of a file
N, D, H, M = 5, 7, 11, 3  # batch, inputs, hidden units, outputs: distinct primes
MOST_CODE = 400_000  # letters of one file; a syntax tree takes a hundred times the room of its text
LARGEST = 4096  # values in a sample whose shape a network tells


@dataclass
class Failed:
    """A statement at the top level of the file that raised."""

    error: BaseException
    line: int | None
    names: list[str]


@dataclass
class Loaded:
    """A file after its top level was run, statement by statement."""

    source: Source
    namespace: dict[str, Any]
    failed: list[Failed] = field(default_factory=list)
    skipped: list[int] = field(default_factory=list)

    def own_classes(self) -> dict[str, type]:
        """Give the classes that this file defines, in its order; a later import of the name takes it away."""
        found = {}
        for node in self.source.classes():
            value = self.namespace.get(node.name)
            if isinstance(value, type) and value.__module__ == self.namespace["__name__"]:
                found[node.name] = value
        return found


def read_source(path: Path) -> Source:
    """Read a .py file or the code cells of an .ipynb. Raises OSError, SyntaxError, ValueError (no
    notebook, or no regular file)."""
    return parse_source(path, read_regular(path))


def parse_source(path: Path, content: bytes) -> Source:
    """Parse `content` as the .py file or notebook `path`. Raises SyntaxError, ValueError (no notebook)."""
    text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    try:
        return _parsed(path, text)
    except (RecursionError, MemoryError):  # what Python's parser raises; the text is too small to fill the memory
        raise ValueError(f"{path.name} nests expressions too deeply") from None


def _parsed(path: Path, text: str) -> Source:
    if path.suffix != ".ipynb":
        return Source(_short(path, text), str(path))
    try:
        notebook = load_json(text, path.name)
        cells = notebook.get("cells") or notebook["worksheets"][0]["cells"]
        code = [(number, cell) for number, cell in enumerate(cells, 1) if cell.get("cell_type") == "code"]
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise ValueError(f"{path.name} is not a notebook: {error}") from error
    lines: list[str] = []
    places: list[tuple[int, int]] = []
    for number, cell in code:
        body = cell.get("source", cell.get("input", ""))
        body = _short(path, "".join(map(str, body)) if isinstance(body, list) else str(body))
        kept = [("pass  # " + line if _is_magic(line) else line) for line in body.splitlines()]
        try:
            ast.parse("\n".join(kept))
        except (SyntaxError, ValueError):
            kept = ["# " + line for line in kept]
        places.append((number, len(lines) + 1))
        lines += kept
    return Source(_short(path, "\n".join(lines) + "\n"), str(path), places)


def _short(path: Path, text: str) -> str:
    if len(text) > MOST_CODE:
        raise ValueError(f"{path.name} holds {len(text):,} letters of code; at most {MOST_CODE:,} are read")
    return text


def _is_magic(line: str) -> bool:
    return line.startswith(("%", "!", "?")) or line.rstrip().endswith("?")


def load(source: Source, run: str = "all", expired: Callable[[], bool] = lambda: False) -> Loaded:
    """Run the top level, one statement at a time, so that a failing demonstration does not hide the classes.

    `run` is 'all', or 'definitions' for imports, definitions and simple assignments alone.
    """
    name = "badak_checked_file"
    module = types.ModuleType(name)
    module.__dict__["__file__"] = source.filename
    sys.modules[name] = module
    loaded = Loaded(source, module.__dict__)
    for statement in source.tree.body:
        if run == "definitions" and not _defines(statement):
            loaded.skipped.append(statement.lineno)
            continue
        if _is_main_guard(statement):
            loaded.skipped.append(statement.lineno)
            continue
        if expired():
            loaded.skipped.append(statement.lineno)
            if not isinstance(statement, (ast.ClassDef, ast.FunctionDef, ast.Import, ast.ImportFrom)):
                continue
        _execute(statement, source, loaded)
    return loaded


def _execute(statement: ast.stmt, source: Source, loaded: Loaded) -> None:
    code = compile(ast.Module([statement], []), source.filename, "exec", dont_inherit=True)
    try:
        with _limited(not isinstance(statement, (ast.Import, ast.ImportFrom, ast.ClassDef, ast.FunctionDef))):
            exec(code, loaded.namespace)
    except (Exception, SystemExit, KeyboardInterrupt) as error:
        loaded.failed.append(
            Failed(error, _deepest_line(error, source.filename) or statement.lineno, _assigned(statement))
        )


@contextlib.contextmanager
def _limited(wanted: bool) -> Iterator[None]:
    """Interrupt a demonstration that computes for long, where the system can; else the child's limit does."""
    possible = wanted and hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not possible:
        yield
        return

    def interrupt(number: int, frame: Any) -> None:
        raise TimeoutError(f"interrupted after {PATIENCE:g} seconds")

    before = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _deepest_line(error: BaseException, filename: str) -> int | None:
    line = None
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _assigned(statement: ast.stmt) -> list[str]:
    names = [n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        names += [(a.asname or a.name).split(".")[0] for a in statement.names]
        names += ["*"] * any(a.name == "*" for a in statement.names)
    return names


def _defines(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)):
        return True
    if isinstance(statement, ast.Assign):
        calls = [n for n in ast.walk(statement.value) if isinstance(n, ast.Call)]
        return all(
            ast.unparse(c.func).startswith(("np.", "numpy.", "range", "len", "int", "float", "list", "dict"))
            for c in calls
        )
    return False


def _is_main_guard(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "__name__" in ast.unparse(statement.test)


# Constructing -------------------------------------------------------------------------------------


class NeedsHelp(Exception):
    """The object cannot be constructed without being told how; the message says what to write."""

    def __init__(self, text: str, **values: Any) -> None:
        """Keep the untranslated sentence and what fills it."""
        super().__init__(text)
        self.text = text
        self.values = values


def normal(*shape: int, seed: int = 0) -> Array:
    """Give random normal numbers without symmetry; only vectors are moved away from 0."""
    values = np.random.default_rng(seed).standard_normal(shape)
    return values + 0.5 if len(shape) == 1 else values


GUESSES: list[tuple[str, Callable[[bool], Any]]] = [
    (r"^(w|weights?|kernel|mat|matrix)$", lambda image: normal(2, 3, 3, 3) if image else normal(D, M)),
    (r"^w(eight)?_?1$|^w_?x$|^w_?in$", lambda image: normal(D, H)),
    (r"^w(eight)?_?2$|^w_?out$", lambda image: normal(H, M)),
    (r"^b_?1$", lambda image: normal(H, seed=1)),
    (r"^b_?2$", lambda image: normal(M, seed=1)),
    (r"^(b|bias|beta_?b)$", lambda image: normal(2, seed=1) if image else normal(M, seed=1)),
    (r"^(gamma|scale|weight_?norm)$", lambda image: normal(D, seed=2) + 1.0),
    (r"^(beta|shift)$", lambda image: normal(D, seed=3)),
    (r"^(dropout_?(ratio|rate|prob)?|drop|ratio|p|rate|keep_?prob|prob)$", lambda image: 0.3),
    (r"^(alpha|slope|negative_slope|a|leak)$", lambda image: 0.2),
    (r"^(momentum|decay)$", lambda image: 0.9),
    (r"^(eps|epsilon|delta)$", lambda image: 1e-5),
    (r"^(lr|learning_rate|eta)$", lambda image: 0.1),
    (
        r"^(input_(size|dim|num)|in_(features|dim|size|channels)|n_?in|input|d_?in|in_?dim|inputs|n_inputs?|size|dim|features|num_features|n_features)$",
        lambda image: D,
    ),
    (r"^(hidden_(size|dim|num)|hidden|n_?hidden|hid(den)?_?(units)?)$", lambda image: H),
    (
        r"^(output_(size|dim|num)|out_(features|dim|size|channels)|n_?out|output|d_?out|classes|n_classes|num_classes|outputs|n_outputs?)$",
        lambda image: M,
    ),
    (r"^hidden_size_list$|^hidden_sizes$|^hiddens$", lambda image: [H]),
    (r"^(layer_sizes|sizes|layers|dims)$", lambda image: [D, H, M]),
    (r"^(weight_init_std|std|sigma|init_std|weight_std)$", lambda image: 0.5),
    (r"^(filter_h|filter_w|fh|fw|pool_h|pool_w|ph|pw|kernel_size|pool_size|k|size|window)$", lambda image: 2),
    (r"^stride$", lambda image: 1),
    (r"^pad(ding)?$", lambda image: 1),
    (r"^axis$", lambda image: -1),
    (r"^(train_size)$", lambda image: 1000),
    (r"^(batch_size)$", lambda image: 64),
    (r"^(iters?_num|iterations|max_iter|num_iters)$", lambda image: 200),
    (r"^(seed|random_state)$", lambda image: 0),
]


def guess_argument(name: str, image: bool) -> Any:
    """Guess the value of a constructor's argument from its name. Raises KeyError for a name it does not
    know."""
    for pattern, value in GUESSES:
        if re.match(pattern, name, re.I):
            if image and name.lower() in ("gamma", "beta", "scale", "shift"):
                return normal(3, seed=2) + 1.0
            return value(image)
    raise KeyError(name)


def looks_like_images(name: str, source: Source) -> bool:
    """Tell whether a class works on images: it takes four sizes from a shape."""
    node = source.class_node(name)
    if node is None:
        return False
    for item in ast.walk(node):
        if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Tuple) and len(item.targets[0].elts) == 4:
            if ast.unparse(item.value).endswith(".shape"):
                return True
    return re.search(r"(?i)conv|pool", name) is not None


def construct(kind: type, source: Source, image: bool) -> Callable[[], Any]:
    """Give a function that makes an object of the class with guessed arguments. Raises NeedsHelp."""
    try:
        names = required(kind.__init__)[1:]  # type: ignore[misc]
    except (ValueError, TypeError):
        names = []
    if kind.__init__ is object.__init__:  # type: ignore[misc]
        names = []
    values = {}
    for name in names:
        try:
            values[name] = guess_argument(name, image)
        except KeyError:
            raise NeedsHelp(
                "I can't guess the argument {argument} of {name}(…). "
                "Add a function that makes one, for example: {example}",
                argument=name,
                name=kind.__name__,
                example=_example(kind, names),
            ) from None
    return lambda: kind(**{k: clone(v) for k, v in values.items()})


def _example(kind: type, names: list[str]) -> str:
    return f"def make(): return {kind.__name__}({', '.join(f'{n}=…' for n in names)})"


# Inputs -------------------------------------------------------------------------------------------


def arrays_of(obj: Any) -> list[Array]:
    """Give the numeric arrays that an object holds, the members of `params` included."""
    found = []
    for value in list(getattr(obj, "__dict__", {}).values()):
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else [value]
        found += [p for p in parts if isinstance(p, np.ndarray) and p.dtype.kind in "fi"]
    return found


def _told_shape(obj: Any) -> tuple[int, ...] | None:
    """Give the shape of one sample that a network tells: its `input_shape`, or the book's argument `input_dim`."""
    told = getattr(obj, "input_shape", None)
    if told is None:
        with contextlib.suppress(TypeError, ValueError):
            told = getattr(inspect.signature(type(obj)).parameters.get("input_dim"), "default", None)
    sizes = told if isinstance(told, tuple) and all(type(n) is int and n > 0 for n in told) else ()
    return sizes if sizes and math.prod(sizes) <= LARGEST else None


def candidate_inputs(obj: Any, protocol: str, image: bool) -> Iterator[tuple[Any, Any]]:
    """Give inputs to try, likeliest first: (x, second)."""
    rng = np.random.default_rng(1)
    shapes: list[tuple[int, ...]] = []
    told = _told_shape(obj) if protocol == "network" else None
    if told is not None:
        shapes.append((N, *told))
    arrays = arrays_of(obj)
    for array in arrays:
        if array.ndim == 2 and not image:
            shapes.append((N, array.shape[0]))
        if array.ndim == 4:
            shapes.append((2, array.shape[1], 7, 5))
    if not any(a.ndim > 1 for a in arrays):
        shapes += [(N, a.shape[0]) for a in arrays if a.ndim == 1 and a.shape[0] > 1 and not image]
    shapes += [(2, 3, 6, 4), (2, 3, 4, 4), (3, 6, 4)] if image else []
    shapes += [(N, D), (N, M), (2, 3, 6, 4), (2, 5, 4), (2, 3, 4, 4), (D,)]
    for shape in dict.fromkeys(shapes):
        x = rng.standard_normal(shape)
        if protocol == "layer2":
            yield x, rng.standard_normal(shape) + 0.2
        elif protocol in ("loss", "network"):
            yield from _with_targets(obj, x, protocol)
        else:
            yield x, None
    if protocol == "layer":
        yield np.array([0, 2, 0, 1, 2]), None


def _with_targets(obj: Any, x: Array, protocol: str) -> Iterator[tuple[Any, Any]]:
    rng = np.random.default_rng(2)
    classes = M if protocol == "loss" else None
    if protocol == "network":
        if has_method(obj, "predict"):
            try:
                y = np.asarray(clone(obj).predict(x.copy()))
                classes = y.shape[-1] if y.ndim == 2 else None
            except Exception:
                classes = None
        if classes is None:
            sizes = [a.shape for a in arrays_of(obj) if a.ndim == 2]
            classes = sizes[-1][-1] if sizes else M
        hot = np.eye(classes)[(np.arange(len(x)) * 2 + 1) % classes]
        yield x, hot
        yield x, hot.argmax(axis=1)
        yield x, rng.standard_normal((len(x), classes))
        return
    if x.ndim == 2:
        x = rng.standard_normal((N, M))
        hot = np.eye(M)[[0, 2, 1, 0, 2]]
        y = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
        yield x, hot
        yield x, hot.argmax(axis=1)
        yield y, hot
        yield x, rng.standard_normal((N, M))
        yield rng.standard_normal((N, 1)), np.array([[0.0], [1.0], [1.0], [0.0], [1.0]])


def choose_inputs(
    obj: Any, protocol: str, namespace: dict[str, Any], source: Source, image: bool
) -> tuple[Any, Any, bool]:
    """Give (x, second, whether the user's own were taken). The first that forward accepts is taken."""
    x = namespace.get("x", namespace.get("X"))
    names = {"layer2": ("y",), "loss": ("t", "y"), "network": ("t", "y")}.get(protocol, ())
    second = next((namespace[n] for n in names if n in namespace), None)
    if is_sample(x) and (not names or second is not None):
        x = np.asarray(x)
        second = np.asarray(second) if isinstance(second, (list, np.ndarray)) else second
        chosen = _as_floats(x, obj, protocol, second, source)
        if chosen is not None:
            return chosen, second, True
    first: tuple[Any, Any] | None = None
    for one, two in candidate_inputs(obj, protocol, image):
        first = first or (one, two)
        if _accepts(obj, protocol, one, two, source):
            return one, two, False
    assert first is not None
    return first[0], first[1], False


def richer(obj: Any, x: Any, source: Source) -> Any:
    """Give an input with more rows and both signs in place of a demonstration's few numbers, where the
    object takes it.

    The x of a demonstration is often one row of positive numbers, for which a Relu does nothing.
    """
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or x.ndim < 2 or (len(x) >= 3 and x.min() < 0 < x.max()):
        return x
    wide = np.random.default_rng(1).standard_normal((N, *x.shape[1:]))
    subject = Subject(obj, wide, protocol="layer", source=source)
    try:
        y = subject.forward(subject.fresh(), wide.copy())
    except UserError:
        return x
    fits = y is not None and bool(np.isfinite(np.asarray(y, float)).all()) and not subject.warnings
    return wide if fits else x


def is_sample(value: Any) -> bool:
    """Tell whether a module's `x` can be an input."""
    return isinstance(value, (list, np.ndarray)) and np.asarray(value).dtype.kind in "fiub" and np.size(value) > 0


def _as_floats(x: Array, obj: Any, protocol: str, second: Any, source: Source) -> Array | None:
    """Give the user's x, integers as floating numbers unless they are indices; None where it does not fit
    the object."""
    if x.dtype.kind == "f":
        return (
            x
            if _accepts(obj, protocol, x, second, source) or _raises_otherwise(obj, protocol, second, source)
            else None
        )
    floating = x.astype(float)
    if _accepts(obj, protocol, floating, second, source):
        return floating
    return x if _accepts(obj, protocol, x, second, source) else None


def _raises_otherwise(obj: Any, protocol: str, second: Any, source: Source) -> bool:
    """Tell whether forward fails for any input, so that the user's own sample is as good as another."""
    return not any(
        _accepts(obj, protocol, one, two if second is None else second, source)
        for one, two in candidate_inputs(obj, protocol, False)
    )


def _accepts(obj: Any, protocol: str, x: Any, second: Any, source: Source) -> bool:
    """Tell whether forward takes this input (backward may fail: that is what is to be found out)."""
    subject = Subject(obj, x, second, protocol=protocol, source=source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            y = subject.forward(subject.fresh(upcast=False), clone(x), clone(second))
    except UserError as failure:
        # Not the input's fault: another input would fail as well.
        return isinstance(failure.error, (NameError, AttributeError)) or "positional argument" in str(failure.error)
    except Exception:
        return False
    if protocol == "loss" and y is not None and np.size(y) == 1:
        return bool(np.isfinite(np.asarray(y, float)).all())
    return True


# What to check in a file --------------------------------------------------------------------------


@dataclass
class Target:
    """One object to check, or the reason why it cannot be."""

    name: str
    subject: Subject | None = None
    problem: Failed | None = None
    needs: NeedsHelp | None = None


def looks_checkable(kind: type) -> bool:
    """Tell whether a class is a layer, a loss, a network or a trainer by its methods."""
    names = [n for n in dir(kind) if not n.startswith("__")]
    near = difflib.get_close_matches("forward", names, 1, 0.75) or difflib.get_close_matches("backward", names, 1, 0.75)
    if near:
        return True
    if "loss" in names and ("predict" in names or "gradient" in names or "params" in names):
        return True
    return "gradient" in names and "predict" in names


def targets(loaded: Loaded, wanted: str | None = None, expired: Callable[[], bool] = lambda: False) -> Iterator[Target]:
    """Give what there is to check: what make() gives first, then the file's classes that it does not use."""
    classes = loaded.own_classes()
    make = loaded.namespace.get("make")
    used: set[str] = set()
    if (callable(make) and wanted is None) or (callable(make) and _made_by(make) == wanted):
        target = _made(loaded, make, classes, expired)
        used = _used_by(target.name, loaded.source, classes)
        yield target
    for name, kind in classes.items():
        if name in used or (wanted is not None and name != wanted):
            continue
        if wanted is None and not looks_checkable(kind) and not _is_trainer(name, loaded.source):
            continue
        if _is_abstract(name, loaded.source, classes) and wanted is None:
            continue
        target = _guessed(loaded, name, kind, expired)
        if callable(make) and wanted is None and target.subject is None:
            # With make() the file has said what to check; the rest is checked only as far as it can be
            # guessed.
            continue
        yield target


def _made_by(make: Any) -> str:
    try:
        return type(make()).__name__
    except Exception:
        return ""


def _made(loaded: Loaded, make: Callable[[], Any], classes: dict[str, type], expired: Callable[[], bool]) -> Target:
    name = _named_in(make, classes)
    try:
        obj = make()
    except (Exception, SystemExit) as error:
        return Target(name, problem=Failed(error, _deepest_line(error, loaded.source.filename), []))
    return _target(loaded, obj, make, expired)


def _named_in(make: Callable[[], Any], classes: dict[str, type]) -> str:
    code = getattr(make, "__code__", None)
    names = [n for n in getattr(code, "co_names", ()) if n in classes]
    return names[-1] if names else next(iter(classes), "make()")


def _target(loaded: Loaded, obj: Any, make: Callable[[], Any] | None, expired: Callable[[], bool]) -> Target:
    name = type(obj).__name__
    protocol = protocol_of(obj)
    if not protocol and not looks_checkable(type(obj)):
        protocol = "trainer"
    protocol = protocol or "layer"
    image = looks_like_images(name, loaded.source)
    if protocol == "trainer":
        x, second, given = None, None, True
    else:
        x, second, given = choose_inputs(obj, protocol, loaded.namespace, loaded.source, image)
        if given and make is None and protocol == "layer":
            x = richer(obj, x, loaded.source)
    subject = Subject(
        obj,
        x,
        second,
        protocol=protocol,
        namespace=loaded.namespace,
        source=loaded.source,
        make=make,
        expired=expired,
        given=given,
    )
    return Target(name, subject)


def _guessed(loaded: Loaded, name: str, kind: type, expired: Callable[[], bool]) -> Target:
    ready = [v for v in loaded.namespace.values() if type(v) is kind]
    if ready:
        return _target(loaded, ready[-1], None, expired)
    image = looks_like_images(name, loaded.source)
    try:
        make = construct(kind, loaded.source, image)
    except NeedsHelp as needs:
        return Target(name, needs=needs)
    try:
        obj = make()
    except (Exception, SystemExit) as error:
        return Target(name, problem=Failed(error, _deepest_line(error, loaded.source.filename), []))
    return _target(loaded, obj, make, expired)


def _used_by(name: str, source: Source, classes: dict[str, type]) -> set[str]:
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


def _is_abstract(name: str, source: Source, classes: dict[str, type]) -> bool:
    """Tell whether a class is only a base of others and does nothing itself."""
    node = source.class_node(name)
    kind = classes[name]
    if inspect.isabstract(kind) or getattr(kind, "_is_protocol", False):
        return True
    if node is None or not any(kind in other.__mro__[1:] for other in classes.values()):
        return False
    bodies = [item.body[-1] for item in node.body if isinstance(item, ast.FunctionDef)]
    return any(isinstance(last, (ast.Raise, ast.Pass)) for last in bodies)


def _is_trainer(name: str, source: Source) -> bool:
    node = source.class_node(name)
    for item in ast.walk(node) if node is not None else []:
        if isinstance(item, ast.BinOp) and isinstance(item.op, ast.Mod) and isinstance(item.right, ast.Attribute):
            return True
    return False
