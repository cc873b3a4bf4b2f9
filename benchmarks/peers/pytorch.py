"""PyTorch on the CPU: eager, and the whole step written by hand under torch.compile."""

import numpy as np
import torch
import torch.nn.functional as F

from .turns import Calls, Epochs, Turns, calls_a_window


def tensors(job):
    torch.set_num_threads(job.threads)
    torch.set_flush_denormal(True)
    return torch.from_numpy(np.array(job.x)), torch.from_numpy(np.array(job.t)), torch.from_numpy(job.order)


def module_of(job):
    layers = []
    for i in range(1, job.depth + 1):
        weight = job.params[f"W{i}"]
        linear = torch.nn.Linear(*weight.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight.T.copy()))
            linear.bias.copy_(torch.from_numpy(job.params[f"b{i}"]))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def eager(job):
    """Module, autograd and the fused SGD; batches by index_select; the losses are never waited for."""
    x, t, order = tensors(job)
    net = module_of(job)
    optimizer = torch.optim.SGD(net.parameters(), job.case.lr, fused=True)

    def step(rows):
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(net(x.index_select(0, rows)), t.index_select(0, rows))
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Turns(step, order.unbind(), calls_a_window(job), "nn.Sequential, autograd, fused SGD")


def loop(job):
    """The reader's own loop: batch, gradients, `p -= lr * grad`."""
    x, t, order = tensors(job)
    net = module_of(job)
    params, lr = list(net.parameters()), job.case.lr

    def step(rows):
        x_batch, t_batch = x[rows], t[rows]
        loss = F.cross_entropy(net(x_batch), t_batch)
        grads = torch.autograd.grad(loss, params)
        with torch.no_grad():
            for p, grad in zip(params, grads, strict=True):
                p -= lr * grad  # noqa: PLW2901 (in place: that is the update)
        return loss.detach()

    return Turns(step, order.unbind(), calls_a_window(job), "torch.autograd.grad, p -= lr * grad")


def hand_step(depth, lr, params, x, t, rows):
    """One iteration without autograd, updating `params` in place: what inductor fuses best."""
    h = [x.index_select(0, rows)]
    labels = t.index_select(0, rows)
    for i in range(depth):
        z = torch.addmm(params[2 * i + 1], h[-1], params[2 * i])
        h.append(torch.relu(z) if i < depth - 1 else z)
    log_y = torch.log_softmax(h[-1], 1)
    hot = labels[:, None] == torch.arange(log_y.shape[1])[None]
    loss = -(log_y * hot).sum() / len(rows)
    d = (torch.exp(log_y) - hot.to(log_y.dtype)) / len(rows)
    updates = []
    for i in range(depth - 1, -1, -1):
        updates.append((2 * i, h[i].T @ d))
        updates.append((2 * i + 1, d.sum(0)))
        if i:
            d = (d @ params[2 * i].T) * (h[i] > 0)
    for i, grad in updates:
        params[i].sub_(grad, alpha=lr)
    return loss


def compiled(job, unroll=20, cpp_wrapper=True):
    """`unroll` steps by hand in one graph, so that guards and the call from Python are paid once for all."""
    import torch._inductor.config as inductor

    inductor.cpp_wrapper = cpp_wrapper
    x, t, order = tensors(job)
    depth, lr = job.depth, job.case.lr
    params = [torch.from_numpy(values.copy()) for values in job.params.values()]
    while len(order) % unroll:
        unroll -= 1

    @torch.compile(fullgraph=True, dynamic=False)
    def steps(params, x, t, rows):
        return torch.stack([hand_step(depth, lr, params, x, t, rows[i]) for i in range(unroll)])

    groups = order.reshape(-1, unroll, order.shape[1]).contiguous().unbind()

    @torch.no_grad()
    def run():
        nonlocal at
        losses = steps(params, x, t, groups[at % len(groups)])
        at += 1
        return losses

    at = 0
    return Epochs(run, unroll, f"{unroll} steps by hand in one graph")


def predict(job):
    x, _, _ = tensors(job)
    net = module_of(job).eval()
    x = x[: job.case.batch].clone()

    @torch.inference_mode()
    def call():
        return net(x)

    return Calls(call, "inference_mode")
