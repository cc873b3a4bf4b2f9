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
}  # fmt: skip

# exercise: [(label, (what stands in the right answer, what in the wrong one), …)]
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
}  # fmt: skip


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
    label, (old, new) = WRONG[exercise.name][number]
    bodies = RIGHT[exercise.name]
    touched = [index for index, body in enumerate(bodies) if old in body]
    assert touched, f"{exercise.name}: {old!r} does not stand in the right answer"
    place = touched[0]
    return label, fill(exercise.task[lang], [*bodies[:place], bodies[place].replace(old, new), *bodies[place + 1 :]])
