"""What is known about the script that runs: where it lies, what it asks for, and so which of the book's it is."""

import ast
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

CHAPTER = re.compile(r"ch(?:ap(?:ter)?)?[ ._-]*0?([1-8])(?![0-9])|(?<![0-9])0?([1-8]) ?[장章]", re.IGNORECASE)

# The second volume has a `common` and a `dataset` of its own, with other classes under the same names. What tells it:
SECOND_VOLUME_FILES = ("time_layers.py", "base_model.py", "np.py")
SECOND_VOLUME_NAMES = frozenset({
    "common.np", "common.time_layers", "common.base_model", "dataset.spiral", "dataset.ptb", "dataset.sequence",
    "common.trainer.RnnlmTrainer", "common.util.clip_grads", "common.util.convert_one_hot",
    "common.util.create_co_matrix", "common.util.create_contexts_target", "common.util.eval_perplexity",
    "common.util.most_similar", "common.util.preprocess",
})  # fmt: skip

# The script that runs, where `run` runs it, the chapter that it was told to be of, and a notebook's code.
_script: Path | None = None
_chapter: int | None = None
_text: str | None = None


def set_script(path: Path | None, chapter: int | None, text: str | None) -> None:
    """Keep what runs: its path, the chapter it was told to be of, its code where the file is not the code."""
    global _script, _chapter, _text
    _script, _chapter, _text = path, chapter, text


def script() -> Path | None:
    """Give the path of the script that runs; None in a notebook or a shell."""
    if _script is not None:
        return _script
    file = getattr(sys.modules.get("__main__"), "__file__", None)
    return Path(file) if file else None


def beside() -> Path:
    """Give the folder of the script; without one, the current folder."""
    running = script()
    return Path.cwd() if running is None else running.resolve().parent


def chapter_of(path: Path | None) -> int:
    """Say which chapter's `two_layer_net` a script means: 4 (sigmoid, probabilities) or 5 (layers, scores).

    What it was told to be; else what a notebook, or the nearest folder that names a chapter, is called (ch04,
    chapter5, 4장); else 4 where it asks a network for `numerical_gradient` and never for `gradient`, nor for `layers`
    or `lastLayer`, as chapter 4 first does; else 5. Without a script (a notebook's kernel, a shell) the current
    folder counts.
    """
    if _chapter is not None:
        return _chapter
    folder = Path.cwd() if path is None else path.resolve().parent
    named = [CHAPTER.fullmatch(part) for part in reversed(folder.parts)]
    if path is not None and path.suffix == ".ipynb":
        named.insert(0, CHAPTER.search(path.stem))
    chapters = [int(match[1] or match[2]) for match in named if match]
    for chapter in chapters:
        if chapter in (4, 5):
            return chapter
    asked = {node.attr for node in ast.walk(_tree(path)) if isinstance(node, ast.Attribute)}
    return 4 if "numerical_gradient" in asked and not asked & {"gradient", "layers", "lastLayer"} else 5


def _tree(path: Path | None) -> ast.AST:
    """Give the syntax tree of the code of `path`; an empty one where it cannot be had."""
    try:
        if path is None:
            return ast.Module([], [])
        return ast.parse(path.read_bytes() if _text is None or path != _script else _text)
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([], [])


def _imported(tree: ast.AST) -> Iterator[str]:
    """Give what is imported, with and without the names taken: common.util, common.util.preprocess."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_of_second_volume(commons: Iterable[str] = ()) -> bool:
    """Tell whether the script that runs is of the second volume, by what it imports or by its own folder `common`.

    badak's modules are the first volume's: they would not do what is meant, and are not given to it.
    """
    if any(os.path.isfile(os.path.join(folder, file)) for folder in commons for file in SECOND_VOLUME_FILES):
        return True
    return not SECOND_VOLUME_NAMES.isdisjoint(_imported(_tree(script())))
