# ruff: noqa: E501 (a sentence is one line, as its translation is)
"""Convolution: one small filter at every place of an image (book, ch. 7.2)."""

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from badak.learn.exercise import Answer, Exercise, Findings, Guess, check_class, compare, fault, same

EN = '''"""Exercise 12: convolution, one small filter at every place of an image (book, ch. 7.2 to 7.4).

    x, dx      (N, C, H, W)       N images of C channels, H high and W wide
    W, dW      (F, C, FH, FW)     F filters, each over all C channels
    b, db      (F,)               a number for each filter
    out, dout  (N, F, OH, OW)     an image for each filter

    OH = (H + 2 * pad - FH) // stride + 1            OW = (W + 2 * pad - FW) // stride + 1

Put `pad` rows and columns of zeros around each image. The window of place (i, j) is the piece of it, (N, C, FH, FW), that
begins at row i * stride and column j * stride. Then

    out[n, f, i, j] = the sum over C, FH and FW of window[n] * W[f], plus b[f]

The filter lies on the window as it is, not turned round. (Mathematics calls that correlation.)

Backward goes through the same places. In each, with d = dout[:, :, i, j] of (N, F):

    dW            += the sum over n of d[n, f] * window[n]
    dx[the window] += the sum over f of d[n, f] * W[f]

+= because every place has used the same filter, and neighbouring windows share pixels. At the end, what lies on the padding
is cut off. db[f] is the sum of all dout of the filter f.

    conv = Convolution(np.ones((1, 1, 2, 2)), np.array([0.5]))
    conv.forward(np.arange(9.0).reshape(1, 1, 3, 3))   # [[[[ 8.5 12.5] [20.5 24.5]]]]
    conv.backward(np.ones((1, 1, 2, 2)))               # [[[[1. 2. 1.] [2. 4. 2.] [1. 2. 1.]]]]

Two loops over i and j are enough. The book's im2col makes one matrix product of them; it is welcome, too.

Write what belongs in the place of each ... and save the file.
"""

import numpy as np


class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W = W
        self.b = b
        self.stride = stride
        self.pad = pad
        self.x = None  # what backward needs of forward: best the padded images
        self.dW = None
        self.db = None

    def forward(self, x):
        """Give out, and keep what backward needs."""
        ...

    def backward(self, dout):
        """Set self.dW and self.db, and give dx."""
        ...
'''
KO = '''"""연습 12: 합성곱, 작은 필터 하나를 이미지의 모든 자리에 (책 7.2~7.4절).

    x, dx      (N, C, H, W)       채널이 C개이고 높이 H, 너비 W인 이미지 N장
    W, dW      (F, C, FH, FW)     필터 F개, 저마다 채널 C개를 모두 봅니다
    b, db      (F,)               필터마다 수 하나
    out, dout  (N, F, OH, OW)     필터마다 이미지 한 장

    OH = (H + 2 * pad - FH) // stride + 1            OW = (W + 2 * pad - FW) // stride + 1

이미지 둘레에 0으로 된 행과 열을 pad개씩 두릅니다. 자리 (i, j)의 윈도우는 그 이미지에서 i * stride행, j * stride열부터
떼어 낸 조각 (N, C, FH, FW)입니다. 그러면

    out[n, f, i, j] = window[n] * W[f]를 C, FH, FW에 대해 더한 것, 더하기 b[f]

필터는 뒤집지 않고 그대로 윈도우에 겹칩니다. (수학에서는 이것을 상관이라고 합니다.)

역전파도 같은 자리를 돕니다. 자리마다, (N, F)인 d = dout[:, :, i, j]로:

    dW         += d[n, f] * window[n]을 n에 대해 더한 것
    dx[그 윈도우] += d[n, f] * W[f]를 f에 대해 더한 것

+=인 까닭은 모든 자리가 같은 필터를 썼고, 이웃한 윈도우들이 픽셀을 나누어 쓰기 때문입니다. 끝으로 패딩에 놓인 부분을
잘라 냅니다. db[f]는 필터 f의 dout을 모두 더한 것입니다.

    conv = Convolution(np.ones((1, 1, 2, 2)), np.array([0.5]))
    conv.forward(np.arange(9.0).reshape(1, 1, 3, 3))   # [[[[ 8.5 12.5] [20.5 24.5]]]]
    conv.backward(np.ones((1, 1, 2, 2)))               # [[[[1. 2. 1.] [2. 4. 2.] [1. 2. 1.]]]]

i와 j를 도는 반복문 두 개면 충분합니다. 책의 im2col은 그것을 행렬 곱 하나로 바꿉니다. 그렇게 써도 됩니다.

... 자리에 알맞은 코드를 쓰고 파일을 저장하세요.
"""

import numpy as np


class Convolution:
    def __init__(self, W, b, stride=1, pad=0):
        self.W = W
        self.b = b
        self.stride = stride
        self.pad = pad
        self.x = None  # backward에 필요한 것: 패딩을 두른 이미지가 좋습니다
        self.dW = None
        self.db = None

    def forward(self, x):
        """out을 돌려주고, backward에 필요한 것을 남깁니다."""
        ...

    def backward(self, dout):
        """self.dW와 self.db를 채우고 dx를 돌려줍니다."""
        ...
'''
HINTS = {
    "en": (
        "np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad))) pads height and width alone. np.zeros makes room for out, and in "
        "backward for dW and for the padded dx.",
        "One window is x[:, :, i * stride : i * stride + FH, j * stride : j * stride + FW] of the padded x. "
        "np.tensordot(window, W, ((1, 2, 3), (1, 2, 3))) multiplies and adds up over C, FH and FW: (N, F).",
        "backward, at each place: dW += np.tensordot(d, window, (0, 0)), and the window of dx += np.tensordot(d, self.W, (1, 0)). "
        "Cut with pad : pad + H, which works for pad = 0 as well. db is dout.sum(axis=(0, 2, 3)).",
    ),
    "ko": (
        "np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))는 높이와 너비에만 0을 두릅니다. np.zeros로 out을 담을 배열을 만들고, "
        "backward에서는 dW와 패딩을 두른 dx를 담을 배열을 만듭니다.",
        "윈도우 하나는 패딩을 두른 x의 x[:, :, i * stride : i * stride + FH, j * stride : j * stride + FW]입니다. "
        "np.tensordot(window, W, ((1, 2, 3), (1, 2, 3)))은 곱해서 C, FH, FW에 대해 더합니다: (N, F).",
        "backward에서는 자리마다 dW += np.tensordot(d, window, (0, 0)), dx의 윈도우 += np.tensordot(d, self.W, (1, 0))입니다. "
        "자를 때 pad : pad + H라고 쓰면 pad = 0에서도 됩니다. db는 dout.sum(axis=(0, 2, 3))입니다.",
    ),
}
CLASS, FORWARD, BACKWARD = "Convolution", "Convolution.forward", "Convolution.backward"
# What is tried in turn, each a little more than the one before, so that what fails tells why:
# shapes of x and W, stride, pad; in the first, a bias along the wrong axis goes through without an exception.
STAGES = {
    "": ((2, 2, 5, 5), (3, 2, 3, 3), 1, 0),
    "5 x 6": ((2, 3, 5, 6), (4, 3, 3, 2), 1, 0),
    "5 x 6, pad=1": ((2, 3, 5, 6), (4, 3, 3, 2), 1, 1),
    "5 x 6, stride=2": ((2, 3, 5, 6), (4, 3, 3, 2), 2, 0),
    "5 x 6, stride=2, pad=1": ((2, 3, 5, 6), (4, 3, 3, 2), 2, 1),
}
LAST = "{name} gives the filters last; out is (N, F, OH, OW)."


