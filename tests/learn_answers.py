# ruff: noqa: E501 (an answer a line)
"""Answers to the exercises of `badak learn`: a right one for each, and plausible wrong ones with the cause of each."""

RIGHT = {
    "relu": [
        "self.mask = x <= 0\nout = x.copy()\nout[self.mask] = 0\nreturn out",
        "dx = dout.copy()\ndx[self.mask] = 0\nreturn dx",
    ],
    "sigmoid": [
        "e = np.exp(-np.abs(x))\nself.out = np.where(x >= 0, 1 / (1 + e), e / (1 + e))\nreturn self.out",
        "return dout * self.out * (1 - self.out)",
    ],
    "affine": [
        "self.x = x\nreturn np.dot(x, self.W) + self.b",
        "self.dW = self.x.T @ dout\nself.db = np.sum(dout, axis=0)\nreturn dout @ self.W.T",
    ],
    "softmax_with_loss": [
        "e = np.exp(x - x.max(axis=1, keepdims=True))\nself.y, self.t = e / e.sum(axis=1, keepdims=True), t\n"
        "self.loss = -np.sum(t * np.log(self.y + 1e-7)) / x.shape[0]\nreturn self.loss",
        "return dout * (self.y - self.t) / self.t.shape[0]",
    ],
    "two_layer_net": [
        "for layer in self.layers.values():\n    x = layer.forward(x)\nreturn x",
        "return self.lastLayer.forward(self.predict(x), t)",
        "y = self.predict(x).argmax(axis=1)\nreturn np.sum(y == t.argmax(axis=1)) / float(x.shape[0])",
        "self.loss(x, t)\ndout = self.lastLayer.backward(1)\nfor layer in reversed(list(self.layers.values())):\n"
        "    dout = layer.backward(dout)\nreturn {'W1': self.layers['Affine1'].dW, 'b1': self.layers['Affine1'].db, "
        "'W2': self.layers['Affine2'].dW, 'b2': self.layers['Affine2'].db}",
    ],
    "numerical_gradient": [
        "h = 1e-4\ngrad = np.zeros_like(x)\nfor i in np.ndindex(x.shape):\n    old = x[i]\n    x[i] = old + h\n"
        "    above = f(x)\n    x[i] = old - h\n    below = f(x)\n    x[i] = old\n    grad[i] = (above - below) / (2 * h)\n"
        "return grad",
    ],
    "gradient_check": [
        "a, b = network.gradient(x, t), network.numerical_gradient(x, t)\n"
        "return {key: np.average(np.abs(a[key] - b[key])) for key in a}",
    ],
    "training_loop": [
        "losses = []\nfor _ in range(iterations):\n    rows = rng.choice(len(x), batch_size)\n"
        "    xb, tb = x[rows], t[rows]\n    grads = network.gradient(xb, tb)\n    for key in grads:\n"
        "        network.params[key] -= lr * grads[key]\n    losses.append(network.loss(xb, tb))\nreturn losses",
    ],
    "momentum": [
        "if self.v is None:\n    self.v = {key: np.zeros_like(params[key]) for key in params}\nfor key in params:\n"
        "    self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]\n    params[key] += self.v[key]",
    ],
    "dropout": [
        "if not self.training:\n    return x\n"
        "self.mask = (self.rng.random(x.shape) >= self.dropout_ratio) / (1 - self.dropout_ratio)\nreturn x * self.mask",
        "return dout * self.mask",
    ],
    "batch_normalization": [
        "mean, var = self.running_mean, self.running_var\nif self.training:\n    mean, var = x.mean(axis=0), x.var(axis=0)\n"
        "    self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean\n"
        "    self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var\n"
        "self.std = np.sqrt(var + self.eps)\nself.xn = (x - mean) / self.std\nreturn self.gamma * self.xn + self.beta",
        "self.dbeta = dout.sum(axis=0)\nself.dgamma = np.sum(dout * self.xn, axis=0)\ndxn = self.gamma * dout\n"
        "return (dxn - dxn.mean(axis=0) - self.xn * np.mean(dxn * self.xn, axis=0)) / self.std",
    ],
    "convolution": [
        "(N, C, H, W), (F, _, FH, FW), p, s = x.shape, self.W.shape, self.pad, self.stride\n"
        "self.x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))\n"
        "out = np.zeros((N, F, (H + 2 * p - FH) // s + 1, (W + 2 * p - FW) // s + 1))\nfor i, j in np.ndindex(out.shape[2:]):\n"
        "    window = self.x[:, :, i * s : i * s + FH, j * s : j * s + FW]\n"
        "    out[:, :, i, j] = np.tensordot(window, self.W, ((1, 2, 3), (1, 2, 3)))\n"
        "return out + self.b[:, None, None]",
        "(FH, FW), p, s = self.W.shape[2:], self.pad, self.stride\nself.dW = np.zeros(self.W.shape)\n"
        "self.db = dout.sum(axis=(0, 2, 3))\ndx = np.zeros(self.x.shape)\nfor i, j in np.ndindex(dout.shape[2:]):\n"
        "    at = (slice(None), slice(None), slice(i * s, i * s + FH), slice(j * s, j * s + FW))\n    d = dout[:, :, i, j]\n"
        "    self.dW += np.tensordot(d, self.x[at], (0, 0))\n    dx[at] += np.tensordot(d, self.W, (1, 0))\n"
        "return dx[:, :, p : dx.shape[2] - p, p : dx.shape[3] - p]",
    ],
}  # fmt: skip

