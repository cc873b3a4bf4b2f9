"""Classes that leave what they compute in attributes: `self.output` after forward, `self.dinputs` after backward.

Losses of this kind give one number for each sample, and their backward takes the prediction: `backward(dvalues,
y_true)`. What is measured is the mean over the samples, which a training loop takes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np

from badak.check.source import Source, assignments, is_self
from badak.check.subject.arguments import Layout, M, N, normal
from badak.check.subject.base import Subject
from badak.check.subject.candidate import Candidate, Evidence
from badak.check.subject.layer import OwnNamedLayer
from badak.check.subject.names import own_pair
from badak.check.subject.parameters import Parameter

Array = np.ndarray[Any, Any]
OUTPUTS = ("output", "outputs", "out", "activation_output", "a", "y")
INPUT_GRADIENTS = ("dinputs", "dinput", "d_inputs", "d_input", "dx", "dX")
CERTAIN = INPUT_GRADIENTS[:4]  # what no other style stores
Sample = tuple[Any, Any]


class StoredLayer(OwnNamedLayer):
    """A class whose forward leaves the output in an attribute, and whose backward leaves the gradients there."""

    style = "class that stores its output and its gradients"
    knows_arguments = True

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class whose backward(dvalues) stores the gradient of its input."""
        names = own_pair(candidate)
        if names is None or len(candidate.required_of(names[1])) != 1 or len(candidate.required_of(names[0])) != 1:
            return None
        return stores(candidate, names[1])

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Run forward; what it returns counts, else what it stored."""
        returned = super().forward(obj, x, second, **kwargs)
        return returned if returned is not None else stored(obj, OUTPUTS)

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Run backward; the stored gradient counts, as the layers of a model hand it on."""
        forget(obj)
        returned = super().backward(obj, dout, x, second)
        kept = stored(obj, INPUT_GRADIENTS)
        return returned if kept is None else kept

    def find_parameters(self, obj: Any, returned: Any, before: Any = None) -> list[Parameter]:
        """Find the parameters; the inputs, which stand beside dinputs, are none."""
        found = super().find_parameters(obj, returned, before)
        gradients = {("a", name) for name in INPUT_GRADIENTS}
        return [p for p in found if p.gradient is None or p.gradient[-1] not in gradients]


class StoredLoss(Subject):
    """A loss with forward(y_pred, y_true), one number a sample, and backward(dvalues, y_true)."""

    style = "loss of each sample, with backward(prediction, target)"
    scalar = True
    has_target = True
    needs_second = True
    target_names = ("y_true", "y", "t")
    knows_arguments = True

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class with forward of two, and a backward of two that stores the gradient, or returns it."""
        if not candidate.offers("forward") or not candidate.offers("backward"):
            return None
        front, back = candidate.required_of("forward"), candidate.required_of("backward")
        if len(front) != 2 or len(back) != 2:
            return None
        seen = stores(candidate, "backward")
        if seen is None and not (front[1] == back[1] and _is_prediction(back[0])):
            return None
        return Evidence([f"forward({', '.join(front)})", f"backward({', '.join(back)})"])

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[Sample] | None:
        """Give predictions that are probabilities first, with targets one-hot, as numbers of classes, real."""
        return predictions(alone) if layout.name == "rows" else iter(())

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Run forward and take the mean over the samples."""
        returned = self.call("forward", obj.forward, x, second, **kwargs)
        value = returned if returned is not None else stored(obj, ("loss", *OUTPUTS))
        return None if value is None else np.mean(value)

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Run backward with the prediction: the input of a loss alone, the output of one with an activation."""
        prediction = stored(obj, ("output", "outputs"))
        forget(obj)
        given = x if prediction is None or np.shape(prediction) != np.shape(x) else np.array(prediction)
        returned = self.call("backward", obj.backward, given, second)
        kept = stored(obj, INPUT_GRADIENTS)
        return returned if kept is None else kept

    @property
    def takes_dout(self) -> bool:
        """Whether backward has an argument for the gradient that comes in: it takes the prediction instead."""
        return False

    def find_parameters(self, obj: Any, returned: Any, before: Any = None) -> list[Parameter]:
        """Give nothing: a loss learns nothing."""
        return []


class CombinedLoss(StoredLoss):
    """The backward of a softmax and a cross-entropy together: it has no forward, and gets the softmax's output."""

    style = "backward of softmax and cross-entropy together"
    method_names = ("backward",)
    forward_name = "backward"

    @classmethod
    def recognise(cls, candidate: Candidate) -> Evidence | None:
        """Take a class without forward that is called by the names of both."""
        name = candidate.name.lower()
        if candidate.offers("forward") or not candidate.offers("backward") or "softmax" not in name:
            return None
        if not ("loss" in name or "entropy" in name) or len(candidate.required_of("backward")) != 2:
            return None
        return Evidence([candidate.name, *stores_seen(candidate)])

    @classmethod
    def own_samples(cls, obj: Any, layout: Layout, alone: bool) -> Iterator[Sample] | None:
        """Give scores with both kinds of targets."""
        if layout.name != "rows" or alone:
            return iter(())
        scores, classes = normal(N, M, seed=21), np.array([0, 2, 1, 0, 2])
        return iter([(scores, np.eye(M)[classes]), (scores, classes)])

    def forward(self, obj: Any, x: Any, second: Any = None, **kwargs: Any) -> Any:
        """Give the mean cross-entropy of the softmax of the scores, which the class is the gradient of."""
        return self.call("backward", cross_entropy, x, second)

    def backward(self, obj: Any, dout: Any, x: Any = None, second: Any = None) -> Any:
        """Run backward with the probabilities."""
        forget(obj)
        returned = self.call("backward", obj.backward, softmax(x), second)
        kept = stored(obj, INPUT_GRADIENTS)
        return returned if kept is None else kept


