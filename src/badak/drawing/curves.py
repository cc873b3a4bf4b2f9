"""Training curves: loss and accuracy over the epochs, as one picture."""

import io
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from badak.fonts import hangul_font_path
from badak.language import choose_language, translator
from badak.store import write_atomically


def draw_curves(records: Sequence[Mapping[str, Any]], path: str | os.PathLike[str], lang: str | None = None) -> None:
    """Draw the `records` of a History into `path`; its ending, .png, .svg or .pdf, says in which form.

    `lang` is 'en' or 'ko', by default that of the locale. Raises ValueError where there is nothing to draw.
    """
    from matplotlib import font_manager, rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if not records:
        raise ValueError("there is no record to draw: the training was never evaluated")
    say = translator("badak", lang).gettext
    family = ["DejaVu Sans"]
    if choose_language(lang) == "ko":
        # Matplotlib's own font has no Hangul, and would draw boxes; it takes from the next what it lacks.
        font_manager.fontManager.addfont(str(hangul_font_path()))
        family.append(font_manager.FontProperties(fname=str(hangul_font_path())).get_name())
    epochs = [record["epoch"] for record in records]
    with rc_context({"font.family": family, "svg.hashsalt": "badak"}):
        figure = Figure(figsize=(8, 3.4), layout="constrained")
        FigureCanvasAgg(figure)
        loss, accuracy = figure.subplots(1, 2)
        loss.plot(epochs, _values(records, "loss"), "o-", color="tab:red", markersize=3)
        loss.set(xlabel=say("epoch"), ylabel=say("loss"), title=say("Loss"), ylim=(0, None))
        for key, style, label in (
            ("train_accuracy", "o-", say("train")),
            ("test_accuracy", "s--", say("test")),
        ):
            values = _values(records, key)
            if not all(map(math.isnan, values)):
                accuracy.plot(epochs, values, style, markersize=3, label=f"{label} {values[-1]:.4f}")
        accuracy.set(xlabel=say("epoch"), ylabel=say("accuracy"), title=say("Accuracy"), ylim=(0, 1))
        if accuracy.lines:
            accuracy.legend(loc="lower right")
        for axes in (loss, accuracy):
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        # Drawn in memory first: a picture is written whole or not at all.
        drawn = io.BytesIO()
        figure.savefig(drawn, dpi=120, format=Path(path).suffix.removeprefix(".") or "png")
    write_atomically(Path(path), drawn.getvalue())


def _values(records: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    return [float("nan") if record[key] is None else float(record[key]) for record in records]