# exercise: [(label, (what stands in the right answer, what in the wrong one), what is said, where a label has several), …]
WRONG = {
    "relu": [
        ("inverted-mask", ("self.mask = x <= 0", "self.mask = x > 0")),
        ("no-gate", ("out[self.mask] = 0", "")),
        ("mutates-input", ("out = x.copy()", "out = x")),
        ("inverted-mask", ("dx[self.mask] = 0", "dx[~self.mask] = 0")),
        ("missing-mask", ("dx[self.mask] = 0", "")),
        ("returns-none", ("return out", "")),
        ("absolute-value", ("return out", "return np.abs(x)")),
    ],
    "sigmoid": [
        ("sign-flip", ("return self.out", "self.out = 1 - self.out\nreturn self.out")),
        ("wrong-formula", ("return self.out", "self.out = 1 / 1 + np.exp(-x)\nreturn self.out")),
        ("ignores-dout", ("return dout * self.out", "return self.out")),
        ("missing-cache", ("self.out = np.where", "return np.where")),
        ("wrong-formula", ("return self.out", "self.out = np.tanh(x)\nreturn self.out")),
    ],
    "affine": [
        ("missing-bias", (" + self.b", "")),
        ("missing-weight-transpose", ("dout @ self.W.T", "dout @ self.W")),
        ("transposed-weight-grad", ("self.x.T @ dout", "dout.T @ self.x")),
        ("bias-sums-everything", ("np.sum(dout, axis=0)", "np.sum(dout)")),
        ("mean-instead-of-sum", ("np.sum(dout, axis=0)", "np.mean(dout, axis=0)")),
        ("forgets-param-grad", ("self.dW = ", "dW = ")),
    ],
    "softmax_with_loss": [
        ("missing-batch-mean", (" / x.shape[0]\nreturn", "\nreturn")),
        ("sign-flip", ("-np.sum", "np.sum")),
        ("softmax-whole-batch", ("e.sum(axis=1, keepdims=True)", "e.sum()")),
        ("softmax-wrong-axis", ("e.sum(axis=1, keepdims=True)", "e.sum(axis=0)")),
        ("missing-batch-mean", (" / self.t.shape[0]", "")),
        ("returns-prediction", ("return self.loss", "return self.y")),
    ],
    "two_layer_net": [
        ("returns-input", ("x = layer.forward(x)", "y = layer.forward(x)")),
        ("skips-layers", ("    x = layer.forward(x)\nreturn x", "    x = layer.forward(x)\n    return x")),
        ("accuracy-not-divided", (" / float(x.shape[0])", "")),
        ("backward-order", ("reversed(list(self.layers.values()))", "self.layers.values()")),
        ("duplicate-param-grad", ("'b1': self.layers['Affine1'].db", "'b1': self.layers['Affine2'].db")),
        ("loss-returns-accuracy", ("return self.lastLayer.forward(self.predict(x), t)", "return self.accuracy(x, t)")),
    ],
    "numerical_gradient": [
        ("does-not-restore", ("    x[i] = old\n", "")),
        ("missing-two-h", ("/ (2 * h)", "/ h")),
        ("precedence", ("/ (2 * h)", "/ 2 * h")),
        ("forward-difference", ("x[i] = old - h", "x[i] = old")),
        ("copies-input", ("h = 1e-4\n", "h = 1e-4\nx = x.copy()\n")),
        ("one-d-only", ("np.ndindex(x.shape)", "range(x.size)")),
        ("sign-flip", ("above - below", "below - above")),
        ("returns-none", ("return grad", "")),
    ],
    "gradient_check": [
        ("missing-abs", ("np.abs(a[key] - b[key])", "a[key] - b[key]")),
        ("sum-for-mean", ("np.average", "np.sum")),
        ("one-gradient-only", ("network.numerical_gradient(x, t)", "network.gradient(x, t)")),
        ("abs-each", ("np.abs(a[key] - b[key])", "np.abs(a[key]) - np.abs(b[key])")),
        ("missing-keys", ("for key in a}", "for key in ('W1', 'b1')}")),
        ("not-a-number", ("np.average", "")),
        ("wrong-value", ("np.abs(a[key] - b[key])", "np.abs(a[key] + b[key])")),
    ],
    "training_loop": [
        ("no-update", ("network.params[key] -= lr * grads[key]", "network.params[key] = network.params[key] - lr * grads[key]")),
        ("sign-flip", ("-= lr", "+= lr")),
        ("ignores-lr", ("-= lr * ", "-= ")),
        ("same-batch", ("losses = []\nfor _ in range(iterations):\n    rows = rng.choice(len(x), batch_size)\n",
                        "losses = []\nrows = rng.choice(len(x), batch_size)\nfor _ in range(iterations):\n")),
        ("different-rows", ("t[rows]", "t[rng.choice(len(x), batch_size)]")),
        ("ignores-rng", ("rng.choice", "np.random.choice")),
        ("batch-size", ("x[rows], t[rows]", "x, t")),
        ("wrong-count", ("range(iterations)", "range(1, iterations)")),
        ("wrong-losses", ("network.loss(xb, tb)", "network.loss(x, t)")),
        ("one-parameter", ("for key in grads:", "for key in ['W']:")),
    ],
    "momentum": [
        ("sign-flip", ("- self.lr", "+ self.lr"), "steps along the gradient"),
        ("sign-flip", ("params[key] += self.v", "params[key] -= self.v"), "steps along the gradient"),
        ("momentum-sign", ("self.momentum * self.v[key] -", "-self.momentum * self.v[key] -")),
        ("forgets-velocity", ("if self.v is None:\n    self.v = ", "self.v = "), "takes plain steps of -lr * gradient"),
        ("forgets-velocity", ("self.v[key] = self.momentum * self.v[key]", "self.v[key] = 0"), "takes plain steps of -lr * gradient"),
        ("shared-velocity", (RIGHT["momentum"][0], "if self.v is None:\n    self.v = 0\nfor key in params:\n    self.v = self.momentum * self.v - self.lr * grads[key]\n    params[key] += self.v")),
        ("no-update", ("params[key] += self.v[key]", "params[key] = params[key] + self.v[key]"), "puts new arrays into params"),
        ("no-update", ("params[key] += self.v[key]", "W = params[key].copy()\n    W += self.v[key]"), "leaves the parameters as they were"),
        ("ignores-momentum", ("self.momentum * self.v[key]", "self.v[key]")),
        ("ignores-lr", ("- self.lr * grads", "- grads")),
        ("lr-twice", ("+= self.v[key]", "+= self.lr * self.v[key]")),
        ("dampened", ("- self.lr", "- (1 - self.momentum) * self.lr")),
        ("late-velocity", ("    self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]\n    params[key] += self.v[key]", "    params[key] += self.v[key]\n    self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]")),
        ("nesterov", ("+= self.v[key]", "+= self.momentum * self.v[key] - self.lr * grads[key]")),
        ("velocity-start", ("np.zeros_like(params[key])", "params[key].copy()"), "In Momentum.update v begins with the parameters themselves"),
        ("velocity-start", ("np.zeros_like", "np.ones_like"), "In Momentum.update v begins with ones"),
        ("velocity-start", ("np.zeros_like(params[key])", "grads[key].copy()"), "In Momentum.update v begins with the gradient"),
        ("one-parameter", ("    params[key] += self.v[key]", "    params[key] += self.v[key]\n    return")),
        ("updates-twice", ("+= self.v[key]", "+= 2 * self.v[key]")),
        ("mutates-input", ("    self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]", "    grads[key] *= self.lr\n    self.v[key] = self.momentum * self.v[key] - grads[key]")),
        ("shared-class-state", ("if self.v is None:\n    self.v = {key: np.zeros_like(params[key]) for key in params}\n",
                                "if not hasattr(Momentum, 'kept'):\n    Momentum.kept = {key: np.zeros_like(params[key]) for key in params}\nself.v = Momentum.kept\n")),
        ("wrong-update", ("- self.lr", "- 0.5 * self.lr"), "takes a first step other than -lr * gradient"),
        ("wrong-update", ("self.momentum * self.v[key]", "self.momentum**2 * self.v[key]"), "The first step of Momentum.update is right, a later one is not momentum * v - lr * gradient"),
        ("raises", ("if self.v is None:\n    self.v = {key: np.zeros_like(params[key]) for key in params}\n", "")),
    ],
    "dropout": [
        ("drops-nothing", (">= self.dropout_ratio", ">= 0")),
        ("keep-drop-confusion", (">= self", "< self")),
        ("wrong-share", ("self.rng.random(x.shape)", "self.rng.standard_normal(x.shape)")),
        ("shared-mask", ("random(x.shape)", "random(x.shape[1:])")),
        ("scales-when-predicting", ("return x\nself.mask = (self.rng.random(x.shape) >= self.dropout_ratio) / (1 - self.dropout_ratio)",
                                    "return x * (1 - self.dropout_ratio)\nself.mask = self.rng.random(x.shape) >= self.dropout_ratio")),
        ("missing-scale", (" / (1 - self.dropout_ratio)", ""), "never scales"),
        ("wrong-scale", (") / (1", ") * (1"), "multiplies by 1 - dropout_ratio while training"),
        ("wrong-scale", ("/ (1 - self.dropout_ratio)", "/ self.dropout_ratio"), "divides by dropout_ratio; what is kept is 1 - dropout_ratio"),
        ("wrong-value", ("/ (1 - self.dropout_ratio)", "/ (1 - self.dropout_ratio) ** 2"), "multiplies what it keeps by something other than 1 / (1 - dropout_ratio)"),
        ("same-mask", ("self.rng.random", "np.random.default_rng(0).random")),
        ("ignores-rng", ("self.rng.random(", "np.random.default_rng().random(")),
        ("train-flag-ignored", ("if not self.training:\n    return x\n", "")),
        ("scales-twice", ("return x\n", "return x * (1 - self.dropout_ratio)\n")),
        ("returns-none", ("return x\n", "return\n"), "returns nothing when predicting"),
        ("returns-none", ("return x * self.mask", "x * self.mask"), "returns nothing"),
        ("returns-mask", ("return x * self.mask", "return self.mask")),
        ("wrong-value", ("return x\n", "return x + 1\n"), "gives something other than x while predicting"),
        ("wrong-shape", ("return x * self.mask", "return (x * self.mask)[0]")),
        ("mutates-input", ("return x * self.mask", "x *= self.mask\nreturn x")),
        ("missing-cache", ("self.mask = (self.rng.random(x.shape) >= self.dropout_ratio) / (1 - self.dropout_ratio)\nreturn x * self.mask",
                           "mask = (self.rng.random(x.shape) >= self.dropout_ratio) / (1 - self.dropout_ratio)\nreturn x * mask")),
        ("missing-mask", ("return dout * self.mask", "return dout")),
        ("missing-scale", ("return dout * self.mask", "return dout * (self.mask > 0)"), "dx is 0.7 times the right one everywhere"),
        ("redraws-mask", ("return dout * self.mask", "return dout * (self.rng.random(dout.shape) >= self.dropout_ratio) / (1 - self.dropout_ratio)")),
        ("inverted-mask", ("return dout * self.mask", "return dout * (self.mask == 0)")),
        ("ignores-dout", ("return dout * self.mask", "return self.mask")),
    ],
    "batch_normalization": [
        ("normalises-wrong-axis", ("x.mean(axis=0), x.var(axis=0)", "x.mean(axis=1, keepdims=True), x.var(axis=1, keepdims=True)"), "normalizes rows, each sample by itself"),
        ("normalises-wrong-axis", ("x.mean(axis=0), x.var(axis=0)", "x.mean(axis=1), x.var(axis=1)"), "takes mean and variance of the rows, and uses them for the columns"),
        ("normalises-everything", ("x.mean(axis=0), x.var(axis=0)", "x.mean(), x.var()")),
        ("missing-eps", ("var + self.eps", "var"), "leaves out eps"),
        ("eps-outside-root", ("np.sqrt(var + self.eps)", "np.sqrt(var) + self.eps"), "adds eps to the standard deviation; it belongs to the variance"),
        ("missing-root", ("np.sqrt(var + self.eps)", "var + self.eps"), "divides by the variance"),
        ("ignores-eps", ("+ self.eps", "+ 1e-7")),
        ("not-centred", ("(x - mean)", "x")),
        ("not-scaled", ("(x - mean) / self.std", "x - mean")),
        ("ddof-mismatch", ("x.var(axis=0)", "x.var(axis=0, ddof=1)"), "divides the variance by N - 1"),
        ("forward-ignores-param", (" + self.beta", ""), "forgets beta"),
        ("forward-ignores-param", ("return self.gamma * self.xn", "return self.xn"), "forgets gamma"),
        ("forward-ignores-param", ("return self.gamma * self.xn + self.beta", "return self.xn"), "gives xn, without gamma and beta"),
        ("uses-running-stats", ("    mean, var = x.mean(axis=0), x.var(axis=0)\n    self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean\n"
                                "    self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var\n", "    pass\n"), "normalizes with the running mean and variance while training"),
        ("uses-running-stats", ("self.std =", "mean, var = self.running_mean, self.running_var\nself.std ="), "normalizes with the running mean and variance while training"),
        ("running-stats-not-moved", ("    self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mean\n", ""), "Training leaves running_mean as it was"),
        ("running-stats-not-moved", ("    self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var\n", ""), "Training leaves running_var as it was"),
        ("momentum-swapped", ("self.momentum * self.running_mean + (1 - self.momentum) * mean", "(1 - self.momentum) * self.running_mean + self.momentum * mean")),
        ("running-stats-replaced", ("self.momentum * self.running_var + (1 - self.momentum) * var", "var")),
        ("running-stats-added", ("(1 - self.momentum) * mean", "mean"), "running_mean grows from batch to batch"),
        ("running-stats-added", ("self.momentum * self.running_mean + (1 - self.momentum) * mean", "self.running_mean + mean"), "running_mean is a sum over the batches"),
        ("running-std", ("(1 - self.momentum) * var", "(1 - self.momentum) * np.sqrt(var)"), "running_var is moved towards the standard deviation"),
        ("running-std", ("(1 - self.momentum) * var", "(1 - self.momentum) * np.sqrt(var + self.eps)"), "running_var is moved towards the standard deviation"),
        ("ddof-mismatch", ("(1 - self.momentum) * var", "(1 - self.momentum) * x.var(axis=0, ddof=1)"), "running_var takes the variance divided by N - 1"),
        ("wrong-running-stats", ("(1 - self.momentum) * mean", "(1 - self.momentum) * 2 * mean")),
        ("train-flag-ignored", ("self.std =", "mean, var = x.mean(axis=0), x.var(axis=0)\nself.std =")),
        ("updates-running-stats-in-eval", ("self.std =", "if not self.training:\n    self.running_mean = 0.8 * self.running_mean + 0.2 * x.mean(axis=0)\nself.std ="), "moves the running statistics while predicting"),
        ("updates-running-stats-in-eval", ("mean, var = self.running_mean, self.running_var\n", "mean, var = self.running_mean, self.running_var\nif not self.training:\n"
                                           "    self.running_mean = mean = 0.8 * mean + 0.2 * x.mean(axis=0)\n    self.running_var = var = 0.8 * var + 0.2 * x.var(axis=0)\n"), "moves the running statistics while predicting"),
        ("missing-eps", ("self.std =", "if not self.training:\n    return self.gamma * (x - mean) / np.sqrt(var) + self.beta\nself.std ="), "leaves out eps while predicting"),
        ("eps-outside-root", ("self.std =", "if not self.training:\n    return self.gamma * (x - mean) / (np.sqrt(var) + self.eps) + self.beta\nself.std ="), "adds eps to the standard deviation; it belongs to the variance"),
        ("missing-root", ("self.std =", "if not self.training:\n    return self.gamma * (x - mean) / (var + self.eps) + self.beta\nself.std ="), "divides by the variance"),
        ("forward-ignores-param", ("self.std =", "if not self.training:\n    return (x - mean) / np.sqrt(var + self.eps)\nself.std ="), "gives xn, without gamma and beta"),
        ("returns-input", ("self.std =", "if not self.training:\n    return x\nself.std =")),
        ("missing-mean-path", (" - dxn.mean(axis=0)", "")),
        ("missing-variance-path", (" - self.xn * np.mean(dxn * self.xn, axis=0)", "")),
        ("stats-treated-as-constants", ("(dxn - dxn.mean(axis=0) - self.xn * np.mean(dxn * self.xn, axis=0))", "dxn")),
        ("missing-gamma", ("dxn = self.gamma * dout", "dxn = dout")),
        ("missing-std", ("axis=0)) / self.std", "axis=0))"), "dx is not divided by std"),
        ("missing-std", ("axis=0)) / self.std", "axis=0)) * self.std"), "dx is multiplied by std; it has to be divided"),
        ("missing-std", ("axis=0)) / self.std", "axis=0)) / self.std**2"), "dx is divided by the variance"),
        ("sum-for-mean", ("dxn.mean(axis=0)", "dxn.sum(axis=0)"), "dx takes sums over the batch where means belong"),
        ("sum-for-mean", ("dxn.mean(axis=0) - self.xn * np.mean", "dxn.sum(axis=0) - self.xn * np.sum"), "dx takes sums over the batch where means belong"),
        ("wrong-axis-reduction", ("dxn.mean(axis=0) - self.xn * np.mean(dxn * self.xn, axis=0)", "dxn.mean() - self.xn * np.mean(dxn * self.xn)"), "The means in dx are taken over all values"),
        ("wrong-axis-reduction", ("dxn.mean(axis=0) - self.xn * np.mean(dxn * self.xn, axis=0)", "dxn.mean(axis=1) - self.xn * np.mean(dxn * self.xn, axis=1)"), "The means in dx are taken of the rows"),
        ("forgets-param-grad", ("self.dgamma =", "dgamma =")),
        ("sums-everything", ("dout.sum(axis=0)", "dout.sum()")),
        ("wrong-axis-reduction", ("dout.sum(axis=0)", "dout.sum(axis=1)"), "dbeta sums the rows; it has to sum the columns"),
        ("missing-xn", ("dout * self.xn, axis=0)\ndxn", "dout, axis=0)\ndxn")),
        ("mean-instead-of-sum", ("dout.sum(axis=0)", "dout.mean(axis=0)")),
    ],
    "convolution": [
        ("output-size", ("(H + 2 * p - FH) // s + 1, (W + 2 * p - FW) // s + 1", "(H + 2 * p - FH) // s, (W + 2 * p - FW) // s"), "The output of Convolution.forward is a row and a column too small"),
        ("output-size", ("(H + 2 * p - FH) // s + 1, (W + 2 * p - FW) // s + 1", "(H - FH) // s + 1, (W - FW) // s + 1"), "leaves out the padding in the size of the output"),
        ("output-size", ("(H + 2 * p - FH) // s + 1, (W + 2 * p - FW) // s + 1", "(H + p - FH) // s + 1, (W + p - FW) // s + 1"), "counts the padding once in the size of the output; it is on both sides"),
        ("axis-order", ("return out + self.b[:, None, None]", "return (out + self.b[:, None, None]).transpose(0, 2, 3, 1)"), "gives the filters last; out is (N, F, OH, OW)"),
        ("axis-order", ("return out + self.b[:, None, None]", "return (out + self.b[:, None, None]).transpose(1, 0, 2, 3)"), "gives the filters first; out is (N, F, OH, OW)"),
        ("output-size", ("return out + self.b[:, None, None]", "full = np.zeros((N, F, H, W))\nfull[:, :, : out.shape[2], : out.shape[3]] = out\nreturn full"), "The output of Convolution.forward is as large as the image"),
        ("wrong-shape", ("return out + self.b[:, None, None]", "return (out + self.b[:, None, None])[:1]")),
        ("kernel-flipped", ("(window, self.W,", "(window, self.W[:, :, ::-1, ::-1],"), "turns the filter round before it multiplies"),
        ("missing-bias", ("return out + self.b[:, None, None]", "return out")),
        ("wrong-sign", ("return out + self", "return out - self")),
        ("wrong-axis-bias", ("out + self.b[:, None, None]", "out + self.b"), "adds the bias along the width of the image"),
        ("wrong-axis-bias", ("out + self.b[:, None, None]", "out + self.b[:, None]"), "adds the bias along the height of the image"),
        ("first-channel-only", ("(window, self.W, ((1, 2, 3), (1, 2, 3)))", "(window[:, 0], self.W[:, 0], ((1, 2), (1, 2)))")),
        ("mean-instead-of-sum", ("(1, 2, 3), (1, 2, 3)))", "(1, 2, 3), (1, 2, 3))) / self.W[0].size")),
        ("swapped-height-width", ("out[:, :, i, j]", "out[:, :, j, i]"), "exchanges the height and the width of the output"),
        ("swapped-height-width", ("(1, 2, 3), (1, 2, 3)", "(1, 2, 3), (1, 3, 2)"), "exchanges the height and the width of the filter"),
        ("pads-one-side", ("(p, p), (p, p))", "(0, 2 * p), (0, 2 * p))")),
        ("pads-no-zeros", ("(p, p)))", "(p, p)), 'edge')")),
        ("ignores-stride", ("i * s : i * s + FH, j * s : j * s + FW", "i : i + FH, j : j + FW"), "moves the window by 1 from place to place; with stride=2 it has to be 2"),
        ("output-size", ("x.shape, self.W.shape, self.pad, self.stride", "x.shape, self.W.shape, self.pad, 1"), "leaves out the stride in the size of the output"),
        ("fails-when-padded", ("np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))", "np.pad(x, p)"), "works for images of 5 x 5, and raises for 5 x 6, pad=1"),
        ("fails-when-padded", ("np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))", "x"), "works for images of 5 x 5, and raises for 5 x 6, pad=1"),
        ("fails-for-sizes", ("i * s + FH, j * s : j * s + FW", "i * s + FH, j * s : j * s + FH")),
        ("overwrites-instead-of-accumulates", ("dx[at] +=", "dx[at] ="), "Contributions to dx overwrite each other where they should be added"),
        ("overwrites-instead-of-accumulates", ("self.dW +=", "self.dW ="), "dW is that of the last window alone; every window adds its part"),
        ("ignores-stride", ("slice(i * s, i * s + FH), slice(j * s, j * s + FW)", "slice(i, i + FH), slice(j, j + FW)"), "backward moves the window by 1 from place to place; forward moves it by the stride"),
        ("cuts-padding-wrong", ("p : dx.shape[2] - p, p : dx.shape[3] - p", ": dx.shape[2] - 2 * p, : dx.shape[3] - 2 * p"), "dx is cut off at the wrong end"),
        ("cuts-padding-wrong", ("p : dx.shape[2] - p, p : dx.shape[3] - p", "p:-p, p:-p"), "With pad=0 dx is empty"),
        ("wrong-shape-dx", ("return dx[:, :, p : dx.shape[2] - p, p : dx.shape[3] - p]", "return dx")),
        ("wrong-axis-bias", ("axis=(0, 2, 3)", "axis=0"), "db sums over axis 0; it has to be axis (0, 2, 3)"),
        ("wrong-axis-bias", ("axis=(0, 2, 3)", "axis=(0, 1, 2)"), "db sums over axis (0, 1, 2); it has to be axis (0, 2, 3)"),
        ("bias-sums-everything", ("axis=(0, 2, 3)", "")),
        ("kernel-flipped", ("np.tensordot(d, self.x[at], (0, 0))", "np.tensordot(d, self.x[at][:, :, ::-1, ::-1], (0, 0))"), "backward turns the filter round; forward lays it on the window as it is"),
        ("kernel-flipped", ("np.tensordot(d, self.W, (1, 0))", "np.tensordot(d, self.W[:, :, ::-1, ::-1], (1, 0))"), "backward turns the filter round; forward lays it on the window as it is"),
        ("forgets-param-grad", ("self.db =", "db =")),
    ],
}  # fmt: skip

