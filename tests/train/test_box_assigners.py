"""Assigners that follow the network's boxes, on a map of 4 x 4 cells of 16 pixels whose IoUs are known."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.ops.grid import AnchorGrid, Grid  # noqa: E402
from lockon.train.assigners.max_iou import MaxIoUAssigner  # noqa: E402
from lockon.train.assigners.one_to_many import (  # noqa: E402
    OneToManyAssigner,
    StandardDeviation,
    Variance,
    atss_max_iou,
    atss_min_l2,
    variance,
)
from lockon.train.assigners.one_to_one import NearestPoint, OneToOneAssigner, TopIoU  # noqa: E402
from lockon.train.assigners.overlaps import AnchorBoxes, CenterDistance, InitBoxes, IoUValue, OwnBoxes, overlaps, smallest  # noqa: E402
from lockon.train.assigners.peak import PeakAssigner  # noqa: E402
from lockon.types import Candidates, Prediction  # noqa: E402

CANDIDATES = Candidates(torch.from_numpy(Grid(4, 16).points()), None, 16)
TRUTH = [12.0, 20.0, 52.0, 60.0]  # 40 x 40 around (32, 40): cells 9 and 10 (centres 24, 40 and 40, 40) are equally near


def boxes_of(ious) -> torch.Tensor:
    """Boxes (1, 16, 4) with these IoUs with `TRUTH`: as high, and so much narrower."""
    x1, y1, x2, y2 = TRUTH
    return torch.tensor([[[x1, y1, x1 + iou * (x2 - x1), y2] for iou in ious]])


def prediction(init=None, own=None, logits=None) -> Prediction:
    extras = {} if init is None else {"init_boxes": boxes_of(init).requires_grad_()}
    scores = torch.zeros(1, 16) if logits is None else torch.tensor([logits], dtype=torch.float32)
    return Prediction(scores.requires_grad_(), boxes_of(own or [0.0] * 16).requires_grad_(), extras=extras)


def labels(assigner, made: Prediction | None = None, truth=TRUTH, present: bool = True) -> list[float]:
    targets = assigner(CANDIDATES, torch.tensor([truth]), torch.tensor([present]), made)
    assert not targets.labels.requires_grad
    assert targets.boxes.tolist() == [truth]
    assert targets.present.tolist() == [present]
    return targets.labels[0].tolist()


def positives(*args, **options) -> list[int]:
    return [place for place, label in enumerate(labels(*args, **options)) if label == 1]


def at(values: dict[int, float], other: float = 0.0) -> list[float]:
    return [values.get(place, other) for place in range(16)]


# IoUs of the first stage's boxes around the centre, and of the final boxes elsewhere
INIT = at({5: 0.6, 6: 0.5, 9: 0.8, 10: 0.9, 13: 0.3, 14: 0.2}, 0.1)
OWN = at({0: 0.9, 1: 0.8, 2: 0.7, 9: 0.6}, 0.1)


def test_ious_of_the_example_are_those_stated() -> None:
    made = prediction(INIT, OWN)
    truth = torch.tensor([TRUTH])
    torch.testing.assert_close(overlaps(InitBoxes(), CANDIDATES, truth, made), torch.tensor([INIT]))
    torch.testing.assert_close(overlaps(OwnBoxes(), CANDIDATES, truth, made), torch.tensor([OWN]))


@pytest.mark.parametrize(
    ("by", "made", "expected"),
    [
        (TopIoU(), prediction(INIT, OWN), 0),
        (TopIoU(boxes=InitBoxes()), prediction(INIT, OWN), 10),
        (TopIoU(), prediction(), 9),  # no box overlaps: the nearest, of two the first
        (NearestPoint(), None, 9),
    ],
)
def test_one_to_one(by, made, expected: int) -> None:
    assert positives(OneToOneAssigner(by=by), made) == [expected]
    assert labels(OneToOneAssigner(by=by), made).count(0.0) == 15


@pytest.mark.parametrize(
    ("x", "y", "cell"), [(8, 8, 0), (15.5, 8, 0), (16.5, 8, 1), (32, 40, 9), (63, 63, 15), (500, -500, 3), (32, 32, 5)]
)
def test_nearest_point_is_the_cell_that_holds_the_center(x: float, y: float, cell: int) -> None:
    """Ties go to the lowest number."""
    assert positives(OneToOneAssigner(by=NearestPoint()), truth=[x - 5, y - 5, x + 5, y + 5]) == [cell]


@pytest.mark.parametrize(
    ("assigner", "expected"),
    [
        # IV of 4, leading: .9 .8 .6 .5: mean .7, variance .025, deviation .158: t = .858 or .725
        (OneToManyAssigner(candidates=IoUValue(k=4)), [9, 10]),  # 10 by the threshold, 9 as the nearest
        (OneToManyAssigner(candidates=IoUValue(k=4), keep_nearest=False), [10]),
        (OneToManyAssigner(candidates=IoUValue(k=4), keep_nearest=False, spread=Variance()), [9, 10]),
        # deviation of a sample: .1826, t = .8826
        (OneToManyAssigner(candidates=IoUValue(k=4), keep_nearest=False, spread=StandardDeviation(unbiased=True)), [10]),
        # CD of 6: cells 9, 10, then 5, 6, 13, 14 at equal distance: .8 .9 .6 .5 .3 .2: mean .55, variance .0625 (deviation .25): .6125, .8
        (OneToManyAssigner(candidates=CenterDistance(k=6), keep_nearest=False, spread=Variance()), [9, 10]),
        (OneToManyAssigner(candidates=CenterDistance(k=6), keep_nearest=False), [9, 10]),
        (OneToManyAssigner(candidates=CenterDistance(k=2), keep_nearest=False), [10]),  # .85 + .05: .9 itself
        # without leading: .9 .8 .7 .6 at 0, 1, 2, 9: mean .75, deviation .112, variance .0125
        (OneToManyAssigner(candidates=IoUValue(k=4), boxes=OwnBoxes(), keep_nearest=False), [0]),
        (OneToManyAssigner(candidates=IoUValue(k=4), boxes=OwnBoxes(), keep_nearest=False, spread=Variance()), [0, 1]),
        # of these candidates only 9 has its point in the box
        (OneToManyAssigner(candidates=IoUValue(k=4), boxes=OwnBoxes(), spread=Variance(), inside=True, keep_best=False), [9]),
        (OneToManyAssigner(candidates=IoUValue(k=4), boxes=OwnBoxes(), spread=Variance(), inside=True), [0, 9]),
        (MaxIoUAssigner(), [5, 9, 10]),
        (MaxIoUAssigner(boxes=OwnBoxes()), [0, 1, 2, 9]),
        (MaxIoUAssigner(positive=0.95), [10]),  # none: the best
        (MaxIoUAssigner(positive=0.95, keep_best=False), []),
    ],
)
def test_positives_by_hand(assigner, expected: list[int]) -> None:
    assert positives(assigner, prediction(INIT, OWN)) == expected


def test_between_both_thresholds_candidates_are_ignored() -> None:
    found = labels(MaxIoUAssigner(), prediction(at({0: 0.9, 1: 0.45, 2: 0.39, 3: 0.55})))
    assert found[:4] == [1, -1, 0, 1]
    assert set(found[4:]) == {0.0}


def test_threshold_above_every_iou_leaves_the_best_and_the_nearest() -> None:
    """Eleven of 0.9 and one of 0.1: mean 0.833, deviation 0.221, threshold 1.054; the variance 0.0489 gives 0.882."""
    eleven = at(dict.fromkeys((0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12), 0.9) | {9: 0.1}, 0.0)
    overlap, chosen = torch.tensor([eleven]), torch.tensor([eleven]) > 0
    assert float(variance(overlap, chosen)) == pytest.approx(0.0488889)
    assert float(StandardDeviation()(overlap, chosen)) == pytest.approx(0.2211083)
    made = prediction(eleven)
    assert positives(OneToManyAssigner(candidates=IoUValue(k=12)), made) == [5, 9]  # of eleven equal ones the nearest to the centre
    assert positives(OneToManyAssigner(candidates=IoUValue(k=12), keep_nearest=False), made) == [5]
    assert positives(OneToManyAssigner(candidates=IoUValue(k=12), keep_nearest=False, keep_best=False), made) == []
    by_variance = OneToManyAssigner(candidates=IoUValue(k=12), keep_nearest=False, spread=Variance())
    assert positives(by_variance, made) == [0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 12]


def test_equal_ious_all_reach_the_threshold() -> None:
    assert positives(OneToManyAssigner(candidates=IoUValue(k=16)), prediction([0.7] * 16)) == list(range(16))


@pytest.mark.parametrize("spread", [StandardDeviation(), StandardDeviation(unbiased=True), Variance()])
@pytest.mark.parametrize("candidates", [IoUValue(), CenterDistance(), IoUValue(k=1), CenterDistance(k=1), IoUValue(k=999)])
def test_boxes_that_miss_the_target_leave_the_nearest(spread, candidates) -> None:
    """All points on one place: every IoU is 0."""
    assert positives(OneToManyAssigner(candidates=candidates, spread=spread), prediction([0.0] * 16)) == [9]
    assert positives(MaxIoUAssigner(), prediction([0.0] * 16)) == [9]


ALL = [PeakAssigner(), OneToOneAssigner(by=NearestPoint()), OneToOneAssigner(), OneToManyAssigner(), MaxIoUAssigner()]


@pytest.mark.parametrize("assigner", ALL)
def test_sample_without_a_target_has_negatives_only(assigner) -> None:
    assert labels(assigner, prediction(INIT, OWN), present=False) == [0.0] * 16


@pytest.mark.parametrize("assigner", ALL)
def test_empty_boxes_and_no_samples(assigner) -> None:
    assert len(positives(assigner, prediction(INIT, OWN), truth=[30.0, 30.0, 30.0, 30.0])) == 1
    none = Prediction(torch.zeros(0, 16), torch.zeros(0, 16, 4), extras={"init_boxes": torch.zeros(0, 16, 4)})
    assert assigner(CANDIDATES, torch.zeros(0, 4), torch.zeros(0, dtype=torch.bool), none).labels.shape == (0, 16)


def anchored(*boxes_cxcywh) -> Candidates:
    anchors = torch.tensor(boxes_cxcywh, dtype=torch.float32)
    return Candidates(anchors[:, :2], anchors, 16)


# Around TRUTH's centre (32, 40). IoUs: of a wide anchor from its left edge on, whose centre is outside, 40 / 100; shifted by 16, 24 / 56;
# by 30 to each side, 10 / 70; beside it, 0.
AROUND = anchored(
    (62, 40, 100, 40), (48, 40, 40, 40), (2, 40, 40, 40), (62, 40, 40, 40), (32, 10, 40, 40), (32, 70, 40, 40), (92, 40, 40, 40)
)


@pytest.mark.parametrize(
    ("assigner", "threshold", "expected"),
    [
        # .4 .4286 and three of .1429: mean .2514, deviation of a sample .1490, of all .1333
        (atss_max_iou(5), 0.4004, [1]),
        (OneToManyAssigner(candidates=IoUValue(k=5), boxes=AnchorBoxes(), keep_best=False, keep_nearest=False), 0.3847, [0, 1]),
        # and four of .1429: mean .2333, deviation .1404; the first passes, but its centre is outside
        (atss_max_iou(6), 0.3738, [1]),
        # .4 and .4286 alone: mean .4143, deviation .0202: none passes
        (atss_max_iou(2), 0.4345, []),
        # nearest: 16, and all others but the last at 30: the same six
        (atss_min_l2(6), 0.3738, [1]),
        (atss_min_l2(1), 0.4286, [1]),
    ],
)
def test_atss_by_hand(assigner, threshold: float, expected: list[int]) -> None:
    truth = torch.tensor([TRUTH])
    seen = assigner.select(AROUND, truth, None)
    assert float(seen.threshold) == pytest.approx(threshold, abs=1e-4)
    targets = assigner(AROUND, truth, torch.tensor([True]))
    assert targets.labels[0].nonzero().flatten().tolist() == expected
    assert set(targets.labels.unique().tolist()) <= {0.0, 1.0}  # nothing is ignored
    assert not assigner(AROUND, truth, torch.tensor([False])).labels.any()


def plain_atss(anchors: np.ndarray, truth: np.ndarray, k: int, nearest: bool) -> set[int]:
    """ATSS on one level in float64, without tricks."""
    low, high = anchors[:, :2] - anchors[:, 2:] / 2, anchors[:, :2] + anchors[:, 2:] / 2
    sides = np.clip(np.minimum(high, truth[2:]) - np.maximum(low, truth[:2]), 0, None)
    common = sides.prod(1)
    overlap = common / (anchors[:, 2:].prod(1) + (truth[2:] - truth[:2]).prod() - common)
    distance = np.linalg.norm(anchors[:, :2] - (truth[:2] + truth[2:]) / 2, axis=1)
    chosen = (np.argsort(distance, kind="stable") if nearest else np.lexsort((distance, -overlap)))[:k]  # of equal ones the nearest
    threshold = overlap[chosen].mean() + overlap[chosen].std(ddof=1) - 1e-6  # equal ones reach their own mean
    inside = ((anchors[:, :2] > truth[:2]) & (anchors[:, :2] < truth[2:])).all(1)
    return {int(place) for place in chosen if overlap[place] >= threshold and inside[place]}


@pytest.mark.parametrize("nearest", [False, True])
@pytest.mark.parametrize(("ratios", "k"), [((0.33, 0.5, 1.0, 2.0, 3.0), 15), ((1.0,), 11)])
def test_atss_on_the_published_anchors_equals_plain_numpy(ratios, k: int, nearest: bool) -> None:
    grid = AnchorGrid(Grid(25, 8, offset=31.5), ratios=ratios)
    anchors = torch.from_numpy(grid.boxes())
    rng = np.random.default_rng(k)
    center, side = rng.uniform(100, 155, (20, 2)), rng.uniform(30, 110, (20, 2))
    truth = np.concatenate([center - side / 2, center + side / 2], 1)
    assigner = atss_min_l2(k) if nearest else atss_max_iou(k)
    labels = assigner(Candidates(anchors[:, :2], anchors, 8), torch.from_numpy(truth).float(), torch.ones(20, dtype=torch.bool)).labels
    found = [set(row.nonzero().flatten().tolist()) for row in labels]
    assert found == [plain_atss(anchors.double().numpy(), row, k, nearest) for row in truth]
    assert sum(map(len, found)) > 20


def test_smallest_breaks_ties_by_the_second_value_then_by_place() -> None:
    values, then = torch.tensor([[2.0, 1, 1, 1]]), torch.tensor([[0.0, 5, 4, 4]])
    assert smallest(values, 2).tolist() == [[False, True, True, False]]
    assert smallest(values, 1, then).tolist() == [[False, False, True, False]]
    assert smallest(values, 2, then).tolist() == [[False, False, True, True]]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: labels(OneToManyAssigner(), prediction(own=OWN)), "makes no init_boxes; set assigner.boxes=own-boxes"),
        (lambda: labels(MaxIoUAssigner()), "need a prediction"),
        (lambda: labels(OneToOneAssigner()), "need a prediction"),
        (lambda: labels(OneToManyAssigner(boxes=AnchorBoxes())), "a head that predicts at points; set assigner.boxes=own-boxes"),
        (lambda: IoUValue(k=0), "k must be 1 or more"),
        (lambda: CenterDistance(k=0), "k must be 1 or more"),
        (lambda: MaxIoUAssigner(positive=0.3), "negative must be above 0"),
    ],
)
def test_bad_settings_are_refused(call, words: str) -> None:
    with pytest.raises(LockonError, match=words):
        call()
