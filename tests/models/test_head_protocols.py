"""Every head says where its candidates lie, and which extras it makes."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.heads.attention import AttentionHead  # noqa: E402
from lockon.models.heads.ban import BANHead  # noqa: E402
from lockon.models.heads.box_regression import DenseBoxHead, PooledBoxHead  # noqa: E402
from lockon.models.heads.car import CARHead  # noqa: E402
from lockon.models.heads.corner import CornerHead  # noqa: E402
from lockon.models.heads.point import PointHead  # noqa: E402
from lockon.models.heads.rpn import RPNHead  # noqa: E402
from lockon.ops.grid import AnchorGrid, Grid  # noqa: E402

GRID = Grid(4, 16)
ANCHORS = AnchorGrid(GRID, ratios=(0.5, 1.0), scales=(2.0,))
MATCHING = {
    "ban": lambda: BANHead(1, 8, GRID, padding=True),
    "attention": lambda: AttentionHead(1, 8, GRID, padding=True),
    "car": lambda: CARHead(1, 8, GRID, padding=True),
    "rpn": lambda: RPNHead(1, 8, ANCHORS, padding=True),
}
SINGLE = {
    "point": lambda: PointHead(8, grid=GRID, depth=1),
    "corner": lambda: CornerHead(8, cells=4, hidden=8),
    "dense box": lambda: DenseBoxHead(8, cells=4, hidden=8),
    "pooled box": lambda: PooledBoxHead(8, cells=4, widths=(8,)),
}
DENSE = [*MATCHING, "point"]


def head_and_prediction(name: str):
    torch.manual_seed(0)
    head = (MATCHING | SINGLE)[name]().eval()
    search = torch.rand(2, 8, 4, 4)
    with torch.no_grad():
        return head, head((torch.rand(2, 8, 3, 3),), (search,)) if name in MATCHING else head(search)


@pytest.mark.parametrize("name", [*MATCHING, *SINGLE])
def test_extras_are_those_of_the_prediction(name: str) -> None:
    head, prediction = head_and_prediction(name)
    assert set(head.extras) == set(prediction.extras)


@pytest.mark.parametrize("name", DENSE)
def test_there_is_a_place_for_every_candidate(name: str) -> None:
    head, prediction = head_and_prediction(name)
    candidates = head.candidates
    assert candidates.points.shape == (prediction.logits.shape[1], 2)
    assert candidates.stride == 16
    assert candidates.points[:2].tolist() == [[8, 8], [24, 8]]
    assert (candidates.anchors is None) == (name != "rpn")
    if candidates.anchors is not None:
        assert torch.equal(candidates.anchors, torch.from_numpy(ANCHORS.boxes()))
        assert torch.equal(candidates.anchors[:, :2], candidates.points)


@pytest.mark.parametrize("name", DENSE)
def test_candidates_follow_the_head(name: str) -> None:
    head, _ = head_and_prediction(name)
    assert head.double().candidates.points.dtype == torch.float64
