"""The benchmarks' own logic, and one quick window of those peers that need nothing but badak and NumPy.

No time is asserted anywhere: a figure belongs to a machine, a test to all of them.
"""

import gzip
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))

import accuracy  # noqa: E402
import commands  # noqa: E402
import growth  # noqa: E402
import harness  # noqa: E402
import jobs  # noqa: E402
import loop  # noqa: E402
import memory  # noqa: E402
import peers  # noqa: E402
import steps  # noqa: E402
import worker  # noqa: E402
from harness import Window, WorkerError, summarise  # noqa: E402

import badak  # noqa: E402
from badak.train.runners import make_runner  # noqa: E402

OURS_AND_THE_POSTS = [
    name for name, entry in peers.PEERS.items() if entry.module in ("ours", "post", "book") and "native" not in name
]
THEIR_CONVOLUTIONS = [
    name for name, entry in peers.PEERS.items() if "conv" in entry.kinds and name not in OURS_AND_THE_POSTS
]
SMALL = {
    kind: jobs.Case(f"test {kind}", f"test {kind}", kind, (784, 20, 10), batch=30, checked=5)
    for kind in ("train", "loop", "post", "predict")
}
SMALL["conv"] = jobs.Case("test conv", "test conv", "conv", batch=8, lr=0.001, checked=4, net="tiny-conv", unit=2,
                          iterations=8, dropout=0.5)  # fmt: skip


def windows(*pairs):
    return [Window(10, 10 * each, wait, None if wait is None else 0.0, each, False) for each, wait in pairs]


@pytest.fixture(scope="module")
def digits():
    rng = np.random.default_rng(3)
    images = rng.integers(0, 256, (200, 784), np.uint8) * (rng.random((200, 784)) < 0.2).astype(np.uint8)
    labels = rng.integers(0, 10, 200).astype(np.uint8)
    return {"x_train": images, "t_train": labels, "x_test": images[:50], "t_test": labels[:50]}


@pytest.fixture(scope="module")
def folder(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("idx")
    jobs.write_idx(folder, digits)
    return folder


# -- the harness ------------------------------------------------------------------------------------------------------


def test_windows_that_waited_for_a_core_are_dropped_and_counted():
    summary = summarise(windows((1.0, 0.0), (9.0, 0.5), (2.0, 0.01), (3.0, 0.0), (8.0, 0.021)), limit=0.02)
    assert (summary.median, summary.low, summary.high) == (2.0, 1.5, 2.5)
    assert (summary.kept, summary.windows, summary.doubtful) == (3, 5, False)


def test_too_few_clean_windows_give_the_calmest_half_and_say_so():
    summary = summarise(windows((5.0, 0.9), (3.0, 0.2), (4.0, 0.3), (1.0, 0.0)), limit=0.02)
    assert (summary.median, summary.kept, summary.windows, summary.doubtful) == (2.0, 2, 4, True)


def test_where_waiting_is_unknown_every_window_counts():
    summary = summarise(windows((1.0, None), (2.0, None), (6.0, None)))
    assert (summary.median, summary.kept, summary.doubtful) == (2.0, 3, False)


def test_a_single_window_has_no_spread_and_none_is_an_error():
    summary = summarise(windows((2.0, 0.0)))
    assert (summary.median, summary.low, summary.high) == (2.0, 2.0, 2.0)
    with pytest.raises(ValueError, match="no window"):
        summarise([])


class Recorded:
    """A worker that notes its turns; it fails in the turn `fails`, others work in the turns `disturbed`."""

    def __init__(self, label, turns, fails=None, disturbed=()):
        self.label, self.turns, self.fails, self.disturbed, self.calls = label, turns, fails, disturbed, 0

    def window(self, seconds, realtime):
        self.turns.append(self.label)
        self.calls += 1
        if self.calls == self.fails:
            raise WorkerError("broke")
        return Window(1, seconds, 0.0, 0.5 if self.calls in self.disturbed else 0.0, 0.0, realtime)


def test_peers_take_turns_each_round_beginning_with_another():
    turns = []
    found = harness.interleave([Recorded(label, turns) for label in "abc"], rounds=3, seconds=0.5)
    assert "".join(turns) == "abcbcacab"
    assert {label: len(measured) for label, measured in found.items()} == {"a": 3, "b": 3, "c": 3}


@pytest.mark.parametrize(("patience", "rounds"), [(1, 3), (2, 5), (9, 5)])
def test_rounds_go_on_until_every_peer_has_its_undisturbed_windows(patience, rounds):
    workers = [Recorded("a", []), Recorded("b", [], disturbed=(1, 3))]
    found = harness.interleave(workers, rounds=3, seconds=0.5, patience=patience)
    assert [len(found[label]) for label in "ab"] == [rounds, rounds]


def test_windows_in_which_others_worked_are_dropped():
    quiet, loud = (Window(1, each, 0.0, others, 0.0, False) for each, others in ((1.0, 0.1), (5.0, 0.2)))
    assert summarise([quiet, loud, quiet, quiet]).kept == 3
    assert summarise([loud, loud, quiet]).median == 1.0


@pytest.mark.parametrize(
    ("used", "own", "cores", "disturbed"),
    [
        (2.0, 2.0, 2, 0.0),  # both cores are ours
        (2.0, 1.6, 2, 0.4),  # two threads that wait for each other, and somebody in between
        (2.0, 1.0, 2, 0.0),  # one thread; the other core is somebody's
        (2.0, 0.8, 2, 0.2),
        (1.9, 2.0, 2, 0.0),  # the clocks differ
    ],
)
def test_others_disturb_only_on_cores_that_were_needed(used, own, cores, disturbed):
    assert worker.disturbance(used, own, cores) == pytest.approx(disturbed)


def test_a_peer_that_fails_is_left_out_and_the_others_go_on():
    turns, told = [], []
    workers = [Recorded("a", turns), Recorded("b", turns, fails=1), Recorded("c", turns)]
    found = harness.interleave(workers, rounds=3, seconds=0.5, tell=told.append)
    assert set(found) == {"a", "c"}
    assert turns.count("b") == 1
    assert [len(found[label]) for label in "ac"] == [3, 3]
    assert "left out: b: broke" in told


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0012345, "0.00123"), (1.2345, "1.23"), (12.345, "12.3"), (123.4, "123"), (1234.5, "1,234")],
)
def test_numbers_have_three_digits_that_count(value, text):
    assert harness.three(value) == text


