"""The localizer against a loop over single candidates, written from the formulas of PySOT's inference."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from lockon.errors import LockonError
from lockon.localizers.boxes import Best, MeanNear, MeanRanked
from lockon.localizers.dense import DenseLocalizer, LocalizerConfig
from lockon.localizers.rank import Blend, map_side
from lockon.localizers.score import SigmoidScore, StretchedScore
from lockon.ops.crop import Crop
from lockon.types import Prediction

GRID, SIZE = 5, 80
OFF = Blend(window_influence=0.0, penalty_k=0.0)  # candidates rank by their scores alone


def change(ratio: float) -> float:
    return max(ratio, 1 / ratio)


def padded(w: float, h: float) -> float:
    pad = (w + h) / 2
    return math.sqrt((w + pad) * (h + pad))


def slow(logits, boxes, quality, *, crop: Crop, last, config: LocalizerConfig):
    """One target, one candidate after the other: the best index, new box and score."""
    scale = SIZE / float(crop.side)  # PySOT's scale_z
    hann = np.hanning(GRID) if config.rank.zero_border else np.hanning(GRID + 2)[1:-1]
    best, best_rank, out = -1, -math.inf, None
    for i in range(len(logits)):
        score = 1 / (1 + math.exp(-logits[i]))
        if quality is not None:
            stretched = (quality[i] - quality.min()) / (quality.max() - quality.min())
            score *= (stretched if isinstance(config.score, StretchedScore) else 1 / (1 + math.exp(-quality[i]))) ** config.score.quality
        x1, y1, x2, y2 = boxes[i]
        cx, cy, w, h = (x1 + x2) / 2 - SIZE / 2, (y1 + y2) / 2 - SIZE / 2, x2 - x1, y2 - y1
        s_c = change(padded(w, h) / padded(last[2] * scale, last[3] * scale))
        r_c = change((last[2] / last[3]) / (w / h))
        penalty = math.exp(-(r_c * s_c - 1) * config.rank.penalty_k)
        place = i % GRID**2  # one anchor's map after the other
        window = hann[place // GRID] * hann[place % GRID]
        rank = penalty * score * (1 - config.rank.window_influence) + window * config.rank.window_influence
        if rank > best_rank:
            rate = penalty * score * config.size_lr if config.size_lr < 1 else 1.0
            size = [(1 - rate) * last[2] + rate * w / scale, (1 - rate) * last[3] + rate * h / scale]
            best, best_rank, out = i, rank, ([crop.center[0] + cx / scale, crop.center[1] + cy / scale, *size], score)
    return best, *out


def random_prediction(seed: int, targets: int, quality: bool, anchors: int = 1) -> Prediction:
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 50, (targets, anchors * GRID * GRID, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(4, 40, corner.shape)], axis=-1).astype(np.float32)
    logits = rng.normal(0, 3, corner.shape[:2]).astype(np.float32)
    return Prediction(logits, boxes, rng.normal(0, 2, logits.shape).astype(np.float32) if quality else None)


@pytest.mark.parametrize("quality", [False, True])
@pytest.mark.parametrize(
    "config",
    [
        LocalizerConfig(),
        LocalizerConfig(rank=OFF, size_lr=1.0),
        LocalizerConfig(rank=Blend(window_influence=0.42, penalty_k=0.2), size_lr=0.3, score=SigmoidScore(quality=0.5)),
        LocalizerConfig(rank=Blend(window_influence=0.9)),
        LocalizerConfig(rank=Blend(window_influence=0.4, zero_border=True)),
        LocalizerConfig(rank=Blend(window_influence=0.4), anchors=3),
        LocalizerConfig(rank=Blend(window_influence=0.6, zero_border=True), anchors=2),
        LocalizerConfig(score=StretchedScore()),
        LocalizerConfig(rank=Blend(window_influence=0.2), score=StretchedScore(quality=0.5), anchors=2),
    ],
)
def test_equals_the_slow_loop(config: LocalizerConfig, quality: bool) -> None:
    for seed in range(5):
        targets = 3
        prediction = random_prediction(seed, targets, quality, config.anchors)
        rng = np.random.default_rng(100 + seed)
        last = np.concatenate([rng.uniform(50, 200, (targets, 2)), rng.uniform(5, 60, (targets, 2))], axis=1)
        crop = Crop(last[:, :2], rng.uniform(40, 200, targets), SIZE)
        boxes, logits, best, scores, verdicts, _ = DenseLocalizer(config)(prediction, crop, last)
        assert boxes.shape == (targets, 4)
        assert logits.shape == (targets,)
        assert verdicts == ("normal",) * targets
        for i in range(targets):
            one_quality = None if prediction.quality is None else prediction.quality[i]
            number, box, score = slow(prediction.logits[i], prediction.boxes[i], one_quality, crop=crop[i], last=last[i], config=config)
            assert best[i] == number
            assert scores[i, number] == pytest.approx(score, rel=1e-5, abs=1e-9)
            np.testing.assert_allclose(boxes[i], box, rtol=1e-5)
            assert 1 / (1 + math.exp(-logits[i])) == pytest.approx(score, rel=1e-5)


def test_the_window_decides_between_equals() -> None:
    """Two equal scores: the candidate near the crop's centre is taken."""
    logits = np.full((1, 25), -9.0)
    logits[0, [0, 12]] = 2.0
    boxes = np.tile(np.array([30.0, 30, 50, 50]), (1, 25, 1))
    boxes[0, 0] = [0, 0, 20, 20]
    crop, last = Crop(np.array([[100.0, 100]]), np.array([80.0]), SIZE), np.array([[100.0, 100, 20, 20]])
    box = DenseLocalizer(LocalizerConfig(size_lr=1))(Prediction(logits, boxes), crop, last).boxes
    assert box[0].tolist() == [100, 100, 20, 20]


