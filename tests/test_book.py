"""The book's own names: what its readers type runs, with its habits and without its faults."""

import ast
import importlib
import inspect
import os
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import badak
from badak.book import imports, mending, scripts

PYTHON = [sys.executable, "-W", "error"]


@pytest.fixture(autouse=True)
def _anew(monkeypatch):
    """Each test seeds the global generator, hears every line again, and leaves no module under the book's names."""
    np.random.seed(0)
    mending.forget()
    monkeypatch.setenv("LANGUAGE", "en")
    yield
    imports.set_script(None, None)


def run(script, folder, *arguments, cwd=None, **environment):
    """Run the text of a script as a file in `folder`, from another one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "script.py").write_text(script, encoding="utf-8")
    return subprocess.run(
        [*PYTHON, "-m", "badak", "book", *arguments[:0], str(folder / "script.py"), *arguments],
        capture_output=True, text=True, cwd=cwd or folder.parent, check=False, timeout=120,
        env={**os.environ, "MPLBACKEND": "Agg", **environment},
    )  # fmt: skip


def module(name):
    return importlib.import_module(name)


# -- the names -----------------------------------------------------------------------------------------------------

# Each with its arguments, as the scripts call it.
NAMES = {
    "common.functions": {
        "identity_function": "x", "step_function": "x", "sigmoid": "x", "sigmoid_grad": "x", "relu": "x",
        "relu_grad": "x", "softmax": "x", "mean_squared_error": "y t", "sum_squared_error": "y t",
        "cross_entropy_error": "y t", "softmax_loss": "X t"},
    "common.gradient": {"numerical_gradient": "f x", "numerical_gradient_2d": "f X", "_numerical_gradient_1d": "f x"},
    "common.layers": {
        "Relu": "", "Sigmoid": "", "Affine": "W b", "SoftmaxWithLoss": "", "Dropout": "dropout_ratio",
        "BatchNormalization": "gamma beta momentum running_mean running_var", "Convolution": "W b stride pad",
        "Pooling": "pool_h pool_w stride pad"},
    "common.optimizer": {
        "SGD": "lr", "Momentum": "lr momentum", "Nesterov": "lr momentum", "AdaGrad": "lr", "RMSprop": "lr decay_rate",
        "Adam": "lr beta1 beta2"},
    "common.trainer": {
        "Trainer": "network x_train t_train x_test t_test epochs mini_batch_size optimizer optimizer_param "
        "evaluate_sample_num_per_epoch verbose"},
    "common.util": {
        "smooth_curve": "x", "shuffle_dataset": "x t", "conv_output_size": "input_size filter_size stride pad",
        "im2col": "input_data filter_h filter_w stride pad", "col2im": "col input_shape filter_h filter_w stride pad"},
    "common.multi_layer_net": {
        "MultiLayerNet": "input_size hidden_size_list output_size activation weight_init_std weight_decay_lambda"},
    "common.multi_layer_net_extend": {
        "MultiLayerNetExtend": "input_size hidden_size_list output_size activation weight_init_std "
        "weight_decay_lambda use_dropout dropout_ration use_batchnorm"},
    "dataset.mnist": {
        "load_mnist": "normalize flatten one_hot_label", "init_mnist": "", "download_mnist": "",
        "_change_one_hot_label": "X", "_change_ont_hot_label": "X"},
    "two_layer_net": {"TwoLayerNet": "input_size hidden_size output_size weight_init_std"},
    "ch04.two_layer_net": {"TwoLayerNet": "input_size hidden_size output_size weight_init_std"},
    "ch05.two_layer_net": {"TwoLayerNet": "input_size hidden_size output_size weight_init_std"},
    "layer_naive": {"MulLayer": "", "AddLayer": ""},
    "simple_convnet": {"SimpleConvNet": "input_dim conv_param hidden_size output_size weight_init_std"},
    "deep_convnet": {
        "DeepConvNet": "input_dim conv_param_1 conv_param_2 conv_param_3 conv_param_4 conv_param_5 conv_param_6 "
        "hidden_size output_size"},
    "gradient_2d": {"numerical_gradient": "f X", "function_2": "x", "tangent_line": "f x"},
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_names_and_their_arguments(name):
    for attribute, arguments in NAMES[name].items():
        found = getattr(module(name), attribute)
        assert list(inspect.signature(found).parameters) == arguments.split()


def star(name):
    space = {}
    exec(f"from {name} import *", space)
    return space


def test_star_imports_carry_np_and_what_the_scripts_use():
    assert star("common.functions")["np"] is np
    assert star("common.optimizer").keys() >= {"np", "SGD", "Momentum", "AdaGrad", "Adam", "RMSprop", "Nesterov"}
    layers = star("common.layers")
    assert layers.keys() >= {"np", "softmax", "sigmoid", "im2col", "col2im", "Affine", "cross_entropy_error"}
    for name in ("common.functions", "common.layers", "common.optimizer", "common.util", "common.gradient"):
        assert not {"mended", "Any", "t", "typing"} & star(name).keys()


def test_the_book_name_and_ours_are_one_module():
    import common.layers

    assert common.layers is module("badak.book.common.layers")
    assert common.layers.Relu is star("common.layers")["Relu"]
    assert module("common") is module("badak.book.common")
    with pytest.raises(ModuleNotFoundError):
        module("common.nothing")
    with pytest.raises(ModuleNotFoundError):
        module("two_layer_net.nothing")


def test_constants_of_the_data():
    mnist = module("dataset.mnist")
    assert (mnist.img_size, mnist.img_dim, mnist.train_num, mnist.test_num) == (784, (1, 28, 28), 60000, 10000)
    assert mnist.save_file.startswith(mnist.dataset_dir)
    assert set(mnist.key_file) == {"train_img", "train_label", "test_img", "test_label"}
    (x, t), _ = mnist.load_mnist(flatten=False, one_hot_label=True)
    assert (x.shape, x.dtype, t.shape, t.dtype) == ((60000, 1, 28, 28), np.float32, (60000, 10), np.float64)
    assert_array_equal(mnist._change_ont_hot_label(np.array([2])), np.eye(10)[[2]])


# -- scripts -------------------------------------------------------------------------------------------------------

CHAPTER_3 = """
import sys, os
sys.path.append(os.pardir)
import numpy as np
from dataset.mnist import load_mnist
from common.functions import sigmoid, softmax

