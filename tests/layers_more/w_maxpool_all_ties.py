# kind: wrong
# protocol: layer
# label: routes-to-all-ties
# severity: hazard
# class: Pooling
# make: make = lambda: Pooling()
# sample: x = np.maximum(np.random.default_rng(1).integers(-2, 3, (2, 2, 4, 4)), 0).astype(float)
# fix: [["dcol = eq * d", "dcol = eq / eq.sum(axis=1, keepdims=True) * d"]]
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


class Pooling:
    def __init__(self, size=2, stride=2):
        self.size = size
        self.stride = stride

    def forward(self, x):
        n, ch, h, w = x.shape
        k = self.size
        oh, ow = out_size(h, k, self.stride, 0), out_size(w, k, self.stride, 0)
        self.x_shape = x.shape
        self.col = im2col(x, k, k, self.stride).reshape(-1, k * k)      # one row per window and channel
        return self.col.max(axis=1).reshape(n, oh, ow, ch).transpose(0, 3, 1, 2)

    def backward(self, dout):
        d = dout.transpose(0, 2, 3, 1).reshape(-1, 1)
        eq = (self.col == self.col.max(axis=1, keepdims=True)).astype(float)
        dcol = eq * d
        return col2im(dcol, self.x_shape, self.size, self.size, self.stride)
