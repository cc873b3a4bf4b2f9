"""What every training script shares: the options, the four IDX files, the history and the picture.

The picture is the one that `badak train` draws, from the same numbers, by the same calls of matplotlib.
"""

import argparse
import json
from pathlib import Path

import numpy as np

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def options(description):
    """Read the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, required=True, help="folder with the four IDX files")
    parser.add_argument("--out", type=Path, required=True, help="folder for weights, history and picture")
    parser.add_argument("--iterations", type=int, default=10_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-draw", action="store_true", help="leave out the picture")
    found = parser.parse_args()
    found.out.mkdir(parents=True, exist_ok=True)
    return found


def read(folder):
    """Give x_train (60000, 784) float32 in 0 … 1, t_train (60000,) int64, x_test, t_test."""
    arrays = []
    for name in NAMES:
        raw = np.fromfile(folder / name, np.uint8)
        if "images" in name:
            x = raw[16:].reshape(-1, 784).astype(np.float32)
            x /= 255
            arrays.append(x)
        else:
            arrays.append(raw[8:].astype(np.int64))
    return arrays


def row(records, iteration, losses, train, test):
    """Keep and print one evaluation; `losses` are those since the last one."""
    loss = float(np.mean(losses))
    records.append(
        {
            "iteration": iteration,
            "epoch": round(iteration / 600, 4),
            "loss": loss,
            "train_accuracy": float(train),
            "test_accuracy": float(test),
        }
    )
    print(f"{iteration:9d} {iteration / 600:7g} {loss:9.4f} {train:8.4f} {test:8.4f}", flush=True)


def finish(found, records):
    """Write the history and draw the curves."""
    lines = [json.dumps(record) + "\n" for record in records]
    (found.out / "history.jsonl").write_text("".join(lines))
    if not found.no_draw:
        draw(records, found.out / "curves.png")


def draw(records, path):
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    epochs = [record["epoch"] for record in records]
    with rc_context({"font.family": ["DejaVu Sans"]}):
        figure = Figure(figsize=(8, 3.4), layout="constrained")
        FigureCanvasAgg(figure)
        loss, accuracy = figure.subplots(1, 2)
        loss.plot(epochs, [record["loss"] for record in records], "o-", color="tab:red", markersize=3)
        loss.set(xlabel="epoch", ylabel="loss", title="Loss", ylim=(0, None))
        for key, style, label in (("train_accuracy", "o-", "train"), ("test_accuracy", "s--", "test")):
            values = [record[key] for record in records]
            accuracy.plot(epochs, values, style, markersize=3, label=f"{label} {values[-1]:.4f}")
        accuracy.set(xlabel="epoch", ylabel="accuracy", title="Accuracy", ylim=(0, 1))
        accuracy.legend(loc="lower right")
        for axes in (loss, accuracy):
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, dpi=120)


def first_weights(seed):
    """W1, b1, W2, b2 of the 784-50-10 net, as the post draws them."""
    rng = np.random.default_rng(seed)
    w1 = (0.01 * rng.standard_normal((784, 50))).astype(np.float32)
    w2 = (0.01 * rng.standard_normal((50, 10))).astype(np.float32)
    return [w1, np.zeros(50, np.float32), w2, np.zeros(10, np.float32)]
