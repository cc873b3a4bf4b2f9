"""A learner's folder: the files of the exercises, and the progress, which survives whatever happens to it.

Nothing that a learner wrote is ever overwritten: a task is written only where there is no file of its name.
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from badak import store
from badak.learn.exercise import Exercise, exercises
from badak.reading import load_json, read_regular
from badak.validate import is_whole

PROGRESS = "progress.json"
FORMAT = 1
HINTS = 3
MOST_BYTES = 1_000_000
"""Of the progress file, which has 2 kB."""


@dataclass
class State:
    """How a learner stands with one exercise."""

    solved: str | None = None
    """When it was solved, local time; None until then."""
    tries: int = 0
    """So many saved versions were checked before it was solved."""
    hints: int = 0
    """So many of the three hints were shown."""


class Folder:
    """The folder of one learner. Raises NotADirectoryError where the path is a file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if self.path.exists() and not self.path.is_dir():
            raise NotADirectoryError(f"{self.path} is a file; the exercises need a folder")
        self.damaged: Path | None = None
        """Where a progress file that could not be read was put aside."""
        self.states: dict[str, State] = {exercise.name: State() for exercise in exercises()}
        self.lang: str | None = None
        self._read()

    def file(self, exercise: Exercise) -> Path:
        """Give the path of the learner's file for an exercise."""
        return self.path / exercise.file

    def current(self) -> Exercise | None:
        """Give the first exercise that is not solved, None at the end."""
        return next((e for e in exercises() if self.states[e.name].solved is None), None)

    def solved(self) -> int:
        """Give how many exercises are solved."""
        return sum(state.solved is not None for state in self.states.values())

    def write_task(self, exercise: Exercise, lang: str) -> bool:
        """Write the file of an exercise if there is none; say whether it was written."""
        self.path.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(self.file(exercise)):
            return False
        store.write_atomically(self.file(exercise), exercise.task[lang].encode())
        return True

    def tried(self, exercise: Exercise, solved: bool) -> None:
        """Note a check of a saved version, and save the progress."""
        state = self.states[exercise.name]
        if state.solved is None:
            state.tries += 1
            state.solved = time.strftime("%Y-%m-%d %H:%M:%S") if solved else None
            self.save()

    def save(self) -> None:
        """Write the progress, wholly or not at all."""
        self.path.mkdir(parents=True, exist_ok=True)
        plain = {"format": FORMAT, "lang": self.lang, "exercises": {k: asdict(v) for k, v in self.states.items()}}
        text = json.dumps(plain, indent=1, ensure_ascii=False) + "\n"
        store.write_atomically(self.path / PROGRESS, text.encode())

    def _read(self) -> None:
        path = self.path / PROGRESS
        if not path.exists():
            return
        try:
            plain = load_json(read_regular(path, MOST_BYTES), PROGRESS)
            states = {name: State(**_checked(held)) for name, held in plain["exercises"].items()}
            if plain["format"] != FORMAT or plain["lang"] not in (None, "en", "ko"):
                raise ValueError
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            # The answers themselves are there: they are checked again, so that only tries and hints are lost.
            self.damaged = _aside(path)
            return
        self.lang = plain["lang"]
        self.states |= {name: state for name, state in states.items() if name in self.states}


def _checked(held: dict[str, Any]) -> dict[str, Any]:
    """Give a state from the file; raise ValueError for one of other types."""
    solved, tries, hints = held["solved"], held["tries"], held["hints"]
    counts = all(is_whole(n, 0) for n in (tries, hints))
    if not counts or not (solved is None or isinstance(solved, str)):
        raise ValueError
    return {"solved": solved, "tries": tries, "hints": min(hints, HINTS)}


def _aside(path: Path) -> Path:
    """Move a damaged file to a name of its own beside it; give that name."""
    for number in range(1, 1000):
        other = path.with_name(f"progress.damaged{'' if number == 1 else f'-{number}'}.json")
        if not other.exists():
            path.rename(other)
            return other
    raise FileExistsError(f"too many damaged progress files beside {path}")
