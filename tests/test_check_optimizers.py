# ruff: noqa: E501 (what is written in another's place reads best in one line)
"""Optimizers in the styles in which people write them: right ones by the published rules, wrong ones by cause."""

import inspect
from pathlib import Path

import numpy as np
import pytest

from badak.check.causes.optimizer import CAUSES
from badak.check.files import examine_file
from badak.check.rules import Knobs, follow
from badak.check.subject.optimizer import rules_of, sample
from badak.check.subject.roles import role_of
from badak.optim import optimizers

HEAD = "import numpy as np\n"
MOMENTUM = """
class Momentum:
    def __init__(self, lr=0.01, momentum=0.9):
        self.lr, self.momentum, self.v = lr, momentum, None
    def update(self, params, grads):
        if self.v is None:
            self.v = {k: np.zeros_like(p) for k, p in params.items()}
        for key in params.keys():
            self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]
            params[key] += self.v[key]
"""
ADAGRAD = """
class AdaGrad:
    def __init__(self, lr=0.01):
        self.lr, self.h = lr, None
    def update(self, params, grads):
        if self.h is None:
            self.h = [np.zeros_like(p) for p in params]
        for i in range(len(params)):
            self.h[i] += grads[i] * grads[i]
            params[i] -= self.lr * grads[i] / (np.sqrt(self.h[i]) + 1e-7)
"""
RMSPROP = """
class Optimizer_RMSprop:
    def __init__(self, learning_rate=0.001, decay=0., epsilon=1e-7, rho=0.9):
        self.learning_rate = self.current_learning_rate = learning_rate
        self.decay, self.epsilon, self.rho, self.iterations = decay, epsilon, rho, 0
    def pre_update_params(self):
        if self.decay:
            self.current_learning_rate = self.learning_rate * (1. / (1. + self.decay * self.iterations))
    def update_params(self, layer):
        if not hasattr(layer, 'weight_cache'):
            layer.weight_cache = np.zeros_like(layer.weights)
            layer.bias_cache = np.zeros_like(layer.biases)
        layer.weight_cache = self.rho * layer.weight_cache + (1 - self.rho) * layer.dweights**2
        layer.bias_cache = self.rho * layer.bias_cache + (1 - self.rho) * layer.dbiases**2
        layer.weights += -self.current_learning_rate * layer.dweights / (np.sqrt(layer.weight_cache) + self.epsilon)
        layer.biases += -self.current_learning_rate * layer.dbiases / (np.sqrt(layer.bias_cache) + self.epsilon)
    def post_update_params(self):
        self.iterations += 1
"""
ADAM = """
class Adam:
    def __init__(self, lr=0.001, beta1=0.9, beta2=0.999):
        self.lr, self.beta1, self.beta2 = lr, beta1, beta2
        self.m = self.v = None
        self.iter = 0
    def update(self, params, grads):
        if self.m is None:
            self.m = {k: np.zeros_like(p) for k, p in params.items()}
            self.v = {k: np.zeros_like(p) for k, p in params.items()}
        self.iter += 1
        lr_t = self.lr * np.sqrt(1.0 - self.beta2**self.iter) / (1.0 - self.beta1**self.iter)
        for key in params.keys():
            self.m[key] += (1 - self.beta1) * (grads[key] - self.m[key])
            self.v[key] += (1 - self.beta2) * (grads[key] ** 2 - self.v[key])
            params[key] -= lr_t * self.m[key] / (np.sqrt(self.v[key]) + 1e-7)
"""
RETURNS = """
class Adam:
    def __init__(self, learning_rate=0.001, b1=0.9, b2=0.999):
        self.learning_rate, self.eps, self.m, self.v, self.b1, self.b2, self.t = learning_rate, 1e-8, None, None, b1, b2, 0
    def update(self, w, grad_wrt_w):
        if self.m is None:
            self.m = np.zeros(np.shape(grad_wrt_w))
            self.v = np.zeros(np.shape(grad_wrt_w))
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * grad_wrt_w
        self.v = self.b2 * self.v + (1 - self.b2) * np.power(grad_wrt_w, 2)
        m_hat = self.m / (1 - self.b1 ** self.t)
        v_hat = self.v / (1 - self.b2 ** self.t)
        return w - self.learning_rate * m_hat / (np.sqrt(v_hat) + self.eps)
"""
STEP = """
class SGD:
    def __init__(self, params, lr=0.01, momentum=0.0, nesterov=False, weight_decay=0.0):
        self.params, self.lr, self.momentum, self.nesterov, self.wd = list(params), lr, momentum, nesterov, weight_decay
        self.v = [np.zeros_like(p.data) for p in self.params]
    def step(self):
        for i, p in enumerate(self.params):
            g = p.grad + self.wd * p.data
            self.v[i] = self.momentum * self.v[i] + g
            p.data -= self.lr * (g + self.momentum * self.v[i] if self.nesterov else self.v[i])
    def zero_grad(self):
        for p in self.params:
            p.grad = None
"""
ADAMW = """
class AdamW:
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
        self.params, self.lr, self.betas, self.eps, self.weight_decay, self.t = params, lr, betas, eps, weight_decay, 0
        self.m = [np.zeros_like(p.data) for p in params]
        self.v = [np.zeros_like(p.data) for p in params]
    def step(self):
        self.t += 1
        b1, b2 = self.betas
        for i, p in enumerate(self.params):
            p.data -= self.lr * self.weight_decay * p.data
            self.m[i] = b1 * self.m[i] + (1 - b1) * p.grad
            self.v[i] = b2 * self.v[i] + (1 - b2) * p.grad**2
            p.data -= self.lr * (self.m[i] / (1 - b1**self.t)) / (np.sqrt(self.v[i] / (1 - b2**self.t)) + self.eps)
"""
FUNCTIONS = """
def adam(params, grads, lr=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8, t=1, m=None, v=None):
    m = beta1 * m + (1 - beta1) * grads
    v = beta2 * v + (1 - beta2) * grads**2
    params -= lr * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
    return params, m, v, t + 1

def sgd_momentum(w, dw, config=None):
    if config is None:
        config = {}
    config.setdefault("learning_rate", 1e-2)
    config.setdefault("momentum", 0.9)
    v = config.get("velocity", np.zeros_like(w))
    v = config["momentum"] * v - config["learning_rate"] * dw
    config["velocity"] = v
    return w + v, config

def momentum_update(velocity, params, grads, learning_rate=0.01, mu=0.9):
    for v, param, grad in zip(velocity, params, reversed(grads)):
        for i in range(len(grad)):
            v[i] = mu * v[i] + learning_rate * grad[i]
            param[i] -= v[i]

def update_parameters_with_adam(parameters, grads, v, s, t, learning_rate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8):
    for l in range(len(parameters) // 2):
        for n in ("W", "b"):
            k = n + str(l + 1)
            v["d" + k] = beta1 * v["d" + k] + (1 - beta1) * grads["d" + k]
            s["d" + k] = beta2 * s["d" + k] + (1 - beta2) * grads["d" + k] ** 2
            hat = np.sqrt(s["d" + k] / (1 - beta2**t)) + epsilon
            parameters[k] = parameters[k] - learning_rate * v["d" + k] / (1 - beta1**t) / hat
    return parameters, v, s
"""
OUTSIDE = """
class Adagrad:
    def __init__(self, eta=0.5):
        self.eta, self.cache = eta, {}
    def step(self, grads, params):
        for k in params:
            self.cache[k] = self.cache.get(k, 0) + grads[k] ** 2
            params[k] -= self.eta / np.sqrt(self.cache[k] + 1e-8) * grads[k]
"""
NESTEROV = MOMENTUM.replace("class Momentum", "class Nesterov").replace(
    "params[key] += self.v[key]", "params[key] += self.momentum * self.v[key] - self.lr * grads[key]"
)
BOOK_NESTEROV = """
class Nesterov:
    def __init__(self, lr=0.01, momentum=0.9):
        self.lr, self.momentum, self.v = lr, momentum, None
    def update(self, params, grads):
        if self.v is None:
            self.v = {k: np.zeros_like(p) for k, p in params.items()}
        for key in params.keys():
            self.v[key] *= self.momentum
            self.v[key] -= self.lr * grads[key]
            params[key] += self.momentum * self.momentum * self.v[key]
            params[key] -= (1 + self.momentum) * self.lr * grads[key]
"""
SETUP = """
class Optimizer:
    def setup(self, target):
        self.target = target
        return self
    def update(self):
        for param in [p for p in self.target.params() if p.grad is not None]:
            self.update_one(param)
    def update_one(self, param):
        raise NotImplementedError()

class MomentumSGD(Optimizer):
    def __init__(self, lr=0.01, momentum=0.9):
        self.lr, self.momentum, self.vs = lr, momentum, {}
    def update_one(self, param):
        v = self.vs.setdefault(id(param), np.zeros_like(param.data))
        v *= self.momentum
        v -= self.lr * param.grad.data
        param.data += v
"""
PAIRS = """
class AdamOptim:
    def __init__(self, eta=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8):
        self.m_dw, self.v_dw, self.m_db, self.v_db = 0, 0, 0, 0
        self.eta, self.beta1, self.beta2, self.epsilon = eta, beta1, beta2, epsilon
    def update(self, t, w, b, dw, db):
        self.m_dw = self.beta1 * self.m_dw + (1 - self.beta1) * dw
        self.m_db = self.beta1 * self.m_db + (1 - self.beta1) * db
        self.v_dw = self.beta2 * self.v_dw + (1 - self.beta2) * dw**2
        self.v_db = self.beta2 * self.v_db + (1 - self.beta2) * db**2
        w = w - self.eta * (self.m_dw / (1 - self.beta1**t)) / (np.sqrt(self.v_dw / (1 - self.beta2**t)) + self.epsilon)
        b = b - self.eta * (self.m_db / (1 - self.beta1**t)) / (np.sqrt(self.v_db / (1 - self.beta2**t)) + self.epsilon)
        return w, b
"""
LAYERS = """
class SGD:
    def __init__(self, lr=0.1):
        self.lr = lr
    def update(self, network):
        for layer in network.layers:
            layer.W -= self.lr * layer.dW
            layer.b -= self.lr * layer.db

class SGDOfLayers:
    def __init__(self, layers, lr=0.1):
        self.layers, self.lr = layers, lr
    def step(self):
        for layer in self.layers:
            for k in layer.params:
                layer.params[k] -= self.lr * layer.grads[k]
"""
NAMED = """
class AdaGrad:
    def __init__(self, lr=0.1):
        self.lr, self.G = lr, {}
    def update(self, name, param, grad):
        self.G[name] = self.G.get(name, 0) + grad**2
        param -= self.lr * grad / (np.sqrt(self.G[name]) + 1e-8)

class SGD:
    def __init__(self, learning_rate=0.01):
        self.learning_rate = learning_rate
    def apply_gradients(self, grads_and_vars):
        for g, v in grads_and_vars:
            v -= self.learning_rate * g

class GradientDescent:
    def __init__(self, lr=0.01, weight_decay=1e-2):
        self.lr, self.weight_decay = lr, weight_decay
    def get_updates(self, params, grads):
        return [p - self.lr * (g + self.weight_decay * p) for p, g in zip(params, grads)]
"""
TENSORS = """
class Tensor:
    def __init__(self, data, requires_grad=False):
        self.data, self.requires_grad, self.grad = np.asarray(data, float), requires_grad, None
    def __mul__(self, other):
        return Tensor(self.data * getattr(other, "data", other))
    __rmul__ = __mul__
    def __sub__(self, other):
        return Tensor(self.data - other.data)
    def __add__(self, other):
        return Tensor(self.data + other.data)

class SGD:
    def __init__(self, params, lr=0.001, momentum=0.5):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [Tensor(np.zeros(p.data.shape)) for p in self.params]
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.v[i] * self.momentum + self.lr * p.grad
            p.data = (p - self.v[i]).data
"""
RIGHT = {
    "tensors": TENSORS,
    "pairs": PAIRS, "layers": LAYERS, "named": NAMED,
    "momentum": MOMENTUM, "adagrad": ADAGRAD, "rmsprop": RMSPROP, "adam": ADAM, "returns": RETURNS, "step": STEP,
    "adamw": ADAMW, "functions": FUNCTIONS, "outside": OUTSIDE, "nesterov": NESTEROV, "book's nesterov": BOOK_NESTEROV,
    "setup": SETUP,
}  # fmt: skip

