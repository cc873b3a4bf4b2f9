"""Networks: layers in a row and a loss, all parameters on one Block (book, ch. 5.7).

A Network adopts its layers: their parameters move into the Block, and the layers hold views of it. What a layer is,
a Network does not ask: anything with `forward` and `backward` will do.
"""

import importlib
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from badak.adopt import check_order, check_parts, check_sizes, named, parameter_names, refuse_second_adoption
from badak.entry import enter, listed, sample_shape
from badak.functions import binary, check_labels, one_hot
from badak.gradients import numerical_gradient
from badak.init import generator
from badak.layers.base import state
from badak.losses import SigmoidWithLoss
from badak.memory import Block, Params
from badak.types import Array, parameters
from badak.validate import positive

ENGINES = ("auto", "numpy", "native")
ROWS_AT_ONCE = 2000
"""So many samples go through `predict` together in `accuracy`: a large set need not fit in memory as floats."""
IMAGES_AT_ONCE = 200
"""The same for images, of which a convolution keeps every window."""

# Who computes a network's calls natively: 'module:name' of a class like badak.engine.calls.Calls, imported at first
# use; None where there is nobody.
_calls: str | None = None
# Beside the networks and not in them: what the engine keeps are addresses, which no copy of a network may take over.
_calls_of: "weakref.WeakKeyDictionary[Network, Any]" = weakref.WeakKeyDictionary()


def register_calls(factory: str) -> None:
    """Let `factory`, 'module:name', give for a network an object with ready(), predict, loss, gradient, accuracy.

    Each answers None where the layers themselves are to compute.
    """
    global _calls  # noqa: PLW0603
    _calls = factory


