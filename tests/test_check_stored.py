"""Classes that leave what they compute in attributes (self.output, self.dinputs), their losses and models."""

import numpy as np
import pytest

from badak.check import check_layer
from badak.check.files import examine_file

DENSE = """
import numpy as np

class Layer_Dense:
    def __init__(self, n_inputs, n_neurons, weight_regularizer_l2=0):
        self.weights = 0.01 * np.random.randn(n_inputs, n_neurons)
        self.biases = np.zeros((1, n_neurons))
        self.weight_regularizer_l2 = weight_regularizer_l2

    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        if self.weight_regularizer_l2 > 0:
            self.dweights += 2 * self.weight_regularizer_l2 * self.weights
        self.dinputs = np.dot(dvalues, self.weights.T)
"""
RELU = """
class Activation_ReLU:
    def forward(self, inputs, training):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0
"""
SOFTMAX = """
class Activation_Softmax:
    def forward(self, inputs, training):
        powers = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = powers / np.sum(powers, axis=1, keepdims=True)

    def backward(self, dvalues):
        self.dinputs = np.empty_like(dvalues)
        for i, (one, given) in enumerate(zip(self.output, dvalues)):
            one = one.reshape(-1, 1)
            self.dinputs[i] = np.dot(np.diagflat(one) - np.dot(one, one.T), given)
"""
DROPOUT = """
import numpy as np

class Layer_Dropout:
    def __init__(self, rate):
        self.rate = 1 - rate

    def forward(self, inputs, training):
        if not training:
            self.output = inputs.copy()
            return
        self.mask = np.random.binomial(1, self.rate, size=inputs.shape) / self.rate
        self.output = inputs * self.mask

    def backward(self, dvalues):
        self.dinputs = dvalues * self.mask
"""
CROSS = """
class Loss:
    def regularization_loss(self):
        return sum(l.weight_regularizer_l2 * np.sum(l.weights**2) for l in self.trainable_layers)

    def remember_trainable_layers(self, layers):
        self.trainable_layers = layers

    def calculate(self, output, y):
        return np.mean(self.forward(output, y))

class Loss_CategoricalCrossentropy(Loss):
    def forward(self, y_pred, y_true):
        kept = np.clip(y_pred, 1e-7, 1 - 1e-7)
        if y_true.ndim == 1:
            return -np.log(kept[range(len(kept)), y_true])
        return -np.log(np.sum(kept * y_true, axis=1))

    def backward(self, dvalues, y_true):
        if y_true.ndim == 1:
            y_true = np.eye(len(dvalues[0]))[y_true]
        self.dinputs = -y_true / dvalues / len(dvalues)
"""
BOTH = """
class Activation_Softmax_Loss_CategoricalCrossentropy:
    def backward(self, dvalues, y_true):
        if y_true.ndim == 2:
            y_true = np.argmax(y_true, axis=1)
        self.dinputs = dvalues.copy()
        self.dinputs[range(len(dvalues)), y_true] -= 1
        self.dinputs = self.dinputs / len(dvalues)
"""
FORWARD = """
    def __init__(self):
        self.activation = Activation_Softmax()
        self.loss = Loss_CategoricalCrossentropy()

    def forward(self, inputs, y_true):
        self.activation.forward(inputs, True)
        self.output = self.activation.output
        return self.loss.calculate(self.output, y_true)
"""
MODEL = """
class Layer_Input:
    def forward(self, inputs, training):
        self.output = inputs

class Model:
    def __init__(self):
        self.layers = []
        self.both = None

    def add(self, layer):
        self.layers.append(layer)

    def set(self, *, loss, optimizer):
        self.loss, self.optimizer = loss, optimizer

    def finalize(self):
        self.first = Layer_Input()
        chain = [self.first, *self.layers, self.loss]
        for before, layer, after in zip(chain, chain[1:], chain[2:]):
            layer.prev, layer.next = before, after
        self.loss.remember_trainable_layers([l for l in self.layers if hasattr(l, "weights")])
        if isinstance(self.layers[-1], Activation_Softmax):
            self.both = Activation_Softmax_Loss_CategoricalCrossentropy()

    def forward(self, X, training):
        self.first.forward(X, training)
        for layer in self.layers:
            layer.forward(layer.prev.output, training)
        return layer.output

    def backward(self, output, y):
        self.both.backward(output, y)
        self.layers[-1].dinputs = self.both.dinputs
        for layer in reversed(self.layers[:-1]):
            layer.backward(layer.next.dinputs)
"""
WHOLE = DENSE + RELU + SOFTMAX + CROSS + BOTH + MODEL


def reports_of(text, folder, wanted=None):
    path = folder / "a.py"
    path.write_text(text, encoding="utf-8")
    found = {r.object: r for r in examine_file(path)}
    return found if wanted is None else found[wanted]


