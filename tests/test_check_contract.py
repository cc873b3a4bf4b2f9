"""What a verdict means: what was seen to fail is wrong, what hindered the look is unknown."""

import enum
import itertools

import numpy as np
import pytest

from badak.check import CHECKS, check_layer
from badak.check.contract import CLAUSES, examine
from badak.check.files import examine_file
from badak.check.subject import STYLES, BookNetwork, Candidate, Layer, Loss, TwoInputLayer, Unknown, style_of, wrap

X = np.random.default_rng(4).standard_normal((5, 4))


class OtherNames:
    def ahead(self, x):
        self.x = x
        return x**2

    def astern(self, dout):
        return dout * 99


class Unwritten:
    def forward(self, x):
        raise NotImplementedError

    def backward(self, dout):
        raise NotImplementedError


class HalfWritten:
    def forward(self, x):
        return x * 2

    def backward(self, dout):
        raise NotImplementedError("your turn")


class Single:
    """A float32 layer, as frameworks have them."""

    def __init__(self, factor=1.0):
        r = np.random.default_rng(0)
        self.W, self.b = r.standard_normal((4, 3)).astype(np.float32), np.zeros(3, np.float32)
        self.factor = np.float32(factor)

    def forward(self, x):
        self.x = x.astype(np.float32)
        return np.tanh(self.x @ self.W + self.b) if self.factor == 0 else self.x @ self.W + self.b

    def backward(self, dout):
        dout = dout.astype(np.float32)
        self.dW = self.factor * (self.x.T @ dout)
        self.db = dout.sum(axis=0)
        return dout @ self.W.T


class Pairs:
    """A pool of two neighbours; `share` tells how it deals with ties."""

    def __init__(self, share):
        self.share = share

    def forward(self, x):
        self.windows = x.reshape(*x.shape[:-1], -1, 2)
        return self.windows.max(axis=-1)

    def backward(self, dout):
        mask = self.windows == self.windows.max(axis=-1, keepdims=True)
        if self.share:
            mask = mask / mask.sum(axis=-1, keepdims=True)
        return (mask * dout[..., None]).reshape(*dout.shape[:-1], -1)


class Relu:
    def __init__(self, passes_zero):
        self.passes_zero = passes_zero

    def forward(self, x):
        self.mask = x >= 0 if self.passes_zero else x > 0
        return x * self.mask

    def backward(self, dout):
        return dout * self.mask


class Doubled:
    def forward(self, x):
        self.x = x
        return x**2

    def backward(self, dout):
        return 3 * self.x * dout


class Scale:
    """A row of factors, of shape (1, 4)."""

    def __init__(self):
        self.gamma = np.array([[1.0, 2.0, -1.0, 0.5]])

    def forward(self, x):
        self.x = x
        return x * self.gamma

    def backward(self, dout):
        self.dgamma = (dout * self.x).sum(axis=0, keepdims=True)
        return dout * self.gamma


class Needy:
    def forward(self, x):
        return x.reshape(13, 17)

    def backward(self, dout):
        return dout


FILE = """
import numpy as np

{}
"""


def check_file_of(text, folder):
    path = folder / "a.py"
    path.write_text(FILE.format(text), encoding="utf-8")
    return examine_file(path)


class TestStyles:
    def test_each_is_recognised_by_what_it_offers(self):
        class TakesTarget:
            def forward(self, y, t): ...

        class TakesTwo:
            def forward(self, x, y): ...
            def backward(self, dout): ...

        class HasDefault:
            def forward(self, a, b): ...
            def backward(self, dout=1): ...

        class Net:
            params = None

            def predict(self, x): ...

        class Flagged:
            def forward(self, x, training): ...
            def backward(self, dout): ...

        wanted = [(TakesTarget, Loss), (TakesTwo, TwoInputLayer), (HasDefault, Loss), (Net, BookNetwork)]
        for kind, style in [*wanted, (Flagged, Layer), (Relu, Layer), (OtherNames, Unknown)]:
            made = kind.__new__(kind)
            assert style_of(Candidate.of(made))[0] is style
            # Before it is made, the class alone tells the same.
            assert style_of(Candidate(kind.__name__, kind=kind))[0] is style

    def test_the_last_takes_everything(self):
        assert STYLES[-1] is Unknown

    def test_a_flag_without_default_is_handed_in(self):
        class Flagged(Relu):
            def forward(self, x, training):
                return super().forward(x) if training else x

        assert check_layer(Flagged(True), X).verdict == "right"


