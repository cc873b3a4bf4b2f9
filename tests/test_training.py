"""fit: the order from the seed, evaluations, runs on disk, and what it refuses before it starts."""

import json
import signal
import sys
import threading
import tomllib
import warnings

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from badak import (
    Affine,
    Convolution,
    Flatten,
    IdentityWithLoss,
    MultiLayerNet,
    Network,
    Relu,
    Sigmoid,
    SigmoidWithLoss,
    SimpleConvNet,
    SoftmaxWithLoss,
    TwoLayerNet,
    fit,
    store,
)
from badak.data import batches
from badak.data.pixels import Pixels
from badak.graph import load_network
from badak.train import history as histories
from badak.train import measure, progress, runners


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
    assert seen[-1]["evaluated"] == [100, 30]
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
        monkeypatch.setattr(runners, "CALL_SECONDS", seconds)
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
        "evaluated",
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

    seen, health = [], measure.health
    monkeypatch.setattr(measure, "health", lambda *a: (seen.append(blas()), health(*a))[1])
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
    told = measure.health(network, x, t)
    assert list(told) == list(network.layers)
    assert told["Relu1"]["dead"] == pytest.approx(0.4)
    assert told["Affine1"]["input_mean"] == pytest.approx(x.mean())
    assert told["Affine1"]["input_max"] == x.max()
    assert told["Affine2"]["W_norm"] == pytest.approx(np.linalg.norm(network.params["W2"]))
    assert told["Affine2"]["dW_norm"] == pytest.approx(np.linalg.norm(network.gradient(x, t)["W2"]), rel=1e-9)
    sigmoid = MultiLayerNet(4, [5], 3, "sigmoid", seed=0)
    assert measure.health(sigmoid, x, t)["Sigmoid1"]["saturated"] == 0
    sigmoid.params["b1"][0] = 50
    assert measure.health(sigmoid, x, t)["Sigmoid1"]["saturated"] == pytest.approx(0.2)


def test_a_unit_of_images_is_a_filter(rng):
    network = SimpleConvNet((1, 8, 8), {"filter_num": 4, "filter_size": 3}, 5, 3, seed=0)
    x, t = np.zeros((50, 1, 8, 8)), rng.integers(3, size=50)
    x[:, :, 3:5, 3:5] = rng.random((50, 1, 2, 2)) + 0.1
    network.params["W1"][...] = np.abs(network.params["W1"])
    assert measure.health(network, x, t)["Relu1"]["dead"] == 0  # although most places give 0 for every image
    network.params["W1"][1] *= -1
    assert measure.health(network, x, t)["Relu1"]["dead"] == 0.25
    network.params["b1"][1] = 1
    assert measure.health(network, x, t)["Relu1"]["dead"] == 0


@pytest.mark.parametrize("quiet", [30, 24])
def test_a_filter_is_saturated_where_nine_places_in_ten_are(quiet):
    layers = [Convolution(np.ones((1, 1, 1, 1)), np.zeros(1)), Sigmoid(), Flatten(),
              Affine(np.ones((32, 2)), np.zeros(2))]  # fmt: skip
    x = np.where(np.arange(32) < quiet, 20.0, 0.5).reshape(1, 1, 4, 8).repeat(3, axis=0)
    told = measure.health(Network(layers, SoftmaxWithLoss()), x, np.zeros(3, int))["Sigmoid1"]
    assert told["saturated"] == (quiet == 30)
    assert told["flat"] == quiet / 32


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
    monkeypatch.setattr(histories, "_observers", [])
    histories.register_observer(
        lambda records: {"a": f"at {len(records)}"} | ({"b": "three"} if len(records) == 3 else {})
    )
    assert fit(net(), x, t, iterations=60, batch_size=10).causes == {"a": "at 1", "b": "three"}