class TestRight:
    def test_every_class_of_a_file(self, tmp_path):
        found = reports_of(WHOLE, tmp_path)
        assert {n: r.verdict for n, r in found.items() if n != "Layer_Input"} == {
            "Layer_Dense": "right",
            "Activation_ReLU": "right",
            "Activation_Softmax": "right",
            "Loss_CategoricalCrossentropy": "hazard",  # 1 / 0 where a probability is 0
            "Activation_Softmax_Loss_CategoricalCrossentropy": "right",
            "Model": "right",
        }
        assert found["Layer_Dense"].style == "class that stores its output and its gradients"
        assert found["Model"].style == "model of linked layers, with backward(output, y)"

    def test_dropout_whose_rate_is_the_share_that_is_kept(self, tmp_path):
        report = reports_of(DROPOUT, tmp_path, "Layer_Dropout")
        assert (report.verdict, [f.label for f in report.findings]) == ("hazard", ["uses-global-rng"])

    def test_a_loss_with_its_activation_gets_the_output(self, tmp_path):
        text = DENSE + SOFTMAX + CROSS + BOTH + FORWARD
        assert reports_of(text, tmp_path)["Activation_Softmax_Loss_CategoricalCrossentropy"].verdict == "right"

    @pytest.mark.parametrize(
        ("value", "gradient"),
        [
            ("np.mean((y_true - y_pred)**2, axis=-1)", "-2 * (y_true - dvalues) / len(dvalues[0]) / len(dvalues)"),
            ("np.mean(np.abs(y_true - y_pred), axis=-1)", "np.sign(dvalues - y_true) / len(dvalues[0]) / len(dvalues)"),
            (
                "-np.mean(y_true * np.log(y_pred) + (1 - y_true) * np.log(1 - y_pred), axis=-1)",
                "-(y_true / dvalues - (1 - y_true) / (1 - dvalues)) / len(dvalues[0]) / len(dvalues)",
            ),
        ],
    )
    def test_losses_of_each_sample(self, value, gradient, tmp_path):
        text = (
            f"import numpy as np\nclass A:\n    def forward(self, y_pred, y_true):\n        return {value}\n"
            f"    def backward(self, dvalues, y_true):\n        self.dinputs = {gradient}\n"
        )
        assert reports_of(text, tmp_path, "A").verdict in ("right", "hazard")
        assert reports_of(text.replace(" / len(dvalues)\n", "\n"), tmp_path, "A").verdict == "wrong"

    def test_from_python(self):
        class Doubles:
            def forward(self, inputs, training):
                self.output = 2 * inputs

            def backward(self, dvalues):
                self.dinputs = 2 * dvalues

        class Trebles(Doubles):
            def backward(self, dvalues):
                self.dinputs = 3 * dvalues

        x = np.random.default_rng(0).standard_normal((4, 3))
        assert check_layer(Doubles(), x).verdict == "right"
        assert check_layer(Trebles(), x).verdict == "wrong"

    def test_an_output_that_is_only_forgotten_is_a_fault(self, tmp_path):
        text = (
            "import numpy as np\nclass Sigmoid:\n    def forward(self, x):\n        self.out = 1 / (1 + np.exp(-x))\n"
            "    def backward(self, dout):\n        return dout * self.out * (1 - self.out)\n"
        )
        report = reports_of(text, tmp_path, "Sigmoid")
        assert [f.label for f in report.findings] == ["returns-none"]


class TestWrong:
    @pytest.mark.parametrize(
        ("name", "right", "wrong", "label"),
        [
            ("Layer_Dense", "np.dot(dvalues, self.weights.T)", "np.dot(dvalues, self.weights[::-1].T)", None),
            ("Layer_Dense", "np.sum(dvalues, axis=0, keepdims=True)", "np.mean(dvalues, axis=0, keepdims=True)",
             "mean-instead-of-sum"),
            ("Activation_ReLU", "[self.inputs <= 0]", "[dvalues <= 0]", "mask-from-dout"),
            ("Activation_Softmax", "np.dot(np.diagflat(one) - np.dot(one, one.T), given)",
             "one[:, 0] * (1 - one[:, 0]) * given", None),
            ("Loss_CategoricalCrossentropy", "-y_true / dvalues / len(dvalues)", "y_true / dvalues / len(dvalues)",
             "sign-flip"),
            ("Activation_Softmax_Loss_CategoricalCrossentropy", "y_true] -= 1", "y_true] += 1", None),
            ("Activation_Softmax_Loss_CategoricalCrossentropy", "self.dinputs / len(dvalues)",
             "self.dinputs / len(dvalues[0])", None),
            ("Model", "self.layers[-1].dinputs = self.both.dinputs", "self.layers[-1].dinputs = output", None),
            ("Model", "layer.backward(layer.next.dinputs)", "layer.backward(-layer.next.dinputs)", None),
            ("Model", "2 * self.weight_regularizer_l2 * self.weights",
             "self.weight_regularizer_l2 * self.weights", None),
        ],
    )  # fmt: skip
    def test_a_fault_is_found(self, name, right, wrong, label, tmp_path):
        assert WHOLE.count(right) == 1
        report = reports_of(WHOLE.replace(right, wrong), tmp_path, name)
        assert report.verdict == "wrong"
        assert label is None or report.findings[0].label == label

    def test_a_forgotten_gradient(self, tmp_path):
        text = DENSE.replace("        self.dinputs = np.dot(dvalues, self.weights.T)\n", "")
        assert reports_of(text, tmp_path, "Layer_Dense").verdict == "wrong"
