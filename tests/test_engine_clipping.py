"""clip_norm on the engine: as NumPy's way clips, for gradients of any size that a number can hold."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from badak import SGD, Affine, IdentityWithLoss, Network, fit
from badak.engine import crew, lower, tapes
from badak.engine.runner import NativeRunner
from badak.train.runners import NumPyRunner


@pytest.fixture(autouse=True)
def poisoned(monkeypatch):
    """Fill scratch memory with NaN before each run, and let as many threads work as are asked for."""
    monkeypatch.setattr(tapes, "POISON", True)
    monkeypatch.setattr(crew.Crew, "advise", lambda self, threads: threads)


@pytest.fixture
def always_many(monkeypatch):
    """Let as many threads take part as are asked for, however little there is to do."""
    monkeypatch.setattr(lower, "WORK_PER_THREAD", 1)
    monkeypatch.setattr(lower, "WORK_PER_CALL", 1)


def clipped(size, dtype, engine, clip_norm, threads=None):
    """Give what one step makes of parameters of 0 whose gradient has this size, and how far it went."""
    x, t = np.random.default_rng(0).standard_normal((60, 37)), np.zeros((60, 5))
    t[:, 1:] = size * np.random.default_rng(1).standard_normal((60, 4))  # and nothing at all for the first of five
    net = Network([Affine(np.zeros((37, 5)), np.zeros(5))], IdentityWithLoss(), dtype=dtype, engine=engine)
    with np.errstate(over="ignore"):
        history = fit(net, x, t, iterations=1, batch_size=60, optimizer=SGD(1.0, clip_norm=clip_norm), engine=engine,
                      threads=threads)  # fmt: skip
    assert history.engine == engine
    return net.block.values


@pytest.mark.parametrize("share", [0.1, 1e6], ids=["clipped", "not clipped"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-30, 1e-200, 1e-306, 1e-18, 1, 1e18, 1e20, 1e36, 1e200, 1e306])
def test_clipping_is_the_same_for_gradients_of_any_size(size, dtype, share):
    least, most = float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)
    size = min(max(size, 1e3 * least), most / 1e3)
    longest = min(size * share, most)
    want = clipped(size, dtype, "numpy", longest)
    got = clipped(size, dtype, "native", longest)
    assert np.isfinite(got).all()
    assert got.any()
    if share < 1:
        assert np.linalg.norm(got.astype(np.float64) / longest) == pytest.approx(1, rel=1e-5)
    assert np.abs(got / want.max() - want / want.max()).max() < 20 * np.finfo(dtype).eps


def test_a_clipped_gradient_of_great_numbers_steps(always_many):
    """Its squares overflow in float32: it stepped by 0, in silence."""
    values = [clipped(1e20, np.float32, "native", 1, threads).tobytes() for threads in (1, 2, 3)]
    assert np.linalg.norm(np.frombuffer(values[0], np.float32)) == pytest.approx(1, rel=1e-5)
    assert len({*values}) == 1


@pytest.mark.parametrize("bad", [np.inf, np.nan])
def test_an_infinite_gradient_is_not_taken_for_one_of_nothing(bad):
    values = []
    for runner in (NativeRunner, NumPyRunner):
        x, t = np.ones((8, 3), np.float32), np.zeros((8, 2), np.float32)
        t[3, 1] = bad
        net = Network([Affine(np.zeros((3, 2)), np.zeros(2))], IdentityWithLoss(), dtype=np.float32, engine="numpy")
        with np.errstate(invalid="ignore"):
            runner(net, SGD(1.0, clip_norm=1), x, t).steps(np.arange(8)[None])
        values.append(net.block.values)
    assert_array_equal(*np.isfinite(values))
    assert np.isfinite(values[0]).sum() == 4
