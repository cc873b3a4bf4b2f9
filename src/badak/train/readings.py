"""The records of a training, and what several rules of the doctor ask of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Reading = Mapping[str, Any]

CHANCE = 0.95  # of the loss of always guessing by the labels' shares: nothing is learned above it
STEPS = 100  # before so many steps, nothing is called slow


class Run:
    """The records so far, with what several rules ask of them."""

    def __init__(self, records: Sequence[Reading]) -> None:
        self.records = records
        self.looks = [record for record in records if record.get("layers")]
        self.losses = [number(record.get("loss")) for record in records]

    @property
    def now(self) -> Reading:
        """The newest record."""
        return self.records[-1]

    @property
    def look(self) -> Reading:
        """The last record that has figures of layers."""
        return self.looks[-1] if self.looks else {"layers": {}}

    def layers(self, key: str) -> dict[str, float]:
        """Give a figure by layer from the last look, for the layers that have it."""
        return {name: number(told[key]) for name, told in self.look["layers"].items() if key in told}

    def input_rms(self) -> float | None:
        """Give the root mean square of the network's input, None where nobody looked."""
        return next(iter(self.layers("input_rms").values()), None)

    def iteration(self) -> int:
        """Give the number of the newest record's iteration, from 0."""
        return int(self.now.get("iteration", 0))

    def started(self) -> float:
        """The loss at the start; where labels are known, at most that of guessing, which wide weights can exceed."""
        return min(self.losses[0], self.now.get("chance") or math.inf)

    def noise(self) -> float:
        """Give the standard deviation, this or less, of the difference of two accuracies that chance has chosen for.

        Of the training data only where it is a part that was looked at.
        """
        samples = self.now.get("samples", [0, 0])
        train, test = self.now.get("evaluated", samples)
        return math.sqrt(0.25 / max(test, 1) + (0.25 / train if 0 < train < samples[0] else 0.0))

    def learns_nothing(self) -> bool:
        """Say whether the loss is still what guessing would have, after an epoch and some steps."""
        enough = self.iteration() >= STEPS and self.now.get("epoch", 0) >= 1
        return enough and self.losses[-1] >= CHANCE * self.started()

    def steps(self) -> list[tuple[str, float]]:
        """Give (layer, lr · ‖dW‖ / ‖W‖) at each look, the largest of its layers."""
        found = []
        for look in self.looks:
            ratios = {
                name: look.get("lr", 0) * number(told.get("dW_norm")) / number(told["W_norm"])
                for name, told in look["layers"].items()
                if "W_norm" in told and number(told["W_norm"]) != 0
            }
            if ratios:
                # Weights that a step has made no numbers were moved by any length.
                lengths = {name: size if math.isfinite(size) else math.inf for name, size in ratios.items()}
                found.append(max(lengths.items(), key=lambda item: item[1]))
        return found

    def moved(self) -> float | None:
        """Give how far all steps together could have moved the weights, as a multiple of their size."""
        steps = [size for _, size in self.steps()]
        if len(steps) < len(self.looks) or not steps:
            return None
        # Before the first look, steps are taken to have been as long as there.
        places = [0, *(int(look.get("iteration", 0)) for look in self.looks[1:]), self.iteration()]
        return sum(size * (after - at) for size, at, after in zip(steps, places[:-1], places[1:], strict=True))

    def growth(self) -> tuple[str, str, float] | None:
        """Give (first, last, gradient at the first as a multiple of the last), of the layers with weights."""
        held = [(name, number(told.get("dout_norm"))) for name, told in self.look["layers"].items() if "W_norm" in told]
        if len(held) < 2 or not held[-1][1] > 0:
            return None
        return held[0][0], held[-1][0], held[0][1] / held[-1][1]


def number(value: Any) -> float:
    """Give a figure as a float; what JSON wrote as null was no number."""
    return math.nan if value is None else float(value)
