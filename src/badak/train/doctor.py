"""Is this training run healthy, and if not, why: sentences from the records that `fit` keeps.

Each rule looks at the records up to now and gives a finding or None. Rules stand in the order of causes: what a cause
explains (a loss that is no number after inputs of 0 to 255) is not told as a fault of its own. A record may lack any
figure; a rule that needs it then says nothing, so records of a loop of one's own will do.

The thresholds lie between what 50 healthy runs showed and what 60 sick ones did, in `benchmarks/check_training.py`.
They were set on its seeds from 0, 1000 and 2000 and verified on those from 5000. "Healthy to" in the comments is the
farthest that a healthy run went, "sick from" the least that a sick one showed.
"""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from badak import store
from badak.language import choose_language, fill_in, translator
from badak.reading import json_line, shown
from badak.train.readings import STEPS, Reading, Run, number

INPUT_RMS = 10.0  # healthy to 2; pixels of 0 to 16, which do train, have 8; sick from 80 (0 to 255)
INPUT_SMALL = 0.01  # MNIST divided by 255 twice has 0.0013
UNEVEN = 6.0  # healthy to 2.3, where an epoch has few pieces; samples sorted by label from 47
DEAD = 0.5  # healthy to 0.26; sick from 0.85
FLAT = 0.6  # healthy to 0.44, late in training, with a loss near 0; sick from 0.86
STEP = 2.0  # a step, in lengths of the weights; healthy to 1.6, at the first steps of a sigmoid net; sick from 2.5
JUMP = 2.0  # of the best loss before; healthy to 1.65, and that near 0
MOVED = 0.03  # all steps so far together, in lengths of the weights; healthy from 0.2; sick to 0.0005
GROWTH = 50.0  # of the gradient from the last layer to the first; healthy from 0.04 to 7; exploding from 550
SHRINKAGE = 0.005  # vanishing to 0.0008
MISTAKES = 0.22  # wrong_rank · wrong_margin; healthy to 0.17 once the loss is falling; labels by chance from 0.19
APART = 0.15  # train less test accuracy; healthy to 0.12, the digits of other writers


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a training."""

    label: str
    """The name of the cause, such as 'lr-too-high'."""
    text: str
    """What is wrong, in English, with places for `values`."""
    advice: str
    """What to do next, likewise."""
    values: dict[str, Any]
    """The figures, and the layer where there is one."""

    def to_dict(self) -> dict[str, Any]:
        """Give the finding as plain data, sentences untranslated."""
        return {"check": "training", "severity": "error", **vars(self)}


def find(records: Sequence[Reading]) -> list[Finding]:
    """Give what is wrong with the training that left these records, causes alone, in the order of weight.

    A record is a mapping as in `History.records`. An empty list says that nothing known is wrong.
    """
    run = Run(records)
    if not records:
        return []
    found: list[Finding] = []
    explained: set[str] = set()
    for label, (rule, explains) in RULES.items():
        if label in explained:
            continue
        told = rule(run)
        if told is not None:
            text, advice, values = told
            found.append(Finding(label, text, advice, values))
            explained |= explains
    return found


def observe(records: Sequence[Reading]) -> dict[str, str]:
    """Give the sentences for `find(records)` by label, in the user's language: an observer of `fit`.

    Nothing where the last record looked at no layers, unless its loss is no number: looking costs time, and `fit`
    sees to it that records with layers are not too many.
    """
    if not records[-1].get("layers") and math.isfinite(number(records[-1].get("loss"))):
        return {}
    return {finding.label: sentence(finding) for finding in _unsaid(records)}


def _unsaid(records: Sequence[Reading]) -> list[Finding]:
    """Give `find(records)` without the NaN that follows from too long a step, where that was said before."""
    found = find(records)
    if any(finding.label == "loss-nan" and "step" in finding.values for finding in found):
        good = next(i for i, record in enumerate(records) if not math.isfinite(number(record.get("loss"))))
        if any(finding.label == "lr-too-high" for finding in find(records[:good])):
            return [finding for finding in found if finding.label != "loss-nan"]
    return found


def check_run(folder: str | os.PathLike[str]) -> list[Finding]:
    """Give what was wrong at any time with the run in `folder`, each cause once with its first figures.

    Raises FileNotFoundError where the folder holds no run, ValueError where its history is damaged.
    """
    records = store.read_history(folder)
    found: dict[str, Finding] = {}
    for count in range(1, len(records) + 1):
        for finding in _unsaid(records[:count]):
            found.setdefault(finding.label, finding)
    return list(found.values())


def training_command(folder: str | os.PathLike[str], json: bool = False, lang: str | None = None) -> int:
    """Print what was wrong with the run in `folder`, a line each, as text or JSON; give 1 for anything wrong, else 0.

    Raises as `check_run`, and ValueError for an unknown language.
    """
    lang = choose_language(lang)
    if not store.read_history(folder):
        raise ValueError(f"{folder} holds a run that was never evaluated: there is nothing to look at")
    found = check_run(folder)
    for finding in found:
        if json:
            told = {"file": str(folder), "label": finding.label, "severity": "error",
                    "message": sentence(finding, lang), "values": finding.values}  # fmt: skip
            print(json_line(told, default=str))
        else:
            print(shown(f"{folder}: [{finding.label}] {sentence(finding, lang)}"))
    if not found and not json:
        print(shown(f"{folder}: {translator('training', lang).gettext('nothing is wrong with this run')}"))
    return int(bool(found))


def sentence(finding: Finding, lang: str | None = None) -> str:
    """Give a finding's words in 'en' or 'ko' (by default the locale's): what is wrong, its figure, what next."""
    say = translator("training", lang).gettext
    values = {name: _figure(value) for name, value in finding.values.items()}
    return fill_in(f"{say(finding.text)} {say(finding.advice)}", values)


def _figure(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if 10 <= abs(value) < 1e5 and value == int(value) else f"{value:.2g}" if (
            abs(value) < 0.01 or abs(value) >= 1e4) else f"{value:.4g}"  # fmt: skip
    return str(value)


Told = tuple[str, str, dict[str, Any]] | None


def _inputs(run: Run) -> Told:
    rms = run.input_rms()
    if rms is None:
        return None
    first = next(iter(run.look["layers"].values()))
    values = {"rms": rms, "low": number(first.get("input_min")), "high": number(first.get("input_max"))}
    if rms > INPUT_RMS:
        return (
            "The inputs are not scaled: they go from {low} to {high}, with a root mean square of {rms}.",
            "Divide them (pixels by 255), or subtract each column's mean and divide by its standard deviation.",
            values,
        )
    if 0 < rms < INPUT_SMALL and run.learns_nothing():
        return (
            "The inputs are not scaled: they are tiny, from {low} to {high}, with a root mean square of {rms}.",
            "Were they divided twice? Bring them to about 0 to 1, or to mean 0 and standard deviation 1.",
            values,
        )
    return None


def _zero_init(run: Run) -> Told:
    alike = {name: norm for name, norm in run.layers("W_norm").items() if run.look["layers"][name].get("alike") == 1}
    if not alike:
        return None
    name = next(iter(alike))
    how = (
        "The weights of {layer} are all 0, and nothing gets them away from there: every unit is the same."
        if alike[name] == 0
        else "All units of {layer} have the same weights, and get the same gradient: they count as one unit."
    )
    return how, "Start weights at random: 0.01 * rng.standard_normal(…), or MultiLayerNet's default.", {"layer": name}


def _not_finite(run: Run) -> Told:
    if not run.losses or math.isfinite(run.losses[-1]):
        return None
    values = {"iteration": run.iteration(), "lr": number(run.records[0].get("lr"))}
    large = [size for _, size in run.steps() if not size < STEP]
    if large:
        values["step"] = large[0]
        return (
            "The loss is no number (NaN or infinity) at iteration {iteration}: "
            "with a learning rate of {lr}, a step is {step} times as long as the weights.",
            "Try a learning rate ten times lower, and again until the loss falls.",
            values,
        )
    return (
        "The loss is no number (NaN or infinity) at iteration {iteration}.",
        "Try a learning rate ten times lower than {lr}; if it stays, look for a log(0) or a division by 0 in your layers.",  # noqa: E501
        values,
    )


def _unshuffled(run: Run) -> Told:
    # Not after the first step: one batch is no order.
    uneven = max((r["mix"] for r in run.looks if r.get("mix") and r.get("iteration", 0) > 0), default=0.0)
    if uneven < UNEVEN:
        return None
    return (
        "The samples are not shuffled: the labels in a batch are {uneven} times as uneven as chance would make them.",
        "Shuffle x and t together before each epoch (fit does, unless shuffle=False).",
        {"uneven": uneven},
    )


def _step_too_long(run: Run) -> Told:
    steps = run.steps()
    lr = number(run.now.get("lr"))
    layer, longest = max(steps, key=lambda item: item[1], default=("", 0.0))
    # The first record's loss is from before the first step: then only what no network survives is called too long.
    enough = STEP if len(run.losses) > 1 else 10 * STEP
    if longest >= enough and run.losses[-1] >= 0.9 * run.started():
        return (
            "The learning rate is too high, {lr}: a step was {step} times as long as the weights of {layer}, "
            "and the loss is {loss}.",
            "Try a learning rate ten times lower.",
            {"lr": lr, "step": longest, "layer": layer, "loss": run.losses[-1]},
        )
    best = min(run.losses[:-1], default=math.inf)
    if run.losses[-1] > JUMP * best and run.losses[-1] >= 0.7 * run.started():
        return (
            "The learning rate is too high, {lr}: the loss jumped from {best} to {loss}.",
            "Try a learning rate ten times lower.",
            {"lr": lr, "best": best, "loss": run.losses[-1]},
        )
    return None


def _dead(run: Run) -> Told:
    name, share = _worst(run.layers("dead"))
    if share < DEAD:
        return None
    return (
        "{percent} % of the units of {layer} are dead: they gave 0 for every sample that was looked at, "
        "so that no gradient passes and they cannot learn.",
        "Lower the learning rate, start the biases at 0 and the weights at sqrt(2 / inputs) (He).",
        {"layer": name, "percent": 100 * share},
    )


def _saturated(run: Run) -> Told:
    name, share = _worst(run.layers("flat"))
    if share < FLAT or run.losses[-1] < 0.5 * run.started():
        return None
    return (
        "{percent} % of the outputs of {layer} are saturated: they lie where its curve is flat, "
        "and hardly any gradient passes.",
        "Start the weights smaller, at sqrt(1 / inputs) (Xavier), and scale the inputs.",
        {"layer": name, "percent": 100 * share},
    )


def _worst(figures: Mapping[str, float]) -> tuple[str, float]:
    return max(figures.items(), key=lambda item: item[1], default=("", 0.0))


def _exploding(run: Run) -> Told:
    grown = run.growth()
    if grown is None or not grown[2] >= GROWTH:
        return None
    return (
        "The gradient explodes: it is {growth} times as large at {first} as at {last}.",
        "Start the weights smaller: at sqrt(2 / inputs) for Relu (He), sqrt(1 / inputs) for Sigmoid (Xavier).",
        {"layer": grown[0], "first": grown[0], "last": grown[1], "growth": grown[2]},
    )


def _vanishing(run: Run) -> Told:
    grown = run.growth()
    if grown is None or not grown[2] <= SHRINKAGE or not run.learns_nothing():
        return None
    return (
        "The gradient vanishes: at {first} there is {growth} of what there is at {last}, and the loss stays at {loss}.",
        "Use Relu with weights of sqrt(2 / inputs) (He), or fewer layers.",
        {"layer": grown[0], "first": grown[0], "last": grown[1], "growth": grown[2], "loss": run.losses[-1]},
    )


def _step_too_short(run: Run) -> Told:
    moved = run.moved()
    if moved is None or moved >= MOVED or run.iteration() < STEPS or run.now.get("epoch", 0) < 1:
        return None
    if run.losses[-1] < 0.9 * run.started():
        return None
    return (
        "The learning rate is too low, {lr}: {iteration} steps together moved the weights by {moved} of their size.",
        "Try a learning rate ten times higher, and again until the loss falls at once.",
        {"lr": number(run.now.get("lr")), "iteration": run.iteration(), "moved": moved},
    )


def _mislabelled(run: Run) -> Told:
    train, test = (run.now.get(f"{which}_accuracy") for which in ("train", "test"))
    known = train is not None and test is not None and run.now.get("epoch", 0) >= 1
    if known and number(test) - number(train) >= max(0.08, 4 * run.noise()):  # healthy to 0.02, sick from 0.16
        return (
            "Many training samples seem to be mislabelled: accuracy is {test} on the test data, {train} on those.",
            "Look at the training samples that the network gets wrong, beside their labels.",
            {"train": train, "test": test},
        )
    look, before = run.look, run.losses[-2] if len(run.losses) > 1 else math.inf
    rank, margin = look.get("wrong_rank"), look.get("wrong_margin")
    if look is not run.now or rank is None or margin is None or look["wrong"] < 0.1 or rank * margin < MISTAKES:
        return None
    # While the loss falls fast, a healthy network's mistakes look drawn by chance too.
    learned = run.losses[-1] < 0.9 * run.started() and run.now.get("epoch", 0) >= 2
    if not learned or run.losses[-1] < 0.85 * before:
        return None
    return (
        "Many training samples seem to be mislabelled: for {percent} % of them the network is sure of another class, "
        "and their labels' scores are anywhere among the others, as if drawn by chance.",
        "Look at the training samples that the network gets wrong, beside their labels.",
        {"percent": 100 * look["wrong"]},
    )


def _apart(run: Run) -> Told:
    train, test = (run.now.get(f"{which}_accuracy") for which in ("train", "test"))
    if train is None or test is None:
        return None
    # While both still rise, a gap may be the data's own: other writers in the test set.
    earlier = [r.get("test_accuracy") or 0.0 for r in run.records[: -max(2, len(run.records) // 3)]]
    if train - test < max(APART, 4 * run.noise()) or test > max(earlier, default=0.0) + 0.01:
        return None
    return (
        "Train and test accuracy drift apart: {train} and {test}. The network learns its training data by heart.",
        "Use more training data or a smaller network, or stop earlier.",
        {"train": train, "test": test},
    )


def _at_chance(run: Run) -> Told:
    chance = run.now.get("chance")
    if not chance or run.iteration() < 5 * STEPS or len(run.losses) < 4:
        return None
    if not all(0.99 * chance <= loss <= 1.02 * chance for loss in run.losses[-3:]):
        return None
    return (
        "The loss stays at {loss} after {iteration} iterations: that is guessing without looking at x ({chance}).",
        "Check that row i of x and label i of t belong together, and that the inputs differ from sample to sample.",
        {"loss": run.losses[-1], "iteration": run.iteration(), "chance": chance},
    )


_SLOW = {"lr-too-low", "loss-at-chance"}
_LENGTH = {"lr-too-high", "dead-relu", "saturated-sigmoid", "exploding-gradient", "vanishing-gradient", *_SLOW}
RULES: dict[str, tuple[Any, set[str]]] = {
    # label: the rule, and the labels that its cause explains
    "inputs-not-scaled": (_inputs, {"loss-nan", "mislabelled", "overfitting", *_LENGTH}),
    "zero-init": (_zero_init, _LENGTH),
    "loss-nan": (_not_finite, {"mislabelled", "overfitting", *_LENGTH}),
    "unshuffled": (_unshuffled, {"mislabelled", "lr-too-high", "overfitting"}),
    "lr-too-high": (_step_too_long, _LENGTH),
    "dead-relu": (_dead, {"vanishing-gradient", *_SLOW}),
    "saturated-sigmoid": (_saturated, {"vanishing-gradient", "exploding-gradient", *_SLOW}),
    "exploding-gradient": (_exploding, _SLOW),
    "vanishing-gradient": (_vanishing, _SLOW),
    "lr-too-low": (_step_too_short, {"loss-at-chance"}),
    "mislabelled": (_mislabelled, set()),
    "overfitting": (_apart, set()),
    "loss-at-chance": (_at_chance, set()),
}