# What is written, what is written in its place, and the cause that is to be told.
WRONG = [
    (MOMENTUM, "- self.lr * grads[key]", "+ self.lr * grads[key]", "update-climbs"),
    (MOMENTUM, "params[key] += self.v[key]", "params[key] -= self.v[key]", "update-climbs"),
    (MOMENTUM, "self.momentum * self.v[key] -", "-self.momentum * self.v[key] -", "velocity-sign"),
    (MOMENTUM, "self.v[key] = self.momentum * self.v[key] - self.lr", "self.v[key] = -self.lr", "state-thrown-away"),
    (MOMENTUM, "params[key] += self.v[key]", "params[key] += self.lr * self.v[key]", "learning-rate-twice"),
    (MOMENTUM, "self.lr * grads", "0.01 * grads", "learning-rate-ignored"),
    (MOMENTUM, "        for key in params.keys():\n            self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]\n            params",
     "            for key in params.keys():\n                self.v[key] = self.momentum * self.v[key] - self.lr * grads[key]\n                params",
     "updates-only-once"),
    (MOMENTUM, "            params[key] += self.v[key]\n", "            params[key] += self.v[key]\n            return\n",
     "parameter-left-out"),
    (MOMENTUM, "params[key] += self.v[key]", "p = params[key] + self.v[key]", "update-has-no-effect"),
    (MOMENTUM, "grads[key]\n", "grads\n", "whole-dictionary"),
    (MOMENTUM, ".keys()", ".key()", "misspelled-method"),
    (ADAGRAD, "+= grads[i] * grads[i]", "+= grads[i]", "gradient-not-squared"),
    (ADAGRAD, "self.h[i] += grads[i]", "self.h[i] = grads[i]", "state-thrown-away"),
    (ADAGRAD, "np.sqrt(self.h[i])", "self.h[i]", "square-root-missing"),
    (ADAGRAD, "-= self.lr", "+= self.lr", "update-climbs"),
    (RMSPROP, "self.rho * layer.weight_cache + (1 - self.rho)", "(1 - self.rho) * layer.weight_cache + self.rho", None),
    (ADAM, "self.beta1**self.iter", "self.beta1", None),
    (ADAM, "lr_t = self.lr * np.sqrt(1.0 - self.beta2**self.iter) / (1.0 - self.beta1**self.iter)", "lr_t = self.lr",
     "bias-correction-missing"),
    (ADAM, "        self.iter += 1\n", "", "steps-counted-from-zero"),
    (ADAM, "np.sqrt(1.0 - self.beta2**self.iter) / (1.0 - self.beta1**self.iter)",
     "(1.0 - self.beta2**(self.iter - 1)) ** 0.5 / (1.0 - self.beta1**(self.iter - 1))", "steps-counted-from-zero"),
    (ADAM, "self.v = {k: np.zeros_like(p) for k, p in params.items()}", "self.v = self.m", "moments-share-one-array"),
    (ADAM, "params[key] -= lr_t", "self.iter += 1; params[key] -= lr_t", None),
    (RETURNS, "** self.t)", ")", "bias-correction-without-power"),
    (RETURNS, "self.b1 * self.m + (1 - self.b1)", "(1 - self.b1) * self.m + self.b1", None),
    (RETURNS, "self.v / (1 - self.b2 ** self.t)", "self.v", "bias-correction-incomplete"),
    (STEP, "p.data -= self.lr *", "p.data += self.lr *", "update-climbs"),
    (ADAMW, "self.t += 1", "pass", "steps-counted-from-zero"),
    (OUTSIDE, "params[k] -=", "params[k] +=", "update-climbs"),
    (FUNCTIONS, "return w + v, config", "return w - v, config", "update-climbs"),
    (FUNCTIONS, "(1 - beta1**t)", "(1 - beta1)", None),
    (TENSORS, "(p - self.v[i])", "(p + self.v[i])", "update-climbs"),
    (PAIRS, "b = b - self.eta", "b = b + self.eta", None),
    (PAIRS, "(1 - self.beta1**t)", "(1 - self.beta1)", "bias-correction-without-power"),
    (LAYERS, "layer.params[k] -=", "layer.params[k] +=", "update-climbs"),
    (LAYERS, "            layer.b -= self.lr * layer.db\n", "", "parameter-left-out"),
    (NAMED, "np.sqrt(self.G[name])", "self.G[name]", "square-root-missing"),
    (NAMED, "v -= self.learning_rate", "v = v - self.learning_rate", "update-has-no-effect"),
    (NAMED, "p - self.lr * (g", "p + self.lr * (g", "update-climbs"),
    (SETUP, "v -= self.lr", "v += self.lr", "update-climbs"),
]  # fmt: skip


