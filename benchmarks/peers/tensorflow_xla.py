"""TensorFlow: the loop over an epoch of batches in one tf.function compiled by XLA."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from .turns import Epochs


def train(job):
    """Gradients from a tape, weights as loop variables, losses in a TensorArray."""
    tf.config.threading.set_intra_op_parallelism_threads(job.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    depth, lr, iterations = job.depth, job.case.lr, len(job.order)
    x, t = tf.constant(np.array(job.x)), tf.constant(np.array(job.t, np.int32))
    order = tf.constant(job.order.astype(np.int32))
    params = [tf.constant(values) for values in job.params.values()]

    @tf.function(jit_compile=True)
    def epoch(params, x, t, order):
        losses = tf.TensorArray(tf.float32, iterations)
        for i in tf.range(iterations):
            rows = order[i]
            h = tf.gather(x, rows)
            with tf.GradientTape() as tape:
                tape.watch(params)
                for k in range(depth):
                    h = tf.matmul(h, params[2 * k]) + params[2 * k + 1]
                    if k < depth - 1:
                        h = tf.nn.relu(h)
                labels = tf.one_hot(tf.gather(t, rows), h.shape[1])
                loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels, h))
            grads = tape.gradient(loss, params)
            params = [p - lr * g for p, g in zip(params, grads, strict=True)]
            losses = losses.write(i, loss)
        return params, losses.stack()

    def run():
        nonlocal params
        params, losses = epoch(params, x, t, order)
        return losses.numpy()

    return Epochs(run, iterations, "tf.function(jit_compile=True) over the epoch")
