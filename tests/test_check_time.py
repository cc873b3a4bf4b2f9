"""The checker in time: what a check needs no import for, and networks as large as the book's."""

import os
import subprocess
import sys
import textwrap

import pytest

from badak.check.files import examine_file

NET = """
    import numpy as np
    from collections import OrderedDict
    from common.layers import *


    class DeepConvNet:
        def __init__(self, input_dim=(1, 28, 28), hidden_size=50, output_size=10,
                     conv_param_1={{"filter_num": 16, "filter_size": 3, "pad": 1, "stride": 1}}):
            # The size after pooling is written down, as the book's is: no smaller image fits.
            self.params = {{
                "W1": 0.3 * np.random.randn(conv_param_1["filter_num"], input_dim[0], 3, 3),
                "b1": np.zeros(conv_param_1["filter_num"]),
                "W2": 0.02 * np.random.randn(16 * 14 * 14, hidden_size), "b2": np.zeros(hidden_size),
                "W3": 0.2 * np.random.randn(hidden_size, output_size), "b3": np.zeros(output_size),
            }}
            self.layers = [
                Convolution(self.params["W1"], self.params["b1"], conv_param_1["stride"], conv_param_1["pad"]), Relu(),
                Pooling(2, 2, stride=2), Affine(self.params["W2"], self.params["b2"]), Relu(), Dropout(0.5),
                Affine(self.params["W3"], self.params["b3"]),
            ]
            self.last_layer = SoftmaxWithLoss()

        def predict(self, x, train_flg=False):
            for layer in self.layers:
                x = layer.forward(x, train_flg) if isinstance(layer, Dropout) else layer.forward(x)
            return x

        def loss(self, x, t):
            return self.last_layer.forward(self.predict(x, train_flg=True), t)

        def accuracy(self, x, t, batch_size=100):
            t = np.argmax(t, axis=1) if t.ndim != 1 else t
            hits = 0.0
            for i in range(int(x.shape[0] / batch_size)):
                y = np.argmax(self.predict(x[i * batch_size:(i + 1) * batch_size]), axis=1)
                hits += np.sum(y == t[i * batch_size:(i + 1) * batch_size])
            return hits / x.shape[0]

        def gradient(self, x, t):
            self.loss(x, t)
            dout = self.last_layer.backward(1)
            for layer in reversed(self.layers):
                dout = layer.backward(dout)
            conv, one, two = self.layers[0], self.layers[3], self.layers[6]
            return {{"W1": conv.dW, "b1": conv.db, "W2": one.dW, "b2": one.db{slip}, "W3": two.dW, "b3": two.db}}
"""


@pytest.fixture
def net(tmp_path):
    def write(slip=""):
        path = tmp_path / "net.py"
        path.write_text(textwrap.dedent(NET).format(slip=slip), encoding="utf-8")
        return path

    return write


def test_a_large_network_of_the_book_is_judged_on_the_images_that_it_takes_for_granted(net):
    (report,) = examine_file(net(), "DeepConvNet", seconds=10)
    assert report.verdict in ("right", "hazard"), (report.findings, report.reason)
    assert report.reason is None


def test_one_wrong_gradient_among_the_many_of_a_large_network_is_seen(net):
    (report,) = examine_file(net(" * 3"), "DeepConvNet", seconds=6)
    assert report.verdict == "wrong", report.reason
    assert report.findings[0].quantity == "b2"


def test_accuracy_in_batches_of_a_hundred_is_asked_with_as_many_as_there_are(net):
    (report,) = examine_file(net(), "DeepConvNet", seconds=10)
    assert not [f for f in report.findings if f.method == "accuracy"]


def loaded(code):
    call = [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"]
    return set(subprocess.run(call, capture_output=True, text=True, check=True, env=dict(os.environ)).stdout.split())


def test_the_command_imports_neither_the_contract_nor_the_causes():
    found = {name for name in loaded("import badak.check.command") if name.startswith("badak.check.")}
    assert "badak.check.isolate" in found
    assert not [n for n in found if n.startswith(("badak.check.contract", "badak.check.causes", "badak.check.subject"))]


def test_the_child_imports_the_book_only_for_a_file_that_lacks_a_module():
    found = loaded("import badak.check.child, badak.check.files")
    assert "badak.check.contract" in found
    assert not [name for name in found if name.startswith("badak.book")]
