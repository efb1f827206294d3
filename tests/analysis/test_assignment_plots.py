"""Pictures of labels: matplotlib's own objects are read, no pixels."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("matplotlib", reason="needs matplotlib (the bench extra)")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from analysis.made_samples import made_sample
from lockon.analysis.plots.assignment import draw_sample, draw_sheet, write_sample_plot, write_sheet_plot


def figure() -> Any:
    made = Figure(figsize=(12, 4), layout="constrained")
    FigureCanvasAgg(made)
    return made


def titles(made: Any) -> list[str]:
    return [axes.get_title() for axes in made.axes if axes.get_title()]


@pytest.mark.parametrize(
    ("sample", "panels"),
    [
        (made_sample(), ["template", "positives, threshold 0.500, colour: IoU of box", "score (highest 0.900)"]),
        (made_sample(stages=1), ["template", "positives, colour: IoU of box", "score (highest 0.900)", "boxes of positives"]),
        (made_sample(labels=(0, 0, 0, 0)), ["template", "positives, threshold 0.500, colour: IoU of box", "score (highest 0.900)"]),
    ],
)
def test_panels(sample: Any, panels: list[str]) -> None:
    made = figure()
    draw_sample(made, sample, 3)
    assert titles(made)[: len(panels)] == panels
    assert len(titles(made)) == (4 if sample.followed is None else 5)
    made.canvas.draw()  # the ids are no formula


def test_without_a_positive_the_box_of_the_highest_score_is_drawn() -> None:
    made = figure()
    draw_sample(made, made_sample(labels=(0, 0, 0, 0)), 0)
    assert titles(made)[-1] == "boxes of no positive: of the highest score"


def test_labels_of_both_stages_and_points_are_in_the_legend() -> None:
    made = figure()
    draw_sample(made, made_sample(), 0)
    (legend,) = [axes.get_legend() for axes in made.axes if axes.get_legend()]
    assert [text.get_text() for text in legend.get_texts()] == ["init box", "final box (best IoU 1.00)", "points of the best"]


def test_a_sheet_has_a_panel_per_sample() -> None:
    made = figure()
    draw_sheet(made, [made_sample(), made_sample(labels=(0, 0, 0, 0)), made_sample(present=False, labels=(0, 0, 0, 0))] * 2)
    shown = titles(made)
    assert shown[:3] == ["sample 0, 1 positive, mean IoU 1.00", "sample 1, 0 positives", "sample 2, a negative pair"]
    assert len(shown) == 6


def test_files(tmp_path) -> None:
    (path,) = write_sheet_plot([made_sample(labels=(0, 0, 0, 0))], tmp_path / "sheet")
    assert path.read_bytes().startswith(b"\x89PNG")
    (path,) = write_sample_plot(made_sample(), 0, tmp_path / "samples" / "0000", ["svg"])
    assert path.name == "0000.svg"
