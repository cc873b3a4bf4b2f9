"""`badak book` runs notebooks: their cells of code in order, without Jupyter."""

import json
from pathlib import Path

import pytest

from badak.book import notebooks, scripts
from book_layouts import OWN, anew, book, layout, lines

__all__ = ["anew", "layout"]  # fixtures

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
    # Cells are read before any runs; of several lines of a cell, that which Python stumbles over first comes first.
    assert sorted(passed) == ["!ls '", "!pip install numpy \\", "%%bash", "files = !ls", "np?"]


def test_a_notebook_from_colab_does_without_its_drive(layout):
    cell = (
        "from google.colab import drive\ndrive.mount('/content/drive')\nimport sys\nsys.path.append('/content/drive/x')"
    )
    root = layout({"a.ipynb": notebook(cell, "from common.functions import softmax\nprint(softmax([0.0, 0.0]))")})
    done = book("a.ipynb", cwd=root)
    assert done.stdout == "[0.5 0.5]\n", done.stderr
    assert lines(done) == [
        "Colab's drive is not mounted: files are looked for on this computer, from the notebook's folder"
    ]


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


@pytest.mark.parametrize("text", ["x = 3", "x = (8\n% 3)", "'''\n%time\n!ls\n'''", "print(", "return", "", "\n\n# ?"])
def test_python_is_left_as_it_is(text):
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
    root = layout({name: notebook(shown, cell)})  # the second cell fails: what it asks for counts all the same
    done = book(name, cwd=root)
    assert done.stdout.splitlines()[0] == f"badak.book.ch0{chapter}.two_layer_net", done.stderr


def test_two_layer_net_in_a_kernel_follows_the_current_folder(tmp_path, monkeypatch):
    for folder, chapter in (("ch04", 4), ("ch05", 5), ("other", 5)):
        (tmp_path / folder).mkdir()
        monkeypatch.chdir(tmp_path / folder)
        assert scripts.chapter_of(None) == chapter
