"""Plots of analyses: matplotlib's own objects are read, no pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.made_results import FAR, HALF, PERFECT, add, make_record
from lockon.analysis.alignment import Alignment, answer_alignment
from lockon.analysis.stability import Curve
from lockon.bench.metrics.agreement import Agreement
from lockon.bench.report import evaluate
from lockon.bench.report.model import Metric
from lockon.bench.store import Store

pytest.importorskip("matplotlib", reason="needs matplotlib (the bench extra)")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lockon.analysis.plots.alignment import draw_alignment, mean_scores, write_alignment_plot
from lockon.analysis.plots.stability import draw_stability, write_stability_plot
from lockon.bench.plots.radar import draw_radar

AUC = Metric("AUC", "AUC", "area")


def figure() -> Any:
    made = Figure(figsize=(6, 5), layout="constrained")
    FigureCanvasAgg(made)
    return made


def aligned(count: int = 400, seed: int = 0) -> Alignment:
    overlaps = np.random.default_rng(seed).random(count)
    part = Agreement(0.71, 0.72, 0.73, 0.74, 0.75, 0.6, 0.8)
    return Alignment("candidates", ("a",), (20,), (part,), part, overlaps**2, overlaps, 0.5)


def test_mean_scores_by_hand():
    overlaps = np.repeat([0.02, 0.52, 1.0], [12, 10, 9])
    middle, means = mean_scores(np.repeat([0.25, 0.5, 0.9], [12, 10, 9]), overlaps)
    known = ~np.isnan(means)
    assert middle[known].tolist() == pytest.approx([0.025, 0.525])  # nine of one bin are too few
    assert means[known].tolist() == [0.25, 0.5]
    assert len(middle) == 20


def test_alignment_has_a_panel_per_tracker_with_the_coefficients():
    made = figure()
    found = {f"tracker{place}": aligned(seed=place) for place in range(4)}
    draw_alignment(made, found)
    panels = [axes for axes in made.axes if axes.get_xlabel()]
    shown = [axes for axes in panels if axes.get_visible()]
    assert [axes.get_title().split(":")[0] for axes in shown] == list(found)
    assert "IoU > 0.5: Pearson 0.710, Spearman 0.720\nall: Pearson 0.730, Spearman 0.740" in shown[0].get_title()
    assert shown[0].get_xlabel() == "IoU of candidates"
    cells = shown[0].collections[0]
    assert cells.get_array().sum() == pytest.approx(400)  # every pair is in a cell


def test_alignment_without_scores_says_so():
    record = make_record("a", [PERFECT, HALF, FAR])
    record.run.scores[:] = np.nan
    made = figure()
    draw_alignment(made, {"csrt": answer_alignment([record])})
    assert [text.get_text() for text in made.axes[0].texts] == ["no scores"]


def test_alignment_file(tmp_path):
    (path,) = write_alignment_plot({"mine": aligned()}, tmp_path / "deep" / "alignment")
    assert path.name == "alignment.png"
    assert path.read_bytes().startswith(b"\x89PNG")


def curve(label: str, row: list[float], own: float | None = 0.25) -> Curve:
    return Curve(label, own, np.array([0.0, 0.5, 1.0]), {"AUC": np.array(row)})


def test_stability_has_a_line_per_tracker_and_a_ring_at_its_own_value():
    made = figure()
    draw_stability(made, [curve("b", [0.6, 0.7, 0.2]), curve("a", [0.5, np.nan, 0.5], None)], "localizer.rank.window_influence", [AUC])
    (axes,) = made.axes
    lines = [line for line in axes.get_lines() if not line.get_label().startswith("_")]
    assert [line.get_label() for line in lines] == ["b [0.200 to 0.700]", "a [0.500 to 0.500]"]
    (ring,) = [line for line in axes.get_lines() if line.get_label().startswith("_")]
    assert ring.get_xydata().tolist() == [[0.25, pytest.approx(0.65)]]  # between its neighbours
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("localizer.rank.window_influence", "AUC")


def test_small_differences_look_small():
    made = figure()
    draw_stability(made, [curve("a", [0.601, 0.602, 0.6])], "x", [AUC])
    low, high = made.axes[0].get_ylim()
    assert high - low == pytest.approx(0.1)
    assert low < 0.6
    assert high > 0.602


def test_an_own_value_outside_the_sweep_has_no_ring():
    made = figure()
    draw_stability(made, [curve("a", [0.5, 0.6, 0.7], 1.5)], "x", [AUC])
    assert len(made.axes[0].get_lines()) == 1


def test_stability_file(tmp_path):
    paths = write_stability_plot([curve("a", [0.5, 0.6, 0.7])], "x", [AUC], tmp_path / "stability-x.y", ("png", "svg"), title="here")
    assert [path.name for path in paths] == ["stability-x.y.png", "stability-x.y.svg"]


def test_the_radar_of_another_figure_with_all_sequences(tmp_path):
    store = Store(tmp_path)
    add(store, "mine", make_record("a", PERFECT, attributes=("blur",)), make_record("b", FAR, attributes=("clutter",)))
    made = figure()
    draw_radar(made, evaluate(store), "AO", overall=True)
    (axes,) = made.axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["overall (2)", "blur (1)", "clutter (1)"]
    assert axes.get_lines()[0].get_ydata().tolist() == [0.5, 1, 0, 0.5]
    assert made.get_suptitle().startswith("AO per attribute")