def test_tables_in_markdown_have_as_many_cells_as_columns():
    text = harness.markdown("Title", ("peer", "µs", "×"), [("a", 1, 2.5), ("b", 3, "")], "a note")
    lines = text.splitlines()
    assert lines[2:6] == ["| peer | µs | × |", "|---|---:|---:|", "| a | 1 | 2.5 |", "| b | 3 |  |"]
    assert lines[-1] == "a note"


def test_figures_are_written_whole(tmp_path):
    file = tmp_path / "figures.json"
    with pytest.raises(TypeError):
        harness.write_json(file, {"x": object()})
    assert not file.exists()
    harness.write_json(file, {"µs": 1.5})
    assert json.loads(file.read_text(encoding="utf-8")) == {"µs": 1.5}
    assert [entry.name for entry in tmp_path.iterdir()] == ["figures.json"]


def test_the_machine_is_described_with_versions():
    facts = harness.machine({"numpy", "no-such-distribution"})
    assert facts["versions"] == {"numpy": np.__version__}
    assert np.__version__ in harness.machine_line(facts)


# -- the jobs ---------------------------------------------------------------------------------------------------------


def test_useful_operations_of_an_iteration():
    # 2 x 784 x 50 x 100 forward and for dW1; 2 x 50 x 10 x 100 forward, for dW2 and for the input of the last layer.
    assert jobs.CASES["pixels"].flops == 2 * 7_840_000 + 3 * 100_000
    assert jobs.CASES["predict-1"].flops == 2 * (784 * 50 + 50 * 10)
    # 30 filters of 25 on 24 x 24 places, forward and for dW; the affine layers three times.
    assert jobs.CASES["simple-conv"].flops == 200 * (2 * 30 * 25 * 576 + 3 * (4320 * 100 + 100 * 10))
    assert jobs.CASES["deep-conv"].flops == pytest.approx(5.24e9, rel=1e-3)


