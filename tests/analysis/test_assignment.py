"""Labels of samples: what is seen of each, counts and means, and maps by place."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from analysis.made_samples import made_sample  # noqa: E402
from lockon.analysis.assignment import COLUMNS, AssignedSample, assigned_samples, by_place, summary  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.train.assigners.anchor_iou import AnchorIoUAssigner  # noqa: E402
from lockon.train.assigners.max_iou import MaxIoUAssigner  # noqa: E402
from lockon.train.assigners.one_to_many import OneToManyAssigner  # noqa: E402
from lockon.train.assigners.overlaps import OwnBoxes  # noqa: E402
from lockon.train.assigners.peak import PeakAssigner  # noqa: E402
from lockon.types import Candidates, Prediction  # noqa: E402

POINTS = torch.tensor([[x, y] for y in (8.0, 24.0) for x in (8.0, 24.0)])  # (4, 2) of a crop of 32 pixels
TRUTH = torch.tensor([[0.0, 0.0, 16.0, 16.0]])
# IoU with the truth: 1, 1/2, 1/4, 0.
BOXES = torch.tensor([[0.0, 0, 16, 16], [0, 0, 16, 8], [0, 0, 8, 8], [20, 20, 30, 30]])
LOGITS = torch.tensor([0.0, 2.0, -2.0, -4.0])


class Task:
    """A network that answers the same to every sample."""

    def __init__(self, assigner: Any, extras: dict[str, Any] | None = None, logits: Any = LOGITS) -> None:
        self.assigner, self.module = assigner, torch.nn.Identity()
        self.head = SimpleNamespace(candidates=Candidates(POINTS, None, 16.0))
        self.prediction = Prediction(logits[None].repeat(2, 1), BOXES[None].repeat(2, 1, 1), extras=extras or {})

    def predict(self, batch: dict[str, Any]) -> tuple[Any, Any]:
        return self.prediction, self.assigner(self.head.candidates, batch["box"], batch["present"], self.prediction)


def batch() -> dict[str, Any]:
    """Two samples, the second of which is a negative pair."""
    picture = torch.zeros(2, 32, 32, 3, dtype=torch.uint8)
    present = torch.tensor([True, False])
    return {"template": picture, "search": picture, "box": TRUTH.repeat(2, 1), "present": present, "ids": ["one", "two"]}


def seen(assigner: Any, extras: dict[str, Any] | None = None) -> list[AssignedSample]:
    return list(assigned_samples(Task(assigner, extras), [batch()]))


def test_a_row_by_hand() -> None:
    """Of the IoUs 1, 1/2, 1/4, 0 those above 0.45 are positive, that between 0.2 and 0.45 is ignored."""
    one, two = seen(MaxIoUAssigner(boxes=OwnBoxes(), positive=0.45, negative=0.2))
    assert one.labels.tolist() == [1, 1, -1, 0]
    row = one.row(7)
    assert tuple(row) == COLUMNS
    assert (row["sample"], row["ids"], row["positives"], row["ignored"], row["candidates"]) == (7, "one", 2, 1, 4)
    assert (row["present"], row["fallback"]) == (True, False)
    assert row["threshold"] == pytest.approx(0.45)
    assert (row["iou_labels"], row["iou_final"], row["iou_top"]) == (0.75, 0.75, 0.5)  # the second candidate scores highest
    assert row["score"] == pytest.approx((0.5 + 1 / (1 + math.exp(-2))) / 2)
    assert row["iou_init"] is None
    assert (two.row(1)["positives"], two.row(1)["fallback"]) == (0, None)  # a negative pair
    assert math.isnan(two.row(1)["iou_final"])


@pytest.mark.parametrize(
    ("assigner", "positives", "threshold", "fallback"),
    [
        (OneToManyAssigner(boxes=OwnBoxes()), [0], 0.4375 + np.std([1, 0.5, 0.25, 0]), False),
        (MaxIoUAssigner(boxes=OwnBoxes(), positive=0.3, negative=0.2), [0, 1], 0.3, False),
        (MaxIoUAssigner(boxes=OwnBoxes(), positive=1.0), [0], 1.0, True),  # no IoU is above 1: the best one stays
        (MaxIoUAssigner(boxes=OwnBoxes(), positive=1.0, keep_best=False), [], 1.0, True),
        (PeakAssigner(), [1], None, None),
    ],
)
def test_threshold_and_fallback(assigner: Any, positives: list[int], threshold: float | None, fallback: bool | None) -> None:
    one, _ = seen(assigner)
    row = one.row(0)
    assert one.positives.tolist() == positives
    assert row["threshold"] == (None if threshold is None else pytest.approx(threshold))
    assert row["fallback"] is fallback


def test_leading_labels_follow_the_boxes_of_the_first_stage() -> None:
    """The first stage has the same boxes in the opposite order: its best one is the last candidate."""
    sets = torch.zeros(2, 4, 9, 2)
    one, _ = seen(OneToManyAssigner(keep_nearest=False), {"init_boxes": BOXES.flip(0)[None].repeat(2, 1, 1), "points": sets})
    assert one.positives.tolist() == [3]
    row = one.row(0)
    assert (row["iou_labels"], row["iou_init"], row["iou_final"]) == (1, 1, 0)
    assert one.sets is not None
    assert one.sets.shape == (4, 9, 2)


def test_select_agrees_with_anchors() -> None:
    anchors = torch.tensor([[8.0, 8, 16, 16], [24, 8, 16, 16]])  # centre and size: the target, and its neighbour
    candidates = Candidates(anchors[:, :2], anchors, 16.0)
    assigner = AnchorIoUAssigner()
    selection = assigner.select(candidates, TRUTH, None)
    assert selection.passed.tolist() == [[True, False]]
    assert selection.threshold.tolist() == [[pytest.approx(0.6)]]
    assert assigner(candidates, TRUTH, torch.tensor([True])).labels.tolist() == [[1, 0]]


def test_summary_counts_samples_with_a_target() -> None:
    samples = [*seen(MaxIoUAssigner(boxes=OwnBoxes(), positive=1.0)), *seen(MaxIoUAssigner(boxes=OwnBoxes(), positive=0.45, negative=0.4))]
    found = summary(samples)
    assert (found["samples"], found["with_target"]) == (4, 2)
    assert found["positives"] == {"mean": 1.5, "fewest": 1, "most": 2}
    assert (found["fallback"], found["without_positive"], found["iou_final"]) == (0.5, 0, (1 + 0.75) / 2)
    assert math.isnan(found["iou_init"])


def test_summary_of_negative_pairs_alone_has_no_numbers() -> None:
    found = summary(seen(PeakAssigner())[1:])
    assert (found["with_target"], found["positives"]["fewest"]) == (0, None)
    assert math.isnan(found["positives"]["mean"])


def test_predictions_that_are_not_finite_are_an_error() -> None:
    with pytest.raises(LockonError, match="values that are not finite"):
        list(assigned_samples(Task(PeakAssigner(), logits=LOGITS * math.nan), [batch()]))


def test_a_map_has_the_largest_value_of_each_place() -> None:
    sample = made_sample(points=[[0, 0], [16, 0], [0, 16], [0, 0]])
    found, extent = by_place(sample, np.array([1.0, 2, 3, 4]))
    np.testing.assert_equal(found, [[4, 2], [3, math.nan]])
    assert extent == (-8, 24, 24, -8)
