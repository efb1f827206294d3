"""`ScoreVote` by hand, against a loop over single boxes, and in the localizer of every family."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from candidates import ranked

from lockon.config import apply_overrides
from lockon.errors import LockonError
from lockon.localizers.boxes import Best
from lockon.localizers.dense import DenseLocalizer, LocalizerConfig
from lockon.localizers.place import CoarseToFine
from lockon.localizers.rank import Blend
from lockon.localizers.score import DualModalScore
from lockon.localizers.vote import ScoreVote
from lockon.ops.boxes import cxcywh_to_xyxy
from lockon.ops.crop import Crop
from lockon.tracker import TrackerConfig
from lockon.types import Prediction
from lockon.zoo.loading import inference_config
from lockon.zoo.registry import all_cards

FIRST, HIGH, WIDE, APART = [50.0, 50, 20, 20], [55.0, 50, 10, 20], [50.0, 45, 20, 10], [90.0, 90, 10, 10]
HALVED = 0.25 / math.log(2)  # the sigma at which a box with an IoU of 1/2 has half of its vote: exp(-(1/2)^2 / sigma) = 1/2


def voted(boxes: list[list[float]], scores: list[float], o: list[float] | None = None, best: int = 0, **rule: float) -> np.ndarray:
    given = ranked([boxes], [scores], quality=None if o is None else [o])
    return ScoreVote(**rule)(given, np.array([best]))[0]


def test_two_boxes() -> None:
    """IoU 1/2: votes 0.8 and 0.4 / 2, so that a fifth of the way is gone."""
    np.testing.assert_allclose(voted([FIRST, HIGH], [0.8, 0.4], sigma=HALVED), [51, 50, 18, 20], rtol=1e-14)


def test_three_boxes_and_one_that_has_no_vote() -> None:
    """Votes 0.6, 0.4 / 2 and 0.4 / 2; the last box does not overlap the first."""
    box = voted([FIRST, HIGH, WIDE, APART], [0.6, 0.4, 0.4, 0.9], sigma=HALVED)
    np.testing.assert_allclose(box, np.array([0.6 * 50 + 0.2 * 55 + 0.2 * 50, 50 - 0.2 * 5, 18, 18]), rtol=1e-14)


def test_three_boxes_with_a_quality() -> None:
    """Votes 0.5 * 0.5 = 1/4, 0.5 / 2 * 1 = 1/4 and 0.5 / 2 * 0.8 = 1/5; squared qualities: 1/8, 1/4 and 4/25."""
    boxes, o = [FIRST, HIGH, WIDE], [0.5, 1.0, 0.8]
    for exponent, votes in ((1.0, [1 / 4, 1 / 4, 1 / 5]), (2.0, [1 / 8, 1 / 4, 4 / 25]), (0.0, [1 / 2, 1 / 4, 1 / 4])):
        box = voted(boxes, [0.5] * 3, o, sigma=HALVED, quality=exponent)
        np.testing.assert_allclose(box, np.average(boxes, axis=0, weights=votes), rtol=1e-14)


def test_equal_scores_leave_the_overlap_alone() -> None:
    """Votes exp(-(1 - IoU)^2 / sigma): IoU 1, 1/2 and 9/11, of 18 of 22 columns."""
    boxes = [FIRST, HIGH, [52.0, 50, 20, 20]]
    weights = [1, 1 / 2, 2 ** -((2 / 11) ** 2 / 0.25)]
    for score in (0.01, 0.7, 1.0):
        np.testing.assert_allclose(voted(boxes, [score] * 3, sigma=HALVED), np.average(boxes, axis=0, weights=weights), rtol=1e-13)


def test_the_papers_numbers() -> None:
    """Sigma 0.0025 as it is written, not its square: a box with an IoU of 0.95 has exp(-1) of a vote, one of 0.9 exp(-4)."""
    assert ScoreVote() == ScoreVote(sigma=0.0025, epsilon=0.01, quality=1.0)
    for overlap in (0.95, 0.9):
        share = math.exp(-((1 - overlap) ** 2) / 0.0025)
        assert share == pytest.approx({0.95: 0.3679, 0.9: 0.0183}[overlap], abs=1e-4)
        box = voted([FIRST, [50.0, 50, 20, 20 * overlap]], [0.5, 0.5])
        np.testing.assert_allclose(box, [50, 50, 20, (20 + 20 * overlap * share) / (1 + share)], rtol=1e-12)


def test_one_candidate_keeps_its_box() -> None:
    assert voted([[50.1, 49.3, 17.7, 20.9]], [0.3]).tolist() == [50.1, 49.3, 17.7, 20.9]


def test_scores_below_zero_have_no_vote() -> None:
    assert voted([FIRST, HIGH], [0.5, -0.5], sigma=HALVED).tolist() == FIRST
    np.testing.assert_allclose(voted([FIRST, HIGH, WIDE], [-0.5, 0.5, 0.5], sigma=HALVED), [52.5, 47.5, 15, 15])


@pytest.mark.parametrize("scores", [[0.0, 0.0], [-0.3, -0.1], [0.0, -0.1]], ids=str)
def test_where_nothing_has_a_vote_the_best_box_stays(scores: list[float]) -> None:
    for best in (0, 1):
        assert voted([FIRST, HIGH], scores, best=best).tolist() == [FIRST, HIGH][best]
    assert voted([FIRST, HIGH], [0.9, 0.9], o=[0.0, 0.0], best=1).tolist() == HIGH


@pytest.mark.parametrize(("epsilon", "count"), [(0.49, 2), (0.5, 1), (0.99, 1), (1.0, 0)])
def test_only_boxes_with_more_overlap_than_epsilon_vote(epsilon: float, count: int) -> None:
    """A wide sigma, in which all that overlap have their whole votes; without any the best box stays."""
    expected = np.mean([FIRST, HIGH][: max(count, 1)], axis=0)
    np.testing.assert_allclose(voted([FIRST, HIGH], [0.5, 0.5], epsilon=epsilon, sigma=100), expected, rtol=2e-3)


def test_the_vote_is_around_the_chosen_candidate() -> None:
    """Not around the highest score."""
    assert voted([FIRST, APART], [0.9, 0.1], best=1).tolist() == APART


@pytest.mark.parametrize("change", [{"sigma": 0.0}, {"sigma": 101.0}, {"epsilon": -0.1}, {"epsilon": 1.1}, {"quality": -1.0}], ids=str)
def test_numbers_out_of_range_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(LockonError, match=next(iter(change))):
        ScoreVote(**change)


def test_targets_in_one_batch_vote_as_alone() -> None:
    rng = np.random.default_rng(0)
    boxes = np.concatenate([rng.uniform(40, 60, (5, 50, 2)), rng.uniform(15, 25, (5, 50, 2))], axis=-1)
    scores, quality, rule = rng.normal(0.3, 0.3, (5, 50)), rng.uniform(0, 1, (5, 50)), ScoreVote(sigma=0.05)
    best = scores.argmax(axis=1)
    together = rule(ranked(boxes, scores, quality=quality), best)
    for i in range(5):
        one = slice(i, i + 1)
        np.testing.assert_allclose(rule(ranked(boxes[one], scores[one], quality=quality[one]), best[one])[0], together[i], rtol=1e-13)


DEGENERATE = {
    "no area": [[50.0, 50, 0, 0], [50.0, 50, 0, 20]],
    "turned inside out": [[50.0, 50, -20, -20], [50.0, 50, -20, 20]],
    "huge": [[0.0, 0, 1e100, 1e100], [1e99, 0, 1e100, 1e100]],
    "beyond what an area can be": [[0.0, 0, 1e200, 1e200], [1e199, 0, 1e200, 1e200]],
    "tiny": [[50.0, 50, 1e-200, 1e-200], [50.0, 50, 1e-100, 1e-100]],
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_odd_boxes_give_numbers(name: str) -> None:
    with np.errstate(all="ignore"):
        box = voted([*DEGENERATE[name], FIRST], [0.9, 0.8, 0.7])
    assert np.isfinite(box).all()
    assert np.abs(box).max() <= max(np.abs(DEGENERATE[name]).max(), 50) * (1 + 1e-12)


@pytest.mark.parametrize("score", [1e308, 1e-308, 5e-324])
def test_odd_scores_give_numbers(score: float) -> None:
    """Sums that would overflow, and numbers that hardly are any."""
    box = voted([FIRST, FIRST, HIGH], [score] * 3, sigma=HALVED)
    np.testing.assert_allclose(box, [51, 50, 18, 20] if score > 1e-320 else [50, 50, 20, 20], rtol=0.1)


def test_a_box_without_a_vote_may_be_no_number() -> None:
    with np.errstate(all="ignore"):
        box = voted([FIRST, [np.nan, 0, 1, 1], [np.inf, 0, 1, 1]], [0.5, 0.9, np.nan])
    assert box.tolist() == FIRST


CONFIGS = {
    f"{name}:{preset}": inference_config(one, preset)
    for name, one in all_cards().items()
    if isinstance(one.config, TrackerConfig)
    for preset in one.presets
}
GRID, SIZE = 7, 112


def prediction_of(config: LocalizerConfig, seed: int, quality: bool) -> Prediction:
    """Boxes around their cells, float32 as networks give them; 2 targets."""
    rng = np.random.default_rng(seed)
    cells = np.stack(np.meshgrid(np.arange(GRID), np.arange(GRID)), axis=-1).reshape(-1, 2) * 8.0 + 32
    centers = np.tile(cells, (2, config.anchors, 1)) + rng.normal(0, 4, (2, config.anchors * GRID**2, 2))
    boxes = cxcywh_to_xyxy(np.concatenate([centers, rng.uniform(25, 45, centers.shape)], axis=-1)).astype(np.float32)
    logits = rng.normal(-1, 2, boxes.shape[:2]).astype(np.float32)
    return Prediction(logits, boxes, rng.normal(0, 2, logits.shape).astype(np.float32) if quality else None)


def overlap(a: Any, b: Any) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inter = max(w, 0) * max(h, 0)
    return inter / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - inter)


def slow(prediction: Prediction, row: int, best: int, crop: Crop, rule: ScoreVote) -> np.ndarray:
    """One candidate after the other, by the formulas of the paper, in float64: cx, cy, w, h in image pixels."""
    boxes = np.asarray(prediction.boxes[row], dtype=np.float64)
    total, mean = 0.0, np.zeros(4)
    for i, box in enumerate(boxes):
        iou = overlap(box, boxes[best])
        if iou > rule.epsilon:
            weight = 1 / (1 + math.exp(-float(prediction.logits[row, i]))) * math.exp(-((1 - iou) ** 2) / rule.sigma)
            if prediction.quality is not None:
                weight /= 1 + math.exp(-float(prediction.quality[row, i]))
            total, mean = total + weight, mean + weight * box
    x1, y1, x2, y2 = crop.to_image(mean / total)
    return np.array([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1])


@pytest.mark.parametrize("quality", [False, True])
@pytest.mark.parametrize("name", CONFIGS)
def test_every_family_can_vote(name: str, quality: bool) -> None:
    """Whatever its score, rank and anchors are: boxes equal those of the loop. Between candidates the place stays and the size is voted."""
    config: TrackerConfig = apply_overrides(CONFIGS[name], {"localizer.boxes": "score-vote", "localizer.boxes.sigma": 0.2})
    localizer = replace(config.localizer, size_lr=1.0)
    rule = localizer.boxes
    assert isinstance(rule, ScoreVote)
    for seed in range(2):
        prediction = prediction_of(localizer, seed, quality)
        crops, last = (
            Crop(np.array([[60.0, 70], [200, 40]]), np.array([90.0, 130]), SIZE),
            np.array([[60.0, 70, 28, 24], [200, 40, 35, 40]]),
        )
        found = DenseLocalizer(localizer)(prediction, crops, last)
        alone = DenseLocalizer(replace(localizer, boxes=Best()))(prediction, crops, last)
        np.testing.assert_array_equal(found.best, alone.best)
        for row in range(2):
            expected = slow(prediction, row, int(found.best[row]), crops[row], rule)
            if isinstance(localizer.place, CoarseToFine):
                expected[:2] = alone.boxes[row, :2]
            np.testing.assert_allclose(found.boxes[row], expected, rtol=1e-5)
            assert np.abs(found.boxes[row] - alone.boxes[row]).max() > 0.05


def test_families_of_all_kinds_were_asked() -> None:
    places = {type(config.localizer.place).__name__ for config in CONFIGS.values()}
    assert places == {"Argmax", "CoarseToFine"}
    assert {config.localizer.anchors for config in CONFIGS.values()} >= {1, 5}
    assert {"lockon-s:default", "siamrpnpp-r50:default", "ostrack256:default", "rtrack256:default"} <= set(CONFIGS)


def test_the_size_is_smoothed_after_the_vote() -> None:
    prediction = prediction_of(LocalizerConfig(), 0, False)
    crops, last = Crop(np.array([[60.0, 70]] * 2), np.array([90.0] * 2), SIZE), np.array([[60.0, 70, 28, 24]] * 2)
    off = LocalizerConfig(rank=Blend(penalty_k=0.0, window_influence=0.0), boxes=ScoreVote(sigma=0.02), size_lr=1.0)
    whole, half = (DenseLocalizer(replace(off, size_lr=rate))(prediction, crops, last) for rate in (1.0, 0.5))
    score = 1 / (1 + np.exp(-whole.logits))[:, None]
    np.testing.assert_allclose(half.boxes[:, :2], whole.boxes[:, :2])
    np.testing.assert_allclose(half.boxes[:, 2:], last[:, 2:] + 0.5 * score * (whole.boxes[:, 2:] - last[:, 2:]), rtol=1e-9)


def test_fused_scores_vote_and_leave_the_localizer_within_0_and_1() -> None:
    """The response of one candidate is above 1, that of its neighbour below 0: only the first votes."""
    boxes = cxcywh_to_xyxy(np.array([[FIRST, HIGH, WIDE, APART]]))
    prediction = Prediction(np.zeros((1, 4)), boxes, extras={"online": np.array([[1.8, -0.9, -0.8, 0.1]])})
    crops, last = Crop(np.array([[50.0, 50]]), np.array([100.0]), 100), np.array([[50.0, 50, 20, 20]])
    off = Blend(penalty_k=0.0, window_influence=0.0)
    config = LocalizerConfig(score=DualModalScore(mu=1.0), rank=off, boxes=ScoreVote(sigma=HALVED), size_lr=0.9)
    found = DenseLocalizer(config)(prediction, crops, last)
    np.testing.assert_allclose(found.boxes, [FIRST])
    assert found.scores.tolist() == [[1, 0, 0, 0.1]]
    assert found.logits[0] == pytest.approx(math.log((1 - 1e-9) / 1e-9), rel=1e-6)


@pytest.mark.parametrize(("online", "rate"), [(1.5, 1.0), (0.5, 0.5 * 0.9), (-1.5, 0.0)])
def test_the_size_follows_a_fused_score_by_nothing_to_the_whole_way(online: float, rate: float) -> None:
    prediction = Prediction(np.zeros((1, 1)), cxcywh_to_xyxy(np.array([[HIGH]])), extras={"online": np.array([[online]])})
    crops, last = Crop(np.array([[50.0, 50]]), np.array([100.0]), 100), np.array([[50.0, 50, 20, 20]])
    config = LocalizerConfig(score=DualModalScore(mu=1.0), rank=Blend(penalty_k=0.0), size_lr=0.9)
    np.testing.assert_allclose(DenseLocalizer(config)(prediction, crops, last).boxes, [[55, 50, 20 - 10 * rate, 20]])
