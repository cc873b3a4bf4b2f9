"""Healthy and sick training runs: what is said of them, and that nothing is said of the healthy ones."""

import importlib.util
import json
import string
from pathlib import Path

import numpy as np
import pytest

import badak
from badak import Affine, Sigmoid, SoftmaxWithLoss, store
from badak.language import translator
from badak.models import MultiLayerNet, TwoLayerNet
from badak.networks import Network
from badak.train import doctor, measure, readings

BENCHMARK = Path(__file__).parent.parent / "benchmarks" / "check_training.py"


@pytest.fixture(scope="module")
def runs():
    specification = importlib.util.spec_from_file_location("check_training", BENCHMARK)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


WAYS = [
    "loss-nan", "zero-init", "dead-relu", "saturated-sigmoid", "vanishing-gradient", "exploding-gradient",
    "lr-too-high", "lr-too-low", "unshuffled", "mislabelled", "inputs-not-scaled", "overfitting",
]  # fmt: skip


def test_every_way_of_the_benchmark_is_tested(runs):
    assert list(runs.SICK) == WAYS


@pytest.mark.parametrize("label", WAYS)
def test_a_sick_run_is_named(runs, label):
    assert runs.ACCEPTED.get(label, {label}) & set(runs.labels_of(runs.sick(label, 7001)))


@pytest.mark.parametrize("seed", [7000, 7001, 7004, 7005, 7009])
def test_a_healthy_run_is_not_blamed(runs, seed):
    assert runs.labels_of(runs.healthy(seed)) == {}


@pytest.fixture
def blobs(rng):
    t = rng.integers(3, size=400)
    return np.eye(3)[t] * 3 + rng.standard_normal((400, 3)), t


def test_fit_says_it_once_in_words(blobs):
    x, t = blobs
    history = badak.fit(TwoLayerNet(3, 8, 3, weight_init_std=0, engine="numpy"), x, t, epochs=4, batch_size=20)
    assert list(history.causes) == ["zero-init"]
    assert history.warnings == [
        "The weights of Affine1 are all 0, and nothing gets them away from there: every unit is the same. "
        "Start weights at random: 0.01 * rng.standard_normal(…), or MultiLayerNet's default."
    ]


def test_a_run_folder_is_checked(blobs, tmp_path, capsys):
    x, t = blobs
    sizes = {"input_size": 3, "hidden_size_list": [8], "output_size": 3, "seed": 0, "engine": "numpy"}
    with np.errstate(all="ignore"):
        badak.fit(MultiLayerNet(**sizes), x, t, epochs=3, batch_size=20, lr=1e300, out=tmp_path / "sick")
    assert store.read_history(tmp_path / "sick")[-1]["loss"] is None
    labels = [finding.label for finding in doctor.check_run(tmp_path / "sick")]
    assert labels[-1] == "loss-nan" or "lr-too-high" in labels
    badak.fit(MultiLayerNet(**sizes), x, t, epochs=6, batch_size=20, lr=0.1, out=tmp_path / "healthy")
    assert doctor.check_run(tmp_path / "healthy") == []
    capsys.readouterr()
    assert doctor.training_command(tmp_path / "healthy", lang="ko") == 0
    assert "찾지 못했습니다" in capsys.readouterr().out
    assert doctor.training_command(tmp_path / "sick", json=True) == 1
    assert [json.loads(line)["label"] for line in capsys.readouterr().out.splitlines()] == labels
    with pytest.raises(FileNotFoundError, match="no run folder"):
        doctor.check_run(tmp_path)


def test_samples_in_order_are_named_only_where_labels_come_in_blocks(blobs):
    x, t = blobs
    by_label = np.argsort(t, kind="stable")

    def causes(rows):
        network = MultiLayerNet(3, [8], 3, seed=0, engine="numpy")
        return badak.fit(network, x[rows], t[rows], epochs=3, batch_size=20, shuffle=False).causes

    assert list(causes(by_label)) == ["unshuffled"]
    assert causes(np.arange(len(t))) == {}


def test_in_order_is_in_order(blobs):
    x, t = blobs
    rows = []

    class Watcher(MultiLayerNet):
        def backpropagate(self, x, t):
            rows.append(len(x))
            return super().backpropagate(x, t)

    badak.fit(Watcher(3, [4], 3, seed=0, engine="numpy"), x, t, epochs=1, batch_size=150, shuffle=False)
    assert rows == [150, 150, 100]
    with pytest.raises(ValueError, match="shuffle=False goes with epochs"):
        badak.fit(MultiLayerNet(3, [4], 3, seed=0), x, t, iterations=3, batch_size=5, shuffle=False)


def test_records_of_a_loop_of_ones_own_will_do():
    assert doctor.find([]) == []
    assert doctor.find([{"loss": 2.3}, {"loss": 1.1}]) == []
    assert [f.label for f in doctor.find([{"loss": 2.3}, {"loss": float("nan")}])] == ["loss-nan"]
    assert [f.label for f in doctor.find([{"loss": 2.3}, {"loss": 0.9}, {"loss": 4.1}])] == ["lr-too-high"]
    stuck = [{"loss": 2.303, "chance": 2.3026, "iteration": i, "epoch": i / 100} for i in range(0, 700, 100)]
    assert [f.label for f in doctor.find(stuck)] == ["loss-at-chance"]


