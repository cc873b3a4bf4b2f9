"""The parts of the checker: slopes, copies, the check from Python, the sentences."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import badak.check
from badak.check import CHECKS, check_layer, report_html, report_text
from badak.check.causes.registry import CAUSES, FALLBACKS, FAMILIES, ORDER, SHAPES
from badak.check.copying import clone
from badak.check.files import examine_file
from badak.check.findings import Finding, Report
from badak.check.numeric import measure, measure_direction
from badak.check.report.words import CRASH_REPAIR, HEADINGS, speak
from badak.check.subject import wrap
from badak.language import translator

TOOLS = Path(__file__).parent.parent / "tools"
RNG = np.random.default_rng(0)


class Relu:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class Clumsy(Affine):
    def backward(self, dout):
        dx = super().backward(dout)
        self.db = 2 * self.db
        return dx


class TestSlopes:
    def test_extrapolated_slopes_are_exact_to_twelve_digits(self):
        x = RNG.standard_normal((3, 2))
        slopes = measure(np.tanh, x)
        exact = np.diag((1 - np.tanh(x) ** 2).ravel())
        assert np.abs(slopes.central - exact).max() < 1e-11
        assert not slopes.kinked.any()

    def test_a_kink_is_told_by_its_two_sides(self):
        slopes = measure(np.abs, np.array([0.0, 1.0]))
        assert slopes.kinked.tolist() == [[True, False], [False, False]]
        _, low, high, _ = slopes.along(np.ones(2))
        assert low[0] == pytest.approx(-1)
        assert high[0] == pytest.approx(1)

    def test_only_the_rows_asked_for_are_measured(self):
        slopes = measure(lambda v: v * 2, np.zeros(4), rows=[1])
        assert np.isnan(slopes.central[0]).all()
        assert slopes.central[1, 1] == pytest.approx(2)

    def test_a_direction(self):
        slope, error, bend = measure_direction(lambda v: (v**2).sum(), np.array([1.0, 2.0]), np.array([1.0, -1.0]))
        assert slope[0] == pytest.approx(-2)
        assert error[0] < 1e-6
        assert abs(bend[0]) < 1e-3


class TestCopies:
    def test_views_stay_views_and_shared_arrays_shared(self):
        block = np.zeros(6)
        net = type("Net", (), {})()
        net.block, net.params = block, {"W": block[:4].reshape(2, 2)}
        net.layers = [Affine(net.params["W"], block[4:])]
        copied = clone(net)
        copied.params["W"][0, 0] = 5
        assert copied.block[0] == 5
        assert copied.layers[0].W[0, 0] == 5
        assert block[0] == 0

    def test_upcasting_keeps_views(self):
        block = np.arange(6, dtype=np.float32)
        holder = {"a": block, "v": block[1:3]}
        copied = clone(holder, upcast=True)
        copied["a"][1] = 9
        assert copied["v"].dtype == np.float64
        assert copied["v"].tolist() == [9, 2]

    def test_a_closure_follows_its_copy(self):
        layer = Affine(np.ones((2, 2)), np.zeros(2))
        layer.run = lambda x: x @ layer.W
        copied = clone(layer)
        copied.W *= 3
        assert copied.run(np.ones((1, 2)))[0, 0] == 6


class TestFromPython:
    def test_right_and_wrong(self):
        x = RNG.standard_normal((5, 4))
        W, b = RNG.standard_normal((4, 3)), RNG.standard_normal(3)
        assert check_layer(Relu(), x).verdict == "right"
        assert check_layer(Affine(W, b), x).verdict == "right"
        report = check_layer(Clumsy(W, b), x)
        assert (report.findings[0].label, report.findings[0].quantity) == ("factor-two", "b")
        assert report.findings[0].got == pytest.approx(2 * report.findings[0].expected)

    def test_a_report_prints_its_verdict(self):
        W, b = RNG.standard_normal((4, 3)), RNG.standard_normal(3)
        x = RNG.standard_normal((5, 4))
        assert repr(check_layer(Relu(), x)) == str(check_layer(Relu(), x)) == "Relu: right"
        assert repr(check_layer(Clumsy(W, b), x)) == "Clumsy: wrong (factor-two)"

    def test_a_class_without_arguments_stands_for_an_object_of_it(self):
        assert check_layer(Relu, RNG.standard_normal((5, 4))).verdict == "right"
        with pytest.raises(TypeError, match=r"Affine is a class, and takes arguments \(.*\): give an object of it"):
            check_layer(Affine, RNG.standard_normal((5, 4)))
        with pytest.raises(ValueError, match="x is a list of rows with different numbers of elements"):
            check_layer(Relu, [[1.0, 2.0], [3.0]])

    def test_the_object_is_left_as_it_was(self):
        layer = Affine(RNG.standard_normal((4, 3)), np.zeros(3))
        x, before = RNG.standard_normal((5, 4)), layer.W.copy()
        check_layer(layer, x)
        assert set(vars(layer)) == {"W", "b"}
        assert np.array_equal(layer.W, before)

    def test_the_state_of_randomness_is_left_as_it_was(self):
        np.random.seed(3)
        expected = np.random.random()
        np.random.seed(3)
        check_layer(Relu(), RNG.standard_normal((5, 4)))
        assert np.random.random() == expected

    @pytest.mark.parametrize("name", [n for n in CHECKS if n != "trainer"])
    def test_each_check_can_run_alone(self, name):
        report = check_layer(Relu(), RNG.standard_normal((5, 4)), only=[name])
        assert report.verdict == "right"
        assert [c.split(" ")[0] for c in report.checked] == [name]

    def test_large_arrays_are_checked_along_directions(self):
        layer = Affine(RNG.standard_normal((784, 50)), np.zeros(50))
        x = RNG.standard_normal((10, 784))
        assert check_layer(layer, x).verdict == "right"
        wrong = Clumsy(layer.W, layer.b)
        assert check_layer(wrong, x).findings[0].label == "factor-two"

    def test_what_is_no_layer_is_refused(self):
        with pytest.raises(TypeError, match="expected a layer"):
            check_layer(object(), np.zeros((2, 2)))
        with pytest.raises(ValueError, match="no check named"):
            check_layer(Relu(), np.zeros((2, 2)), only=["nonsense"])

    def test_a_loss_needs_targets(self):
        class Loss:
            def forward(self, x, t):
                return ((x - t) ** 2).sum()

            def backward(self, dout=1):
                return dout

        with pytest.raises(ValueError, match="give t"):
            check_layer(Loss(), np.zeros((2, 2)))


@badak.check.parametrize(lambda: Affine(RNG.standard_normal((4, 3)), np.zeros(3)), RNG.standard_normal((5, 4)))
def test_the_hook_makes_a_test_of_each_check(check):
    check()


def test_the_hook_fails_with_the_reports_words():
    mark = badak.check.parametrize(lambda: Clumsy(np.ones((4, 3)), np.zeros(3)), RNG.standard_normal((5, 4)))
    tests = {p.id: p.values[0] for p in mark.mark.args[1]}
    assert "gradients" in tests
    with pytest.raises(AssertionError, match="factor-two"):
        tests["gradients"]()


class TestCauses:
    def test_every_test_of_a_cause_has_its_place_in_the_order(self):
        tests = {test for cause in CAUSES.values() for test in cause.tests}
        ordered = [*SHAPES, *ORDER, *FALLBACKS]
        assert len(ordered) == len(set(ordered))
        assert tests == set(ordered)

    def test_what_a_cause_hides_are_checks(self):
        assert {check for cause in CAUSES.values() for check in cause.hides} <= set(CHECKS)

    def test_labels_are_given_once(self):
        labels = [cause.label for family in FAMILIES for cause in family.CAUSES]
        assert len(labels) == len(set(labels))


class TestSentences:
    def test_every_sentence_has_a_korean_one_with_the_same_placeholders(self):
        korean = translator("check", "ko")
        pairs = [p for c in CAUSES.values() for p in [(c.sentence, c.advice), *c.special.values()]]
        sentences = [s for pair in [*pairs, CRASH_REPAIR] for s in pair if s] + list(HEADINGS.values())
        for sentence in sentences:
            translated = korean.gettext(sentence)
            assert re.search("[가-힣]", translated), sentence
            assert set(re.findall(r"{(\w+)[:}]", translated)) == set(re.findall(r"{(\w+)}", sentence)), sentence

    @pytest.mark.parametrize("label", CAUSES)
    @pytest.mark.parametrize("lang", ["en", "ko"])
    def test_every_sentence_can_be_said(self, label, lang):
        message, hint = speak(
            Finding("gradients", label, method="backward", quantity="W", line=3, got=1.0, expected=2.0), lang
        )
        assert message
        assert hint
        assert "{" not in message.replace("{near}", "")

    def test_they_are_those_of_the_golden_file(self):
        done = subprocess.run(
            [sys.executable, TOOLS / "sentences.py", "--check"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr

    def test_reports_escape_what_comes_from_files(self):
        report = Report(
            "<b>.py",
            "X<script>",
            findings=[Finding("gradients", "unnamed", quantity="<i>", got=1.0, expected=2.0)],
        )
        page = report_html([report], "en")
        assert "<script" not in page
        assert "&lt;script&gt;" in page
        assert "<i>" not in page
        assert "wrong" in report_text(report, "en")


def test_a_subject_finds_parameters_by_their_partners():
    subject = wrap(Affine(np.ones((2, 2)), np.ones(2)), np.ones((3, 2)))
    from badak.check.contract import examine

    examine(subject)
    assert [p.name for p in subject.parameters] == ["W", "b"]


NETS_FOR_IMAGES = """
from badak import Affine, Convolution, Network, Relu, SimpleConvNet, SoftmaxWithLoss
import numpy as np

