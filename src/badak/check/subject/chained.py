"""Models whose layers are linked by `prev` and `next`: forward(X, training), then backward(output, y).

Such a model is built from the classes of its own file: two dense layers with a penalty on their weights, an activation
between them, a softmax and the cross-entropy. What is measured is the mean loss of the samples and the penalty.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from badak.check.subject.arguments import D, H, Layout, M, N, Unguessable, normal
from badak.check.subject.base import Pass, Subject
from badak.check.subject.calls import FLAGS, has_method, parameters_of
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.paths import copied, get_path, plain

SCALE = 20.0  # of the first weights, which are made a hundred times too small to show a gradient's faults
# What the parts of a model are called, in lower case and without underscores.
PARTS = {
    "dense": re.compile(r"^(?!.*(activation|loss)).*(dense|linear|fullyconnected|affine)"),
    "relu": re.compile(r"^(?!.*(leaky|loss)).*(relu|tanh|sigmoid)"),
    "softmax": re.compile(r"^(?!.*(loss|entropy)).*softmax"),
    "loss": re.compile(r"^(?!.*(softmax|binary)).*(categoricalcrossentropy|crossentropy)"),
}


class ChainedModel(Subject):
    """A class with add, forward(X, training) and backward(output, y), whose layers keep what they compute."""

    style = "model of linked layers, with backward(output, y)"
    input_names = ()
    scalar = True
    has_target = True
    needs_second = True
    target_names = ("y", "t")
    runs_forward_itself = True
    knows_arguments = True

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class that layers are added to, with a loss that is set, and a backward of two."""
        if not all(candidate.offers(name) for name in ("add", "forward", "backward")):
            return None
        back = candidate.required_of("backward")
        if len(back) != 2 or len(candidate.required_of("forward")) != 1:
            return None
        setter = next((n for n in ("set", "compile") if candidate.offers(n)), None)
        return Evidence(["add(layer)", f"{setter}(…)", f"backward({', '.join(back)})"]) if setter else None

    @classmethod
    def makers(cls, candidate: Candidate, layout: Layout) -> Iterator[Callable[[], Any]]:
        """Build a model from the classes that the file knows. Raises Unguessable where a part is missing."""
        kind = candidate.kind
        if kind is None or layout.name != "rows":
            return
        parts = parts_known(candidate)
        missing = [name for name in PARTS if name not in parts]
        if missing:
            raise Unguessable("layers")
        yield lambda: _built(kind, parts)

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[tuple[Any, Any]] | None:
        """Give rows, with one-hot targets and with numbers of classes."""
        if layout.name != "rows" or alone:
            return iter(())
        x, classes = normal(N, D, seed=31), np.array([0, 2, 1, 0, 2])
        return iter([(x, classes), (x, np.eye(M)[classes])])

    @property
    def takes_dout(self) -> bool:
        """Whether backward has a dout: it begins with the loss."""
        return False

    def _output(self, obj: Any, x: Any) -> Any:
        switches = {p.name: True for p in parameters_of(obj.forward) if p.name in FLAGS}
        return self.call("forward", obj.forward, x, **switches)

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Give the mean loss of the samples, with the penalty."""
        output = self._output(obj, x)
        losses = self.call("forward", obj.loss.forward, output, second)
        extra = getattr(obj.loss, "regularization_loss", None)
        return np.mean(losses) + (self.call("forward", extra) if callable(extra) else 0.0)

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Run forward, then backward with its output."""
        return self.call("backward", obj.backward, self._output(obj, x), second)

    def run(self, dout: Any = None, x: Any = None, second: Any = None, obj: Any = None) -> Pass:
        """Run both on a fresh copy (or on `obj`) and copy the gradients at once."""
        obj = self.fresh() if obj is None else obj
        self.backward(obj, dout, copied(self.x if x is None else x), copied(self.second if second is None else second))
        grads = {p.name: plain(get_path(obj, p.gradient)) for p in self.parameters if p.gradient is not None}
        return Pass(np.zeros(()), [True], grads, obj)

    def find_parameters(self, obj: Any, returned: Any, before: Any = None) -> Any:
        """Find W beside dW in the layers, after a pass of its own."""
        made = self.fresh(upcast=False)
        self.backward(made, None, copied(self.x), copied(self.second))
        found = super().find_parameters(made, None, before)
        return [p for p in found if not p.name.endswith(("inputs", "input"))]


def parts_known(candidate: Candidate) -> dict[str, type]:
    """Give the classes for the parts of a model: of the file, else of the modules that it takes classes from."""
    namespace = candidate.namespace or {}
    near = [value for value in namespace.values() if isinstance(value, type)]
    modules = [sys.modules.get(kind.__module__) for kind in near]
    far = [v for m in modules if m is not None and _ours(m, near) for v in vars(m).values() if isinstance(v, type)]
    found: dict[str, type] = {}
    for kind in [*near, *far]:
        plainly = kind.__name__.replace("_", "").lower()
        for part, pattern in PARTS.items():
            if pattern.match(plainly) and has_method(kind, "forward") and has_method(kind, "backward"):
                found.setdefault(part, kind)
    return found


def _ours(module: Any, kinds: list[type]) -> bool:
    """Tell whether a module has a layer in it: not one of Python's or NumPy's."""
    return any(kind.__module__ == module.__name__ and has_method(kind, "forward") for kind in kinds)


def _built(kind: type, parts: dict[str, type]) -> Any:
    model = kind()
    dense = parts["dense"]
    penalties = {n: 0.02 for n in inspect.signature(dense).parameters if re.search(r"regulari[sz]er", n)}
    layers = [dense(D, H, **penalties), parts["relu"](), dense(H, M, **penalties), parts["softmax"]()]
    for layer in layers:
        if hasattr(layer, "weights"):
            layer.weights = layer.weights * SCALE
        model.add(layer)
    setter = model.set if has_method(model, "set") else model.compile
    given = dict.fromkeys(inspect.signature(setter).parameters)
    setter(**{**given, **({"loss": parts["loss"]()} if "loss" in given else {})})
    if has_method(model, "finalize"):
        model.finalize()
    return model
