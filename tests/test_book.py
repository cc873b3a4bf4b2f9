"""The book's own names: what its readers type is found, and runs."""

import inspect
import os
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from badak.book import imports, scripts
from book_layouts import anew, module

__all__ = ["anew"]  # a fixture

PYTHON = [sys.executable, "-W", "error"]


def run(script, folder, *arguments, cwd=None, **environment):
    """Run the text of a script as a file in `folder`, from another one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "script.py").write_text(script, encoding="utf-8")
    return subprocess.run(
        [*PYTHON, "-m", "badak", "book", *arguments[:0], str(folder / "script.py"), *arguments],
        capture_output=True, text=True, cwd=cwd or folder.parent, check=False, timeout=120,
        env={**os.environ, "MPLBACKEND": "Agg", **environment},
    )  # fmt: skip


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
    "gradient_simplenet": {"simpleNet": "", "numerical_gradient": "f x"},
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


def test_the_net_of_one_matrix():
    simple = module("gradient_simplenet")
    net, x, t = simple.simpleNet(), np.array([0.6, 0.9]), np.array([0, 0, 1])
    y = np.exp(x @ net.W) / np.exp(x @ net.W).sum()
    assert net.loss(x, t) == pytest.approx(-np.log(y[2] + 1e-7))
    assert_allclose(simple.numerical_gradient(lambda _: net.loss(x, t), net.W), np.outer(x, y - t), atol=1e-5)


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
