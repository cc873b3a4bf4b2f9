"""`badak learn` and what goes with it: plain functions, which print and give an exit code."""

import argparse
import difflib
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from badak.language import choose_language, fill_in, translator
from badak.learn.exercise import Exercise, exercise_named, exercises
from badak.learn.folder import HINTS, Folder
from badak.learn.grading import TIME_LIMIT, Grade, grade, report
from badak.learn.marking import mark
from badak.reading import read_regular, shown

POLL = 0.4
"""Seconds between two looks at the folder. A few files cost nothing to look at, on any disk and system; no watching
library is needed, and a network drive or an editor that replaces files makes no difference."""

__all__ = ["hint", "learn", "mark", "run", "status"]
HOME = "badak-learn"
"""The folder where none is given."""
Path_ = str | os.PathLike[str]


def learn(
    folder: Path_ = HOME, lang: str | None = None, *, once: bool = False, time_limit: float = TIME_LIMIT,
    stop: Callable[[], bool] = lambda: False,
) -> int:  # fmt: skip
    """Write out the next exercise, watch the folder, and say at every save what is still wrong.

    This RUNS the files in `folder`, each in a child process with limits on time and memory. `once` checks what is
    there and comes back; else it goes on until all is solved, Ctrl-C, or `stop()`. Gives 0 where all exercises are
    solved, else 1. Raises ValueError for an unknown language, OSError where the folder cannot be written.
    """
    held = Folder(folder)
    lang = held.lang = choose_language(lang or held.lang)
    screen = _Screen(lang, folder)
    if held.damaged is not None:
        screen.print("The progress file was damaged; it is kept as {file}, and the answers are checked again.", "bold",
                     file=held.damaged.name)  # fmt: skip
    _open_next(held, screen)
    held.save()
    seen: dict[str, Any] = {}
    screen.progress(held)
    _check_changed(held, screen, seen, time_limit)
    if not once and held.current() is not None:
        screen.print("Watching {folder}; every save is checked. Ctrl-C ends it.", "dim", folder=str(held.path))
        try:
            while held.current() is not None and not stop():
                time.sleep(POLL)
                _check_changed(held, screen, seen, time_limit)
        except KeyboardInterrupt:
            screen.print("Stopped; your progress is saved.", "dim")
            return 1
    if held.current() is None:
        screen.print("All {count} exercises are solved. Well done!", "bold green", count=len(exercises()))
    return int(held.current() is not None)


def hint(folder: Path_ = HOME, exercise: str | None = None, lang: str | None = None) -> int:
    """Print the next hint for `exercise` (name, number or file), by default the one not yet solved. Gives 0.

    Each call gives one more of three; then all three again. Raises FileNotFoundError where there is no such folder,
    ValueError for an unknown exercise.
    """
    held = _existing(folder)
    screen = _Screen(choose_language(lang or held.lang))
    wanted = exercise_named(exercise) if exercise is not None else held.current()
    if wanted is None:
        screen.print("All exercises are solved: no hint is needed.", "green")
        return 0
    state = held.states[wanted.name]
    again = state.hints == HINTS
    state.hints = min(state.hints + 1, HINTS)
    held.save()
    for number in range(1, HINTS + 1) if again else [state.hints]:
        screen.print("Hint {number} of {all} for {file}:", "bold", number=number, all=HINTS, file=wanted.file)
        screen.line("  " + wanted.hints[screen.lang][number - 1])
    if state.hints < HINTS:
        screen.print("Ask again for more.", "dim")
    return 0


def status(folder: Path_ = HOME, lang: str | None = None) -> int:
    """Print how far the learner is: each exercise with its tries and hints. Gives 0 where all are solved, else 1.

    Nothing is run. Raises FileNotFoundError where there is no such folder.
    """
    held = _existing(folder)
    screen = _Screen(choose_language(lang or held.lang))
    screen.progress(held)
    say = screen.say
    for exercise in exercises():
        state = held.states[exercise.name]
        there = held.file(exercise).exists()
        told = say("solved") if state.solved else say("open") if there else say("to come")
        counts = (
            fill_in(say("tries {tries}, hints {hints}"), {"tries": state.tries, "hints": state.hints}) if there else ""
        )
        screen.columns([(exercise.file, 26), (told, 10), (counts, 0)])
    return int(held.current() is not None)