def test_idx_files_come_back_gzipped_or_not(digits, tmp_path):
    jobs.write_idx(tmp_path, digits)
    file = tmp_path / jobs.IDX_NAMES["x_test"]
    file.with_name(file.name + ".gz").write_bytes(gzip.compress(file.read_bytes()))
    file.unlink()
    for key, values in jobs.read_digits(tmp_path).items():
        np.testing.assert_array_equal(values, digits[key], err_msg=key)


def test_a_job_comes_back_as_written_with_the_order_of_the_posts_draws(digits, tmp_path):
    jobs.write_job(tmp_path, SMALL["train"], digits)
    job = jobs.read_job(tmp_path, 2)
    assert job.case == SMALL["train"]
    assert job.order.shape == (200 // 30, 30)
    np.random.seed(0)
    np.testing.assert_array_equal(job.order[:2], [np.random.choice(200, 30) for _ in range(2)])
    np.testing.assert_array_equal(job.x, digits["x_train"] / np.float32(255))
    assert {name: values.shape for name, values in job.params.items()} == {
        "W1": (784, 20), "b1": (20,), "W2": (20, 10), "b2": (10,),
    }  # fmt: skip


def test_standardised_and_pooled_inputs(digits):
    x = jobs.inputs_of(jobs.Case("", "", "train", inputs="standardised"), digits["x_train"])
    assert abs(x.mean()) < 1e-4
    assert abs(x.std() - 1) < 1e-4
    assert not (x == 0).any()
    pooled = jobs.inputs_of(jobs.Case("", "", "train", inputs="pooled"), digits["x_train"])
    block = digits["x_train"][7].reshape(28, 28)[5:8, 8:11]  # the second row and third column of 3x3 blocks
    assert pooled[7].reshape(8, 8)[1, 2] == pytest.approx(block.mean() / 255, rel=1e-6)


def test_the_reference_follows_the_numerical_gradient(digits, tmp_path):
    """Its second loss is the first one less lr·|gradient|², to first order: tried with a step small enough."""
    case = jobs.Case("", "", "train", (784, 20, 10), 100, lr=1e-4, checked=3, iterations=1)
    jobs.write_job(tmp_path, case, digits)
    job = jobs.read_job(tmp_path, 1)
    losses = jobs.reference(job)
    squared = 0.0
    rows, t = np.asarray(job.x[job.order[0]], np.float64), job.t[job.order[0]]
    params = {name: values.astype(np.float64) for name, values in job.params.items()}

    def loss():
        z = np.maximum(rows @ params["W1"] + params["b1"], 0) @ params["W2"] + params["b2"]
        return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(t)), t]))

    assert losses[0] == pytest.approx(loss(), rel=1e-12)
    rng = np.random.default_rng(0)
    for values in params.values():
        # The squared gradient of a whole array, from random directions: E[(g·v)²] = |g|² would be noisy; few are exact.
        flat = values.reshape(-1)
        chosen = rng.choice(flat.size, min(flat.size, 400), replace=False)
        total = 0.0
        for i in chosen:
            kept = flat[i]
            flat[i] = kept + 1e-6
            above = loss()
            flat[i] = kept - 1e-6
            total += ((above - loss()) / 2e-6) ** 2
            flat[i] = kept
        squared += total * flat.size / len(chosen)
    assert (losses[0] - losses[1]) / case.lr == pytest.approx(squared, rel=0.1)


@pytest.mark.parametrize("net", ["simple-conv", "deep-conv"])
def test_the_reference_of_the_convolutional_nets_is_what_the_layers_compute(net, digits, tmp_path):
    """Two ways that share nothing: sums over windows there, columns and back in badak's layers."""
    case = jobs.Case("", "", "conv", batch=4, lr=0.001, checked=4, net=net, iterations=1)
    jobs.write_job(tmp_path, case, digits)
    job = jobs.read_job(tmp_path, 1)
    kind, how = (badak.SimpleConvNet, {}) if net == "simple-conv" else (badak.DeepConvNet, {"dropout_ratio": 0.0})
    network = kind(**how, engine="numpy")
    assert {name: values.shape for name, values in network.params.items()} == {
        name: values.shape for name, values in job.params.items()
    }
    for name, values in job.params.items():
        network.params[name] = values
    runner = make_runner(network, badak.Adam(0.001), np.array(job.x, np.float64), np.array(job.t), "numpy")
    losses = runner.steps(job.order.repeat(4, axis=0))
    np.testing.assert_allclose(losses, job.expected[0], rtol=1e-9)
    assert job.expected[0][0] > job.expected[0][-1]
    assert 1e-12 < jobs.disagreement(job, job.expected[1]) < 0.05  # the book's Adam is not quite the same