class Network:
    """Layers in a row and a loss.

    `layers` is a list (named `Affine1`, `Relu1`, `Affine2`, … by class) or a mapping of names to layers, in order;
    `loss` the last layer, with `forward(x, t)`. `dtype` is that of the parameters, and input is converted to it at
    the door: float64, or float32 for speed. `seed` seeds the generator of each layer that has an attribute `rng`
    still None. `engine` says who computes: 'numpy', 'native', or 'auto' (native where that is possible).
    `input_shape` is that of one sample, (784,) or (1, 28, 28), for first layers that don't tell it: then rows (N, 784)
    are read as images.

    Raises ValueError where two layers do not fit together, naming both, or where a layer belongs to another network.
    """

    def __init__(
        self,
        layers: Mapping[str, Any] | Sequence[Any],
        loss: Any = None,
        *,
        dtype: DTypeLike = np.float64,
        seed: int | None = None,
        engine: str = "auto",
        input_shape: Sequence[int] | None = None,
    ) -> None:
        if engine not in ENGINES:
            raise ValueError(f"engine must be one of {', '.join(ENGINES)}, not {engine!r}")
        self.engine = engine
        self.input_shape = None if input_shape is None else tuple(positive("input_shape", n) for n in input_shape)
        check_order(layers, loss)
        self.layers: dict[str, Any] = dict(layers) if isinstance(layers, Mapping) else named(layers)
        self.last_layer = loss
        check_parts(self.layers, loss)
        check_sizes(self.layers, self.input_shape)
        for name, layer in self.layers.items():
            refuse_second_adoption(self, name, layer)
        self._adopted = dict(self.layers)
        self._keys = parameter_names(self.layers)
        self.block = Block({key: getattr(self.layers[name], attribute) for name, attribute, key in self._keys}, dtype)
        self.params = Params(self.block)
        self._looked = False
        self._bind()
        for layer in self.layers.values():  # what a layer remembers beside its parameters is of their dtype, too
            for attribute, value in state(layer).items():
                if value.dtype.kind == "f" and value.dtype != self.dtype:
                    setattr(layer, attribute, value.astype(self.dtype))
        rng = generator(seed)
        for layer in self.layers.values():
            if getattr(layer, "rng", 0) is None:
                layer.rng = rng.spawn(1)[0]

    # -- the parts ----------------------------------------------------------------------------------------------

    @property
    def lastLayer(self) -> Any:
        """The loss, under the name it has in the book's chapter 5."""
        return self.last_layer

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype of the parameters, float32 or float64."""
        return self.block.values.dtype

    def keys_of(self, name: str) -> dict[str, str]:
        """Give the names in `params` of the parameters of the layer `name`, by attribute: {'W': 'W1', 'b': 'b1'}."""
        return {attribute: key for layer, attribute, key in self._keys if layer == name}

    # -- what it does -------------------------------------------------------------------------------------------

    def predict(self, x: Any) -> Array:
        """Give the scores, (N, C), for `x`, (N, D): the last layer's input, not probabilities. Changes nothing."""
        native, x = self._native(), listed(x, "x")
        scores = native.predict(x) if native else None
        return self._forward(self._door(x), training=False) if scores is None else scores

    def loss(self, x: Any, t: Any) -> float:
        """Give the loss of predicting `x` where `t` (class indices or one-hot) is right."""
        native, x, t = self._native(), listed(x, "x"), listed(t, "t")
        loss = native.loss(x, t) if native else None
        return float(self.last_layer.forward(self.predict(x), t)) if loss is None else loss

    def accuracy(self, x: Any, t: Any) -> float:
        """Give the share of `x` whose highest score is at the label `t`: a number from 0 to 1.

        With SigmoidWithLoss, the share of scores on the right side of 0.
        """
        native, x, t = self._native(), listed(x, "x"), listed(t, "t")
        share = native.accuracy(x, t) if native else None
        if share is not None:
            return float(share)
        right, count = 0.0, len(x)
        if np.ndim(x) < 2 or len(t) != count:
            raise ValueError(f"accuracy needs as many labels as samples; x has shape {np.shape(x)}, t {np.shape(t)}")
        if not count:
            raise ValueError("accuracy of no samples is not defined; x is empty")
        together = ROWS_AT_ONCE if self.input_shape is None or len(self.input_shape) == 1 else IMAGES_AT_ONCE
        for start in range(0, count, together):
            rows = slice(start, start + together)
            scores = self.predict(x[rows])
            right += self._right(scores, t[rows])
        return right / count

    def gradient(self, x: Any, t: Any) -> dict[str, Array]:
        """Give the gradient of the loss by backpropagation: arrays of your own, named and shaped as `params`."""
        native, x, t = self._native(), listed(x, "x"), listed(t, "t")
        grads: dict[str, Array] | None = native.gradient(x, t) if native else None
        if grads is None:
            self.backpropagate(x, t)
            grads = self.block.named(self.block.grads.copy())
        return grads

    def numerical_gradient(self, x: Any, t: Any) -> dict[str, Array]:
        """Give the same gradient by finite differences: slow, and the judge of `gradient`."""
        return {key: numerical_gradient(lambda _: self.loss(x, t), view) for key, view in self.params.items()}

    def backpropagate(self, x: Any, t: Any) -> float:
        """Run forward in training mode and backward; leave the gradients in `block.grads`. Give the loss."""
        scores = self._forward(self._door(x), training=True)
        loss = self.last_layer.forward(scores, t)
        dout = self.last_layer.backward(1)
        for layer in reversed(self.layers.values()):
            dout = layer.backward(dout)
        if not self._looked:
            self._refuse_late_parameters()
        for name, attribute, key in self._keys:
            grad = getattr(self.layers[name], "d" + attribute)
            view = self.block.grad_view(key)
            if np.shape(grad) != view.shape:
                was = "None" if grad is None else f"an array of shape {np.shape(grad)}"
                raise ValueError(
                    f"{name}.backward must set d{attribute} to an array of {attribute}'s shape {view.shape}; "
                    f"it left {was}"
                )
            view[...] = grad
        return float(loss)

    # -- inside -------------------------------------------------------------------------------------------------

    def _native(self) -> Any:
        """Give the engine's calls for this network, or None where its layers are to compute."""
        if self.engine == "numpy" or _calls is None:
            return None
        calls = _calls_of.get(self)
        if calls is None:
            module, name = _calls.split(":")
            made = getattr(importlib.import_module(module), name)(self)
            calls = _calls_of.setdefault(self, made)  # of two threads that come first at once, both get one's
        if calls.ready():
            return calls
        if self.engine == "native":
            raise ValueError(f"this network cannot compute on the native engine: {calls.reason}")
        return None

    def _right(self, scores: Array, t: Any) -> float:
        """Give how many of these samples are predicted rightly."""
        if isinstance(self.last_layer, SigmoidWithLoss):
            answers = binary(t, scores.shape) > 0.5
            return float(((scores > 0) == answers).reshape(len(scores), -1).mean(axis=1).sum())
        return float(np.sum(scores.argmax(axis=-1) == class_indices(t, scores.shape)))

    def _door(self, x: Any) -> Array:
        """Convert the input to the network's dtype, once, and rows to the shape that was told for a sample."""
        return enter(x, self.dtype, self.input_shape)

    def _sample_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """Give the shape of one sample as the first layer gets it, for data of `shape`, (N, …): rows may be images."""
        return sample_shape(tuple(shape[1:]), self.input_shape)

    def _forward(self, x: Array, training: bool) -> Array:
        self._check_adopted()
        for layer in self.layers.values():
            if hasattr(layer, "training"):
                layer.training = training
            x = layer.forward(x)
        return x

    def _refuse_late_parameters(self) -> None:
        """Refuse, after the first backward, a parameter whose partner came only then: it would not be trained."""
        for name, layer in self.layers.items():
            late = [attribute for attribute in parameters(layer) if attribute not in self.keys_of(name)]
            if late:
                raise ValueError(
                    f"{name}.{late[0]} got its partner d{late[0]} only in backward, so it would not be trained: "
                    f"write self.d{late[0]} = None in __init__ of {type(layer).__name__}"
                )
        self._looked = True

    def _bind(self) -> None:
        for name, attribute, key in self._keys:
            setattr(self.layers[name], attribute, self.block.view(key))

    def _check_adopted(self) -> None:
        """Notice a parameter that was bound to another array, or a layer that was replaced, since the last use."""
        # By identity, not ==, which a layer may define as it likes.
        if [*map(id, self.layers.values())] != [*map(id, self._adopted.values())]:
            self._adopt_replacements()
        for name, attribute, key in self._keys:
            now = getattr(self.layers[name], attribute)
            if now is not self.block.view(key):
                if np.shape(now) != self.block.view(key).shape:
                    raise ValueError(
                        f"{name}.{attribute} was replaced by something of shape {np.shape(now)}; "
                        f"{key} of this network has shape {self.block.view(key).shape}"
                    )
                self.params[key] = now
                setattr(self.layers[name], attribute, self.block.view(key))

    def _adopt_replacements(self) -> None:
        """Take in layers put at the place of others, if their parameters have the same names and shapes."""
        if list(self.layers) != list(self._adopted):
            raise ValueError(
                "the layers of a network are fixed when it is built: "
                f"it had {list(self._adopted)}, now {list(self.layers)}"
            )
        check_parts(self.layers, self.last_layer)
        check_sizes(self.layers, self.input_shape)
        for name, layer in self.layers.items():
            if layer is self._adopted[name]:
                continue
            shapes = {a: v.shape for a, v in parameters(layer).items()}
            wanted = {a: self.block.view(key).shape for a, key in self.keys_of(name).items()}
            if shapes != wanted:
                raise ValueError(
                    f"{name} was replaced by a layer with parameters {shapes}; this network has {wanted} there"
                )
            refuse_second_adoption(self, name, layer)
            self._adopted[name] = layer

    def __copy__(self) -> Any:
        # Shallow, it would share its layers, and both would train them.
        raise TypeError(f"a copy of a {type(self).__name__} needs layers of its own: copy.deepcopy(network) makes one")

    def __setstate__(self, state: dict[str, Any]) -> None:
        # A copied or unpickled network: its layers' parameters came back as arrays of their own.
        self.__dict__.update(state)
        for name, layer in self.layers.items():
            refuse_second_adoption(self, name, layer)
        self._bind()

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__}, {self.block.values.size:,} parameters, {self.dtype}:"]
        for name, layer in {**self.layers, "loss": self.last_layer}.items():
            plain = getattr(type(layer), "__repr__", None) is getattr(object, "__repr__")  # noqa: B009
            told = f"{type(layer).__name__}(…)" if plain else repr(layer)
            shapes = [f"{key} {self.params[key].shape}" for key in self.keys_of(name).values()]
            lines.append(f"  {name}: {told}{'   ' if shapes else ''}{', '.join(shapes)}")
        return "\n".join(lines)


def class_indices(t: Any, shape: tuple[int, ...]) -> Array:
    """Give the labels `t`, indices or rows of the given `shape` (N, C), as indices (N,). Raises as `one_hot`."""
    t = np.asarray(t)
    if t.shape == shape[:-1] and t.dtype.kind in "iu":
        check_labels(t, shape[-1])
        return t
    return one_hot(t, shape).argmax(axis=-1)
