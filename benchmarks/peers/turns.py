"""What most peers share: going through the order of batches, `unit` iterations a call, round and round."""

import itertools

import numpy as np
from jobs import weights_of


class Turns:
    """Calls `step(row of the order)` for each iteration; `run()` gives the losses of `unit` iterations."""

    def __init__(self, step, order, unit, note=""):
        self.step, self.order, self.unit, self.note = step, order, unit, note
        self.at = 0

    def run(self):
        """Do `unit` iterations and give their losses, as the step gave them."""
        step, order, n = self.step, self.order, len(self.order)
        losses = [step(order[i % n]) for i in range(self.at, self.at + self.unit)]
        self.at += self.unit
        return losses


class Epochs:
    """For compiled loops of a fixed length: `epoch()` does all iterations of the order and gives the losses."""

    def __init__(self, epoch, unit, note=""):
        self.run, self.unit, self.note = epoch, unit, note


class Calls:
    """For `predict`: `run()` is one call."""

    unit = 1

    def __init__(self, call, note=""):
        self.run, self.note = call, note


def calls_a_window(job):
    """Iterations a call of a Python loop: about a fiftieth of an epoch, so that a window can end in time."""
    return max(len(job.order) // 50, 1)


def chunks(parts):
    """The parts of an order one after the other, again and again."""
    return itertools.cycle(parts)


def image_rows_last(job):
    """W1, b1, W2, … of a convolutional net for images (H, W, C): filters (FH, FW, C, F), and the rows of the first
    affine layer, which reads channel by channel, in the order pixel by pixel.
    """
    found, channels = [], 1
    for i, (kind, shape, *_) in enumerate(weights_of(job.case.net), 1):
        w = job.params[f"W{i}"]
        if kind == "conv":
            w, channels = w.transpose(2, 3, 1, 0), shape[0]
        elif channels > 1:
            w, channels = w.reshape(channels, -1, shape[1]).transpose(1, 0, 2).reshape(shape), 1
        found += [np.ascontiguousarray(w), job.params[f"b{i}"]]
    return found
