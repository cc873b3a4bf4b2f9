"""The arithmetic of the book's networks: with its habits and without its faults."""

import ast
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import badak
from badak.book import imports, mending
from book_layouts import anew, module

__all__ = ["anew"]  # a fixture

# -- the arithmetic ------------------------------------------------------------------------------------------------


def test_the_chapter_5_loop_is_the_books_to_the_last_bit():
    """Seed, draws and arithmetic in the book's order, written out without layers."""
    rng = np.random.RandomState(3)
    x, t = rng.rand(50, 8).astype(np.float32), rng.randint(4, size=50)
    np.random.seed(7)
    W1, W2, b1, b2 = 0.01 * np.random.randn(8, 6), 0.01 * np.random.randn(6, 4), np.zeros(6), np.zeros(4)
    losses = []
    for _ in range(20):
        rows = np.random.choice(50, 10)
        xb, tb = x[rows], t[rows]
        a = np.dot(xb, W1) + b1
        z = np.where(a <= 0, 0, a)
        s = np.dot(z, W2) + b2
        e = np.exp(s - s.max(axis=-1, keepdims=True))
        y = e / e.sum(axis=-1, keepdims=True)
        losses.append(-np.sum(np.log(y[np.arange(10), tb] + 1e-7)) / 10)
        d = y.copy()
        d[np.arange(10), tb] -= 1
        d = d / 10
        dz = np.where(a <= 0, 0, np.dot(d, W2.T))
        W2 -= 0.1 * np.dot(z.T, d)
        b2 -= 0.1 * np.sum(d, axis=0)
        W1 -= 0.1 * np.dot(xb.T, dz)
        b1 -= 0.1 * np.sum(dz, axis=0)
    np.random.seed(7)
    network = module("ch05.two_layer_net").TwoLayerNet(8, 6, 4)
    for loss in losses:
        rows = np.random.choice(50, 10)
        grad = network.gradient(x[rows], t[rows])
        assert network.lastLayer.loss == loss
        for key in ("W1", "b1", "W2", "b2"):
            network.params[key] -= 0.1 * grad[key]
    assert_array_equal(network.params["W1"], W1)
    assert_array_equal(network.layers["Affine2"].W, W2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: module("ch04.two_layer_net").TwoLayerNet(6, 5, 3, 0.1),
        lambda: module("ch05.two_layer_net").TwoLayerNet(6, 5, 3, 0.1),
        lambda: module("common.multi_layer_net").MultiLayerNet(6, [5, 4], 3, "sigmoid", "xavier", 0.3),
        lambda: module("common.multi_layer_net_extend").MultiLayerNetExtend(
            6, [5, 4], 3, weight_decay_lambda=0.1, use_batchnorm=True, use_dropout=True, dropout_ration=0.2
        ),
    ],
)
@pytest.mark.parametrize("one_hot", [True, False])
def test_gradient_checks_of_the_books_networks(make, one_hot):
    network = make()
    x, t = np.random.randn(7, 6), np.random.randint(3, size=7)
    t = np.eye(3)[t] if one_hot else t
    numerical, gradient = network.numerical_gradient(x, t), network.gradient(x, t)
    assert numerical.keys() == gradient.keys() == network.params.keys()
    for key in numerical:
        assert_allclose(gradient[key], numerical[key], atol=2e-6)


@pytest.mark.parametrize("name", ["simple", "deep"])
def test_gradients_of_the_books_image_networks(name):
    small = {"filter_num": 2, "filter_size": 3, "pad": 1, "stride": 1}
    if name == "simple":
        network = module("simple_convnet").SimpleConvNet(
            (1, 8, 8), small, hidden_size=4, output_size=3, weight_init_std=0.3
        )
    else:
        network = module("deep_convnet").DeepConvNet((1, 8, 8), *[small] * 6, hidden_size=4, output_size=3)
    x, t = np.random.randn(3, 1, 8, 8), np.array([0, 2, 1])
    numerical, gradient = network.numerical_gradient(x, t), network.gradient(x, t)
    for key in ("W1", "b1", "W2"):
        assert_allclose(gradient[key], numerical[key], atol=1e-5)


def test_im2col_and_its_way_back():
    util = module("common.util")
    x = np.random.randn(2, 3, 5, 6).astype(np.float32)
    col = util.im2col(x, 2, 3, stride=2, pad=1)
    assert (col.shape, col.dtype) == ((2 * 3 * 3, 18), np.float64)
    assert_array_equal(col[4], x[0, :, 1:3, 1:4].reshape(-1))  # the second window of the second row
    other = np.random.randn(*col.shape)
    assert np.sum(other * col) == pytest.approx(np.sum(x * util.col2im(other, x.shape, 2, 3, 2, 1)))
    assert util.conv_output_size(28, 5) == 24.0
    assert isinstance(util.conv_output_size(28, 5), float)