_, (x, t) = load_mnist(normalize=True, flatten=True, one_hot_label=False)
W, b = 0.1 * np.random.randn(784, 10), np.zeros(10)
y = softmax(sigmoid(np.dot(x[:100], W) + b))
print(y.shape, round(float(y.sum()), 6))
"""
CHAPTER_4 = """
import numpy as np
from dataset.mnist import load_mnist
from two_layer_net import TwoLayerNet

(x_train, t_train), _ = load_mnist(normalize=True, one_hot_label=True)
np.random.seed(1)
network = TwoLayerNet(input_size=784, hidden_size=20, output_size=10)
losses = []
for i in range(60):
    batch_mask = np.random.choice(x_train.shape[0], 100)
    x_batch, t_batch = x_train[batch_mask], t_train[batch_mask]
    grad = network.gradient(x_batch, t_batch)
    for key in ('W1', 'b1', 'W2', 'b2'):
        network.params[key] = network.params[key] - 0.5 * grad[key]
    losses.append(network.loss(x_batch, t_batch))
print(abs(network.predict(x_train[:1]).sum() - 1) < 1e-9, losses[-1] < losses[0], hasattr(network, 'layers'))
"""
CHAPTER_5 = """
from layer_naive import *
from two_layer_net import TwoLayerNet
from collections import OrderedDict
import numpy as np

apple, tax = MulLayer(), MulLayer()
print(tax.forward(apple.forward(100, 2), 1.1), [round(g, 6) for g in apple.backward(tax.backward(1)[0])])
np.random.seed(3)
network = TwoLayerNet(6, 4, 3)
print(isinstance(network.layers, OrderedDict), list(network.layers), type(network.lastLayer).__name__)
x, t = np.random.randn(5, 6), np.eye(3)[[0, 1, 2, 0, 1]]
numerical, backprop = network.numerical_gradient(x, t), network.gradient(x, t)
for key in numerical:
    print(key, np.average(np.abs(backprop[key] - numerical[key])) < 1e-7)
"""
CHAPTER_6 = """
from common.optimizer import *
from common.util import smooth_curve
from common.multi_layer_net import MultiLayerNet
from common.multi_layer_net_extend import MultiLayerNetExtend

np.random.seed(0)
position = {'x': -7.0, 'y': 2.0}
optimizers = [SGD(0.95), Momentum(0.1), AdaGrad(1.5), Adam(0.3), RMSprop(0.1)]
for optimizer in optimizers:
    params = dict(position)
    for i in range(30):
        optimizer.update(params, {'x': params['x'] / 10, 'y': 2 * params['y']})
    print(type(optimizer).__name__, abs(params['y']) < 2)
