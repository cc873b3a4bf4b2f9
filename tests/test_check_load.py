# ruff: noqa: E501, B006 (files of one line read best in one line)
"""A file is loaded as it lies: its imports, encodings, notebooks, what runs, and what is put back."""

import builtins
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from badak.check.files import examine_file
from badak.check.load.project import Project
from badak.check.load.reading import Unreadable, read_source
from badak.check.load.running import Loaded, Workspace
from badak.check.load.standins import Absent, missing_base
from badak.check.subject.arguments import IMAGES, ROWS, SEQUENCES, Unguessable, alternatives, combinations, needed

BACKWARD = "    def backward(self, dout):\n        return dout * (self.x > 0)\n"
RELU = "class Relu:\n    def forward(self, x):\n        return x\n"


def write(folder: Path, **files: str) -> Path:
    """Write files, `__` in a name for a folder, `__init` for __init__.py; give the last one."""
    path = folder
    for name, text in files.items():
        package = name.endswith("__init")
        path = folder.joinpath(*name.removesuffix("__init").split("__"), *["__init__"] * package).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path


def load(path: Path, caller: Path | None = None, run: str = "all") -> Loaded:
    with Workspace(read_source(path), path, caller) as place:
        return place.load(run)


def errors(loaded: Loaded) -> list[str]:
    return [f"{type(f.error).__name__}: {f.error}" for f in loaded.failed]


def test_a_module_beside_the_file_is_found_wherever_the_caller_stands(tmp_path, monkeypatch):
    path = write(tmp_path, mylayers=RELU, net="from mylayers import Relu\nrelu = Relu()\n")
    monkeypatch.chdir("/")
    loaded = load(path)
    assert errors(loaded) == []
    assert loaded.namespace["relu"].__class__.__module__ == "mylayers"


@pytest.mark.parametrize(
    "line",
    [
        "import sys, os; sys.path.append(os.pardir)",
        "import sys; sys.path.append('..')",
        "import sys, os; sys.path.append(os.path.abspath('..'))",
        "import sys, os; sys.path.append(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))",
        "import sys; from pathlib import Path; sys.path.append(str(Path().resolve().parent))",
        "pass  # nothing said: the folders up to the project's root are looked through",
    ],
)
def test_pardir_means_the_parent_of_the_files_folder(tmp_path, line):
    path = write(tmp_path, common__layers=RELU, ch05__net=f"{line}\nfrom common.layers import Relu\n")
    (tmp_path / "pyproject.toml").touch()
    assert errors(load(path)) == []


def test_pardir_outside_of_the_project_is_followed_where_the_code_says_so(tmp_path):
    inner = tmp_path / "project"
    path = write(
        tmp_path, shared__mylayers=RELU, project__net="import sys\nsys.path.append('../shared')\nimport mylayers\n"
    )
    (inner / "pyproject.toml").touch()
    assert errors(load(path)) == []


@pytest.mark.parametrize(
    "import_", ["from .mylayers import Relu", "from ..core.mylayers import Relu", "from . import mylayers"]
)
def test_a_relative_import_is_of_the_package_that_the_file_lies_in(tmp_path, import_):
    path = write(tmp_path, pkg__core__mylayers=RELU, pkg__core__net=f"{import_}\n")
    assert errors(load(path)) == []


def test_a_package_whose_init_fails_still_gives_its_modules(tmp_path):
    path = write(
        tmp_path, pkg__init="import nowhere_to_be_found\n", pkg__mylayers=RELU, pkg__net="from .mylayers import Relu\n"
    )
    assert "Relu" in load(path).namespace


def test_a_file_that_its_package_imports_is_loaded_once(tmp_path):
    path = write(
        tmp_path,
        pkg__init="from pkg.core import Variable\nVariable.mark = 1\n",
        pkg__functions="from pkg.core import Variable\n",
        pkg__core="class Variable:\n    def f(self):\n        import pkg.functions\n        return pkg.functions.Variable\n",
    )
    with Workspace(read_source(path), path) as place:
        variable = place.load().own_classes()["Variable"]
        assert variable.mark == 1
        assert variable().f() is variable


def test_the_only_module_of_a_name_in_the_project_is_taken_and_told(tmp_path):
    path = write(tmp_path, lib__deep__mylayers=RELU, work__net="from mylayers import Relu\n")
    (tmp_path / "setup.py").touch()
    loaded = load(path)
    assert errors(loaded) == []
    assert [values["path"] for _, values in loaded.notes] == ["lib/deep/mylayers.py"]


def test_of_two_equally_near_modules_none_is_taken(tmp_path):
    path = write(tmp_path, a__mylayers=RELU, b__mylayers=RELU, work__net="from mylayers import Relu\n")
    (tmp_path / "setup.py").touch()
    assert errors(load(path)) == ["ModuleNotFoundError: No module named 'mylayers'"]