def told(folder: Path, text: str) -> dict[str, tuple[str, list[str]]]:
    path = folder / "optimizer.py"
    path.write_text(HEAD + text, encoding="utf-8")
    return {r.object: (r.verdict, [f.label for f in r.findings]) for r in examine_file(path)}


@pytest.mark.parametrize("name", RIGHT)
def test_a_published_rule_is_right_in_every_style(tmp_path, name):
    reports = told(tmp_path, RIGHT[name])
    assert reports
    assert {verdict for verdict, _ in reports.values()} <= {"right"}, reports


@pytest.mark.parametrize(("text", "before", "after", "label"), WRONG)
def test_a_slip_is_wrong_and_named(tmp_path, text, before, after, label):
    assert before in text
    reports = told(tmp_path, text.replace(before, after))
    wrong = [labels for verdict, labels in reports.values() if verdict == "wrong"]
    assert wrong, reports
    if label is not None:
        assert label in wrong[0]


def test_each_slip_is_told_with_its_line(tmp_path):
    path = tmp_path / "optimizer.py"
    path.write_text(HEAD + MOMENTUM.replace("+= self.v[key]", "-= self.v[key]"), encoding="utf-8")
    finding = examine_file(path)[0].findings[0]
    assert "params[key] -=" in path.read_text().splitlines()[finding.line - 1]


