"""Functions of static methods, which keep what backward needs in a context."""

import numpy as np


class Function:
    @classmethod
    def apply(cls, *args):
        raise NotImplementedError


def unbroadcast(grad, shape):
    while grad.ndim > len(shape):
        grad = grad.sum(axis=0)
    for axis, size in enumerate(shape):
        if size == 1 and grad.shape[axis] != 1:
            grad = grad.sum(axis=axis, keepdims=True)
    return grad


class Add(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a.shape, b.shape)
        return a + b

    @staticmethod
    def backward(ctx, grad_output):
        a_shape, b_shape = ctx.saved_tensors
        return unbroadcast(grad_output, a_shape), unbroadcast(grad_output, b_shape)


class MatMul(Function):
    @staticmethod
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a @ b

    @staticmethod
    def backward(ctx, grad_output):
        a, b = ctx.saved_tensors
        return grad_output @ b.T, a.T @ grad_output


class Sqrt(Function):
    @staticmethod
    def forward(ctx, input):
        ctx.out = np.sqrt(input)
        return ctx.out

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output / (2 * ctx.out)


class Slice(Function):
    @staticmethod
    def forward(ctx, input, indices):
        ctx.shape, ctx.indices = input.shape, tuple(slice(*pair) for pair in indices)
        return input[ctx.indices]

    @staticmethod
    def backward(ctx, grad_output):
        grad = np.zeros(ctx.shape)
        grad[ctx.indices] = grad_output
        return grad, None


class Transpose(Function):
    @staticmethod
    def forward(ctx, input, axes):
        ctx.axes = axes
        return np.transpose(input, axes)

    @staticmethod
    def backward(ctx, grad_output):
        return np.transpose(grad_output, np.argsort(ctx.axes))


class Max(Function):
    @staticmethod
    def forward(ctx, input, axis):
        out = input.max(axis=axis, keepdims=True)
        ctx.save_for_backward(input == out, axis)
        return np.squeeze(out, axis)

    @staticmethod
    def backward(ctx, grad_output):
        mask, axis = ctx.saved_tensors
        return np.expand_dims(grad_output, axis) * mask / mask.sum(axis=axis, keepdims=True)


class Conv1d(Function):
    @staticmethod
    def forward(ctx, input, weight, stride):
        ctx.save_for_backward(input, weight)
        ctx.stride = stride
        size = weight.shape[2]
        steps = (input.shape[2] - size) // stride + 1
        windows = [input[:, :, i * stride : i * stride + size] for i in range(steps)]
        return np.stack([np.tensordot(w, weight, ((1, 2), (1, 2))) for w in windows], axis=2)

    @staticmethod
    def backward(ctx, grad_output):
        input, weight = ctx.saved_tensors
        size = weight.shape[2]
        dx, dw = np.zeros_like(input), np.zeros_like(weight)
        for i in range(grad_output.shape[2]):
            window = slice(i * ctx.stride, i * ctx.stride + size)
            dw += np.tensordot(grad_output[:, :, i], input[:, :, window], (0, 0))
            dx[:, :, window] += np.tensordot(grad_output[:, :, i], weight, (1, 0))
        return dx, dw


class OneHot(Function):
    @staticmethod
    def forward(ctx, input, num_classes):
        return np.eye(num_classes)[np.clip(input[:, 0].astype(int), 0, num_classes - 1)]

    @staticmethod
    def backward(ctx, grad_output):
        return None
