"""scikit-learn: MLPClassifier.partial_fit, one call for many batches, in our order."""

import warnings

import numpy as np
from sklearn.neural_network import MLPClassifier


class Partial:
    """`partial_fit` on the rows of several batches goes through them batch by batch: same work, fewer calls.

    The first calls take one batch each, since scikit-learn reports one loss a call.
    """

    note = "partial_fit, shuffle off, no momentum, no penalty"

    def __init__(self, job):
        case = job.case
        self.x, self.t, self.order = np.array(job.x), np.array(job.t), job.order
        self.left, self.at = case.checked, 0
        self.batches = max(len(job.order) // 20, 1)
        self.model = MLPClassifier(
            case.sizes[1:-1],
            solver="sgd",
            alpha=0.0,
            batch_size=case.batch,
            learning_rate_init=case.lr,
            momentum=0.0,
            nesterovs_momentum=False,
            shuffle=False,
        )
        # A first call makes the arrays; then its weights give way to ours.
        rows = self.order[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model.partial_fit(self.x[rows], self.t[rows], classes=np.arange(case.sizes[-1]))
        for i, (weights, biases) in enumerate(zip(self.model.coefs_, self.model.intercepts_, strict=True), 1):
            weights[...] = job.params[f"W{i}"]
            biases[...] = job.params[f"b{i}"]

    @property
    def unit(self):
        return self.batches

    def run(self):
        """Several batches, their mean loss; while losses are still being checked, one batch."""
        n = 1 if self.left > 0 else self.batches
        self.left -= n
        rows = self.order[np.arange(self.at, self.at + n) % len(self.order)].ravel()
        self.at += n
        self.model.partial_fit(self.x[rows], self.t[rows])
        return [self.model.loss_]


def train(job):
    return Partial(job)
