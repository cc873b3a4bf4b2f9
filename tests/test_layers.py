"""Our layers and losses keep the contract that `badak.types.Layer` states."""

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import badak
from badak import (
    Affine,
    AveragePooling,
    BatchNormalization,
    Convolution,
    Dropout,
    Flatten,
    Gelu,
    IdentityWithLoss,
    LayerNormalization,
    LeakyRelu,
    Pooling,
    Relu,
    Sigmoid,
    SigmoidWithLoss,
    SoftmaxWithLoss,
    Tanh,
    numerical_gradient,
)
from badak.functions import sigmoid
from badak.layers.base import arguments
from badak.types import Layer, Loss, parameters


def affine(rng, D, H, dtype=np.float64):
    return Affine(rng.standard_normal((D, H)).astype(dtype), rng.standard_normal(H).astype(dtype))


def scales(rng, D):
    return rng.standard_normal(D), rng.standard_normal(D)


def convolution(rng, shape, F=2, FH=2, FW=3, **options):
    return Convolution(rng.standard_normal((F, shape[0], FH, FW)), rng.standard_normal(F), **options)


# For each kind of layer: the shape of one sample, and how such a layer is made.
ROW, IMAGE = (4,), (2, 5, 4)
MAKERS = {
    "Relu": (ROW, lambda rng, shape: Relu()),
    "Sigmoid": (ROW, lambda rng, shape: Sigmoid()),
    "Tanh": (ROW, lambda rng, shape: Tanh()),
    "LeakyRelu": (ROW, lambda rng, shape: LeakyRelu(0.2)),
    "Gelu": (ROW, lambda rng, shape: Gelu()),
    "Dropout": (ROW, lambda rng, shape: Dropout(0.4)),
    "Affine": (ROW, lambda rng, shape: affine(rng, shape[0], 3)),
    "BatchNormalization": (ROW, lambda rng, shape: BatchNormalization(*scales(rng, shape[0]))),
    "BatchNormalization of images": (IMAGE, lambda rng, shape: BatchNormalization(*scales(rng, shape[0]))),
    "LayerNormalization": (ROW, lambda rng, shape: LayerNormalization(*scales(rng, shape[-1]))),
    "LayerNormalization of images": (IMAGE, lambda rng, shape: LayerNormalization(*scales(rng, shape[-1]))),
    "Convolution": (IMAGE, convolution),
    "Convolution with stride and padding": (IMAGE, lambda rng, shape: convolution(rng, shape, stride=2, pad=1)),
    "Pooling": (IMAGE, lambda rng, shape: Pooling(2, 2)),
    "Pooling with overlap and padding": (IMAGE, lambda rng, shape: Pooling(3, 2, stride=1, pad=1)),
    "AveragePooling": (IMAGE, lambda rng, shape: AveragePooling(2, 3, stride=1, pad=1)),
    "Flatten": (IMAGE, lambda rng, shape: Flatten()),
}
LOSSES = {"SoftmaxWithLoss": SoftmaxWithLoss, "IdentityWithLoss": IdentityWithLoss, "SigmoidWithLoss": SigmoidWithLoss}


@pytest.fixture(params=MAKERS)
def case(request):
    return MAKERS[request.param]


@pytest.fixture
def sample(case):
    return case[0]


@pytest.fixture
def make(case):
    return lambda rng: case[1](rng, case[0])


def forward(layer, x):
    """Run forward with the same draws each time, so that a layer that draws is a function."""
    if hasattr(layer, "rng"):
        layer.rng = np.random.default_rng(5)
    return layer.forward(x)


def check_gradients(layer, x, rng, atol=1e-7):
    dout = rng.standard_normal(forward(layer, x).shape)
    dx = layer.backward(dout)
    assert dx.shape == x.shape
    grads = {attribute: getattr(layer, "d" + attribute) for attribute in parameters(layer)}
    assert_allclose(dx, numerical_gradient(lambda x: np.sum(dout * forward(layer, x)), x), atol=atol)
    for attribute, value in parameters(layer).items():
        assert grads[attribute].shape == value.shape
        expected = numerical_gradient(lambda _: np.sum(dout * forward(layer, x)), value)
        assert_allclose(grads[attribute], expected, atol=atol)


