"""Pairs, operations and seconds of training runs, from folders made by hand."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockon.analysis.cost import COLUMNS, POINT_COLUMNS, RunCost, distinct_labels, read_history
from lockon.errors import LockonError

VALIDATIONS = [(4, 0.3), (8, 0.6), (12, 0.5)]


def make_run(folder: Path, validations: Any = VALIDATIONS, *, step: int = 12, processes: int = 2) -> Path:
    """A run of 2 x 2 x 3 = 12 pairs per update; 6 samples per second in the first four updates, then 12."""
    state = folder / f"checkpoints/step-{step:06d}/state.json"
    state.parent.mkdir(parents=True)
    settings = {"train": {"batch_size": 2, "gradients": {"accumulate": 3}}, "processes": processes}
    state.write_text(json.dumps({"step": step, "settings": settings}))
    lines = [{"kind": "train", "step": 4, "samples_per_second": 6.0}, {"kind": "train", "step": 12, "samples_per_second": 12.0}]
    lines += [{"kind": "val", "step": at, "AO": value, "SR50": value / 2} for at, value in validations]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"kind": "val", "st')
    return folder


def test_a_run_by_hand(tmp_path: Path) -> None:
    history = read_history(make_run(tmp_path / "first"))
    assert (history.label, history.updates, history.pairs_per_update) == ("first", 12, 12)
    assert (history.steps, history.values) == ((4, 8, 12), (0.3, 0.6, 0.5))
    assert [history.seconds(step) for step in (0, 2, 4, 8, 12)] == [0, 4, 8, 12, 16]
    assert history.seconds(14) == 18  # at the speed of the last record
    assert [history.reached(level) for level in (0.1, 0.3, 0.5, 0.61)] == [4, 4, 8, None]


@pytest.mark.parametrize(
    ("level", "expected"),
    [(None, (12, 144, 1200, 16.0)), (0.6, (8, 96, 800, 12.0)), (0.55, (8, 96, 800, 12.0)), (0.7, (None, None, None, None))],
)
def test_a_row_by_hand(level: float | None, expected: tuple[Any, ...], tmp_path: Path) -> None:
    row = RunCost(read_history(make_run(tmp_path / "first")), "lockon-s", 7, lambda step: 100 * step, level).row()
    assert tuple(row) == COLUMNS
    assert tuple(row[f"level_{name}"] for name in ("updates", "pairs", "flops", "seconds")) == expected
    assert (row["best"], row["best_pairs"], row["pairs"]) == (0.6, 96, 144)
    assert row["training_flops"] == pytest.approx(100 / 12)


def test_points_are_the_validations(tmp_path: Path) -> None:
    points = RunCost(read_history(make_run(tmp_path / "first"), label="mine"), "lockon-s", 7, lambda step: step).points()
    assert tuple(points[0]) == POINT_COLUMNS
    assert points[1] == {"run": "mine", "update": 8, "pairs": 96, "value": 0.6, "flops": 8, "seconds": 12.0}


def test_the_curve_of_a_study_is_read_too(tmp_path: Path) -> None:
    run = make_run(tmp_path / "row", [(12, 0.5)])
    points = [{"step": 2, "pairs": 24, "sequences": {"a": 0.2, "b": 0.4}}, {"step": 12, "pairs": 144, "sequences": {"a": 0.1}}]
    (run / "curve.json").write_text(json.dumps({"metric": "AO", "points": points}))
    history = read_history(run)
    assert history.steps == (2, 12)
    assert history.values == (pytest.approx(0.3), 0.5)  # a validation of the run itself counts more
    assert read_history(run, "SR50").steps == (12,)


def test_a_run_without_speeds_has_no_seconds(tmp_path: Path) -> None:
    run = make_run(tmp_path / "first")
    (run / "log.jsonl").write_text('{"kind": "val", "step": 4, "AO": 0.3}\n')
    assert math.isnan(read_history(run).seconds(4))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda run: (run / "log.jsonl").unlink(), "is no folder of a training run"),
        (lambda run: (run / "checkpoints/step-000012/state.json").unlink(), "is no folder of a training run"),
        (lambda run: (run / "checkpoints/step-000012/state.json").write_text("{"), "remove that folder"),
        (lambda run: (run / "checkpoints/step-000012/state.json").write_text('{"step": 3}'), "lacks what a training run notes"),
        (lambda run: (run / "log.jsonl").write_text('{"kind": "val", "step": 1, "IoU": 1}\n'), "it has IoU: give --metric IoU"),
        (lambda run: (run / "log.jsonl").write_text(""), "no validation with AO; train with --val"),
        (lambda run: (run / "log.jsonl").write_text('{"kind": "val", "step": 1, "AO": NaN}\n'), "no validation with AO"),
        (lambda run: (run / "log.jsonl").write_text('{"kind": "val", "AO": 1}\n'), "lacks what a training run notes"),
        (lambda run: (run / "curve.json").write_text('{"metric": "AO"}'), "lacks what a training run notes"),
    ],
)
def test_damaged_runs_are_one_line(damage: Any, message: str, tmp_path: Path) -> None:
    run = make_run(tmp_path / "first")
    damage(run)
    with pytest.raises(LockonError, match=message):
        read_history(run)


def test_runs_of_one_name_are_told_apart() -> None:
    runs = [Path("a/first"), Path("b/first"), Path("b/second")]
    assert distinct_labels(runs) == [str(runs[0]), str(runs[1]), "second"]


def test_a_plot_has_a_line_per_run_and_a_ring_where_the_level_is_reached(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="needs matplotlib (the bench extra)")
    from matplotlib.figure import Figure

    from lockon.analysis.plots.cost import draw_cost, write_cost_plot

    histories = [read_history(make_run(tmp_path / "first")), read_history(make_run(tmp_path / "long", [(1, 0.1), (40, 0.4)]))]
    runs = [RunCost(history, "lockon-s", 1, lambda step: step, 0.5) for history in histories]
    figure = Figure(layout="constrained")
    draw_cost(figure, runs, "AO")
    (axes,) = figure.axes
    first, ring, second, level = axes.lines
    assert first.get_xdata().tolist() == [48, 96, 144]
    assert list(ring.get_xdata()) == [96]
    assert tuple(second.get_ydata()) == (0.1, 0.4)
    assert list(level.get_ydata()) == [0.5, 0.5]
    assert axes.get_xscale() == "log"  # 480 pairs are 40 times 12
    (path,) = write_cost_plot(runs[:1], "AO", tmp_path / "cost")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert np.isfinite(axes.get_xlim()).all()
