from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.ops.grid import Grid  # noqa: E402
from lockon.train.assigners.rectangle import RectangleAssigner  # noqa: E402
from lockon.types import Candidates  # noqa: E402

CANDIDATES = Candidates(torch.from_numpy(Grid(5, 10).points()), None, 10)  # 5, 15, 25, 35, 45
YES = torch.tensor([True])


def drawn(picture: str) -> list[list[int]]:
    """+ positive, . ignored, - negative."""
    return [["-+.".index(mark) if mark != "." else -1 for mark in row.split()] for row in picture.strip().splitlines()]


def assign(box, present=YES, **options) -> list[list[int]]:
    labels = RectangleAssigner(**options)(CANDIDATES, torch.tensor([box], dtype=torch.float32), present).labels
    return labels.view(5, 5).int().tolist()


NOTHING = "- - - - -\n" * 5


@pytest.mark.parametrize(
    ("box", "picture"),
    [
        # 52 x 32 around the middle point: positive below 10.4 px in x and 6.4 in y; nothing is ignored
        ([-1, 9, 51, 41], "- - - - -\n- - - - -\n- + + + -\n- - - - -\n- - - - -"),
        # 50 wide: 10 px away is on the border, which is outside
        ([0, -1, 50, 51], "- - - - -\n- - + - -\n- - + - -\n- - + - -\n- - - - -"),
        # 110 x 110, the corner of the rectangle of 44 x 44 around (5, 5) is at 27
        ([-50, -50, 60, 60], "+ + + - -\n+ + + - -\n+ + + - -\n- - - - -\n- - - - -"),
        # 6 x 6 between four points
        ([27, 27, 33, 33], NOTHING),
        # no area; corners the wrong way round
        ([25, 25, 25, 25], NOTHING),
        ([51, 41, -1, 9], NOTHING),
    ],
)
def test_drawn_by_hand(box, picture: str) -> None:
    assert assign(box) == drawn(picture)


def test_another_rectangle() -> None:
    assert assign([-1, 9, 51, 41], inner=0.4) == drawn("- - - - -\n+ + + + +\n+ + + + +\n+ + + + +\n- - - - -")


def test_the_nearest_point() -> None:
    assert assign([27, 27, 33, 33], nearest=True) == drawn("- - - - -\n- - - - -\n- - + - -\n- - - - -\n- - - - -")
    assert assign([56, 56, 60, 60], nearest=True) == drawn(NOTHING)  # more than a step away
    assert assign([-1, 9, 51, 41], nearest=True) == assign([-1, 9, 51, 41])


def test_negative_pairs_have_no_positive() -> None:
    no = torch.tensor([False])
    assert assign([-1, 9, 51, 41], no, nearest=True) == drawn(NOTHING)
    assert assign([-1, 9, 51, 41], no, negative_pairs="near") == drawn(". . . . .\n. . . . .\n. - - - .\n. . . . .\n. . . . .")


def test_rows_are_independent() -> None:
    boxes = torch.tensor([[-1.0, 9, 51, 41], [0, -1, 50, 51], [-50, -50, 60, 60]])
    targets = RectangleAssigner()(CANDIDATES, boxes, torch.ones(3, dtype=torch.bool))
    assert targets.boxes is boxes
    assert not (targets.labels < 0).any()
    for row, box in zip(targets.labels, boxes, strict=True):
        assert row.view(5, 5).int().tolist() == assign(box.tolist())


corner = st.floats(-60, 60, width=32)


@given(box=st.tuples(corner, corner, corner, corner), inner=st.floats(0.01, 0.5))
def test_positives_lie_in_the_box(box, inner: float) -> None:
    x1, y1, x2, y2 = box
    labels = RectangleAssigner(inner=inner)(CANDIDATES, torch.tensor([box]), YES).labels[0]
    assert set(labels.tolist()) <= {0.0, 1.0}
    for (x, y), label in zip(CANDIDATES.points.tolist(), labels.tolist(), strict=True):
        if label:
            assert x1 < x < x2
            assert y1 < y < y2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_labels_equal_those_of_siamcar(dtype) -> None:
    """The official labels: one box holds no point, one has a single positive, one leaves the crop."""
    golden = golden_data.losses("siamcar_targets")
    points, boxes = torch.from_numpy(golden["locations"]).to(dtype), torch.from_numpy(golden["boxes"]).to(dtype)
    assert torch.equal(points, torch.from_numpy(Grid(25, 8, 32).points()).to(dtype))
    labels = RectangleAssigner()(Candidates(points, None, 8), boxes, torch.ones(len(boxes), dtype=torch.bool)).labels
    assert labels.int().tolist() == golden["labels"].tolist()
    assert (labels == 1).sum(1).tolist() == [9, 15, 1, 132, 18, 4, 0]