def test_a_shared_state_is_told(tmp_path):
    text = MOMENTUM.replace("self.v = {k: np.zeros_like(p) for k, p in params.items()}", "self.v = 0.0")
    text = text.replace("self.v[key]", "self.v")
    assert told(tmp_path, text)["Momentum"] == ("wrong", ["state-shared-between-parameters"])


def test_hazards_are_no_faults(tmp_path):
    rebound = MOMENTUM.replace("params[key] += self.v[key]", "params[key] = params[key] + self.v[key]")
    assert told(tmp_path, rebound)["Momentum"] == ("hazard", ["params-rebound"])
    written = MOMENTUM.replace(
        "            self.v[key] =", "            grads[key] *= 1.0 + 1e-9\n            self.v[key] ="
    )
    assert told(tmp_path, written)["Momentum"] == ("hazard", ["changes-gradients"])
    bare = ADAGRAD.replace(" + 1e-7", "")
    assert told(tmp_path, bare)["AdaGrad"] == ("hazard", ["eps-missing"])


def test_a_setting_that_is_off_is_turned_on(tmp_path):
    wrong = STEP.replace("self.momentum * self.v[i] + g", "self.momentum * self.v[i] - g").replace(
        "p.data -= self.lr * (g + self.momentum * self.v[i] if self.nesterov else self.v[i])",
        "p.data += self.lr * self.v[i]",
    )
    assert told(tmp_path, wrong)["SGD"][1] == ["setting-ignored"]  # nesterov
    braking = STEP.replace("self.momentum * self.v[i] + g", "-self.momentum * self.v[i] + g")
    assert told(tmp_path, braking)["SGD"] == ("wrong", ["velocity-sign"])


