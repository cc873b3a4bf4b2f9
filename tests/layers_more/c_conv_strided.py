# kind: correct
# protocol: layer
# class: Convolution
# make: def make(): g = np.random.default_rng(0).standard_normal; return Convolution(g((2, 3, 2, 3)), g(2), stride=2, pad=1)
# sample: x = np.random.default_rng(1).standard_normal((2, 3, 5, 6))
import numpy as np


def out_size(n, f, stride, pad):
    return (n + 2 * pad - f) // stride + 1


def im2col(x, fh, fw, stride=1, pad=0):
    """One row per window: (N*OH*OW, C*fh*fw)."""
    n, ch, h, w = x.shape
    img = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    rows = []
    for top in range(0, out_size(h, fh, stride, pad) * stride, stride):
        for left in range(0, out_size(w, fw, stride, pad) * stride, stride):
            rows.append(img[:, :, top:top + fh, left:left + fw].reshape(n, -1))
    return np.stack(rows, axis=1).reshape(-1, ch * fh * fw)


def col2im(col, shape, fh, fw, stride=1, pad=0):
    n, ch, h, w = shape
    oh, ow = out_size(h, fh, stride, pad), out_size(w, fw, stride, pad)
    img = np.zeros((n, ch, h + 2 * pad, w + 2 * pad))
    windows = col.reshape(n, oh, ow, ch, fh, fw)
    for i in range(oh):
        for j in range(ow):
            top, left = i * stride, j * stride
            img[:, :, top:top + fh, left:left + fw] += windows[:, i, j]
    return img[:, :, pad:h + pad, pad:w + pad]


class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W = W
        self.b = b
        self.stride = stride
        self.pad = pad
        self.dW = None
        self.db = None

    def forward(self, x):
        fn, ch, fh, fw = self.W.shape
        n, _, h, w = x.shape
        oh, ow = out_size(h, fh, self.stride, self.pad), out_size(w, fw, self.stride, self.pad)
        self.x_shape = x.shape
        self.col = im2col(x, fh, fw, self.stride, self.pad)
        y = self.col @ self.W.reshape(fn, -1).T + self.b
        return y.reshape(n, oh, ow, fn).transpose(0, 3, 1, 2)

    def backward(self, dout):
        fn, ch, fh, fw = self.W.shape
        self.db = dout.sum(axis=(0, 2, 3))
        dy = dout.transpose(0, 2, 3, 1).reshape(-1, fn)
        self.dW = (dy.T @ self.col).reshape(self.W.shape)
        return col2im(dy @ self.W.reshape(fn, -1), self.x_shape, fh, fw, self.stride, self.pad)
