from __future__ import annotations

import pytest

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.ops.grid import Grid  # noqa: E402
from lockon.train.assigners.ellipse import EllipseAssigner  # noqa: E402
from lockon.types import Candidates  # noqa: E402

CANDIDATES = Candidates(torch.from_numpy(Grid(5, 10).points()), None, 10)  # 5, 15, 25, 35, 45
YES = torch.tensor([True])


def drawn(picture: str) -> list[list[int]]:
    """+ positive, . ignored, - negative."""
    return [["-+.".index(mark) if mark != "." else -1 for mark in row.split()] for row in picture.strip().splitlines()]


def assign(box, present=YES, **options) -> list[list[int]]:
    labels = EllipseAssigner(**options)(CANDIDATES, torch.tensor([box], dtype=torch.float32), present).labels
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
    targets = EllipseAssigner()(CANDIDATES, boxes, torch.tensor([False, True]))
    assert targets.labels[0].tolist() == [0] * 25
    assert (targets.labels[1] == 1).sum() == 5
    assert targets.boxes is boxes
    assert targets.present.tolist() == [False, True]


def test_wider_ellipses() -> None:
    assert sum(row.count(1) for row in assign([3, 3, 47, 47], inner=0.5, outer=0.5)) == 13
    assert all(-1 not in row for row in assign([3, 3, 47, 47], inner=0.5, outer=0.5))


def test_rows_are_independent() -> None:
    boxes = torch.tensor([[3.0, 3, 47, 47], [-17, 13, 67, 37], [33, 13, 37, 17]])
    together = EllipseAssigner()(CANDIDATES, boxes, torch.ones(3, dtype=torch.bool)).labels
    for row, box in zip(together, boxes, strict=True):
        assert row.view(5, 5).int().tolist() == assign(box.tolist())


def test_without_the_nearest_point() -> None:
    """SiamBAN's rule alone: a target that no point's ellipse holds has no positive."""
    assert assign([27, 27, 33, 33], nearest=False) == drawn("- - - - -\n- - - - -\n- - - - -\n- - - - -\n- - - - -")
    assert assign([3, 3, 47, 47], nearest=False) == assign([3, 3, 47, 47])


def test_negative_pairs_near_the_other_object() -> None:
    """Only points on the unrelated object are negative; the rest is ignored."""
    found = assign([3, 3, 47, 47], torch.tensor([False]), negative_pairs="near")
    assert found == drawn(". . . . .\n. . - . .\n. - - - .\n. . - . .\n. . . . .")
    assert assign([33, 13, 37, 17], torch.tensor([False]), negative_pairs="near", nearest=False) == drawn(
        ". . . . .\n. . . - .\n. . . . .\n. . . . .\n. . . . ."
    )


@pytest.mark.parametrize("name", ["siamban_point_targets", "rbo_point_targets"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_labels_equal_those_of_siamban(name: str, dtype) -> None:
    """The official labels before sampling, of positive and of negative pairs."""
    golden = golden_data.losses(name)
    points, boxes = torch.from_numpy(golden["points"]).flatten(1).T.to(dtype), torch.from_numpy(golden["boxes"]).to(dtype)
    assigner = EllipseAssigner(nearest=False, negative_pairs="near")
    for kind, present in (("pos", True), ("neg", False)):
        found = assigner(Candidates(points, None, 8), boxes, torch.full((len(boxes),), present)).labels
        for index, row in enumerate(found):
            assert row.int().tolist() == golden[f"{kind}{index}.all.cls"].ravel().tolist()
