"""Plots of analyses: matplotlib's own objects are read, no pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bench.made_results import FAR, HALF, PERFECT, add, make_record
from lockon.analysis.alignment import Alignment, answer_alignment
from lockon.analysis.averages import SetAverages
from lockon.analysis.searched import SearchedFrame
from lockon.analysis.stability import Curve
from lockon.analysis.voted_boxes import VotedBox
from lockon.bench.metrics.agreement import Agreement
from lockon.bench.report import evaluate
from lockon.bench.report.model import Metric
from lockon.bench.store import Store
from lockon.ops.crop import Crop

pytest.importorskip("matplotlib", reason="needs matplotlib (the bench extra)")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lockon.analysis.plots.alignment import draw_alignment, mean_scores, write_alignment_plot
from lockon.analysis.plots.averages import draw_averages, write_averages_plot
from lockon.analysis.plots.searched import draw_heat_maps, draw_voted, write_heat_maps_plot, write_voted_plot
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


def test_intervals_are_a_band_and_gains_are_bars():
    made = figure()
    intervals = {"AUC": np.array([[0.4, 0.6], [0.5, 0.7], [0.6, 0.8]])}
    gains = {"AUC": np.array([[-0.1, -0.2, 0.05], [np.nan] * 3, [0.1, 0.05, 0.1]])}
    own = Curve("a", 0.5, np.array([0.0, 0.5, 1.0]), {"AUC": np.array([0.5, 0.6, 0.7])}, intervals=intervals, gains=gains)
    draw_stability(made, [own], "mu", [AUC])
    band, bars = made.axes[0].collections
    corners = band.get_paths()[0].vertices
    assert (corners[:, 1].min(), corners[:, 1].max()) == (0.4, 0.8)
    ends = [segment[:, 1].tolist() for segment in bars.get_segments()]
    assert ends == [[pytest.approx(0.4), pytest.approx(0.65)], [pytest.approx(0.65), pytest.approx(0.7)]]  # at 0 and at 1, around the line
    assert made.get_supxlabel().startswith("ring: the tracker's own value; band: 95 % interval over sequences; bar:")


def test_several_metrics_stand_side_by_side():
    made = figure()
    two = Curve("a", None, np.array([0.0, 1.0]), {"A": np.array([0.5, 0.6]), "R": np.array([3.0, 1.0])}, falling=frozenset({"R"}))
    draw_stability(made, [two], "mu", [Metric("A", "A", "accuracy"), Metric("R", "R", "failures", rising=False)])
    assert [axes.get_ylabel() for axes in made.axes] == ["A", "R"]
    (line,) = made.axes[1].get_lines()
    assert line.get_label() == "a [3.000 to 1.000]"  # worst to best


def averages(label: str, *values: float) -> SetAverages:
    numbers = tuple(range(1, len(values) + 1))
    column = np.array(values)
    return SetAverages(label, numbers, tuple({"rate": 0.1} for _ in values), {"A": column, "R": 10 * column}, {"A": 0.5, "R": 5.0})


def test_running_means_have_a_line_and_a_band_per_tracker():
    made = figure()
    metrics = [Metric("A", "A", "accuracy"), Metric("R", "R", "failures", rising=False)]
    draw_averages(made, [averages("b", 0.6, 0.7, 0.8), averages("a", 0.5, 0.5, 0.5)], metrics, "here")
    left, right = made.axes
    assert [line.get_label() for line in left.get_lines()] == ["b [0.700 ± 0.100]", "a [0.500 ± 0.000]"]
    assert left.get_lines()[0].get_xydata().tolist() == [[1, pytest.approx(0.6)], [2, pytest.approx(0.65)], [3, pytest.approx(0.7)]]
    assert len(left.collections) == 2
    assert right.get_title() == "R (less is better)"
    assert made.get_suptitle().endswith("here")


def test_one_set_is_drawn_without_a_band(tmp_path):
    (path,) = write_averages_plot([averages("a", 0.5)], [Metric("A", "A", "accuracy")], tmp_path / "averages.reset")
    assert path.name == "averages.reset.png"
    assert path.read_bytes().startswith(b"\x89PNG")


def searched(frame: int = 3, truth: bool = True) -> SearchedFrame:
    window, box = Crop(np.array([50.0, 50.0]), np.array(100.0), 100), np.array([40.0, 40, 60, 60])
    image = np.full((100, 100, 3), 128, np.uint8)
    return SearchedFrame("$x$", frame, window, image, box, box + 2 if truth else None, np.zeros((2, 2)), 20.0)


def test_heat_maps_have_a_row_per_frame_and_a_panel_per_map():
    made = figure()
    maps = {"offline": np.array([[0.1, 0.2], [0.9, 0.4]]), "online": np.array([[-1.0, -2.0], [-3.0, -4.0]])}
    draw_heat_maps(made, [(searched(3), maps), (searched(8, truth=False), maps)])
    titles = [axes.get_title() for axes in made.axes]
    assert titles[:3] == ["frame 3, IoU 0.68", "offline, highest 0.90", "online, highest -1.00"]
    assert titles[3] == "frame 8"
    crop, cells = made.axes[1].get_images()
    assert (list(crop.get_extent()), list(cells.get_extent())) == ([0, 100, 100, 0], [30, 70, 70, 30])
    assert cells.norm.vmax == 0.9
    cross = made.axes[1].get_lines()[-1]
    assert cross.get_xydata().tolist() == [[40, 60]]  # the second row of the first column
    assert made.axes[2].get_images()[1].norm.vmax == 1  # nothing is above 0
    assert made.get_suptitle().startswith(r"\$x\$")  # no formula


def test_votes_have_three_panels_per_frame():
    made = figure()
    frame = searched()
    voters, shares = np.array([frame.box, frame.box + 1]), np.array([0.75, 0.25])
    draw_voted(made, [VotedBox(frame, frame.box, voters, shares, frame.box + 0.5, 2)])
    direct, top, voted = made.axes
    assert [axes.get_title() for axes in made.axes] == ["frame 3: direct, IoU 0.681", "2 largest votes, 100% of all", "voted, IoU 0.748"]
    assert [len(axes.get_lines()) for axes in made.axes] == [2, 3, 2]  # with the true box
    assert top.get_lines()[-1].get_alpha() == 1.0  # the largest share on top
    assert direct.get_xlim() == (34, 66)  # around the direct box
    assert voted.get_lines()[-1].get_xydata()[0].tolist() == [40.5, 40.5]


def test_pictures_of_frames_are_files(tmp_path):
    frame = searched()
    (heat,) = write_heat_maps_plot([(frame, {"offline": np.eye(2)})], tmp_path / "a")
    (votes,) = write_voted_plot([VotedBox(frame, frame.box, frame.box[None], np.ones(1), frame.box, 1)], tmp_path / "b")
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in (heat, votes))


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
