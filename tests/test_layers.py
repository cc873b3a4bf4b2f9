"""Our layers and losses keep the contract that `badak.types.Layer` states."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from badak import Affine, IdentityWithLoss, Relu, Sigmoid, SoftmaxWithLoss, numerical_gradient
from badak.types import Layer, Loss, parameters


def affine(rng, D, H, dtype=np.float64):
    return Affine(rng.standard_normal((D, H)).astype(dtype), rng.standard_normal(H).astype(dtype))


MAKERS = {
    "Relu": lambda rng, D: Relu(),
    "Sigmoid": lambda rng, D: Sigmoid(),
    "Affine": lambda rng, D: affine(rng, D, 3),
}
LOSSES = {"SoftmaxWithLoss": SoftmaxWithLoss, "IdentityWithLoss": IdentityWithLoss}


@pytest.fixture(params=MAKERS)
def make(request):
    return MAKERS[request.param]


@pytest.mark.parametrize("name", MAKERS)
@given(N=st.integers(1, 5), D=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_backward_is_the_vector_jacobian_product(name, N, D, seed):
    rng = np.random.default_rng(seed)
    layer = MAKERS[name](rng, D)
    x = rng.standard_normal((N, D))
    x[np.abs(x) < 1e-3] = 0.5  # clear of Relu's kink
    dout = rng.standard_normal(layer.forward(x).shape)
    dx = layer.backward(dout)
    assert_allclose(dx, numerical_gradient(lambda x: np.sum(dout * layer.forward(x)), x), atol=1e-7)
    assert dx.shape == x.shape
    for attribute, value in parameters(layer).items():
        grad = getattr(layer, "d" + attribute)
        assert grad.shape == value.shape
        assert_allclose(grad, numerical_gradient(lambda _: np.sum(dout * layer.forward(x)), value), atol=1e-7)


@pytest.mark.parametrize("name", LOSSES)
@given(N=st.integers(1, 5), C=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_loss_gradient_is_scaled_by_dout(name, N, C, seed):
    rng = np.random.default_rng(seed)
    loss = LOSSES[name]()
    x, t = rng.standard_normal((N, C)), rng.integers(C, size=N)
    for labels in (t, np.eye(C)[t]):
        loss.forward(x, labels)
        assert_allclose(loss.backward(3), 3 * loss.backward(), rtol=1e-12)
        assert_allclose(loss.backward(), numerical_gradient(lambda x: loss.forward(x, labels), x), atol=1e-8)


def test_nothing_is_written_into(make, rng):
    layer = make(rng, 4)
    x, dout = rng.standard_normal((5, 4)), rng.standard_normal(make(rng, 4).forward(np.ones((5, 4))).shape)
    params = {k: v.copy() for k, v in parameters(layer).items()}
    for array in (x, dout, *parameters(layer).values()):
        array.setflags(write=False)
    layer.forward(x)
    first = layer.backward(dout)
    assert_array_equal(first, layer.backward(dout), "a second backward gives the same")
    for key, value in parameters(layer).items():
        assert_array_equal(value, params[key])


@pytest.mark.parametrize("name", LOSSES)
def test_losses_write_into_nothing(name, rng):
    x, t = rng.standard_normal((5, 3)), np.eye(3)[[0, 1, 2, 0, 1]]
    for array in (x, t):
        array.setflags(write=False)
    loss = LOSSES[name]()
    loss.forward(x, t)
    loss.backward()


def test_gradients_are_set_and_not_added_to(rng):
    layer = affine(rng, 4, 3)
    layer.forward(rng.standard_normal((5, 4)))
    dout = rng.standard_normal((5, 3))
    layer.backward(dout)
    first = layer.dW
    layer.backward(dout)
    assert layer.dW is not first
    assert_array_equal(layer.dW, first)


def test_a_second_forward_replaces_the_first(make, rng):
    layer, alone = make(np.random.default_rng(1), 4), make(np.random.default_rng(1), 4)
    layer.forward(rng.standard_normal((7, 4)))
    x = rng.standard_normal((2, 4))
    dout = rng.standard_normal(layer.forward(x).shape)
    alone.forward(x)
    assert_array_equal(layer.backward(dout), alone.backward(dout))


def test_backward_before_forward_says_so(make, rng):
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        make(rng, 4).backward(np.ones((5, 4)))
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        SoftmaxWithLoss().backward()


def test_a_dout_of_another_shape_is_refused(make, rng):
    layer = make(rng, 4)
    layer.forward(np.ones((5, 4)))
    with pytest.raises(ValueError, match="dout must have the shape of the last output"):
        layer.backward(np.ones((1, 4)))
    loss = SoftmaxWithLoss()
    loss.forward(np.ones((2, 3)), [0, 1])
    with pytest.raises(ValueError, match="dout must have the shape"):
        loss.backward(np.ones(3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_large_inputs(make, rng, dtype):
    layer = make(rng, 4)
    for attribute, value in parameters(layer).items():
        setattr(layer, attribute, value.astype(dtype))
    x = np.array([[1e4, -1e4, 0, 3]], dtype)
    with np.errstate(all="raise"):
        out = layer.forward(x)
        dx = layer.backward(np.ones_like(out))
    assert out.dtype == dx.dtype == dtype
    assert np.isfinite(out).all()
    assert np.isfinite(dx).all()


def test_integers_become_float64(make, rng):
    layer = make(rng, 2)
    out = layer.forward(np.array([[1, 2]]))
    assert out.dtype == np.float64
    assert layer.backward(np.ones(out.shape, int)).dtype == np.float64


def test_a_row_gets_the_same_answer_alone(make, rng):
    layer, x = make(rng, 4), rng.standard_normal((5, 4))
    assert_allclose(layer.forward(x)[2:3], layer.forward(x[2:3]), rtol=1e-14)


def test_repr_can_be_typed_back(make, rng):
    layer = make(rng, 4)
    again = eval(repr(layer), {"np": np, "Affine": Affine, "Relu": Relu, "Sigmoid": Sigmoid})
    assert type(again) is type(layer)
    assert "\n" not in repr(layer)


def test_affine_shares_the_arrays_it_was_given():
    W, b = np.ones((2, 3)), np.zeros(3)
    layer = Affine(W, b)
    assert layer.W is W
    assert layer.b is b
    assert Affine(np.ones((2, 3), int), np.zeros(3, int)).W.dtype == np.float64


def test_affine_flattens_images_and_gives_their_shape_back(rng):
    layer, x = affine(rng, 12, 3), rng.standard_normal((5, 3, 2, 2))
    assert_allclose(layer.forward(x), x.reshape(5, 12) @ layer.W + layer.b)
    assert layer.backward(np.ones((5, 3))).shape == x.shape
    assert layer.forward(x[0].ravel()).shape == (3,)
    assert layer.backward(np.ones(3)).shape == (12,)


def test_affine_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"W of shape \(D, H\) and b of shape \(H,\), not \(2, 3\) and \(2,\)"):
        Affine(np.ones((2, 3)), np.ones(2))
    with pytest.raises(ValueError, match="takes 2 values a sample"):
        Affine(np.ones((2, 3)), np.ones(3)).forward(np.ones((4, 5)))
    with pytest.raises(TypeError, match="W must hold real numbers"):
        Affine([["a"]], [0.0])


def test_a_hopeless_prediction_has_its_true_loss():
    loss = SoftmaxWithLoss()
    assert loss.forward(np.array([[0.0, 200.0]]), [0]) == pytest.approx(200)
    assert_allclose(loss.backward(), [[-1, 1]])
    with np.errstate(all="raise"):
        assert loss.forward(np.array([[1e4, -1e4]]), [1]) == 2e4


def test_losses_take_one_sample():
    assert SoftmaxWithLoss().forward(np.zeros(4), 2) == pytest.approx(np.log(4))
    loss = IdentityWithLoss()
    assert loss.forward(np.array([1.0, 2.0]), np.array([0.0, 0.0])) == 2.5
    assert_allclose(loss.backward(), [1, 2])


def test_identity_divides_the_sum_of_squares_by_the_batch():
    loss = IdentityWithLoss()
    assert loss.forward(np.ones((4, 3)), np.zeros((4, 3))) == 1.5
    assert_allclose(loss.backward(), np.full((4, 3), 0.25))
    with pytest.raises(ValueError, match="one shape"):
        loss.forward(np.ones((5, 1)), np.ones(5))


def test_ours_are_what_the_protocols_say(rng):
    assert isinstance(Relu(), Layer)
    assert isinstance(SoftmaxWithLoss(), Loss)
    assert list(parameters(affine(rng, 2, 3))) == ["W", "b"]
    assert parameters(Relu()) == {}
