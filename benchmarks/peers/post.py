# ruff: noqa: NPY002, RET504 (as in the post)
"""The net of the posts as its readers type it: float64 weights, one-hot labels, a second forward for the loss.

This is the floor from which the ratios start. It is kept as it is taught, `out[mask] = 0`, `log(y + 1e-7)` and all,
and must not be made faster.
"""

from collections import OrderedDict

import numpy as np

from .turns import Calls, Turns, calls_a_window


def softmax(x):
    if x.ndim == 2:
        x = x.T
        x = x - np.max(x, axis=0)
        y = np.exp(x) / np.sum(np.exp(x), axis=0)
        return y.T
    x = x - np.max(x)
    return np.exp(x) / np.sum(np.exp(x))


def cross_entropy_error(y, t):
    if y.ndim == 1:
        t = t.reshape(1, t.size)
        y = y.reshape(1, y.size)
    if t.size == y.size:
        t = t.argmax(axis=1)
    batch_size = y.shape[0]
    return -np.sum(np.log(y[np.arange(batch_size), t] + 1e-7)) / batch_size


class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout[self.mask] = 0
        dx = dout
        return dx


class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        out = np.dot(x, self.W) + self.b
        return out

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx


class SoftmaxWithLoss:
    def __init__(self):
        self.loss = None
        self.y = None
        self.t = None

    def forward(self, x, t):
        self.t = t
        self.y = softmax(x)
        self.loss = cross_entropy_error(self.y, self.t)
        return self.loss

    def backward(self, dout=1):
        batch_size = self.t.shape[0]
        dx = (self.y - self.t) / batch_size
        return dx


class MultiLayerNet:
    """The post's TwoLayerNet, for any number of layers: the same lines, in a loop."""

    def __init__(self, params):
        self.params = params
        self.depth = len(params) // 2
        self.layers = OrderedDict()
        for i in range(1, self.depth + 1):
            self.layers[f"Affine{i}"] = Affine(self.params[f"W{i}"], self.params[f"b{i}"])
            if i < self.depth:
                self.layers[f"Relu{i}"] = Relu()
        self.lastLayer = SoftmaxWithLoss()

    def predict(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        y = self.predict(x)
        return self.lastLayer.forward(y, t)

    def accuracy(self, x, t):
        y = self.predict(x)
        y = np.argmax(y, axis=1)
        if t.ndim != 1:
            t = np.argmax(t, axis=1)
        accuracy = np.sum(y == t) / float(x.shape[0])
        return accuracy

    def gradient(self, x, t):
        self.loss(x, t)

        dout = 1
        dout = self.lastLayer.backward(dout)
        layers = list(self.layers.values())
        layers.reverse()
        for layer in layers:
            dout = layer.backward(dout)

        grads = {}
        for i in range(1, self.depth + 1):
            grads[f"W{i}"] = self.layers[f"Affine{i}"].dW
            grads[f"b{i}"] = self.layers[f"Affine{i}"].db
        return grads


class TwoLayerNet(MultiLayerNet):
    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01):
        params = {}
        params["W1"] = weight_init_std * np.random.randn(input_size, hidden_size)
        params["b1"] = np.zeros(hidden_size)
        params["W2"] = weight_init_std * np.random.randn(hidden_size, output_size)
        params["b2"] = np.zeros(output_size)
        super().__init__(params)


def network_of(job):
    return MultiLayerNet({name: values.astype(np.float64) for name, values in job.params.items()})


def one_hot(t, classes):
    labels = np.zeros((len(t), classes))
    labels[np.arange(len(t)), t] = 1
    return labels


def posts_loop(job, network, note):
    """The post's training loop, line by line, for whichever network: choose, gather, gradient, update, loss."""
    x_train, t_train = np.array(job.x), one_hot(job.t, job.case.sizes[-1])
    train_size, batch_size, learning_rate = len(x_train), job.case.batch, job.case.lr
    keys = tuple(job.params)
    np.random.seed(0)  # the same draws as the order of the job
    checks = job.case.checked

    def step(_):
        nonlocal checks
        batch_mask = np.random.choice(train_size, batch_size)
        x_batch = x_train[batch_mask]
        t_batch = t_train[batch_mask]
        before = None
        if checks > 0:  # the loss before the update is compared between peers; the post asks for the one after
            before, checks = network.loss(x_batch, t_batch), checks - 1
        grad = network.gradient(x_batch, t_batch)
        for key in keys:
            network.params[key] -= learning_rate * grad[key]
        network.loss(x_batch, t_batch)
        return before

    return Turns(step, job.order, calls_a_window(job), note)


def train(job):
    return posts_loop(job, network_of(job), "float64, loss by a second forward pass, as in the post")


def loop(job):
    """Gradient and update only, as the other peers do in this case."""
    net, lr, keys = network_of(job), job.case.lr, tuple(job.params)
    x_train, t_train = np.array(job.x), one_hot(job.t, job.case.sizes[-1])

    def step(batch_mask):
        grad = net.gradient(x_train[batch_mask], t_train[batch_mask])
        for key in keys:
            net.params[key] -= lr * grad[key]
        return net.lastLayer.loss

    return Turns(step, job.order, calls_a_window(job), "float64")


def predict(job):
    net, x = network_of(job), np.array(job.x[: job.case.batch])
    return Calls(lambda: net.predict(x), "float64")