def apart(rng, shape):
    """Numbers no two of which are within 0.01 of each other or of 0: clear of every kink."""
    count = int(np.prod(shape))
    return 0.02 * (rng.permutation(count).reshape(shape) - count // 2) + 0.01


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("training", [True, False])
@given(N=st.integers(1, 4), D=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=12, deadline=None)
def test_backward_is_the_vector_jacobian_product(name, training, N, D, seed):
    rng = np.random.default_rng(seed)
    shape, make = MAKERS[name]
    shape = (D, *shape[1:])
    layer = make(rng, shape)
    if hasattr(layer, "training"):
        layer.training = training
    x = apart(rng, (N, *shape)) * 8 ** rng.uniform(-0.5, 1)
    if hasattr(layer, "eps"):
        layer.eps = 0.1  # so that two equal values are no needle's eye for a difference of 1e-4
    check_gradients(layer, x, rng, atol=2e-6 if hasattr(layer, "eps") else 1e-7)


WINDOWS = st.tuples(
    st.integers(1, 3),  # N
    st.integers(1, 3),  # C
    st.integers(1, 7),  # H
    st.integers(1, 7),  # W
    st.integers(1, 4),  # window's rows
    st.integers(1, 4),  # window's columns
    st.integers(1, 4),  # stride
    st.integers(0, 3),  # padding
)


@given(sizes=WINDOWS, F=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_convolution_of_any_size(sizes, F, seed):
    N, C, H, W, FH, FW, stride, pad = sizes
    rng = np.random.default_rng(seed)
    layer = convolution(rng, (C, H, W), F, FH, FW, stride=stride, pad=pad)
    x = rng.standard_normal((N, C, H, W))
    if min(H + 2 * pad - FH, W + 2 * pad - FW) < 0:
        with pytest.raises(ValueError, match="takes images \\(C, H, W\\) at least as large"):
            layer.forward(x)
        return
    out = layer.forward(x)
    assert out.shape[1:] == layer.output_shape((C, H, W))
    padded = np.zeros((N, C, H + 2 * pad, W + 2 * pad))
    padded[:, :, pad : pad + H, pad : pad + W] = x
    for n, f, i, j in np.ndindex(out.shape):  # the definition, pixel by pixel
        seen = padded[n, :, i * stride : i * stride + FH, j * stride : j * stride + FW]
        assert out[n, f, i, j] == pytest.approx(np.sum(seen * layer.W[f]) + layer.b[f])
    check_gradients(layer, x, rng)


@pytest.mark.parametrize("kind", [Pooling, AveragePooling])
@given(sizes=WINDOWS, seed=st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_pooling_of_any_size(kind, sizes, seed):
    N, C, H, W, FH, FW, stride, pad = sizes
    if pad >= min(FH, FW):
        with pytest.raises(ValueError, match="pad must be smaller than the window"):
            kind(FH, FW, stride, pad)
        return
    rng = np.random.default_rng(seed)
    layer, x = kind(FH, FW, stride, pad), apart(rng, (N, C, H, W))
    if min(H + 2 * pad - FH, W + 2 * pad - FW) < 0:
        with pytest.raises(ValueError, match="at least as large"):
            layer.forward(x)
        return
    out = layer.forward(x)
    assert out.shape[1:] == layer.output_shape((C, H, W))
    padded = np.full((N, C, H + 2 * pad, W + 2 * pad), -np.inf if kind is Pooling else 0.0)
    padded[:, :, pad : pad + H, pad : pad + W] = x
    for n, c, i, j in np.ndindex(out.shape):
        seen = padded[n, c, i * stride : i * stride + FH, j * stride : j * stride + FW]
        assert out[n, c, i, j] == pytest.approx(seen.max() if kind is Pooling else seen.mean())
    check_gradients(layer, x, rng)


def test_pooling_gives_to_the_first_of_equals():
    layer = Pooling(2, 2)
    layer.forward(np.ones((1, 1, 2, 2)))
    assert_array_equal(layer.backward(np.ones((1, 1, 1, 1))), [[[[1, 0], [0, 0]]]])


@pytest.mark.parametrize("name", LOSSES)
@given(N=st.integers(1, 5), C=st.integers(1, 6), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_loss_gradient_is_scaled_by_dout(name, N, C, seed):
    rng = np.random.default_rng(seed)
    loss = LOSSES[name]()
    x, t = rng.standard_normal((N, C)), rng.integers(C, size=N)
    for labels in (np.eye(C)[t],) if name == "SigmoidWithLoss" else (t, np.eye(C)[t]):
        loss.forward(x, labels)
        assert_allclose(loss.backward(3), 3 * loss.backward(), rtol=1e-12)
        assert_allclose(loss.backward(), numerical_gradient(lambda x: loss.forward(x, labels), x), atol=1e-8)


def test_nothing_is_written_into(make, sample, rng):
    layer = make(rng)
    x = rng.standard_normal((5, *sample))
    dout = rng.standard_normal(layer.forward(x).shape)
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


def test_gradients_are_set_and_not_added_to(make, sample, rng):
    layer = make(rng)
    dout = rng.standard_normal(layer.forward(rng.standard_normal((5, *sample))).shape)
    layer.backward(dout)
    first = {attribute: getattr(layer, "d" + attribute) for attribute in parameters(layer)}
    layer.backward(dout)
    for attribute, grad in first.items():
        assert getattr(layer, "d" + attribute) is not grad
        assert_array_equal(getattr(layer, "d" + attribute), grad)


def test_a_second_forward_replaces_the_first(make, sample, rng):
    layer, alone = make(np.random.default_rng(1)), make(np.random.default_rng(1))
    layer.forward(rng.standard_normal((7, *sample)))
    x = rng.standard_normal((2, *sample))
    dout = rng.standard_normal(forward(layer, x).shape)
    forward(alone, x)
    assert_array_equal(layer.backward(dout), alone.backward(dout))


def test_backward_before_forward_says_so(make, sample, rng):
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        make(rng).backward(np.ones((5, *sample)))


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_backward_before_forward_says_so(name):
    with pytest.raises(RuntimeError, match="backward was called before forward"):
        LOSSES[name]().backward()


def test_a_dout_of_another_shape_is_refused(make, sample, rng):
    layer = make(rng)
    out = layer.forward(np.ones((2, *sample)))
    with pytest.raises(ValueError, match="dout must have the shape of the last output"):
        layer.backward(np.ones((1, *out.shape[1:])))


@pytest.mark.parametrize("name", LOSSES)
def test_a_dout_of_a_loss_is_one_number(name):
    loss = LOSSES[name]()
    loss.forward(np.ones((2, 3)), np.eye(3)[:2])
    with pytest.raises(ValueError, match="dout must have the shape"):
        loss.backward(np.ones(3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("training", [True, False])
def test_dtype_and_large_inputs(make, sample, rng, dtype, training):
    layer = make(rng)
    if hasattr(layer, "training"):
        layer.training = training
    for attribute, value in parameters(layer).items():
        setattr(layer, attribute, value.astype(dtype))
    x = np.resize(np.array([1e4, -1e4, 0, 3], dtype), (3, *sample))
    with np.errstate(all="raise"):
        out = layer.forward(x)
        dx = layer.backward(np.ones_like(out))
    assert out.dtype == dx.dtype == dtype
    assert all(getattr(layer, "d" + attribute).dtype == dtype for attribute in parameters(layer))
    assert np.isfinite(out).all()
    assert np.isfinite(dx).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["Relu", "Sigmoid", "Tanh", "LeakyRelu", "Gelu"])
def test_activations_of_numbers_whose_cube_overflows(name, dtype):
    layer = MAKERS[name][1](None, ROW)
    large = np.sqrt(np.finfo(dtype).max)
    x = np.array([[large, -large, 30, -30]], dtype)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        out = layer.forward(x)
        dx = layer.backward(np.ones_like(out))
    assert np.isfinite(out).all()
    assert ((dx >= 0) & (dx <= 1)).all()
    assert_allclose(out[0, :2] / large, {"Relu": [1, 0], "Gelu": [1, 0], "LeakyRelu": [1, -0.2]}.get(name, [0, 0]),
                    atol=1e-6)  # fmt: skip


def test_integers_become_float64(make, sample, rng):
    layer = make(rng)
    out = layer.forward(np.ones((1, *sample), int))
    assert out.dtype == np.float64
    assert layer.backward(np.ones(out.shape, int)).dtype == np.float64


def test_predicting_a_row_gets_the_same_answer_alone_and_changes_nothing(make, sample, rng):
    layer, x = make(rng), rng.standard_normal((5, *sample))
    layer.forward(x)
    if hasattr(layer, "training"):
        layer.training = False
    before = {name: np.array(value) for name, value in arguments(layer).items()}
    assert_allclose(layer.forward(x)[2:3], layer.forward(x[2:3]), rtol=1e-12, atol=1e-14)
    for name, value in arguments(layer).items():
        assert_array_equal(value, before[name])


def test_sizes_that_are_told_are_those_that_come(make, sample, rng):
    layer = make(rng)
    assert layer.forward(rng.standard_normal((3, *sample))).shape == (3, *layer.output_shape(sample))


def test_repr_can_be_typed_back(make, rng):
    layer = make(rng)
    again = eval(repr(layer), {"np": np, **vars(badak)})
    assert type(again) is type(layer)
    assert repr(again) == repr(layer)
    assert "\n" not in repr(layer)


def test_layers_are_made_from_sizes():
    for init, std in (("he", np.sqrt(2 / 400)), ("xavier", np.sqrt(1 / 400)), ("tanh", np.sqrt(1 / 400)), (0.3, 0.3)):
        layer = Affine.of(400, 50, init=init, rng=np.random.default_rng(0))
        assert layer.W.shape == (400, 50)
        assert layer.W.std() == pytest.approx(std, rel=0.02)
        assert_array_equal(layer.b, np.zeros(50))
    assert Affine.of(400, 50, rng=1).W.std() == pytest.approx(np.sqrt(2 / 400), rel=0.02)
    assert_array_equal(Affine.of(4, 5, rng=3).W, Affine.of(4, 5, rng=np.random.default_rng(3)).W)
    layer = Convolution.of(16, 40, (3, 5), rng=0, stride=2, pad=1)
    assert (layer.W.shape, layer.b.shape, layer.stride, layer.pad) == ((40, 16, 3, 5), (40,), 2, 1)
    assert layer.W.std() == pytest.approx(np.sqrt(2 / 240), rel=0.02)
    assert Convolution.of(1, 2, 3, "xavier").W.shape == (2, 1, 3, 3)
    assert_array_equal(BatchNormalization.of(3, momentum=0.5).gamma, np.ones(3))
    assert_array_equal(LayerNormalization.of(3).beta, np.zeros(3))


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Affine(784, 50), ValueError, r"from sizes, Affine.of\(784, 50\) makes them"),
        (lambda: Affine(np.ones((784, 50)), 50), ValueError, r"and \(\): np.zeros\(50\) is such a b"),
        (lambda: Convolution(30, 5), ValueError, r"Convolution.of\(channels, filters, size\) makes them from sizes"),
        (lambda: BatchNormalization(50, 50), ValueError, r"BatchNormalization.of\(D\) makes them"),
        (lambda: LayerNormalization(50, 50), ValueError, r"LayerNormalization.of\(D\) makes them"),
        (lambda: Affine.of(0, 5), ValueError, "inputs must be 1 or more, not 0"),
        (lambda: Affine.of(5, 2.0), TypeError, "outputs must be a whole number, not 2.0"),
        (lambda: Affine.of(5, 2, "kaiming"), ValueError, "init must be a number or one of relu, .*, not 'kaiming'"),
        (lambda: Affine.of(5, 2, rng=-1), ValueError, "seed must be 0 or more"),
        (lambda: Convolution.of(1, 2, 0), ValueError, "size must be 1 or more, not 0"),
        (lambda: Affine([[1.0, 2.0], [3.0]], [0.0]), ValueError,
         "W is a list of rows with different numbers of elements, .* row 0 has 2, row 1 has 1"),
        (lambda: Relu().forward([[1, 2], [3, 4, 5]]), ValueError, "x is a list of rows .* row 0 has 2, row 1 has 3"),
    ],
)  # fmt: skip
def test_what_is_written_for_sizes_names_the_mend(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_repr_claims_no_values(rng):
    assert repr(affine(rng, 784, 50)) == "Affine.of(784, 50)"
    assert repr(Convolution.of(1, 30, 5, pad=2)) == "Convolution.of(1, 30, 5, stride=1, pad=2)"
    assert repr(Convolution.of(1, 30, (5, 4))) == "Convolution.of(1, 30, (5, 4), stride=1, pad=0)"
    assert repr(BatchNormalization.of(7)) == "BatchNormalization.of(7, momentum=0.9, eps=1e-05)"
    assert repr(LayerNormalization.of(7)) == "LayerNormalization.of(7, eps=1e-05)"


def test_methods_are_short():
    lengths = sorted(
        sum(len(ast.unparse(body).splitlines()) for body in method.body[1:])  # without the docstring
        for path in (Path(badak.__file__).parent / "layers").glob("*.py")
        for cls in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(cls, ast.ClassDef)
        for method in cls.body
        if isinstance(method, ast.FunctionDef) and method.name in ("forward", "backward")
    )
    assert len(lengths) > 20
    assert lengths[len(lengths) // 2] <= 5
    assert lengths[-1] <= 15


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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("total", [1, 1.0009, 0.9995])
def test_the_gradient_is_right_for_rows_that_do_not_quite_add_up_to_1(rng, total, dtype):
    loss, x = SoftmaxWithLoss(), rng.standard_normal((3, 4))
    t = rng.random((3, 4))
    t *= total / t.sum(axis=1, keepdims=True)
    expected = numerical_gradient(lambda x: loss.forward(x, t), x.copy())
    loss.forward(x.astype(dtype), t.astype(dtype))
    assert_allclose(loss.backward(), expected, atol=1e-8 if dtype == np.float64 else 1e-6)


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


def test_tanh_and_its_family_at_known_places():
    assert_allclose(Tanh().forward(np.array([0.0, 1.0])), [0, 0.7615941559557649])
    assert_allclose(LeakyRelu(0.1).forward(np.array([-2.0, 0, 3])), [-0.2, 0, 3])
    # Φ(1) is 0.8413447; the form with tanh stays within 0.0005 of x Φ(x).
    assert_allclose(Gelu().forward(np.array([-1.0, 0, 1, 100])), [-0.1586553, 0, 0.8413447, 100], atol=5e-4)
    with pytest.raises(ValueError, match="slope must be 0 or more and finite, not -1"):
        LeakyRelu(-1)


def test_dropout_keeps_the_mean_and_drops_the_share(rng):
    layer = Dropout(0.3)
    layer.rng = rng
    x = np.ones((200, 500))
    out = layer.forward(x)
    assert (out == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert out.mean() == pytest.approx(1, abs=0.02)
    assert set(np.unique(out)) == {0, 1 / 0.7}
    assert_array_equal(layer.backward(x), out)
    layer.training = False
    assert_array_equal(layer.forward(x), x)
    assert_array_equal(layer.backward(x), x)
    with pytest.raises(ValueError, match="dropout_ratio must be from 0 to below 1, not 1"):
        Dropout(1)


def test_dropout_draws_one_number_a_value_in_row_major_order():
    layer = Dropout(0.5)
    layer.rng = np.random.default_rng(3)
    kept = layer.forward(np.ones((4, 6))) > 0
    assert_array_equal(kept, np.random.default_rng(3).random(24).reshape(4, 6) >= 0.5)


def test_batch_normalization_normalizes_and_remembers(rng):
    gamma, beta = np.array([1.0, 2.0]), np.array([0.0, -1.0])
    layer = BatchNormalization(gamma, beta, momentum=0.8)
    x = rng.normal(3, 2, (400, 2))
    out = layer.forward(x)
    assert_allclose(out.mean(axis=0), beta, atol=1e-12)
    assert_allclose(out.std(axis=0), gamma, rtol=1e-4)
    assert_allclose(layer.running_mean, 0.2 * x.mean(axis=0))
    assert_allclose(layer.running_var, 0.8 + 0.2 * x.var(axis=0))
    layer.training = False
    expected = (x - layer.running_mean) / np.sqrt(layer.running_var + 1e-5) * gamma + beta
    assert_allclose(layer.forward(x), expected)


def test_batch_normalization_of_images_is_a_channel_at_a_time(rng):
    x = rng.standard_normal((6, 3, 4, 5))
    images = BatchNormalization(np.ones(3), np.zeros(3))
    rows = BatchNormalization(np.ones(3), np.zeros(3))
    expected = rows.forward(x.transpose(0, 2, 3, 1).reshape(-1, 3)).reshape(6, 4, 5, 3).transpose(0, 3, 1, 2)
    assert_allclose(images.forward(x), expected)
    assert_allclose(images.running_var, rows.running_var)


def test_layer_normalization_is_a_sample_at_a_time(rng):
    x = rng.normal(5, 3, (4, 100))
    out = LayerNormalization(np.ones(100), np.zeros(100)).forward(x)
    assert_allclose(out.mean(axis=1), 0, atol=1e-12)
    assert_allclose(out.var(axis=1), 1, rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Convolution(np.ones((2, 3)), np.ones(2)), ValueError, r"W of shape \(F, C, FH, FW\)"),
        (lambda: Convolution(np.ones((2, 1, 3, 3)), np.ones(3)), ValueError, r"not \(2, 1, 3, 3\) and \(3,\)"),
        (lambda: Convolution(np.ones((2, 1, 3, 3)), np.ones(2), stride=0), ValueError, "stride must be 1 or more"),
        (lambda: Convolution(np.ones((2, 1, 3, 3)), np.ones(2), pad=0.5), TypeError, "pad must be a whole number"),
        (lambda: convolution(np.random, IMAGE).forward(np.ones((1, 3, 5, 5))), ValueError, "takes 2 channels, not 3"),
        (lambda: convolution(np.random, IMAGE).forward(np.ones((1, 40))), ValueError, r"not \(N, 40\)"),
        (lambda: Pooling(0, 2), ValueError, "pool_h must be 1 or more"),
        (lambda: Pooling(2, 2).forward(np.ones((1, 3, 5))), ValueError, "takes images"),
        (lambda: BatchNormalization(np.ones(2), np.ones(3)), ValueError, "gamma and beta of one shape"),
        (lambda: BatchNormalization(np.ones(2), np.ones(2), momentum=2), ValueError, "momentum must be from 0 to 1"),
        (lambda: BatchNormalization(np.ones(2), np.ones(2), eps=0), ValueError, "eps must be above 0"),
        (lambda: BatchNormalization(np.ones(2), np.ones(2), running_var=np.ones(3)), ValueError, "shape of gamma"),
        (lambda: BatchNormalization(np.ones(2), np.ones(2)).forward(np.ones((4, 3))), ValueError, "takes samples of 2"),
        (lambda: LayerNormalization(np.ones(2), np.ones(2)).forward(np.ones((4, 3))), ValueError, "takes 2 values"),
    ],
)
def test_what_new_layers_refuse(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_yes_or_no_is_learnt_from_the_scores():
    loss = SigmoidWithLoss()
    x, t = np.array([[2.0], [-1.0]]), np.array([1, 0])
    assert loss.forward(x, t) == pytest.approx(-(np.log(sigmoid(2)) + np.log(1 - sigmoid(-1))) / 2)
    assert_allclose(loss.backward(), (sigmoid(x) - [[1], [0]]) / 2)
    with np.errstate(all="raise"):
        assert loss.forward(np.array([[1e4], [-1e4]]), np.array([0, 0])) == 5e3
    assert SigmoidWithLoss().forward(np.zeros(1), np.array([1])) == pytest.approx(np.log(2))
    for wrong, words in ((np.array([0, 2]), "are 1 or 0"), (np.array([0]), "have that shape"),
                         (np.array([0, np.nan]), "are 1 or 0")):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            loss.forward(x, wrong)


def test_no_images_give_no_images(rng):
    for layer in (
        Convolution(rng.random((3, 2, 3, 3)), np.zeros(3), 2, 1),
        Pooling(2, 2, 1, 1),
        AveragePooling(3, 2),
        Flatten(),
    ):
        out = layer.forward(np.zeros((0, 2, 5, 5)))
        assert out.shape == (0, *layer.output_shape((2, 5, 5)))
        assert layer.backward(out).shape == (0, 2, 5, 5)
