"""Makes an object of a candidate and finds an input that it takes: what does not fit is our fault before it is theirs.

Arguments and inputs are guessed together, layout by layout, until forward and backward run; where only forward runs,
that is taken; where nothing does, the reason is kept.
"""

from __future__ import annotations

import ast
import functools
import re
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from badak.check.copying import clone, walk
from badak.check.source import Source
from badak.check.subject import Candidate, Examinee, Subject, UserError
from badak.check.subject.arguments import (
    COLUMNS,
    IMAGES,
    IMAGES_LAST,
    ROWS,
    SEQUENCES,
    Layout,
    N,
    Unguessable,
    calls_in_file,
)
from badak.check.subject.calls import old_division
from badak.check.subject.inputs import samples

Array = np.ndarray[Any, Any]
Make = Callable[[], Any]
SECONDS = 2.0  # for trying arguments and inputs, of this process's own time
SHORT = 1e-6  # the step along which a guess is tried
ROUGH = 1e-4  # of the slope: a kink within the step matters less than a wrong layout
READY = 4096  # numbers in an object that a file has made: above, a smaller one is made first


@dataclass
class Fit:
    """An object with an input. `level`: 2 forward and backward ran, 1 forward ran, 0 neither."""

    obj: Any
    x: Any
    second: Any
    level: int
    make: Make | None = None
    given: bool = False
    error: UserError | None = None
    alone: bool = False  # one sample, because several were refused

    @property
    def final(self) -> bool:
        """Whether the failure would come with any input: a name, an attribute, what is not written yet."""
        return self.error is not None and is_final(self.error.error)

    @property
    def rank(self) -> tuple[int, int]:
        """How much this says: how far it came; then a failure of the code's own before a size that it refuses."""
        error = self.error.error if self.error is not None else None
        telling = 0 if error is None or isinstance(error, AssertionError) else 1
        if error is not None and (self.final or old_division(error) is not None):
            telling = 2
        return self.level, telling if self.level == 0 else 0


def is_final(error: BaseException) -> bool:
    """Tell whether an error would come with any input: names, attributes, signatures, imports, unwritten methods."""
    if isinstance(error, AttributeError):
        # What an array lacks, another kind of input may have.
        owner = getattr(error, "obj", None)
        return not isinstance(owner, (np.ndarray, np.generic, float, int, str, list, tuple, dict, set))
    if isinstance(error, UnboundLocalError):
        return False  # a branch for other arguments
    if isinstance(error, (NameError, NotImplementedError, ImportError, RecursionError)):
        return True
    return isinstance(error, TypeError) and "positional argument" in str(error)


def layouts_for(candidate: Candidate) -> list[Layout]:
    """Give the layouts to try, likeliest first, by the names and shapes in the candidate's source."""
    if looks_like_images(candidate.name, candidate.source):
        return [IMAGES, IMAGES_LAST, ROWS, SEQUENCES, COLUMNS]
    if re.search(r"Time|RNN|LSTM|GRU|Rnn|Lstm|Gru|Recurrent", candidate.name):
        return [SEQUENCES, ROWS, COLUMNS, IMAGES, IMAGES_LAST]
    return [ROWS, IMAGES, SEQUENCES, COLUMNS, IMAGES_LAST]


def looks_like_images(name: str, source: Source | None) -> bool:
    """Tell whether a class or function works on images: it takes four sizes from a shape."""
    node = (source.class_node(name) or source.functions().get(name)) if source is not None else None
    unpacked = [
        item
        for item in (ast.walk(node) if node is not None else [])
        if isinstance(item, ast.Assign) and isinstance(item.targets[0], ast.Tuple) and len(item.targets[0].elts) == 4
    ]
    if any(ast.unparse(item.value).endswith(".shape") for item in unpacked):
        return True
    return re.search(r"(?i)conv|pool", name) is not None