def test_a_disagreement_is_the_worst_relative_one(digits, tmp_path):
    jobs.write_job(tmp_path, SMALL["train"], digits)
    job = jobs.read_job(tmp_path, 1)
    right = jobs.reference(job)
    assert jobs.disagreement(job, right) == 0
    wrong = right.copy()
    wrong[3] *= 1.01
    assert jobs.disagreement(job, wrong) == pytest.approx(0.01)
    wrong[1] = np.nan
    assert jobs.disagreement(job, wrong) == np.inf
    with pytest.raises(ValueError, match="shape"):
        jobs.disagreement(job, right[:2])


# -- workers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", OURS_AND_THE_POSTS)
def test_a_peer_agrees_with_the_reference_and_runs_a_window(name, digits, tmp_path):
    case = SMALL[peers.PEERS[name].kinds[0]]
    jobs.write_job(tmp_path, case, digits)
    with harness.Worker(name, 1) as started:
        started.ask(do="load", folder=str(tmp_path), changes={"dropout": 0.0})
        assert started.ask(do="check")["difference"] < 1e-5
        window = started.window(seconds=0.01)
        assert window.iterations > 0
        assert window.seconds >= 0.01
        assert started.ask(do="memory")["bytes"] is None or sys.platform == "linux"
        with pytest.raises(WorkerError, match="unknown order"):
            started.ask(do="sing")
    assert started.process.returncode == 0


@pytest.mark.parametrize("name", THEIR_CONVOLUTIONS)
def test_a_peer_of_the_convolutional_nets_agrees_with_the_reference(name, digits, tmp_path):
    if missing := peers.PEERS[name].missing():
        pytest.skip(f"not installed: {', '.join(missing)}")
    jobs.write_job(tmp_path, SMALL["conv"], digits)
    with harness.Worker(name, 1) as started:
        try:
            started.ask(do="load", folder=str(tmp_path), changes={"dropout": 0.0})
        except WorkerError as error:
            if "cannot train on the native engine" not in str(error):
                raise
            pytest.skip(str(error))
        assert started.ask(do="check")["difference"] < 1e-4
        started.ask(do="load", folder=str(tmp_path))
        assert started.ask(do="check")["difference"] > 1e-4  # Dropout drops something
        assert started.window(seconds=0.01).iterations % SMALL["conv"].unit == 0 or "torch" in name


def test_a_worker_that_dies_is_an_error_with_its_last_words(tmp_path):
    with harness.Worker("no-such-peer", 1) as started, pytest.raises(WorkerError, match="ended with code 1.*KeyError"):
        started.ask(do="load", folder=str(tmp_path))


def test_a_peer_that_is_not_installed_is_said_to_be_missing(digits, monkeypatch, tmp_path):
    entry = peers.Entry("Absent", "absent", "train", ("train",), ("no_such_module",))
    monkeypatch.setitem(peers.PEERS, "absent", entry)
    workers, left_out, _ = steps.start(SMALL["train"], ["absent"], 1, tmp_path)
    assert workers == []
    assert left_out == {"Absent": "not installed: no_such_module"}


def test_a_peer_that_disagrees_is_not_measured(digits, tmp_path):
    strict = jobs.Case("strict", "strict", "train", (784, 20, 10), 30, checked=5, tolerance=-1.0)
    jobs.write_job(tmp_path, strict, digits)
    workers, left_out, _ = steps.start(strict, ["post"], 1, tmp_path)
    assert workers == []
    assert "differs from float64" in left_out["the post's NumPy, 1 thread"]


# -- the scripts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", ["steps", "commands", "loop", "growth", "memory", "accuracy"])
def test_every_script_has_help_and_refuses_what_it_does_not_know(script):
    def run(*arguments):
        line = [sys.executable, str(BENCHMARKS / f"{script}.py"), *arguments]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    shown = run("--help")
    assert shown.returncode == 0
    assert "--quick" in shown.stdout
    assert run("--no-such-option").returncode == 2


