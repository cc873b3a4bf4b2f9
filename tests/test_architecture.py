"""The plan of the house: imports run one way, inside packages too, and `import badak` stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import badak

ROOT = Path(badak.__file__).parent

# The rooms in the order of docs/layout.md. A room imports from the lines above its own, and from its left. A new
# module or package gets its place here, and nowhere else.
ORDER = [
    ["language", "fonts"],
    ["types", "validate", "init", "memory", "functions", "entry", "gradients", "reading", "store"],
    ["layers", "losses"],
    ["adopt", "networks", "models", "graph"],
    ["optim", "data"],
    ["train"],
    ["drawing", "engine"],
    ["book"],
    ["check"],
    ["learn", "cli", "__init__", "__main__"],
]
PLACE = {room: (line, column) for line, rooms in enumerate(ORDER) for column, room in enumerate(rooms)}

# Modules that stand in a ring today. No ring may be added, and none of these may stay here once it is gone.
RINGS = {
    # A network is lowered by its layers' rules, which write with what lowers it.
    frozenset({"badak.engine.images", "badak.engine.lower", "badak.engine.rules"}),
}


def room_of(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def module_of(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("badak", *parts[:-1])) if parts[-1] == "__init__" else ".".join(("badak", *parts))


def for_typing_alone(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imported(path):
    """Give all names that a file imports from badak, 'badak.x.y', wherever in it that is done."""
    waiting = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        waiting += [child for child in ast.iter_child_nodes(node) if not for_typing_alone(child)]
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide the arrow"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] == "badak")


def files():
    return [path for path in ROOT.rglob("*.py") if "locale" not in path.parts]


def uphill(path, places=PLACE):
    here = places[room_of(path)]
    for name in imported(path):
        room = name.split(".")[1] if "." in name else "__init__"
        there = places.get(room, places["__init__"])
        same_door = here[0] == there[0] == len(ORDER) - 1
        if room != room_of(path) and not (
            there[0] < here[0] or (there[0] == here[0] and there[1] < here[1]) or same_door
        ):
            yield f"{path.relative_to(ROOT)} imports {room}"


def arrows(paths):
    """Give for each module the modules that it imports: those named, not the packages around them."""
    modules = {module_of(path): path for path in paths}
    found = {}
    for module, path in modules.items():
        found[module] = set()
        for name in imported(path):
            while name not in modules:  # a function or class of it
                name = name.rpartition(".")[0]  # noqa: PLW2901
            if name != module:
                found[module].add(name)
    return found


def rings(found):
    """Give the sets of modules each of which reaches all of the others."""
    reach = {module: set(there) for module, there in found.items()}
    for middle in reach:
        for module in reach:
            if middle in reach[module]:
                reach[module] |= reach[middle]
    return {
        frozenset(other for other in reach[module] if module in reach[other])
        for module in reach
        if module in reach[module]
    }


def test_every_room_has_its_place_and_no_arrow_runs_uphill():
    assert len(files()) > 20
    rooms = {room_of(path) for path in files()}
    assert rooms == set(PLACE), "each room has its place, and each place its room"
    assert not [arrow for path in files() for arrow in uphill(path)]


def test_the_test_of_arrows_finds_one():
    # With networks moved to the top of the order, its imports all run uphill.
    moved = {**PLACE, "networks": (-1, 0)}
    assert any("imports losses" in arrow for arrow in uphill(ROOT / "networks.py", moved))


def test_no_modules_import_each_other_in_a_ring():
    assert rings(arrows(files())) == RINGS


def test_the_test_of_rings_finds_one_that_a_late_import_hides(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    (tmp_path / "a.py").write_text("from badak.b import f\n")
    (tmp_path / "b.py").write_text("def f():\n    from badak import c\n")
    (tmp_path / "c.py").write_text("if True:\n    import badak.a\n")
    (tmp_path / "d.py").write_text("from badak.a import x\nif TYPE_CHECKING:\n    from badak.e import y\n")
    (tmp_path / "e.py").write_text("from badak.d import x\n")
    (tmp_path / "__init__.py").write_text("")
    assert rings(arrows(files())) == {frozenset({"badak.a", "badak.b", "badak.c"})}


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