def run(arguments: Sequence[str], program: str = "badak learn") -> int:
    """Do what a command line says: [FOLDER], hint [FOLDER], status [FOLDER] or mark FOLDER; give the exit code.

    A folder that has the name of a command, or nearly, is written ./hint. Raises as the functions above, SystemExit for
    a command line that is not understood, ValueError for what looks like a command misspelled.
    """
    bare = arguments and Path(arguments[0]).name == arguments[0] and not Path(arguments[0]).exists()
    near = difflib.get_close_matches(arguments[0], list(filter(None, COMMANDS)), 1, 0.7) if bare else []
    if near and arguments[0] not in COMMANDS:
        raise ValueError(
            f"there is no command {arguments[0]}; did you mean `{program} {near[0]}`? A new folder of that name is "
            f"written ./{arguments[0]}"
        )
    name = arguments[0] if arguments and arguments[0] in COMMANDS else ""
    say = translator("learn").gettext
    parser = argparse.ArgumentParser(prog=f"{program} {name}".strip(), description=say(COMMANDS[name]))
    folder = say("the folder of hand-ins") if name == "mark" else say("the folder of the exercises")
    parser.add_argument("folder", nargs=None if name == "mark" else "?", default=HOME, help=folder)
    parser.add_argument("--lang", metavar="LANGUAGE", help=say("en or ko"))
    if name == "":
        further = ", ".join(filter(None, COMMANDS))
        parser.epilog = fill_in(say("Further commands: {commands}; each has --help."), {"commands": further})
        parser.add_argument("--once", action="store_true", help=say("check what is there and come back"))
    elif name == "hint":
        parser.add_argument("--exercise", help=say("its name, number or file; by default the one not yet solved"))
    elif name == "mark":
        parser.add_argument(
            "--csv", nargs="?", metavar="FILE", help=say("the table to write; it is printed where none is given")
        )
    if name in ("", "mark"):
        parser.add_argument("--time-limit", type=float, default=TIME_LIMIT, metavar="SECONDS",
                            help=say("for one answer"))  # fmt: skip
    asked = parser.parse_args(arguments[1:] if name else arguments)
    if getattr(asked, "time_limit", 1.0) <= 0:
        raise ValueError(f"--time-limit must be more than 0 seconds, not {asked.time_limit:g}")
    if name == "hint":
        return hint(asked.folder, asked.exercise, asked.lang)
    if name == "status":
        return status(asked.folder, asked.lang)
    if name == "mark":
        return mark(asked.folder, asked.csv, asked.lang, time_limit=asked.time_limit)
    return learn(asked.folder, asked.lang, once=asked.once, time_limit=asked.time_limit)


COMMANDS = {
    "": "Exercises in a folder: every save is checked, and what is wrong is said. This RUNS the files in the folder.",
    "hint": "The next of three hints for the exercise not yet solved.",
    "status": "How far you are.",
    "mark": "Mark a folder of hand-ins, a row a pupil. This RUNS their files, each in a process with limits.",
}


def _existing(folder: Path_) -> Folder:
    if not Path(folder).is_dir():
        raise FileNotFoundError(f"there is no folder {folder}: `badak learn {folder}` makes it")
    return Folder(folder)


def _open_next(held: Folder, screen: "_Screen") -> None:
    current = held.current()
    if current is not None and held.write_task(current, screen.lang):
        screen.print("Next: {title}. Open {path} and write what is missing.", "bold", title=screen.say(current.title),
                     path=str(held.file(current)))  # fmt: skip


def _check_changed(held: Folder, screen: "_Screen", seen: dict[str, Any], time_limit: float) -> None:
    """Check the files that changed since they were seen; a solved one opens the next, which is looked at too."""
    for exercise in exercises():
        content = _content(held.file(exercise))
        if content is None or seen.get(exercise.name) == content:
            continue
        known = exercise.name in seen
        seen[exercise.name] = content
        was_solved = held.states[exercise.name].solved is not None
        if was_solved and not known:
            continue  # solved in an earlier session, and not touched in this one
        graded = grade(held.file(exercise), exercise, time_limit=time_limit)
        blank = graded.verdict == "blank" and not graded.findings
        if not (blank and not known):
            screen.grade(exercise, graded)
        if not blank:
            held.tried(exercise, graded.verdict == "solved")
        if graded.verdict == "solved" and not was_solved:
            screen.progress(held)
            _open_next(held, screen)


def _content(path: Path) -> bytes | None:
    """Give what is in a file; None where there is none, or none that may be read just now."""
    try:
        return read_regular(path)
    except (OSError, ValueError):
        return None


class _Screen:
    """Prints sentences in one language; colours on a terminal, plain text elsewhere."""

    def __init__(self, lang: str, folder: Path_ = HOME) -> None:
        from rich.console import Console

        self.lang, self.say = lang, translator("learn", lang).gettext
        self.folder = "" if str(folder) == HOME else f" {folder}"
        self.console = Console(file=sys.stdout, highlight=False, emoji=False, markup=False)

    def line(self, text: str, style: str | None = None) -> None:
        """Print a line; a longer one than the screen goes on under its own indentation."""
        from rich.padding import Padding
        from rich.text import Text

        text = shown(text)
        indent = len(text) - len(text.lstrip())
        if self.console.is_terminal:
            self.console.print(Padding(Text(text.strip(), style=style or ""), (0, 0, 0, indent)))
        else:
            print(text, flush=True)

    def print(self, sentence: str, style: str | None = None, **values: Any) -> None:
        """Print a sentence, translated."""
        self.line(fill_in(self.say(sentence), values), style)

    def columns(self, cells: list[tuple[str, int]]) -> None:
        """Print texts side by side, each as wide as is given; Hangul takes two places a letter."""
        from rich.cells import cell_len

        self.line("".join(text + " " * max(width - cell_len(text), 0) for text, width in cells).rstrip())

    def progress(self, held: Folder) -> None:
        """Print how many exercises are solved."""
        count, every = held.solved(), len(exercises())
        self.line(f"[{'#' * count}{'.' * (every - count)}] {count}/{every}", "bold")

    def grade(self, exercise: Exercise, graded: Grade) -> None:
        """Print what is said of an answer."""
        styles = {"solved": "bold green", "blank": "yellow"}
        told = {"solved": "{file}: solved.", "blank": "{file}: right so far.", "wrong": "{file}: not right yet."}
        self.print(told.get(graded.verdict, "{file}: could not be checked."), styles.get(graded.verdict, "bold red"),
                   file=exercise.file)  # fmt: skip
        for line in report(graded, self.lang):
            self.line("  " + line)
        if graded.verdict == "wrong":
            self.print("  Stuck? badak learn hint{folder}", "dim", folder=self.folder)