def test_fit_asks_only_where_layers_were_looked_at():
    layers = {"Affine1": {"input_rms": 100.0}}
    assert list(doctor.observe([{"loss": 2.3, "layers": layers}])) == ["inputs-not-scaled"]
    assert doctor.observe([{"loss": 2.3, "layers": layers}, {"loss": 2.2, "layers": {}}]) == {}
    assert list(doctor.observe([{"loss": 2.3}, {"loss": float("nan"), "layers": {}}])) == ["loss-nan"]


def test_looking_at_layers_stays_a_small_part_of_a_long_training(blobs):
    x, t = blobs
    history = badak.fit(MultiLayerNet(3, [8], 3, seed=0, engine="numpy"), x, t, epochs=200, batch_size=20)
    looks = sum(bool(record["layers"]) for record in history.records)
    assert measure.LOOKS <= looks <= measure.LOOKS + 0.02 * 200 * len(x) / min(len(x), 100)
    assert looks < len(history.records) / 4
    assert history.records[0]["layers"]
    assert history.causes == {}


def test_a_cause_silences_what_follows_from_it():
    layers = {"Affine1": {"input_rms": 100.0, "input_min": 0.0, "input_max": 255.0, "W_norm": 1.0, "dW_norm": 1e9}}
    records = [{"loss": 2.3, "lr": 0.1, "layers": layers}, {"loss": None, "lr": 0.1, "layers": layers}]
    assert [f.label for f in doctor.find(records)] == ["inputs-not-scaled"]
    layers["Affine1"] |= {"input_rms": 0.5}
    assert [f.label for f in doctor.find(records)] == ["loss-nan"]


def test_too_long_a_step_and_the_nan_that_follows_are_one_cause(tmp_path, capsys):
    rng = np.random.default_rng(0)
    t = rng.integers(3, size=60)
    x = np.eye(3)[t] + 0.1 * rng.standard_normal((60, 3))
    with np.errstate(all="ignore"):
        history = badak.fit(TwoLayerNet(3, 8, 3, seed=0, engine="numpy"), x, t, epochs=3, batch_size=20, lr=1e200,
                            out=tmp_path / "run")  # fmt: skip
    assert history.records[0]["loss"] < 2
    assert np.isnan(history.records[-1]["loss"])
    assert list(history.causes) == ["lr-too-high"]
    assert [finding.label for finding in doctor.check_run(tmp_path / "run")] == ["lr-too-high"]


