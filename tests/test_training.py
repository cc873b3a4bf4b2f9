"""fit: the order from the seed, evaluations, runs on disk, and what it refuses before it starts."""

import json
import signal
import threading
import tomllib

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from badak import Affine, IdentityWithLoss, MultiLayerNet, Network, TwoLayerNet, fit, store, training
from badak.data import batches
from badak.graph import load_network


@pytest.fixture
def data(rng):
    centres = 3 * rng.standard_normal((3, 6))
    t = rng.integers(3, size=130)
    return (centres[t] + rng.standard_normal((130, 6))).astype(np.float32), t


def net(**options):
    return TwoLayerNet(6, 8, 3, weight_init_std=0.3, seed=0, **options)


def test_it_learns_and_tells(data):
    x, t = data
    seen = []
    history = fit(net(), x[:100], t[:100], x[100:], t[100:], epochs=20, batch_size=10, watch=seen.append)
    assert history.records == seen
    assert [r["iteration"] for r in seen] == [0, *range(9, 200, 10)]
    assert [r["epoch"] for r in seen] == list(range(21))
    assert history.train_accuracy == seen[-1]["train_accuracy"] > 0.9
    assert history.test_accuracy > 0.8
    assert len(history.losses) == 200
    assert seen[-1]["loss"] == pytest.approx(np.mean(history.losses[-10:]))
    assert history.engine == "native"
    assert history.folder is None


def test_iterations_are_evaluated_as_in_the_post(data):
    x, t = data
    history = fit(net(), x, t, iterations=60, batch_size=10)
    assert [r["iteration"] for r in history.records] == [0, 13, 26, 39, 52]
    assert [r["epoch"] for r in history.records] == [0, 1, 2, 3, 4]
    assert len(history.losses) == 60
    assert history.test_accuracy is None


def test_an_epoch_sees_each_sample_once(rng):
    pieces = list(batches.shuffled(23, 5, rng))
    assert [piece.shape for piece in pieces] == [(4, 5), (1, 3)]
    assert_array_equal(np.sort(np.concatenate([p.ravel() for p in pieces])), np.arange(23))
    assert [p.shape for p in batches.shuffled(3, 3, rng)] == [(1, 3)]


def test_drawing_is_with_replacement_and_in_range(rng):
    order = batches.drawn(7, 5, 400, rng)
    assert order.shape == (400, 5)
    assert set(order.ravel()) == set(range(7))
    assert any(len(set(row)) < 5 for row in order)


def test_the_same_seed_gives_the_same_bytes(data, tmp_path):
    x, t = data
    for name, seed in (("one", 7), ("two", 7), ("other", 8)):
        fit(net(dtype=np.float32), x, t, iterations=30, batch_size=10, seed=seed, out=tmp_path / name)
    one, two, other = ((tmp_path / name / store.MODEL).read_bytes() for name in ("one", "two", "other"))
    assert one == two
    assert one != other


def test_how_calls_are_cut_changes_nothing(data, monkeypatch):
    x, t = data
    values = []
    for seconds in (1e-9, 10):
        monkeypatch.setattr(training, "CALL_SECONDS", seconds)
        network = net()
        fit(network, x, t, iterations=50, batch_size=10)
        values.append(network.block.values)
    assert_array_equal(*values)


def test_labels_as_indices_or_one_hot_train_alike(data):
    x, t = data
    one, two = net(), net()
    fit(one, x, t, epochs=2, batch_size=10)
    history = fit(two, x, np.eye(3)[t], epochs=2, batch_size=10)
    np.testing.assert_allclose(one.block.values, two.block.values, rtol=1e-12)
    assert history.train_accuracy is not None


def test_a_run_folder(data, tmp_path):
    x, t = data
    network = net(dtype=np.float32)
    history = fit(
        network, x, t, x, t, iterations=30, batch_size=10, out=tmp_path / "a" / "run", settings={"data": "made"}
    )
    folder = history.folder
    assert sorted(p.name for p in folder.iterdir()) == ["config.toml", "history.jsonl", "model.safetensors"]
    records = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert records == json.loads(json.dumps(history.records))
    assert set(records[0]) == {
        "iteration",
        "epoch",
        "loss",
        "train_accuracy",
        "test_accuracy",
        "seconds",
        "layers",
        "loss_max",
        "lr",
        "samples",
        "mix",
        "wrong",
        "wrong_rank",
        "wrong_margin",
        "chance",
    }
    config = tomllib.loads((folder / "config.toml").read_text())
    assert config["lr"] == 0.1
    assert config["data"] == "made"
    tensors, make_up = store.load_model(folder)
    assert set(tensors) == {"W1", "b1", "W2", "b2"}
    assert make_up["engine"] == "native"
    assert_array_equal(load_network(folder).predict(x), network.predict(x))
    with pytest.raises(FileExistsError, match="holds another run already"):
        fit(network, x, t, iterations=1, batch_size=10, out=folder)


