# ruff: noqa: NPY002 (as in the post)
"""The post's own training script, typed in as it stands, reading the IDX files and keeping what it did."""

import sys
from pathlib import Path

import job
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from peers.post import TwoLayerNet, one_hot


def main():
    found = job.options(__doc__)
    x_train, t_train, x_test, t_test = job.read(found.data)
    t_train, t_test = one_hot(t_train, 10), one_hot(t_test, 10)
    np.random.seed(found.seed)
    network = TwoLayerNet(input_size=784, hidden_size=50, output_size=10)

    iters_num = found.iterations
    train_size = x_train.shape[0]
    batch_size = 100
    learning_rate = 0.1

    train_loss_list = []
    records, seen = [], 0

    iter_per_epoch = max(train_size / batch_size, 1)
    for i in range(iters_num):
        batch_mask = np.random.choice(train_size, batch_size)
        x_batch = x_train[batch_mask]
        t_batch = t_train[batch_mask]

        grad = network.gradient(x_batch, t_batch)

        for key in ("W1", "b1", "W2", "b2"):
            network.params[key] -= learning_rate * grad[key]

        loss = network.loss(x_batch, t_batch)
        train_loss_list.append(loss)

        if i % iter_per_epoch == 0:
            train_acc = network.accuracy(x_train, t_train)
            test_acc = network.accuracy(x_test, t_test)
            job.row(records, i, train_loss_list[seen:], train_acc, test_acc)
            seen = len(train_loss_list)

    np.savez(found.out / "weights.npz", **network.params)
    job.finish(found, records)


if __name__ == "__main__":
    main()
