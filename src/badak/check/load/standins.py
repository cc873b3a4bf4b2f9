"""Stands in for third-party modules that are not installed, as long as nothing is asked of them.

Files with layers import plotting, data sets and progress bars that no layer uses. What a file takes from a module that
stands in may be named and called while the file is loaded; once an object is made or run, it raises ImportError.
"""

from __future__ import annotations

import importlib.abc
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

import numpy as np

from badak.check.load import columns

# Import names of packages that such files use; a name that is not here is taken for a module of the project's own.
THIRD_PARTY = frozenset(
    """
    IPython PIL albumentations autograd bokeh chainer cntk cupy cupyx cv2 cython datasets dill emoji fastai gensim
    google graphviz gym gymnasium h5py imageio ipywidgets jax jaxlib joblib kaggle keras librosa lightgbm llvmlite
    matplotlib memory_profiler mlxtend mnist mpl_toolkits networkx nltk nnfs numba numexpr openpyxl optuna pandas
    plotly progressbar psutil pycuda pydot pydotplus pygame pymysql pyopencl pytest requests scipy seaborn skimage
    sklearn statsmodels sympy tensorboard tensorboardX tensorflow tensorflow_datasets termcolor terminaltables
    theano tkinter torch torchsummary torchtext torchvision tqdm transformers visdom wandb xgboost yaml
    """.split()  # noqa: SIM905 (names in a text are read and kept in order more easily)
)
# nnfs.init() makes NumPy compute in float32 everywhere, which no gradient can be measured in.
NEVER_REAL = frozenset({"nnfs"})


class Absent(ModuleNotFoundError):
    """Something of a module that is not installed was needed after all."""


class Guard:
    """Tells whether what stands in may still be used: yes while files load, no once their objects run."""

    def __init__(self) -> None:
        """Begin with loading."""
        self.closed = False

    def pass_by(self, name: str) -> None:
        """Raise Absent once the files are loaded."""
        if self.closed:
            raise Absent(f"No module named {name.partition('.')[0]!r} (needed for {name})", name=name.partition(".")[0])


class Missing:
    """An attribute of a module that is not installed: has any attribute, can be called and subclassed."""

    def __init__(self, name: str, guard: Guard) -> None:
        """Remember the full name."""
        self._badak_name = name
        self._badak_guard = guard

    def __getattr__(self, name: str) -> Missing:
        if name.startswith("__"):
            raise AttributeError(name)
        self._badak_guard.pass_by(f"{self._badak_name}.{name}")
        return Missing(f"{self._badak_name}.{name}", self._badak_guard)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # noqa: D102 (what stands in has no docstring to show)
        self._badak_guard.pass_by(self._badak_name)
        return Missing(f"{self._badak_name}()", self._badak_guard)

    def __getitem__(self, key: Any) -> Missing:
        self._badak_guard.pass_by(self._badak_name)
        return Missing(f"{self._badak_name}[…]", self._badak_guard)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        name = self._badak_name
        return (type(name.rpartition(".")[2] or "Missing", (), {"_badak_missing": name}),)

    def __repr__(self) -> str:
        return f"<{self._badak_name}, which is not installed>"


def missing_base(kind: type) -> str | None:
    """Give the name of what a class builds on that is not installed, None where it builds on nothing such."""
    return getattr(kind, "_badak_missing", None)


def _decorator(function: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Stand in for a compiler's decorator, with or without arguments: the function stays plain Python."""
    return function if isinstance(function, types.FunctionType) else lambda inner: inner


def _vectorize(signatures: Any = None, *args: Any, **kwargs: Any) -> Any:
    if isinstance(signatures, types.FunctionType):
        return np.vectorize(signatures)
    return np.vectorize


PLAIN: dict[str, dict[str, Callable[..., Any]]] = {
    "numba": {"njit": _decorator, "jit": _decorator, "vectorize": _vectorize, "prange": range},
}


class StandInLoader(importlib.abc.Loader):
    """Makes a module that has every attribute."""

    def __init__(self, guard: Guard) -> None:
        """`guard` ends what may be done with it."""
        self.guard = guard

    def create_module(self, spec: ModuleSpec) -> types.ModuleType:
        """Make the module."""
        return _StandIn(spec.name, self.guard)

    def exec_module(self, module: types.ModuleType) -> None:
        """Give the few functions that plain Python can replace."""
        name = module.__name__
        vars(module).update(columns.FUNCTIONS if name.rpartition(".")[2] == columns.NAME else PLAIN.get(name, {}))


class _StandIn(types.ModuleType):
    def __init__(self, name: str, guard: Guard) -> None:
        super().__init__(name)
        self.__path__: list[str] = []
        self.__all__: list[str] = []
        self._badak_guard = guard

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self._badak_guard.pass_by(f"{self.__name__}.{name}")
        return Missing(f"{self.__name__}.{name}", self._badak_guard)