class TestNobodyIsAccused:
    def test_an_object_of_no_known_style_is_never_right(self, tmp_path):
        text = "class A:\n    def ahead(self, x): return x\n    def astern(self, d): return d * 9\n"
        for make in ("def make(): return A()", "make = A", ""):
            reports = check_file_of(f"{text}\n{make}\nx = np.ones((2, 3))\n", tmp_path)
            assert {r.verdict for r in reports} == {"unknown"}

    def test_no_clause_applies_to_it(self):
        assert not [c for c in CLAUSES if issubclass(Unknown, c.kind)]

    @pytest.mark.parametrize("kind", [Unwritten, HalfWritten])
    def test_what_is_not_written_yet_could_not_be_checked(self, kind):
        report = check_layer(kind(), X)
        assert report.verdict == "unknown"
        assert "not written yet" in report.reason

    def test_inputs_that_we_guessed_and_that_do_not_fit(self):
        subject = wrap(Needy(), X, given=False)
        report = examine(subject)
        assert report.verdict == "unknown"
        assert report.reason_values["shape"] == (5, 4)
        # The user's own input is the user's affair.
        assert check_layer(Needy(), X).verdict == "wrong"

    def test_a_name_that_is_missing_is_a_fault_whatever_the_input(self):
        class Misspelt(Relu):
            def forward(self, x):
                return nq.maximum(x, 0)  # noqa: F821

        assert examine(wrap(Misspelt(True), X, given=False)).verdict == "wrong"

    def test_a_fault_that_was_seen_stays_one_when_the_time_runs_out(self):
        verdicts = set()
        for looks in range(0, 60, 4):
            left = iter(range(looks))
            report = examine(wrap(Doubled(), X, expired=lambda left=left: next(left, None) is None))
            verdicts.add(report.verdict)
            assert report.verdict in ("wrong", "unknown")
            if report.verdict == "wrong":
                assert report.findings[0].got is not None
        assert verdicts == {"wrong", "unknown"}
        for looks in itertools.chain(range(0, 60, 4), [200]):
            left = iter(range(looks))
            right = examine(wrap(Relu(True), X, expired=lambda left=left: next(left, None) is None))
            assert right.verdict != "wrong"

    def test_half_a_layer_may_be_anything(self):
        class OnlyForward:
            def forward(self, x):
                return x

        class FeedForward:
            def feedforward(self, a):
                return a

            def backward_(self, dout):
                return dout

        assert check_layer(OnlyForward(), X).verdict == "unknown"
        assert examine(Layer(FeedForward(), X)).verdict != "right"

    def test_arguments_of_backward_that_nobody_knows(self):
        class WithMore(Relu):
            def backward(self, output_gradient, temperature):
                return output_gradient * self.mask

        report = check_layer(WithMore(True), X)
        assert report.verdict == "unknown"
        assert "temperature" in report.reason_values["arguments"]

    def test_an_enum_in_the_object_is_left_alone(self):
        class Colour(enum.Enum):
            RED = 1

        class Coloured(Relu):
            def __init__(self):
                self.colour, self.passes_zero = Colour.RED, True

        assert check_layer(Coloured(), X).verdict == "right"

    def test_an_input_of_ours_that_was_stretched_is_replaced(self):
        subject = wrap(Scale(), X[:, :1], given=False)
        assert examine(subject).verdict == "right"
        assert subject.x.shape == (5, 4)
        assert check_layer(Scale(), X[:, :1]).verdict == "wrong"

    def test_a_clause_that_fails_itself_is_no_verdict(self, monkeypatch):
        from badak.check.contract import verdict
        from badak.check.contract.clause import Clause

        def broken(exam):
            """Breaks."""
            yield from exam.nothing

        monkeypatch.setattr(verdict, "CLAUSES", [*CLAUSES, Clause("broken", broken)])
        report = check_layer(Relu(True), X)
        assert report.verdict == "unknown"
        assert report.reason_values["check"] == "broken"


class Net:
    """Chapter 4's network: the gradient is that of a loss without its guard."""

    def __init__(self, drop=0.0):
        r = np.random.default_rng(0)
        self.params = {"W1": r.standard_normal((20, 30)), "W2": r.standard_normal((30, 10))}
        self.drop = drop

    def predict(self, x):
        self.h = np.tanh(x @ self.params["W1"]) * (np.random.rand(30) >= self.drop)
        e = np.exp(self.h @ self.params["W2"])
        return e / e.sum(axis=1, keepdims=True)

    def loss(self, x, t):
        self.y = self.predict(x)
        return -np.sum(t * np.log(self.y + 1e-7)) / len(x)

    def gradient(self, x, t):
        self.loss(x, t)
        dy = (self.y - t) / len(x)
        kept = self.h != 0
        return {
            "W2": self.h.T @ dy,
            "W1": x.T @ (dy @ self.params["W2"].T * (1 - self.h**2) * kept),
        }


class TestNetworks:
    X, T = np.random.default_rng(1).standard_normal((5, 20)), np.eye(10)[[0, 3, 1, 7, 2]]

    def test_a_guard_in_the_logarithm_is_no_fault_with_other_weights_either(self):
        assert check_layer(Net(), self.X, self.T).verdict in ("right", "hazard")

    def test_two_gradients_with_masks_of_their_own_differ_rightly(self):
        report = check_layer(Net(0.4), self.X, self.T)
        assert report.verdict == "hazard"
        assert [f.label for f in report.findings] == ["uses-global-rng"]


class TestPrecision:
    def test_a_float32_layer_is_measured_as_float32(self):
        assert wrap(Single(), X).narrow
        assert not wrap(Relu(True), X).narrow
        assert check_layer(Single(), X).verdict == "right"
        assert check_layer(Single(), X.astype(np.float32)).verdict == "right"

    @pytest.mark.parametrize("factor", [2.0, -1.0, 0.8])
    def test_and_its_faults_are_found(self, factor):
        report = check_layer(Single(factor), X)
        assert report.verdict == "wrong"
        assert report.findings[0].quantity == "W"


class TestTies:
    TIED = np.random.default_rng(1).integers(-1, 2, (2, 3, 6)).astype(float)

    def test_a_pool_that_gives_all_to_every_tied_maximum_is_a_hazard(self):
        report = check_layer(Pairs(False), self.TIED)
        assert report.verdict == "hazard"
        assert report.findings[0].label == "routes-to-all-ties"
        assert check_layer(Pairs(True), self.TIED).verdict == "right"

    @pytest.mark.parametrize("passes_zero", [True, False])
    def test_either_mask_of_a_relu_is_right_at_zero(self, passes_zero):
        assert check_layer(Relu(passes_zero), self.TIED).verdict == "right"
        assert check_layer(Relu(passes_zero), np.zeros((3, 2))).verdict == "right"


def test_every_clause_has_a_sentence_and_its_name_is_known():
    assert all(clause.check.__doc__ for clause in CLAUSES)
    assert list(CHECKS) == list(dict.fromkeys(clause.name for clause in CLAUSES))