def test_what_no_name_and_no_rule_tells_is_not_judged(tmp_path):
    own = """
class MyOptimizer:
    def __init__(self, lr=0.01):
        self.lr = lr
    def update(self, params, grads):
        for k in params:
            params[k] -= self.lr * np.sign(grads[k]) * np.abs(grads[k]) ** 0.3
"""
    assert told(tmp_path, own)["MyOptimizer"] == ("unknown", [])
    clipped = MOMENTUM.replace("self.lr * grads[key]", "self.lr * np.clip(grads[key], -1, 1)")
    assert told(tmp_path, clipped)["Momentum"] == ("unknown", [])
    network = "class Net:\n    def __init__(self):\n        self.W = np.ones(3)\n    def update(self, lr):\n        self.W -= lr\n"
    assert "Net" not in told(tmp_path, network)


def test_a_rule_that_only_resembles_another_is_not_accused(tmp_path):
    lion = """
class Lion:
    def __init__(self, lr=1e-4, beta1=0.9, beta2=0.99):
        self.lr, self.beta1, self.beta2, self.m = lr, beta1, beta2, {}
    def update(self, params, grads):
        for k in params:
            m = self.m.get(k, np.zeros_like(params[k]))
            params[k] -= self.lr * np.sign(self.beta1 * m + (1 - self.beta1) * grads[k])
            self.m[k] = self.beta2 * m + (1 - self.beta2) * grads[k]
"""
    assert told(tmp_path, lion)["Lion"] == ("unknown", [])
    some = """
class SGD:
    def __init__(self, lr=0.01, weight_decay=1e-2):
        self.lr, self.weight_decay = lr, weight_decay
    def update(self, params, grads):
        for key in params:
            penalty = self.weight_decay * params[key] if key.startswith("W") else 0.0
            params[key] -= self.lr * (grads[key] + penalty)
"""
    assert told(tmp_path, some)["SGD"] == ("right", [])


