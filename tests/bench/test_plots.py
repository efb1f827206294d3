"""Plots of reports: which files there are, and what is in them (matplotlib's own objects are read, no pixels)."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest
from made_results import FAR, HALF, PERFECT, add, make_record, reset_record

from lockon.bench.report import Options, evaluate, evaluate_all
from lockon.bench.store import Store
from lockon.errors import LockonError

pytest.importorskip("matplotlib", reason="needs matplotlib (the bench extra)")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from lockon.bench.plots import write_plots
from lockon.bench.plots.curves import draw_curves
from lockon.bench.plots.points import draw_accuracy_robustness, draw_ranking, draw_speed
from lockon.bench.plots.radar import draw_radar, wrap
from lockon.bench.plots.style import color_of, dash_of, marker_of, places_of, save, subtitle

ONE_PASS = ["success.png", "precision.png", "normalized_precision.png", "speed_accuracy.png"]


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "out")
    add(store, "good", make_record("a", PERFECT), make_record("b", HALF))
    add(store, "bad", make_record("a", FAR, seconds=0.1), make_record("b", FAR, seconds=0.1))
    return store


def _figure() -> Figure:
    figure = Figure(figsize=(6, 5), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def test_plots_are_png_files(store, tmp_path):
    paths = write_plots(evaluate(store), tmp_path / "plots")
    assert [path.name for path in paths] == ONE_PASS
    assert sorted(path.name for path in (tmp_path / "plots").iterdir()) == sorted(ONE_PASS)
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)


def test_equal_reports_are_equal_vector_files(store, tmp_path):
    report = evaluate(store)
    draw = partial(draw_curves, report=report, axis=report.scoring.axes[0])
    first, second = (save(draw, tmp_path / name / "success", ("svg", "pdf")) for name in ("one", "two"))
    assert [path.name for path in first] == ["success.svg", "success.pdf"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert first[0].read_bytes().startswith(b"<?xml")
    assert first[1].read_bytes().startswith(b"%PDF")


def test_an_unknown_format_is_an_error(store, tmp_path):
    with pytest.raises(LockonError, match=r"unknown format of plots 'jpg'; .*known: pdf, png, svg"):
        write_plots(evaluate(store), tmp_path, ("png", "jpg"))
    assert list(tmp_path.glob("*.png")) == []


def test_the_legend_is_sorted_by_the_figure(store):
    report = evaluate(store)
    figure = _figure()
    draw_curves(figure, report, report.scoring.axes[0])
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["[0.774] good", "[0.238] bad"]
    assert axes.get_title() == "Success plot\nmade: 2 sequences, one-pass, pysot"
    np.testing.assert_allclose(axes.get_lines()[1].get_ydata()[:2], [0.25, 0.25])


def test_a_part_of_a_benchmark_says_so(tmp_path):
    report = evaluate(add(Store(tmp_path), "one", make_record("Basketball", HALF, dataset="OTB100")))
    assert subtitle(report) == "OTB100: 1 sequence, partial, one-pass, pysot"


def test_a_tracker_has_one_colour_everywhere(store):
    report = evaluate(store)
    assert [item.label for item in report.ranked("AUC")] == ["good", "bad"]
    assert places_of([report]) == {"bad": 0, "good": 1}
    styles = {(color_of(place), dash_of(place)) for place in range(28)}
    assert len(styles) == 28
    assert len({(color_of(place), marker_of(place)) for place in range(49)}) == 49


def test_many_trackers_have_their_legend_beside_the_plot(tmp_path):
    store = Store(tmp_path)
    for number in range(14):
        add(store, f"tracker{number}", make_record("a", HALF, seconds=0.01 * (number + 1)))
    report = evaluate(store)
    for draw in (lambda figure: draw_curves(figure, report, report.scoring.axes[0]), lambda figure: draw_speed(figure, report)):
        figure = _figure()
        draw(figure)
        figure.draw_without_rendering()
        (axes,) = figure.axes
        if axes.get_legend() is not None:
            inside = axes.get_legend().get_window_extent()
            assert inside.x0 >= axes.get_window_extent().x1
            assert inside.x1 <= figure.bbox.x1


def test_names_do_not_hide_each_other(tmp_path):
    store = Store(tmp_path)
    for number in range(6):  # six points in one place nearly
        add(store, f"tracker{number}", make_record("a", HALF, seconds=0.01 + number * 1e-4))
    figure = _figure()
    draw_speed(figure, evaluate(store))
    (axes,) = figure.axes
    names = [text for text in axes.texts if text.get_text().startswith("tracker")]
    boxes = [text.get_window_extent(figure.canvas.get_renderer()) for text in names]
    assert len(boxes) == 6
    assert not any(a.overlaps(b) for place, a in enumerate(boxes) for b in boxes[:place])


def test_without_times_there_is_no_plot_of_speed(tmp_path):
    record = make_record("a", HALF)
    record.run.times[:] = np.nan
    report = evaluate(add(Store(tmp_path / "out"), "one", record))
    assert [path.name for path in write_plots(report, tmp_path / "plots")] == ONE_PASS[:3]


@pytest.mark.slow
def test_attributes_have_a_radar_and_their_own_curves(tmp_path):
    store = Store(tmp_path / "out")
    for label, rows in (("good", PERFECT), ("bad", HALF)):
        add(store, label, make_record("a", rows, attributes=("fast motion", "blur")), make_record("b", rows, attributes=("out of view",)))
    report = evaluate(store)
    paths = write_plots(report, tmp_path / "plots", attributes=True)
    names = [path.relative_to(tmp_path / "plots").as_posix() for path in paths]
    assert "attributes.png" in names
    assert {"attributes/success-fast-motion.png", "attributes/precision-blur.png"} <= set(names)
    figure = _figure()
    draw_radar(figure, report)
    labels = [text.get_text() for text in figure.axes[0].get_xticklabels()]
    assert labels == ["blur (1)", "fast motion (1)", "out of view (1)"]
    low, high = figure.axes[0].get_ylim()
    assert low < 10 / 21 + 0.25
    assert high >= 20 / 21
    line = figure.axes[0].get_lines()[0]
    assert line.get_ydata()[0] == line.get_ydata()[-1]  # closed


def test_wrap():
    assert wrap("out-of-plane rotation of_it") == "out-of-plane\nrotation of it"
    assert wrap("") == ""
    assert not re.search("\n\n", wrap("one two three four five six"))


@pytest.fixture
def resets(tmp_path):
    """Two trackers on VOT2018, one of which fails once in 20 frames."""
    store = Store(tmp_path / "resets")
    add(store, "steady", reset_record("a", "s" + "t" * 19, HALF))
    add(store, "weak", reset_record("a", "s" + "t" * 11 + "f----stt", PERFECT))
    (report,) = evaluate_all(store, Options(protocol="reset", convention="exact", lengths=(2, 15)))
    return report


def test_the_ranking_goes_from_right_to_left(resets):
    figure = _figure()
    draw_ranking(figure, resets, {"winner": 0.7})
    (axes,) = figure.axes
    left, right = axes.get_xlim()
    assert left > right  # rank 1 is at the right
    points = {line.get_label(): line.get_xydata()[0].tolist() for line in axes.get_lines() if line.get_marker() not in ("None", None)}
    values = {item.label: item.values["EAO"] for item in resets.trackers}
    assert points == {f"weak [{values['weak']:.3f}]": [1, values["weak"]], "steady [0.500]": [2, 0.5]}
    assert [text.get_text() for text in axes.texts] == ["winner [0.700]"]
    assert axes.get_ylim()[1] > 0.7
    assert axes.get_legend().get_texts()[0].get_text().startswith("weak")


def test_accuracy_against_reliability(resets):
    figure = _figure()
    draw_accuracy_robustness(figure, resets)
    (axes,) = figure.axes
    points = sorted(line.get_xydata()[0].tolist() for line in axes.get_lines())
    np.testing.assert_allclose(points, [[np.exp(-30 * 0.05), 1], [1, 0.5]])
    assert axes.get_xlabel() == "reliability: chance to track 30 frames without a failure"
    assert {text.get_text() for text in axes.texts} == {"steady", "weak"}


def test_the_expected_overlap_shows_the_lengths_that_count(resets):
    figure = _figure()
    draw_curves(figure, resets, resets.scoring.axes[0])
    (axes,) = figure.axes
    (band,) = axes.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == (2, 15)
    assert len(axes.get_lines()[0].get_xdata()) == 20
    assert [text.get_text() for text in axes.get_legend().get_texts()][1] == "[0.500] steady"


def test_plots_of_resets(resets, tmp_path):
    names = [path.name for path in write_plots(resets, tmp_path / "plots", lines={"winner": 0.7})]
    assert names[:3] == ["expected_overlap.png", "eao_ranking.png", "accuracy_robustness.png"]


@pytest.mark.parametrize("name", ["$x", "$\\frac{", "$$", "a\x1b[31m", "caf\udce9", "\\"])
def test_any_name_can_be_drawn(name, tmp_path):
    records = [make_record("a", HALF, dataset=name, attributes=(name, "b", "c")), make_record("b", PERFECT, dataset=name)]
    store = add(Store(tmp_path / "store"), "T", *records)
    assert write_plots(evaluate(store), tmp_path / "out", ["png", "svg"], attributes=True)
