"""What `badak train` does, from Python, with the picture or without."""

import os

import job


def main():
    found = job.options(__doc__)
    os.environ["BADAK_THREADS"] = str(found.threads)
    import numpy as np

    from badak import TwoLayerNet, fit
    from badak.data import load_data

    loaded = load_data(str(found.data))
    network = TwoLayerNet(784, 50, 10, dtype=np.float32, seed=found.seed)

    def watch(record):
        train, test = record["train_accuracy"], record["test_accuracy"]
        print(
            f"{record['iteration']:9d} {record['epoch']:7g} {record['loss']:9.4f} {train:8.4f} {test:8.4f}", flush=True
        )

    history = fit(
        network, loaded.x_train, loaded.t_train, loaded.x_test, loaded.t_test,
        iterations=found.iterations, seed=found.seed, out=found.out, progress=True, watch=watch,
    )  # fmt: skip
    print(f"    saved {history.train_accuracy:.4f} {history.test_accuracy:.4f}")
    if not found.no_draw:
        from badak.drawing import draw_curves

        draw_curves(history.records, found.out / "curves.png")


if __name__ == "__main__":
    main()
