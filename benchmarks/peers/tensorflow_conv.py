"""TensorFlow on the convolutional nets: many iterations in one tf.function, NHWC, the fused Adam kernel."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf
from jobs import NETS

from .turns import Epochs, chunks, image_rows_last


def train(job):
    """Without XLA, whose convolutions backward took six (SimpleConvNet) and thirty times as long (DeepConvNet)."""
    tf.config.threading.set_intra_op_parallelism_threads(job.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    case = job.case
    x, t = tf.constant(np.array(job.x).reshape(-1, 28, 28, 1)), tf.constant(np.array(job.t, np.int32))
    params = [tf.Variable(values) for values in image_rows_last(job)]
    first, second = ([tf.Variable(tf.zeros_like(p)) for p in params] for _ in "mv")
    beta1_power, beta2_power = tf.Variable(0.9), tf.Variable(0.999)

    def scores(h):
        number, flat = 0, False
        for kind, *numbers in NETS[case.net]:
            if kind in ("conv", "affine"):
                w, b = params[2 * number], params[2 * number + 1]
                number += 1
            if kind == "conv":
                pad = [[0, 0], [numbers[2]] * 2, [numbers[2]] * 2, [0, 0]]
                h = tf.nn.bias_add(tf.nn.conv2d(h, w, 1, pad), b)
            elif kind == "affine":
                h = h if flat else tf.reshape(h, (case.batch, -1))
                h, flat = tf.nn.bias_add(tf.matmul(h, w), b), True
            elif kind == "relu":
                h = tf.nn.relu(h)
            elif kind == "pool":
                h = tf.nn.max_pool2d(h, 2, 2, "VALID")
            elif case.dropout:
                h = tf.nn.dropout(h, case.dropout)
        return h

    def update(p, m, v, grad):
        # The kernel adds epsilon before the bias is corrected; scaled so, it is what the other peers add after it.
        numbers = {"lr": case.lr, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8 * tf.sqrt(1 - beta2_power)}
        tf.raw_ops.ResourceApplyAdam(
            **{"var": p.handle, "m": m.handle, "v": v.handle, "grad": grad},
            **{"beta1_power": beta1_power, "beta2_power": beta2_power, **numbers},
        )

    @tf.function
    def steps(order):
        losses = tf.TensorArray(tf.float32, case.unit)
        for i in tf.range(case.unit):
            rows = order[i]
            with tf.GradientTape() as tape:
                h = scores(tf.gather(x, rows))
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(tf.gather(t, rows), h))
            for p, m, v, grad in zip(params, first, second, tape.gradient(loss, params), strict=True):
                update(p, m, v, grad)
            beta1_power.assign(beta1_power * 0.9)
            beta2_power.assign(beta2_power * 0.999)
            losses = losses.write(i, loss)
        return losses.stack()

    following = chunks([tf.constant(part) for part in job.order.astype(np.int32).reshape(-1, case.unit, case.batch)])
    return Epochs(lambda: steps(next(following)).numpy(), case.unit, f"{case.unit} iterations a call, NHWC, oneDNN")
