"""`network.gradient`, `loss`, `predict` and `accuracy`, one call at a time, on the engine.

A Network asks `Calls` whether it may compute natively, and computes itself where it may not: a layer without a rule,
a method that was replaced, a layer that was exchanged, a parameter that is no longer the Block's.
"""

import functools
import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from operator import is_
from typing import Any

import numpy as np

from badak.data.pixels import Pixels
from badak.engine import build, lower, tapes, target
from badak.engine.crew import aligned, crew
from badak.engine.kept import Again, Room, counting, or_none
from badak.engine.opcodes import Bank, Frame
from badak.engine.runner import (
    SAVED,
    forget,
    forget_loss,
    labels,
    mostly_zero,
    outputs_of,
    prepare,
    readable,
    targets,
)
from badak.engine.tapes import Ready
from badak.layers import BatchNormalization
from badak.losses import SigmoidWithLoss, SoftmaxWithLoss
from badak.networks import Network
from badak.train.runners import NotNative
from badak.types import Array

METHODS = frozenset({"predict", "loss", "gradient", "accuracy", "backpropagate", "_forward", "_door", "_sample_shape"})
"""What a subclass or an object must not have changed: one of these may be what another stands on."""
KEPT = 12
"""So many programs are kept for a network; each holds memory for its batch size."""
SPARE = 6
"""So many flat arrays are kept to give gradients in, each given again when nobody holds an array cut from it."""
PIECE = 256
"""So many samples are predicted together."""