def test_korean_says_all_that_english_says(runs):
    korean = translator("training", "ko")
    source = Path(doctor.__file__).read_text(encoding="utf-8")
    translated = [entry for entry in korean._catalog if entry]
    assert len(translated) >= 30

    def fields(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for english in translated:
        assert english[:30] in source, f"no longer said: {english}"
        assert fields(english) == fields(korean.gettext(english))
    for label in ("zero-init", "lr-too-low", "inputs-not-scaled", "unshuffled", "overfitting"):
        for finding in doctor.find(runs.sick(label, 7002).records):
            for text in (finding.text, finding.advice):
                assert korean.gettext(text) != text
            assert doctor.sentence(finding, "ko") != doctor.sentence(finding, "en")


def test_findings_are_plain_data(runs):
    finding = doctor.find(runs.sick("lr-too-low", 7003).records)[0]
    told = json.loads(json.dumps(finding.to_dict()))
    assert told["label"] == "lr-too-low"
    assert told["check"] == "training"
    assert told["values"]["moved"] < doctor.MOVED


def layers(rms=1.0, first=1.0, ratio=1.0, **relu):
    """Give what a look at a small network tells: gradients of `first` and 1, and steps of 0.1 · `ratio`."""
    weights = {"W_norm": 1.0, "dW_norm": ratio, "alike": 0.0}
    return {
        "Affine1": {"input_rms": rms, "input_min": 0.0, "input_max": rms, "dout_norm": first, **weights},
        "Relu1": {"dead": 0.0, "flat": 0.0, **relu},
        "Affine2": {"dout_norm": 1.0, **weights},
    }


def records(*losses, iteration=200, look=None, looks=None, **figures):
    """Give records of these losses, the last at `iteration`; all but the figures of the last are the same."""
    told = [{"loss": loss, "lr": 0.1, "epoch": n, "iteration": n, "layers": {}} for n, loss in enumerate(losses)]
    told[looks or -1]["layers"] = layers() if look is None else look
    told[-1] |= {"iteration": iteration, **figures}
    return told


def parting(train):
    told = records(2.0, 1.0, 0.5, 0.4, samples=[60000, 10000])
    for record in told:
        record |= {"train_accuracy": train, "test_accuracy": 0.8}
    return told


THRESHOLDS = [
    # threshold, what is said, records of a figure, a figure of which it is said, and one of which it is not
    ("INPUT_RMS", "inputs-not-scaled", lambda v: records(2.0, 1.0, look=layers(rms=v)), 11, 9),
    ("INPUT_SMALL", "inputs-not-scaled", lambda v: records(2.0, 2.0, look=layers(rms=v)), 0.0095, 0.0105),
    ("CHANCE", "inputs-not-scaled", lambda v: records(2.0, 2.0 * v, look=layers(rms=0.001)), 0.97, 0.93),
    ("STEPS", "inputs-not-scaled", lambda v: records(2.0, 2.0, look=layers(rms=0.001), iteration=v), 101, 99),
    ("UNEVEN", "unshuffled", lambda v: records(2.0, 1.0, mix=v), 6.5, 5.5),
    ("DEAD", "dead-relu", lambda v: records(2.0, 1.0, look=layers(dead=v)), 0.55, 0.45),
    ("FLAT", "saturated-sigmoid", lambda v: records(2.0, 2.0, look=layers(flat=v)), 0.65, 0.55),
    ("STEP", "lr-too-high", lambda v: records(2.0, 2.0, look=layers(ratio=10 * v)), 2.2, 1.8),
    ("JUMP", "lr-too-high", lambda v: records(2.0, 1.0, v), 2.2, 1.8),
    ("MOVED", "lr-too-low", lambda v: records(2.0, 2.0, look=layers(ratio=v / 20), looks=-2), 0.027, 0.033),
    ("GROWTH", "exploding-gradient", lambda v: records(2.0, 1.0, look=layers(first=v)), 55, 45),
    ("SHRINKAGE", "vanishing-gradient", lambda v: records(2.0, 2.0, look=layers(first=v)), 0.0045, 0.0055),
    ("MISTAKES", "mislabelled",
     lambda v: records(2.0, 1.0, 0.9, wrong=0.2, wrong_rank=0.5, wrong_margin=2 * v), 0.24, 0.2),
    ("APART", "overfitting", lambda v: parting(0.8 + v), 0.16, 0.14),
]  # fmt: skip


@pytest.mark.parametrize(
    ("threshold", "label", "run", "said", "silent"), THRESHOLDS, ids=[row[0] for row in THRESHOLDS]
)
def test_a_threshold_is_where_it_was_measured(threshold, label, run, said, silent):
    # In figures and not by name, so that a threshold that is moved by a third is noticed, on either side.
    assert [finding.label for finding in doctor.find(run(said))] == [label]
    assert doctor.find(run(silent)) == []


def test_every_threshold_is_tested():
    named = {name for module in (doctor, readings) for name, value in vars(module).items()
             if name.isupper() and isinstance(value, int | float)}  # fmt: skip
    assert named == {row[0] for row in THRESHOLDS}


@pytest.mark.parametrize(("slope", "saturated"), [(0.0115, 1.0), (0.0135, 0.0)])
def test_a_unit_is_saturated_below_five_percent_of_the_steepest_slope(slope, saturated):
    at = np.log((1 + np.sqrt(1 - 4 * slope)) / (1 - np.sqrt(1 - 4 * slope)))  # where σ' is `slope`
    network = Network([Affine(np.eye(2), np.zeros(2)), Sigmoid(), Affine(np.ones((2, 3)), np.zeros(3))],
                      SoftmaxWithLoss())  # fmt: skip
    told = measure.health(network, np.full((50, 2), at), np.zeros(50, int))["Sigmoid1"]
    assert told["saturated"] == saturated
    assert told["flat"] == saturated
    assert told["dead"] == 0


@pytest.mark.parametrize(("quiet", "saturated"), [(46, 1.0), (44, 0.0)])
def test_a_unit_is_saturated_where_nine_samples_in_ten_are(quiet, saturated):
    network = Network([Affine(np.eye(1), np.zeros(1)), Sigmoid(), Affine(np.ones((1, 2)), np.zeros(2))],
                      SoftmaxWithLoss())  # fmt: skip
    x = np.where(np.arange(50) < quiet, 20.0, 0.0)[:, None]
    told = measure.health(network, x, np.zeros(50, int))["Sigmoid1"]
    assert told["saturated"] == saturated
    assert told["flat"] == quiet / 50


def test_an_accuracy_of_few_samples_is_no_fault():
    # Of 100 test samples chance makes 5 points, and of 100 training samples looked at as many again.
    told = parting(0.97)
    assert [finding.label for finding in doctor.find(told)] == ["overfitting"]
    told[-1] |= {"evaluated": [60000, 100]}
    assert doctor.find(told) == []
    told[-1] |= {"evaluated": [60000, 700]}
    assert [finding.label for finding in doctor.find(told)] == ["overfitting"]
    told[-1] |= {"evaluated": [100, 700]}
    assert doctor.find(told) == []


def test_steps_before_the_first_look_count():
    # A loop of one's own may look once, at the end: what moved the weights until then is not nothing.
    told = records(2.0, 2.0, look=layers(ratio=1.0), iteration=200)
    assert readings.Run(told).moved() == pytest.approx(0.1 * 200)
    assert doctor.find(told) == []
    told = records(2.0, 2.0, look=layers(ratio=1e-4), iteration=200)
    assert [finding.label for finding in doctor.find(told)] == ["lr-too-low"]
