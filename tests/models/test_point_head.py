from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")

from lockon.models.heads.point import PointHead  # noqa: E402
from lockon.ops.grid import Grid  # noqa: E402


@pytest.fixture
def head() -> PointHead:
    torch.manual_seed(0)
    return PointHead(4, grid=Grid(3, 16), depth=1, kernel=3, quality=True).eval()


def test_decoding_by_hand(head: PointHead) -> None:
    """Output layers that give constants: every box is its point minus and plus exp(raw) strides."""
    raw = [0.0, math.log(0.5), math.log(2), math.log(3)]  # left 16, top 8, right 32, bottom 48 pixels
    with torch.no_grad():
        for layer, bias in ((head.cls, [1.5]), (head.box, raw), (head.quality, [-0.5])):
            layer.weight.zero_()
            layer.bias.copy_(torch.tensor(bias))
    out = head(torch.randn(2, 4, 3, 3))
    assert out.logits.shape == (2, 9)
    assert out.logits.unique().tolist() == [1.5]
    assert out.quality.unique().tolist() == [-0.5]
    assert out.boxes.shape == (2, 9, 4)
    points = [(x, y) for y in (8, 24, 40) for x in (8, 24, 40)]
    expected = torch.tensor([[x - 16.0, y - 8, x + 32, y + 48] for x, y in points])
    torch.testing.assert_close(out.boxes[0], expected)
    torch.testing.assert_close(out.boxes[1], expected)


def test_candidates_are_in_the_order_of_the_grid(head: PointHead) -> None:
    """The logit of map cell (row 1, column 2) is candidate 5."""
    with torch.no_grad():
        head.cls.weight.fill_(1.0)
        head.cls_tower = torch.nn.Identity()
    fused = torch.zeros(1, 4, 3, 3)
    fused[0, :, 1, 2] = 100
    assert int(head(fused).logits.argmax()) == 5
    assert head.points[5].tolist() == [40, 24]


def test_initial_score_and_size(head: PointHead) -> None:
    out = head(torch.zeros(1, 4, 3, 3))
    assert torch.sigmoid(out.logits).mean().item() == pytest.approx(0.02, abs=1e-3)
    width = (out.boxes[..., 2] - out.boxes[..., 0]).mean().item()
    assert width == pytest.approx(2 * math.exp(0.7) * 16, rel=0.02)


def test_huge_outputs_stay_finite(head: PointHead) -> None:
    with torch.no_grad():
        head.box.bias.copy_(torch.tensor([1e4, -1e4, 1e4, -1e4]))
    boxes = head(torch.zeros(1, 4, 3, 3)).boxes
    assert torch.isfinite(boxes).all()
    assert (boxes[..., 2:] >= boxes[..., :2]).all()


def test_without_quality_and_without_stored_points() -> None:
    head = PointHead(4, grid=Grid(3, 16), depth=2)
    assert head.quality is None
    assert head.eval()(torch.zeros(1, 4, 3, 3)).quality is None
    assert "points" not in head.state_dict()
