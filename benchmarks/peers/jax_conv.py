"""JAX on the convolutional nets: a jitted lax.scan over many iterations, NHWC, weights and moments donated."""

import jax
import jax.numpy as jnp
import numpy as np
from jobs import NETS

from .turns import Epochs, chunks, image_rows_last


def train(job):
    case = job.case
    x, t = jnp.asarray(np.array(job.x).reshape(-1, 28, 28, 1)), jnp.asarray(np.array(job.t, np.int32))
    params = [jnp.asarray(values) for values in image_rows_last(job)]

    def loss_of(params, h, labels, key):
        number = 0
        for kind, *numbers in NETS[case.net]:
            if kind in ("conv", "affine"):
                w, b = params[2 * number], params[2 * number + 1]
                number += 1
            if kind == "conv":
                pad = [(numbers[2],) * 2] * 2
                h = jax.lax.conv_general_dilated(h, w, (1, 1), pad, dimension_numbers=("NHWC", "HWIO", "NHWC")) + b
            elif kind == "affine":
                h = h.reshape(case.batch, -1) @ w + b
            elif kind == "relu":
                h = jax.nn.relu(h)
            elif kind == "pool":
                h = jax.lax.reduce_window(h, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
            elif case.dropout:
                key, own = jax.random.split(key)
                h = jnp.where(jax.random.bernoulli(own, 1 - case.dropout, h.shape), h / (1 - case.dropout), 0)
        return -(jax.nn.log_softmax(h) * jax.nn.one_hot(labels, h.shape[1])).sum() / len(labels)

    def steps(state, x, t, order):
        def step(state, rows):
            params, m, v, count, key = state
            count, key, own = count + 1, *jax.random.split(key)
            batch = x.at[rows].get(mode="promise_in_bounds"), t.at[rows].get(mode="promise_in_bounds")
            loss, grads = jax.value_and_grad(loss_of)(params, *batch, own)
            m = [0.9 * a + 0.1 * g for a, g in zip(m, grads, strict=True)]
            v = [0.999 * a + 0.001 * g * g for a, g in zip(v, grads, strict=True)]
            m_scale, v_scale = 1 / (1 - 0.9**count), 1 / (1 - 0.999**count)
            params = [
                p - case.lr * m_scale * a / (jnp.sqrt(v_scale * b) + 1e-8) for p, a, b in zip(params, m, v, strict=True)
            ]
            return (params, m, v, count, key), loss

        return jax.lax.scan(step, state, order)

    state = (
        params,
        *([jnp.zeros_like(p) for p in params] for _ in "mv"),
        jnp.zeros((), jnp.float32),
        jax.random.key(0),
    )
    parts = [jnp.asarray(part) for part in job.order.astype(np.int32).reshape(-1, case.unit, case.batch)]
    compiled = jax.jit(steps, donate_argnums=0).lower(state, x, t, parts[0]).compile()
    following = chunks(parts)

    def run():
        nonlocal state
        state, losses = compiled(state, x, t, next(following))
        return np.asarray(losses)  # waits until they are done

    return Epochs(run, case.unit, f"lax.scan over {case.unit} iterations, NHWC, donated weights")