def test_one_that_has_trained_is_made_anew(tmp_path):
    used = MOMENTUM + "\noptimizer = Momentum(0.1)\noptimizer.update({'W1': np.ones(9)}, {'W1': np.ones(9)})\n"
    assert told(tmp_path, used)["Momentum"] == ("right", [])


def test_what_asks_for_other_parameters_is_not_accused(tmp_path):
    chooses = MOMENTUM.replace("for key in params.keys():", "for key in [k for k in params if k.startswith('kernel')]:")
    assert told(tmp_path, chooses)["Momentum"] == ("unknown", [])
    layers = """
class SGD:
    def __init__(self, lr=0.1):
        self.lr = lr
    def update(self, layer):
        if hasattr(layer, "kernel"):
            layer.kernel -= self.lr * layer.dkernel
"""
    assert told(tmp_path, layers)["SGD"] == ("unknown", [])


def test_an_unknown_argument_is_not_accused(tmp_path):
    strange = MOMENTUM.replace("lr=0.01, momentum", "quux, lr=0.01, momentum")
    assert told(tmp_path, strange)["Momentum"] == ("unknown", [])


def test_our_own_optimizers_are_right():
    # Ours are read by the same checker, from their own file.
    reports = {r.object: r.verdict for r in examine_file(Path(inspect.getsourcefile(optimizers)))}
    assert {"SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam", "AdamW"} <= set(reports)
    assert set(reports.values()) == {"right"}, reports


def test_rules_differ_on_the_sample():
    # Two rules, or a rule and its slip, that were the same on the sample could not be told apart.
    start, turns = sample()
    grads = np.stack([np.concatenate([np.ravel(g) for g in turn]) for turn in turns])
    flat = np.concatenate([np.ravel(p) for p in start])
    adam = follow("Adam", grads, flat, Knobs())
    for change in (
        {"correction": "flat"},
        {"correction": "none"},
        {"swapped": "both"},
        {"rooted": False},
        {"reset": True},
    ):
        other = follow("Adam", grads, flat, Knobs(**change))
        assert np.nanmax(np.abs(other - adam)) > 0.1 * np.nanmax(np.abs(adam)), change


def test_names_say_what_they_say():
    assert rules_of("Optimizer_RMSprop") == ("RMSprop",)
    assert rules_of("RMSprpo") == ("RMSprop",)
    assert rules_of("update_parameters_with_adam") == ("Adam",)
    assert rules_of("Cache") == ()
    assert [role_of(n) for n in ("lr", "grad_wrt_w", "dw", "params", "beta_1", "t")] == [
        "lr", "grads", "grads", "params", "b1", "time",
    ]  # fmt: skip
    assert len({cause.label for cause in CAUSES}) == len(CAUSES)
