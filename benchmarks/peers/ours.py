"""badak: a runner's whole steps, the reader's own loop, and predict, by the engine and by the NumPy layers."""

import numpy as np

from badak import (
    SGD,
    Adam,
    Affine,
    Convolution,
    DeepConvNet,
    Dropout,
    Network,
    Pooling,
    Relu,
    SimpleConvNet,
    SoftmaxWithLoss,
)
from badak.data.pixels import Pixels
from badak.train.runners import make_runner

from .turns import Calls, Epochs, Turns, calls_a_window, chunks


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


def tiny(dropout):
    """The net "tiny-conv" of jobs.py."""
    layers = [
        *(Convolution(np.zeros((4, 1, 3, 3)), np.zeros(4), pad=1), Relu(), Pooling(2, 2)),
        *(Affine(np.zeros((784, 8)), np.zeros(8)), Relu(), Dropout(dropout), Affine(np.zeros((8, 10)), np.zeros(10))),
    ]
    return Network(layers, SoftmaxWithLoss(), dtype=np.float32, seed=0, input_shape=(1, 28, 28))


def conv_net(job, engine):
    """SimpleConvNet or DeepConvNet with the job's weights."""
    case = job.case
    net = {
        "simple-conv": lambda: SimpleConvNet(dtype=np.float32, seed=0),
        "deep-conv": lambda: DeepConvNet(dtype=np.float32, seed=0, dropout_ratio=case.dropout),
        "tiny-conv": lambda: tiny(case.dropout),
    }[case.net]()
    net.engine = engine
    for name, values in job.params.items():
        net.params[name] = values
    return net


def conv_runner(job, engine, unit):
    """Images as bytes, as `badak train` hands them over."""
    x = Pixels(np.array(job.pixels).reshape(-1, 1, 28, 28))
    runner = make_runner(conv_net(job, engine), Adam(job.case.lr), x, np.array(job.t), engine, job.threads)
    following = chunks(job.order.reshape(-1, unit, job.case.batch))
    return Epochs(lambda: runner.steps(next(following)), unit, "float32, bytes as input")


def conv_native(job):
    return conv_runner(job, "native", job.case.unit)


def conv_plain(job):
    return conv_runner(job, "numpy", 1)