def check(answer: Answer) -> Findings:
    """Every window is met by every filter, and the three gradients fit, with stride and with padding."""
    if not answer.written(FORWARD):
        return
    for stage in STAGES:
        found = _forward(answer, stage)
        if found is not None:
            yield found
            return
    if answer.written(BACKWARD):
        yield from _backward(answer)


def _conv(x: Any, W: Any, b: Any, stride: int, sides: tuple[int, int], mode: Any = "constant") -> Any:
    """Give the right output for padding of `sides` before and after."""
    x = np.pad(x, ((0, 0), (0, 0), sides, sides), mode)
    return _windows(x, W, b)[:, :, ::stride, ::stride]


def _windows(x: Any, W: Any, b: Any) -> Any:
    seen = sliding_window_view(x, W.shape[2:], axis=(2, 3))
    return np.einsum("nchwij,fcij->nfhw", seen, W) + b[:, None, None]


def _forward(answer: Answer, stage: str) -> Any:
    shape, filters, s, p = STAGES[stage]
    rng = np.random.default_rng(12)
    x, W, b = (rng.standard_normal(size) for size in (shape, filters, filters[:1]))
    layer, failed = answer.call(CLASS, answer[CLASS], W.copy(), b.copy(), s, p)
    out: Any = None
    if failed is None:
        out, failed = answer.call(FORWARD, layer.forward, x.copy())
    if failed is not None:
        return failed if not stage else _fails(failed, stage, "pad" in stage)
    right = _conv(x, W, b, s, (p, p))
    if np.shape(out) != right.shape and np.ndim(out) == 4:
        return _size(answer, np.shape(out), shape, filters, s, p)
    bare = right - b[:, None, None]
    guesses: list[Guess] = [
        ("kernel-flipped", _conv(x, W[:, :, ::-1, ::-1], b, s, (p, p)), "{name} turns the filter round before it multiplies.",
         "Lay the filter on the window as it is: window * W, without [::-1]."),
        ("missing-bias", bare, "{name} forgets the bias b.", "Add b[f] to the image of the filter f."),
        ("wrong-sign", bare - b[:, None, None], "{name} subtracts the bias b.", "Add self.b."),
        ("first-channel-only", _conv(x[:, :1], W[:, :1], b, s, (p, p)), "{name} looks at the first channel alone.", "Sum over C, too."),
        ("mean-instead-of-sum", bare / np.prod(filters[1:]) + b[:, None, None], "{name} takes the mean of each window; it has to be the sum.", "Use np.sum."),
    ]  # fmt: skip
    if not stage:
        guesses += [
            ("wrong-axis-bias", bare + b, "{name} adds the bias along the width of the image: b[f] belongs to the filter f.",
             "Give b the axes of out: self.b.reshape(1, -1, 1, 1)."),
            ("wrong-axis-bias", bare + b[:, None], "{name} adds the bias along the height of the image: b[f] belongs to the filter f.",
             "Give b the axes of out: self.b.reshape(1, -1, 1, 1)."),
            ("axis-order", right.transpose(0, 2, 3, 1), LAST, "Bring the axis of the filters to place 1: transpose(0, 3, 1, 2)."),
            ("swapped-height-width", right.transpose(0, 1, 3, 2), "{name} exchanges the height and the width of the output.", "The place (i, j) belongs into out[:, :, i, j]."),
            ("swapped-height-width", _conv(x, W.transpose(0, 1, 3, 2), b, s, (p, p)), "{name} exchanges the height and the width of the filter.", "W is (F, C, FH, FW)."),
        ]  # fmt: skip
    if p:
        guesses += [
            ("pads-one-side", _conv(x, W, b, s, sides), "{name} puts all the padding on one side.", "Put `pad` zeros before and `pad` after: (pad, pad).")
            for sides in ((0, 2 * p), (2 * p, 0))
        ]  # fmt: skip
        guesses.append(
            (
                "pads-no-zeros",
                _conv(x, W, b, s, (p, p), "edge"),
                "{name} pads with the edge of the image; zeros are asked.",
                "Leave out mode of np.pad.",
            )
        )
    if s > 1:
        closer = _conv(x, W, b, 1, (p, p))[:, :, : right.shape[2], : right.shape[3]]
        guesses.append(
            (
                "ignores-stride",
                closer,
                "{name} moves the window by 1 from place to place; with stride={stride} it has to be {stride}.",
                "The window begins at i * stride and j * stride.",
            )
        )
    found = compare(answer, FORWARD, out, right, guesses)
    if found is not None:
        found.values["stride"] = s
    return found