def test_a_runner_that_cannot_says_why(data, monkeypatch):
    x, t = data

    def cannot(*_):
        raise runners.NotNative("Relu1 has no rule")

    monkeypatch.setitem(runners._runners, "native", cannot)
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
    "test columns": (
        None,
        {"x_test": np.ones((3, 5)), "t_test": np.zeros(3, int)},
        ValueError,
        r"^x_test of shape \(3, 5\) does not fit the network: Affine.* takes 6 values",
    ),
    "test label": (
        None,
        {"x_test": np.ones((3, 6)), "t_test": np.full(3, 3)},
        ValueError,
        "^t_test: label out of range",
    ),
    "test NaN": (
        None,
        {"x_test": np.full((3, 6), np.nan), "t_test": np.zeros(3, int)},
        ValueError,
        "^x_test holds NaN or infinity, first in sample 0",
    ),
    "test labels in a column": (
        None,
        {"x_test": np.ones((3, 6)), "t_test": np.zeros((3, 1), int)},
        ValueError,
        r"^t_test: .*t has shape \(3, 1\); drop the last axis",
    ),
    "labels in a column": (lambda x, t: (x, t[:, None]), {}, ValueError, r"t has shape \(130, 1\); drop the last"),
    "evaluate on 0": (None, {"evaluate_on": 0}, ValueError, "evaluate_on must be 1 or more"),
    "evaluate on 1.5": (None, {"evaluate_on": 1.5}, TypeError, "evaluate_on must be a whole number"),
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


def linear(inputs, outputs, loss, **options):
    return Network([Affine(np.zeros((inputs, outputs)), np.zeros(outputs))], loss, **options)


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("kind", [int, float, np.float32, bool, np.uint8])
def test_answers_of_yes_or_no_have_an_accuracy_in_every_form(rng, engine, kind):
    x = rng.standard_normal((230, 9))
    column = (x[:, :1] + 0.3 * rng.standard_normal((230, 1)) > 0).astype(kind)
    for t, outputs in ((column, 1), (column[:, 0], 1), ((x[:, :3] > 0).astype(kind), 3)):
        network = linear(9, outputs, SigmoidWithLoss())
        history = fit(network, x[:200], t[:200], x[200:], t[200:], epochs=5, batch_size=20, lr=1, engine=engine)
        assert history.train_accuracy == pytest.approx(network.accuracy(x[:200], t[:200]), abs=1e-15)
        assert history.train_accuracy > 0.8
        assert history.test_accuracy == pytest.approx(network.accuracy(x[200:], t[200:]), abs=1e-15)
        assert history.records[-1]["train_accuracy"] == history.train_accuracy


def test_probabilities_as_labels_have_an_accuracy(data):
    x, t = data
    network = net()
    history = fit(network, x, 0.9 * np.eye(3)[t] + 0.1 / 3, epochs=3, batch_size=10, engine="numpy")
    assert history.train_accuracy == network.accuracy(x, t)


@pytest.mark.parametrize("engine", ["numpy", "native"])
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.int64])
def test_one_value_a_sample_may_lack_its_axis(rng, engine, kind):
    x = rng.standard_normal((60, 4))
    t = (10 * x @ [1.0, -2, 3, 0.5]).astype(kind)
    values = []
    for given in (t, t[:, None]):
        network = linear(4, 1, IdentityWithLoss())
        history = fit(network, x, given, x, given, epochs=20, batch_size=10, engine=engine)
        assert history.train_accuracy is None
        assert history.test_accuracy is None
        assert history.records[-1]["loss"] < 1
        values.append(network.block.values.copy())
    assert_array_equal(*values)


def test_values_of_another_shape_are_refused_with_the_shapes_given(rng):
    x = rng.standard_normal((60, 4))
    with pytest.raises(ValueError, match=r"^t has shape \(60, 2\), but for x of shape \(60, 4\) the network gives "
                                         r"\(60, 3\); they must have one shape$"):  # fmt: skip
        fit(linear(4, 3, IdentityWithLoss()), x, np.zeros((60, 2)))
    with pytest.raises(ValueError, match=r"gives \(60, 4\): give t_test\.reshape\(60, 4\)$"):
        fit(linear(4, 4, IdentityWithLoss()), x, x, x, np.zeros((60, 2, 2)))
    with pytest.raises(ValueError, match=r"^t has shape \(60, 4, 1\), .* gives \(60, 4\): give t\[:, 0\]$"):
        fit(linear(4, 4, IdentityWithLoss()), x, np.zeros((60, 4, 1)))


