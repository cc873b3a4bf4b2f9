# ruff: noqa: E501 (code of several lines in a string)
"""Functions with a gradient: pairs with a cache, losses, derivatives, networks of functions."""

import pytest

from badak.check.files import examine_file

START = "import numpy as np\n\n\n"


def reports(tmp_path, text):
    path = tmp_path / "mine.py"
    path.write_text(START + text, encoding="utf-8")
    return {report.object: report for report in examine_file(path)}


AFFINE = """
def affine_forward(x, w, b):
    return x @ w + b, (x, w, b)

def affine_backward(dout, cache):
    x, w, b = cache
    return dout @ w.T, x.T @ dout, dout.sum(axis=0)
"""
BATCHNORM = """
def batchnorm_forward(x, gamma, beta, bn_param):
    mode = bn_param["mode"]
    eps = bn_param.get("eps", 1e-5)
    running_mean = bn_param.get("running_mean", np.zeros(x.shape[1]))
    if mode == "test":
        return gamma * (x - running_mean) + beta, None
    mean, var = x.mean(axis=0), x.var(axis=0)
    hat = (x - mean) / np.sqrt(var + eps)
    bn_param["running_mean"] = 0.9 * running_mean + 0.1 * mean
    return gamma * hat + beta, (hat, gamma, np.sqrt(var + eps))

def batchnorm_backward(dout, cache):
    hat, gamma, std = cache
    dhat = dout * gamma
    dx = (dhat - dhat.mean(axis=0) - hat * (dhat * hat).mean(axis=0)) / std
    return dx, (dout * hat).sum(axis=0), dout.sum(axis=0)
"""
COMBINED = """
def affine_norm_relu_forward(x, w, b, gamma, beta, bn_param, norm_type):
    out, affine_cache = affine_forward(x, w, b)
    if norm_type == "batchnorm":
        out, norm_cache = batchnorm_forward(out, gamma, beta, bn_param)
    elif norm_type == "none":
        out, norm_cache = gamma * out + beta, (out, gamma)
    return np.maximum(0, out), (affine_cache, norm_cache, out)

def affine_norm_relu_backward(dout, cache, norm_type):
    affine_cache, norm_cache, out = cache
    dout = dout * (out > 0)
    if norm_type == "batchnorm":
        dout, dgamma, dbeta = batchnorm_backward(dout, norm_cache)
    else:
        before, gamma = norm_cache
        dgamma, dbeta, dout = (dout * before).sum(axis=0), dout.sum(axis=0), dout * gamma
    dx, dw, db = affine_backward(dout, affine_cache)
    return dx, dw, db, dgamma, dbeta
"""
CONV = """
def conv_forward_naive(x, w, b, conv_param):
    stride, pad = conv_param["stride"], conv_param["pad"]
    N, C, H, W = x.shape
    F, _, HH, WW = w.shape
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    rows, columns = 1 + (H + 2 * pad - HH) // stride, 1 + (W + 2 * pad - WW) // stride
    out = np.zeros((N, F, rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = padded[:, :, i * stride : i * stride + HH, j * stride : j * stride + WW]
            out[:, :, i, j] = np.tensordot(window, w, ((1, 2, 3), (1, 2, 3))) + b
    return out, (x, w, b, conv_param)

def conv_backward_naive(dout, cache):
    x, w, b, conv_param = cache
    stride, pad = conv_param["stride"], conv_param["pad"]
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    dpadded, dw = np.zeros_like(padded), np.zeros_like(w)
    for i in range(dout.shape[2]):
        for j in range(dout.shape[3]):
            here = (slice(None), slice(None), slice(i * stride, i * stride + w.shape[2]), slice(j * stride, j * stride + w.shape[3]))
            dw += np.tensordot(dout[:, :, i, j], padded[here], (0, 0))
            dpadded[here] += np.tensordot(dout[:, :, i, j], w, (1, 0))
    dx = dpadded[:, :, pad : pad + x.shape[2], pad : pad + x.shape[3]]
    return dx, dw, dout.sum(axis=(0, 2, 3))
"""
POOL = """
def pool_forward(A_prev, hparameters, mode="max"):
    m, H, W, C = A_prev.shape
    f, stride = hparameters["f"], hparameters["stride"]
    rows, columns = 1 + (H - f) // stride, 1 + (W - f) // stride
    A = np.zeros((m, rows, columns, C))
    for h in range(rows):
        for w in range(columns):
            part = A_prev[:, h * stride : h * stride + f, w * stride : w * stride + f]
            if mode == "max":
                A[:, h, w] = part.max(axis=(1, 2))
            elif mode == "average":
                A[:, h, w] = part.mean(axis=(1, 2))
    return A, (A_prev, hparameters)

def pool_backward(dA, cache, mode="max"):
    A_prev, hparameters = cache
    f, stride = hparameters["f"], hparameters["stride"]
    dA_prev = np.zeros_like(A_prev)
    for h in range(dA.shape[1]):
        for w in range(dA.shape[2]):
            here = (slice(None), slice(h * stride, h * stride + f), slice(w * stride, w * stride + f))
            share = dA[:, h, w][:, None, None]
            if mode == "max":
                part = A_prev[here]
                dA_prev[here] += share * (part == part.max(axis=(1, 2), keepdims=True))
            else:
                dA_prev[here] += share / (f * f)
    return dA_prev
"""
RNN = """
def rnn_step_forward(x, prev_h, Wx, Wh, b):
    next_h = np.tanh(x @ Wx + prev_h @ Wh + b)
    return next_h, (x, prev_h, Wx, Wh, next_h)

def rnn_step_backward(dnext_h, cache):
    x, prev_h, Wx, Wh, next_h = cache
    da = dnext_h * (1 - next_h**2)
    return da @ Wx.T, da @ Wh.T, x.T @ da, prev_h.T @ da, da.sum(axis=0)

def rnn_forward(x, h0, Wx, Wh, b):
    N, T, D = x.shape
    h, caches, prev = np.zeros((N, T, len(b))), [], h0
    for t in range(T):
        prev, cache = rnn_step_forward(x[:, t], prev, Wx, Wh, b)
        h[:, t] = prev
        caches.append(cache)
    return h, caches

def rnn_backward(dh, caches):
    N, T, H = dh.shape
    x, prev_h, Wx, Wh, _ = caches[0]
    dx = np.zeros((N, T, x.shape[1]))
    dprev, dWx, dWh, db = np.zeros((N, H)), np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(H)
    for t in reversed(range(T)):
        dx[:, t], dprev, a, b, c = rnn_step_backward(dh[:, t] + dprev, caches[t])
        dWx, dWh, db = dWx + a, dWh + b, db + c
    return dx, dprev, dWx, dWh, db
"""
LSTM = """
def sigmoid(x):
    return 1 / (1 + np.exp(-x))

def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    H = prev_h.shape[1]
    a = x @ Wx + prev_h @ Wh + b
    i, f, o, g = sigmoid(a[:, :H]), sigmoid(a[:, H:2*H]), sigmoid(a[:, 2*H:3*H]), np.tanh(a[:, 3*H:])
    next_c = f * prev_c + i * g
    next_h = o * np.tanh(next_c)
    return next_h, next_c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c)

def lstm_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c = cache
    t = np.tanh(next_c)
    dc = dnext_c + dnext_h * o * (1 - t**2)
    da = np.hstack([dc * g * i * (1 - i), dc * prev_c * f * (1 - f), dnext_h * t * o * (1 - o), dc * i * (1 - g**2)])
    return da @ Wx.T, da @ Wh.T, dc * f, x.T @ da, prev_h.T @ da, da.sum(axis=0)
"""
EMBEDDING = """
def word_embedding_forward(x, W):
    return W[x], (x, W)

def word_embedding_backward(dout, cache):
    x, W = cache
    dW = np.zeros_like(W)
    np.add.at(dW, x, dout)
    return dW
"""
LOSSES = """
def softmax_loss(x, y):
    z = x - x.max(axis=1, keepdims=True)
    logp = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    N = len(x)
    dx = np.exp(logp)
    dx[np.arange(N), y] -= 1
    return -logp[np.arange(N), y].mean(), dx / N

def svm_loss_vectorized(W, X, y, reg):
    scores, N = X @ W, len(X)
    margins = np.maximum(0, scores - scores[np.arange(N), y][:, None] + 1)
    margins[np.arange(N), y] = 0
    loss = margins.sum() / N + reg * (W * W).sum()
    active = (margins > 0).astype(float)
    active[np.arange(N), y] = -active.sum(axis=1)
    dW = X.T @ active / N + 2 * reg * W
    return loss, dW

def temporal_softmax_loss(x, y, mask):
    N, T, V = x.shape
    flat, answers, weights = x.reshape(N * T, V), y.reshape(N * T), mask.reshape(N * T)
    p = np.exp(flat - flat.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.sum(weights * np.log(p[np.arange(N * T), answers])) / N
    dflat = p.copy()
    dflat[np.arange(N * T), answers] -= 1
    dx = (dflat * weights[:, None] / N).reshape(N, T, V)
    return loss, dx
"""
DERIVATIVES = """
def sigmoid(x):
    return 0.5 * (1 + np.tanh(x / 2))

def sigmoid_derivative(s):
    return s * (1 - s)

def tanh(x):
    return np.tanh(x)

def tanh_prime(x):
    return 1 - np.tanh(x) ** 2

def leaky_relu(x, alpha=0.1):
    return np.where(x > 0, x, alpha * x)

def d_leaky_relu(x, alpha=0.1):
    return np.where(x > 0, 1.0, alpha)

def mse(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2)

def mse_prime(y_true, y_pred):
    return 2 * (y_pred - y_true) / y_true.size

def squared_loss(y, y_pred):
    return 0.5 * (y - y_pred) ** 2

def squared_gradient(y, y_pred):
    return -(y - y_pred)
"""
COURSERA = """
def sigmoid(Z):
    return 0.5 * (1 + np.tanh(Z / 2)), Z

def relu(Z):
    return np.maximum(0, Z), Z

def relu_backward(dA, cache):
    return dA * (cache > 0)

def sigmoid_backward(dA, cache):
    s = 0.5 * (1 + np.tanh(cache / 2))
    return dA * s * (1 - s)

def linear_forward(A, W, b):
    return W @ A + b, (A, W, b)

def linear_activation_forward(A_prev, W, b, activation):
    Z, linear_cache = linear_forward(A_prev, W, b)
    if activation == "sigmoid":
        A, activation_cache = sigmoid(Z)
    elif activation == "relu":
        A, activation_cache = relu(Z)
    return A, (linear_cache, activation_cache)

def L_model_forward(X, parameters):
    caches, A, L = [], X, len(parameters) // 2
    for l in range(1, L):
        A, cache = linear_activation_forward(A, parameters["W" + str(l)], parameters["b" + str(l)], "relu")
        caches.append(cache)
    AL, cache = linear_activation_forward(A, parameters["W" + str(L)], parameters["b" + str(L)], "sigmoid")
    caches.append(cache)
    return AL, caches

def compute_cost(AL, Y):
    m = Y.shape[1]
    return np.squeeze(-np.sum(Y * np.log(AL) + (1 - Y) * np.log(1 - AL)) / m)

def linear_backward(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    return W.T @ dZ, dZ @ A_prev.T / m, np.sum(dZ, axis=1, keepdims=True) / m

def linear_activation_backward(dA, cache, activation):
    linear_cache, activation_cache = cache
    dZ = relu_backward(dA, activation_cache) if activation == "relu" else sigmoid_backward(dA, activation_cache)
    return linear_backward(dZ, linear_cache)

def L_model_backward(AL, Y, caches):
    grads, L = {}, len(caches)
    dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    dA, grads["dW" + str(L)], grads["db" + str(L)] = linear_activation_backward(dA, caches[L - 1], "sigmoid")
    for l in reversed(range(L - 1)):
        dA, grads["dW" + str(l + 1)], grads["db" + str(l + 1)] = linear_activation_backward(dA, caches[l], "relu")
    return grads
"""
ROWS = """
def forward(X, params):
    Z1 = X @ params["W1"] + params["b1"]
    A1 = np.tanh(Z1)
    Z2 = A1 @ params["W2"] + params["b2"]
    e = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True), (X, A1)

def compute_loss(y_hat, y):
    return -np.mean(np.log(y_hat[np.arange(len(y)), y]))

def backward(params, cache, y_hat, y):
    X, A1 = cache
    dZ2 = y_hat.copy()
    dZ2[np.arange(len(y)), y] -= 1
    dZ2 /= len(y)
    dZ1 = dZ2 @ params["W2"].T * (1 - A1**2)
    return {"W2": A1.T @ dZ2, "b2": dZ2.sum(axis=0), "W1": X.T @ dZ1, "b1": dZ1.sum(axis=0)}
"""
REGRESSION = """
def cost(X, y, theta):
    return np.sum((X @ theta - y) ** 2) / (2 * len(y))

def gradient(X, y, theta):
    return X.T @ (X @ theta - y) / len(y)
"""
RIGHT = {
    "affine": AFFINE, "batch normalisation": BATCHNORM, "combined": AFFINE + BATCHNORM + COMBINED, "convolution": CONV,
    "pooling": POOL, "recurrent": RNN, "lstm": LSTM, "embedding": EMBEDDING, "losses": LOSSES,
    "derivatives": DERIVATIVES, "coursera": COURSERA, "rows": ROWS, "regression": REGRESSION,
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_right_code_is_right_in_every_function(tmp_path, name):
    found = reports(tmp_path, RIGHT[name])
    assert found
    assert {
        k: (r.verdict, [f.label for f in r.findings], r.reason)
        for k, r in found.items()
        if r.verdict not in ("right", "hazard")
    } == {}


WRONG = [
    (AFFINE, "affine_backward", "dout.sum(axis=0)", "dout.sum(axis=1)"),
    (AFFINE, "affine_backward", "dout @ w.T", "dout @ w.T * 2"),
    (BATCHNORM, "batchnorm_backward", " - hat * (dhat * hat).mean(axis=0)", ""),
    (AFFINE + BATCHNORM + COMBINED, "affine_norm_relu_backward", "dout * (out > 0)", "dout"),
    (AFFINE + BATCHNORM + COMBINED, "affine_norm_relu_backward", "dout * gamma\n    dx", "dout\n    dx"),
    (CONV, "conv_backward_naive", 'stride, pad = conv_param["stride"], conv_param["pad"]\n    padded', 'stride, pad = 1, conv_param["pad"]\n    padded'),
    (CONV, "conv_backward_naive", "pad : pad + x.shape[2], pad : pad + x.shape[3]", "1 : 1 + x.shape[2], 1 : 1 + x.shape[3]"),
    (POOL, "pool_backward", "slice(h * stride, h * stride + f), slice(w * stride, w * stride + f)", "slice(h, h + f), slice(w, w + f)"),
    (POOL, "pool_backward", "share / (f * f)", "share"),
    (POOL, "pool_backward", "dA_prev = np.zeros_like(A_prev)", "dA_prev = np.zeros((len(A_prev), A_prev.shape[2], A_prev.shape[1], A_prev.shape[3]))"),
    (RNN, "rnn_step_backward", "prev_h.T @ da", "x.T @ da"),
    (RNN, "rnn_backward", "dh[:, t] + dprev", "dh[:, t]"),
    (LSTM, "lstm_step_backward", "dnext_c + dnext_h * o * (1 - t**2)", "(dnext_c + dnext_h * o) * (1 - t**2)"),
    (EMBEDDING, "word_embedding_backward", "np.add.at(dW, x, dout)", "dW[x] = dout"),
    (LOSSES, "softmax_loss", "dx / N", "dx"),
    (LOSSES, "svm_loss_vectorized", "2 * reg * W", "reg * W"),
    (LOSSES, "temporal_softmax_loss", "dflat * weights[:, None] / N", "dflat / N"),
    (DERIVATIVES, "sigmoid_derivative", "s * (1 - s)", "s * (1 + s)"),
    (DERIVATIVES, "tanh_prime", "np.tanh(x) ** 2", "np.tanh(x)"),
    (DERIVATIVES, "d_leaky_relu", "1.0, alpha)", "1.0, 0.0)"),
    (DERIVATIVES, "mse_prime", "y_pred - y_true", "y_true - y_pred"),
    (DERIVATIVES, "squared_gradient", "-(y - y_pred)", "(y - y_pred)"),
    (COURSERA, "linear_backward", "np.sum(dZ, axis=1, keepdims=True) / m", "np.sum(dZ, axis=1, keepdims=True)"),
    (COURSERA, "relu_backward", "dA * (cache > 0)", "dA"),
    (COURSERA, "L_model_backward", 'caches[l], "relu")', 'caches[l], "sigmoid")'),
    (ROWS, "backward", "(1 - A1**2)", "(1 - A1)"),
    (ROWS, "backward", '"b1": dZ1.sum(axis=0)', '"b1": dZ1.mean(axis=0)'),
    (REGRESSION, "gradient", "/ len(y)\n\n", "\n\n"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "right", "wrong"), WRONG)
def test_a_fault_is_found_where_it_is(tmp_path, text, name, right, wrong):
    text += "\n"
    head, _, tail = text.rpartition(f"def {name}(")
    assert right in tail
    found = reports(tmp_path, f"{head}def {name}({tail.replace(right, wrong, 1)}")
    assert found[name].verdict == "wrong", (found[name].reason, found[name].reason_values)


class TestWhatHinders:
    def test_a_body_that_is_not_written_yet_is_no_fault(self, tmp_path):
        text = 'def relu_forward(x):\n    """Do it."""\n    pass\n\ndef relu_backward(dout, cache):\n    pass\n'
        report = reports(tmp_path, text)["relu_backward"]
        assert report.verdict == "unknown"
        assert "not written yet" in report.reason

    def test_an_argument_that_nothing_stands_for_is_told(self, tmp_path):
        text = "def relu_forward(x):\n    return np.maximum(0, x)\n\ndef relu_backward(dout, flux):\n    return dout * (flux > 0)\n"
        report = reports(tmp_path, text)["relu_backward"]
        assert report.verdict == "unknown"
        assert report.reason_values["argument"] == "flux"

    def test_a_size_made_with_a_slash_is_of_python_2(self, tmp_path):
        text = "def pool_forward(x):\n    N, C, H, W = x.shape\n    out = np.zeros((N, C, H / 2, W / 2))\n    return out, x\n\ndef pool_backward(dout, cache):\n    return dout\n"
        report = reports(tmp_path, text)["pool_backward"]
        assert report.verdict == "unknown"
        assert report.reason_values["line"] == 6

    def test_a_guarded_import_that_failed_is_no_undefined_name(self, tmp_path):
        text = "try:\n    from fast_thing import quick\nexcept ImportError:\n    print('build it first')\n\ndef relu_forward(x):\n    return quick(x), x\n\ndef relu_backward(dout, cache):\n    return dout * (cache > 0)\n"
        report = reports(tmp_path, text)["relu_backward"]
        assert report.verdict == "unknown"
        assert "fast_thing" in str(report.reason_values)

    def test_softmax_has_no_derivative_for_each_element(self, tmp_path):
        text = "def softmax(x):\n    e = np.exp(x - x.max())\n    return e / e.sum()\n\ndef softmax_derivative(x):\n    s = softmax(x)\n    return s * (1 - s)\n"
        assert reports(tmp_path, text)["softmax_derivative"].verdict == "unknown"


def test_the_setting_at_which_it_is_wrong_is_named(tmp_path):
    wrong = CONV.replace(
        'stride, pad = conv_param["stride"], conv_param["pad"]\n    padded',
        'stride, pad = 1, conv_param["pad"]\n    padded',
    )
    assert wrong != CONV
    first = reports(tmp_path, wrong)["conv_backward_naive"].findings[0]
    assert first.check == "settings"
    assert "stride=2" in first.values["setting"]