def test_steps_prints_a_table_and_keeps_the_figures(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(jobs.CASES, "test", SMALL["train"])
    file = tmp_path / "figures.json"
    arguments = ["--quick", "--data", str(folder), "--cases", "test", "--peers", "numpy,post", "--threads", "1"]
    assert steps.main([*arguments, "--json", str(file), "--markdown", "--priority", "normal"]) == 0
    printed = capsys.readouterr().out
    result = json.loads(file.read_text(encoding="utf-8"))["results"][0]
    assert [row["peer"] for row in result["rows"]] == ["badak NumPy", "the post's NumPy"]
    ours, post = result["rows"]
    assert ours["times"] == 1
    assert post["times"] == pytest.approx(post["median"] / ours["median"])
    assert f"| {harness.three(post['median'] * 1e6)} |" in printed
    assert "agree with float64" in printed
    if importlib.util.find_spec("numba"):
        assert result["peak"]["1"] > 1e9
        assert 0 < ours["share"] < 1


def test_growth_measures_its_points_and_draws_them(folder, tmp_path, capsys):
    plot, file = tmp_path / "growth.svg", tmp_path / "growth.json"
    arguments = ["--quick", "--data", str(folder), "--sweeps", "batch size", "--peers", "numpy,post", "--threads", "1"]
    assert growth.main([*arguments, "--plot", str(plot), "--json", str(file), "--priority", "normal"]) == 0
    points = json.loads(file.read_text(encoding="utf-8"))["results"]["batch size"]
    assert [p["value"] for p in points] == [1, 16]
    assert all({"badak NumPy", "the post's NumPy"} <= set(p["peers"]) for p in points)
    assert plot.read_text(encoding="utf-8").lstrip().startswith("<?xml")
    again = tmp_path / "again.svg"
    assert growth.main(["--redraw", str(file), "--plot", str(again)]) == 0
    assert again.read_bytes() == plot.read_bytes()
    assert "Time a sample against batch size" in capsys.readouterr().out


def test_loading_is_timed_in_new_processes(tmp_path):
    assert loop.load_seconds("call = lambda: None", tmp_path) < 1
    with pytest.raises(WorkerError, match="broken"):
        loop.load_seconds("def call(): raise ValueError('broken')", tmp_path)


# -- memory and accuracy ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory is added between two moments")
def test_the_high_water_mark_starts_again(digits, tmp_path):
    jobs.write_job(tmp_path, SMALL["train"], digits)
    job = jobs.read_job(tmp_path, 1)
    held = np.ones(15_000_000)
    del held
    assert worker.memory() > worker.memory("VmRSS") + 100_000_000
    worker.forget_peak(job)
    assert worker.memory() < worker.memory("VmRSS") + 20_000_000
    assert job.x is None
    assert job.pixels is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much memory is added between two moments")
def test_memory_tells_what_training_adds(folder, tmp_path, capsys, monkeypatch):
    case = jobs.Case("simple-conv", "SimpleConvNet", "conv", batch=60, lr=0.001, checked=1, tolerance=1e-4,
                     net="simple-conv", iterations=2)  # fmt: skip
    monkeypatch.setitem(jobs.CASES, "simple-conv", case)
    file = tmp_path / "figures.json"
    arguments = ["--quick", "--data", str(folder), "--threads", "1", "--json", str(file), "--markdown"]
    assert memory.main([*arguments, "--case", "simple-conv", "--peers", "numpy-conv,book"]) == 0
    found = json.loads(file.read_text(encoding="utf-8"))
    assert found["left_out"] == {}
    ours, book = found["results"]
    # Forward, the columns of the convolution and its output must be there at once, in float32 and in float64.
    least = 60 * 576 * (25 + 30)
    assert 4 * least < ours["added"] < 40 * least
    assert 8 * least < book["added"] < 80 * least
    assert ours["peak"] == ours["before"] + ours["added"]
    assert book["times"] == pytest.approx(book["added"] / ours["added"])
    assert f"| {ours['added'] / 1e6:.1f} |" in capsys.readouterr().out


@pytest.mark.parametrize("recipe", accuracy.RECIPES)
def test_a_recipe_trains_and_reports_each_seed(recipe, folder, tmp_path, capsys):
    file = tmp_path / "figures.json"
    arguments = ["--quick", "--data", str(folder), "--engine", "numpy", "--threads", "1", "--members", "1"]
    assert accuracy.main([recipe, *arguments, "--seeds", "0,3", "--json", str(file), "--markdown"]) == 0
    found = json.loads(file.read_text(encoding="utf-8"))
    assert [run["seed"] for run in found["runs"]] == [0, 3]
    assert all(0 <= run["accuracy"] <= 1 and run["engine"] == "numpy" for run in found["runs"])
    assert found["median"] == pytest.approx(np.mean([run["accuracy"] for run in found["runs"]]))
    assert f"| median | {100 * found['median']:.2f} |" in capsys.readouterr().out


def test_seeds_that_are_none_are_refused(folder):
    with pytest.raises(SystemExit):
        accuracy.main(["mlp", "--quick", "--data", str(folder), "--seeds", "one"])


def test_moved_images_keep_their_order_and_look_alike():
    rng = np.random.default_rng(0)
    images = np.zeros((120, 28, 28), np.uint8)
    images[np.arange(120), 8:20, 10] = 250  # each has a bar, and a brightness of its own below it
    images[:, 22, 12:16] = np.arange(120)[:, None]
    rows = images.reshape(120, 784)
    still = accuracy.augmented(rows, rng, turn=0, stretch=0, shear=0, shift=0)
    np.testing.assert_array_equal(still, rows)
    moved = accuracy.augmented(rows, rng)
    assert moved.dtype == np.uint8
    assert (moved != rows).any(axis=1).all()
    change = moved.sum(axis=1, dtype=int) / rows.sum(axis=1, dtype=int)
    assert 0.7 < change.min() < change.max() < 1.45
    again = accuracy.augmented(rows, np.random.default_rng(5))
    np.testing.assert_array_equal(again, accuracy.augmented(rows, np.random.default_rng(5)))


def test_images_are_turned_and_shifted_as_far_as_is_said():
    images = np.zeros((200, 28, 28), np.uint8)
    images[:, 10:18, 12:16] = 200
    rows = images.reshape(200, 784)

    def centres(**how):
        none = {"turn": 0, "stretch": 0, "shear": 0, "shift": 0}
        moved = accuracy.augmented(rows, np.random.default_rng(1), together=1, **{**none, **how})
        moved = moved.reshape(-1, 28, 28).astype(float)
        mass = moved.sum(axis=(1, 2))
        return np.stack([moved.sum(axis=(2 - i)) @ np.arange(28) / mass for i in range(2)])

    np.testing.assert_allclose(centres(turn=0.5), 13.5, atol=0.05)
    far = centres(shift=2.0) - 13.5
    assert 1.8 < np.abs(far).max() < 2.05
    assert (np.abs(far).max(axis=1) > 1.5).all()
    assert abs(np.corrcoef(far)[0, 1]) < 0.3  # down and across by themselves


def test_predictions_of_shifted_copies_are_added():
    network = badak.MultiLayerNet(784, [8], 10, dtype=np.float32, seed=0, engine="numpy")
    images = np.random.default_rng(0).integers(0, 256, (7, 784), np.uint8)
    found = accuracy.probabilities(network, images)
    np.testing.assert_allclose(found.sum(axis=1), 5, rtol=1e-6)
    up = np.roll(images.reshape(-1, 28, 28), (-1, 0), (1, 2)).reshape(7, 784)
    one = badak.functions.softmax(network.predict(up / np.float32(255)))
    np.testing.assert_allclose(accuracy.probabilities(network, images, [(-1, 0)]), one, rtol=1e-5)


@pytest.mark.parametrize("engine", ["numpy", "native"])
def test_an_optimizer_goes_on_with_the_next_runner(engine):
    """As the recipe `best` needs it: other data for each epoch, one Adam with one schedule."""
    rng = np.random.default_rng(0)
    x, t = rng.random((40, 784), np.float32), rng.integers(0, 10, 40)
    order = rng.permutation(40).reshape(8, 5)

    def trained(*pieces):
        net = badak.MultiLayerNet(784, [8], 10, dtype=np.float32, seed=0, engine="numpy")
        adam = badak.Adam(0.01, schedule=accuracy.make_schedule("warmup-cosine", 8))
        for piece in pieces:
            try:
                runner = make_runner(net, adam, x, t, engine, 1)
            except ValueError as error:
                pytest.skip(str(error))
            runner.steps(piece)
        assert adam.steps == 8
        return net.block.values

    whole = trained(order)
    np.testing.assert_array_equal(trained(order[:3], order[3:]), whole)
    assert (whole != badak.MultiLayerNet(784, [8], 10, dtype=np.float32, seed=0).block.values).any()


# -- whole commands ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sixty_thousand(tmp_path_factory):
    """As many images as MNIST has, so that the commands evaluate where they should; few different ones."""
    rng = np.random.default_rng(5)
    images = np.tile(rng.integers(0, 256, (10, 784), np.uint8), (6000, 1))
    labels = np.tile(np.arange(10, dtype=np.uint8), 6000)
    folder = tmp_path_factory.mktemp("sixty")
    jobs.write_idx(folder, {"x_train": images, "t_train": labels, "x_test": images[:100], "t_test": labels[:100]})
    return folder


def test_commands_do_the_same_job(sixty_thousand, tmp_path, capsys):
    file = tmp_path / "figures.json"
    arguments = ["--quick", "--data", str(sixty_thousand), "--threads", "1", "--json", str(file)]
    assert commands.main([*arguments, "--commands", "badak,badak-plain,post-plain"]) == 0
    kept = json.loads(file.read_text(encoding="utf-8"))
    assert kept["left_out"] == {}
    assert [row["name"] for row in kept["results"]] == ["badak", "badak-plain", "post-plain"]
    assert all(row["median"] > 0 and len(row["runs"]) == 1 for row in kept["results"])
    assert "badak train" in capsys.readouterr().out


def finished(out, iterations=(0, 600), accuracy=0.97):
    out.mkdir()
    records = [{"iteration": i, "test_accuracy": accuracy} for i in iterations]
    (out / "history.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (out / "weights.npz").write_bytes(b"")
    (out / "curves.png").write_bytes(b"")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda out: None, ""),
        (lambda out: (out / "history.jsonl").unlink(), "no history"),
        (lambda out: (out / "weights.npz").unlink(), "no weights"),
        (lambda out: (out / "curves.png").unlink(), "picture is missing"),
        (lambda out: (out / "history.jsonl").write_text('{"iteration": 0}\n'), "evaluated at"),
    ],
)
def test_a_command_that_did_less_work_is_refused(spoil, says, tmp_path):
    out = tmp_path / "run"
    finished(out)
    spoil(out)
    with tempfile.TemporaryFile("w+") as log:
        why = commands.complaint(commands.COMMANDS["badak"], out, 700, 0, log)
    assert says in why
    assert bool(why) == bool(says)


def test_a_command_that_failed_or_learned_nothing_is_refused(tmp_path):
    finished(tmp_path / "run", range(0, 10_000, 600), accuracy=0.1)
    with tempfile.TemporaryFile("w+") as log:
        command = commands.COMMANDS["badak"]
        assert "test accuracy of 0.1" in commands.complaint(command, tmp_path / "run", 10_000, 0, log)
        log.write("first\nthe reason")
        assert "code 3: first / the reason" in commands.complaint(command, tmp_path / "run", 10_000, 3, log)


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of other processes is read from /proc")
def test_memory_is_that_of_all_processes_together(tmp_path):
    held = 120_000_000
    child = f"import time; held = bytearray({held}); time.sleep(1)"
    parent = f"import subprocess, sys; held = bytearray({held}); subprocess.run([sys.executable, '-c', {child!r}])"
    with tempfile.TemporaryFile("w+") as log:
        env = harness.environment(1)
        alone = commands.run([sys.executable, "-c", child], env, log)
        both = commands.run([sys.executable, "-c", parent], env, log)
    assert held < alone["memory"] < 1.5 * held
    assert 2 * held < both["memory"] < 3 * held
    assert both["code"] == 0
    assert both["seconds"] > 1
