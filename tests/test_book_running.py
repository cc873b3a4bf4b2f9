"""`badak book` runs what readers have on their disks: own modules, notebooks, downloads, pickles, both volumes."""

import gzip
import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from badak.book import downloads, imports, mending, notebooks, run, scripts
from badak.data import mnist


@pytest.fixture(autouse=True)
def _anew(monkeypatch):
    mending.forget()
    monkeypatch.setenv("LANGUAGE", "en")
    yield
    imports.set_script(None, None)


@pytest.fixture
def layout(tmp_path):
    """Write files under tmp_path: {"ch05/train.py": "text", …}."""

    def write(files):
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


def python(*command, cwd, **environment):
    return subprocess.run(
        [sys.executable, *command], cwd=cwd, capture_output=True, text=True, check=False, timeout=120,
        stdin=subprocess.DEVNULL, env={**os.environ, "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8", **environment},
        encoding="utf-8",
    )  # fmt: skip


def book(script, *arguments, cwd, **environment):
    return python("-m", "badak", "book", str(script), *arguments, cwd=cwd, **environment)


def lines(done):
    """What badak itself said."""
    return [line.removeprefix("badak.book: ") for line in done.stderr.splitlines() if line.startswith("badak.book: ")]


# -- as Python runs it -----------------------------------------------------------------------------------------------

SELF = """
import os, sys, pickle
print(__file__); print(sys.argv); print(sys.path[0]); print(os.getcwd())
class Mine: pass
print(type(pickle.loads(pickle.dumps(Mine()))) is Mine, sys.modules['__main__'].Mine is Mine, __name__, __spec__)
print(''.join(sorted(set(sys.path) & {''})), any(p == os.getcwd() for p in sys.path[:2]))
"""


def test_a_script_sees_what_python_shows_it(layout):
    root = layout({"a/s.py": SELF})
    for typed in (os.path.join("a", "s.py"), str(root / "a" / "s.py"), os.path.join("a", "..", "a", "s.py")):
        plain, ours = python(typed, "x", "--y", cwd=root), book(typed, "x", "--y", cwd=root)
        assert plain.returncode == ours.returncode == 0, ours.stderr
        assert ours.stdout == plain.stdout
        assert ours.stderr == plain.stderr == ""


@pytest.mark.parametrize(
    "text",
    [
        "import sys; sys.exit()", "import sys; sys.exit(7)", "import sys; sys.exit('words')", "raise SystemExit(3)",
        "1 / 0", "x = (", "import helper", "import nothing_of_this_name",
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    raise ValueError('b')",
        "import sys\nsys.excepthook = lambda *a: print('mine', a[0].__name__, file=sys.stderr)\n1 / 0",
        "import warnings; warnings.warn('look'); warnings.warn('old', DeprecationWarning)",
        "import numpy as np; print(np.log(np.array([0.0, 1.0])))",
        "# -*- coding: cp949 -*-\nprint('ok')", "class E(Exception): pass\nraise E('한글')",
    ],
)  # fmt: skip
def test_endings_errors_and_warnings_are_pythons(layout, text):
    root = layout({"s.py": text, "helper.py": "def g():\n    raise KeyError('deep')\ng()\n"})
    plain, ours = python("s.py", cwd=root), book("s.py", cwd=root)
    assert (ours.returncode, ours.stdout, ours.stderr) == (plain.returncode, plain.stdout, plain.stderr)


def test_endless_recursion_is_shown_shortly(layout):
    root = layout({"s.py": "def f(n):\n    return f(n + 1)\nf(0)"})
    done = book("s.py", cwd=root)
    assert done.stderr.splitlines()[-1].startswith("RecursionError: ")
    assert len(done.stderr.splitlines()) < 20
    assert "running.py" not in done.stderr


def test_what_was_there_is_there_again(layout, capsys):
    root = layout({"a/s.py": "import sys, warnings, os\nsys.path.append('x'); warnings.simplefilter('ignore')\n"})
    opened = urllib.request.urlopen
    before = sys.argv, sys.path[:], sys.modules["__main__"], os.getcwd()
    run(root / "a" / "s.py", ["1"])
    assert (sys.argv, sys.path, sys.modules["__main__"], os.getcwd()) == before
    assert urllib.request.urlopen is opened
    assert not capsys.readouterr().err


# -- the reader's own modules ----------------------------------------------------------------------------------------