class Told(SimpleConvNet):
    def __init__(self):
        super().__init__((1, 8, 8), {"filter_num": 3, "filter_size": 3}, 5, 3)

class OfTheBook:
    def __init__(self, input_dim=(2, 4, 4)):
        r = np.random.default_rng(0)
        self.params = {"W1": r.standard_normal((2, 2, 3, 3)), "b1": np.zeros(2),
                       "W2": r.standard_normal((8, 4)), "b2": np.zeros(4)}
        self.conv = Convolution(self.params["W1"], self.params["b1"])
        self.affine = Affine(self.params["W2"], self.params["b2"])
        self.last = SoftmaxWithLoss()

    def predict(self, x):
        return self.affine.forward(self.conv.forward(x))

    def loss(self, x, t):
        return self.last.forward(self.predict(x), t)

    def gradient(self, x, t):
        self.loss(x, t)
        self.conv.backward(self.affine.backward(self.last.backward(1)))
        return {"W1": self.conv.dW, "b1": self.conv.db, "W2": self.affine.dW, "b2": self.affine.db}
"""


def test_a_network_that_tells_its_input_gets_such(tmp_path):
    path = tmp_path / "nets.py"
    path.write_text(NETS_FOR_IMAGES, encoding="utf-8")
    told = {report.object: (report.verdict, report.findings) for report in examine_file(path)}
    assert told == {"Told": ("right", []), "OfTheBook": ("right", [])}


def test_a_report_is_printed_without_the_whole_file():
    report = check_layer(Relu(), np.array([[1.0, -2.0]]))
    assert report.source
    assert "def forward" not in repr(report)
