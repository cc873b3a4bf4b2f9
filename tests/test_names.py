"""The names of badak: all of them are there, and others' names are said with ours."""

import subprocess
import sys

import pytest

import badak


def test_all_names_are_given_by_star_and_dir():
    assert {"check_layer", "listing", "check", "Affine", "fit", "load_mnist", "compare_gradient"} <= set(badak.__all__)
    names: dict = {}
    exec("from badak import *", names)
    assert set(names) - {"__builtins__"} == set(badak.__all__)
    assert set(badak.__all__) <= set(dir(badak))
    assert not {"sys", "Any", "importlib"} & {*dir(badak), *badak.__all__}
    for name in badak.__all__:
        assert names[name] is getattr(badak, name)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("Dense", "Affine"), ("Linear", "Affine"), ("ReLU", "Relu"), ("Sequential", "Network"), ("Conv2d", "Convolution"),
     ("GELU", "Gelu"), ("LeakyReLU", "LeakyRelu"), ("RMSProp", "RMSprop"), ("TwoLayernet", "TwoLayerNet"),
     ("CrossEntropyLoss", "SoftmaxWithLoss"), ("numerical_gradients", "numerical_gradient"),
     ("chek_layer", "check_layer")],
)  # fmt: skip
def test_the_names_of_others_are_said_with_ours(theirs, ours):
    assert hasattr(badak, ours)
    assert not hasattr(badak, theirs)
    with pytest.raises(AttributeError, match=f"module 'badak' has no attribute '{theirs}': it is called {ours} here"):
        getattr(badak, theirs)
    with pytest.raises(ImportError, match=f"cannot import name '{theirs}' from 'badak': it is called {ours} here"):
        exec(f"from badak import {theirs}")


def test_a_name_like_none_of_ours_is_refused_as_python_does():
    with pytest.raises(AttributeError, match="has no attribute 'quaternion'$"):
        _ = badak.quaternion
    with pytest.raises(ImportError, match="cannot import name 'quaternion' from 'badak' \\("):
        exec("from badak import quaternion")


def test_every_name_of_others_leads_to_one_of_ours():
    assert set(badak._ELSEWHERE.values()) <= set(badak.__all__)
    assert not set(badak._ELSEWHERE) & set(dir(badak))


def test_badak_is_imported_and_loads_mnist_without_what_the_browser_lacks(tmp_path):
    code = (
        "import sys\n"
        "for name in ('llvmlite', 'threadpoolctl', 'platformdirs'): sys.modules[name] = None\n"
        "sys.platform = 'emscripten'\n"
        "import threading\n"
        'def no(*_): raise RuntimeError("can\'t start new thread")\n'
        "threading.Thread.start = no\n"
        "import badak\n"
        "from badak import *\n"
        "(x, t), (x_test, t_test) = badak.load_mnist()\n"
        "net = badak.TwoLayerNet(784, 5, 10, seed=0)\n"
        "print(x.shape, t[:3].tolist(), net.predict(x[:2]).shape)\n"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=False, capture_output=True, text=True,
                          cwd=tmp_path, env={"PATH": "", "HOME": str(tmp_path)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == "(60000, 784) [5, 0, 4] (2, 10)"
    assert not [*tmp_path.iterdir()], "nothing is written where there is no folder of caches"