OWN = {
    "common/__init__.py": "",
    "common/functions.py": "def softmax(x): return 'my softmax'\n",
    "common/extra.py": "def leaky(x): return 0.1 * x\n",
    "ch05/my_net.py": "class Net: pass\n",
    "ch05/two_layer_net.py": "class TwoLayerNet: mine = True\n",
    "ch06/s.py": """
import sys, os
sys.path.append({entry})
from common.functions import softmax
from common.extra import leaky
from common.layers import Affine
from ch05.my_net import Net
from ch05.two_layer_net import TwoLayerNet
print(softmax(1), leaky(10), Affine.forward.__globals__['__name__'], Net.__module__, TwoLayerNet.mine)
""",
}
ENTRIES = ["os.pardir", "'..'", "os.path.join(os.path.dirname(__file__), '..')",
           "os.path.dirname(os.path.dirname(os.path.abspath(__file__)))",
           "os.path.join(os.path.abspath(__file__), '..', '..')"]  # fmt: skip


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("package", [True, False])
def test_a_folder_that_the_script_adds_wins_module_by_module(layout, entry, package):
    files = {name: text.replace("{entry}", entry) for name, text in OWN.items() if package or "__init__" not in name}
    root = layout(files)
    for cwd in (root / "ch06", root, Path(root.anchor)):
        done = book(root / "ch06" / "s.py", cwd=cwd)
        assert done.stdout == "my softmax 1.0 badak.book.common.layers ch05.my_net True\n", done.stderr
        said = lines(done)
        assert len(said) == 2, "for each that badak has, and for no other"
        assert said[0].startswith("common.functions: your own ")
        assert str(Path("common", "functions.py")) in said[0]
        assert said[1].startswith("ch05.two_layer_net: your own ")
        assert len(done.stderr.splitlines()) == 2


def test_without_the_folder_on_the_path_it_is_not_looked_into(layout):
    root = layout({"common/functions.py": "softmax = 1 / 0", "ch06/s.py": "from common.functions import softmax"})
    assert book("s.py", cwd=root / "ch06").returncode == 0


def test_a_chapters_folder_on_the_path(layout):
    root = layout({**OWN, "ch06/s.py": "import sys\nsys.path.append('../ch05')\n"
                   "from two_layer_net import TwoLayerNet\nprint(TwoLayerNet.mine)"})  # fmt: skip
    done = book("s.py", cwd=root / "ch06")
    assert done.stdout == "True\n", done.stderr
    assert lines(done) == [f"two_layer_net: your own {Path('..', 'ch05', 'two_layer_net.py')} is used, not badak's"]


def test_a_folder_added_between_two_imports(layout):
    root = layout({**OWN, "ch06/s.py": "import sys\nfrom common.layers import Relu\nsys.path.append('..')\n"
                   "from common.extra import leaky\nprint(leaky(1))"})  # fmt: skip
    assert book("s.py", cwd=root / "ch06").stdout == "0.1\n"


def test_importing_badak_book_finds_them_too(layout):
    text = OWN["ch06/s.py"].replace("{entry}", "os.pardir")
    for script in (f"import badak.book\n{text}", text.replace("softmax\nfrom", "softmax\nimport badak.book\nfrom")):
        root = layout({**OWN, "ch06/s.py": script})
        done = python("s.py", cwd=root / "ch06")
        assert done.stdout.startswith("my softmax 1.0 badak.book.common.layers"), done.stderr


def test_the_line_is_korean_and_obeys_no_terminal(layout):
    root = layout({"c\x1b[31m/common/util.py": "x = 1", "s.py": "import sys\nsys.path.append('c\\x1b[31m')\n"
                   "from common.util import x"})  # fmt: skip
    done = book("s.py", cwd=root, LANGUAGE="ko")
    assert "직접 만든 파일" in done.stderr
    assert "\x1b" not in done.stderr
    assert r"\x1b[31m" in done.stderr


# -- volume 2 --------------------------------------------------------------------------------------------------------


