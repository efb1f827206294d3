"""Metrics against the official toolkits' own metrics; golden/README.md says where they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lockon.bench import metrics
from lockon.bench.metrics.conventions import CONVENTIONS

GOLDEN = dict(np.load(Path(__file__).parent / "golden" / "toolkits.npz"))
CURVES = {
    "success": metrics.success_curve,
    "precision": metrics.precision_curve,
    "norm_precision": metrics.normalized_precision_curve,
}
EXACT = {"rtol": 0, "atol": 1e-9}


def _pysot(video: str, tracker: str) -> dict[str, np.ndarray]:
    return {"pred": GOLDEN[f"ope.{video}.{tracker}"], "gt": GOLDEN[f"ope.{video}.gt"], "visible": GOLDEN.get(f"ope.{video}.visible")}


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("tracker", ["a", "b"])
@pytest.mark.parametrize("video", ["v0", "v1", "v2", "v3"])
def test_pysot_curves_of_one_sequence(video, tracker, curve):
    np.testing.assert_allclose(
        CURVES[curve](**_pysot(video, tracker), convention="pysot"), GOLDEN[f"ope.{video}.{tracker}.{curve}"], **EXACT
    )


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("tracker", ["a", "b"])
def test_pysot_curves_over_sequences(tracker, curve):
    videos = [_pysot(f"v{index}", tracker) for index in range(4)]
    frames = [metrics.counted_frames(video["gt"], "pysot", video["visible"]) for video in videos]
    mean = metrics.over_sequences([CURVES[curve](**video) for video in videos], frames, "pysot")
    np.testing.assert_allclose(mean, GOLDEN[f"ope.all.{tracker}.{curve}"], **EXACT)


@pytest.mark.parametrize("tracker", ["a", "b"])
def test_pysot_scores(tracker):
    videos = [_pysot(f"v{index}", tracker) for index in range(4)]
    scores = {
        "success": np.mean([metrics.success_auc(**video) for video in videos]),
        "precision": np.mean([metrics.precision(**video) for video in videos]),
        "norm_precision": np.mean([metrics.normalized_precision(**video) for video in videos]),
    }
    for name, score in scores.items():
        assert score == pytest.approx(float(GOLDEN[f"ope.all.{tracker}.{name}.score"]), abs=1e-9)


def _got10k(video: int, tracker: str) -> list[dict[str, object]]:
    visible = GOLDEN[f"got10k.s{video}.cover"] > 0
    runs = sorted(name for name in GOLDEN if name.startswith(f"got10k.s{video}.{tracker}.rep"))
    return [{"pred": GOLDEN[run], "gt": GOLDEN[f"got10k.s{video}.gt"], "visible": visible, "bounds": (480, 360)} for run in runs]


@pytest.mark.parametrize("tracker", ["a", "b"])
def test_got10k_average_overlap_and_success_rate(tracker):
    pooled_overlap, pooled_rate, curves, frames = [], [], [], []
    for video in range(3):
        runs = _got10k(video, tracker)
        overlaps = [metrics.average_overlap(**run) for run in runs]
        rates = [metrics.success_rate(**run, threshold=0.5) for run in runs]
        assert np.mean(overlaps) == pytest.approx(float(GOLDEN[f"got10k.s{video}.{tracker}.ao"]), abs=1e-9)
        assert np.mean(rates) == pytest.approx(float(GOLDEN[f"got10k.s{video}.{tracker}.sr"]), abs=1e-9)
        pooled_overlap += overlaps
        pooled_rate += rates
        curves += [metrics.success_curve(**run, convention="got10k") for run in runs]
        frames += [metrics.counted_frames(run["gt"], "got10k", run["visible"]) for run in runs]
    assert metrics.over_sequences(pooled_overlap, frames, "got10k") == pytest.approx(float(GOLDEN[f"got10k.{tracker}.ao"]), abs=1e-9)
    assert metrics.over_sequences(pooled_rate, frames, "got10k") == pytest.approx(float(GOLDEN[f"got10k.{tracker}.sr"]), abs=1e-9)
    np.testing.assert_allclose(metrics.over_sequences(curves, frames, "got10k"), GOLDEN[f"got10k.{tracker}.succ_curve"], **EXACT)


def test_got10k_frame_values():
    pred, gt, rule = GOLDEN["rect.pred"].T, GOLDEN["rect.gt"].T, CONVENTIONS["got10k"]
    errors, normalized_errors = rule.errors(pred, gt)
    known = ~np.isnan(GOLDEN["rect.iou"])  # the toolkit's overlap is NaN where a box is
    for value, reference in (
        (rule.overlaps(pred, gt, None), "rect.iou"),
        (rule.overlaps(pred, gt, tuple(GOLDEN["rect.bound"])), "rect.iou_bound"),
        (errors, "rect.center_error"),
        (normalized_errors, "rect.normalized_center_error"),
    ):
        np.testing.assert_allclose(value[known], GOLDEN[reference][known], **EXACT)


def test_got10k_otb_curves():
    pred, gt = GOLDEN["rect.pred"], GOLDEN["rect.gt"]
    np.testing.assert_allclose(metrics.success_curve(pred, gt, "got10k-otb"), GOLDEN["otb.succ_curve"], **EXACT)
    np.testing.assert_allclose(metrics.precision_curve(pred, gt, "got10k-otb"), GOLDEN["otb.prec_curve"], **EXACT)
    np.testing.assert_allclose(metrics.normalized_precision_curve(pred, gt, "got10k-otb"), GOLDEN["lasot.norm_prec_curve"], **EXACT)
    assert metrics.success_auc(pred, gt, "got10k-otb") == pytest.approx(float(GOLDEN["otb.succ_score"]), abs=1e-9)
    assert metrics.precision(pred, gt, 20, "got10k-otb") == pytest.approx(float(GOLDEN["otb.prec_score"]), abs=1e-9)
    assert metrics.success_rate(pred, gt, 0.5, "got10k-otb") == pytest.approx(float(GOLDEN["otb.succ_rate"]), abs=1e-9)


def test_got10k_lasot_frames_and_curves():
    """The toolkit leaves frames without ground truth out before it scores."""
    pred, gt = GOLDEN["rect.pred"], GOLDEN["rect.gt"]
    known = ~np.isnan(gt).any(axis=1)
    rule = CONVENTIONS["got10k-otb"]
    frames = np.stack([rule.overlaps(pred[known].T, gt[known].T, None), *rule.errors(pred[known].T, gt[known].T)])
    np.testing.assert_allclose(frames, GOLDEN["lasot.metrics"], **EXACT)
    np.testing.assert_allclose(metrics.success_curve(pred, gt, "got10k-otb"), GOLDEN["lasot.succ_curve"], **EXACT)
    np.testing.assert_allclose(metrics.precision_curve(pred, gt, "got10k-otb"), GOLDEN["lasot.prec_curve"], **EXACT)


@pytest.mark.parametrize("tracker", ["a", "b"])
def test_got10k_metrics_at_once_pooled_over_repetitions(tracker):
    scores = [metrics.one_pass_scores(**run, convention="got10k") for video in range(3) for run in _got10k(video, tracker)]
    frames = [score.counted for score in scores]
    for name, values in (("ao", [score.average_overlap for score in scores]), ("sr", [score.success_rate_50 for score in scores])):
        assert metrics.over_sequences(values, frames, "got10k") == pytest.approx(float(GOLDEN[f"got10k.{tracker}.{name}"]), abs=1e-9)
    curve = metrics.over_sequences([score.success for score in scores], frames, "got10k")
    np.testing.assert_allclose(curve, GOLDEN[f"got10k.{tracker}.succ_curve"], **EXACT)