def test_the_books_names_are_given_where_nothing_else_has_them_and_module_by_module(tmp_path):
    path = write(
        tmp_path,
        common__layers=RELU,
        net="from common.layers import Relu\nfrom common.functions import softmax\nfrom common.optimizer import SGD\n",
    )
    loaded = load(path)
    assert errors(loaded) == []
    assert loaded.namespace["Relu"].__module__ == "common.layers"
    assert loaded.namespace["softmax"].__module__.startswith("badak.book")
    assert [values["name"] for _, values in loaded.notes] == ["common.functions", "common.optimizer"]


def test_a_failed_import_leaves_its_names_lost_not_undefined(tmp_path):
    loaded = load(write(tmp_path, net="from nowhere_at_all import Affine\nnet = Affine()\n"))
    assert loaded.lost("Affine").line == 1
    assert loaded.lost("Relu") is None


def test_a_demonstration_that_fails_in_a_module_does_not_take_its_classes(tmp_path):
    path = write(
        tmp_path, mylayers=f"{RELU}\nRelu().forward()\nopen('absent.txt')\n", net="from mylayers import Relu\n"
    )
    loaded = load(path)
    assert "Relu" in loaded.namespace
    assert {Path(f.file).name for f in loaded.failed} == {"mylayers.py"}


def test_what_is_not_installed_is_stood_in_for_until_an_object_needs_it(tmp_path):
    path = write(
        tmp_path,
        net="import pycuda.driver as cuda\nfrom pycuda import tools\ncuda.init()\n"
        "class Net(tools.Base):\n    pass\n"
        "class Relu:\n    def forward(self, x):\n        return cuda.relu(x)\n",
    )
    with Workspace(read_source(path), path) as place:
        loaded = place.load()
        assert errors(loaded) == []
        assert missing_base(loaded.own_classes()["Net"]) == "pycuda.tools.Base"
        with pytest.raises(Absent, match="pycuda"):
            loaded.own_classes()["Relu"]().forward(1.0)


def test_an_import_that_may_fail_fails_as_it_does_elsewhere(tmp_path):
    path = write(tmp_path, net="try:\n    import pycuda\n    gpu = True\nexcept ImportError:\n    gpu = False\n")
    assert load(path).namespace["gpu"] is False


def test_an_import_whose_handler_fails_too_is_stood_in_for(tmp_path):
    path = write(tmp_path, net="try:\n    import pycuda\n    gpu = True\nexcept ImportError:\n    warn('no gpu')\n")
    assert load(path).namespace["gpu"] is True


def test_a_module_of_the_projects_own_is_never_stood_in_for(tmp_path):
    loaded = load(write(tmp_path, net="import mylayers\n"))
    assert errors(loaded) == ["ModuleNotFoundError: No module named 'mylayers'"]