def test_the_second_volume_finds_its_own(layout):
    root = layout({
        "common/trainer.py": "class Trainer:\n    def __init__(self, model, optimizer): print('volume 2')\n",
        "common/np.py": "import numpy as np\n", "dataset/spiral.py": "def load_data(): return 1\n",
        "ch01/s.py": "import sys\nsys.path.append('..')\nfrom common.trainer import Trainer\n"
                     "from dataset import spiral\nTrainer(1, 2); print(spiral.load_data())",
        "ch01/other.py": "import sys\nsys.path.append('..')\nfrom common.optimizer import SGD",
    })  # fmt: skip
    done = book("s.py", cwd=root / "ch01")
    assert done.stdout == "volume 2\n1\n", done.stderr
    done = book("other.py", cwd=root / "ch01")
    assert done.returncode == 1
    assert "ModuleNotFoundError: No module named 'common.optimizer'" in done.stderr


@pytest.mark.parametrize(
    "asked",
    ["from dataset import spiral", "from common.time_layers import *", "from common.util import preprocess",
     "from common.trainer import RnnlmTrainer", "import dataset.ptb"],
)  # fmt: skip
def test_the_second_volume_is_never_given_ours(layout, asked):
    root = layout({"s.py": f"from common.trainer import Trainer\n{asked}\nprint('ours')"})
    done = book("s.py", cwd=root)
    assert (done.returncode, done.stdout) == (1, "")
    assert "line 1" in done.stderr, "not even what has the same name"
    assert lines(done)[0].startswith("common is of the book's second volume")


# -- MNIST -----------------------------------------------------------------------------------------------------------

LOADER = """
import gzip, os, urllib.request
import numpy as np
from urllib.request import urlopen, urlretrieve
here = os.path.dirname(os.path.abspath(__file__))

def load_mnist():
    found = []
    for name in ('train-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz'):
        path = here + '/' + name
        if not os.path.exists(path):
            url = 'http://yann.lecun.com/exdb/mnist/' + name
            {fetch}
        with gzip.open(path) as f:
            found.append(np.frombuffer(f.read(), np.uint8, offset=16 if 'images' in name else 8))
    return found
"""
FETCHES = [
    "urllib.request.urlretrieve(url, path)", "urlretrieve(url, path, lambda *a: None)",
    "open(path, 'wb').write(urllib.request.urlopen(urllib.request.Request(url, headers={'A': 'b'})).read())",
    "with urlopen(url, timeout=5) as r, open(path, 'wb') as f: f.write(r.read())",
]  # fmt: skip


@pytest.mark.parametrize("fetch", FETCHES)
def test_a_loader_that_downloads_gets_our_images(layout, fetch):
    root = layout({
        "dataset/mnist.py": LOADER.replace("{fetch}", fetch), "ch03/s.py": "import sys, os\nsys.path.append('..')\n"
        "from dataset.mnist import load_mnist\nx, t = load_mnist()\nprint(x.size, x.sum(), t[:5])",
    })  # fmt: skip
    (x, _), (_, t) = mnist.load_mnist(normalize=False)
    for said in (3, 1):  # the second time there is nothing to download
        done = book("s.py", cwd=root / "ch03")
        assert done.stdout == f"{x.size} {x.sum()} {t[:5]}\n", done.stderr
        assert len(lines(done)) == said
    assert (
        "train-images-idx3-ubyte.gz is written from the images" in "".join(lines(book("s.py", cwd=root / "ch03")))
        or (root / "dataset" / "train-images-idx3-ubyte.gz").exists()
    )


@pytest.mark.parametrize("name", mnist.FILES)
def test_the_files_are_the_published_ones(name):
    content = downloads.idx_file(name)
    assert hashlib.md5(content).hexdigest() == mnist.FILES[name][0]
    assert gzip.decompress(downloads.idx_file(f"{name}.gz")) == content


@pytest.mark.parametrize(
    "url",
    [
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/train-images-idx3-ubyte.gz",
        "http://codh.rois.ac.jp/kmnist/dataset/kmnist/train-images-idx3-ubyte.gz",
        "http://yann.lecun.com/exdb/mnist/", "https://example.org/mnist/data.zip", "http://[", None, 3,
    ],
)  # fmt: skip
def test_nothing_else_is_answered_with_ours(url, monkeypatch):
    asked = []
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, *_, **__: asked.append(url) or io.BytesIO(b"theirs"))
    with downloads.ours_instead():
        assert urllib.request.urlopen(url).read() == b"theirs"
    assert asked == [url]


# -- notebooks -------------------------------------------------------------------------------------------------------


