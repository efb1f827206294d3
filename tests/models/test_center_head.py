from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from torch import nn  # noqa: E402

from lockon.models.heads.center import EDGE, CenterHead  # noqa: E402
from lockon.ops.grid import Grid  # noqa: E402


def _head(score: float = 0.0, offset: tuple[float, float] = (0.0, 0.0), size: tuple[float, float] = (0.0, 0.0)) -> CenterHead:
    """A head that gives the same at every cell."""
    head = CenterHead(8, Grid(2, 16, offset=0), hidden=8).eval()
    for branch, values in ((head.score, (score,)), (head.offset, offset), (head.size, size)):
        nn.init.zeros_(branch[-1].weight)
        branch[-1].bias.data = torch.tensor(values)
    return head


def test_a_box_by_hand() -> None:
    """Cell (1, 0) of 2 x 2 in a crop of 32 pixels: centre (16 (0 + 0.5), 16 (1 - 0.25)), sides 32 times 1/2 and 1/4."""
    with torch.no_grad():
        out = _head(offset=(0.5, -0.25), size=(0.0, -1.0986123))(torch.rand(1, 8, 2, 2))
    assert out.boxes[0, 2].tolist() == pytest.approx([0, 8, 16, 16], abs=1e-4)
    assert out.quality is None


def test_scores_and_sizes_stay_off_their_ends() -> None:
    with torch.no_grad():
        high, low = (_head(score=value, size=(value, value))(torch.rand(1, 8, 2, 2)) for value in (50.0, -50.0))
    assert float(high.logits.sigmoid().max()) == pytest.approx(1 - EDGE, rel=1e-6)
    assert float(low.logits.sigmoid().min()) == pytest.approx(EDGE, rel=1e-3)
    assert (high.boxes[0, 0, 2:] - high.boxes[0, 0, :2]).tolist() == pytest.approx([32 * (1 - EDGE)] * 2)
    assert (low.boxes[0, 0, 2:] - low.boxes[0, 0, :2]).tolist() == pytest.approx([32 * EDGE] * 2, rel=1e-3)


def test_candidates_lie_at_the_cells_corners() -> None:
    candidates = _head().candidates
    assert candidates.points.tolist() == [[0, 0], [16, 0], [0, 16], [16, 16]]
    assert (candidates.anchors, candidates.stride) == (None, 16)


def test_every_weight_learns() -> None:
    head = CenterHead(8, Grid(2, 16, offset=0), hidden=8)
    out = head(torch.rand(4, 8, 2, 2))
    (out.logits.sum() + out.boxes.square().mean()).backward()
    assert all(parameter.grad is not None for parameter in head.parameters())