def test_the_books_layers_agree_with_badaks():
    layers = module("common.layers")
    x, dout = np.random.randn(3, 2, 6, 6), np.random.randn(3, 4, 3, 3)
    W, b = np.random.randn(4, 2, 2, 2), np.random.randn(4)
    pairs = [(layers.Convolution(W, b, 2), badak.Convolution(W, b, 2), dout),
             (layers.Pooling(2, 2), badak.Pooling(2, 2), dout[:, :2]), (layers.Relu(), badak.Relu(), x),
             (layers.Sigmoid(), badak.Sigmoid(), x)]  # fmt: skip
    for theirs, ours, upstream in pairs:
        assert_allclose(theirs.forward(x), ours.forward(x), atol=1e-12)
        assert_allclose(theirs.backward(upstream), ours.backward(upstream), atol=1e-12)
    rows = np.random.randn(8, 5)
    gamma, beta = np.random.randn(5), np.random.randn(5)
    theirs, ours = layers.BatchNormalization(gamma, beta), badak.BatchNormalization(gamma, beta, eps=10e-7)
    assert_allclose(theirs.forward(rows), ours.forward(rows))
    assert_allclose(theirs.backward(rows), ours.backward(rows), atol=1e-12)
    assert_allclose(theirs.dgamma, ours.dgamma)
    assert_allclose(theirs.running_mean, ours.running_mean)
    assert_allclose(theirs.running_var, 0.1 * rows.var(axis=0))
    predicted = theirs.forward(rows, train_flg=False)
    assert_allclose(predicted, gamma * (rows - 0.1 * rows.mean(0)) / np.sqrt(0.1 * rows.var(0) + 10e-7) + beta)


def test_dropout_draws_from_the_global_generator_and_scales_when_predicting():
    layer = module("common.layers").Dropout(0.3)
    x = np.ones((4, 5))
    np.random.seed(5)
    kept = np.random.rand(4, 5) > 0.3
    np.random.seed(5)
    assert_array_equal(layer.forward(x), kept)
    assert_array_equal(layer.backward(x), kept)
    assert_allclose(layer.forward(x, train_flg=False), 0.7 * x)


@pytest.mark.parametrize("name", ["SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam"])
def test_the_books_optimizers_agree_with_badaks_on_arrays_and_numbers(name):
    theirs, number = (getattr(module("common.optimizer"), name)(lr=0.1) for _ in range(2))
    # The published form of Adam divides by √v̂ + eps; the book's form is that with eps · √(1 - beta2^t).
    ours = getattr(badak, name)(lr=0.1, **({"eps": 1e-12} if name == "Adam" else {}))
    params, floats, W = {"W": np.array([2.0, -1.0])}, {"W": 2.0}, np.array([2.0, -1.0])
    array = params["W"]
    for _ in range(8):
        ours.update(W, 2 * W)
        theirs.update(params, {"W": 2 * params["W"]})
        number.update(floats, {"W": 2 * floats["W"]})
    assert params["W"] is array, "in place"
    assert_allclose(array, W, atol=1e-6)
    assert floats["W"] == pytest.approx(array[0])


def test_functions_as_the_book_prints_them():
    f = module("common.functions")
    assert_array_equal(f.step_function(np.array([-1.0, 0, 2])), [0, 0, 1])
    assert f.step_function(np.array([1.0])).dtype.kind == "i"
    assert_array_equal(f.relu_grad(np.array([-1.0, 0, 2])), [0, 1, 1])
    assert f.mean_squared_error(np.array([1.0, 2]), np.array([0, 0])) == 2.5
    y = np.array([0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0])
    assert f.cross_entropy_error(y, np.eye(10)[2]) == pytest.approx(0.510825457099338)
    assert f.sigmoid(np.array([-1e4]))[0] == 0
    assert_allclose(f.softmax(np.array([0.3, 2.9, 4.0])), [0.01821127, 0.24519181, 0.73659691], atol=1e-8)
    assert f.softmax_loss(np.zeros((2, 4)), np.array([0, 1])) == pytest.approx(np.log(4), rel=1e-6)
    assert f.identity_function(3) == 3
    assert_allclose(f.sigmoid_grad(0.0), 0.25)
    assert_allclose(f.relu(np.array([-1, 2])), [0, 2])