def notebook(*cells, form=4):
    made = [{"cell_type": "markdown", "metadata": {}, "source": ["# words\n"]}]
    for cell in cells:
        text = cell.splitlines(keepends=True)
        made.append({"cell_type": "code", "metadata": {}, "outputs": [], "source" if form == 4 else "input": text})
    return json.dumps({"cells": made} if form == 4 else {"worksheets": [{"cells": made}]})


@pytest.mark.parametrize("form", [3, 4])
def test_a_notebook_runs_cell_by_cell(layout, form):
    cells = [
        "%matplotlib inline\nimport sys, os\nsys.path.append(os.pardir)\n!pip install numpy \\\n  scipy",
        "from common.functions import softmax\nimport numpy as np\nx = (7\n  % 4)\nx",
        "%%time\ny = x + 1\ny;",
        "%%bash\nthis is (no Python",
        "%time z = y * 2\nwords = '''\n%d items\n!not a command\n''' % z\nif z:\n    !ls '\n    display(z, words)\nnp?",
        "files = !ls\nprint(softmax(1), open('beside.txt').read(), __name__, '__file__' in globals())",
    ]
    root = layout({"nb/a.ipynb": notebook(*cells, form=form), "nb/beside.txt": "here", **OWN})
    done = book(Path("nb", "a.ipynb"), cwd=root)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "3\n8\n'\\n8 items\\n!not a command\\n'\nmy softmax here __main__ False\n"
    passed = [line.partition("understands it: ")[2] for line in lines(done) if "Jupyter" in line]
    assert passed == ["!pip install numpy \\", "%%bash", "!ls '", "np?", "files = !ls"] or set(passed) == {
        "!pip install numpy \\", "%%bash", "!ls '", "np?", "files = !ls"}  # fmt: skip


