"""The plan of the house: imports run one way, and `import badak` stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import badak

ROOT = Path(badak.__file__).parent

# The rooms in the order of docs/layout.md. A room imports from the lines above its own, and from its left.
ORDER = [
    ["language", "fonts"],
    ["types", "memory", "functions", "gradients", "reading", "store"],
    ["layers", "losses"],
    ["networks", "convnets", "graph"],
    ["optimizers", "data"],
    ["train"],
    ["check", "drawing", "export", "engine"],
    ["estimators", "cluster", "playground", "book", "learn", "cli", "__init__", "__main__"],
]
PLACE = {room: (line, column) for line, rooms in enumerate(ORDER) for column, room in enumerate(rooms)}


def room_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path):
    """Give the rooms of badak that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide the arrow"
            names = [node.module] if node.module != "badak" else [f"badak.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name == "badak" or name.startswith("badak."):
                yield name.split(".")[1] if "." in name else "__init__"


def uphill(path, places=PLACE):
    here = places[room_of(path)]
    for room in imports_of(path):
        there = places.get(room, places["__init__"])
        same_door = here[0] == there[0] == len(ORDER) - 1
        if room != room_of(path) and not (
            there[0] < here[0] or (there[0] == here[0] and there[1] < here[1]) or same_door
        ):
            yield f"{path.relative_to(ROOT)} imports {room}"


def test_every_room_has_its_place_and_no_arrow_runs_uphill():
    files = [path for path in ROOT.rglob("*.py") if "locale" not in path.parts]
    assert len(files) > 20
    assert not [room_of(path) for path in files if room_of(path) not in PLACE]
    assert not [arrow for path in files for arrow in uphill(path)]


def test_the_test_of_arrows_finds_one(tmp_path):
    # With train moved to the top of the order, its imports all run uphill.
    moved = {**PLACE, "train": (-1, 0)}
    assert any("imports networks" in arrow for arrow in uphill(ROOT / "train" / "fit.py", moved))


def python(code, **environment):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_import_badak_imports_numpy_alone():
    loaded = python(
        "import sys, numpy; before = set(sys.modules); import badak;"
        "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    )
    outside = set(loaded) - {"badak", "numpy"} - set(sys.stdlib_module_names)
    assert not outside, "import badak must import NumPy and nothing heavier"


def test_no_module_needs_posix_when_imported():
    python(
        "import sys\n"
        "sys.modules['resource'] = sys.modules['fcntl'] = sys.modules['pwd'] = sys.modules['termios'] = None\n"
        "import importlib, pkgutil, badak\n"
        "for module in pkgutil.walk_packages(badak.__path__, 'badak.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
    )