class Calls:
    """One network's native calls. `ready()` says whether they would do what its layers do."""

    def __init__(self, network: Network, threads: int | None = None) -> None:
        self._network = weakref.ref(network)  # weak: the network's own entry in a table of the living keeps us
        self.threads = target.thread_count(threads)
        self._begin()
        _living.add(self)

    def _begin(self) -> None:
        """Know nothing yet: at first, and in a forked process, where other threads may have left anything half done."""
        self.lock = threading.RLock()
        self._kind: type | None = None
        self._layers: list[Any] = []
        self._kinds: list[Any] = []
        self._methods: list[tuple[Any, Any, Any]] = []
        self._own: list[dict[str, Any]] = []
        self._helpers: list[tuple[dict[str, Any], type, str, Any]] = []
        self._bound: list[tuple[dict[str, Any], str, Array]] = []
        self._programs: OrderedDict[Any, Ready] = OrderedDict()
        self._reason: str | None = None
        self._sparse, self._looks = False, 0
        self._rooms: list[Room] = []
        self._again: Again | None = None
        self._widths: dict[tuple[int, ...], int] = {}
        self._saved: list[tuple[dict[str, Any], str, Any]] = []
        self._settings: list[tuple[dict[str, Any], str, Any]] = []
        self._gradients: list[tuple[dict[str, Any], str, str]] = []
        self._small: dict[Any, tuple[Array, Array, Callable[[], Any], Ready]] = {}

    @property
    def network(self) -> Network:
        """The network, which lives as long as somebody can call it."""
        network = self._network()
        assert network is not None
        return network

    # -- may we? ------------------------------------------------------------------------------------------------

    def ready(self) -> bool:
        """Say whether the network is as it was when it was last looked at closely, and has rules for everything."""
        network = self.network
        now = [*network.layers.values(), network.last_layer]
        # Lists compare by identity first, and classes of ours have no == of their own.
        if now != self._layers or [*map(type, now)] != self._kinds or type(network) is not self._kind:
            self._look()
        for own, attribute, value in self._settings:
            if own.get(attribute) != value:
                self._look()
                break
        if self._reason is not None or not METHODS.isdisjoint(network.__dict__):
            return False
        for kind, forward, backward in self._methods:
            if kind.forward is not forward or kind.backward is not backward:
                return False
        for own in self._own:
            if "forward" in own or "backward" in own:
                return False
        for own, owner, method, function in self._helpers:
            if method in own or getattr(owner, method) is not function:
                return False
        for own, attribute, view in self._bound:  # noqa: SIM110  (plain loops: this is asked at every call)
            if own.get(attribute) is not view:
                return False
        return True

    def _look(self) -> None:
        """Look at a network's layers closely: at first, and when one was exchanged."""
        with self.lock:
            self._layers = []  # interrupted before the end, it has not been looked at
            self._again = None
            self._programs.clear()
            self._small.clear()
            self._widths.clear()
            network = self.network
            same = list(network.layers) == list(network._adopted)
            if not same or not all(map(is_, network.layers.values(), network._adopted.values())):
                self._reason = "a layer was exchanged"  # NumPy's way takes it in, and the next call looks again
                return
            layers = [*network.layers.values(), network.last_layer]
            self._look_at(network, layers)
            self._layers = layers

    def _look_at(self, network: Network, layers: list[Any]) -> None:
        self._kind = type(network)
        own = [m for m in sorted(METHODS) if getattr(self._kind, m) is not getattr(Network, m)]
        self._reason = f"{self._kind.__name__} has its own {own[0]}" if own else lower.unruled(network)
        self._reason = self._reason or build.missing(network.dtype.itemsize)
        self._kinds = [*map(type, layers)]
        self._methods = [(kind, kind.forward, kind.backward) for kind in dict.fromkeys(self._kinds)]
        self._own = [layer.__dict__ for layer in layers]
        self._helpers = [
            (layer.__dict__, type(layer), name, getattr(type(layer), name))
            for layer in layers
            for name in lower.methods(type(layer))
            if name not in ("forward", "backward")
        ]
        inner = [layer for layer in layers[:-1] if hasattr(layer, "__dict__")]
        self._saved = [(layer.__dict__, name, None) for layer in inner for name in SAVED if hasattr(layer, name)]
        self._saved += [(layer.__dict__, "training", False) for layer in inner if hasattr(layer, "training")]
        self._settings = [
            (layer.__dict__, name, layer.__dict__.get(name))
            for layer in inner
            for name in lower.SETTINGS.get(type(layer), ())
        ]
        self._bound = [
            (network.layers[name].__dict__, attribute, network.block.view(key))
            for name, attribute, key in network._keys
        ]
        self._gradients = [
            (network.layers[name].__dict__, "d" + attribute, key) for name, attribute, key in network._keys
        ]

    @property
    def reason(self) -> str | None:
        """Why this network is left to NumPy, if it is."""
        return self._reason

    # -- programs -----------------------------------------------------------------------------------------------

    def _program(
        self, purpose: str, batch: int, shape: tuple[int, ...], source: str, scale: float, sparse: bool = False
    ) -> Ready:
        threads, sparse = crew.advise(self.threads), sparse and len(shape) == 1
        key = (purpose, batch, shape, source, scale, threads, sparse)
        ready = self._programs.get(key)
        if ready is None:
            ready = prepare(self.network, batch=batch, shape=shape, source=source, scale=scale, purpose=purpose,
                            threads=threads, sparse=sparse)  # fmt: skip
            block = self.network.block
            ready.session.point(Frame.BANKS + Bank.VALUES, block.values)
            ready.session.point(Frame.ORDER, np.arange(batch))
            ready.session.point(Frame.LOSSES, np.zeros(1))
            self._programs[key] = ready
            if len(self._programs) > KEPT:
                self._programs.popitem(last=False)
        else:
            self._programs.move_to_end(key)
        return ready

    def _compute(self, ready: Ready, x: Array, t: Any) -> float:
        """Run one batch forward, and backward if asked for; give its loss."""
        session = ready.session
        session.point(Frame.BANKS + Bank.DATA, x)
        targets = Frame.BANKS + Bank.TARGETS
        if session.kept.get(targets) is not t:
            session.point(targets, t)
        ready.run(1, self.network)
        return float(session.kept[Frame.LOSSES][0])

    def _door(self, x: Any, t: Any) -> tuple[Array, str, float, tuple[int, ...], Any]:
        """Bring x and t into the form that the machine reads. Raises NotNative for what is left to NumPy."""
        if not isinstance(x, Pixels):
            x = np.asarray(x)
        if x.ndim < 2 or not len(x):
            raise NotNative("one sample without its batch axis, or none")
        shape = self.network._sample_shape(x.shape)
        outputs = self._outputs(shape)
        t = np.asarray(t)
        if t.ndim < 1 or len(t) != len(x):
            raise NotNative("targets that do not fit")
        x, source, scale = readable(self.network, x)
        if not x.flags.aligned:  # it may be read in place, number by number
            x = x.copy()
        return x, source, scale, shape, targets(self.network, t, outputs)

    def _mostly_zero(self, x: Array) -> bool:
        """Say whether passing over zeros pays; looked at now and then, since no result depends on it."""
        self._looks -= 1
        if self._looks < 0:
            self._sparse, self._looks = mostly_zero(x, 8), 63
        return self._sparse

    def _outputs(self, shape: tuple[int, ...]) -> int:
        if shape in self._widths:
            return self._widths[shape]
        try:
            self._widths[shape] = outputs_of(self.network, shape)
        except ValueError as error:
            raise NotNative(str(error)) from None  # NumPy's way raises the error that the reader knows
        return self._widths[shape]

    # -- the four calls; None where NumPy's way is to be taken ----------------------------------------------------

    def gradient(self, x: Any, t: Any) -> dict[str, Array] | None:
        """Give the gradients, in memory that is never written to again; they are `block.grads`, too.

        The layers' dW and db are the same arrays, as in the book's `gradient`.
        """
        again = self._again
        if again is not None and again.takes(x, t):
            with self.lock:
                if again is self._again and self._looks > 0 and crew.advise(self.threads) == again.threads:
                    np.copyto(again.t, t)  # a copy: nobody can change it after the check
                    if np.maximum.reduce(again.unsigned) < again.outputs:  # what is negative is largest of all
                        self._looks -= 1
                        return self._slopes(again.ready, x, again.t)
        return self._gradient(x, t)

    @or_none
    def _gradient(self, x: Any, t: Any) -> dict[str, Array]:
        given, told = x, t
        x, source, scale, shape, t = self._door(x, t)
        ready = self._program("gradient", len(x), shape, source, scale, self._mostly_zero(x))
        grads = self._slopes(ready, x, t)
        self._again = None
        plain = x is given and type(told) is np.ndarray and not ready.program.memories
        if plain and type(self._layers[-1]) is SoftmaxWithLoss:
            self._again = Again(ready, x, t, self._outputs(shape), crew.advise(self.threads))
        return grads

    def _slopes(self, ready: Ready, x: Array, t: Array) -> dict[str, Array]:
        """Run one batch forward and backward, and tell network and layers."""
        room = self._room()
        ready.session.frame[Frame.BANKS + Bank.SLOPES] = (
            room.address
        )  # kept by nobody but us and, later, whoever holds a gradient
        loss, grads = self._compute(ready, x, t), {}
        for (own, attribute, key), view in zip(self._gradients, room.views, strict=True):
            own[attribute] = grads[key] = view
        for own, attribute, value in self._saved:
            own[attribute] = None if value is None else True  # `training`, as NumPy's way leaves it
        self.network.block.grads_are(room.flat)
        forget_loss(self.network, loss)
        return grads

    def _room(self) -> "Room":
        """Give room for gradients that nobody holds any more, if there is such: fresh memory costs more than it."""
        for room in self._rooms:
            if room.counts() == room.unused:
                return room
        room = Room(self.network, [key for _, _, key in self._gradients])
        if len(self._rooms) < SPARE:
            self._rooms.append(room)
        return room

    @or_none
    def loss(self, x: Any, t: Any) -> float:
        """Give the loss of one batch."""
        x, source, scale, shape, t = self._door(x, t)
        loss = self._compute(self._program("loss", len(x), shape, source, scale, self._mostly_zero(x)), x, t)
        forget(self.network, loss, gradients=False)
        return loss

    def predict(self, x: Any) -> Array | None:
        """Give the scores, (N, C); in as few steps as can be for a shape of a few samples that was there before."""
        small = self._small.get(x.shape) if type(x) is np.ndarray and x.dtype.kind == "f" else None
        if small is not None:  # asked once: another thread may be emptying the table
            with self.lock:
                inside, out, run, _ = small
                np.copyto(inside, x)  # converts, too
                run()
                for own, attribute, value in self._saved:
                    own[attribute] = value
                return out.copy()
        return self._predict(x)

    @or_none
    def _predict(self, x: Any) -> Array:
        network = self.network
        remembering = any(type(layer) is BatchNormalization for layer in self._layers)
        few = type(x) is np.ndarray and x.ndim == 2 and len(x) <= lower.THIN and x.dtype.kind == "f"
        if few and not remembering and network._sample_shape(x.shape) == x.shape[1:]:
            self._make_small(x.shape)
            answer = self.predict(x)
            assert answer is not None
            return answer
        if not isinstance(x, Pixels):
            x = np.asarray(x)
        if x.ndim < 2 or not len(x):
            raise NotNative("one sample without its batch axis, or none")
        outputs = self._outputs(self.network._sample_shape(x.shape))
        out = np.empty((len(x), outputs), network.dtype)
        self._pieces("scores", x, out)
        return out

    def _make_small(self, shape: tuple[int, int]) -> None:
        """Make ready for a few samples at a time, as often as can be: input and output have their places."""
        outputs, dtype = self._outputs(shape[1:]), self.network.dtype
        if not shape[0]:
            raise NotNative("no samples")
        ready = self._program("scores", shape[0], shape[1:], f"f{dtype.itemsize}", 0.0)
        assert not ready.program.memories, "what layers remember is brought in by the front door alone"
        # Taken out of the table: who found it there would point it to other arrays, and this way never looks again.
        self._programs = OrderedDict((key, kept) for key, kept in self._programs.items() if kept is not ready)
        inside = aligned(int(np.prod(shape)) * dtype.itemsize).view(dtype).reshape(shape)
        out = np.zeros((shape[0], outputs), dtype)
        session = ready.session
        session.point(Frame.ORDER, counting(shape[0]))
        session.point(Frame.BANKS + Bank.DATA, inside)
        session.point(Frame.BANKS + Bank.OUTPUT, out)
        ready.run(1)  # once by the front door; from then on all that it would set is set
        again = functools.partial(session.machine, session.address, 0)
        run = again if session.threads == 1 and not tapes.POISON else functools.partial(ready.run, 1)
        self._small[shape] = (inside, out, run, ready)  # ready owns the memory whose address run holds

    @or_none
    def accuracy(self, x: Any, t: Any) -> float:
        """Give the share of samples whose highest score is at their label."""
        if not isinstance(x, Pixels):
            x = np.asarray(x)
        if x.ndim < 2 or not len(x) or np.ndim(t) < 1 or len(t) != len(x):
            raise NotNative("samples and labels that do not fit")
        if type(self.network.last_layer) is SigmoidWithLoss:
            raise NotNative("answers of yes or no are counted by NumPy, on native scores")
        outputs = self._outputs(self.network._sample_shape(x.shape))
        right = labels(t, outputs)
        best = np.empty(len(x), np.int64)
        self._pieces("best", x, best)
        return int(np.sum(best == right)) / len(x)

    def _pieces(self, purpose: str, x: Any, out: Array) -> None:
        """Predict for any number of samples, PIECE at a time."""
        data, source, scale = readable(self.network, x)
        shape = self.network._sample_shape(x.shape)
        pieces, rest = divmod(len(data), PIECE)
        sparse = pieces >= 8 and mostly_zero(data)
        for start, batch, rounds in ((0, PIECE, pieces), (pieces * PIECE, rest, 1)):
            if not batch * rounds:
                continue
            ready = self._program(purpose, batch, shape, source, scale, sparse)
            session = ready.session
            session.point(Frame.ORDER, counting(len(data))[start:])
            session.point(Frame.BANKS + Bank.DATA, data)
            session.point(Frame.BANKS + Bank.OUTPUT, out[start:])
            ready.run(rounds, self.network)
        forget(self.network, None, gradients=False)


_living: "weakref.WeakSet[Calls]" = weakref.WeakSet()


def _in_forked_child() -> None:
    """Begin anew: another thread may have been in a call, and will not come back to end it."""
    for calls in list(_living):
        calls._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)
