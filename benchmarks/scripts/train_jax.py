"""The post's job in JAX: all iterations between two evaluations in one compiled loop, compiled once."""

import os

import job
import numpy as np


def main():
    found = job.options(__doc__)
    if hasattr(os, "sched_setaffinity"):  # the thread pool of XLA counts the cores it may use
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: found.threads])
    import jax
    import jax.numpy as jnp

    x_train, t_train, x_test, t_test = (jnp.asarray(array) for array in job.read(found.data))
    params = [jnp.asarray(array) for array in job.first_weights(found.seed)]
    rng = np.random.default_rng(found.seed)
    order = jnp.asarray(rng.integers(0, len(x_train), (found.iterations, 100)).astype(np.int32))

    def scores(params, x):
        w1, b1, w2, b2 = params
        return jax.nn.relu(x @ w1 + b1) @ w2 + b2

    def loss_of(params, x, t):
        return -(jax.nn.log_softmax(scores(params, x)) * jax.nn.one_hot(t, 10)).sum() / len(t)

    # Bounds that are arguments make it one while loop for 1, 600 and 399 iterations alike.
    def run(params, losses, start, stop, x, t, order):
        def step(i, state):
            params, losses = state
            rows = order[i]
            loss, grads = jax.value_and_grad(loss_of)(params, x[rows], t[rows])
            return [p - 0.1 * g for p, g in zip(params, grads, strict=True)], losses.at[i].set(loss)

        return jax.lax.fori_loop(start, stop, step, (params, losses))

    run = jax.jit(run, donate_argnums=(0, 1))

    @jax.jit
    def accuracy(params, x, t):
        return (scores(params, x).argmax(1) == t).mean()

    losses, records, done = jnp.zeros(found.iterations), [], 0
    for stop in [*range(1, found.iterations, 600), found.iterations]:
        params, losses = run(params, losses, done, stop, x_train, t_train, order)
        if (stop - 1) % 600 == 0:
            train, test = accuracy(params, x_train, t_train), accuracy(params, x_test, t_test)
            job.row(records, stop - 1, np.asarray(losses[done:stop]), train, test)
        done = stop
    train, test = accuracy(params, x_train, t_train), accuracy(params, x_test, t_test)
    print(f"    saved {train:.4f} {test:.4f}")
    np.savez(found.out / "weights.npz", **dict(zip(("W1", "b1", "W2", "b2"), map(np.asarray, params), strict=True)))
    job.finish(found, records)


if __name__ == "__main__":
    main()
