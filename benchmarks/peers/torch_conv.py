"""PyTorch on the convolutional nets: eager in both memory formats, and under torch.compile."""

import numpy as np
import torch
import torch.nn.functional as F
from jobs import NETS

from .turns import Turns


def module_of(job):
    layers, number, flat = [], 0, False
    for kind, *numbers in NETS[job.case.net]:
        if kind in ("conv", "affine"):
            number += 1
            weight, bias = job.params[f"W{number}"], job.params[f"b{number}"]
            if kind == "conv":
                layer = torch.nn.Conv2d(weight.shape[1], weight.shape[0], numbers[1], padding=numbers[2])
            else:
                layers += [] if flat else [torch.nn.Flatten()]
                layer, flat = torch.nn.Linear(*weight.shape), True
                weight = weight.T
            with torch.no_grad():
                layer.weight.copy_(torch.from_numpy(weight.copy()))
                layer.bias.copy_(torch.from_numpy(bias))
        elif kind == "relu":
            layer = torch.nn.ReLU()
        elif kind == "pool":
            layer = torch.nn.MaxPool2d(2)
        else:
            layer = torch.nn.Dropout(job.case.dropout)
        layers.append(layer)
    return torch.nn.Sequential(*layers)


def training(job, memory_format, compiled=False):
    """Autograd and the fused Adam; batches by index_select; the losses are never waited for."""
    torch.set_num_threads(job.threads)
    torch.set_flush_denormal(True)
    x = torch.from_numpy(np.array(job.x)).reshape(-1, 1, 28, 28).contiguous(memory_format=memory_format)
    t, order = torch.from_numpy(np.array(job.t)), torch.from_numpy(job.order)
    net = module_of(job).to(memory_format=memory_format)
    optimizer = torch.optim.Adam(net.parameters(), job.case.lr, fused=True)

    def loss_of(images, labels):
        return F.cross_entropy(net(images), labels)

    if compiled:
        loss_of = torch.compile(loss_of, fullgraph=True, dynamic=False)

    def step(rows):
        optimizer.zero_grad(set_to_none=True)
        images = x.index_select(0, rows).contiguous(memory_format=memory_format)
        loss = loss_of(images, t.index_select(0, rows))
        loss.backward()
        optimizer.step()
        return loss.detach()

    note = ("channels_last" if memory_format is torch.channels_last else "NCHW") + ", autograd, fused Adam"
    return Turns(step, order.unbind(), 1, note)


def eager(job):
    return training(job, torch.contiguous_format)


def channels_last(job):
    return training(job, torch.channels_last)


def compiled(job):
    return training(job, torch.contiguous_format, compiled=True)