def test_metadata_is_one_sorted_json_string(data, tmp_path):
    from safetensors import safe_open

    x, t = data
    fit(net(), x, t, iterations=2, batch_size=10, out=tmp_path / "run")
    with safe_open(tmp_path / "run" / store.MODEL, "np") as file:
        metadata = file.metadata()
    assert list(metadata) == ["badak"]
    assert metadata["badak"] == json.dumps(json.loads(metadata["badak"]), sort_keys=True)
    assert not any(word in metadata["badak"] for word in ("time", "path", "host", str(tmp_path)))


@pytest.mark.parametrize(("engine", "want"), [("native", 1), ("numpy", 2)])
def test_numpy_multiplies_on_one_thread_while_the_engine_trains(data, engine, want, monkeypatch):
    from threadpoolctl import threadpool_info, threadpool_limits

    def blas():
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    seen, health = [], training.health
    monkeypatch.setattr(training, "health", lambda *a: (seen.append(blas()), health(*a))[1])
    with threadpool_limits(2, "blas"):
        if blas() != {2}:
            pytest.skip("this NumPy's products have no number of threads that can be set")
        fit(net(), *data, iterations=2, batch_size=10, engine=engine)
        assert blas() == {2}
    assert seen == [{want}]


def test_health_of_each_layer(rng):
    network = MultiLayerNet(4, [5, 6], 3, "relu", seed=0)
    network.params["b1"][:2] = -100  # two dead units of five
    x, t = rng.standard_normal((50, 4)), rng.integers(3, size=50)
    told = training.health(network, x, t)
    assert list(told) == list(network.layers)
    assert told["Relu1"]["dead"] == pytest.approx(0.4)
    assert told["Affine1"]["input_mean"] == pytest.approx(x.mean())
    assert told["Affine1"]["input_max"] == x.max()
    assert told["Affine2"]["W_norm"] == pytest.approx(np.linalg.norm(network.params["W2"]))
    assert told["Affine2"]["dW_norm"] == pytest.approx(np.linalg.norm(network.gradient(x, t)["W2"]), rel=1e-9)
    sigmoid = MultiLayerNet(4, [5], 3, "sigmoid", seed=0)
    assert training.health(sigmoid, x, t)["Sigmoid1"]["saturated"] == 0
    sigmoid.params["b1"][0] = 50
    assert training.health(sigmoid, x, t)["Sigmoid1"]["saturated"] == pytest.approx(0.2)


