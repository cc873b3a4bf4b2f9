"""Healthy and sick training runs: what is said of them, and that nothing is said of the healthy ones."""

import importlib.util
import json
import string
from pathlib import Path

import numpy as np
import pytest

import badak
from badak import store, training
from badak.check import training as check
from badak.language import translator
from badak.models import MultiLayerNet, TwoLayerNet

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
    labels = [finding.label for finding in check.check_run(tmp_path / "sick")]
    assert labels[-1] == "loss-nan" or "lr-too-high" in labels
    badak.fit(MultiLayerNet(**sizes), x, t, epochs=6, batch_size=20, lr=0.1, out=tmp_path / "healthy")
    assert check.check_run(tmp_path / "healthy") == []
    capsys.readouterr()
    assert check.training_command(tmp_path / "healthy", lang="ko") == 0
    assert "찾지 못했습니다" in capsys.readouterr().out
    assert check.training_command(tmp_path / "sick", json=True) == 1
    assert [json.loads(line)["label"] for line in capsys.readouterr().out.splitlines()] == labels
    with pytest.raises(FileNotFoundError, match="no run folder"):
        check.check_run(tmp_path)


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
    assert check.find([]) == []
    assert check.find([{"loss": 2.3}, {"loss": 1.1}]) == []
    assert [f.label for f in check.find([{"loss": 2.3}, {"loss": float("nan")}])] == ["loss-nan"]
    assert [f.label for f in check.find([{"loss": 2.3}, {"loss": 0.9}, {"loss": 4.1}])] == ["lr-too-high"]
    stuck = [{"loss": 2.303, "chance": 2.3026, "iteration": i, "epoch": i / 100} for i in range(0, 700, 100)]
    assert [f.label for f in check.find(stuck)] == ["loss-at-chance"]


def test_fit_asks_only_where_layers_were_looked_at():
    layers = {"Affine1": {"input_rms": 100.0}}
    assert list(check.observe([{"loss": 2.3, "layers": layers}])) == ["inputs-not-scaled"]
    assert check.observe([{"loss": 2.3, "layers": layers}, {"loss": 2.2, "layers": {}}]) == {}
    assert list(check.observe([{"loss": 2.3}, {"loss": float("nan"), "layers": {}}])) == ["loss-nan"]


def test_looking_at_layers_stays_a_small_part_of_a_long_training(blobs):
    x, t = blobs
    history = badak.fit(MultiLayerNet(3, [8], 3, seed=0, engine="numpy"), x, t, epochs=200, batch_size=20)
    looks = sum(bool(record["layers"]) for record in history.records)
    assert training.LOOKS <= looks <= training.LOOKS + 0.02 * 200 * len(x) / min(len(x), 100)
    assert looks < len(history.records) / 4
    assert history.records[0]["layers"]
    assert history.causes == {}


def test_a_cause_silences_what_follows_from_it():
    layers = {"Affine1": {"input_rms": 100.0, "input_min": 0.0, "input_max": 255.0, "W_norm": 1.0, "dW_norm": 1e9}}
    records = [{"loss": 2.3, "lr": 0.1, "layers": layers}, {"loss": None, "lr": 0.1, "layers": layers}]
    assert [f.label for f in check.find(records)] == ["inputs-not-scaled"]
    layers["Affine1"] |= {"input_rms": 0.5}
    assert [f.label for f in check.find(records)] == ["loss-nan"]


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
    assert [finding.label for finding in check.check_run(tmp_path / "run")] == ["lr-too-high"]


def test_korean_says_all_that_english_says(runs):
    korean = translator("training", "ko")
    source = Path(check.__file__).read_text(encoding="utf-8")
    translated = [entry for entry in korean._catalog if entry]
    assert len(translated) >= 30

    def fields(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for english in translated:
        assert english[:30] in source, f"no longer said: {english}"
        assert fields(english) == fields(korean.gettext(english))
    for label in ("zero-init", "lr-too-low", "inputs-not-scaled", "unshuffled", "overfitting"):
        for finding in check.find(runs.sick(label, 7002).records):
            for text in (finding.text, finding.advice):
                assert korean.gettext(text) != text
            assert check.sentence(finding, "ko") != check.sentence(finding, "en")


def test_findings_are_plain_data(runs):
    finding = check.find(runs.sick("lr-too-low", 7003).records)[0]
    told = json.loads(json.dumps(finding.to_dict()))
    assert told["label"] == "lr-too-low"
    assert told["check"] == "training"
    assert told["values"]["moved"] < check.MOVED
