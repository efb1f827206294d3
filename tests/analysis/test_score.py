"""Metrics of scores against samples whose answers can be told by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from colored_videos import BLUE, GREEN, RED, color_tracker, video
from lockon.analysis.absence import Search
from lockon.analysis.calibration import ScoreSamples, fit_config, held_out, logit, lost_threshold, track_samples
from lockon.analysis.plots.reliability import write_reliability_plot
from lockon.analysis.score import analyze_score, composite_metrics, overlap_metrics, swapped_metrics
from lockon.bench.metrics.calibration import fit_platt
from lockon.errors import LockonError
from lockon.target import StatePolicy
from lockon.tracker import Calibration, TrackerConfig

VIDEOS = [video("red", RED, masks=True), video("green", GREEN), video("blue", BLUE)]


def no_progress(name: str, total: int) -> object:
    return lambda count: None


def samples(logits: object, overlaps: object, templates: list[str], scenes: list[str] | None = None) -> ScoreSamples:
    values = np.asarray(overlaps, dtype=np.float64)
    scenes = scenes or templates
    absent = np.array([a != b for a, b in zip(templates, scenes, strict=True)])
    return ScoreSamples(np.asarray(logits, dtype=np.float64), values, absent, np.array(templates), np.array(scenes))


@pytest.mark.parametrize("value", [-20.0, -3.0, 0.0, 0.5, 20.0])
def test_logit_is_the_inverse_of_the_score(value: float) -> None:
    assert logit(np.array([1 / (1 + np.exp(-value))]))[0] == pytest.approx(value, abs=1e-6)


def test_logits_of_certain_scores_are_finite() -> None:
    assert np.isfinite(logit(np.array([0.0, 1.0]))).all()


@pytest.mark.parametrize(
    ("scores", "missed", "expected"),
    [
        ([0.9, 0.2, 0.4, 0.6], 0.0, 0.2),
        ([0.9, 0.2, 0.4, 0.6], 0.25, 0.4),
        ([0.9, 0.2, 0.4, 0.6], 0.49, 0.4),  # two of four would be more than 49 %
        ([0.12345, 0.5], 0.0, 0.123),  # rounded down: the sample itself is not below it
        ([0.3, 0.3, 0.3, 0.8], 0.25, 0.3),  # ties are not below themselves
    ],
)
def test_lost_threshold(scores: list[float], missed: float, expected: float) -> None:
    value = lost_threshold(np.array(scores), missed)
    assert value == expected
    assert np.mean(np.array(scores) < value) <= missed


def test_fit_recovers_the_scale_that_made_the_hits() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20_000)
    hit = rng.random(20_000) < 1 / (1 + np.exp(-(0.7 * logits + 0.4)))
    pool = samples(logits, np.where(hit, 0.8, 0.2), ["a"] * 20_000)
    config = fit_config(TrackerConfig(calibration=Calibration(scale=9.0, bias=9.0), states=StatePolicy(lost_after=7)), pool)
    assert config.calibration.scale == pytest.approx(0.7, abs=0.03)
    assert config.calibration.bias == pytest.approx(0.4, abs=0.05)
    assert (config.states.tracked, config.states.lost_after) == (0.5, 7)
    scores = 1 / (1 + np.exp(-(config.calibration.scale * logits[hit] + config.calibration.bias)))
    assert 0.015 < np.mean(scores < config.states.lost) <= 0.02


def test_lost_is_not_above_tracked() -> None:
    pool = samples([3.0] * 50 + [-3.0] * 50, [0.9] * 50 + [0.1] * 50, ["a"] * 100)  # every hit scores near 1
    assert fit_config(TrackerConfig(), pool).states.lost == 0.5


def test_a_score_that_falls_with_overlap_is_refused() -> None:
    pool = samples([1, 2, 3, 4, 5, 6], [0.9, 0.8, 0.2, 0.9, 0.1, 0.2], ["a"] * 6)
    with pytest.raises(LockonError, match=r"does not rise with overlap \(AUROC 0\.111"):
        fit_config(TrackerConfig(), pool)


def test_held_out_samples_see_neither_their_target_nor_its_video() -> None:
    pool = samples(range(6), [0.9, 0.1] * 3, ["a", "a", "b", "b", "c", "c"], ["a", "b", "b", "a", "c", "b"])
    seen = []

    def fit(logits: object, hits: object) -> object:
        seen.append(np.asarray(logits).tolist())
        return lambda values: np.full(len(values), float(len(seen)))

    assert held_out(pool, fit).tolist() == [1, 1, 2, 2, 3, 3]  # type: ignore[arg-type]
    assert seen == [[2, 4, 5], [0, 4], [0, 1, 2, 3]]


def test_held_out_platt_differs_from_the_fit_on_everything() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 1, 300)
    names = ["a"] * 100 + ["b"] * 100 + ["c"] * 100
    shifted = logits + np.repeat([2, 0, -2], 100)  # each video has its own bias
    pool = samples(logits, np.where(shifted + rng.normal(0, 1, 300) > 0, 0.9, 0.1), names)
    everything = fit_platt(pool.logits, pool.hits)(pool.logits)
    assert np.mean((held_out(pool, fit_platt) - pool.hits) ** 2) > np.mean((everything - pool.hits) ** 2)


def test_tracked_samples_leave_out_the_start_and_what_is_not_annotated() -> None:
    sequence = video("red", RED)
    boxes = sequence.boxes.copy()
    boxes[4] = np.nan
    told: list[int] = []
    found = track_samples(color_tracker(states=StatePolicy(lost=0.0)), [replace(sequence, boxes=boxes), VIDEOS[1]], told.append)
    assert len(found.logits) == 8 + 9
    assert told == [10, 10]
    assert found.logits == pytest.approx(3.0)
    assert found.hits.all()
    assert not found.absent.any()
    assert found.templates.tolist() == found.scenes.tolist() == ["red"] * 8 + ["green"] * 9


def test_overlap_metrics_by_hand() -> None:
    found = overlap_metrics(samples([3, 2, 1, 0], [0.9, 0.4, 0.8, 0.1], ["a", "a", "b", "b"]), 0)
    assert (found["frames"], found["hits"], found["auroc"]) == (4, 2, 0.75)
    assert found["per_sequence"]["a"] == {"frames": 2, "hits": 1, "mean_overlap": pytest.approx(0.65), "auroc": 1.0}
    low, high = found["auroc_95"]
    assert low <= 0.75 <= high


def test_swapped_metrics_by_hand() -> None:
    answers = [("a", "a", True, 0.9), ("a", "b", False, 0.4), ("b", "b", True, 0.3), ("b", "a", False, 0.1)]
    searches = [Search(template, scene, 1, present, score) for template, scene, present, score in answers]
    found = swapped_metrics(searches, 0)
    assert (found["present"], found["absent"], found["auroc"]) == (2, 2, 0.75)
    assert swapped_metrics(searches[:1], 0)["auroc"] is None  # one kind only


def test_no_composites_no_metrics() -> None:
    assert composite_metrics([], 0) is None


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_analysis_of_a_tracker_that_knows(scale: float, tmp_path: Path) -> None:
    """Logits are 3 on the target and -3 elsewhere, whatever the calibration that is loaded."""
    phases = []

    def phase(name: str, total: int) -> object:
        phases.append([name, total, 0])
        place = phases[-1]
        return lambda count: place.__setitem__(2, place[2] + count)

    tracker = color_tracker(calibration=Calibration(scale=scale, bias=-1.0), states=StatePolicy(lost=0.9))
    report = analyze_score(tracker, VIDEOS, 0, phase)  # type: ignore[arg-type]
    metrics = report.metrics
    assert metrics["overlap"]["frames"] == metrics["overlap"]["hits"] == 27
    assert metrics["calibration"]["samples"] == {"tracked": 27, "absent": 9, "hits": 27}  # three to one
    assert metrics["absence"]["swapped"] | {"auroc_95": None} == {"present": 9, "absent": 9, "auroc": 1.0, "auroc_95": None}
    composites = metrics["absence"]["composites"]
    assert (composites["videos"], composites["auroc"], composites["found_again"]) == (2, 1.0, 2)
    assert composites["states"]["present"]["tracked"] == 1.0
    assert composites["states"]["absent"]["tracked"] == 0.0
    # Platt's soft targets: 28/29 of 27 hits, 1/11 of 9 others
    calibration = report.config.calibration
    at = [1 / (1 + np.exp(-(calibration.scale * logits + calibration.bias))) for logits in (3, -3)]
    assert at == pytest.approx([28 / 29, 1 / 11], abs=1e-4)
    assert (report.config.states.tracked, report.config.states.lost) == (0.5, 0.5)
    assert metrics["calibration"]["platt"]["ece"] < 0.1
    assert [(total, done) for _, total, done in phases] == [(30, 30), (18, 18), (198, 198)]
    write_reliability_plot(report, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_analysis_is_a_function_of_the_seed() -> None:
    first, second = (analyze_score(color_tracker(), VIDEOS, 3, no_progress).metrics for _ in range(2))  # type: ignore[arg-type]
    assert first == second


def test_two_videos_are_too_few() -> None:
    two = [video("a.1", RED, video_name="a"), video("a.2", RED, video_name="a"), VIDEOS[1]]
    with pytest.raises(LockonError, match="at least three videos"):
        analyze_score(color_tracker(), two, 0, no_progress)  # type: ignore[arg-type]