def test_an_error_in_a_notebook_names_cell_and_line(layout):
    root = layout({"a.ipynb": notebook("x = 1", "def f():\n    return x / 0\n", "%matplotlib inline\nf()", "print(1)")})
    done = book("a.ipynb", cwd=root)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[:2] == [
        "Traceback (most recent call last):", '  File "a.ipynb, cell 4", line 2, in <module>',
    ]  # fmt: skip
    assert '  File "a.ipynb, cell 3", line 2, in f\n    return x / 0\n' in done.stderr
    assert "notebooks.py" not in done.stderr
    root = layout({"b.ipynb": notebook("x = 1", "x = (\n")})
    done = book("b.ipynb", cwd=root)
    assert 'File "b.ipynb, cell 3", line 1' in done.stderr
    assert "SyntaxError" in done.stderr


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"cells": 3}', '{"cells": [{}]}', "[" * 100_000, "\udcff", "nb"])
def test_what_is_no_notebook_is_said(tmp_path, content):
    (tmp_path / "a.ipynb").write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"a\.ipynb is no notebook: "):
        notebooks.read_cells(tmp_path / "a.ipynb")
    done = book("a.ipynb", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("badak: a.ipynb is no notebook")


def test_python_is_left_as_it_is():
    for text in ("x = 3", "x = (8\n% 3)", "'''\n%time\n!ls\n'''", "print(", "a = b ?c", "return"):
        if "?" not in text:
            assert notebooks.without_magics(text) == text


@pytest.mark.parametrize(
    ("name", "cell", "chapter"),
    [
        ("ch04/a.ipynb", "", 4), ("4장.ipynb", "", 4), ("밑시딥1_5장.ipynb", "net.numerical_gradient", 5),
        ("notes/ch04.ipynb", "", 4), ("ch05/4장.ipynb", "", 4), ("notes/a.ipynb", "net.numerical_gradient(x)", 4),
        ("notes/a.ipynb", "%matplotlib inline\nnet.numerical_gradient(x)", 4),
        ("notes/a.ipynb", "net.numerical_gradient(x); net.layers", 5), ("notes/14장.ipynb", "", 5),
    ],
)  # fmt: skip
def test_two_layer_net_in_a_notebook(layout, name, cell, chapter):
    shown = "from two_layer_net import TwoLayerNet\nprint(TwoLayerNet.__init__.__globals__['__name__'])"
    root = layout(
        {
            name: notebook(
                shown, f"if 0:\n    {cell}" if cell and "\n" not in cell else cell and f"def f():\n    pass\n{cell}"
            )
        }
    )
    done = book(name, cwd=root)
    assert done.stdout.splitlines()[0] == f"badak.book.ch0{chapter}.two_layer_net", done.stderr


def test_two_layer_net_in_a_kernel_follows_the_current_folder(tmp_path, monkeypatch):
    for folder, chapter in (("ch04", 4), ("ch05", 5), ("other", 5)):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        assert scripts.chapter_of(None) == chapter


# -- files of the book's, and its chapters ----------------------------------------------------------------------------


def test_a_missing_file_of_the_books_is_named_with_where_it_comes_from(layout):
    root = layout({"ch03/s.py": "open('sample_weight.pkl', 'rb')", "ch03/own.py": "open('my.pkl', 'rb')",
                   "ch03/net.py": "from ch03.neuralnet_mnist import init_network\ninit_network()"})  # fmt: skip
    for script in ("s.py", "net.py"):
        done = book(script, cwd=root / "ch03")
        assert done.returncode == 1
        assert lines(done)[-1].startswith("sample_weight.pkl comes with the book's code, in its folder ch03: https://")
    assert not lines(book("own.py", cwd=root / "ch03"))
    korean = book("s.py", cwd=root / "ch03", LANGUAGE="ko").stderr.splitlines()[-1]
    assert korean.startswith("badak.book: sample_weight.pkl 파일은 책의 예제 코드 ch03 폴더에")
    (root / "ch03" / "sample_weight.pkl").write_bytes(pickle.dumps({"W1": np.ones(2)}))
    assert book("s.py", cwd=root / "ch03").returncode == 0
    done = book(Path("ch03", "s.py"), cwd=root)
    assert lines(done) == [f"sample_weight.pkl lies in {root / 'ch03'}: run the script from there"]
    assert book(Path("ch03", "net.py"), cwd=root).returncode == 0


def test_chapters_3_and_6_are_packages(layout):
    root = layout({"s.py": "from ch03.sigmoid import sigmoid\nfrom ch03.relu import *\n"
                   "from ch03.step_function import step_function\nfrom ch06.optimizer_compare_naive import f, df\n"
                   "from ch03.neuralnet_mnist import get_data, predict\n"
                   "print(sigmoid(0.0), relu(np.array([-1, 2])), step_function(np.array([1.0])), f(-7.0, 2.0), df(-7.0, 2.0))\n"  # noqa: E501
                   "net = {k: np.zeros(s) for k, s in dict(W1=(784, 5), W2=(5, 4), W3=(4, 10), b1=5, b2=4, b3=10).items()}\n"  # noqa: E501
                   "x, t = get_data(); print(predict(net, x[:2]).tolist() == [[0.1] * 10] * 2, t[:3])"})  # fmt: skip
    done = book("s.py", cwd=root)
    assert done.stdout == "0.5 [0 2] [1] 6.45 (-0.7, 4.0)\nTrue [7 2 1]\n", done.stderr


# -- pickles ---------------------------------------------------------------------------------------------------------

MAKE = """
import pickle, sys
import numpy as np
from common.multi_layer_net_extend import MultiLayerNetExtend
from common.optimizer import Adam
from ch07.simple_convnet import SimpleConvNet
from two_layer_net import TwoLayerNet
nets = [TwoLayerNet(6, 4, 3), MultiLayerNetExtend(6, [4], 3, use_batchnorm=True, use_dropout=True),
        SimpleConvNet((1, 8, 8), {'filter_num': 2, 'filter_size': 3, 'pad': 0, 'stride': 1}, 4, 3)]
x, t = np.random.rand(5, 6), np.array([0, 1, 2, 0, 1])
for net in nets[:2]:
    adam = Adam()
    adam.update(net.params, net.gradient(x, t))
pickle.dump((nets, adam, [net.predict(x) for net in nets[:2]], x, t), open('nets.pkl', 'wb'))
"""
# Classes of the same names, as the book's own code has them: state and no more.
STAND_INS = {
    "common/layers.py": "class Affine: pass\nclass Relu: pass\nclass SoftmaxWithLoss: pass\nclass Dropout: pass\n"
                        "class BatchNormalization: pass\nclass Convolution: pass\nclass Pooling: pass\n",
    "common/multi_layer_net_extend.py": "class MultiLayerNetExtend: pass",
    "common/optimizer.py": "class Adam: pass", "ch07/simple_convnet.py": "class SimpleConvNet: pass",
    "two_layer_net.py": "class TwoLayerNet: pass",
}  # fmt: skip
SHOW = """
import pickle, sys
nets, adam, *_ = pickle.load(open('nets.pkl', 'rb'))
for net in nets:
    print(type(net).__name__, type(net.params), *sorted(vars(net)))
    layers = list(net.layers.values())
    print(*[type(layer).__module__ for layer in layers[:2]], net.params['W1'] is layers[0].W)
print(adam.iter, 'badak' in sys.modules)
"""


def test_pickles_load_with_the_books_own_code(layout, tmp_path):
    root = layout({"make/s.py": MAKE, **{f"book/{name}": text for name, text in STAND_INS.items()}, "book/s.py": SHOW})
    assert book("s.py", cwd=root / "make").returncode == 0
    content = (root / "make" / "nets.pkl").read_bytes()
    assert b"badak" not in content
    (root / "book" / "nets.pkl").write_bytes(content)
    done = python("s.py", cwd=root / "book")
    assert done.stdout.splitlines() == [
        "TwoLayerNet <class 'dict'> lastLayer layers params",
        "common.layers common.layers True",
        "MultiLayerNetExtend <class 'dict'> hidden_layer_num hidden_size_list input_size last_layer layers output_size "
        "params use_batchnorm use_dropout weight_decay_lambda",
        "common.layers common.layers True",
        "SimpleConvNet <class 'dict'> last_layer layers params",
        "common.layers common.layers True",
        "1 False",
    ], done.stderr  # fmt: skip


def test_pickles_of_either_load_with_ours(layout):
    # Loaded with the book's classes and written again by them: then read by ours, and trained on.
    again = SHOW + "pickle.dump((nets, adam, *_), open('nets.pkl', 'wb'))"
    use = """
import pickle
import numpy as np
nets, adam, before, x, t = pickle.load(open('nets.pkl', 'rb'))
for net, y in zip(nets, before):
    assert (net.predict(x) == y).all()
    loss = net.loss(x, t)
    adam.m = None
    for _ in range(5):
        adam.update(net.params, net.gradient(x, t))
    print(net.loss(x, t) < loss, adam.iter)
    net.params['W1'] = np.zeros_like(net.params['W1'])
    print(list(net.layers.values())[0].W.any())
"""
    root = layout({"make/s.py": MAKE, "make/use.py": use, **{f"book/{n}": text for n, text in STAND_INS.items()},
                   "book/s.py": again})  # fmt: skip
    assert book("s.py", cwd=root / "make").returncode == 0
    for _ in range(2):
        done = book("use.py", cwd=root / "make")
        assert done.stdout.splitlines() == ["True 6", "False", "True 11", "False"], done.stderr
        (root / "book" / "nets.pkl").write_bytes((root / "make" / "nets.pkl").read_bytes())
        assert python("s.py", cwd=root / "book").returncode == 0
        (root / "make" / "nets.pkl").write_bytes((root / "book" / "nets.pkl").read_bytes())


def test_a_class_of_ours_beside_the_readers_file_of_its_name_can_be_pickled(layout):
    root = layout({"common/layers.py": "mine = 1", "s.py": "import pickle\nfrom common.layers import mine\n"
                   "from two_layer_net import TwoLayerNet\nnet = TwoLayerNet(4, 3, 2)\n"
                   "print(type(pickle.loads(pickle.dumps(net))) is TwoLayerNet)"})  # fmt: skip
    assert book("s.py", cwd=root).stdout == "True\n"


def test_classes_have_their_own_names_after_the_run(layout):
    root = layout({"s.py": "from two_layer_net import TwoLayerNet\nprint(TwoLayerNet.__module__)"})
    run(root / "s.py")
    from badak.book.ch05.two_layer_net import TwoLayerNet
    from badak.book.common.layers import Affine

    assert TwoLayerNet.__module__ == "badak.book.ch05.two_layer_net"
    assert Affine.__module__ == "badak.book.common.layers"


def test_a_copy_of_a_network_is_whole():
    import copy

    from badak.book.ch05.two_layer_net import TwoLayerNet

    network = TwoLayerNet(4, 3, 2)
    x = np.random.default_rng(0).normal(size=(5, 4))
    twin = copy.deepcopy(network)
    assert_array_equal(twin.predict(x), network.predict(x))
    assert twin.params["W1"] is twin.layers["Affine1"].W
    assert twin.params["W1"] is not network.params["W1"]
    assert type(twin.params) is type(network.params)
    twin.gradient(x, np.array([0, 1, 1, 0, 1]))