def test_voting_averages_the_candidates_that_overlap_the_best() -> None:
    logits = np.full((1, 25), -20.0)
    boxes = np.tile(np.array([0.0, 0, 4, 4]), (1, 25, 1))
    logits[0, 12:15] = 0.0, 0.0, 0.0
    logits[0, 12] = 1e-6  # the best
    boxes[0, 12], boxes[0, 13], boxes[0, 14] = [30, 30, 50, 50], [32, 30, 52, 50], [60, 60, 80, 80]  # the last one is elsewhere
    crop, last = Crop(np.array([[40.0, 40]]), np.array([80.0]), SIZE), np.array([[40.0, 40, 20, 20]])
    config = LocalizerConfig(rank=OFF, size_lr=1, boxes=MeanNear(top=3))
    box = DenseLocalizer(config)(Prediction(logits, boxes), crop, last).boxes
    np.testing.assert_allclose(box[0], [41, 40, 20, 20], atol=1e-4)


@pytest.mark.parametrize("rule", [MeanNear(top=1000), MeanRanked(top=1000)], ids=str)
def test_voting_with_more_than_all_candidates(rule: MeanNear | MeanRanked) -> None:
    prediction = random_prediction(0, 2, False)
    crop, last = Crop(np.full((2, 2), 40.0), np.full(2, 80.0), SIZE), np.full((2, 4), 20.0)
    box = DenseLocalizer(LocalizerConfig(boxes=rule))(prediction, crop, last).boxes
    assert np.isfinite(box).all()


def test_the_ranked_mean_takes_the_best_after_penalty_and_window() -> None:
    """SiamLA's Eq. 12 and 13: candidate 4 has a high score, but it is in a corner and of another size; 14 lies apart and still counts."""
    logits = np.full((1, 25), -20.0)
    boxes = np.tile(np.array([0.0, 0, 4, 4]), (1, 25, 1))
    logits[0, [4, 12, 13, 14]] = 3.0, 2.0, 1.0, 0.5
    boxes[0, [4, 12, 13, 14]] = [[0, 0, 70, 70], [30, 30, 50, 50], [33, 30, 53, 50], [60, 60, 78, 80]]
    crop, last = Crop(np.array([[40.0, 40]]), np.array([80.0]), SIZE), np.array([[40.0, 40, 20, 20]])
    config = LocalizerConfig(rank=Blend(window_influence=0.3, penalty_k=0.2), size_lr=1, boxes=MeanRanked(top=3))
    choice = DenseLocalizer(config)(Prediction(logits, boxes), crop, last)
    assert choice.best.tolist() == [12]
    np.testing.assert_allclose(choice.boxes[0], [(40 + 43 + 69) / 3, (40 + 40 + 70) / 3, (20 + 20 + 18) / 3, 20])
    without = DenseLocalizer(replace(config, rank=OFF))(Prediction(logits, boxes), crop, last)
    np.testing.assert_allclose(without.boxes[0, 0], (35 + 40 + 43) / 3)


