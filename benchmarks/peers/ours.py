"""badak: a runner's whole steps, the reader's own loop, and predict, by the engine and by the NumPy layers."""

import numpy as np

from badak import SGD, Affine, Network, Relu, SoftmaxWithLoss
from badak.data.pixels import Pixels
from badak.training import make_runner

from .turns import Calls, Epochs, Turns, calls_a_window


def network_of(job, engine, dtype=np.float32):
    layers = []
    for i in range(1, job.depth + 1):
        layers += [Affine(job.params[f"W{i}"].astype(dtype), job.params[f"b{i}"].astype(dtype)), Relu()]
    net = Network(layers[:-1], SoftmaxWithLoss(), dtype=dtype, engine=engine)
    if engine == "native":  # refuses, saying why, where NumPy would have to step in
        make_runner(net, SGD(job.case.lr), np.array(job.x[:1]), np.array(job.t[:1]), engine)
    return net


def runner_of(job, engine, unit):
    """Images as bytes, where the job has them, as `badak train` hands them over."""
    net = network_of(job, engine)
    x = np.array(job.x) if job.pixels is None else Pixels(np.array(job.pixels))
    runner = make_runner(net, SGD(job.case.lr), x, np.array(job.t), engine)
    if runner.engine != engine:
        raise RuntimeError(f"asked for the engine {engine}, got {runner.engine}")
    at = 0

    def run():
        nonlocal at
        if at + unit > len(job.order):
            at = 0
        losses = runner.steps(job.order[at : at + unit])
        at += unit
        return losses

    return Epochs(run, unit, "float32, " + ("pixels" if job.pixels is None else "bytes") + " as input")


def native(job):
    return runner_of(job, "native", len(job.order))


def plain(job):
    return runner_of(job, "numpy", calls_a_window(job))


def by_hand(job, engine):
    """The reader's own loop: batch, `network.gradient`, `params[key] -= lr * grads[key]`."""
    net, lr, keys = network_of(job, engine), job.case.lr, tuple(job.params)
    x, t = np.array(job.x), np.array(job.t)
    checks = job.case.checked

    def step(rows):
        nonlocal checks
        x_batch, t_batch = x[rows], t[rows]
        loss = None
        if checks > 0:  # `gradient` gives no loss; the check asks for it, the timed iterations don't
            loss, checks = net.loss(x_batch, t_batch), checks - 1
        grads = net.gradient(x_batch, t_batch)
        for key in keys:
            net.params[key] -= lr * grads[key]
        return loss

    return Turns(step, job.order, calls_a_window(job), "float32")


def native_loop(job):
    return by_hand(job, "native")


def numpy_loop(job):
    return by_hand(job, "numpy")


def predicting(job, engine):
    net, x = network_of(job, engine), np.array(job.x[: job.case.batch])
    return Calls(lambda: net.predict(x), "float32")


def native_predict(job):
    return predicting(job, "native")


def numpy_predict(job):
    return predicting(job, "numpy")


def post_loop(job, engine, dtype):
    from .post import posts_loop

    return posts_loop(job, network_of(job, engine, dtype), f"dtype {np.dtype(dtype)}, engine {engine}")


def posts_float32(job):
    return post_loop(job, "numpy", np.float32)


def posts_float64(job):
    return post_loop(job, "numpy", np.float64)


def posts_auto32(job):
    return post_loop(job, "auto", np.float32)


def posts_auto64(job):
    return post_loop(job, "auto", np.float64)
