from __future__ import annotations

import pytest

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.ops.grid import AnchorGrid, Grid  # noqa: E402
from lockon.train.assigners.anchor_iou import AnchorIoUAssigner  # noqa: E402
from lockon.types import Candidates  # noqa: E402

YES, NO = torch.tensor([True]), torch.tensor([False])
# Three 20 x 20 anchors in a row, then three of 20 x 80, at x = 10, 20, 30
ANCHORS = torch.tensor([[x, 10.0, 20, h] for h in (20, 80) for x in (10, 20, 30)])


def on(anchors) -> Candidates:
    return Candidates(anchors[:, :2], anchors, 8)


def labels(box, present=YES, **options) -> list[int]:
    targets = AnchorIoUAssigner(**options)(Candidates(ANCHORS[:, :2], ANCHORS, 10), torch.tensor([box], dtype=torch.float32), present)
    return targets.labels[0].int().tolist()


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([0, 0, 20, 20], [1, -1, 0, 0, 0, 0]),  # IoU 1, 1/3, 0; the high ones 1/4, 1/7, 0
        ([0, -30, 20, 50], [0, 0, 0, 1, -1, 0]),
        ([0, 0, 20, 30], [1, 0, 0, -1, 0, 0]),  # 2/3, 1/4, 0; 30/80, 1/6.3, 0
        ([200, 200, 220, 220], [0] * 6),
        ([5, 5, 5, 5], [0] * 6),  # no area
    ],
)
def test_labels_of_anchors_equal_those_worked_out_by_hand(box, expected) -> None:
    assert labels(box) == expected


def test_thresholds() -> None:
    assert labels([0, 0, 20, 20], positive=0.3, negative=0.2) == [1, 1, 0, -1, 0, 0]


@pytest.mark.parametrize(
    ("center", "cells"),
    [
        # (center - 31) / 8 + 0.5 rounded up: the middle of the window
        (31 + 8 * 12 - 4, range(9, 16)),  # just 12
        (31 + 8 * 12, range(10, 17)),  # 12.5 -> 13
        (31 + 8 * 12 + 4, range(10, 17)),
        (31 + 8 * 12 + 5, range(11, 18)),
        (0, range(1)),  # -3.4 -> -3
        (255, range(26, 25)),  # 28.5 -> 29: nothing
    ],
)
def test_window_of_a_negative_pair(center: float, cells) -> None:
    grid = AnchorGrid(Grid(25, 8, 31))
    box = torch.tensor([[center - 20.0, 107, center + 20, 147]])  # 127 across: rows 10 to 16
    found = AnchorIoUAssigner()(on(torch.from_numpy(grid.boxes())), box, NO).labels.view(grid.anchors, 25, 25)
    expected = torch.full((25, 25), -1.0)
    for column in cells:
        expected[10:17, column] = 0
    assert (found == expected).all()


def test_rows_are_independent() -> None:
    boxes = torch.tensor([[0.0, 0, 20, 20], [0, 0, 20, 20], [0, -30, 20, 50]])
    targets = AnchorIoUAssigner()(Candidates(ANCHORS[:, :2], ANCHORS, 10), boxes, torch.tensor([True, False, True]))
    assert targets.labels[0].int().tolist() == labels(boxes[0].tolist())
    assert targets.labels[1].int().tolist() == labels(boxes[1].tolist(), NO)
    assert targets.labels[2].int().tolist() == labels(boxes[2].tolist())
    assert targets.boxes is boxes
    assert targets.present.tolist() == [True, False, True]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_labels_equal_those_of_pysot(dtype) -> None:
    """PySOT's labels before sampling, of positive and of negative pairs."""
    golden = golden_data.losses("pysot_anchor_targets")
    anchors = torch.from_numpy(golden["all_anchors_center"]).flatten(1).T.to(dtype)
    boxes = torch.from_numpy(golden["boxes"]).to(dtype)
    assert torch.equal(anchors, torch.from_numpy(AnchorGrid(Grid(25, 8, 31)).boxes()).to(dtype))
    for kind, present in (("pos", True), ("neg", False)):
        found = AnchorIoUAssigner()(on(anchors), boxes, torch.full((len(boxes),), present)).labels
        for index, row in enumerate(found):
            assert row.int().tolist() == golden[f"{kind}{index}.all.cls"].ravel().tolist()


def test_what_it_refuses() -> None:
    with pytest.raises(LockonError, match=r"negative must be above 0 and at most positive, got 0\.7 and 0\.6"):
        AnchorIoUAssigner(negative=0.7)
    with pytest.raises(LockonError, match="given for a head that predicts at points; take assigner=ellipse-assigner"):
        AnchorIoUAssigner()(Candidates(ANCHORS[:, :2], None, 10), torch.tensor([[0.0, 0, 20, 20]]), YES)
