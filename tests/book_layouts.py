"""Small layouts of files as readers of the book have them, and running `badak book` on them."""

import importlib
import os
import subprocess
import sys

import numpy as np
import pytest

from badak.book import imports, mending


@pytest.fixture(autouse=True)
def anew(monkeypatch):
    """Each test seeds the global generator, hears every line again, and leaves no module under the book's names."""
    np.random.seed(0)
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


def module(name):
    return importlib.import_module(name)


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
