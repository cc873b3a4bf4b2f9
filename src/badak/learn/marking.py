"""Marks a folder of hand-ins: a row a pupil, what is wrong as labels; each answer runs in a process of its own."""

import contextlib
import csv
import io
import itertools
import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from badak import store
from badak.check.isolate import MEMORY_LIMIT
from badak.check.load.reading import read_source
from badak.language import choose_language, fill_in, translator
from badak.learn.exercise import Exercise, exercises
from badak.learn.grading import TIME_LIMIT, VERDICTS, Grade, grade
from badak.reading import read_regular, shown

FILES = (".py", ".ipynb")
MOST_BYTES = 16_000_000
"""Of one file of a hand-in: more than any notebook with its pictures."""
MOST_BESIDE = 500
"""Files beside an answer that are kept for its imports."""


@dataclass
class HandIn:
    """What one pupil handed in: the file of each exercise, by the exercise's name."""

    pupil: str
    files: dict[str, Path] = field(default_factory=dict)
    grades: dict[str, Grade] = field(default_factory=dict)
    linked: bool = False
    """Whether it is a link to another hand-in or to the whole folder, which is not followed."""
    contents: dict[Path, bytes] = field(default_factory=dict)
    """What the files held, and those beside them that they may import, when marking began."""


def mark(
    folder: str | os.PathLike[str], csv_file: str | os.PathLike[str] | None = None, lang: str | None = None, *,
    time_limit: float = TIME_LIMIT, memory_limit: int | None = MEMORY_LIMIT, workers: int | None = None,
) -> int:  # fmt: skip
    """Mark the hand-ins in `folder` and write the table to `csv_file`, or print it. Gives 0.

    A pupil is a subfolder, with the files in it (at any depth); or the files right in `folder` whose names begin alike:
    `kim_01_relu.py` and `kim_sigmoid.py` are Kim's, `lee.py` Lee's, with all the exercises that it defines. A file
    belongs to the exercise in its name (`01_relu.py`, `my_relu.py`), or else to those whose classes or functions it
    defines.

    This RUNS the files, each for each exercise in a child process with limits on time and memory: an answer that loops
    for ever or crashes costs its own cell. Raises FileNotFoundError or NotADirectoryError for a wrong folder,
    ValueError where nobody handed in anything.
    """
    lang = choose_language(lang)
    folder = Path(folder)
    if not folder.exists():
        raise FileNotFoundError(f"there is no folder {folder}")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is a file; a folder of hand-ins is needed")
    if csv_file is not None and not Path(csv_file).absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {Path(csv_file).absolute().parent} to write the table to")
    pupils = find_pupils(folder)
    if not pupils:
        raise ValueError(f"{folder} holds no hand-ins: subfolders, a pupil each, or Python files named after pupils")
    # All are read before any is run, so that none changes another's row.
    for pupil in pupils:
        _read(pupil, folder)
    jobs = [(pupil, exercise) for pupil in pupils for exercise in exercises()]

    def run(job: tuple[HandIn, Exercise]) -> None:
        pupil, exercise = job
        # An answer may do anything; what it does to its own row must not end the others'.
        try:
            graded = _grade(pupil, exercise, time_limit, memory_limit)
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            values = {"error": f"{type(error).__name__}: {error}"}
            graded = Grade(exercise.name, "unknown", reason="checker", values=values)
        pupil.grades[exercise.name] = graded

    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        list(pool.map(run, jobs))
    text = table(pupils, lang)
    if csv_file is None:
        sys.stdout.write(text)
    else:
        # The mark at the start is how Excel knows UTF-8, and so Hangul.
        store.write_atomically(Path(csv_file), text.encode("utf-8-sig"))
        sentence = translator("learn", lang).gettext("{count} hand-ins marked: {file}")
        print(fill_in(sentence, {"count": len(pupils), "file": shown(str(csv_file))}))
    return 0


def _grade(pupil: HandIn, exercise: Exercise, time_limit: float, memory_limit: int | None) -> Grade:
    path = pupil.files.get(exercise.name)
    if pupil.linked:
        return Grade(exercise.name, "unknown", reason="link")
    if path is None:
        return Grade(exercise.name, "missing")
    if path not in pupil.contents:
        return grade(path, exercise)  # it could not be read: this says why
    near = {str(other.relative_to(path.parent)): held for other, held in pupil.contents.items()
            if other.is_relative_to(path.parent)}  # fmt: skip
    return grade(path, exercise, time_limit=time_limit, memory_limit=memory_limit, content=pupil.contents[path],
                 beside=near)  # fmt: skip


def _read(pupil: HandIn, folder: Path) -> None:
    """Keep what the pupil's files hold, and the Python files beside and below them."""
    paths = {*pupil.files.values()}
    for place in {path.parent for path in paths} - {folder}:  # there lie the files of others
        below = (path for path in _files(place) if path.suffix == ".py" and not path.is_symlink())
        paths.update(itertools.islice(below, MOST_BESIDE))
    for path in paths:
        with contextlib.suppress(OSError, ValueError):
            pupil.contents[path] = read_regular(path, MOST_BYTES)