def softmax(x: Any) -> Array:
    """Give the softmax of each row."""
    powers = np.exp(x - np.max(x, axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def cross_entropy(x: Any, target: Any) -> Any:
    """Give the mean cross-entropy of the softmax of scores."""
    moved = x - np.max(x, axis=1, keepdims=True)
    hot = target if np.ndim(target) == 2 else np.eye(np.shape(x)[1])[np.asarray(target, int)]
    return -np.mean(np.sum(hot * (moved - np.log(np.exp(moved).sum(axis=1, keepdims=True))), axis=1))


def predictions(alone: bool = False) -> Iterator[Sample]:
    """Give predictions with targets: probabilities of classes, of yes and no, real numbers."""
    if alone:
        return
    classes = np.array([0, 2, 1, 0, 2])
    hot, rows = np.eye(M)[classes], softmax(normal(N, M, seed=21))
    yield rows, hot
    yield rows, classes
    yield rows[:, :1] * 0.8 + 0.1, np.array([[0.0], [1.0], [1.0], [0.0], [1.0]])
    yield normal(N, M, seed=22), normal(N, M, seed=23)
    yield normal(N, 1, seed=22), normal(N, 1, seed=23)
    yield normal(N, seed=22), normal(N, seed=23) * 2


def stored(obj: Any, names: tuple[str, ...]) -> Any:
    """Give the first array, or number, that is kept under one of these names."""
    for name in names:
        value = getattr(obj, name, None)
        if isinstance(value, (np.ndarray, float, np.floating)):
            return value
    return None


def forget(obj: Any) -> None:
    """Take away the gradients of an earlier backward, so that none is taken for a new one."""
    for name in INPUT_GRADIENTS:
        if name in getattr(obj, "__dict__", {}):
            setattr(obj, name, None)


def stores(candidate: Candidate, backward: str) -> Evidence | None:
    """Tell whether a class's backward stores the gradient of its input: by the source, or by its compiled names."""
    owner = candidate.obj if candidate.obj is not None else candidate.kind
    code = getattr(getattr(owner, backward, None), "__code__", None)
    written = set(getattr(code, "co_names", ()))
    if candidate.source is not None:
        written |= written_by(candidate.source, candidate.name, backward)
    kept = [name for name in CERTAIN if name in written]
    return Evidence([f"self.{kept[0]}"]) if kept else None


def stores_seen(candidate: Candidate) -> list[str]:
    """Give what backward stores, for the report."""
    seen = stores(candidate, "backward")
    return seen.seen if seen is not None else []


def written_by(source: Source, owner: str, method: str) -> set[str]:
    """Give the attributes of self that a method assigns to, in the methods that it calls too."""
    nodes: list[ast.AST] = [node for _, node in source.reached(owner, method)]
    attributes = [t for node in nodes for _, t in assignments(node)]
    return {t.attr for t in attributes if isinstance(t, ast.Attribute) and is_self(t.value)}


def _is_prediction(name: str) -> bool:
    plainer = name.replace("_", "").lower()
    return plainer in ("dvalues", "ypred", "yhat", "output", "outputs", "predictions", "prediction", "pred", "probs")
