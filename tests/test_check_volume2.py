"""Volume 2: recurrent cells with their states, layers over time, shared arrays, networks that end in their loss."""

import contextlib
import io

import pytest

from badak.check.files import examine_file

CELLS = """import numpy as np


def sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))


class RNN:
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)]

    def forward(self, x, h_prev):
        Wx, Wh, b = self.params
        h_next = np.tanh(h_prev @ Wh + x @ Wx + b)
        self.cache = x, h_prev, h_next
        return h_next

    def backward(self, dh_next):
        Wx, Wh, b = self.params
        x, h_prev, h_next = self.cache
        dt = dh_next * (1 - h_next ** 2)
        self.grads[2][...] = dt.sum(axis=0)
        self.grads[1][...] = h_prev.T @ dt
        self.grads[0][...] = x.T @ dt
        return dt @ Wx.T, dt @ Wh.T


class LSTM:
    def __init__(self, Wx, Wh, b):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)]

    def forward(self, x, h_prev, c_prev):
        Wx, Wh, b = self.params
        H = h_prev.shape[1]
        A = x @ Wx + h_prev @ Wh + b
        f, g, i, o = sigmoid(A[:, :H]), np.tanh(A[:, H:2 * H]), sigmoid(A[:, 2 * H:3 * H]), sigmoid(A[:, 3 * H:])
        c_next = f * c_prev + g * i
        h_next = o * np.tanh(c_next)
        self.cache = x, h_prev, c_prev, f, g, i, o, c_next
        return h_next, c_next

    def backward(self, dh_next, dc_next):
        Wx, Wh, b = self.params
        x, h_prev, c_prev, f, g, i, o, c_next = self.cache
        t = np.tanh(c_next)
        ds = dc_next + dh_next * o * (1 - t ** 2)
        dc_prev = ds * f
        di = ds * g * i * (1 - i)
        df = ds * c_prev * f * (1 - f)
        do = dh_next * t * o * (1 - o)
        dg = ds * i * (1 - g ** 2)
        dA = np.hstack((df, dg, di, do))
        self.grads[0][...] = x.T @ dA
        self.grads[1][...] = h_prev.T @ dA
        self.grads[2][...] = dA.sum(axis=0)
        return dA @ Wx.T, dA @ Wh.T, dc_prev


class TimeRNN:
    def __init__(self, Wx, Wh, b, stateful=False):
        self.params = [Wx, Wh, b]
        self.grads = [np.zeros_like(Wx), np.zeros_like(Wh), np.zeros_like(b)]
        self.h, self.stateful = None, stateful

    def forward(self, xs):
        N, T, D = xs.shape
        hs = np.empty((N, T, self.params[1].shape[0]), dtype="f")
        if not self.stateful or self.h is None:
            self.h = np.zeros((N, hs.shape[2]))
        self.layers = []
        for t in range(T):
            layer = RNN(*self.params)
            self.h = hs[:, t] = layer.forward(xs[:, t], self.h)
            self.layers.append(layer)
        return hs

    def backward(self, dhs):
        N, T, H = dhs.shape
        dxs = np.empty((N, T, self.params[0].shape[0]), dtype="f")
        dh, grads = 0, [0, 0, 0]
        for t in reversed(range(T)):
            dx, dh = self.layers[t].backward(dhs[:, t] + dh)
            dxs[:, t] = dx
            for i, grad in enumerate(self.layers[t].grads):
                grads[i] += grad
        for i, grad in enumerate(grads):
            self.grads[i][...] = grad
        return dxs
"""
WORDS = """import numpy as np


class Embedding:
    def __init__(self, W):
        self.params, self.grads = [W], [np.zeros_like(W)]

    def forward(self, idx):
        self.idx = idx
        return self.params[0][idx]

    def backward(self, dout):
        dW, = self.grads
        dW[...] = 0
        np.add.at(dW, self.idx, dout)


class EmbeddingDot:
    def __init__(self, W):
        self.embed = Embedding(W)
        self.params, self.grads = self.embed.params, self.embed.grads

    def forward(self, h, idx):
        target_W = self.embed.forward(idx)
        self.cache = h, target_W
        return np.sum(target_W * h, axis=1)

    def backward(self, dout):
        h, target_W = self.cache
        dout = dout.reshape(-1, 1)
        self.embed.backward(dout * h)
        return dout * target_W


class SigmoidWithLoss:
    def forward(self, x, t):
        self.t, self.y = t, 1 / (1 + np.exp(-x))
        return -np.mean(t * np.log(self.y + 1e-12) + (1 - t) * np.log(1 - self.y + 1e-12))

    def backward(self, dout=1):
        return dout * (self.y - self.t) / self.t.size


class NegativeSamplingLoss:
    def __init__(self, W, corpus, power=0.75, sample_size=5):
        self.sample_size = sample_size
        p = np.bincount(corpus) ** power
        self.p = p / p.sum()
        self.loss_layers = [SigmoidWithLoss() for _ in range(sample_size + 1)]
        self.embed_dot_layers = [EmbeddingDot(W) for _ in range(sample_size + 1)]
        self.params, self.grads = [], []
        for layer in self.embed_dot_layers:
            self.params += layer.params
            self.grads += layer.grads

    def forward(self, h, target):
        n = target.shape[0]
        loss = self.loss_layers[0].forward(self.embed_dot_layers[0].forward(h, target), np.ones(n))
        for i in range(self.sample_size):
            score = self.embed_dot_layers[1 + i].forward(h, np.random.choice(len(self.p), n, p=self.p))
            loss += self.loss_layers[1 + i].forward(score, np.zeros(n))
        return loss

    def backward(self, dout=1):
        dh = 0
        for l0, l1 in zip(self.loss_layers, self.embed_dot_layers):
            dh += l1.backward(l0.backward(dout))
        return dh


class CBOW:
    def __init__(self, vocab_size, hidden_size, window_size, corpus):
        W_in = np.random.randn(vocab_size, hidden_size).astype("f")
        W_out = np.random.randn(vocab_size, hidden_size).astype("f")
        self.in_layers = [Embedding(W_in) for _ in range(2 * window_size)]
        self.ns_loss = NegativeSamplingLoss(W_out, corpus)
        self.params, self.grads = [], []
        for layer in self.in_layers + [self.ns_loss]:
            self.params += layer.params
            self.grads += layer.grads

    def forward(self, contexts, target):
        h = 0
        for i, layer in enumerate(self.in_layers):
            h += layer.forward(contexts[:, i])
        h *= 1 / len(self.in_layers)
        return self.ns_loss.forward(h, target)

    def backward(self, dout=1):
        dout = self.ns_loss.backward(dout)
        dout *= 1 / len(self.in_layers)
        for layer in self.in_layers:
            layer.backward(dout)
        return None
"""