def table(pupils: list[HandIn], lang: str | None = None) -> str:
    """Give the marks as CSV: pupil, how many solved, and for each exercise its verdict and the causes as labels."""
    say = translator("learn", lang).gettext
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    heads = [say("pupil"), say("solved exercises")]
    for exercise in exercises():
        heads += [exercise.name, f"{exercise.name}: {say('causes')}"]
    writer.writerow(map(harmless, heads))
    for pupil in pupils:
        grades = [pupil.grades[exercise.name] for exercise in exercises()]
        row = [pupil.pupil, str(sum(graded.verdict == "solved" for graded in grades))]
        for graded in grades:
            row += [say(VERDICTS[graded.verdict]), "; ".join(graded.labels)]
        writer.writerow(map(harmless, row))
    return target.getvalue()


FORMULAS = "=+-@\uff1d\uff0b\uff0d\uff20\u2212"
"""What a formula begins with; Excel takes the full-width forms for the others."""


def harmless(cell: str) -> str:
    """Give a cell that a spreadsheet does not take for a formula, and that a terminal can print."""
    cell = "".join(letter if letter.isprintable() else "?" for letter in cell)
    # In many countries a semicolon parts the cells, and what follows it begins another.
    cell = re.sub(rf"([;,|]\s*)([{re.escape(FORMULAS)}])", r"\1'\2", cell)
    return f"'{cell}" if cell.lstrip().startswith(tuple(FORMULAS)) else cell


def find_pupils(folder: Path) -> list[HandIn]:
    """Give the pupils of a folder, by name: see `mark` for how hand-ins may lie there."""
    found: dict[str, HandIn] = {}
    loose: dict[str, list[Path]] = {}
    whole = folder.resolve()
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith((".", "__")):
            continue
        if _leads_back(entry, whole):
            if entry.is_dir() or entry.suffix in FILES:
                name = entry.name if entry.is_dir() else _pupil_of(entry)
                found[name] = HandIn(name, linked=True)
        elif entry.is_dir():
            files = sorted(path for path in _files(entry) if not _leads_back(path, whole, entry.resolve()))
            found[entry.name] = HandIn(entry.name, _sorted_out(files))
        elif entry.suffix in FILES:
            loose.setdefault(_pupil_of(entry), []).append(entry)
    for name, files in loose.items():
        own = found.setdefault(name, HandIn(name))
        own.files = {**_sorted_out(files), **own.files}
    return sorted(found.values(), key=lambda pupil: pupil.pupil)


def _leads_back(entry: Path, whole: Path, own: Path | None = None) -> bool:
    """Say whether a link leads to the folder `whole`, above it or into it, but not into the pupil's `own` part."""
    if not entry.is_symlink():
        return False
    try:
        target = entry.resolve()
    except (OSError, RuntimeError):  # a link to itself
        return True
    if own is not None and target.is_relative_to(own):
        return False
    return target.is_relative_to(whole) or whole.is_relative_to(target)


def _files(folder: Path) -> Iterator[Path]:
    for place, inside, names in os.walk(folder):
        inside[:] = [name for name in inside if not name.startswith((".", "__"))]
        for name in names:
            if Path(name).suffix in FILES and not name.startswith("."):
                yield Path(place, name)


def _named(path: Path) -> tuple[Exercise, int, int] | None:
    """Give the exercise in a file's name, with where its name (and number) begins and ends."""
    stem = path.stem.lower().replace("-", "_").replace(" ", "_")
    for exercise in sorted(exercises(), key=lambda e: -len(e.name)):
        place = re.search(rf"(?:^|_)(?:0?{exercise.number}_)?{exercise.name}(?=_|$)", stem)
        if place:
            return exercise, place.start(), place.end()
    return None


def _pupil_of(path: Path) -> str:
    """Give the pupil's name from that of a loose file: what stands before the exercise, or after it."""
    named = _named(path)
    if named is None:
        return path.stem
    _, begin, end = named
    return path.stem[:begin].strip("_- ") or path.stem[end:].strip("_- ") or path.stem


def _sorted_out(files: list[Path]) -> dict[str, Path]:
    """Give each exercise its file: by name first, then by what the other files define."""
    given: dict[str, Path] = {}
    nameless = []
    # A file as it was given out, 01_relu.py, goes before my_relu.py.
    for path in sorted(files, key=lambda p: (all(p.name != e.file for e in exercises()), len(p.parts), str(p))):
        named = _named(path)
        if named is None:
            nameless.append(path)
        else:
            given.setdefault(named[0].name, path)
    for path in nameless:
        defined = _defined(path)
        for exercise in exercises():
            if set(exercise.names) <= defined:
                given.setdefault(exercise.name, path)
    return given


def _defined(path: Path) -> set[str]:
    """Give the classes and functions that a file defines, without running it; none where it cannot be read."""
    try:
        source = read_source(path)
    except (OSError, SyntaxError, ValueError):
        return set()
    return {node.name for node in source.classes()} | set(source.functions())
