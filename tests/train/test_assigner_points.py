from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.ops.grid import Grid  # noqa: E402
from lockon.train.assigners.ellipse import EllipseAssigner  # noqa: E402
from lockon.train.assigners.points import boundary_points, with_boundary  # noqa: E402
from lockon.train.assigners.rectangle import RectangleAssigner  # noqa: E402

POINTS = torch.from_numpy(Grid(5, 10).points())  # 5, 15, 25, 35, 45
YES = torch.tensor([True])
ASSIGNERS = (RectangleAssigner(), EllipseAssigner(), EllipseAssigner(inner=0.25, outer=0.5, nearest=False, negative_pairs="near"))


def boundary(box, assigner, present=YES, **options):
    boxes = torch.tensor([box], dtype=torch.float32)
    return with_boundary(assigner(POINTS, boxes, present), POINTS, **options)


def drawn(mask) -> str:
    return "\n".join(" ".join("o" if found else "." for found in row) for row in mask.view(5, 5).tolist())


def test_the_rest_of_the_box() -> None:
    """52 x 32: all columns and the three middle rows lie inside; the three middle points are positive."""
    targets = boundary([-1, 9, 51, 41], RectangleAssigner())
    assert drawn(targets.boundary) == ". . . . .\no o o o o\no . . . o\no o o o o\n. . . . ."
    assert drawn(targets.labels == 1) == ". . . . .\n. . . . .\n. o o o .\n. . . . .\n. . . . ."
    assert drawn(targets.labels == 0) == "o o o o o\n. . . . .\n. . . . .\n. . . . .\no o o o o"


def test_around_an_ellipse() -> None:
    """44 x 44: what the ellipses ignore, and what is negative in the corners of the box, is boundary now."""
    targets = boundary([3, 3, 47, 47], EllipseAssigner())
    assert drawn(targets.boundary) == "o o o o o\no o . o o\no . . . o\no o . o o\no o o o o"
    assert not (targets.labels == 0).any()


def test_a_narrower_region() -> None:
    """0.35 of 52 is 18.2, and 0.35 of 32 is 11.2: the outer columns are 20 away."""
    assert drawn(boundary([-1, 9, 51, 41], RectangleAssigner(), reach=0.35).boundary) == (
        ". . . . .\n. o o o .\n. . . . .\n. o o o .\n. . . . ."
    )


@pytest.mark.parametrize("assigner", ASSIGNERS)
def test_where_there_is_none(assigner) -> None:
    """A negative pair; a target between the points; one on a single point; one without area; one that is inside out."""
    assert not boundary([-1, 9, 51, 41], assigner, torch.tensor([False])).boundary.any()
    for box in ([27, 27, 33, 33], [24, 24, 26, 26], [25, 25, 25, 25], [51, 41, -1, 9]):
        assert not (boundary(box, assigner).boundary & (POINTS != 25).any(1)).any()
    assert not boundary([27, 27, 33, 33], assigner).boundary.any()


corner = st.floats(-60, 60, width=32)


@given(box=st.tuples(corner, corner, corner, corner), index=st.integers(0, len(ASSIGNERS) - 1))
def test_three_parts(box, index: int) -> None:
    """Positives, boundary and outside: no point in two of them; boundary points are the box without its positives."""
    plain = ASSIGNERS[index](POINTS, torch.tensor([box]), YES)
    targets = with_boundary(plain, POINTS)
    x, y = POINTS.T
    inside = (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])
    assert torch.equal(targets.boundary[0], inside & (plain.labels[0] != 1))
    assert torch.equal(targets.boundary, boundary_points(POINTS, plain.boxes, plain.labels))
    assert torch.equal(targets.labels == 1, plain.labels == 1)
    assert (targets.labels[targets.boundary] == -1).all()
    assert torch.equal(targets.labels[~targets.boundary], plain.labels[~targets.boundary])