x, t = np.random.randn(40, 8), np.random.randint(3, size=40)
for network in (MultiLayerNet(8, [10, 10], 3, weight_decay_lambda=0.1),
                MultiLayerNetExtend(8, [10, 10], 3, use_dropout=True, dropout_ration=0.1, use_batchnorm=True)):
    optimizer, losses = Momentum(0.1), []
    for i in range(60):
        optimizer.update(network.params, network.gradient(x, t))
        losses.append(network.loss(x, t))
    print(smooth_curve(np.array(losses)).shape, losses[-1] < losses[0], network.accuracy(x, t) > 0.5)
"""
CHAPTER_7 = """
import numpy as np
from dataset.mnist import load_mnist
from simple_convnet import SimpleConvNet
from common.trainer import Trainer

np.random.seed(2)
(x_train, t_train), (x_test, t_test) = load_mnist(flatten=False)
network = SimpleConvNet(input_dim=(1,28,28), conv_param={'filter_num': 4, 'filter_size': 5, 'pad': 0, 'stride': 1},
                        hidden_size=20, output_size=10, weight_init_std=0.01)
trainer = Trainer(network, x_train[:300], t_train[:300], x_test[:100], t_test[:100], epochs=3, mini_batch_size=50,
                  optimizer='Adam', optimizer_param={'lr': 0.01}, evaluate_sample_num_per_epoch=100)
trainer.train()
network.save_params("params.pkl")
again = SimpleConvNet(conv_param={'filter_num': 4, 'filter_size': 5, 'pad': 0, 'stride': 1}, hidden_size=20)
again.load_params("params.pkl")
print((again.predict(x_test[:9]) == network.predict(x_test[:9])).all(), len(trainer.train_loss_list),
      len(trainer.test_acc_list), trainer.test_acc_list[-1] > 0.4)
"""
CHAPTER_8 = """
import numpy as np
from deep_convnet import DeepConvNet