def test_ctrl_c_keeps_everything_up_to_then(data, tmp_path):
    x, t = (np.tile(part, (500,) + (1,) * (part.ndim - 1)) for part in data)  # few evaluations, so few files written
    network = net()
    threading.Timer(0.6, signal.raise_signal, [signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        fit(network, x, t, x, t, iterations=10**7, batch_size=10, out=tmp_path / "run")
    assert store.read_history(tmp_path / "run")
    assert_array_equal(load_network(tmp_path / "run").block.values, network.block.values)


def test_regression_has_no_accuracy(rng, tmp_path):
    x = rng.standard_normal((40, 4))
    t = x @ rng.standard_normal((4, 2))
    network = Network([Affine(np.zeros((4, 2)), np.zeros(2))], IdentityWithLoss())
    history = fit(network, x, t, x, t, epochs=30, batch_size=10, lr=0.3, out=tmp_path / "run")
    assert history.train_accuracy is None
    assert history.records[-1]["loss"] < 1e-6
    assert store.read_history(tmp_path / "run")[0]["test_accuracy"] is None


def test_nan_is_null_on_disk(data, tmp_path):
    x, t = data
    with np.errstate(all="ignore"):
        fit(net(dtype=np.float32), x, t, iterations=60, batch_size=10, lr=1e30, out=tmp_path / "run")
    assert store.read_history(tmp_path / "run")[-1]["loss"] is None


def test_an_observer_is_asked_after_each_evaluation(data, monkeypatch):
    x, t = data
    monkeypatch.setattr(training, "_observers", [])
    training.register_observer(
        lambda records: {"a": f"at {len(records)}"} | ({"b": "three"} if len(records) == 3 else {})
    )
    assert fit(net(), x, t, iterations=60, batch_size=10).causes == {"a": "at 1", "b": "three"}


def test_a_runner_that_cannot_says_why(data, monkeypatch):
    x, t = data

    def cannot(*_):
        raise training.NotNative("Relu1 has no rule")

    monkeypatch.setitem(training._runners, "native", cannot)
    with pytest.raises(ValueError, match="cannot train on the native engine: Relu1 has no rule"):
        fit(net(), x, t, iterations=1, batch_size=10, engine="native")
    with pytest.warns(UserWarning, match="training on NumPy: Relu1 has no rule"):
        assert fit(net(), x, t, iterations=1, batch_size=10).engine == "numpy"
    assert fit(net(), x, t, iterations=1, batch_size=10, engine="numpy").engine == "numpy"
    assert fit(net(engine="numpy"), x, t, iterations=1, batch_size=10).engine == "numpy"


def nan_pixel(x, t):
    x = x.copy()
    x[17, 2] = np.nan
    return x, t


BAD = {
    "label out of range": (lambda x, t: (x, t + 1), {}, ValueError, "label out of range: t\\[.*is 3"),
    "negative label": (lambda x, t: (x, t - 1), {}, ValueError, "label out of range"),
    "NaN pixel": (nan_pixel, {}, ValueError, "x holds NaN or infinity, first in sample 17"),
    "columns": (lambda x, t: (x[:, :5], t), {}, ValueError, "takes 6 values a sample"),
    "fewer labels": (lambda x, t: (x, t[:5]), {}, ValueError, "130 samples, but t has shape"),
    "empty": (lambda x, t: (x[:0], t[:0]), {}, ValueError, "x holds no samples"),
    "one row": (lambda x, t: (x[0], t), {}, ValueError, "one row a sample"),
    "text": (lambda x, t: ("x", t), {}, TypeError, "must be arrays or lists, not str"),
    "ragged list": (lambda x, t: ([[1, 2], [3]], t), {}, ValueError, "x is a list of rows that differ in length"),
    "list of words": (lambda x, t: (x, ["a"] * len(x)), {}, TypeError, "t must hold real numbers"),
    "seed text": (None, {"seed": "a"}, TypeError, "seed must be a whole number, not 'a'"),
    "seed below 0": (None, {"seed": -1}, ValueError, "seed must be 0 or more, not -1"),
    "seed 1.5": (None, {"seed": 1.5}, TypeError, "seed must be a whole number, not 1.5"),
    "float labels": (lambda x, t: (x, t + 0.5), {}, TypeError, "class indices must be integers"),
    "batch too large": (None, {"batch_size": 131}, ValueError, "batch_size 131 is larger than the data, 130"),
    "batch of 0": (None, {"batch_size": 0}, ValueError, "batch_size must be 1 or more"),
    "batch of 1.5": (None, {"batch_size": 1.5}, TypeError, "batch_size must be a whole number"),
    "lr 0": (None, {"lr": 0}, ValueError, "learning rate\\) must be above 0"),
    "lr NaN": (None, {"lr": np.nan}, ValueError, "learning rate"),
    "lr text": (None, {"lr": "0.1"}, TypeError, "learning rate\\) must be a number"),
    "no iterations": (None, {"iterations": 0}, ValueError, "iterations must be 1 or more"),
    "both": (None, {"iterations": 1, "epochs": 1}, ValueError, "epochs or iterations, not both"),
    "engine": (None, {"engine": "gpu"}, ValueError, "engine must be one of"),
    "test without labels": (None, {"x_test": np.ones((3, 6))}, ValueError, "go together"),
    "test columns": (None, {"x_test": np.ones((3, 5)), "t_test": np.zeros(3, int)}, ValueError, "takes 6 values"),
}


@pytest.mark.parametrize("nothing", [None, TwoLayerNet, "net"])
def test_what_is_no_network_is_refused_by_name(data, nothing):
    with pytest.raises(TypeError, match=r"network must be a Network, such as TwoLayerNet, not (None|TwoLayerNet|str)"):
        fit(nothing, *data)


@pytest.mark.parametrize("engine", ["numpy", "auto"])
def test_lists_train_as_arrays_do(data, engine):
    x, t = (x[:40] for x in data)
    arrays, lists = net(engine=engine), net(engine=engine)
    fit(arrays, x, t, x, t, iterations=3, batch_size=10)
    told = fit(lists, x.tolist(), [*t], [*x], t.tolist(), iterations=3, batch_size=10)
    assert_array_equal(lists.block.values, arrays.block.values)
    assert told.test_accuracy == told.train_accuracy


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_before_anything_is_touched(data, tmp_path, case):
    spoil, options, error, words = BAD[case]
    x, t = data if spoil is None else spoil(*data)
    network = net()
    before = network.block.values.copy()
    with pytest.raises(error, match=words):
        fit(
            network,
            x,
            t,
            out=tmp_path / "run",
            **{"iterations": 1, **options} if "epochs" not in options or case == "both" else options,
        )
    assert not (tmp_path / "run").exists()
    assert_array_equal(network.block.values, before)