def test_small_helpers():
    util = module("common.util")
    assert_allclose(util.smooth_curve(np.full(30, 2.0)), 2)
    x, t = util.shuffle_dataset(np.arange(10).reshape(10, 1), np.arange(10))
    assert_array_equal(x[:, 0], t)
    assert sorted(t) == list(range(10))
    g = module("gradient_2d")
    assert_allclose(g.numerical_gradient(g.function_2, np.array([[3.0, 4.0], [0.0, 1.0]])), [[6, 8], [0, 2]], atol=1e-8)
    assert g.tangent_line(lambda x: float(np.sum(x**2)), np.array([3.0]))(np.array([4.0])) == pytest.approx(15)
    add = module("layer_naive").AddLayer()
    assert (add.forward(2, 3), add.backward(1.5)) == (5, (1.5, 1.5))


# -- habits kept ---------------------------------------------------------------------------------------------------


def test_params_and_layers_are_one_array():
    network = module("ch05.two_layer_net").TwoLayerNet(4, 3, 2)
    assert isinstance(network.params, dict)
    assert isinstance(network.layers, OrderedDict)
    assert network.params["W1"] is network.layers["Affine1"].W
    network.lastLayer = "mine"
    assert network.last_layer == "mine"


def test_trainer_counts_as_the_book_does(capsys):
    network = module("common.multi_layer_net").MultiLayerNet(4, [5], 3)
    x, t = np.random.randn(40, 4), np.random.randint(3, size=40)
    trainer = module("common.trainer").Trainer(network, x, t, x, t, 3, 10, "rmsprpo", {"lr": 0.01}, verbose=True)
    np.random.seed(2)
    trainer.train()
    assert (trainer.iter_per_epoch, trainer.max_iter, trainer.current_iter, trainer.current_epoch) == (4, 12, 12, 3)
    assert (len(trainer.train_loss_list), len(trainer.train_acc_list), len(trainer.test_acc_list)) == (12, 3, 3)
    out, err = capsys.readouterr()
    assert out.count("train loss:") == 12
    assert out.count("=== epoch:") == 3
    assert out.splitlines()[-1] == f"test acc:{network.accuracy(x, t)}"
    assert not err
    with pytest.raises(ValueError, match="optimizer must be one of"):
        module("common.trainer").Trainer(network, x, t, x, t, optimizer="adamax")


def test_deep_convnet_computes_its_loss_in_training(monkeypatch):
    network = module("deep_convnet").DeepConvNet()
    x, t = np.random.rand(2, 1, 28, 28), np.array([1, 2])
    assert network.loss(x, t) != network.loss(x, t)
    assert_array_equal(network.predict(x), network.predict(x))


def test_a_readers_own_layer_in_its_place_is_told_the_mode():
    network = module("common.multi_layer_net_extend").MultiLayerNetExtend(4, [5], 3, use_dropout=True)
    seen = []

    class Mine:
        def forward(self, x, train_flg=True):
            seen.append(train_flg)
            return x

        def backward(self, dout):
            return dout

    network.layers["Dropout1"] = Mine()
    network.predict(np.ones((1, 4)))
    network.gradient(np.ones((1, 4)), np.array([1]))
    assert seen == [False, True]


# -- faults mended, each with its line -----------------------------------------------------------------------------


def said(capsys, times=1):
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == times, lines
    assert all(line.startswith("badak.book: ") for line in lines)
    return lines


def test_labels_in_a_column(capsys):
    y, t = np.random.rand(4, 3), np.array([0, 2, 1, 1])
    f, layers = module("common.functions"), module("common.layers")
    assert f.cross_entropy_error(y, t[:, None]) == f.cross_entropy_error(y, t)
    assert "(N, 1)" in said(capsys)[0]
    network = module("ch05.two_layer_net").TwoLayerNet(3, 4, 3)
    assert network.accuracy(y, t[:, None]) == network.accuracy(y, t)
    loss = layers.SoftmaxWithLoss()
    loss.forward(y, t[:, None])
    column = loss.backward()
    loss.forward(y, t)
    assert_array_equal(loss.backward(), column)
    said(capsys, 0)  # once is enough


def test_a_parameter_that_is_assigned_trains(capsys):
    network = module("ch05.two_layer_net").TwoLayerNet(4, 5, 3, 0.5)
    x, t = np.random.randn(20, 4), np.random.randint(3, size=20)
    before = network.loss(x, t)
    for _ in range(50):
        grads = network.gradient(x, t)
        for key in grads:
            network.params[key] = network.params[key] - 0.5 * grads[key]
    assert network.loss(x, t) < 0.8 * before
    assert "copies into the array" in said(capsys)[0]
    network.params["W1"] -= 0.1
    said(capsys, 0)
    with pytest.raises(ValueError, match=r"parameter W1 has shape \(4, 5\); the new value has \(4, 4\)"):
        network.params["W1"] = np.ones((4, 4))