# Answers in other words that are as right: exercise, bodies.
ALSO_RIGHT = [
    ("momentum", [  # v times lr at the end, and the arrays by name only once
        "self.v = self.v or {}\nfor key, W in params.items():\n    v = self.v.get(key, 0.0) * self.momentum + grads[key]\n"
        "    self.v[key] = v\n    W -= self.lr * v",
    ]),
    ("dropout", [  # copies, masks of booleans, a mask while predicting too
        "self.mask = np.ones(x.shape, bool)\nif self.training:\n    self.mask = self.rng.random(x.shape) > self.dropout_ratio\n"
        "    y = x.copy()\n    y[~self.mask] = 0\n    return y / (1 - self.dropout_ratio)\nreturn x.copy()",
        "dx = np.zeros_like(dout)\ndx[self.mask] = dout[self.mask] / (1 - self.dropout_ratio)\nreturn dx",
    ]),
    ("batch_normalization", [  # the way of the book, step by step, and running statistics changed in place
        "if not self.training:\n    return self.gamma * (x - self.running_mean) / (self.running_var + self.eps) ** 0.5 + self.beta\n"
        "mu = x.mean(0)\nself.xc = x - mu\nvar = np.mean(self.xc**2, axis=0)\nself.std = np.sqrt(var + self.eps)\nself.xn = self.xc / self.std\n"
        "self.running_mean *= self.momentum\nself.running_mean += (1 - self.momentum) * mu\n"
        "self.running_var *= self.momentum\nself.running_var += (1 - self.momentum) * var\nreturn self.gamma * self.xn + self.beta",
        "N = len(dout)\nself.dbeta, self.dgamma = dout.sum(0), (self.xn * dout).sum(0)\ndxn = self.gamma * dout\ndxc = dxn / self.std\n"
        "dstd = -np.sum(dxn * self.xc / self.std**2, axis=0)\ndxc += (2 / N) * self.xc * 0.5 * dstd / self.std\n"
        "return dxc - dxc.sum(0) / N",
    ]),
    ("convolution", [  # one matrix product over all windows, as im2col; and a loop over the pixels of the filter
        "p, s, (FH, FW) = self.pad, self.stride, self.W.shape[2:]\nself.x = np.pad(x, [(0, 0), (0, 0), (p, p), (p, p)])\n"
        "seen = np.lib.stride_tricks.sliding_window_view(self.x, (FH, FW), (2, 3))[:, :, ::s, ::s]\n"
        "return np.einsum('nchwij,fcij->nfhw', seen, self.W) + self.b.reshape(1, -1, 1, 1)",
        "p, s, (FH, FW) = self.pad, self.stride, self.W.shape[2:]\nOH, OW = dout.shape[2:]\nself.db = np.einsum('nfhw->f', dout)\n"
        "self.dW, dx = np.zeros_like(self.W), np.zeros_like(self.x)\nfor i in range(FH):\n    for j in range(FW):\n"
        "        seen = self.x[:, :, i : i + s * OH : s, j : j + s * OW : s]\n"
        "        self.dW[:, :, i, j] = np.einsum('nfhw,nchw->fc', dout, seen)\n"
        "        dx[:, :, i : i + s * OH : s, j : j + s * OW : s] += np.einsum('nfhw,fc->nchw', dout, self.W[:, :, i, j])\n"
        "return dx[:, :, p : dx.shape[2] - p, p : dx.shape[3] - p]",
    ]),
]  # fmt: skip


def fill(task, bodies):
    """Put a body in the place of each `...` of a task, at its indentation."""
    bodies = iter(bodies)
    lines = []
    for line in task.splitlines():
        if line.strip() == "...":
            indent = line[: -len(line.lstrip())]
            lines += [indent + body for body in next(bodies).splitlines()]
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def right(exercise, lang="en"):
    """Give a file with the right answer."""
    return fill(exercise.task[lang], RIGHT[exercise.name])


def wrong(exercise, number, lang="en"):
    """Give (label, file) of a wrong answer."""
    label, (old, new) = WRONG[exercise.name][number][:2]
    bodies = RIGHT[exercise.name]
    touched = [index for index, body in enumerate(bodies) if old in body]
    assert touched, f"{exercise.name}: {old!r} does not stand in the right answer"
    place = touched[0]
    return label, fill(exercise.task[lang], [*bodies[:place], bodies[place].replace(old, new), *bodies[place + 1 :]])