def test_a_loss_of_ones_own_may_take_labels_of_its_own(rng):
    class Hinge:
        def forward(self, x, t):
            self.margin, self.t = t * x[:, 0], t
            return float(np.maximum(0, 1 - self.margin).mean())

        def backward(self, dout=1):
            return (dout * -self.t * (self.margin < 1) / len(self.t))[:, None]

    x = rng.standard_normal((60, 4))
    history = fit(linear(4, 1, Hinge(), engine="numpy"), x, np.where(x[:, 0] > 0, 1, -1), epochs=20, batch_size=10)
    assert history.records[-1]["loss"] < 0.5
    assert history.train_accuracy is None


def test_the_batch_size_that_nobody_gave_is_clipped_to_the_data(data, tmp_path):
    x, t = data
    history = fit(net(), x[:60], t[:60], epochs=2, out=tmp_path / "run")
    assert len(history.losses) == 2
    assert store.read_config(tmp_path / "run")["batch_size"] == 60
    assert len(fit(net(), x, t, epochs=1).losses) == 2  # 100 and 30
    with pytest.raises(ValueError, match="batch_size 100 is larger than the data, 60 samples"):
        fit(net(), x[:60], t[:60], batch_size=100)


def test_labels_with_gaps_are_said(rng):
    x, t = rng.standard_normal((50, 4)), np.where(rng.random(50) < 0.5, 0, 1000)
    with pytest.warns(UserWarning, match=r"has 1,001 outputs, but the labels in t are 2: 0, 1000\. np\.unique"):
        fit(linear(4, 1001, SoftmaxWithLoss()), x, t, iterations=1)
    fit(linear(4, 10, SoftmaxWithLoss()), x, t // 500, iterations=1)  # two of ten digits: no word


def own_layer(**options):
    class Mine(Relu):
        def forward(self, x):
            return super().forward(x)

    layers = [Affine(np.ones((6, 4)), np.zeros(4)), Mine(), Affine(np.ones((4, 3)), np.zeros(3))]
    return Network(layers, SoftmaxWithLoss(), **options)


def test_a_layer_of_ones_own_is_said_once_a_network(data, recwarn):
    warnings.simplefilter("always")
    network = own_layer()
    for _ in range(3):
        fit(network, *data, iterations=1)
    assert [str(w.message)[:17] for w in recwarn] == ["training on NumPy"]
    fit(own_layer(), *data, iterations=1)
    assert len(recwarn) == 2


@pytest.mark.filterwarnings("error")
def test_where_warnings_are_errors_the_second_fit_trains(data):
    network = own_layer()
    with pytest.raises(UserWarning, match="training on NumPy"):
        fit(network, *data, iterations=1)
    assert fit(network, *data, iterations=1).engine == "numpy"


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_a_small_last_batch_weighs_less_in_a_records_loss(data, engine):
    x, t = data
    losses = []
    for threads in (1, 2):
        network = net(dtype=np.float32)
        history = fit(network, x[:103], t[:103], epochs=3, batch_size=50, engine=engine, threads=threads)
        assert len(history.losses) == 9
        for epoch, record in enumerate(history.records[2:], 1):
            wanted = np.average(history.losses[3 * epoch : 3 * epoch + 3], weights=[50, 50, 3])
            assert record["loss"] == pytest.approx(wanted, rel=1e-12)
            assert record["loss"] != pytest.approx(np.mean(history.losses[3 * epoch : 3 * epoch + 3]), rel=1e-6)
        losses.append([record["loss"] for record in history.records])
    assert losses[0] == losses[1]


def test_the_loss_of_an_epoch_without_steps_is_that_of_its_samples(data):
    # With a step of nothing, an epoch's mean must be the loss of the whole set, whatever the batches were.
    x, t = data
    network = net()
    history = fit(network, x, t, epochs=2, batch_size=60, lr=1e-300)
    assert history.records[-1]["loss"] == pytest.approx(network.loss(x, t), rel=1e-12)


@pytest.mark.parametrize("kind", [np.int64, np.uint64, np.uint8, np.int32])
def test_labels_are_counted_as_the_platform_counts(data, kind, monkeypatch):
    # Where a pointer has 32 bits, bincount refuses int64: "Cannot cast array data … according to the rule 'safe'".
    x, t = data
    counted = []

    def bincount(values, **options):
        assert np.can_cast(np.asarray(values).dtype, np.int32, "safe")
        counted.append(len(values))
        return original(values, **options)

    original = np.bincount
    monkeypatch.setattr(np, "bincount", bincount)
    monkeypatch.setattr(np, "intp", np.int32)
    history = fit(net(engine="numpy"), x, t.astype(kind), epochs=2, batch_size=20)
    assert len(counted) > 1
    assert history.records[-1]["mix"] is not None


@pytest.mark.parametrize("kind", [np.uint64, np.uint8])
def test_unsigned_labels_train_as_signed_ones(data, kind):
    x, t = data
    one, two = net(engine="numpy"), net(engine="numpy")
    told = [fit(network, x, labels, epochs=2).records for network, labels in ((one, t), (two, t.astype(kind)))]
    assert_array_equal(one.block.values, two.block.values)
    assert [[r["mix"], r["loss"]] for r in told[0]] == [[r["mix"], r["loss"]] for r in told[1]]


def test_evaluating_on_some_and_at_the_end_on_all_of_the_test_data(data):
    x, t = data
    network = net()
    history = fit(network, x[:100], t[:100], x[100:], t[100:], epochs=5, batch_size=10, evaluate_on=20)
    assert [r["evaluated"] for r in history.records] == [[20, 20]] * 5 + [[20, 30]]
    rows = measure.chosen(100, 20)
    assert len(set(rows)) == 20
    assert history.train_accuracy == network.accuracy(x[rows], t[rows]) == history.records[-1]["train_accuracy"]
    assert history.test_accuracy == network.accuracy(x[100:], t[100:]) == history.records[-1]["test_accuracy"]
    drawn = fit(net(), x[:100], t[:100], x[100:], t[100:], iterations=15, batch_size=10, evaluate_on=10**6)
    assert [r["evaluated"] for r in drawn.records] == [[100, 30]] * 2
    assert fit(net(), x[:100], t[:100], iterations=15, evaluate_on=20).records[0]["evaluated"] == [20, 0]


def test_samples_to_look_at_are_not_taken_by_a_step_that_a_pattern_may_have():
    # Labels 0 … 9 in turn, as in sets that are written class by class in rows: every sixtieth sample has one label.
    labels = np.arange(60_000) % 10
    assert len(np.unique(labels[measure.chosen(60_000, 1000)])) == 10
    assert_array_equal(measure.chosen(5, 7), np.arange(5))


def test_evaluating_changes_nothing_in_what_is_learnt(data):
    x, t = data
    one, two = net(), net()
    fit(one, x, t, epochs=3, batch_size=10)
    fit(two, x, t, epochs=3, batch_size=10, evaluate_on=7)
    assert_array_equal(one.block.values, two.block.values)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_images_are_evaluated_on_a_thousand(rng, engine):
    values = rng.integers(256, size=(1300, 64), dtype=np.uint8)
    t = rng.integers(2, size=1300)
    network = SimpleConvNet((1, 8, 8), {"filter_num": 2, "filter_size": 3}, 4, 2, dtype=np.float32, seed=0)
    history = fit(network, Pixels(values), t, Pixels(values), t, epochs=2, batch_size=650, engine=engine)
    assert [r["evaluated"] for r in history.records] == [[1000, 1000]] * 2 + [[1000, 1300]]
    assert history.test_accuracy == network.accuracy(Pixels(values), t)


def test_images_are_evaluated_by_the_engine(rng, monkeypatch):
    from badak.engine.calls import Calls

    x, t = rng.standard_normal((600, 1, 8, 8)).astype(np.float32), rng.integers(2, size=600)
    native, sizes = Calls.accuracy, []
    monkeypatch.setattr(Calls, "accuracy", lambda self, x, t: (sizes.append(len(x)), native(self, x, t))[1])
    network = SimpleConvNet((1, 8, 8), {"filter_num": 2, "filter_size": 3}, 4, 2, dtype=np.float32, seed=0)
    monkeypatch.setattr(Network, "_forward", lambda *_, **__: pytest.fail("NumPy computes"))
    fit(network, x, t, epochs=1, batch_size=300)
    assert sizes == [512, 88] * 2


def test_accuracy_in_pieces_is_accuracy(rng, monkeypatch):
    monkeypatch.setattr(measure, "ROWS_TOGETHER", 7)
    x = rng.standard_normal((106, 6))
    network, moved = net(), []

    class Bar(progress.Bar):
        def evaluating(self, done, of):
            moved.append((done, of))

    for loss, t in ((SoftmaxWithLoss(), rng.integers(3, size=106)), (SigmoidWithLoss(), rng.random((106, 3)) < 0.5)):
        network.last_layer = loss
        assert measure.accuracy_of(network, x, t, 7, Bar()) == pytest.approx(network.accuracy(x, t), abs=1e-15)
    assert moved[:3] == [(0, 106), (7, 106), (14, 106)]
    assert moved[-1] == (106, 106)


def test_a_bar_moves_before_the_first_evaluation_and_in_it(data, monkeypatch):
    import contextlib

    told = []

    class Bar(progress.Bar):
        def advance(self, count):
            told.append(("step", count))

        def evaluating(self, done, of):
            told.append(("evaluate", done, of))

    monkeypatch.setattr(sys.modules["badak.train.fit"], "bar_of", lambda total, show: contextlib.nullcontext(Bar()))
    x, t = data
    fit(net(), x, t, x, t, epochs=2, batch_size=10, progress=True)
    assert told[:3] == [("step", 1), ("evaluate", 0, 130), ("evaluate", 130, 130)]
    assert sum(count for what, count, *_ in told if what == "step") == 26


def test_what_was_learnt_is_saved_when_evaluating_fails(data, tmp_path, monkeypatch):
    network = net()
    accuracy, calls = Network.accuracy, []

    def third(self, x, t):
        calls.append(1)
        if len(calls) > 2:
            raise KeyboardInterrupt
        return accuracy(self, x, t)

    monkeypatch.setattr(Network, "accuracy", third)
    with pytest.raises(KeyboardInterrupt):
        fit(network, *data, epochs=5, batch_size=10, out=tmp_path / "run", engine="numpy")
    monkeypatch.setattr(Network, "accuracy", accuracy)
    assert len(store.read_history(tmp_path / "run")) == 2
    assert_array_equal(load_network(tmp_path / "run").block.values, network.block.values)


def test_the_bar_shows_an_evaluation_while_there_is_one(monkeypatch):
    monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    with progress.bar_of(10, True) as bar:
        training, evaluation = bar.progress.tasks
        bar.advance(3)
        assert (training.completed, training.total, evaluation.visible) == (3, 10, False)
        bar.evaluating(0, 500)
        assert (evaluation.completed, evaluation.total, evaluation.visible) == (0, 500, True)
        bar.evaluating(256, 500)
        assert evaluation.completed == 256
        bar.evaluating(500, 500)
        assert not evaluation.visible
        assert evaluation.description == "평가 중"
    with progress.bar_of(10, False) as bar:  # which says nothing, wherever it is
        bar.advance(3)
        bar.evaluating(0, 500)


@pytest.mark.parametrize("loss", [SoftmaxWithLoss, SigmoidWithLoss, IdentityWithLoss])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_both_engines_train_and_measure_alike(data, loss, dtype):
    # With a small last batch, few samples evaluated on, and targets in the form that lacks an axis.
    x, t = data
    outputs, t = (3, t) if loss is SoftmaxWithLoss else (1, (t == 1).astype(float))
    told = []
    for engine in ("numpy", "native"):
        network = linear(6, outputs, loss(), dtype=dtype)
        history = fit(network, x[:101], t[:101], x[101:], t[101:], epochs=3, batch_size=20, lr=0.01, engine=engine,
                      evaluate_on=25)  # fmt: skip
        assert history.engine == engine
        told.append((network.block.values, history))
    close = {"rtol": 1e-10 if dtype is np.float64 else 1e-4, "atol": 1e-12 if dtype is np.float64 else 1e-6}
    np.testing.assert_allclose(told[0][0], told[1][0], **close)
    for one, other in zip(told[0][1].records, told[1][1].records, strict=True):
        assert one["loss"] == pytest.approx(other["loss"], rel=close["rtol"])
        for key in ("train_accuracy", "test_accuracy", "evaluated", "iteration", "epoch"):
            assert one[key] == other[key]
