from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.ops.grid import Grid  # noqa: E402
from lockon.train.assigners.ellipse import EllipseAssigner  # noqa: E402

POINTS = torch.from_numpy(Grid(5, 10).points())  # 5, 15, 25, 35, 45
YES = torch.tensor([True])


def drawn(picture: str) -> list[list[int]]:
    """+ positive, . ignored, - negative."""
    return [["-+.".index(mark) if mark != "." else -1 for mark in row.split()] for row in picture.strip().splitlines()]


def assign(box, present=YES, **options) -> list[list[int]]:
    labels = EllipseAssigner(**options)(POINTS, torch.tensor([box], dtype=torch.float32), present).labels
    return labels.view(5, 5).int().tolist()


@pytest.mark.parametrize(
    ("box", "picture"),
    [
        # 44 x 44 around the middle point: positive within 11 px of it, ignored to 22 px (diagonal neighbours are 14 px away)
        ([3, 3, 47, 47], "- - . - -\n- . + . -\n. + + + .\n- . + . -\n- - . - -"),
        # 84 wide, 24 high: positive semi-axes 21 and 6, ignored to 42 and 12
        ([-17, 13, 67, 37], "- - - - -\n. . . . .\n+ + + + +\n. . . . .\n- - - - -"),
        # 6 x 6 between four points, none of which it holds: the nearest one (the first in the order of the grid) is positive
        ([27, 27, 33, 33], "- - - - -\n- - - - -\n- - + - -\n- - - - -\n- - - - -"),
        # 4 x 4 on a point
        ([33, 13, 37, 17], "- - - - -\n- - - + -\n- - - - -\n- - - - -\n- - - - -"),
        # its centre lies in the far corner beyond the grid, more than a step from the last point
        ([56, 56, 60, 60], "- - - - -\n- - - - -\n- - - - -\n- - - - -\n- - - - -"),
        # no area at all
        ([25, 25, 25, 25], "- - - - -\n- - - - -\n- - + - -\n- - - - -\n- - - - -"),
    ],
)
def test_drawn_by_hand(box, picture: str) -> None:
    assert assign(box) == drawn(picture)


def test_negative_pairs_have_no_positive() -> None:
    boxes = torch.tensor([[3.0, 3, 47, 47], [3, 3, 47, 47]])
    targets = EllipseAssigner()(POINTS, boxes, torch.tensor([False, True]))
    assert targets.labels[0].tolist() == [0] * 25
    assert (targets.labels[1] == 1).sum() == 5
    assert targets.boxes is boxes
    assert targets.present.tolist() == [False, True]


def test_wider_ellipses() -> None:
    assert sum(row.count(1) for row in assign([3, 3, 47, 47], inner=0.5, outer=0.5)) == 13
    assert all(-1 not in row for row in assign([3, 3, 47, 47], inner=0.5, outer=0.5))


def test_rows_are_independent() -> None:
    boxes = torch.tensor([[3.0, 3, 47, 47], [-17, 13, 67, 37], [33, 13, 37, 17]])
    together = EllipseAssigner()(POINTS, boxes, torch.ones(3, dtype=torch.bool)).labels
    for row, box in zip(together, boxes, strict=True):
        assert row.view(5, 5).int().tolist() == assign(box.tolist())
