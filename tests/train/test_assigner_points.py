from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.errors import LockonError  # noqa: E402
from lockon.ops.grid import Grid  # noqa: E402
from lockon.train.assigners.ellipse import EllipseAssigner  # noqa: E402
from lockon.train.assigners.points import boundary_points, with_boundary  # noqa: E402
from lockon.train.assigners.rectangle import RectangleAssigner  # noqa: E402
from lockon.types import BOUNDARY, Candidates  # noqa: E402

POINTS = torch.from_numpy(Grid(5, 10).points())  # 5, 15, 25, 35, 45
CANDIDATES = Candidates(POINTS, None, 10)
YES = torch.tensor([True])
ASSIGNERS = (RectangleAssigner(), EllipseAssigner(), EllipseAssigner(inner=0.25, outer=0.5, nearest=False, negative_pairs="near"))


def boundary(box, assigner, present=YES, reach=0.5):
    return replace(assigner, boundary=reach)(CANDIDATES, torch.tensor([box], dtype=torch.float32), present).labels


def drawn(mask) -> str:
    return "\n".join(" ".join("o" if found else "." for found in row) for row in mask.view(5, 5).tolist())


def test_the_rest_of_the_box() -> None:
    """52 x 32: all columns and the three middle rows lie inside; the three middle points are positive."""
    labels = boundary([-1, 9, 51, 41], RectangleAssigner())
    assert drawn(labels == BOUNDARY) == ". . . . .\no o o o o\no . . . o\no o o o o\n. . . . ."
    assert drawn(labels == 1) == ". . . . .\n. . . . .\n. o o o .\n. . . . .\n. . . . ."
    assert drawn(labels == 0) == "o o o o o\n. . . . .\n. . . . .\n. . . . .\no o o o o"


def test_around_an_ellipse() -> None:
    """44 x 44: what the ellipses ignore, and what is negative in the corners of the box, is boundary now."""
    labels = boundary([3, 3, 47, 47], EllipseAssigner())
    assert drawn(labels == BOUNDARY) == "o o o o o\no o . o o\no . . . o\no o . o o\no o o o o"
    assert not (labels == 0).any()


def test_a_narrower_region() -> None:
    """0.35 of 52 is 18.2, and 0.35 of 32 is 11.2: the outer columns are 20 away."""
    assert drawn(boundary([-1, 9, 51, 41], RectangleAssigner(), reach=0.35) == BOUNDARY) == (
        ". . . . .\n. o o o .\n. . . . .\n. o o o .\n. . . . ."
    )


@pytest.mark.parametrize("assigner", ASSIGNERS)
def test_where_there_is_none(assigner) -> None:
    """A negative pair; a target between the points; one on a single point; one without area; one that is inside out."""
    assert not (boundary([-1, 9, 51, 41], assigner, torch.tensor([False])) == BOUNDARY).any()
    for box in ([27, 27, 33, 33], [24, 24, 26, 26], [25, 25, 25, 25], [51, 41, -1, 9]):
        assert not ((boundary(box, assigner) == BOUNDARY) & (POINTS != 25).any(1)).any()
    assert not (boundary([27, 27, 33, 33], assigner) == BOUNDARY).any()


corner = st.floats(-60, 60, width=32)


@given(box=st.tuples(corner, corner, corner, corner), index=st.integers(0, len(ASSIGNERS) - 1))
def test_three_parts(box, index: int) -> None:
    """Positives, boundary and outside: no point in two of them; boundary points are the box without its positives."""
    plain = ASSIGNERS[index](CANDIDATES, torch.tensor([box]), YES)
    labels = with_boundary(plain, POINTS).labels
    marked = labels == BOUNDARY
    x, y = POINTS.T
    inside = (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])
    assert torch.equal(marked[0], inside & (plain.labels[0] != 1))
    assert torch.equal(marked, boundary_points(POINTS, plain.boxes, plain.labels))
    assert torch.equal(labels == 1, plain.labels == 1)
    assert torch.equal(labels[~marked], plain.labels[~marked])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"inner": 0.6}, "inner must be above 0 and at most (outer|a half), got 0.6 and 0.5"),
        ({"inner": 0.0}, "inner must be above 0"),
        ({"boundary": 0.7}, "boundary must be above 0 and at most 0.5, or none, got 0.7"),
    ],
)
@pytest.mark.parametrize("assigner", ASSIGNERS[:2])
def test_bad_numbers_are_refused(assigner, fields, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        replace(assigner, **fields)
