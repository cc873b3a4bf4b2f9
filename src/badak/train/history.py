"""What a training leaves behind: the History, its run folder, and what observers said of its records."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from badak import store
from badak.graph import describe, tensors_of
from badak.networks import Network
from badak.train.runners import resolve

Record = dict[str, Any]
Watch = Callable[[Record], None]

_observers: list[Any] = []


def register_observer(observer: Any) -> None:
    """Let `observer(records)` look at the records after each evaluation.

    It gives what is wrong, a sentence by name of the cause; of each cause the first sentence is kept.
    `observer` may be a string 'module:name', imported at first use.
    """
    _observers.append(observer)


@dataclass
class History:
    """What `fit` did."""

    engine: str
    """Who computed: 'numpy' or 'native'."""
    records: list[Record] = field(default_factory=list)
    """One an evaluation, see `fit`: iteration, epoch, loss, accuracies, seconds, layers."""
    losses: list[float] = field(default_factory=list)
    """One an iteration: the loss of its batch before its update."""
    causes: dict[str, str] = field(default_factory=dict)
    """What the observers said of this training: a sentence by name of the cause, such as 'lr-too-high'."""
    train_accuracy: float | None = None
    """Of the network as it is at the end, on the training samples evaluated on; None where targets are values."""
    test_accuracy: float | None = None
    """The same on all test samples."""
    folder: Path | None = None
    """The run folder, where `out` asked for one."""

    @property
    def warnings(self) -> list[str]:
        """The sentences of `causes`, in the order in which they were said."""
        return [*self.causes.values()]


def save_run(history: History, network: Network) -> None:
    """Write the weights and the history of a run into its folder."""
    assert history.folder is not None
    make_up = {**describe(network), "engine": history.engine}
    store.save_model(history.folder / store.MODEL, tensors_of(network), make_up)
    store.write_history(history.folder, history.records)


def tell(history: History, watch: Watch | None) -> None:
    """Write and show the newest record, and ask the observers."""
    if history.folder is not None:
        store.append_history(history.folder, history.records[-1])
    if watch is not None:
        watch(history.records[-1])
    for observer in _observers:
        for cause, sentence in resolve(observer)(history.records).items():
            history.causes.setdefault(cause, sentence)
