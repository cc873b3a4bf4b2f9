"""Training curves: what an axis shows, where the legend is, and which figures it gives."""

import math

import numpy as np
import pytest
from PIL import Image

from badak.drawing import draw_curves
from badak.drawing.curves import LEAST_SPAN, _accuracy_limits, _loss_limits


def records(accuracies, losses=None):
    losses = losses or [2.3 / (1 + i) for i in range(len(accuracies))]
    return [{"epoch": i, "loss": loss, "train_accuracy": a, "test_accuracy": None if a is None else a - 0.01}
            for i, (a, loss) in enumerate(zip(accuracies, losses, strict=True))]  # fmt: skip


@pytest.fixture
def figures(monkeypatch, tmp_path):
    """Draw, and give the two axes as Matplotlib has them."""
    from matplotlib.figure import Figure

    def draw(*arguments, **settings):
        kept = []
        with monkeypatch.context() as patch:
            original = Figure.savefig
            patch.setattr(Figure, "savefig", lambda self, *a, **k: (kept.append(self), original(self, *a, **k)))
            draw_curves(arguments[0], tmp_path / "c.png", *arguments[1:], **settings)
        with Image.open(tmp_path / "c.png") as picture:
            picture.load()
        return kept[0].axes

    return draw


def test_train_and_test_are_told_apart(figures):
    _, accuracy = figures(records([0.1, 0.90, 0.93, 0.95, 0.96]))
    low, high = accuracy.get_ylim()
    assert high - low < 0.1
    assert low < 0.89
    assert high > 0.96
    assert _accuracy_limits([[0.1, 0.9]])[0] < 0.1, "with one record after the first, both are shown"


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_flat_line_has_room_on_both_sides(level):
    low, high = _accuracy_limits([[level] * 4])
    assert low < level < high
    assert high - low >= LEAST_SPAN


@pytest.mark.parametrize("losses", [[0.0, 0.0], [2.3, 0.0], [math.nan, math.nan], [1.0, math.inf]])
def test_the_axis_of_losses_holds_its_line(losses):
    low, high = _loss_limits(losses)
    assert math.isfinite(high)
    for value in filter(math.isfinite, losses):
        assert low < value < high


@pytest.mark.parametrize("count", [1, 2, 4, 21])
@pytest.mark.parametrize("lang", ["en", "ko"])
def test_ticks_are_whole_epochs_and_the_legend_hides_nothing(count, lang, figures):
    for axes in figures(records(list(np.linspace(0.1, 0.97, count))), lang):
        ticks = axes.get_xticks()
        assert np.array_equal(ticks, np.round(ticks))
        legend = axes.get_legend()
        if legend is not None:
            box = legend.get_window_extent()
            assert box.y0 >= axes.get_window_extent().y1 - 1, "it stands above the axes"


def test_the_legend_gives_what_the_network_can_do_at_the_end(figures):
    final = {"epoch": 2.67, "train_accuracy": 0.9796, "test_accuracy": 0.9702}
    _, accuracy = figures(records([0.1, 0.9, 0.95]), final=final)
    texts = [text.get_text() for text in accuracy.get_legend().get_texts()]
    assert [text.split()[-1] for text in texts] == ["0.9796", "0.9702"]
    assert accuracy.lines[0].get_xdata()[-1] == 2.67
    _, accuracy = figures(records([0.1, 0.9, 0.95]), final={**final, "epoch": 2.0})
    assert len(accuracy.lines[0].get_xdata()) == 3, "the last record is the end"
    _, accuracy = figures(records([None, None]))
    assert accuracy.get_legend() is None