def _construct(kind: type, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    return kind(*clone(arguments), **clone(keywords))


class Fitter:
    """Looks for an object and an input, as long as there is time."""

    def __init__(self, style: type[Examinee], candidate: Candidate) -> None:
        """Begin with nothing found."""
        self.style = style
        self.candidate = candidate
        self.best: Fit | None = None
        self.misfits: list[Fit] = []  # single samples that run, for which the gradient is another
        self.unguessable: Unguessable | None = None
        self.failure: BaseException | None = None
        self.tried = 0
        self.until = time.process_time() + SECONDS

    @property
    def done(self) -> bool:
        """Whether something fits, fails by its own fault, or time is up."""
        best = self.best
        return best is not None and (
            best.level == 2 or best.rank == (0, 2) or best.final or time.process_time() > self.until
        )

    def fit(self, ready: Any = None, make: Make | None = None) -> Fit | None:
        """Give the best fit: of an object at hand (`ready`, or what `make` makes), else of one made with guesses.

        None where nothing could be made: `unguessable` and `failure` say why.
        """
        layouts = layouts_for(self.candidate)
        known = [(ready, make, layout) for layout in layouts] if ready is not None else []
        kept = []
        for obj, maker, layout in known or self._made(layouts):
            kept.append((obj, maker, layout))
            self._try_inputs(obj, maker, layout, alone=False)
            if self.done:
                return self.best
        for obj, maker, layout in kept:
            self._try_inputs(obj, maker, layout, alone=True)
            if self.done:
                break
        if self.misfits and (self.best is None or self.best.level < 2):
            return self.misfits[0]
        return self.best

    def objects(self) -> Iterator[Any]:
        """Give objects made with guessed arguments, for a kind that takes no input."""
        return (obj for obj, _, _ in self._made([ROWS]))

    def _made(self, layouts: list[Layout]) -> Iterator[tuple[Any, Make, Layout]]:
        """Make objects, layout by layout, then as the file itself calls the class."""
        for layout in layouts:
            try:
                for maker in self.style.makers(self.candidate, layout):
                    obj = self._call(maker)
                    if obj is not None:
                        yield obj, maker, layout
                    elif self.failure is not None and is_final(self.failure):
                        return
            except Unguessable as unknown:
                self.unguessable = unknown
        kind, source = self.candidate.kind, self.candidate.source
        if kind is None or source is None:
            return
        for arguments, keywords in calls_in_file(kind.__name__, source, self.candidate.namespace or {}):
            maker = functools.partial(_construct, kind, arguments, keywords)
            obj = self._call(maker)
            if obj is not None:
                yield from ((obj, maker, layout) for layout in layouts)

    def _call(self, maker: Make) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return maker()
        except (Exception, SystemExit) as error:
            if self.failure is None or not is_final(self.failure):
                self.failure = error
            return None

    def _try_inputs(self, obj: Any, maker: Make | None, layout: Layout, alone: bool) -> None:
        assert issubclass(self.style, Subject)
        for x, second in samples(obj, self.style, layout, alone):
            fit = self.consider(obj, x, second, maker)
            fit.alone = alone
            if alone and fit.level == 2 and not self._agrees(fit):
                # A row, a column and a vector all run through much code, and only one of them is meant.
                self.misfits.append(fit)
                self.best = None
            if self.done:
                return

    def consider(self, obj: Any, x: Any, second: Any, make: Make | None, given: bool = False) -> Fit:
        """Try one object with one input, and keep the pair if it is the best so far."""
        assert issubclass(self.style, Subject)
        self.tried += 1
        level, error = _run(self.style, self.candidate, obj, x, second)
        fit = Fit(obj, x, second, level, make, given, error)
        if self.best is None or fit.rank > self.best.rank:
            self.best = fit
        return fit

    def _agrees(self, fit: Fit) -> bool:
        """Tell whether dx agrees with the slope in one direction; so it is where there is nothing to compare."""
        assert issubclass(self.style, Subject)
        if not isinstance(fit.x, np.ndarray) or fit.x.dtype.kind != "f":
            return True
        subject = self.style(fit.obj, fit.x, fit.second, source=self.candidate.source)
        rng = np.random.default_rng(13)
        try:
            y = np.asarray(subject.forward(subject.fresh(), clone(fit.x), clone(fit.second)), float)
            dout = subject.random_dout(y, rng, 0.3)
            dx = subject.run(dout).dx
            if not dx or dx[0] is None or np.shape(dx[0]) != fit.x.shape:
                return True
            way = rng.uniform(0.4, 1.0, fit.x.shape) * rng.choice([-1.0, 1.0], fit.x.shape)
            ahead, behind = (
                np.asarray(subject.forward(subject.fresh(), fit.x + step * way, clone(fit.second)), float)
                for step in (SHORT, -SHORT)
            )
            slope, given = float(((ahead - behind) * dout).sum()) / (2 * SHORT), float((dx[0] * way).sum())
        except (UserError, TypeError, ValueError):
            return True
        return abs(slope - given) <= ROUGH * (abs(slope) + abs(given) + 1)


def _run(style: type[Subject], candidate: Candidate, obj: Any, x: Any, second: Any) -> tuple[int, UserError | None]:
    """Run forward and backward once, and tell how far they came."""
    subject = style(obj, x, second, source=candidate.source, namespace=candidate.namespace)
    level = 0
    try:
        made = subject.fresh(upcast=False)
        if style.runs_forward_itself:
            y = subject.forward(made, clone(x), clone(second))
            level = 1
            subject.backward(made, None, clone(x), clone(second))
            return 2, None
        y = subject.forward(made, clone(x), clone(second))
        finite = y is None or not np.size(y) or bool(np.isfinite(np.asarray(y, float)).all())
        level = 0 if style.scalar and np.size(y) == 1 and not finite else 1
        if not finite:
            return level, None  # a root or a logarithm of what is negative: another input may fit better
        subject.backward(made, subject.default_dout(y), clone(x), clone(second))
        level = 2 if subject.exact(made) else 1
    except UserError as failure:
        return level, failure
    except AttributeError as error:  # a method that is not there, or is misspelled
        return level, UserError(error, subject.filename, style.backward_name)
    except (TypeError, ValueError, IndexError):  # an output that is no array
        return level, None
    return level, None


def own_sample(style: type[Subject], namespace: dict[str, Any]) -> tuple[Any, Any] | None:
    """Give the file's own sample: its x (and t or y), None where it has none that can be an input."""
    x = namespace.get("x", namespace.get("X"))
    names = style.target_names
    second = next((namespace[n] for n in names if n in namespace), None)
    if not is_sample(x) or (names and second is None):
        return None
    return np.asarray(x), np.asarray(second) if isinstance(second, (list, np.ndarray)) else second


def is_sample(value: Any) -> bool:
    """Tell whether a module's `x` can be an input."""
    try:
        return isinstance(value, (list, np.ndarray)) and np.asarray(value).dtype.kind in "fiub" and np.size(value) > 0
    except ValueError:  # rows of several lengths
        return False


def is_small(obj: Any) -> bool:
    """Tell whether an object, with the layers that it holds, is small enough to be measured as it is."""
    sizes: list[int] = []
    walk(obj, lambda part: sizes.append(part.size) if isinstance(part, np.ndarray) else None)
    return sum(sizes) <= READY


def richer(fitter: Fitter, fit: Fit) -> Any:
    """Give an input with more rows and both signs in place of a demonstration's few numbers, where the object takes it.

    The x of a demonstration is often one row of positive numbers, for which a Relu does nothing.
    """
    x = fit.x
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or x.ndim < 2 or (len(x) >= 3 and x.min() < 0 < x.max()):
        return x
    assert issubclass(fitter.style, Subject)
    wide = np.random.default_rng(1).standard_normal((N, *x.shape[1:]))
    subject = fitter.style(fit.obj, wide, source=fitter.candidate.source)
    try:
        y = subject.forward(subject.fresh(), wide.copy())
    except UserError:
        return x
    fits = y is not None and bool(np.isfinite(np.asarray(y, float)).all()) and not subject.warnings
    return wide if fits else x