def test_files_beside_are_read_and_written_elsewhere(tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    path = write(
        tmp_path,
        work__net="from pathlib import Path\nwith open('data.txt') as f:\n    text = f.read()\nPath('out.txt').write_text(text)\n",
    )
    (tmp_path / "work" / "data.txt").write_text("here")
    loaded = load(path)
    assert loaded.namespace["text"] == "here"
    assert (elsewhere / "out.txt").exists()
    assert not (tmp_path / "work" / "out.txt").exists()


def test_nobody_is_asked_over_the_network(tmp_path):
    path = write(tmp_path, net="import urllib.request\nurllib.request.urlopen('http://192.0.2.1/x', timeout=30)\n")
    assert "no network" in errors(load(path))[0]


def test_everything_is_put_back(tmp_path):
    before = os.getcwd, builtins.open, list(sys.path), list(sys.meta_path), np.geterr(), os.chdir
    path = write(
        tmp_path,
        mylayers=RELU,
        net="import sys, os, numpy as np, mylayers, common.functions\nsys.path.append('..')\nnp.seterr(all='raise')\nos.chdir('/')\n",
    )
    load(path)
    assert (os.getcwd, builtins.open, list(sys.path), list(sys.meta_path), np.geterr(), os.chdir) == before
    assert not {"mylayers", "net", "common", "common.functions"} & set(sys.modules)


def test_what_was_defined_and_then_replaced_is_known(tmp_path):
    path = write(tmp_path, mylayers="class Relu:\n    own = 2\n", net=f"{RELU}from mylayers import *\n")
    loaded = load(path)
    assert loaded.own_classes() == {}
    assert [(d.name, line) for d, line in loaded.shadowed()] == [("Relu", 4)]


def test_only_definitions_run_where_the_rest_would_not_end(tmp_path):
    path = write(tmp_path, net=f"import math\nsize = 3\nwhile True:\n    pass\n{RELU}")
    loaded = load(path, run="definitions")
    assert loaded.namespace["size"] == 3
    assert loaded.skipped == [3]
    assert "Relu" in loaded.own_classes()


# Reading ------------------------------------------------------------------------------------------


def test_encodings_that_python_reads_are_read(tmp_path):
    path = tmp_path / "net.py"
    path.write_bytes("# -*- coding: cp949 -*-\nname = '바닥'\n".encode("cp949"))
    assert load(path).namespace["name"] == "바닥"
    path.write_bytes(b"\xef\xbb\xbfname = '\xeb\xb0\x94\xeb\x8b\xa5'\r\n")
    assert load(path).namespace["name"] == "바닥"


def test_an_undeclared_encoding_is_told_in_words(tmp_path):
    path = tmp_path / "net.py"
    path.write_bytes("x = 1\nname = '바닥'\n".encode("cp949"))
    with pytest.raises(Unreadable, match="Line 2 .* cp949"):
        read_source(path)


def notebook(tmp_path: Path, *cells: str) -> Path:
    path = tmp_path / "net.ipynb"
    content = {"cells": [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_notebooks_magics_are_passed_over(tmp_path):
    path = notebook(
        tmp_path,
        "%matplotlib inline\n!pip install x\nx = 1\nx?",
        "%%bash\nls",
        "if x:\n    %time y = 2\n    z = 3",
        "a = = 2",
    )
    loaded = load(path)
    assert errors(loaded) == []
    assert loaded.namespace["z"] == 3
    assert loaded.source.cell(6) == (3, 1) or loaded.source.cell(7) == (3, 1)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"cells": 3}', '{"cells": [' + "[" * 5000 + "]" * 5000 + "]}", "[" * 100_000, '{"x": 1}', "3"]
)
def test_what_is_no_notebook_is_refused_in_words(tmp_path, text):
    path = tmp_path / "net.ipynb"
    path.write_text(text)
    with pytest.raises(Unreadable, match="not a notebook"):
        read_source(path)


# The project, the arguments -----------------------------------------------------------------------


def test_the_root_is_marked_or_the_callers(tmp_path):
    path = write(tmp_path, a__b__c__net="x = 1\n")
    source = read_source(path)
    assert Project(path, source.tree, tmp_path).root == tmp_path.resolve()
    (tmp_path / "a" / "pyproject.toml").touch()
    assert Project(path, source.tree).root == (tmp_path / "a").resolve()


def test_arguments_are_guessed_by_meaning_and_layout():
    assert alternatives("n_neurons", ROWS) == [3]
    assert alternatives("in_ch", IMAGES) == [3]
    assert alternatives("dim", ROWS)[0] == 7
    assert alternatives("dim", IMAGES)[0] == 3
    assert alternatives("W", IMAGES)[0].ndim == 4
    assert alternatives("Wx", SEQUENCES)[0].shape == (7, 11)
    assert alternatives("qqq", ROWS) == []


def test_large_defaults_of_networks_are_made_smaller():
    class Net:
        def __init__(
            self, input_dim=(1, 28, 28), conv_param={"filter_num": 30, "filter_size": 5, "pad": 0, "stride": 1}
        ):
            pass

    chosen = next(combinations(needed(Net, smaller=True), ROWS))
    assert chosen["input_dim"] == (1, 10, 10)
    assert chosen["conv_param"]["filter_num"] == 4


def test_a_name_that_says_nothing_is_named():
    class Layer:
        def __init__(self, W, qqq):
            pass

    with pytest.raises(Unguessable, match="qqq"):
        next(combinations(needed(Layer), ROWS))


def test_a_name_that_another_file_of_the_project_defines_is_not_undefined_everywhere(tmp_path):
    layer = "class Relu:\n    def forward(self, x):\n        self.x = x\n        return rectified(x)\n"
    path = write(tmp_path, lib__helpers="def rectified(x):\n    return x * (x > 0)\n", net=f"{layer}{BACKWARD}")
    write(tmp_path, train="from lib.helpers import rectified\n")
    (tmp_path / "setup.py").touch()
    report = examine_file(path)[0]
    assert report.verdict == "unknown"
    assert report.reason_values["file"] == str(Path("lib/helpers.py"))


def test_a_name_that_nothing_defines_is_undefined(tmp_path):
    layer = "class Relu:\n    def forward(self, x):\n        self.x = x\n        return rectified(x)\n"
    report = examine_file(write(tmp_path, net=f"{layer}{BACKWARD}"))[0]
    assert [f.label for f in report.findings] == ["undefined-name"]


def test_a_name_that_a_failed_import_would_have_brought_is_could_not_check(tmp_path):
    text = f"from nowhere_at_all import rectified\n{'class Relu:'}\n    def forward(self, x):\n        self.x = x\n"
    report = examine_file(write(tmp_path, net=f"{text}        return rectified(x)\n{BACKWARD}"))[0]
    assert report.verdict == "unknown"
    assert "nowhere_at_all" in report.reason_values["error"]


def test_a_name_that_an_import_of_everything_was_to_bring_is_not_the_objects_fault(tmp_path):
    layer = "class Relu:\n    def forward(self, x):\n        self.x = x\n        return rectified(x)\n"
    path = write(tmp_path, mylayers="other = 1\n", net=f"from mylayers import *\n{layer}{BACKWARD}")
    report = examine_file(path)[0]
    assert report.verdict == "unknown"
    assert report.reason_values["star"] == 1
