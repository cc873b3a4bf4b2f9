"""The book's networks: `loss(x, t)`, and `gradient(x, t)` that gives every parameter's gradient at once."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from badak.check.subject.base import Pass, Subject
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.parameters import Parameter, held_parameters
from badak.check.subject.paths import copied, plain


class BookNetwork(Subject):
    """A class with params, loss(x, t) and gradient(x, t)."""

    style = "network with loss and gradient"
    forward_name = "loss"
    backward_name = "gradient"
    method_names: ClassVar[tuple[str, ...]] = ("loss", "gradient")
    input_names = ()
    scalar = True
    has_target = True
    needs_second = True
    target_names = ("t", "y")
    runs_forward_itself = True
    predict_name = "predict"

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class with loss, or with params and predict or gradient, that is no layer itself."""
        offers, holds = candidate.offers, candidate.holds
        if offers("forward"):
            # A network that also calls itself by forward(x).
            both = offers("loss") and offers("gradient") and len(candidate.required_of("forward")) < 2
            return Evidence(["loss", "gradient"]) if both else None
        if offers("backward"):
            return None
        if offers("loss"):
            return Evidence(["loss"])
        for name in ("predict", "gradient"):
            if offers(name) and holds("params"):
                return Evidence([name, "params"])
        return None

    @property
    def takes_dout(self) -> bool:
        """Whether backward has a dout: gradient(x, t) has none."""
        return False

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Run gradient(x, t), which runs its own forward."""
        return self.call(self.backward_name, getattr(obj, self.backward_name), x, second)

    def run(self, dout: Any = None, x: Any = None, second: Any = None, obj: Any = None) -> Pass:
        """Run gradient on a fresh copy (or on `obj`) and copy everything it gives at once."""
        obj = self.fresh() if obj is None else obj
        x = copied(self.x if x is None else x)
        second = copied(self.second if second is None else second)
        self.clear_gradients(obj)
        returned = self.backward(obj, dout, x, second)
        result = Pass(np.zeros(()), obj=obj)
        self.collect(result, obj, returned)
        return result

    def find_parameters(self, obj: Any, returned: Any, before: Any = None) -> list[Parameter]:
        """Give the arrays in `params`."""
        return held_parameters(self.obj if before is None else before)

    def collect(self, result: Pass, obj: Any, returned: Any) -> None:
        """Read the gradients from what gradient returned, or from `grads`."""
        result.dx = [returned]
        for parameter in self.parameters:
            result.grads[parameter.name] = _gradient_of(obj, returned, parameter)


def _gradient_of(obj: Any, returned: Any, parameter: Parameter) -> Any:
    for holder in (returned, getattr(obj, "grads", None)):
        if isinstance(holder, dict):
            for key in (parameter.key, f"d{parameter.key}", f"grad_{parameter.key}"):
                if key in holder:
                    return plain(holder[key])
        elif isinstance(holder, (list, tuple)) and isinstance(parameter.key, int) and parameter.key < len(holder):
            return plain(holder[parameter.key])
    return None
