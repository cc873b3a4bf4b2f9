"""A differentiable function under check: how it is called, where its gradients are, and how to probe it safely.

The contract and the causes ask a subject what it is capable of, and never which style it is written in. A style
is a subclass that says how to call and where to read.

Longer than other files: every question that a style may answer stands here, with the answer of most.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from badak.check.numeric import Slopes, measure
from badak.check.source import Source, is_upstream
from badak.check.subject.arguments import Layout
from badak.check.subject.calls import FLAGS, UserError, has_method, parameters_of, required
from badak.check.subject.candidate import Candidate
from badak.check.subject.examinee import Examinee
from badak.check.subject.parameters import Parameter, find_parameters, parts_of, returned_names
from badak.check.subject.paths import copied, get_path, plain, set_path
from badak.check.tolerances import DOUBLE, FINE, SINGLE, Precision

Array = np.ndarray[Any, Any]


@dataclass
class Pass:
    """What one forward and one backward gave, copied at once."""

    y: Array
    dx: list[Any] = field(default_factory=list)
    grads: dict[str, Any] = field(default_factory=dict)
    obj: Any = None


class Subject(Examinee):
    """A function with a gradient, and a sample to call it with.

    The class attributes are the capabilities that a style answers for; the defaults are those of a layer with
    `forward(x)` and `backward(dout)`.
    """

    forward_name: ClassVar[str] = "forward"  # the user's own names, for sentences and look-ups of lines
    backward_name: ClassVar[str] = "backward"
    method_names: ClassVar[tuple[str, ...]] = ("forward", "backward")
    input_names: ClassVar[tuple[str, ...]] = ("x",)  # the arguments that get a gradient, where they are floating
    scalar: ClassVar[bool] = False  # the output is one number, and dout is 1
    has_target: ClassVar[bool] = False  # the second argument is a target, not an input
    needs_second: ClassVar[bool] = False  # forward takes a second argument
    target_names: ClassVar[tuple[str, ...]] = ()  # what a file calls the sample of the second argument
    runs_forward_itself: ClassVar[bool] = False  # one call runs forward and backward: a network's gradient(x, t)
    updates_inside: ClassVar[bool] = False  # an update of the parameters inside backward is the style's own
    knows_arguments: ClassVar[bool] = False  # the style knows what each argument of backward is for
    predict_name: ClassVar[str] = "forward"  # the method in which the layers are called
    keeps_nothing: ClassVar[bool] = False  # functions without state: no call depends on an earlier one
    integer_inputs: ClassVar[bool] = False  # x may be indices (an embedding): integers stay what they are

    stretches: ClassVar[bool] = False  # broadcasting one input over another is its own business
    composite: ClassVar[bool] = True  # layers that the object holds are parts of it

    def __init__(
        self,
        obj: Any,
        x: Any,
        second: Any = None,
        *,
        namespace: dict[str, Any] | None = None,
        source: Source | None = None,
        make: Callable[[], Any] | None = None,
        name: str | None = None,
        expired: Callable[[], bool] = lambda: False,
        given: bool = True,
    ) -> None:
        """Wrap `obj`; `x` and `second` (y or t) are the sample, `given` when the user chose them."""
        super().__init__(obj, namespace=namespace, source=source, make=make, name=name, expired=expired)
        own = self.own_names(Candidate(self.name, obj, self.kind, source=source, namespace=namespace))
        if own is not None:
            self.forward_name, self.backward_name = own  # type: ignore[misc]  # the user's own
            self.method_names = own  # type: ignore[misc]
            if source is not None:
                source.own_names |= {(self.name, "forward"): own[0], (self.name, "backward"): own[1]}
        self.x = x
        self.second = second
        self.given = given
        self.parameters: list[Parameter] = []
        self.flag = self._find_flag()
        self.training = self._training()
        self._slopes: dict[str, Slopes] = {}
        self._pure: bool | None = None
        self._narrow: bool | None = None

    # Capabilities ---------------------------------------------------------------------------------

    @property
    def unary(self) -> bool:
        """Whether it maps one array to one array: an ordinary layer."""
        return not self.scalar and self.input_names == ("x",)

    @property
    def inputs(self) -> list[str]:
        """The inputs that get a gradient: those of `input_names` that are floating."""
        return [n for n in self.input_names if np.asarray(self.value(n)).dtype.kind == "f"]

    @property
    def mean_in_layers(self) -> bool:
        """Whether gradients of all parameters may be means over the batch: so it is where the loss sums."""
        return False

    @classmethod
    def own_names(cls, candidate: Candidate) -> tuple[str, str] | None:
        """Give the user's names of forward and backward, where they are others than the style's; None where not."""
        return None

    @property
    def any_batch(self) -> bool:
        """Whether it takes a batch of another size: not where a shape handed to the constructor fixes it."""
        return True

    @property
    def asked(self) -> Any:
        """What the user's methods are looked for in: the object, or what it stands for."""
        return self.obj

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give inputs (x, second) that this style takes, likeliest first; None where the usual ones fit."""
        return None

    @property
    def takes_dout(self) -> bool:
        """Whether backward has an argument at all (a loss may have none)."""
        return bool(parameters_of(getattr(self.obj, self.backward_name)))

    def default_dout(self, y: Any) -> Any:
        """Give the dout of ones that belongs to an output: the plain number 1 for a loss."""
        return 1.0 if self.scalar else np.ones(np.shape(y))

    def random_dout(self, y: Any, rng: np.random.Generator, shift: float) -> Array:
        """Give an upstream gradient without symmetry, moved by `shift`; 1 where the output is one number."""
        return np.ones(()) if self.scalar else rng.standard_normal(np.shape(y)) + shift

    # Calling --------------------------------------------------------------------------------------

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Run forward on an object that may be changed."""
        args = (x, second) if self.needs_second else (x,)
        kwargs = self.training | kwargs
        return self.call(self.forward_name, getattr(obj, self.forward_name), *args, **kwargs)

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Run backward; a stateless one gets x too."""
        function = getattr(obj, self.backward_name)
        if self.scalar and np.size(dout) == 1:
            dout = float(np.ravel(dout)[0])
        names = required(function)
        if len(names) >= 2:
            upstream = [is_upstream(name) for name in names]
            place = upstream.index(True) if any(upstream) else len(names) - 1
            args = [x, second][: len(names) - 1]
            args.insert(place, dout)
            return self.call(self.backward_name, function, *args)
        if not parameters_of(function):
            return self.call(self.backward_name, function)
        return self.call(self.backward_name, function, dout)

    def run(self, dout: Any = None, x: Any = None, second: Any = None, obj: Any = None) -> Pass:
        """Run forward and backward on a fresh copy (or on `obj`) and copy everything it gives at once."""
        obj = self.fresh() if obj is None else obj
        x = copied(self.x if x is None else x)
        second = copied(self.second if second is None else second)
        y = self.forward(obj, x, second)
        result = Pass(plain(y), obj=obj)
        if dout is None:
            dout = self.default_dout(result.y)
        self.clear_gradients(obj)
        returned = self.backward(obj, copied(dout), x, second)
        self.collect(result, obj, returned)
        return result

    def clear_gradients(self, obj: Any) -> bool:
        """Call the object's own `zero_grad`, where it has one, and tell whether it has."""
        clears = has_method(obj, "zero_grad")
        if clears:
            self.call("zero_grad", obj.zero_grad)
        return clears

    # Reading --------------------------------------------------------------------------------------

    def find_parameters(self, obj: Any, returned: Any, before: Any = None) -> list[Parameter]:
        """Find the parameters of the object at rest (or of `before`) by what a pass left in `obj`."""
        written = returned_names(self.source, self.name, self.backward_name)
        start = self.obj if before is None else before
        return find_parameters(start, obj, returned, len(self.input_names), written)

    def collect(self, result: Pass, obj: Any, returned: Any) -> None:
        """Put what backward returned, and the gradients it left behind, into `result`."""
        inputs = len(self.input_names)
        parts = parts_of(returned)
        result.dx = [plain(part) for part in parts[:inputs]]
        result.dx += [None] * (inputs - len(result.dx))
        for parameter in self.parameters:
            if parameter.returned is not None:
                value = parts[parameter.returned] if parameter.returned < len(parts) else None
            else:
                value = get_path(obj, parameter.gradient) if parameter.gradient else None
                for other in parameter.more:
                    value = np.asarray(value) + get_path(obj, other)
            result.grads[parameter.name] = plain(value)

    def gradient(self, result: Pass, quantity: str) -> Any:
        """Give the user's gradient of an input or a parameter."""
        if quantity in self.input_names and quantity not in result.grads:
            return result.dx[self.input_names.index(quantity)]
        return result.grads.get(quantity)

    def value(self, quantity: str) -> Any:
        """Give the array of an input ('x', 'y') or of a parameter."""
        if quantity == "x":
            return self.x
        if quantity in self.input_names:
            return self.second
        parameter = next(p for p in self.parameters if p.name == quantity)
        return get_path(self.fresh(), parameter.path)

    def sibling(self, x: Any, second: Any = None, obj: Any = None) -> Subject:
        """Give the same subject with another sample (or another object): same style, parameters, world."""
        made = type(self)(
            self.obj if obj is None else obj,
            x,
            second,
            namespace=self.namespace,
            source=self.source,
            name=self.name,
            expired=self.expired,
        )
        made.parameters = self.parameters
        made.world = self.world
        made.evidence = self.evidence
        return made

    def unmoved(self) -> Subject | None:
        """Give the same subject without the update that is its own style's, None where there is none."""
        return None

    def exact(self, obj: Any) -> bool:
        """Tell whether arguments that were guessed fit the gradients that came, in shape; asked after one pass."""
        return True

    def hindrance(self) -> tuple[str, dict[str, Any]] | None:
        """Tell what hinders the look before anything is asked: a sentence and its values; None where nothing does."""
        return None

    def variants(self) -> Iterator[tuple[str, Any, Any]]:
        """Give the same object with other settings (stride, pad, mode), or for other inputs: words, object, input."""
        yield from ()

    # Modes ----------------------------------------------------------------------------------------

    def _flagged(self) -> Callable[..., Any] | None:
        """Give the method that may have a switch for training, by the user's own name."""
        own = "forward" if self.runs_forward_itself or self.forward_name == "__call__" else self.forward_name
        return getattr(self.asked, own) if has_method(self.asked, own) else None

    def _find_flag(self) -> tuple[str, str] | None:
        forward = self._flagged()
        if forward is not None:
            for parameter in parameters_of(forward)[1:]:
                if parameter.name in FLAGS:
                    return ("argument", parameter.name)
        for name in FLAGS:
            value = getattr(self.obj, "__dict__", {}).get(name)
            if isinstance(value, (bool, np.bool_)):
                return ("attribute", name)
        return None

    def _training(self) -> dict[str, bool]:
        """Give the flag to call forward with, where it would be missing or off: gradients belong to training."""
        if self.flag is None or self.flag[0] != "argument":
            return {}
        forward = self._flagged()
        if forward is None or self.runs_forward_itself:
            return {}
        flag = next(p for p in parameters_of(forward) if p.name == self.flag[1])
        wanted = flag.default is flag.empty or flag.default is False
        return {flag.name: True} if wanted else {}

    def forward_mode(self, obj: Any, x: Any, training: bool) -> Array:
        """Run forward in training or in evaluation, by whichever flag the object has."""
        assert self.flag is not None
        if self.flag[0] == "argument":
            return np.asarray(self.forward(obj, copied(x), copied(self.second), **{self.flag[1]: training}))
        setattr(obj, self.flag[1], training)
        return np.array(self.forward(obj, copied(x), copied(self.second)))

    # Slopes ---------------------------------------------------------------------------------------

    @property
    def pure(self) -> bool:
        """Whether forward gives the same on a used object as on a fresh one, so that slopes need no
        copies."""
        if self._pure is None:
            try:
                obj = self.fresh()
                first = plain(self.forward(obj, copied(self.x), copied(self.second)))
                if isinstance(self.x, np.ndarray) and self.x.dtype.kind == "f":
                    self.forward(obj, self.x * 1.5 + 0.1, copied(self.second))
                again = plain(self.forward(obj, copied(self.x), copied(self.second)))
                self._pure = np.array_equal(first, again)
            except UserError:
                self._pure = False
        return self._pure

    @property
    def narrow(self) -> bool:
        """Whether forward rounds to float32 on its way, whatever it is given: a tiny move does not show at all.

        Copies hold their parameters as float64, but an `astype(np.float32)` inside forward stays.
        """
        if self._narrow is None:
            self._narrow = False
            at = self._moved_for_rounding()
            if at is None:
                return False
            value, f = at
            share = np.random.default_rng(19).uniform(0.5, 1.0, value.shape)
            # A twentieth of what float32 tells apart; far more than float64 does, be a loss ever so flat.
            near_way, far_way = 3e-9 * share * np.abs(value), 1e-5 * share * np.maximum(np.abs(value), 0.1)
            try:
                here, near, far = (np.asarray(f(value + move), float) for move in (0.0, near_way, far_way))
            except (UserError, TypeError, ValueError):
                return False
            moved = far != here
            self._narrow = bool(moved.any()) and bool(np.median((near != here)[moved]) == 0)
        return self._narrow

    def _moved_for_rounding(self) -> tuple[Array, Callable[[Array], Array]] | None:
        """Give what is moved to see forward round: the input, or a parameter where the input is whole numbers."""
        if isinstance(self.x, np.ndarray) and self.x.dtype.kind == "f":
            return self.x, lambda x: self.forward(self.fresh(), x, copied(self.second))
        for parameter in self.parameters:
            value = np.asarray(self.value(parameter.name))
            if value.dtype.kind == "f" and value.ndim:
                return value, self.function_of(parameter.name)
        return None

    def refine(self, quantity: str, rows: list[int]) -> None:
        """Measure some elements again with a step a hundred times shorter, and keep what that says."""
        kept = self.slopes(quantity)
        at = np.array(self.value(quantity), dtype=float)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = measure(self.function_of(quantity), at, rows, FINE, self.expired)
        done = [i for i in rows if not np.isnan(again.central[i]).any()]
        for name in ("central", "left", "right", "error", "kinked"):
            getattr(kept, name)[done] = getattr(again, name)[done]
        kept.noise = max(kept.noise, again.noise)

    @property
    def precision(self) -> Precision:
        """The precision in which forward computes."""
        return SINGLE if self.narrow else DOUBLE

    def function_of(self, quantity: str) -> Callable[[Array], Array]:
        """Give forward as a function of one quantity, on copies."""
        shared = self.fresh() if self.pure else None
        parameter = next((p for p in self.parameters if p.name == quantity), None)

        def f(value: Array) -> Array:
            obj = shared if shared is not None else self.fresh()
            x, second = self.x, self.second
            if parameter is not None:
                set_path(obj, parameter.path, value)
            elif quantity == "x":
                x = value
            else:
                second = value
            return np.array(self.forward(obj, copied(x), copied(second)))

        if shared is not None and parameter is not None:
            kept = np.array(get_path(shared, parameter.path), dtype=float)

            def restored(value: Array) -> Array:
                try:
                    return f(value)
                finally:
                    set_path(shared, parameter.path, kept.copy())

            return restored
        return f

    def moved_forward(self, values: Mapping[str, Array], directions: Mapping[str, Array], far: float) -> Array:
        """Run forward with all the parameters in `values` moved `far` along their directions."""
        obj = self.fresh()
        paths = {p.name: p.path for p in self.parameters}
        for name, value in values.items():
            set_path(obj, paths[name], value + far * directions[name])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.array(self.forward(obj, copied(self.x), copied(self.second)))

    def slopes(self, quantity: str, rows: list[int] | None = None) -> Slopes:
        """Measure how the output moves with a quantity (kept: the second time costs nothing)."""
        if quantity not in self._slopes:
            at = np.array(self.value(quantity), dtype=float)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._slopes[quantity] = measure(self.function_of(quantity), at, rows, self.precision, self.expired)
        return self._slopes[quantity]
