"""Functions whose backward computes with Variables again, and sums what was broadcast."""

import weakref

import numpy as np


class Variable:
    __array_priority__ = 200

    def __init__(self, data, name=None):
        if data is not None and not isinstance(data, np.ndarray):
            raise TypeError(f"{type(data)} is not supported")
        self.data = data
        self.grad = None
        self.creator = None
        self.generation = 0

    @property
    def shape(self):
        return self.data.shape

    def set_creator(self, func):
        self.creator = func
        self.generation = func.generation + 1

    def backward(self):
        if self.grad is None:
            self.grad = Variable(np.ones_like(self.data))
        funcs, seen = [self.creator], {self.creator}
        while funcs:
            funcs.sort(key=lambda g: g.generation)
            f = funcs.pop()
            gxs = f.backward(*[output().grad for output in f.outputs])
            for x, gx in zip(f.inputs, gxs if isinstance(gxs, tuple) else (gxs,)):
                x.grad = gx if x.grad is None else x.grad + gx
                if x.creator is not None and x.creator not in seen:
                    seen.add(x.creator)
                    funcs.append(x.creator)


def as_variable(obj):
    return obj if isinstance(obj, Variable) else Variable(np.asarray(obj))


class Function:
    def __call__(self, *inputs):
        inputs = [as_variable(x) for x in inputs]
        y = self.forward(*[x.data for x in inputs])
        output = Variable(np.asarray(y))
        self.generation = max([x.generation for x in inputs])
        output.set_creator(self)
        self.inputs = inputs
        self.outputs = [weakref.ref(output)]
        return output


class SumTo(Function):
    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        self.x_shape = x.shape
        lead = x.ndim - len(self.shape)
        axes = tuple(range(lead)) + tuple(i + lead for i, n in enumerate(self.shape) if n == 1)
        y = x.sum(axes, keepdims=True)
        return y.reshape(self.shape)

    def backward(self, gy):
        return BroadcastTo(self.x_shape)(gy)


class BroadcastTo(Function):
    def __init__(self, shape):
        self.shape = shape

    def forward(self, x):
        self.x_shape = x.shape
        return np.broadcast_to(x, self.shape)

    def backward(self, gy):
        return SumTo(self.x_shape)(gy)


def sum_to(x, shape):
    return as_variable(x) if x.shape == shape else SumTo(shape)(x)


class Add(Function):
    def forward(self, x0, x1):
        self.x0_shape, self.x1_shape = x0.shape, x1.shape
        return x0 + x1

    def backward(self, gy):
        return sum_to(gy, self.x0_shape), sum_to(gy, self.x1_shape)


class Mul(Function):
    def forward(self, x0, x1):
        return x0 * x1

    def backward(self, gy):
        x0, x1 = self.inputs
        return sum_to(gy * x1, x0.shape), sum_to(gy * x0, x1.shape)


class Neg(Function):
    def forward(self, x):
        return -x

    def backward(self, gy):
        return -gy


class Sin(Function):
    def forward(self, x):
        return np.sin(x)

    def backward(self, gy):
        (x,) = self.inputs
        return gy * Cos()(x)


class Cos(Function):
    def forward(self, x):
        return np.cos(x)

    def backward(self, gy):
        (x,) = self.inputs
        return gy * -Sin()(x)


class MatMul(Function):
    def forward(self, x, W):
        return x.dot(W)

    def backward(self, gy):
        x, W = self.inputs
        return MatMul()(gy, Variable(W.data.T)), MatMul()(Variable(x.data.T), gy)


def add(x0, x1):
    return Add()(x0, x1)


def mul(x0, x1):
    return Mul()(x0, x1)


def neg(x):
    return Neg()(x)


def setup_variable():
    Variable.__add__ = add
    Variable.__mul__ = mul
    Variable.__neg__ = neg


setup_variable()