def test_the_ranked_mean_of_one_is_the_best() -> None:
    prediction = random_prediction(1, 2, True)
    crop, last = Crop(np.full((2, 2), 40.0), np.full(2, 80.0), SIZE), np.full((2, 4), 20.0)
    alone, ranked = (DenseLocalizer(LocalizerConfig(boxes=rule))(prediction, crop, last) for rule in (Best(), MeanRanked(top=1)))
    assert np.array_equal(alone.boxes, ranked.boxes)


def test_a_flat_quality_leaves_the_scores_alone() -> None:
    """Stretching it to 0..1 would divide by nothing."""
    prediction = random_prediction(2, 2, False)
    flat = Prediction(prediction.logits, prediction.boxes, np.full_like(prediction.logits, 0.3))
    crop, last = Crop(np.full((2, 2), 40.0), np.full(2, 80.0), SIZE), np.full((2, 4), 20.0)
    localizer = DenseLocalizer(LocalizerConfig(score=StretchedScore()))
    assert np.array_equal(localizer(flat, crop, last).boxes, localizer(prediction, crop, last).boxes)


def test_a_last_box_without_area() -> None:
    prediction = random_prediction(3, 2, False)
    crop = Crop(np.full((2, 2), 40.0), np.full(2, 80.0), SIZE)
    box = DenseLocalizer(LocalizerConfig(rank=Blend(penalty_k=0.2)))(prediction, crop, np.array([[40.0, 40, 0, 20], [40, 40, 0, 0]])).boxes
    assert np.isfinite(box).all()


def test_extreme_outputs_stay_finite() -> None:
    logits = np.array([[1e4] * 13 + [-1e4] * 12])
    boxes = np.zeros((1, 25, 4))  # no area
    crop, last = Crop(np.array([[40.0, 40]]), np.array([80.0]), SIZE), np.array([[40.0, 40, 20, 20]])
    box, logit, *_ = DenseLocalizer(LocalizerConfig())(Prediction(logits, boxes), crop, last)
    assert np.isfinite(box).all()
    assert np.isfinite(logit).all()


def test_the_border_never_wins_where_its_window_is_zero() -> None:
    """All scores the same and the window alone decides: the corner has exactly nothing."""
    boxes = np.tile(np.array([30.0, 30, 50, 50]), (1, 25, 1))
    logits = np.full((1, 25), -9.0)
    logits[0, 0] = 0.1
    crop, last = Crop(np.array([[40.0, 40]]), np.array([80.0]), SIZE), np.array([[40.0, 40, 20, 20]])
    chosen = {
        zero: DenseLocalizer(LocalizerConfig(rank=Blend(window_influence=0.7, zero_border=zero)))(Prediction(logits, boxes), crop, last)
        for zero in (True, False)
    }
    assert chosen[True].best.tolist() == chosen[False].best.tolist() == [12]
    ahead = DenseLocalizer(LocalizerConfig(rank=Blend(window_influence=0.0, zero_border=True)))(Prediction(logits, boxes), crop, last)
    assert ahead.best.tolist() == [0]


@pytest.mark.parametrize(("count", "anchors", "side"), [(196, 1, 14), (3125, 5, 25), (2205, 5, 21), (1, 1, 1)])
def test_side_of_the_map(count: int, anchors: int, side: int) -> None:
    assert map_side(count, anchors) == side


@pytest.mark.parametrize(("count", "anchors"), [(3125, 1), (196, 5), (24, 1)])
def test_candidates_that_fill_no_square(count: int, anchors: int) -> None:
    with pytest.raises(LockonError, match=r"localizer\.anchors"):
        map_side(count, anchors)
