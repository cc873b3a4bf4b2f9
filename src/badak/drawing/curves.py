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

LEAST_SPAN = 0.02
"""Least height of the accuracies' axis: on a smaller one, what is noise would look like a change."""


def draw_curves(
    records: Sequence[Mapping[str, Any]],
    path: str | os.PathLike[str],
    lang: str | None = None,
    *,
    final: Mapping[str, Any] | None = None,
) -> None:
    """Draw the `records` of a History into `path`; its ending, .png, .svg or .pdf, says in which form.

    `lang` is 'en' or 'ko', by default that of the locale. `final` is what is true of the network at the end, `epoch`
    (with its fraction), `train_accuracy`, `test_accuracy`: the legend gives these, else those of the last record.
    Raises ValueError where there is nothing to draw.
    """
    from matplotlib import font_manager, rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

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
        losses = _values(records, "loss")
        loss.plot(epochs, losses, "o-", color="tab:red", markersize=3)
        loss.set(xlabel=say("epoch"), ylabel=say("loss"), title=say("Loss"), ylim=_loss_limits(losses))
        drawn: list[list[float]] = []
        for key, style, label in (
            ("train_accuracy", "o-", say("train")),
            ("test_accuracy", "s--", say("test")),
        ):
            values, places = _values(records, key), epochs
            last = values[-1] if final is None or final[key] is None else float(final[key])
            if final is not None and final["epoch"] > epochs[-1] + 0.05:  # trained on after the last record
                values, places = [*values, last], [*epochs, final["epoch"]]
            if not all(map(math.isnan, values)):
                accuracy.plot(places, values, style, markersize=3, label=f"{label} {last:.4f}")
                drawn.append(values)
        accuracy.set(xlabel=say("epoch"), ylabel=say("accuracy"), ylim=_accuracy_limits(drawn))
        accuracy.set_title(say("Accuracy"), pad=24 if drawn else None)
        if drawn:
            # Over the axes, where no curve can be.
            accuracy.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, borderaxespad=0.2)
        for axes in (loss, accuracy):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1, steps=[1, 2, 5, 10]))
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        # Drawn in memory first: a picture is written whole or not at all.
        picture = io.BytesIO()
        figure.savefig(picture, dpi=120, format=Path(path).suffix.removeprefix(".") or "png")
    write_atomically(Path(path), picture.getvalue())


def _values(records: Sequence[Mapping[str, Any]], key: str) -> list[float]:
    return [float("nan") if record[key] is None else float(record[key]) for record in records]


def _loss_limits(values: Sequence[float]) -> tuple[float, float]:
    """Return the ends of the losses' axis: from 0, with room for the width of a line that lies there."""
    top = max(filter(math.isfinite, values), default=1.0) or 1.0
    return -0.03 * top, 1.05 * top


def _accuracy_limits(curves: Sequence[Sequence[float]]) -> tuple[float, float]:
    """Return the ends of the accuracies' axis, so that curves that lie close together are told apart.

    The first record, after one update, is about chance: with two records or more after it, its point may lie below.
    """
    later = [value for curve in curves for value in (curve[1:] if len(curve) > 2 else curve) if math.isfinite(value)]
    if not later:
        return 0.0, 1.0
    low, high = min(later), max(later)
    if high - low < LEAST_SPAN:
        low, high = (low + high - LEAST_SPAN) / 2, (low + high + LEAST_SPAN) / 2
    margin = 0.06 * (high - low)
    return low - margin, high + margin
