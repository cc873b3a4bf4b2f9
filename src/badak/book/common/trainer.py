"""`common.trainer`: the book's training loop (ch. 6 to 8)."""

import typing as _t

import numpy as np

from badak.book.common.optimizer import SGD, AdaGrad, Adam, Momentum, Nesterov, RMSprop
from badak.book.mending import mended as _mended

_OPTIMIZERS: dict[str, type[_t.Any]] = {
    "sgd": SGD,
    "momentum": Momentum,
    "nesterov": Nesterov,
    "adagrad": AdaGrad,
    "rmsprop": RMSprop,
    "rmsprpo": RMSprop,  # as the book spells it
    "adam": Adam,
}


class Trainer:
    """Trains a network: `epochs` times as many steps as batches fit into the data, each batch drawn at random."""

    def __init__(
        self,
        network: _t.Any,
        x_train: _t.Any,
        t_train: _t.Any,
        x_test: _t.Any,
        t_test: _t.Any,
        epochs: int = 20,
        mini_batch_size: int = 100,
        optimizer: str = "SGD",
        optimizer_param: _t.Any = None,
        evaluate_sample_num_per_epoch: int | None = None,
        verbose: bool = True,
    ) -> None:
        self.network, self.verbose = network, verbose
        self.x_train, self.t_train, self.x_test, self.t_test = x_train, t_train, x_test, t_test
        self.epochs, self.batch_size = epochs, mini_batch_size
        self.evaluate_sample_num_per_epoch = evaluate_sample_num_per_epoch
        if optimizer.lower() not in _OPTIMIZERS:
            raise ValueError(f"optimizer must be one of {', '.join(_OPTIMIZERS)}, not {optimizer!r}")
        self.optimizer = _OPTIMIZERS[optimizer.lower()](
            **({"lr": 0.01} if optimizer_param is None else optimizer_param)
        )
        self.train_size = x_train.shape[0]
        self.iter_per_epoch = max(self.train_size / mini_batch_size, 1)
        self.max_iter = int(epochs * self.iter_per_epoch)
        self.current_iter = 0
        self.current_epoch = 0
        self.train_loss_list: list[_t.Any] = []
        self.train_acc_list: list[_t.Any] = []
        self.test_acc_list: list[_t.Any] = []

    def train_step(self) -> None:
        """One batch, one update; and an evaluation where an epoch begins."""
        chosen = np.random.choice(self.train_size, self.batch_size)  # noqa: NPY002 (the book's)
        x_batch, t_batch = self.x_train[chosen], self.t_train[chosen]
        grads = self.network.gradient(x_batch, t_batch)
        self.optimizer.update(self.network.params, grads)
        loss = self.network.loss(x_batch, t_batch)
        self.train_loss_list.append(loss)
        if self.verbose:
            print("train loss:" + str(loss))
        if self._epoch_begins():
            self.current_epoch += 1
            self._evaluate()
        self.current_iter += 1

    def _epoch_begins(self) -> bool:
        whole = self.iter_per_epoch == int(self.iter_per_epoch)
        if not whole:
            _mended(
                "each epoch is evaluated; the book's Trainer waits for a step that is a whole multiple of a fraction"
            )
        return self.current_iter == 0 or int(self.current_iter / self.iter_per_epoch) > int(
            (self.current_iter - 1) / self.iter_per_epoch
        )

    def _evaluate(self) -> None:
        some = slice(self.evaluate_sample_num_per_epoch)
        train_acc = self.network.accuracy(self.x_train[some], self.t_train[some])
        test_acc = self.network.accuracy(self.x_test[some], self.t_test[some])
        self.train_acc_list.append(train_acc)
        self.test_acc_list.append(test_acc)
        if self.verbose:
            print(f"=== epoch:{self.current_epoch}, train acc:{train_acc}, test acc:{test_acc} ===")

    def train(self) -> None:
        """Do all steps, and evaluate on all test data at the end."""
        for _ in range(self.max_iter):
            self.train_step()
        test_acc = self.network.accuracy(self.x_test, self.t_test)
        if self.verbose:
            print("=============== Final Test Accuracy ===============")
            print("test acc:" + str(test_acc))
