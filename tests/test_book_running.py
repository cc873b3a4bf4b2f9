"""`badak book` runs what readers have on their disks as Python would: own modules, both volumes, downloads."""

import gzip
import hashlib
import io
import os
import pickle
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from badak.book import downloads, run
from badak.data import mnist
from book_layouts import OWN, anew, book, layout, lines, python

__all__ = ["anew", "layout"]  # fixtures

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
        "ch01/lacks.py": "import sys\nsys.path.append('..')\nfrom common.trainer import RnnlmTrainer",
    })  # fmt: skip
    done = book("s.py", cwd=root / "ch01")
    assert done.stdout == "volume 2\n1\n", done.stderr
    done = book("other.py", cwd=root / "ch01")
    assert done.returncode == 1
    assert "ModuleNotFoundError: No module named 'common.optimizer'" in done.stderr
    done = book("lacks.py", cwd=root / "ch01")
    assert "ImportError: cannot import name 'RnnlmTrainer' from 'common.trainer'" in done.stderr
    assert len(lines(done)) == 1, "whose file is used; the rest Python says"


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
    done = book("s.py", cwd=root / "ch03")
    assert done.stdout == f"{x.size} {x.sum()} {t[:5]}\n", done.stderr
    own, images, labels = lines(done)
    assert own.startswith("dataset.mnist: your own ")
    assert (
        images == "MNIST is not downloaded: train-images-idx3-ubyte.gz is written from the images that come with badak"
    )
    assert "t10k-labels-idx1-ubyte.gz" in labels
    again = book("s.py", cwd=root / "ch03")
    assert (again.stdout, lines(again)) == (done.stdout, [own]), "there is nothing to download any more"


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