def _fails(failed: Any, stage: str, pads: bool) -> Any:
    """Say of an exception what was new when it came up."""
    advice = (
        "Pad height and width alone, np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad))), and take the windows from the padded array."
        if pads
        else "Keep H with FH and W with FW, and let a window begin at i * stride, j * stride."
    )
    return fault("fails-when-padded" if pads else "fails-for-sizes", "{name} works for images of 5 x 5, and raises for {stage}: {error}", advice, name=FORWARD,
                 method=FORWARD, line=failed.line, stage=stage, error=failed.values["error"])  # fmt: skip


def _size(answer: Answer, came: Any, shape: Any, filters: Any, s: int, p: int) -> Any:
    """Name the mistake in the size of the output."""
    N, F = shape[0], filters[0]

    def size(formula: Any) -> tuple[int, ...]:
        return (N, F, *(formula(n, f) for n, f in zip(shape[2:], filters[2:], strict=True)))

    right = size(lambda n, f: (n + 2 * p - f) // s + 1)
    _, _, OH, OW = right
    for label, wrong, text, advice in [
        ("swapped-height-width", (N, F, OW, OH), "{name} exchanges the height and the width of the output.", "out is (N, F, OH, OW)."),
        ("axis-order", (N, OH, OW, F), LAST, "Bring the axis of the filters to place 1: transpose(0, 3, 1, 2)."),
        ("axis-order", (F, N, OH, OW), "{name} gives the filters first; out is (N, F, OH, OW).", "Bring the axis of the filters to place 1: transpose(1, 0, 2, 3)."),
        # Without padding and stride, + 1 is all that can be missing; with them, its lack was found before.
        ("output-size", size(lambda n, f: (n + 2 * p - f) // s if p == 0 and s == 1 else -1), "The output of {name} is a row and a column too small: + 1 is missing.", "OH is (H + 2 * pad - FH) // stride + 1."),
        ("output-size", size(lambda n, f: (n - f) // s + 1), "{name} leaves out the padding in the size of the output.", "OH is (H + 2 * pad - FH) // stride + 1."),
        ("output-size", size(lambda n, f: (n + p - f) // s + 1), "{name} counts the padding once in the size of the output; it is on both sides.", "OH is (H + 2 * pad - FH) // stride + 1."),
        ("output-size", size(lambda n, f: n + 2 * p - f + 1), "{name} leaves out the stride in the size of the output.", "OH is (H + 2 * pad - FH) // stride + 1."),
        ("output-size", size(lambda n, f: n), "The output of {name} is as large as the image.", "OH is (H + 2 * pad - FH) // stride + 1."),
    ]:  # fmt: skip
        if came == wrong:
            return fault(label, text, advice, name=FORWARD, method=FORWARD, line=answer.line(FORWARD))
    return fault("wrong-shape", "{name} gives the shape {shape}; it should be {right}.", "OH is (H + 2 * pad - FH) // stride + 1.", name=FORWARD, method=FORWARD,
                 line=answer.line(FORWARD), shape=came, right=right)  # fmt: skip


def _backward(answer: Answer) -> Findings:
    """Name what has a name of its own here; all the rest is for badak check, with padding and stride and without."""
    rng = np.random.default_rng(13)
    x, W, b = (rng.standard_normal(size) for size in ((2, 2, 4, 3), (3, 2, 3, 2), 3))
    for s, p in ((2, 1), (1, 0)):
        layer = answer[CLASS](W.copy(), b.copy(), s, p)
        dout = rng.standard_normal(np.shape(layer.forward(x.copy())))
        dx, failed = answer.call(BACKWARD, layer.backward, dout.copy())
        found = None if failed else _named(answer, layer, x, dout, dx, s, p)
        if found is not None:
            yield found
            return
        told = list(check_class(answer, answer[CLASS](W.copy(), b.copy(), s, p), x))
        yield from told
        if told:
            return


def _named(answer: Answer, layer: Any, x: Any, dout: Any, dx: Any, s: int, p: int) -> Any:
    """Give the finding of a mistake in the three gradients that only this exercise knows by name."""
    W, padded = layer.W, np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    wide, _, final = _slopes(padded, W, dout, s)
    turned, right_dW, _ = _slopes(padded, W[:, :, ::-1, ::-1], dout, s)
    close, close_dW, _ = _slopes(padded, W, dout, 1)
    H, width = x.shape[2:]
    inside = (slice(None), slice(None), slice(p, p + H), slice(p, p + width))
    around = "backward turns the filter round; forward lays it on the window as it is."
    for label, fits, place, text, advice in [
        ("overwrites-instead-of-accumulates", same(layer.dW, final), "self.dW", "dW is that of the last window alone; every window adds its part.", "Begin with zeros, and write += in the loop."),
        ("kernel-flipped", same(dx, turned[inside]), "dx", around, "Use W as it is, without [::-1]."),
        ("kernel-flipped", same(layer.dW, right_dW[:, :, ::-1, ::-1]), "self.dW", around, "Use W as it is, without [::-1]."),
        ("ignores-stride", s > 1 and (same(layer.dW, close_dW) or same(dx, close[inside])), "self.dW",
         "backward moves the window by 1 from place to place; forward moves it by the stride.", "The window begins at i * stride and j * stride, as in forward."),
        ("cuts-padding-wrong", p > 0 and same(dx, wide[:, :, :H, :width]), "", "dx is cut off at the wrong end: the padding lies on both sides.", "Cut with pad : pad + H and pad : pad + W."),
        ("cuts-padding-wrong", p == 0 and np.size(dx) == 0, "", "With pad=0 dx is empty: pad:-pad is 0:0, which holds nothing.", "Cut with pad : pad + H and pad : pad + W."),
        ("bias-sums-everything", same(layer.db, dout.sum()), "self.db", "db is one number; each filter needs the sum of its own dout.", "Give the axes: np.sum(dout, axis=(0, 2, 3))."),
    ]:  # fmt: skip
        if fits:
            line = answer.assigned(BACKWARD, place) if place else answer.line(BACKWARD)
            return fault(label, text, advice, method=BACKWARD, line=line)
    return None


def _slopes(padded: Any, W: Any, dout: Any, stride: int) -> tuple[Any, Any, Any]:
    """Give dx with its padding, dW, and the part of dW that the last window adds, in the way of the task."""
    dx, dW, last = np.zeros(padded.shape), np.zeros(W.shape), np.zeros(W.shape)
    for i, j in np.ndindex(dout.shape[2:]):
        rows, columns = (slice(k * stride, k * stride + size) for k, size in zip((i, j), W.shape[2:], strict=True))
        d, at = dout[:, :, i, j], (slice(None), slice(None), rows, columns)
        last = np.tensordot(d, padded[at], (0, 0))
        dW += last
        dx[at] += np.tensordot(d, W, (1, 0))
    return dx, dW, last


EXERCISE = Exercise("convolution", "Convolution", (CLASS,), {"en": EN, "ko": KO}, HINTS, check)