def test_numerical_gradient_of_whole_numbers(capsys):
    x = np.array([3, 4])
    gradient = module("common.gradient").numerical_gradient(lambda x: np.sum(x**2), x)
    assert_allclose(gradient, [6, 8])
    assert_array_equal(x, [3, 4])
    assert "whole numbers" in said(capsys)[0]


def test_numerical_gradient_puts_back_even_after_an_error():
    x = np.array([1.0, 2.0])

    def fail(_):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        module("common.gradient").numerical_gradient(fail, x)
    assert_array_equal(x, [1, 2])


def test_trainer_evaluates_every_epoch_of_any_length(capsys):
    network = module("common.multi_layer_net").MultiLayerNet(4, [5], 3)
    x, t = np.random.randn(100, 4), np.random.randint(3, size=100)
    trainer = module("common.trainer").Trainer(network, x, t, x, t, 5, 30, "rmsprop", verbose=False)
    trainer.train()
    assert len(trainer.test_acc_list) == trainer.current_epoch == 5
    assert "each epoch is evaluated" in said(capsys)[0]


def test_accuracy_counts_the_rest_too(capsys):
    network = module("simple_convnet").SimpleConvNet(
        (1, 8, 8), {"filter_num": 2, "filter_size": 3, "pad": 0, "stride": 1}
    )
    x = np.random.randn(150, 1, 8, 8)
    t = network.predict(x).argmax(axis=1)
    assert network.accuracy(x, t) == 1
    assert "all samples" in said(capsys)[0]
    assert network.accuracy(x[:100], t[:100]) == network.accuracy(x[:99], t[:99]) == 1


def test_relu_leaves_dout_as_it_was():
    relu, dout = module("common.layers").Relu(), np.ones(3)
    relu.forward(np.array([-1.0, 0, 1]))
    assert_array_equal(relu.backward(dout), [0, 0, 1])
    assert_array_equal(dout, 1)


def test_softmax_with_loss_heeds_dout(capsys):
    loss = module("common.layers").SoftmaxWithLoss()
    loss.forward(np.zeros((2, 4)), np.array([0, 1]))
    assert_allclose(loss.backward(3), 3 * loss.backward())
    assert "multiplies by dout" in said(capsys)[0]


def test_nesterov_says_which_form_it_is(capsys):
    module("common.optimizer").Nesterov().update({"W": np.ones(2)}, {"W": np.ones(2)})
    assert "the v before this step" in said(capsys)[0]


def test_numerical_gradient_with_dropout_drops_the_same(capsys):
    network = module("common.multi_layer_net_extend").MultiLayerNetExtend(4, [30], 3, use_dropout=True)
    x, t = np.random.randn(5, 4), np.random.randint(3, size=5)
    numerical = network.numerical_gradient(x, t)
    assert "drops the same values" in said(capsys)[0]
    for key, gradient in network.gradient(x, t).items():
        assert_allclose(gradient, numerical[key], atol=1e-7)


def test_the_lines_are_korean_where_the_reader_is(monkeypatch, capsys):
    sentences = {
        node.args[0].value
        for path in Path(badak.book.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("mended", "_mended")
    }
    assert len(sentences) == 15
    monkeypatch.setenv("LANGUAGE", "ko")
    for sentence in sentences:
        mending.mended(sentence)
    for line in said(capsys, len(sentences)):
        assert any("가" <= letter <= "힣" for letter in line)


# -- parameters on disk --------------------------------------------------------------------------------------------


def test_parameters_are_found_here_or_beside_the_script(tmp_path, monkeypatch):
    small = {"filter_num": 2, "filter_size": 3, "pad": 0, "stride": 1}
    SimpleConvNet = module("simple_convnet").SimpleConvNet
    one, two = SimpleConvNet((1, 6, 6), small, 4, 3), SimpleConvNet((1, 6, 6), small, 4, 3)
    for folder in ("here", "there"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "there")
    one.save_params()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(FileNotFoundError, match=r"there is no params.pkl in .*here, nor beside the script"):
        two.load_params()
    imports.set_script(tmp_path / "there" / "script.py", None)
    two.load_params()
    for key in one.params:
        assert_array_equal(two.params[key], one.params[key])
    assert two.layers["Conv1"].W is two.params["W1"]
    with pytest.raises(ValueError, match=r"does not fit this network: .*W2: network"):
        SimpleConvNet((1, 8, 8), small, 4, 3).load_params()