network = DeepConvNet()
print(type(network.layers).__name__, len(network.layers), sorted(network.params)[:3])
print([type(network.layers[i]).__name__ for i in (0, 2, 5, 7, 10, 12, 15, 18)])
x, t = np.random.rand(10, 1, 28, 28), np.random.randint(10, size=10)
grads = network.gradient(x, t)
print(all(grads[k].shape == v.shape for k, v in network.params.items()), network.accuracy(x, t) <= 1)
"""
SCRIPTS = {
    "chapter 3": (CHAPTER_3, "(100, 10) 100.0"),
    "chapter 4": (CHAPTER_4, "True True False"),
    "chapter 5": (CHAPTER_5, "220.00000000000003 [2.2, 110.0]\nTrue ['Affine1', 'Relu1', 'Affine2'] SoftmaxWithLoss\n"
                  "W1 True\nb1 True\nW2 True\nb2 True"),
    "chapter 6": (CHAPTER_6, "SGD True\nMomentum True\nAdaGrad True\nAdam True\nRMSprop True\n"
                  "(60,) True True\n(60,) True True"),
    "chapter 7": (CHAPTER_7, "True 18 3 True"),
    "chapter 8": (CHAPTER_8, "list 20 ['W1', 'W2', 'W3']\n"
                  f"{['Convolution'] * 6 + ['Affine'] * 2}\n"
                  "True True"),
}  # fmt: skip


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_typed_from_the_book_runs_unchanged(name, tmp_path):
    script, expected = SCRIPTS[name]
    done = run(script, tmp_path / ("ch04" if name == "chapter 4" else "scripts"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().splitlines()[-len(expected.splitlines()) :] == expected.splitlines()


def test_a_script_gets_its_arguments_and_its_name(tmp_path):
    script = "import sys; print(__name__, sys.argv[1:], __file__.endswith('script.py'))"
    done = run(script, tmp_path / "a", "--epochs", "3", "x y")
    assert done.stdout == "__main__ ['--epochs', '3', 'x y'] True\n"


def test_python_m_badak_book(tmp_path):
    (tmp_path / "s.py").write_text("from common.layers import Relu; print(Relu.__name__)")
    done = subprocess.run(
        [*PYTHON, "-m", "badak.book", "s.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "Relu\n"
    for arguments, words in (([], "usage"), (["none.py"], "there is no script none.py")):
        done = subprocess.run([*PYTHON, "-m", "badak.book", *arguments], cwd=tmp_path, capture_output=True, text=True,
                              check=False)  # fmt: skip
        assert done.returncode == 1
        assert words in done.stderr


def test_importing_badak_book_is_enough(tmp_path):
    code = "import badak.book; from common.util import im2col; from dataset.mnist import img_size; print(img_size)"
    assert subprocess.check_output([*PYTHON, "-c", code], cwd=tmp_path, text=True) == "784\n"


def test_an_error_is_shown_as_python_shows_it(tmp_path):
    done = run("def f():\n    raise ValueError('mine')\nf()\n", tmp_path / "a")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):\n  File ")
    assert done.stderr.endswith("ValueError: mine\n")
    assert "runpy" not in done.stderr
    assert "running.py" not in done.stderr
    assert run("import sys; sys.exit(5)", tmp_path / "b").returncode == 5
    assert "SyntaxError" in run("def", tmp_path / "c").stderr
    done = subprocess.run([*PYTHON, "-m", "badak", "book", "none.py"], cwd=tmp_path, capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert (done.returncode, done.stderr) == (2, "badak: there is no script none.py\n")


def test_a_file_beside_the_script_wins_over_ours(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "two_layer_net.py").write_text("from common.layers import Relu\nmine = True\n")
    done = run(
        "from two_layer_net import mine, Relu\nprint(mine, Relu.forward.__globals__['__name__'])", tmp_path / "a"
    )
    assert done.stdout == "True badak.book.common.layers\n", done.stderr


@pytest.mark.parametrize("package", [True, False])
def test_a_folder_beside_the_script_wins_module_by_module(tmp_path, package):
    common = tmp_path / "a" / "common"
    common.mkdir(parents=True)
    if package:
        (common / "__init__.py").touch()
    (common / "functions.py").write_text("def softmax(x): return 'mine'\n")
    done = run(
        "from common.functions import softmax\nfrom common.layers import Affine\n"
        "print(softmax(1), Affine.forward.__globals__['__name__'])",
        tmp_path / "a",
    )
    assert done.stdout == "mine badak.book.common.layers\n", done.stderr


def test_a_package_that_is_installed_is_not_meant(tmp_path):
    (tmp_path / "site" / "common").mkdir(parents=True)
    (tmp_path / "site" / "common" / "__init__.py").write_text("raise RuntimeError('another project')")
    path = os.pathsep.join([os.environ.get("PYTHONPATH", ""), str(tmp_path / "site")])
    done = run(
        "from common.functions import softmax; print(softmax.__globals__['__name__'])", tmp_path / "a", PYTHONPATH=path
    )
    assert done.stdout == "badak.book.common.functions\n", done.stderr


@pytest.mark.parametrize(
    ("folder", "script", "chapter"),
    [
        ("ch04", "network.gradient(x, t)", 4),
        ("Chapter 5", "network.numerical_gradient(x, t)", 5),
        ("4장", "", 4),
        ("05장", "", 5),
        ("mine", "grad = network.numerical_gradient(x, t)  # network.gradient(x, t)", 4),
        ("mine", "grad = network.gradient(x, t)", 5),
        ("mine", "network.numerical_gradient(x, t); network.gradient(x, t)", 5),
        ("mine", "network.numerical_gradient(x, t); network.layers", 5),
        ("mine", "", 5),
        ("mine", "not python", 5),
    ],
)
def test_which_two_layer_net_is_meant(tmp_path, folder, script, chapter):
    path = tmp_path / folder / "script.py"
    path.parent.mkdir()
    path.write_text(script, encoding="utf-8")
    assert scripts.chapter_of(path) == chapter
    imports.set_script(path, 9 - chapter)
    assert scripts.chapter_of(path) == 9 - chapter, "what it was told to be comes first"


def test_the_chapter_can_be_told(tmp_path):
    (tmp_path / "s.py").write_text(
        "from two_layer_net import TwoLayerNet; print(TwoLayerNet.__init__.__globals__['__name__'])"
    )
    for chapter in ("4", "5"):
        done = subprocess.run([*PYTHON, "-m", "badak", "book", "--chapter", chapter, "s.py"], cwd=tmp_path, check=True,
                              capture_output=True, text=True)  # fmt: skip
        assert done.stdout == f"badak.book.ch0{chapter}.two_layer_net\n"
    done = subprocess.run([*PYTHON, "-m", "badak", "book", "--chapter", "6", "s.py"], cwd=tmp_path, check=False,
                          capture_output=True, text=True)  # fmt: skip
    assert done.stderr == "badak: two_layer_net is of chapter 4 or 5, not 6\n"


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
    assert len(sentences) == 14
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