def examined(tmp_path, text, *changes, wanted=None):
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / "layers.py"
    path.write_text(text, encoding="utf-8")
    with contextlib.redirect_stdout(io.StringIO()):
        return {r.object: r for r in examine_file(path, wanted, seconds=5 if wanted else 60)}


def test_right_cells_and_layers_over_time_are_right(tmp_path):
    reports = examined(tmp_path, CELLS)
    assert {name: r.style for name, r in reports.items() if name in ("RNN", "LSTM")} == dict.fromkeys(
        ("RNN", "LSTM"), "recurrent cell"
    )
    assert {name: r.verdict for name, r in reports.items()} == dict.fromkeys(("RNN", "LSTM", "TimeRNN"), "right")


def test_right_layers_of_words_are_right(tmp_path):
    reports = examined(tmp_path, WORDS)
    assert set(reports) == {"Embedding", "EmbeddingDot", "SigmoidWithLoss", "NegativeSamplingLoss", "CBOW"}
    assert {name for name, r in reports.items() if r.verdict not in ("right", "hazard")} == set()


SLIPS = [
    ("RNN", CELLS, ("return dt @ Wx.T, dt @ Wh.T", "return dt @ Wx.T, dh_next @ Wh.T"), "h_prev"),
    ("RNN", CELLS, ("self.grads[1][...] = h_prev.T @ dt", "self.grads[1][...] = h_next.T @ dt"), "params[1]"),
    ("LSTM", CELLS, ("ds = dc_next + dh_next * o * (1 - t ** 2)", "ds = dh_next * o * (1 - t ** 2)"), "c_prev"),
    ("TimeRNN", CELLS, ("backward(dhs[:, t] + dh)", "backward(dhs[:, t])"), "x"),
    ("TimeRNN", CELLS, ("                grads[i] += grad", "                grads[i] = grad"), "params[1]"),
    ("EmbeddingDot", WORDS, ("self.embed.backward(dout * h)", "self.embed.backward(dout)"), "params[0]"),
    ("Embedding", WORDS, ("np.add.at(dW, self.idx, dout)", "dW[self.idx] = dout"), "params[0]"),
    ("CBOW", WORDS, ("dout *= 1 / len(self.in_layers)", "pass"), "params[0]"),
    ("NegativeSamplingLoss", WORDS, ("dh += l1.backward", "dh = l1.backward"), "x"),
]


@pytest.mark.parametrize(("name", "text", "change", "quantity"), SLIPS, ids=[f"{s[0]} {s[3]}" for s in SLIPS])
def test_a_slip_is_found_where_it_is(name, text, change, quantity, tmp_path):
    report = examined(tmp_path, text, change, wanted=name)[name]
    errors = [f for f in report.findings if f.severity == "error"]
    assert report.verdict == "wrong"
    # When the search for causes takes all the time, only the first wrong gradient is told.
    told = [q for f in errors for q in (f.quantity, *f.values.get("also", []))]
    assert quantity in told or report.reason is not None, errors


def test_the_gate_that_is_wrong_is_named_with_its_columns(tmp_path):
    report = examined(tmp_path, CELLS, ("df = ds * c_prev * f * (1 - f)", "df = ds * c_prev * f"), wanted="LSTM")[
        "LSTM"
    ]
    first = report.findings[0]
    assert first.label == "wrong-gate", report.findings
    assert (first.label, first.values["gate"], first.values["count"]) == ("wrong-gate", 1, 4)
    assert (first.values["first"], first.values["last"]) == (0, 10)
